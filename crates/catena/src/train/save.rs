//! What a finished run leaves: an adapter in PEFT's format, or a model folder.

use super::model::{BaseModel, Files};
use super::sentence::write_modules;
use super::settings::{TrainSettings, TrainStage};
use crate::merged::{ADAPTER_DIR, save_folder};
use crate::models::BoxError;
use crate::progress::say;
use camino::{Utf8Path, Utf8PathBuf};
use catena_data::Classes;
use catena_model::adapter::{PeftAdapter, PeftConfig, write_gguf_adapter};
use catena_model::encoder::{EncoderTask, EncoderWeights};
use catena_model::safetensors::write_f32;
use catena_model::training::{TrainModel, WeightSource};
use catena_model::{Checkpoint, ExportSource, ModelError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The adapter as a GGUF file, in its folder.
pub(super) const GGUF_FILE: &str = "adapter.gguf";
/// Folder of the model.
pub(super) const MODEL_DIR: &str = "model";
/// Shards of a decoder with another head than a language model's.
const SHARDS: [&str; 2] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
/// Files that belong to a tokenizer.
const TOKENIZER_FILES: [&str; 9] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "added_tokens.json",
];

/// Writes the result below `output` and returns its folder.
pub(super) fn save(
    settings: &TrainSettings,
    base: &BaseModel,
    model: &TrainModel,
    classes: &Classes,
    output: &Utf8Path,
) -> Result<Utf8PathBuf, BoxError> {
    if let Some(mut adapter) = model.adapter() {
        let task = match settings.stage {
            TrainStage::Pretrain | TrainStage::Sft | TrainStage::Preference | TrainStage::Kto => {
                "CAUSAL_LM"
            }
            TrainStage::Reward | TrainStage::Classify | TrainStage::Rerank => "SEQ_CLS",
            TrainStage::Tag => "TOKEN_CLS",
            TrainStage::Embed => "FEATURE_EXTRACTION",
        };
        let (task_type, name) = match &mut adapter.config {
            PeftConfig::Lora(config) => {
                (&mut config.task_type, &mut config.base_model_name_or_path)
            }
            PeftConfig::Ia3(config) => (&mut config.task_type, &mut config.base_model_name_or_path),
            PeftConfig::Prefix(config) => {
                (&mut config.task_type, &mut config.base_model_name_or_path)
            }
        };
        *task_type = Some(task.to_owned());
        *name = Some(settings.model.clone());
        let folder = output.join(ADAPTER_DIR);
        adapter.write(&folder)?;
        if let Files::Decoder(checkpoint) = &base.files {
            write_gguf(&folder.join(GGUF_FILE), &adapter, checkpoint)?;
        }
        return Ok(folder);
    }
    let folder = output.join(MODEL_DIR);
    match &base.files {
        Files::Decoder(checkpoint) => {
            save_decoder(settings, (base, checkpoint), model, classes, &folder)?;
        }
        Files::Encoder(weights) => {
            save_encoder(settings, (base, weights), model, classes, &folder)?;
        }
    }
    if settings.stage == TrainStage::Embed {
        write_modules(base, &folder)?;
    }
    Ok(folder)
}

/// Writes an adapter for llama.cpp too, if its format has a place for all of it.
fn write_gguf(
    path: &Utf8Path,
    adapter: &PeftAdapter,
    checkpoint: &Checkpoint,
) -> Result<(), BoxError> {
    match write_gguf_adapter(path, adapter, checkpoint.config()) {
        Err(error @ ModelError::AdapterNotGguf { .. }) => {
            say(&format!("  no `{GGUF_FILE}`: {error}"));
            Ok(())
        }
        written => Ok(written?),
    }
}

fn save_decoder(
    settings: &TrainSettings,
    (base, checkpoint): (&BaseModel, &Checkpoint),
    model: &TrainModel,
    classes: &Classes,
    folder: &Utf8Path,
) -> Result<(), BoxError> {
    let mut trunk = BTreeMap::new();
    let mut head = Vec::new();
    for (name, (shape, values)) in model.tensors() {
        if checkpoint.shape(&name).is_ok() {
            trunk.insert(name, values);
        } else {
            head.push((name, shape, values));
        }
    }
    let source = ExportSource::new(checkpoint).with_tensors(&trunk)?;
    save_folder(&source, folder)?;
    let writes = matches!(
        settings.stage,
        TrainStage::Pretrain | TrainStage::Sft | TrainStage::Preference | TrainStage::Kto
    );
    if !writes {
        name_padding(base, &folder.join("tokenizer_config.json"))?;
    }
    let task = match settings.stage {
        TrainStage::Reward | TrainStage::Classify | TrainStage::Rerank => "SequenceClassification",
        TrainStage::Tag => "TokenClassification",
        TrainStage::Pretrain
        | TrainStage::Sft
        | TrainStage::Preference
        | TrainStage::Kto
        | TrainStage::Embed => return Ok(()),
    };
    // transformers takes `model.safetensors` for the whole, so the head needs a second shard.
    let whole = folder.join("model.safetensors");
    let mut places = Map::new();
    let trunk_file = catena_model::safetensors::SafetensorsFile::open(&whole)?;
    places.extend(trunk_file.names().map(|name| (name.to_owned(), json!(SHARDS[0]))));
    places.extend(head.iter().map(|(name, _, _)| (name.clone(), json!(SHARDS[1]))));
    drop(trunk_file);
    let views = head.iter().map(|(name, shape, values)| (name.as_str(), &shape[..], &values[..]));
    write_f32(&folder.join(SHARDS[1]), views, &[("format", "pt")])?;
    std::fs::rename(&whole, folder.join(SHARDS[0]))?;
    let index = json!({"metadata": {}, "weight_map": places});
    std::fs::write(folder.join("model.safetensors.index.json"), index.to_string())?;
    describe_decoder(folder, base, task, classes)
}

fn save_encoder(
    settings: &TrainSettings,
    (base, weights): (&BaseModel, &EncoderWeights),
    model: &TrainModel,
    classes: &Classes,
    folder: &Utf8Path,
) -> Result<(), BoxError> {
    std::fs::create_dir_all(folder)?;
    let from = base.folder();
    let task = match settings.stage {
        TrainStage::Tag => EncoderTask::TokenClassification,
        TrainStage::Embed => EncoderTask::Hidden,
        TrainStage::Pretrain
        | TrainStage::Sft
        | TrainStage::Preference
        | TrainStage::Kto
        | TrainStage::Reward
        | TrainStage::Classify
        | TrainStage::Rerank => EncoderTask::SequenceClassification,
    };
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)> = BTreeMap::new();
    for (name, shape) in weights.tensors()? {
        if name.ends_with("position_ids") {
            continue;
        }
        let values = weights.weight(&name, &shape)?.to_f32();
        tensors.insert(weights.saved_name(&name, task), (shape, values));
    }
    for param in model.params() {
        let values = model.values()[param.range.clone()].to_vec();
        let name = weights.saved_name(&param.name, task);
        tensors.insert(name, (param.shape.clone(), values));
    }
    let views =
        tensors.iter().map(|(name, (shape, values))| (name.as_str(), &shape[..], &values[..]));
    write_f32(&folder.join("model.safetensors"), views, &[("format", "pt")])?;
    for file in TOKENIZER_FILES {
        if from.join(file).exists() {
            std::fs::copy(from.join(file), folder.join(file))?;
        }
    }
    let task = match task {
        EncoderTask::Hidden => None,
        EncoderTask::SequenceClassification => Some("SequenceClassification"),
        EncoderTask::TokenClassification => Some("TokenClassification"),
    };
    describe_encoder(folder, &from.join("config.json"), task, classes)
}

/// The configuration of an encoder whose values are f32 now; without a task its trunk is what counts.
fn describe_encoder(
    folder: &Utf8Path,
    from: &Utf8Path,
    task: Option<&str>,
    classes: &Classes,
) -> Result<(), BoxError> {
    let mut config = read_config(from)?;
    config.remove("torch_dtype");
    config.insert("dtype".to_owned(), json!("float32"));
    if let Some(task) = task {
        name_head(&mut config, task, classes);
    } else {
        let class = format!("{}Model", stem(&config));
        config.insert("architectures".to_owned(), json!([class]));
    }
    write_config(folder, &config)
}

/// transformers fills batches with a token that the tokenizer's files must name.
fn name_padding(base: &BaseModel, path: &Utf8Path) -> Result<(), BoxError> {
    const KEY: &str = "pad_token";
    if !path.exists() {
        return Ok(());
    }
    let text = pad_token(base).and_then(|id| base.tokenizer.token_text(id));
    let Some(text) = text else { return Ok(()) };
    let mut config = read_config(path)?;
    config.insert(KEY.to_owned(), json!(text));
    std::fs::write(path, serde_json::to_string_pretty(&config)? + "\n")?;
    Ok(())
}

/// The token of empty places: the model's own, else a special one. transformers reads a score at the
/// last token that is none of them, so it must not be one that texts begin or end with, if there is
/// another.
fn pad_token(base: &BaseModel) -> Option<u32> {
    let tokenizer = &base.tokenizer;
    let mut taken = base.turn_ends();
    let end = taken.first().copied();
    taken.extend(tokenizer.bos_token_id());
    let own = match &base.files {
        Files::Decoder(checkpoint) => checkpoint.config().pad_token_id,
        Files::Encoder(_) => None,
    };
    let ids = 0..u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX);
    let special = ids.filter(|&id| tokenizer.is_special(id));
    let known = own.into_iter().chain(tokenizer.pad_token_id());
    known.chain(special).find(|id| !taken.contains(id)).or(end)
}

/// Names the head's class and its labels in a decoder's `config.json`.
fn describe_decoder(
    folder: &Utf8Path,
    base: &BaseModel,
    task: &str,
    classes: &Classes,
) -> Result<(), BoxError> {
    let mut config = read_config(&folder.join("config.json"))?;
    name_head(&mut config, task, classes);
    // transformers looks for the last token that is no padding.
    config.insert("pad_token_id".to_owned(), json!(pad_token(base)));
    write_config(folder, &config)
}

/// The class of a head and what its outputs are called.
fn name_head(config: &mut Map<String, Value>, task: &str, classes: &Classes) {
    let class = format!("{}For{task}", stem(config));
    let labels = labels(classes);
    let by_id: Map<String, Value> =
        labels.iter().enumerate().map(|(id, name)| (id.to_string(), json!(name))).collect();
    let by_name: Map<String, Value> =
        labels.iter().enumerate().map(|(id, name)| (name.clone(), json!(id))).collect();
    config.insert("architectures".to_owned(), json!([class]));
    config.insert("id2label".to_owned(), Value::Object(by_id));
    config.insert("label2id".to_owned(), Value::Object(by_name));
    if *classes == Classes::Score {
        config.insert("problem_type".to_owned(), json!("regression"));
    }
}

fn read_config(path: &Utf8Path) -> Result<Map<String, Value>, BoxError> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn write_config(folder: &Utf8Path, config: &Map<String, Value>) -> Result<(), BoxError> {
    let text = serde_json::to_string_pretty(config)?;
    std::fs::write(folder.join("config.json"), text + "\n")?;
    Ok(())
}

/// What the family's classes begin with.
fn stem(config: &Map<String, Value>) -> String {
    let class = config.get("architectures").and_then(|names| names.get(0)?.as_str());
    let stem = class.and_then(|class| {
        ["ForCausalLM", "ForMaskedLM", "Model", "ForPreTraining"]
            .into_iter()
            .find_map(|end| class.strip_suffix(end))
            .or_else(|| class.split("For").next())
    });
    stem.map_or_else(
        || family_class(config.get("model_type").and_then(Value::as_str).unwrap_or_default()),
        str::to_owned,
    )
}

/// `Bert` of `bert`, where no class is named.
fn family_class(model_type: &str) -> String {
    match model_type {
        "bert" => "Bert".to_owned(),
        "roberta" => "Roberta".to_owned(),
        "xlm-roberta" => "XLMRoberta".to_owned(),
        "camembert" => "Camembert".to_owned(),
        "modernbert" => "ModernBert".to_owned(),
        other => other.to_owned(),
    }
}

/// The labels' names in order.
pub(super) fn labels(classes: &Classes) -> Vec<String> {
    match classes {
        Classes::Named(names) => names.clone(),
        Classes::Numbered(count) => (0..*count).map(|label| format!("LABEL_{label}")).collect(),
        Classes::Score => vec!["LABEL_0".to_owned()],
    }
}
