//! Stage `retrieval`: recall and reciprocal rank of every search method on the scenarios.

use super::{Inputs, digest_setting};
use crate::models::BoxError;
use catena_eval::{read_scenarios, retrieval_metrics};
use catena_knowledge::Index;
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_protocol::RetrievalReport;
use std::sync::Arc;

/// Documents looked at per scenario: the deepest recall reported.
const DEPTH: usize = 20;

/// The stage.
pub(crate) struct Retrieval(pub(crate) Arc<Inputs>);

impl Stage for Retrieval {
    fn name(&self) -> &'static str {
        "retrieval"
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [&'static str] {
        &["index"]
    }

    fn settings(&self) -> Settings {
        let digest = self.0.scenarios.as_ref().map_or("none", |input| input.digest.as_str());
        Settings::from([
            digest_setting("scenarios", digest),
            digest_setting("embedder", &self.0.embedder.digest),
        ])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let Some(input) = &self.0.scenarios else {
            return Ok(super::summary(serde_json::to_value(RetrievalReport::default())?));
        };
        let scenarios = read_scenarios(&input.path)?;
        let index = Index::open(context.input("index"))?;
        let embedder = self.0.embedder()?;
        let progress = context.progress();
        progress.begin("searching", Some(scenarios.len() as u64), "queries");
        let mut rankings: [Vec<Vec<String>>; 3] = Default::default();
        for (done, scenario) in scenarios.iter().enumerate() {
            if context.cancel().is_cancelled() {
                return Err("interrupted".into());
            }
            let found = index.search_documents_by_all(&scenario.query, DEPTH, embedder.as_ref())?;
            for (ranking, (_, hits)) in rankings.iter_mut().zip(found) {
                ranking.push(hits.into_iter().map(|hit| hit.document_id).collect());
            }
            progress.update(done as u64 + 1);
        }
        progress.end();
        let [keyword, dense, hybrid] =
            rankings.map(|ranking| retrieval_metrics(&scenarios, &ranking));
        let report = RetrievalReport { keyword, dense, hybrid };
        let mut summary = super::summary(serde_json::to_value(report)?);
        summary.insert("scenarios".to_owned(), scenarios.len().into());
        Ok(summary)
    }
}
