//! Reading the data of a run.

use super::read::RunFile;
use super::settings::TrainSettings;
use crate::failure::{Exit, Failure};
use crate::progress::say;
use catena_data::{ReadReport, RowLimits, SampleOptions, SampleSet, read_dataset, read_samples};
use catena_protocol::{Content, TrainingSample};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// What a run learns from and what it is measured on.
pub(super) struct Samples {
    pub(super) train: Vec<TrainingSample>,
    pub(super) eval: Vec<TrainingSample>,
    /// What became of the rows of each set.
    pub(super) reports: Vec<ReadReport>,
}

/// Reads all sets, and divides what is measured on from what is learnt.
pub(super) fn read(run: &RunFile) -> Result<Samples, Failure> {
    let settings = &run.settings;
    let mut reports = Vec::new();
    let mut train = Vec::new();
    for name in &settings.data {
        let set = read_set(run, name)?;
        reports.push(set.report);
        train.extend(set.samples);
    }
    let mut eval = Vec::new();
    for name in &settings.eval_data {
        let set = read_set(run, name)?;
        reports.push(set.report);
        eval.extend(set.samples);
    }
    if eval.is_empty() && settings.eval_share > 0.0 {
        eval = split(&mut train, settings);
    }
    Ok(Samples { train, eval, reports })
}

/// One set, with what was dropped told.
pub(super) fn read_set(run: &RunFile, name: &str) -> Result<SampleSet, Failure> {
    let settings = &run.settings;
    let path = run.folder.join(name);
    let info = settings.dataset_dir.as_ref().map(|dir| run.folder.join(dir));
    let mut set = match info {
        Some(info) if !path.exists() => {
            read_dataset(&info, name, &RowLimits::default(), settings.seed)
        }
        _ => read_samples(&path, &options(settings)),
    }
    .map_err(|error| {
        Failure::new(Exit::Environment, format!("cannot read the data `{name}`"), error)
    })?;
    say(&format!("  {name}: {} of {} rows", set.samples.len(), set.report.num_rows));
    say(&format!("    format {}: {}", set.report.format, set.report.reason));
    for drop in set.report.drops() {
        say(&format!(
            "    dropped {}: {} ({}, {})",
            drop.count, drop.code, drop.first, drop.reason
        ));
    }
    set.report.notes.iter().for_each(|note| say(&format!("    {note}")));
    if let Some(most) = settings.max_samples {
        set.samples.truncate(most);
    }
    if let Some(template) = &settings.prompt_template {
        set.samples.iter_mut().for_each(|sample| frame(template, sample));
    }
    Ok(set)
}

/// Puts a plain-text prompt into its template.
fn frame(template: &str, sample: &mut TrainingSample) {
    let prompt = match sample {
        TrainingSample::Completion(sample) => &mut sample.prompt,
        TrainingSample::Preference(sample) => &mut sample.prompt,
        TrainingSample::Unpaired(sample) => &mut sample.prompt,
        TrainingSample::Text(_)
        | TrainingSample::Chat(_)
        | TrainingSample::Classification(_)
        | TrainingSample::TokenLabels(_)
        | TrainingSample::Embedding(_)
        | TrainingSample::Rerank(_) => return,
    };
    if let Content::Text(text) = prompt {
        *text = template.replace("{prompt}", text);
    }
}

fn options(settings: &TrainSettings) -> SampleOptions {
    SampleOptions {
        format: settings.data_format.clone(),
        columns: settings.columns.clone(),
        ..SampleOptions::default()
    }
}

/// Takes a share out, drawn with the seed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a number of samples is one"
)]
fn split(train: &mut Vec<TrainingSample>, settings: &TrainSettings) -> Vec<TrainingSample> {
    let share = settings.eval_share;
    let count = if share < 1.0 { (share * train.len() as f64).ceil() } else { share } as usize;
    let count = count.min(train.len().saturating_sub(1));
    let mut order: Vec<usize> = (0..train.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(settings.seed));
    let mut held = vec![false; train.len()];
    order[..count].iter().for_each(|&index| held[index] = true);
    let all = std::mem::take(train).into_iter().zip(held);
    let (eval, rest): (Vec<_>, Vec<_>) = all.partition(|(_, held)| *held);
    *train = rest.into_iter().map(|(sample, _)| sample).collect();
    eval.into_iter().map(|(sample, _)| sample).collect()
}
