//! Bytes of a token.

use crate::error::CorpusError;

/// How a token is stored, least byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenWidth {
    /// Two bytes without sign.
    U16,
    /// Four bytes without sign; four with one for Megatron.
    U32,
}

impl TokenWidth {
    /// The smaller one that holds every token of a vocabulary of so many.
    pub const fn for_vocabulary(tokens: usize) -> Self {
        if tokens <= u16::MAX as usize + 1 { Self::U16 } else { Self::U32 }
    }

    /// Bytes of a token.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U32 => 4,
        }
    }

    /// The greatest token, where four bytes have no sign.
    pub const fn limit(self) -> u32 {
        match self {
            Self::U16 => u16::MAX as u32,
            Self::U32 => u32::MAX,
        }
    }

    /// Adds the bytes of `tokens` to `bytes`.
    pub(super) fn encode(
        self,
        tokens: &[u32],
        limit: u32,
        bytes: &mut Vec<u8>,
    ) -> Result<(), CorpusError> {
        if let Some(&token) = tokens.iter().find(|&&token| token > limit) {
            return Err(CorpusError::TokenTooLarge { token, limit });
        }
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "no token is above the limit")]
            Self::U16 => bytes.extend(tokens.iter().flat_map(|&one| (one as u16).to_le_bytes())),
            Self::U32 => bytes.extend(tokens.iter().flat_map(|one| one.to_le_bytes())),
        }
        Ok(())
    }

    /// Adds the tokens in `bytes` to `tokens`.
    pub(super) fn decode(self, bytes: &[u8], tokens: &mut Vec<u32>) {
        match self {
            Self::U16 => tokens.extend(
                bytes.chunks_exact(2).map(|two| u32::from(u16::from_le_bytes([two[0], two[1]]))),
            ),
            Self::U32 => tokens.extend(
                bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            ),
        }
    }
}
