//! The work and the traffic of one step of a level.

use super::dataflow::Map;
use super::dims::{Dim, INPUT, PerDim, WEIGHT};
use super::level::{Level, Phase};

/// A step of a level, by the phases of its loops.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) level: &'a Level,
    pub(super) phases: &'a PerDim<Phase>,
}

impl Step<'_> {
    /// Units that have work.
    pub(super) fn active_units(&self) -> f64 {
        let spread = self.level.spread();
        let partial = match self.phases[spread.dim] {
            Phase::First | Phase::Resident => self.level.overhangs(spread),
            Phase::Steady => false,
            Phase::Last => true,
        };
        (if partial { self.level.edge_units() } else { self.level.units }) as f64
    }

    /// Elements of a loop that one unit works on. A tile ends with its loop, but spread tiles beyond the
    /// bound are cut on the very first and on the last iteration only, as MAESTRO has it.
    fn tile(&self, dim: Dim) -> i64 {
        let directive = self.level.directive(dim);
        let extent = self.level.extent[dim];
        let overhangs = self.level.overhangs(directive);
        match (directive.map, self.phases[dim]) {
            (Map::Temporal, Phase::Last) => extent % directive.step,
            (Map::Temporal, Phase::First | Phase::Resident) if overhangs => extent,
            (Map::Spatial, Phase::Last) => directive.tile.min(extent),
            (Map::Spatial, Phase::First) if overhangs => directive.tile.min(extent),
            _ => directive.tile,
        }
    }

    /// Multiply-accumulates of one unit: the product of its tiles over all loops, where a window loop
    /// counts the positions of the kernel in the tile, `T - W + 1`.
    pub(super) fn macs(&self) -> f64 {
        let factor = |dim: Dim| match dim.kernel() {
            Some(kernel) => (self.tile(dim) - self.level.directive(kernel).tile + 1).max(1),
            None => self.tile(dim),
        };
        Dim::ALL.into_iter().map(|dim| factor(dim) as f64).product()
    }

    /// Elements of the output `tensor` that the units hand up: `T - W + 1` of a full tile for window
    /// loops, even at the edge.
    pub(super) fn outputs(&self, tensor: &[Dim]) -> f64 {
        let factor = |dim: Dim| {
            let full = self.level.directive(dim).tile;
            match dim.kernel().map(|kernel| self.level.directive(kernel).tile) {
                Some(kernel) if full >= kernel => full - kernel + 1,
                _ => self.tile(dim),
            }
        };
        tensor.iter().map(|&dim| factor(dim) as f64).product()
    }

    /// Elements of an input tensor that the network-on-chip brings: the first unit's, and what the
    /// other units do not share with their neighbours. A tensor that is not spread is multicast.
    pub(super) fn ingress(&self, tensor: &[Dim]) -> f64 {
        let spread = tensor.iter().any(|&dim| self.level.directive(dim).map == Map::Spatial);
        let others = if spread { (self.active_units() - 1.0).max(0.0) } else { 0.0 };
        self.load(tensor, true) + others * self.load(tensor, false)
    }

    /// Elements of an input tensor that a unit loads, those that it keeps from the step before left
    /// out. The `first` unit has no neighbour to share with.
    pub(super) fn load(&self, tensor: &[Dim], first: bool) -> f64 {
        let level = self.level;
        let moving = level.directives.iter().rev().find(|d| self.phases[d.dim].moves());
        let Some(moving) = moving else { return self.whole(tensor, first) };
        if tensor.contains(&moving.dim) {
            return self.advanced(tensor, first, moving.dim);
        }
        // Another tensor's loop moves: this one stays where it is, unless all its loops that take
        // more than one iteration lie inside and start over.
        let resident = |dim: &Dim| self.phases[*dim] == Phase::Resident;
        let outside = |dim: &Dim| level.depth(*dim) < level.depth(moving.dim);
        if tensor.iter().all(resident) || tensor.iter().any(|dim| outside(dim) && !resident(dim)) {
            0.0
        } else {
            self.whole(tensor, first)
        }
    }

    /// A whole tile of a tensor. Of a tile that exceeds its loop MAESTRO loads what whole steps leave
    /// of the loop: all of a loop in one step, but nothing of a window that steps by one.
    fn whole(&self, tensor: &[Dim], first: bool) -> f64 {
        self.volume(tensor, first, |dim| {
            let directive = self.level.directive(dim);
            if self.level.overhangs(directive) {
                self.level.extent[dim] % directive.step
            } else {
                directive.tile
            }
        })
    }

    /// A tile of a tensor without what the step before had, `moving` being the loop that moved on.
    fn advanced(&self, tensor: &[Dim], first: bool, moving: Dim) -> f64 {
        self.volume(tensor, first, |dim| match self.phases[dim] {
            _ if dim == moving => self.level.directive(dim).fresh(),
            Phase::Resident => self.level.extent[dim],
            _ => self.level.directive(dim).tile,
        })
    }

    /// Product over a tensor's loops: `temporal` of sequential loops, the tile of spread ones, which
    /// units after the first share with their neighbour.
    fn volume(&self, tensor: &[Dim], first: bool, temporal: impl Fn(Dim) -> i64) -> f64 {
        let factor = |dim| {
            let directive = self.level.directive(dim);
            match directive.map {
                Map::Temporal => temporal(dim),
                Map::Spatial if first => directive.tile,
                Map::Spatial => directive.fresh(),
            }
        };
        tensor.iter().map(|&dim| factor(dim) as f64).product()
    }

    /// Elements of both input tensors that the network-on-chip brings.
    pub(super) fn total_ingress(&self) -> f64 {
        self.ingress(INPUT) + self.ingress(WEIGHT)
    }

    /// Elements that all units write into their buffers: the inputs that they load.
    pub(super) fn fills(&self) -> f64 {
        self.active_units() * (self.load(INPUT, true) + self.load(WEIGHT, true))
    }
}
