//! Dot products whose sums have one order everywhere.

/// Sums kept side by side: those of one vector register of AVX2.
const LANES: usize = 8;
/// Rows of each side multiplied at a time, so that a number read is used several times.
pub(super) const TILE_ROWS: usize = 4;
/// As [`TILE_ROWS`], of the other side; more would not fit the registers.
pub(super) const TILE_COLUMNS: usize = 2;

/// The dot product of two rows.
///
/// Place `i` is added to sum `i mod 8`, in order, each product rounded before it is added; the
/// eight sums are added in pairs.
///
/// # Panics
/// If the rows have different lengths: a caller's bug.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    tile([a], [b])[0][0]
}

/// The dot products of `TILE_ROWS` rows with `TILE_COLUMNS` others, each as [`dot`] has it.
pub(super) fn dot_tile(
    a: [&[f32]; TILE_ROWS],
    b: [&[f32]; TILE_COLUMNS],
) -> [[f32; TILE_COLUMNS]; TILE_ROWS] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just seen.
        return unsafe { dot_tile_avx2(a, b) };
    }
    tile(a, b)
}

/// [`tile`] compiled for AVX2. Nothing is fused, so every bit is that of the portable one.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_tile_avx2(
    a: [&[f32]; TILE_ROWS],
    b: [&[f32]; TILE_COLUMNS],
) -> [[f32; TILE_COLUMNS]; TILE_ROWS] {
    tile(a, b)
}

#[inline(always)]
fn tile<const ROWS: usize, const COLUMNS: usize>(
    a: [&[f32]; ROWS],
    b: [&[f32]; COLUMNS],
) -> [[f32; COLUMNS]; ROWS] {
    let dims = a[0].len();
    assert!(a.iter().chain(&b).all(|row| row.len() == dims), "rows of different lengths");
    let mut sums = [[[0.0f32; LANES]; COLUMNS]; ROWS];
    let whole = dims - dims % LANES;
    for at in (0..whole).step_by(LANES) {
        let b: [&[f32; LANES]; COLUMNS] = b.map(|row| lanes(row, at));
        for (row, sums) in a.iter().zip(&mut sums) {
            let row = lanes(row, at);
            for (column, sums) in b.iter().zip(sums) {
                for lane in 0..LANES {
                    sums[lane] += row[lane] * column[lane];
                }
            }
        }
    }
    for at in whole..dims {
        for (row, sums) in a.iter().zip(&mut sums) {
            for (column, sums) in b.iter().zip(sums) {
                sums[at - whole] += row[at] * column[at];
            }
        }
    }
    sums.map(|sums| sums.map(add_lanes))
}

#[inline(always)]
fn lanes(row: &[f32], at: usize) -> &[f32; LANES] {
    row[at..at + LANES].try_into().expect("a slice of eight is an array of eight")
}

#[inline(always)]
fn add_lanes(sums: [f32; LANES]) -> f32 {
    let four = [0, 1, 2, 3].map(|lane| sums[lane] + sums[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// Hands the dot product of each row of `a` with each row of `b` to `visit`, with both numbers.
///
/// Rows of `dims` numbers. The pairs come tile by tile, in a fixed order.
pub(super) fn each_dot(
    a: &[f32],
    b: &[f32],
    dims: usize,
    mut visit: impl FnMut(usize, usize, f32),
) {
    let (a_rows, b_rows) = (a.len() / dims, b.len() / dims);
    // Beyond the last row the last one is taken again, and its results are not handed on.
    let row = |rows: usize, at: usize| at.min(rows - 1) * dims;
    for b_start in (0..b_rows).step_by(TILE_COLUMNS) {
        let columns: [&[f32]; TILE_COLUMNS] =
            std::array::from_fn(|at| &b[row(b_rows, b_start + at)..][..dims]);
        for a_start in (0..a_rows).step_by(TILE_ROWS) {
            let rows: [&[f32]; TILE_ROWS] =
                std::array::from_fn(|at| &a[row(a_rows, a_start + at)..][..dims]);
            let tile = dot_tile(rows, columns);
            for at in a_start..a_rows.min(a_start + TILE_ROWS) {
                for other in b_start..b_rows.min(b_start + TILE_COLUMNS) {
                    visit(at, other, tile[at - a_start][other - b_start]);
                }
            }
        }
    }
}
