//! One memory for buffers that are needed in turn.

use std::sync::Arc;

use bytemuck::Pod;

use crate::AlignedBuf;
use crate::buffer::LINE;

/// Memory that is cut into buffers, and cut anew once they are given up.
///
/// For work in phases, each with buffers of its own that the next phase does not read: together they
/// take what the largest phase takes. Cutting takes no memory and writes none, so a buffer holds
/// whatever was there.
#[derive(Debug)]
pub struct Arena {
    memory: Arc<AlignedBuf<u8>>,
    /// Bytes that are cut off.
    used: usize,
}

impl Arena {
    /// An arena of so many bytes, zeroed.
    pub fn new(bytes: usize) -> Self {
        Arena { memory: Arc::new(AlignedBuf::zeroed(bytes)), used: 0 }
    }

    /// What a buffer of `len` values takes of an arena: whole cache lines.
    pub fn bytes_of<T>(len: usize) -> usize {
        len.saturating_mul(size_of::<T>()).checked_next_multiple_of(LINE).unwrap_or(usize::MAX)
    }

    /// Cuts off a buffer.
    ///
    /// # Panics
    /// If the arena is too small: a caller's bug.
    pub fn cut<T: Pod>(&mut self, len: usize) -> AlignedBuf<T> {
        if len == 0 {
            return AlignedBuf::default();
        }
        let (bytes, left) = (Self::bytes_of::<T>(len), self.memory.bytes() - self.used);
        assert!(bytes <= left, "{bytes} bytes of an arena with {left} left");
        // SAFETY: the bytes from `used` on are no buffer's, and the memory is looked at only when it
        // has none; a `Pod` has a value for any bytes.
        let buffer = unsafe { AlignedBuf::within(&self.memory, self.used, len) };
        self.used += bytes;
        buffer
    }

    /// Begins anew: nothing is cut off any more. Gives all the memory, as it was left.
    ///
    /// # Panics
    /// If a buffer is still there: a caller's bug.
    pub fn clear(&mut self) -> &mut [u8] {
        self.used = 0;
        Arc::get_mut(&mut self.memory).expect("all buffers of the arena are given up")
    }
}

impl Default for Arena {
    /// An arena without memory.
    fn default() -> Self {
        Self::new(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_share_nothing_and_begin_with_a_line() {
        let mut arena = Arena::new(Arena::bytes_of::<f32>(17) + Arena::bytes_of::<u16>(3) + 64);
        let (mut floats, mut halves) = (arena.cut::<f32>(17), arena.cut::<u16>(3));
        let none = arena.cut::<f32>(0);
        let mut words = arena.cut::<u32>(16);
        assert!(floats.iter().all(|&x| x == 0.0) && none.is_empty());
        floats.fill(1.0);
        halves.fill(2);
        words.fill(3);
        assert!(floats.iter().all(|&x| x == 1.0));
        assert_eq!((&halves[..], &words[..]), (&[2; 3][..], &[3; 16][..]));
        for start in [floats.as_ptr() as usize, halves.as_ptr() as usize, words.as_ptr() as usize] {
            assert_eq!(start % LINE, 0);
        }
    }

    #[test]
    fn what_was_given_up_is_cut_anew() {
        let mut arena = Arena::new(128);
        arena.cut::<u32>(32).fill(u32::MAX);
        assert!(arena.clear().iter().all(|&byte| byte == 255));
        let (first, mut second) = (arena.cut::<f32>(16), arena.cut::<u16>(32));
        assert!(first.iter().all(|x| x.is_nan()), "memory is not written by cutting");
        second.fill(1);
        // A buffer that outgrows its part has memory of its own.
        second.grow(100);
        assert!(second.iter().all(|&x| x == 0));
        drop(first);
        assert_eq!(arena.clear().len(), 128);
    }

    #[test]
    #[should_panic(expected = "all buffers of the arena are given up")]
    fn memory_that_a_buffer_has_is_not_cut_anew() {
        let mut arena = Arena::new(64);
        let _buffer = arena.cut::<f32>(1);
        arena.clear();
    }

    #[test]
    #[should_panic(expected = "128 bytes of an arena with 64 left")]
    fn an_arena_does_not_grow() {
        let mut arena = Arena::new(128);
        let _first = arena.cut::<f32>(2);
        let _second = arena.cut::<f32>(17);
    }
}
