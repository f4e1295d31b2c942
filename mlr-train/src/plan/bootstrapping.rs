//! The bootstrapping of a plan: its rings and keys, and what it promises.

use std::sync::Arc;

use he_core::circuits::bootstrap::{BootstrapPlan, BootstrapPreset, BootstrapShape, PresetError};
use he_core::evaluator::{CountedOp, Level};
use he_core::params::sparse::Weight;
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::rlwe::{BridgeShape, KeyId};
use serde::{Deserialize, Serialize};

use super::cost::{self, Rates};
use super::error::PlanError;
use crate::job::Job;
use crate::server::{packed_bound, packed_ciphertexts};

/// A refresh of W and V fails with at most this probability, log2, over all refreshes of a run: one that a decryption shows tells of the key.
const MOST_FAILURE: f64 = -64.0;
/// Declared bounds are sums and products of numbers that round.
const SLACK: f64 = 1.0 + 1e-9;

/// What a plan writes of its bootstrapping, besides the training's own ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapSet {
    /// The large ring.
    pub large: ParamsLiteral,
    /// The secret of the large ring.
    pub large_weight: Weight,
    /// The keys of the way between the rings, the sparse one among them.
    pub bridge: BridgeShape,
    /// The circuit, and the bound of |W + iV|.
    pub shape: BootstrapShape,
}

/// What a plan says of its bootstrapping, and what does not follow from anything else in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapEstimate {
    /// Keys of the large ring; the three of the way are not among them.
    pub keys: KeySet,
    /// Bytes of these and of the way's.
    pub key_bytes: u64,
    /// Ciphertexts that a refresh bootstraps.
    pub ciphertexts: u64,
    /// log2 of the probability that any refresh of the run fails, rounded up.
    pub failure_log2: i64,
    /// -log2 of the most that a value is off by after a refresh, in hundredths of a bit, rounded down.
    pub precision_centibits: i64,
    /// log2 of the large ring's whole modulus, in tenths, rounded up.
    pub log_qp_tenths: u64,
}

impl BootstrapEstimate {
    /// The first field in which `other` differs by more than the last digit of a rounded logarithm.
    pub(super) fn disagreement(&self, other: &Self) -> Option<&'static str> {
        let near = |a: i64, b: i64| a.abs_diff(b) <= 1;
        let fields = [
            ("key set of the bootstrapping", self.keys == other.keys),
            ("its key size", self.key_bytes == other.key_bytes),
            ("its ciphertexts", self.ciphertexts == other.ciphertexts),
            (
                "its probability of failure",
                near(self.failure_log2, other.failure_log2),
            ),
            (
                "its precision",
                near(self.precision_centibits, other.precision_centibits),
            ),
            (
                "its modulus",
                self.log_qp_tenths.abs_diff(other.log_qp_tenths) <= 1,
            ),
        ];
        fields.into_iter().find(|field| !field.1).map(|f| f.0)
    }
}

/// A checked bootstrapping: every key is within the cap of its own security table, unless the training's ring is an insecure one for tests.
#[derive(Clone, Debug)]
pub struct Bootstrapping {
    set: BootstrapSet,
    plan: Arc<BootstrapPlan>,
}

impl PartialEq for Bootstrapping {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set
    }
}

impl Bootstrapping {
    /// The set for weights of at most `bound` that come back at `output_level`.
    pub(super) fn for_weights(
        params: &Params,
        output_level: Level,
        bound: f64,
    ) -> Result<Self, PlanError> {
        let small = params.literal().clone();
        let preset = BootstrapPreset::of_ring(small, output_level.0, bound * SLACK);
        let set = BootstrapSet {
            large: preset.large,
            large_weight: preset.large_weight,
            bridge: preset.bridge,
            shape: preset.shape,
        };
        Self::of_set(set, params)
    }

    /// The same with so many passes, one or two. A second is about as much work again, for as many more bits as scale and bound have room for.
    pub(super) fn with_passes(self, passes: u32) -> Result<Self, PlanError> {
        if passes < 2 {
            return Ok(self);
        }
        let plan = self.plan.with_second_pass().map_err(PresetError::from)?;
        let shape = plan.shape().clone();
        Ok(Self {
            set: BootstrapSet { shape, ..self.set },
            plan,
        })
    }

    /// A set as a plan writes it.
    pub(super) fn of_set(set: BootstrapSet, params: &Params) -> Result<Self, PlanError> {
        let all = set.clone();
        let preset = BootstrapPreset {
            small: params.literal().clone(),
            large: all.large,
            large_weight: all.large_weight,
            bridge: all.bridge,
            shape: all.shape,
        };
        let plan = if params.security().bits() == 0 {
            preset.insecure_test_plan()?
        } else {
            preset.plan()?
        };
        Ok(Self { set, plan })
    }

    /// Refuses a job whose weights this does not refresh as the plan says: levels, bound, failures, precision.
    pub(super) fn require(&self, job: &Job) -> Result<(), PlanError> {
        let shape = self.plan.shape();
        let check = |what, expected: f64, found: f64, good: bool| {
            if good {
                return Ok(());
            }
            Err(PlanError::Bootstrap {
                what,
                expected,
                found,
            })
        };
        let (begin, factors) = (job.bootstrap_level(), shape.to_coefficients.len());
        let level = factors as f64;
        check(
            "levels to coefficients",
            begin as f64,
            level,
            begin == factors,
        )?;
        let (landed, output) = (job.levels().landed().0, self.set.bridge.output_level);
        check(
            "level that weights come back at",
            landed as f64,
            output as f64,
            landed <= output,
        )?;
        let bound = packed_bound(job);
        check("bound of W + iV", bound, shape.bound, bound <= shape.bound)?;
        let failure = self.log_failure(job);
        check(
            "log2 of the probability of failure",
            MOST_FAILURE,
            failure,
            failure <= MOST_FAILURE,
        )?;
        let allowed = job.program().refresh.map_or(0.0, |r| r.largest_error());
        let worst = self.plan.worst_error();
        check("error of a refresh", allowed, worst, worst <= allowed)
    }

    /// Bits that no value loses, in units of the value.
    pub(super) fn bits(&self) -> i32 {
        (-self.plan.worst_error().log2()).floor().clamp(0.0, 40.0) as i32
    }

    fn log_failure(&self, job: &Job) -> f64 {
        let count = job.refreshes() * packed_ciphertexts(job.layout());
        (self.plan.log_failure() + (count as f64).log2()).min(0.0)
    }

    pub(super) fn estimate(&self, job: &Job) -> BootstrapEstimate {
        let large = self.plan.bridge().large().params();
        let own = cost::key_bytes(self.plan.bridge().small().params(), self.plan.keys());
        BootstrapEstimate {
            keys: self.plan.large_keys().set(),
            key_bytes: self.plan.key_bytes().saturating_sub(own),
            ciphertexts: packed_ciphertexts(job.layout()) as u64,
            failure_log2: self.log_failure(job).ceil() as i64,
            precision_centibits: (-100.0 * self.plan.worst_error().log2()).floor() as i64,
            log_qp_tenths: (large.log_qp() * 10.0).ceil() as u64,
        }
    }

    /// Seconds of one refresh, on one core, once the keys are read.
    pub(super) fn work_seconds(&self, job: &Job, rates: &Rates) -> f64 {
        let bridge = self.plan.bridge();
        let large = bridge.large().params();
        let work = |params: &Params, rows: &[(CountedOp, Level, u64)]| -> f64 {
            let one = |(op, level, count): &(CountedOp, Level, u64)| {
                rates.seconds(params, *op, *level) * *count as f64
            };
            rows.iter().map(one).sum()
        };
        let switch = |params: &Params| {
            let top = Level(params.max_level());
            [
                CountedOp::Decompose,
                CountedOp::KeyProduct,
                CountedOp::ModDown,
            ]
            .map(|op| (op, top, 1))
            .iter()
            .map(|(op, level, _)| rates.seconds(params, *op, *level))
            .sum::<f64>()
        };
        let way =
            switch(bridge.entering().params()) + switch(large) + switch(bridge.leaving().params());
        let passes = f64::from(self.plan.shape().passes());
        let one = work(large, self.plan.large_work()) + passes * way;
        packed_ciphertexts(job.layout()) as f64 * one
    }

    /// Seconds of reading the keys on all cores, into memory that is given for them.
    pub(super) fn reading_seconds(&self, rates: &Rates) -> f64 {
        let large = self.plan.bridge().large().params();
        let own = self.plan.large_keys().levels();
        let way = KeyId::WAY.map(|_| large.max_level()).into_iter();
        let keys = own.chain(way).map(|level| rates.key_seconds(large, level));
        let pages = rates.page_seconds(large, self.plan.memory_bytes());
        (keys.sum::<f64>() + pages) / rates.threads.max(1) as f64
    }

    /// What a plan writes of it.
    pub fn set(&self) -> &BootstrapSet {
        &self.set
    }

    /// The circuit, its keys and what it promises.
    pub fn plan(&self) -> &Arc<BootstrapPlan> {
        &self.plan
    }

    /// What keys are bound to: the parameters of every ring, and the keys.
    pub(super) fn binding(&self) -> [u8; 32] {
        let bridge = self.plan.bridge();
        let mut hash = blake3::Hasher::new_derive_key("velum mlr-train bootstrapping keys v1");
        for context in [
            bridge.small(),
            bridge.large(),
            bridge.entering(),
            bridge.leaving(),
        ] {
            hash.update(context.fingerprint());
        }
        hash.update(&super::binding::key_binding(
            bridge.large().params(),
            self.plan.large_keys(),
        ));
        *hash.finalize().as_bytes()
    }
}

/// What a job is estimated under: the training's parameters, and the bootstrapping if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Under<'a> {
    pub(crate) params: &'a Arc<Params>,
    pub(crate) bootstrapping: Option<&'a Bootstrapping>,
}

impl<'a> Under<'a> {
    pub(crate) fn new(params: &'a Arc<Params>, bootstrapping: Option<&'a Bootstrapping>) -> Self {
        Self {
            params,
            bootstrapping,
        }
    }

    /// The circuit, for simulated runs.
    pub(crate) fn bootstrap(&self) -> Option<&'a Arc<BootstrapPlan>> {
        self.bootstrapping.map(Bootstrapping::plan)
    }
}

impl<'a> From<&'a Arc<Params>> for Under<'a> {
    fn from(params: &'a Arc<Params>) -> Self {
        Self::new(params, None)
    }
}
