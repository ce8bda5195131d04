//! Supernet switching: how accurate a sub-network the present load can afford.
//!
//! Our reading of the published rule: take the heaviest sub-network whose estimated finish, given
//! present load, meets the deadline; step back up when the load falls. The estimate is
//!
//! ```text
//! finish(s) = now + backlog / accelerators in service + ToGo(s)
//! backlog   = sum of ToGo over the other frames under way that are due no later
//! ```
//!
//! Sub-networks are ordered from heavy to light, so the static `ToGo` of their segments is the
//! lookup table and the choice a binary search. A step back up needs a margin of an eighth, so that a
//! load at the edge does not make the accuracy flicker.

use crate::time::Duration;
use crate::workload::SubNetwork;

/// The sub-network for a new frame: an index into `subnetworks`, at most `lightest`.
///
/// `available` is the time until the deadline less what others take, `current` the sub-network used
/// before. O(log n).
pub(crate) fn select<const A: usize>(
    subnetworks: &[SubNetwork<'_, A>],
    available: Duration,
    current: u8,
    lightest: u8,
) -> u8 {
    let wanted = heaviest_within(subnetworks, 0, available, 0, lightest);
    if wanted >= current {
        return wanted;
    }
    let margin = Duration::from_nanos(available.as_nanos() / 8);
    heaviest_within(subnetworks, 0, available.saturating_sub(margin), 0, lightest).min(current)
}

/// The sub-network to go on with from segment `position`: `current`, or a lighter one that keeps all
/// finished work. O(log n) beside [`reachable`].
pub(crate) fn lighten<const A: usize>(
    subnetworks: &[SubNetwork<'_, A>],
    position: u16,
    available: Duration,
    current: u8,
    lightest: u8,
) -> u8 {
    let reachable = reachable(subnetworks, current, position, lightest);
    heaviest_within(subnetworks, position, available, current, reachable)
}

/// The heaviest from `first` to `last` that ends within `time` when it goes on from `position`; `last` if
/// none does. All of them have that segment, and the work left from there falls from one to the next.
fn heaviest_within<const A: usize>(
    subnetworks: &[SubNetwork<'_, A>],
    position: u16,
    time: Duration,
    first: u8,
    last: u8,
) -> u8 {
    let too_long = |subnetwork: &SubNetwork<'_, A>| {
        subnetwork.segments.get(usize::from(position)).is_some_and(|segment| segment.info().togo > time)
    };
    let range = subnetworks.get(usize::from(first)..=usize::from(last)).unwrap_or(&[]);
    (usize::from(first) + range.partition_point(too_long)).min(usize::from(last)) as u8
}

/// The lightest sub-network that keeps the accuracy floor; those whose accuracy is unknown keep it.
pub(crate) fn lightest<const A: usize>(subnetworks: &[SubNetwork<'_, A>], floor_milli_percent: u32) -> u8 {
    let keeps = |subnetwork: &&SubNetwork<'_, A>| {
        subnetwork.accuracy_milli_percent == 0 || subnetwork.accuracy_milli_percent >= floor_milli_percent
    };
    // The heaviest is always allowed.
    (subnetworks.iter().take_while(keeps).count().max(1) - 1).min(255) as u8
}

/// The lightest sub-network that can go on from `position` of `current` with all finished work kept:
/// every one on the way shares that many leading segments with its heavier neighbour, and has more.
fn reachable<const A: usize>(
    subnetworks: &[SubNetwork<'_, A>],
    current: u8,
    position: u16,
    lightest: u8,
) -> u8 {
    let lighter = subnetworks.iter().skip(usize::from(current) + 1);
    let goes_on = |subnetwork: &&SubNetwork<'_, A>| {
        subnetwork.shared_prefix >= position && subnetwork.segments.len() > usize::from(position)
    };
    let steps = lighter.take_while(goes_on).count();
    (usize::from(current) + steps).min(usize::from(lightest).max(usize::from(current))) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Cost, Segment, SegmentSpec};

    const fn network<const N: usize>(ms: [u32; N]) -> [Segment<1>; N] {
        let mut specs = [SegmentSpec::new([Cost::NONE]); N];
        let mut i = 0;
        while i < N {
            specs[i] = SegmentSpec::new([Cost::new(ms[i] * 1_000_000, 1)]);
            i += 1;
        }
        Segment::table(specs)
    }

    static HEAVY: [Segment<1>; 3] = network([2, 10, 8]);
    static MIDDLE: [Segment<1>; 3] = network([2, 10, 3]);
    static LIGHT: [Segment<1>; 2] = network([2, 3]);
    static NETS: [SubNetwork<'static, 1>; 3] = [
        SubNetwork::new("heavy", &HEAVY).with_accuracy(80_000),
        SubNetwork::new("middle", &MIDDLE).with_accuracy(79_000).with_shared_prefix(2),
        SubNetwork::new("light", &LIGHT).with_accuracy(76_000).with_shared_prefix(1),
    ];

    fn at(available_ms: u64, current: u8) -> u8 {
        select(&NETS, Duration::from_millis(available_ms), current, 2)
    }

    #[test]
    fn the_heaviest_that_fits_is_taken() {
        assert_eq!([at(30, 0), at(20, 0), at(19, 0), at(15, 0), at(14, 0), at(5, 0)], [0, 0, 1, 1, 2, 2]);
        assert_eq!(at(1, 0), 2, "none fits: the lightest");
    }

    #[test]
    fn stepping_up_needs_a_margin_and_stepping_down_does_not() {
        assert_eq!(at(20, 1), 1, "20 ms fit, but not with an eighth to spare");
        assert_eq!(at(23, 1), 0);
        assert_eq!(at(17, 2), 2);
        assert_eq!(at(18, 2), 1);
        assert_eq!(at(40, 2), 0, "two steps at once when there is room");
    }

    #[test]
    fn the_floor_bars_what_is_too_inaccurate() {
        assert_eq!(lightest(&NETS, 0), 2);
        assert_eq!(lightest(&NETS, 79_000), 1);
        assert_eq!(lightest(&NETS, 99_000), 0);
    }

    #[test]
    fn finished_work_is_never_thrown_away() {
        assert_eq!(reachable(&NETS, 0, 1, 2), 2);
        assert_eq!(reachable(&NETS, 0, 2, 2), 1, "the light one shares only its first segment");
        assert_eq!(reachable(&NETS, 0, 3, 2), 0);
        assert_eq!(reachable(&NETS, 0, 1, 1), 1, "not below the floor");
        assert_eq!(reachable(&NETS, 2, 1, 1), 2, "a lighter one in use stays");

        static LONG: [Segment<1>; 4] = network([2, 3, 1, 1]);
        let long = [NETS[0], SubNetwork::new("long", &LONG).with_shared_prefix(1)];
        assert_eq!(reachable(&long, 0, 2, 1), 0, "long enough, but of other segments");
        let stem = [NETS[0], SubNetwork::new("stem", &HEAVY[..1]).with_shared_prefix(1)];
        assert_eq!(reachable(&stem, 0, 1, 1), 0, "it shares all that is done, and has no more");
    }
}
