//! A lower bound on UXCost.
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

/// A lower bound on the UXCost of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Least sum of `R` at the corner.
    pub violation_rate_sum: f64,
    /// Least sum of `E` at the corner.
    pub energy_norm_sum: f64,
    /// Per model: the share of its due frames that is served in time, `None` without such frames.
    pub served: Vec<Option<f64>>,
    /// Per accelerator: how busy it is.
    pub utilisation: Vec<f64>,
    /// Per accelerator: by how many percent the bound falls when it has a percent more time.
    pub limits: Vec<f64>,
}

impl Bound {
    /// The bound.
    pub fn value(&self) -> f64 {
        self.violation_rate_sum * self.energy_norm_sum
    }

    /// Of a cell.
    pub fn of(cell: &Cell<'_>) -> Result<Self, InputError> {
        let demand = Demand::of(cell)?;
        let mut master = Master::new(&demand);
        let p = master.solve(1.0, 0.0).bound.max(0.0);
        let q = demand.models.iter().map(|model| model.weight * model.least_ratio).sum();
        let mut region = Region::new(p, q);
        let mut last = master.solve(q, p);
        for _ in 0..CUTS {
            let (p, q) = region.least();
            let (alpha, beta) = (q, p);
            if p * q == 0.0 {
                break;
            }
            last = master.solve(alpha, beta);
            if last.bound <= 2.0 * p * q * (1.0 + TOLERANCE) {
                break;
            }
            region.cut(alpha, beta, last.bound);
        }
        let (p, q) = region.least();
        let mix = master.mix(last.prices.alpha, last.prices.beta);
        let served = mix.iter().zip(&demand.models).map(|(plans, model)| {
            let frames: f64 = plans.iter().map(|(share, plan)| share * plan.served).sum();
            (model.due > 0).then(|| frames / f64::from(model.due))
        });
        let utilisation = (0..demand.accelerators)
            .map(|a| mix.iter().flatten().map(|(share, plan)| share * plan.busy[a]).sum());
        let limits = last.prices.busy.iter().take(demand.accelerators).map(|price| price / (p * q));
        Ok(Self {
            violation_rate_sum: p * (1.0 - ROUNDING),
            energy_norm_sum: q * (1.0 - ROUNDING),
            served: served.collect(),
            utilisation: utilisation.collect(),
            limits: limits.collect(),
        })
    }
}

/// The most directions.
const CUTS: usize = 12;
/// Relative gain of a cut below which no more are made.
const TOLERANCE: f64 = 1e-3;
/// What floating point may have lost.
const ROUNDING: f64 = 1e-9;
