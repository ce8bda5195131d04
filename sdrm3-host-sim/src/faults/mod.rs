//! The fault campaign: what becomes of the frames when accelerators, clocks, tables or inputs go wrong.
//!
//! [`Kind`] names the faults, `plan` draws where and when they strike, `device` is the accelerator they
//! strike at, `tables` turns bits over, `run` simulates a run with the firmware's runtime under its
//! default supervision. `account` keeps the books of every frame, independent of the scheduler's tallies;
//! `recovery` says when all is well again; `campaign` puts the figures together.

mod account;
mod campaign;
mod device;
mod plan;
mod recovery;
mod run;
mod tables;
#[cfg(test)]
mod tests;

pub use account::{Account, End, Ledger};
pub use campaign::{Case, CellReport, Struck, Survived, Untouched, cases, of_cell};
pub use plan::{Strike, Usage, Window};
pub use recovery::{Misses, TOLERANCE, recovery, window_length};
pub use run::{Disturbed, Mode, run};
pub use tables::{is_sound, with_flipped_bit};

use serde::Serialize;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Blocks of a model on an accelerator hang until it is reset.
    Hang,
    /// An accelerator runs at [`SLOW`] of its speed, untold.
    Slow,
    /// Completions of a model on an accelerator never come.
    Lost,
    /// They come late: by 2 ms and by 20 ms in turn.
    Late,
    /// They come twice.
    Duplicate,
    /// They fail their check, and name a ticket that never was, in turn.
    Corrupt,
    /// An accelerator is gone, with what it ran; then it is there again, untold.
    Death,
    /// The supply dips: all accelerators lose what they run, and are back at once. Once every
    /// [`DIPS`].
    BrownOut,
    /// The time that the runtime is told jumps ahead by [`JUMP`], and tries to go back at the end.
    ClockJump,
    /// A bit of the tables has turned over before the start.
    Table,
    /// A model's frames come ten times as often.
    Burst,
}

/// Share of its speed at which a slow accelerator runs.
pub const SLOW: f64 = 0.3;
/// How far the clock jumps.
pub const JUMP: sdrm3_core::Duration = sdrm3_core::Duration::from_millis(50);
/// How often the supply dips; not in step with frames.
pub const DIPS: sdrm3_core::Duration = sdrm3_core::Duration::from_millis(97);
/// Of a model's blocks on an accelerator, the faults of single blocks strike one in so many.
pub const ONE_IN: u32 = 4;
/// How many times as often frames come in a burst.
pub const BURST: u32 = 10;

impl Kind {
    /// All, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Hang,
        Self::Slow,
        Self::Lost,
        Self::Late,
        Self::Duplicate,
        Self::Corrupt,
        Self::Death,
        Self::BrownOut,
        Self::ClockJump,
        Self::Table,
        Self::Burst,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Corrupt => "corrupt",
            Self::Death => "death",
            Self::BrownOut => "brown-out",
            Self::ClockJump => "clock-jump",
            Self::Table => "table",
            Self::Burst => "burst",
        }
    }

    /// Whether it changes what there is to do, or with what; the others, seen at once, cost next to
    /// nothing.
    pub fn changes_capacity(self) -> bool {
        matches!(self, Self::Slow | Self::Death | Self::Burst)
    }

    /// Whether it strikes single blocks of a model on an accelerator.
    pub fn strikes_blocks(self) -> bool {
        matches!(self, Self::Hang | Self::Lost | Self::Late | Self::Duplicate | Self::Corrupt)
    }
}
