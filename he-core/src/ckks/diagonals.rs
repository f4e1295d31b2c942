//! Linear maps of slots by their diagonals, and the embedding as a product of such maps with few diagonals each.
//!
//! # The embedding in factors
//! A polynomial in Y = X^(N/2n) has n slots, repeated N/2n times; n = N/2 is the whole ring. With m_k the coefficient of Y^k and
//! c_k = m_k + i m_(k + n), slot j is the sum of c_k zeta^(5^j k) over k < n, zeta = exp(i pi / 2n). Splitting into even and odd k, log2 n
//! times, writes this map as S_n ... S_4 S_2 B: B puts k into bit-reversed order, and layer S_l maps, in every block of l slots, the pair
//! (x, y) at distance l/2 and place j to (x + w y, x - w y), w = exp(2 pi i (5^j mod 4l) / 4l)
//! (Cheon, Han, Kim, Kim and Song, ePrint 2018/153, section 4). A layer has three diagonals, 0 and ± l/2, and a product of k neighbouring layers at
//! most 2^(k+1) - 1 (Chen, Chillotti and Song, ePrint 2018/1043, section 4; Han, Hhan and Cheon, ePrint 2018/1073).
//!
//! B is left out: [`slots_to_coefficients`] leaves the coefficients in bit-reversed order, where [`coefficients_to_slots`] expects them.
//!
//! | paper | here |
//! |---|---|
//! | ePrint 2018/1043, the level-collapsed transforms | a split of the layers into factors |
//! | ePrint 2018/1043, algorithm 1, "rotate by -(o)" | [`gather_rotations`]: one rotation for a whole product |

use std::collections::BTreeMap;

use num_complex::Complex64;

use super::embedding::root;

/// Why layers cannot be split so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the layers of {slots} slots cannot be split as {split:?}: expected numbers above 0 that sum to log2 of the slots"
)]
pub struct SplitError {
    /// Slots, which must be a power of two above 1.
    pub slots: usize,
    /// Layers of each factor.
    pub split: Vec<u32>,
}

impl crate::error::Explain for SplitError {}

/// A square matrix M over n slots: (M v)_i is the sum over d of `diagonal_d[i]` v_(i + d), indices modulo n.
///
/// On a ciphertext whose slots repeat with period n, diagonal d takes a rotation by d.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagonals {
    slots: usize,
    /// By d, 0 <= d < n.
    diagonals: BTreeMap<usize, Vec<Complex64>>,
}

impl Diagonals {
    fn new(slots: usize) -> Self {
        Self {
            slots,
            diagonals: BTreeMap::new(),
        }
    }

    fn entry(&mut self, d: usize, i: usize) -> &mut Complex64 {
        let n = self.slots;
        let diagonal = self.diagonals.entry(d % n);
        &mut diagonal.or_insert_with(|| vec![Complex64::ZERO; n])[i]
    }

    /// Number of slots n.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The diagonals that are not zero, by their number d.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (usize, &[Complex64])> {
        self.diagonals.iter().map(|(d, x)| (*d, &x[..]))
    }

    /// M v.
    ///
    /// # Panics
    /// Unless v has n slots.
    pub fn apply(&self, v: &[Complex64]) -> Vec<Complex64> {
        assert_eq!(v.len(), self.slots, "a vector of n slots");
        let mut out = vec![Complex64::ZERO; self.slots];
        for (d, diagonal) in &self.diagonals {
            let (tail, head) = v.split_at(*d);
            let rotated = head.iter().chain(tail);
            for ((out, m), v) in out.iter_mut().zip(diagonal).zip(rotated) {
                *out += m * v;
            }
        }
        out
    }

    /// The product of `self` and `first`, which acts first.
    ///
    /// # Panics
    /// Unless both have n slots.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        assert_eq!(self.slots, first.slots, "matrices of one size");
        let n = self.slots;
        let mut out = Self::new(n);
        for (d, left) in &self.diagonals {
            for (e, right) in &first.diagonals {
                for (i, x) in left.iter().enumerate() {
                    *out.entry(d + e, i) += x * right[(i + d) % n];
                }
            }
        }
        out
    }

    /// The largest sum of absolute values of a row: no slot of M v exceeds this times the largest of v.
    pub fn row_sum(&self) -> f64 {
        let row = |i: usize| self.diagonals.values().map(|x| x[i].norm()).sum();
        (0..self.slots).map(row).fold(0.0, f64::max)
    }

    /// The diagonal that begins the shortest run of consecutive ones that has them all; 0 where they go all the way around.
    pub fn first(&self) -> usize {
        let all: Vec<usize> = self.diagonals.keys().copied().collect();
        let before = |k: usize| match k {
            0 => all.last().map_or(0, |last| all[0] + self.slots - last),
            k => all[k] - all[k - 1],
        };
        // The first of the largest gaps.
        let best = (0..all.len()).rev().max_by_key(|k| before(*k));
        best.map_or(0, |k| all[k])
    }

    /// M' with M r = r M', where r rotates to the left by `k`.
    #[must_use]
    pub fn moved(&self, k: i64) -> Self {
        let right = k.rem_euclid(self.slots as i64) as usize;
        let mut out = self.clone();
        for diagonal in out.diagonals.values_mut() {
            diagonal.rotate_right(right);
        }
        out
    }

    /// M' with M = r M', where r rotates to the left by `k`.
    #[must_use]
    pub fn without_rotation(&self, k: i64) -> Self {
        let right = k.rem_euclid(self.slots as i64) as usize;
        let moved = self.moved(k);
        let shifted = moved.diagonals.into_iter();
        Self {
            slots: self.slots,
            diagonals: shifted
                .map(|(d, x)| ((d + self.slots - right) % self.slots, x))
                .collect(),
        }
    }

    /// The same map from n slots to n slots times the number of `factors`: copy c of the result times `factors[c]`. It acts on slots
    /// that repeat with period n, so that every d stays as it is.
    #[must_use]
    pub fn side_by_side(&self, factors: &[Complex64]) -> Self {
        let wide = |x: &Vec<Complex64>| {
            let copies = factors.iter();
            copies.flat_map(|f| x.iter().map(move |x| x * f)).collect()
        };
        Self {
            slots: self.slots * factors.len(),
            diagonals: (self.diagonals.iter())
                .map(|(d, x)| (*d, wide(x)))
                .collect(),
        }
    }
}

/// Two values of a pair to two values.
type Butterfly = [[Complex64; 2]; 2];

/// The map that takes every pair of `slots` slots at distance `length`/2 in blocks of `length` through its butterfly.
fn layer(slots: usize, length: usize, butterfly: impl Fn(Complex64) -> Butterfly) -> Diagonals {
    let half = length / 2;
    let mut out = Diagonals::new(slots);
    let mut power = 1;
    for j in 0..half {
        let [low, high] = butterfly(root(power, 2 * length));
        for i in (j..slots).step_by(length) {
            *out.entry(0, i) += low[0];
            *out.entry(half, i) += low[1];
            *out.entry(slots - half, i + half) += high[0];
            *out.entry(0, i + half) += high[1];
        }
        power = power * 5 % (4 * length);
    }
    out
}

/// Products of the layers, as many a factor as `split` says.
fn factors(
    slots: usize,
    split: &[u32],
    mut layers: impl Iterator<Item = Diagonals>,
) -> Result<Vec<Diagonals>, SplitError> {
    let sum: u64 = split.iter().map(|k| u64::from(*k)).sum();
    let whole = slots.is_power_of_two() && slots > 1 && sum == u64::from(slots.ilog2());
    if !whole || split.contains(&0) {
        return Err(SplitError {
            slots,
            split: split.to_vec(),
        });
    }
    let product = |count: &u32| {
        let part = layers.by_ref().take(*count as usize);
        let product = part.reduce(|first, next| next.after(&first));
        product.unwrap_or_else(|| Diagonals::new(slots))
    };
    Ok(split.iter().map(product).collect())
}

/// From slots to coefficients: the slots become those of the polynomial whose coefficients c_k = m_k + i m_(k + n) they were, in
/// bit-reversed order of k.
///
/// The factors stand in the order in which they act; factor f takes `split[f]` of the log2 n layers, and the
/// first ones have the smallest rotations. No entry of a layer exceeds 1 in absolute value, and every row of one has two.
///
/// # Errors
/// [`SplitError`], also for `slots` below 2 or no power of two.
pub fn slots_to_coefficients(slots: usize, split: &[u32]) -> Result<Vec<Diagonals>, SplitError> {
    let one = Complex64::ONE;
    // None is made before the split is checked.
    let lengths = std::iter::successors(Some(2), |l| Some(2 * l));
    let layers = lengths.map(|length| layer(slots, length, |w| [[one, w], [one, -w]]));
    factors(slots, split, layers)
}

/// The inverse of [`slots_to_coefficients`]: coefficients in bit-reversed order become slots.
///
/// Here the first factors have the largest rotations; a row of a layer has two entries of 1/2 in absolute value.
///
/// # Errors
/// As [`slots_to_coefficients`].
pub fn coefficients_to_slots(slots: usize, split: &[u32]) -> Result<Vec<Diagonals>, SplitError> {
    let half = Complex64::from(0.5);
    let lengths = std::iter::successors(Some(slots), |l| Some(l / 2));
    let layers = lengths.map(|length| {
        layer(slots, length, |w| {
            let w = w.conj() / 2.0;
            [[half, half], [w, -w]]
        })
    });
    factors(slots, split, layers)
}

/// The same product with every diagonal at or above 0 and as low as it can be, and the rotation to the left, modulo n, that is to follow.
#[must_use]
pub fn gather_rotations(factors: &[Diagonals]) -> (Vec<Diagonals>, usize) {
    let mut rotation = 0;
    let mut out = Vec::with_capacity(factors.len());
    for factor in factors {
        let first = factor.first();
        let factor = factor.moved(rotation as i64);
        out.push(factor.without_rotation(first as i64));
        rotation = (rotation + first) % factor.slots;
    }
    (out, rotation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ckks::encode::Encoder;

    fn values(n: usize) -> Vec<Complex64> {
        (0..n)
            .map(|i| Complex64::new((1.3 * i as f64).sin(), (0.7 * i as f64 + 1.0).cos()))
            .collect()
    }

    /// Every way to write `sum` as an ordered sum.
    fn splits(sum: u32) -> Vec<Vec<u32>> {
        if sum == 0 {
            return vec![vec![]];
        }
        let with = |first: u32| {
            let rest = splits(sum - first).into_iter();
            rest.map(move |rest| [vec![first], rest].concat())
        };
        (1..=sum).flat_map(with).collect()
    }

    fn all(factors: &[Diagonals], v: &[Complex64]) -> Vec<Complex64> {
        (factors.iter()).fold(v.to_vec(), |v, factor| factor.apply(&v))
    }

    fn close(a: &[Complex64], b: &[Complex64], tolerance: f64) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).norm() <= tolerance, "{i}: {a} for {b}");
        }
    }

    /// The first n slots of the polynomial in X^(N/2n) with these coefficients, bit-reversed, by the encoder.
    fn slots_of(coefficients: &[Complex64], log_n: u32) -> Vec<Complex64> {
        let n = coefficients.len();
        let gap = (1 << (log_n - 1)) / n;
        let mut polynomial = vec![0.0; 1 << log_n];
        for (k, c) in coefficients.iter().enumerate() {
            let k = k.reverse_bits() >> (usize::BITS - n.ilog2());
            polynomial[k * gap] = c.re;
            polynomial[(k + n) * gap] = c.im;
        }
        let slots = Encoder::new(log_n).unwrap().decode(&polynomial, 1.0);
        slots.unwrap()[..n].to_vec()
    }

    #[test]
    fn every_split_is_the_embedding_and_its_inverse_sparse_or_not() {
        for (log_slots, log_n) in [(1, 4), (2, 3), (3, 4), (3, 6), (4, 8), (5, 6), (7, 10)] {
            let n = 1usize << log_slots;
            let c = values(n);
            let expected = slots_of(&c, log_n);
            for split in splits(log_slots) {
                // Sums of n values below 2.
                let forward = slots_to_coefficients(n, &split).unwrap();
                close(&all(&forward, &c), &expected, 1e-13 * n as f64);
                let back = coefficients_to_slots(n, &split).unwrap();
                close(&all(&back, &expected), &c, 1e-13 * n as f64);
            }
        }
    }

    #[test]
    fn a_factor_has_as_many_diagonals_as_its_layers_need_and_starts_at_zero_once_gathered() {
        for split in splits(6) {
            for (factors, down) in [
                (slots_to_coefficients(64, &split).unwrap(), false),
                (coefficients_to_slots(64, &split).unwrap(), true),
            ] {
                let v = values(64);
                let expected = all(&factors, &v);
                let (gathered, rotation) = gather_rotations(&factors);
                let mut found = all(&gathered, &v);
                found.rotate_left(rotation);
                close(&found, &expected, 1e-12);
                let (mut done, mut strides) = (0, Vec::new());
                for k in &split {
                    strides.push(1usize << if down { 6 - done - k } else { done });
                    done += k;
                }
                for ((factor, k), stride) in gathered.iter().zip(&split).zip(strides) {
                    let count = (64 / stride).min((2 << k) - 1);
                    assert_eq!(factor.iter().len(), count);
                    assert_eq!(factor.first(), 0);
                    assert_eq!(factor.iter().map(|x| x.0).max(), Some((count - 1) * stride));
                    assert!(factor.row_sum() <= f64::from(1 << k) * (1.0 + 1e-13));
                }
            }
        }
    }

    #[test]
    fn copies_stand_side_by_side_with_their_factors() {
        let (factors, _) = gather_rotations(&coefficients_to_slots(8, &[2, 1]).unwrap());
        let (v, i) = (values(8), Complex64::I);
        let wide = factors[1].side_by_side(&[Complex64::ONE, -i]);
        let found = wide.apply(&[v.clone(), v.clone()].concat());
        let once = factors[1].apply(&v);
        close(&found[..8], &once, 1e-15);
        let turned: Vec<_> = once.iter().map(|x| -i * x).collect();
        close(&found[8..], &turned, 1e-15);
    }

    #[test]
    fn splits_that_are_none_are_refused() {
        for (slots, split) in [
            (8, vec![2, 2]),
            (8, vec![3, 0]),
            (8, vec![]),
            (1, vec![]),
            (12, vec![3]),
            (0, vec![0]),
        ] {
            assert!(slots_to_coefficients(slots, &split).is_err());
            assert!(coefficients_to_slots(slots, &split).is_err());
        }
    }
}
