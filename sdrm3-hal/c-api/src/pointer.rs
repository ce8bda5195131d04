//! Every pointer of the caller's, checked: the only unsafe code beside the calls themselves.
//!
//! A pointer is checked for null, for alignment and against the end of memory. Whether an object is
//! there, of that type and that size, no library can find out: that is what the header asks of the
//! caller, and what the unsafe functions here rely on.

use core::ffi::{c_char, c_void};
use core::fmt;
use core::mem::{MaybeUninit, offset_of, size_of};
use core::ops::Deref;
use core::slice;

use sdrm3_core::Cost;

use crate::status::sdrm3_status_t::{self, *};
use crate::tables::{
    sdrm3_accelerator_t, sdrm3_cost_t, sdrm3_model_t, sdrm3_segment_t, sdrm3_subnetwork_t, sdrm3_workload_t,
};

fn check<T>(pointer: *const T, count: usize) -> Result<(), sdrm3_status_t> {
    if pointer.is_null() {
        return Err(SDRM3_NULL_POINTER);
    }
    if !pointer.is_aligned() {
        return Err(SDRM3_MISALIGNED);
    }
    let bytes = size_of::<T>().checked_mul(count).filter(|&bytes| bytes <= isize::MAX as usize);
    let end = bytes.and_then(|bytes| pointer.addr().checked_add(bytes));
    if end.is_some() { Ok(()) } else { Err(SDRM3_SIZE_OVERFLOW) }
}

/// An object of the caller's to read.
///
/// # Safety
///
/// Unless null or misaligned, the pointer is to a valid `T` that nobody changes during `'a`.
pub(crate) unsafe fn read<'a, T>(pointer: *const T) -> Result<&'a T, sdrm3_status_t> {
    check(pointer, 1)?;
    // SAFETY: not null, aligned, and the caller vouches for the object.
    Ok(unsafe { &*pointer })
}

/// `count` objects of the caller's to read; none needs no pointer.
///
/// # Safety
///
/// As for [`read`], for each of them.
unsafe fn read_all<'a, T>(pointer: *const T, count: u32) -> Result<&'a [T], sdrm3_status_t> {
    if count == 0 {
        return Ok(&[]);
    }
    let count = usize::try_from(count).map_err(|_| SDRM3_SIZE_OVERFLOW)?;
    check(pointer, count)?;
    // SAFETY: not null, aligned, no longer than memory, and the caller vouches for the objects.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

/// A place of the caller's for an answer, which need not hold anything yet.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// Unless null or misaligned, the pointer is to room for a `T` that nobody else uses until
    /// [`put`](Self::put).
    pub(crate) unsafe fn new(pointer: *mut T) -> Result<Self, sdrm3_status_t> {
        check(pointer, 1)?;
        Ok(Self(pointer))
    }

    pub(crate) fn put(self, value: T) {
        // SAFETY: checked by `new`, whose caller vouched for the room.
        unsafe { self.0.write(value) }
    }
}

/// The caller's storage, handed out piece by piece from its start, each aligned to 8 bytes.
pub(crate) struct Block {
    rest: &'static mut [MaybeUninit<u8>],
}

/// What every piece is aligned to.
pub(crate) const ALIGNMENT: usize = 8;

/// What a piece takes of the block.
pub(crate) const fn footprint<T>(count: usize) -> usize {
    size_of::<T>().saturating_mul(count).saturating_add(ALIGNMENT - 1) & !(ALIGNMENT - 1)
}

impl Block {
    /// # Safety
    ///
    /// Unless null, misaligned or longer than memory, there are `size` bytes that nobody else uses until
    /// the scheduler in them is ended.
    pub(crate) unsafe fn new(memory: *mut c_void, size: usize) -> Result<Self, sdrm3_status_t> {
        let memory = memory.cast::<MaybeUninit<u8>>();
        check(memory, size)?;
        if !memory.addr().is_multiple_of(ALIGNMENT) {
            return Err(SDRM3_MISALIGNED);
        }
        // SAFETY: not null, no longer than memory, bytes that need not hold anything, and the caller
        // vouches for their being there.
        Ok(Self { rest: unsafe { slice::from_raw_parts_mut(memory, size) } })
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    fn piece<T>(&mut self, count: usize) -> Result<*mut T, sdrm3_status_t> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let whole = core::mem::take(&mut self.rest);
        let (piece, rest) =
            whole.split_at_mut_checked(footprint::<T>(count)).ok_or(SDRM3_STORAGE_TOO_SMALL)?;
        self.rest = rest;
        Ok(piece.as_mut_ptr().cast())
    }

    /// Room for one value.
    pub(crate) fn one<T>(&mut self, value: T) -> Result<&'static mut T, sdrm3_status_t> {
        self.one_from(|| value)
    }

    /// Room for one value that is too large to pass on.
    pub(crate) fn one_from<T>(&mut self, make: impl FnOnce() -> T) -> Result<&'static mut T, sdrm3_status_t> {
        let place = self.piece::<T>(1)?;
        // SAFETY: the piece is ours alone, large enough, and aligned, as the block is and every footprint
        // is a multiple of the alignment.
        unsafe {
            place.write(make());
            Ok(&mut *place)
        }
    }

    /// Room for that many copies of a value.
    pub(crate) fn many<T: Copy>(
        &mut self,
        count: usize,
        value: T,
    ) -> Result<&'static mut [T], sdrm3_status_t> {
        let place = self.piece::<T>(count)?;
        // SAFETY: as above, for each of them.
        unsafe {
            for index in 0..count {
                place.add(index).write(value);
            }
            Ok(slice::from_raw_parts_mut(place, count))
        }
    }
}

/// A row of the caller's tables. Who makes the first one vouches for all that its pointers lead to.
#[derive(Clone, Copy)]
pub(crate) struct Row<T: 'static>(&'static T);

impl<T> Deref for Row<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

impl Row<sdrm3_workload_t> {
    /// # Safety
    ///
    /// Unless null or misaligned, this pointer and all that the tables hold is to valid tables of the
    /// lengths given beside it, which nobody changes until the scheduler is ended.
    pub(crate) unsafe fn workload(pointer: *const sdrm3_workload_t) -> Result<Self, sdrm3_status_t> {
        // SAFETY: the caller vouches for it.
        unsafe { read(pointer) }.map(Self)
    }

    pub(crate) fn models(
        self,
    ) -> Result<impl ExactSizeIterator<Item = Row<sdrm3_model_t>> + Clone, sdrm3_status_t> {
        // SAFETY: who made this row vouches for its pointers.
        Ok(unsafe { read_all(self.0.models, self.0.model_count) }?.iter().map(Row))
    }

    pub(crate) fn accelerators(
        self,
    ) -> Result<impl ExactSizeIterator<Item = Row<sdrm3_accelerator_t>> + Clone, sdrm3_status_t> {
        // SAFETY: who made this row vouches for its pointers.
        Ok(unsafe { read_all(self.0.accelerators, self.0.accelerator_count) }?.iter().map(Row))
    }
}

impl Row<sdrm3_model_t> {
    pub(crate) fn subnetworks(
        self,
    ) -> Result<impl ExactSizeIterator<Item = Row<sdrm3_subnetwork_t>> + Clone, sdrm3_status_t> {
        // SAFETY: who made the workload's row vouches for its pointers.
        Ok(unsafe { read_all(self.0.subnetworks, self.0.subnetwork_count) }?.iter().map(Row))
    }
}

impl Row<sdrm3_subnetwork_t> {
    /// All costs, row by row.
    pub(crate) fn costs(self) -> Result<&'static [sdrm3_cost_t], sdrm3_status_t> {
        let count = self.0.segment_count.checked_mul(self.0.accelerator_count).ok_or(SDRM3_SIZE_OVERFLOW)?;
        // SAFETY: who made the workload's row vouches for its pointers.
        unsafe { read_all(self.0.costs, count) }
    }

    /// What there is to say beside the costs, of every segment or of none.
    pub(crate) fn segments(self) -> Result<&'static [sdrm3_segment_t], sdrm3_status_t> {
        if self.0.segments.is_null() {
            return Ok(&[]);
        }
        // SAFETY: who made the workload's row vouches for its pointers.
        unsafe { read_all(self.0.segments, self.0.segment_count) }
    }
}

impl Row<sdrm3_accelerator_t> {
    /// The switch table where it lies.
    pub(crate) fn switch_table(self) -> Result<&'static [Cost], sdrm3_status_t> {
        const {
            assert!(size_of::<Cost>() == size_of::<sdrm3_cost_t>());
            assert!(align_of::<Cost>() == align_of::<sdrm3_cost_t>());
            assert!(offset_of!(Cost, latency_ns) == offset_of!(sdrm3_cost_t, latency_ns));
            assert!(offset_of!(Cost, energy_nj) == offset_of!(sdrm3_cost_t, energy_nj));
        }
        // SAFETY: who made the workload's row vouches for its pointers; the two types hold the same
        // numbers at the same places.
        unsafe { read_all(self.0.switch_table.cast::<Cost>(), self.0.switch_table_count) }
    }
}

/// Room of the caller's for a text, always ended by a zero.
pub(crate) struct Text {
    start: *mut u8,
    used: usize,
    size: usize,
}

impl Text {
    /// # Safety
    ///
    /// Unless null, there is room for `size` characters that nobody else uses.
    pub(crate) unsafe fn new(start: *mut c_char, size: usize) -> Result<Self, sdrm3_status_t> {
        check(start, size)?;
        if size == 0 {
            return Err(SDRM3_BAD_VALUE);
        }
        // SAFETY: not null, and there is room for at least this one.
        unsafe { start.write(0) };
        Ok(Self { start: start.cast(), used: 0, size })
    }

    /// What does not fit, the zero behind it included, is an error.
    fn push(&mut self, byte: u8) -> fmt::Result {
        if self.size - self.used < 2 {
            return Err(fmt::Error);
        }
        // SAFETY: `used + 1 < size`, and the room is the caller's promise.
        unsafe {
            self.start.add(self.used).write(byte);
            self.start.add(self.used + 1).write(0);
        }
        self.used += 1;
        Ok(())
    }

    /// A string of the library's, or of the tables', up to its zero or `longest`.
    pub(crate) fn copy(&mut self, string: *const c_char, longest: usize) -> fmt::Result {
        for index in 0..longest {
            // SAFETY: a string ends with a zero, and none before this was one.
            match unsafe { string.add(index).read() } as u8 {
                0 => break,
                byte => self.push(byte)?,
            }
        }
        Ok(())
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, string: &str) -> fmt::Result {
        string.bytes().try_for_each(|byte| self.push(byte))
    }
}
