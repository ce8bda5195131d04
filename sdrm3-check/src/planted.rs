//! Bugs to be found: each is wired between a real scheduler or runtime and what checks it, so that a test
//! can show that the check would notice. `SDRM3_PLANTED=lost-ticket` plants one in the fuzz targets.

use sdrm3_core::{Event, Fault, Frame, Score, Ticket};
use sdrm3_hal::Wake;

/// A bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planted {
    /// None: everything is as it is.
    #[default]
    None,
    /// One completion in eight is never told.
    LostTicket,
    /// One completion in eight is told twice.
    AnsweredTwice,
    /// Frames of number 3 run as if they scored a little higher.
    WrongPair,
    /// An accelerator that did not take a block is treated as one that lost it.
    Taken,
    /// The runtime never asks to be woken.
    NoWake,
}

impl Planted {
    /// All, without [`None`](Self::None).
    pub const ALL: [Self; 5] =
        [Self::LostTicket, Self::AnsweredTwice, Self::WrongPair, Self::Taken, Self::NoWake];

    /// Its name in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LostTicket => "lost-ticket",
            Self::AnsweredTwice => "answered-twice",
            Self::WrongPair => "wrong-pair",
            Self::Taken => "taken",
            Self::NoWake => "no-wake",
        }
    }

    /// The one that `SDRM3_PLANTED` names, if it is set.
    ///
    /// # Panics
    ///
    /// If it names none.
    pub fn from_env() -> Self {
        let Ok(name) = std::env::var("SDRM3_PLANTED") else { return Self::None };
        let names = Self::ALL.map(Self::name);
        let found = Self::ALL.into_iter().find(|planted| planted.name() == name);
        found.unwrap_or_else(|| panic!("SDRM3_PLANTED={name}: give one of {names:?}, or none"))
    }

    /// How often an event is heard.
    pub(crate) fn times(self, event: &Event) -> usize {
        match (self, event) {
            (Self::LostTicket, Event::Completed(report)) if Self::hits(report.ticket) => 0,
            (Self::AnsweredTwice, Event::Completed(report)) if Self::hits(report.ticket) => 2,
            _ => 1,
        }
    }

    fn hits(ticket: Ticket) -> bool {
        ticket.sequence % 8 == 5
    }

    /// What a pair scores.
    pub(crate) fn score(self, frame: &Frame, score: Score) -> Score {
        let is_hit = self == Self::WrongPair && frame.number == 3;
        if is_hit { Score(score.0 + (1 << 20)) } else { score }
    }

    /// What an accelerator does instead.
    pub(crate) fn fault(self, fault: Fault) -> Fault {
        if self == Self::Taken && fault == Fault::NotTaken { Fault::BlockLost } else { fault }
    }

    /// When the runtime asks to be called again.
    pub(crate) fn wake(self, wake: Wake) -> Wake {
        if self == Self::NoWake { Wake::OnEvent } else { wake }
    }
}
