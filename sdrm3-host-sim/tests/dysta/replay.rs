//! A case run by core's scheduler on the HAL's runtime, under virtual time.
//!
//! The tables that the scheduler goes by hold the estimates; the device takes what the sample of each
//! request really takes. The driver gives the runtime the reference's reading of time:
//!
//! - A request that comes while a layer runs is seen when that layer ends; one that comes at the very
//!   instant at which it ends, or together with the one that ended the idleness, is seen only when the
//!   next layer ends. So completions go before arrivals, and the runtime is polled after each of them.
//! - When nothing is left to run, the reference sets its clock to the arrival of the next request, **also
//!   when that lies in the past**: requests that came during the last layer of the only request are
//!   served as if that layer had ended when the first of them came. Our time does not go back.
//!   Instead the reference's clock is let fall behind: virtual time is its time plus a lag that grows
//!   by as much as its clock was set back. Releases and deadlines move by the same lag, and no policy
//!   looks at anything but differences.

use bumpalo::Bump;
use sdrm3_core::{
    Accelerator, Config, Cost, Dispatch, Duration, Event, Frame, Instant, Model, ModelId, Outcome, Policy,
    Progress, Scheduler, Segment, SegmentSpec, SubNetwork, Ticket, Workload,
};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Application, Runtime, Supervision, Trouble};
use sdrm3_host_sim::policy::Tables;
use sdrm3_host_sim::scenario::ACCELERATORS;

use crate::case::{Case, Network, Request};

/// As many as can be.
const MODELS: usize = 255;
/// As many as a scheduler can hold: no request is to be refused.
const JOBS: usize = 65_536;
/// A scheduler of this size passes by value through frames of the stack, several times unless optimised.
const STACK_BYTES: usize = 256 << 20;

/// When each request is done, in microseconds of the reference's clock, by place in the case; of these
/// [`tables`].
pub(crate) fn finish_times(case: &Case, tables: &Tables<'_>, policy: impl Policy + Send) -> Vec<u64> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let run = thread
            .spawn_scoped(scope, || Replay::run(case, tables, policy))
            .expect("a thread can be started");
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A run under way.
struct Replay<'a, P> {
    case: &'a Case,
    runtime: Runtime<'a, P, Device<'a>, MODELS, JOBS, ACCELERATORS>,
    log: Log<'a>,
    now: Instant,
    /// Virtual time less the reference's.
    lag: Duration,
    /// Of each request released so far, the lag at its release: the same until it is done.
    lags: Vec<Duration>,
}

impl<P: Policy> Replay<'_, P> {
    fn run(case: &Case, tables: &Tables<'_>, policy: P) -> Vec<u64> {
        let config = Config { stale_drop: false, ..Config::PLAIN };
        let scheduler = Scheduler::new(tables, policy, config).unwrap_or_else(|error| panic!("{error}"));
        let queues = [Device { case, running: None }].into_iter().collect();
        let mut replay = Replay {
            case,
            runtime: Runtime::new(scheduler, queues)
                .expect("one accelerator, one queue")
                .with_supervision(Supervision::OFF),
            log: Log { case, done: vec![None; case.requests.len()], layers: 0 },
            now: Instant::ZERO,
            lag: Duration::ZERO,
            lags: Vec::new(),
        };
        while replay.step() {}
        replay.finish()
    }

    /// On to the next decision; whether there is one.
    fn step(&mut self) -> bool {
        match (self.runtime.queues()[0].running, self.case.requests.get(self.lags.len())) {
            (None, None) => return false,
            (None, Some(next)) => {
                assert_eq!(
                    self.runtime.scheduler().jobs_in_flight(),
                    0,
                    "{}: one is left waiting",
                    self.case.name
                );
                let arrival = Instant::from_micros(next.row.arrival_us);
                self.lag = self.lag.max(self.now.saturating_since(arrival));
                self.release(next);
            }
            (Some(running), _) => {
                let leaves_nothing = running.ends_request && self.runtime.scheduler().jobs_in_flight() == 1;
                if !leaves_nothing {
                    self.release_all_before(running.finished);
                }
                self.now = running.finished;
            }
        }
        let _ = self.runtime.poll(self.now, &mut self.log);
        true
    }

    /// Releases what comes strictly before a layer ends; the device is busy, so nothing starts.
    fn release_all_before(&mut self, end: Instant) {
        while let Some(next) = self.case.requests.get(self.lags.len()) {
            if Instant::from_micros(next.row.arrival_us).saturating_add(self.lag) >= end {
                return;
            }
            self.release(next);
            let _ = self.runtime.poll(self.now, &mut self.log);
        }
    }

    /// Every request brings its deadline along: it is set as that of its model from now on.
    fn release(&mut self, request: &Request) {
        self.now = Instant::from_micros(request.row.arrival_us).saturating_add(self.lag);
        self.lags.push(self.lag);
        let deadline = Duration::from_micros(request.row.relative_deadline_us);
        self.runtime.set_period(request.model, deadline, self.now).expect("the model is known");
        let released = self.runtime.release(request.model, self.now, &mut self.log);
        let frame = released.unwrap_or_else(|refused| panic!("{}: {refused}", self.case.name));
        let due = Instant::from_micros(request.due_us()).saturating_add(self.lag);
        assert_eq!((frame.release, frame.deadline), (self.now, due), "{}", self.case.name);
    }

    /// Holds the runtime's accounts against what happened.
    fn finish(self) -> Vec<u64> {
        let Self { case, runtime, log, lags, .. } = self;
        assert_eq!(runtime.trouble(), Trouble::default(), "{}", case.name);
        let layers: usize = case.requests.iter().map(|request| request.layers_us.len()).sum();
        assert_eq!(log.layers, layers, "{}: every layer has run once", case.name);
        let in_their_time = |(done, lag): (&Option<Instant>, &Duration)| {
            let done = done.expect("every layer of every request has run");
            done.saturating_since(Instant::ZERO).saturating_sub(*lag).as_nanos() / 1_000
        };
        let finish_us: Vec<u64> = log.done.iter().zip(&lags).map(in_their_time).collect();
        for (model, tally) in runtime.scheduler().tallies().iter().enumerate() {
            let of_model =
                case.requests.iter().zip(&finish_us).filter(|(r, _)| usize::from(r.model.0) == model);
            let late = of_model.clone().filter(|(request, finish)| **finish > request.due_us()).count();
            let counted = (tally.frames as usize, tally.completed as usize, tally.violated as usize);
            let of_model = of_model.count();
            assert_eq!(counted, (of_model, of_model, late), "{}: {}", case.name, case.networks[model].name);
        }
        finish_us
    }
}

/// The case's models with their estimates, on one accelerator that switches for free. A priority is the
/// weight of its model: below one, one or above.
pub(crate) fn tables<'b>(case: &Case, memory: &'b Bump) -> Tables<'b> {
    let segments = |network: &Network| {
        let mut segments: Vec<Segment<ACCELERATORS>> = Vec::new();
        for &us in network.estimate_us.iter().rev() {
            let ns = u32::try_from(us * 1_000).expect("a layer takes less than 4.29 s");
            let mut costs = [Cost::NONE; ACCELERATORS];
            costs[0] = Cost::new(ns, 0);
            let segment = Segment::derive(&SegmentSpec::new(costs), &segments);
            segments.insert(0, segment);
        }
        memory.alloc_slice_copy(&segments)
    };
    let models = case.networks.iter().map(|network| {
        let name = memory.alloc_str(&network.name);
        let subnetwork = SubNetwork::new(name, segments(network));
        let weight_percent = match network.priority {
            1 => 50,
            3 => 100,
            _ => 200,
        };
        // Requests come when they come; what is due when is set with each of them.
        let model = Model::new(name, Duration::from_micros(1), memory.alloc_slice_copy(&[subnetwork]));
        model.with_weight(weight_percent)
    });
    let models = models.collect::<Vec<_>>();
    Workload::new(memory.alloc_slice_copy(&models), memory.alloc_slice_copy(&[Accelerator::new("only")]))
}

/// The accelerator: one block at a time, each as long as its request's sample says.
#[derive(Debug)]
struct Device<'a> {
    case: &'a Case,
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    ticket: Ticket,
    started: Instant,
    finished: Instant,
    ends_request: bool,
}

impl ErrorType for Device<'_> {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Device<'_> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.running.is_some() {
            return Err(ErrorKind::Full);
        }
        let layers_us = &self.case.request(&block.frame).layers_us;
        let behind = usize::from(block.first + block.count);
        let takes_us = layers_us[usize::from(block.first)..behind].iter().sum();
        self.running = Some(Running {
            ticket: block.ticket,
            started: now,
            finished: now.saturating_add(Duration::from_micros(takes_us)),
            ends_request: behind == layers_us.len(),
        });
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        match self.running {
            None => Pump::Idle,
            Some(running) if running.finished > now => Pump::Waiting,
            Some(Running { ticket, started, finished, .. }) => {
                self.running = None;
                Pump::Done(Completion { ticket, started, result: Ok(Outcome::finished(finished)) })
            }
        }
    }

    fn cancel(&mut self, _: Instant, _: Ticket) -> CancelOutcome {
        CancelOutcome::RunsToEnd
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

/// Notes when requests are done.
struct Log<'a> {
    case: &'a Case,
    done: Vec<Option<Instant>>,
    layers: usize,
}

impl Application for Log<'_> {
    fn gives_rise(&mut self, _: &Frame, _: ModelId) -> bool {
        false
    }

    fn event(&mut self, event: &Event, _: Instant) {
        match event {
            Event::Released(..) => {}
            Event::Dispatched(block) => assert_eq!(block.count, 1, "layer by layer"),
            Event::Completed(report) => {
                self.layers += 1;
                if report.progress != Progress::More {
                    let before = self.done[self.case.place(&report.frame)].replace(report.finished);
                    assert_eq!(before, None, "a request is done once");
                }
            }
            other => panic!("the reference runs every request to its end, but {other:?}"),
        }
    }
}
