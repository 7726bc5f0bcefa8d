//! Which texts a small set cannot hold.

/// Says of most texts that a set does not hold them, by their first byte, last byte and length.
#[derive(Clone)]
pub(crate) struct TextFilter {
    /// For each first byte, a bit for each length of a text that begins with it.
    firsts: [u64; 256],
    /// For each last byte, a bit for each length of a text that ends with it.
    lasts: [u64; 256],
}

impl TextFilter {
    /// The filter of a set of texts below 64 bytes.
    pub(crate) fn new<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut filter = Self { firsts: [0; 256], lasts: [0; 256] };
        for text in texts {
            if let (Some(first), Some(last)) = (text.as_bytes().first(), text.as_bytes().last()) {
                filter.firsts[usize::from(*first)] |= 1 << text.len();
                filter.lasts[usize::from(*last)] |= 1 << text.len();
            }
        }
        filter
    }

    /// Whether the set may hold `text`; it holds none of which this is false.
    #[inline]
    pub(crate) fn may_hold(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
        let lengths = self.firsts[usize::from(*first)] & self.lasts[usize::from(*last)];
        text.len() < 64 && lengths >> text.len() & 1 != 0
    }
}
