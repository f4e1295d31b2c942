//! The tables of `bench ops`.

use serde_json::Value;

use crate::bench::table::{align, missing, plain};

/// A column: its head, its field, decimals of a number.
type Column = (&'static str, &'static str, usize);

const OPERATIONS: [Column; 6] = [
    ("op", "op", 0),
    ("log_n", "log_n", 0),
    ("limbs", "limbs", 0),
    ("log_qp", "log_qp", 0),
    ("threads", "threads", 0),
    ("median_ms", "median_ms", 3),
];

const PAIRS: [Column; 13] = [
    ("op", "op", 0),
    ("ours", "variant", 0),
    ("log_n", "log_n", 0),
    ("limbs", "limbs", 0),
    ("log Q", "log_q", 0),
    ("theirs", "peer_log_q", 0),
    ("log QP", "log_qp", 0),
    ("theirs", "peer_log_qp", 0),
    ("right bits", "precision_bits", 1),
    ("theirs", "peer_precision_bits", 1),
    ("CPU ms", "cpu_ms", 2),
    ("theirs", "peer_cpu_ms", 2),
    ("ratio", "ratio_cpu", 2),
];

/// Everything that was measured.
pub(in crate::bench) fn table(results: &Value) -> String {
    let mut out = rows(&results["operations"], &OPERATIONS);
    let mut section = |title: &str, value: &Value, text: String| {
        if !value.is_null() {
            out.push_str(&format!("\n{title}\n{text}"));
        }
    };
    for (title, field) in [
        ("The machine's limits, one thread", "limits"),
        ("One rotation key", "rotation_key"),
        (
            "Two threads against one, independent ciphertexts",
            "two_threads",
        ),
        (
            "8 rotations summed by double hoisting, share of 8 rotations",
            "double_hoisting",
        ),
        ("Instructions, AVX2 path", "instructions"),
    ] {
        let value = &results[field];
        section(title, value, format!("{value:#}\n"));
    }
    let peer = &results["openfhe"];
    let title = format!("OpenFHE and ours in turns; OpenFHE: {}", peer["build"]);
    section(&title, peer, rows(&peer["pairs"], &PAIRS));
    let peer = &results["tfhe_ntt"];
    section("Forward NTT beside tfhe-ntt", peer, format!("{peer:#}\n"));
    out
}

fn rows(values: &Value, columns: &[Column]) -> String {
    let mut table = vec![columns.iter().map(|c| c.0.to_owned()).collect::<Vec<_>>()];
    for row in values.as_array().into_iter().flatten() {
        let cell = |(_, field, decimals): &Column| match &row[*field] {
            Value::Number(x) => x
                .as_f64()
                .map_or_else(missing, |x| format!("{x:.decimals$}")),
            other => plain(other),
        };
        table.push(columns.iter().map(cell).collect());
    }
    align(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_are_listed_as_they_come_and_peers_beside_them() {
        let mut results = json!({"operations": [{"op": "ntt", "log_n": 15, "limbs": 1, "log_qp": 48.0, "threads": 1, "median_ms": 0.0871}]});
        let text = table(&results);
        assert!(text.contains("| ntt | 15    | 1     | 48     | 1       | 0.087     |"));
        assert!(!text.contains("OpenFHE"));
        results["openfhe"] =
            json!({"build": {"package": "x"}, "pairs": [{"op": "rotate", "ratio_cpu": 6.127}]});
        let text = table(&results);
        assert!(
            text.contains("6.13") && text.contains(r#"{"package":"x"}"#),
            "{text}"
        );
    }
}
