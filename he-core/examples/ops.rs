//! Times of single operations, medians. `cargo run --release -p he-core --example ops -- --json` prints one object a line.
//!
//! With several threads, each computes on ciphertexts of its own, and the time is the wall time divided by their number. Plaintexts are
//! encoded before the clock starts.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use he_core::arith::{Modulus, NttTable};
use he_core::evaluator::{Ckks, CkksCt, EvalError, Evaluator, Level, Placement};
use he_core::holder::{Sealer, SecretSealer};
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::rlwe::{Context, SecretKey};
use num_complex::Complex64;
use rayon::prelude::*;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Fewest runs that a median is taken of.
const RUNS: usize = 9;
/// Quick operations run more often: for about this long.
const SECONDS: f64 = 0.2;
/// Rotations of one decomposition.
const HOISTED: i64 = 16;
/// Rotations of one sum.
const SUMMED: i64 = 8;

/// What the rows of one table share.
struct Setting {
    json: bool,
    log_n: u32,
    limbs: usize,
    log_qp: f64,
    threads: usize,
}

impl Setting {
    /// Runs `f` in every thread, after one run that does not count, and prints the median. `f` does `count` operations.
    fn row(
        &self,
        op: &str,
        count: i64,
        f: impl Fn() -> Result<(), EvalError> + Sync,
    ) -> Result<(), EvalError> {
        let run = || (0..self.threads).into_par_iter().try_for_each(|_| f());
        run()?;
        let (begin, mut times) = (Instant::now(), Vec::new());
        while times.len() < RUNS || begin.elapsed().as_secs_f64() < SECONDS {
            let start = Instant::now();
            run()?;
            times.push(start.elapsed().as_secs_f64());
        }
        self.print(
            op,
            median(times) * 1e3 / (self.threads as f64 * count as f64),
        );
        Ok(())
    }

    fn print(&self, op: &str, ms: f64) {
        let Self {
            log_n,
            limbs,
            log_qp,
            threads,
            ..
        } = self;
        if self.json {
            println!(
                r#"{{"op":"{op}","log_n":{log_n},"limbs":{limbs},"log_qp":{log_qp:.1},"threads":{threads},"median_ms":{ms:.4}}}"#
            );
        } else {
            println!(
                "{op:<44} N = 2^{log_n}, {limbs:>2} limbs, {log_qp:>6.1} bits, {threads} thread(s): {ms:>10.4} ms"
            );
        }
    }
}

/// The middle one. `times` is not empty.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Transforms of one limb.
fn transforms(json: bool, log_n: u32, prime: u64) -> Outcome {
    let table = NttTable::new(log_n, Modulus::new(prime)?)?;
    let setting = Setting {
        json,
        log_n,
        limbs: 1,
        log_qp: (prime as f64).log2(),
        threads: 1,
    };
    // Integers far below the prime, in no order.
    let mut limb: Vec<f64> = (0..1u64 << log_n)
        .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as f64)
        .collect();
    for (op, transform) in [
        (
            "forward NTT",
            NttTable::forward as fn(&NttTable, &mut [f64]),
        ),
        ("inverse NTT", NttTable::inverse),
    ] {
        let (begin, mut times) = (Instant::now(), Vec::new());
        while times.len() < RUNS || begin.elapsed().as_secs_f64() < SECONDS {
            let start = Instant::now();
            transform(&table, &mut limb);
            times.push(start.elapsed().as_secs_f64());
        }
        setting.print(op, median(times) * 1e3);
    }
    Ok(())
}

/// One parameter set: an evaluator with its keys, and two ciphertexts at the top.
struct Bench {
    json: bool,
    evaluator: Ckks,
    a: CkksCt,
    b: CkksCt,
    slots: Vec<Complex64>,
    scale: f64,
}

impl Bench {
    /// `limbs` primes, the first of 47 bits, the others of `bits`; `special` primes of 48 bits; three digits. Secure sets only.
    fn new(
        json: bool,
        log_n: u32,
        limbs: usize,
        bits: u32,
        special: usize,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut q_bits = vec![bits; limbs];
        q_bits[0] = 47;
        let params = Arc::new(Params::new(ParamsLiteral {
            log_n,
            q_bits,
            p_bits: vec![48; special],
            dnum: 3,
        })?);
        let key = Arc::new(SecretKey::generate(&Context::new(Arc::clone(&params))?)?);
        let keys = key.evaluation_keys(&KeySet {
            relinearise: true,
            conjugate: false,
            rotations: (1..=HOISTED as usize).collect(),
        })?;
        let scale = f64::from(bits).exp2();
        let at = Placement {
            level: Level(params.max_level()),
            scale,
        };
        let slots: Vec<_> = (0..params.slots())
            .map(|i| Complex64::new((i as f64).sin(), (i as f64).cos()))
            .collect();
        let sealer = SecretSealer::new(key)?;
        Ok(Self {
            json,
            a: sealer.seal(&slots, at, 1.0)?,
            b: sealer.seal(&slots, at, 1.0)?,
            evaluator: Ckks::new(keys)?,
            slots,
            scale,
        })
    }

    /// All operations, each in `threads` threads.
    fn run(&self, threads: usize) -> Outcome {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        pool.install(|| self.rows(threads))?;
        Ok(())
    }

    fn rows(&self, threads: usize) -> Result<(), EvalError> {
        let (e, a, b) = (&self.evaluator, &self.a, &self.b);
        let setting = Setting {
            json: self.json,
            log_n: e.params().log_n(),
            limbs: e.params().q().len(),
            log_qp: e.params().log_qp(),
            threads,
        };
        let plain = e.plain(self.slots.clone())?;
        setting.row("add", 1, || e.add(a, b).map(drop))?;
        setting.row("ct x pt, rescale", 1, || {
            e.mul_plain(a, &plain, self.scale).map(drop)
        })?;
        setting.row("ct x ct, relinearise, rescale", 1, || e.mul(a, b).map(drop))?;
        setting.row("rotate", 1, || e.rotate(a, 1).map(drop))?;
        setting.row("rotate, one of 16 hoisted", HOISTED, || {
            let digits = e.hoist(a)?;
            (1..=HOISTED).try_for_each(|k| e.rotate_hoisted(&digits, k).map(drop))
        })?;
        let ks: Vec<i64> = (1..=SUMMED).collect();
        setting.row("sum of 8 rotations, double hoisting", 1, || {
            e.rotate_sum(a, &ks).map(drop)
        })
    }
}

fn main() -> Outcome {
    let json = std::env::args().any(|argument| argument == "--json");
    // log N, limbs, their bits, special primes, most threads.
    for (log_n, limbs, bits, special, most) in [
        (14, 6, 36, 2, 1),
        (15, 12, 45, 4, 2),
        (16, 12, 45, 4, 1),
        (16, 24, 45, 8, 1),
    ] {
        let bench = Bench::new(json, log_n, limbs, bits, special)?;
        // Once a ring degree.
        if limbs < 24 {
            transforms(json, log_n, bench.evaluator.params().q()[0])?;
        }
        for threads in 1..=most {
            bench.run(threads)?;
        }
    }
    Ok(())
}
