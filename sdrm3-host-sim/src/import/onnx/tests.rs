//! Graphs built message by message.

use super::super::total::assert_total;
use super::proto::{Attribute, Dimension, Shape, Tensor, TensorType, Type};
use super::*;
use crate::network::Layer;

const FLOAT: i32 = 1;
const INT64: i32 = 7;

fn info(name: &str, shape: &[i64]) -> ValueInfo {
    let dim = |&size: &i64| match size {
        -1 => Dimension { value: None, name: Some("open".into()) },
        size => Dimension { value: Some(size), name: None },
    };
    let shape = Some(Shape { dim: shape.iter().map(dim).collect() });
    ValueInfo {
        name: name.into(),
        r#type: Some(Type { tensor: Some(TensorType { elem_type: FLOAT, shape }) }),
    }
}

/// Weights, without their data.
fn weights(name: &str, dims: &[i64]) -> Tensor {
    Tensor { name: name.into(), dims: dims.to_vec(), data_type: FLOAT, ..Tensor::default() }
}

fn numbers(name: &str, values: &[i64]) -> Tensor {
    let dims = vec![values.len() as i64];
    Tensor { name: name.into(), dims, data_type: INT64, int64_data: values.to_vec(), ..Tensor::default() }
}

fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.into(), ints: values.to_vec(), ..Attribute::default() }
}

fn int(name: &str, i: i64) -> Attribute {
    Attribute { name: name.into(), i, ..Attribute::default() }
}

fn text(name: &str, s: &str) -> Attribute {
    Attribute { name: name.into(), s: s.into(), ..Attribute::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: output.split(' ').map(Into::into).collect(),
        name: format!("the_{}", output.replace(' ', "_")),
        op_type: operator.into(),
        attribute,
    }
}

fn graph(input: &[i64], initializer: Vec<Tensor>, node: Vec<NodeProto>) -> Graph {
    Graph { node, initializer, input: vec![info("in", input)], value_info: Vec::new() }
}

fn read_graph(graph: Graph) -> Result<ImportedNetwork, String> {
    network("n", "n.onnx", &graph.encode_model()).map_err(|error| error.to_string())
}

fn macs(graph: Graph) -> Vec<u64> {
    let read = read_graph(graph).unwrap_or_else(|error| panic!("{error}"));
    read.network.subnetworks[0].layers.iter().map(Layer::macs).collect()
}

/// Convolution, pooling, a reshape whose shape is computed, and a matrix product.
fn tiny() -> Graph {
    let initializer = vec![
        weights("w1", &[8, 3, 3, 3]),
        weights("b1", &[8]),
        weights("w2", &[10, 128]),
        numbers("zero", &[0]),
        numbers("rest", &[-1]),
    ];
    let nodes = vec![
        node("Conv", &["in", "w1", "b1"], "a", vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]),
        node("Relu", &["a"], "b", vec![]),
        node("MaxPool", &["b"], "c", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]),
        node("Shape", &["c"], "d", vec![]),
        node("Gather", &["d", "zero"], "e", vec![]),
        node("Concat", &["e", "rest"], "f", vec![int("axis", 0)]),
        node("Reshape", &["c", "f"], "g", vec![]),
        node("Gemm", &["g", "w2"], "h", vec![int("transB", 1)]),
        node("Softmax", &["h"], "i", vec![]),
    ];
    graph(&[-1, 3, 16, 16], initializer, nodes)
}

#[test]
fn shapes_follow_from_the_input() {
    let read = read_graph(tiny()).unwrap();
    let layers = &read.network.subnetworks[0].layers;
    let shapes: Vec<_> = layers.iter().map(|layer| (layer.macs(), layer.stride, layer.in_y())).collect();
    assert_eq!(shapes, [(8 * 27 * 64, 2, 17), (1280, 1, 1)]);
    assert_eq!((layers[0].name.as_str(), layers[1].name.as_str()), ("the_a", "the_h"));
    assert_eq!(read.weight_bytes, 4 * (8 * 27 + 8 + 1280), "without what only makes up shapes");
    let notes = read.notes.join("; ");
    assert!(notes.contains("input `in` leaves its first size open: taken as 1"), "{notes}");
    assert!(notes.contains("1 MaxPool, 1 Relu"), "{notes}");
}

#[test]
fn a_constant_that_several_nodes_read_counts_once() {
    let initializer = vec![weights("w", &[4, 4, 1, 1]), weights("b", &[4]), numbers("shape", &[6])];
    let nodes = vec![
        node("Conv", &["in", "w", "b"], "x", vec![]),
        node("Conv", &["x", "w", "b"], "y", vec![]),
        // Weights that are left out of the file are declared like this.
        node("ConstantOfShape", &["shape"], "declared", vec![]),
        node("Add", &["y", "declared"], "z", vec![]),
        node("Mul", &["z", "declared"], "out", vec![]),
    ];
    let read = read_graph(graph(&[1, 4, 6, 6], initializer, nodes)).unwrap();
    assert_eq!(read.weight_bytes, 4 * (16 + 4 + 6));
}

#[test]
fn convolutions_of_every_kind_count() {
    let conv = |input: &[i64], w: &[i64], operator: &str, attributes: Vec<Attribute>| {
        macs(graph(input, vec![weights("w", w)], vec![node(operator, &["in", "w"], "out", attributes)]))[0]
    };
    assert_eq!(conv(&[1, 8, 10, 10], &[16, 2, 3, 3], "Conv", vec![int("group", 4)]), 64 * 16 * 2 * 9);
    assert_eq!(conv(&[1, 8, 10, 10], &[8, 1, 3, 3], "Conv", vec![int("group", 8)]), 64 * 8 * 9);
    assert_eq!(conv(&[2, 8, 10], &[4, 8, 3], "Conv", vec![]), 2 * 8 * 4 * 8 * 3, "1-D, a batch of two");
    assert_eq!(conv(&[1, 2, 4, 5, 6], &[3, 2, 2, 2, 2], "Conv", vec![]), 3 * 4 * 5 * 3 * 2 * 8, "3-D");
    assert_eq!(conv(&[1, 1, 10, 10], &[1, 1, 3, 3], "Conv", vec![ints("dilations", &[2, 2])]), 36 * 9);
    let same = vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[3, 2])];
    assert_eq!(conv(&[1, 1, 10, 10], &[1, 1, 3, 3], "Conv", same), 4 * 5 * 9);
    assert_eq!(conv(&[1, 4, 5, 5], &[4, 6, 2, 2], "ConvTranspose", vec![]), 25 * 4 * 6 * 4);
    let product = |left: &[i64], right: &[i64]| {
        macs(graph(left, vec![weights("w", right)], vec![node("MatMul", &["in", "w"], "out", vec![])]))[0]
    };
    assert_eq!(product(&[2, 5, 7], &[7, 3]), 2 * 5 * 7 * 3);
    assert_eq!(product(&[7], &[7, 3]), 21);
    assert_eq!(product(&[4, 1, 5, 7], &[6, 7, 3]), 4 * 6 * 5 * 7 * 3);
}

/// The shapes that a node gives, from inputs of these shapes; known numbers follow as further inputs.
fn shapes(operator: &str, input: &[u64], known: &[&[i64]], attributes: Vec<Attribute>) -> Vec<Vec<u64>> {
    let output = if operator == "Split" { "a b" } else { "a" };
    let proto = node(operator, &[], output, attributes);
    let first = Value::new(input.to_vec(), 32);
    let known: Vec<Value> =
        known.iter().map(|values| Value::constant(&numbers("k", values)).expect("a constant")).collect();
    let inputs = std::iter::once(Some(&first)).chain(known.iter().map(Some)).collect();
    let (outputs, _) = operators::run(&Node::new(&proto, inputs)).expect("it runs").expect("it is known");
    outputs.into_iter().map(|value| value.shape.expect("a shape")).collect()
}

#[test]
fn elements_are_moved_cut_and_joined() {
    let one = |operator: &str, input: &[u64], known: &[&[i64]], attributes: Vec<Attribute>| {
        shapes(operator, input, known, attributes).swap_remove(0)
    };
    assert_eq!(one("Reshape", &[2, 3, 4], &[&[0, -1]], vec![]), [2, 12]);
    assert_eq!(one("Flatten", &[2, 3, 4], &[], vec![int("axis", 2)]), [6, 4]);
    assert_eq!(one("Transpose", &[2, 3, 4], &[], vec![ints("perm", &[2, 0, 1])]), [4, 2, 3]);
    assert_eq!(one("Squeeze", &[1, 3, 1], &[&[-1]], vec![]), [1, 3]);
    assert_eq!(one("Unsqueeze", &[3], &[], vec![ints("axes", &[0, 2])]), [1, 3, 1]);
    assert_eq!(one("Slice", &[10, 9], &[&[2, 8], &[i64::MAX, 0], &[0, 1], &[3, -1]], vec![]), [3, 8]);
    assert_eq!(one("Slice", &[10], &[], vec![ints("starts", &[-3]), ints("ends", &[10])]), [3]);
    assert_eq!(shapes("Split", &[7, 2], &[], vec![]), [[4, 2], [3, 2]]);
    assert_eq!(shapes("Split", &[7, 2], &[&[1, 6]], vec![]), [[1, 2], [6, 2]]);
    assert_eq!(one("Gather", &[5, 6], &[&[1, 2, 3]], vec![int("axis", 1)]), [5, 3]);
    assert_eq!(one("Pad", &[1, 3, 4, 4], &[&[0, 0, 1, 1, 0, 0, 2, 2]], vec![]), [1, 3, 7, 7]);
    assert_eq!(one("Tile", &[2, 3], &[&[1, 4]], vec![]), [2, 12]);
    assert_eq!(one("Upsample", &[1, 3, 4, 4], &[&[1, 1, 2, 2]], vec![]), [1, 3, 8, 8]);
    assert_eq!(one("Resize", &[1, 3, 4, 4], &[&[], &[], &[1, 3, 9, 5]], vec![]), [1, 3, 9, 5]);
    assert_eq!(one("ReduceMean", &[2, 3, 4], &[], vec![ints("axes", &[1, 2]), int("keepdims", 0)]), [2]);
    assert_eq!(one("ArgMax", &[2, 3], &[], vec![int("axis", -1)]), [2, 1]);
    assert_eq!(one("DepthToSpace", &[1, 8, 2, 3], &[], vec![int("blocksize", 2)]), [1, 2, 4, 6]);
    assert_eq!(one("SpaceToDepth", &[1, 2, 4, 6], &[], vec![int("blocksize", 2)]), [1, 8, 2, 3]);
    assert_eq!(one("Expand", &[3, 1], &[&[2, 1, 6]], vec![]), [2, 3, 6]);
    assert_eq!(one("GlobalAveragePool", &[1, 8, 7, 7], &[], vec![]), [1, 8, 1, 1]);
    let pool = |ceil| vec![ints("kernel_shape", &[3]), ints("strides", &[2]), int("ceil_mode", ceil)];
    assert_eq!(one("AveragePool", &[1, 1, 8], &[], pool(0)), [1, 1, 3]);
    assert_eq!(one("AveragePool", &[1, 1, 8], &[], pool(1)), [1, 1, 4]);
}

#[test]
fn an_unknown_operator_is_an_error_only_where_a_layer_needs_its_shape() {
    let w = || vec![weights("w", &[4, 3, 1, 1])];
    let nodes =
        |first: &str| vec![node("Magic", &["in"], "a", vec![]), node("Conv", &[first, "w"], "b", vec![])];
    let error = read_graph(graph(&[1, 3, 2, 2], w(), nodes("a"))).unwrap_err();
    let says =
        "n.onnx: node `the_b` (Conv), number 1: its shape cannot be known: node `the_a` (Magic) is of a kind";
    assert!(error.starts_with(says), "{error}");

    let beside = read_graph(graph(&[1, 3, 2, 2], w(), nodes("in"))).unwrap();
    assert!(beside.notes.join("; ").contains("their work is missing: 1 Magic"), "{:?}", beside.notes);
    let said = Graph { value_info: vec![info("a", &[1, 3, 5, 5])], ..graph(&[1, 3, 2, 2], w(), nodes("a")) };
    assert_eq!(macs(said), [25 * 12], "the file says the shape");
}

#[test]
fn what_contradicts_itself_is_named() {
    let conv = |input: &[i64], w: &[i64], attributes: Vec<Attribute>| {
        graph(input, vec![weights("w", w)], vec![node("Conv", &["in", "w"], "a", attributes)])
    };
    let nodes = |nodes: Vec<NodeProto>| graph(&[1, 3, 4, 4], vec![weights("w", &[2, 3, 1, 1])], nodes);
    let cycle = vec![node("Add", &["in", "b"], "a", vec![]), node("Relu", &["a"], "b", vec![])];
    let twice = vec![node("Relu", &["in"], "a", vec![]), node("Relu", &["in"], "a", vec![])];
    let unlike = vec![node("Conv", &["in", "w"], "a", vec![]), node("Add", &["in", "a"], "b", vec![])];
    let big = i64::from(u32::MAX);
    for (graph, says) in [
        (nodes(cycle), "node `the_a` (Add), number 0: no node before it gives `b`: a cycle"),
        (nodes(twice), "`a` is given twice"),
        (nodes(vec![node("Relu", &["in"], "a", vec![])]), "no operator of it multiplies"),
        (nodes(vec![node("Conv", &["in"], "a", vec![])]), "it has no input 1"),
        (conv(&[1, 4, 4, 4], &[2, 3, 1, 1], vec![]), "weights of [2, 3, 1, 1] in 1 groups do not fit"),
        (conv(&[1, 3, 4], &[2, 3, 1, 1], vec![]), "do not fit an input of [1, 3, 4]"),
        (conv(&[1, 3, 2, 2], &[2, 3, 3, 3], vec![]), "a window of 3 over an input of 2"),
        (conv(&[1, 3, 2, 2], &[2, 3, 1, 1], vec![ints("strides", &[0, 0])]), "a window, stride or dilation"),
        (conv(&[1, 3, 2, 2], &[2, 3, 1, 1], vec![ints("pads", &[1])]), "pads has 1 values"),
        (conv(&[1, 3, 2, 2], &[2, 3, 1, 1], vec![ints("strides", &[-1, 1])]), "a size of -1"),
        (conv(&[1, 3, 2, 2], &[2, 3, 1, 1], vec![int("group", i64::MIN)]), "groups do not fit"),
        (conv(&[1, big, big, big], &[big, big, 1, 1], vec![]), "too large to be counted"),
        (conv(&[1, 3, 2, 2], &[1 << 40, 3, 1, 1], vec![]), "constant `w`: a size of 1099511627776"),
        (conv(&[1, 3, -1, 2], &[2, 3, 1, 1], vec![]), "input `in` leaves sizes open: export it"),
        (
            nodes(unlike),
            "node `the_b` (Add), number 1: shapes [[1, 3, 4, 4], [1, 2, 4, 4]] do not fit together",
        ),
    ] {
        let error = read_graph(graph).unwrap_err();
        assert!(error.starts_with("n.onnx: ") && error.contains(says), "`{says}`: {error}");
    }
    let error = network("n", "n.onnx", b"no model").unwrap_err().to_string();
    assert!(error.contains("; see that it is a whole ONNX model"), "{error}");
}

#[test]
fn a_shape_that_grows_at_every_node_ends_in_an_error() {
    let twice =
        |n: usize| node("Concat", &[&format!("v{n}"), &format!("v{n}")], &format!("v{}", n + 1), vec![]);
    let mut nodes = vec![node("Relu", &["in"], "v0", vec![])];
    nodes.extend((0..100).map(twice));
    let error = read_graph(graph(&[1, 3, 4, 4], vec![], nodes)).unwrap_err();
    assert!(error.contains("(Concat)") && error.contains("a size of "), "{error}");
}

#[test]
fn a_graph_of_countless_empty_parts_is_refused_before_it_is_decoded() {
    // A message of that number around another.
    let within = |number: u8, message: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        let mut length = message.len();
        while length > 127 {
            bytes.push(length as u8 | 128);
            length >>= 7;
        }
        bytes.push(length as u8);
        [&bytes, message].concat()
    };
    let many = [0x0a, 0].repeat(1 << 21);
    for model in [within(7, &many), within(7, &within(1, &many))] {
        let error = network("n", "n.onnx", &model).unwrap_err().to_string();
        assert!(error.contains("more than a million parts"), "{error}");
    }
    let deep = (0..2_000).fold(Vec::new(), |inner, _| within(1, &within(5, &within(6, &inner))));
    assert!(network("n", "n.onnx", &within(7, &deep)).is_err());
    let numbers_without_end = [0xff; 40];
    assert!(network("n", "n.onnx", &numbers_without_end).is_err());
    let length_without_end = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(network("n", "n.onnx", &length_without_end).is_err());
}

#[test]
fn any_bytes_give_a_network_or_an_error() {
    assert_total(&tiny().encode_model(), |bytes| network("n", "n.onnx", bytes).is_ok());
}
