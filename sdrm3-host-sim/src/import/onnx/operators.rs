//! What each operator makes of the shapes, and of the known numbers, of its inputs.

use super::moves;
use super::value::{NUMBERS, Node, Stop, Value, bits, elements, sizes};
use super::windows::{self, Product, Slide};

/// What a node multiplies.
pub(super) enum Work {
    /// A convolution; the input of its weights.
    Convolution { slide: Slide, weights: usize },
    /// A transposed convolution.
    Transposed,
    /// A matrix product; the input of its second matrix.
    Product { product: Product, second: usize },
    /// Nothing.
    None,
    /// Something that cannot be said here.
    Unmapped,
}

/// How an operator multiplies, and the input of its weights or second matrix.
enum Multiplies {
    Convolution(usize),
    Transposed,
    Gemm(usize),
    MatMul(usize),
}

impl Multiplies {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "Conv" | "ConvInteger" => Self::Convolution(1),
            "QLinearConv" => Self::Convolution(3),
            "ConvTranspose" => Self::Transposed,
            "Gemm" => Self::Gemm(1),
            "MatMul" | "MatMulInteger" => Self::MatMul(1),
            "QLinearMatMul" => Self::MatMul(3),
            _ => return None,
        })
    }
}

/// Whether an operator becomes a layer.
pub(super) fn multiplies(operator: &str) -> bool {
    Multiplies::of(operator).is_some()
}

/// The outputs of a node and its work. An operator that is not known here stops with `None`.
pub(super) fn run(node: &Node<'_>) -> Result<Option<(Vec<Value>, Work)>, Stop> {
    let product = |product: Product, second| (product.shape.clone(), Work::Product { product, second });
    let (shape, work) = match Multiplies::of(node.operator()) {
        Some(Multiplies::Convolution(weights)) => {
            let (shape, slide) = windows::convolved(node, node.shape(weights)?)?;
            (shape, Work::Convolution { slide, weights })
        }
        Some(Multiplies::Transposed) => (windows::transposed(node)?, Work::Transposed),
        Some(Multiplies::Gemm(second)) => product(windows::gemm(node)?, second),
        Some(Multiplies::MatMul(second)) => product(windows::matmul(node, second)?, second),
        None if node.operator() == "Split" => {
            let bits = node.input(0)?.bits;
            let outputs = moves::split(node)?.into_iter().map(|shape| Value::new(shape, bits));
            return Ok(Some((outputs.collect(), Work::None)));
        }
        None => match moved(node, node.operator())? {
            Some(shape) => (shape, Work::None),
            None => return Ok(None),
        },
    };
    let bits = bits_of(node);
    // Further outputs (masks, statistics) have the shape of the first, or are of no interest.
    let mut outputs = vec![Value::new(shape, bits); node.proto.output.len().clamp(1, 16)];
    outputs[0].numbers = numbers(node, outputs[0].shape.as_deref().unwrap_or_default());
    Ok(Some((outputs, work)))
}

/// The shape of the output of an operator without multiplications; none if it is not known.
fn moved(node: &Node<'_>, operator: &str) -> Result<Option<Vec<u64>>, Stop> {
    let shape = match operator {
        "Relu"
        | "LeakyRelu"
        | "PRelu"
        | "ThresholdedRelu"
        | "Elu"
        | "Celu"
        | "Selu"
        | "Gelu"
        | "Mish"
        | "Swish"
        | "HardSwish"
        | "Sigmoid"
        | "HardSigmoid"
        | "Tanh"
        | "Softplus"
        | "Softsign"
        | "Clip"
        | "Softmax"
        | "LogSoftmax"
        | "Hardmax"
        | "LRN"
        | "BatchNormalization"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "GroupNormalization"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "RMSNormalization"
        | "SimplifiedLayerNormalization"
        | "Dropout"
        | "Identity"
        | "Cast"
        | "CastLike"
        | "Abs"
        | "Neg"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Erf"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Reciprocal"
        | "Sign"
        | "Not"
        | "Sin"
        | "Cos"
        | "IsNaN"
        | "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "Shrink"
        | "CumSum"
        | "Trilu"
        | "ScatterND"
        | "ScatterElements"
        | "ReverseSequence" => node.shape(0)?.to_vec(),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Sum" | "Mean" | "Max" | "Min" | "Equal"
        | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or" | "Xor" | "Where" => {
            let shapes =
                (0..node.inputs.len()).map(|place| node.shape(place)).collect::<Result<Vec<_>, _>>()?;
            windows::broadcast(&shapes)?
        }
        "MaxPool" | "AveragePool" | "LpPool" => windows::pooled(node, false)?,
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => windows::pooled(node, true)?,
        "Reshape" => moves::reshape(node)?,
        "Flatten" => moves::flatten(node)?,
        "Transpose" => moves::transpose(node)?,
        "Concat" => moves::concat(node)?,
        "Squeeze" => moves::squeeze(node)?,
        "Unsqueeze" => moves::unsqueeze(node)?,
        "Slice" => moves::slice(node)?,
        "Gather" => moves::gather(node)?,
        "Pad" => moves::pad(node)?,
        "Tile" => moves::tile(node)?,
        "Resize" | "Upsample" => moves::resize(node)?,
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2"
        | "ReduceSumSquare" | "ReduceLogSum" | "ReduceLogSumExp" => moves::reduce(node)?,
        "ArgMax" | "ArgMin" => moves::arg_reduce(node)?,
        "DepthToSpace" => moves::depth_to_space(node, true)?,
        "SpaceToDepth" => moves::depth_to_space(node, false)?,
        "Shape" => vec![node.shape(0)?.len() as u64],
        "Size" => Vec::new(),
        "Expand" => {
            let wanted = node.whole("shape", 1)?.ok_or("it has no shape")?;
            windows::broadcast(&[node.shape(0)?, &sizes(wanted.iter().map(|&size| i128::from(size)))?])?
        }
        "ConstantOfShape" => {
            let wanted = node.whole("shape", 0)?.ok_or("it has no shape")?;
            sizes(wanted.iter().map(|&size| i128::from(size)))?
        }
        _ => return Ok(None),
    };
    Ok(Some(shape))
}

/// Bits of an element of the output.
fn bits_of(node: &Node<'_>) -> u64 {
    let value = |name| node.attribute(name).and_then(|attribute| attribute.t.as_deref());
    match node.operator() {
        "Cast" => bits(i32::try_from(node.int("to", 1)).unwrap_or(1)),
        "QuantizeLinear" | "DynamicQuantizeLinear" => 8,
        "Shape" | "Size" | "ArgMax" | "ArgMin" => 64,
        "DequantizeLinear" | "ConvInteger" | "MatMulInteger" => 32,
        "ConstantOfShape" => value("value").map_or(32, |tensor| bits(tensor.data_type)),
        _ => node.inputs.first().copied().flatten().map_or(32, |input| input.bits),
    }
}

/// The elements of an output that may decide the shape of another, as far as they are few and known.
fn numbers(node: &Node<'_>, shape: &[u64]) -> Option<Vec<f64>> {
    let count = elements(shape).filter(|&count| count <= NUMBERS as u64)? as usize;
    let input = |place: usize| node.inputs.get(place).copied().flatten()?.numbers.as_deref();
    let result = match node.operator() {
        "Shape" => {
            let sizes = node.shape(0).ok()?.iter().map(|&size| size as f64);
            // Newer versions can give a part of it only: then its numbers are not known.
            (node.attribute("start").is_none() && node.attribute("end").is_none()).then(|| sizes.collect())?
        }
        "ConstantOfShape" => {
            let tensor = node.attribute("value").and_then(|attribute| attribute.t.as_deref());
            let value =
                tensor.map_or(Some(0.0), |tensor| Value::constant(tensor).ok()?.numbers?.first().copied());
            vec![value?; count]
        }
        "Cast" | "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => input(0)?.to_vec(),
        "Concat" => {
            let mut all = Vec::with_capacity(count);
            for place in 0..node.inputs.len() {
                all.extend(input(place)?);
            }
            all
        }
        "Gather" if node.shape(0).is_ok_and(|shape| shape.len() == 1) => {
            let from = input(0)?;
            let pick = |&index: &f64| {
                let index = if index < 0.0 { index + from.len() as f64 } else { index };
                from.get(index as usize).copied()
            };
            input(1)?.iter().map(pick).collect::<Option<_>>()?
        }
        "Slice" => moves::sliced(node, input(0)?)?,
        "Add" => pairs(input(0)?, input(1)?, |a, b| a + b)?,
        "Sub" => pairs(input(0)?, input(1)?, |a, b| a - b)?,
        "Mul" => pairs(input(0)?, input(1)?, |a, b| a * b)?,
        "Div" => pairs(input(0)?, input(1)?, |a, b| a / b)?,
        "Floor" => input(0)?.iter().map(|n| n.floor()).collect(),
        "Ceil" => input(0)?.iter().map(|n| n.ceil()).collect(),
        _ => return None,
    };
    (result.len() == count && result.iter().all(|n| n.is_finite())).then_some(result)
}

/// Element by element; a single one goes with each of the other's.
fn pairs(left: &[f64], right: &[f64], combine: impl Fn(f64, f64) -> f64) -> Option<Vec<f64>> {
    match (left, right) {
        ([one], many) => Some(many.iter().map(|&n| combine(*one, n)).collect()),
        (many, [one]) => Some(many.iter().map(|&n| combine(n, *one)).collect()),
        (left, right) if left.len() == right.len() => {
            Some(left.iter().zip(right).map(|(&a, &b)| combine(a, b)).collect())
        }
        _ => None,
    }
}
