//! Tuning of a training whose weights may be refreshed: the cheapest plan of those choices that are equally good.

use he_core::error::Report;
use velum_record::plan::Tuned;

use super::basis::{Basis, of_prepared, warn_of_nothing};
use super::tuned::{MOST_TRIED, nothing, report, said};
use super::{Chosen, PlanInput, ask, rates, weighed};
use crate::client::CheckReport;
use crate::client::prepare::Prepared;
use crate::client::tune::{Choice, LongSearch, Tuning};
use crate::data::TrainingSet;
use crate::plan::cost::Rates;
use crate::plan::{PlanRequest, Refreshes, Weighing, ways, weigh};
use crate::roles::{Reporter, Rows, RunError, Silent, columns};

/// Plans that are compared: a search for bootstrappings takes a minute.
const MOST_PLANNED: usize = 4;

/// A choice with its plans.
struct Planned {
    place: usize,
    prepared: Prepared,
    request: PlanRequest,
    check: Option<CheckReport>,
    weighing: Weighing,
}

/// Tries cubics and long runs; says how far it is.
pub(super) fn search(set: &TrainingSet, reporter: &dyn Reporter) -> Result<Tuning, RunError> {
    reporter.note("client: trying a ladder of choices on a split of the training rows");
    let mut search = LongSearch::new(set)?;
    let axes = search.axes();
    for (done, &keep) in axes.iter().enumerate() {
        reporter.check()?;
        reporter.note(&format!(
            "client: runs of up to 20 iterations with {keep} axes, {} of {}",
            done + 1,
            axes.len()
        ));
        search.run(keep)?;
    }
    Ok(search.finish())
}

/// Tunes axes, lambda, iterations, steps and polynomials, and takes the cheapest plan of the choices within a standard error of the best.
pub(super) fn choose(
    input: &PlanInput,
    rows: &Rows,
    reporter: &dyn Reporter,
) -> Result<Chosen, RunError> {
    let set: TrainingSet = rows.load()?.try_into()?;
    // Labels are refused before any work; the columns are spoken of with the lambda that is used.
    columns::look(&set, crate::roles::client::DEFAULT_LAMBDA, &Silent)?;
    let rates = rates(&input.rates, reporter)?;
    let tuning = search(&set, reporter)?;
    let refreshes = input
        .weigh
        .map_or_else(|| vec![input.refresh], |every| ways(every, false));
    let search = Search {
        input,
        set: &set,
        rates,
        refreshes,
        reporter,
    };
    let (best, seen) = search.cheapest(&tuning)?;
    columns::look(&set, tuning.ranked[best.place].lambda, reporter)?;
    if let Some(check) = &best.check {
        warn_of_nothing(check, reporter);
    }
    let tuned = told(&tuning, best.place, &seen);
    Ok(Chosen {
        basis: Basis::of_rows_prepared(best.request, best.prepared, Some(tuned)),
        check: best.check,
        weighed: input.weigh.map(|_| weighed::said(&best.weighing)),
        ranked: best.weighing.plans,
        goal: None,
    })
}

/// What plans are searched for, and with what.
struct Search<'a> {
    input: &'a PlanInput,
    set: &'a TrainingSet,
    rates: Rates,
    refreshes: Vec<Option<Refreshes>>,
    reporter: &'a dyn Reporter,
}

/// Seconds of the server and the way, by the choice's place.
type Seen = Vec<(usize, f64, String)>;

impl Search<'_> {
    /// The equally good choice with the cheapest plan, and every plan that was found; where none of them has one, the first of the others that has.
    fn cheapest(&self, tuning: &Tuning) -> Result<(Planned, Seen), RunError> {
        let (mut best, mut refusal): (Option<Planned>, Option<RunError>) = (None, None);
        let (mut seen, mut tried) = (Seen::new(), 0);
        for (place, choice) in tuning.ranked.iter().enumerate() {
            let over = place >= tuning.near && best.is_some();
            if over || seen.len() == MOST_PLANNED || tried == MOST_TRIED {
                break;
            }
            tried += 1;
            self.reporter.check()?;
            let found = match self.plan(place, choice) {
                Ok(found) => found,
                Err(error) => {
                    let why = Report::of(&error).to_string();
                    self.say(choice, &format!("no plan: {why}"));
                    refusal = Some(error);
                    continue;
                }
            };
            let cost = found.weighing.cost;
            let way = weighed::way(&found.weighing);
            self.say(
                choice,
                &format!("{:.0} s of the server, refreshes: {way}", cost.seconds),
            );
            seen.push((place, cost.seconds, way));
            let cheaper = |best: &Planned| cost.counted() < best.weighing.cost.counted();
            if best.as_ref().is_none_or(cheaper) {
                best = Some(found);
            }
        }
        let best = best.ok_or_else(|| refusal.unwrap_or_else(nothing))?;
        Ok((best, seen))
    }

    fn plan(&self, place: usize, choice: &Choice) -> Result<Planned, RunError> {
        let prepared = choice.prepare(self.set.clone())?;
        let check = prepared.check(f64::INFINITY)?;
        let mut request = of_prepared(self.input, &prepared)?;
        ask(&mut request, self.input);
        request.rates = self.rates.clone();
        let weighing = weigh(&request, &self.refreshes)
            .map_err(|error| RunError::from(error).at("--refresh"))?;
        Ok(Planned {
            place,
            prepared,
            request,
            check,
            weighing,
        })
    }

    fn say(&self, choice: &Choice, what: &str) {
        self.reporter.note(&format!(
            "client: {} axes, {} iterations of degree {}: {what}",
            choice.keep,
            choice.steps.len(),
            choice.degree.get()
        ));
    }
}

/// The tuning with what the plans of its choices take.
fn told(tuning: &Tuning, chosen: usize, seen: &Seen) -> Tuned {
    let with = |place: usize| {
        let mut choice = said(tuning, &tuning.ranked[place]);
        if let Some((_, seconds, way)) = seen.iter().find(|(other, ..)| *other == place) {
            choice.predicted_train_seconds = Some(*seconds);
            choice.refresh = Some(way.clone());
        }
        choice
    };
    let planned = seen.iter().map(|(place, ..)| with(*place));
    Tuned {
        chosen: with(chosen),
        planned: planned.collect(),
        equally_good: Some(tuning.near),
        ..report(tuning, &tuning.ranked[chosen], tuning.by_degree())
    }
}
