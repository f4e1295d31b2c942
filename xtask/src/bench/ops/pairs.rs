//! Two libraries in turns: the machine drifts, and a ratio of neighbours drifts less.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::openfhe::OpenFhe;
use super::served;
use super::worker::{Span, Worker, number};

/// Rounds; a median is taken of each side and of the rounds' ratios.
const ROUNDS: usize = 9;

/// Name in requests, and how often ours runs in one round: the peer runs once.
const OPS: [(&str, usize); 3] = [("rotate", 4), ("mul", 4), ("rotate_hoisted", 1)];

/// log N, limbs of both; special primes of ours for the same limbs, for one limb more (then log QP is not below the peer's), and for 36-bit scales.
const SETTINGS: [(u32, usize, [usize; 3]); 3] = [
    (15, 12, [4, 5, 4]),
    (16, 12, [4, 5, 4]),
    (16, 24, [8, 9, 7]),
];

/// What of ours is compared: name, limbs more than the peer's, bits of a scale prime.
const VARIANTS: [(&str, usize, u32); 3] = [
    ("same limbs", 0, 45),
    ("log QP not below", 1, 45),
    ("36-bit scales", 0, 36),
];

/// The middle one. `values` is not empty.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rows of all settings, and how the peer was built.
pub(super) fn openfhe(peer: &OpenFhe, start_ours: &dyn Fn() -> Result<Worker>) -> Result<Value> {
    let mut rows = Vec::new();
    let mut build = Value::Null;
    for (log_n, limbs, special) in SETTINGS {
        eprintln!("OpenFHE and ours in turns: N = 2^{log_n}, {limbs} limbs");
        let (mut theirs, found) = served::start(peer)?;
        build = found;
        let their_shape = json!({"log_n": log_n, "limbs": limbs, "bits": 45, "dnum": 3});
        let about_theirs = theirs.ask(&json!({"setup": their_shape}))?;
        let mut ours = Vec::new();
        for ((name, more, bits), special) in VARIANTS.into_iter().zip(special) {
            let shape = json!({"log_n": log_n, "limbs": limbs + more, "bits": bits, "special": special, "dnum": 3});
            let mut worker = start_ours()?;
            let about = worker.ask(&json!({"setup": shape}))?;
            ours.push((name, worker, shape, about));
        }
        for (op, runs) in OPS {
            let mut spans: Vec<Vec<(Span, Span)>> = vec![Vec::new(); ours.len()];
            // The first round warms up.
            for round in 0..=ROUNDS {
                let their = theirs.time(op, 1)?;
                for ((_, worker, ..), spans) in ours.iter_mut().zip(&mut spans) {
                    let our = worker.time(op, runs)?;
                    if round > 0 {
                        spans.push((our, their));
                    }
                }
            }
            let their_precision = theirs.ask(&json!({"precision": op}))?;
            for ((name, worker, shape, about), spans) in ours.iter_mut().zip(&spans) {
                let precision = worker.ask(&json!({"precision": op}))?;
                rows.push(row(
                    (op, name, log_n),
                    &[shape, about, &precision],
                    &[&about_theirs, &their_precision],
                    spans,
                )?);
            }
        }
    }
    Ok(json!({"build": build, "rounds": ROUNDS, "pairs": rows}))
}

fn row(
    (op, variant, log_n): (&str, &str, u32),
    ours: &[&Value; 3],
    theirs: &[&Value; 2],
    spans: &[(Span, Span)],
) -> Result<Value> {
    let of = |f: &dyn Fn(&(Span, Span)) -> f64| median(spans.iter().map(f).collect());
    let [shape, about, precision] = ours;
    Ok(json!({
        "op": op,
        "variant": variant,
        "log_n": log_n,
        "limbs": shape["limbs"],
        "log_q": number(about, "log_q")?,
        "log_qp": number(about, "log_qp")?,
        "precision_bits": number(precision, "precision_bits")?,
        "wall_ms": of(&|s| s.0.wall_ms),
        "cpu_ms": of(&|s| s.0.cpu_ms),
        "key_bytes": about["key_bytes"],
        "peer_log_q": number(theirs[0], "log_q")?,
        "peer_log_qp": number(theirs[0], "log_qp")?,
        "peer_precision_bits": number(theirs[1], "precision_bits")?,
        "peer_wall_ms": of(&|s| s.1.wall_ms),
        "peer_cpu_ms": of(&|s| s.1.cpu_ms),
        "peer_key_bytes": theirs[0]["key_bytes"],
        "ratio_wall": of(&|s| s.1.wall_ms / s.0.wall_ms),
        "ratio_cpu": of(&|s| s.1.cpu_ms / s.0.cpu_ms),
    }))
}

/// The sum of 8 rotations by double hoisting, as a share of 8 rotations one by one, for each setting.
pub(super) fn double_hoisting(start_ours: &dyn Fn() -> Result<Worker>) -> Result<Value> {
    const SUMMED: usize = 8;
    let mut found = Vec::new();
    for (log_n, limbs, [special, ..]) in SETTINGS {
        let mut worker = start_ours()?;
        worker.ask(&json!({"setup": {"log_n": log_n, "limbs": limbs, "bits": 45, "special": special, "dnum": 3}}))?;
        let mut shares = Vec::new();
        for round in 0..=ROUNDS {
            let (sum, one) = (
                worker.time("rotate_sum", 2)?,
                worker.time("rotate", SUMMED)?,
            );
            if round > 0 {
                shares.push(sum.cpu_ms / (SUMMED as f64 * one.cpu_ms));
            }
        }
        found.push(json!({"log_n": log_n, "limbs": limbs, "share_cpu": median(shares)}));
    }
    Ok(json!(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_medians_of_neighbours() {
        let span = |ms: f64| Span {
            wall_ms: 2.0 * ms,
            cpu_ms: ms,
        };
        // The machine slows down by ten: both sides do, their ratio does not.
        let spans = [(1.0, 5.0), (10.0, 50.0), (2.0, 20.0)].map(|(a, b)| (span(a), span(b)));
        let about = json!({"log_q": 1.0, "log_qp": 2.0, "precision_bits": 3.0, "limbs": 12});
        let row = row(
            ("rotate", "same limbs", 15),
            &[&about; 3],
            &[&about; 2],
            &spans,
        )
        .unwrap();
        assert_eq!(row["ratio_cpu"], 5.0);
        assert_eq!(
            (&row["cpu_ms"], &row["peer_cpu_ms"]),
            (&json!(2.0), &json!(20.0))
        );
        assert_eq!(row["wall_ms"], 4.0);
    }
}
