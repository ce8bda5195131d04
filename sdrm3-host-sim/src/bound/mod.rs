//! A lower bound on UXCost: what no policy can beat, on the very frames that a seed draws.
//!
//! It holds for every schedule under the semantics that all policies share, also for
//! one that knows the future: it may run any part of any frame on any accelerators, at any allowed
//! sub-network, and leave frames unfinished. It is computed from what a schedule *takes*, not from when.
//!
//! # What is kept, and what is let go
//!
//! Let a run last from its first release to its end, and let each model `m` have the frames drawn for the
//! seed. Every run satisfies the following; the bound is the least UXCost over all that satisfies it.
//!
//! 1. *Frames.* Those due within the run count, whatever becomes of them. Others come into the count only
//!    when they are completed or lost; losing them only raises `R`, so in the bound they count when served.
//!    A frame that could not be in time on an empty platform, each layer on its fastest accelerator and
//!    its ancestors likewise, is never served.
//! 2. *Time of a frame.* A frame in time runs its layers one after the other between the earliest time at
//!    which it can be ready and its deadline or the end of the run: their latencies fit in between.
//! 3. *Time of an accelerator.* Energy and results come from blocks that ended within the run. They do
//!    not overlap on an accelerator: their latencies fit into the run. Switches and decisions are
//!    free here, which only takes less.
//! 4. *Cascades.* A frame of a dependent model starts after its parent's frame was completed: no more
//!    frames have started than frames of the parent that give rise to one were completed.
//! 5. *Energy.* A layer takes the energy of the accelerator it ran on; `E` is the ratio of the sums over
//!    all that ran, of frames served or not. The energy of switches stands above and below
//!    the line, which only raises a ratio of at most one, and is left out.
//! 6. *Paths.* Skips and exits are those that were drawn. A change of sub-network on the way keeps shared
//!    layers only, so it runs what the lighter one alone would have run.
//!
//! # From there to a number
//!
//! - *Models apart* (`plan.rs`, `master.rs`). 3 and 4 tie models together; each gets a price of zero or more.
//!   For any prices, `min (cost) >= sum over models of min (cost + prices x taken) - prices x available`
//!   (weak duality). Good prices come from a linear program; what they prove is computed in closed form, so the
//!   bound trusts the solver's result in nothing.
//! - *`E` is a ratio* (`plan.rs`). "At most e" is linear, so the range of `E` is cut into pieces, each with
//!   its lower end as cost and its upper end as limit.
//! - *`R` has a floor* of `1/2n`: kept as it is, with whole frames.
//! - *UXCost is a product* (`product.rs`). For weights `alpha, beta > 0` the above gives
//!   `alpha P + beta Q >= h` for the sums `P` of `R` and `Q` of `E` of every run: a cut of the plane. Over
//!   such a region the product, quasi-concave, is least at a corner. The corner of least product
//!   is cut off, with its own gradient as weights, until that raises it no more.
//!
//! The last digits: floating point may lose some, so a part in 10^9 is taken off each factor.

mod demand;
mod master;
mod peak;
mod plan;
mod product;

use crate::engine::Cell;
use crate::input::InputError;
use demand::Demand;
use master::Master;
use product::Region;

/// A lower bound on the UXCost of a cell, and how it is reached.
///
/// Shares, utilisation and limits are those of the mix of plans that the linear program ends with, which comes
/// close to the bound; no schedule needs to exist that does the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Sum over models of `R` at the corner of least product.
    pub violation_rate_sum: f64,
    /// Sum over models of `E` there.
    pub energy_norm_sum: f64,
    /// Per model, of its frames due within the run: the share that is served in time; `None` without
    /// such frames.
    pub served: Vec<Option<f64>>,
    /// Per accelerator: the share of the run for which it is busy.
    pub utilisation: Vec<f64>,
    /// Per accelerator: by how many percent the bound falls when it has one percent more time; 0 where
    /// time is not scarce.
    pub limits: Vec<f64>,
}

impl Bound {
    /// The bound: no policy has a UXCost below this.
    pub fn value(&self) -> f64 {
        self.violation_rate_sum * self.energy_norm_sum
    }

    /// Of a cell.
    ///
    /// # Errors
    ///
    /// The scenario scripts changes or has errors of estimates, the cell has a recording, or a supernet branches differently in
    /// layers that its sub-networks share.
    pub fn of(cell: &Cell<'_>) -> Result<Self, InputError> {
        let demand = Demand::of(cell)?;
        let mut master = Master::new(&demand);
        let p = master.solve(1.0, 0.0).bound.max(0.0);
        let q = demand.models.iter().map(|model| model.weight * model.least_ratio).sum();
        let mut region = Region::new(p, q);
        let mut prices = None;
        for _ in 0..CUTS {
            let (p, q) = region.least();
            if p * q <= 0.0 {
                break;
            }
            let solved = master.solve(q, p);
            region.cut(q, p, solved.bound);
            prices = Some(solved.prices);
            if solved.bound <= 2.0 * p * q * (1.0 + TOLERANCE) {
                break;
            }
        }
        let (p, q) = region.least();
        let mix = prices.as_ref().map(|prices| master.mix(prices.alpha, prices.beta)).unwrap_or_default();
        let served = demand.models.iter().enumerate().map(|(index, model)| {
            let plans = mix.get(index).map_or(&[][..], Vec::as_slice);
            let frames: f64 = plans.iter().map(|(share, plan)| share * plan.served).sum();
            (model.due > 0).then(|| frames / f64::from(model.due))
        });
        let busy = |accelerator: usize| -> f64 {
            // A sum of no floats is -0.
            mix.iter().flatten().fold(0.0, |sum, (share, plan)| sum + share * plan.busy[accelerator])
        };
        // The corner's own gradient was the direction: a price is that of twice the product.
        let limits = |accelerator: usize| {
            prices.as_ref().map_or(0.0, |prices| prices.busy[accelerator] / (prices.alpha * prices.beta))
        };
        Ok(Self {
            violation_rate_sum: p * (1.0 - ROUNDING),
            energy_norm_sum: q * (1.0 - ROUNDING),
            served: served.collect(),
            utilisation: (0..demand.accelerators).map(busy).collect(),
            limits: (0..demand.accelerators).map(limits).collect(),
        })
    }
}

/// The most cuts.
const CUTS: usize = 12;
/// The share by which a cut must be able to raise the sum for another one to be made.
const TOLERANCE: f64 = 1e-3;
/// What floating point may have lost of a factor.
const ROUNDING: f64 = 1e-9;
