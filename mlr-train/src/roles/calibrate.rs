//! Measuring what operations take on this machine, all threads busy: the rates that plans predict times with.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use he_core::evaluator::{
    COUNTED_OPS, Ckks, CkksCt, CkksPlain, CountedOp, Evaluator, Level, Placement,
};
use he_core::key_holder::{Encryptor as _, SecretKeyEncryptor};
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::rlwe::{Context, SecretKey};
use he_core::wire::{self, CiphertextReader, CiphertextWriter};
use rayon::prelude::*;

use super::RunError;
use crate::artifacts::dataset::SHARD;
use crate::files::{self, Access};
use crate::packing::{Arrangement, Layout, Shape, replicated_slots};
use crate::plan::cost::{self, Rates, RingRates};

/// Larger files are no rates.
const LARGEST: u64 = 1 << 20;
/// Measurements of each operation; the median counts.
const RUNS: usize = 5;
/// Calls of every thread in one measurement.
const CALLS: usize = 8;
/// Rotations of a measured sum.
const ROTATIONS: i64 = 4;
/// Factors on both sides of the measured products, and terms of each sum: more than the caches hold, as in a training.
const LEFT: usize = 20;
const RIGHT: usize = 8;
const TERMS: usize = 4;

/// Reads rates.
///
/// # Errors
/// A file that is missing, or not of this form.
pub fn read(path: &Path) -> Result<Rates, RunError> {
    let bytes = files::read_limited(path, LARGEST)?;
    let rates: Option<Rates> = serde_json::from_slice(&bytes).ok();
    rates.filter(Rates::is_sound).ok_or_else(|| {
        RunError::input("expected rates, found something else")
            .at(path.display().to_string())
            .hint("make them on the server's machine with `velum plan --calibrate --rates FILE`")
    })
}

/// Measures this machine and writes the rates.
///
/// # Errors
/// The system's.
pub fn measure(path: &Path) -> Result<Rates, RunError> {
    let rings = [(14, 8, 2, 44, 5), (15, 12, 4, 48, 4)];
    let rates = Rates {
        threads: rayon::current_num_threads(),
        rings: rings
            .into_iter()
            .map(|(log_n, levels, special, bits, dnum)| {
                let mut q_bits = vec![47];
                q_bits.extend(vec![36; levels]);
                ring(ParamsLiteral {
                    log_n,
                    q_bits,
                    p_bits: vec![bits; special],
                    dnum,
                })
            })
            .collect::<Result<_, _>>()?,
    };
    let json = serde_json::to_vec_pretty(&rates)
        .map_err(|error| RunError::io("encode", path, &error.into()))?;
    files::write_atomic(path, &json, Access::Shared)?;
    Ok(rates)
}

/// One ring degree.
fn ring(literal: ParamsLiteral) -> Result<RingRates, RunError> {
    let params = Arc::new(Params::new(literal)?);
    let context = Context::new(Arc::clone(&params))?;
    let secret = Arc::new(SecretKey::generate(&context)?);
    let keys = KeySet {
        relinearise: true,
        rotations: (1..=ROTATIONS as usize).collect(),
        ..KeySet::default()
    };
    let keys = secret.evaluation_keys(&keys);
    let eval = Ckks::new(keys?)?;
    let encryptor = SecretKeyEncryptor::new(secret)?;
    // Half way down the chain, where most of a training runs.
    let level = Level(params.max_level() / 2 + 1);
    let at = Placement {
        level,
        scale: 30f64.exp2(),
    };
    // Any numbers will do: some row of weights, as a training would encrypt it.
    let (shape, p) = (
        Shape {
            samples: 2,
            columns: 2,
            classes: 2,
        },
        2,
    );
    let layout = Layout::new(shape, params.slots(), p, Arrangement::RowMajor);
    let layout = layout?;
    let slots = replicated_slots(&layout, ndarray::aview1(&[0.5, -0.25]), 0);
    let fresh = || encryptor.encrypt(&slots, at, 1.0);
    let cts = (0..LEFT + RIGHT)
        .map(|_| fresh())
        .collect::<Result<Vec<_>, _>>()?;
    let measured = Measured::of(&eval, &cts, eval.plain(slots.clone())?)?;
    let unit = |op: CountedOp| measured.seconds(op) / cost::operation(&params, op, level);
    Ok(RingRates {
        log_n: params.log_n(),
        unit_seconds: COUNTED_OPS.into_iter().map(unit).collect(),
        load_unit_seconds: reading(&context, &cts[0])? / cost::load(&params, level),
    })
}

/// Seconds of operations on one core while all are busy.
struct Measured {
    decompose: f64,
    key_product: f64,
    mod_down: f64,
    tensor: f64,
    plain: f64,
    scalar: f64,
    rescale: f64,
    add: f64,
}

impl Measured {
    fn of(eval: &Ckks, cts: &[CkksCt], mask: CkksPlain) -> Result<Self, RunError> {
        let (left, right) = cts.split_at(LEFT);
        let ct = &cts[0];
        let meta = eval.meta(ct);
        let to = Placement {
            level: Level(meta.level.0 - 1),
            scale: meta.scale,
        };
        let digits = eval.hoist(ct)?;
        let all: Vec<i64> = (1..=ROTATIONS).collect();
        let decompose = busy(|| eval.hoist(ct).map(drop))?;
        let switch = busy(|| eval.rotate_hoisted(&digits, 1).map(drop))?;
        let one = busy(|| eval.rotate_sum(ct, &all[..1]).map(drop))?;
        let many = busy(|| eval.rotate_sum(ct, &all).map(drop))?;
        let key_product = ((many - one) / (ROTATIONS - 1) as f64).max(0.05 * switch);
        // A matrix product, as trainings make them: rows of factors and open sums come from memory.
        let [left, right] =
            [left, right].map(|cts| cts.chunks_exact(TERMS).collect::<Vec<&[CkksCt]>>());
        let closed = left.len() * right.len();
        let products = busy_for(1, || {
            let mut sums: Vec<_> = (0..closed).map(|_| eval.product_sum()).collect();
            eval.add_matrix_product(&mut sums, &left, &right)?;
            sums.into_iter()
                .try_for_each(|sum| eval.relinearize_rescale(sum).map(drop))
        })?;
        let closing = busy(|| {
            let mut sum = eval.product_sum();
            eval.add_product(&mut sum, ct, &cts[1])?;
            eval.relinearize_rescale(sum).map(drop)
        })?;
        let (count, closed) = ((closed * TERMS) as f64, closed as f64);
        let tensor = ((products - closed * closing) / (count - closed)).max(0.01 * closing);
        let terms = [(ct, &mask); 4];
        let plain_one = busy(|| eval.dot_plain(&terms[..1], meta.scale).map(drop))?;
        let plain_many = busy(|| eval.dot_plain(&terms, meta.scale).map(drop))?;
        let plain = ((plain_many - plain_one) / 3.0).max(0.01 * plain_one);
        let rescale = (plain_one - plain).max(0.01 * plain_one);
        let scalar = busy(|| eval.mul_scalar(ct, 0.5, to).map(drop))?;
        Ok(Self {
            decompose,
            key_product,
            mod_down: (switch - key_product).max(0.05 * switch),
            tensor,
            plain,
            rescale,
            scalar: (scalar - rescale).max(0.05 * scalar),
            add: busy(|| eval.add(ct, &cts[1]).map(drop))?,
        })
    }

    fn seconds(&self, op: CountedOp) -> f64 {
        match op {
            CountedOp::Decompose => self.decompose,
            CountedOp::KeyProduct => self.key_product,
            CountedOp::ModDown => self.mod_down,
            CountedOp::Tensor => self.tensor,
            CountedOp::PlainProduct => self.plain,
            CountedOp::ScalarProduct => self.scalar,
            CountedOp::Rescale => self.rescale,
            CountedOp::Add => self.add,
        }
    }
}

/// Seconds of one call while every thread makes the same: the median of some runs.
fn busy<E: Send>(call: impl Fn() -> Result<(), E> + Sync) -> Result<f64, E> {
    busy_for(CALLS, call)
}

fn busy_for<E: Send>(calls: usize, call: impl Fn() -> Result<(), E> + Sync) -> Result<f64, E> {
    let threads = rayon::current_num_threads();
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..=RUNS {
        let start = Instant::now();
        (0..calls * threads)
            .into_par_iter()
            .try_for_each(|_| call())?;
        times.push(start.elapsed().as_secs_f64() / calls as f64);
    }
    // The first run fills caches and buffers.
    times.remove(0);
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// Seconds of reading a shard that is already in the system's cache: hash, unpack, expand the seed.
fn reading(context: &Arc<Context>, ct: &CkksCt) -> Result<f64, RunError> {
    let name = "calibration";
    let shape = wire::Shape::of(ct.ciphertext());
    let hash = [0; 32];
    let mut writer = CiphertextWriter::new(
        Vec::new(),
        name,
        SHARD.bound_to(&hash),
        context,
        vec![shape],
        &[],
    )?;
    writer.push(ct.ciphertext(), &ct.meta())?;
    let (_, bytes) = writer.finish()?;
    let limit = shape.bytes(context.params()) + wire::MAX_ENVELOPE;
    busy(|| {
        let file = Some(bytes.len() as u64);
        let mut reader = CiphertextReader::open(
            bytes.as_slice(),
            name,
            file,
            limit,
            SHARD.bound_to(&hash),
            context,
        )?;
        reader.next(None)?;
        reader.finish().map(drop)
    })
    .map_err(RunError::from)
}
