//! Rows of preference pairs and of judged completions.

use super::encoder::Encoder;
use super::options::Truncation;
use super::row::Row;
use super::sample::{EncodedPreference, EncodedSample, EncodedUnpaired};
use super::truncate::room;
use crate::error::DataError;
use catena_protocol::{Content, PreferenceSample, UnpairedSample};
use std::ops::Range;

impl Encoder<'_> {
    /// Two rows with the tokens of one prompt, of which the completions are trained.
    ///
    /// Rows that are too long lose the same part of the prompt: nothing of it with
    /// [`Truncation::End`], its begin with [`Truncation::Start`], its end with
    /// [`Truncation::Turns`].
    ///
    /// # Errors
    /// As [`Encoder::encode_chat`].
    pub fn encode_preference(
        &self,
        name: &str,
        sample: &PreferenceSample,
    ) -> Result<EncodedPreference, DataError> {
        let row = |completion: &Content, apart: bool| match (&sample.prompt, completion) {
            (Content::Text(prompt), Content::Text(completion)) => {
                self.text_row(name, prompt, completion, apart)
            }
            (prompt, completion) => {
                self.continued_row(name, prompt, completion, &sample.extras, apart)
            }
        };
        let (mut chosen, mut rejected) =
            (row(&sample.chosen, false)?, row(&sample.rejected, false)?);
        let prompt = |row: &Row| row.tokens[..row.prompt_tokens()].to_vec();
        // A token that spans the border to one answer only would give two prompts.
        if prompt(&chosen) != prompt(&rejected) {
            (chosen, rejected) = (row(&sample.chosen, true)?, row(&sample.rejected, true)?);
        }
        let prompt = chosen.prompt_tokens().min(rejected.prompt_tokens());
        let longest = chosen.tokens.len().max(rejected.tokens.len()) - prompt;
        let keep = |row: &Row| self.keep_pair(row, prompt, longest);
        Ok(EncodedPreference { chosen: keep(&chosen), rejected: keep(&rejected) })
    }

    /// A row of which the completion is trained, with its judgement.
    ///
    /// # Errors
    /// As [`Encoder::encode_chat`].
    pub fn encode_unpaired(
        &self,
        name: &str,
        sample: &UnpairedSample,
    ) -> Result<EncodedUnpaired, DataError> {
        let row = self.completion_row(name, &sample.prompt, &sample.completion, &sample.extras)?;
        let prompt = row.prompt_tokens();
        let row = self.keep_pair(&row, prompt, row.tokens.len() - prompt);
        Ok(EncodedUnpaired { row, label: sample.label })
    }

    /// The row within the limit, its prompt cut as a completion of `longest` tokens needs it.
    fn keep_pair(&self, row: &Row, prompt: usize, longest: usize) -> EncodedSample {
        let max = self.options.max_tokens;
        let len = row.tokens.len();
        if prompt + longest <= max {
            return row.keep(std::slice::from_ref(&(0..len)));
        }
        let completion = |tokens: usize| prompt..(prompt + tokens).min(len);
        let kept: [Range<usize>; 2] = match self.options.truncation {
            Truncation::End => [0..prompt.min(max), completion(max.saturating_sub(prompt))],
            Truncation::Start => {
                let of_prompt = max.saturating_sub(longest).min(prompt);
                [prompt - of_prompt..prompt, completion(max - of_prompt)]
            }
            Truncation::Turns => {
                let (of_prompt, of_completion) = room(prompt, longest, max);
                [0..of_prompt, completion(of_completion)]
            }
        };
        row.keep(&kept)
    }
}

/// For each judged completion its prompt with the completion of the row before it, the first one
/// with the last: the mismatched pairs by which KTO measures how far the model has moved.
///
/// # Source
/// LLaMA-Factory 0.9.5 and TRL 1.16, which both shift the completions of a batch by one.
pub fn mismatched(samples: &[UnpairedSample]) -> Vec<UnpairedSample> {
    let before = samples.iter().cycle().skip(samples.len().saturating_sub(1));
    let mismatch = |(sample, before): (&UnpairedSample, &UnpairedSample)| UnpairedSample {
        completion: before.completion.clone(),
        ..sample.clone()
    };
    samples.iter().zip(before).map(mismatch).collect()
}
