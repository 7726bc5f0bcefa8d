//! Checkpoints of other runs and of earlier versions.

use super::*;
use crate::Difference::{BaseModel, Samples, Settings};
use crate::{Identity, Resumed};

/// A trainer of the samples' run, with an identity of its own.
fn trainer(config: RunConfig, path: &Utf8Path, identity: Identity) -> Trainer {
    Trainer::new(config, path, identity).unwrap()
}

#[test]
fn a_checkpoint_of_another_run_is_refused_with_what_differs() {
    let (_guard, path) = dir();
    straight(&samples(18), &path);
    let file = std::fs::read(path.join(Checkpoint::FILE_NAME)).unwrap();
    let faster = RunConfig { learning_rate: 0.2, ..config() };
    let base = |base_model: &str, trained: &str| Identity {
        base_model: base_model.to_owned(),
        trained: trained.to_owned(),
        ..Identity::default()
    };
    let differences = |config: &RunConfig, count: u32, identity: Identity| {
        let samples = samples(count);
        let objective = Sft::new(&samples, config.micro_step_tokens).unwrap();
        let trainer = trainer(config.clone(), &path, identity);
        match trainer.resumed(&objective) {
            Ok(resumed) => {
                assert_eq!(resumed, Some(Resumed { step: 15, other_arithmetic: None }));
                Vec::new()
            }
            Err(TrainError::OtherRun { differences }) => differences,
            Err(other) => panic!("{other}"),
        }
    };
    for (config, count, identity, expected) in [
        (config(), 18, base("base", ""), vec![]),
        (config(), 18, base("other", ""), vec![BaseModel]),
        (config(), 18, base("base", "lora 8"), vec![Settings]),
        (faster.clone(), 18, base("base", ""), vec![Settings]),
        (config(), 19, base("base", ""), vec![Samples]),
        (faster, 17, base("other", ""), vec![BaseModel, Settings, Samples]),
    ] {
        assert_eq!(differences(&config, count, identity), expected);
    }
    let error = run(config(), &samples(19), &path, &mut Unigram::new(5)).unwrap_err();
    assert_eq!(error.to_string(), "the checkpoint is of a run on other samples");
    let (_guard, empty) = dir();
    let samples = samples(18);
    let objective = Sft::new(&samples, 7).unwrap();
    let fresh = trainer(config(), &empty, "base".into());
    assert_eq!(fresh.resumed(&objective).unwrap(), None);
    assert!(std::fs::read(path.join(Checkpoint::FILE_NAME)).unwrap() == file);
}

/// Changes the position in a checkpoint's header.
fn edit(path: &Utf8Path, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let bytes = std::fs::read(path).unwrap();
    let len = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    let position = &mut header["__metadata__"]["position"];
    let mut values: serde_json::Map<String, Value> =
        serde_json::from_str(position.as_str().unwrap()).unwrap();
    change(&mut values);
    *position = serde_json::to_string(&values).unwrap().into();
    let mut text = serde_json::to_vec(&header).unwrap();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut changed = (text.len() as u64).to_le_bytes().to_vec();
    changed.extend(text);
    changed.extend(&bytes[8 + len..]);
    std::fs::write(path, changed).unwrap();
}

#[test]
fn a_checkpoint_of_the_version_before_is_resumed_and_a_newer_one_refused() {
    let (_straight_guard, straight_path) = dir();
    let (expected, _) = straight(&samples(18), &straight_path);
    let (_guard, path) = dir();
    let cancel = Cancel::new();
    let stop = CancelAfter { after: 5, cancel: cancel.clone() };
    run_until(config(), &samples(18), &path, &mut Unigram::new(5), &stop, &cancel).unwrap_err();
    let file = path.join(Checkpoint::FILE_NAME);
    edit(&file, |position| {
        for key in ["evaluation_pending", "parts", "arithmetic"] {
            position.remove(key).unwrap();
        }
        position.insert("version".to_owned(), 2.into());
    });
    // Without parts only the whole can be compared.
    let error = run(config(), &samples(19), &path, &mut Unigram::new(5)).unwrap_err();
    assert!(matches!(error, TrainError::CheckpointMismatch { what: "fingerprint", .. }), "{error}");
    let mut model = Unigram::new(5);
    assert_eq!(run(config(), &samples(18), &path, &mut model).unwrap().resumed_from, 5);
    assert_eq!(model.values, expected.values);
    edit(&file, |position| drop(position.insert("version".to_owned(), 99.into())));
    let error = Checkpoint::load(&file).unwrap_err().to_string();
    assert!(error.contains("version 99"), "{error}");
}

/// The run goes on, the one who runs it is told, and the checkpoint then has the new arithmetic.
#[test]
fn another_arithmetic_is_told() {
    let rows = samples(18);
    let (_guard, path) = dir();
    let on = |arithmetic: &str| {
        let identity = Identity { arithmetic: arithmetic.to_owned(), ..Identity::from("base") };
        trainer(config(), &path, identity)
    };
    let objective = || Sft::new(&rows, 7).unwrap();
    let train = |trainer: &Trainer, after: u64| {
        let (cancel, pool) = (Cancel::new(), Pool::new(1));
        let stop = CancelAfter { after, cancel: cancel.clone() };
        let (mut model, mut objective) = (Unigram::new(5), objective());
        trainer.run(&mut model, &mut objective, None, None, &pool, &stop, &cancel)
    };
    let told = |arithmetic: &str| {
        let resumed = on(arithmetic).resumed(&objective()).unwrap();
        resumed.and_then(|resumed| resumed.other_arithmetic)
    };
    train(&on("f32 on avx2"), 3).unwrap_err();
    assert_eq!(told("f32 on avx2"), None);
    assert_eq!(told("bf16 on amx").as_deref(), Some("f32 on avx2"));
    assert_eq!(told(""), None, "what is not known is not compared");
    train(&on("bf16 on amx"), u64::MAX).unwrap();
    assert_eq!(told("bf16 on amx"), None);
    assert_eq!(told("f32 on avx2").as_deref(), Some("bf16 on amx"));
}
