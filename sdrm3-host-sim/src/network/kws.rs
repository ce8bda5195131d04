//! Keyword spotting, res8: Tang and Lin, "Deep Residual Learning for Small-Footprint Keyword
//! Spotting", ICASSP 2018, arXiv 1710.10361. Input: one second of audio as 101 frames of 40 MFCCs.
//! One 3×3 convolution, 4×3 average pooling, three residual blocks of two 3×3 convolutions with 45
//! maps, and a classifier of 12 words; shapes as in the authors' released code.

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

const MAPS: u32 = 45;

pub(super) fn network() -> Network {
    let mut b = Builder::new(1, 101, 40);
    b.conv("conv0", MAPS, 3, 1, Padding::Same).pool_rect((4, 3), (4, 3), Padding::Valid);
    for index in 1..=6 {
        b.conv(&format!("conv{index}"), MAPS, 3, 1, Padding::Same);
    }
    b.global_pool().fc("output", 12);

    Network::single(
        "kws_res8",
        "KWS res8",
        "Tang and Lin, ICASSP 2018, arXiv 1710.10361: 110 K parameters, 30 M multiplies, 94.1 % accuracy. \
         The released code pads its convolutions, which leaves 25 x 13 positions after pooling and 37 M \
         multiplies; the paper counts fewer positions (its res15 adds up with 99 x 38 instead of 101 x 40). \
         The shapes that run are kept here.",
        SubNetwork::new("res8", b.into_layers()).accuracy(94.1).published(Some(30_000_000), Some(110_000)),
    )
}
