//! Masks before the first request.
//!
//! A constraint's automaton is built while masks are computed: the first mask in a new state costs
//! several times the later ones. A few texts that the constraint allows are therefore walked when
//! it is compiled, beside the engine; every request then starts with what they taught.

use llguidance::Matcher;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use toktrie::{SimpleVob, TokTrie};

/// Masks that are computed; about 20 ms.
const MASKS: usize = 160;
/// Tokens of the longest text.
const TEXT_TOKENS: usize = 40;
/// What ends strings, members and lists. Without a bias towards it a text would never leave its
/// first string.
const CLOSERS: [&[u8]; 7] = [b"\"", b"\",", b"\":", b"}", b"]", b",", b":"];
const CLOSE_PERCENT: u32 = 30;

/// A matcher in the same state that has seen more of its constraint; nothing if the walk fails.
///
/// # Errors
/// If the constraint gives no first mask: then no text satisfies it, or it takes too much to find one.
pub(super) fn warm(matcher: &Matcher, trie: &TokTrie) -> Result<Option<Matcher>, String> {
    let mut warm = matcher.deep_clone();
    warm.compute_mask_or_eos().map_err(|error| error.to_string())?;
    Ok(walk(warm, trie))
}

fn walk(mut warm: Matcher, trie: &TokTrie) -> Option<Matcher> {
    let closers: Vec<u32> = CLOSERS.iter().filter_map(|bytes| trie.token_id(bytes)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut walked = 0;
    for _ in 0..MASKS {
        let allowed = warm.compute_mask_or_eos().ok()?;
        let token = pick(&allowed, &closers, &mut rng)?;
        warm.consume_token(token).ok()?;
        walked += 1;
        if warm.is_stopped() || walked == TEXT_TOKENS {
            warm.reset().ok()?;
            walked = 0;
        }
    }
    warm.reset().ok()?;
    Some(warm)
}

fn pick(allowed: &SimpleVob, closers: &[u32], rng: &mut ChaCha8Rng) -> Option<u32> {
    if rng.random_range(0..100) < CLOSE_PERCENT {
        let mut closing = closers.iter().filter(|&&token| allowed.is_allowed(token));
        if let Some(&token) = closing.next() {
            return Some(token);
        }
    }
    let count = allowed.num_set();
    let nth = (count > 0).then(|| rng.random_range(0..count))?;
    allowed.iter().nth(nth)
}
