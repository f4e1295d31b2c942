//! What the instruction sets have in common: registers in memory, and both traits by intrinsics.

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

/// A machine and its vectors, from the names of the functions that do the work. Each takes its
/// operands in the order of the trait's.
macro_rules! machine {
    ($(#[$doc:meta])* $name:ident, $vector:ident, $register:ty, $lanes:literal, $splat:ident,
     $add:ident, $sub:ident, $mul:ident, $fmadd:ident, $fmsub:ident, $fnmadd:ident,
     $permute:ident, $prefetch:ident, $length:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name(());

        /// Its register.
        #[derive(Clone, Copy)]
        pub(super) struct $vector($register);

        impl Lanes for $vector {
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
            type Vector = $vector;

            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(self, x: f64) -> $vector {
                // SAFETY: a machine exists only where its instructions do.
                unsafe { $vector($splat(x)) }
            }
            #[inline(always)]
            unsafe fn load(self, src: *const f64) -> $vector {
                // SAFETY: the caller promises the pointer; unaligned load.
                unsafe { $vector(read(src)) }
            }
            #[inline(always)]
            unsafe fn store(self, x: $vector, dst: *mut f64) {
                // SAFETY: the caller promises the pointer; unaligned store.
                unsafe { write(dst, x.0) }
            }
            #[inline(always)]
            fn prefetch(self, src: *const f64) {
                $prefetch(src)
            }
            #[inline(always)]
            unsafe fn permute_group(self, src: *const f64, dst: *mut f64, pattern: &Pattern) {
                // SAFETY: the caller's promise.
                unsafe { $permute(self, src, dst, pattern) }
            }
            #[inline(always)]
            fn by_length<K: ByLength>(self, kernel: K) {
                kernel.$length(self);
            }
        }
    };
}
pub(super) use machine;
