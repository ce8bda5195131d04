//! The other end of the SPI mailbox, and what goes over its wire.

use core::num::{NonZeroU8, NonZeroU32};

use sdrm3_hal::driver::spi_mailbox::responder::{Coprocessor, Responder};
use sdrm3_hal::driver::spi_mailbox::wire::{Answer, Block, Decoder, Ending, FRAME, Frame, Identity};
use sdrm3_hal::queue::Granularity;

use crate::any::{Any, any};

struct Device;

impl Coprocessor for Device {
    fn admit(&mut self, block: &Block) -> Result<(), Answer> {
        any(block);
        any(Ok(()))
    }

    fn start(&mut self, block: &Block) {
        any(block);
    }

    fn cancel(&mut self, ticket: u32) {
        any(ticket);
    }

    fn reset(&mut self) {}
}

pub fn all() {
    let bytes = any([0; FRAME]);
    if let Ok(frame) = Frame::decode(any(&bytes)) {
        any((frame.message.is_from_host(), frame.encode()));
    }
    let mut decoder = Decoder::new();
    any(any(&mut decoder).push(u8::any()).is_some());

    let identity = Identity {
        device: u32::any(),
        ticks_per_second: any(NonZeroU32::MIN),
        depth: any(NonZeroU8::MIN),
        granularity: any(Granularity::Block),
        energy: any(true),
    };
    let mut responder = Responder::<4>::new(u16::any(), identity);
    let subject = any(&mut responder);
    subject.received(any(&bytes), u32::any(), &mut Device);
    any(subject.finished(u32::any(), any(Ending::Cancelled), any(None), u32::any(), &mut Device));
    subject.progress(u32::any());
    any((subject.reply(), subject.ready(), subject.session(), subject.dropped()));
}
