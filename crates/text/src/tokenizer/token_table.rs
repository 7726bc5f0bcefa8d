//! The bytes and kind of every id, in two flat arrays.

use tokenizers::decoders::DecoderWrapper;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;

use super::byte_level;
use crate::error::TextError;
use crate::limits::MAX_VOCAB_SIZE;

/// How a token's text becomes the bytes it adds to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoding {
    /// Byte-level BPE: each character is one byte. Decoding is concatenation.
    ByteLevel,
    /// SentencePiece: `▁` is a space and `<0x0A>` a byte.
    Metaspace,
    /// WordPiece: a piece that does not begin with `##` begins a word.
    WordPiece,
    /// Anything else: the token's text.
    Plain,
}

/// Which spaces at the begin of a decoded text only mark the begin of its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leading {
    /// None.
    Kept,
    /// So many at most.
    Dropped(usize),
    /// Those of the first token.
    OfFirstToken,
}

/// Bytes and specialness by id; ids without a token are empty and not special.
#[derive(Clone, Debug)]
pub(super) struct TokenTable {
    pub(super) decoding: Decoding,
    pub(super) leading: Leading,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    special: Vec<bool>,
}

impl TokenTable {
    /// The table of `tokenizer`.
    pub(super) fn build(tokenizer: &tokenizers::Tokenizer) -> Result<Self, TextError> {
        let decoding = decoding_of(tokenizer.get_decoder());
        let vocab = tokenizer.get_vocab(true);
        let vocab_size = vocab.values().map(|&id| id as usize + 1).max().unwrap_or(0);
        if vocab_size == 0 {
            return Err(TextError::EmptyVocab);
        }
        if vocab_size > MAX_VOCAB_SIZE {
            return Err(TextError::VocabTooLarge { found: vocab_size, limit: MAX_VOCAB_SIZE });
        }
        let mut texts: Vec<&str> = vec![""; vocab_size];
        for (token, &id) in &vocab {
            texts[id as usize] = token;
        }
        let mut special = vec![false; vocab_size];
        let mut added = vec![false; vocab_size];
        for (id, token) in tokenizer.get_added_tokens_decoder() {
            special[id as usize] = token.special;
            added[id as usize] = true;
        }
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(vocab_size);
        for (id, text) in texts.iter().enumerate() {
            let plain = match decoding {
                Decoding::ByteLevel => false,
                // A token that is always whole may hold spaces, spelled as in all others.
                Decoding::Metaspace => special[id],
                Decoding::WordPiece | Decoding::Plain => added[id],
            };
            bytes.extend(bytes_of(text, if plain { Decoding::Plain } else { decoding }));
            ends.push(bytes.len());
        }
        let leading = leading_of(tokenizer.get_decoder());
        Ok(Self { decoding, leading, bytes, ends, special })
    }

    /// Ids from zero to the highest.
    pub(super) fn vocab_size(&self) -> usize {
        self.ends.len()
    }

    /// The bytes that `id` adds to the output; none for an unknown id.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else { return &[] };
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.bytes[start..end]
    }

    /// Whether decoding is putting the tokens' bytes together.
    pub(super) fn is_concatenation(&self) -> bool {
        matches!(self.decoding, Decoding::ByteLevel | Decoding::Metaspace)
    }

    /// Whether `id` is a control token.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.special.get(id as usize).copied().unwrap_or(false)
    }
}

fn decoding_of(decoder: Option<&DecoderWrapper>) -> Decoding {
    use DecoderWrapper as D;
    match decoder {
        Some(D::ByteLevel(_)) => Decoding::ByteLevel,
        Some(D::Metaspace(_) | D::ByteFallback(_)) => Decoding::Metaspace,
        Some(D::WordPiece(_)) => Decoding::WordPiece,
        Some(D::Sequence(sequence)) => sequence
            .get_decoders()
            .iter()
            .map(|inner| decoding_of(Some(inner)))
            .find(|&inner| inner != Decoding::Plain)
            .unwrap_or(Decoding::Plain),
        None | Some(D::BPE(_) | D::CTC(_) | D::Replace(_) | D::Fuse(_) | D::Strip(_)) => {
            Decoding::Plain
        }
    }
}

fn leading_of(decoder: Option<&DecoderWrapper>) -> Leading {
    use DecoderWrapper as D;
    match decoder {
        Some(D::Metaspace(spaces)) if spaces.prepend_scheme != PrependScheme::Never => {
            Leading::OfFirstToken
        }
        Some(D::Strip(strip)) if strip.content == ' ' && strip.start > 0 => {
            Leading::Dropped(strip.start)
        }
        Some(D::Sequence(sequence)) => sequence
            .get_decoders()
            .iter()
            .map(|inner| leading_of(Some(inner)))
            .find(|&inner| inner != Leading::Kept)
            .unwrap_or(Leading::Kept),
        _ => Leading::Kept,
    }
}

fn bytes_of(token: &str, decoding: Decoding) -> Vec<u8> {
    match decoding {
        Decoding::ByteLevel => byte_level::bytes_of(token),
        Decoding::Metaspace => match byte_fallback(token) {
            Some(byte) => vec![byte],
            None => token.replace('\u{2581}', " ").into_bytes(),
        },
        Decoding::WordPiece => match token.strip_prefix("##") {
            Some(rest) => rest.as_bytes().to_vec(),
            None => [b" ", token.as_bytes()].concat(),
        },
        Decoding::Plain => token.as_bytes().to_vec(),
    }
}

/// The byte of a token such as `<0x0A>`.
pub(super) fn byte_fallback(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if hex.len() == 2 { u8::from_str_radix(hex, 16).ok() } else { None }
}
