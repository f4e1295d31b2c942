//! `predict exact`: labels by exact integer scores, under BFV.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use he_core::wire::Existing;
use mlr_train::exact::bfv::{self, Scheme};
use mlr_train::exact::{ExactPlan, Quantised};
use mlr_train::files::{self, Access, Outputs};
use mlr_train::model::Model;
use mlr_train::roles::client::scoring::require_width;
use serde::Serialize;

use crate::args::predict::exact::{
    ExactArgs, ExactDecryptArgs, ExactEncryptArgs, ExactKeygenArgs, ExactPlanArgs, ExactScoreArgs,
    ExactStep,
};
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;
use crate::verbs::human_bytes;
use mlr_train::artifacts::exact::{self, Note};
use mlr_train::artifacts::openings::{Opening, Question};
use mlr_train::artifacts::plan::ExactPlanFile;
use mlr_train::artifacts::predictions::{self, Table};
use mlr_train::artifacts::{kinds, secrets};

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
        ExactStep::Plan(args) => plan(args)?,
        ExactStep::Keygen(args) => keygen(args, console)?,
        ExactStep::Encrypt(args) => encrypt(args)?,
        ExactStep::Score(args) => score(args, console)?,
        ExactStep::Decrypt(args) => decrypt(args, console)?,
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

fn plan(args: &ExactPlanArgs) -> Result<Done, Failure> {
    let read = [Some(&args.model), args.features.features.as_ref()];
    Outputs::new(read.into_iter().flatten().map(PathBuf::as_path))
        .file(&args.out, kinds::EXACT_PLAN)?;
    let model = Model::read(&args.model)?;
    let rows = args.features.rows()?.load_unlabelled()?;
    require_width(&rows, model.features())?;
    let batch = args
        .batch
        .map_or(rows.features().nrows(), NonZeroUsize::get);
    let plan = ExactPlan::new(&model, rows.features().view(), batch)
        .map_err(|error| Failure::from(error).at(rows.source().display().to_string()))?;
    files::write_atomic(&args.out, &plan.to_json(), Access::Shared)?;
    Ok(done("plan", &plan))
}

fn keygen(args: &ExactKeygenArgs, console: &Console) -> Result<Done, Failure> {
    let (key, public_key) = (args.key.as_path(), args.public_key.as_path());
    let plan = ExactPlanFile::read(&args.plan)?.plan;
    let mut outputs = Outputs::new([args.plan.as_path()]);
    outputs.secret_file(key, "secret key")?;
    outputs.new_file(public_key, "public key")?;
    let scheme = Scheme::new(&plan)?;
    let (public, private) = scheme.generate_keys()?;
    let note = Note {
        rows: None,
        key: None,
        query: None,
    };
    let bytes = exact::write(
        public_key,
        &exact::PUBLIC,
        Existing::Keep,
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
        .map_err(|error| Failure::from(error).at(path.display().to_string()))?;
    Ok((key, read.hash))
}

fn encrypt(args: &ExactEncryptArgs) -> Result<Done, Failure> {
    let read = [
        Some(&args.plan),
        Some(&args.public_key),
        args.features.features.as_ref(),
    ];
    Outputs::new(read.into_iter().flatten().map(PathBuf::as_path))
        .file(&args.out, kinds::EXACT_ROWS)?;
    let plan = ExactPlanFile::read(&args.plan)?.plan;
    let (public, key) = read_public(&args.public_key, &plan)?;
    let rows = args.features.rows()?.load_unlabelled()?;
    let integers = plan
        .quantise(rows.features().view())
        .map_err(|error| Failure::from(error).at(rows.source().display().to_string()))?;
    let scheme = Scheme::new(&plan)?;
    let encrypted = scheme.encrypt(&public, integers.view())?;
    let note = Note {
        rows: Some(integers.nrows()),
        key: Some(key),
        query: None,
    };
    let bytes = exact::write(
        &args.out,
        &exact::ROWS,
        Existing::Replace,
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

fn score(args: &ExactScoreArgs, console: &Console) -> Result<Done, Failure> {
    let query = args.query.as_path();
    secrets::refuse(&[&args.plan, &args.public_key, query, &args.model, &args.out])?;
    let read: [&Path; 4] = [&args.plan, &args.public_key, query, &args.model];
    Outputs::new(read).file(&args.out, kinds::EXACT_SCORES)?;
    let plan = ExactPlanFile::read(&args.plan)?.plan;
    let name = args.model.display().to_string();
    let model = Model::read(&args.model)?;
    let found = mlr_train::predict::fingerprint(&model);
    if found != plan.model_blake3() {
        return Err(Failure::input(format!(
            "expected the model with hash {}, found {found}",
            plan.model_blake3()
        ))
        .at(name)
        .hint("it is not the model that the plan was made for: plan anew, or use that model"));
    }
    let (public, key) = read_public(&args.public_key, &plan)?;
    let most = Scheme::parts(&plan, plan.rows()).max(1);
    let read = exact::read(query, &exact::ROWS, &plan, most)?;
    exact::require_key(query, &read.note, &key)?;
    let rows = exact::require_rows(query, &read.note, &plan)?;
    let encrypted: Vec<bfv::Ciphertext> = bfv::from_bytes(&read.content)
        .map_err(|error| Failure::from(error).at(query.display().to_string()))?;
    require_count(query, Scheme::parts(&plan, rows), encrypted.len())?;
    console.note("server: sees sizes, the plan, ciphertexts, the public key and the model; no feature, score or label");
    let scheme = Scheme::new(&plan)?;
    let integers = Quantised::new(&model, plan.steps());
    let scores = scheme
        .score(&public, &encrypted, rows, &integers)
        .map_err(|error| Failure::from(error).at(query.display().to_string()))?;
    let note = Note {
        query: Some(read.hash),
        ..read.note
    };
    let bytes = exact::write(
        &args.out,
        &exact::SCORES,
        Existing::Replace,
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

fn decrypt(args: &ExactDecryptArgs, console: &Console) -> Result<Done, Failure> {
    let (key, query, scores) = (&*args.key, &*args.query, &*args.scores);
    let read: [&Path; 4] = [&args.plan, key, query, scores];
    predictions::require_place(args.table.out.as_deref(), read)?;
    let plan = ExactPlanFile::read(&args.plan)?.plan;
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
    let at =
        |error: bfv::ExactError, path: &Path| Failure::from(error).at(path.display().to_string());
    let private = bfv::from_bytes(&secret).map_err(|error| at(error, key))?;
    let encrypted: Vec<bfv::Ciphertext> =
        bfv::from_bytes(&answer.content).map_err(|error| at(error, scores))?;
    require_count(scores, plan.classes(), encrypted.len())?;
    let opening = Opening {
        key,
        fingerprint: &public,
        question: Question::Scores(&asked.hash),
        answer: &answer.hash,
    };
    opening
        .remember(args.open_again, &Reported::quick(console))
        .map_err(|error| error.at(scores.display().to_string()))?;
    let scheme = Scheme::new(&plan)?;
    let found = scheme
        .decrypt(&private, &encrypted, rows)
        .map_err(|error| at(error, scores))?;
    // Integers of at most 2^34 are exact as doubles.
    let values = found.mapv(|z| z as f64);
    let table = Table::new(values.view(), None, args.table.top.get());
    Ok(Done {
        rows,
        table: table.deliver(args.table.out.as_deref(), Access::Private)?,
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
