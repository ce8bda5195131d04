//! The timeline in as few bytes as will do: variable-length integers in base64, and less of it when it is
//! too much.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::chronicle::{Chronicle, Slice};

/// So many slices are drawn at most: with them a page stays below 5 MB.
pub(super) const MOST_SLICES: usize = 110_000;

/// Times are kept in tenths of microseconds.
const TICK_NS: u64 = 100;

/// A timeline, and what of it was left out.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) slices: String,
    pub(super) frames: String,
    pub(super) count: usize,
    pub(super) note: String,
}

/// Packs what a run's timeline shows, thinned to `most` slices.
pub(super) fn pack(chronicle: &Chronicle<'_>, most: usize) -> Packed {
    let all = chronicle.slices.len();
    let mut slices = chronicle.slices.clone();
    let mut note = format!("All {all} blocks of the run are drawn.");
    if slices.len() > most {
        slices = merged(&slices);
        note = format!(
            "The run has {all} blocks. Those of one frame that follow each other on an accelerator are drawn \
             as one, with the terms of the first decision: {} slices.",
            slices.len()
        );
    }
    if slices.len() > most {
        slices.truncate(most);
        let until = slices.last().map_or(0.0, |slice| slice.start as f64 / 1e6);
        note += &format!(" That is still too much for one page: the timeline ends at {until:.0} ms.");
    }
    let last_frame = slices.iter().map(|slice| slice.frame as usize + 1).max().unwrap_or(0);
    let mut bytes = Bytes::default();
    let mut previous = (0, 0);
    for slice in &slices {
        bytes.slice(slice, previous);
        previous = (ticks(slice.start), slice.frame);
    }
    let packed = STANDARD.encode(&bytes.0);
    let mut bytes = Bytes::default();
    let mut previous = 0;
    // A runner-up may be a frame without a slice: it is named all the same.
    let runners_up = slices.iter().filter_map(|slice| slice.runner_up).map(|(frame, ..)| frame as usize + 1);
    let last_frame = runners_up.max().unwrap_or(0).max(last_frame);
    for frame in chronicle.frames.iter().take(last_frame) {
        let release = ticks(frame.release);
        bytes.unsigned(u64::from(frame.model));
        bytes.unsigned(u64::from(frame.number));
        bytes.signed(release as i64 - previous);
        bytes.unsigned(ticks(frame.deadline).saturating_sub(release));
        bytes.unsigned(if frame.end == u64::MAX { 0 } else { ticks(frame.end).saturating_sub(release) });
        bytes.unsigned(frame.how as u64);
        previous = release as i64;
    }
    Packed { slices: packed, frames: STANDARD.encode(&bytes.0), count: slices.len(), note }
}

/// Slices of one frame that follow each other on an accelerator without a gap become one.
fn merged(slices: &[Slice]) -> Vec<Slice> {
    let mut merged: Vec<Slice> = Vec::new();
    let mut last: [Option<usize>; 256] = [None; 256];
    for slice in slices {
        let place = &mut last[usize::from(slice.accelerator)];
        if let Some(before) = place.and_then(|place| merged.get_mut(place))
            && (before.frame, before.end) == (slice.frame, slice.start)
        {
            before.end = slice.end;
            before.segments = before.segments.saturating_add(slice.segments);
            before.blocks = before.blocks.saturating_add(slice.blocks);
            continue;
        }
        *place = Some(merged.len());
        merged.push(*slice);
    }
    merged
}

fn ticks(nanos: u64) -> u64 {
    nanos / TICK_NS
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn unsigned(&mut self, mut value: u64) {
        while value > 127 {
            self.0.push(value as u8 | 128);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// The sign in the lowest bit.
    fn signed(&mut self, value: i64) {
        self.unsigned(((value << 1) ^ (value >> 63)) as u64);
    }

    fn slice(&mut self, slice: &Slice, (start, frame): (u64, u32)) {
        let own = ticks(slice.start);
        self.unsigned(u64::from(slice.accelerator));
        self.unsigned(own.saturating_sub(start));
        self.unsigned(ticks(slice.end).saturating_sub(own));
        self.signed(i64::from(slice.frame) - i64::from(frame));
        self.unsigned(u64::from(slice.first));
        self.unsigned(u64::from(slice.segments));
        self.unsigned(u64::from(slice.blocks));
        self.unsigned(ticks(u64::from(slice.switch_ns)));
        self.signed(slice.score);
        for term in slice.summands.iter().flatten() {
            self.signed(*term);
        }
        self.unsigned(u64::from(slice.candidates));
        self.unsigned(u64::from(slice.runner_up.is_some()));
        if let Some((other, accelerator, score)) = slice.runner_up {
            self.signed(i64::from(other) - i64::from(slice.frame));
            self.unsigned(u64::from(accelerator));
            self.signed(slice.score.saturating_sub(score));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_take_as_many_bytes_as_they_need() {
        let packed = |value: i64| {
            let mut bytes = Bytes::default();
            bytes.signed(value);
            bytes.0
        };
        assert_eq!((packed(0), packed(-1), packed(1)), (vec![0], vec![1], vec![2]));
        assert_eq!(packed(64), [128, 1]);
        assert_eq!(packed(i64::MIN).len(), 10);
    }

    fn slice(frame: u32, start: u64, end: u64) -> Slice {
        Slice {
            accelerator: 0,
            start,
            end,
            frame,
            first: 0,
            segments: 1,
            blocks: 1,
            switch_ns: 0,
            score: 0,
            summands: None,
            candidates: 1,
            runner_up: None,
        }
    }

    #[test]
    fn only_what_follows_without_a_gap_is_merged() {
        let merged = merged(&[slice(0, 0, 5), slice(0, 5, 9), slice(0, 10, 12), slice(1, 12, 13)]);
        let told: Vec<_> =
            merged.iter().map(|slice| (slice.frame, slice.start, slice.end, slice.blocks)).collect();
        assert_eq!(told, [(0, 0, 9, 2), (0, 10, 12, 1), (1, 12, 13, 1)]);
    }
}
