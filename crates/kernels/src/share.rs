//! A mutable slice that several pool threads write in disjoint parts.

use std::marker::PhantomData;
use std::ops::Range;

/// Hands disjoint parts of one mutable slice to the threads of a job.
///
/// The borrow checker cannot see that ranges computed by different threads do not overlap; the
/// caller of [`SharedMut::range`] promises it. Bounds are always checked.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a, T> {
    ptr: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: only disjoint ranges are handed out (the promise of `range`), so sending parts to other
// threads is like sending `&mut [T]` parts from `split_at_mut`.
unsafe impl<T: Send> Send for SharedMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<'_, T> {}

impl<'a, T> SharedMut<'a, T> {
    /// Takes over the slice for as long as the parts live.
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { ptr: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// Number of values in the whole slice.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The start of the whole slice, for kernels that write strided tiles through pointers.
    pub(crate) fn as_mut_ptr(&self) -> *mut T {
        self.ptr
    }

    /// The values from `start` on, as a slice of their own.
    ///
    /// # Panics
    /// If the slice ends before.
    pub(crate) fn tail(&self, start: usize) -> Self {
        assert!(start <= self.len, "value {start} of a slice of {}", self.len);
        // SAFETY: in bounds, or one past the end.
        Self { ptr: unsafe { self.ptr.add(start) }, len: self.len - start, slice: PhantomData }
    }

    /// The values of `range`, to be read only.
    ///
    /// # Panics
    /// If the range reaches beyond the slice.
    ///
    /// # Safety
    /// No live part of [`SharedMut::range`] may overlap, on any thread.
    pub(crate) unsafe fn read(&self, range: Range<usize>) -> &'a [T] {
        // SAFETY: promised by the caller; nobody writes, so it does no harm that others read.
        unsafe { self.range(range) }
    }

    /// The values of `range`.
    ///
    /// # Panics
    /// If the range reaches beyond the slice.
    ///
    /// # Safety
    /// No two live parts may overlap, on any thread.
    pub(crate) unsafe fn range(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "range {range:?} of a slice of {}",
            self.len
        );
        // SAFETY: in bounds of one live `&mut [T]` (checked), disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(range.start), range.len()) }
    }
}
