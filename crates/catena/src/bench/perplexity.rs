//! Perplexity on a text, window by window, as llama.cpp's own tool computes it.

use super::files::MeasuredFile;
use crate::failure::{Exit, Failure};
use crate::likelihood::Likelihood;
use crate::models::BoxError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_protocol::{Cancel, Progress};
use serde_json::{Value, json};
use std::sync::Arc;

/// Tokens of a window; the second half is predicted, so that every prediction has a context.
const WINDOW: usize = 512;
/// Windows of the text that count.
const WINDOWS: usize = 16;

/// A text to predict.
pub(crate) struct Text {
    path: Utf8PathBuf,
    content: String,
}

impl Text {
    /// Reads the text.
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, Failure> {
        let mut content = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot read `{path}`"), error)
        })?;
        // The other tool takes the end of the last line off.
        if content.ends_with('\n') {
            content.pop();
        }
        Ok(Self { path: super::files::absolute(path), content })
    }

    /// `exp(-mean log p(token | window before it))` over the second halves of the windows.
    pub(crate) fn perplexity(
        &self,
        file: &MeasuredFile,
        pool: Arc<Pool>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<f64, Failure> {
        let failed = |error: BoxError| {
            let goal = format!("cannot compute the perplexity of `{}`", self.path);
            Failure::new(Exit::Environment, goal, error)
        };
        let ids = file.model.tokenizer().encode(&self.content, true, false);
        let ids = ids.map_err(|error| failed(error.into()))?;
        if ids.len() < WINDOW {
            let cause = format!("it has {} tokens, a window has {WINDOW}", ids.len());
            return Err(failed(cause.into()).hint("give a longer text"));
        }
        of_windows(&ids, file, pool, progress, cancel).map_err(failed)
    }

    /// The same for the peers.
    pub(crate) fn peers_task(&self, cell: &str) -> Value {
        json!({ "file": self.path, "window": WINDOW, "windows": WINDOWS, "cell": cell })
    }
}

/// The perplexity of the text's windows.
fn of_windows(
    ids: &[u32],
    file: &MeasuredFile,
    pool: Arc<Pool>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<f64, BoxError> {
    let tokenizer = file.model.tokenizer();
    let bos = tokenizer.bos_token_id().filter(|bos| ids.first() == Some(bos));
    let mut likelihood = Likelihood::load(&file.model, file.numerics, WINDOW, pool)?;
    let (mut sum, mut count) = (0.0, 0usize);
    let windows: Vec<&[u32]> = ids.chunks_exact(WINDOW).take(WINDOWS).collect();
    progress.begin("perplexity", Some(windows.len() as u64), "windows");
    for (done, window) in windows.iter().enumerate() {
        if cancel.is_cancelled() {
            break;
        }
        let mut tokens = window.to_vec();
        tokens[0] = bos.unwrap_or(tokens[0]);
        let first = WINDOW / 2;
        sum -= likelihood.log_prob(&tokens, first)?;
        count += WINDOW - first - 1;
        progress.update(done as u64 + 1);
    }
    progress.end();
    Ok((sum / count.max(1) as f64).exp())
}

/// The cell's name for weights of `format`.
pub(crate) fn cell(format: &str) -> String {
    format!("infer/perplexity/{format}")
}
