//! Sizes of data files.

/// Sizes beyond which reading rows stops with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLimits {
    /// Bytes of one file after decompression; also what a gzip bomb can make us hold.
    pub max_file_bytes: u64,
    /// Bytes of all files after decompression.
    pub max_total_bytes: u64,
    /// Bytes of one row.
    pub max_row_bytes: usize,
    /// Rows in all.
    pub max_rows: usize,
    /// Files in a folder.
    pub max_files: usize,
}

impl Default for RowLimits {
    /// 1 GiB a file, 4 GiB in all, 16 MiB a row, 20 million rows, 10,000 files.
    fn default() -> Self {
        Self {
            max_file_bytes: 1 << 30,
            max_total_bytes: 4 << 30,
            max_row_bytes: 16 << 20,
            max_rows: 20_000_000,
            max_files: 10_000,
        }
    }
}
