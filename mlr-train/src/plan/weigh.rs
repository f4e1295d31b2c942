//! Who gives weights levels again: several ways are searched for one request, and the cheapest that fits is taken.
//!
//! A way costs the seconds that its plan predicts for the server. Where the server stops at a refresh and waits for an answer, every such round
//! trip counts as [`ROUND_TRIP`] seconds more, and its bytes as the seconds that an upload of them takes. Ways are weighed in the order of
//! [`ways`], those that ask nobody first; a later one is taken if it saves more than a twentieth, which is less than estimates are off by.

use he_core::error::Report;
use rayon::prelude::*;

use super::candidates::{UPLOAD_RATE, worse};
use super::error::PlanError;
use super::file::{Plan, Ranked};
use super::request::{PlanRequest, largest_error};
use crate::job::{MASK_BITS, Refreshes, Way};

/// Seconds that a round trip counts as, besides its bytes: the server writes a checkpoint and a request and ends, somebody carries the request to
/// whoever answers it and the answer back, and the server reads its keys once more.
pub const ROUND_TRIP: f64 = 30.0;
/// Part of the cost so far that a later way must stay below.
const TELLING: f64 = 0.95;

/// A way that was weighed.
#[derive(Debug)]
pub struct Weighed {
    /// The way; none is a run without refreshes.
    pub way: Option<Way>,
    /// What its best plan takes, or why it has none.
    pub found: Result<Cost, PlanError>,
}

impl Weighed {
    /// `none`, or the way's name in files and messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.way.map_or("none", Way::name)
    }
}

/// What a plan takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Predicted seconds of the server.
    pub seconds: f64,
    /// Bytes of memory at the server at most, on the request's threads.
    pub memory: u64,
    /// Bytes of the uploaded ciphertexts.
    pub upload: u64,
    /// Refreshes of the weights.
    pub refreshes: u64,
    /// Those that the server waits for an answer at.
    pub round_trips: u64,
    /// Bytes of these, both ways.
    pub refresh_bytes: u64,
}

impl Cost {
    fn of(ranked: &Ranked, threads: usize) -> Self {
        let estimate = ranked.plan.estimate();
        // A refresh that exchanges nothing asks nobody.
        let asks = estimate.refresh_bytes > 0;
        Self {
            seconds: ranked.seconds,
            memory: ranked.plan.memory_bound(threads),
            upload: estimate.upload_bytes,
            refreshes: estimate.refreshes,
            round_trips: if asks { estimate.refreshes } else { 0 },
            refresh_bytes: estimate.refresh_bytes,
        }
    }

    /// The seconds that it is weighed by.
    #[must_use]
    pub fn counted(&self) -> f64 {
        let carried = self.refresh_bytes as f64 / UPLOAD_RATE;
        self.seconds + ROUND_TRIP * self.round_trips as f64 + carried
    }
}

/// What was weighed, and what was taken.
#[derive(Debug)]
pub struct Weighing {
    /// Every way, in the order in which they were weighed.
    pub ways: Vec<Weighed>,
    /// Which of them was taken.
    pub taken: usize,
    /// Its plans, the best first: never empty.
    pub plans: Vec<Ranked>,
    /// What the first of them takes.
    pub cost: Cost,
}

/// No refresh, and every way there is, with so many iterations between two refreshes (0: as the search finds them): under a `joint` key by its
/// owners, else by the server alone or by the client.
#[must_use]
pub fn ways(every: usize, joint: bool) -> Vec<Option<Refreshes>> {
    let by = |way, bits| Refreshes {
        way,
        every,
        bits,
        level: 0,
    };
    if joint {
        return vec![None, Some(by(Way::Owners, MASK_BITS))];
    }
    vec![None, Some(by(Way::Bootstrap, 0)), Some(by(Way::Client, 0))]
}

/// Searches a request with each of the given refreshes in place of its own, and takes the cheapest plan that keeps the request's limits.
///
/// Cost: a search each. Refreshes that fall into no iteration are left out where a run without any is weighed too: the plan would be the same.
///
/// # Errors
/// [`PlanError::NoWay`] if none fits; of a single way its own refusal.
pub fn weigh(
    request: &PlanRequest,
    refreshes: &[Option<Refreshes>],
) -> Result<Weighing, PlanError> {
    let (mut ways, mut best): (Vec<Weighed>, Option<Best>) = (vec![], None);
    let beside_none = refreshes.contains(&None);
    let found: Vec<_> = refreshes
        .par_iter()
        .map(|&refresh| plans(request, refresh, beside_none))
        .collect();
    for (refresh, found) in refreshes.iter().zip(found) {
        let way = refresh.map(|refresh| refresh.way);
        let found = found.map(|(first, rest)| {
            let cost = Cost::of(&first, request.threads());
            let saves = |other: &Best| cost.counted() < TELLING * other.cost.counted();
            if best.as_ref().is_none_or(saves) {
                best = Some(Best {
                    place: ways.len(),
                    cost,
                    plans: std::iter::once(first).chain(rest).collect(),
                });
            }
            cost
        });
        ways.push(Weighed { way, found });
    }
    match best {
        Some(Best { place, cost, plans }) => Ok(Weighing {
            ways,
            taken: place,
            plans,
            cost,
        }),
        None => Err(refused(ways)),
    }
}

/// The cheapest so far.
struct Best {
    place: usize,
    cost: Cost,
    plans: Vec<Ranked>,
}

/// The best plan with these refreshes, and those that come next.
fn plans(
    request: &PlanRequest,
    refresh: Option<Refreshes>,
    beside_none: bool,
) -> Result<(Ranked, Vec<Ranked>), PlanError> {
    let iterations = request.schedule.len();
    let unneeded = || PlanError::NoRefresh { iterations };
    let reading = request.method.reading_iterations(iterations.max(1));
    if refresh.is_some() && beside_none && reading < 2 {
        return Err(unneeded());
    }
    let mut with = PlanRequest {
        refresh,
        ..request.clone()
    };
    if refresh.is_some() {
        let allowed = largest_error(refresh, request.owners.joint.is_some());
        with.largest_error = with.largest_error.max(allowed);
    }
    let all = Plan::all(&with)?;
    let has_some = |one: &Ranked| one.plan.estimate().refreshes > 0;
    let mut all = all
        .into_iter()
        .filter(|one| refresh.is_none() || !beside_none || has_some(one));
    let first = all.next().ok_or_else(unneeded)?;
    Ok((first, all.collect()))
}

/// The refusal of all ways.
fn refused(ways: Vec<Weighed>) -> PlanError {
    let single = ways.len() == 1;
    let (mut texts, mut nearest) = (Vec::new(), None);
    for way in ways {
        let name = way.name();
        if let Err(error) = way.found {
            texts.push(format!("{name}: {}", Report::of(&error)));
            nearest = Some(worse(nearest, error));
        }
    }
    match nearest {
        Some(error) if single => error,
        Some(error) => PlanError::NoWay {
            refusals: texts.join("; "),
            nearest: Box::new(error),
        },
        None => PlanError::Scales {
            refusal: "no way to weigh".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests;
