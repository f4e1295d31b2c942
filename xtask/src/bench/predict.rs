//! Predictions for new rows, by every way that there is: a model trained in clear, rows that it has not seen, a process for each step.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use velum_record::client::Keygen;
use velum_record::predict::{QueryEncrypted, ScorePlanned, Scored, ScoresOpened};

use super::paper::{build, call, only, said};
use super::summary::median;

/// Rows that the model is trained on, in clear, and rows that are predicted.
const TRAIN_ROWS: &str = "0..4000";
const TEST_ROWS: &str = "0..1000";

/// Features and labels of a directory as development data have them.
struct Data {
    train: String,
    test: String,
}

/// The results by way.
pub(super) fn run(directory: &Path, runs: usize, exact: bool) -> Result<Value> {
    let data = Data {
        train: file(directory, "train_features.npy")?,
        test: file(directory, "test_features.npy")?,
    };
    // No picture is looked at: a build without the networks does.
    let features: &[&str] = if exact {
        &["--no-default-features", "--features", "sunscreen"]
    } else {
        &["--no-default-features"]
    };
    let velum = build(features)?;
    let folder = tempfile::Builder::new()
        .prefix("velum-bench-")
        .tempdir()
        .context("cannot make a temporary directory")?;
    let client = folder.path().join("client");
    std::fs::create_dir(&client)?;
    eprintln!("training in clear");
    train(&velum, &client, &data)?;
    let mut results = Map::new();
    let mut ways = vec![Way::Clear, Way::ClearModel, Way::EncryptedModel];
    if exact {
        ways.push(Way::Exact);
    }
    for way in ways {
        let mut done = Vec::new();
        for k in 0..runs {
            eprintln!("{}: run {} of {runs}", way.name(), k + 1);
            let place = folder.path().join(format!("{}-{k}", way.name()));
            std::fs::create_dir(&place)?;
            done.push(once(way, &velum, &client, &place, &data).with_context(|| way.name())?);
            std::fs::remove_dir_all(&place)?;
        }
        results.insert(way.name().to_owned(), fold(&done)?);
    }
    Ok(Value::Object(results))
}

/// The clear twin of a whitened training is a model over raw features.
fn train(velum: &Path, client: &Path, data: &Data) -> Result<()> {
    let rows = ["--features", &data.train, "--rows", TRAIN_ROWS];
    let plan = [&["--out", "train.json"], &rows[..]].concat();
    call(velum, client, "plan", &plan)?;
    let keys = [
        "--plan",
        "train.json",
        "--key",
        "train/secret.key",
        "--eval-keys",
        "train-keys",
    ];
    call(velum, client, "keygen", &keys)?;
    let encrypt = [
        "--plan",
        "train.json",
        "--key",
        "train/secret.key",
        "--private",
        "private",
        "--out",
        "dataset",
    ];
    call(velum, client, "encrypt", &[&encrypt[..], &rows].concat())?;
    std::fs::rename(client.join("private/twin"), client.join("model"))?;
    for name in ["train-keys", "dataset"] {
        std::fs::remove_dir_all(client.join(name))?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In clear, at the client.
    Clear,
    /// Encrypted rows, a model in clear.
    ClearModel,
    /// Encrypted rows, an encrypted model.
    EncryptedModel,
    /// Integers.
    Exact,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::ClearModel => "encrypted_clear_model",
            Self::EncryptedModel => "encrypted_encrypted_model",
            Self::Exact => "exact",
        }
    }
}

/// Figures of one run, by name.
type Figures = BTreeMap<&'static str, f64>;

fn once(way: Way, velum: &Path, client: &Path, place: &Path, data: &Data) -> Result<Figures> {
    let rows = ["--features", data.test.as_str(), "--rows", TEST_ROWS];
    let like = [
        "--features",
        data.train.as_str(),
        "--rows",
        TRAIN_ROWS,
        "--batch",
        "1000",
    ];
    let model = client.join("model");
    let model = text(&model)?;
    let reference = call(
        velum,
        place,
        "predict",
        &[&["--model", model], &rows[..]].concat(),
    )?;
    let mut figures = Figures::from([("rows", number(&reference, "rows")?)]);
    if way == Way::Clear {
        figures.insert("accuracy", number(&reference, "accuracy")?);
        figures.insert("seconds", number(&reference, "seconds")?);
        figures.insert("label_agreement", 1.0);
        for name in ["upload_bytes", "download_bytes"] {
            figures.insert(name, 0.0);
        }
        return Ok(figures);
    }
    std::fs::create_dir(place.join("server"))?;
    let answer = match way {
        Way::Exact => exact(velum, place, (model, &rows, &like), &mut figures)?,
        _ => ckks(way, velum, place, (model, &rows, &like), &mut figures)?,
    };
    figures.insert("label_agreement", agreement(&reference, &answer)?);
    Ok(figures)
}

/// CKKS: plan, keys, (model,) rows at the client; scores at the server; labels at the client.
fn ckks(
    way: Way,
    velum: &Path,
    place: &Path,
    (model, rows, like): (&str, &[&str], &[&str]),
    figures: &mut Figures,
) -> Result<Value> {
    let encrypted = way == Way::EncryptedModel;
    let flag: &[&str] = if encrypted {
        &["--encrypted-model"]
    } else {
        &[]
    };
    let plan = ["--model", model, "--out", "server/plan.json"];
    let planned: ScorePlanned = said(
        velum,
        place,
        "predict plan",
        &[&plan[..], like, flag].concat(),
    )?;
    let key = ["--plan", "server/plan.json", "--key", "keys/secret.key"];
    let keys: Keygen = said(
        velum,
        place,
        "keygen",
        &[&key[..], &["--eval-keys", "server/eval-keys"]].concat(),
    )?;
    let query = ["--out", "query.enc"];
    let sealed: QueryEncrypted = said(
        velum,
        place,
        "predict encrypt",
        &[&key[..], rows, &query].concat(),
    )?;
    std::fs::copy(place.join("query.enc"), place.join("server/query.enc"))?;
    let mut expected = vec!["eval-keys", "plan.json", "query.enc"];
    let form: &[&str] = if encrypted {
        let out = ["--model", model, "--out", "server/model.enc"];
        let model = [&key[..], &out].concat();
        let made: QueryEncrypted = said(velum, place, "predict encrypt", &model)?;
        figures.insert("model_bytes", made.upload_bytes as f64);
        figures.insert("model_encrypt_seconds", made.seconds);
        expected.insert(1, "model.enc");
        &["--encrypted-model", "model.enc"]
    } else {
        &["--model", model]
    };
    let server = place.join("server");
    only(&server, &expected)?;
    let files = [
        "--plan",
        "plan.json",
        "--eval-keys",
        "eval-keys",
        "--query",
        "query.enc",
        "--out",
        "scores.enc",
    ];
    let start = Instant::now();
    let scored: Scored = said(
        velum,
        &server,
        "predict score",
        &[&files[..], form].concat(),
    )?;
    figures.insert("server_seconds", start.elapsed().as_secs_f64());
    let open = ["--query", "query.enc", "--scores", "server/scores.enc"];
    let opened = call(velum, place, "predict decrypt", &[&key[..], &open].concat())?;
    let table: ScoresOpened = serde_json::from_value(opened.clone())?;
    for (name, value) in [
        ("encrypt_seconds", sealed.seconds),
        ("upload_bytes", sealed.upload_bytes as f64),
        ("upload_ciphertexts", sealed.upload_ciphertexts as f64),
        ("compute_seconds", scored.compute_seconds),
        ("download_bytes", scored.download_bytes as f64),
        ("key_switches", scored.key_switches as f64),
        ("decrypt_seconds", table.seconds),
        ("certified_bits", f64::from(table.certified_bits)),
        ("eval_key_bytes", keys.eval_key_bytes as f64),
        ("log_n", f64::from(planned.log_n)),
        ("log_qp", planned.log_qp),
        ("security_bits", f64::from(planned.security_bits)),
    ] {
        figures.insert(name, value);
    }
    total(figures);
    Ok(opened)
}

/// BFV, on integers.
fn exact(
    velum: &Path,
    place: &Path,
    (model, rows, like): (&str, &[&str], &[&str]),
    figures: &mut Figures,
) -> Result<Value> {
    let step = |name: &str, parts: &[&[&str]]| {
        call(
            velum,
            place,
            &format!("predict exact {name}"),
            &parts.concat(),
        )
    };
    let plan = ["--plan", "server/plan.json"];
    let public = ["--public-key", "server/public.key"];
    step(
        "plan",
        &[&["--model", model, "--out", "server/plan.json"], like],
    )?;
    let keys = step("keygen", &[&plan, &public, &["--key", "keys/secret.key"]])?;
    let sealed = step("encrypt", &[&plan, &public, rows, &["--out", "query.enc"]])?;
    std::fs::copy(place.join("query.enc"), place.join("server/query.enc"))?;
    only(
        &place.join("server"),
        &["plan.json", "public.key", "query.enc"],
    )?;
    let start = Instant::now();
    let score = [
        "--query",
        "server/query.enc",
        "--model",
        model,
        "--out",
        "server/scores.enc",
    ];
    let scored = step("score", &[&plan, &public, &score])?;
    figures.insert("server_seconds", start.elapsed().as_secs_f64());
    let open = [
        "--key",
        "keys/secret.key",
        "--query",
        "query.enc",
        "--scores",
        "server/scores.enc",
    ];
    let opened = step("decrypt", &[&plan, &open])?;
    for (name, object, source) in [
        ("encrypt_seconds", &sealed, "seconds"),
        ("upload_bytes", &sealed, "bytes"),
        ("upload_ciphertexts", &sealed, "ciphertexts"),
        ("compute_seconds", &scored, "seconds"),
        ("download_bytes", &scored, "bytes"),
        ("decrypt_seconds", &opened, "seconds"),
        ("eval_key_bytes", &keys, "bytes"),
        ("log_q", &keys, "log_q"),
        ("security_bits", &keys, "security_bits"),
    ] {
        figures.insert(name, number(object, source)?);
    }
    total(figures);
    Ok(opened)
}

/// What a batch takes, keys and an encrypted model being there: encryption, server (start to exit), decryption.
fn total(figures: &mut Figures) {
    let of = |name| figures.get(name).copied().unwrap_or(f64::NAN);
    let sum = of("encrypt_seconds") + of("server_seconds") + of("decrypt_seconds");
    figures.insert("seconds", sum);
}

/// The share of rows with the same label.
fn agreement(reference: &Value, found: &Value) -> Result<f64> {
    let labels = |object: &Value| -> Result<Vec<Value>> {
        let rows = object["predictions"]
            .as_array()
            .context("no predictions were printed")?;
        Ok(rows.iter().map(|row| row["label"].clone()).collect())
    };
    let (expected, found) = (labels(reference)?, labels(found)?);
    if expected.is_empty() || expected.len() != found.len() {
        bail!(
            "{} labels in clear, {} encrypted",
            expected.len(),
            found.len()
        );
    }
    let same = expected.iter().zip(&found).filter(|(a, b)| a == b).count();
    Ok(same as f64 / expected.len() as f64)
}

/// Medians; the smallest agreement, where the middle one would flatter.
fn fold(runs: &[Figures]) -> Result<Value> {
    let first = runs.first().context("no run")?;
    let mut record = Map::new();
    for &name in first.keys() {
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| run.get(name).copied())
            .collect();
        let value = if name == "label_agreement" {
            values.into_iter().fold(f64::INFINITY, f64::min)
        } else {
            median(values)
        };
        record.insert(name.to_owned(), super::summary::plain(value));
    }
    Ok(Value::Object(record))
}

fn number(object: &Value, name: &str) -> Result<f64> {
    object[name]
        .as_f64()
        .with_context(|| format!("velum printed no number {name:?} in {object}"))
}

fn file(directory: &Path, name: &str) -> Result<String> {
    let path = directory.join(name);
    let path = path.canonicalize().with_context(|| {
        format!(
            "cannot find {}; expected train_features.npy and test_features.npy with their labels",
            path.display()
        )
    })?;
    Ok(text(&path)?.to_owned())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("the path {} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_directory_is_named() {
        let error = run(Path::new("no/such/features"), 1, false).unwrap_err();
        assert!(error.to_string().contains("no/such/features"), "{error}");
    }

    #[test]
    fn labels_are_compared_row_by_row() {
        let of = |labels: &[u32]| {
            let rows: Vec<Value> = labels
                .iter()
                .map(|label| json!({ "label": label }))
                .collect();
            json!({ "predictions": rows })
        };
        assert_eq!(
            agreement(&of(&[1, 2, 3, 4]), &of(&[1, 2, 0, 4])).unwrap(),
            0.75
        );
        assert!(agreement(&of(&[1, 2]), &of(&[1])).is_err());
        assert!(agreement(&of(&[]), &of(&[])).is_err());
    }

    #[test]
    fn medians_but_the_smallest_agreement() {
        let run = |seconds: f64, share: f64| {
            Figures::from([("seconds", seconds), ("label_agreement", share)])
        };
        let record = fold(&[run(3.0, 1.0), run(1.5, 0.999), run(2.0, 1.0)]).unwrap();
        assert_eq!(record, json!({ "seconds": 2, "label_agreement": 0.999 }));
    }
}
