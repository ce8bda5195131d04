//! The SPI mailbox keeps every rule of the queue contract, with and without a reset pin.

mod bench;

use std::cell::RefCell;
use std::rc::Rc;

use bench::{Board, Wire};
use embedded_hal::digital::OutputPin;
use sdrm3_core::{Duration, Instant};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Mishap, Report, Rig, Table, Verdict, Work, check, soak};
use sdrm3_hal::driver::spi_mailbox::{Config, NoReset, SpiMailbox};

/// How long a block takes.
const BLOCK: u64 = 5_000_000;

type Queue<const DEPTH: usize, RESET> = SpiMailbox<Wire, Wire, DEPTH, RESET>;

struct Lab<const DEPTH: usize, RESET> {
    make: fn(Wire) -> Queue<DEPTH, RESET>,
    board: Rc<RefCell<Board>>,
    queue: Queue<DEPTH, RESET>,
}

impl<const DEPTH: usize, RESET> Lab<DEPTH, RESET> {
    fn new(make: fn(Wire) -> Queue<DEPTH, RESET>) -> Self {
        let board = Board::new();
        board.borrow_mut().engine.takes = BLOCK;
        board.borrow_mut().engine.energy_nj = Some(1_000);
        let queue = make(Wire(Rc::clone(&board)));
        Self { make, board, queue }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.energy = true;
    config.heartbeat = Duration::from_millis(1); // blocks here are short
    config
}

fn by_command<const DEPTH: usize>() -> Lab<DEPTH, NoReset> {
    Lab::new(|wire| SpiMailbox::new(wire.clone(), wire, config()))
}

fn by_pin<const DEPTH: usize>() -> Lab<DEPTH, Wire> {
    Lab::new(|wire| SpiMailbox::with_reset(wire.clone(), wire.clone(), wire, config()))
}

impl<const DEPTH: usize, RESET: OutputPin> Rig for Lab<DEPTH, RESET> {
    type Queue = Queue<DEPTH, RESET>;

    fn restart(&mut self) {
        *self = Self::new(self.make);
        while !self.queue.is_up() {
            let now = self.now();
            let _ = self.queue.poll(now);
            self.advance(Duration::from_micros(100));
        }
    }

    fn queue(&mut self) -> &mut Self::Queue {
        &mut self.queue
    }

    fn now(&self) -> Instant {
        self.board.borrow().now()
    }

    fn advance(&mut self, by: Duration) {
        self.board.borrow_mut().advance(by);
    }

    fn longest(&self) -> Duration {
        Duration::from_nanos(BLOCK + 1_000_000)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        let mut board = self.board.borrow_mut();
        match mishap {
            Mishap::LateAnswer(ticket) => board.repeat(ticket.sequence),
            // Back at the reset pin; without one, the driver cannot do it: soon, by itself.
            Mishap::PowerLoss => board.lose_power(20_000_000),
            Mishap::DeviceReset => board.reboot(),
            Mishap::Hang => board.engine.hangs = true,
            _ => return false,
        }
        true
    }

    fn events(&self) -> Option<u32> {
        Some(self.board.borrow().edges)
    }

    fn work(&self) -> Option<Work> {
        Some(Work { total: self.board.borrow().transfers, limit: 1 })
    }
}

fn reports() -> [Report; 4] {
    [
        check("spi depth 1", &mut by_command::<1>()),
        check("spi depth 3", &mut by_command::<3>()),
        check("spi pin, 1", &mut by_pin::<1>()),
        check("spi pin, 3", &mut by_pin::<3>()),
    ]
}

#[test]
fn the_mailbox_conforms() {
    let reports = reports();
    println!("{}", Table(&reports));
    for report in &reports {
        println!("{report}");
    }
    assert!(reports.iter().all(Report::conforms));
}

#[test]
fn long_random_runs_from_many_seeds_find_nothing() {
    for seed in 0..16 {
        assert_eq!(soak(&mut by_command::<1>(), seed, 2_000), Verdict::Pass, "seed {seed}, depth 1");
        assert_eq!(soak(&mut by_command::<3>(), seed, 2_000), Verdict::Pass, "seed {seed}, depth 3");
        assert_eq!(soak(&mut by_pin::<3>(), seed, 2_000), Verdict::Pass, "seed {seed}, depth 3 with a pin");
    }
}
