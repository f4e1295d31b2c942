//! `predict-server`: scores encrypted rows. No type in here can hold a secret key.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt, Evaluator as _, Op};
use he_core::rlwe::Context;
use he_core::wire::Form;
use mlr_train::model::Model;
use mlr_train::predict::head::{ClearHead, EncryptedHead, Piece, pieces};
use mlr_train::predict::job::ModelForm;
use mlr_train::predict::server::{Head, score};
use serde::Serialize;

use crate::artifacts::manifest::Manifest;
use crate::artifacts::scoring::{self, Incoming, Note, ScorePlanFile};
use crate::artifacts::{directory, keys};
use crate::console::{Console, Summary};
use crate::failure::Failure;
use crate::interrupt::Stoppable;
use crate::prediction::PredictServerArgs;
use crate::verbs::human_bytes;
use crate::verbs::train::peak_rss_mb;

/// What the scoring took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scored {
    /// From the process's start to this line.
    wall_seconds: f64,
    /// Reading plan, keys and model.
    load_seconds: f64,
    /// Scoring, the rows' reading included.
    compute_seconds: f64,
    rows: usize,
    key_switches: u64,
    mod_downs: u64,
    download_bytes: u64,
    /// Largest resident memory of the process, where the system tells.
    peak_rss_mb: Option<f64>,
}

/// Scores as the arguments say.
pub(crate) fn run(args: &PredictServerArgs, console: &Console) -> Result<Scored, Failure> {
    let began = console.seconds();
    let model_path = args.model.as_deref().or(args.encrypted_model.as_deref());
    let model_path = model_path.unwrap_or(Path::new("--model"));
    keys::refuse_secrets(&[
        &args.plan,
        &args.eval_keys,
        &args.query,
        model_path,
        &args.out,
    ])?;
    directory::require_parent(&args.out)?;
    let plan = ScorePlanFile::read(&args.plan)?;
    let job = plan.plan.job();
    require_form(args, job.program().model)?;
    let context = plan.context()?;
    let most = plan.plan.forecast().query_ciphertexts;
    let form = (Form::Seeded, most);
    let mut query = Incoming::open(&args.query, &scoring::QUERY, (&plan, &context), form)?;
    let rows = query.rows(&plan)?;
    let layout = *job.layout();
    query.require_count(layout.chunks(rows) * layout.parts())?;
    let (eval_keys, _) = keys::read_evaluation(&args.eval_keys, &plan, &context)?;
    let eval = Ckks::new(eval_keys)?;
    if let Some(key) = Manifest::read(&args.eval_keys)?.key() {
        query.require_key(key, &format!("the key of {}", args.eval_keys.display()))?;
    }
    let clear = args.model.as_deref().map(Model::read).transpose()?;
    let head: Box<dyn Head<Ckks> + '_> = match &clear {
        Some(model) => Box::new(ClearHead::new(job, model).map_err(|error| {
            Failure::from(error)
                .at(model_path.display().to_string())
                .hint(
                    "it is not the model that the plan was made for: plan anew, or use that model",
                )
        })?),
        None => Box::new(encrypted_model(
            model_path,
            &plan,
            &context,
            &query.note.key,
        )?),
    };
    let load_seconds = console.seconds() - began;
    let sees = match job.program().model {
        ModelForm::Clear => "sizes, the plan, ciphertexts, the model; no feature, score or label",
        ModelForm::Encrypted => {
            "sizes, the plan and ciphertexts; no feature, weight, score or label"
        }
    };
    console.note(&format!("server: sees {sees}"));

    let stop = Stoppable::begin();
    let scoring_began = console.seconds();
    let stage = console.stage("predict", layout.chunks(rows) as u64);
    let mut scores = Vec::new();
    let mut note = Note {
        query: None,
        ..query.note.clone()
    };
    for chunk in 0..layout.chunks(rows) {
        stop.check()?;
        let parts = (0..layout.parts())
            .map(|_| query.next(job.row_placement()))
            .collect::<Result<Vec<_>, _>>()?;
        scores.extend(score(job, &eval, &parts, head.as_ref())?);
        stage.set(chunk as u64 + 1, "chunks of rows");
    }
    // Only now it is certain that the rows are whole; until here nothing has left.
    note.query = Some(query.finish()?);
    drop(stage);
    let compute_seconds = console.seconds() - scoring_began;
    scoring::write_scores(&args.out, &plan, &context, &note, &scores)?;
    drop(stop);
    console.note(&format!(
        "server: {} goes to the client, who alone can read it",
        args.out.display()
    ));
    let written =
        std::fs::metadata(&args.out).map_err(|error| Failure::io("read", &args.out, &error))?;
    Ok(Scored {
        wall_seconds: console.seconds(),
        load_seconds,
        compute_seconds,
        rows,
        key_switches: eval.tally().total(Op::KeyProduct),
        mod_downs: eval.tally().total(Op::ModDown),
        download_bytes: written.len(),
        peak_rss_mb: peak_rss_mb(),
    })
}

/// The plan says which form of the model there must be.
fn require_form(args: &PredictServerArgs, form: ModelForm) -> Result<(), Failure> {
    let (expected, found) = match (form, args.model.is_some()) {
        (ModelForm::Clear, false) => ("--model", "--encrypted-model"),
        (ModelForm::Encrypted, true) => ("--encrypted-model", "--model"),
        _ => return Ok(()),
    };
    Err(Failure::input(format!(
        "expected {expected}, which the plan is for, found {found}"
    ))
    .at(args.plan.display().to_string())
    .hint("name the other form of the model, or plan for this one"))
}

fn encrypted_model(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
    key: &str,
) -> Result<EncryptedHead<CkksCt>, Failure> {
    let job = plan.plan.job();
    let form = (Form::Seeded, plan.plan.forecast().model_ciphertexts);
    let mut file = Incoming::open(path, &scoring::SEALED_MODEL, (plan, context), form)?;
    file.require_key(key, "the key of the encrypted rows")?;
    file.require_count(pieces(job).count())?;
    let read: Result<EncryptedHead<_>, Failure> = pieces(job)
        .map(|piece| {
            let placement = match piece {
                Piece::Weights { .. } => job.weight_placement(),
                Piece::Intercept { .. } => job.score_placement(),
            };
            Ok((piece, file.next(placement)?))
        })
        .collect();
    let head = read?;
    file.finish()?;
    Ok(head)
}

impl Summary for Scored {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "{} rows scored in {:.2} s (reading keys and model {:.2} s), {} key switches, {}",
            self.rows,
            self.wall_seconds,
            self.load_seconds,
            self.key_switches,
            human_bytes(self.download_bytes)
        )?;
        match self.peak_rss_mb {
            Some(peak) => writeln!(out, ", at most {peak:.0} MB of memory"),
            None => writeln!(out),
        }
    }
}
