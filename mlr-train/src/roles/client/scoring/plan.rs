//! `predict plan`: how a server scores encrypted rows, chosen and checked before any work.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use velum_record::predict::ScorePlanned;
use velum_record::{Step, Subject};

use super::{require_origin, require_width};
use crate::artifacts::{ScorePlanFile, kinds, record};
use crate::files::{Outputs, Place};
use crate::model::Model;
use crate::predict::ScorePlan;
use crate::predict::job::ModelForm;
use crate::roles::{Reporter, Rows, RunError, keep};

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct ScorePlanInput {
    /// The model.
    pub model: PathBuf,
    /// Rows like those to predict.
    pub rows: Rows,
    /// Rows of the largest batch, if not as many as there are.
    pub batch: Option<NonZeroUsize>,
    /// What the server gets of the model.
    pub form: ModelForm,
    /// Where the plan goes.
    pub out: PathBuf,
}

/// Plans and writes the plan.
///
/// # Errors
/// Rows that do not fit the model; a model that fits no parameters; a place that is taken; the system's.
pub fn run(input: &ScorePlanInput, reporter: &dyn Reporter) -> Result<ScorePlanned, RunError> {
    let place = record::beside(&input.out);
    let mut outputs = Outputs::new([input.model.as_path(), &input.rows.features]);
    let file_place = outputs.file(&input.out, kinds::SCORE_PLAN)?;
    if file_place == Place::File {
        outputs.file(&place, kinds::RECORD)?;
    }
    let model = Model::read(&input.model)?;
    let rows = input.rows.load_unlabelled()?;
    require_width(&rows, model.features())?;
    require_origin(&rows, &model)?;
    let batch = input
        .batch
        .map_or(rows.features().nrows(), NonZeroUsize::get);
    reporter.detail("searching parameters and layouts");
    let view = rows.features().view();
    let file = ScorePlanFile::new(ScorePlan::search(&model, view, batch, input.form)?);
    file.write(&input.out)?;
    let features_by = model.description().digest();
    let model = match input.form {
        ModelForm::Clear => "the model goes to the server as it is",
        ModelForm::Encrypted => {
            "the model goes to the server encrypted, by predict encrypt --model"
        }
    };
    reporter.note(&format!(
        "client: {} is public: sizes and parameters, no feature; {model}",
        input.out.display()
    ));
    let planned = ScorePlanned {
        features_by,
        ..summary(&file)
    };
    if file_place == Place::File {
        let subject = Subject {
            plan: Some(file.hash_hex()),
            ..Subject::default()
        };
        keep(
            &place,
            Step::PredictPlan(planned.clone()),
            subject,
            reporter,
        );
    }
    Ok(planned)
}

/// The summary of a plan.
#[must_use]
pub fn summary(file: &ScorePlanFile) -> ScorePlanned {
    let (job, params, said) = (file.plan.job(), file.plan.params(), file.plan.forecast());
    let program = job.program();
    ScorePlanned {
        model: match program.model {
            ModelForm::Clear => "clear",
            ModelForm::Encrypted => "encrypted",
        }
        .to_owned(),
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
        features_by: None,
    }
}
