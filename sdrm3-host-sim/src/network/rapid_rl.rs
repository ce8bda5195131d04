//! RAPID-RL: Kosta et al., "RAPID-RL: A Reconfigurable Architecture with Preemptive-Exits for
//! Efficient Deep-Reinforcement Learning", ICRA 2022, arXiv 2109.08231: a deep Q-network for drone
//! navigation with side branches that give an action and a confidence, and end the frame early.
//!
//! Reconstructed. The paper publishes the average: 0.25 of the operations of the network without
//! side branches (drone navigation, at 0.91 of its performance). The backbone here is the AlexNet
//! Q-network of PEDRA, the drone simulator that the paper uses (227 × 227, convolutions without
//! groups, 25 actions; one of its two duelling streams). Shape and place of the two side branches
//! (after pool1 and pool2) are assumed; the exit probabilities are chosen such that the average is
//! the published 0.25.

use super::builder::{Builder, Padding};
use super::{Network, SubNetwork};

const ACTIONS: u32 = 25;

/// Probability of leaving at each side branch once it is reached: 75 % of the frames end at the
/// first, 15 % at the second, 10 % run to the end.
const EXITS: [f64; 2] = [0.75, 0.6];

pub(super) fn network() -> Network {
    let mut b = Builder::new(3, 227, 227);
    b.conv("conv1", 96, 11, 4, Padding::Valid).pool(3, 2, Padding::Valid);
    side_branch(&mut b, 0);
    b.conv("conv2", 256, 5, 1, Padding::Same).pool(3, 2, Padding::Valid);
    side_branch(&mut b, 1);
    b.conv("conv3", 384, 3, 1, Padding::Same);
    b.conv("conv4", 384, 3, 1, Padding::Same);
    b.conv("conv5", 256, 3, 1, Padding::Same).pool(3, 2, Padding::Valid);
    b.fc("fc6", 4096).fc("fc7", 2048).fc("fc8", ACTIONS);

    Network::single(
        "rapid_rl",
        "RAPID-RL",
        "Kosta et al., ICRA 2022, arXiv 2109.08231: on average 0.25 of the operations of the network without \
         side branches. Backbone from PEDRA; side branches and exit shares are reconstructed to give that \
         average. No published absolute count of operations.",
        SubNetwork::new("rapid_rl", b.into_layers()),
    )
}

/// One strided convolution, one hidden layer, then the Q-values and the confidence.
fn side_branch(b: &mut Builder, index: usize) {
    let name = format!("branch{}", index + 1);
    let trunk = b.shape();
    b.conv(&format!("{name}.conv"), 32, 3, 2, Padding::Same);
    b.fc(&format!("{name}.fc"), 128).fc(&format!("{name}.out"), ACTIONS + 1);
    b.exit(EXITS[index]).at(trunk);
}
