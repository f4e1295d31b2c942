//! Answers on standard output, one line of JSON for each line on standard input: for a bench that takes turns with another library.
//!
//! `{"setup": SHAPE}` makes parameters and keys; `{"time": OP, "runs": N}` runs an operation and gives the time of one; `{"precision": OP}` decrypts
//! what an operation gives.

use std::io::{BufRead, Write};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bench::{Bench, Op, Shape};
use crate::{Fallible, clock};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Setup(Shape),
    Time { op: Op, runs: usize },
    Precision(Op),
}

/// Until the input ends. All work is done in one thread.
pub(crate) fn serve() -> Fallible<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut bench = None;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let reply = match request {
            Request::Setup(shape) => {
                // The old keys go before the new ones come.
                drop(bench.take());
                let new = bench.insert(Bench::new(shape)?);
                json!({"log_q": new.log_q(), "log_qp": new.params().log_qp(), "key_bytes": new.key_bytes()})
            }
            Request::Time { op, runs } => {
                pool.install(|| time(bench.as_ref().ok_or(NOTHING)?, op, runs))?
            }
            Request::Precision(op) => {
                json!({"precision_bits": bench.as_ref().ok_or(NOTHING)?.precision_bits(op)?})
            }
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}

const NOTHING: &str = "a request before the first setup";

fn time(bench: &Bench, op: Op, runs: usize) -> Fallible<Value> {
    let ((), span) = clock::time(|| (0..runs).try_for_each(|_| bench.run(op).map(drop)))?;
    let span = span.over(runs * op.count());
    Ok(json!({"wall_ms": span.wall_ms, "cpu_ms": span.cpu_ms}))
}
