//! The classes of 64 bytes.

/// Bytes of a [`Block`].
pub(super) const BYTES: usize = 64;

/// The classes of 64 bytes, one bit each, the first byte lowest.
#[derive(Clone, Copy, Default)]
pub(super) struct Block {
    /// White space as Python's `str.isspace` has it, all bytes of each character; the bytes
    /// behind the text too.
    pub(super) space: u64,
    /// Line feeds.
    pub(super) feed: u64,
    /// Letters of ASCII.
    pub(super) letter: u64,
    /// Capital letters of ASCII.
    pub(super) capital: u64,
    /// Digits of ASCII.
    pub(super) digit: u64,
    /// `_`, which joins letters and digits.
    pub(super) joiner: u64,
    /// `:`, `.` and `'`, which stay inside a word between two letters.
    pub(super) mid_letter: u64,
    /// `,`, `;`, `.` and `'`, which stay inside a number between two digits.
    pub(super) mid_number: u64,
    /// Bytes of characters beyond ASCII.
    pub(super) beyond: u64,
    /// Bytes of characters beyond ASCII but the first of each.
    pub(super) inner: u64,
}

impl Block {
    /// White space beyond ASCII is not seen here.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn of(bytes: &[u8; BYTES]) -> Self {
        // SAFETY: every x86-64 has SSE2.
        unsafe { Self::of_lanes(bytes) }
    }

    /// [`Self::of`], sixteen bytes at a time.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse2")]
    #[inline]
    fn of_lanes(bytes: &[u8; BYTES]) -> Self {
        use std::arch::x86_64::{
            __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
            _mm_set_epi64x, _mm_set1_epi8, _mm_sub_epi8,
        };
        let all = |byte: u8| _mm_set1_epi8(byte.cast_signed());
        let within = |lane: __m128i, first: u8, last: u8| {
            let above = _mm_sub_epi8(lane, all(first));
            _mm_cmpeq_epi8(_mm_min_epu8(above, all(last - first)), above)
        };
        let bits = |lane: __m128i| u64::from(_mm_movemask_epi8(lane).cast_unsigned());
        let mut block = Self::default();
        let (lanes, _) = bytes.as_chunks::<16>();
        for (index, lane) in lanes.iter().enumerate() {
            let (halves, _) = lane.as_chunks::<8>();
            let half = |at: usize| u64::from_le_bytes(halves[at]).cast_signed();
            let lane = _mm_set_epi64x(half(1), half(0));
            let shift = 16 * index;
            let space = _mm_or_si128(within(lane, b'\t', b'\r'), within(lane, 0x1C, b' '));
            block.space |= bits(space) << shift;
            block.feed |= bits(_mm_cmpeq_epi8(lane, all(b'\n'))) << shift;
            let small = _mm_or_si128(lane, all(0x20));
            block.letter |= bits(within(small, b'a', b'z')) << shift;
            block.capital |= bits(within(lane, b'A', b'Z')) << shift;
            block.digit |= bits(within(lane, b'0', b'9')) << shift;
            let is = |byte: u8| _mm_cmpeq_epi8(lane, all(byte));
            let both = _mm_or_si128(is(b'.'), is(b'\''));
            block.joiner |= bits(is(b'_')) << shift;
            block.mid_letter |= bits(_mm_or_si128(both, is(b':'))) << shift;
            let listed = _mm_or_si128(is(b','), is(b';'));
            block.mid_number |= bits(_mm_or_si128(both, listed)) << shift;
            block.beyond |= bits(lane) << shift;
            let top = _mm_and_si128(lane, all(0xC0));
            let inner = _mm_cmpeq_epi8(top, all(0x80));
            block.inner |= bits(inner) << shift;
        }
        block
    }

    /// White space beyond ASCII is not seen here.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn of(bytes: &[u8; BYTES]) -> Self {
        let mut block = Self::default();
        for (index, byte) in bytes.iter().enumerate() {
            let bit = |holds: bool| u64::from(holds) << index;
            block.space |= bit(matches!(byte, b'\t'..=b'\r' | 0x1C..=b' '));
            block.feed |= bit(*byte == b'\n');
            block.letter |= bit(byte.is_ascii_alphabetic());
            block.capital |= bit(byte.is_ascii_uppercase());
            block.digit |= bit(byte.is_ascii_digit());
            block.joiner |= bit(*byte == b'_');
            block.mid_letter |= bit(matches!(byte, b':' | b'.' | b'\''));
            block.mid_number |= bit(matches!(byte, b',' | b';' | b'.' | b'\''));
            block.beyond |= bit(!byte.is_ascii());
            block.inner |= bit(byte & 0xC0 == 0x80);
        }
        block
    }
}
