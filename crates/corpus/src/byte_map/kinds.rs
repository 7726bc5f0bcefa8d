//! What a piece of a text is made of.

/// What the bytes of a piece of text are, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    const LETTER: u8 = 1;
    const DIGIT: u8 = 2;
    const MARK: u8 = 4;
    const BEYOND: u8 = 8;

    /// What holds a letter of ASCII, a digit, another character of ASCII, one beyond it.
    #[inline]
    pub(super) fn new(letter: bool, digit: bool, mark: bool, beyond: bool) -> Self {
        let bit = |found: bool, bit: u8| if found { bit } else { 0 };
        Self(
            bit(letter, Self::LETTER)
                | bit(digit, Self::DIGIT)
                | bit(mark, Self::MARK)
                | bit(beyond, Self::BEYOND),
        )
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
