//! One layer of a network: its shape, and the work and traffic that follow from it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a layer computes; it decides how its dimensions turn into work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Convolution, dense or grouped (`groups` > 1); a 1-D convolution has `x = s = 1`.
    Conv,
    /// Depthwise convolution: `groups == c`, and `k` is `c` times the channel multiplier.
    Depthwise,
    /// Matrix product: `c` inputs to `k` outputs, for each of `y` positions (time steps, batch).
    #[serde(rename = "fc")]
    FullyConnected,
}

impl Op {
    /// The name that tables and files use.
    pub fn name(self) -> &'static str {
        match self {
            Op::Conv => "conv",
            Op::Depthwise => "depthwise",
            Op::FullyConnected => "fc",
        }
    }
}

/// What may follow a layer at run time, as the published network defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Branch {
    /// The next layer always runs.
    #[default]
    Next,
    /// With this probability the next `layers` layers are skipped.
    Skip {
        /// How many layers the skip jumps over.
        layers: u16,
        /// Probability of the skip, 0 to 1.
        probability: f64,
    },
    /// With this probability the frame is finished here (early exit).
    Exit {
        /// Probability of the exit, 0 to 1.
        probability: f64,
    },
}

/// As the column `branch` of layer tables has it.
impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Branch::Next => f.write_str("next"),
            Branch::Skip { layers, probability } => write!(f, "skip {layers} {probability}"),
            Branch::Exit { probability } => write!(f, "exit {probability}"),
        }
    }
}

/// A layer's shape. Elements are 8-bit integers (one byte each), batch is 1; pooling,
/// activation and element-wise additions carry no multiplications and are folded into the
/// layer before them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name within its network, unique there.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Output channels.
    pub k: u32,
    /// Input channels.
    pub c: u32,
    /// Output rows (positions of a 1-D layer).
    pub out_y: u32,
    /// Output columns.
    pub out_x: u32,
    /// Kernel rows.
    pub r: u32,
    /// Kernel columns.
    pub s: u32,
    /// Stride, both directions.
    pub stride: u32,
    /// Groups: 1 is dense, `c` is depthwise.
    pub groups: u32,
    /// Rows and columns of the window that lie outside the input: zero, but for imported layers
    /// whose input is smaller than their window (they have one output in that direction).
    pub outside: [u32; 2],
    /// What may follow it.
    pub branch: Branch,
}

impl Layer {
    /// Multiply-accumulates of one execution.
    pub fn macs(&self) -> u64 {
        self.params() * u64::from(self.out_y) * u64::from(self.out_x)
    }

    /// Weights, without biases and normalisation (folded at inference).
    pub fn params(&self) -> u64 {
        u64::from(self.k) * u64::from(self.c / self.groups) * u64::from(self.r) * u64::from(self.s)
    }

    /// Rows of input, padding included, that the output rows need.
    pub fn in_y(&self) -> u32 {
        (self.out_y - 1) * self.stride + self.r - self.outside[0]
    }

    /// Columns of input, padding included, that the output columns need.
    pub fn in_x(&self) -> u32 {
        (self.out_x - 1) * self.stride + self.s - self.outside[1]
    }

    /// Whether its work and its traffic can be counted at all, with room for the sums over a network.
    pub fn is_countable(&self) -> bool {
        let Self { k, c, out_y, out_x, r, s, stride, .. } = *self;
        let work: f64 = [k, c, out_y, out_x, r, s].into_iter().map(f64::from).product();
        let input = |out: u32, window: u32| f64::from(out) * f64::from(stride) + f64::from(window);
        let side = f64::from(u32::MAX);
        work < 1e14 && input(out_y, r) < side && input(out_x, s) < side
    }

    /// Bytes of activations that it reads (without padding: what the layer before left).
    pub fn input_bytes(&self) -> u64 {
        u64::from(self.c)
            .saturating_mul(u64::from(self.out_y * self.stride))
            .saturating_mul(u64::from(self.out_x * self.stride))
    }

    /// Bytes of activations that it writes.
    pub fn output_bytes(&self) -> u64 {
        u64::from(self.k) * u64::from(self.out_y) * u64::from(self.out_x)
    }
}
