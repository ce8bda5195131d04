//! The shape of a layer, as the cost model reads it.

use crate::network::layer::Layer;

/// A layer's loop bounds at batch 1, one byte per element. Zeros count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Output channels.
    pub k: u32,
    /// Input channels.
    pub c: u32,
    /// Input rows, padding included.
    pub y: u32,
    /// Input columns, padding included.
    pub x: u32,
    /// Kernel rows.
    pub r: u32,
    /// Kernel columns.
    pub s: u32,
    /// Stride, both directions.
    pub stride: u32,
    /// Groups: 1 is dense, `c` is depthwise.
    pub groups: u32,
}

impl Shape {
    /// Output rows, `(y - r) / stride + 1`; one if the kernel is the larger.
    pub fn out_y(&self) -> u32 {
        positions(self.y, self.r, self.stride)
    }

    /// Output columns, `(x - s) / stride + 1`; one if the kernel is the larger.
    pub fn out_x(&self) -> u32 {
        positions(self.x, self.s, self.stride)
    }

    /// Multiply-accumulates, `k * c / groups * r * s * out_y * out_x`; a float because the product of
    /// arbitrary bounds exceeds 64 bits.
    pub fn macs(&self) -> f64 {
        [self.k, self.c.div_ceil(self.groups.max(1)), self.r, self.s, self.out_y(), self.out_x()]
            .iter()
            .map(|&n| f64::from(n.max(1)))
            .product()
    }
}

fn positions(input: u32, kernel: u32, stride: u32) -> u32 {
    (input.saturating_sub(kernel.max(1)) / stride.max(1)).saturating_add(1)
}

impl From<&Layer> for Shape {
    fn from(layer: &Layer) -> Self {
        Self {
            k: layer.k,
            c: layer.c,
            y: layer.in_y(),
            x: layer.in_x(),
            r: layer.r,
            s: layer.s,
            stride: layer.stride,
            groups: layer.groups,
        }
    }
}
