//! Buffers for tiles and pages: cache-line aligned, zeroed, on huge pages when large.

use std::alloc::Layout;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use bytemuck::Zeroable;

use crate::KernelError;

/// One cache line and one AVX-512 register.
pub(crate) const LINE: usize = 64;
/// Size of a huge page on x86-64 and AArch64 Linux.
const HUGE: usize = 2 << 20;
/// From this size on a buffer is aligned to huge pages; below, rounding up would waste memory.
const HUGE_FROM: usize = 8 << 20;

/// A fixed-length buffer of plain values, 64-byte aligned, zeroed at start.
///
/// Buffers of 8 MiB and more are aligned to 2 MiB and advised for transparent huge pages: streaming
/// weights then misses the TLB 512 times less often. On Linux they come straight from the system,
/// which gives their memory when it is first written.
///
/// Buffers of an [`Arena`](crate::Arena) are parts of its memory, which are not zeroed.
pub struct AlignedBuf<T: Copy + Zeroable> {
    ptr: NonNull<T>,
    len: usize,
    /// What the memory is a part of, if it is not the buffer's own.
    whole: Option<Arc<AlignedBuf<u8>>>,
}

// SAFETY: the buffer owns its memory alone, like `Box<[T]>`; parts of one memory are disjoint.
unsafe impl<T: Copy + Zeroable + Send> Send for AlignedBuf<T> {}
// SAFETY: shared access only reads, like `Box<[T]>`.
unsafe impl<T: Copy + Zeroable + Sync> Sync for AlignedBuf<T> {}

impl<T: Copy + Zeroable> AlignedBuf<T> {
    /// A zeroed buffer of `len` values.
    ///
    /// # Panics
    /// If the allocator refuses; [`AlignedBuf::try_zeroed`] is for sizes that come from outside.
    pub fn zeroed(len: usize) -> Self {
        Self::try_zeroed(len, "a buffer").expect("the allocator grants a buffer of known size")
    }

    /// A zeroed buffer of `len` values, `what` naming it in the error.
    ///
    /// # Errors
    /// [`KernelError::OutOfMemory`] if the size overflows or the allocator refuses it.
    pub fn try_zeroed(len: usize, what: &'static str) -> Result<Self, KernelError> {
        if len == 0 || size_of::<T>() == 0 {
            return Ok(Self { ptr: NonNull::dangling(), len, whole: None });
        }
        let refused =
            || KernelError::OutOfMemory { what, bytes: len.saturating_mul(size_of::<T>()) };
        let layout = Self::layout(len).ok_or_else(refused)?;
        // SAFETY: the layout has a size above zero, checked above.
        let raw = unsafe { allocate(layout) };
        let ptr = NonNull::new(raw.cast::<T>()).ok_or_else(refused)?;
        Ok(Self { ptr, len, whole: None })
    }

    /// `len` values from byte `start` of a memory on.
    ///
    /// # Panics
    /// If they are not inside it, or do not begin with a line.
    ///
    /// # Safety
    /// No other buffer may have any of these bytes, and `whole` itself may not be looked at, as long
    /// as this one is there. Any bytes must be a value.
    pub(crate) unsafe fn within(whole: &Arc<AlignedBuf<u8>>, start: usize, len: usize) -> Self {
        assert!(start.is_multiple_of(LINE), "byte {start} is inside a line");
        let end = len.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(start));
        let is_inside = end.is_some_and(|end| end <= whole.len);
        assert!(is_inside, "{len} values from byte {start} of {}", whole.len);
        // SAFETY: inside one allocation, as was checked; its start is aligned to a line at least.
        let ptr = unsafe { whole.ptr.add(start) }.cast::<T>();
        Self { ptr, len, whole: Some(Arc::clone(whole)) }
    }

    /// A copy of `values`.
    pub fn from_slice(values: &[T]) -> Self {
        let mut buffer = Self::zeroed(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Makes the buffer at least `len` long; its contents are zeroed if it had to grow.
    pub fn grow(&mut self, len: usize) {
        if self.len < len {
            // A quarter more, so that a slowly growing batch does not allocate at every step.
            *self = Self::zeroed(len + len / 4);
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    fn layout(len: usize) -> Option<Layout> {
        let bytes = len.checked_mul(size_of::<T>())?;
        let align = if bytes >= HUGE_FROM { HUGE } else { LINE.max(align_of::<T>()) };
        let bytes = bytes.checked_next_multiple_of(if align == HUGE { HUGE } else { LINE })?;
        Layout::from_size_align(bytes, align).ok()
    }
}

/// Zeroed memory, or null if there is none.
///
/// # Safety
/// The layout must have a size above zero.
#[cfg(target_os = "linux")]
unsafe fn allocate(layout: Layout) -> *mut u8 {
    if layout.align() != HUGE {
        // SAFETY: promised by the caller.
        return unsafe { std::alloc::alloc_zeroed(layout) };
    }
    let (size, spare) = (layout.size(), layout.size() + HUGE);
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping wherever the system likes; of it, only the parts before the first and
    // after the last huge page of the buffer are given back, which nobody has seen. Advice does not
    // change contents, and a refusal only costs speed, so its result is not looked at.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), spare, access, kind, -1, 0);
        if start == libc::MAP_FAILED {
            return std::ptr::null_mut();
        }
        let before = start.cast::<u8>().align_offset(HUGE);
        let aligned = start.byte_add(before);
        if before > 0 {
            libc::munmap(start, before);
        }
        libc::munmap(aligned.byte_add(size), HUGE - before);
        libc::madvise(aligned, size, libc::MADV_HUGEPAGE);
        aligned.cast()
    }
}

/// Gives memory of [`allocate`] back.
///
/// # Safety
/// It must be from there, with this layout, and no longer be used.
#[cfg(target_os = "linux")]
unsafe fn release(start: *mut u8, layout: Layout) {
    // SAFETY: promised by the caller.
    unsafe {
        if layout.align() == HUGE {
            libc::munmap(start.cast(), layout.size());
        } else {
            std::alloc::dealloc(start, layout);
        }
    }
}

#[cfg(not(target_os = "linux"))]
use std::alloc::{alloc_zeroed as allocate, dealloc as release};

impl<T: Copy + Zeroable> Default for AlignedBuf<T> {
    fn default() -> Self {
        Self { ptr: NonNull::dangling(), len: 0, whole: None }
    }
}

impl<T: Copy + Zeroable> Drop for AlignedBuf<T> {
    fn drop(&mut self) {
        if self.whole.is_none() && self.len != 0 && size_of::<T>() != 0 {
            let layout = Self::layout(self.len).expect("the layout was valid when allocated");
            // SAFETY: allocated by `try_zeroed` with exactly this layout.
            unsafe { release(self.ptr.as_ptr().cast(), layout) }
        }
    }
}

impl<T: Copy + Zeroable> Deref for AlignedBuf<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` values were allocated and zeroed, and all-zero bytes are a valid `T`.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

impl<T: Copy + Zeroable> DerefMut for AlignedBuf<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
}

impl<T: Copy + Zeroable> std::fmt::Debug for AlignedBuf<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBuf").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_zeroed_and_writable() {
        for len in [1, 15, 1000, HUGE_FROM / 4, HUGE_FROM / 4 + 5] {
            let mut buffer = AlignedBuf::<f32>::zeroed(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % LINE, 0);
            assert!(buffer.iter().all(|&x| x == 0.0));
            buffer[len - 1] = 1.0;
            assert_eq!(buffer[len - 1], 1.0);
        }
        assert!(AlignedBuf::<u16>::zeroed(0).is_empty());
    }

    #[test]
    fn absurd_sizes_are_refused_as_values() {
        let error = AlignedBuf::<f32>::try_zeroed(usize::MAX / 2, "a test").unwrap_err();
        assert_eq!(error, KernelError::OutOfMemory { what: "a test", bytes: usize::MAX });
    }

    #[test]
    fn growing_keeps_a_large_enough_buffer() {
        let mut buffer = AlignedBuf::from_slice(&[1u32, 2, 3]);
        buffer.grow(2);
        assert_eq!(&buffer[..], [1, 2, 3]);
        buffer.grow(100);
        assert!(buffer.len() >= 100 && buffer[0] == 0);
    }
}
