//! The runtime as a task of an async executor, on embedded-hal-async.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embedded_hal_async::delay::DelayNs;
use sdrm3_core::{Duration, Instant, Policy};

use super::{Application, Inputs, Runtime, Wake};
use crate::clock::Clock;
use crate::handover::Signal;
use crate::queue::AcceleratorQueue;
use crate::trace::Sink;

impl<P, Q, S, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Runtime<'_, P, Q, MODELS, JOBS, ACCS, S>
where
    P: Policy,
    Q: AcceleratorQueue,
    S: Sink,
{
    /// Turns for ever: takes in frames, polls, and sleeps until the wake that the poll asked for or until
    /// the signal rings, which interrupts of accelerators and inputs do.
    ///
    /// May be dropped at any await, to change something between: nothing lives in the future, so calling
    /// it again, or [`turn`](Self::turn), goes on where it was. While a queue needs the CPU it lets other
    /// tasks run between turns.
    ///
    /// ```
    /// # use embedded_hal_async::delay::DelayNs;
    /// # use sdrm3_core::{MapScore, ModelId};
    /// # use sdrm3_hal::handover::{Handover, Signal};
    /// # use sdrm3_hal::{AcceleratorQueue, Application, Clock, Input, Runtime};
    /// static WAKE: Signal = Signal::new();
    /// static FRAMES: Handover<Input, 8> = Handover::new(&WAKE);
    ///
    /// // In the interrupt of the camera:
    /// fn frame_is_there(clock: &impl Clock) {
    ///     let _ = FRAMES.push(Input { model: ModelId(0), at: clock.now() });
    /// }
    ///
    /// // An embassy task, or an async task of RTIC:
    /// async fn schedule(
    ///     mut runtime: Runtime<'static, MapScore, impl AcceleratorQueue, 4, 8, 2>,
    ///     clock: impl Clock,
    ///     mut delay: impl DelayNs,
    ///     mut application: impl Application,
    /// ) -> ! {
    ///     runtime.run(&clock, &mut delay, &WAKE, &mut &FRAMES, &mut application).await
    /// }
    /// ```
    pub async fn run(
        &mut self,
        clock: &impl Clock,
        delay: &mut impl DelayNs,
        signal: &Signal,
        inputs: &mut impl Inputs,
        application: &mut impl Application,
    ) -> ! {
        loop {
            let wake = match self.turn(clock.now(), inputs, application) {
                Wake::Now => Instant::ZERO,
                Wake::At(at) => at,
                Wake::OnEvent => Instant::MAX,
            };
            let left = if wake == Instant::MAX { Duration::MAX } else { wake.saturating_since(clock.now()) };
            // A clock that must be read is read twice as often, since a delay may take longer.
            let longest = clock.longest_gap();
            let longest =
                if longest == Duration::MAX { longest } else { Duration::from_nanos(longest.as_nanos() / 2) };
            // Written out rather than as async functions of their own: those could be polled behind their
            // end, for which the compiler leaves a panic in the firmware.
            match left.min(longest) {
                Duration::ZERO => {
                    // Gives way to the other tasks of the executor once.
                    let mut done = false;
                    poll_fn(|context| {
                        if core::mem::replace(&mut done, true) {
                            return Poll::Ready(());
                        }
                        context.waker().wake_by_ref();
                        Poll::Pending
                    })
                    .await;
                }
                Duration::MAX => poll_fn(|context| signal.poll_wait(context)).await,
                left => {
                    // At most 4.3 s at once; whoever wakes too early sleeps again.
                    let nanos = u32::try_from(left.as_nanos()).unwrap_or(u32::MAX);
                    let mut nap = pin!(delay.delay_ns(nanos));
                    poll_fn(|context| match signal.poll_wait(context) {
                        Poll::Ready(()) => Poll::Ready(()),
                        Poll::Pending => nap.as_mut().poll(context),
                    })
                    .await;
                }
            }
        }
    }
}
