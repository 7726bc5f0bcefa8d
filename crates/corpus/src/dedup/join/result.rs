//! What was found.

/// A document that nearly repeats an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearDuplicate {
    /// Index of the document that is kept in its place.
    pub of: u64,
    /// True Jaccard similarity of their shingles. In clusters it can be below the threshold, if
    /// the two are joined through others.
    pub similarity: f32,
}

/// Near duplicates of a run, by document. 12 bytes a document.
#[derive(Clone, Debug, PartialEq)]
pub struct NearDuplicates {
    /// The document that stands for each one.
    pub(super) roots: Vec<u32>,
    /// The similarity to it.
    pub(super) similarities: Vec<f32>,
    /// Members of the cluster, at its first document.
    pub(super) sizes: Vec<u32>,
    /// The account.
    pub(super) report: JoinReport,
}

impl NearDuplicates {
    /// Documents of the run.
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether the run had no documents.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// What document `index` nearly repeats; `None` if it is to be kept.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`].
    pub fn get(&self, index: usize) -> Option<NearDuplicate> {
        let root = self.roots[index];
        let similarity = self.similarities[index];
        (root as usize != index).then_some(NearDuplicate { of: u64::from(root), similarity })
    }

    /// The first document of the cluster of document `index`, which names the cluster, and how
    /// many it has.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`].
    pub fn cluster(&self, index: usize) -> (u64, u64) {
        let root = self.roots[index];
        (u64::from(root), u64::from(self.sizes[root as usize]))
    }

    /// [`Self::get`] of every document in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<NearDuplicate>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// What was done.
    pub fn report(&self) -> &JoinReport {
        &self.report
    }
}

/// The account of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinReport {
    /// Documents taken.
    pub num_documents: u64,
    /// Documents without any shingle, which are never duplicates.
    pub num_empty: u64,
    /// Documents with exactly the shingles of an earlier one.
    pub num_equal: u64,
    /// Meetings in bands, of pairs whose sizes allow the similarity.
    pub num_meetings: u64,
    /// Pairs compared by their shingles.
    pub num_compared: u64,
    /// Compared pairs that were similar enough.
    pub num_similar: u64,
    /// Meetings in crowded bands that were left out.
    pub num_left_out: u64,
    /// Clusters of two or more documents.
    pub num_clusters: u64,
    /// Documents that nearly repeat an earlier one.
    pub num_duplicates: u64,
}
