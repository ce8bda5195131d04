//! SkipNet-101: Wang et al., "SkipNet: Learning Dynamic Routing in Convolutional Networks",
//! ECCV 2018, arXiv 1711.09485: ResNet-101 on ImageNet, 224 × 224, with a recurrent gate before each
//! residual block but the first. The 101-layer backbone is the one whose saving is published to the
//! digit. As in the released code a skipped block leaves its shortcut, projection included, and the
//! stride lies on the 3×3 convolution.
//!
//! A gate embeds the pooled features into 10 values and runs a 10-cell LSTM over the blocks. The
//! layer here is the embedding (at most 20 480 multiplications); the LSTM's 810 are left out. All
//! gates skip with the same probability, chosen to give the published average saving: the share of
//! each single block is only published as a plot.

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

/// Groups as (bottleneck width, blocks, stride of the first block); blocks put out 4 × the width.
const GROUPS: [(u32, u32, u32); 4] = [(64, 3, 1), (128, 4, 2), (256, 23, 2), (512, 3, 2)];

/// Convolutions that a gate can skip.
const BLOCK_LAYERS: u16 = 3;

const GATE_EMBEDDING: u32 = 10;

/// Probability that a gate skips its block: 29.942 % of all operations over the 91.5 % that lie in
/// gated blocks.
const SKIP: f64 = 0.327;

pub(super) fn network() -> Network {
    let mut b = Builder::new(3, 224, 224);
    b.conv("conv1", 64, 7, 2, Padding::Same).pool(3, 2, Padding::Same);
    for (group, (width, blocks, first_stride)) in GROUPS.into_iter().enumerate() {
        for block in 1..=blocks {
            let name = format!("group{}.{block}", group + 1);
            let stride = if block == 1 { first_stride } else { 1 };
            let input = b.shape();
            if block == 1 {
                b.conv(&format!("{name}.shortcut"), 4 * width, 1, stride, Padding::Same).at(input);
            }
            if (group, block) != (0, 1) {
                b.matmul(&format!("{name}.gate"), input.channels, GATE_EMBEDDING, 1).skip(BLOCK_LAYERS, SKIP);
            }
            b.pointwise(&format!("{name}.reduce"), width);
            b.conv(&format!("{name}.conv"), width, 3, stride, Padding::Same);
            b.pointwise(&format!("{name}.expand"), 4 * width);
        }
    }
    b.global_pool().fc("classifier", 1000);

    Network::single(
        "skip_net",
        "SkipNet-101",
        "Wang et al., ECCV 2018, arXiv 1711.09485, and the released SkipNet-101+HRL+SP: 76.942 % top-1 with \
         29.942 % of the operations skipped. Operations of the full ResNet-101 from He et al., CVPR 2016 \
         (7.6 B, with the stride one layer earlier); 44.5 M parameters.",
        SubNetwork::new("skip_net_101", b.into_layers())
            .accuracy(76.942)
            .published(Some(7_600_000_000), Some(44_500_000)),
    )
}
