//! VGG-VoxCeleb: Nagrani, Chung and Zisserman, "VoxCeleb: a large-scale speaker identification
//! dataset", Interspeech 2017, arXiv 1706.08612, table of the modified VGG-M. Input: the 512 × 300
//! spectrogram of three seconds of speech. fc6 spans all 9 rows of frequency and slides over time;
//! its average over time (apool6) feeds fc7. Convolutions are padded by 1 as in the released model.

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

pub(super) fn network() -> Network {
    let mut b = Builder::new(1, 512, 300);
    b.conv("conv1", 96, 7, 2, Padding::Each(1)).pool(3, 2, Padding::Valid);
    b.conv("conv2", 256, 5, 2, Padding::Each(1)).pool(3, 2, Padding::Valid);
    b.conv("conv3", 384, 3, 1, Padding::Each(1));
    b.conv("conv4", 256, 3, 1, Padding::Each(1));
    b.conv("conv5", 256, 3, 1, Padding::Each(1)).pool_rect((5, 3), (3, 2), Padding::Valid);
    b.conv_rect("fc6", 4096, (9, 1), 1, Padding::Valid).global_pool();
    b.fc("fc7", 1024).fc("fc8", 1251);

    Network::single(
        "vgg_voxceleb",
        "VGG-VoxCeleb (VGG-M)",
        "Nagrani et al., Interspeech 2017, arXiv 1706.08612: 80.5 % top-1 identification. The text says 67 M \
         parameters (319 M with an unmodified fc6); its table has 17.9 M (84 M), so the text evidently means \
         mebibytes of 32-bit weights (68 and 320) and is not used as a parameter count. No published count \
         of operations.",
        SubNetwork::new("vgg_m", b.into_layers()).accuracy(80.5),
    )
}
