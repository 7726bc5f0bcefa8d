//! A model of a few thousand values that the commands make, and runs that learn from it in a second.

use crate::support::{Done, run};
use camino::{Utf8Path, Utf8PathBuf};
use catena_model::PeftAdapter;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Largest change of a value by a step whose rate is next to nothing.
const STILL: f32 = 1e-6;

/// Animals and where they live: what the runs learn.
pub(crate) const ROWS: [(&str, &str); 4] =
    [("cat", "house"), ("dog", "garden"), ("fox", "wood"), ("hen", "field")];

/// A folder with a base in `base/model` and rows for language models.
pub(crate) struct Tiny(tempfile::TempDir);

pub(crate) fn ok(done: Done) -> Done {
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    done
}

impl Tiny {
    /// Rows, a tokenizer and a model that has learnt nothing.
    pub(crate) fn new() -> Self {
        let tiny = Self(tempfile::tempdir().unwrap());
        let text = |(animal, place): &(&str, &str)| {
            format!("The {animal} lives in the {place}. Where is it? The {animal} is here.\n")
        };
        let text = ROWS.iter().map(text).collect::<String>().repeat(4);
        std::fs::write(tiny.path("text.md"), text).unwrap();
        let (from, to) = (tiny.path("text.md"), tiny.path("tokenizer"));
        ok(run(&[
            "tokenizer",
            "train",
            from.as_str(),
            "--vocab-size",
            "288",
            "--output",
            to.as_str(),
        ]));
        let prompt = |animal: &str| format!("The {animal} lives in the");
        let other = |at: usize| format!(" {}.", ROWS[(at + 1) % ROWS.len()].1);
        let each = |row: &dyn Fn(usize, String, String) -> Value| -> Vec<Value> {
            let rows = ROWS.iter().enumerate();
            rows.map(|(at, (animal, place))| row(at, prompt(animal), format!(" {place}.")))
                .collect()
        };
        tiny.write_rows(
            "sft",
            &each(&|_, prompt, good| json!({"prompt": prompt, "completion": good})),
        );
        tiny.write_rows(
            "pairs",
            &each(&|at, prompt, good| json!({"prompt": prompt, "chosen": good, "rejected": other(at)})),
        );
        tiny.write_rows(
            "judged",
            &each(&|at, prompt, good| {
                let completion = if at % 2 == 0 { good } else { other(at) };
                json!({"prompt": prompt, "completion": completion, "label": at % 2 == 0})
            }),
        );
        let keys = "stage = \"pretrain\"\nmethod = \"full\"\ndata = [\"text.md\"]\nmax_steps = 1\n\
                    [train.new_model]\ntokenizer = \"tokenizer\"\nhidden_size = 64\n\
                    num_hidden_layers = 2\nnum_attention_heads = 2\ninitializer_range = 0.1\n";
        tiny.train_file("base", &tiny.write("base", "", keys));
        tiny
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    /// Writes NAME.jsonl.
    pub(crate) fn write_rows(&self, name: &str, rows: &[Value]) {
        let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
        std::fs::write(self.path(&format!("{name}.jsonl")), lines.join("\n")).unwrap();
    }

    /// Writes NAME.toml of a run from `model` whose output is the folder NAME.
    pub(crate) fn write(&self, name: &str, model: &str, keys: &str) -> String {
        let text = format!(
            "[train]\nmodel = {model:?}\noutput = {name:?}\nmax_tokens = 48\n\
             micro_step_tokens = 192\nbatch_size = 4\nignore_lint = true\n\
             divergence_factor = 0.0\n{keys}\n"
        );
        let file = self.path(&format!("{name}.toml"));
        std::fs::write(&file, text).unwrap();
        file.into_string()
    }

    /// A run from the base.
    pub(crate) fn train(&self, name: &str, keys: &str) {
        self.train_from(name, "base/model", keys);
    }

    pub(crate) fn train_from(&self, name: &str, model: &str, keys: &str) {
        self.train_file(name, &self.write(name, model, keys));
    }

    fn train_file(&self, name: &str, file: &str) {
        let done = ok(run(&["train", "run", file]));
        let result = done.stdout.trim();
        assert!(Utf8Path::new(result).starts_with(self.path(name)), "{result}");
    }

    /// The lines of a run's file of figures.
    pub(crate) fn figures(&self, run: &str, file: &str) -> Vec<Value> {
        let path = self.path(run).join("run").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The losses of a run's steps.
    pub(crate) fn losses(&self, run: &str) -> Vec<f64> {
        let steps = self.figures(run, "metrics.jsonl");
        steps.iter().map(|step| step["loss"].as_f64().unwrap()).collect()
    }

    /// The loss of a run's last evaluation.
    pub(crate) fn last_evaluation(&self, run: &str) -> f64 {
        let figures = self.figures(run, "evaluations.jsonl");
        figures.last().unwrap()["loss"].as_f64().unwrap()
    }

    /// The adapter that a run left.
    pub(crate) fn adapter(&self, run: &str) -> PeftAdapter {
        PeftAdapter::read(&self.path(run).join("adapter")).unwrap()
    }
}

/// The same tensors with nearly the same values.
pub(crate) fn assert_same(name: &str, found: &PeftAdapter, expected: &PeftAdapter) {
    let shapes = |adapter: &PeftAdapter| -> BTreeMap<String, Vec<usize>> {
        let tensors = adapter.tensors.iter();
        tensors.map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect()
    };
    assert_eq!(shapes(found), shapes(expected), "{name}");
    for (key, tensor) in &found.tensors {
        let mut pairs = tensor.data.iter().zip(&expected.tensors[key].data);
        assert!(pairs.all(|(a, b)| (a - b).abs() < STILL), "{name}: {key}");
    }
}
