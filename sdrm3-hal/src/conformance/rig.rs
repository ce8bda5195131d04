//! What the suite must know and be able to do beyond the queue itself.

use sdrm3_core::{Dispatch, Duration, Instant, Ticket};

use crate::queue::AcceleratorQueue;

/// Something that goes wrong with the device, on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mishap {
    /// The device answers this ticket, or raises its interrupt, as though the block had just ended. The
    /// queue was done with the ticket before.
    LateAnswer(Ticket),
    /// The device answers the running block twice when it ends, before the queue is polled.
    TwoAnswers,
    /// Interrupts come faster than they are collected: those of blocks that end until the next poll find no
    /// room. Where an interrupt only wakes the CPU, nothing is lost.
    Overrun,
    /// The device loses its power now, with everything it has. It is there again at the next
    /// [`reset`](AcceleratorQueue::reset), or never.
    PowerLoss,
    /// The device resets itself now: it has forgotten everything, and is ready again.
    DeviceReset,
    /// The running block never ends by itself.
    Hang,
}

/// How often the driver touched the device: registers, bus transfers, slices of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Since the rig was made.
    pub total: u32,
    /// The most that one call of the queue may add, as the driver documents it.
    pub limit: u32,
}

/// A queue on a test bench, with its device and its clock. Implemented by the author of a driver.
///
/// Five methods are required. The others have the answer "cannot do that": the rules that need them
/// are then reported as skipped, with the reason.
///
/// Blocks should take about as long as each other, and long enough that none ends while the queue is
/// filled. No fault may happen that the suite did not ask for.
pub trait Rig {
    /// The queue under test.
    type Queue: AcceleratorQueue;

    /// Makes the queue as good as new; called before every rule. On the host: a new device and a new
    /// queue. On a board: reset it, and poll until it is idle. Time may go on or start again.
    fn restart(&mut self);

    /// The queue under test.
    fn queue(&mut self) -> &mut Self::Queue;

    /// The time now, by the clock of the queue's `now` arguments.
    fn now(&self) -> Instant;

    /// Lets this much time pass: the device works and interrupts are served, but the queue is not
    /// polled. On a board: wait. Under virtual time: move the clock on, serve what happened meanwhile at
    /// the time that it happened.
    fn advance(&mut self, by: Duration);

    /// How long the longest block of [`fit`](Self::fit) takes on an idle queue, transfers included; if
    /// the device runs several at once, beside the others. The suite waits in eighths of it, and gives up after
    /// a few times as long.
    fn longest(&self) -> Duration;

    /// Makes a block one that the device can run: its model, segments, expected cost. The ticket must
    /// stay, apart from the accelerator.
    fn fit(&self, block: &mut Dispatch) {
        let _ = block;
    }

    /// Makes a block one that the queue refuses at once, though it has room.
    fn spoil(&self, block: &mut Dispatch) -> bool {
        let _ = block;
        false
    }

    /// Another queue that is reset together with the one under test.
    fn sibling(&mut self) -> Option<&mut Self::Queue> {
        None
    }

    /// Makes something go wrong; `false` if the rig cannot.
    fn strike(&mut self, mishap: Mishap) -> bool {
        let _ = mishap;
        false
    }

    /// How many events of the device (interrupts, edges of a pin) there were: what would have woken a
    /// CPU that sleeps behind [`Pump::Waiting`](crate::queue::Pump::Waiting).
    fn events(&self) -> Option<u32> {
        None
    }

    /// How often the driver touched the device.
    fn work(&self) -> Option<Work> {
        None
    }

    /// How many calls of `poll` a block may take at most while they answer
    /// [`Pump::CallAgain`](crate::queue::Pump::CallAgain).
    fn calls(&self) -> u32 {
        10_000
    }

    /// Whether the device keeps its weights over a reset.
    fn retains(&self) -> bool {
        false
    }
}
