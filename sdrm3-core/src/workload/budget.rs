//! How many frames of a model smart frame drop may take.

/// How many of its last frames a model may lose to smart drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DropBudget {
    lost: u8,
    of: u8,
}

impl DropBudget {
    /// No frame is ever dropped.
    pub const NONE: Self = Self { lost: 0, of: 1 };
    /// 2 of the last 10.
    pub const PUBLISHED: Self = Self { lost: 2, of: 10 };

    /// At most `lost` of the last `of` frames; `None` unless `of` lies in 1 to 32.
    pub const fn new(lost: u8, of: u8) -> Option<Self> {
        if of >= 1 && of <= 32 { Some(Self { lost, of }) } else { None }
    }

    /// How many may be lost.
    pub const fn lost(self) -> u8 {
        self.lost
    }

    /// Of how many of the latest frames.
    pub const fn of(self) -> u8 {
        self.of
    }
}

impl Default for DropBudget {
    /// 2 of the last 10, as published.
    fn default() -> Self {
        Self::PUBLISHED
    }
}
