//! `catena tokenizer train`: a vocabulary learned from texts.

use crate::args::{TokenizerAction, TokenizerArgs, TokenizerTrainArgs};
use crate::explain::store_failure;
use crate::failure::{Exit, Failure};
use crate::machine::text_threads;
use crate::models::BoxError;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use camino::Utf8PathBuf;
use catena_data::{DataError, RowLimits, SampleOptions, data_files, read_samples};
use catena_protocol::{Cancel, TrainingSample};
use catena_store::write_atomic;
use catena_text::{BpeOptions, TextError, Tokenizer, train_bpe};
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A conversation in the ChatML form; what the assistant says is marked, so that it can be learned.
const CHATML: &str = include_str!("chatml.jinja");
/// The tokens of the form: what begins a turn and what ends it.
pub(crate) const CHATML_TOKENS: [&str; 2] = ["<|im_start|>", "<|im_end|>"];
/// The word for no token.
const NONE: &str = "none";
const GOAL: &str = "cannot learn a tokenizer";

/// Runs `catena tokenizer`.
pub(crate) fn run(
    args: &TokenizerArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    match &args.action {
        TokenizerAction::Train(args) => train(args, threads, cancel),
    }
}

fn train(args: &TokenizerTrainArgs, flag: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    if args.output.join("tokenizer.json").exists() {
        let cause = format!("`{}` holds a tokenizer, and models may depend on it", args.output);
        return Err(Failure::new(Exit::Usage, GOAL, cause).hint("choose another --output"));
    }
    let mut files = Vec::new();
    for path in &args.files {
        files.extend(data_files(path, &RowLimits::default()).map_err(unreadable)?);
    }
    let (read, progress) = (Mutex::new(Read::default()), for_stderr());
    let options = sample_options(args);
    let texts = files.iter().map_while(|file| read_file(file, &options, &read)).flatten();
    let threads = text_threads(flag);
    let trained = train_bpe(texts, &bpe_options(args), threads, progress.as_ref(), cancel);
    let mut read = lock(&read);
    if let Some(failure) = read.failure.take() {
        return Err(failure);
    }
    let tokenizer = trained.map_err(|error| {
        let hint = training_hint(&error);
        let stopped = matches!(error, TextError::TrainingCancelled);
        let exit = if stopped { Exit::Interrupted } else { Exit::Usage };
        let failure = Failure::new(exit, GOAL, error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    write(args, &tokenizer)?;
    let (found, asked) = (tokenizer.vocab_size(), args.vocab_size);
    say(&format!("  {found} tokens from {} texts with {} bytes", read.texts, read.bytes));
    if found < asked {
        say(&format!("  fewer than {asked}: no other pair stands {} times", args.min_frequency));
    }
    if read.dropped > 0 {
        say(&format!("  {} rows without a text are left out", read.dropped));
    }
    print_line(args.output.as_str());
    Ok(())
}

/// What is known of the texts once they are read.
#[derive(Default)]
struct Read {
    texts: usize,
    bytes: usize,
    dropped: usize,
    failure: Option<Failure>,
}

fn lock(read: &Mutex<Read>) -> MutexGuard<'_, Read> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The texts of a file; `None` after a failure, which ends the texts.
fn read_file(
    file: &Utf8PathBuf,
    options: &SampleOptions,
    read: &Mutex<Read>,
) -> Option<Vec<String>> {
    let mut read = lock(read);
    let texts = match read_samples(file, options) {
        Err(DataError::NoRows { .. }) => Ok(Vec::new()),
        Err(error) => Err(unreadable(error)),
        Ok(set) => {
            read.dropped += set.report.dropped.len();
            set.samples.into_iter().map(|sample| text_of(file, sample)).collect()
        }
    };
    let texts: Vec<String> = texts.map_err(|failure| read.failure = Some(failure)).ok()?;
    read.texts += texts.len();
    read.bytes += texts.iter().map(String::len).sum::<usize>();
    Some(texts)
}

fn text_of(file: &Utf8PathBuf, sample: TrainingSample) -> Result<String, Failure> {
    let kind = sample.kind();
    let TrainingSample::Text(sample) = sample else {
        let cause = format!("`{file}` holds samples of kind {kind}, not texts");
        return Err(Failure::new(Exit::Usage, GOAL, cause)
            .hint("name the column that holds the text with --column"));
    };
    Ok(sample.text)
}

/// What to try when texts make no vocabulary.
fn training_hint(error: &TextError) -> Option<&'static str> {
    if matches!(error, TextError::NoTrainingText) {
        Some("give files with texts: .txt, .jsonl or .parquet, the column by --column")
    } else if matches!(error, TextError::VocabTooSmall { .. }) {
        Some("raise --vocab-size, or name fewer special tokens")
    } else if matches!(error, TextError::TrainingTextTooLong { .. }) {
        Some("give a part of the texts: a vocabulary does not get better by more")
    } else {
        None
    }
}

fn unreadable(error: DataError) -> Failure {
    // Paths come from the command line here.
    let hint = if matches!(error, DataError::NotFound { .. }) {
        Some("check the path: files and folders may be named")
    } else {
        error.hint()
    };
    let failure = Failure::new(Exit::Environment, GOAL, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn sample_options(args: &TokenizerTrainArgs) -> SampleOptions {
    let column = args.column.iter().map(|column| ("text".to_owned(), column.clone()));
    SampleOptions {
        format: args.column.as_ref().map(|_| "text".to_owned()),
        columns: column.collect(),
        ..SampleOptions::default()
    }
}

fn bpe_options(args: &TokenizerTrainArgs) -> BpeOptions {
    let token = |token: &String| Some(token.clone()).filter(|token| token != NONE);
    let chat = CHATML_TOKENS.into_iter().filter(|_| args.chat).map(str::to_owned);
    BpeOptions {
        vocab_size: args.vocab_size,
        min_frequency: args.min_frequency,
        pre_tokenizer: args.pre_tokenizer.clone(),
        bos_token: token(&args.bos),
        eos_token: args.eos.clone(),
        pad_token: token(&args.pad),
        special_tokens: args.special.iter().cloned().chain(chat).collect(),
    }
}

/// Writes the folder; `tokenizer.json` last, so that an interrupted one is not taken for whole.
fn write(args: &TokenizerTrainArgs, tokenizer: &Tokenizer) -> Result<(), Failure> {
    let goal = format!("cannot write the tokenizer to `{}`", args.output);
    let fail = |error: BoxError| Failure::new(Exit::Environment, goal.clone(), error);
    std::fs::create_dir_all(&args.output).map_err(|error| fail(error.into()))?;
    let config = serde_json::to_string_pretty(&Value::Object(tokenizer.config_json()))
        .map_err(|error| fail(error.into()))?;
    let json = tokenizer.to_json().map_err(|error| fail(error.into()))?;
    let template = args.chat.then(|| ("chat_template.jinja", CHATML.to_owned()));
    let files = [("tokenizer_config.json", config + "\n"), ("tokenizer.json", json + "\n")];
    for (name, text) in template.into_iter().chain(files) {
        write_atomic(&args.output.join(name), text.as_bytes())
            .map_err(|error| store_failure(&goal, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHATML;
    use catena_protocol::{ChatMessage, Role};
    use catena_text::{ChatInput, ChatTemplate};

    #[test]
    fn the_template_is_chatml_and_marks_answers() {
        let template = ChatTemplate::new(CHATML, "", "").unwrap();
        assert!(template.marks_generation());
        let messages = [(Role::User, "Hi\n"), (Role::Assistant, "Yes")];
        let messages = messages.map(|(role, text)| ChatMessage::new(role, text));
        let input =
            ChatInput { messages: &messages, add_generation_prompt: true, ..ChatInput::default() };
        let text = template.render_chat(&input).unwrap();
        let expected = "<|im_start|>user\nHi\n<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n\
                        <|im_start|>assistant\n";
        assert_eq!(text, expected);
    }
}
