//! What one model does in a run, and the cheapest it could do at given prices.
//!
//! At prices, models no longer meet: each looks for the plan with the least
//!
//! ```text
//! alpha w R + beta w E + sum over accelerators of price x busy share + link prices x link use
//! ```
//!
//! `E` is a ratio, which is no linear matter: but "`E` is at most e" is one, `energy - e x worst <= 0`.
//! So the range of `E` is cut into pieces `[low, high]`. In a piece the cost is at least
//!
//! ```text
//! beta w low + max over v >= 0 of min over plans of (alpha w R + prices + v (energy - high x worst))
//! ```
//!
//! and the inner minimum has a closed form for any `v`: each layer takes its cheapest accelerator, each
//! frame runs as far as that pays, and frames are served, cheapest first, while a frame in time is
//! worth it. `R`, with its floor, is not relaxed at all. Pieces are split where the bound is lowest,
//! until it comes close to the cost of a plan that was met on the way.
//!
//! A plan of which nothing runs has `E = 1` but meets every limit on the ratio; that only lowers the bound,
//! and by little: a single layer run gives the same ratio for next to no time.

use super::demand::{Class, Layer, ModelDemand, Place};
use super::peak::{Peak, Tangent, peak, share_below};
use crate::scenario::{ACCELERATORS, MODELS};

/// What one model does in a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// `R`.
    pub(super) violation_rate: f64,
    /// `E`.
    pub(super) energy_norm: f64,
    /// Share of the run for which it keeps each accelerator busy.
    pub(super) busy: [f64; ACCELERATORS],
    /// Per dependent model: what it takes (the model's own frames started) less what it gives (frames of
    /// its parent completed), as a share of the frames of that model. No run has more taken than given.
    pub(super) links: [f64; MODELS],
    /// Of the frames that are due within the run, those served in time.
    pub(super) served: f64,
}

impl Plan {
    /// Nothing runs.
    pub(super) const NOTHING: Self = Self {
        violation_rate: 1.0,
        energy_norm: 1.0,
        busy: [0.0; ACCELERATORS],
        links: [0.0; MODELS],
        served: 0.0,
    };
}

/// What is minimised, and the prices of what models share.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    /// Weight of the sum of `R`.
    pub(super) alpha: f64,
    /// Weight of the sum of `E`.
    pub(super) beta: f64,
    /// Of each accelerator's whole time.
    pub(super) busy: [f64; ACCELERATORS],
    /// Of each link, see [`Plan::links`].
    pub(super) links: [f64; MODELS],
}

impl Prices {
    /// What a plan of a model of this weight costs.
    pub(super) fn cost(&self, weight: f64, plan: &Plan) -> f64 {
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        weight * (self.alpha * plan.violation_rate + self.beta * plan.energy_norm)
            + dot(&self.busy, &plan.busy)
            + dot(&self.links, &plan.links)
    }
}

/// A range of `E`.
struct Piece {
    low: f64,
    high: f64,
    /// The cost of no plan in it is below this.
    bound: f64,
}

/// A lower bound on the cost of every plan of a model, within `tolerance` of the least one if it can be
/// had, and good plans that were met.
pub(super) fn cheapest(
    model: &ModelDemand,
    index: usize,
    demand: &[ModelDemand],
    prices: &Prices,
    tolerance: f64,
) -> (f64, Vec<Plan>) {
    let search = Search { model, index, demand, prices };
    let of_ratio = prices.beta * model.weight;
    let mut best = prices.cost(model.weight, &Plan::NOTHING);
    let mut plans = Vec::new();
    let mut note = |plan: Plan, best: &mut f64| {
        let cost = prices.cost(model.weight, &plan);
        if cost < *best {
            *best = cost;
            plans.push(plan);
        }
    };
    let mut guess = of_ratio.max(1e-6);
    let mut examine = |low: f64, high: f64, best: &mut f64| {
        let (bound, plan) = search.within(high, &mut guess);
        note(plan, best);
        Piece { low, high, bound: of_ratio * low + bound }
    };
    let whole = examine(model.least_ratio, 1.0, &mut best);
    let mut pieces = vec![whole];
    for _ in 0..PIECES {
        let Some(at) = (0..pieces.len()).min_by(|&a, &b| pieces[a].bound.total_cmp(&pieces[b].bound)) else {
            break;
        };
        let Piece { low, high, bound } = pieces[at];
        if best - bound <= tolerance || high - low < 1e-6 {
            break;
        }
        let middle = 0.5 * (low + high);
        let upper = Piece { low: middle, high, bound: bound + of_ratio * (middle - low) };
        pieces[at] = upper;
        let lower = examine(low, middle, &mut best);
        pieces.push(lower);
    }
    let bound = pieces.iter().map(|piece| piece.bound).fold(f64::INFINITY, f64::min);
    (bound, plans)
}

/// The most pieces that the range of `E` is cut into.
const PIECES: usize = 60;

struct Search<'a> {
    model: &'a ModelDemand,
    index: usize,
    demand: &'a [ModelDemand],
    prices: &'a Prices,
}

/// A plan, its energy, and that of the same layers on their worst accelerators.
struct Choice {
    energy: f64,
    worst: f64,
    plan: Plan,
}

impl Choice {
    /// The plan that does so much of what this one does, and for the rest what the other does.
    fn mix(&self, share: f64, other: &Self) -> Plan {
        let of = |a: f64, b: f64| share * a + (1.0 - share) * b;
        let (energy, worst) = (of(self.energy, other.energy), of(self.worst, other.worst));
        Plan {
            violation_rate: of(self.plan.violation_rate, other.plan.violation_rate),
            energy_norm: if worst > 0.0 { energy / worst } else { 1.0 },
            busy: std::array::from_fn(|at| of(self.plan.busy[at], other.plan.busy[at])),
            links: std::array::from_fn(|at| of(self.plan.links[at], other.plan.links[at])),
            served: of(self.plan.served, other.plan.served),
        }
    }
}

/// How far a frame of a class goes, and at what cost.
#[derive(Clone, Copy)]
struct Stretch {
    cost: f64,
    route: usize,
    layers: usize,
    hurry: [Hurry; 2],
}

/// In what hurry a share of some frames is: at which price of their own time they choose accelerators.
#[derive(Clone, Copy)]
struct Hurry {
    share: f64,
    price: f64,
}

const LEISURE: [Hurry; 2] = [Hurry { share: 1.0, price: 0.0 }, Hurry { share: 0.0, price: 0.0 }];
const NOTHING: Stretch = Stretch { cost: 0.0, route: 0, layers: 0, hurry: LEISURE };

impl Search<'_> {
    /// A lower bound on the cost, less that of `E`, of the plans whose `E` is at most `ratio`, and a good
    /// plan. `guess` is a price of energy to begin with.
    fn within(&self, ratio: f64, guess: &mut f64) -> (f64, Plan) {
        match peak(*guess, |price| self.choose(ratio, price)) {
            Peak::Free(tangent) => (tangent.value, tangent.choice.plan),
            Peak::Between { bound, below, above } => {
                *guess = above.price.clamp(1e-9, 1e9);
                (bound, below.choice.mix(share_below(&below, &above), &above.choice))
            }
        }
    }

    /// The plan of least cost, where energy beyond `ratio` times worst energy has this price.
    fn choose(&self, ratio: f64, energy_price: f64) -> Tangent<Choice> {
        let costs: Vec<f64> =
            self.model.layers.iter().map(|layer| self.place(layer, ratio, energy_price, 0.0).0).collect();
        let options: Vec<(Stretch, Option<Stretch>)> = (self.model.classes.iter())
            .map(|class| self.stretches(class, &costs, ratio, energy_price))
            .collect();
        let rest = |(class, (rest, _)): (&Class, &(Stretch, _))| f64::from(class.frames) * rest.cost;
        let mut cost: f64 = self.model.classes.iter().zip(&options).map(rest).sum();
        let (served, of_serving) = self.serve(&options);
        cost += of_serving;

        let mut plan = Plan { violation_rate: 0.0, ..Plan::NOTHING };
        let (mut energy, mut worst, mut beyond) = (0.0, 0.0, 0u32);
        for ((class, (rest, serve)), &served) in self.model.classes.iter().zip(&options).zip(&served) {
            if class.due {
                plan.served += f64::from(served);
            } else {
                beyond += served;
            }
            for (stretch, frames) in [(*rest, class.frames - served), (serve.unwrap_or(NOTHING), served)] {
                let frames = f64::from(frames);
                for hurry in stretch.hurry.iter().filter(|hurry| hurry.share > 0.0) {
                    for &layer in &class.routes[stretch.route].layers[..stretch.layers] {
                        let layer = &self.model.layers[layer];
                        let (_, place) = self.place(layer, ratio, energy_price, hurry.price);
                        plan.busy[place.accelerator] += frames * hurry.share * place.time;
                        energy += frames * hurry.share * place.energy;
                        worst += frames * hurry.share * layer.worst;
                    }
                }
                self.link(class, stretch, frames, &mut plan.links);
            }
        }
        if self.model.due > 0 {
            let lost = (f64::from(self.model.due) - plan.served).max(0.5);
            plan.violation_rate = lost / f64::from(self.model.due + beyond);
        }
        plan.energy_norm = if worst > 0.0 { energy / worst } else { 1.0 };
        Tangent {
            price: energy_price,
            value: cost,
            slope: energy - ratio * worst,
            choice: Choice { energy, worst, plan },
        }
    }

    /// The cheapest accelerator for a layer, and the cost there; `hurry` is a price of the frame's own time.
    fn place(&self, layer: &Layer, ratio: f64, energy_price: f64, hurry: f64) -> (f64, Place) {
        let cost = |place: &Place| {
            (self.prices.busy[place.accelerator] + hurry) * place.time + energy_price * place.energy
        };
        let priced = layer.on.iter().map(|place| (cost(place), *place));
        let (cost, place) =
            priced.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a layer runs somewhere: checked");
        (cost - energy_price * ratio * layer.worst, place)
    }

    /// The cheapest that a frame of the class can do, served or not; and the cheapest way to serve it.
    fn stretches(
        &self,
        class: &Class,
        costs: &[f64],
        ratio: f64,
        energy_price: f64,
    ) -> (Stretch, Option<Stretch>) {
        let (mut rest, mut serve) = (NOTHING, None::<Stretch>);
        let start = if self.model.dependent {
            self.prices.links[self.index] / self.demand[self.index].frames
        } else {
            0.0
        };
        let reward: f64 =
            class.children.iter().map(|&child| self.prices.links[child] / self.demand[child].frames).sum();
        for (route, way) in class.routes.iter().enumerate() {
            let mut cost = start;
            for (done, &layer) in way.layers.iter().enumerate() {
                cost += costs[layer];
                let complete = done + 1 == way.layers.len();
                let cost = if complete { cost - reward } else { cost };
                if cost < rest.cost {
                    rest = Stretch { cost, route, layers: done + 1, hurry: LEISURE };
                }
            }
            if let Some(slack_ns) = way.slack_ns {
                let slack = slack_ns as f64 / self.model.capacity_ns;
                let (cost, hurry) = self.hurry(&way.layers, slack, ratio, energy_price);
                let cost = cost + start - reward;
                if serve.is_none_or(|best| cost < best.cost) {
                    serve = Some(Stretch { cost, route, layers: way.layers.len(), hurry });
                }
            }
        }
        (rest, serve)
    }

    /// The least cost of layers that take no longer than `slack` in all, each split over accelerators.
    fn hurry(&self, layers: &[usize], slack: f64, ratio: f64, energy_price: f64) -> (f64, [Hurry; 2]) {
        let at = |price: f64| {
            let (mut value, mut slope) = (-price * slack, -slack);
            for &layer in layers {
                let (cost, place) = self.place(&self.model.layers[layer], ratio, energy_price, price);
                (value, slope) = (value + cost, slope + place.time);
            }
            Tangent { price, value, slope, choice: () }
        };
        let scale = self.prices.busy.iter().fold(energy_price, |most, &price| most.max(price));
        match peak(scale.max(1e-6), at) {
            Peak::Free(tangent) => (tangent.value, LEISURE),
            Peak::Between { bound, below, above } => {
                let share = share_below(&below, &above);
                let of = |share, price| Hurry { share, price };
                (bound, [of(share, below.price), of(1.0 - share, above.price)])
            }
        }
    }

    /// What a stretch takes and gives of links.
    fn link(&self, class: &Class, stretch: Stretch, frames: f64, links: &mut [f64; MODELS]) {
        if stretch.layers == 0 {
            return;
        }
        if self.model.dependent {
            links[self.index] += frames / self.demand[self.index].frames;
        }
        if stretch.layers == class.routes[stretch.route].layers.len() {
            for &child in &class.children {
                links[child] -= frames / self.demand[child].frames;
            }
        }
    }

    /// How many frames of each class to serve, and what that costs beyond the cheapest they could do,
    /// with `R`: the cheapest first, while the fall of `R` is worth it. Frames due beyond the end come
    /// into the count only when served, so each number of them is tried.
    fn serve(&self, options: &[(Stretch, Option<Stretch>)]) -> (Vec<u32>, f64) {
        let none = vec![0; options.len()];
        let worth = self.prices.alpha * self.model.weight;
        if self.model.due == 0 {
            return (none, 0.0);
        }
        let mut order: Vec<(f64, usize)> = (options.iter().enumerate())
            .filter_map(|(class, (rest, serve))| Some((serve.as_ref()?.cost - rest.cost, class)))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (due, beyond): (Vec<_>, Vec<_>) =
            order.into_iter().partition(|&(_, class)| self.model.classes[class].due);
        let frames = |class: usize| self.model.classes[class].frames;
        let mut best = (none.clone(), f64::INFINITY);
        let mut extra = (none, 0.0);
        let mut counted = self.model.due;
        let mut steps =
            beyond.iter().flat_map(|&(cost, class)| (0..frames(class)).map(move |_| (cost, class)));
        loop {
            let each = worth / f64::from(counted);
            let (mut served, mut cost) = extra.clone();
            let mut left = self.model.due;
            let mut dearest = None;
            for &(more, class) in due.iter().take_while(|(more, _)| *more < each) {
                served[class] = frames(class);
                cost += more * f64::from(frames(class));
                left -= frames(class);
                dearest = Some((more, class));
            }
            // The last frame of all takes `R` from 1/n to 1/2n only.
            if let Some((more, class)) = dearest.filter(|&(more, _)| left == 0 && more > 0.5 * each) {
                served[class] -= 1;
                cost -= more;
                left = 1;
            }
            cost += each * f64::from(left).max(0.5);
            if cost < best.1 {
                best = (served, cost);
            }
            let Some((more, class)) = steps.next() else { return best };
            extra.0[class] += 1;
            extra.1 += more;
            counted += 1;
        }
    }
}
