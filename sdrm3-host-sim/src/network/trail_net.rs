//! TrailNet: Smolyanskiy et al., "Toward Low-Flying Autonomous MAV Trail Navigation using Deep
//! Neural Networks for Environmental Awareness", IROS 2017, arXiv 1705.02550. S-ResNet-18 as in the
//! released Caffe definition: input 320 × 180, shifted ReLUs instead of batch normalisation, the
//! second convolution of a block takes the stride, and two heads (orientation, lateral offset) of
//! three classes each.

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

/// Stages as (output channels, stride of the first block); two blocks each.
const STAGES: [(u32, u32); 4] = [(64, 1), (128, 2), (256, 2), (512, 2)];

pub(super) fn network() -> Network {
    let mut b = Builder::new(3, 180, 320);
    b.conv("conv1", 64, 7, 2, Padding::Valid).pool(3, 2, Padding::Valid);
    for (stage, (k, first_stride)) in STAGES.into_iter().enumerate() {
        for block in 1..=2 {
            let name = format!("res{}_{block}", stage + 1);
            let stride = if block == 1 { first_stride } else { 1 };
            let input = b.shape();
            if stride != 1 {
                b.conv(&format!("{name}_proj"), k, 1, stride, Padding::Same).at(input);
            }
            b.conv(&format!("{name}_1"), k, 3, 1, Padding::Same);
            b.conv(&format!("{name}_2"), k, 3, stride, Padding::Same);
        }
    }
    b.pool(3, 1, Padding::Valid);
    let features = b.shape();
    b.fc("orientation", 3).at(features).fc("lateral", 3);

    Network::single(
        "trail_net",
        "TrailNet S-ResNet-18",
        "Smolyanskiy et al., IROS 2017, arXiv 1705.02550, and the released prototxt; 84 % trail accuracy. No \
         published count of operations that could be checked.",
        SubNetwork::new("s_resnet_18", b.into_layers()).accuracy(84.0),
    )
}
