//! Every stage of `catena train run` to its end, and what it leaves read back.

use crate::support::run;
use crate::tiny::{Tiny, ok};
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_model::encoder::{EncoderInput, SentenceConfig};
use catena_model::safetensors::SafetensorsFile;
use catena_model::{
    LoadOptions, PeftConfig, SequenceClassifier, TextEmbedder, TokenClassifier, open_tokenizer,
};
use catena_text::Tokenizer;
use serde_json::{Value, json};
use std::sync::Arc;

/// How far losses of the loops' f32 and of the loaders' bf16 products are apart.
const CLOSE: f64 = 0.05;
const LORA: &str = "method = \"lora\"\nlora_rank = 4\n";
const FULL: &str = "method = \"full\"\n";
/// Texts and what they are about.
const TEXTS: [(&str, &str); 6] = [
    ("How do I block a stolen debit card?", "card"),
    ("My card was stolen on the train.", "card"),
    ("Please send me a new card.", "card"),
    ("How long does a transfer take?", "transfer"),
    ("The transfer did not arrive.", "transfer"),
    ("I want to stop a transfer to my landlord.", "transfer"),
];

fn encoder(name: &str) -> String {
    format!("{}/../model/tests/golden/encoders/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Keys of a run that learns and is measured on the same rows.
fn learn(stage: &str, rows: &str, epochs: u32) -> String {
    format!(
        "stage = \"{stage}\"\ndata = [\"{rows}.jsonl\"]\neval_data = [\"{rows}.jsonl\"]\n\
         learning_rate = 5e-3\nepochs = {epochs}\n"
    )
}

fn learnt(tiny: &Tiny, name: &str) {
    let losses = tiny.losses(name);
    let last = tiny.last_evaluation(name);
    assert!(last < 0.8 * losses[0], "{name}: {} at first, {last} at last", losses[0]);
}

fn read_json(path: &Utf8Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(1))
}

fn opened(model: &Utf8Path) -> (SequenceClassifier, Tokenizer) {
    let classifier = SequenceClassifier::load_with(model, pool(), LoadOptions::default());
    (classifier.unwrap(), open_tokenizer(model).unwrap())
}

/// `-ln` of the softmax of `scores` at `at`.
fn nll(scores: &[f32], at: usize) -> f64 {
    let sum: f64 = scores.iter().map(|&score| f64::from(score).exp()).sum();
    sum.ln() - f64::from(scores[at])
}

#[test]
fn preferences_and_judgements_are_learnt_by_pairs() {
    let tiny = Tiny::new();
    for (stage, rows) in [("preference", "pairs"), ("kto", "judged")] {
        tiny.train(stage, &format!("{LORA}{}", learn(stage, rows, 20)));
        learnt(&tiny, stage);
        let adapter = tiny.adapter(stage);
        let PeftConfig::Lora(config) = &adapter.config else { panic!("{stage}: pairs") };
        assert_eq!(config.task_type.as_deref(), Some("CAUSAL_LM"), "{stage}");
        assert!(adapter.tensors.values().any(|tensor| tensor.data.iter().any(|&x| x != 0.0)));
    }
}

/// A decoder's score stands beside its trunk, under the names that transformers looks for.
#[test]
fn a_reward_model_is_whole_or_beside_its_base() {
    let tiny = Tiny::new();
    tiny.train("whole", &format!("{FULL}{}", learn("reward", "pairs", 10)));
    learnt(&tiny, "whole");
    let model = tiny.path("whole/model");
    let config = read_json(&model.join("config.json"));
    assert_eq!(config["architectures"], json!(["LlamaForSequenceClassification"]));
    assert_eq!(config["id2label"].as_object().unwrap().len(), 1);
    assert!(config["pad_token_id"].is_u64(), "{config}");
    let tokenizer = read_json(&model.join("tokenizer_config.json"));
    assert!(tokenizer["pad_token"].is_string(), "{tokenizer}");
    let index = read_json(&model.join("model.safetensors.index.json"));
    for name in ["score.weight", "model.embed_tokens.weight"] {
        let shard = index["weight_map"][name].as_str().unwrap();
        let file = SafetensorsFile::open(&model.join(shard)).unwrap();
        assert!(file.tensor(name).is_ok(), "{name}");
    }

    tiny.train("beside", &format!("{LORA}{}", learn("reward", "pairs", 10)));
    learnt(&tiny, "beside");
    let adapter = tiny.adapter("beside");
    let PeftConfig::Lora(config) = &adapter.config else { panic!("pairs") };
    assert_eq!(config.task_type.as_deref(), Some("SEQ_CLS"));
    assert_eq!(config.modules_to_save.as_deref(), Some(&["score".to_owned()][..]));
    assert_eq!(adapter.tensors["base_model.model.score.weight"].shape, [1, 64]);
}

/// What `catena train predict` says of a run.
fn predicted(tiny: &Tiny, name: &str, rows: &str) -> Value {
    let (file, rows) = (tiny.path(&format!("{name}.toml")), tiny.path(&format!("{rows}.jsonl")));
    let done = ok(run(&["train", "predict", file.as_str(), "--data", rows.as_str()]));
    serde_json::from_str(&done.stdout).unwrap()
}

fn assert_predicted(tiny: &Tiny, name: &str, rows: &str) {
    let predicted = predicted(tiny, name, rows);
    assert_eq!(predicted["accuracy"], 1.0, "{name}: {predicted}");
    let loss = predicted["loss"].as_f64().unwrap();
    assert!((loss - tiny.last_evaluation(name)).abs() < 1e-4, "{name}: {predicted}");
}

#[test]
fn texts_are_classified_as_they_were_learnt() {
    let tiny = Tiny::new();
    let row = |(text, label): &(&str, &str)| json!({"text": text, "label": label});
    tiny.write_rows("texts", &TEXTS.iter().map(row).collect::<Vec<_>>());
    for (name, method) in [("beside", LORA), ("whole", FULL)] {
        tiny.train(name, &format!("{method}{}", learn("classify", "texts", 40)));
        learnt(&tiny, name);
        assert_predicted(&tiny, name, "texts");
    }
    for name in ["bert", "roberta", "modernbert", "bert_sequence"] {
        tiny.train_from(name, &encoder(name), &format!("{FULL}{}", learn("classify", "texts", 40)));
        assert_predicted(&tiny, name, "texts");
        let (model, tokenizer) = opened(&tiny.path(name).join("model"));
        assert_eq!(model.labels(), ["card", "transfer"], "{name}");
        let loss = |(text, label): &(&str, &str)| {
            let typed = tokenizer.encode_typed(text, None, Some(48)).unwrap();
            let input = EncoderInput { tokens: &typed.ids, token_types: &typed.types };
            nll(&model.logits(&[input]).unwrap()[0], usize::from(*label == "transfer"))
        };
        let loss = TEXTS.iter().map(loss).sum::<f64>() / TEXTS.len() as f64;
        let expected = tiny.last_evaluation(name);
        assert!((loss - expected).abs() < CLOSE, "{name}: {loss} of the files, {expected}");
    }
}

#[test]
fn words_are_labelled_as_they_were_learnt() {
    let tiny = Tiny::new();
    let rows: Vec<(Vec<&str>, Vec<&str>)> = TEXTS
        .iter()
        .map(|(text, _)| {
            let words: Vec<&str> = text.split(' ').collect();
            let label = |word: &&str| if word.len() > 4 { "LONG" } else { "SHORT" };
            let labels = words.iter().map(label).collect();
            (words, labels)
        })
        .collect();
    let row = |(words, labels): &(Vec<&str>, Vec<&str>)| json!({"tokens": words, "labels": labels});
    tiny.write_rows("words", &rows.iter().map(row).collect::<Vec<_>>());
    tiny.train("decoder", &format!("{LORA}{}", learn("tag", "words", 10)));
    learnt(&tiny, "decoder");
    for name in ["bert", "roberta", "modernbert"] {
        tiny.train_from(name, &encoder(name), &format!("{FULL}{}", learn("tag", "words", 60)));
        learnt(&tiny, name);
        let said = predicted(&tiny, name, "words")["accuracy"].as_f64().unwrap();
        assert!(said > 0.9, "{name}: {said}");
        let folder = tiny.path(name).join("model");
        let model = TokenClassifier::load_with(&folder, pool(), LoadOptions::default()).unwrap();
        assert_eq!(model.labels(), ["LONG", "SHORT"], "{name}");
        let tokenizer = open_tokenizer(&folder).unwrap();
        let mut losses = Vec::new();
        for (words, labels) in &rows {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let encoded = tokenizer.encode_words(&words).unwrap();
            let scores = model.logits(&[EncoderInput::single(&encoded.ids)]).unwrap();
            for (at, scores) in scores[0].chunks_exact(2).enumerate() {
                let word = encoded.words[at];
                if let Some(word) = word.filter(|_| at == 0 || encoded.words[at - 1] != word) {
                    losses.push(nll(scores, usize::from(labels[word as usize] == "SHORT")));
                }
            }
        }
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        let expected = tiny.last_evaluation(name);
        assert!((loss - expected).abs() < CLOSE, "{name}: {loss} of the files, {expected}");
    }
}

/// Questions and the texts that answer them.
const ANSWERS: [(&str, &str); 4] = [
    ("How do I block a card?", "Block it in the app."),
    ("How long does a transfer take?", "It takes a day."),
    ("Where is my statement?", "Statements are in the archive."),
    ("Can I pay abroad?", "The card works in all countries."),
];

/// Vectors are pooled as the model's files say while it is trained, and its folder has every module.
#[test]
fn vectors_are_those_of_the_model_that_was_trained() {
    let tiny = Tiny::new();
    let row = |(anchor, positive): &(&str, &str)| json!({"anchor": anchor, "positive": positive});
    tiny.write_rows("answers", &ANSWERS.iter().map(row).collect::<Vec<_>>());
    for name in ["embed_mean", "embed_cls", "bert"] {
        let base = Utf8PathBuf::from(encoder(name));
        tiny.train_from(name, base.as_str(), &format!("{FULL}{}", learn("embed", "answers", 30)));
        learnt(&tiny, name);
        let folder = tiny.path(name).join("model");
        let model = TextEmbedder::load(&folder, pool()).unwrap();
        let (found, expected) = (model.config(), SentenceConfig::open(&base, 64).unwrap());
        assert_eq!(found.pooling, expected.pooling, "{name}");
        assert_eq!(found.normalize, expected.normalize, "{name}");
        for module in read_json(&folder.join("modules.json")).as_array().unwrap() {
            assert!(folder.join(module["path"].as_str().unwrap()).is_dir(), "{name}: {module}");
        }
        let about = read_json(&folder.join("config_sentence_transformers.json"));
        assert_eq!(about["similarity_fn_name"], "cosine", "{name}");
        let tokenizer = open_tokenizer(&folder).unwrap();
        let vectors = |texts: Vec<&str>| {
            let ids = texts.iter().map(|text| tokenizer.encode(text, true, false).unwrap());
            model.embed(&ids.collect::<Vec<_>>()).unwrap()
        };
        let anchors = vectors(ANSWERS.iter().map(|row| row.0).collect());
        let answers = vectors(ANSWERS.iter().map(|row| row.1).collect());
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        let loss = |(at, anchor): (usize, &Vec<f32>)| {
            let scores: Vec<f32> = answers.iter().map(|text| 20.0 * cosine(anchor, text)).collect();
            nll(&scores, at)
        };
        let loss = anchors.iter().enumerate().map(loss).sum::<f64>() / ANSWERS.len() as f64;
        let expected = tiny.last_evaluation(name);
        assert!((loss - expected).abs() < CLOSE, "{name}: {loss} of the files, {expected}");
    }
    tiny.train("decoder", &format!("{FULL}{}", learn("embed", "answers", 5)));
    let pooling = read_json(&tiny.path("decoder/model/1_Pooling/config.json"));
    assert_eq!(pooling["pooling_mode_lasttoken"], true);
    assert_eq!(pooling["word_embedding_dimension"], 64);
    for (name, said) in [("embed_dense", "dense layers"), ("embed_max", "pools by [Max]")] {
        let file =
            tiny.write(name, &encoder(name), &format!("{FULL}{}", learn("embed", "answers", 1)));
        let done = run(&["train", "run", &file]);
        assert_eq!(done.code, Some(2), "{name}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{name}: {}", done.stderr);
    }
}

#[test]
fn a_cross_encoder_scores_as_it_was_trained() {
    let tiny = Tiny::new();
    let mut pairs = Vec::new();
    for (query, answer) in ANSWERS {
        pairs.extend(ANSWERS.iter().map(|(_, text)| (query, *text, *text == answer)));
    }
    let row = |(query, document, is_answer): &(&str, &str, bool)| json!({"query": query, "document": document, "score": f64::from(u8::from(*is_answer))});
    tiny.write_rows("pairs-of-texts", &pairs.iter().map(row).collect::<Vec<_>>());
    tiny.train("decoder", &format!("{LORA}{}", learn("rerank", "pairs-of-texts", 3)));
    for name in ["bert", "bert_cross_encoder", "modernbert"] {
        let keys = format!("{FULL}{}", learn("rerank", "pairs-of-texts", 60));
        tiny.train_from(name, &encoder(name), &keys);
        learnt(&tiny, name);
        let (model, tokenizer) = opened(&tiny.path(name).join("model"));
        assert_eq!(model.labels().len(), 1, "{name}");
        let loss = |(query, document, is_answer): &(&str, &str, bool)| {
            let typed = tokenizer.encode_typed(query, Some(document), Some(48)).unwrap();
            let input = EncoderInput { tokens: &typed.ids, token_types: &typed.types };
            let score = f64::from(model.logits(&[input]).unwrap()[0][0]);
            let signed = if *is_answer { score } else { -score };
            (-signed).exp().ln_1p()
        };
        let loss = pairs.iter().map(loss).sum::<f64>() / pairs.len() as f64;
        let expected = tiny.last_evaluation(name);
        assert!((loss - expected).abs() < CLOSE, "{name}: {loss} of the files, {expected}");
    }
}
