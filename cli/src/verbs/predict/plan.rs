//! `predict plan`: how a server scores encrypted rows, chosen and checked before any work.

use std::io::{self, Write};

use mlr_train::predict::job::ModelForm;
use mlr_train::roles::client::scoring::plan::{self, ScorePlanInput};
use velum_record::predict::ScorePlanned;

use crate::args::predict::plan::PredictPlanArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;
use crate::verbs::human_bytes;

/// Plans as the arguments say and writes the plan.
pub(crate) fn run(args: &PredictPlanArgs, console: &Console) -> Result<ScorePlanned, Failure> {
    let input = ScorePlanInput {
        model: args.model.clone(),
        rows: args.features.rows()?,
        batch: args.batch,
        form: if args.encrypted_model {
            ModelForm::Encrypted
        } else {
            ModelForm::Clear
        },
        out: args.out.clone(),
    };
    Ok(plan::run(&input, &Reported::quick(console))?)
}

impl Summary for ScorePlanned {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let form = match self.model.as_str() {
            "clear" => "in clear",
            other => other,
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
