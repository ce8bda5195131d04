//! The hand-over from interrupts: nothing is lost in silence, nobody sleeps through a ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use sdrm3_core::Instant;
use sdrm3_hal::handover::{Handover, Interrupt, Signal};

/// Counts how often it is woken.
#[derive(Default)]
struct Alarm(AtomicU32);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn items_come_out_in_order_with_the_time_of_their_interrupt() {
    static WAKE: Signal = Signal::new();
    static NPU: Handover<Interrupt, 2> = Handover::new(&WAKE);
    let [first, second] =
        [1, 2].map(|status| Interrupt { at: Instant::from_nanos(u64::from(status) * 10), status });
    NPU.push(first).unwrap();
    NPU.push(second).unwrap();
    assert_eq!([NPU.pop(), NPU.pop(), NPU.pop()], [Some(first), Some(second), None]);
    assert_eq!(NPU.take_lost(), 0);
}

#[test]
fn what_finds_no_room_is_handed_back_and_counted() {
    static WAKE: Signal = Signal::new();
    static NPU: Handover<u32, 2> = Handover::new(&WAKE);
    assert_eq!(NPU.capacity(), 2, "all of its room can be used");
    assert_eq!([NPU.push(1), NPU.push(2), NPU.push(3), NPU.push(4)], [Ok(()), Ok(()), Err(3), Err(4)]);
    assert_eq!([NPU.pop(), NPU.pop(), NPU.pop()], [Some(1), Some(2), None], "the older ones stay");
    assert_eq!(NPU.take_lost(), 2, "the driver learns that it must look for itself");
    assert_eq!(NPU.take_lost(), 0, "once");
    NPU.push(5).unwrap();
    assert_eq!((NPU.pop(), NPU.take_lost()), (Some(5), 0), "and all is well again");
}

#[test]
fn every_push_rings_even_one_that_finds_no_room() {
    static WAKE: Signal = Signal::new();
    static NPU: Handover<u32, 1> = Handover::new(&WAKE);
    assert!(!WAKE.take());
    NPU.push(1).unwrap();
    assert!(WAKE.take());
    assert!(!WAKE.take(), "a ring is taken once");
    NPU.push(2).unwrap_err();
    assert!(WAKE.take(), "the driver has all the more to do");
}

#[test]
fn a_ring_wakes_the_sleeper_and_is_not_lost_when_it_comes_first() {
    let signal = Signal::new();
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(alarm.clone());
    let mut context = Context::from_waker(&waker);

    assert_eq!(signal.poll_wait(&mut context), Poll::Pending);
    signal.ring();
    signal.ring();
    assert_eq!(alarm.0.load(Ordering::SeqCst), 1, "two rings are one wake");
    assert_eq!(signal.poll_wait(&mut context), Poll::Ready(()));
    assert_eq!(signal.poll_wait(&mut context), Poll::Pending, "it sleeps again");

    // A future that is dropped while it sleeps leaves a waker behind, which takes no ring away.
    let mut wait = Box::pin(signal.wait());
    assert_eq!(wait.as_mut().poll(&mut context), Poll::Pending);
    drop(wait);
    signal.ring();
    assert_eq!(Box::pin(signal.wait()).as_mut().poll(&mut context), Poll::Ready(()), "it came before");
}

#[test]
fn two_interrupts_and_a_driver_lose_nothing_in_silence() {
    const EACH: u32 = 20_000;
    static WAKE: Signal = Signal::new();
    static NPU: Handover<u32, 8> = Handover::new(&WAKE);
    let interrupts = [0, 1].map(|parity| {
        thread::spawn(move || (0..EACH).filter(|n| NPU.push(2 * n + parity).is_err()).count() as u32)
    });
    let (mut popped, mut lost, mut last) = (0, 0, [None; 2]);
    while popped + lost < 2 * EACH {
        while let Some(item) = NPU.pop() {
            popped += 1;
            let last = &mut last[(item % 2) as usize];
            assert!(last.is_none_or(|last| last < item), "in order, none twice");
            *last = Some(item);
        }
        lost += NPU.take_lost();
    }
    let handed_back: u32 = interrupts.map(|interrupt| interrupt.join().unwrap()).iter().sum();
    assert_eq!((popped + handed_back, lost), (2 * EACH, handed_back));
    assert!(WAKE.take());
}
