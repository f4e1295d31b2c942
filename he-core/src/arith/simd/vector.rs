//! What the instruction sets have in common: registers in memory, and both traits of vectors by intrinsics.

/// A vector register in memory of any alignment. Plain reads and writes of it compile to one instruction in every
/// profile; the load and store intrinsics are library calls with checks where debug assertions are on.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned<T: Copy>(T);

/// # Safety
/// `src` is valid for reading a `T` made of `f64`.
#[inline(always)]
pub(super) unsafe fn read<T: Copy>(src: *const f64) -> T {
    // SAFETY: the caller's promise; a packed struct has no alignment.
    unsafe { (*src.cast::<Unaligned<T>>()).0 }
}

/// # Safety
/// `dst` is valid for writing a `T` made of `f64`.
#[inline(always)]
pub(super) unsafe fn write<T: Copy>(dst: *mut f64, x: T) {
    // SAFETY: the caller's promise; a packed struct has no alignment.
    unsafe { (*dst.cast::<Unaligned<T>>()).0 = x }
}

/// [`Lanes`](super::Lanes) and [`Machine`](super::Machine) for a register, from the names of the functions that do the work. Each takes its operands in the order of the trait's.
macro_rules! lanes {
    ($(#[$doc:meta])* $name:ident, $register:ty, $lanes:literal, $splat:ident,
     $add:ident, $sub:ident, $mul:ident, $fmadd:ident, $fmsub:ident, $fnmadd:ident,
     $forward_tail:ident, $inverse_tail:ident, $whole:literal, $permute:path, $prefetch:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        impl Lanes for $name {
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: f64) -> Self {
                // SAFETY: the caller promises the instructions.
                unsafe { Self($splat(x)) }
            }
            #[inline(always)]
            unsafe fn load(src: *const f64) -> Self {
                // SAFETY: the caller promises the instructions and the pointer; unaligned load.
                unsafe { Self(read(src)) }
            }
            #[inline(always)]
            unsafe fn store(self, dst: *mut f64) {
                // SAFETY: the caller promises the pointer; unaligned store.
                unsafe { write(dst, self.0) }
            }
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                // SAFETY: a value exists only where the instructions do.
                unsafe { Self($add(self.0, b.0)) }
            }
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($sub(self.0, b.0)) }
            }
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($mul(self.0, b.0)) }
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($fmadd(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($fmsub(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($fnmadd(self.0, b.0, c.0)) }
            }
        }

        impl Machine for $name {
            const WHOLE_TAIL: bool = $whole;
            #[inline(always)]
            unsafe fn permute_group(src: *const f64, dst: *mut f64, pattern: &Pattern) {
                // SAFETY: the caller's promise.
                unsafe { $permute(src, dst, pattern) }
            }
            #[inline(always)]
            fn prefetch(src: *const f64) {
                $prefetch(src)
            }
            #[inline(always)]
            unsafe fn forward_tail(table: &NttTable, x: *mut f64, groups: Range<usize>) {
                // SAFETY: the caller's promise.
                unsafe { $forward_tail::<Self>(table, x, groups) }
            }
            #[inline(always)]
            unsafe fn inverse_tail(
                    job: &Inverse<'_>,
                    from: *const f64,
                    to: *mut f64,
                    groups: Range<usize>,
                ) {
                // SAFETY: the caller's promise.
                unsafe { $inverse_tail::<Self>(job, from, to, groups) }
            }
        }
    };
}
pub(super) use lanes;
