//! A refresh that decrypts: the reference for others, for tests.

use num_complex::Complex64;

use super::{Decryptor, Encryptor};
use crate::circuits::Refresh;
use crate::evaluator::{EvalError, Evaluator, Level, Op, Placement, Refusal};
use crate::params::KeyLevels;

/// Standard errors that a refreshed slot may be beyond the bound of its values.
const SIGMAS: f64 = 16.0;
/// Probability that one slot is further away: see [`crate::conformance`].
const TAIL: f64 = 1.8e-13;

/// Decrypts and encrypts anew, in one process. **Insecure**: it sees all values, and it is for tests
/// only.
#[derive(Debug)]
pub struct InsecureTestRefresh<'a, S, O> {
    encryptor: &'a S,
    decryptor: &'a O,
    output: Placement,
    bound: f64,
    error: f64,
    slots: usize,
}

impl<'a, S, O> InsecureTestRefresh<'a, S, O> {
    /// Refreshes values of at most `bound` to `output`.
    ///
    /// # Errors
    /// A placement that `encryptor` refuses for values of this bound.
    pub fn new<E: Evaluator>(
        eval: &E,
        encryptor: &'a S,
        decryptor: &'a O,
        output: Placement,
        bound: f64,
    ) -> Result<Self, EvalError>
    where
        S: Encryptor<E>,
        O: Decryptor<E>,
    {
        let zeros = vec![Complex64::ZERO; eval.slots()];
        let probe = encryptor.encrypt(&zeros, output, bound)?;
        Ok(Self {
            encryptor,
            decryptor,
            output,
            bound,
            error: eval.meta(&probe).error(),
            slots: eval.slots(),
        })
    }
}

impl<E, S, O> Refresh<E> for InsecureTestRefresh<'_, S, O>
where
    E: Evaluator,
    S: Encryptor<E>,
    O: Decryptor<E>,
{
    fn input_level(&self) -> Level {
        Level(0)
    }

    fn output(&self) -> Placement {
        self.output
    }

    fn keys(&self) -> KeyLevels {
        KeyLevels::default()
    }

    fn bound(&self) -> f64 {
        self.bound
    }

    fn error(&self) -> f64 {
        self.error
    }

    fn log_failure(&self) -> f64 {
        (TAIL * self.slots as f64).log2()
    }

    fn refresh(&self, eval: &E, ct: &E::Ct) -> Result<E::Ct, EvalError> {
        let meta = eval.meta(ct);
        if meta.bound > self.bound {
            let refusal = Refusal::BoundExceeded {
                declared: self.bound,
                found: meta.bound,
            };
            return Err(refusal.of(Op::Refresh));
        }
        let slots = self.decryptor.decrypt(ct)?;
        let bound = meta.bound + SIGMAS * meta.error();
        let mut fresh =
            (self.encryptor).encrypt_inexact(&slots, self.output, bound, meta.error())?;
        eval.declare_rms(&mut fresh, meta.rms)?;
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::{insecure_test_params, key_set};
    use crate::evaluator::{Ckks, Clear, Meta, Simulator};
    use crate::key_holder::{
        ClearHolder, SecretKeyDecryptor, SecretKeyEncryptor, SimulatorEncryptor,
    };
    use crate::rlwe::{Context, SecretKey};

    const TOP: Placement = Placement {
        level: Level(6),
        scale: (1u64 << 36) as f64,
    };

    fn slots(n: usize) -> Vec<Complex64> {
        (0..n)
            .map(|i| Complex64::new((i as f64).sin() / 2.0, (1.7 * i as f64).cos() / 2.0))
            .collect()
    }

    /// z^4 by way of level 0: the metadata before and after the refresh, and the result.
    fn fourth_power<E: Evaluator, H: Encryptor<E>, O: Decryptor<E>>(
        eval: &E,
        encryptor: &H,
        decryptor: &O,
    ) -> ([Meta; 2], E::Ct) {
        let low = Placement {
            level: Level(1),
            ..TOP
        };
        let z = encryptor.encrypt(&slots(eval.slots()), low, 1.0).unwrap();
        let square = eval.mul(&z, &z).unwrap();
        assert_eq!(eval.meta(&square).level, Level(0));
        assert!(eval.mul(&square, &square).is_err());
        let refresh = InsecureTestRefresh::new(eval, encryptor, decryptor, TOP, 1.0).unwrap();
        let rows = eval.tally().rows();
        let fresh = refresh_of(&refresh, eval, &square).unwrap();
        assert_eq!(eval.tally().rows(), rows);
        let metas = [eval.meta(&square), eval.meta(&fresh)];
        let added = Refresh::<E>::error(&refresh);
        let expected = metas[0].error().hypot(added);
        assert!((metas[1].error() / expected - 1.0).abs() < 1e-12);
        assert_eq!(metas[1].placement(), Refresh::<E>::output(&refresh));

        // What is declared decides, not what the slots happen to be.
        let mut wide = square;
        eval.declare_bound(&mut wide, 1.5).unwrap();
        let error = refresh_of(&refresh, eval, &wide).map(|_| ()).unwrap_err();
        let cause = Refusal::BoundExceeded {
            declared: 1.0,
            found: 1.5,
        };
        assert_eq!(error, cause.of(Op::Refresh));
        (metas, eval.mul(&fresh, &fresh).unwrap())
    }

    fn refresh_of<E: Evaluator>(
        refresh: &impl Refresh<E>,
        eval: &E,
        ct: &E::Ct,
    ) -> Result<E::Ct, EvalError> {
        refresh.refresh(eval, ct)
    }

    #[test]
    fn a_refresh_gives_levels_again_on_every_evaluator() {
        let params = Arc::new(insecure_test_params().unwrap());
        let simulator = Simulator::new(Arc::clone(&params));
        let holder = SimulatorEncryptor(&simulator);
        let (simulated, _) = fourth_power(&simulator, &holder, &holder);

        let expected: Vec<_> = slots(params.slots()).iter().map(|z| z.powi(4)).collect();
        let clear = Clear::new(Arc::clone(&params));
        let holder = ClearHolder(&clear);
        let (metas, power) = fourth_power(&clear, &holder, &holder);
        assert_eq!(metas, simulated);
        // Four complex products of values below 1.
        for (a, b) in power.slots().iter().zip(&expected) {
            assert!((a - b).norm() < 1e-14);
        }

        let context = Context::new(Arc::clone(&params)).unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        let ckks = Ckks::new(key.evaluation_keys(&key_set(&params)).unwrap()).unwrap();
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
        let decryptor = SecretKeyDecryptor::new(key).unwrap();
        let (metas, power) = fourth_power(&ckks, &encryptor, &decryptor);
        assert_eq!(metas, simulated);
        let found = decryptor.decrypt(&power).unwrap();
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).norm() < SIGMAS * power.meta().error());
        }
    }
}
