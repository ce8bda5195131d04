//! The loops of a convolution and the tensors that they index.

use std::ops::Index;

/// A loop of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dim {
    /// Output channels.
    K,
    /// Input channels.
    C,
    /// Input rows.
    Y,
    /// Input columns.
    X,
    /// Kernel rows.
    R,
    /// Kernel columns.
    S,
}

impl Dim {
    /// Every loop, in the order of the discriminants.
    pub(super) const ALL: [Self; 6] = [Self::K, Self::C, Self::Y, Self::X, Self::R, Self::S];

    /// The kernel loop that slides along this one.
    pub(super) fn kernel(self) -> Option<Self> {
        match self {
            Self::Y => Some(Self::R),
            Self::X => Some(Self::S),
            _ => None,
        }
    }
}

/// One value for each loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PerDim<T>([T; 6]);

impl<T> PerDim<T> {
    /// Asks `value` for each loop.
    pub(super) fn new(value: impl FnMut(Dim) -> T) -> Self {
        Self(Dim::ALL.map(value))
    }
}

impl<T: Copy> PerDim<T> {
    /// The same values, but `value` for one loop.
    pub(super) fn with(mut self, dim: Dim, value: T) -> Self {
        self.0[dim as usize] = value;
        self
    }
}

impl<T> Index<Dim> for PerDim<T> {
    type Output = T;

    fn index(&self, dim: Dim) -> &T {
        &self.0[dim as usize]
    }
}

/// Loops that index the input activations.
pub(super) const INPUT: &[Dim] = &[Dim::C, Dim::Y, Dim::X];
/// Loops that index the weights.
pub(super) const WEIGHT: &[Dim] = &[Dim::K, Dim::C, Dim::R, Dim::S];
/// Loops that index the output of a dense convolution: input channels are summed up.
pub(super) const OUTPUT: &[Dim] = &[Dim::K, Dim::Y, Dim::X];
/// Loops that index the output of a depthwise convolution: channels stay apart.
pub(super) const DEPTHWISE_OUTPUT: &[Dim] = &[Dim::K, Dim::C, Dim::Y, Dim::X];
