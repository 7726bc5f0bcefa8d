//! What adapters call a model's tensors: as the family's files and `transformers` do, whatever the
//! decoder calls them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::spec::Module;
use crate::ModelConfig;
use crate::checkpoint::{FileTensor, Layout, RowOrder, Source};
use crate::families::Family;

/// The family's names of a trunk's tensors.
pub(super) struct Names {
    sources: BTreeMap<String, Source>,
    files: BTreeMap<String, FileTensor>,
}

/// The module that an adapter stands beside: one projection, or several in one matrix.
pub(super) struct Target {
    /// Its path.
    pub(super) path: String,
    /// The projection's first row among those of the module.
    pub(super) first: usize,
    /// Rows of the module.
    pub(super) total: usize,
    /// Weights of the projections in it, in the order of their rows here.
    pub(super) weights: Vec<String>,
    /// The rows of each.
    pub(super) rows: Vec<usize>,
    /// How its rows are saved.
    pub(super) form: SavedForm,
}

/// How values that are trained stand in an adapter's file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SavedForm {
    /// For each row here its row there; none if they are the same.
    rows: Option<Arc<[usize]>>,
    /// What the file lacks of each value.
    offset: f32,
}

impl SavedForm {
    /// The values as the file has them.
    pub(super) fn to_file(&self, values: &[f32]) -> Vec<f32> {
        self.moved(values, |out, width, own, file| (file * width, &out[own * width..][..width]))
            .into_iter()
            .map(|value| value - self.offset)
            .collect()
    }

    /// The values as they are trained.
    pub(super) fn of_file(&self, values: &[f32]) -> Vec<f32> {
        self.moved(values, |out, width, own, file| (own * width, &out[file * width..][..width]))
            .into_iter()
            .map(|value| value + self.offset)
            .collect()
    }

    /// Rows put where `place` says: from the number of a row here and there the place to write to
    /// and the row to write.
    fn moved(
        &self,
        values: &[f32],
        place: impl for<'v> Fn(&'v [f32], usize, usize, usize) -> (usize, &'v [f32]),
    ) -> Vec<f32> {
        let mut out = values.to_vec();
        if let Some(rows) = &self.rows {
            let width = values.len() / rows.len();
            for (own, &file) in rows.iter().enumerate() {
                let (to, row) = place(values, width, own, file);
                out[to..to + width].copy_from_slice(row);
            }
        }
        out
    }
}

impl Names {
    /// Those of a decoder's family.
    pub(super) fn of_decoder(config: &ModelConfig) -> Self {
        let rules = Family::of_config(config).huggingface;
        let Layout { files, sources } = Layout::new(config, &rules.iter(), &|_| true);
        let files = files.into_iter().map(|file| (file.name.clone(), file)).collect();
        Self { sources, files }
    }

    /// Those of a trunk whose tensors are called as in its files.
    pub(super) fn own() -> Self {
        Self { sources: BTreeMap::new(), files: BTreeMap::new() }
    }

    /// Whether they are a decoder's.
    pub(super) fn are_of_decoder(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether the files have matrices of projections as `[in, out]`.
    pub(super) fn are_transposed(&self) -> bool {
        self.sources.values().any(|at| at.transposed && at.shape.len() > 1)
    }

    /// The module of a projection with `n` rows.
    pub(super) fn target(&self, module: &Module, n: usize) -> Target {
        let weight = format!("{}.weight", module.name);
        let own = |(first, total)| {
            let (path, form) = (module.name.clone(), SavedForm::default());
            Target { path, first, total, weights: vec![weight.clone()], rows: vec![total], form }
        };
        let Some(file) = self.sources.get(&weight).and_then(|at| self.files.get(&at.file)) else {
            return own(module.part.unwrap_or((0, n)));
        };
        let (mut first, mut rows) = (0, Vec::new());
        for part in &file.parts {
            let at = &self.sources[part];
            if *part == weight {
                first = rows.len();
            }
            rows.extend((0..at.shape[0]).map(|row| at.rows.place(row)));
        }
        let total = rows.len();
        let in_order = rows.iter().enumerate().all(|(own, file)| own == *file);
        let rows = (!in_order).then(|| rows.into());
        Target {
            path: without_kind(&file.name).to_owned(),
            first,
            total,
            weights: file.parts.clone(),
            rows: file.parts.iter().map(|part| self.sources[part].shape[0]).collect(),
            form: SavedForm { rows, offset: 0.0 },
        }
    }

    /// What a tensor is called.
    pub(super) fn path<'a>(&'a self, name: &'a str) -> &'a str {
        self.sources.get(name).map_or(name, |at| &at.file)
    }

    /// What a module with a weight is called.
    pub(super) fn module<'a>(&'a self, module: &'a str) -> &'a str {
        let at = self.sources.get(&format!("{module}.weight"));
        at.map_or(module, |at| without_kind(&at.file))
    }

    /// How a tensor that is trained whole is saved; `None` if it is a part of a larger one there, or
    /// stands in it otherwise than row by row.
    pub(super) fn whole(&self, name: &str) -> Option<SavedForm> {
        let Some(at) = self.sources.get(name) else { return Some(SavedForm::default()) };
        let alone = self.files[&at.file].parts.len() == 1;
        let in_order = at.rows == (RowOrder::InOrder { first: 0 });
        let turned = at.transposed && at.shape.len() > 1 || at.transposed_heads.is_some();
        (alone && in_order && !turned).then_some(SavedForm { rows: None, offset: at.offset })
    }

    /// Where a module of the decoder's own naming is, if it is called otherwise.
    pub(super) fn renamed(&self, own: &str) -> Option<&str> {
        let named = |(name, at): (&'_ String, &'_ Source)| {
            let module = name.strip_suffix(".weight")?;
            let is_it = module.strip_suffix(own).is_some_and(|rest| rest.ends_with('.'));
            (is_it && at.file != *name).then_some(())
        };
        let (_, at) = self.sources.iter().find(|(name, at)| named((name, at)).is_some())?;
        without_kind(&at.file).rsplit('.').next()
    }
}

fn without_kind(name: &str) -> &str {
    name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias")).unwrap_or(name)
}
