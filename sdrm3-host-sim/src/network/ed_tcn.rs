//! ED-TCN: Lea et al., "Temporal Convolutional Networks for Action Segmentation and Detection",
//! CVPR 2017, arXiv 1611.05267, section 3.1 and the released code for 50 Salads: encoder layers of
//! 64 and 96 filters, filter length 25, pooling by 2, a mirrored decoder, and a classifier of 18
//! actions at each time step. The input is a sequence of 128-dimensional frame features.
//!
//! The window of 256 time steps is this project's choice (the paper runs whole videos).

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

const STEPS: u32 = 256;
const FEATURES: u32 = 128;
const FILTERS: [u32; 2] = [64, 96];
const LENGTH: u32 = 25;
const ACTIONS: u32 = 18;

pub(super) fn network() -> Network {
    let mut b = Builder::new(FEATURES, STEPS, 1);
    for (index, k) in FILTERS.into_iter().enumerate() {
        b.conv_rect(&format!("encoder{}", index + 1), k, (LENGTH, 1), 1, Padding::Same);
        b.pool_rect((2, 1), (2, 1), Padding::Valid);
    }
    for (index, k) in FILTERS.into_iter().rev().enumerate() {
        b.upsample(2, 1);
        b.conv_rect(&format!("decoder{}", index + 1), k, (LENGTH, 1), 1, Padding::Same);
    }
    b.fc_each("classifier", ACTIONS);

    Network::single(
        "ed_tcn",
        "ED-TCN",
        "Lea et al., CVPR 2017, arXiv 1611.05267: 64.7 % frame accuracy on 50 Salads (mid). No published \
         count of operations; the window of 256 time steps is this project's choice.",
        SubNetwork::new("window256", b.into_layers()).accuracy(64.7),
    )
}
