//! The parts of the page.

use super::job::Job;
use super::page::{Interval, bars, figures, intervals, paragraph, section, table};
use crate::client::Evaluated;
use crate::{Share, Step};

/// Bytes for people: three digits and a unit.
fn bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 99.95 { 0 } else { 1 };
    format!("{value:.digits$} {}", units[unit])
}

fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

/// The day of a time in seconds since 1970, in UTC, by the civil calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn day(finished: u64) -> String {
    let days = finished / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + 400 * era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

/// In a few sentences: what was done, and how it went.
pub(super) fn opening(job: &Job<'_>) -> String {
    let plan = job.planned;
    let owners = match plan.owners.len() {
        0 | 1 => String::new(),
        n => format!(" of {n} owners"),
    };
    let when = job.records.last().map_or(0, |record| record.finished);
    let mut out = paragraph(&format!(
        "{} rows{owners} in {} classes trained a model, {} iterations long, on a server that saw nothing but ciphertexts. The last step was done on {} (UTC).",
        plan.rows,
        plan.classes,
        plan.iterations,
        day(when)
    ));
    if let Some(found) = job.evaluated {
        out += &paragraph(&format!(
            "Of {} rows that the model is judged on it gets {} right (with the 95 % interval that so many rows leave open).",
            found.rows,
            share(found, found.accuracy)
        ));
    }
    out += &figures(&outstanding(job));
    let missing: Vec<&str> = [
        ("keygen", job.keys.is_none()),
        ("encrypt", job.encrypted.is_empty()),
        ("train", job.trained.is_none()),
        ("decrypt", job.opened.is_none()),
        ("evaluate", job.evaluated.is_none()),
    ]
    .into_iter()
    .filter_map(|(step, missing)| missing.then_some(step))
    .collect();
    if !missing.is_empty() {
        out += &paragraph(&format!("No record was found of: {}.", missing.join(", ")));
    }
    out
}

/// What people ask first.
fn outstanding(job: &Job<'_>) -> Vec<(&'static str, String)> {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let mut all = Vec::new();
    if let Some(found) = job.evaluated {
        all.push(("right, trained on ciphertexts", percent(found.accuracy)));
        if let Some(clear) = found.accuracy_clear {
            all.push(("right, the same in clear", percent(clear)));
        }
        if let Some(auc) = found.auc {
            all.push(("area under the curve", format!("{auc:.4}")));
        }
    }
    if let Some(done) = job.trained {
        all.push(("the server's training", seconds(done.wall_seconds)));
    }
    if !job.encrypted.is_empty() {
        let each = job.encrypted.iter().map(|done| done.upload_bytes);
        let sent = each.fold(0, u64::saturating_add);
        all.push(("encrypted rows sent", bytes(sent)));
    }
    let bits = job.planned.security_bits;
    all.push(("security, at least", format!("{bits} bits")));
    all
}

fn share(found: &Evaluated, accuracy: f64) -> Share {
    Share::new((accuracy * found.rows as f64).round() as u64, found.rows)
}

/// The encrypted model beside those that need no encryption.
pub(super) fn accuracy(job: &Job<'_>) -> String {
    let Some(found) = job.evaluated else {
        return String::new();
    };
    let lines = [
        ("encrypted", "the model of this job", Some(found.accuracy)),
        ("twin", "the same training in clear", found.accuracy_clear),
        (
            "client only",
            "what the client has before it uploads anything",
            found.accuracy_client_only,
        ),
        (
            "converged",
            "a clear model trained to the end",
            found.accuracy_best_clear,
        ),
    ];
    let known: Vec<(&str, &str, Share)> = lines
        .into_iter()
        .filter_map(|(name, what, accuracy)| Some((name, what, share(found, accuracy?))))
        .collect();
    let rows: Vec<_> = known
        .iter()
        .map(|(name, what, share)| vec![(*name).to_owned(), share.to_string(), (*what).to_owned()])
        .collect();
    let shown: Vec<_> = known
        .iter()
        .map(|(name, _, share)| Interval {
            name: (*name).to_owned(),
            share: share.share,
            low: share.low,
            high: share.high,
        })
        .collect();
    let least = shown.iter().map(|one| one.low).fold(1.0, f64::min);
    let from = (least * 10.0 - 0.5).floor().clamp(0.0, 9.0) / 10.0;
    let mut body = intervals("Accuracies with their 95 % intervals", from, &shown);
    body += &table(
        "Accuracy: share of right rows, with Wilson's 95 % interval",
        &["model", "accuracy", "what it is"],
        &rows,
    );
    let client = found
        .accuracy_client_only
        .map(|accuracy| share(found, accuracy));
    if client.is_some_and(|client| client.share >= share(found, found.accuracy).share) {
        body += &paragraph(
            "The model that the client could make alone is as good: here, uploading bought nothing.",
        );
    }
    section("How good it is", &body)
}

/// The parties and what each can read.
pub(super) fn who_saw_what(job: &Job<'_>) -> String {
    let line = |who: &str, what: &str| vec![who.to_owned(), what.to_owned()];
    let mut rows = vec![
        line(
            "client",
            "everything of its own: pictures, features, labels, the model",
        ),
        line(
            "server",
            "the plan (sizes, iterations, steps, parameters), ciphertexts, evaluation keys, times; no picture, feature, label, weight or accuracy",
        ),
        line("anyone else", "what the client or the server hands out"),
    ];
    if job.planned.owners.len() > 1 {
        rows.push(line(
            "each owner",
            "its own rows, and the pooled statistics of all",
        ));
        rows.push(line(
            "key holder",
            "the model; with the server's help, every owner's rows",
        ));
    }
    let text = table("Who could read what", &["who", "what"], &rows);
    section(
        "Who saw what",
        &text.replace("<table>", "<table class=\"text\">"),
    )
}

/// The row of the security table.
pub(super) fn security(job: &Job<'_>) -> String {
    let plan = job.planned;
    let rows = [vec![
        format!("2^{}", plan.log_n),
        format!("{:.1}", plan.log_qp),
        plan.security_log_qp.to_string(),
        format!("at least {} bits", plan.security_bits),
    ]];
    let head = [
        "ring degree",
        "log2 of the modulus",
        "allowed at most",
        "security",
    ];
    let body = table("The parameters and their row of the table", &head, &rows)
        + &paragraph(&format!("Source of the row: {}.", plan.security_source))
        + &paragraph(
            "Ciphertexts are indistinguishable under chosen plaintexts, resting on ring learning with errors and circular security. The server is taken to be honest but curious. Decrypted values carry noise that depends on the key: the model is rounded to the bits that are certain before anybody sees it.",
        );
    section("Security", &body)
}

/// Levels and precision.
pub(super) fn iterations(job: &Job<'_>) -> String {
    let mut body = String::new();
    if let Some(opened) = job.opened {
        body += &paragraph(&format!(
            "{} bits after the binary point of a weight, as trained, are certain; the model has no others.",
            opened.certified_bits
        ));
        for warning in &opened.warnings {
            body += &paragraph(&format!("Warning: {warning}"));
        }
    }
    let explained = job.planned.explained.as_ref();
    let rows: Vec<_> = explained
        .map(|explained| explained.iterations.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|row| {
            vec![
                row.iteration.to_string(),
                format!("{} to {}", row.level_before, row.level_after),
                format!("{:.1}", -row.log2_error),
                row.key_products.to_string(),
                row.tensors.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = ["iteration", "levels", "bits", "key switches", "products"];
        body += &table(
            "Levels and expected bits of a weight, as planned",
            &head,
            &rows,
        );
    }
    if body.is_empty() {
        return body;
    }
    section("Bits and levels", &body)
}

/// Every step: its name, its time, the bytes that it sends, its side.
type Done = (String, Option<f64>, Option<u64>, String);

fn done(job: &Job<'_>) -> Vec<Done> {
    let step = |name: &str, time, sent, side: &str| (name.to_owned(), time, sent, side.to_owned());
    let mut rows = vec![step("plan", job.planned.seconds, None, "client")];
    if let Some(keys) = job.keys {
        let sent = Some(keys.eval_key_bytes);
        rows.push(step("keygen", Some(keys.seconds), sent, "client"));
    }
    for done in &job.encrypted {
        let owner = done.owner.map(|owner| format!("owner {owner}"));
        let side = owner.as_deref().unwrap_or("client");
        let sent = Some(done.upload_bytes);
        rows.push(step("encrypt", Some(done.seconds), sent, side));
    }
    if let Some(done) = job.trained {
        let sent = Some(job.planned.download_bytes);
        rows.push(step("train", Some(done.wall_seconds), sent, "server"));
    }
    for done in &job.refreshed {
        let sent = Some(done.answer_bytes);
        rows.push(step("refresh", Some(done.seconds), sent, "client"));
    }
    if let Some(done) = job.opened {
        rows.push(step("decrypt", Some(done.seconds), None, "client"));
    }
    if let Some(found) = job.evaluated {
        rows.push(step("evaluate", found.seconds, None, "client"));
    }
    rows
}

/// Time and bytes.
pub(super) fn phases(job: &Job<'_>) -> String {
    let plan = job.planned;
    let rows = done(job);
    let drawn: Vec<_> = rows
        .iter()
        .filter_map(|(step, time, ..)| time.map(|t| (step.to_string(), t, seconds(t))))
        .collect();
    let told: Vec<_> = rows
        .iter()
        .map(|(step, time, size, side)| {
            vec![
                step.to_string(),
                side.clone(),
                time.map_or("-".to_owned(), seconds),
                size.map_or("-".to_owned(), bytes),
            ]
        })
        .collect();
    let mut body = bars("Time of each step", &drawn);
    body += &table(
        "Time of each step and bytes that it sends to the other side",
        &["step", "side", "time", "sends"],
        &told,
    );
    if let (Some(done), Some(expected)) = (job.trained, plan.predicted_train_seconds) {
        let memory = done.peak_rss_mb.map_or(String::new(), |peak| {
            format!(
                ", in {peak:.0} MB of memory (planned: {})",
                bytes(plan.server_memory_bytes)
            )
        });
        body += &paragraph(&format!(
            "The training took {} (planned: {}) and {} key switches{memory}.",
            seconds(done.wall_seconds),
            seconds(expected),
            done.key_switches
        ));
    }
    section("Time and bytes", &body)
}

/// From what, by what.
pub(super) fn provenance(job: &Job<'_>) -> String {
    let mut rows = Vec::new();
    let mut add = |what: &str, value: Option<String>| {
        if let Some(value) = value {
            rows.push(vec![what.to_owned(), value]);
        }
    };
    for done in &job.encrypted {
        let data = &done.data;
        add(
            "training rows",
            Some(format!(
                "{} rows of {} features, {}",
                data.rows, data.features, data.source
            )),
        );
        add("hash of the rows", Some(data.features_blake3.clone()));
        add("network", data.network.clone());
        add("hash of its weights", data.weights_blake3.clone());
    }
    let plan = job.planned;
    add(
        "method",
        Some(format!(
            "{}, first gradient by the {}",
            plan.method, plan.first_gradient
        )),
    );
    add(
        "layout",
        Some(format!(
            "{}, rows of {} columns",
            plan.layout.replace('_', "-"),
            plan.row_length
        )),
    );
    let last = |of: fn(&crate::Subject) -> &Option<String>| {
        job.records
            .iter()
            .rev()
            .find_map(|r| of(&r.subject).clone())
    };
    add("plan", last(|subject| &subject.plan));
    add("key", last(|subject| &subject.key));
    add("encrypted dataset", last(|subject| &subject.dataset));
    add("encrypted model", last(|subject| &subject.model));
    let steps: Vec<_> = job.records.iter().map(|record| step(&record.did)).collect();
    add("records of", Some(steps.join(", ")));
    add(
        "velum",
        job.records.last().map(|record| record.velum.clone()),
    );
    let text = table("Origin of everything above", &["what", "value"], &rows);
    section(
        "Where it comes from",
        &text.replace("<table>", "<table class=\"text\">"),
    )
}

fn step(did: &Step) -> String {
    did.name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (1_709_251_200, "2024-03-01"),
            (1_798_761_599, "2026-12-31"),
        ] {
            assert_eq!(day(seconds), text);
        }
    }
}
