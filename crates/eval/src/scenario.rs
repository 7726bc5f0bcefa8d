//! Retrieval labels: what a customer wants and which documents that takes.

use crate::error::EvalError;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;

/// Largest scenario file read.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// One customer scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scenario {
    /// Its name.
    pub id: String,
    /// What the customer wants, in full.
    pub query: String,
    /// Ids of the documents that an answer needs, at least one.
    pub required_documents: Vec<String>,
}

/// A scenario in the task files of tau2-bench. Other keys are ignored.
#[derive(Deserialize)]
struct Task {
    id: String,
    user_scenario: UserScenario,
    required_documents: Vec<String>,
}

#[derive(Deserialize)]
struct UserScenario {
    instructions: String,
}

/// Reads the scenarios of a tau2-bench `tasks.json`.
///
/// # Errors
/// [`EvalError`]: file, size and JSON errors; no scenarios; a scenario that requires nothing.
pub fn read_scenarios(path: &Utf8Path) -> Result<Vec<Scenario>, EvalError> {
    let io = |source| EvalError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(EvalError::TooLarge { path: path.to_owned(), limit: MAX_FILE_BYTES });
    }
    let tasks: Vec<Task> = serde_json::from_slice(&bytes).map_err(|source| EvalError::Json {
        path: path.to_owned(),
        line: source.line(),
        source,
    })?;
    if tasks.is_empty() {
        return Err(EvalError::NoScenarios { path: path.to_owned() });
    }
    tasks.into_iter().map(scenario).collect()
}

/// Checks that every document the scenarios require is among `document_ids`: otherwise they
/// belong to another collection and recall would be too low without a word.
///
/// # Errors
/// [`EvalError::UnknownDocument`] with the first one missing.
pub fn check_required<'a>(
    scenarios: &[Scenario],
    document_ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), EvalError> {
    let known: HashSet<&str> = document_ids.into_iter().collect();
    for scenario in scenarios {
        let missing = scenario.required_documents.iter().find(|id| !known.contains(id.as_str()));
        if let Some(document_id) = missing.cloned() {
            return Err(EvalError::UnknownDocument { id: scenario.id.clone(), document_id });
        }
    }
    Ok(())
}

fn scenario(task: Task) -> Result<Scenario, EvalError> {
    let Task { id, user_scenario, required_documents } = task;
    if required_documents.is_empty() {
        return Err(EvalError::NoRequiredDocuments { id });
    }
    Ok(Scenario { id, query: user_scenario.instructions, required_documents })
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;
    use catena_protocol::Document;
    use std::process::Command;

    fn read(json: &str) -> Result<Vec<Scenario>, EvalError> {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("tasks.json")).unwrap();
        std::fs::write(&path, json).unwrap();
        read_scenarios(&path)
    }

    #[test]
    fn scenarios_are_read_and_checked() {
        let good = r#"[{"id":"t1","user_scenario":{"persona":null,"instructions":"Pay."},
            "annotations":null,"required_documents":["b"]}]"#;
        let expected = Scenario {
            id: "t1".into(),
            query: "Pay.".into(),
            required_documents: vec!["b".into()],
        };
        let scenarios = read(good).unwrap();
        assert_eq!(scenarios, [expected]);
        assert!(check_required(&scenarios, ["a", "b"]).is_ok());
        let unknown = check_required(&scenarios, ["a"]);
        assert!(matches!(unknown, Err(EvalError::UnknownDocument { .. })));
        let none = good.replace("[\"b\"]", "[]");
        assert!(matches!(read(&none), Err(EvalError::NoRequiredDocuments { .. })));
        assert!(matches!(read("[]"), Err(EvalError::NoScenarios { .. })));
        assert!(matches!(read("[{}]"), Err(EvalError::Json { line: 1, .. })));
        let missing = read_scenarios(Utf8Path::new("none.json"));
        assert!(matches!(missing, Err(EvalError::Io { .. })));
    }

    #[test]
    fn the_banks_scenarios_are_97() {
        let models = std::env::var("CATENA_TEST_MODELS")
            .expect("CATENA_TEST_MODELS names no folder: run the tests with `make test`");
        let bank = Utf8PathBuf::from(models).join("bank-support");
        let packed = bank.join("documents.json.gz");
        let unpacked = Command::new("gzip").arg("-dc").arg(packed).output().unwrap();
        let documents: Vec<Document> = serde_json::from_slice(&unpacked.stdout)
            .expect("the bank's documents are missing: run the tests with `make test`");
        let scenarios = read_scenarios(&bank.join("tasks.json")).unwrap();
        assert_eq!(scenarios.len(), 97);
        let ids = documents.iter().map(|one| one.id.as_str());
        assert!(check_required(&scenarios, ids).is_ok());
    }
}
