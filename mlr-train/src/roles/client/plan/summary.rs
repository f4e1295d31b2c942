//! What a plan says of itself.

use he_core::params::security;
use he_core::params::sparse::KeyModulus;
use velum_record::plan::{
    Alternative, Bootstrapped, Check, Explained, Iteration, JointKey, Planned, SecureKey,
};

use crate::artifacts::{PlanFile, evaluation_keys};
use crate::client::CheckReport;
use crate::packing::Arrangement;
use crate::plan::cost::Rates;
use crate::plan::{FirstGradient, PlanError, Ranked};

/// The summary of a plan, with what the twin saw if it was asked.
#[must_use]
pub fn summary(file: &PlanFile, check: Option<&CheckReport>) -> Planned {
    let (job, params) = (file.plan.job(), file.plan.params());
    let (program, estimate) = (job.program(), file.plan.estimate());
    let bits = params.security().bits();
    Planned {
        method: file.method().to_owned(),
        first_gradient: match program.method.first_gradient() {
            Some(FirstGradient::Client) => "client",
            Some(FirstGradient::Server) | None => "server",
        }
        .to_owned(),
        rows: program.shape.samples,
        columns: program.shape.columns,
        classes: program.shape.classes,
        iterations: job.iterations(),
        owners: program.owners.rows.clone(),
        public_key: program.owners.public_key,
        log_n: params.log_n(),
        log_qp: params.log_qp(),
        security_bits: bits,
        security_log_qp: security::cap(params.log_n(), bits).unwrap_or(0),
        security_source: security::SOURCE.to_owned(),
        levels: estimate.levels,
        layout: layout(program.arrangement),
        row_length: program.row_length,
        passes: program.shape.classes.div_ceil(program.classes_per_pass),
        key_switches: estimate.key_products,
        mod_downs: estimate.mod_downs,
        upload_ciphertexts: estimate.uploads,
        upload_bytes: estimate.upload_bytes,
        eval_keys: evaluation_keys::count(file),
        eval_key_bytes: estimate.key_bytes,
        download_bytes: estimate.download_bytes,
        refreshes: estimate.refreshes,
        refresh_way: program.refresh.map(|r| r.way.name().to_owned()),
        bootstrap: bootstrap(file),
        refresh_every: program.refresh.map(|refresh| refresh.every),
        refresh_bytes: estimate.refresh_bytes,
        server_memory_bytes: estimate.server_memory_bytes,
        memory_bound: None,
        predicted_weight_error: estimate.weight_error(),
        joint: joint(file),
        predicted_train_seconds: None,
        rates: None,
        plan_hash: file.hash_hex(),
        seconds: None,
        trained_on: None,
        check: check.map(of_check),
        explained: None,
        tuning: None,
        weighed: None,
        goal: None,
    }
}

/// What the parties of a joint key do and get.
fn joint(file: &PlanFile) -> Option<JointKey> {
    let joint = file.plan.job().joint()?;
    let estimate = file.plan.estimate().joint.as_ref()?;
    Some(JointKey {
        parties: joint.parties,
        threshold: joint.threshold,
        hides: joint.opening.name().to_owned(),
        noise_bits: estimate.noise_bits,
        opened_error: estimate.opened_error(),
        certain_bits: estimate.certain_bits,
        proof_bytes: estimate.proof_bytes,
        switching_key_bytes: estimate.switching_key_bytes,
        key_share_bytes: estimate.key_share_bytes,
        opening_share_bytes: estimate.opening_share_bytes,
        refresh_mask_bits: estimate.refresh_mask_bits,
        refresh_question_bytes: estimate.refresh_question_bytes,
        refresh_share_bytes: estimate.refresh_share_bytes,
    })
}

/// What a plan says of its bootstrapping.
fn bootstrap(file: &PlanFile) -> Option<Bootstrapped> {
    let bootstrapping = file.plan.bootstrapping()?;
    let estimate = file.plan.estimate().bootstrap.as_ref()?;
    let plan = bootstrapping.plan();
    let large = plan.bridge().large().params();
    let key = |key: KeyModulus| SecureKey {
        hides_under: key.weight.to_string(),
        cap: key.weight.cap_128(key.log_n).unwrap_or(0),
        source: key.weight.source().to_owned(),
        log_n: key.log_n,
        log_qp: key.log_qp,
        key: key.key,
    };
    Some(Bootstrapped {
        log_n: large.log_n(),
        log_qp: large.log_qp(),
        keys: plan.bridge().key_moduli().map(key).into(),
        key_bytes: estimate.key_bytes,
        ciphertexts: estimate.ciphertexts,
        bound: plan.shape().bound,
        passes: plan.shape().passes(),
        largest_error: plan.worst_error(),
        failure_log2: estimate.failure_log2,
    })
}

/// As plans spell it.
fn layout(arrangement: Arrangement) -> String {
    arrangement.name().replace('-', "_")
}

fn of_check(report: &CheckReport) -> Check {
    let iterations = report.iterations.iter().map(|figures| Iteration {
        iteration: figures.iteration,
        largest_score: figures.largest_score,
        beyond_range: figures.beyond_range,
        correct_polynomial: figures.correct_polynomial,
        correct_exact: figures.correct_exact,
    });
    Check {
        held_out: report.held_out,
        accuracy: report.accuracy(),
        client_only: report.client_only(),
        largest_class: report.baseline(),
        range: report.range,
        allowed_loss: report.allowed_loss,
        iterations: iterations.collect(),
    }
}

/// Why this plan: the first of `ranked` and those that came next.
pub(super) fn explain(ranked: &[Ranked], rates: &Rates) -> Result<Explained, PlanError> {
    let row = |ranked: &Ranked| {
        let (job, estimate) = (ranked.plan.job(), ranked.plan.estimate());
        let (program, literal) = (job.program(), ranked.plan.params().literal());
        Alternative {
            predicted_train_seconds: ranked.seconds,
            log_n: literal.log_n,
            q_bits: literal.q_bits.clone(),
            p_bits: literal.p_bits.clone(),
            digits: literal.dnum,
            layout: layout(program.arrangement),
            row_length: program.row_length,
            passes: program.shape.classes.div_ceil(program.classes_per_pass),
            radix: program.radix,
            server_memory_bytes: estimate.server_memory_bytes,
            upload_bytes: estimate.upload_bytes,
            eval_key_bytes: estimate.key_bytes,
            predicted_weight_error: estimate.shown_error(),
        }
    };
    let iterations = match ranked.first() {
        Some(best) => best.plan.iteration_costs(rates),
        None => Ok(vec![]),
    };
    Ok(Explained {
        plans: ranked.iter().map(row).collect(),
        iterations: iterations?,
    })
}
