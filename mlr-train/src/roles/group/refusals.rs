//! What a member tells the others of a step that it does not do.
//!
//! A reason lies on the board for everybody who can read it. So the line itself is shown only where it speaks of what others said, of a plan that nothing fits, or of the server's work, which knows no secret; of every other failure, which may name a file, a row or a
//! decrypted value, the others learn the step and the kind alone.

use he_core::error::{Class, Explain as _};

use crate::artifacts::RunError;
use crate::group::{Refusal, Step};

/// What is said of a failure that is the member's own business.
const OWN_BUSINESS: &str = "its own machine says why";

/// What is said of a step that failed; nothing before the member has agreed, and of a machine that fails or a process that is stopped.
pub(super) fn said(step: Step, error: &RunError) -> Option<Refusal> {
    if step == Step::Agree {
        return None;
    }
    let of_plan = matches!(step, Step::Plan | Step::Accept) && error.is_of_plan();
    let shown = match error.class() {
        Class::Verification => judges_others(step) || is_server_s(step),
        _ => of_plan || is_server_s(step),
    };
    let line = match error.place() {
        Some(place) if error.class() == Class::Verification => format!("{error} ({place})"),
        _ => error.to_string(),
    };
    let reason = if shown { &line } else { OWN_BUSINESS };
    Refusal::new(step, error.class(), reason)
}

/// Steps that verify what others said, and neither rows, as the check before an upload, nor what was decrypted.
fn judges_others(step: Step) -> bool {
    matches!(step, Step::Accept | Step::Relinearise)
}

/// Steps of the server, which knows nothing that is not on the board.
fn is_server_s(step: Step) -> bool {
    matches!(
        step,
        Step::Verdict | Step::RefreshQuestion(_) | Step::Model | Step::Call(_) | Step::Question
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_tells_what_is_a_member_s_own() {
        let told = |step, error: RunError| said(step, &error).map(|one| one.reason().to_owned());
        let proof = || RunError::unverified("a proof").at("share of B");
        assert_eq!(
            told(Step::Verdict, proof()).unwrap(),
            "a proof (share of B)"
        );
        for step in [
            Step::Plan,
            Step::Upload,
            Step::Received,
            Step::RefreshShare(0),
            Step::Share,
        ] {
            assert_eq!(told(step, proof()).unwrap(), OWN_BUSINESS);
        }
        let row = || RunError::input("row 7 has 3.5").at("mine/rows.csv");
        for step in [Step::Plan, Step::Accept, Step::Upload, Step::Statistics] {
            assert_eq!(told(step, row()).unwrap(), OWN_BUSINESS);
        }
        let plan = crate::plan::PlanError::NoRefresh { iterations: 3 };
        let line = plan.to_string();
        assert_eq!(told(Step::Plan, plan.into()).unwrap(), line);
        assert_eq!(told(Step::Model, row()).unwrap(), "row 7 has 3.5");
        assert_eq!(told(Step::Agree, row()), None);
        assert_eq!(told(Step::Plan, RunError::interrupted()), None);
        assert_eq!(told(Step::Plan, RunError::machine("no memory")), None);
    }
}
