//! The core: its numbers, its tables, and every call of a scheduler under either policy.

use sdrm3_core::{
    Accelerator, Cost, DropBudget, Duration, Fault, Gated, Instant, MapScore, Model, Policy, Probability,
    Scheduler, Segment, SegmentSpec, SubNetwork, Tally, Tuner, UxCost, Weight, Weights, Workload, score,
};
use sdrm3_firmware::workload::HEADSET;

use crate::any::{Any, accelerator, any, config, duration, frame, instant, model, outcome, say, ticket};

/// The size that the limits are about.
pub type Of<P> = Scheduler<'static, P, 8, 16, 4>;

pub fn time() {
    any(instant().saturating_add(duration()).saturating_since(instant()));
    any(duration().saturating_add(duration()).saturating_sub(duration()).as_nanos());
    any((Instant::from_micros(u64::any()), Instant::from_millis(u64::any())));
    any((Duration::from_micros(u64::any()), Duration::from_millis(u64::any())));
    any(Duration::from(core::time::Duration::from_nanos(u64::any())));
    any(core::time::Duration::from(duration()));
}

pub fn numbers() {
    any(score::urgency(duration(), duration()));
    any(score::preference(u64::any(), u32::any(), u32::any()));
    any(score::starvation(duration(), u32::any()));
    any(score::switch(u32::any(), u32::any()));
    any(score::urgency_term(u32::any(), u32::any()));
    any(score::starvation_term(Weight::from_bits(u32::any()), u32::any()));
    any(score::energy_term(Weight::from_bits(u32::any()), u32::any(), u32::any()));
    any((Weight::from_millis(u32::any()), Weight::from_f64(f64::any())));
    any(Weight::from_bits(u32::any()).as_f64());
    any((Probability::from_f64(f64::any()), Probability::from_percent(u8::any()).as_f64()));
    any(DropBudget::new(u8::any(), u8::any()).map(|budget| (budget.lost(), budget.of())));
    let tally = Tally { frames: u32::any(), violated: u32::any(), ..Tally::default() };
    any((tally.violation_rate(), tally.normalised_energy()));
    any(UxCost::of([(&tally, u16::any())]).value());

    let mut tuner = Tuner::new(Weights { alpha: Weight::from_bits(u32::any()), beta: Weight::ONE });
    let tuner = any(&mut tuner);
    tuner.window(f32::any());
    tuner.freeze(any(true));
    tuner.arm();
    any((tuner.is_settled(), tuner.moves(), tuner.centre(), tuner.weights()));
}

/// Tables that are made at run time.
pub fn tables() {
    let specs = any([SegmentSpec::<4>::new([Cost::NONE; 4]).with_activations(u32::any()); 3]);
    let segments = Segment::table(specs);
    let networks = [SubNetwork::new("any", &segments).with_weights(u32::any()).with_accuracy(u32::any())];
    let models = [Model::new("any", duration(), any(&networks)).with_deadline(duration())];
    let units = [Accelerator::new("any").with_switch(any(Cost::NONE), any(Cost::NONE))];
    any(units.first().map(|unit| unit.switch_cost(u32::any())));
    let workload = Workload::new(any(&models), any(&units));
    any((workload.model(model()), workload.children(model()).count(), workload.checksum()));
    if let Err(error) = workload.validate() {
        say(&error);
    }
    any(Gated::<8, 4>::new(&workload));
}

/// A scheduler under the published score.
pub fn published() -> Option<Of<MapScore>> {
    match Of::new(any(&HEADSET), any(MapScore::default()), config()) {
        Ok(mut made) => {
            calls(any(&mut made));
            Some(made)
        }
        Err(error) => {
            say(&error);
            None
        }
    }
}

/// The same under the gated policy, with any of its parts.
pub fn gated() {
    let policy = Gated::<8, 4>::new(any(&HEADSET)).in_haste().without_reserve();
    let policy = any(policy.without_hold().without_sufferage().without_persistence());
    let Ok(mut made) = Of::new(any(&HEADSET), policy, config()) else { return };
    calls(any(&mut made));
}

fn calls<P: Policy>(subject: &mut Of<P>) {
    match subject.release(model(), instant()) {
        Ok((_, job)) => drop(any((job.index(), job.generation()))),
        Err(refused) => say(&refused),
    }
    any(subject.readmit(frame(), instant()).is_ok());
    any(subject.release_child(model(), &frame(), instant()).is_ok());
    any(subject.lose_child(model(), &frame(), instant()).is_ok());
    subject.give_up(frame(), instant());
    let _ = any(subject.poll(instant()));
    match subject.complete(ticket(), outcome(), instant()) {
        Ok(report) => drop(any(report)),
        Err(error) => say(&error),
    }
    any(subject.fault(accelerator(), any(Fault::OutOfService), instant()).is_ok());
    any(subject.restore(accelerator(), instant()).is_ok());
    any(subject.is_in_flight(ticket()));
    any(subject.set_active(model(), any(true), instant()).is_ok());
    any(subject.bar(model(), accelerator(), any(true), instant()).is_ok());
    any(subject.set_period(model(), duration(), instant()).is_ok());
    any(subject.latency_factor(model(), accelerator()));
    subject.freeze_tuner(any(true));
    any((subject.workload(), subject.policy().weights(), subject.config(), subject.capacity()));
    any((subject.jobs_in_flight(), subject.accelerators(), subject.tallies(), subject.uxcost()));
    any((subject.windows(), subject.last_window(), subject.tuner()));
    any(subject.close(instant()));
}
