//! The derivation of everything the decision reads from the costs: runs at compile time.

use super::{Branch, Cost, Placement, Segment, SegmentInfo, SegmentSpec};
use crate::score;
use crate::time::Duration;

impl<const A: usize> Segment<A> {
    const EMPTY: Self = Self {
        info: SegmentInfo {
            togo: Duration::ZERO,
            fastest_togo: Duration::ZERO,
            mean_latency_ns: 0,
            worst_energy_nj: 0,
            activation_bytes: 0,
            branch: Branch::Next,
            switch_point: false,
            runs_on: 0,
        },
        on: [Placement { latency_ns: 0, energy_nj: 0, latency_preference: 0, energy_preference: 0 }; A],
    };

    /// The derived table of a network's segments; meant for a `static`, then it lies in flash.
    /// O(N x A).
    pub const fn table<const N: usize>(specs: [SegmentSpec<A>; N]) -> [Self; N] {
        let mut table = [Self::EMPTY; N];
        let mut i = N;
        while i > 0 {
            i -= 1;
            let (_, behind) = table.split_at(i + 1);
            table[i] = Self::derive(&specs[i], behind);
        }
        table
    }

    /// One derived segment, from its author's costs and the derived segments behind it. O(A).
    ///
    /// A table is built from its end: `ToGo` of a segment is its own mean latency plus what is
    /// expected behind it, a skip and an exit weighed with their probability.
    pub const fn derive(spec: &SegmentSpec<A>, behind: &[Self]) -> Self {
        let mut segment = Self::EMPTY;
        let (mut latencies, mut energies, mut among) = (0u64, 0u64, 0u32);
        let (mut fastest, mut worst, mut runs_on) = (u32::MAX, 0, 0);
        let mut a = 0;
        while a < A {
            let Cost { latency_ns, energy_nj } = spec.costs[a];
            if latency_ns != 0 {
                among += 1;
                runs_on |= if a < 32 { 1 << a } else { 0 };
                latencies += latency_ns as u64;
                energies += energy_nj as u64;
                fastest = if latency_ns < fastest { latency_ns } else { fastest };
                worst = if energy_nj > worst { energy_nj } else { worst };
            }
            a += 1;
        }
        if among == 0 {
            return segment; // runs nowhere: validate() names it
        }
        let mean = latencies / among as u64;
        a = 0;
        while a < A {
            let Cost { latency_ns, energy_nj } = spec.costs[a];
            if latency_ns != 0 {
                segment.on[a] = Placement {
                    latency_ns,
                    energy_nj,
                    latency_preference: score::preference(latencies, latency_ns, among),
                    energy_preference: score::preference(energies, energy_nj, among),
                };
            }
            a += 1;
        }
        let (togo, fastest_togo) = expected_behind(spec.branch, behind);
        segment.info = SegmentInfo {
            togo: Duration::from_nanos(togo).saturating_add(Duration::from_nanos(mean)),
            fastest_togo: Duration::from_nanos(fastest_togo)
                .saturating_add(Duration::from_nanos(fastest as u64)),
            mean_latency_ns: mean as u32,
            worst_energy_nj: worst,
            activation_bytes: spec.activation_bytes,
            branch: spec.branch,
            switch_point: spec.switch_point,
            runs_on,
        };
        segment
    }
}

/// Expected (`ToGo`, fastest `ToGo`) in nanoseconds after a segment with that branch.
const fn expected_behind<const A: usize>(branch: Branch, behind: &[Segment<A>]) -> (u64, u64) {
    const fn at<const A: usize>(table: &[Segment<A>], i: usize) -> (u64, u64) {
        if i < table.len() {
            (table[i].info.togo.as_nanos(), table[i].info.fastest_togo.as_nanos())
        } else {
            (0, 0)
        }
    }
    let next = at(behind, 0);
    let (p, jump) = match branch {
        Branch::Next => return next,
        Branch::Skip { segments, probability } => (probability, at(behind, segments as usize)),
        Branch::Exit { probability } => (probability, (0, 0)),
    };
    (next.0 - p.of(next.0) + p.of(jump.0), next.1 - p.of(next.1) + p.of(jump.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Probability;

    const fn ms(a: u32, b: u32) -> SegmentSpec<2> {
        SegmentSpec::new([Cost::new(a * 1_000_000, a * 10), Cost::new(b * 1_000_000, b * 10)])
    }

    #[test]
    fn togo_sums_the_means_and_the_minima_to_the_end() {
        const TABLE: [Segment<2>; 2] = Segment::table([ms(2, 4), ms(1, 5)]);
        assert_eq!(TABLE[0].info.togo, Duration::from_millis(3 + 3));
        assert_eq!(TABLE[1].info.togo, Duration::from_millis(3));
        assert_eq!(TABLE[0].info.fastest_togo, Duration::from_millis(2 + 1));
        assert_eq!(TABLE[0].info.worst_energy_nj, 40);
    }

    #[test]
    fn an_accelerator_that_cannot_run_a_segment_counts_in_no_mean() {
        let [only] = Segment::table([SegmentSpec::new([Cost::new(7, 3), Cost::NONE])]);
        assert_eq!(only.info.mean_latency_ns, 7);
        assert!(!only.placements()[1].runs());
        assert_eq!(only.placements()[0].latency_preference, 1 << score::PREFERENCE_BITS);
    }

    #[test]
    fn a_skip_weighs_what_it_jumps_over() {
        let skip = Branch::Skip { segments: 1, probability: Probability::from_percent(75) };
        let table = Segment::table([ms(4, 8).with_branch(skip), ms(2, 6), ms(12, 20)]);
        assert_eq!(table[0].info.togo, Duration::from_millis(6 + 20 / 4 + 16 * 3 / 4), "at the means");
        assert_eq!(table[0].info.fastest_togo, Duration::from_micros(4_000 + 14_000 / 4 + 12_000 * 3 / 4));
    }

    #[test]
    fn an_exit_weighs_everything_behind_it() {
        let exit = Branch::Exit { probability: Probability::from_f64(0.75).unwrap() };
        let table = Segment::table([ms(1, 3).with_branch(exit), ms(8, 4), ms(4, 16)]);
        assert_eq!(table[0].info.togo, Duration::from_millis(2 + 16 / 4), "at the means");
        assert_eq!(table[0].info.fastest_togo, Duration::from_millis(1 + 8 / 4));
    }
}
