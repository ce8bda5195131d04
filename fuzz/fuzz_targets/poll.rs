//! Any sequence of events on any tables that validate: the scheduler keeps its promises.
//!
//! Checked after every step: no accelerator gets a block while it has one, every ticket is answered
//! once, polling ends after as many actions as there are jobs and accelerators, frames are conserved.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use sdrm3_core::{
    Accelerator, AcceleratorId, Action, Branch, Config, Cost, DropBudget, DropReason, Duration, Fault, Frame,
    Instant, MapScore, Model, ModelId, Outcome, Path, Probability, Progress, Refusal, Scheduler, Segment,
    SegmentSpec, SubNetwork, Ticket, Weight, Weights, Workload,
};

const MODELS: usize = 3;
const JOBS: usize = 6;
const ACCS: usize = 3;
const SEGMENTS: usize = 4;

#[derive(Arbitrary, Debug)]
struct Input {
    costs: [[[(u32, u32); ACCS]; SEGMENTS]; MODELS],
    skip: u8,
    prefix: u16,
    period_us: [u16; MODELS],
    switch: (u32, u32),
    weights: (u16, u16),
    budget: (u8, u8),
    parts: Parts,
    events: Vec<Event>,
}

#[derive(Arbitrary, Debug)]
struct Parts {
    frame_drop: bool,
    supernet: bool,
    correction: bool,
    tuning_window_us: Option<u16>,
    latest_wins: bool,
}

#[derive(Arbitrary, Debug)]
enum Event {
    Release(u8),
    Pass(u32),
    PassLong(u64),
    Complete(u8, Option<u32>),
    Skip(u8, u16),
    Exit(u8),
    Stale(u32, u8),
    Fail(u8, u8),
    Restore(u8),
    Activate(u8, bool),
    Period(u8, u16),
}

fuzz_target!(|input: Input| {
    let skip =
        Branch::Skip { segments: u16::from(input.skip % 8), probability: Probability::from_percent(30) };
    let lighter = input.costs.map(|network| {
        let mut i = 0;
        let mut specs = [SegmentSpec::new([Cost::NONE; ACCS]); SEGMENTS - 1];
        for spec in &mut specs {
            *spec = SegmentSpec::new(network[i].map(|(latency, energy)| Cost::new(latency, energy)))
                .with_activations(4096);
            i += 1;
        }
        // The same as the heavier one's, so that the prefix can be shared, unless it is too long for this one.
        if input.skip % 8 < 3 {
            specs[0].branch = skip;
        }
        Segment::table(specs)
    });
    let tables = input.costs.map(|network| {
        let mut specs = network.map(|costs| {
            SegmentSpec::new(costs.map(|(latency, energy)| Cost::new(latency, energy))).with_activations(4096)
        });
        specs[1].switch_point = true;
        specs[0].branch = skip;
        Segment::table(specs)
    });
    // The lighter sub-network leaves out the last segment; tables in which it costs more do not validate.
    let networks = [0, 1, 2].map(|m| {
        let light =
            SubNetwork::new("light", &lighter[m]).with_shared_prefix(input.prefix % 4).with_accuracy(70_000);
        [SubNetwork::new("heavy", &tables[m]).with_accuracy(80_000), light]
    });
    let period = |m: usize| Duration::from_micros(u64::from(input.period_us[m]));
    let budget = DropBudget::new(input.budget.0, input.budget.1).unwrap_or_default();
    let mut models = [
        Model::new("a", period(0), &networks[0]).with_drop_budget(budget),
        Model::new("b", period(1), &networks[1]),
        Model::new("c", period(2), &networks[2]).after(ModelId(0), Probability::from_percent(50)),
    ];
    models[1].latest_wins = input.parts.latest_wins;
    let per_kib = Cost::new(input.switch.0, input.switch.1);
    let accelerators = ["x", "y", "z"].map(|name| Accelerator::new(name).with_switch(Cost::NONE, per_kib));
    let workload = Workload::new(&models, &accelerators);
    let alpha = Weight::from_millis(u32::from(input.weights.0));
    let beta = Weight::from_millis(u32::from(input.weights.1));
    let policy = MapScore { weights: Weights { alpha, beta } };
    let config = Config {
        frame_drop: input.parts.frame_drop,
        supernet: input.parts.supernet,
        correction: input.parts.correction,
        tuning_window: input.parts.tuning_window_us.map(|us| Duration::from_micros(u64::from(us))),
        stale_drop: true,
    };
    let Ok(scheduler) = Scheduler::<_, MODELS, JOBS, ACCS>::new(&workload, policy, config) else { return };
    let mut world = World { scheduler, now: Instant::ZERO, in_flight: [None; ACCS], given_up: 0 };
    for event in &input.events {
        world.apply(event);
        world.settle();
        world.check();
    }
});

struct World<'w> {
    scheduler: Scheduler<'w, MapScore, MODELS, JOBS, ACCS>,
    now: Instant,
    in_flight: [Option<Ticket>; ACCS],
    given_up: u32,
}

impl World<'_> {
    fn apply(&mut self, event: &Event) {
        let index = |a: &u8| usize::from(*a) % ACCS;
        match event {
            Event::Release(model) => {
                let model = ModelId(model % MODELS as u8);
                if let Err(refused) = self.scheduler.release(model, self.now)
                    && let Some(frame) = refused.frame
                {
                    self.scheduler.give_up(frame, self.now);
                    self.given_up += 1;
                }
            }
            Event::Pass(nanos) => self.now = self.now.saturating_add(Duration::from_nanos(u64::from(*nanos))),
            Event::PassLong(nanos) => self.now = self.now.saturating_add(Duration::from_nanos(*nanos)),
            Event::Complete(a, energy_nj) => {
                let outcome = Outcome { energy_nj: *energy_nj, ..Outcome::finished(self.now) };
                self.complete(index(a), outcome);
            }
            Event::Skip(a, n) => {
                let outcome = Outcome::finished(self.now).with_path(Path::Skip(*n));
                self.complete(index(a), outcome);
            }
            Event::Exit(a) => {
                let outcome = Outcome::finished(self.now).with_path(Path::Exit);
                self.complete(index(a), outcome);
            }
            Event::Stale(sequence, a) => {
                let ticket = Ticket { accelerator: AcceleratorId(*a), sequence: *sequence };
                if !self.in_flight.contains(&Some(ticket)) {
                    let outcome = Outcome::finished(self.now);
                    assert!(self.scheduler.complete(ticket, outcome, self.now).is_err());
                }
            }
            Event::Fail(a, kind) => {
                let fault = [Fault::BlockLost, Fault::Resting, Fault::OutOfService][usize::from(*kind) % 3];
                self.scheduler.fault(AcceleratorId(index(a) as u8), fault, self.now).unwrap();
                self.in_flight[index(a)] = None;
            }
            Event::Activate(model, active) => {
                self.scheduler.set_active(ModelId(model % MODELS as u8), *active, self.now).unwrap();
            }
            Event::Period(model, us) => {
                let period = Duration::from_micros(u64::from(*us));
                let changed = self.scheduler.set_period(ModelId(model % MODELS as u8), period, self.now);
                assert_eq!(changed.is_ok(), *us > 0 && model % MODELS as u8 != 2, "c follows its parent");
            }
            Event::Restore(a) => self.scheduler.restore(AcceleratorId(index(a) as u8), self.now).unwrap(),
        }
    }

    fn complete(&mut self, index: usize, outcome: Outcome) {
        let Some(ticket) = self.in_flight[index] else { return };
        match self.scheduler.complete(ticket, outcome, self.now) {
            Ok(report) => {
                self.in_flight[index] = None;
                if report.progress != Progress::More {
                    self.follow(&report.frame);
                }
            }
            Err(_) => assert!(matches!(outcome.path, Path::Skip(_)), "only a skip can be wrong"),
        }
    }

    /// Every second frame of the parent gives rise to one of its child.
    fn follow(&mut self, parent: &Frame) {
        if parent.model == ModelId(0)
            && parent.number % 2 == 0
            && let Err(refused) = self.scheduler.release_child(ModelId(2), parent, self.now)
        {
            match refused.frame {
                Some(frame) => self.scheduler.give_up(frame, self.now),
                None => assert_eq!(refused.why, Refusal::Inactive),
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..=JOBS + ACCS {
            match self.scheduler.poll(self.now) {
                Action::Dispatch(block) => {
                    let place = &mut self.in_flight[usize::from(block.ticket.accelerator.0)];
                    assert_eq!(place.replace(block.ticket), None, "an accelerator runs one block");
                }
                Action::Drop(frame, reason)
                    if frame.model == ModelId(0)
                        && frame.number % 2 == 0
                        && reason != DropReason::Withdrawn =>
                {
                    let _ = self.scheduler.lose_child(ModelId(2), &frame, self.now);
                }
                Action::Drop(..) => {}
                Action::Wait(_) => return,
            }
        }
        panic!("polling does not end");
    }

    fn check(&self) {
        let sum = |of: fn(&sdrm3_core::Tally) -> u32| self.scheduler.tallies().iter().map(of).sum::<u32>();
        let held = self.scheduler.jobs_in_flight() as u32;
        assert_eq!(
            sum(|t| t.frames),
            sum(|t| t.completed) + sum(|t| t.dropped) + held,
            "frames are conserved"
        );
        assert!(sum(|t| t.violated) >= sum(|t| t.dropped));
        assert!(sum(|t| t.dropped) >= self.given_up);
    }
}
