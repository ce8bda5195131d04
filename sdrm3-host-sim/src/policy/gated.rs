//! Prototype.
use sdrm3_core::{AcceleratorState, Activity, Frame, Instant, JobId, JobView, Offer, Policy, Score};

use super::Tables;

fn knob(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Prototype.
#[derive(Clone, Debug)]
pub struct Gated<'a> {
    tables: &'a Tables<'a>,
    /// Per model: 1 / (worst energy of a frame).
    unit: Vec<f64>,
    rate: Vec<f64>,
    tail: Vec<f64>,
    tailf: f64,
    block: f64,
    choice: Option<(JobId, usize)>,
    hopeless: Vec<JobId>,
    comfort: f64,
    order: f64,
    abandon: f64,
    dens: f64,
    strictwait: f64,
    guard: f64,
    wmargin: f64,
    delayed: std::collections::HashSet<Frame>,
}

impl<'a> Gated<'a> {
    /// Prototype.
    pub fn new(tables: &'a Tables<'a>) -> Self {
        let unit = tables.models.iter().map(|m| {
            let worst: f64 = m.subnetworks[0].segments.iter().map(|s| f64::from(s.info().worst_energy_nj)).sum();
            m.period.as_nanos() as f64 / worst.max(1.0)
        }).collect();
        let rate = tables.models.iter().map(|m| m.period.as_nanos() as f64).collect();
        let n = tables.models.len();
        let fastest: Vec<f64> = tables.models.iter().map(|m| m.subnetworks[0].segments[0].info().fastest_togo.as_nanos() as f64).collect();
        let mut tail = vec![0.0f64; n];
        for _ in 0..n {
            for (c, m) in tables.models.iter().enumerate() {
                if let Some(p) = m.cascade.filter(|_| m.deadline.is_none()) {
                    let p = usize::from(p.parent.0);
                    tail[p] = tail[p].max(fastest[c] + tail[c]);
                }
            }
        }
        Self {
            block: knob("G_BLOCK", 0.0) * tables.models.iter().flat_map(|m| m.subnetworks[0].segments).map(|s| f64::from(s.placements().iter().filter(|p| p.runs()).map(|p| p.latency_ns).min().unwrap_or(0))).fold(0.0, f64::max),
            tail, tailf: knob("G_TAIL", 1.0),
            tables, unit, rate, choice: None, hopeless: Vec::new(),
            comfort: knob("G_COMFORT", 1.3), order: knob("G_ORDER", 0.0), abandon: knob("G_ABANDON", 1.0),
            dens: knob("G_DENS", 1.0), strictwait: knob("G_WAIT", 1.0), guard: knob("G_GUARD", 1.0),
            wmargin: knob("G_WMARGIN", 0.0),
            delayed: Default::default(),
        }
    }
}

impl Policy for Gated<'_> {
    type Weighed = Score;

    fn prepare<'j>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'j>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        self.choice = None;
        self.hopeless.clear();
        let waits: Vec<Option<f64>> = accelerators.iter().map(|s| match s.activity {
            Activity::Idle => Some(0.0),
            Activity::Busy { until } => Some(until.saturating_since(now).as_nanos() as f64),
            _ => None,
        }).collect();
        if !waits.contains(&Some(0.0)) { return; }
        struct J { id: JobId, frame: Frame, l: f64, lt: f64, fast: f64, min: f64, e: Vec<Option<(f64, f64)>>, unit: f64, lax: f64 }
        let mut js: Vec<J> = Vec::new();
        for job in jobs {
            let l = job.slack(now).as_nanos() as f64;
            let fast = job.fastest_togo.as_nanos() as f64;
            if fast > l {
                self.hopeless.push(job.id);
                continue;
            }
            let min = job.placements.iter().filter(|p| p.runs()).map(|p| p.latency_ns).min().unwrap_or(0);
            let e = job.placements.iter().map(|p| p.runs().then(|| (f64::from(p.latency_ns), f64::from(p.energy_nj)))).collect();
            let lt = l - self.tailf * self.comfort * self.tail[usize::from(job.frame.model.0)];
            let lt = if lt < fast { l.min(fast) } else { lt };
            js.push(J { lt, id: job.id, frame: job.frame, l, fast, min: f64::from(min), e, unit: self.unit[usize::from(job.frame.model.0)], lax: lt - fast });
        }
        // (class, key, ...) the least goes first
        let mut best: Option<((u8, f64, f64, u8, u32), JobId, usize)> = None;
        for j in &js {
            let rest = j.fast - j.min;
            // comfortable placements
            let mut pick: Option<(f64, f64, usize, f64)> = None; // energy, finish, a, wait
            let mut quick: Option<(f64, usize, f64)> = None;
            for (a, w) in waits.iter().enumerate() {
                let (Some(w), Some((lat, en))) = (*w, j.e[a]) else { continue };
                let fin = w + lat;
                let c = w * (1.0 + self.wmargin) + lat + self.comfort * rest + self.block;
                if c <= j.lt && pick.is_none_or(|p| (en, fin) < (p.0, p.1)) {
                    pick = Some((en, fin, a, w));
                }
                if quick.is_none_or(|q| fin < q.0) { quick = Some((fin, a, w)); }
            }
            let (class, key, a, w) = if let Some((en, fin, a, w)) = pick {
                // second best for density
                let mut alt = f64::INFINITY;
                for (b, wb) in waits.iter().enumerate() {
                    let (Some(_), Some((_, eb))) = (*wb, j.e[b]) else { continue };
                    if b != a { alt = alt.min(eb); }
                }
                let alt = if alt.is_finite() { alt } else { j.e[a].unwrap().1 };
                let dens = (alt - en) * j.unit / (fin - w).max(1.0);
                let key = if self.dens > 0.5 { -dens } else { j.lax };
                (1u8, key, a, w)
            } else if let Some((fin, a, w)) = quick {
                if fin + rest > j.l {
                    // cannot be in time where the accelerators stand
                    if self.strictwait > 0.5 && w == 0.0 { (2u8, j.lax, a, w) } else { (2u8, j.lax, a, w) }
                } else {
                    (0u8, match self.order as u32 { 0 => j.lax, 1 => j.l, 2 => -(j.fast / j.l.max(1.0)), _ => j.fast }, a, w)
                }
            } else { continue };
            if w > 0.0 { continue; }
            let key = (class, key, j.lax, j.frame.model.0, j.frame.number);
            if class == 1 && self.guard > 0.0 {
                // does it make another one late?
                let (lat, _) = j.e[a].unwrap();
                let harms = js.iter().any(|k| {
                    if k.id == j.id { return false; }
                    let Some((la, _)) = k.e[a] else { return false };
                    // k's best finish if a is taken for lat, against not
                    let rest_k = k.fast - k.min;
                    let ok_with = lat + la + self.guard * rest_k <= k.lt;
                    let ok_now = la + self.guard * rest_k <= k.lt;
                    let elsewhere = waits.iter().enumerate().any(|(b, wb)| b != a && wb.is_some_and(|wb| k.e[b].is_some_and(|(lb, _)| wb + lb + self.guard * rest_k <= k.lt)));
                    ok_now && !ok_with && !elsewhere
                });
                if harms { continue; }
            }
            if best.as_ref().is_none_or(|b| key < b.0) { best = Some((key, j.id, a)); }
        }
        self.choice = best.map(|(_, id, a)| (id, a));
    }

    fn weigh(&self, _: &JobView<'_>, _: Instant) -> Score { Score::ZERO }

    fn score(&self, w: Score, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.choice.filter(|&(id, a)| id == job.id && a == usize::from(offer.accelerator.0)).map(|_| w)
    }

    fn abandons(&self, job: &JobView<'_>, _: Instant) -> bool {
        self.abandon > 0.5 && self.hopeless.contains(&job.id)
    }
}
