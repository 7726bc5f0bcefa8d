//! Work that is dealt to threads which each have something of their own: blocks of rows, or items.

use std::ops::Range;

use crate::Pool;
use crate::share::SharedMut;

/// A matrix that is cut into blocks of rows: its values, and how many a row has.
pub type RowMatrix<'a> = (&'a mut [f32], usize);

/// The row numbers of a block and its part of each matrix.
pub type RowBlockParts<'a, const N: usize> = (Range<usize>, [&'a mut [f32]; N]);

impl Pool {
    /// Cuts matrices of `rows` rows into blocks of `block_rows` (the last may be shorter) and gives
    /// each block to whichever thread is free, with something of that thread's own.
    ///
    /// What a row goes through between two points at which all rows must be there can be one such
    /// job: the threads wait for each other once, and a block stays in a core's cache. Inside the
    /// job, operations run on a pool of one thread.
    ///
    /// # Panics
    /// If `block_rows` is 0, a matrix has fewer rows, or `own` has fewer elements than there are
    /// threads.
    pub fn for_each_block<T: Send, const N: usize>(
        &self,
        (rows, block_rows): (usize, usize),
        matrices: [RowMatrix<'_>; N],
        own: &mut [T],
        job: &(dyn Fn(&mut T, RowBlockParts<'_, N>) + Sync),
    ) {
        let threads = self.threads();
        assert!(block_rows > 0, "blocks of no rows");
        assert!(own.len() >= threads, "{} of the threads' own for {threads} threads", own.len());
        let matrices = matrices.map(|(values, width)| (SharedMut::new(values), width));
        let own = SharedMut::new(own);
        self.for_each(rows.div_ceil(block_rows), &|thread, block| {
            let rows = block * block_rows..((block + 1) * block_rows).min(rows);
            let parts = matrices.each_ref().map(|(values, width)| {
                // SAFETY: blocks are disjoint, and each is given out once.
                unsafe { values.range(rows.start * width..rows.end * width) }
            });
            // SAFETY: a thread works on one block at a time.
            let own = unsafe { own.range(thread..thread + 1) };
            job(&mut own[0], (rows, parts));
        });
    }

    /// Gives each of `items` to whichever thread is free, with something of that thread's own.
    ///
    /// Inside the job, operations run on a pool of one thread.
    ///
    /// # Panics
    /// If `own` has fewer elements than there are threads.
    pub fn for_each_item<I: Send, T: Send>(
        &self,
        items: &mut [I],
        own: &mut [T],
        job: &(dyn Fn(&mut T, &mut I) + Sync),
    ) {
        let threads = self.threads();
        assert!(own.len() >= threads, "{} of the threads' own for {threads} threads", own.len());
        let (items, own) = (SharedMut::new(items), SharedMut::new(own));
        self.for_each(items.len(), &|thread, item| {
            // SAFETY: each item is given out once, and a thread works on one at a time.
            let (own, item) =
                unsafe { (own.range(thread..thread + 1), items.range(item..item + 1)) };
            job(&mut own[0], &mut item[0]);
        });
    }
}
