//! Compiles constraints, within limits of work.

use super::source::{CacheKey, Source, kind, source};
use super::state::{ConstraintState, first_line};
use super::warm_up::warm;
use crate::error::EngineError;
use crate::request::Constraint;
use crate::vocabulary::Vocabulary;
use llguidance::earley::SlicedBiasComputer;
use llguidance::{Matcher, ParserFactory};
use std::sync::{Arc, Mutex, PoisonError};
use toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};

/// Compiled constraints kept for requests with the same one.
const CACHE_ENTRIES: usize = 16;
/// Regex nodes a compilation may build; about 20 ms.
const COMPILE_FUEL: u64 = 1_000_000;
/// Symbols a compiled grammar may have.
const MAX_GRAMMAR_SIZE: usize = 200_000;
/// Stack of a compilation: rules that name rules recurse, [`super::MAX_CONSTRAINT_BYTES`] of them
/// some thousand levels deep. Only what is used takes memory.
const COMPILE_STACK_BYTES: usize = 128 << 20;

/// Sets of tokens that a mask takes as one where all of them may follow: those of JSON's strings, and
/// words and numbers for patterns that take nothing else.
fn slices() -> Vec<String> {
    let mut slices = SlicedBiasComputer::general_slices();
    slices.extend(["[a-z]{1,10}", "[a-zA-Z0-9]{1,10}"].map(str::to_owned));
    slices
}

/// Compiles constraints over one vocabulary.
pub(crate) struct GrammarCompiler {
    factory: ParserFactory,
    /// Most recently used last.
    cache: Mutex<Vec<(CacheKey, Matcher)>>,
}

impl GrammarCompiler {
    /// A compiler over `vocabulary`, or what its tokens lack.
    pub(crate) fn new(vocabulary: &Vocabulary) -> Result<Self, String> {
        let words: Vec<Vec<u8>> = (0..vocabulary.len())
            .map(|id| {
                let id = u32::try_from(id).expect("token ids are u32");
                let bytes = vocabulary.token_bytes(id);
                if vocabulary.is_special(id) {
                    [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat()
                } else {
                    bytes.to_vec()
                }
            })
            .collect();
        let vocab_size = u32::try_from(words.len()).expect("token ids are u32");
        let Some(&eos) = vocabulary.eos_tokens().first() else {
            return Err("it has no end-of-sequence token".to_owned());
        };
        if vocabulary.eos_tokens().iter().any(|&token| token >= vocab_size) {
            return Err("its end-of-sequence token is out of range".to_owned());
        }
        let trie = TokTrie::from(&TokRxInfo::new(vocab_size, eos), &words)
            .with_eos_tokens(vocabulary.eos_tokens());
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new(&env, InferenceCapabilities::default(), &slices())
            .map_err(|error| error.to_string())?;
        factory.quiet();
        let limits = factory.limits_mut();
        limits.initial_lexer_fuel = COMPILE_FUEL;
        limits.max_grammar_size = MAX_GRAMMAR_SIZE;
        limits.verbose_errors = false;
        Ok(Self { factory, cache: Mutex::new(Vec::new()) })
    }

    /// A fresh state of `constraint`.
    ///
    /// # Errors
    /// [`EngineError::ConstraintTooLarge`], [`EngineError::ConstraintInvalid`],
    /// [`EngineError::Thread`].
    pub(crate) fn compile(&self, constraint: &Constraint) -> Result<ConstraintState, EngineError> {
        let Source { key, grammar } = source(constraint)?;
        if let Some(matcher) = self.cached(&key) {
            return Ok(ConstraintState::new(matcher));
        }
        let trie = self.factory.tok_env().tok_trie();
        let compile = || {
            let matcher = Matcher::new(self.factory.create_parser(grammar));
            if let Some(reason) = matcher.get_error() {
                return Err(reason);
            }
            Ok(warm(&matcher, trie)?.unwrap_or(matcher))
        };
        let matcher = std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().stack_size(COMPILE_STACK_BYTES);
            let thread = builder.spawn_scoped(scope, compile).map_err(EngineError::Thread)?;
            Ok(thread.join().expect("the compiler catches its panics"))
        })?;
        let matcher = matcher.map_err(|reason: String| EngineError::ConstraintInvalid {
            kind: kind(constraint),
            reason: first_line(&reason),
        })?;
        self.remember(key, &matcher);
        Ok(ConstraintState::new(matcher))
    }

    /// Constraints that are kept.
    #[cfg(test)]
    pub(crate) fn num_cached(&self) -> usize {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn cached(&self, key: &CacheKey) -> Option<Matcher> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cache.iter().position(|(known, _)| known == key)?;
        let entry = cache.remove(found);
        let fresh = entry.1.deep_clone();
        cache.push(entry);
        Some(fresh)
    }

    fn remember(&self, key: CacheKey, matcher: &Matcher) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() == CACHE_ENTRIES {
            cache.remove(0);
        }
        cache.push((key, matcher.deep_clone()));
    }
}
