//! What came of it, in a sentence or two.

use crate::report::matrix::Matrix;
use crate::report::{ModelRun, Run};

/// Of one run: how many frames were missed, and whose.
pub(super) fn of_run(run: &Run) -> String {
    let sum = |of: fn(&ModelRun) -> u32| run.models.iter().map(|model| u64::from(of(model))).sum::<u64>();
    let (frames, violated) = (sum(|model| model.frames), sum(|model| model.violated));
    if frames == 0 {
        return "No frame was due and counted within the run; give a longer --duration-ms.".into();
    }
    let uxcost = format!("UXCost {:.4}.", run.uxcost);
    if violated == 0 {
        return format!("{uxcost} Every one of {frames} frames met its deadline.");
    }
    let missed = |model: &ModelRun| f64::from(model.violated) / f64::from(model.frames.max(1));
    let worst = run.models.iter().max_by(|a, b| missed(a).total_cmp(&missed(b)));
    let others = run.models.iter().filter(|model| model.violated > 0).count().saturating_sub(1);
    let of_others = match others {
        0 => "the others met all theirs".to_string(),
        1 => "one other model missed some".into(),
        n => format!("{n} other models missed some"),
    };
    let worst = worst.map_or_else(String::new, |model| {
        let (percent, of_others) =
            (percent(missed(model)), if run.models.len() > 1 { of_others } else { String::new() });
        let rest = if of_others.is_empty() { String::new() } else { format!("; {of_others}") };
        format!(" Worst is {}: {} of its {} ({percent}){rest}.", model.name, model.violated, model.frames)
    });
    let share = percent(violated as f64 / frames as f64);
    format!("{uxcost} {violated} of {frames} frames missed their deadlines ({share}).{worst}")
}

/// Of several: who serves the workloads best; of one policy alone, how it serves them.
pub(super) fn of_comparison(runs: &[Run]) -> String {
    let matrix = Matrix::new(runs);
    let verdict = match matrix.by_mean().as_slice() {
        [best, second, .., last] => sentence(&matrix, *best, &[*second, *last]),
        [best, second] => sentence(&matrix, *best, &[*second]),
        [only] if runs.len() > 1 => alone(&matrix, *only),
        _ => return runs.first().map_or_else(String::new, of_run),
    };
    verdict.into_iter().chain(matrix.left_out()).collect::<Vec<_>>().join(" ")
}

fn sentence(matrix: &Matrix<'_>, best: usize, others: &[usize]) -> Option<String> {
    let ahead: Vec<String> = others.iter().map(|other| matrix.ahead(best, *other)).collect::<Option<_>>()?;
    Some(format!(
        "{} serves {} best: its UXCost{} is {}; {}.",
        matrix.policies[best],
        if matrix.counting() > 1 { "these workloads" } else { "this workload" },
        over(matrix),
        ahead.join(" and ").replace(" %", "\u{a0}%"),
        missed(matrix, best)
    ))
}

fn alone(matrix: &Matrix<'_>, policy: usize) -> Option<String> {
    let (name, mean) = (matrix.policies[policy], matrix.means[policy]?);
    Some(format!("The UXCost of {name}{} is {mean:.4}; {}.", over(matrix), missed(matrix, policy)))
}

/// Over how many cells a mean is, unless it is that of one.
fn over(matrix: &Matrix<'_>) -> String {
    match matrix.counting() {
        0 | 1 => String::new(),
        cells => format!(", the geometric mean over {cells} cells,"),
    }
}

fn missed(matrix: &Matrix<'_>, policy: usize) -> String {
    format!("{} of its frames missed their deadlines", percent(matrix.misses[policy].unwrap_or(0.0)))
}

/// As many digits as say something.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.095 {
        format!("{percent:.2}\u{a0}%")
    } else {
        format!("{percent:.1}\u{a0}%")
    }
}
