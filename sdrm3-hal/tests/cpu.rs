//! The CPU as an accelerator: one slice a call, and the times that follow from it.

mod fake;

use fake::{Diary, HANDS, ms, runtime};
use sdrm3_core::{Dispatch, Outcome, Path, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::driver::cpu::{CpuQueue, Kernel, Step};
use sdrm3_hal::queue::{CancelOutcome, Completion, ErrorKind, Granularity, Pump};

/// Writes down its slices, and ends as told.
#[derive(Default)]
struct Slices {
    ran: Vec<(u32, u32)>,
    steps: Vec<Step>,
}

impl Kernel for Slices {
    fn step(&mut self, block: &Dispatch, slice: u32) -> Step {
        self.ran.push((block.ticket.sequence, slice));
        self.steps.get(slice as usize).copied().unwrap_or(Step::More)
    }
}

fn queue(steps: &[Step]) -> CpuQueue<Slices> {
    CpuQueue::new(Slices { ran: Vec::new(), steps: steps.to_vec() })
}

/// Some block, as the scheduler makes them, under this ticket.
fn block(sequence: u32) -> Dispatch {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    let mut block = runtime.queues()[0].running.expect("it was dispatched");
    block.ticket.sequence = sequence;
    block
}

fn ended(block: &Dispatch, started: u64, result: Result<Outcome, ErrorKind>) -> Pump<ErrorKind> {
    Pump::Done(Completion { ticket: block.ticket, started: ms(started), result })
}

#[test]
fn each_poll_runs_one_slice() {
    let (mut cpu, block) = (queue(&[Step::More, Step::More, Step::Done(Path::Exit)]), block(7));
    assert_eq!(cpu.poll(ms(0)), Pump::Idle);
    cpu.submit(ms(0), &block).unwrap();
    assert_eq!(cpu.submit(ms(0), &block), Err(ErrorKind::Full));
    for slice in 1..=3 {
        assert_eq!(cpu.poll(ms(u64::from(slice))), Pump::CallAgain);
        assert_eq!(cpu.kernel().ran.len(), slice as usize);
        assert_eq!(cpu.progress(block.ticket), Some(slice));
    }
    // The last slice took from 3 to 4 ms.
    let outcome = Outcome::finished(ms(4)).with_start(ms(1)).with_path(Path::Exit);
    assert_eq!(cpu.poll(ms(4)), ended(&block, 1, Ok(outcome)));
    assert_eq!(cpu.kernel().ran, [(7, 0), (7, 1), (7, 2)], "a completion runs nothing");
    assert_eq!(cpu.poll(ms(5)), Pump::Idle);
    assert_eq!(cpu.progress(block.ticket), None);
}

#[test]
fn a_cancelled_block_stops_at_the_next_slice() {
    let (mut cpu, first) = (queue(&[]), block(1));
    assert_eq!(cpu.capabilities().granularity, Granularity::Slice);
    cpu.submit(ms(0), &first).unwrap();
    assert_eq!(cpu.cancel(ms(0), Ticket { sequence: 2, ..first.ticket }), CancelOutcome::Unknown);
    assert_eq!(cpu.cancel(ms(0), first.ticket), CancelOutcome::Removed, "it had not begun");
    assert_eq!(cpu.poll(ms(1)), ended(&first, 1, Err(ErrorKind::Cancelled)));
    assert!(cpu.kernel().ran.is_empty());

    let second = block(2);
    cpu.submit(ms(2), &second).unwrap();
    let _ = cpu.poll(ms(2));
    assert_eq!(cpu.cancel(ms(3), second.ticket), CancelOutcome::StopsAtBoundary);
    assert_eq!(cpu.cancel(ms(3), second.ticket), CancelOutcome::RunsToEnd, "once is enough");
    assert_eq!(cpu.poll(ms(4)), ended(&second, 2, Err(ErrorKind::Cancelled)));

    let third = block(3);
    cpu.submit(ms(5), &third).unwrap();
    let _ = cpu.poll(ms(5));
    assert_eq!(cpu.kernel().ran, [(2, 0), (3, 0)], "the next block begins at slice 0");
}

#[test]
fn a_reset_and_a_failing_kernel_end_the_block_with_an_error() {
    let (mut cpu, first) = (queue(&[Step::Failed(ErrorKind::Unsupported)]), block(1));
    cpu.submit(ms(0), &first).unwrap();
    let _ = cpu.poll(ms(0));
    assert_eq!(cpu.poll(ms(1)), ended(&first, 0, Err(ErrorKind::Unsupported)));

    let second = block(2);
    cpu.submit(ms(2), &second).unwrap();
    for _ in 0..2 {
        cpu.reset(ms(3)).unwrap();
    }
    assert_eq!(cpu.poll(ms(4)), ended(&second, 4, Err(ErrorKind::Reset)));
    assert_eq!(cpu.poll(ms(4)), Pump::Idle);
    assert_eq!((cpu.health().failed, cpu.health().resets), (2, 2));
}
