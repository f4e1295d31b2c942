//! One parameter set with keys and ciphertexts, and the operations that are timed on it.

use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt, CkksPlain, EvalError, Evaluator, Level, Placement};
use he_core::key_holder::{Decryptor, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::rlwe::{Context, KeyId, SecretKey};
use he_core::{ring::GaloisElement, wire};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};

use crate::Fallible;

/// Rotations of one decomposition.
pub(crate) const HOISTED: i64 = 16;
/// Rotations of one sum.
pub(crate) const SUMMED: i64 = 8;

/// An operation on ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Add,
    MulPlain,
    Mul,
    Rotate,
    /// 16 rotations out of one decomposition: the time is that of one.
    RotateHoisted,
    /// A sum of 8 rotations, double-hoisted.
    RotateSum,
    /// The same 8 rotations one by one.
    RotateSeparately,
}

impl Op {
    pub(crate) const ALL: [Self; 7] = [
        Self::Add,
        Self::MulPlain,
        Self::Mul,
        Self::Rotate,
        Self::RotateHoisted,
        Self::RotateSum,
        Self::RotateSeparately,
    ];

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::MulPlain => "ct x pt, rescale",
            Self::Mul => "ct x ct, relinearise, rescale",
            Self::Rotate => "rotate",
            Self::RotateHoisted => "rotate, one of 16 hoisted",
            Self::RotateSum => "sum of 8 rotations, double hoisting",
            Self::RotateSeparately => "sum of 8 rotations, one by one",
        }
    }

    /// How many operations one run is.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::RotateHoisted => HOISTED as usize,
            _ => 1,
        }
    }
}

/// A parameter set in short: `limbs` primes, the first of 47 bits, the others of `bits`; `special` primes of 48 bits; `dnum` digits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) log_n: u32,
    pub(crate) limbs: usize,
    pub(crate) bits: u32,
    pub(crate) special: usize,
    pub(crate) dnum: u32,
}

/// Bytes of one rotation key.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct KeyBytes {
    pub(crate) memory: u64,
    pub(crate) disk: u64,
}

/// An evaluator with its keys, and two ciphertexts at the top.
pub(crate) struct Bench {
    evaluator: Ckks,
    decryptor: SecretKeyDecryptor,
    key_bytes: KeyBytes,
    a: CkksCt,
    b: CkksCt,
    slots: Vec<Complex64>,
    plain: CkksPlain,
    scale: f64,
}

impl Bench {
    /// Makes parameters (secure ones only), keys and ciphertexts.
    pub(crate) fn new(shape: Shape) -> Fallible<Self> {
        let mut q_bits = vec![shape.bits; shape.limbs];
        q_bits[0] = 47;
        let params = Arc::new(Params::new(ParamsLiteral {
            log_n: shape.log_n,
            q_bits,
            p_bits: vec![48; shape.special],
            dnum: shape.dnum,
        })?);
        let context = Context::new(Arc::clone(&params))?;
        let key = Arc::new(SecretKey::generate(&context)?);
        let keys = key.evaluation_keys(&KeySet {
            relinearise: true,
            conjugate: false,
            rotations: (1..=HOISTED as usize).collect(),
        })?;
        let rotation = keys.get(KeyId::Galois(GaloisElement::rotation(1, shape.log_n)))?;
        let mut disk = Vec::new();
        wire::write_switching_key(&mut disk, "a rotation key", &context, rotation)?;
        let key_bytes = KeyBytes {
            // Both halves, when all digits are in use.
            memory: rotation
                .b()
                .iter()
                .map(|b| 2 * 8 * b.to_canonical().len() as u64)
                .sum(),
            disk: disk.len() as u64,
        };
        let scale = f64::from(shape.bits).exp2();
        let at = Placement {
            level: Level(params.max_level()),
            scale,
        };
        let slots: Vec<_> = (0..params.slots())
            .map(|i| Complex64::new((i as f64).sin(), (i as f64).cos()))
            .collect();
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&key))?;
        let evaluator = Ckks::new(keys)?;
        Ok(Self {
            a: encryptor.encrypt(&slots, at, 1.0)?,
            b: encryptor.encrypt(&slots, at, 1.0)?,
            plain: evaluator.plain(slots.clone())?,
            decryptor: SecretKeyDecryptor::new(key)?,
            evaluator,
            key_bytes,
            slots,
            scale,
        })
    }

    pub(crate) fn params(&self) -> &Params {
        self.evaluator.params()
    }

    pub(crate) fn key_bytes(&self) -> KeyBytes {
        self.key_bytes
    }

    /// log2 of the chain's product.
    pub(crate) fn log_q(&self) -> f64 {
        self.params().q().iter().map(|q| (*q as f64).log2()).sum()
    }

    /// Runs an operation once; of several results, gives the last.
    pub(crate) fn run(&self, op: Op) -> Result<CkksCt, EvalError> {
        let (e, a) = (&self.evaluator, &self.a);
        let rotations = || (1..=SUMMED).collect::<Vec<i64>>();
        match op {
            Op::Add => e.add(a, &self.b),
            Op::MulPlain => e.mul_plain(a, &self.plain, self.scale),
            Op::Mul => e.mul(a, &self.b),
            Op::Rotate => e.rotate(a, 1),
            Op::RotateHoisted => {
                let digits = e.hoist(a)?;
                (1..HOISTED).try_for_each(|k| e.rotate_hoisted(&digits, k).map(drop))?;
                e.rotate_hoisted(&digits, HOISTED)
            }
            Op::RotateSum => e.rotate_sum(a, &rotations()),
            Op::RotateSeparately => {
                let mut sum = e.rotate(a, 1)?;
                for k in 2..=SUMMED {
                    sum = e.add(&sum, &e.rotate(a, k)?)?;
                }
                Ok(sum)
            }
        }
    }

    /// Bits after the point that are right in the root mean square of all slots, after the operation.
    pub(crate) fn precision_bits(&self, op: Op) -> Fallible<f64> {
        let found = self.decryptor.decrypt(&self.run(op)?)?;
        let n = self.slots.len();
        let at = |i: usize, k: i64| self.slots[(i + k as usize) % n];
        let wanted = |i: usize| match op {
            Op::Add => at(i, 0) * 2.0,
            Op::MulPlain | Op::Mul => at(i, 0) * at(i, 0),
            Op::Rotate => at(i, 1),
            Op::RotateHoisted => at(i, HOISTED),
            Op::RotateSum | Op::RotateSeparately => (1..=SUMMED).map(|k| at(i, k)).sum(),
        };
        let squares: f64 = (0..n).map(|i| (found[i] - wanted(i)).norm_sqr()).sum();
        Ok(-0.5 * (squares / n as f64).log2())
    }
}
