//! Keys, encryption, scoring and decryption under BFV, by the library `sunscreen`.
//!
//! The 8192 slots of a ciphertext are floor(8192/n) *blocks* of the n rows; a block holds one feature. A row's score is the sum over ciphertexts, on
//! the server, and over blocks, after decryption: no rotation, no Galois key. The library has no product of a ciphertext and a plaintext vector, so
//! the server encrypts the model's integers under the public key and multiplies ciphertexts, with one relinearisation each.

use he_core::error::{Class, Explain};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sunscreen::types::Cipher;
use sunscreen::types::bfv::Batched;
pub use sunscreen::{Ciphertext, PrivateKey, PublicKey};
use sunscreen::{
    CompiledFheProgram, Compiler, FheRuntime, InnerCiphertext, Params, SchemeType, SecurityLevel,
    fhe_program,
};
use thiserror::Error;

use super::plan::{ExactPlan, MODULUS, SLOTS};
use super::quantised::Quantised;

const HALF: usize = SLOTS / 2;

#[fhe_program(scheme = "bfv")]
fn product(x: Cipher<Batched<4096>>, w: Cipher<Batched<4096>>) -> Cipher<Batched<4096>> {
    x * w
}

#[fhe_program(scheme = "bfv")]
fn sum(x: Cipher<Batched<4096>>, y: Cipher<Batched<4096>>) -> Cipher<Batched<4096>> {
    x + y
}

/// What the slots of an honest answer stay within. The scores are shown to others: those of a forged ciphertext are functions of the key.
///
/// A forger has no Galois key, so that it cannot choose single slots: each slot of what it makes of (0, delta) is a sum over the whole key, as if drawn from all
/// residues modulo t. Half of these at least are out of range, and there are thousands of slots.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Features, the constant one included.
    features: usize,
    /// Of a product of a feature and its weight.
    product: i64,
    /// Of a whole score.
    score: i64,
}

impl Limits {
    fn of(plan: &ExactPlan) -> Self {
        let bits = 63 - plan.plain_modulus().leading_zeros();
        Self {
            features: plan.features() + 1,
            // Weights round to ten bits and a sign.
            product: plan.largest() << 10,
            // The modulus was chosen with more than a bit to spare.
            score: (1 << bits) / 2,
        }
    }

    /// Of block `block`, where `blocks` of them are in a ciphertext: its features' products; the last feature's weight is an intercept of any size.
    fn of_block(&self, block: usize, blocks: usize) -> i64 {
        let count = self.features.saturating_sub(block).div_ceil(blocks);
        let last = (self.features - 1) % blocks == block;
        let products = i64::try_from(count)
            .unwrap_or(i64::MAX)
            .saturating_mul(self.product);
        if last {
            self.score
        } else {
            products.min(self.score)
        }
    }

    /// # Errors
    /// [`ExactError::Beyond`].
    fn check(&self, slots: &[i64], rows: usize) -> Result<(), ExactError> {
        let blocks = SLOTS / rows.max(1);
        let allowed = |slot: usize| match slot / rows.max(1) {
            block if block < blocks => self.of_block(block, blocks),
            _ => 0,
        };
        let within =
            |(slot, value): (usize, &i64)| value.unsigned_abs() <= allowed(slot).unsigned_abs();
        let score = |row: usize| {
            (0..blocks)
                .map(|block| slots[block * rows + row])
                .sum::<i64>()
        };
        let scores = (0..rows).all(|row| score(row).unsigned_abs() <= self.score.unsigned_abs());
        if scores && slots.iter().enumerate().all(within) {
            Ok(())
        } else {
            Err(ExactError::Beyond)
        }
    }
}

/// Why an exact prediction is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExactError {
    /// The library refused.
    #[error("{step}: {reason}")]
    Library {
        /// What was being done.
        step: &'static str,
        /// What the library said.
        reason: String,
    },
    /// Ciphertexts or keys of other parameters, or another number of them.
    #[error("expected {expected}, found others")]
    Foreign {
        /// What belongs here.
        expected: String,
    },
    /// Decrypted integers that no honest answer holds.
    #[error(
        "expected scores within the plan's bounds, and nothing where no row is, found others: these are no scores of the plan's model"
    )]
    Beyond,
}

impl Explain for ExactError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Foreign { .. } => "all files of a prediction are made under one plan",
            Self::Beyond => {
                "show nobody that it was refused; the server must score the rows with this plan's model, for a new key"
            }
            Self::Library { .. } => return None,
        };
        Some(hint.to_owned())
    }

    fn class(&self) -> Class {
        match self {
            Self::Beyond => Class::Verification,
            Self::Library { .. } | Self::Foreign { .. } => Class::Input,
        }
    }
}

fn library<E: std::fmt::Display>(step: &'static str) -> impl Fn(E) -> ExactError + Copy {
    move |error| ExactError::Library {
        step,
        reason: error.to_string(),
    }
}

/// Keys or ciphertexts as bytes.
///
/// # Errors
/// [`ExactError::Library`].
pub fn to_bytes<T: Serialize>(content: &T) -> Result<Vec<u8>, ExactError> {
    bincode::serialize(content).map_err(library("writing"))
}

/// Keys or ciphertexts from bytes. [`Scheme`] checks that their parameters are the plan's before it uses them.
///
/// # Errors
/// [`ExactError::Library`].
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ExactError> {
    bincode::deserialize(bytes).map_err(library("reading"))
}

/// The scheme under a plan's parameters.
pub struct Scheme {
    runtime: FheRuntime,
    params: Params,
    product: CompiledFheProgram,
    sum: CompiledFheProgram,
    limits: Limits,
}

impl std::fmt::Debug for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheme")
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

impl Scheme {
    /// The scheme of a plan.
    ///
    /// # Errors
    /// [`ExactError::Library`]: none for a checked plan.
    pub fn new(plan: &ExactPlan) -> Result<Self, ExactError> {
        let params = Params {
            lattice_dimension: SLOTS as u64,
            coeff_modulus: MODULUS.to_vec(),
            plain_modulus: plan.plain_modulus(),
            scheme_type: SchemeType::Bfv,
            security_level: SecurityLevel::TC128,
        };
        let compiled = Compiler::new()
            .fhe_program(product)
            .fhe_program(sum)
            .with_params(&params)
            .compile();
        let application = compiled.map_err(library("parameters"))?;
        let missing = || ExactError::Library {
            step: "parameters",
            reason: "a program is missing".to_owned(),
        };
        Ok(Self {
            product: application
                .get_fhe_program(product)
                .cloned()
                .ok_or_else(&missing)?,
            sum: application
                .get_fhe_program(sum)
                .cloned()
                .ok_or_else(&missing)?,
            runtime: FheRuntime::new(&params).map_err(library("parameters"))?,
            params,
            limits: Limits::of(plan),
        })
    }

    /// A fresh pair of keys, from the library's randomness. The public one goes to the server: it encrypts, and relinearises.
    ///
    /// # Errors
    /// [`ExactError::Library`].
    pub fn generate_keys(&self) -> Result<(PublicKey, PrivateKey), ExactError> {
        let (mut public, private) = self.runtime.generate_keys().map_err(library("keys"))?;
        // Nothing is rotated, and these are most of the bytes.
        public.galois_key = None;
        Ok((public, private))
    }

    /// Ciphertexts of a batch of `rows` rows.
    pub fn parts(plan: &ExactPlan, rows: usize) -> usize {
        (plan.features() + 1).div_ceil(SLOTS / rows.max(1))
    }

    /// Encrypts integer rows, n x (d + 1), of [`ExactPlan::quantise`].
    ///
    /// # Errors
    /// [`ExactError::Library`].
    pub fn encrypt(
        &self,
        public: &PublicKey,
        rows: ArrayView2<'_, i64>,
    ) -> Result<Vec<Ciphertext>, ExactError> {
        self.check_public(public)?;
        let blocks = SLOTS / rows.nrows();
        (0..rows.ncols().div_ceil(blocks))
            .into_par_iter()
            .map(|part| {
                self.seal(public, |slot| {
                    rows.get((slot % rows.nrows(), part * blocks + slot / rows.nrows()))
                        .copied()
                })
            })
            .collect()
    }

    fn seal(
        &self,
        public: &PublicKey,
        value: impl Fn(usize) -> Option<i64>,
    ) -> Result<Ciphertext, ExactError> {
        let half = |start: usize| {
            (start..start + HALF)
                .map(|slot| value(slot).unwrap_or(0))
                .collect::<Vec<i64>>()
        };
        let batch =
            Batched::<4096>::try_from([half(0), half(HALF)]).map_err(library("encoding"))?;
        self.runtime
            .encrypt(batch, public)
            .map_err(library("encryption"))
    }

    /// Scores a batch of `rows` encrypted rows: a ciphertext a class. c parts products and relinearisations.
    ///
    /// # Errors
    /// [`ExactError`].
    pub fn score(
        &self,
        public: &PublicKey,
        encrypted: &[Ciphertext],
        rows: usize,
        model: &Quantised,
    ) -> Result<Vec<Ciphertext>, ExactError> {
        self.check_public(public)?;
        self.check(encrypted)?;
        let blocks = SLOTS / rows.max(1);
        let run = |program, a: Ciphertext, b: Ciphertext| {
            let made = self
                .runtime
                .run(program, vec![a, b], public)
                .map_err(library("scoring"))?;
            made.into_iter().next().ok_or(ExactError::Library {
                step: "scoring",
                reason: "no result".to_owned(),
            })
        };
        let weights = model.weights();
        (0..weights.nrows())
            .map(|class| {
                let products = encrypted
                    .par_iter()
                    .enumerate()
                    .map(|(part, x)| {
                        let weight = |slot: usize| {
                            let block = slot / rows;
                            (block < blocks)
                                .then(|| weights.get((class, part * blocks + block)).copied())
                                .flatten()
                        };
                        run(&self.product, x.clone(), self.seal(public, weight)?)
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                let mut products = products.into_iter();
                let first = products.next().ok_or_else(|| foreign("encrypted rows"))?;
                products.try_fold(first, |total, next| run(&self.sum, total, next))
            })
            .collect()
    }

    /// Integer scores, n x c.
    ///
    /// # Errors
    /// [`ExactError`]: another key gives a refusal by the library, which finds no room below the noise; [`ExactError::Beyond`] for what no honest server answers.
    pub fn decrypt(
        &self,
        private: &PrivateKey,
        scores: &[Ciphertext],
        rows: usize,
    ) -> Result<Array2<i64>, ExactError> {
        self.check(scores)?;
        let blocks = SLOTS / rows.max(1);
        let mut found = Array2::zeros((rows, scores.len()));
        for (class, ct) in scores.iter().enumerate() {
            let opened: Batched<4096> = self
                .runtime
                .decrypt(ct, private)
                .map_err(library("decryption"))?;
            let [low, high]: [Vec<i64>; 2] = opened.into();
            let slots = [low, high].concat();
            self.limits.check(&slots, rows)?;
            for row in 0..rows {
                found[[row, class]] = (0..blocks).map(|block| slots[block * rows + row]).sum();
            }
        }
        Ok(found)
    }

    fn check_public(&self, public: &PublicKey) -> Result<(), ExactError> {
        let relinearises = public
            .relin_key
            .as_ref()
            .is_some_and(|key| key.params == self.params);
        if public.public_key.params == self.params && relinearises {
            Ok(())
        } else {
            Err(foreign("a public key of the plan's parameters"))
        }
    }

    /// The library trusts the parameters that a ciphertext names; here they must be the plan's.
    fn check(&self, ciphertexts: &[Ciphertext]) -> Result<(), ExactError> {
        let good = ciphertexts.iter().all(|ct| match &ct.inner {
            InnerCiphertext::Seal(all) => {
                all.len() == 1 && all.iter().all(|one| one.params == self.params)
            }
        });
        if good {
            Ok(())
        } else {
            Err(foreign("ciphertexts of the plan's parameters"))
        }
    }
}

fn foreign(expected: &str) -> ExactError {
    ExactError::Foreign {
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Provenance};
    use ndarray::Array1;

    #[test]
    fn exact_scores_equal_the_quantised_model_on_every_row() {
        let weights = Array2::from_shape_fn((3, 40), |(k, j)| (k as f64 + 1.3 * j as f64).sin());
        let provenance = Provenance {
            method: "made up".to_owned(),
            encrypted: false,
            iterations: 0,
            training_rows: 1,
            plan_blake3: None,
            certified_bits: None,
        };
        let model = Model::new(
            weights,
            Array1::from(vec![0.5, -3.0, 1.0]),
            None,
            provenance,
        )
        .unwrap();
        let x = Array2::from_shape_fn((700, 40), |(i, j)| {
            5.0 * ((i * (j + 3)) as f64 * 0.37).cos()
        });
        let plan = ExactPlan::new(&model, x.view(), 700).unwrap();
        assert_eq!(ExactPlan::parse(&plan.to_json()).unwrap(), plan);
        let rows = plan.quantise(x.view()).unwrap();
        let quantised = Quantised::new(&model, plan.steps());
        let expected = quantised.scores(rows.view());
        // Rounding moves a score by little: 41 terms of at most 5 x 2^-10 and 1 x 2^-7 each.
        let clear = model.scores(x.view()).unwrap();
        let distance = &expected.mapv(|z| z as f64 * plan.steps().score()) - &clear;
        assert!(
            distance
                .iter()
                .all(|d| d.abs() < 41.0 * (5.0 / 1024.0 + 1.0 / 128.0))
        );

        let scheme = Scheme::new(&plan).unwrap();
        let (public, private) = scheme.generate_keys().unwrap();
        let encrypted = scheme.encrypt(&public, rows.view()).unwrap();
        assert_eq!(encrypted.len(), Scheme::parts(&plan, 700));
        let scores = scheme.score(&public, &encrypted, 700, &quantised).unwrap();
        assert_eq!(scheme.decrypt(&private, &scores, 700).unwrap(), expected);
        let budget = scores
            .iter()
            .map(|ct| scheme.runtime.measure_noise_budget(ct, &private).unwrap());
        assert!(budget.min().unwrap() >= 20);
        // 492 slots stand for no row, and blocks are bounded by their features: what an honest server does not make is not shown.
        for forged in [
            scheme
                .seal(&public, |slot| Some((slot as i64 * 7_919) % (1 << 30)))
                .unwrap(),
            scheme
                .seal(&public, |slot| (slot >= 11 * 700).then_some(1))
                .unwrap(),
            scheme
                .seal(&public, |slot| {
                    (slot == 5).then_some(plan.plain_modulus() as i64 / 2)
                })
                .unwrap(),
        ] {
            let mut answer = scores.clone();
            answer[1] = forged;
            let refused = scheme.decrypt(&private, &answer, 700).unwrap_err();
            assert_eq!(refused.class(), Class::Verification, "{refused}");
        }
        // Another key finds no room below the noise.
        let (other, stranger) = scheme.generate_keys().unwrap();
        assert!(scheme.decrypt(&stranger, &scores, 700).is_err());
        drop(other);
    }

    #[test]
    fn what_survives_a_file_is_what_went_in() {
        let scheme_of = |bits: f64| {
            let weights = Array2::from_shape_fn((2, 3), |(k, j)| bits * (k as f64 - j as f64));
            let provenance = Provenance {
                method: "made up".to_owned(),
                encrypted: false,
                iterations: 0,
                training_rows: 1,
                plan_blake3: None,
                certified_bits: None,
            };
            let model = Model::new(weights, Array1::zeros(2), None, provenance).unwrap();
            let x = Array2::from_shape_fn((4, 3), |(i, j)| (i * j) as f64);
            let plan = ExactPlan::new(&model, x.view(), 4).unwrap();
            let rows = plan.quantise(x.view()).unwrap();
            (
                Scheme::new(&plan).unwrap(),
                rows,
                Quantised::new(&model, plan.steps()),
            )
        };
        let (scheme, rows, model) = scheme_of(1.0);
        let (public, private) = scheme.generate_keys().unwrap();
        let public: PublicKey =
            bincode::deserialize(&bincode::serialize(&public).unwrap()).unwrap();
        let private: PrivateKey =
            bincode::deserialize(&bincode::serialize(&private).unwrap()).unwrap();
        let encrypted = scheme.encrypt(&public, rows.view()).unwrap();
        let bytes = bincode::serialize(&encrypted).unwrap();
        let encrypted: Vec<Ciphertext> = bincode::deserialize(&bytes).unwrap();
        let scores = scheme.score(&public, &encrypted, 4, &model).unwrap();
        assert_eq!(
            scheme.decrypt(&private, &scores, 4).unwrap(),
            model.scores(rows.view())
        );
        assert!(bincode::deserialize::<Vec<Ciphertext>>(&bytes[..bytes.len() / 2]).is_err());
    }
}
