//! `predict-exact`: labels by exact integer scores, under BFV.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use he_core::wire::Existing;
use mlr_train::exact::bfv::{self, Scheme};
use mlr_train::exact::{ExactPlan, Quantised};
use mlr_train::files::{self, Access};
use mlr_train::model::Model;
use serde::Serialize;

use super::human_bytes;
use super::predict::table::{self, Table};
use super::predict::{load, require_width};
use crate::artifacts::exact::{self, Note};
use crate::artifacts::{directory, keys};
use crate::console::{Console, Summary};
use crate::convert::from_text;
use crate::exact::{ExactArgs, Step};
use crate::failure::Failure;
use crate::features::FeatureArgs;
use crate::prediction::TableArgs;

/// What a step did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Done {
    step: &'static str,
    seconds: f64,
    rows: usize,
    /// Of the file that leaves the machine.
    bytes: Option<u64>,
    ciphertexts: Option<usize>,
    /// log2 of the ciphertext modulus, and what the security table says of it.
    log_q: f64,
    security_bits: u32,
    /// What one unit of an integer score stands for.
    score_unit: f64,
    #[serde(flatten)]
    table: Option<Table>,
}

/// Does a step.
pub(crate) fn run(args: &ExactArgs, console: &Console) -> Result<Done, Failure> {
    let started = console.seconds();
    let mut done = match &args.step {
        Step::Plan {
            model,
            features,
            batch,
            out,
        } => plan(model, features, *batch, out)?,
        Step::Keygen {
            plan,
            key,
            public_key,
        } => keygen(plan, key, public_key, console)?,
        Step::Encrypt {
            plan,
            public_key,
            features,
            out,
        } => encrypt([plan, public_key, out], features)?,
        Step::Score {
            plan,
            public_key,
            query,
            model,
            out,
        } => score([plan, public_key, query, model, out], console)?,
        Step::Decrypt {
            plan,
            key,
            query,
            scores,
            table,
        } => decrypt([plan, key, query, scores], table)?,
    };
    done.seconds = console.seconds() - started;
    Ok(done)
}

fn done(step: &'static str, plan: &ExactPlan) -> Done {
    Done {
        step,
        seconds: 0.0,
        rows: plan.rows(),
        bytes: None,
        ciphertexts: None,
        log_q: ExactPlan::log_q(),
        security_bits: ExactPlan::security_bits(),
        score_unit: plan.steps().score(),
        table: None,
    }
}

fn plan(
    model: &Path,
    features: &FeatureArgs<true>,
    batch: Option<NonZeroUsize>,
    out: &Path,
) -> Result<Done, Failure> {
    directory::require_parent(out)?;
    let model = Model::read(model)?;
    let rows = load(features)?;
    require_width(&rows, model.features())?;
    let batch = batch.map_or(rows.features().nrows(), NonZeroUsize::get);
    let plan = ExactPlan::new(&model, rows.features().view(), batch)
        .map_err(|error| from_text(&error).at(rows.source().display().to_string()))?;
    files::write_atomic(out, &plan.to_json(), Access::Shared)?;
    Ok(done("plan", &plan))
}

fn keygen(plan: &Path, key: &Path, public_key: &Path, console: &Console) -> Result<Done, Failure> {
    let plan = exact::read_plan(plan)?;
    directory::refuse_existing(key, "secret key")?;
    directory::refuse_existing(public_key, "public key")?;
    directory::require_parent(public_key)?;
    let home = directory::parent(key);
    if !home.is_dir() {
        directory::require_parent(home)?;
    }
    let scheme = Scheme::new(&plan).map_err(|error| from_text(&error))?;
    let (public, private) = scheme.generate_keys().map_err(|error| from_text(&error))?;
    let note = Note {
        rows: None,
        key: None,
        query: None,
    };
    let bytes = exact::write(
        public_key,
        (&exact::PUBLIC, Existing::Keep),
        &plan,
        &note,
        &public,
    )?;
    let read = exact::read(public_key, &exact::PUBLIC, &plan, PUBLIC_PIECES)?;
    exact::write_secret(key, &plan, &read.hash, &private)?;
    console.note(&format!(
        "client: {} stays here and must be kept secret; {} goes to the server",
        key.display(),
        public_key.display()
    ));
    Ok(Done {
        bytes: Some(bytes),
        ..done("keygen", &plan)
    })
}

/// A public key is as large as this many ciphertexts at most: one, and a relinearisation key of a digit a prime.
const PUBLIC_PIECES: usize = 8;

fn read_public(path: &Path, plan: &ExactPlan) -> Result<(bfv::PublicKey, String), Failure> {
    let read = exact::read(path, &exact::PUBLIC, plan, PUBLIC_PIECES)?;
    let key = bfv::from_bytes(&read.content)
        .map_err(|error| from_text(&error).at(path.display().to_string()))?;
    Ok((key, read.hash))
}

fn encrypt(
    [plan, public_key, out]: [&Path; 3],
    features: &FeatureArgs<true>,
) -> Result<Done, Failure> {
    directory::require_parent(out)?;
    let plan = exact::read_plan(plan)?;
    let (public, key) = read_public(public_key, &plan)?;
    let rows = load(features)?;
    let integers = plan
        .quantise(rows.features().view())
        .map_err(|error| from_text(&error).at(rows.source().display().to_string()))?;
    let scheme = Scheme::new(&plan).map_err(|error| from_text(&error))?;
    let encrypted = scheme
        .encrypt(&public, integers.view())
        .map_err(|error| from_text(&error))?;
    let note = Note {
        rows: Some(integers.nrows()),
        key: Some(key),
        query: None,
    };
    let bytes = exact::write(
        out,
        (&exact::ROWS, Existing::Replace),
        &plan,
        &note,
        &encrypted,
    )?;
    Ok(Done {
        rows: integers.nrows(),
        bytes: Some(bytes),
        ciphertexts: Some(encrypted.len()),
        ..done("encrypt", &plan)
    })
}

fn score(
    [plan, public_key, query, model, out]: [&Path; 5],
    console: &Console,
) -> Result<Done, Failure> {
    keys::refuse_secrets(&[plan, public_key, query, model, out])?;
    directory::require_parent(out)?;
    let plan = exact::read_plan(plan)?;
    let name = model.display().to_string();
    let model = Model::read(model)?;
    let found = mlr_train::predict::fingerprint(&model);
    if found != plan.model_blake3() {
        return Err(Failure::input(format!(
            "expected the model with hash {}, found {found}",
            plan.model_blake3()
        ))
        .at(name)
        .hint("it is not the model that the plan was made for: plan anew, or use that model"));
    }
    let (public, key) = read_public(public_key, &plan)?;
    let most = Scheme::parts(&plan, plan.rows()).max(1);
    let read = exact::read(query, &exact::ROWS, &plan, most)?;
    exact::require_key(query, &read.note, &key)?;
    let rows = exact::require_rows(query, &read.note, &plan)?;
    let encrypted: Vec<bfv::Ciphertext> = bfv::from_bytes(&read.content)
        .map_err(|error| from_text(&error).at(query.display().to_string()))?;
    require_count(query, Scheme::parts(&plan, rows), encrypted.len())?;
    console.note("server: sees sizes, the plan, ciphertexts, the public key and the model; no feature, score or label");
    let scheme = Scheme::new(&plan).map_err(|error| from_text(&error))?;
    let integers = Quantised::new(&model, plan.steps());
    let scores = scheme
        .score(&public, &encrypted, rows, &integers)
        .map_err(|error| from_text(&error).at(query.display().to_string()))?;
    let note = Note {
        query: Some(read.hash),
        ..read.note
    };
    let bytes = exact::write(
        out,
        (&exact::SCORES, Existing::Replace),
        &plan,
        &note,
        &scores,
    )?;
    Ok(Done {
        rows,
        bytes: Some(bytes),
        ciphertexts: Some(scores.len()),
        ..done("score", &plan)
    })
}

fn require_count(path: &Path, expected: usize, found: usize) -> Result<(), Failure> {
    if expected == found {
        return Ok(());
    }
    Err(
        Failure::input(format!("expected {expected} ciphertexts, found {found}"))
            .at(path.display().to_string())
            .hint("the file was not written by this version of velum"),
    )
}

fn decrypt([plan, key, query, scores]: [&Path; 4], args: &TableArgs) -> Result<Done, Failure> {
    table::require_place(args.out.as_deref())?;
    let plan = exact::read_plan(plan)?;
    let (public, secret) = exact::read_secret(key, &plan)?;
    let most = Scheme::parts(&plan, plan.rows());
    let asked = exact::read(query, &exact::ROWS, &plan, most)?;
    exact::require_key(query, &asked.note, &public)?;
    let rows = exact::require_rows(query, &asked.note, &plan)?;
    let answer = exact::read(scores, &exact::SCORES, &plan, plan.classes())?;
    exact::require_key(scores, &answer.note, &public)?;
    if answer.note.query.as_ref() != Some(&asked.hash) {
        return Err(Failure::input(format!(
            "expected scores of the rows in {}, found those of others",
            query.display()
        ))
        .at(scores.display().to_string())
        .hint("name the rows that these scores were computed from"));
    }
    let at = |error: bfv::ExactError, path: &Path| from_text(&error).at(path.display().to_string());
    let private = bfv::from_bytes(&secret).map_err(|error| at(error, key))?;
    let encrypted: Vec<bfv::Ciphertext> =
        bfv::from_bytes(&answer.content).map_err(|error| at(error, scores))?;
    require_count(scores, plan.classes(), encrypted.len())?;
    let scheme = Scheme::new(&plan).map_err(|error| from_text(&error))?;
    let found = scheme
        .decrypt(&private, &encrypted, rows)
        .map_err(|error| at(error, scores))?;
    // Integers of at most 2^34 are exact as doubles.
    let values = found.mapv(|z| z as f64);
    let table = Table::new(values.view(), None, args.top.get());
    Ok(Done {
        rows,
        table: table.deliver(args)?,
        ..done("decrypt", &plan)
    })
}

impl Summary for Done {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(table) = &self.table {
            return out.write_all(table.csv().as_bytes());
        }
        write!(out, "{}: {} rows", self.step, self.rows)?;
        if let Some(bytes) = self.bytes {
            write!(out, ", {}", human_bytes(bytes))?;
        }
        writeln!(
            out,
            ", in {:.1} s; log2(Q) = {:.1}, at least {} bits of security ({})",
            self.seconds,
            self.log_q,
            self.security_bits,
            he_core::params::security::SOURCE
        )
    }
}
