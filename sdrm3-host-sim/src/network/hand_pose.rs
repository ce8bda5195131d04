//! Hand-pose network: DeepPrior++, Oberweger and Lepetit, "DeepPrior++: Improving Fast and Accurate
//! 3D Hand Pose Estimation", ICCV Workshops 2017, arXiv 1708.08325. Input: one 128 × 128 depth crop
//! around the hand; output: 21 joints in 3-D through a 30-dimensional pose prior.
//!
//! "HandPoseNet" names no single published network. This one stands for it because it regresses the
//! 3-D pose in one pass, is a convolutional network with large fully connected layers like the other
//! depth-based pose regressors, and is published as running at 30 frames per second.
//! Figure 2 gives a 5×5 convolution, four groups of five bottleneck blocks and the fully connected
//! part; that the bottleneck is a quarter of the block's width, and that the fourth group keeps its
//! resolution, is as in public reimplementations.

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

/// Groups of residual blocks as (output channels, stride of the first block).
const GROUPS: [(u32, u32); 4] = [(64, 2), (128, 2), (256, 2), (256, 1)];

const BLOCKS_PER_GROUP: u32 = 5;

pub(super) fn network() -> Network {
    let mut b = Builder::new(1, 128, 128);
    b.conv("conv1", 32, 5, 1, Padding::Same).pool(2, 2, Padding::Valid);
    for (group, (k, first_stride)) in GROUPS.into_iter().enumerate() {
        for block in 0..BLOCKS_PER_GROUP {
            let name = format!("group{}.{}", group + 1, block + 1);
            let stride = if block == 0 { first_stride } else { 1 };
            let input = b.shape();
            if input.channels != k {
                b.conv(&format!("{name}.shortcut"), k, 1, stride, Padding::Same).at(input);
            }
            b.pointwise(&format!("{name}.reduce"), k / 4);
            b.conv(&format!("{name}.conv"), k / 4, 3, stride, Padding::Same);
            b.pointwise(&format!("{name}.expand"), k);
        }
    }
    b.fc("fc1", 1024).fc("fc2", 1024).fc("prior", 30).fc("joints", 21 * 3);

    Network::single(
        "hand_pose_net",
        "HandPoseNet (DeepPrior++)",
        "Oberweger and Lepetit, ICCVW 2017, arXiv 1708.08325. No published count of operations or \
         parameters; bottleneck width and the last group's stride follow public reimplementations.",
        SubNetwork::new("deep_prior_pp", b.into_layers()),
    )
}
