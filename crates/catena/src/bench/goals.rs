//! What inference set out to reach, shown beside what it does.

use super::cells::Goal;
use super::embed;

const LLAMA_CPP: &str = "llama.cpp";

/// Times llama.cpp on the same file, for the example's model.
const TIMES: [(&str, f64); 12] = [
    ("infer/prefill/512/q4_1", 10.0),
    ("infer/prefill/512/q8_0", 5.2),
    ("infer/prefill/512/bf16", 2.4),
    ("infer/prefill/512/q4_0", 3.0),
    ("infer/prefill/512/q4_k_m", 4.5),
    ("infer/prefill/512/q4_1-precise", 6.0),
    ("infer/prefill/4096/q4_1", 8.0),
    ("infer/decode/0/q4_1", 2.5),
    ("infer/decode/2000/q4_1", 3.2),
    ("infer/batch/8/q4_1", 7.0),
    ("infer/batch/16/q4_1", 7.5),
    ("infer/batch/32/q4_1", 7.5),
];

/// Seconds from the start of the process to the first token of a short prompt.
const START_S: f64 = 0.4;
/// Bytes beside the weights and the cache.
const BESIDE_BYTES: f64 = 60e6;
/// Times sentence-transformers.
const EMBED_TIMES: f64 = 5.0;
/// The least cosine to its vectors.
const COSINE: f64 = 0.999;

/// The goal of a cell of the example's model.
pub(crate) fn of_example(cell: &str) -> Option<Goal> {
    let [least, _] = embed::COSINES;
    match cell {
        "infer/start" => Some(Goal::Figure(START_S)),
        embed::CELL => Some(Goal::Times(EMBED_TIMES, "sentence-transformers")),
        _ if cell == least => Some(Goal::Figure(COSINE)),
        _ => {
            let times = TIMES.into_iter().find(|(name, _)| *name == cell);
            times.map(|(_, times)| Goal::Times(times, LLAMA_CPP))
        }
    }
}

/// The goal of a cell of another model: never slower, and batches of 16 faster by far.
pub(crate) fn of_other(cell: &str) -> Option<Goal> {
    let kind = cell.strip_prefix("infer/")?;
    let is_speed = ["prefill/", "decode/", "batch/"].iter().any(|speed| kind.starts_with(speed));
    let times = if kind.starts_with("batch/16/") { 2.5 } else { 1.0 };
    is_speed.then_some(Goal::Times(times, LLAMA_CPP))
}

/// The goal of the resident memory, in MiB.
pub(crate) fn of_resident(file_bytes: u64, cache_bytes: u64) -> Goal {
    let bytes = file_bytes as f64 + cache_bytes as f64 + BESIDE_BYTES;
    Goal::Figure(bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::infer::Task;

    #[test]
    fn goals_are_of_cells_that_are_measured() {
        let formats = ["q4_1", "q8_0", "bf16", "q4_0", "q4_k_m", "q4_1-precise"];
        let cells: Vec<String> = Task::all()
            .into_iter()
            .flat_map(|task| formats.map(|format| task.name(format)))
            .collect();
        for (name, _) in TIMES {
            assert!(cells.iter().any(|cell| cell == name), "{name}");
            assert!(of_example(name).is_some());
        }
        assert!(of_example(embed::CELL).is_some() && of_example(embed::COSINES[0]).is_some());
        assert!(of_example("infer/batch/64/q4_1").is_none());
    }

    #[test]
    fn other_models_have_goals_of_speed_only() {
        let times = |cell| match of_other(cell) {
            Some(Goal::Times(times, _)) => Some(times),
            Some(Goal::Figure(_)) | None => None,
        };
        assert_eq!(times("infer/batch/16/llama-1.1b-q4_0"), Some(2.5));
        assert_eq!(times("infer/decode/0/gemma-3-270m-q4_k_m"), Some(1.0));
        assert_eq!(times("infer/perplexity/gemma-3-270m-q4_k_m"), None);
        assert_eq!(times("infer/start"), None);
    }
}
