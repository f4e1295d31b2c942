//! Tables for people. The encrypted accuracy never stands alone: the models that need no encryption stand beside it.

use serde_json::Value;

use super::paper::JOBS;

/// A line of the paper's table: what it says, its field, and how the figure is written.
type Line = (&'static str, &'static str, fn(&Value) -> String);

const LINES: [Line; 18] = [
    ("test accuracy, encrypted", "accuracy_encrypted", percent),
    ("test accuracy, its clear twin", "accuracy_clear", percent),
    (
        "test accuracy, client only",
        "accuracy_client_only",
        percent,
    ),
    (
        "test accuracy, best clear model",
        "accuracy_best_clear",
        percent,
    ),
    ("largest weight error", "max_weight_error", scientific),
    ("server, start to exit", "train_seconds", seconds),
    ("server, computing", "compute_seconds", seconds),
    ("  told at its start", "estimated_train_seconds", seconds),
    ("  told / taken, worst run", "estimate_ratio", estimate),
    ("server, peak memory", "peak_rss_mb", megabytes),
    ("client, keys", "keygen_seconds", seconds),
    ("client, encryption", "encrypt_seconds", seconds),
    ("client, decryption", "decrypt_seconds", seconds),
    ("the same training in clear", "clear_train_seconds", seconds),
    ("upload, ciphertexts", "upload_ciphertexts", plain),
    ("upload", "upload_bytes", bytes),
    ("evaluation keys", "eval_key_bytes", bytes),
    ("key switches", "key_switches", plain),
];

/// The table of `bench paper`: a column for each method.
pub(super) fn paper(results: &Value, runs: usize) -> String {
    let mut rows = vec![
        std::iter::once("method".to_owned())
            .chain(JOBS.iter().map(|job| job.title.to_owned()))
            .collect(),
    ];
    let of = |field: &str, show: fn(&Value) -> String| {
        JOBS.iter()
            .map(move |job| show(&results[job.name][field]))
            .collect::<Vec<_>>()
    };
    for (label, field, show) in LINES {
        let mut row = vec![label.to_owned()];
        row.extend(of(field, show));
        rows.push(row);
    }
    let mut ring = vec!["ring degree, log2 QP, security".to_owned()];
    ring.extend(JOBS.iter().map(|job| {
        let result = &results[job.name];
        format!(
            "2^{}, {}, {} bits",
            plain(&result["log_n"]),
            result["log_qp"]
                .as_f64()
                .map_or_else(missing, |bits| format!("{bits:.0}")),
            plain(&result["security_bits"])
        )
    }));
    rows.push(ring);
    let mut iterations = vec!["iterations".to_owned()];
    iterations.extend(of("iterations", plain));
    rows.push(iterations);
    format!(
        "The paper's job: 128 training rows, encrypted; medians of {runs}\n{}",
        align(&rows)
    )
}

/// The table of `bench extract`.
pub(super) fn extract(results: &Value) -> String {
    let heads = [
        "network",
        "images/s",
        "torch images/s",
        "ratio",
        "peak memory",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let number = |value: &Value| value.as_f64().map_or_else(missing, |x| format!("{x:.2}"));
    for (network, result) in results.as_object().into_iter().flatten() {
        rows.push(vec![
            network.clone(),
            number(&result["images_per_second"]),
            number(&result["torch_images_per_second"]),
            number(&result["ratio"]),
            megabytes(&result["peak_rss_mb"]),
        ]);
    }
    align(&rows)
}

/// The table of `bench predict`: a line for each way.
pub(super) fn predict(results: &Value) -> String {
    let heads = [
        "way",
        "rows",
        "all",
        "server",
        "up",
        "down",
        "same label as in clear",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (way, result) in results.as_object().into_iter().flatten() {
        rows.push(vec![
            way.clone(),
            plain(&result["rows"]),
            seconds(&result["seconds"]),
            seconds(&result["server_seconds"]),
            bytes(&result["upload_bytes"]),
            bytes(&result["download_bytes"]),
            percent(&result["label_agreement"]),
        ]);
    }
    align(&rows)
}

pub(super) fn missing() -> String {
    "-".to_owned()
}

fn percent(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(missing, |x| format!("{:.1} %", x * 100.0))
}

fn scientific(value: &Value) -> String {
    value.as_f64().map_or_else(missing, |x| format!("{x:.1e}"))
}

fn seconds(value: &Value) -> String {
    value.as_f64().map_or_else(missing, |x| format!("{x:.2} s"))
}

/// A training is to tell its own time within 30 %.
const ESTIMATE: std::ops::RangeInclusive<f64> = 0.7..=1.3;

/// A training's own estimate over what it took, marked where it is not what is promised.
pub(super) fn estimate(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(missing, |x| match ESTIMATE.contains(&x) {
            true => format!("{x:.2}"),
            false => format!("{x:.2} (!)"),
        })
}

fn megabytes(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(missing, |x| format!("{x:.0} MB"))
}

fn bytes(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(missing, |x| format!("{:.2} MB", x / 1e6))
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => missing(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Columns of equal width, Markdown's way; the first row is the head.
pub(super) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |k: usize| {
        rows.iter()
            .filter_map(|row| row.get(k))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            out.push_str(&format!("| {cell:<width$} "));
        }
        out.push_str("|\n");
        if index == 0 {
            for width in &widths {
                out.push_str(&format!("|{}", "-".repeat(width + 2)));
            }
            out.push_str("|\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_estimate_that_is_off_is_marked() {
        let shown = [0.7, 1.3, 0.69, 1.31].map(|x| estimate(&json!(x)));
        assert_eq!(shown, ["0.70", "1.30", "0.69 (!)", "1.31 (!)"]);
        assert_eq!(estimate(&Value::Null), "-");
    }

    #[test]
    fn the_encrypted_accuracy_never_stands_alone() {
        let result = |accuracy: f64| {
            json!({"accuracy_encrypted": accuracy, "accuracy_clear": 0.806, "accuracy_client_only": 0.8021,
                "accuracy_best_clear": 0.79, "log_n": 14, "log_qp": 322.6, "security_bits": 128, "train_seconds": 1.5})
        };
        let results = json!({"whitened": result(0.805), "whitened_server_gradient": result(0.804), "paper": result(0.216)});
        let table = paper(&results, 3);
        for text in [
            "whitened, server gradient",
            "21.6 %",
            "80.2 %",
            "79.0 %",
            "2^14, 323, 128 bits",
            "medians of 3",
        ] {
            assert!(table.contains(text), "{text} is missing in\n{table}");
        }
        let width = table.lines().nth(1).unwrap().chars().count();
        assert!(
            table
                .lines()
                .skip(1)
                .all(|line| line.chars().count() == width)
        );
    }
}
