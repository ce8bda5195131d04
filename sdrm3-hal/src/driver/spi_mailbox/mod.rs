//! An accelerator co-processor behind SPI, with a ready pin: the queue, and the device's end of it.
//!
//! [`SpiMailbox`] is the queue. The firmware of the co-processor links in a
//! [`Responder`](responder::Responder). Between them go frames of [`FRAME`](wire::FRAME) bytes; [`wire`]
//! has them byte by byte. Host and device each need an SPI controller and one pin from the device to the
//! host; a pin to reset the device is optional. SPI mode and clock are the board's choice.
//!
//! # A block's way
//!
//! Both sides speak at once, so what the device says in a transfer answers the transfer before.
//!
//! ```text
//!         host                     device        ready pin
//!   1     submit #7       --->                   ___
//!                         <---     state            \___ high: the reply is armed
//!   2     nothing         --->                   ___
//!                         <---     took #7          |     low: it was collected
//!                                  ... runs ...     |
//!                                  ... ends ...     \___ high: there is a report
//!   3     nothing         --->                      |
//!                         <---     report #3        |
//!   4     took #3         --->                   ___/    low: it was acknowledged
//!                         <---     report #3
//! ```
//!
//! Four transfers a block, 160 bytes each way: 128 us of bus time at 10 MHz. When blocks follow each
//! other, the fourth is the first of the next one.
//!
//! # Rules of the protocol
//!
//! - *Commands* (submit, cancel) have consecutive sequence numbers; one is under way at a time. The host
//!   repeats it until a frame of the device acknowledges its number. The device handles the next number
//!   only, so a repeated command is carried out once.
//! - *Reports* have consecutive sequence numbers; one is under way at a time. The device repeats it in
//!   every frame, but for the identity, until a frame of the host acknowledges its number. The host takes the
//!   next number only.
//! - The *reply* to a hello is the identity, whatever is under way: no session begins without it. That to any
//!   other frame is the report under way, else the state. Of a frame that names another session than its own
//!   the device hears the number, and neither command nor acknowledgement.
//! - A *session* lasts from one reset of the device to the next. Its name goes with every frame: boot and
//!   epoch. The host opens each with a reset, so it begins with an empty device, and gives it an epoch that
//!   it never gave before. A device that starts again has epoch 0, so it is found out even if it cannot
//!   count its starts. Sequence numbers begin at 1 in each session.
//! - Each frame of the device names the last frame of the host that it heard. Only a frame that names the
//!   one just sent is believed about sessions and clocks, so none that comes late is. After a transfer
//!   that brought no such frame, the host asks for the state. Numbers come again after 256 transfers; so behind
//!   240 without such a frame none is believed until the device is greeted anew, for it may hang and repeat what
//!   it said.
//! - The ready pin is high from the start of the device until it hears a first frame, from when the reply
//!   to a frame that asks (any but *nothing*) is armed until it is collected, and while there is a report
//!   that is not acknowledged. The pin is a level: the driver reads it at every call, so the device lowers
//!   it first thing behind a transfer.
//! - The device listens again as soon as it can: the host waits for no pin to send what is new. Of a frame that
//!   is missed, a command comes again after [`Config::retry`]; an acknowledgement costs one transfer more.
//!
//! # States
//!
//! ```text
//!   link:          no answer (6)
//!             .-------------.------------------.
//!             v             |                  |
//!           Down --(1)--> Greeting --(2)--> Resetting --(3)--> Up
//!             |             ^ ^                 | ^             |
//!             |             | '------(4)--------' |             |
//!             |             '----------(4), (5), (6)------------'
//!             '-----------------(2)---------------'
//!
//!   block:  Queued --(7)--> Sent --(8)--> Accepted --(9)--> Ended --> handed out
//!              |              |               |                ^
//!              '(4) (5) (6) (10)---(4) (5) (6) (11)------------'
//! ```
//!
//! | | When | Then |
//! |---|---|---|
//! | 1 | a block is offered | it is refused: [`Gone`], or [`Unsupported`] by a device of another version; hello |
//! | 2 | the device says who it is, from *Down* while its pin is high | blocks are taken; reset, with a new epoch |
//! | 3 | it is in the session of that epoch | blocks go out |
//! | 4 | it is in some other session: it has started again | if it may have had a block, all end with [`Reset`](crate::queue::ErrorKind::Reset) |
//! | 5 | `reset` | all blocks end with `Reset` |
//! | 6 | a request was sent four times and not answered for [`Config::patience`], a greeting for [`Config::start_up`] | all blocks end with what the last transfer came to: [`Timeout`] (silence), [`Bus`], [`Corrupt`] or [`Unsupported`] (another version of the protocol) |
//! | 7 | the device has room, and no command is under way | submit |
//! | 8 | the submission is acknowledged as accepted | |
//! | 9 | its report | ends as reported |
//! | 10 | `cancel` | ends with [`Cancelled`]; the device never saw it |
//! | 11 | the submission is acknowledged as refused | ends with [`Full`], [`Unsupported`] or [`NotReady`] |
//!
//! So each accepted block ends exactly once, and a block is started at most once: none is ever sent in
//! two sessions. A block that ends with [`Timeout`] may still run; the reset that begins the next session
//! stops it.
//!
//! A block that is offered while the device is greeted is refused with [`NotReady`]: its time would run, and
//! a device may take longer to start. `poll` goes on with the greeting, without a block too, and answers
//! [`Idle`](crate::queue::Pump::Idle). So under the runtime a device that starts costs short rests, one that
//! is dead is out of service, and neither costs a block.
//!
//! [`Timeout`]: crate::queue::ErrorKind::Timeout
//! [`Bus`]: crate::queue::ErrorKind::Bus
//! [`Corrupt`]: crate::queue::ErrorKind::Corrupt
//! [`Unsupported`]: crate::queue::ErrorKind::Unsupported
//! [`Cancelled`]: crate::queue::ErrorKind::Cancelled
//! [`Full`]: crate::queue::ErrorKind::Full
//! [`NotReady`]: crate::queue::ErrorKind::NotReady
//! [`Gone`]: crate::queue::ErrorKind::Gone
//!
//! # Bounds
//!
//! | Call | Transfers of 40 bytes | Else |
//! |---|---|---|
//! | `poll` | at most 1 | the pin read twice, one check computed per frame: at most 20 per transfer, if the line says nothing but sync words |
//! | `submit`, `cancel`, `reset` | 0 | O(DEPTH); `reset` sets the pin |
//!
//! `poll` answers [`Waiting`](crate::queue::Pump::Waiting) only when the device has acknowledged all that
//! it was sent and the pin is low: it will rise. While an answer is due it says
//! [`CallAgain`](crate::queue::Pump::CallAgain), for the device's turn-around, or at worst for
//! [`Config::patience`]. If the pin never rises, because the
//! block hangs or the device is gone, whoever polls for another reason (a release, the block's timeout)
//! makes the driver ask after [`Config::heartbeat`]: `progress` tells a slow block from a hung one, and a
//! device that is gone ends everything as in (6).
//!
//! A device with its own reset pin is held for [`Config::pulse`] after `reset`. Lost blocks are handed
//! out behind that, by the `poll` that lets go of the pin; if nothing was in flight, poll once more then.
//!
//! # Times of the device
//!
//! Each frame of the device has its clock's reading at the end of the last transfer, and the host knows
//! the `now` of that transfer. So an instant of the device is known, too early by at most the age of
//! that `now`, plus one transfer, plus the device's latency to latch its clock; plus the drift of the two
//! clocks since the last transfer, in practice over the block's run (1 us per 10 ms at 100 ppm). The span
//! between start and end is exact to a tick. Neither lies before the submission or after `now`.
//!
//! # Wiring it to the runtime
//!
//! The interrupt of the ready pin (rising edge) need not touch the driver: it wakes the loop, whose `poll`
//! reads the pin. An edge that comes between `poll` and sleep leaves its flag, so none is missed.
//!
//! ```
//! use core::sync::atomic::{AtomicBool, Ordering};
//! use embedded_hal::{digital::{InputPin, OutputPin}, spi::SpiDevice};
//! use sdrm3_core::{Instant, Policy};
//! use sdrm3_hal::driver::spi_mailbox::{Config, SpiMailbox};
//! use sdrm3_hal::{Application, Runtime, Wake};
//!
//! static NPU_READY: AtomicBool = AtomicBool::new(false);
//!
//! /// Interrupt of the ready pin, rising edge. Clear the pin's pending bit here.
//! fn on_ready() {
//!     NPU_READY.store(true, Ordering::Release);
//! }
//!
//! /// An NPU that holds two blocks, with a reset pin.
//! type Npu<SPI, READY, RESET> = SpiMailbox<SPI, READY, 2, RESET>;
//!
//! fn npu<SPI: SpiDevice, READY: InputPin, RESET: OutputPin>(
//!     spi: SPI,
//!     ready: READY,
//!     reset: RESET,
//! ) -> Npu<SPI, READY, RESET> {
//!     let mut config = Config::new();
//!     config.energy = true;
//!     SpiMailbox::with_reset(spi, ready, reset, config)
//! }
//!
//! fn step<P: Policy, SPI: SpiDevice, READY: InputPin, RESET: OutputPin>(
//!     runtime: &mut Runtime<'_, P, Npu<SPI, READY, RESET>, 8, 16, 1>,
//!     application: &mut impl Application,
//!     now: Instant,
//!     sleep: impl Fn(Option<Instant>),
//! ) {
//!     NPU_READY.store(false, Ordering::Relaxed);
//!     let until = match runtime.poll(now, application) {
//!         Wake::Now => return, // an answer is due: call again
//!         Wake::At(at) => Some(at),
//!         Wake::OnEvent => None,
//!     };
//!     // With interrupts masked around the test and `wfi`, as ever.
//!     if !NPU_READY.load(Ordering::Acquire) {
//!         sleep(until);
//!     }
//! }
//! # on_ready();
//! ```

mod config;
mod mailbox;
pub mod responder;
pub mod wire;

pub use config::{Config, NoReset};
pub use mailbox::SpiMailbox;

use heapless::Vec;

/// Takes one element out, and keeps the order of the others. O(N).
fn remove<T, const N: usize>(from: &mut Vec<T, N>, place: usize) {
    let mut at = 0;
    from.retain(|_| {
        at += 1;
        at != place + 1
    });
}
