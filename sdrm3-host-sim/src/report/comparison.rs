//! The comparison of policies for people: UXCost, who wins, and by how much.

use std::io::{self, Write};

use super::{Run, geometric_mean, table};

pub(super) fn write(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    let mut policies: Vec<&str> = Vec::new();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for run in runs {
        if !policies.contains(&run.policy.as_str()) {
            policies.push(&run.policy);
        }
        if !pairs.contains(&(&run.scenario, &run.platform)) {
            pairs.push((&run.scenario, &run.platform));
        }
    }
    let of_pair = |(scenario, platform): (&str, &str)| -> Vec<&Run> {
        let here = |run: &&Run| run.scenario == scenario && run.platform == platform;
        let all: Vec<&Run> = runs.iter().filter(here).collect();
        policies.iter().filter_map(|policy| all.iter().find(|run| run.policy == **policy).copied()).collect()
    };
    let mean_of = |value: &dyn Fn(&Run) -> f64| -> Vec<f64> {
        let of_policy =
            |policy: &&str| geometric_mean(runs.iter().filter(|r| r.policy == **policy).map(value));
        policies.iter().map(of_policy).collect()
    };
    let means = mean_of(&|run| run.uxcost);
    let bounds: Vec<f64> = pairs.iter().filter_map(|&pair| of_pair(pair).first()?.bound).collect();
    let bounded = !bounds.is_empty();
    let times = if bounded { mean_of(&|run| times_the_bound(run)) } else { Vec::new() };

    // A column for the bound; behind each UXCost how many times the bound it is.
    let mut header = vec!["scenario", "platform"];
    header.extend(bounded.then_some("bound"));
    for policy in &policies {
        header.push(policy);
        header.extend(bounded.then_some("x bound"));
    }
    let mut rows = Vec::new();
    for &pair in &pairs {
        let runs = of_pair(pair);
        let costs: Vec<f64> = runs.iter().map(|run| run.uxcost).collect();
        let ratios: Vec<f64> = runs.iter().filter(|_| bounded).map(|run| times_the_bound(run)).collect();
        let bound = runs.first().and_then(|run| run.bound);
        rows.push(row([pair.0, pair.1], bound, &costs, &ratios));
    }
    let mean_bound = bounded.then(|| geometric_mean(bounds));
    rows.push(row(["geometric mean", ""], mean_bound, &means, &times));
    let mut misses = vec!["violated frames".to_string(), String::new()];
    misses.extend(bounded.then(String::new));
    for policy in &policies {
        misses.push(format!("{:.1} %", 100.0 * miss_rate(runs, policy)));
        misses.extend(bounded.then(String::new));
    }
    rows.push(misses);

    if let Some(run) = runs.first() {
        writeln!(
            out,
            "UXCost (lower is better, * is best) over {} ms of virtual time, seed {}\n",
            run.duration_ms, run.seed
        )?;
    }
    writeln!(out, "{}", table(&header, rows))?;
    if let Some(verdict) = verdict(&policies, &means) {
        writeln!(out, "\n{verdict}")?;
    }
    Ok(())
}

/// A run's UXCost over the bound of its cell; 1 where both are 0.
fn times_the_bound(run: &Run) -> f64 {
    match run.bound {
        Some(bound) if bound > 0.0 => run.uxcost / bound,
        _ if run.uxcost > 0.0 => f64::INFINITY,
        _ => 1.0,
    }
}

/// A row of the table; the best cost is marked. `ratios` is empty without a bound.
fn row(names: [&str; 2], bound: Option<f64>, costs: &[f64], ratios: &[f64]) -> Vec<String> {
    let best = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let mut row = names.map(String::from).to_vec();
    row.extend(bound.map(|bound| format!("{bound:.3}")));
    for (index, &cost) in costs.iter().enumerate() {
        row.push(format!("{cost:.3}{}", if cost == best { " *" } else { "  " }));
        row.extend(ratios.get(index).map(|ratio| format!("{ratio:.2}")));
    }
    row
}

/// Share of violated frames under a policy, over all runs and models.
fn miss_rate(runs: &[Run], policy: &str) -> f64 {
    let models = runs.iter().filter(|run| run.policy == policy).flat_map(|run| &run.models);
    let (violated, frames) = models.fold((0u64, 0u64), |(violated, frames), model| {
        (violated + u64::from(model.violated), frames + u64::from(model.frames))
    });
    violated as f64 / frames.max(1) as f64
}

/// Who wins, and by how much; nothing for a single policy.
fn verdict(policies: &[&str], means: &[f64]) -> Option<String> {
    let mut order: Vec<(f64, &str)> = means.iter().copied().zip(policies.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (best, others) = order.split_first()?;
    let (_, first) = (others.first()?, best.1);
    let ahead: Vec<String> = others
        .iter()
        .map(|&(mean, policy)| format!("{:.1} % below {policy}", 100.0 * (1.0 - best.0 / mean)))
        .collect();
    Some(format!("{first} serves these workloads best: its UXCost is {}.", ahead.join(", ")))
}
