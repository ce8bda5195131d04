//! ONNX graphs (`.onnx`): layers, sizes and bytes; the weights may be left out of the file.
//!
//! Such files say the shape of their inputs and constants only, so the graph is walked once, from its
//! inputs on, and every shape follows from those before it. Convolutions and matrix products become
//! layers; operators that multiply nothing are folded. An operator that is not known here is noted; it is an
//! error only if the shape of a layer depends on what it gives, and the file does not say that shape.

mod moves;
mod operators;
mod proto;
#[cfg(test)]
mod tests;
mod value;
mod windows;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use prost::Message;

use super::model::{Collector, ImportedNetwork, Window};
use crate::input::InputError;
use operators::Work;
use proto::{Graph, NodeProto, ValueInfo};
use value::{Node, Stop, Value, sizes};

/// Reads a network, and gives it this name; `origin` is where the bytes come from.
pub fn network(name: &str, origin: &str, bytes: &[u8]) -> Result<ImportedNetwork, InputError> {
    if proto::is_too_large(bytes) {
        let what = "the graph has more than a million parts";
        return Err(InputError::new(origin, what, "import a model that is no larger"));
    }
    let model = proto::Model::decode(bytes)
        .map_err(|error| InputError::new(origin, error.to_string(), "see that it is a whole ONNX model"))?;
    let error = |what: String| InputError::new(origin, what, "mend the graph, or export it anew");
    let graph = model.graph.ok_or_else(|| error("the model has no graph".into()))?;
    let mut walk = Walk::new(&graph).map_err(error)?;
    for (index, node) in graph.node.iter().enumerate() {
        walk.step(index, node).map_err(error)?;
    }
    walk.layers.finish(name, "imported from an ONNX graph").map_err(error)
}

/// What is known on the way through a graph.
struct Walk<'g> {
    values: HashMap<&'g str, Value>,
    /// Shapes that the file says, for values that operators of unknown kinds give.
    said: HashMap<&'g str, &'g ValueInfo>,
    /// Constants whose bytes are counted.
    counted: HashSet<&'g str>,
    layers: Collector,
}

impl<'g> Walk<'g> {
    fn new(graph: &'g Graph) -> Result<Self, String> {
        let said = graph.value_info.iter().map(|info| (info.name.as_str(), info)).collect();
        let (values, counted) = (HashMap::new(), HashSet::new());
        let mut walk = Self { values, said, counted, layers: Collector::default() };
        for tensor in &graph.initializer {
            let value = Value::constant(tensor).map_err(|stop| match stop {
                Stop::Unknown(why) => why.to_string(),
                Stop::Bad(what) => format!("constant `{}`: {what}", short(&tensor.name)),
            })?;
            walk.values.insert(&tensor.name, value);
        }
        // Older files list constants among the inputs.
        for input in &graph.input {
            if !walk.values.contains_key(input.name.as_str()) {
                let value = walk.input(input);
                walk.values.insert(&input.name, value);
            }
        }
        Ok(walk)
    }

    /// An input of the model. A batch that is left open is one frame.
    fn input(&mut self, info: &ValueInfo) -> Value {
        let name = short(&info.name);
        let tensor = info.r#type.as_ref().and_then(|r#type| r#type.tensor.as_ref());
        let Some((tensor, mut shape)) = tensor.and_then(|t| Some((t, Value::sizes_of(t)?))) else {
            return Value::unknown(format!("the file does not say the shape of input `{name}`").into());
        };
        if let [batch @ None, _, ..] = &mut shape[..] {
            *batch = Some(1);
            self.layers.notes.push(format!("input `{name}` leaves its first size open: taken as 1"));
        }
        match shape.iter().copied().collect::<Option<Vec<u64>>>() {
            Some(shape) if sizes(shape.iter().map(|&size| i128::from(size))).is_ok() => {
                Value::new(shape, value::bits(tensor.elem_type))
            }
            _ => {
                Value::unknown(format!("input `{name}` leaves sizes open: export it with fixed ones").into())
            }
        }
    }

    fn step(&mut self, index: usize, proto: &'g NodeProto) -> Result<(), String> {
        let Self { values, said, counted, layers } = self;
        let find = |name: &'g String| match name.is_empty() {
            true => Ok(None),
            false => values.get(name.as_str()).map(Some).ok_or(name),
        };
        let inputs: Result<Vec<Option<&Value>>, &String> = proto.input.iter().map(find).collect();
        let node = Node::new(proto, inputs.as_ref().cloned().unwrap_or_default());
        let at = |what: String| format!("{node}, number {index}: {what}");
        if let Err(name) = inputs {
            let what = format!("no node before it gives `{}`: a cycle, or a wrong order", short(name));
            return Err(at(what));
        }
        if let Some(name) = proto.output.iter().find(|name| values.contains_key(name.as_str())) {
            return Err(at(format!("`{}` is given twice", short(name))));
        }
        let is_constant = node.inputs.iter().flatten().all(|input| input.is_constant)
            && (!node.inputs.is_empty() || node.operator() == "Constant");
        let result = match node.operator() {
            "Constant" => constant(&node).map(|value| Some((vec![value], Work::None))),
            _ => operators::run(&node),
        };
        let (mut outputs, work) = match result {
            Ok(Some(done)) => done,
            Ok(None) => {
                let why: Rc<str> = format!("{node} is of a kind that is not known here").into();
                (vec![Value::unknown(why); proto.output.len()], Work::Unmapped)
            }
            Err(Stop::Bad(what)) => return Err(at(what)),
            Err(Stop::Unknown(why)) if operators::multiplies(node.operator()) => {
                return Err(at(format!("its shape cannot be known: {why}")));
            }
            Err(Stop::Unknown(why)) => (vec![Value::unknown(why); proto.output.len()], Work::None),
        };
        for (value, name) in outputs.iter_mut().zip(&proto.output) {
            value.is_constant = is_constant;
            if let (Err(_), Some(shape)) =
                (&value.shape, said.get(name.as_str()).and_then(|info| stated(info)))
            {
                value.shape = Ok(shape);
            }
        }
        if !is_constant {
            layer(&node, &outputs, &work, layers).map_err(|stop| match stop {
                Stop::Unknown(why) => at(why.to_string()),
                Stop::Bad(what) => at(what),
            })?;
            // Numbers of 64 bits only make up shapes.
            let is_weight = |value: &&Value| value.is_constant && value.bits < 64;
            for (name, input) in proto.input.iter().zip(&node.inputs) {
                if let Some(value) = input.filter(is_weight).filter(|_| counted.insert(name)) {
                    layers.weight_bytes = layers.weight_bytes.saturating_add(value.bytes());
                }
            }
            let written = outputs.first().map_or(0, Value::bytes);
            layers.activation_bytes = layers.activation_bytes.saturating_add(written);
        }
        let named = proto.output.iter().map(String::as_str).zip(outputs);
        values.extend(named.filter(|(name, _)| !name.is_empty()));
        Ok(())
    }
}

/// Adds the layer that a node is, if it is one.
fn layer(node: &Node<'_>, outputs: &[Value], work: &Work, layers: &mut Collector) -> Result<(), Stop> {
    let name = match node.proto.name.as_str() {
        "" => node.proto.output.first().map_or("", String::as_str),
        name => name,
    };
    match work {
        Work::None => layers.free(node.operator()),
        Work::Unmapped => layers.unmapped(node.operator()),
        Work::Convolution { slide, weights } => {
            let output = outputs.first().and_then(|value| value.shape.as_deref().ok()).unwrap_or_default();
            let (batch, k, positions) = windows::split(output)?;
            let (_, c, directions) = windows::split(node.shape(0)?)?;
            let of_group = windows::split(node.shape(*weights)?)?.1;
            if directions.len() > 2 {
                layers.bend("three directions, costed with all but the last as rows");
            }
            let groups = c.checked_div(of_group).unwrap_or(0);
            let (kernel, strides) = (&slide.kernel, &slide.strides);
            layers.window(name, &Window { channels: [k, c], groups, batch, positions, kernel, strides })?;
        }
        Work::Transposed => {
            let (batch, c, positions) = windows::split(node.shape(0)?)?;
            let (_, of_group, kernel) = windows::split(node.shape(1)?)?;
            let groups = u64::try_from(node.int("group", 1)).unwrap_or(0);
            let k = of_group.checked_mul(groups).ok_or("too large")?;
            layers.bend("transposed convolutions, costed as convolutions over their input");
            let strides = &vec![1; kernel.len()];
            layers.window(name, &Window { channels: [k, c], groups, batch, positions, kernel, strides })?;
        }
        Work::Product { product, second } => {
            if !node.input(*second)?.is_constant {
                layers.bend("products of two activations, costed as fully connected");
            }
            layers.matmul(name, product.c, product.k, product.positions)?;
        }
    }
    Ok(())
}

/// What a `Constant` node holds.
fn constant(node: &Node<'_>) -> Result<Value, Stop> {
    let list = |numbers: Vec<f64>, bits: u64| {
        let shape = vec![numbers.len() as u64];
        let few = numbers.len() <= value::NUMBERS;
        Value { numbers: few.then_some(numbers), ..Value::new(shape, bits) }
    };
    if let Some(tensor) = node.attribute("value").and_then(|attribute| attribute.t.as_deref()) {
        return Value::constant(tensor);
    }
    if let Some(ints) = node.ints("value_ints") {
        return Ok(list(ints.iter().map(|&n| n as f64).collect(), 64));
    }
    if let Some(floats) = node.attribute("value_floats") {
        return Ok(list(floats.floats.iter().map(|&n| f64::from(n)).collect(), 32));
    }
    let single = |number: f64, bits: u64| Value { shape: Ok(Vec::new()), ..list(vec![number], bits) };
    match (node.attribute("value_int"), node.attribute("value_float")) {
        (Some(int), _) => Ok(single(int.i as f64, 64)),
        (None, Some(float)) => Ok(single(f64::from(float.f), 32)),
        (None, None) => Ok(Value::unknown(format!("{node} holds no tensor").into())),
    }
}

/// The shape that the file says, if it says all of it.
fn stated(info: &ValueInfo) -> Option<Vec<u64>> {
    let tensor = info.r#type.as_ref()?.tensor.as_ref()?;
    let shape = Value::sizes_of(tensor)?.into_iter().collect::<Option<Vec<u64>>>()?;
    sizes(shape.into_iter().map(i128::from)).ok()
}

/// A name, or its beginning.
fn short(name: &str) -> String {
    name.chars().take(80).collect()
}
