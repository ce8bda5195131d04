//! GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, arXiv 1409.4842, table 1;
//! input 224 × 224, without the auxiliary classifiers.
//!
//! The first layer follows the table's own figures, 2.7 K parameters and 34 M operations. They are
//! those of a separable 7×7 convolution (8 depthwise outputs per colour, then 24 → 64: 2712 and
//! 34.0 M), as in the authors' later Inception release. The dense 7×7 convolution of the public
//! reimplementations would be 9.4 K and 118 M, and the table would no longer add up to 1.5 B.

use super::builder::{Builder, Padding, Shape};
use super::{Network, SubNetwork};

/// An inception module as a row of table 1: output channels of its convolutions.
struct Inception {
    name: &'static str,
    one: u32,
    three_reduce: u32,
    three: u32,
    five_reduce: u32,
    five: u32,
    pool: u32,
}

impl Inception {
    const fn row(name: &'static str, [one, three_reduce, three, five_reduce, five, pool]: [u32; 6]) -> Self {
        Self { name, one, three_reduce, three, five_reduce, five, pool }
    }

    /// Four branches from the same input, concatenated.
    fn add_to(&self, b: &mut Builder) {
        let input = b.shape();
        let name = |layer: &str| format!("inception_{}.{layer}", self.name);
        b.pointwise(&name("1x1"), self.one);
        b.at(input).pointwise(&name("3x3_reduce"), self.three_reduce);
        b.conv(&name("3x3"), self.three, 3, 1, Padding::Same);
        b.at(input).pointwise(&name("5x5_reduce"), self.five_reduce);
        b.conv(&name("5x5"), self.five, 5, 1, Padding::Same);
        b.at(input).pointwise(&name("pool_project"), self.pool);
        b.at(Shape { channels: self.one + self.three + self.five + self.pool, ..input });
    }
}

/// Modules at 28 × 28, 14 × 14 and 7 × 7.
const STAGES: [&[Inception]; 3] = [
    &[Inception::row("3a", [64, 96, 128, 16, 32, 32]), Inception::row("3b", [128, 128, 192, 32, 96, 64])],
    &[
        Inception::row("4a", [192, 96, 208, 16, 48, 64]),
        Inception::row("4b", [160, 112, 224, 24, 64, 64]),
        Inception::row("4c", [128, 128, 256, 24, 64, 64]),
        Inception::row("4d", [112, 144, 288, 32, 64, 64]),
        Inception::row("4e", [256, 160, 320, 32, 128, 128]),
    ],
    &[
        Inception::row("5a", [256, 160, 320, 32, 128, 128]),
        Inception::row("5b", [384, 192, 384, 48, 128, 128]),
    ],
];

pub(super) fn network() -> Network {
    let mut b = Builder::new(3, 224, 224);
    b.depthwise_multiplied("conv1.depthwise", 8, 7, 2).pointwise("conv1.pointwise", 64);
    b.pool(3, 2, Padding::Same).pointwise("conv2.reduce", 64).conv("conv2", 192, 3, 1, Padding::Same);
    for stage in STAGES {
        b.pool(3, 2, Padding::Same);
        for module in stage {
            module.add_to(&mut b);
        }
    }
    b.global_pool().fc("classifier", 1000);

    Network::single(
        "googlenet",
        "GoogLeNet",
        "Szegedy et al., CVPR 2015, arXiv 1409.4842: 1.5 B multiply-adds; the parameters of table 1 add up to \
         6.8 M. 89.9 % top-5 with one network and one crop.",
        SubNetwork::new("googlenet", b.into_layers())
            .accuracy(89.93)
            .published(Some(1_500_000_000), Some(6_800_000)),
    )
}
