//! The crossings of the three evaluators.

use std::sync::Arc;

use num_complex::Complex64;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::crossing::{Crossing, averaged, entered, foreign, left, modulus, repeated, same};
use crate::ckks::encode::Encoder;
use crate::evaluator::{
    Ckks, CkksCt, Clear, ClearCt, EvalError, Evaluator, Meta, Op, Refusal, SimulatedCt, Simulator,
};
use crate::rlwe::{Bridge, BridgeKeys, RlweError};

fn refused(error: RlweError) -> EvalError {
    Refusal::of_scheme(error).of(Op::Refresh)
}

/// On ciphertexts. Holds evaluation keys only.
#[derive(Debug)]
pub struct CkksCrossing {
    bridge: Arc<Bridge>,
    keys: BridgeKeys,
    large: Ckks,
}

impl CkksCrossing {
    /// The way by these keys.
    ///
    /// # Errors
    /// Keys of another bridge.
    pub fn new(bridge: &Arc<Bridge>, keys: BridgeKeys) -> Result<Self, EvalError> {
        if !Arc::ptr_eq(keys.large().context(), bridge.large()) {
            return Err(foreign());
        }
        Ok(Self {
            bridge: Arc::clone(bridge),
            large: Ckks::new(keys.large().clone())?,
            keys,
        })
    }
}

impl Crossing<Ckks> for CkksCrossing {
    fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    fn large(&self) -> &Ckks {
        &self.large
    }

    fn enter(&self, small: &Ckks, ct: &CkksCt, gain: u64) -> Result<CkksCt, EvalError> {
        same(&self.bridge, small.params())?;
        let meta = entered(&self.bridge, &ct.meta(), gain)?;
        let data = self.bridge.enter(&self.keys, ct.ciphertext(), gain);
        let mut out = CkksCt::admit(self.bridge.large(), data.map_err(refused)?, meta)?;
        self.large.declare_rms(&mut out, meta.rms)?;
        Ok(out)
    }

    fn leave(&self, small: &Ckks, ct: &CkksCt, inexact: f64) -> Result<CkksCt, EvalError> {
        let meta = left(&self.bridge, &ct.meta(), inexact)?;
        let data = self.bridge.leave(&self.keys, ct.ciphertext());
        let mut out = CkksCt::admit(self.bridge.small(), data.map_err(refused)?, meta)?;
        small.declare_rms(&mut out, meta.rms)?;
        Ok(out)
    }
}

/// In clear. The multiples of q_0 that a ciphertext would carry are drawn as they are distributed there, from a stream that is always
/// the same: so the twin has the error of the sine over all of its range.
#[derive(Debug)]
pub struct ClearCrossing {
    bridge: Arc<Bridge>,
    large: Clear,
    /// Slots of I.
    overflow: Vec<Complex64>,
}

/// Seed of the stream of [`ClearCrossing`].
const OVERFLOW_SEED: u64 = 0x0076_656c_756d;

impl ClearCrossing {
    /// The twin of a bridge.
    ///
    /// # Errors
    /// None for rings of supported degree.
    pub fn new(bridge: &Arc<Bridge>) -> Result<Self, EvalError> {
        let params = bridge.large().params();
        let mut rng = ChaCha20Rng::seed_from_u64(OVERFLOW_SEED);
        let weight = bridge.shape().weight;
        // Uniform in -1/2 .. 1/2, on a grid of 2^-53.
        let uniform = |rng: &mut ChaCha20Rng| (rng.next_u64() >> 11) as f64 * (-53f64).exp2() - 0.5;
        let coefficients: Vec<f64> = (0..params.n())
            .map(|_| (0..weight).map(|_| uniform(&mut rng)).sum::<f64>().round())
            .collect();
        let encoder = Encoder::new(params.log_n());
        let slots = encoder.and_then(|e| e.decode(&coefficients, 1.0));
        Ok(Self {
            bridge: Arc::clone(bridge),
            large: Clear::new(Arc::clone(params)),
            overflow: slots.map_err(|e| Refusal::Plaintext(e.into()).of(Op::Setup))?,
        })
    }
}

impl Crossing<Clear> for ClearCrossing {
    fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    fn large(&self) -> &Clear {
        &self.large
    }

    fn enter(&self, small: &Clear, ct: &ClearCt, gain: u64) -> Result<ClearCt, EvalError> {
        same(&self.bridge, small.params())?;
        let meta = entered(&self.bridge, &small.meta(ct), gain)?;
        let unit = modulus(&self.bridge) / meta.scale;
        let times = self.large.slots() / small.slots();
        let slots = repeated(ct.slots(), times).into_iter();
        let slots = slots.zip(&self.overflow).map(|(z, i)| z + i * unit);
        fresh(&self.large, slots.collect(), &meta)
    }

    fn leave(&self, small: &Clear, ct: &ClearCt, inexact: f64) -> Result<ClearCt, EvalError> {
        let meta = left(&self.bridge, &self.large.meta(ct), inexact)?;
        fresh(small, averaged(ct.slots(), small.slots()), &meta)
    }
}

fn fresh(eval: &Clear, slots: Vec<Complex64>, meta: &Meta) -> Result<ClearCt, EvalError> {
    let mut out = eval.fresh(slots, meta.placement(), meta.bound, meta.noise)?;
    eval.declare_rms(&mut out, meta.rms)?;
    Ok(out)
}

/// On metadata alone.
#[derive(Debug)]
pub struct SimulatorCrossing {
    bridge: Arc<Bridge>,
    large: Simulator,
}

impl SimulatorCrossing {
    /// The way of a bridge, without data.
    pub fn new(bridge: &Arc<Bridge>) -> Self {
        Self {
            bridge: Arc::clone(bridge),
            large: Simulator::new(Arc::clone(bridge.large().params())),
        }
    }
}

impl Crossing<Simulator> for SimulatorCrossing {
    fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    fn large(&self) -> &Simulator {
        &self.large
    }

    fn enter(
        &self,
        small: &Simulator,
        ct: &SimulatedCt,
        gain: u64,
    ) -> Result<SimulatedCt, EvalError> {
        same(&self.bridge, small.params())?;
        let meta = entered(&self.bridge, &small.meta(ct), gain)?;
        simulated(&self.large, &meta)
    }

    fn leave(
        &self,
        small: &Simulator,
        ct: &SimulatedCt,
        inexact: f64,
    ) -> Result<SimulatedCt, EvalError> {
        let meta = left(&self.bridge, &self.large.meta(ct), inexact)?;
        simulated(small, &meta)
    }
}

fn simulated(eval: &Simulator, meta: &Meta) -> Result<SimulatedCt, EvalError> {
    let mut out = eval.fresh(meta.placement(), meta.bound, meta.noise)?;
    eval.declare_rms(&mut out, meta.rms)?;
    Ok(out)
}
