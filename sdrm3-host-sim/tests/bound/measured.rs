//! Three scenarios of XRBench on seven platforms, with costs that MAESTRO printed: the cells on which the project
//! compares itself. The data are not part of the repository; `SDRM3_DATA` names their folder.
//!
//! `cargo test -p sdrm3-host-sim --test bound measured -- --nocapture` prints the means of the book.

use rayon::prelude::*;
use sdrm3_host_sim::policy::{Method, Parameters, Part, PolicyName};
use sdrm3_host_sim::scenario::{CostTable, Platform, Scenario};

use super::{Cell, bound_and_costs, check, with_cell};

const OURS: &str = "sdrm3-gated";

/// The scenarios, platforms and costs; `None`, and it says so, without the data.
fn data() -> Option<(Vec<Scenario>, Vec<Platform>, CostTable)> {
    let Ok(data) = std::env::var("SDRM3_DATA") else {
        sdrm3_check::skipped("measured", "SDRM3_DATA does not name the folder with the data");
        return None;
    };
    let files = |what: &str| -> Vec<String> {
        let folder = std::fs::read_dir(format!("{data}/grid/{what}")).expect("the grid");
        let mut paths: Vec<String> =
            folder.map(|entry| entry.unwrap().path().to_str().expect("UTF-8").to_string()).collect();
        paths.sort();
        paths
    };
    let scenarios = files("scenarios").iter().map(|path| Scenario::load(path).unwrap()).collect();
    let platforms = files("platforms").iter().map(|path| Platform::load(path).unwrap()).collect();
    Some((scenarios, platforms, CostTable::load(&format!("{data}/grid/costs.csv")).unwrap()))
}

/// Both at once; a model of both is there once.
fn union(one: &Scenario, other: &Scenario) -> Scenario {
    let mut union = one.clone();
    union.name = format!("{} + {}", one.name, other.name);
    let place = |union: &Scenario, name: &str| union.models.iter().position(|model| model.name == name);
    for model in &other.models {
        if place(&union, &model.name).is_none() {
            union.models.push(model.clone());
        }
    }
    for model in &other.models {
        let parent =
            model.parent.map(|parent| place(&union, &other.models[parent.index].name).expect("added"));
        let added = place(&union, &model.name).expect("added");
        if let (Some(index), Some(parent)) = (parent, union.models[added].parent.as_mut()) {
            parent.index = index;
        }
    }
    union
}

/// Two at a time.
fn pairs(scenarios: &[Scenario]) -> [Scenario; 3] {
    let [one, two, three] = scenarios else { panic!("three scenarios") };
    [union(one, two), union(one, three), union(two, three)]
}

/// What is asked of each cell of 2 s.
fn by_cell<T: Send>(
    scenarios: &[Scenario],
    platforms: &[Platform],
    costs: &CostTable,
    ask: impl Fn(&Cell<'_>) -> T + Sync,
) -> Vec<T> {
    let cells: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| platforms.iter().map(move |platform| (scenario, platform)))
        .collect();
    let of_cell = |(scenario, platform): &(&Scenario, &Platform)| {
        with_cell(scenario, platform, Some(costs), (2000, 1), |cell| ask(cell))
    };
    cells.par_iter().map(of_cell).collect()
}

/// UXCost of each policy over the bound.
fn over_bound(cell: &Cell<'_>) -> Vec<(&'static str, f64)> {
    let (bound, costs) = bound_and_costs(cell);
    costs.into_iter().map(|(policy, cost)| (policy, cost / bound.value())).collect()
}

/// UXCost of the gated policy without each of its parts, over that with all.
fn without_parts(cell: &Cell<'_>) -> Vec<(&'static str, f64)> {
    let cost = |without: &[Part]| {
        let method = Method::new(PolicyName::Gated, without, Parameters::default());
        method.run(cell, &mut ()).uxcost.value()
    };
    Part::of(PolicyName::Gated).iter().map(|part| (part.name(), cost(&[*part]) / cost(&[]))).collect()
}

/// Each part is there for some cells, and must not cost more than 2 % on others.
fn check_parts(parts: &[(&'static str, f64)]) {
    println!("without a part, times UXCost with all: {parts:.3?}");
    for (part, times) in parts {
        assert!(*times >= 0.98, "without {part} it is {times} times as much");
    }
}

/// Geometric means over the cells, the least first.
fn means(cells: &[Vec<(&'static str, f64)>]) -> Vec<(&'static str, f64)> {
    let mean = |index: usize| {
        let logarithms: f64 = cells.iter().map(|cell| cell[index].1.ln()).sum();
        (cells[0][index].0, (logarithms / cells.len() as f64).exp())
    };
    let mut means: Vec<_> = (0..cells[0].len()).map(mean).collect();
    means.sort_by(|one, other| one.1.total_cmp(&other.1));
    means
}

#[test]
fn no_policy_beats_the_bound_on_measured_cells() {
    let Some((scenarios, platforms, costs)) = data() else { return };
    let mut checked = 0;
    for scenario in &scenarios {
        for platform in &platforms {
            with_cell(scenario, platform, Some(&costs), (500, 1), check)
                .unwrap_or_else(|error| panic!("{error}"));
            checked += 1;
        }
    }
    assert_eq!(checked, 21);
}

#[test]
fn the_gated_policy_is_near_the_bound_and_above_no_other_policy_on_measured_cells() {
    let Some((scenarios, platforms, costs)) = data() else { return };
    let cells = by_cell(&scenarios, &platforms, &costs, over_bound);
    println!("over the bound, {} cells: {:.3?}", cells.len(), means(&cells));
    assert_eq!(means(&cells)[0].0, OURS);
    assert!(means(&cells)[0].1 <= 1.08, "{:?}", means(&cells)[0]);
    for cell in &cells {
        let ours = cell.iter().find(|(policy, _)| *policy == OURS).expect("it ran").1;
        let others = cell.iter().filter(|(policy, _)| *policy != OURS);
        let best = others.map(|(_, times)| *times).fold(f64::INFINITY, f64::min);
        assert!(ours <= 1.02 * best, "{ours} times the bound, another one {best}: {cell:?}");
    }
    check_parts(&means(&by_cell(&scenarios, &platforms, &costs, without_parts)));
}

/// At another frame rate; deadlines that are given stay.
fn at_rate(scenario: &Scenario, times: f64) -> Scenario {
    let mut other = scenario.clone();
    other.models.iter_mut().for_each(|model| model.fps *= times);
    other
}

/// How near the bound is, by load: from where all can be served to where half of the frames cannot. Where a model may
/// have no frame the bound does without it, as no policy can: such cells say nothing and are left out.
#[test]
fn at_every_rate_the_gated_policy_is_nearest_to_the_bound() {
    let Some((scenarios, platforms, costs)) = data() else { return };
    for percent in [80, 90, 95, 100, 110, 150] {
        let paced: Vec<Scenario> =
            pairs(&scenarios).iter().map(|pair| at_rate(pair, f64::from(percent) / 100.0)).collect();
        let cells = by_cell(&paced, &platforms, &costs, |cell| {
            let (bound, costs) = bound_and_costs(cell);
            let over = costs.into_iter().map(|(policy, cost)| (policy, cost / bound.value())).collect();
            bound.served.iter().all(Option::is_some).then_some(over)
        });
        let cells: Vec<Vec<_>> = cells.into_iter().flatten().collect();
        let means = means(&cells);
        let of = |name: &str| means.iter().find(|(policy, _)| *policy == name).expect("it ran").1;
        let line = [OURS, "lst", "sdrm3", "fcfs"].map(|policy| format!("{policy} {:.3}", of(policy)));
        println!("over the bound, two at a time at {percent} %, {} cells: {}", cells.len(), line.join(", "));
        assert_eq!(means[0].0, OURS, "at {percent} %");
    }
}

#[test]
fn two_measured_scenarios_at_a_time_are_served_best_by_the_gated_policy() {
    let Some((scenarios, platforms, costs)) = data() else { return };
    let pairs = pairs(&scenarios);
    let cells = by_cell(&pairs, &platforms, &costs, over_bound);
    println!("over the bound, {} cells: {:.3?}", cells.len(), means(&cells));
    assert_eq!(means(&cells)[0].0, OURS);
    assert!(means(&cells)[0].1 <= 1.30, "{:?}", means(&cells)[0]);
    check_parts(&means(&by_cell(&pairs, &platforms, &costs, without_parts)));
}
