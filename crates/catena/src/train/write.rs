//! What the model writes while it is trained, to be read by a person.

use super::model::BaseModel;
use super::settings::{TrainSettings, TrainStage};
use crate::failure::{Exit, Failure};
use crate::progress::say;
use catena_model::training::TrainModel;
use catena_protocol::{Cancel, Message, Role};
use catena_text::Tokenizer;
use catena_train::{EvalMetrics, Generation, Observer, TrainError, Trainable};
use std::time::Instant;

/// A prompt of the settings, as the model is asked it.
pub(crate) struct Asked {
    prompt: String,
    tokens: Vec<u32>,
}

/// Writes on from each prompt where the model is evaluated: the likeliest token at each place, up
/// to the end of a turn.
pub(super) struct Writer<'a> {
    pub(super) asked: &'a [Asked],
    pub(super) tokenizer: &'a Tokenizer,
    /// Tokens that end a turn.
    pub(super) ends: Vec<u32>,
    /// Most tokens of a text, and of a pass.
    pub(super) tokens: usize,
    pub(super) max_tokens: usize,
    pub(super) cancel: &'a Cancel,
}

/// The prompts as serving would ask them: in `prompt_template` where there is one, else as a
/// user's turn in the model's chat template, else as they are.
///
/// # Errors
/// The stage trains no model that writes; a prompt is empty or cannot be encoded.
pub(super) fn asked(settings: &TrainSettings, base: &BaseModel) -> Result<Vec<Asked>, Failure> {
    let goal = "cannot have the model write while it is trained";
    let writes = matches!(
        settings.stage,
        TrainStage::Pretrain | TrainStage::Sft | TrainStage::Preference | TrainStage::Kto
    );
    if !settings.samples.sample_prompts.is_empty() && !writes {
        let cause = "`sample_prompts` are for the stages pretrain, sft, preference and kto";
        return Err(Failure::new(Exit::Usage, goal, cause));
    }
    let encode = |prompt: &String| {
        let chat = base.template.as_ref().filter(|_| settings.stage != TrainStage::Pretrain);
        let tokens = match (&settings.prompt_template, chat) {
            (Some(template), _) => {
                base.tokenizer.encode(&template.replace("{prompt}", prompt), true, false)
            }
            (None, Some(chat)) => chat
                .render(&[Message::new(Role::User, prompt.as_str())], true)
                .and_then(|text| base.tokenizer.encode(&text, false, true)),
            (None, None) => base.tokenizer.encode(prompt, true, false),
        };
        let tokens = tokens.map_err(|error| Failure::new(Exit::Usage, goal, error))?;
        if tokens.is_empty() {
            let cause = format!("the prompt `{prompt}` has no tokens");
            return Err(Failure::new(Exit::Usage, goal, cause));
        }
        let (found, most) = (tokens.len(), settings.max_tokens);
        if found >= most {
            let cause = format!("the prompt `{prompt}` has {found} tokens, `max_tokens` is {most}");
            return Err(Failure::new(Exit::Usage, goal, cause).hint("raise `max_tokens`"));
        }
        Ok(Asked { prompt: prompt.clone(), tokens })
    };
    settings.samples.sample_prompts.iter().map(encode).collect()
}

impl Asked {
    /// Tokens of the longest pass that writes `tokens` more.
    pub(super) fn longest(asked: &[Self], tokens: usize) -> usize {
        asked.iter().map(|one| one.tokens.len() + tokens).max().unwrap_or(0)
    }

    /// Seconds to write all texts to their full length: each of their tokens is taken to cost what
    /// the one in the middle does.
    pub(super) fn seconds(
        asked: &[Self],
        tokens: usize,
        model: &mut TrainModel,
    ) -> Result<f64, TrainError> {
        let mut seconds = 0.0;
        for one in asked {
            let middle = (one.tokens.len() + tokens / 2).min(model.longest());
            let text: Vec<u32> = one.tokens.iter().cycle().take(middle).copied().collect();
            // The first pass of a length makes working memory grow.
            model.next_logits(&text)?;
            let start = Instant::now();
            model.next_logits(&text)?;
            seconds += start.elapsed().as_secs_f64() * tokens as f64;
        }
        Ok(seconds)
    }
}

impl Writer<'_> {
    /// Goes on from a prompt. A text that is stopped is not kept: the resumed run writes it whole.
    fn write(&self, model: &mut dyn Trainable, prompt: &[u32]) -> Result<String, TrainError> {
        let mut text = prompt.to_vec();
        let most = (prompt.len() + self.tokens).min(self.max_tokens);
        while text.len() < most {
            if self.cancel.is_cancelled() {
                return Err(TrainError::Cancelled);
            }
            let next = likeliest(model.next_logits(&text)?);
            if self.ends.contains(&next) {
                break;
            }
            text.push(next);
        }
        Ok(self.tokenizer.decode(&text[prompt.len()..], true))
    }
}

impl Observer for Writer<'_> {
    fn evaluated(
        &mut self,
        step: u64,
        _: Option<&EvalMetrics>,
        model: &mut dyn Trainable,
    ) -> Result<Vec<Generation>, TrainError> {
        let mut written = Vec::new();
        for one in self.asked {
            let text = self.write(model, &one.tokens)?;
            say(&format!("  step {step}: {} -> {}", one.prompt.trim(), text.trim()));
            written.push(Generation { step, prompt: one.prompt.clone(), text });
        }
        Ok(written)
    }
}

/// The first of the largest values.
fn likeliest(logits: &[f32]) -> u32 {
    let better = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
    u32::try_from((0..logits.len()).fold(0, better)).expect("token ids are u32")
}
