//! Whole bootstrappings at full size, one thread: seconds, precision, keys, memory. One object a line with `--json`.
//!
//! `cargo run -p he-core --example bootstrap -- [--json] [--insecure-test] [--two-passes] [--runs N]`

use std::sync::Arc;
use std::time::Instant;

use he_core::circuits::Refresh;
use he_core::circuits::bootstrap::{Bootstrap, BootstrapPlan, BootstrapPreset, CkksCrossing};
use he_core::evaluator::{Ckks, Evaluator, Placement};
use he_core::key_holder::{Decryptor, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::rlwe::SecretKey;
use num_complex::Complex64;
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What one refresh took, and the bits of the bound that its worst slot kept.
struct Refreshed {
    wall: f64,
    /// Time that the thread had a processor for.
    cpu: f64,
    bits: f64,
}

/// Nanoseconds that this thread has run for, by Linux's scheduler.
fn thread_ns() -> Option<u64> {
    // The scheduler adds up when it is entered.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// The middle one. `values` is not empty.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The working machine: evaluators, keys, and the holder of the key.
struct Bench {
    plan: Arc<BootstrapPlan>,
    small: Ckks,
    boot: Bootstrap<Ckks, CkksCrossing>,
    encryptor: SecretKeyEncryptor,
    decryptor: SecretKeyDecryptor,
}

impl Bench {
    fn new(plan: Arc<BootstrapPlan>) -> Fallible<Self> {
        let bridge = plan.bridge();
        let key = Arc::new(SecretKey::generate(bridge.small())?);
        let small = Ckks::new(key.evaluation_keys_at(plan.keys())?)?;
        let way = CkksCrossing::new(bridge, key.bridge_keys(bridge, plan.large_keys())?)?;
        Ok(Self {
            boot: Bootstrap::new(&small, way, &plan)?,
            encryptor: SecretKeyEncryptor::new(Arc::clone(&key))?,
            decryptor: SecretKeyDecryptor::new(key)?,
            small,
            plan,
        })
    }

    /// One refresh.
    fn run(&self, slots: &[Complex64]) -> Fallible<Refreshed> {
        let shape = self.plan.shape();
        let at = Placement {
            level: Refresh::<Ckks>::input_level(&self.boot),
            scale: shape.output_scale,
        };
        let ct = self.encryptor.encrypt(slots, at, shape.bound)?;
        // The noise of the encryption is not the refresh's.
        let brought = self.decryptor.decrypt(&ct)?;
        let (cpu, start) = (thread_ns(), Instant::now());
        let out = self.boot.refresh(&self.small, &ct)?;
        let wall = start.elapsed().as_secs_f64();
        let cpu = match (cpu, thread_ns()) {
            (Some(a), Some(b)) => (b - a) as f64 / 1e9,
            _ => wall,
        };
        let found = self.decryptor.decrypt(&out)?;
        let errors = found.iter().zip(&brought).map(|(a, b)| (a - b).norm());
        let worst = errors.fold(0.0, f64::max);
        if worst > self.plan.worst_error() {
            return Err(format!("an error of {worst:e} is beyond what is stated").into());
        }
        Ok(Refreshed {
            wall,
            cpu,
            bits: -(worst / shape.bound).log2(),
        })
    }
}

/// Unrelated values up to `bound`, another vector each time.
fn random(n: usize, bound: f64, seed: usize) -> Vec<Complex64> {
    let mut state = seed as u64 * 2 + 1;
    let mut unit = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    let side = bound / std::f64::consts::SQRT_2;
    (0..n)
        .map(|_| Complex64::new(unit(), unit()) * side)
        .collect()
}

/// Largest memory that this process ever had, where the system says so.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kb: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1024.0)
}

fn measure(plan: Arc<BootstrapPlan>, runs: usize) -> Fallible<Value> {
    let (n, bound) = (plan.bridge().small().params().slots(), plan.shape().bound);
    let bench = Bench::new(plan)?;
    // The first one encodes plaintexts and expands keys.
    bench.run(&random(n, bound, 0))?;
    let (mut wall, mut cpu, mut worst_random) = (Vec::new(), Vec::new(), f64::INFINITY);
    for run in 1..=runs {
        let found = bench.run(&random(n, bound, run))?;
        wall.push(found.wall);
        cpu.push(found.cpu);
        worst_random = worst_random.min(found.bits);
    }
    let side = bound / std::f64::consts::SQRT_2;
    let mut worst_constant = f64::INFINITY;
    for z in [
        Complex64::from(bound),
        Complex64::new(-side, side),
        Complex64::ZERO,
    ] {
        worst_constant = worst_constant.min(bench.run(&vec![z; n])?.bits);
    }
    let (plan, large) = (&bench.plan, bench.plan.bridge().large().params());
    Ok(json!({
        "slots": n,
        "log_n": large.log_n(),
        "log_qp": large.log_qp(),
        "seconds": median(wall),
        "cpu_seconds": median(cpu),
        "runs": runs,
        "worst_bits_random": worst_random,
        "worst_bits_constant": worst_constant,
        "stated_bits": plan.precision_bits(),
        "failure_log2": Refresh::<Ckks>::log_failure(&bench.boot),
        "passes": plan.shape().passes(),
        "keys": plan.keys().len() + plan.large_keys().len() + 3,
        "large_keys": plan.large_keys().len() + 3,
        "key_products": plan.large_products(),
        "key_bytes": plan.key_bytes(),
        "peak_rss_mb": peak_rss_mb(),
        "levels_left": bench.small.params().max_level().min(plan.bridge().shape().output_level)
            - Refresh::<Ckks>::input_level(&bench.boot).0,
        "threads": rayon::current_num_threads(),
    }))
}

fn main() -> Fallible<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| given.iter().any(|x| x == name);
    let runs = match given.iter().position(|x| x == "--runs") {
        Some(at) => given
            .get(at + 1)
            .ok_or("--runs N")?
            .parse::<usize>()?
            .max(1),
        None => 5,
    };
    let plan = if has("--insecure-test") {
        BootstrapPreset::insecure_test().insecure_test_plan()?
    } else {
        BootstrapPreset::weights_2_14().plan()?
    };
    let plan = if has("--two-passes") {
        plan.with_second_pass()?
    } else {
        plan
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let row = pool.install(|| measure(plan, runs))?;
    if has("--json") {
        println!("{row}");
    } else {
        println!("{row:#}");
    }
    Ok(())
}
