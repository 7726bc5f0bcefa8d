//! A hash table that is emptied by one fill and never allocates per entry.

/// What is known of one key.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    key: u64,
    /// How often the key was added; 0 marks a free slot.
    pub(super) count: u32,
    /// Where it was added first.
    pub(super) first: u32,
}

/// Counts of 64-bit keys, with open addressing over a power of two of slots.
#[derive(Default)]
pub(super) struct CountTable {
    slots: Vec<Slot>,
    mask: usize,
}

impl CountTable {
    /// Empties the table and makes room for `keys` different keys.
    pub(super) fn reset(&mut self, keys: usize) {
        let capacity = (keys * 2).next_power_of_two().max(16);
        if self.slots.len() < capacity {
            self.slots.resize(capacity, Slot::default());
        }
        self.slots[..capacity].fill(Slot::default());
        self.mask = capacity - 1;
    }

    /// Counts `key`, met at `position`; the index of its slot.
    ///
    /// # Panics
    /// Never ends if more keys are added than [`Self::reset`] was told, which is a caller's bug.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "any bits of a mixed key will do")]
    pub(super) fn add(&mut self, key: u64, position: u32) -> usize {
        let mut index = key as usize & self.mask;
        loop {
            // SAFETY: there is always a slot, the mask is one below the number of slots that are
            // used, and the index has no bit beyond the mask.
            let slot = unsafe { self.slots.get_unchecked_mut(index) };
            // One branch that nearly always goes the same way, in place of one for new keys.
            let is_new = slot.count == 0;
            if u8::from(is_new) | u8::from(slot.key == key) != 0 {
                let first = if is_new { position } else { slot.first };
                *slot = Slot { key, count: slot.count.saturating_add(1), first };
                return index;
            }
            index = (index + 1) & self.mask;
        }
    }

    /// The slot that [`Self::add`] returned.
    #[inline]
    pub(super) fn slot(&self, index: usize) -> Slot {
        self.slots[index]
    }

    /// Frees the memory that one huge text left behind.
    pub(super) fn shrink(&mut self, slots: usize) {
        if self.slots.len() > slots {
            self.slots = Vec::new();
            self.mask = 0;
        }
    }
}
