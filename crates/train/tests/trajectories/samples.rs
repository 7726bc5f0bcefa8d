//! The golden file.

use std::collections::BTreeMap;

use catena_train as train;
use serde::Deserialize;

const GOLDEN: &str = include_str!("../golden/trajectories.json");

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) samples: Samples,
    pub(crate) runs: BTreeMap<String, Curve>,
}

/// What a trainer reported of its steps.
#[derive(Deserialize)]
pub(crate) struct Curve {
    pub(crate) losses: Vec<f64>,
    pub(crate) grad_norms: Vec<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Samples {
    sft: Vec<Row>,
    blocks: Vec<Row>,
    pairs: Vec<Pair>,
    short_pairs: Vec<Pair>,
    liked: Vec<Liked>,
    reward: Vec<Rewarded>,
    texts: Vec<Labelled>,
    tags: Vec<Row>,
    triples: Vec<Triple>,
    relevant: Vec<Relevant>,
    scored: Vec<Scored>,
    lists: Vec<Listed>,
}

#[derive(Clone, Deserialize)]
struct Row {
    tokens: Vec<u32>,
    labels: Vec<Option<u32>>,
}

#[derive(Deserialize)]
struct Pair {
    chosen: Row,
    rejected: Row,
}

#[derive(Deserialize)]
struct Liked {
    row: Row,
    desirable: bool,
}

#[derive(Deserialize)]
struct Rewarded {
    chosen: Vec<u32>,
    rejected: Vec<u32>,
    margin: f64,
}

#[derive(Deserialize)]
struct Labelled {
    tokens: Vec<u32>,
    label: u32,
}

#[derive(Clone, Deserialize)]
struct Text {
    tokens: Vec<u32>,
    token_types: Vec<u32>,
}

#[derive(Deserialize)]
struct Triple {
    anchor: Text,
    positive: Text,
    negative: Text,
}

#[derive(Deserialize)]
struct Relevant {
    row: Text,
    relevance: f32,
}

#[derive(Deserialize)]
struct Scored {
    a: Text,
    b: Text,
    score: f32,
}

#[derive(Deserialize)]
struct Listed {
    rows: Vec<Text>,
    relevance: Vec<f32>,
}

impl Golden {
    pub(crate) fn read() -> Self {
        serde_json::from_str(GOLDEN).unwrap()
    }
}

impl Row {
    fn sample(&self) -> train::Sample {
        train::Sample {
            tokens: self.tokens.clone(),
            labels: self.labels.clone(),
            ..train::Sample::default()
        }
    }
}

impl Text {
    fn row(&self) -> train::TextRow {
        train::TextRow { tokens: self.tokens.clone(), token_types: self.token_types.clone() }
    }
}

fn plain(tokens: &[u32]) -> train::TextRow {
    train::TextRow { tokens: tokens.to_vec(), token_types: Vec::new() }
}

impl Samples {
    pub(crate) fn sft(&self) -> Vec<train::Sample> {
        self.sft.iter().map(Row::sample).collect()
    }

    pub(crate) fn blocks(&self) -> Vec<train::Sample> {
        self.blocks.iter().map(Row::sample).collect()
    }

    pub(crate) fn tags(&self) -> Vec<train::Sample> {
        self.tags.iter().map(Row::sample).collect()
    }

    pub(crate) fn pairs(&self) -> Vec<train::PreferenceSample> {
        pairs(&self.pairs)
    }

    pub(crate) fn short_pairs(&self) -> Vec<train::PreferenceSample> {
        pairs(&self.short_pairs)
    }

    pub(crate) fn liked(&self) -> Vec<train::KtoSample> {
        let sample = |liked: &Liked| train::KtoSample {
            row: liked.row.sample(),
            desirable: liked.desirable,
        };
        self.liked.iter().map(sample).collect()
    }

    pub(crate) fn reward(&self) -> Vec<train::RewardSample> {
        let sample = |pair: &Rewarded| train::RewardSample {
            chosen: plain(&pair.chosen),
            rejected: plain(&pair.rejected),
            margin: pair.margin,
        };
        self.reward.iter().map(sample).collect()
    }

    pub(crate) fn texts(&self) -> Vec<train::ClassifySample> {
        let sample = |text: &Labelled| train::ClassifySample {
            row: plain(&text.tokens),
            target: train::Target::Label(text.label),
        };
        self.texts.iter().map(sample).collect()
    }

    pub(crate) fn triples(&self) -> Vec<train::EmbedSample> {
        let sample = |triple: &Triple| train::EmbedSample {
            anchor: triple.anchor.row(),
            positive: triple.positive.row(),
            negatives: vec![triple.negative.row()],
            score: None,
        };
        self.triples.iter().map(sample).collect()
    }

    pub(crate) fn relevant(&self) -> Vec<train::RerankSample> {
        let sample = |relevant: &Relevant| train::RerankSample {
            rows: vec![relevant.row.row()],
            relevance: vec![relevant.relevance],
        };
        self.relevant.iter().map(sample).collect()
    }

    pub(crate) fn scored(&self) -> Vec<train::EmbedSample> {
        let sample = |pair: &Scored| train::EmbedSample {
            anchor: pair.a.row(),
            positive: pair.b.row(),
            negatives: Vec::new(),
            score: Some(pair.score),
        };
        self.scored.iter().map(sample).collect()
    }

    pub(crate) fn lists(&self) -> Vec<train::RerankSample> {
        let sample = |list: &Listed| train::RerankSample {
            rows: list.rows.iter().map(Text::row).collect(),
            relevance: list.relevance.clone(),
        };
        self.lists.iter().map(sample).collect()
    }
}

fn pairs(pairs: &[Pair]) -> Vec<train::PreferenceSample> {
    let sample = |pair: &Pair| train::PreferenceSample {
        chosen: pair.chosen.sample(),
        rejected: pair.rejected.sample(),
    };
    pairs.iter().map(sample).collect()
}
