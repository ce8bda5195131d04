//! What is known of a value while a graph is walked, and a node with its inputs.

use std::collections::HashMap;
use std::rc::Rc;

use super::proto::{Attribute, NodeProto, Tensor, TensorType};

/// The most dimensions that a value may have.
const RANK: usize = 16;
/// The most elements that are kept of a value whose numbers may decide a shape.
pub(super) const NUMBERS: usize = 64;

/// Why a node has no result.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// The shape depends on something that is not known, for this reason.
    Unknown(Rc<str>),
    /// The graph contradicts itself.
    Bad(String),
}

impl From<String> for Stop {
    fn from(what: String) -> Self {
        Self::Bad(what)
    }
}

impl From<&str> for Stop {
    fn from(what: &str) -> Self {
        Self::Bad(what.into())
    }
}

/// A tensor of the graph.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Sizes, or why they are not known.
    pub(super) shape: Result<Vec<u64>, Rc<str>>,
    /// Its elements, if they are few and known: they may be the shape of another.
    pub(super) numbers: Option<Vec<f64>>,
    /// Whether no input of the model decides it.
    pub(super) is_constant: bool,
    /// Bits of an element.
    pub(super) bits: u64,
}

impl Value {
    /// A value of that shape that is computed from the model's input.
    pub(super) fn new(shape: Vec<u64>, bits: u64) -> Self {
        Self { shape: Ok(shape), numbers: None, is_constant: false, bits }
    }

    /// A value of unknown shape.
    pub(super) fn unknown(why: Rc<str>) -> Self {
        Self { shape: Err(why), numbers: None, is_constant: false, bits: 32 }
    }

    /// A constant of the file.
    pub(super) fn constant(tensor: &Tensor) -> Result<Self, Stop> {
        let shape = sizes(tensor.dims.iter().map(|&size| i128::from(size)))?;
        let bits = bits(tensor.data_type);
        let numbers = numbers(tensor);
        if let Some(numbers) = numbers.as_ref().filter(|n| Some(n.len() as u64) != elements(&shape)) {
            return Err(format!("a constant of {shape:?} has {} elements", numbers.len()).into());
        }
        Ok(Self { shape: Ok(shape), numbers, is_constant: true, bits })
    }

    /// An input of the model, or a value whose shape the file says; sizes that it leaves open are none.
    pub(super) fn sizes_of(tensor: &TensorType) -> Option<Vec<Option<u64>>> {
        let size = |value: Option<i64>| value.and_then(|size| u64::try_from(size).ok()).filter(|&s| s > 0);
        let shape = tensor.shape.as_ref().filter(|shape| shape.dim.len() <= RANK)?;
        Some(shape.dim.iter().map(|dim| size(dim.value)).collect())
    }

    /// Bytes, 0 if unknown.
    pub(super) fn bytes(&self) -> u64 {
        let elements = self.shape.as_ref().ok().and_then(|shape| elements(shape));
        elements.map_or(0, |elements| elements.saturating_mul(self.bits).div_ceil(8))
    }
}

/// The number of elements, if it can be counted.
pub(super) fn elements(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size))
}

/// A shape of these sizes, if all are sensible.
pub(super) fn sizes(sizes: impl IntoIterator<Item = i128>) -> Result<Vec<u64>, Stop> {
    let mut shape = Vec::new();
    for size in sizes {
        let fits = u32::try_from(size).map_err(|_| format!("a size of {size}, not of 0 to 2^32"))?;
        if shape.len() == RANK {
            return Err(format!("more than {RANK} dimensions").into());
        }
        shape.push(u64::from(fits));
    }
    Ok(shape)
}

/// Bits of an element by the number of its type in the format.
pub(super) fn bits(data_type: i32) -> u64 {
    match data_type {
        2 | 3 | 9 | 17..=20 => 8,
        4 | 5 | 10 | 16 => 16,
        7 | 11 | 13 | 14 => 64,
        15 => 128,
        21 | 22 => 4,
        _ => 32,
    }
}

/// The elements of a small constant.
fn numbers(tensor: &Tensor) -> Option<Vec<f64>> {
    const FLOAT: i32 = 1;
    const INT32: i32 = 6;
    const INT64: i32 = 7;
    let few = |n: usize| n <= NUMBERS;
    let raw = &tensor.raw_data;
    match tensor.data_type {
        INT64 if !raw.is_empty() && few(raw.len() / 8) => {
            Some(raw.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as f64).collect())
        }
        INT32 if !raw.is_empty() && few(raw.len() / 4) => {
            Some(raw.as_chunks::<4>().0.iter().map(|&bytes| f64::from(i32::from_le_bytes(bytes))).collect())
        }
        FLOAT if !raw.is_empty() && few(raw.len() / 4) => {
            Some(raw.as_chunks::<4>().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect())
        }
        // Without data the weights were left out of the file.
        INT64 if raw.is_empty() && !tensor.int64_data.is_empty() && few(tensor.int64_data.len()) => {
            Some(tensor.int64_data.iter().map(|&n| n as f64).collect())
        }
        INT32 if raw.is_empty() && !tensor.int32_data.is_empty() && few(tensor.int32_data.len()) => {
            Some(tensor.int32_data.iter().map(|&n| f64::from(n)).collect())
        }
        FLOAT if raw.is_empty() && !tensor.float_data.is_empty() && few(tensor.float_data.len()) => {
            Some(tensor.float_data.iter().map(|&n| f64::from(n)).collect())
        }
        _ => None,
    }
}

/// A node with what is known of its inputs.
#[derive(Debug)]
pub(super) struct Node<'g> {
    pub(super) proto: &'g NodeProto,
    /// None where an optional input is left out.
    pub(super) inputs: Vec<Option<&'g Value>>,
    attributes: HashMap<&'g str, &'g Attribute>,
}

impl<'g> Node<'g> {
    pub(super) fn new(proto: &'g NodeProto, inputs: Vec<Option<&'g Value>>) -> Self {
        let attributes =
            proto.attribute.iter().map(|attribute| (attribute.name.as_str(), attribute)).collect();
        Self { proto, inputs, attributes }
    }

    pub(super) fn operator(&self) -> &'g str {
        &self.proto.op_type
    }

    /// An input that the operator cannot do without.
    pub(super) fn input(&self, place: usize) -> Result<&'g Value, Stop> {
        let input = self.inputs.get(place).copied().flatten();
        input.ok_or_else(|| Stop::Bad(format!("it has no input {place}")))
    }

    /// The shape of such an input.
    pub(super) fn shape(&self, place: usize) -> Result<&'g [u64], Stop> {
        self.input(place)?.shape.as_deref().map_err(|why| Stop::Unknown(Rc::clone(why)))
    }

    /// The elements of an input that must be known; none if the input is left out.
    pub(super) fn numbers(&self, place: usize) -> Result<Option<&'g [f64]>, Stop> {
        let Some(value) = self.inputs.get(place).copied().flatten() else { return Ok(None) };
        let why = || {
            let shape = value.shape.as_ref().err().cloned();
            shape.unwrap_or_else(|| format!("input {place} of {self} is computed at run time").into())
        };
        value.numbers.as_deref().map(Some).ok_or_else(|| Stop::Unknown(why()))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'g Attribute> {
        self.attributes.get(name).copied()
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'g [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// Whole numbers of an attribute, or of an input (as newer versions of operators have them).
    pub(super) fn whole(&self, name: &str, place: usize) -> Result<Option<Vec<i64>>, Stop> {
        if let Some(ints) = self.ints(name) {
            return Ok(Some(ints.to_vec()));
        }
        Ok(self.numbers(place)?.map(|numbers| numbers.iter().map(|&n| n as i64).collect()))
    }
}

impl std::fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let output = self.proto.output.first().map_or("", String::as_str);
        let name = if self.proto.name.is_empty() { output } else { &self.proto.name };
        let short = |text: &str| text.chars().take(80).collect::<String>();
        write!(f, "node `{}` ({})", short(name), short(self.operator()))
    }
}

/// The place of an axis that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Stop> {
    let rank_signed = rank as i64;
    let place = if axis < 0 { axis.saturating_add(rank_signed) } else { axis };
    let place = usize::try_from(place).ok().filter(|&place| place < rank);
    place.ok_or_else(|| Stop::Bad(format!("axis {axis} of {rank} dimensions")))
}
