//! Keys that are one of a few words. An unknown word is refused when the file is read, with those
//! that there are.

use catena_model::adapter::refused_type;
use catena_model::training::{LayerSet, Recompute};
use catena_pipeline::config::Sources;
pub(crate) use catena_pipeline::config::{
    Auto, ByteSize, MicroStep, RecomputeChoice, RecomputeWord,
};
use serde::{Deserialize, Deserializer, Serialize};

/// Reads one path or name, or a list of them.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Sources::deserialize(from).map(|sources| sources.list().to_vec())
}

/// What a run learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrainStage {
    /// Texts, word for word, packed into full rows.
    Pretrain,
    /// Answers of conversations and completions.
    #[default]
    Sft,
    /// A score that is higher for chosen answers.
    Reward,
    /// Chosen answers before rejected ones.
    Preference,
    /// Liked answers before disliked ones.
    Kto,
    /// Labels of texts.
    Classify,
    /// Labels of words.
    Tag,
    /// Vectors of texts.
    Embed,
    /// Relevance of documents to queries.
    Rerank,
}

/// Which values are trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub(crate) enum TrainMethod {
    /// All of the model's.
    Full,
    /// Some layers of the model.
    Freeze,
    /// Low-rank pairs beside the model.
    #[default]
    Lora,
    /// Vectors that scale keys, values and the MLP's inner values.
    Ia3,
    /// Keys and values before every sequence.
    Prefix,
}

impl TryFrom<String> for TrainMethod {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Ok(match word.as_str() {
            "full" => Self::Full,
            "freeze" => Self::Freeze,
            "lora" => Self::Lora,
            "ia3" => Self::Ia3,
            "prefix" => Self::Prefix,
            _ => return Err(unknown_method(&word)),
        })
    }
}

/// What is said of a method that is not trained: what it is and the nearest that is, for a type of
/// PEFT in any spelling, or the keys that stand for it.
pub(super) fn unknown_method(word: &str) -> String {
    let peft_type = word.to_uppercase().replace(['-', ' '], "_");
    if let Some((what, nearest)) = refused_type(&peft_type) {
        let nearest = match nearest {
            "PREFIX_TUNING" => "prefix".to_owned(),
            other => other.to_lowercase(),
        };
        return format!("{what}; the nearest that is trained is `{nearest}`");
    }
    let keys = match peft_type.as_str() {
        "DORA" => "`lora` with `use_dora = true`",
        "RSLORA" => "`lora` with `use_rslora = true`",
        "PISSA" => "`lora` with `init_lora_weights = \"pissa\"`",
        "QLORA" => "`lora` of a quantized GGUF file",
        "PREFIX_TUNING" => "`prefix`",
        _ => {
            let known = "`full`, `freeze`, `lora`, `ia3`, `prefix`";
            return format!("unknown method `{word}`, expected one of {known}");
        }
    };
    format!("unknown method `{word}`, which is {keys} here")
}

/// Schedules, by their names in transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScheduleName {
    /// The same rate.
    #[serde(alias = "constant_with_warmup")]
    Constant,
    /// Down to zero in a line.
    Linear,
    /// Down in half a wave.
    Cosine,
    /// Waves that each begin at the peak.
    CosineWithRestarts,
    /// Half a wave, not to zero.
    CosineWithMinLr,
    /// By the root of the step.
    InverseSqrt,
    /// Down in a power of the rest.
    Polynomial,
    /// The same rate, then down.
    WarmupStableDecay,
}

/// Optimizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OptimizerName {
    /// Moments in f32.
    Adamw,
    /// Moments in 8 bits.
    #[serde(rename = "adamw_8bit")]
    Adamw8bit,
    /// Gradients as they are.
    Sgd,
    /// Signs of a moment.
    Lion,
    /// Rows and columns of the second moment.
    Adafactor,
    /// Orthogonal changes of matrices, `AdamW` for the rest.
    Muon,
}

/// How Muon's steps follow from a matrix's shape, by their names in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MuonAdjustName {
    /// Longer for matrices with more rows than columns.
    Original,
    /// As long as `AdamW`'s, whose rates then fit.
    MatchRmsAdamw,
}

/// Losses of pairs, by their names in TRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PreferenceLossName {
    /// DPO.
    Sigmoid,
    /// SLiC.
    Hinge,
    /// IPO.
    Ipo,
    /// DPO for labels that may be wrong.
    Robust,
    /// EXO.
    ExoPair,
    /// NCA.
    NcaPair,
    /// BCO.
    BcoPair,
    /// SPPO.
    SppoHard,
    /// APO, up and down.
    ApoZero,
    /// APO, both down.
    ApoDown,
    /// `DiscoPOP`.
    Discopop,
    /// `SimPO`: no reference, means over tokens.
    Simpo,
    /// CPO: no reference.
    Cpo,
    /// ORPO: odds, no reference.
    Orpo,
}

/// Something that is done, not done, or left to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false, or \"auto\"")]
pub(crate) enum Switch {
    /// As it is set.
    Set(bool),
    /// In words.
    Word(Auto),
}

impl Switch {
    /// What was set, if anything was.
    pub(crate) fn given(self) -> Option<bool> {
        match self {
            Self::Set(on) => Some(on),
            Self::Word(Auto::Auto) => None,
        }
    }
}

/// The layers that are computed again of a model of so many, if they were given.
///
/// # Errors
/// One of them is not in the model.
pub(crate) fn recompute_given(
    choice: &RecomputeChoice,
    layers: usize,
) -> Result<Option<Recompute>, String> {
    if let Some(named) = choice.named() {
        let most = layers.min(LayerSet::MAX_LAYERS);
        if let Some(beyond) = named.iter().map(|range| *range.end()).find(|last| *last >= most) {
            return Err(format!("`recompute` has layer {beyond}, counted from 0, of {most}"));
        }
        return Ok(LayerSet::new(named.into_iter().flatten()).map(Recompute::Chosen));
    }
    Ok(match choice {
        RecomputeChoice::Layers(layers) => Some(Recompute::Layers(*layers)),
        RecomputeChoice::Word(RecomputeWord::Off) => Some(Recompute::Off),
        RecomputeChoice::Word(RecomputeWord::All) => Some(Recompute::All),
        RecomputeChoice::Word(RecomputeWord::Auto)
        | RecomputeChoice::Listed(_)
        | RecomputeChoice::Ranges(_) => None,
    })
}

/// Losses of judged answers, by their names in TRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KtoLossName {
    /// Against what the model has drifted from its reference.
    Kto,
    /// Against zero.
    ApoZeroUnpaired,
}

/// Losses of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmbeddingLossName {
    /// The positive among the documents of a step.
    Ranking,
    /// Positives nearer than negatives.
    Triplet,
    /// Cosines in the order of scores.
    Cosent,
    /// Cosines that are scores.
    CosineSimilarity,
}

/// Losses of rerankers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RerankLossName {
    /// Each document by itself.
    Pointwise,
    /// Two documents of a query.
    Pairwise,
    /// All documents of a query.
    Listwise,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_are_named_must_be_there() {
        let given = |json: &str| recompute_given(&serde_json::from_str(json).unwrap(), 4);
        let chosen = |layers: &[usize]| -> Result<Option<Recompute>, String> {
            Ok(LayerSet::new(layers.iter().copied()).map(Recompute::Chosen))
        };
        assert_eq!(given("\"auto\""), Ok(None));
        assert_eq!(given("7"), Ok(Some(Recompute::Layers(7))));
        assert_eq!(given("[3, 0]"), chosen(&[0, 3]));
        assert_eq!(given("\"0-1,3\""), chosen(&[0, 1, 3]));
        for (json, beyond) in
            [("[0, 4]", "4"), ("\"2-9\"", "9"), ("\"1,99999999999\"", "99999999999")]
        {
            let error = given(json).unwrap_err();
            assert_eq!(error, format!("`recompute` has layer {beyond}, counted from 0, of 4"));
        }
    }
}
