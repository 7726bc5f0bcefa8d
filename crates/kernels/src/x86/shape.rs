//! How large the tiles of AMX are.

/// Rows of a tile, and 4-byte words in one of its rows.
pub(crate) const SIDE: usize = 16;

/// The sizes of the eight tiles, which have fixed roles: 0 to 3 are sums, 4 and 5 rows, 6 and 7 panels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows of tiles 0, 1 and 4, and of 2, 3 and 5; 1 to 16.
    pub(crate) rows: [u8; 2],
    /// Words in a row of tiles 4 and 5, which are the rows of tiles 6 and 7; 1 to 16.
    pub(crate) words: u8,
}

impl Shape {
    /// Rows of a tile and words in a row.
    pub(super) fn of(self, tile: u8) -> (usize, usize) {
        let [first, second] = self.rows.map(usize::from);
        let words = usize::from(self.words);
        match tile {
            0 | 1 => (first, SIDE),
            2 | 3 => (second, SIDE),
            4 => (first, words),
            5 => (second, words),
            _ => (words, SIDE),
        }
    }
}
