//! Sets that grow together.

/// Disjoint sets of documents, each named by its smallest member. 4 bytes a document.
pub(super) struct UnionFind {
    parents: Vec<u32>,
}

impl UnionFind {
    pub(super) fn new(count: u32) -> Self {
        Self { parents: (0..count).collect() }
    }

    /// The smallest member of the set of `one`.
    pub(super) fn root(&mut self, mut one: u32) -> u32 {
        while self.parents[one as usize] != one {
            let above = self.parents[self.parents[one as usize] as usize];
            self.parents[one as usize] = above;
            one = above;
        }
        one
    }

    /// Joins the sets of both.
    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }

    /// The smallest member of each one's set.
    pub(super) fn into_roots(mut self) -> Vec<u32> {
        // Parents are never larger, so that those before are already roots.
        for one in 0..self.parents.len() {
            self.parents[one] = self.parents[self.parents[one] as usize];
        }
        self.parents
    }
}
