//! Times of single operations, medians. `cargo run -p he-core --example ops -- --json` prints one object a line.
//!
//! With several threads, each computes on ciphertexts of its own, and the time is the wall time divided by their number. Plaintexts are
//! encoded before the clock starts. `--serve` and `--kernel NAME LOG_N RUNS` are for `cargo xtask bench ops --peers`, which takes turns
//! with other libraries and counts instructions.

mod bench;
mod clock;
mod kernels;
mod serve;

use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Value, json};

use bench::{Bench, Op, Shape};
use clock::median;

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Fewest runs that a median is taken of.
const RUNS: usize = 9;
/// Quick operations run more often: for about this long.
const SECONDS: f64 = 0.2;

/// Wall milliseconds of an operation, each of `threads` threads doing one at a time.
fn wall_ms(bench: &Bench, op: Op, pool: &rayon::ThreadPool) -> Fallible<f64> {
    let threads = pool.current_num_threads();
    let run = || {
        let start = Instant::now();
        pool.install(|| {
            (0..threads)
                .into_par_iter()
                .try_for_each(|_| bench.run(op).map(drop))
        })?;
        Fallible::Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    run()?;
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.len() < RUNS || begin.elapsed().as_secs_f64() < SECONDS {
        times.push(run()?);
    }
    Ok(median(times) / (threads * op.count()) as f64)
}

fn print(json: bool, row: &Value) {
    if json {
        println!("{row}");
    } else {
        let text = |field: &str| row[field].as_str().unwrap_or("").to_owned();
        println!(
            "{:<40} N = 2^{}, {:>2} limbs, {:>6.1} bits, {} thread(s): {:>10.4} ms",
            text("op"),
            row["log_n"],
            row["limbs"].as_u64().unwrap_or(1),
            row["log_qp"].as_f64().unwrap_or(0.0),
            row["threads"],
            row["median_ms"].as_f64().unwrap_or(0.0),
        );
    }
}

/// All operations of the settings, and the kernels of one limb.
fn table(json: bool) -> Fallible<()> {
    // log N, limbs, their bits, special primes, most threads.
    for (log_n, limbs, bits, special, most) in [
        (14, 6, 36, 2, 1),
        (15, 12, 45, 4, 2),
        (16, 12, 45, 4, 1),
        (16, 24, 45, 8, 1),
    ] {
        let bench = Bench::new(Shape {
            log_n,
            limbs,
            bits,
            special,
            dnum: 3,
        })?;
        // Once a ring degree.
        if limbs < 24 {
            for kernel in kernels::Limb::new(log_n)?.medians()? {
                print(
                    json,
                    &json!({"op": kernel.name, "log_n": log_n, "limbs": 1, "log_qp": 47.0, "threads": 1,
                        "median_ms": kernel.median_ms, "cpu_ms": kernel.cpu_ms}),
                );
            }
        }
        for threads in 1..=most {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()?;
            for op in Op::ALL {
                print(
                    json,
                    &json!({"op": op.describe(), "log_n": log_n, "limbs": limbs, "log_qp": bench.params().log_qp(),
                        "threads": threads, "median_ms": wall_ms(&bench, op, &pool)?}),
                );
            }
        }
    }
    Ok(())
}

/// How many times as many operations two threads do in the time of one, in turns; the best round is the one that others disturb least.
fn two_threads(bench: &Bench, op: Op) -> Fallible<Value> {
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build();
    let (one, two) = (pool(1)?, pool(2)?);
    let run = |pool: &rayon::ThreadPool| {
        let start = Instant::now();
        pool.install(|| {
            (0..pool.current_num_threads())
                .into_par_iter()
                .try_for_each(|_| (0..4).try_for_each(|_| bench.run(op).map(drop)))
        })?;
        Fallible::Ok(start.elapsed().as_secs_f64())
    };
    let mut gains = Vec::new();
    for _ in 0..2 * RUNS {
        gains.push(2.0 * run(&one)? / run(&two)?);
    }
    let best = gains.iter().fold(0.0, |a: f64, b| a.max(*b));
    Ok(json!({"op": op.describe(), "median": median(gains), "best": best}))
}

/// What is measured beside the operations: limits of the machine, bytes of a key.
fn extras() -> Fallible<()> {
    let shape = Shape {
        log_n: 15,
        limbs: 12,
        bits: 47,
        special: 4,
        dnum: 3,
    };
    let bench = Bench::new(shape)?;
    let two = [Op::Rotate, Op::Mul]
        .into_iter()
        .map(|op| two_threads(&bench, op))
        .collect::<Fallible<Vec<_>>>()?;
    println!(
        "{}",
        json!({"limits": kernels::measure_limits()?, "rotation_key": {"shape": shape, "bytes": bench.key_bytes()},
            "two_threads": two})
    );
    Ok(())
}

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => table(false),
        ["--json"] => table(true),
        ["--extras"] => extras(),
        ["--serve"] => serve::serve(),
        ["--kernel", name, log_n, runs] => {
            let mut limb = kernels::Limb::new(log_n.parse()?)?;
            (0..runs.parse::<usize>()?).try_for_each(|_| limb.run(name))
        }
        _ => Err("expected nothing, --json, --extras, --serve, or --kernel NAME LOG_N RUNS".into()),
    }
}
