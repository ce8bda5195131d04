//! When all is well again.

use sdrm3_core::{Duration, Instant};

use super::{Account, Window};

/// How many more of all frames may be late or lost for a window to be at the undisturbed run's level.
pub const TOLERANCE: f64 = 0.05;

/// Length of the sliding window: 200 ms, or a tenth of a run of less than 2 s.
pub fn window_length(duration: Duration) -> Duration {
    Duration::from_nanos((duration.as_nanos() / 10).min(200_000_000))
}

/// How the window slides.
const STEP: Duration = Duration::from_millis(1);

/// The time from `after` until the miss rate is back at the undisturbed run's: until the first window
/// begins whose miss rate is at most [`TOLERANCE`] above that of the undisturbed run in the same window.
/// Frames belong to the window in which they are due. `None` if no window within the run does.
pub fn recovery(
    disturbed: &Misses,
    undisturbed: &Misses,
    after: Instant,
    duration: Duration,
) -> Option<Duration> {
    let (end, length) = (Instant::ZERO.saturating_add(duration), window_length(duration));
    let starts = std::iter::successors(Some(after), |at| Some(at.saturating_add(STEP)));
    let windows = starts.map(|from| Window { from, until: from.saturating_add(length) });
    let mut within = windows.take_while(|window| window.until <= end);
    let well = |window: &Window| disturbed.rate(*window) <= undisturbed.rate(*window) + TOLERANCE;
    within.find(well).map(|window| window.from.saturating_since(after))
}

/// When frames were due, and how many of those before were missed.
#[derive(Clone, Debug)]
pub struct Misses {
    due: Vec<Instant>,
    missed_before: Vec<u32>,
}

impl Misses {
    /// Of the frames that count in a run until `end`.
    pub fn of<'a>(accounts: impl Iterator<Item = &'a Account>, end: Instant) -> Self {
        let counted = accounts.filter(|account| account.counts(end) && account.deadline <= end);
        let mut frames: Vec<_> = counted.map(|account| (account.deadline, !account.in_time())).collect();
        frames.sort_unstable();
        let mut missed_before = vec![0];
        for (_, missed) in &frames {
            missed_before.push(missed_before.last().unwrap_or(&0) + u32::from(*missed));
        }
        Self { due: frames.into_iter().map(|(due, _)| due).collect(), missed_before }
    }

    /// The share of frames due within the window that were missed; 0 without frames.
    pub fn rate(&self, window: Window) -> f64 {
        let before = |at: Instant| self.due.partition_point(|due| *due < at);
        let (from, until) = (before(window.from), before(window.until));
        let missed = self.missed_before[until] - self.missed_before[from];
        f64::from(missed) / (until - from).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    /// A frame is due every 10 ms of a second; those due from `from` to `until` are missed.
    fn missed(from: u64, until: u64) -> Misses {
        let due: Vec<u64> = (0..100).map(|n| 10 * n).collect();
        let before = |n: usize| due[..n].iter().filter(|at| (from..until).contains(at)).count() as u32;
        let missed_before = (0..=due.len()).map(before).collect();
        Misses { missed_before, due: due.into_iter().map(ms).collect() }
    }

    #[test]
    fn it_takes_until_the_first_window_at_the_undisturbed_level() {
        let second = Duration::from_millis(1_000);
        assert_eq!(window_length(second), Duration::from_millis(100), "a tenth");
        let recovered = |disturbed: &Misses, undisturbed: &Misses| {
            recovery(disturbed, undisturbed, ms(400), second).map(|time| time.as_nanos() / 1_000_000)
        };
        let well = missed(0, 0);
        assert_eq!(recovered(&well, &well), Some(0));
        // The last one missed is due at 540 ms; the first window that has none begins 1 ms later.
        assert_eq!(recovered(&missed(300, 550), &well), Some(141));
        assert_eq!(recovered(&missed(300, 550), &missed(300, 550)), Some(0), "so it was without faults");
        assert_eq!(recovered(&missed(300, 1_000), &well), None, "not within the run");
    }
}
