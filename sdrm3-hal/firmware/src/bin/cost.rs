//! What the scheduler's calls cost, in instructions and stack: under `-icount shift=10,sleep=off`.
//!
//! First a mixed run: the headset in virtual time, with phases of overload, every call measured. Then the
//! defined decision: ready jobs x idle accelerators, in several sizes. No interrupt comes.

#![no_std]
#![no_main]

use core::hint::black_box;

use sdrm3_core::{
    AcceleratorId, Action, Config, Dispatch, Duration, Fault, Gated, Instant, MapScore, ModelId, NextWake,
    Outcome, Policy, Progress, Scheduler, Workload,
};
use sdrm3_firmware::benchmark::Tables;
use sdrm3_firmware::measure::{self, Samples};
use sdrm3_firmware::ops::{self, Full};
use sdrm3_firmware::workload::{ACCELERATORS, HEADSET};
use sdrm3_firmware::{entry, log, sizes};

/// The length of the mixed run.
const RUN: Instant = Instant::from_millis(20_000);

/// Costs of each kind of call, and the deepest stack of any.
#[derive(Default)]
struct Costs {
    /// Polls that dispatch, that drop, that only wait, and that end a window of the tuner whatever else.
    decision: Samples,
    drop: Samples,
    wait: Samples,
    window: Samples,
    release: Samples,
    complete: Samples,
    fault: Samples,
    restore: Samples,
    stack: u32,
}

impl Costs {
    /// Measures instructions; every 16th call, its stack instead.
    fn call<R>(&mut self, number: u32, call: impl FnOnce() -> R) -> (Option<u32>, R) {
        if number % 16 == 15 {
            let (depth, answer) = measure::stack(call);
            self.stack = self.stack.max(depth);
            (None, answer)
        } else {
            let (cost, answer) = measure::instructions(call);
            (Some(cost), answer)
        }
    }
}

/// The headset in virtual time: blocks end when their time is over.
struct Bed<'a> {
    scheduler: &'a mut Full,
    running: [Option<(Dispatch, Instant)>; ACCELERATORS],
    calls: u32,
}

impl Bed<'_> {
    fn number(&mut self) -> u32 {
        self.calls = self.calls.wrapping_add(1);
        self.calls
    }

    fn release(&mut self, model: ModelId, now: Instant, costs: &mut Costs) {
        let number = self.number();
        let (cost, answer) = costs.call(number, || ops::release(self.scheduler, model, now));
        cost.into_iter().for_each(|cost| costs.release.add(cost));
        if let Err(refused) = answer
            && let Some(frame) = refused.frame
        {
            ops::give_up(self.scheduler, frame, now);
        }
    }

    fn complete(&mut self, accelerator: usize, costs: &mut Costs) {
        let Some((block, end)) = self.running.get_mut(accelerator).and_then(Option::take) else { return };
        let number = self.number();
        let outcome = Outcome::finished(end);
        let (cost, report) = costs.call(number, || ops::complete(self.scheduler, block.ticket, outcome, end));
        cost.into_iter().for_each(|cost| costs.complete.add(cost));
        let Ok(report) = report else { return };
        if report.progress != Progress::More {
            for (child, _) in HEADSET.children(report.frame.model) {
                if let Err(refused) = ops::release_child(self.scheduler, child, &report.frame, end)
                    && let Some(frame) = refused.frame
                {
                    ops::give_up(self.scheduler, frame, end);
                }
            }
        }
    }

    /// Polls until it is to wait. Blocks take an eighth more than expected, and three times that when it is hot.
    fn poll(&mut self, now: Instant, hot: bool, costs: &mut Costs) -> NextWake {
        loop {
            let windows = self.scheduler.windows();
            let number = self.number();
            let (cost, action) = costs.call(number, || ops::poll(self.scheduler, now));
            let kind = match action {
                _ if self.scheduler.windows() != windows => &mut costs.window,
                Action::Dispatch(_) => &mut costs.decision,
                Action::Drop(..) => &mut costs.drop,
                Action::Wait(_) => &mut costs.wait,
            };
            cost.into_iter().for_each(|cost| kind.add(cost));
            match action {
                Action::Dispatch(block) => {
                    let expected = u64::from(block.expected.latency_ns) + u64::from(block.switch.latency_ns);
                    let took = expected * 9 / 8 * if hot { 3 } else { 1 };
                    let end = now.saturating_add(Duration::from_nanos(took));
                    let running = self.running.get_mut(usize::from(block.ticket.accelerator.0));
                    running.into_iter().for_each(|running| *running = Some((block, end)));
                }
                Action::Drop(..) => {}
                Action::Wait(wake) => return wake,
            }
        }
    }

    /// An accelerator loses its block and comes back.
    fn stumble(&mut self, accelerator: u8, now: Instant, costs: &mut Costs) {
        let id = AcceleratorId(accelerator);
        self.running.get_mut(usize::from(accelerator)).into_iter().for_each(|running| *running = None);
        let (cost, _) = measure::instructions(|| ops::fault(self.scheduler, id, Fault::OutOfService, now));
        costs.fault.add(cost);
        let (cost, _) = measure::instructions(|| ops::restore(self.scheduler, id, now));
        costs.restore.add(cost);
    }
}

fn mixed(scheduler: &mut Full, costs: &mut Costs) {
    let mut bed = Bed { scheduler, running: [None; ACCELERATORS], calls: 0 };
    let mut next = [Instant::ZERO; 8];
    let mut stumble = Instant::from_millis(1_111);
    let mut now = Instant::ZERO;
    while now < RUN {
        for ((model, next), id) in HEADSET.models.iter().zip(&mut next).zip(0..) {
            if model.cascade.is_none() && now >= *next {
                *next = next.saturating_add(model.period);
                bed.release(ModelId(id), now, costs);
            }
        }
        for accelerator in 0..ACCELERATORS {
            if bed.running.get(accelerator).copied().flatten().is_some_and(|(_, end)| end <= now) {
                bed.complete(accelerator, costs);
            }
        }
        if now >= stumble {
            bed.stumble((stumble.as_nanos() / 1_000_000 % 4) as u8, now, costs);
            stumble = stumble.saturating_add(Duration::from_millis(1_111));
        }
        // Two seconds in five are hot.
        let hot = now.as_nanos() / 1_000_000_000 % 5 >= 3;
        let wake = bed.poll(now, hot, costs);
        let inputs = HEADSET.models.iter().zip(next).filter(|(model, _)| model.cascade.is_none());
        let ends = bed.running.iter().flatten().map(|&(_, end)| end);
        let wake = if let NextWake::At(at) = wake { at } else { Instant::MAX };
        now = inputs.map(|(_, next)| next).chain(ends).fold(wake.min(stumble), Instant::min);
    }
}

/// The defined decision: `JOBS` ready jobs, each of another model, on all accelerators idle. Some blocks
/// run before, so that waits and corrections differ. The costs of some such decisions in a row.
fn decisions<const MODELS: usize, const ACCS: usize>(jobs: usize) -> Samples {
    published::<MODELS, ACCS>(Tables::workload(jobs), false)
}

/// The same with other tables, or with all frames overdue and none of them dropped: each gets a closer look.
fn published<const MODELS: usize, const ACCS: usize>(
    workload: Option<&'static Workload<'static, ACCS>>,
    overdue: bool,
) -> Samples {
    let config = Config { frame_drop: !overdue, stale_drop: !overdue, ..Config::FULL };
    decisions_by::<_, MODELS, ACCS>(workload, overdue, |_| MapScore::default(), config)
}

/// The same under the gated policy, which has no frame drop and no tuner; and that in haste, where no frame is
/// comfortable: the dearest.
fn gated_decisions<const MODELS: usize, const ACCS: usize>(
    workload: Option<&'static Workload<'static, ACCS>>,
    policy: impl FnOnce(&Workload<'static, ACCS>) -> Gated<MODELS, ACCS>,
) -> Samples {
    let config = Config { supernet: true, correction: true, ..Config::PLAIN };
    decisions_by::<Gated<MODELS, ACCS>, MODELS, ACCS>(workload, false, policy, config)
}

fn decisions_by<P: Policy, const MODELS: usize, const ACCS: usize>(
    workload: Option<&'static Workload<'static, ACCS>>,
    overdue: bool,
    policy: impl FnOnce(&Workload<'static, ACCS>) -> P,
    config: Config,
) -> Samples {
    #[inline(never)]
    fn poll<P: Policy, const MODELS: usize, const ACCS: usize>(
        scheduler: &mut Scheduler<'static, P, MODELS, 16, ACCS>,
        now: Instant,
    ) -> Action {
        scheduler.poll(now)
    }

    let mut samples = Samples::new();
    let Some(workload) = workload else { return samples };
    let jobs = workload.models.len();
    let Ok(mut scheduler) = Scheduler::new(workload, policy(workload), config) else {
        return samples;
    };
    let mut now = Instant::from_millis(1);
    for (_, id) in workload.models.iter().zip(0..) {
        now = now.saturating_add(Duration::from_micros(37));
        let _ = scheduler.release(ModelId(id), now);
    }
    let (warm, measured) = (3 * jobs, 16);
    for number in 0..warm + measured {
        if overdue && number + 1 == warm {
            // The last one that is not measured: it ends a window of the tuner.
            now = now.saturating_add(Duration::from_millis(400));
        }
        let (cost, action) =
            measure::instructions(|| poll::<P, MODELS, ACCS>(&mut scheduler, black_box(now)));
        let Action::Dispatch(block) = action else { return Samples::new() };
        if number >= warm && scheduler.jobs_in_flight() == jobs {
            samples.add(cost);
        }
        // Slower than expected, by model.
        let slower = 16 + u64::from(block.frame.model.0 % 5);
        now = now.saturating_add(Duration::from_nanos(u64::from(block.expected.latency_ns) * slower / 16));
        let _ = scheduler.complete(block.ticket, Outcome::finished(now), now);
    }
    samples
}

fn print(name: &str, samples: &Samples) {
    defmt::println!("{=str}_calls {=u32}", name, samples.total());
    defmt::println!("{=str}_insns_min {=u32}", name, samples.min());
    defmt::println!("{=str}_insns_median {=u32}", name, samples.median());
    defmt::println!("{=str}_insns_max {=u32}", name, samples.max());
}

#[entry]
fn main() -> ! {
    let thousand = measure::thousand();
    if thousand.abs_diff(1_000) > measure::BLUR {
        defmt::error!(
            "a thousand instructions count as {=u32}: run with -icount shift=10,sleep=off",
            thousand
        );
        log::exit(1)
    }
    let mut costs = Costs::default();
    let (new_stack, scheduler) = measure::stack(|| ops::new(black_box(&HEADSET)));
    let Ok(mut scheduler) = scheduler else {
        defmt::error!("the tables are not valid");
        log::exit(1)
    };
    mixed(&mut scheduler, &mut costs);
    print("mixed_decision", &costs.decision);
    print("mixed_drop", &costs.drop);
    print("mixed_wait", &costs.wait);
    print("window_end", &costs.window);
    print("release", &costs.release);
    print("complete", &costs.complete);
    print("fault", &costs.fault);
    print("restore", &costs.restore);
    defmt::println!("stack_painted_bytes {=u32}", costs.stack);
    defmt::println!("stack_painted_new_bytes {=u32}", new_stack);
    defmt::println!("ram_bytes {=u32}", size_of::<Full>() as u32);
    sizes::print();

    print("decision_8x4", &decisions::<8, 4>(8));
    print("switching_8x4", &published::<8, 4>(Tables::switching(8), false));
    print("overdue_8x4", &published::<8, 4>(Tables::workload(8), true));
    print("overdue_switching_8x4", &published::<8, 4>(Tables::switching(8), true));
    print("gated_decision_8x4", &gated_decisions::<8, 4>(Tables::workload(8), Gated::new));
    print("gated_switching_8x4", &gated_decisions::<8, 4>(Tables::switching(8), Gated::new));
    // From where all are comfortable at once to where none is: what looks twice before it hurries is between.
    let comforts = (0..12).flat_map(|shift| (16..32).map(move |sixteenths| sixteenths << shift));
    let dearest = comforts.map(|comfort| {
        let decisions = gated_decisions::<8, 4>(Tables::workload(8), |workload| {
            let mut policy = Gated::new(workload);
            policy.comfort = comfort;
            policy
        });
        decisions.max()
    });
    defmt::println!("gated_dearest_8x4_insns_max {=u32}", dearest.max().unwrap_or(0));
    let haste = gated_decisions::<8, 4>(Tables::workload(8), |workload| Gated::new(workload).in_haste());
    print("gated_haste_8x4", &haste);
    let at = |jobs| {
        [
            decisions::<16, 1>(jobs).max(),
            decisions::<16, 2>(jobs).max(),
            decisions::<16, 4>(jobs).max(),
            decisions::<16, 8>(jobs).max(),
        ]
    };
    let mut failures = 0;
    for jobs in [2, 4, 8, 16] {
        for (cost, accelerators) in at(jobs).into_iter().zip([1u32, 2, 4, 8]) {
            defmt::println!("scale_{=u32}x{=u32}_insns {=u32}", jobs as u32, accelerators, cost);
            failures += u32::from(cost == 0);
        }
    }
    failures += [&costs.decision, &costs.drop, &costs.wait, &costs.window, &costs.release, &costs.complete]
        .iter()
        .filter(|samples| samples.total() == 0)
        .count() as u32;
    log::exit(failures)
}
