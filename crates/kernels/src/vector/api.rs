//! [`Vector`], and how it is implemented.

/// The floats of a register, or of an array of registers.
///
/// # Safety
/// All functions need the processor features of the registers' level, and those with a pointer
/// [`Vector::LANES`] floats there, which need not be aligned.
pub(crate) trait Vector: Copy {
    /// How many floats.
    const LANES: usize;

    /// The same float everywhere.
    unsafe fn splat(value: f32) -> Self;

    unsafe fn load(at: *const f32) -> Self;

    unsafe fn store(self, at: *mut f32);

    unsafe fn add(self, other: Self) -> Self;

    unsafe fn sub(self, other: Self) -> Self;

    unsafe fn mul(self, other: Self) -> Self;

    unsafe fn div(self, other: Self) -> Self;

    /// The greater one of each two; of a number and a NaN either one, as the level has it.
    unsafe fn max(self, other: Self) -> Self;

    /// `self * factor + term`, rounded once.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
}

/// Functions of registers that give a register: the attributes that enable processor features, then
/// each as an expression of instructions.
macro_rules! register_functions {
    ($features:tt $($name:ident $registers:tt = $value:expr;)*) => {
        $(register_functions!(@ $features $name $registers $value);)*
    };
    (@ [$($features:tt)*] $name:ident ($first:ident $(, $rest:ident)*) $value:expr) => {
        #[inline]
        $($features)*
        unsafe fn $name(self $(, $rest: Self)*) -> Self {
            let $first = self;
            $value
        }
    };
}
pub(crate) use register_functions;

/// The same functions of arrays, register by register.
macro_rules! array_functions {
    ($($name:ident($($arg:ident),*);)*) => { $(
        #[inline(always)]
        unsafe fn $name(mut self $(, $arg: Self)*) -> Self {
            for i in 0..self.len() {
                // SAFETY: passed on to the caller.
                self[i] = unsafe { self[i].$name($($arg[i]),*) };
            }
            self
        }
    )* };
}
pub(crate) use array_functions;

impl<V: Vector, const N: usize> Vector for [V; N] {
    const LANES: usize = N * V::LANES;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: passed on to the caller.
        [unsafe { V::splat(value) }; N]
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut registers = Self::splat(0.0);
            for i in 0..N {
                registers[i] = V::load(at.add(i * V::LANES));
            }
            registers
        }
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut f32) {
        for i in 0..N {
            // SAFETY: passed on to the caller.
            unsafe { self[i].store(at.add(i * V::LANES)) };
        }
    }

    array_functions! {
        add(other);
        sub(other);
        mul(other);
        div(other);
        max(other);
        mul_add(factor, term);
    }
}
