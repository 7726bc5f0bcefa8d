//! Prompt lookup.

use ahash::AHashMap;

/// Lengths of the word sequences that are looked up, the most telling first.
const SIZES: [usize; 2] = [4, 2];
/// What an empty place holds.
type Gram = [u32; SIZES[0]];

/// Where each short sequence of tokens occurred last.
///
/// # Source
/// Saxena 2023, "Prompt Lookup Decoding"; Yang et al. 2023, arXiv:2304.04487.
#[derive(Debug, Default)]
pub(crate) struct NgramIndex {
    /// By length, then by the tokens (padded), the position behind them.
    places: [AHashMap<Gram, usize>; SIZES.len()],
    /// Tokens that are indexed.
    num_tokens: usize,
}

impl NgramIndex {
    /// Appends up to `most` tokens to `guess` that followed the end of `tokens` when it occurred
    /// before. `tokens` must be those of the call before with others behind them.
    pub(crate) fn propose(&mut self, tokens: &[u32], most: usize, guess: &mut Vec<u32>) {
        self.extend(tokens);
        for (&size, places) in SIZES.iter().zip(&self.places) {
            let Some(end) = tokens.len().checked_sub(size) else { continue };
            if let Some(&place) = places.get(&gram(&tokens[end..])) {
                // What follows may reach into the end itself, and then repeats.
                let follows = &tokens[place..];
                while guess.len() < most {
                    let left = most - guess.len();
                    guess.extend_from_slice(&follows[..follows.len().min(left)]);
                }
                return;
            }
        }
    }

    /// Indexes what is new; the end itself stays out until something follows it.
    fn extend(&mut self, tokens: &[u32]) {
        for end in self.num_tokens.max(1)..tokens.len() {
            for (&size, places) in SIZES.iter().zip(&mut self.places) {
                if let Some(start) = end.checked_sub(size) {
                    places.insert(gram(&tokens[start..end]), end);
                }
            }
        }
        self.num_tokens = self.num_tokens.max(tokens.len());
    }
}

fn gram(tokens: &[u32]) -> Gram {
    let mut gram = [u32::MAX; SIZES[0]];
    gram[..tokens.len()].copy_from_slice(tokens);
    gram
}

#[cfg(test)]
mod tests {
    use super::NgramIndex;

    #[track_caller]
    fn check(tokens: &[u32], expected: &[u32]) {
        let mut guess = Vec::new();
        NgramIndex::default().propose(tokens, 5, &mut guess);
        assert_eq!(guess, expected, "after {tokens:?}");
        // Fed token by token it is the same.
        let mut index = NgramIndex::default();
        for len in 1..=tokens.len() {
            guess.clear();
            index.propose(&tokens[..len], 5, &mut guess);
        }
        assert_eq!(guess, expected, "after {tokens:?}, one by one");
    }

    #[test]
    fn what_followed_before_is_proposed() {
        check(&[], &[]);
        check(&[7], &[]);
        check(&[1, 2, 3, 4], &[]);
        check(&[1, 2, 3, 4, 5, 6, 7, 1, 2], &[3, 4, 5, 6, 7]);
        // The longer match wins over the later one.
        check(&[9, 1, 2, 3, 4, 8, 2, 3, 4, 7, 9, 1, 2, 3], &[4, 8, 2, 3, 4]);
        // A period goes on.
        check(&[5, 6, 5, 6, 5], &[6, 5, 6, 5, 6]);
        check(&[3, 3, 3], &[3, 3, 3, 3, 3]);
    }
}
