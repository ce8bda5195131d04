//! The linear program that ties the models together: what they share is an accelerator's time, and the
//! completed frames that cascades need.
//!
//! A model's behaviour over a run is one of its plans (see [`plan`](super::plan)). A linear program mixes
//! plans of each model, within the time of each accelerator, at the least cost. Its dual asks for prices:
//!
//! ```text
//! maximise    sum over models of theta  -  sum over accelerators of price
//! subject to  theta of m  <=  cost of p at the prices     for each plan p of m
//! ```
//!
//! Only few plans matter; they are found one by one (Kelley 1960; on the other side of the duality,
//! column generation): solve with the plans that are known, then ask each model for a cheaper one at
//! those prices. The solver is trusted for good prices only: the bound is what [`cheapest`] proves at them,
//! and weak duality makes that a bound for *any* prices of zero or more.

use good_lp::{Expression, Solution, SolverModel, Variable, constraint, microlp, variable, variables};

use super::demand::Demand;
use super::plan::{Plan, Prices, cheapest};
use crate::scenario::{ACCELERATORS, MODELS};

/// The plans that are known, and the best prices.
#[derive(Debug)]
pub(super) struct Master<'a> {
    demand: &'a Demand,
    /// Per model.
    plans: Vec<Vec<Plan>>,
}

/// A lower bound on `alpha x sum of R + beta x sum of E`.
#[derive(Clone, Debug)]
pub(super) struct Solved {
    /// The bound.
    pub(super) bound: f64,
    /// The prices that prove it.
    pub(super) prices: Prices,
}

/// The gap between bound and program at which prices are good enough, as a share.
const TOLERANCE: f64 = 5e-4;
/// The most times that prices are asked for.
const ROUNDS: usize = 60;

impl<'a> Master<'a> {
    pub(super) fn new(demand: &'a Demand) -> Self {
        let nothing = |model: &super::demand::ModelDemand| match model.due {
            // It counts in neither sum.
            0 => vec![Plan { violation_rate: 0.0, energy_norm: 0.0, ..Plan::NOTHING }],
            _ => vec![Plan::NOTHING],
        };
        Self { demand, plans: demand.models.iter().map(nothing).collect() }
    }

    /// The best bound on `alpha x sum of R + beta x sum of E` that can be had.
    pub(super) fn solve(&mut self, alpha: f64, beta: f64) -> Solved {
        let free = Prices { alpha, beta, busy: [0.0; ACCELERATORS], links: [0.0; MODELS] };
        let (mut best, _) = self.prove(&free, 0.0);
        let mut care = 0.2;
        for _ in 0..ROUNDS {
            let Some((prices, above)) = self.prices(alpha, beta) else { break };
            let gap = above - best.bound;
            if gap <= TOLERANCE * above {
                break;
            }
            let (solved, news) = self.prove(&prices, care * gap);
            if solved.bound > best.bound {
                best = solved;
            }
            if !news {
                // Models have no cheaper plan to within the tolerance: look closer, once.
                if care < 0.1 {
                    break;
                }
                care = 0.02;
            }
        }
        best
    }

    /// What these prices prove, and whether a plan that is cheap at them joined the known ones.
    fn prove(&mut self, prices: &Prices, tolerance: f64) -> (Solved, bool) {
        let models = &self.demand.models;
        let total: f64 = models.iter().map(|model| model.weight).sum::<f64>() * (prices.alpha + prices.beta);
        let each = tolerance.max(0.2 * TOLERANCE * total) / models.len() as f64;
        let (mut bound, mut news) = (-prices.busy.iter().sum::<f64>(), false);
        for (index, model) in models.iter().enumerate() {
            let (least, plans) = cheapest(model, index, models, prices, each);
            bound += least;
            for plan in plans {
                if !self.plans[index].contains(&plan) {
                    self.plans[index].push(plan);
                    news = true;
                }
            }
        }
        (Solved { bound, prices: prices.clone() }, news)
    }

    /// The best prices as far as plans are known, and the program's value; `None` if the solver fails.
    fn prices(&self, alpha: f64, beta: f64) -> Option<(Prices, f64)> {
        let models = &self.demand.models;
        // No price above what all models cost when nothing runs: time is never worth more.
        let most = (alpha + beta) * models.iter().map(|model| model.weight).sum::<f64>();
        let mut names = variables!();
        let price = || variable().min(0.0).max(most.max(1e-9));
        let busy: Vec<Variable> = names.add_vector(price(), self.demand.accelerators);
        let links: Vec<Option<Variable>> =
            models.iter().map(|model| model.dependent.then(|| names.add(price()))).collect();
        let thetas: Vec<Variable> = names.add_vector(variable(), models.len());
        let sum = |all: &[Variable]| all.iter().copied().sum::<Expression>();
        let mut program = names.maximise(sum(&thetas) - sum(&busy)).using(microlp);
        for ((&theta, plans), model) in thetas.iter().zip(&self.plans).zip(models) {
            for plan in plans {
                let fixed = model.weight * (alpha * plan.violation_rate + beta * plan.energy_norm);
                let mut cost = Expression::from(fixed);
                for (&price, &share) in busy.iter().zip(&plan.busy) {
                    cost += share * price;
                }
                for (price, &share) in links.iter().zip(&plan.links) {
                    if let Some(price) = *price {
                        cost += share * price;
                    }
                }
                program.add_constraint(constraint!(theta <= cost));
            }
        }
        let solution = program.solve().ok()?;
        let mut prices = Prices { alpha, beta, busy: [0.0; ACCELERATORS], links: [0.0; MODELS] };
        for (place, &name) in prices.busy.iter_mut().zip(&busy) {
            *place = solution.value(name).max(0.0);
        }
        for (place, name) in prices.links.iter_mut().zip(&links) {
            *place = name.map_or(0.0, |name| solution.value(name).max(0.0));
        }
        let above =
            thetas.iter().map(|&theta| solution.value(theta)).sum::<f64>() - prices.busy.iter().sum::<f64>();
        Some((prices, above))
    }

    /// The best mix of the known plans: the share of each, per model.
    pub(super) fn mix(&self, alpha: f64, beta: f64) -> Vec<Vec<(f64, &Plan)>> {
        let models = &self.demand.models;
        let mut names = variables!();
        let shares: Vec<Vec<Variable>> =
            (self.plans.iter()).map(|plans| names.add_vector(variable().min(0.0), plans.len())).collect();
        let all = || shares.iter().zip(&self.plans).zip(models);
        let total = |of: &dyn Fn(f64, &Plan) -> f64| {
            let mut sum = Expression::from(0.0);
            for ((shares, plans), model) in all() {
                for (&share, plan) in shares.iter().zip(plans) {
                    sum += of(model.weight, plan) * share;
                }
            }
            sum
        };
        let cost = total(&|weight, plan| weight * (alpha * plan.violation_rate + beta * plan.energy_norm));
        let mut program = names.minimise(cost).using(microlp);
        for accelerator in 0..self.demand.accelerators {
            program.add_constraint(constraint!(total(&|_, plan| plan.busy[accelerator]) <= 1.0));
        }
        for (link, _) in models.iter().enumerate().filter(|(_, model)| model.dependent) {
            program.add_constraint(constraint!(total(&|_, plan| plan.links[link]) <= 0.0));
        }
        for shares in &shares {
            program.add_constraint(constraint!(shares.iter().copied().sum::<Expression>() == 1.0));
        }
        let solution = program.solve().ok();
        let value = |name| solution.as_ref().map_or(0.0, |solution| solution.value(name));
        shares
            .iter()
            .zip(&self.plans)
            .map(|(shares, plans)| shares.iter().map(|&share| value(share)).zip(plans).collect())
            .collect()
    }
}
