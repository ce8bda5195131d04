//! Tiny workloads for the tests of policies, and what a policy makes of them.

use std::fmt::Write;

use bumpalo::Bump;
use sdrm3_core::{Duration, Event, Instant};

use super::{Method, Parameters, PolicyName};
use crate::engine::{Cell, Recorder};
use crate::input::Source;
use crate::network::Library;
use crate::scenario::{CostTable, Platform, Scenario, build};

/// Models on accelerators `k0`, `k1` and so on, that switch for free.
pub(super) struct Story {
    accelerators: usize,
    scenario: String,
    costs: String,
    ms: u64,
}

impl Story {
    /// No models yet; it runs for `ms`.
    pub(super) fn new(accelerators: usize, ms: u64) -> Self {
        let costs = String::from("network,layer,kind,latency_ns,energy_nj\n");
        Self { accelerators, scenario: String::from("name = 'story'\n"), costs, ms }
    }

    /// A model of which one frame comes, at `release_ms`, due `deadline_ms` later; `layers` are
    /// latencies in milliseconds per accelerator, 0 where a layer cannot run.
    pub(super) fn once(self, name: &str, release_ms: u64, deadline_ms: u64, layers: &[&[u32]]) -> Self {
        let keys = format!("fps = 1\nphase_ms = {release_ms}.0\ndeadline_ms = {deadline_ms}.0\n");
        self.model(name, &keys, layers)
    }

    /// A model with these keys in the scenario.
    pub(super) fn model(mut self, name: &str, keys: &str, layers: &[&[u32]]) -> Self {
        let _ = writeln!(self.scenario, "[[model]]\nname = '{name}'\nnetwork = '{name}'\n{keys}");
        for (layer, latencies) in layers.iter().enumerate() {
            assert_eq!(latencies.len(), self.accelerators, "one latency per accelerator");
            for (kind, ms) in latencies.iter().enumerate() {
                let _ = writeln!(self.costs, "{name},{layer},k{kind},{},1000", u64::from(*ms) * 1_000_000);
            }
        }
        self
    }

    /// A change that happens during the run, as in a scenario file.
    pub(super) fn change(mut self, keys: &str) -> Self {
        let _ = writeln!(self.scenario, "[[change]]\n{keys}");
        self
    }

    /// What was dispatched, as `TIME MODEL FIRST+COUNT on ACCELERATOR`, and dropped, as `TIME MODEL drop`.
    pub(super) fn told(&self, policy: PolicyName) -> Vec<String> {
        self.told_by(&Method::new(policy, &[], Parameters::default()))
    }

    /// The same under a policy without some of its parts.
    pub(super) fn told_by(&self, method: &Method) -> Vec<String> {
        let source = |text: &str| Source { origin: "story".into(), text: text.into() };
        let mut platform = String::from("name = 'story'\n");
        for index in 0..self.accelerators {
            let _ = writeln!(
                platform,
                "[[accelerator]]\nname = 'a{index}'\nkind = 'k{index}'\ndataflow = 'ws'\npes = 256\n\
                 noc_bytes_per_cycle = 64\nclock_mhz = 500\nswitch_ns = 0\nswitch_nj = 0"
            );
        }
        let scenario = Scenario::parse(&source(&self.scenario)).unwrap_or_else(|error| panic!("{error}"));
        let platform = Platform::parse(&source(&platform)).unwrap_or_else(|error| panic!("{error}"));
        let costs = CostTable::parse(&source(&self.costs)).unwrap_or_else(|error| panic!("{error}"));
        let memory = Bump::new();
        let workload = build(&scenario, &platform, &Library::zoo(), Some(&costs), &memory)
            .unwrap_or_else(|error| panic!("{error}"));
        let cell = Cell {
            scenario: &scenario,
            platform: &platform,
            workload: &workload,
            recording: None,
            duration: Duration::from_millis(self.ms),
            seed: 1,
        };
        let mut told =
            Told { names: workload.models.iter().map(|model| model.name).collect(), lines: vec![] };
        method.run(&cell, &mut told);
        told.lines
    }
}

struct Told<'a> {
    names: Vec<&'a str>,
    lines: Vec<String>,
}

impl Recorder for Told<'_> {
    fn record(&mut self, event: &Event, now: Instant) {
        let ms = now.as_nanos() / 1_000_000;
        match event {
            Event::Dispatched(block) => {
                let model = self.names[usize::from(block.frame.model.0)];
                let (first, count, on) = (block.first, block.count, block.ticket.accelerator.0);
                self.lines.push(format!("{ms} {model} {first}+{count} on {on}"));
            }
            Event::Dropped(frame, _) => {
                self.lines.push(format!("{ms} {} drop", self.names[usize::from(frame.model.0)]));
            }
            _ => {}
        }
    }
}
