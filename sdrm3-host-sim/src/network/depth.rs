//! Depth from a single image with known focal length: He, Wang and Hu, "Learning Depth from Single
//! Images with Deep Neural Network Embedding Focal Length", IEEE TIP 27(9), 2018, arXiv 1803.10039.
//!
//! The paper has four parts: a pretrained VGG-16, a global transfer layer with upsampling, fusion of
//! middle-level features, and the focal length embedded through a fully connected layer. It publishes
//! no table of shapes, so everything behind VGG-16 is reconstructed: 224 × 224 input; the global
//! layer is 1024 wide and meets a 64-dimensional focal-length embedding; the decoder doubles the
//! resolution four times to 112 × 112, each time with a 3×3 convolution and a 1×1 projection of the
//! VGG features of that resolution. VGG-16 makes 93 % of the operations.

use super::builder::{Builder, Padding, Shape};
use super::{Network, SubNetwork};

/// VGG-16 as (channels, convolutions) of each stage; every stage ends in 2×2 pooling.
const VGG16: [(u32, u32); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

/// Decoder channels at 14, 28, 56 and 112 rows.
const DECODER: [u32; 4] = [256, 128, 64, 32];

const GLOBAL: u32 = 1024;
const FOCAL: u32 = 64;

/// Channels of the global features that return to the 7 × 7 grid.
const SPREAD: u32 = 64;

pub(super) fn network() -> Network {
    let mut b = Builder::new(3, 224, 224);
    let mut features: Vec<Shape> = Vec::new();
    for (stage, (k, convolutions)) in VGG16.into_iter().enumerate() {
        for index in 1..=convolutions {
            b.conv(&format!("conv{}_{index}", stage + 1), k, 3, 1, Padding::Same);
        }
        features.push(b.shape());
        b.pool(2, 2, Padding::Valid);
    }

    let grid = b.shape();
    b.fc("global", GLOBAL);
    b.matmul("focal_length", 1, FOCAL, 1);
    b.matmul("spread", GLOBAL + FOCAL, SPREAD * grid.rows * grid.columns, 1);
    b.at(Shape { channels: grid.channels + SPREAD, ..grid });

    for (index, k) in DECODER.into_iter().enumerate() {
        let name = format!("up{}", index + 1);
        b.upsample(2, 2).conv(&name, k, 3, 1, Padding::Same);
        // The projected VGG features are added to the decoder's.
        let fused = b.shape();
        b.at(features[VGG16.len() - 1 - index]).pointwise(&format!("{name}.fuse"), k).at(fused);
    }
    b.conv("depth", 1, 3, 1, Padding::Same);

    Network::single(
        "focal_length_depth",
        "FocalLengthDepthNet",
        "He, Wang and Hu, IEEE TIP 2018, arXiv 1803.10039. VGG-16 backbone at 224 x 224; the layers behind it \
         are reconstructed. No published count of operations.",
        SubNetwork::new("vgg16", b.into_layers()),
    )
}
