//! Where frames come from: interrupts that hand them over, or a timetable.

use sdrm3_core::{Duration, Event, Frame, Instant, ModelId, Policy, Refusal, Refused};

use super::{Application, Runtime, Wake, count};
use crate::handover::Handover;
use crate::queue::AcceleratorQueue;
use crate::trace::Sink;

/// A frame that is to be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Input {
    /// Of which model.
    pub model: ModelId,
    /// When its data were there. A time ahead of the runtime's counts as that: a sensor whose clock is ahead
    /// moves no other frame's time.
    pub at: Instant,
}

/// Where the runtime takes frames from by itself.
pub trait Inputs {
    /// The next frame that is due. Bounded work.
    fn next(&mut self, now: Instant) -> Option<Input>;

    /// When the next one is due that announces itself by no signal; [`Instant::MAX`]: none is.
    fn due(&self) -> Instant {
        Instant::MAX
    }

    /// How many were lost on their way since this was last asked.
    fn take_lost(&mut self) -> u32 {
        0
    }
}

impl<T: Inputs + ?Sized> Inputs for &mut T {
    fn next(&mut self, now: Instant) -> Option<Input> {
        T::next(self, now)
    }

    fn due(&self) -> Instant {
        T::due(self)
    }

    fn take_lost(&mut self) -> u32 {
        T::take_lost(self)
    }
}

/// Frames as interrupts of sensors push them; each push rings the signal.
impl<const N: usize> Inputs for &Handover<Input, N> {
    fn next(&mut self, _: Instant) -> Option<Input> {
        self.pop()
    }

    fn take_lost(&mut self) -> u32 {
        Handover::take_lost(self)
    }
}

/// Frames of `N` models, each at its own period.
#[derive(Clone, Copy, Debug)]
pub struct Timetable<const N: usize> {
    /// Model, period, and when its next frame is due.
    rows: [(ModelId, Duration, Instant); N],
}

impl<const N: usize> Timetable<N> {
    /// Frames of these models once every period, at least a microsecond, the first ones at `first`.
    pub fn new(models: [(ModelId, Duration); N], first: Instant) -> Self {
        let rows = models.map(|(model, period)| (model, period.max(Duration::from_micros(1)), first));
        Self { rows }
    }
}

/// Equal instants: in the order of the rows. O(N). Periods that were slept through are made up for: their
/// frames are released late, and count.
impl<const N: usize> Inputs for Timetable<N> {
    fn next(&mut self, now: Instant) -> Option<Input> {
        let (model, period, due) = self.rows.iter_mut().min_by_key(|(_, _, due)| *due)?;
        let at = *due;
        if at > now {
            return None;
        }
        *due = at.saturating_add(*period);
        Some(Input { model: *model, at })
    }

    fn due(&self) -> Instant {
        self.rows.iter().map(|(_, _, due)| *due).min().unwrap_or(Instant::MAX)
    }
}

impl<P, Q, S, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Runtime<'_, P, Q, MODELS, JOBS, ACCS, S>
where
    P: Policy,
    Q: AcceleratorQueue,
    S: Sink,
{
    /// Releases the frames that are due, then [polls](Self::poll): one turn of a super-loop. If one finds no
    /// room it polls before that too, for a frame that has ended or is stale may make some; one that finds none
    /// even then is given up, and counted as lost. Those behind it wait for the next turn if there is no room,
    /// which may be full of frames that are stale themselves. At most JOBS frames a turn; if there may be more,
    /// it asks to be called again.
    pub fn turn(
        &mut self,
        now: Instant,
        inputs: &mut impl Inputs,
        application: &mut impl Application,
    ) -> Wake {
        let (mut more, mut polled) = (true, false);
        let latest = now.max(self.now);
        for _ in 0..JOBS {
            if polled && self.scheduler.jobs_in_flight() >= JOBS {
                break;
            }
            let Some(input) = inputs.next(now) else {
                more = false;
                break;
            };
            let input = Input { at: input.at.min(latest), ..input };
            let mut answer = self.admit(input, application);
            if let Err(Refused { frame: Some(frame), why: Refusal::Full { .. } }) = answer
                && !polled
            {
                polled = true;
                self.poll(now, application);
                answer = self.readmit(frame, application);
            }
            match answer {
                Ok(()) | Err(Refused { frame: None, why: Refusal::Inactive }) => {}
                Err(Refused { frame: Some(frame), .. }) => self.give_up(frame, now, application),
                Err(Refused { frame: None, .. }) => count(&mut self.trouble.refused_inputs),
            }
        }
        self.trouble.lost_inputs = self.trouble.lost_inputs.saturating_add(inputs.take_lost());
        let due = inputs.due();
        match self.poll(now, application) {
            _ if more => Wake::Now,
            Wake::At(at) => Wake::At(at.min(due)),
            Wake::OnEvent if due < Instant::MAX => Wake::At(due),
            wake => wake,
        }
    }

    /// Releases the frame of an input. It counts from when its data were there, also if time has gone on since.
    fn admit(
        &mut self,
        Input { model, at }: Input,
        application: &mut impl Application,
    ) -> Result<(), Refused> {
        let now = self.advance(at);
        let (frame, job) = match self.scheduler.release(model, at) {
            Err(Refused { frame: Some(frame), why: Refusal::TimeWentBack { .. } }) => {
                return self.readmit(frame, application);
            }
            answer => answer?,
        };
        application.event(&Event::Released(frame, job), now);
        Ok(())
    }

    fn readmit(&mut self, frame: Frame, application: &mut impl Application) -> Result<(), Refused> {
        let (frame, job) = self.scheduler.readmit(frame, self.now)?;
        application.event(&Event::Released(frame, job), self.now);
        Ok(())
    }
}
