//! The contract of [`queue`](crate::queue) as tests that run against any queue, on the host or a board.

mod rig;

pub use rig::{Mishap, Rig, Work};
