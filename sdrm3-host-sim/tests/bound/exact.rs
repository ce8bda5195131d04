//! The least UXCost that any schedule reaches, by trying all of them: for tiny cells only.
//!
//! A schedule that knows the future chooses which layer of which frame starts next, and where; it may
//! leave an accelerator idle, and leave any frame unfinished. In order of their starts, each layer can be
//! moved to the left until it meets the end of the one before on its accelerator or of its
//! predecessor: that makes nothing later, and costs nothing. So it is enough to try the sequences.
//! Switches must be free, networks must not branch, and cascades must be certain.

use std::collections::HashSet;

use sdrm3_core::{Duration, Tally, UxCost};
use sdrm3_host_sim::engine::Cell;

/// A frame of the cell.
struct Frame {
    model: usize,
    /// Time at which it is ready, if it waits for no other.
    release: u64,
    deadline: u64,
    /// Index of the frame whose result it needs.
    parent: Option<usize>,
}

/// What has been scheduled so far.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    /// Per frame: layers done, and when the last of them ended.
    done: Vec<(usize, u64)>,
    free: Vec<u64>,
    /// Per model: energy, and that of the same layers on their worst accelerators.
    energy: Vec<(u64, u64)>,
    /// When the last layer started; none that comes later starts before.
    last: u64,
}

struct Search<'a> {
    cell: &'a Cell<'a>,
    end: u64,
    frames: Vec<Frame>,
    seen: HashSet<State>,
    best: f64,
}

/// The least UXCost of all schedules.
pub(crate) fn optimum(cell: &Cell<'_>) -> f64 {
    let end = cell.duration.as_nanos();
    let models = &cell.scenario.models;
    let mut frames: Vec<Frame> = Vec::new();
    for (model, spec) in models.iter().enumerate() {
        let own = cell.workload.models[model].deadline.map(Duration::as_nanos);
        match spec.parent {
            None => {
                let arrivals = (0..).map(|n| (f64::from(n) * 1e9 / spec.fps).round() as u64);
                let frame =
                    |release: u64| Frame { model, release, deadline: release + own.unwrap(), parent: None };
                frames.extend(arrivals.take_while(|&at| at < end).map(frame));
            }
            Some(parent) => {
                assert_eq!((parent.probability, parent.every), (1.0, 1), "certain cascades only");
                let parents: Vec<usize> =
                    (0..frames.len()).filter(|&f| frames[f].model == parent.index).collect();
                for of in parents {
                    let Frame { release, deadline, .. } = frames[of];
                    let deadline = own.map_or(deadline, |own| release + own);
                    frames.push(Frame { model, release, deadline, parent: Some(of) });
                }
            }
        }
    }
    let state = State {
        done: vec![(0, 0); frames.len()],
        free: vec![0; cell.platform.accelerators.len()],
        energy: vec![(0, 0); models.len()],
        last: 0,
    };
    let mut search = Search { cell, end, frames, seen: HashSet::new(), best: f64::INFINITY };
    search.visit(state);
    search.best
}

impl Search<'_> {
    fn layers(&self, frame: usize) -> usize {
        self.cell.workload.models[self.frames[frame].model].subnetworks[0].segments.len()
    }

    fn complete(&self, state: &State, frame: usize) -> bool {
        state.done[frame].0 == self.layers(frame)
    }

    fn visit(&mut self, state: State) {
        if self.seen.contains(&state) {
            return;
        }
        self.best = self.best.min(self.cost(&state));
        for frame in 0..self.frames.len() {
            let (layer, after) = state.done[frame];
            if self.complete(&state, frame) {
                continue;
            }
            let ready = match (layer, self.frames[frame].parent) {
                (0, None) => self.frames[frame].release,
                (0, Some(parent)) if self.complete(&state, parent) => state.done[parent].1,
                (0, Some(_)) => continue,
                _ => after,
            };
            let model = self.frames[frame].model;
            let segment = &self.cell.workload.models[model].subnetworks[0].segments[layer];
            for accelerator in 0..state.free.len() {
                let place = segment.placements()[accelerator];
                let start = ready.max(state.free[accelerator]);
                let finish = start + u64::from(place.latency_ns);
                if !place.runs() || start < state.last || finish > self.end {
                    continue;
                }
                let mut next = state.clone();
                next.done[frame] = (layer + 1, finish);
                next.free[accelerator] = finish;
                next.energy[model].0 += u64::from(place.energy_nj);
                next.energy[model].1 += u64::from(segment.info().worst_energy_nj);
                next.last = start;
                self.visit(next);
            }
        }
        self.seen.insert(state);
    }

    /// UXCost if nothing more runs.
    fn cost(&self, state: &State) -> f64 {
        let of_model = |model: usize| {
            let (energy_nj, worst_energy_nj) = state.energy[model];
            let mut tally = Tally { energy_nj, worst_energy_nj, ..Tally::default() };
            for (index, frame) in self.frames.iter().enumerate().filter(|(_, frame)| frame.model == model) {
                let complete = self.complete(state, index);
                let in_time = complete && state.done[index].1 <= frame.deadline;
                if complete || self.counts(state, index) {
                    tally.frames += 1;
                    tally.violated += u32::from(!in_time);
                }
            }
            tally
        };
        let models = &self.cell.workload.models;
        let tallies: Vec<Tally> = (0..models.len()).map(of_model).collect();
        UxCost::of(tallies.iter().zip(models.iter().map(|model| model.weight_percent))).value()
    }

    /// Whether a frame without a result counts: if it was due, or a frame that it needs was.
    fn counts(&self, state: &State, frame: usize) -> bool {
        let Frame { deadline, parent, .. } = self.frames[frame];
        deadline <= self.end
            || parent.is_some_and(|parent| !self.complete(state, parent) && self.counts(state, parent))
    }
}
