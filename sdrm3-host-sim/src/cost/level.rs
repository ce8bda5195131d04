//! The levels of clusters for one layer, and how often each kind of step occurs on a level.

use super::dataflow::{Dataflow, Directive, Map};
use super::dims::{Dim, PerDim};

/// Where a loop stands during a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// At its first tile.
    First,
    /// It needs no second iteration, and its data were there before this step.
    Resident,
    /// At a full tile after the first.
    Steady,
    /// At the partial tile at its end.
    Last,
}

impl Phase {
    /// Whether the loop moved on to reach this step.
    pub(super) fn moves(self) -> bool {
        matches!(self, Self::Steady | Self::Last)
    }
}

/// A level of clusters that works on one tile of the level around it.
#[derive(Debug)]
pub(super) struct Level {
    /// Units that work side by side.
    pub(super) units: i64,
    /// Every loop once, outermost first.
    pub(super) directives: Vec<Directive>,
    /// Loop bounds: the tile of the level around it.
    pub(super) extent: PerDim<i64>,
}

/// The levels for a layer of these bounds on `clusters` top-level clusters, outermost first.
///
/// A level takes over the loops that it does not list from the level around it, as sequential loops
/// outside its own and in reverse order; loops that no level lists run as one tile.
pub(super) fn levels(dataflow: Dataflow, clusters: i64, bounds: PerDim<i64>) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::with_capacity(3);
    for cluster in dataflow.clusters() {
        let lists = |directives: &[Directive], dim| directives.iter().any(|d| d.dim == dim);
        let mut directives = cluster.directives.to_vec();
        let mut extent = bounds;
        let mut units = clusters;
        if let Some(outer) = levels.last() {
            extent = PerDim::new(|dim| outer.directive(dim).tile.min(outer.extent[dim]));
            units = i64::from(cluster.units);
            for inherited in &outer.directives {
                if !lists(&directives, inherited.dim) {
                    directives.insert(0, Directive { map: Map::Temporal, ..*inherited });
                }
            }
        }
        for dim in Dim::ALL {
            if !lists(&directives, dim) {
                directives.push(Directive::temporal(dim, extent[dim], extent[dim]));
            }
        }
        levels.push(Level { units, directives, extent });
    }
    levels
}

impl Level {
    /// The place of a loop in the nest; 0 is outermost.
    pub(super) fn depth(&self, dim: Dim) -> usize {
        self.directives.iter().position(|d| d.dim == dim).expect("a level lists every loop")
    }

    /// The directive of a loop.
    pub(super) fn directive(&self, dim: Dim) -> &Directive {
        &self.directives[self.depth(dim)]
    }

    /// The outermost loop that is spread over the units; it decides how many of them have work.
    pub(super) fn spread(&self) -> &Directive {
        self.directives.iter().find(|d| d.map == Map::Spatial).expect("a level spreads a loop")
    }

    /// Positions along a loop: those of the kernel in it, `E - W + 1`, or its elements.
    pub(super) fn positions(&self, dim: Dim) -> i64 {
        let kernel = dim.kernel().map_or(1, |kernel| self.extent[kernel]);
        (self.extent[dim] - kernel + 1).max(1)
    }

    /// Positions by which one iteration moves on.
    fn advance(&self, directive: &Directive) -> i64 {
        match directive.map {
            Map::Temporal => directive.step,
            Map::Spatial => directive.step * self.units,
        }
    }

    /// Whether the first iteration covers the loop.
    pub(super) fn fits(&self, directive: &Directive) -> bool {
        let covered = match directive.map {
            Map::Temporal => directive.tile,
            Map::Spatial => (self.units - 1) * directive.step + directive.tile,
        };
        covered >= self.extent[directive.dim]
    }

    /// Elements up to which an iteration claims the loop. Beyond the bound, the iteration is a
    /// partial one; a sequential loop claims its tile, a spread one the starts of its tiles.
    fn claim(&self, directive: &Directive) -> i64 {
        match directive.map {
            Map::Temporal => directive.tile,
            Map::Spatial => directive.step * self.units,
        }
    }

    /// Whether the first iteration is a partial one.
    pub(super) fn overhangs(&self, directive: &Directive) -> bool {
        self.claim(directive) > self.extent[directive.dim]
    }

    /// Whether the last iteration is a partial one. Spread loops go by the outermost of them.
    fn ragged(&self, directive: &Directive) -> bool {
        let counted = match directive.map {
            Map::Temporal => directive,
            Map::Spatial => self.spread(),
        };
        self.positions(counted.dim) % self.advance(counted) != 0
    }

    /// Units that have work in a partial iteration of the spread loop.
    pub(super) fn edge_units(&self) -> i64 {
        let spread = self.spread();
        let positions = self.positions(spread.dim);
        if positions <= spread.tile { 1 } else { positions % self.advance(spread) / spread.step }
    }

    /// How often a loop is in each phase, [`Phase::First`] once and first.
    ///
    /// With `n = ceil(positions / advance)` iterations these are 1 first, `n - 1 - ragged` steady and
    /// `ragged` last ones. Of a single ragged iteration, which is first and last at once, the steady
    /// count of -1 takes one of the two away again.
    fn phases(&self, directive: &Directive) -> Vec<(Phase, f64)> {
        let ragged = i64::from(self.ragged(directive));
        let iterations =
            (self.positions(directive.dim) as u64).div_ceil(self.advance(directive) as u64) as i64;
        let steady = if self.fits(directive) { 0 } else { iterations - 1 - ragged };
        let last = if self.claim(directive) < self.extent[directive.dim] { ragged } else { 0 };
        [(Phase::First, 1), (Phase::Steady, steady), (Phase::Last, last)]
            .into_iter()
            .filter(|&(_, count)| count != 0)
            .map(|(phase, count)| (phase, count as f64))
            .collect()
    }

    /// Every kind of step with its number of occurrences, the very first step first: each
    /// combination of the loops' phases, as often as the product of their counts.
    pub(super) fn steps(&self) -> Vec<(PerDim<Phase>, f64)> {
        let phases = PerDim::new(|dim| self.phases(self.directive(dim)));
        let mut steps = vec![(PerDim::new(|_| Phase::First), 1.0)];
        for dim in Dim::ALL {
            steps = steps
                .iter()
                .flat_map(|(step, count)| {
                    phases[dim].iter().map(move |(phase, n)| (step.with(dim, *phase), count * n))
                })
                .collect();
        }
        for (step, _) in &mut steps[1..] {
            *step = PerDim::new(|dim| match step[dim] {
                Phase::First if self.fits(self.directive(dim)) => Phase::Resident,
                phase => phase,
            });
        }
        steps
    }
}
