//! Ways between two rings: into a large one at its whole modulus, for a bootstrapping, and back.
//!
//! The small ring has degree n, the large one degree g n. A ciphertext under s in the small ring is one under s(X^g) in the large ring, its
//! message in X^g.
//!
//! | step | here | source |
//! |---|---|---|
//! | from q_0 of the small chain to q_0 of the large one, then to X^g | [`Bridge::enter`] | Gentry, Halevi, Peikert and Smart, ePrint 2012/240: rings of different degree |
//! | from s(X^g) to a sparse key, modulo q_0 and its own special primes alone | [`KeyId::Enter`] | Bossuat, Troncoso-Pastoriza and Hubaux, ePrint 2022/024, section 3 |
//! | the centred integers modulo q_0, over the whole chain: an integer multiple of q_0 is added, no larger than the sparse key allows | `Poly::raised` | Cheon, Han, Kim, Kim and Song, ePrint 2018/153, section 3 |
//! | from the sparse key to the large ring's own | [`KeyId::Raise`] | ePrint 2022/024, section 3 |
//! | from the large ring's key to s(X^g), and every g-th coefficient | [`Bridge::leave`], [`KeyId::Leave`] | ePrint 2012/240 |
//! | from the large chain to the small one | `ring::ModulusSwitch` | |
//!
//! # Security
//! A key that leads to a secret hides under it. So the sparse key meets the modulus of [`KeyId::Enter`] alone, and s, seen in the
//! large ring, is still a key of degree n: [`KeyId::Leave`] is held to the cap of the small ring. [`Bridge::new`] checks all of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Ciphertext, Context, EvaluationKeys, KeyId, KeySwitch, RlweError, SwitchingKey};
use crate::params::sparse::{KeyModulus, Weight, check_keys};
use crate::params::{Params, ParamsError, ParamsLiteral};
use crate::ring::{ModulusSwitch, Ntt, Poly, Ring, RingError};

/// What is chosen of a bridge besides its two rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeShape {
    /// Coefficients of the sparse key that are not zero.
    pub weight: u32,
    /// Bits of the special primes of [`KeyId::Enter`].
    pub enter_p_bits: Vec<u32>,
    /// Level of the large ring at which it is left.
    pub leave_level: usize,
    /// Bits of the special primes of [`KeyId::Leave`], one digit a prime of the chain.
    pub leave_p_bits: Vec<u32>,
    /// Level of the small ring that is landed at.
    pub output_level: usize,
}

/// Why there is no bridge.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// Parameters of a key on the way, or its security.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// A ring on the way.
    #[error(transparent)]
    Rlwe(#[from] RlweError),
    /// Rings or levels that do not fit together.
    #[error("no bridge from ring degree 2^{small} to 2^{large}: {reason}")]
    Shape {
        /// log2 of the small ring's degree.
        small: u32,
        /// log2 of the large ring's degree.
        large: u32,
        /// What does not fit.
        reason: &'static str,
    },
}

impl From<RingError> for BridgeError {
    fn from(error: RingError) -> Self {
        Self::Rlwe(error.into())
    }
}

impl crate::error::Explain for BridgeError {}

/// Two rings, and the parameters of the keys between them. Holds no key.
#[derive(Debug)]
pub struct Bridge {
    shape: BridgeShape,
    small: Arc<Context>,
    large: Arc<Context>,
    enter: Arc<Context>,
    leave: Arc<Context>,
    /// Degree n, the large ring's lowest primes.
    narrow: Arc<Ring>,
    down: ModulusSwitch,
    up: ModulusSwitch,
}

impl Bridge {
    /// A bridge each of whose keys is within the cap of its weight and degree.
    ///
    /// # Errors
    /// [`BridgeError`]; [`ParamsError::InsecureKey`] names the key that is not.
    pub fn new(
        small: &Arc<Context>,
        large: &Arc<Context>,
        shape: BridgeShape,
    ) -> Result<Arc<Self>, BridgeError> {
        let bridge = Self::insecure_test(small, large, shape)?;
        check_keys(&bridge.key_moduli())?;
        Ok(bridge)
    }

    /// The same without the check of security: small rings for fast tests.
    ///
    /// # Errors
    /// As [`Bridge::new`], without [`ParamsError::InsecureKey`].
    pub fn insecure_test(
        small: &Arc<Context>,
        large: &Arc<Context>,
        shape: BridgeShape,
    ) -> Result<Arc<Self>, BridgeError> {
        let (s, l) = (small.params(), large.params());
        let fail = |reason| BridgeError::Shape {
            small: s.log_n(),
            large: l.log_n(),
            reason,
        };
        if l.log_n() <= s.log_n() {
            return Err(fail("the large ring must be larger"));
        }
        if shape.leave_level > l.max_level() || shape.output_level > s.max_level() {
            return Err(fail("a level is above its chain"));
        }
        if shape.weight == 0 || shape.weight as usize > l.n() {
            return Err(fail("the sparse key has no such weight"));
        }
        // A set of primes is found from the special ones on, always in one order: the large chain's, as long as sizes do not meet.
        let on_the_way = |level: usize, p_bits: &[u32], weight| -> Result<_, BridgeError> {
            let literal = ParamsLiteral {
                log_n: l.log_n(),
                q_bits: l.literal().q_bits[..=level].to_vec(),
                p_bits: p_bits.to_vec(),
                dnum: level as u32 + 1,
            };
            let params = Params::insecure_test_of_weight(literal, weight)?;
            if params.q() != &l.q()[..=level] {
                return Err(fail("chain and special primes must differ in size"));
            }
            Ok(Context::new(Arc::new(params))?)
        };
        let enter = on_the_way(0, &shape.enter_p_bits, Weight::Sparse(shape.weight))?;
        let leave = on_the_way(shape.leave_level, &shape.leave_p_bits, s.weight())?;
        let lowest = &l.q()[..=shape.leave_level];
        let narrow = Ring::new(s.log_n(), lowest, &[])?;
        Ok(Arc::new(Self {
            down: ModulusSwitch::new(&s.q()[..1], &narrow, 0)?,
            up: ModulusSwitch::new(lowest, small.ring(), shape.output_level)?,
            small: Arc::clone(small),
            large: Arc::clone(large),
            shape,
            enter,
            leave,
            narrow,
        }))
    }

    /// What was chosen.
    pub fn shape(&self) -> &BridgeShape {
        &self.shape
    }

    /// The small ring.
    pub fn small(&self) -> &Arc<Context> {
        &self.small
    }

    /// The large ring.
    pub fn large(&self) -> &Arc<Context> {
        &self.large
    }

    /// What [`KeyId::Enter`] is made under.
    pub fn entering(&self) -> &Arc<Context> {
        &self.enter
    }

    /// What [`KeyId::Leave`] is made under.
    pub fn leaving(&self) -> &Arc<Context> {
        &self.leave
    }

    /// Parameters of every key that a user of the bridge holds, by what it hides under: those of both rings, and the three of the way.
    pub fn key_moduli(&self) -> [KeyModulus; 5] {
        let (small, large) = (self.small.params(), self.large.params());
        let leave = self.leave.params().key_modulus(&KeyId::Leave.to_string());
        [
            small.key_modulus("keys of the small ring"),
            large.key_modulus("keys of the large ring"),
            self.enter.params().key_modulus(&KeyId::Enter.to_string()),
            large.key_modulus(&KeyId::Raise.to_string()),
            KeyModulus {
                log_n: small.log_n(),
                ..leave
            },
        ]
    }

    /// From level 0 of the small ring to the top level of the large one: a ciphertext of `gain (q'_0 / q_0) m(X^g) + q'_0 I`, with q_0 and q'_0 the
    /// lowest primes of both chains. I is an integer polynomial; each coefficient is within 1/2 of a sum of as many values
    /// of -1/2 .. 1/2 as the sparse key has weight. `gain` is exact.
    ///
    /// Two key switches in the large ring, one of a single digit and one at its top level.
    ///
    /// # Errors
    /// [`RlweError::Foreign`], [`RlweError::Basis`] unless the ciphertext is at level 0 of the small ring.
    pub fn enter(
        &self,
        keys: &BridgeKeys,
        ct: &Ciphertext,
        gain: u64,
    ) -> Result<Ciphertext, RlweError> {
        let basis = self.small.ring().basis(0);
        self.small.check_basis("ciphertext", ct.c0(), basis)?;
        let wide = [ct.c0(), ct.c1()].map(|c| {
            let c = self.down.apply(c, gain).into_coeff();
            c.spread(self.enter.ring()).into_ntt()
        });
        let [c0, c1] = switched(&self.enter, &wide, &keys.enter);
        let raise = |c: Poly<Ntt>| -> Result<_, RlweError> {
            let c = c.into_coeff();
            let top = self.large.params().max_level();
            Ok(c.raised(self.large.ring(), top)?.into_ntt())
        };
        let raised = [raise(c0)?, raise(c1)?];
        let [c0, c1] = switched(&self.large, &raised, &keys.raise);
        Ok(Ciphertext::new(c0, c1))
    }

    /// From the leave level of the large ring to the output level of the small one: a ciphertext of T/S times every g-th coefficient, with S
    /// and T the moduli of both levels.
    ///
    /// One key switch in the large ring.
    ///
    /// # Errors
    /// [`RlweError::Foreign`], [`RlweError::Basis`] unless the ciphertext is at that level of the large ring.
    pub fn leave(&self, keys: &BridgeKeys, ct: &Ciphertext) -> Result<Ciphertext, RlweError> {
        let level = self.shape.leave_level;
        let basis = self.large.ring().basis(level);
        self.large.check_basis("ciphertext", ct.c0(), basis)?;
        let moved = [ct.c0(), ct.c1()].map(|c| c.moved_to(self.leave.ring(), level));
        let [c0, c1] = switched(&self.leave, &moved, &keys.leave).map(|c| {
            let c = c.into_coeff().gathered(&self.narrow).into_ntt();
            self.up.apply(&c, 1)
        });
        Ok(Ciphertext::new(c0, c1))
    }
}

fn switched(context: &Context, ct: &[Poly<Ntt>; 2], key: &SwitchingKey) -> [Poly<Ntt>; 2] {
    KeySwitch::of(context, &ct[1], key).plus(&ct[0], None)
}

/// The keys of a bridge: the three of the way, and those of the large ring. Contains no secret.
#[derive(Clone, Debug)]
pub struct BridgeKeys {
    enter: SwitchingKey,
    raise: SwitchingKey,
    leave: SwitchingKey,
    large: EvaluationKeys,
}

impl BridgeKeys {
    /// From the keys of the way, in any order, and those of the large ring.
    ///
    /// # Errors
    /// [`RlweError::MissingKey`] where one of [`KeyId::Enter`], [`KeyId::Raise`], [`KeyId::Leave`] is not there;
    /// [`RlweError::Foreign`], [`RlweError::Basis`] for one that is of other parameters.
    pub fn new(
        bridge: &Bridge,
        way: Vec<SwitchingKey>,
        large: EvaluationKeys,
    ) -> Result<Self, RlweError> {
        let take = |id: KeyId, context: &Context| -> Result<SwitchingKey, RlweError> {
            let found = way.iter().find(|key| key.id() == id);
            let key = found.ok_or(RlweError::MissingKey { key: id })?;
            for b in key.b() {
                context.check_basis("switching key", b, context.key_basis())?;
            }
            Ok(key.clone())
        };
        if !Arc::ptr_eq(large.context(), &bridge.large) {
            return Err(RlweError::Foreign {
                what: "a set of evaluation keys",
            });
        }
        Ok(Self {
            enter: take(KeyId::Enter, &bridge.enter)?,
            raise: take(KeyId::Raise, &bridge.large)?,
            leave: take(KeyId::Leave, &bridge.leave)?,
            large,
        })
    }

    /// Keys of operations in the large ring.
    pub fn large(&self) -> &EvaluationKeys {
        &self.large
    }

    /// The keys of the way.
    pub fn way(&self) -> [&SwitchingKey; 3] {
        [&self.enter, &self.raise, &self.leave]
    }
}
