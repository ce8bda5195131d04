//! From the operators of a model file to our layers: what the readers of such files share.

use std::collections::{BTreeMap, HashMap};

use crate::network::{Branch, Layer, Network, Op, SubNetwork};

/// A network read from a model file of another program.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedNetwork {
    /// The network in our terms: its multiplications, layer by layer.
    pub network: Network,
    /// Bytes of the constants that the file holds or declares, each counted once. Of an ONNX graph as its nodes read
    /// them (weights that the graph dequantises are floats), without numbers of 64 bits, which only make up shapes.
    pub weight_bytes: u64,
    /// Bytes that its operators write in one frame, in the file's own types.
    pub activation_bytes: u64,
    /// What was not mapped, a sentence each.
    pub notes: Vec<String>,
}

/// A convolution: a window that slides over one or more directions.
#[derive(Clone, Debug)]
pub(super) struct Window<'a> {
    /// Output and input channels.
    pub(super) channels: [u64; 2],
    /// Groups of channels.
    pub(super) groups: u64,
    /// Frames that are computed at once.
    pub(super) batch: u64,
    /// Positions of the window in each direction.
    pub(super) positions: &'a [u64],
    /// Sizes of the window in each direction.
    pub(super) kernel: &'a [u64],
    /// Strides in each direction.
    pub(super) strides: &'a [u64],
}

/// Collects the layers of a network in the order of execution.
#[derive(Debug, Default)]
pub(super) struct Collector {
    layers: Vec<Layer>,
    /// How often each name was given.
    names: HashMap<String, u32>,
    /// Operators that multiply nothing, by name.
    free: BTreeMap<String, usize>,
    /// Operators whose work is not counted, by name.
    unmapped: BTreeMap<String, usize>,
    /// Layers that are costed as something else than what they are, by how.
    bent: BTreeMap<&'static str, usize>,
    pub(super) weight_bytes: u64,
    pub(super) activation_bytes: u64,
    pub(super) notes: Vec<String>,
}

impl Collector {
    /// Adds a convolution. All directions but the last count as rows, and so do the frames of a batch.
    pub(super) fn window(&mut self, name: &str, window: &Window<'_>) -> Result<(), String> {
        let Window { channels: [k, c], groups, batch, positions, kernel, strides } = *window;
        if [k, c, groups, batch].contains(&0) || [positions, kernel, strides].iter().any(|s| s.contains(&0)) {
            return Err("a size is zero".into());
        }
        if c % groups != 0 || k % groups != 0 {
            return Err(format!("{groups} groups divide {c} input and {k} output channels unevenly"));
        }
        let (out_y, out_x) = rows_and_columns(positions)?;
        let (r, s) = rows_and_columns(kernel)?;
        let stride = self.stride(positions, strides);
        if batch > 1 {
            self.bend("a batch of frames, costed as more rows of one");
        }
        let depthwise = groups == c && c > 1;
        let layer = Layer {
            name: self.unique(name),
            op: if depthwise { Op::Depthwise } else { Op::Conv },
            k: size(k)?,
            c: size(c)?,
            out_y: size(out_y.checked_mul(batch).ok_or_else(too_large)?)?,
            out_x: size(out_x)?,
            r: size(r)?,
            s: size(s)?,
            stride: size(stride)?,
            groups: size(groups)?,
            outside: [0, 0],
            branch: Branch::Next,
        };
        self.push(layer)
    }

    /// Adds a product of `c` inputs to `k` outputs at each of `positions`.
    pub(super) fn matmul(&mut self, name: &str, c: u64, k: u64, positions: u64) -> Result<(), String> {
        if [c, k, positions].contains(&0) {
            return Err("a size is zero".into());
        }
        let layer = Layer {
            name: self.unique(name),
            op: Op::FullyConnected,
            k: size(k)?,
            c: size(c)?,
            out_y: size(positions)?,
            out_x: 1,
            r: 1,
            s: 1,
            stride: 1,
            groups: 1,
            outside: [0, 0],
            branch: Branch::Next,
        };
        self.push(layer)
    }

    /// Counts an operator that multiplies nothing: its cost is folded into the layer before it.
    pub(super) fn free(&mut self, operator: &str) {
        count(&mut self.free, operator);
    }

    /// Counts an operator whose work is left out.
    pub(super) fn unmapped(&mut self, operator: &str) {
        count(&mut self.unmapped, operator);
    }

    /// Counts a layer that is costed in another way than it runs.
    pub(super) fn bend(&mut self, how: &'static str) {
        *self.bent.entry(how).or_default() += 1;
    }

    /// The network of what was collected. `source` says where it comes from.
    pub(super) fn finish(mut self, name: &str, source: &str) -> Result<ImportedNetwork, String> {
        if self.layers.is_empty() {
            return Err("no operator of it multiplies, so there is nothing to cost".into());
        }
        for (how, layers) in &self.bent {
            self.notes.push(format!("{layers} layers: {how}"));
        }
        if !self.unmapped.is_empty() {
            self.notes.push(format!("not counted, their work is missing: {}", list(&self.unmapped)));
        }
        if !self.free.is_empty() {
            self.notes.push(format!("without multiplications, folded: {}", list(&self.free)));
        }
        let network = Network::single(
            name.to_string(),
            name.to_string(),
            source.to_string(),
            SubNetwork::new(name.to_string(), self.layers),
        );
        network.check()?;
        Ok(ImportedNetwork {
            network,
            weight_bytes: self.weight_bytes,
            activation_bytes: self.activation_bytes,
            notes: self.notes,
        })
    }

    /// The one stride that our layers have; a direction with a single position has none.
    fn stride(&mut self, positions: &[u64], strides: &[u64]) -> u64 {
        let moving =
            || positions.iter().zip(strides).filter(|&(&positions, _)| positions > 1).map(|(_, &s)| s);
        let largest = moving().max().unwrap_or(1);
        if moving().any(|stride| stride != largest) {
            self.bend("strides that differ by direction, costed with the larger one");
        }
        largest
    }

    fn push(&mut self, layer: Layer) -> Result<(), String> {
        if !layer.is_countable() {
            return Err(too_large());
        }
        if self.layers.len() == usize::from(u16::MAX) {
            return Err(format!("more than {} layers", u16::MAX));
        }
        self.layers.push(layer);
        Ok(())
    }

    /// The name as files can have it, and as no other layer has it.
    fn unique(&mut self, name: &str) -> String {
        let plain = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
        let mut name: String = name.chars().take(80).map(plain).collect();
        if name.is_empty() {
            name = "layer".into();
        }
        loop {
            let times = self.names.entry(name.clone()).or_default();
            *times += 1;
            if *times == 1 {
                return name;
            }
            name = format!("{name}#{times}");
        }
    }
}

/// The product of sizes, if it can be counted.
pub(super) fn product(sizes: &[u64]) -> Result<u64, String> {
    sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size)).ok_or_else(too_large)
}

fn rows_and_columns(sizes: &[u64]) -> Result<(u64, u64), String> {
    match sizes {
        [] => Ok((1, 1)),
        [rows] => Ok((*rows, 1)),
        [rows @ .., columns] => Ok((product(rows)?, *columns)),
    }
}

fn size(size: u64) -> Result<u32, String> {
    u32::try_from(size).map_err(|_| too_large())
}

fn too_large() -> String {
    "too large to be counted: more than 1e14 multiplications, or a size of more than 2^32".into()
}

fn count(counts: &mut BTreeMap<String, usize>, name: &str) {
    *counts.entry(name.chars().take(80).collect()).or_default() += 1;
}

/// `3 Add, 1 Relu`, at most twenty of them.
fn list(counts: &BTreeMap<String, usize>) -> String {
    let mut texts: Vec<String> = counts.iter().take(20).map(|(name, n)| format!("{n} {name}")).collect();
    if counts.len() > texts.len() {
        texts.push(format!("{} other kinds", counts.len() - texts.len()));
    }
    texts.join(", ")
}
