//! What a bootstrapping costs and promises, and the bootstrapping.

use std::sync::Arc;

use super::circuit::{Circuit, FURTHEST, Needs};
use super::crossing::Crossing;
use super::crossings::SimulatorCrossing;
use super::shape::{BootstrapShape, MOST_SECOND};
use crate::circuits::Refresh;
use crate::ckks::noise;
use crate::evaluator::{
    CountedOp, EvalError, Evaluator, Level, Op, Placement, Refusal, SimulatedCt, Simulator,
};
use crate::params::KeyLevels;
use crate::rlwe::{Bridge, Context};

/// A bootstrapping as it can be known without data: the keys that it needs, what it adds to the error, how likely it fails.
///
/// Found by running its circuit on [`Simulator`].
#[derive(Debug)]
pub struct BootstrapPlan {
    bridge: Arc<Bridge>,
    shape: BootstrapShape,
    keys: KeyLevels,
    large_keys: KeyLevels,
    /// Root mean square of the noise, and the most that the sine errs by.
    noise: f64,
    inexact: f64,
    log_failure: f64,
    input_level: Level,
    output: Placement,
    /// Operations in the small ring and in the large one.
    work: [Work; 2],
}

/// Standard deviations that the worst slot's noise is stated with: of a sum of many independent terms, |z| of a slot exceeds them with probability 2^-52.
const NORMAL: f64 = 6.0;
/// The same for noise that is one product, of a rounding and the secret: |z| exceeds x of them with probability 2 x K_1(2 x), 2^-32 here
/// for x = 12, since some slots have a secret that is three times the usual size.
const LANDED: f64 = 12.0;

/// Operations by kind and level.
type Work = Vec<(CountedOp, Level, u64)>;

impl BootstrapPlan {
    /// The plan of a shape.
    ///
    /// # Errors
    /// A shape that its rings have no levels or no modulus for.
    pub fn new(bridge: &Arc<Bridge>, shape: BootstrapShape) -> Result<Arc<Self>, EvalError> {
        let small = Simulator::new(Arc::clone(bridge.small().params()));
        let crossing = SimulatorCrossing::new(bridge);
        let circuit = Circuit::new(&small, &crossing, &shape)?;
        let at = Placement {
            level: circuit.input_level(),
            scale: shape.output_scale,
        };
        // Without an error of its own: what comes out is what was added.
        let ct = small.fresh(at, shape.bound, 0.0)?;
        let out = circuit.run(&small, &crossing, &ct)?;
        let figures = shape.figures(bridge)?;
        let (error, inexact) = (small.meta(&out).error(), circuit.last_inexact(&crossing));
        let large = crossing.large();
        Ok(Arc::new(Self {
            keys: small.key_levels(),
            large_keys: large.key_levels(),
            noise: (error * error - inexact * inexact).max(0.0).sqrt(),
            inexact,
            log_failure: shape.log_failure(bridge, &figures),
            input_level: circuit.input_level(),
            output: circuit.output(),
            work: [small.tally().rows(), large.tally().rows()],
            bridge: Arc::clone(bridge),
            shape,
        }))
    }

    /// The same rings and keys with a second pass, which takes the error of the first away (ePrint 2022/1167, section 3.2): about
    /// twice the work, and the most bits that the circuit's bound and the scale of what comes out have room for.
    ///
    /// ```
    /// use he_core::circuits::bootstrap::BootstrapPreset;
    ///
    /// let once = BootstrapPreset::insecure_test().insecure_test_plan()?;
    /// let twice = once.with_second_pass()?;
    /// assert!(twice.precision_bits() > once.precision_bits() + 5.0);
    /// assert_eq!(twice.large_products(), 2 * once.large_products());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`BootstrapPlan::new`]; where one pass is no more precise than its bound, there is no second.
    pub fn with_second_pass(&self) -> Result<Arc<Self>, EvalError> {
        let mut bits = self.room();
        loop {
            let shape = BootstrapShape {
                second_pass: Some(bits),
                ..self.shape.clone()
            };
            match Self::new(&self.bridge, shape) {
                Err(error) if bits > 1 && matches!(error.cause, Refusal::BoundExceeded { .. }) => {
                    bits -= 1;
                }
                other => return other,
            }
        }
    }

    /// log2 of what the error of a pass can be multiplied by, the noise of landing so much lower with it, where only that changes.
    fn room(&self) -> u32 {
        let landing = self.landing();
        let fits = |bits: &u32| {
            let gain = f64::from(*bits).exp2();
            let more = landing * (gain * gain - 1.0).sqrt();
            let error = self.inexact + FURTHEST * self.noise.hypot(more);
            gain * error <= self.shape.bound
        };
        (1..=MOST_SECOND).rev().find(fits).unwrap_or(1)
    }

    /// The rings.
    pub fn bridge(&self) -> &Arc<Bridge> {
        &self.bridge
    }

    /// The shape.
    pub fn shape(&self) -> &BootstrapShape {
        &self.shape
    }

    /// Keys of the small ring, with their levels.
    pub fn keys(&self) -> &KeyLevels {
        &self.keys
    }

    /// Keys of the large ring, with their levels; the three of the way are not among them.
    pub fn large_keys(&self) -> &KeyLevels {
        &self.large_keys
    }

    /// Expected error of a slot: the noise, and the most that the sine errs by.
    pub fn error(&self) -> f64 {
        self.noise.hypot(self.inexact)
    }

    /// What the worst slot may err by: as much as the sine can, and six standard deviations of the noise; twelve of the part of it that two passes land with
    /// (`bootstrap::second`).
    pub fn worst_error(&self) -> f64 {
        let landing = match self.shape.second_pass {
            Some(_) => self.landing(),
            None => 0.0,
        };
        let other = (self.noise * self.noise - landing * landing)
            .max(0.0)
            .sqrt();
        self.inexact + (NORMAL * other).hypot(LANDED * landing)
    }

    /// Noise of the way back alone, in units of the values that come out.
    fn landing(&self) -> f64 {
        noise::leaving(&self.bridge, 0.0) / self.shape.output_scale
    }

    /// Bits of the bound that [`BootstrapPlan::worst_error`] leaves, for random and for constant slots.
    pub fn precision_bits(&self) -> f64 {
        -(self.worst_error() / self.shape.bound).log2()
    }

    /// log2 of a bound on the probability that a refresh fails, of whatever values.
    pub fn log_failure(&self) -> f64 {
        self.log_failure
    }

    /// Key products in the large ring: most of the work.
    pub fn large_products(&self) -> u64 {
        let products = |row: &&(CountedOp, Level, u64)| row.0 == CountedOp::KeyProduct;
        self.large_work().iter().filter(products).map(|r| r.2).sum()
    }

    /// Operations in the small ring, by kind and level.
    pub fn small_work(&self) -> &[(CountedOp, Level, u64)] {
        &self.work[0]
    }

    /// Operations in the large ring, by kind and level; the three key switches of the way are not among them, one of each a pass.
    pub fn large_work(&self) -> &[(CountedOp, Level, u64)] {
        &self.work[1]
    }

    /// Bytes of memory of all that only a bootstrapping needs: the keys of the way and of the large ring, both halves at 8 bytes a residue, and
    /// the encoded plaintexts of the maps.
    pub fn memory_bytes(&self) -> u64 {
        let at =
            |context: &Context, level: usize| 2 * 8 * context.params().half_key_residues(level);
        let one = |context: &Context| at(context, context.params().max_level());
        let plains = |context: &Context, work: &Work| {
            let products = work.iter().filter(|r| r.0 == CountedOp::PlainProduct);
            let limbs: u64 = products.map(|r| r.2 * (r.1.0 as u64 + 1)).sum();
            // Every pass multiplies by the same ones.
            limbs / u64::from(self.shape.passes()) * context.params().n() as u64 * 8
        };
        let bridge = &self.bridge;
        let [small, large] = &self.work;
        let large_keys = self.large_keys.levels();
        large_keys
            .map(|level| at(bridge.large(), level))
            .sum::<u64>()
            + one(bridge.large())
            + one(bridge.entering())
            + one(bridge.leaving())
            + plains(bridge.small(), small)
            + plains(bridge.large(), large)
    }

    /// Bytes of all keys on disk: one half of each, its residues packed.
    pub fn key_bytes(&self) -> u64 {
        let at = |context: &Context, level: usize| {
            let params = context.params();
            let primes = params.q()[..=level].iter().chain(params.p());
            let bits: u64 = primes.map(|p| u64::from(64 - p.leading_zeros())).sum();
            params.digits(level).count() as u64 * bits * params.n() as u64 / 8 + 32
        };
        let one = |context: &Context| at(context, context.params().max_level());
        let all = |context: &Context, keys: &KeyLevels| -> u64 {
            keys.levels().map(|level| at(context, level)).sum()
        };
        let bridge = &self.bridge;
        all(bridge.small(), &self.keys)
            + all(bridge.large(), &self.large_keys)
            + one(bridge.large())
            + one(bridge.entering())
            + one(bridge.leaving())
    }
}

/// Bootstrapping: [`Refresh`] by nobody but who holds the evaluation keys. See [the module](super) for its steps.
pub struct Bootstrap<E: Evaluator, C> {
    plan: Arc<BootstrapPlan>,
    crossing: C,
    circuit: Circuit<E>,
}

impl<E: Evaluator, C> std::fmt::Debug for Bootstrap<E, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap")
            .field("shape", &self.plan.shape)
            .finish_non_exhaustive()
    }
}

impl<E: Evaluator, C: Crossing<E>> Bootstrap<E, C> {
    /// Ready to run: plaintexts of the maps are made, encoded at their first use.
    ///
    /// # Errors
    /// A crossing of another bridge; as [`BootstrapPlan::new`].
    pub fn new(small: &E, crossing: C, plan: &Arc<BootstrapPlan>) -> Result<Self, EvalError> {
        if !std::ptr::eq(crossing.bridge(), Arc::as_ptr(&plan.bridge)) {
            return Err(Refusal::ForeignOperand.of(Op::Setup));
        }
        Ok(Self {
            circuit: Circuit::new(small, &crossing, &plan.shape)?,
            plan: Arc::clone(plan),
            crossing,
        })
    }

    /// The plan.
    pub fn plan(&self) -> &BootstrapPlan {
        &self.plan
    }

    /// The large ring's evaluator: its tally counts what was done there.
    pub fn large(&self) -> &E {
        self.crossing.large()
    }
}

impl<E: Evaluator, C: Crossing<E>> Refresh<E> for Bootstrap<E, C> {
    fn input_level(&self) -> Level {
        self.circuit.input_level()
    }

    fn output(&self) -> Placement {
        self.circuit.output()
    }

    fn keys(&self) -> KeyLevels {
        self.plan.keys.clone()
    }

    fn bound(&self) -> f64 {
        self.plan.shape.bound
    }

    fn error(&self) -> f64 {
        self.plan.error()
    }

    fn log_failure(&self) -> f64 {
        self.plan.log_failure()
    }

    /// # Errors
    /// Before any work: a level below [`Refresh::input_level`], a bound above [`Refresh::bound`]; with two passes, another scale than that of [`Refresh::output`]. A missing key.
    fn refresh(&self, eval: &E, ct: &E::Ct) -> Result<E::Ct, EvalError> {
        self.circuit.require(eval.meta(ct))?;
        self.circuit.run(eval, &self.crossing, ct)
    }
}

/// What the plan says of a ciphertext that is refreshed, without running the circuit: level, scale, work in the small ring and the stated error are
/// those of [`Bootstrap`].
impl Refresh<Simulator> for BootstrapPlan {
    fn input_level(&self) -> Level {
        self.input_level
    }

    fn output(&self) -> Placement {
        self.output
    }

    fn keys(&self) -> KeyLevels {
        self.keys.clone()
    }

    fn bound(&self) -> f64 {
        self.shape.bound
    }

    fn error(&self) -> f64 {
        self.error()
    }

    fn log_failure(&self) -> f64 {
        self.log_failure
    }

    fn refresh(&self, eval: &Simulator, ct: &SimulatedCt) -> Result<SimulatedCt, EvalError> {
        let meta = eval.meta(ct);
        let needs = Needs {
            level: self.input_level,
            bound: self.shape.bound,
            scale: self.shape.second_pass.map(|_| self.output.scale),
        };
        needs.require(meta)?;
        for &(op, level, count) in self.small_work() {
            eval.tally().count(op, level, count as usize);
        }
        let error = meta.error().hypot(self.error());
        let bound = meta.bound + self.inexact + FURTHEST * error;
        let mut out = eval.fresh(self.output, bound, error * self.output.scale)?;
        eval.declare_rms(&mut out, meta.rms)?;
        Ok(out)
    }
}
