//! Models built byte by byte.

use super::super::total::assert_total;
use super::*;
use crate::network::Layer;

/// A value of a flatbuffer.
#[derive(Clone, Debug)]
enum Field {
    None,
    Byte(u8),
    Int(i32),
    Ints(Vec<i32>),
    Bytes(Vec<u8>),
    Table(Vec<Field>),
    Tables(Vec<Vec<Field>>),
    /// So many times the same table.
    Shared(usize, Vec<Field>),
}

use Field::{Byte, Bytes, Int, Ints, None as Missing, Table as Sub, Tables};

/// Writes a table and, behind it, what it refers to; gives its place.
fn write(out: &mut Vec<u8>, fields: &[Field]) -> usize {
    let list = out.len();
    let size = 4 + 2 * fields.len();
    out.extend((size as u16).to_le_bytes());
    out.extend((4 + 4 * fields.len() as u16).to_le_bytes());
    for (index, field) in fields.iter().enumerate() {
        let offset = if matches!(field, Missing) { 0 } else { 4 + 4 * index as u16 };
        out.extend(offset.to_le_bytes());
    }
    let table = out.len();
    out.extend((size as i32).to_le_bytes());
    assert_eq!(table - list, size);
    out.resize(table + 4 + 4 * fields.len(), 0);
    for (index, field) in fields.iter().enumerate() {
        let place = table + 4 + 4 * index;
        let value = match field {
            Missing => 0,
            Byte(value) => u32::from(*value),
            Int(value) => *value as u32,
            reference => (write_behind(out, reference) - place) as u32,
        };
        out[place..place + 4].copy_from_slice(&value.to_le_bytes());
    }
    table
}

fn write_behind(out: &mut Vec<u8>, field: &Field) -> usize {
    let place = out.len();
    let mut count = |n: usize| out.extend((n as u32).to_le_bytes());
    match field {
        Ints(values) => {
            count(values.len());
            values.iter().for_each(|value| out.extend(value.to_le_bytes()));
        }
        Bytes(bytes) => {
            count(bytes.len());
            out.extend(bytes);
        }
        Tables(tables) => {
            count(tables.len());
            out.resize(place + 4 + 4 * tables.len(), 0);
            for (index, table) in tables.iter().enumerate() {
                let entry = place + 4 + 4 * index;
                let offset = (write(out, table) - entry) as u32;
                out[entry..entry + 4].copy_from_slice(&offset.to_le_bytes());
            }
        }
        Field::Shared(times, table) => {
            count(*times);
            let entries = place + 4..place + 4 + 4 * times;
            out.resize(entries.end, 0);
            let table = write(out, table);
            for entry in entries.step_by(4) {
                out[entry..entry + 4].copy_from_slice(&((table - entry) as u32).to_le_bytes());
            }
        }
        Sub(fields) => return write(out, fields),
        _ => unreachable!("stored in the table"),
    }
    place
}

fn file(model: &[Field]) -> Vec<u8> {
    let mut out = vec![0; 8];
    out[4..8].copy_from_slice(b"TFL3");
    let root = write(&mut out, model) as u32;
    out[..4].copy_from_slice(&root.to_le_bytes());
    out
}

const INT8: u8 = 9;

/// An int8 tensor; those of buffer 1 are weights.
fn tensor(name: &str, shape: &[i32], buffer: i32) -> Vec<Field> {
    vec![Ints(shape.to_vec()), Byte(INT8), Int(buffer), Bytes(name.into())]
}

fn operator(code: i32, inputs: &[i32], output: i32, options: Vec<Field>) -> Vec<Field> {
    vec![Int(code), Ints(inputs.to_vec()), Ints(vec![output]), Byte(1), Sub(options)]
}

fn code(number: usize) -> Vec<Field> {
    vec![Byte(number.min(127) as u8), Missing, Missing, Int(number as i32)]
}

/// Padding, stride of columns, stride of rows.
fn strides(columns: i32, rows: i32) -> Vec<Field> {
    vec![Byte(0), Int(columns), Int(rows)]
}

/// A model with these codes, tensors and operators.
fn model(codes: &[usize], tensors: &[Vec<Field>], operators: &[Vec<Field>]) -> Vec<u8> {
    let subgraph = vec![
        Tables(tensors.to_vec()),
        Ints(vec![0]),
        Ints(vec![tensors.len() as i32 - 1]),
        Tables(operators.to_vec()),
    ];
    let codes = codes.iter().map(|&number| code(number)).collect();
    let buffers = Tables(vec![vec![], vec![Bytes(vec![7; 100])]]);
    file(&[Int(3), Tables(codes), Tables(vec![subgraph.clone(), subgraph]), Missing, buffers])
}

/// Convolution, depthwise convolution, softmax and a fully connected layer.
pub(in crate::import) fn tiny() -> Vec<u8> {
    let tensors = [
        tensor("in", &[1, 8, 8, 3], 0),
        tensor("filter", &[4, 3, 3, 3], 1),
        tensor("old;a conv", &[1, 4, 4, 4], 0),
        tensor("filter2", &[1, 3, 3, 8], 1),
        tensor("dw", &[1, 4, 4, 8], 0),
        tensor("weights", &[10, 128], 1),
        tensor("fc", &[1, 10], 0),
        tensor("out", &[1, 10], 0),
    ];
    let operators = [
        operator(0, &[0, 1, -1], 2, strides(2, 2)),
        operator(1, &[2, 3, -1], 4, strides(1, 1)),
        operator(2, &[4, 5, -1], 6, vec![]),
        operator(3, &[6], 7, vec![]),
    ];
    model(&[CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, 25], &tensors, &operators)
}

fn read_model(bytes: &[u8]) -> Result<ImportedNetwork, String> {
    network("n", "n.tflite", bytes).map_err(|error| error.to_string())
}

#[test]
fn layers_are_read_with_their_shapes() {
    let ImportedNetwork { network, weight_bytes, activation_bytes, notes } = read_model(&tiny()).unwrap();
    let layers = &network.subnetworks[0].layers;
    let macs: Vec<u64> = layers.iter().map(Layer::macs).collect();
    assert_eq!(macs, [4 * 4 * 4 * 27, 4 * 4 * 8 * 9, 1280]);
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["a_conv", "dw", "fc"]);
    assert_eq!((layers[0].stride, layers[0].groups, layers[1].groups), (2, 1, 4));
    assert_eq!((weight_bytes, activation_bytes), (100, 64 + 128 + 10 + 10));
    let notes = notes.join("; ");
    assert!(notes.contains("1 more subgraphs") && notes.contains("folded: 1 SOFTMAX"), "{notes}");
}

#[test]
fn transposed_convolutions_and_matrix_products_count() {
    let tensors = [
        tensor("in", &[1, 4, 4, 6], 0),
        tensor("filter", &[2, 3, 3, 6], 1),
        tensor("size", &[4], 1),
        tensor("up", &[1, 8, 8, 2], 0),
        tensor("left", &[2, 5, 7], 0),
        tensor("right", &[2, 7, 3], 0),
        tensor("product", &[2, 5, 3], 0),
    ];
    let operators =
        [operator(0, &[2, 1, 0], 3, strides(2, 2)), operator(1, &[4, 5], 6, vec![Byte(0), Byte(0)])];
    let read = read_model(&model(&[TRANSPOSE_CONV, BATCH_MATMUL], &tensors, &operators)).unwrap();
    let macs: Vec<u64> = read.network.subnetworks[0].layers.iter().map(Layer::macs).collect();
    assert_eq!(macs, [16 * 2 * 6 * 9, 2 * 5 * 7 * 3]);
}

#[test]
fn what_contradicts_itself_is_named() {
    let tensors = |filter: &[i32], output: &[i32]| {
        [tensor("in", &[1, 8, 8, 3], 0), tensor("w", filter, 1), tensor("out", output, 0)]
    };
    let conv = |filter: &[i32], output: &[i32]| {
        model(&[CONV_2D], &tensors(filter, output), &[operator(0, &[0, 1], 2, strides(1, 1))])
    };
    let with =
        |operator: Vec<Field>| model(&[CONV_2D, 200], &tensors(&[4, 3, 3, 3], &[1, 8, 8, 4]), &[operator]);
    let big = 1 << 30;
    for (bytes, says) in [
        (
            conv(&[4, 3, 3, 2], &[1, 8, 8, 4]),
            "operator 0 (CONV_2D): a filter [4, 3, 3, 2] does not lead from 3",
        ),
        (conv(&[4, 3, 3, 3], &[1, 8, 8, 5]), "does not lead from 3 to 5 channels"),
        (conv(&[4, 3, 3], &[1, 8, 8, 4]), "input 1 has the shape [4, 3, 3], not 4 dimensions"),
        (conv(&[4, 3, 3, 3], &[1, -1, 8, 4]), "tensor 2 has a size of -1"),
        (conv(&[4, 3, 3, 3], &[1, 0, 8, 4]), "a size is zero"),
        (conv(&[big, 3, 3, 3], &[1, big, big, big]), "too large to be counted"),
        (conv(&[4, 3, 3, 3], &[1; 9]), "tensor 2 has 9 dimensions"),
        (with(operator(7, &[0, 1], 2, vec![])), "the model has no operator code 7"),
        (with(operator(0, &[0], 2, strides(1, 1))), "operator 0 (CONV_2D): it has no input 1"),
        (with(operator(0, &[0, 9], 2, strides(1, 1))), "the model has no tensor 9"),
        (with(operator(0, &[0, 1], 2, strides(0, 1))), "a size is zero"),
        (with(operator(1, &[0, 1], 2, vec![])), "no operator of it multiplies"),
        (file(&[Int(3)]), "the model has no subgraph"),
        (tiny()[..200].to_vec(), "n.tflite: byte "),
        (b"not a model".to_vec(), "n.tflite: byte 4: the file has no identifier `TFL3`; see that"),
    ] {
        let error = read_model(&bytes).unwrap_err();
        assert!(error.starts_with("n.tflite: ") && error.contains(says), "`{says}`: {error}");
    }
}

#[test]
fn an_unknown_operator_is_noted() {
    let tensors =
        [tensor("in", &[1, 4], 0), tensor("w", &[2, 4], 1), tensor("a", &[1, 2], 0), tensor("b", &[1, 2], 0)];
    let operators = [operator(0, &[0, 1], 2, vec![]), operator(1, &[2], 3, vec![])];
    let read = read_model(&model(&[FULLY_CONNECTED, 200], &tensors, &operators)).unwrap();
    assert!(read.notes.join("; ").contains("their work is missing: 1 operator code 200"), "{:?}", read.notes);
}

/// Many entries may refer to one table, so that a small file describes a large model.
#[test]
fn a_million_operators_that_are_one_take_linear_time() {
    let many = |number: usize, times: usize| {
        let tensors =
            vec![tensor("in", &[1, 4], 0), tensor("w", &[2, 4], 1), tensor(&"n".repeat(5000), &[1, 2], 0)];
        let operators = Field::Shared(times, operator(0, &[0, 1], 2, vec![]));
        let subgraph = vec![Tables(tensors), Ints(vec![0]), Ints(vec![2]), operators];
        let buffers = Tables(vec![vec![], vec![Bytes(vec![7; 8])]]);
        file(&[Int(3), Tables(vec![code(number)]), Tables(vec![subgraph]), Missing, buffers])
    };
    let started = std::time::Instant::now();
    let layers = read_model(&many(FULLY_CONNECTED, 1 << 20)).unwrap_err();
    assert!(layers.contains("more than 65535 layers"), "{layers}");
    let folded = read_model(&many(0, 1 << 20)).unwrap_err();
    assert!(folded.contains("no operator of it multiplies"), "{folded}");
    let beyond = read_model(&many(0, (1 << 20) + 1)).unwrap_err();
    assert!(beyond.contains("1048577 operators are more than 1048576"), "{beyond}");
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn any_bytes_give_a_network_or_an_error() {
    assert_total(&tiny(), |bytes| network("n", "n.tflite", bytes).is_ok());
}
