//! SOSNet: Tian et al., "SOSNet: Second Order Similarity Regularization for Local Descriptor
//! Learning", CVPR 2019, arXiv 1904.05019. The network is L2-Net (Tian et al., CVPR 2017): seven
//! convolutions from a 32 × 32 grey patch to a 128-dimensional descriptor.
//!
//! One frame of visual odometry describes 64 patches (this project's choice: the keypoints that are
//! new in a frame, after tracking). The patches are one batch; as the simulator has no batch
//! dimension they are stacked into one tall image, which keeps operations and traffic exact and
//! only neglects the padding between two patches.

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

const PATCHES: u32 = 64;
const PATCH: u32 = 32;

pub(super) fn network() -> Network {
    let mut b = Builder::new(1, PATCHES * PATCH, PATCH);
    for (index, (k, stride)) in
        [(32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1)].into_iter().enumerate()
    {
        b.conv(&format!("conv{}", index + 1), k, 3, stride, Padding::Same);
    }
    // The kernel covers a whole patch, so the stride leads from one patch to the next.
    b.conv("conv7", 128, PATCH / 4, PATCH / 4, Padding::Valid);

    Network::single(
        "sos_net",
        "SOSNet",
        "Tian et al., CVPR 2019, arXiv 1904.05019, with the L2-Net architecture. No published count of \
         operations; 64 patches per frame are this project's choice.",
        SubNetwork::new("patches64", b.into_layers()),
    )
}
