//! What the parts take of RAM on this target: `size_of`, by capacity.

use sdrm3_core::{MapScore, Scheduler};
use sdrm3_hal::driver::cpu::CpuQueue;
use sdrm3_hal::driver::doorbell::DoorbellQueue;
use sdrm3_hal::driver::spi_mailbox::SpiMailbox;
use sdrm3_hal::handover::{Handover, Interrupt, Signal};
use sdrm3_hal::queue::ErrorKind;
use sdrm3_hal::trace::Recorder;
use sdrm3_hal::{AcceleratorQueue, Runtime};

/// A scheduler with room for models, jobs, accelerators.
type Of<const MODELS: usize, const JOBS: usize, const ACCS: usize> =
    Scheduler<'static, MapScore, MODELS, JOBS, ACCS>;

/// A queue behind a reference, as drivers of several kinds stand side by side.
type Queue = &'static mut dyn AcceleratorQueue<Error = ErrorKind>;

/// Drivers without what the board gives them (a bus, pins, a window, a kernel).
const SIZES: [(&str, usize); 13] = [
    ("ram_1x1x1_bytes", size_of::<Of<1, 1, 1>>()),
    ("ram_4x8x2_bytes", size_of::<Of<4, 8, 2>>()),
    ("ram_8x16x2_bytes", size_of::<Of<8, 16, 2>>()),
    ("ram_8x16x4_bytes", size_of::<Of<8, 16, 4>>()),
    ("ram_8x32x4_bytes", size_of::<Of<8, 32, 4>>()),
    ("ram_16x32x4_bytes", size_of::<Of<16, 32, 4>>()),
    ("ram_32x64x8_bytes", size_of::<Of<32, 64, 8>>()),
    ("ram_runtime_8x16x4_bytes", size_of::<Runtime<'static, MapScore, Queue, 8, 16, 4>>()),
    ("ram_spi_mailbox_2_bytes", size_of::<SpiMailbox<(), (), 2>>()),
    ("ram_doorbell_8_bytes", size_of::<DoorbellQueue<(), 8>>()),
    ("ram_cpu_bytes", size_of::<CpuQueue<()>>()),
    ("ram_handover_4_bytes", size_of::<Handover<Interrupt, 4>>() + size_of::<Signal>()),
    ("ram_recorder_512_bytes", size_of::<Recorder<(), 512>>()),
];

/// Prints them as `key value` lines.
pub fn print() {
    for (key, bytes) in SIZES {
        defmt::println!("{=str} {=u32}", key, bytes as u32);
    }
}
