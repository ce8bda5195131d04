//! GNMT: Wu et al., "Google's Neural Machine Translation System", arXiv 1609.08144, section 3:
//! eight encoder layers (the first bidirectional) and eight decoder layers of 1024 LSTM cells,
//! additive attention whose context reaches every decoder layer, 32 000 word pieces.
//!
//! One frame is one short spoken phrase: 8 source and 8 target word pieces, greedy decoding.
//! An LSTM layer is one matrix product per time step, (input + hidden) × 4 gates; its time steps
//! are the positions of one layer. That fetches the weights once for a phrase, as if they stayed on
//! chip over its time steps; the order of steps within the decoder is not modelled.

use super::builder::Builder;
use super::{Network, SubNetwork};

const WIDTH: u32 = 1024;
const GATES: u32 = 4;
const VOCABULARY: u32 = 32_000;
const SOURCE: u32 = 8;
const TARGET: u32 = 8;
const DEPTH: u32 = 8;

pub(super) fn network() -> Network {
    let mut b = Builder::new(WIDTH, SOURCE, 1);
    // An LSTM over `inputs` concatenated vectors of the model's width, its own state included.
    let mut lstm = |name: &str, inputs: u32, steps: u32| {
        b.matmul(name, inputs * WIDTH, GATES * WIDTH, steps);
    };
    lstm("encoder1.forward", 2, SOURCE);
    lstm("encoder1.backward", 2, SOURCE);
    // The second layer reads both directions.
    lstm("encoder2", 3, SOURCE);
    for layer in 3..=DEPTH {
        lstm(&format!("encoder{layer}"), 2, SOURCE);
    }
    b.matmul("attention.memory", WIDTH, WIDTH, SOURCE);
    b.matmul("attention.query", WIDTH, WIDTH, TARGET);
    // Score of each source position, then their weighted sum: the second factor is an activation.
    b.matmul("attention.score", WIDTH, SOURCE, TARGET);
    b.matmul("attention.context", SOURCE, WIDTH, TARGET);
    for layer in 1..=DEPTH {
        // Input, attention context, own state.
        b.matmul(&format!("decoder{layer}"), 3 * WIDTH, GATES * WIDTH, TARGET);
    }
    b.matmul("softmax", WIDTH, VOCABULARY, TARGET);

    let mut network = Network::single(
        "gnmt",
        "GNMT",
        "Wu et al., arXiv 1609.08144. Shazeer et al. (ICLR 2017, arXiv 1701.06538, table of WMT'14 En-Fr) \
         give 214 M operations per time step and 278 M parameters for it; the figure here is that for 8 time \
         steps. The length of 8 word pieces is this project's choice.",
        SubNetwork::new("phrase8", b.into_layers())
            .published(Some(214_000_000 * u64::from(TARGET)), Some(278_000_000)),
    );
    // Source and target embeddings.
    network.lookup_params = 2 * u64::from(VOCABULARY) * u64::from(WIDTH);
    network
}
