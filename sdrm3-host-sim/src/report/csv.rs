//! One row per run and model, the run's figures repeated.

use std::io::{self, Write};

use serde::Serialize;

use super::{ModelRun, Run};

#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    platform: &'a str,
    policy: &'a str,
    seed: u64,
    duration_ms: u32,
    uxcost: f64,
    violation_rate_sum: f64,
    energy_norm_sum: f64,
    xrbench_score: f64,
    model: &'a str,
    frames: u32,
    completed: u32,
    violated: u32,
    dropped: u32,
    unfinished: u32,
    energy_nj: u64,
    worst_energy_nj: u64,
    deadline_miss_rate: Option<f64>,
    energy_per_completed_frame_nj: Option<f64>,
    latency_p50_ms: Option<f64>,
    latency_p95_ms: Option<f64>,
    latency_p99_ms: Option<f64>,
    antt: Option<f64>,
    progress: Option<f64>,
    starvation_ms: f64,
    run_deadline_miss_rate: Option<f64>,
    run_energy_per_completed_frame_nj: Option<f64>,
    run_antt: Option<f64>,
    run_fairness: Option<f64>,
    run_starvation_ms: f64,
    bound: Option<f64>,
}

pub(super) fn write(runs: &[Run], out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for run in runs {
        for model in &run.models {
            let ModelRun {
                frames,
                completed,
                violated,
                dropped,
                unfinished,
                energy_nj,
                worst_energy_nj,
                metrics,
                ..
            } = *model;
            writer.serialize(Row {
                scenario: &run.scenario,
                platform: &run.platform,
                policy: &run.policy,
                seed: run.seed,
                duration_ms: run.duration_ms,
                uxcost: run.uxcost,
                violation_rate_sum: run.violation_rate_sum,
                energy_norm_sum: run.energy_norm_sum,
                xrbench_score: run.xrbench_score,
                model: &model.name,
                frames,
                completed,
                violated,
                dropped,
                unfinished,
                energy_nj,
                worst_energy_nj,
                deadline_miss_rate: metrics.deadline_miss_rate,
                energy_per_completed_frame_nj: metrics.energy_per_completed_frame_nj,
                latency_p50_ms: metrics.latency_p50_ms,
                latency_p95_ms: metrics.latency_p95_ms,
                latency_p99_ms: metrics.latency_p99_ms,
                antt: metrics.antt,
                progress: metrics.progress,
                starvation_ms: metrics.starvation_ms,
                run_deadline_miss_rate: run.metrics.deadline_miss_rate,
                run_energy_per_completed_frame_nj: run.metrics.energy_per_completed_frame_nj,
                run_antt: run.metrics.antt,
                run_fairness: run.metrics.fairness,
                run_starvation_ms: run.metrics.starvation_ms,
                bound: run.bound,
            })?;
        }
    }
    writer.flush()
}
