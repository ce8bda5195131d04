//! The operators of TensorFlow Lite, numbered as in its schema.

use std::sync::LazyLock;

pub(super) const CONV_2D: usize = 3;
pub(super) const DEPTHWISE_CONV_2D: usize = 4;
pub(super) const DEQUANTIZE: usize = 6;
pub(super) const FULLY_CONNECTED: usize = 9;
pub(super) const CUSTOM: usize = 32;
pub(super) const TRANSPOSE_CONV: usize = 67;
pub(super) const BATCH_MATMUL: usize = 126;
pub(super) const CONV_3D: usize = 132;

/// Names by number.
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| ALL.split_whitespace().collect());

const ALL: &str = "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE \
    EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D \
    LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE \
    RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM \
    EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE \
    MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT \
    LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER \
    GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG \
    SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND \
    LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE \
    RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N \
    GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE \
    NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL \
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE \
    HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE \
    ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU \
    DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 \
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT";

/// Operators that multiply, or run other operators, in ways that our layers do not say.
const UNMAPPED: [&str; 15] = [
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "CALL",
    "CALL_ONCE",
    "CONV_3D_TRANSPOSE",
    "CUSTOM",
    "DELEGATE",
    "IF",
    "LSTM",
    "RFFT2D",
    "RNN",
    "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "WHILE",
];

/// The name of an operator; none if the schema that is known here does not have it.
pub(super) fn name(number: usize) -> Option<&'static str> {
    NAMES.get(number).copied()
}

/// Whether the work of an operator is left out.
pub(super) fn is_unmapped(name: &str) -> bool {
    UNMAPPED.contains(&name)
}

/// Bytes of an element by the number of its type, in bits; none if it has no size of its own.
pub(super) fn element_bits(tensor_type: u8) -> Option<u64> {
    // f32 f16 i32 u8 i64 text bool i16 c64 i8 f64 c128 u64 resource variant u32 u16 i4 bf16
    const BITS: [u64; 19] = [32, 16, 32, 8, 64, 0, 8, 16, 64, 8, 64, 128, 64, 0, 0, 32, 16, 4, 16];
    BITS.get(usize::from(tensor_type)).copied().filter(|&bits| bits > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_numbers() {
        for (number, expected) in [
            (CONV_2D, "CONV_2D"),
            (DEPTHWISE_CONV_2D, "DEPTHWISE_CONV_2D"),
            (DEQUANTIZE, "DEQUANTIZE"),
            (FULLY_CONNECTED, "FULLY_CONNECTED"),
            (CUSTOM, "CUSTOM"),
            (TRANSPOSE_CONV, "TRANSPOSE_CONV"),
            (BATCH_MATMUL, "BATCH_MATMUL"),
            (CONV_3D, "CONV_3D"),
            (117, "HARD_SWISH"),
            (144, "ASSIGN_VARIABLE"),
            (161, "RIGHT_SHIFT"),
        ] {
            assert_eq!(name(number), Some(expected));
        }
        assert_eq!(name(162), None);
        assert!(UNMAPPED.iter().all(|name| NAMES.contains(name)));
    }
}
