//! TensorFlow Lite models (`.tflite`): layers, sizes and bytes of their first subgraph.
//!
//! The file is a flatbuffer; shapes are in it, weights are not looked at. Convolutions (dense, grouped,
//! depthwise, transposed), fully connected layers and matrix products become layers; operators that
//! multiply nothing are folded; of any other operator the notes say that its work is missing.

mod flatbuffer;
mod operators;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;

use super::model::{Collector, ImportedNetwork, Window, product};
use crate::input::InputError;
use flatbuffer::{Malformed, Table, Vector};
use operators::{
    BATCH_MATMUL, CONV_2D, CONV_3D, CUSTOM, DEPTHWISE_CONV_2D, DEQUANTIZE, FULLY_CONNECTED, TRANSPOSE_CONV,
};

/// The most dimensions that a tensor may have.
const RANK: usize = 8;
/// The most operators and tensors that a model may have.
const COUNT: usize = 1 << 20;

/// Whether these are the first bytes of such a file.
pub fn is_tflite(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"TFL3")
}

/// Reads a network, and gives it this name; `origin` is where the bytes come from.
pub fn network(name: &str, origin: &str, bytes: &[u8]) -> Result<ImportedNetwork, InputError> {
    read(name, bytes).map_err(|problem| match problem {
        Problem::Malformed(Malformed { at, what }) => {
            let remedy = "see that it is a whole TensorFlow Lite model";
            InputError::new(origin, format!("byte {at}: {what}"), remedy)
        }
        Problem::Model(what) => InputError::new(origin, what, "convert the model anew, or leave it out"),
    })
}

enum Problem {
    /// The bytes are no such file.
    Malformed(Malformed),
    /// The file describes no model that can be used.
    Model(String),
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self::Model(what)
    }
}

fn read(name: &str, bytes: &[u8]) -> Result<ImportedNetwork, Problem> {
    if !is_tflite(bytes) {
        return Err(Malformed { at: 4, what: "the file has no identifier `TFL3`" }.into());
    }
    let model = Table::root(bytes)?;
    let subgraphs = model.vector(2, 4)?;
    let graph = subgraphs.table(0)?.ok_or_else(|| "the model has no subgraph".to_string())?;
    let reader =
        Reader { codes: model.vector(1, 4)?, buffers: model.vector(4, 4)?, tensors: graph.vector(0, 4)? };
    let mut layers = Collector::default();
    if subgraphs.len() > 1 {
        let what = format!("{} more subgraphs (control flow, signatures) are left out", subgraphs.len() - 1);
        layers.notes.push(what);
    }
    reader.note_open_inputs(&graph.vector(1, 4)?, &mut layers)?;
    layers.weight_bytes = reader.weight_bytes()?;
    let operators = graph.vector(3, 4)?;
    if operators.len() > COUNT {
        return Err(format!("{} operators are more than {COUNT}", operators.len()).into());
    }
    for index in 0..operators.len() {
        let Some(operator) = operators.table(index)? else { break };
        let operator = Operator::read(operator, &reader)?;
        operator.map(&reader, &mut layers).map_err(|problem| match problem {
            Problem::Model(what) => Problem::Model(format!("operator {index} ({}): {what}", operator.name())),
            malformed => malformed,
        })?;
    }
    Ok(layers.finish(name, "imported from a TensorFlow Lite model")?)
}

/// What operators refer to.
struct Reader<'b> {
    codes: Vector<'b>,
    buffers: Vector<'b>,
    tensors: Vector<'b>,
}

/// A tensor of the subgraph.
struct Tensor<'b> {
    table: Table<'b>,
    shape: Vec<u64>,
}

impl<'b> Reader<'b> {
    fn tensor(&self, index: i32) -> Result<Tensor<'b>, Problem> {
        let missing = || format!("the model has no tensor {index}");
        let place = usize::try_from(index).map_err(|_| missing())?;
        let table = self.tensors.table(place)?.ok_or_else(missing)?;
        let sizes = table.vector(0, 4)?;
        if sizes.len() > RANK {
            return Err(format!("tensor {index} has {} dimensions", sizes.len()).into());
        }
        let mut shape = Vec::with_capacity(sizes.len());
        for place in 0..sizes.len() {
            let size = sizes.i32(place)?.unwrap_or(0);
            shape.push(u64::try_from(size).map_err(|_| format!("tensor {index} has a size of {size}"))?);
        }
        Ok(Tensor { table, shape })
    }

    /// Bytes of a buffer's data.
    fn buffer_bytes(&self, index: u32) -> Result<u64, Problem> {
        let Some(buffer) = self.buffers.table(index as usize)? else { return Ok(0) };
        Ok(buffer.vector(0, 1)?.len() as u64)
    }

    /// Bytes of all buffers that tensors of this subgraph have, each counted once.
    fn weight_bytes(&self) -> Result<u64, Problem> {
        if self.tensors.len() > COUNT {
            return Err(format!("{} tensors are more than {COUNT}", self.tensors.len()).into());
        }
        let mut buffers = HashSet::new();
        let mut bytes = 0u64;
        for index in 0..self.tensors.len() {
            let Some(tensor) = self.tensors.table(index)? else { break };
            let buffer = tensor.u32(2, 0)?;
            if buffers.insert(buffer) {
                bytes = bytes.saturating_add(self.buffer_bytes(buffer)?);
            }
        }
        Ok(bytes)
    }

    /// Says which inputs have sizes that the file leaves open.
    fn note_open_inputs(&self, inputs: &Vector<'b>, layers: &mut Collector) -> Result<(), Problem> {
        for place in 0..inputs.len().min(64) {
            let Some(index) = inputs.i32(place)? else { break };
            let Tensor { table, shape } = self.tensor(index)?;
            let signature = table.vector(7, 4)?;
            for place in 0..signature.len().min(RANK) {
                if signature.i32(place)?.is_some_and(|size| size < 0) {
                    let name: String = table.text(3)?.chars().take(80).collect();
                    layers.notes.push(format!("input `{name}` can be resized; taken as {shape:?}"));
                    break;
                }
            }
        }
        Ok(())
    }
}

/// An operator of the subgraph.
struct Operator<'b> {
    number: usize,
    custom: Cow<'b, str>,
    inputs: Vector<'b>,
    outputs: Vector<'b>,
    options: Option<Table<'b>>,
}

impl<'b> Operator<'b> {
    fn read(table: Table<'b>, reader: &Reader<'b>) -> Result<Self, Problem> {
        let index = table.u32(0, 0)?;
        let code = reader.codes.table(index as usize)?;
        let code = code.ok_or_else(|| format!("the model has no operator code {index}"))?;
        // Numbers up to 126 used to be a byte.
        let number = i32::from(code.u8(0, 0)?).max(code.i32(3, 0)?) as usize;
        Ok(Self {
            number,
            custom: code.text(1)?,
            inputs: table.vector(1, 4)?,
            outputs: table.vector(2, 4)?,
            options: table.table(4)?,
        })
    }

    fn name(&self) -> Cow<'static, str> {
        match operators::name(self.number) {
            Some(_) if self.number == CUSTOM => format!("CUSTOM {}", self.custom).into(),
            Some(name) => name.into(),
            None => format!("operator code {}", self.number).into(),
        }
    }

    fn map(&self, reader: &Reader<'b>, layers: &mut Collector) -> Result<(), Problem> {
        let is_constant = |index: i32| -> Result<bool, Problem> {
            Ok(reader.buffer_bytes(reader.tensor(index)?.table.u32(2, 0)?)? > 0)
        };
        if self.number == DEQUANTIZE && self.inputs.i32(0)?.map_or(Ok(false), is_constant)? {
            return Ok(()); // Weights that are stored in a smaller type.
        }
        for place in 0..self.outputs.len().min(64) {
            let Some(index) = self.outputs.i32(place)? else { break };
            let Tensor { table, shape } = reader.tensor(index)?;
            let bits = operators::element_bits(table.u8(1, 0)?).unwrap_or(0);
            let bytes = product(&shape)?.saturating_mul(bits).div_ceil(8);
            layers.activation_bytes = layers.activation_bytes.saturating_add(bytes);
        }
        match self.number {
            CONV_2D => self.convolution(reader, layers, false),
            DEPTHWISE_CONV_2D => self.convolution(reader, layers, true),
            TRANSPOSE_CONV => self.transposed(reader, layers),
            CONV_3D => self.volume(reader, layers),
            FULLY_CONNECTED => self.fully_connected(reader, layers),
            BATCH_MATMUL => self.product(reader, layers),
            _ => {
                let name = self.name();
                if operators::name(self.number).is_none_or(operators::is_unmapped) {
                    layers.unmapped(&name);
                } else {
                    layers.free(&name);
                }
                Ok(())
            }
        }
    }

    /// The shape of an input, which must have that many dimensions.
    fn input<const N: usize>(&self, reader: &Reader<'b>, place: usize) -> Result<[u64; N], Problem> {
        let index = self.inputs.i32(place)?.ok_or_else(|| format!("it has no input {place}"))?;
        sized(&reader.tensor(index)?.shape, &format!("input {place}"))
    }

    /// The shape of the output, and its name, which the layer takes.
    fn output(&self, reader: &Reader<'b>) -> Result<(Vec<u64>, String), Problem> {
        let index = self.outputs.i32(0)?.ok_or_else(|| "it has no output".to_string())?;
        let Tensor { table, shape } = reader.tensor(index)?;
        let name = table.text(3)?;
        // Names of fused operators are joined; the last one is what comes out.
        Ok((shape, name.rsplit(';').find(|part| !part.is_empty()).unwrap_or_default().to_string()))
    }

    /// Strides (rows, columns) in the fields from `first` on, where columns come first.
    fn strides(&self, first: usize) -> Result<[u64; 2], Problem> {
        let stride = |number| -> Result<u64, Problem> {
            let value = self.options.map_or(Ok(1), |options| options.i32(number, 0))?;
            Ok(u64::try_from(value).map_err(|_| format!("a stride is {value}"))?)
        };
        Ok([stride(first + 1)?, stride(first)?])
    }

    fn convolution(
        &self,
        reader: &Reader<'b>,
        layers: &mut Collector,
        depthwise: bool,
    ) -> Result<(), Problem> {
        let [_, _, _, c] = self.input(reader, 0)?;
        let filter: [u64; 4] = self.input(reader, 1)?;
        let (output, name) = self.output(reader)?;
        let [batch, rows, columns, k] = sized(&output, "the output")?;
        let [filters, r, s, depth] = filter;
        let (of_filter, groups) = match depthwise {
            true => (depth, c),
            false => (filters, c.checked_div(depth).unwrap_or(0)),
        };
        if of_filter != k || (!depthwise && groups * depth != c) {
            let what = format!("a filter {filter:?} does not lead from {c} to {k} channels");
            return Err(what.into());
        }
        let window = Window {
            channels: [k, c],
            groups,
            batch,
            positions: &[rows, columns],
            kernel: &[r, s],
            strides: &self.strides(1)?,
        };
        Ok(layers.window(&name, &window)?)
    }

    /// Each input position spreads its products over a window of outputs.
    fn transposed(&self, reader: &Reader<'b>, layers: &mut Collector) -> Result<(), Problem> {
        let [k, r, s, depth] = self.input(reader, 1)?;
        let [batch, rows, columns, c] = self.input(reader, 2)?;
        let (output, name) = self.output(reader)?;
        let [_, _, _, channels] = sized(&output, "the output")?;
        if depth != c || channels != k {
            return Err(format!("a filter from {depth} to {k} channels between {c} and {channels}").into());
        }
        layers.bend("transposed convolutions, costed as convolutions over their input");
        let window = Window {
            channels: [k, c],
            groups: 1,
            batch,
            positions: &[rows, columns],
            kernel: &[r, s],
            strides: &[1, 1],
        };
        Ok(layers.window(&name, &window)?)
    }

    fn volume(&self, reader: &Reader<'b>, layers: &mut Collector) -> Result<(), Problem> {
        let [_, _, _, _, c] = self.input(reader, 0)?;
        let [d, r, s, depth, k] = self.input(reader, 1)?;
        let (output, name) = self.output(reader)?;
        let [batch, planes, rows, columns, channels] = sized(&output, "the output")?;
        if depth == 0 || c % depth != 0 || channels != k {
            return Err(format!("a filter from {depth} to {k} channels between {c} and {channels}").into());
        }
        layers.bend("three directions, costed with the first two as rows");
        let window = Window {
            channels: [k, c],
            groups: c / depth,
            batch,
            positions: &[planes, rows, columns],
            kernel: &[d, r, s],
            strides: &[1, 1, 1],
        };
        Ok(layers.window(&name, &window)?)
    }

    fn fully_connected(&self, reader: &Reader<'b>, layers: &mut Collector) -> Result<(), Problem> {
        let index = self.inputs.i32(0)?.ok_or_else(|| "it has no input".to_string())?;
        let elements = product(&reader.tensor(index)?.shape)?;
        let [k, c] = self.input(reader, 1)?;
        let (_, name) = self.output(reader)?;
        if c == 0 || elements % c != 0 {
            return Err(format!("weights for {c} inputs do not fit {elements} of them").into());
        }
        Ok(layers.matmul(&name, c, k, elements / c)?)
    }

    fn product(&self, reader: &Reader<'b>, layers: &mut Collector) -> Result<(), Problem> {
        let index = self.inputs.i32(0)?.ok_or_else(|| "it has no input".to_string())?;
        let left = reader.tensor(index)?.shape;
        let turned = self.options.map_or(Ok(0), |options| options.u8(0, 0))? != 0;
        let (output, name) = self.output(reader)?;
        let ([.., a, b], [positions @ .., k]) = (&left[..], &output[..]) else {
            return Err("a product of tensors that are no matrices".to_string().into());
        };
        Ok(layers.matmul(&name, if turned { *a } else { *b }, *k, product(positions)?)?)
    }
}

/// A shape that must have that many dimensions.
fn sized<const N: usize>(shape: &[u64], what: &str) -> Result<[u64; N], Problem> {
    shape
        .try_into()
        .map_err(|_| Problem::Model(format!("{what} has the shape {shape:?}, not {N} dimensions")))
}
