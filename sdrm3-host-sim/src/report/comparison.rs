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
    let find = |pair: (&str, &str), policy: &str| {
        runs.iter().find(|run| (run.scenario.as_str(), run.platform.as_str()) == pair && run.policy == policy)
    };
    let mut rows = Vec::new();
    for &pair in &pairs {
        let costs: Vec<f64> =
            policies.iter().filter_map(|policy| find(pair, policy)).map(|run| run.uxcost).collect();
        let best = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let mut row = vec![pair.0.to_string(), pair.1.to_string()];
        row.extend(costs.iter().map(|&cost| format!("{cost:.3}{}", if cost == best { " *" } else { "  " })));
        rows.push(row);
    }
    let means: Vec<f64> = (policies.iter())
        .map(|policy| geometric_mean(runs.iter().filter(|run| run.policy == **policy).map(|run| run.uxcost)))
        .collect();
    let best = means.iter().copied().fold(f64::INFINITY, f64::min);
    let mut mean_row = vec!["geometric mean".to_string(), String::new()];
    mean_row.extend(means.iter().map(|&mean| format!("{mean:.3}{}", if mean == best { " *" } else { "  " })));
    rows.push(mean_row);
    let mut misses = vec!["violated frames".to_string(), String::new()];
    misses.extend(policies.iter().map(|policy| format!("{:.1} %", 100.0 * miss_rate(runs, policy))));
    rows.push(misses);

    if let Some(run) = runs.first() {
        writeln!(
            out,
            "UXCost (lower is better, * is best) over {} ms of virtual time, seed {}\n",
            run.duration_ms, run.seed
        )?;
    }
    let mut header = vec!["scenario", "platform"];
    header.extend(&policies);
    writeln!(out, "{}", table(&header, rows))?;
    if let Some(verdict) = verdict(&policies, &means) {
        writeln!(out, "\n{verdict}")?;
    }
    Ok(())
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
