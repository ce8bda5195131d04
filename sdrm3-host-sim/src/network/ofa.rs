//! Once-for-all: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient
//! Deployment", ICLR 2020, arXiv 1908.09791. MobileNetV3 space of the released super-networks
//! `ofa_mbv3_d234_e346_k357`, width 1.2 and 1.0: five stages of 2 to 4 blocks, kernel 3, 5 or 7,
//! expansion 3, 4 or 6; squeeze-and-excite in stages 2, 4 and 5; input 224 × 224.
//!
//! The four sub-networks take multiply-accumulates and accuracy from the released specialised
//! networks. Their exact configurations are trained files and not part of the paper; the ones below
//! lie in the same space, meet the same multiply-accumulates and are nested, each lighter one using
//! a prefix of the heavier one's blocks with kernels and expansions no larger. The three of width 1.2
//! share stem and stages 1 and 2 (the lighter two stage 3 as well), so that a frame can change to a
//! lighter sub-network at a stage boundary and keep its work. The released networks reach their
//! savings partly by a lower resolution, which would rule that out; at one resolution the savings
//! have to come from the late stages, which hold most weights, hence fewer parameters than published.
//! The lightest has width 1.0 and shares nothing.

use super::builder::{Builder, InvertedResidual, Padding};
use super::layer::Layer;
use super::{Network, Published, SubNetwork};

/// A block: (kernel, expansion).
type Block = (u32, u32);

/// Base channels of stem, first block, five stages, and the two layers of the head.
const STEM: u32 = 16;
const STAGE_CHANNELS: [u32; 5] = [24, 40, 80, 112, 160];
const STAGE_STRIDES: [u32; 5] = [2, 2, 2, 1, 2];
const STAGE_SQUEEZES: [bool; 5] = [false, true, false, true, true];
const HEAD: [u32; 2] = [960, 1280];

/// One sub-network of the space.
struct Configuration {
    name: &'static str,
    accuracy: f64,
    published: Published,
    /// Width multiplier in tenths.
    width: u32,
    stages: [&'static [Block]; 5],
    /// Leading stages that are shared with the next heavier configuration.
    shared_stages: Option<usize>,
}

/// Stages 1 and 2 of all configurations of width 1.2.
const STAGE1: &[Block] = &[(7, 4), (5, 3), (5, 4), (7, 3)];
const STAGE2: &[Block] = &[(3, 3), (3, 4), (7, 6), (3, 6)];
/// Stage 3 of the lighter two of them.
const STAGE3_SMALL: &[Block] = &[(5, 3), (3, 3)];

const CONFIGURATIONS: [Configuration; 4] = [
    Configuration {
        name: "595m",
        accuracy: 80.0,
        published: figures(595, 9_100),
        width: 12,
        stages: [
            STAGE1,
            STAGE2,
            &[(5, 4), (3, 4), (5, 3), (7, 6)],
            &[(7, 6), (7, 4), (5, 6), (7, 6)],
            &[(5, 6), (7, 6), (7, 3), (3, 6)],
        ],
        shared_stages: None,
    },
    Configuration {
        name: "482m",
        accuracy: 79.6,
        published: figures(482, 9_100),
        width: 12,
        stages: [
            STAGE1,
            STAGE2,
            STAGE3_SMALL,
            &[(7, 4), (5, 3), (5, 3), (7, 4)],
            &[(5, 6), (5, 6), (3, 3), (3, 6)],
        ],
        shared_stages: Some(2),
    },
    Configuration {
        name: "389m",
        accuracy: 79.1,
        published: figures(389, 8_400),
        width: 12,
        stages: [STAGE1, STAGE2, STAGE3_SMALL, &[(7, 3), (5, 3)], &[(5, 3), (3, 6), (3, 3), (3, 4)]],
        shared_stages: Some(3),
    },
    Configuration {
        name: "230m",
        accuracy: 76.9,
        published: figures(230, 5_800),
        width: 10,
        stages: [
            &[(5, 3), (3, 4)],
            &[(3, 4), (3, 4)],
            &[(3, 6), (3, 4)],
            &[(5, 6), (5, 6), (5, 4)],
            &[(5, 3), (5, 6), (7, 6), (3, 4)],
        ],
        shared_stages: None,
    },
];

/// Published multiply-accumulates in millions and parameters in thousands.
const fn figures(mega_macs: u64, kilo_params: u64) -> Published {
    Published { macs: Some(mega_macs * 1_000_000), params: Some(kilo_params * 1000) }
}

pub(super) fn network() -> Network {
    let mut subnetworks: Vec<SubNetwork> = Vec::new();
    for configuration in &CONFIGURATIONS {
        let (layers, stage_ends) = build(configuration);
        let mut sub = SubNetwork::new(configuration.name, layers).accuracy(configuration.accuracy);
        sub.published = configuration.published;
        if let (Some(stages), Some(heavier)) = (configuration.shared_stages, subnetworks.last_mut()) {
            sub.shared_prefix = stage_ends[stages];
            heavier.switch_points = stage_ends[..=stages].to_vec();
        }
        subnetworks.push(sub);
    }
    Network {
        name: "ofa_mobilenet_v3".into(),
        title: "Once-for-all MobileNetV3".into(),
        source: "Cai et al., ICLR 2020, arXiv 1908.09791; figures of the released flops@595M, flops@482M, \
                 flops@389M and pixel1_lat@58ms networks. Configurations are reconstructed in the same search \
                 space to meet the multiply-accumulates at one resolution; their parameters differ."
            .into(),
        lookup_params: 0,
        subnetworks,
    }
}

/// The layers, and the index of the layer after the first block and after each stage.
fn build(configuration: &Configuration) -> (Vec<Layer>, Vec<usize>) {
    let width = |base: u32| scaled(base, configuration.width);
    let mut b = Builder::new(3, 224, 224);
    b.conv("stem", width(STEM), 3, 2, Padding::Same);
    let k = width(STEM);
    let first = InvertedResidual { k, kernel: 3, stride: 1, expanded: k, squeezed: None };
    b.inverted_residual("first", first, false);
    let mut stage_ends = vec![b.next_index()];
    for (stage, blocks) in configuration.stages.into_iter().enumerate() {
        for (index, &(kernel, expansion)) in blocks.iter().enumerate() {
            let expanded = b.shape().channels * expansion;
            let block = InvertedResidual {
                k: width(STAGE_CHANNELS[stage]),
                kernel,
                stride: if index == 0 { STAGE_STRIDES[stage] } else { 1 },
                expanded,
                squeezed: STAGE_SQUEEZES[stage].then(|| divisible_by_8(expanded * 10 / 4)),
            };
            b.inverted_residual(&format!("stage{}.{}", stage + 1, index + 1), block, false);
        }
        stage_ends.push(b.next_index());
    }
    b.pointwise("head.expand", width(HEAD[0])).global_pool();
    b.fc("head.mix", width(HEAD[1])).fc("classifier", 1000);
    (b.into_layers(), stage_ends)
}

/// Channels after the width multiplier, which is given in tenths.
fn scaled(base: u32, width: u32) -> u32 {
    divisible_by_8(base * width)
}

/// The nearest multiple of 8 to `tenths` / 10, but no less than 90 % of it.
fn divisible_by_8(tenths: u32) -> u32 {
    let rounded = ((tenths + 40) / 80 * 8).max(8);
    if 100 * rounded < 9 * tenths { rounded + 8 } else { rounded }
}
