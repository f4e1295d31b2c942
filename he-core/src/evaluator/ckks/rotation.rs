//! Sums of rotations.

use std::borrow::Cow;
use std::sync::Arc;

use crate::evaluator::Level;
use crate::ring::{GaloisElement, Ntt, Poly, Ring};
use crate::rlwe::{Ciphertext, SwitchingKey, at_level};

/// The limbs of a lower level, or the polynomial itself.
pub(super) fn lowered(poly: &Poly<Ntt>, level: Level) -> Cow<'_, Poly<Ntt>> {
    if poly.level() == level.0 {
        Cow::Borrowed(poly)
    } else {
        Cow::Owned(at_level(poly.clone(), level.0))
    }
}

/// A sum of ciphertexts, some of them rotated: what needs no key.
pub(super) struct RotationSum {
    level: Level,
    pub(super) c0: Poly<Ntt>,
    /// Of ciphertexts that are added as they are.
    pub(super) c1: Option<Poly<Ntt>>,
}

impl RotationSum {
    pub(super) fn new(ring: &Arc<Ring>, level: Level) -> Self {
        Self {
            level,
            c0: Poly::zero(ring, ring.basis(level.0)),
            c1: None,
        }
    }

    /// Adds a ciphertext as it is.
    pub(super) fn add(&mut self, a: &Ciphertext) {
        self.c0.add_assign(&lowered(a.c0(), self.level));
        let c1 = lowered(a.c1(), self.level);
        match &mut self.c1 {
            Some(sum) => sum.add_assign(&c1),
            None => self.c1 = Some(c1.into_owned()),
        }
    }

    /// Adds the first component of a ciphertext at each `X^g`: all of a rotation but its key switch.
    pub(super) fn add_rotated(&mut self, a: &Ciphertext, keys: &[(GaloisElement, &SwitchingKey)]) {
        let elements: Vec<_> = keys.iter().map(|(g, _)| *g).collect();
        let c0 = lowered(a.c0(), self.level);
        self.c0.add_automorphisms(&c0, &elements);
    }

    /// The sum, if no key product belongs to it.
    pub(super) fn finish(self) -> [Poly<Ntt>; 2] {
        let c1 = self.c1;
        let c1 = c1.unwrap_or_else(|| Poly::zero(self.c0.ring(), self.c0.basis()));
        [self.c0, c1]
    }
}
