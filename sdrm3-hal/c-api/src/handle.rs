//! The scheduler in the caller's storage: its head, and how a call gets hold of what lies behind.

#![allow(non_camel_case_types, reason = "the names of the header")]

use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed, Ordering::SeqCst, compiler_fence};

use crate::calls::Calls;
use crate::status::sdrm3_status_t::{self, *};

/// A scheduler in its storage. Opaque: made by `sdrm3_init_small` or `sdrm3_init_large`, and named by a
/// pointer into the storage, which must not be moved or copied.
#[derive(Debug)]
pub struct sdrm3_t {
    /// Says that a scheduler is here: a number that fits this address alone.
    magic: AtomicU32,
    busy: AtomicBool,
    calls: NonNull<dyn Calls>,
}

fn magic_at(head: *const sdrm3_t) -> u32 {
    const WORD: u32 = 0x5d72_a3c1;
    WORD ^ (head.addr() as u32).rotate_left(16)
}

impl sdrm3_t {
    /// A head that counts for nothing until [`open`](Self::open).
    pub(crate) fn new(calls: &'static mut dyn Calls) -> Self {
        Self { magic: AtomicU32::new(0), busy: AtomicBool::new(false), calls: NonNull::from(calls) }
    }

    /// The head lies where it stays: calls are let in.
    pub(crate) fn open(&'static mut self) -> *mut Self {
        let head: *mut Self = self;
        self.magic.store(magic_at(head), Relaxed);
        head
    }
}

/// A call that has the scheduler to itself. Two on one scheduler exclude each other as long as the second
/// interrupts the first; threads need a lock of their own.
pub(crate) struct Call {
    head: &'static sdrm3_t,
}

impl Call {
    /// # Safety
    ///
    /// Unless null or misaligned, the pointer is to storage that holds a scheduler, held one, or was
    /// never written but for zeros; at least as long as an [`sdrm3_t`].
    pub(crate) unsafe fn enter(head: *mut sdrm3_t) -> Result<Self, sdrm3_status_t> {
        if head.is_null() {
            return Err(SDRM3_NULL_POINTER);
        }
        if !head.is_aligned() {
            return Err(SDRM3_MISALIGNED);
        }
        // SAFETY: not null, aligned, and the caller vouches for readable memory; whatever is there is
        // some number.
        let magic = unsafe { AtomicU32::from_ptr(ptr::addr_of_mut!((*head).magic).cast()) };
        if magic.load(Relaxed) != magic_at(head) {
            return Err(SDRM3_NOT_INITIALISED);
        }
        // SAFETY: the number says that `open` was called here, and `end` not since then.
        let head: &'static sdrm3_t = unsafe { &*head };
        // A load and a store, not a swap, which Cortex-M0 does not have. Who interrupts in between ends
        // before we go on.
        if head.busy.load(Relaxed) {
            return Err(SDRM3_BUSY);
        }
        head.busy.store(true, Relaxed);
        // The compiler keeps what the call does between the two stores: an interrupt relies on it.
        compiler_fence(SeqCst);
        Ok(Self { head })
    }

    /// The storage is the caller's again.
    pub(crate) fn end(self) {
        self.head.magic.store(0, Relaxed);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        compiler_fence(SeqCst);
        self.head.busy.store(false, Relaxed);
    }
}

impl Deref for Call {
    type Target = dyn Calls;

    fn deref(&self) -> &(dyn Calls + 'static) {
        // SAFETY: `calls` came from a reference into the same storage, which is only used through a
        // `Call`, and there is one at a time.
        unsafe { self.head.calls.as_ref() }
    }
}

impl DerefMut for Call {
    fn deref_mut(&mut self) -> &mut (dyn Calls + 'static) {
        let mut calls = self.head.calls;
        // SAFETY: as above.
        unsafe { calls.as_mut() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sdrm3_core::{
        Accelerator, Config, Cost, Duration, Instant, MapScore, Model, Scheduler, Segment, SegmentSpec,
        SubNetwork, Workload,
    };
    use std::boxed::Box;

    static SEGMENTS: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(1, 1)])]);
    static NETWORKS: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("", &SEGMENTS)];
    static MODELS: [Model<'static, 1>; 1] = [Model::new("", Duration::from_nanos(1), &NETWORKS)];
    static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("")];
    static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);

    fn enter(head: *mut sdrm3_t) -> Result<Call, sdrm3_status_t> {
        // SAFETY: the tests pass heads only.
        unsafe { Call::enter(head) }
    }

    fn head() -> *mut sdrm3_t {
        let scheduler =
            Scheduler::<_, 1, 1, 1>::new(&WORKLOAD, MapScore::default(), Config::FULL).expect("valid");
        Box::leak(Box::new(sdrm3_t::new(Box::leak(Box::new(scheduler))))).open()
    }

    #[test]
    fn a_call_that_interrupts_another_is_refused_and_the_other_goes_on() {
        let head = head();
        let mut outer = enter(head).expect("nobody is in");
        assert_eq!(enter(head).err(), Some(SDRM3_BUSY));
        assert_eq!(enter(head).err(), Some(SDRM3_BUSY), "a refused call does not let the next one in");
        let _ = outer.poll(Instant::ZERO);
        drop(outer);
        assert!(enter(head).is_ok());
    }

    #[test]
    fn schedulers_do_not_exclude_each_other() {
        let (one, other) = (enter(head()), enter(head()));
        assert!(one.is_ok() && other.is_ok());
    }

    #[test]
    fn an_ended_scheduler_lets_nobody_in() {
        let head = head();
        enter(head).expect("nobody is in").end();
        assert_eq!(enter(head).err(), Some(SDRM3_NOT_INITIALISED));
    }
}
