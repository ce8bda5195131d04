//! FBNet-C: Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural
//! Architecture Search", CVPR 2019, arXiv 1812.03443. Stages as in table 1, blocks as the search
//! found them for FBNet-C, from the authors' released model definition; input 224 × 224.
//!
//! Every block has its first 1×1 convolution, also with expansion 1. The last 1×1 convolution is
//! 1984 wide, as released for FBNet-B and -C.

use super::builder::{Builder, InvertedResidual, Padding};
use super::{Network, SubNetwork};

/// Blocks as (output channels, depthwise kernel, stride, expansion). The search chose to leave out
/// the second block of the 24-channel stage.
const BLOCKS: [(u32, u32, u32, u32); 21] = [
    (16, 3, 1, 1),
    (24, 3, 2, 6),
    (24, 3, 1, 1),
    (24, 3, 1, 1),
    (32, 5, 2, 6),
    (32, 5, 1, 3),
    (32, 5, 1, 6),
    (32, 3, 1, 6),
    (64, 5, 2, 6),
    (64, 5, 1, 3),
    (64, 5, 1, 6),
    (64, 5, 1, 6),
    (112, 5, 1, 6),
    (112, 5, 1, 6),
    (112, 5, 1, 6),
    (112, 5, 1, 3),
    (184, 5, 2, 6),
    (184, 5, 1, 6),
    (184, 5, 1, 6),
    (184, 5, 1, 6),
    (352, 3, 1, 6),
];

pub(super) fn network() -> Network {
    let mut b = Builder::new(3, 224, 224);
    b.conv("stem", 16, 3, 2, Padding::Same);
    for (index, (k, kernel, stride, expansion)) in BLOCKS.into_iter().enumerate() {
        let expanded = b.shape().channels * expansion;
        let block = InvertedResidual { k, kernel, stride, expanded, squeezed: None };
        b.inverted_residual(&format!("block{}", index + 1), block, true);
    }
    b.pointwise("head", 1984).global_pool().fc("classifier", 1000);

    Network::single(
        "fbnet_c",
        "FBNet-C",
        "Wu et al., CVPR 2019, arXiv 1812.03443: 375 M multiply-accumulates, 5.5 M parameters, \
         74.9 % top-1.",
        SubNetwork::new("fbnet_c", b.into_layers())
            .accuracy(74.9)
            .published(Some(375_000_000), Some(5_500_000)),
    )
}
