//! `predict-plan`: how a server scores encrypted rows, chosen and checked before any work.

use std::io::{self, Write};

use mlr_train::model::Model;
use mlr_train::predict::ScorePlan;
use mlr_train::predict::job::ModelForm;
use serde::Serialize;

use super::{load, require_width};
use crate::artifacts::directory;
use crate::artifacts::scoring::ScorePlanFile;
use crate::console::{Console, Summary};
use crate::failure::Failure;
use crate::prediction::PredictPlanArgs;
use crate::verbs::human_bytes;

/// What a plan says; all of it is public.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Planned {
    model: ModelForm,
    rows: usize,
    features: usize,
    classes: usize,
    log_n: u32,
    log_qp: f64,
    security_bits: u32,
    /// Slots of a block: half the rows of a chunk.
    block: usize,
    /// Products with evaluation keys.
    key_switches: u64,
    mod_downs: u64,
    upload_ciphertexts: u64,
    upload_bytes: u64,
    model_ciphertexts: u64,
    model_bytes: u64,
    eval_keys: usize,
    eval_key_bytes: u64,
    download_bytes: u64,
    predicted_score_error: f64,
    plan_hash: String,
}

/// Plans as the arguments say and writes the plan.
pub(crate) fn run(args: &PredictPlanArgs, console: &Console) -> Result<Planned, Failure> {
    directory::require_parent(&args.out)?;
    let model = Model::read(&args.model)?;
    let rows = load(&args.features)?;
    require_width(&rows, model.features())?;
    let batch = args
        .batch
        .map_or(rows.features().nrows(), std::num::NonZeroUsize::get);
    let form = if args.encrypted_model {
        ModelForm::Encrypted
    } else {
        ModelForm::Clear
    };
    console.detail("searching parameters and layouts");
    let file = ScorePlanFile::new(ScorePlan::search(
        &model,
        rows.features().view(),
        batch,
        form,
    )?);
    file.write(&args.out)?;
    let model = match form {
        ModelForm::Clear => "the model goes to the server as it is",
        ModelForm::Encrypted => {
            "the model goes to the server encrypted, by predict-encrypt --model"
        }
    };
    console.note(&format!(
        "client: {} is public: sizes and parameters, no feature; {model}",
        args.out.display()
    ));
    Ok(summary(&file))
}

/// The summary of a plan, for `predict-plan` and `inspect`.
pub(crate) fn summary(file: &ScorePlanFile) -> Planned {
    let (job, params, said) = (file.plan.job(), file.plan.params(), file.plan.forecast());
    let program = job.program();
    Planned {
        model: program.model,
        rows: program.shape.rows,
        features: program.shape.features,
        classes: program.shape.classes,
        log_n: params.log_n(),
        log_qp: params.log_qp(),
        security_bits: params.security().bits(),
        block: program.block,
        key_switches: said.key_products,
        mod_downs: said.mod_downs,
        upload_ciphertexts: said.query_ciphertexts,
        upload_bytes: said.query_bytes,
        model_ciphertexts: said.model_ciphertexts,
        model_bytes: said.model_bytes,
        eval_keys: said.keys.len(),
        eval_key_bytes: said.key_bytes,
        download_bytes: said.download_bytes,
        predicted_score_error: said.score_error(),
        plan_hash: file.hash_hex(),
    }
}

impl Summary for Planned {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let form = match self.model {
            ModelForm::Clear => "in clear",
            ModelForm::Encrypted => "encrypted",
        };
        writeln!(out, "plan for predictions {}", self.plan_hash)?;
        writeln!(
            out,
            "  rows        up to {} of {} features, {} classes, model {form}",
            self.rows, self.features, self.classes
        )?;
        writeln!(
            out,
            "  parameters  N = 2^{}, log2(QP) = {:.1}, at least {} bits of security ({})",
            self.log_n,
            self.log_qp,
            self.security_bits,
            he_core::params::security::SOURCE
        )?;
        writeln!(
            out,
            "  once        {} of evaluation keys ({}), {} of encrypted model",
            human_bytes(self.eval_key_bytes),
            self.eval_keys,
            human_bytes(self.model_bytes)
        )?;
        writeln!(
            out,
            "  a batch     up {} in {} ciphertexts, down {}, {} key switches",
            human_bytes(self.upload_bytes),
            self.upload_ciphertexts,
            human_bytes(self.download_bytes),
            self.key_switches
        )?;
        writeln!(
            out,
            "  precision   expected error of a score {:.1e}",
            self.predicted_score_error
        )
    }
}
