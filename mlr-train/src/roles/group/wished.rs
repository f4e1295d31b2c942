//! What a charter says of the training: as a recipe for who plans, in words for who agrees, and as a rule for the plan that comes.
//!
//! Where a charter names no steps, range or degree it means the usual ones: nobody can plan others.

use crate::artifacts::{PlanFile, RunError};
use crate::clear::whitened::Schedule;
use crate::client::prepare::Recipe;
use crate::group::charter::{Charter, Wishes};
use crate::job::{FirstGradient, Job, Method, Polynomial, Way};
use crate::roles::client::plan::{DEFAULT_KEEP, DEFAULT_RANGE, DEFAULT_STEP};
use crate::sigmoid::{Degree, OddPolynomial};

/// Iterations of a group that wishes for no other number.
pub(super) const USUAL_ITERATIONS: usize = 2;

fn steps(wishes: &Wishes) -> Vec<f64> {
    match wishes.steps.as_slice() {
        [] => vec![DEFAULT_STEP; USUAL_ITERATIONS],
        steps => steps.to_vec(),
    }
}

fn polynomial(wishes: &Wishes) -> Result<OddPolynomial, RunError> {
    let degree = wishes.degree.and_then(Degree::from_number);
    let range = wishes.range.unwrap_or(DEFAULT_RANGE);
    Ok(OddPolynomial::fit(degree.unwrap_or(Degree::Three), range)?)
}

/// Steps and polynomial of a group.
pub(super) fn recipe(wishes: &Wishes) -> Result<Recipe, RunError> {
    Ok(Recipe::Whitened {
        schedule: Schedule::new(steps(wishes))?,
        polynomials: polynomial(wishes)?.into(),
        rounding: None,
    })
}

/// Who refreshes, and after how many iterations.
fn wished(wishes: &Wishes) -> Option<(Way, usize)> {
    (wishes.refreshes()).map(|refresh| (refresh.way, refresh.every))
}

/// The training in words, for who agrees to a charter.
pub(super) fn training(charter: &Charter) -> String {
    let wishes = &charter.task().wishes;
    let steps = steps(wishes);
    format!(
        "the training: {} iterations of steps {} in units of 1/rows, a polynomial of degree {} on scores to {} for the sigmoid, {}",
        steps.len(),
        listed(&steps),
        wishes.degree.unwrap_or(3),
        wishes.range.unwrap_or(DEFAULT_RANGE),
        refreshed(wished(wishes))
    )
}

/// A plan in words, once it is accepted.
pub(super) fn summary(plan: &PlanFile) -> String {
    let (job, program) = (plan.plan.job(), plan.plan.job().program());
    format!(
        "the plan is what the charter says: {} iterations, {} refreshes; {} rows, {} columns, {} classes; {} bits of security",
        job.iterations(),
        job.refreshes(),
        program.shape.samples,
        program.shape.columns,
        program.shape.classes,
        plan.plan.estimate().security_bits
    )
}

fn listed(steps: &[f64]) -> String {
    let words: Vec<String> = steps.iter().map(f64::to_string).collect();
    words.join(", ")
}

fn refreshed(by: Option<(Way, usize)>) -> String {
    let Some((way, every)) = by else {
        return "without refreshes".to_owned();
    };
    let who = match way {
        Way::Client => "the client",
        Way::Bootstrap => "bootstrapping",
        Way::Owners => "the owners",
    };
    match every {
        0 => format!("with refreshes by {who} where the fastest plan has them"),
        every => format!("with refreshes by {who} after every {every} iterations"),
    }
}

/// Refuses a plan that is not what the charter says: what was expected, and what was found.
pub(super) fn require_wished(charter: &Charter, job: &Job) -> Result<(), (String, String)> {
    let (program, task) = (job.program(), charter.task());
    let wishes = &task.wishes;
    let by_client = Method::Whitened {
        first_gradient: FirstGradient::Client,
    };
    if program.method != by_client {
        let expected = "of the whitened method with the owners' first gradient";
        return Err((expected.to_owned(), "of another method".to_owned()));
    }
    let found = program.refresh.map(|refresh| (refresh.way, refresh.every));
    let wished = wished(wishes);
    let agrees = match (wished, found) {
        (Some((wished, 0)), Some((way, _))) => wished == way,
        (wished, found) => wished == found,
    };
    if !agrees {
        return Err((refreshed(wished), refreshed(found)));
    }
    let steps = steps(wishes);
    if steps != program.schedule {
        let said = |steps: &[f64]| format!("of steps {}", listed(steps));
        return Err((said(&steps), said(&program.schedule)));
    }
    let fitted = polynomial(wishes).ok();
    if fitted.is_none_or(|one| Polynomial::from(&one.into()) != program.polynomial) {
        let (range, degree) = (wishes.range.unwrap_or(DEFAULT_RANGE), wishes.degree);
        let expected = format!(
            "with a polynomial of degree {} on scores to {range}",
            degree.unwrap_or(3)
        );
        return Err((expected, "with another polynomial".to_owned()));
    }
    let shape = program.shape;
    let most = task.features.min(shape.samples.saturating_sub(1)).max(1);
    let columns = wishes.keep.unwrap_or(most.min(DEFAULT_KEEP)) + 1;
    let sizes = [
        ("classes", task.classes.len(), shape.classes),
        ("columns", columns, shape.columns),
    ];
    match sizes.into_iter().find(|(_, wished, found)| wished != found) {
        None => Ok(()),
        Some((what, wished, found)) => {
            Err((format!("for {wished} {what}"), format!("for {found}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::charter::Refresher;
    use crate::job::MASK_BITS;

    #[test]
    fn wishes_are_what_a_plan_is_asked_for() {
        let usual = Wishes::default();
        assert_eq!(usual.refreshes(), None);
        let Recipe::Whitened { schedule, .. } = recipe(&usual).unwrap() else {
            panic!("another method");
        };
        assert_eq!(schedule.steps(), [DEFAULT_STEP; USUAL_ITERATIONS]);
        let wishes = Wishes {
            steps: vec![4.0, 8.0, 2.5],
            range: Some(9.0),
            degree: Some(7),
            refresh_every: Some(2),
            ..Wishes::default()
        };
        let Recipe::Whitened {
            schedule,
            polynomials,
            ..
        } = recipe(&wishes).unwrap()
        else {
            panic!("another method");
        };
        assert_eq!(schedule.steps(), [4.0, 8.0, 2.5]);
        let widest = polynomials.widest();
        assert!((widest - 9.0).abs() < 1e-12, "{widest}");
        let asked = |refresher| {
            let wishes = Wishes {
                refresher,
                ..wishes.clone()
            };
            let asked = wishes.refreshes().unwrap();
            (asked.way, asked.every, asked.bits, asked.level)
        };
        assert_eq!(asked(None), (Way::Owners, 2, MASK_BITS, 0));
        assert_eq!(asked(Some(Refresher::Client)), (Way::Client, 2, 0, 0));
        assert_eq!(asked(Some(Refresher::Bootstrap)), (Way::Bootstrap, 2, 0, 0));
    }
}
