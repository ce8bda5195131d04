//! The self-check: every event of a run held against what the scheduler promises.

use sdrm3_check::ledger::{Broken, Ledger};
use sdrm3_core::{Config, Event, Instant, Tally, Workload};

use super::{JOBS, Recorder};
use crate::scenario::ACCELERATORS;

/// A recorder that keeps a second book of the run: see [`Ledger`].
#[derive(Clone, Debug)]
pub struct SelfCheck<'w> {
    ledger: Ledger<'w, ACCELERATORS>,
    /// The first promise that was broken: behind it the book is wrong.
    broken: Option<Broken>,
}

impl<'w> SelfCheck<'w> {
    /// Of a run of this workload, from its start to its end.
    pub fn new(workload: &'w Workload<'w, ACCELERATORS>, config: Config) -> Self {
        Self { ledger: Ledger::new(workload, config, JOBS), broken: None }
    }

    /// How many events were held against the promises, if none was broken and these are the totals.
    pub fn verdict(self, tallies: &[Tally]) -> Result<u64, Broken> {
        match self.broken {
            Some(broken) => Err(broken),
            None => self.ledger.settle(tallies).map(|()| self.ledger.events()),
        }
    }
}

impl Recorder for SelfCheck<'_> {
    fn record(&mut self, event: &Event, now: Instant) {
        if self.broken.is_none() {
            self.broken = self.ledger.hear(event, now).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Cell, simulate};
    use crate::network::Library;
    use crate::policy::{Method, Parameters, PolicyName};
    use crate::scenario::{Platform, Scenario, build};
    use bumpalo::Bump;
    use sdrm3_core::{Duration, MapScore};

    /// Passes all events on but one.
    struct Without<'a> {
        left_out: u32,
        seen: u32,
        check: SelfCheck<'a>,
    }

    impl Recorder for Without<'_> {
        fn record(&mut self, event: &Event, now: Instant) {
            self.seen += 1;
            if self.seen != self.left_out {
                self.check.record(event, now);
            }
        }
    }

    fn with_cell<T>(test: impl FnOnce(&Cell<'_>) -> T) -> T {
        let (scenario, platform) =
            (Scenario::load("vr_gaming").expect("built in"), Platform::load("4k-1ws-2os").expect("built in"));
        let memory = Bump::new();
        let workload = build(&scenario, &platform, &Library::default(), None, &memory).expect("tables");
        let duration = Duration::from_millis(200);
        test(&Cell {
            scenario: &scenario,
            platform: &platform,
            workload: &workload,
            recording: None,
            duration,
            seed: 1,
        })
    }

    #[test]
    fn no_policy_breaks_a_promise() {
        with_cell(|cell| {
            for policy in PolicyName::ALL {
                let method = Method::new(policy, &[], Parameters::default());
                let mut check = SelfCheck::new(cell.workload, method.config());
                let outcome = method.run(cell, &mut check);
                let events = check.verdict(&outcome.tallies);
                assert!(events.as_ref().is_ok_and(|events| *events > 1_000), "{policy:?}: {events:?}");
            }
        });
    }

    #[test]
    fn an_event_that_is_missing_is_noticed() {
        with_cell(|cell| {
            for left_out in (1..200).step_by(7) {
                let config = Config { tuning_window: None, ..Config::FULL };
                let check = SelfCheck::new(cell.workload, config);
                let mut without = Without { left_out, seen: 0, check };
                let outcome = simulate(cell, MapScore::default(), config, &mut without);
                assert!(without.check.verdict(&outcome.tallies).is_err(), "event {left_out}");
            }
        });
    }
}
