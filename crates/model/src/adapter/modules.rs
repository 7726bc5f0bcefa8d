//! The modules of `transformers` as tensors of the decoder.

use std::collections::{BTreeMap, BTreeSet};

use crate::ModelConfig;
use crate::checkpoint::{FileTensor, Layout, Source};
use crate::error::ModelError;
use crate::families::Family;
use crate::tensors::nearest_name;

/// Which of the decoder's tensors stand in each of a family's.
pub(crate) struct Modules {
    files: BTreeMap<String, FileTensor>,
    sources: BTreeMap<String, Source>,
}

/// One of the decoder's tensors in a target.
#[derive(Clone, Debug)]
pub(crate) struct ModulePart {
    /// Its name.
    pub(crate) name: String,
    /// Where its rows are, and in which form.
    pub(crate) source: Source,
}

impl Modules {
    /// Those of a model, called as in `targets` where the family has two names.
    pub(crate) fn new(config: &ModelConfig, targets: &[String]) -> Self {
        let known: BTreeSet<&str> = targets.iter().map(String::as_str).collect();
        let rules = Family::of_config(config).huggingface;
        let Layout { files, sources } =
            Layout::new(config, &rules.iter(), &|name| known.contains(name));
        let files = files.into_iter().map(|file| (file.name.clone(), file)).collect();
        Self { files, sources }
    }

    /// The decoder's tensors in `target`; none if there is no such tensor.
    pub(crate) fn find(&self, target: &str) -> Option<Vec<ModulePart>> {
        let part =
            |name: &String| ModulePart { name: name.clone(), source: self.sources[name].clone() };
        if let Some(file) = self.files.get(target) {
            return Some(file.parts.iter().map(part).collect());
        }
        // Newer code calls some tensors otherwise than their files do, as the decoder does.
        let source = self.sources.get(target)?;
        let alone = self.files[&source.file].parts.len() == 1;
        alone.then(|| vec![part(&target.to_owned())])
    }

    /// As [`Self::find`].
    ///
    /// # Errors
    /// [`ModelError::AdapterTarget`] with the most similar name.
    pub(crate) fn parts(&self, target: &str) -> Result<Vec<ModulePart>, ModelError> {
        self.find(target).ok_or_else(|| {
            let nearest = nearest_name(target, self.files.keys().map(String::as_str));
            ModelError::AdapterTarget { name: target.to_owned(), nearest }
        })
    }

    /// All of the family's tensors.
    pub(crate) fn into_layout(self) -> Layout {
        Layout { files: self.files.into_values().collect(), sources: self.sources }
    }

    /// Shape of a family's tensor.
    pub(crate) fn shape(&self, target: &str) -> Option<&[usize]> {
        self.files.get(target).map(|file| file.shape.as_slice())
    }
}

impl ModulePart {
    /// Rows that it has in the target, whose values each stand by themselves in one dimension.
    pub(crate) fn rows(&self) -> usize {
        match self.source.transposed_heads {
            Some(heads) => heads * self.source.shape[1],
            None => self.source.shape[0],
        }
    }

    /// Columns of the target.
    pub(crate) fn columns(&self) -> usize {
        let shape = &self.source.shape;
        match self.source.transposed_heads {
            Some(heads) => shape[0] / heads,
            None => shape.get(1).copied().unwrap_or(1),
        }
    }

    /// The row in the target of row `row` of the part.
    pub(crate) fn place(&self, row: usize) -> usize {
        self.source.rows.place(row)
    }
}
