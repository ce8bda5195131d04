//! Smart frame drop: under overload, give up a frame that is lost anyway.
//!
//! Our reading of the published rule. A waiting frame is dropped only when all of these hold:
//!
//! 1. it cannot meet its deadline even if every remaining segment ran at once on its fastest
//!    accelerator: `sum of min over a of lat > slack`;
//! 2. the system is overloaded: more than one frame under way is in that state;
//! 3. its model, and every active model that depends on it, has not lost too many frames lately
//!    ([`DropBudget`], 2 of the last 10 unless set otherwise).
//!
//! Among the candidates the one with the most work left goes, the expected work of the frames that
//! depend on it included; those go with it.

use core::cmp::Reverse;

use crate::job::{Frame, JobId};
use crate::time::Duration;
use crate::workload::{DropBudget, ModelId};

/// Which of a model's last 32 frames were lost (ended without a result); the latest is bit 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History(u32);

impl History {
    pub(crate) fn record(&mut self, lost: bool) {
        self.0 = self.0 << 1 | u32::from(lost);
    }

    /// Whether one more loss keeps to the budget.
    pub(crate) fn allows(self, budget: DropBudget) -> bool {
        // The next frame takes one of the places.
        let window = self.0 & !(u32::MAX << (budget.of() - 1));
        window.count_ones() < u32::from(budget.lost())
    }
}

/// Work left; model and frame number, which make it unique; the job.
type Candidate = (Duration, Reverse<(ModelId, u32)>, JobId);

/// Finds the frame to drop, in one pass over the jobs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Search {
    /// Frames under way that cannot meet their deadline.
    infeasible: u32,
    /// The candidate with the most work left; of equal ones that of the lower model and frame number.
    candidate: Option<Candidate>,
}

impl Search {
    /// A frame under way cannot meet its deadline.
    pub(crate) fn infeasible(&mut self) {
        self.infeasible += 1;
    }

    /// It may be dropped, and has this much work left.
    pub(crate) fn candidate(&mut self, work: Duration, frame: &Frame, job: JobId) {
        let candidate = (work, Reverse((frame.model, frame.number)), job);
        if self.candidate.is_none_or(|most| candidate > most) {
            self.candidate = Some(candidate);
        }
    }

    pub(crate) fn has_candidate(&self) -> bool {
        self.candidate.is_some()
    }

    /// The frame to drop, if the system is overloaded.
    pub(crate) fn verdict(self) -> Option<JobId> {
        self.candidate.filter(|_| self.infeasible > 1).map(|(.., job)| job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    #[test]
    fn a_budget_of_two_in_ten_allows_two_in_any_ten() {
        let mut history = History::default();
        let mut lost = std::vec::Vec::new();
        for frame in 0..40 {
            let drop = history.allows(DropBudget::PUBLISHED);
            history.record(drop);
            lost.extend(drop.then_some(frame));
        }
        assert_eq!(lost, [0, 1, 10, 11, 20, 21, 30, 31], "as soon as one may, and never more");
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing() {
        assert!(!History::default().allows(DropBudget::NONE));
        assert_eq!(DropBudget::new(1, 0), None);
        assert_eq!(DropBudget::new(1, 33), None);
        let all = DropBudget::new(32, 32).unwrap();
        let mut history = History::default();
        for _ in 0..100 {
            assert!(history.allows(all), "32 of 32 is no limit");
            history.record(true);
        }
    }

    #[test]
    fn one_lost_frame_alone_is_no_overload() {
        let job = JobId { index: 3, generation: 0 };
        let zero = Instant::ZERO;
        let frame = Frame { release: zero, deadline: zero, origin: zero, number: 0, model: ModelId(0) };
        let mut search = Search::default();
        search.infeasible();
        search.candidate(Duration::from_millis(1), &frame, job);
        assert_eq!(search.verdict(), None);
        search.infeasible();
        assert_eq!(search.verdict(), Some(job));
    }
}
