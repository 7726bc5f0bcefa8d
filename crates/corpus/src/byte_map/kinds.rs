//! What a piece of a text is made of.

/// What the bytes of a piece of text are, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    const LETTER: u8 = 1;
    const DIGIT: u8 = 2;
    const MARK: u8 = 4;
    const BEYOND: u8 = 8;

    /// What has such bytes: letters of ASCII, digits, other characters of ASCII, and others.
    #[inline]
    pub(super) fn of(bytes: [u64; 4]) -> Self {
        let bits = [Self::LETTER, Self::DIGIT, Self::MARK, Self::BEYOND];
        let found = bytes.iter().zip(bits).filter(|(bytes, _)| **bytes != 0);
        Self(found.fold(0, |kinds, (_, bit)| kinds | bit))
    }

    /// It holds a letter of ASCII.
    pub(crate) fn has_letter(self) -> bool {
        self.0 & Self::LETTER != 0
    }

    /// It holds a character beyond ASCII.
    pub(crate) fn has_beyond(self) -> bool {
        self.0 & Self::BEYOND != 0
    }

    /// It is letters and digits of ASCII and nothing else.
    pub(crate) fn is_alphanumeric(self) -> bool {
        self.0 & !(Self::LETTER | Self::DIGIT) == 0
    }
}
