//! The matrix registers in plain Rust: eight tiles for each thread. The functions do what those of
//! `x86::amx` do, and ask for the same.

use std::array::from_fn;
use std::cell::RefCell;

use super::bf16::{add_product, wide};
pub(crate) use crate::x86::shape::{SIDE, Shape};

struct Tiles {
    shape: Option<Shape>,
    words: [[[u32; SIDE]; SIDE]; 8],
}

thread_local! {
    static TILES: RefCell<Tiles> =
        const { RefCell::new(Tiles { shape: None, words: [[[0; SIDE]; SIDE]; 8] }) };
}

/// Always: they are emulated.
pub(crate) fn is_available() -> bool {
    true
}

/// Gives this thread's tiles a shape; their contents are lost if they had another one.
///
/// # Safety
/// There is nothing to promise.
pub(crate) unsafe fn configure(shape: Shape) {
    TILES.with_borrow_mut(|tiles| {
        if tiles.shape.replace(shape) != Some(shape) {
            tiles.words = [[[0; SIDE]; SIDE]; 8];
        }
    });
}

/// Makes tile `T` zero.
///
/// # Safety
/// There is nothing to promise.
pub(crate) unsafe fn zero<const T: u8>() {
    TILES.with_borrow_mut(|tiles| tiles.words[usize::from(T)] = [[0; SIDE]; SIDE]);
}

/// Reads tile `T` from rows `stride` bytes apart.
///
/// # Safety
/// The tile's rows must be readable.
pub(crate) unsafe fn load<const T: u8>(at: *const u8, stride: usize) {
    TILES.with_borrow_mut(|tiles| {
        let (rows, words) = tiles.shape.expect("tiles are configured").of(T);
        for row in 0..rows {
            for word in 0..words {
                // SAFETY: the caller promises the tile's rows.
                let value =
                    unsafe { at.add(row * stride + 4 * word).cast::<u32>().read_unaligned() };
                tiles.words[usize::from(T)][row][word] = value;
            }
        }
    });
}

/// As [`load`].
///
/// # Safety
/// As [`load`].
pub(crate) unsafe fn load_passing<const T: u8>(at: *const u8, stride: usize) {
    // SAFETY: passed on to the caller.
    unsafe { load::<T>(at, stride) }
}

/// Writes tile `T` to rows `stride` bytes apart.
///
/// # Safety
/// The tile's rows must be writable.
pub(crate) unsafe fn store<const T: u8>(at: *mut u8, stride: usize) {
    TILES.with_borrow(|tiles| {
        let (rows, words) = tiles.shape.expect("tiles are configured").of(T);
        for row in 0..rows {
            for word in 0..words {
                let value = tiles.words[usize::from(T)][row][word];
                // SAFETY: the caller promises the tile's rows.
                unsafe { at.add(row * stride + 4 * word).cast::<u32>().write_unaligned(value) };
            }
        }
    });
}

/// The operation that Intel's manual gives for `TDPBF16PS`.
///
/// # Safety
/// There is nothing to promise.
pub(crate) unsafe fn dot_bf16<const C: u8, const A: u8, const B: u8>() {
    TILES.with_borrow_mut(|tiles| {
        let (rows, words) = tiles.shape.expect("tiles are configured").of(A);
        let [a, b] = [A, B].map(|tile| tiles.words[usize::from(tile)]);
        for row in 0..rows {
            let sums = &mut tiles.words[usize::from(C)][row];
            let products: [f32; SIDE] = from_fn(|col| {
                let half = |shift: u32| {
                    (0..words).fold(0.0, |sum, k| {
                        let [x, y] =
                            [a[row][k], b[k][col]].map(|word| wide((word >> shift) as u16));
                        add_product(sum, x, y)
                    })
                };
                half(0) + half(16)
            });
            for (sum, product) in sums.iter_mut().zip(products) {
                *sum = (f32::from_bits(*sum) + product).to_bits();
            }
        }
    });
}
