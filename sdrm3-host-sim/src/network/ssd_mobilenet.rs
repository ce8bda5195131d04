//! SSDLite with MobileNetV2: Sandler et al., "MobileNetV2: Inverted Residuals and Linear
//! Bottlenecks", CVPR 2018, arXiv 1801.04381. Backbone as in table 2, detector and input 320 × 320 as
//! in section 6.2; extra layers and anchors as in the released object-detection model.
//!
//! The detector reads six maps: the expansion of the first stride-32 block (20 × 20), the last
//! backbone layer (10 × 10) and four extra layers. Each map has a depthwise-separable predictor of
//! boxes (4) and of classes (90 and background), with 3 anchors on the finest map and 6 elsewhere.

use super::builder::{Builder, InvertedResidual, Padding, Shape};
use super::{Network, SubNetwork};

/// Stages as (expansion, output channels, blocks, stride of the first block).
const STAGES: [(u32, u32, u32, u32); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Output channels of the extra layers.
const EXTRAS: [u32; 4] = [512, 256, 256, 128];

const CLASSES: u32 = 91;

pub(super) fn network() -> Network {
    let mut b = Builder::new(3, 320, 320);
    let mut maps: Vec<Shape> = Vec::new();
    b.conv("stem", 32, 3, 2, Padding::Same);
    for (stage, (expansion, k, blocks, first_stride)) in STAGES.into_iter().enumerate() {
        for block in 0..blocks {
            let stride = if block == 0 { first_stride } else { 1 };
            let input = b.shape();
            let expanded = input.channels * expansion;
            if k == 160 && block == 0 {
                maps.push(Shape { channels: expanded, ..input });
            }
            let name = format!("stage{}.{}", stage + 1, block + 1);
            let block = InvertedResidual { k, kernel: 3, stride, expanded, squeezed: None };
            b.inverted_residual(&name, block, false);
        }
    }
    b.pointwise("last", 1280);
    maps.push(b.shape());
    for (index, k) in EXTRAS.into_iter().enumerate() {
        let name = format!("extra{}", index + 1);
        b.pointwise(&format!("{name}.reduce"), k / 2);
        b.depthwise(&format!("{name}.depthwise"), 3, 2);
        b.pointwise(&format!("{name}.project"), k);
        maps.push(b.shape());
    }
    for (index, map) in maps.into_iter().enumerate() {
        let anchors = if index == 0 { 3 } else { 6 };
        for (head, outputs) in [("boxes", 4), ("classes", CLASSES)] {
            let name = format!("map{}.{head}", index + 1);
            b.at(map).depthwise(&format!("{name}.depthwise"), 3, 1);
            b.pointwise(&format!("{name}.predict"), anchors * outputs);
        }
    }

    Network::single(
        "ssd_mobilenet_v2",
        "SSDLite MobileNetV2",
        "Sandler et al., CVPR 2018, arXiv 1801.04381: table 6 gives 0.8 B multiply-accumulates, 4.3 M \
         parameters and 22.1 % mAP (COCO) at 320 x 320. Extra layers, anchors and the 90 classes follow the \
         released model, which the Open Model Zoo measures with 4.475 M parameters.",
        SubNetwork::new("ssd_mobilenet_v2", b.into_layers())
            .accuracy(22.1)
            .published(Some(800_000_000), Some(4_300_000)),
    )
}
