//! The search: layouts and parameters by ascending rough cost, scales by traced runs, the fastest traced jobs win.

use std::sync::Arc;

use he_core::params::Params;
use rayon::prelude::*;

use super::bootstrapping::{Bootstrapping, Under};
use super::candidates::{Candidate, UPLOAD_RATE, bits, candidates, levels_of, worse};
use super::chains::{Chains, room};
use super::counted::Counted;
use super::error::PlanError;
use super::estimate::{Estimate, error_at_refreshes, estimate_under};
use super::memory::bound;
use super::request::PlanRequest;
use super::scales::fit_scales_under;
use super::threads::on_one_thread;
use crate::job::{Job, MASK_BITS, Program, Refreshes, Scales, Way};
use crate::rounding::{self, Sizes};

/// Terms of a fold's stage.
const RADICES: [usize; 4] = [2, 4, 8, 16];
/// Scales are searched with this one; it enters the noise little.
const USUAL_RADIX: usize = 4;
/// Most evaluation keys: 10 MB each on disk at N = 2^15.
const MOST_KEYS: usize = 64;
/// A larger key set must bring the cost down to this part.
const WORTH_MORE_KEYS: f64 = 0.95;
/// A plan that is slower by no more than this factor is preferred if its memory is no more than that part.
const LITTLE_TIME: f64 = 1.25;
const MUCH_MEMORY: f64 = 0.6;
/// Most iterations between two refreshes that are tried.
const MOST_BETWEEN: usize = 3;
/// Levels at which owners take weights that are tried: below the first no modulus has room for their masks, from the last on every one has.
const MASK_LEVELS: std::ops::RangeInclusive<usize> = 2..=3;
/// Bits of a rounding that changes nothing, while scales are searched.
const FINEST: i32 = 40;
/// Bits of the finest and the coarsest rounding of refreshed weights. Weights of order 1 to 8 that are off by 2^-8 cost no accuracy.
const FINEST_USEFUL: i32 = 16;
const COARSEST: i32 = 8;

/// A job that fits a request.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) job: Job,
    pub(crate) params: Arc<Params>,
    pub(crate) estimate: Estimate,
    pub(crate) counted: Counted,
    pub(crate) bootstrapping: Option<Bootstrapping>,
    /// Predicted time of the training.
    pub(crate) seconds: f64,
}

impl Found {
    /// Seconds of upload, training and refreshes.
    fn job_seconds(&self) -> f64 {
        let bytes = self.estimate.upload_bytes + self.estimate.refresh_bytes;
        self.seconds + bytes as f64 / UPLOAD_RATE
    }
}

/// The jobs that fit a request, the best first and then by time, with their parameters: each choice of refreshes on a thread of its own.
pub(crate) fn search(request: &PlanRequest) -> Result<Vec<Found>, PlanError> {
    let Some(refresh) = request.refresh else {
        return on_one_thread(|| search_one(request));
    };
    let one = |refresh| {
        let one = PlanRequest {
            refresh: Some(refresh),
            ..request.clone()
        };
        on_one_thread(|| search_one(&one))
    };
    let found: Vec<_> = refreshes(request, refresh)
        .into_par_iter()
        .map(one)
        .collect();
    let (mut all, mut refusal) = (Vec::new(), None);
    for found in found {
        match found {
            Ok(found) => all.extend(found),
            Err(e) => refusal = Some(worse(refusal, e)),
        }
    }
    best_first(all, refusal)
}

/// The refreshes that are tried where something of them is to be found.
fn refreshes(request: &PlanRequest, asked: Refreshes) -> Vec<Refreshes> {
    let iterations = request.schedule.len().max(1);
    let reading = request.method.reading_iterations(iterations);
    let every = match asked.every {
        0 => 1..=MOST_BETWEEN.min(reading.max(1)),
        every => every..=every,
    };
    let levels = match (asked.way, asked.level) {
        (Way::Owners, 0) => MASK_LEVELS,
        (_, level) => level..=level,
    };
    let with = |every| {
        levels.clone().map(move |level| Refreshes {
            every,
            level,
            ..asked
        })
    };
    every.flat_map(with).collect()
}

/// [`search`] for a request whose refreshes are fixed.
fn search_one(request: &PlanRequest) -> Result<Vec<Found>, PlanError> {
    let mut chains = Chains::of(request);
    let (mut all, mut refusal) = (Vec::new(), None);
    let (near, slower) = candidates(request, &mut chains)?;
    for candidate in near {
        match place(request, &mut chains, candidate) {
            Ok(found) => all.push(found),
            Err(e) => refusal = Some(worse(refusal, e)),
        }
    }
    for candidate in slower {
        if !all.is_empty() {
            break;
        }
        match place(request, &mut chains, candidate) {
            Ok(found) => all.push(found),
            Err(e) => refusal = Some(worse(refusal, e)),
        }
    }
    best_first(all, refusal)
}

/// Sorts what was found; the refusal, if that is nothing.
fn best_first(mut all: Vec<Found>, refusal: Option<PlanError>) -> Result<Vec<Found>, PlanError> {
    all.sort_by(|a, b| a.job_seconds().total_cmp(&b.job_seconds()));
    if all.is_empty() {
        return Err(refusal.unwrap_or_else(|| PlanError::Scales {
            refusal: "no layout to try".to_owned(),
        }));
    }
    prefer_small(&mut all);
    Ok(all)
}

/// [`search`], whose refusal says how many iterations would fit, where fewer would.
pub(crate) fn search_or_say(request: &PlanRequest) -> Result<Vec<Found>, PlanError> {
    let refusal = match search(request) {
        Err(
            refusal @ (PlanError::Levels { .. }
            | PlanError::Scales { .. }
            | PlanError::Precision { .. }),
        ) if request.refresh.is_none() => refusal,
        other => return other,
    };
    let source = Box::new(refusal);
    // More iterations never fit better: halving finds the most that fit.
    let (mut fitting, mut too_many) = (0, request.schedule.len());
    while too_many - fitting > 1 {
        let middle = fitting.midpoint(too_many);
        let fewer = PlanRequest {
            schedule: request.schedule[..middle].to_vec(),
            ..request.clone()
        };
        if search(&fewer).is_ok() {
            fitting = middle;
        } else {
            too_many = middle;
        }
    }
    Err(if fitting > 0 {
        PlanError::Iterations {
            asked: request.schedule.len(),
            fitting,
            source,
        }
    } else if request.method.whitens() {
        *source
    } else {
        PlanError::RawFeatures { source }
    })
}

/// Two digits, however short.
fn in_seconds(seconds: f64) -> String {
    let digits = (1.0 - seconds.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{seconds:.digits$} s")
}

/// Moves the plan to the front that takes much less memory for little more time, if there is one.
fn prefer_small(all: &mut [Found]) {
    let memory = |found: &Found| found.estimate.server_memory_bytes as f64;
    let mut chosen = 0;
    for (i, other) in all.iter().enumerate() {
        let quick = other.job_seconds() <= LITTLE_TIME * all[0].job_seconds();
        if quick && memory(other) <= MUCH_MEMORY * memory(&all[chosen]) {
            chosen = i;
        }
    }
    all[..=chosen].rotate_right(1);
}

/// The cheapest chain, scales and radix of one layout.
fn place(
    request: &PlanRequest,
    chains: &mut Chains,
    candidate: Candidate,
) -> Result<Found, PlanError> {
    let needed = levels_of(request, candidate.arrangement);
    let bits = bits(request);
    let security = request.limits.security;
    let options: Vec<_> = match &request.parameters {
        Some(literal) => vec![chains.params(literal)?],
        None => {
            let cheapest = |&b: &u32| chains.cheapest(candidate.log_n, needed, b, security);
            let mut all: Vec<_> = bits.iter().filter_map(cheapest).collect();
            // Stable: of equally cheap chains the preferred size stays in front.
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            all.into_iter().map(|c| c.1).collect()
        }
    };
    let mut refusal = None;
    for params in options {
        let bootstrapping = match chains.bootstrapping(request, candidate.arrangement, &params) {
            Ok(found) => found,
            Err(e) => {
                refusal = Some(worse(refusal, e));
                continue;
            }
        };
        match with_chain(request, candidate, &params, bootstrapping) {
            Ok(found) => return Ok(found),
            Err(e) => refusal = Some(worse(refusal, e)),
        }
    }
    Err(refusal.unwrap_or(PlanError::Levels {
        needed,
        log_n: candidate.log_n,
        available: room(
            candidate.log_n,
            bits.iter().copied().min().unwrap_or(36),
            security,
        ),
    }))
}

fn with_chain(
    request: &PlanRequest,
    candidate: Candidate,
    params: &Arc<Params>,
    bootstrapping: Option<Bootstrapping>,
) -> Result<Found, PlanError> {
    let bits = bootstrapping.as_ref().map_or(FINEST, Bootstrapping::bits);
    let program = Program {
        shape: request.shape,
        method: request.method,
        schedule: request.schedule.clone(),
        polynomial: request.polynomial.clone(),
        bounds: request.bounds,
        owners: request.owners.clone(),
        refresh: request.refresh.map(|refresh| Refreshes {
            bits: match refresh.way {
                Way::Owners => MASK_BITS,
                _ => bits,
            },
            ..refresh
        }),
        arrangement: candidate.arrangement,
        row_length: candidate.row_length,
        classes_per_pass: candidate.classes_per_pass,
        radix: USUAL_RADIX,
        scales: Scales {
            data: 30,
            first: 30,
            error: 30,
            curvature: 30,
        },
    };
    let job = Job::new(program.clone(), params.slots())?;
    if let Some(bootstrapping) = &bootstrapping {
        bootstrapping.require(&job)?;
    }
    // Keys and contexts of both rings are to meet.
    let params = bootstrapping.as_ref().map_or_else(
        || Arc::clone(params),
        |b| Arc::clone(b.plan().bridge().small().params()),
    );
    let under = Under::new(&params, bootstrapping.as_ref());
    let fitted = fit_scales_under(&program, under);
    let (job, traced) = fitted.map_err(|refusal| PlanError::Scales {
        refusal: refusal.map_or_else(|| "none".to_owned(), |e| e.to_string()),
    })?;
    let (job, (estimate, counted)) = rounded(job, traced, under)?;
    if estimate.shown_error() > request.largest_error {
        return Err(PlanError::Precision {
            allowed: request.largest_error,
            found: estimate.shown_error(),
        });
    }
    let first = Timed::new(request, under, job, (estimate, counted));
    let best = with_radix(request, under, first)?;
    let found = Found {
        seconds: best.seconds,
        job: best.job,
        estimate: best.estimate,
        counted: best.counted,
        bootstrapping,
        params,
    };
    within_limits(request, found)
}

/// A job that was traced, and what it takes.
struct Timed {
    job: Job,
    estimate: Estimate,
    counted: Counted,
    seconds: f64,
}

impl Timed {
    fn new(request: &PlanRequest, under: Under<'_>, job: Job, traced: (Estimate, Counted)) -> Self {
        let (estimate, counted) = traced;
        Self {
            seconds: counted.seconds(&job, under, &request.rates),
            job,
            estimate,
            counted,
        }
    }
}

/// The job with the best number of terms a stage. More mean more keys: they must save a worthwhile part of the time.
fn with_radix(
    request: &PlanRequest,
    under: Under<'_>,
    mut best: Timed,
) -> Result<Timed, PlanError> {
    for radix in RADICES {
        let other = Program {
            radix,
            ..best.job.program().clone()
        };
        let job = Job::new(other, under.params.slots())?;
        let Ok(traced) = estimate_under(&job, under) else {
            continue;
        };
        let other = Timed::new(request, under, job, traced);
        let (estimate, keys) = (&other.estimate, other.estimate.keys.len());
        let good = estimate.shown_error() <= request.largest_error && keys <= MOST_KEYS;
        let worth = if keys > best.estimate.keys.len() {
            WORTH_MORE_KEYS
        } else {
            1.0
        };
        if good && other.seconds <= worth * best.seconds {
            best = other;
        }
    }
    Ok(best)
}

/// The job with the unit of its refreshes' rounding: the power of two above 24 errors that the weights are expected to have there. Scales were
/// chosen for the least error of what is computed, without any rounding.
fn rounded(
    job: Job,
    traced: (Estimate, Counted),
    under: Under<'_>,
) -> Result<(Job, (Estimate, Counted)), PlanError> {
    let refused = |e| PlanError::Refused(Box::new(e));
    let (Some(refresh), Some(error)) = (
        job.program().refresh.filter(Refreshes::by_client),
        error_at_refreshes(&job, under.params).map_err(refused)?,
    ) else {
        return Ok((job, traced));
    };
    let bits = rounding::bits(error, 0.0, Sizes::Checked).min(FINEST_USEFUL);
    if bits < COARSEST {
        return Err(PlanError::Precision {
            allowed: (-f64::from(COARSEST)).exp2() / rounding::MARGIN,
            found: error,
        });
    }
    let program = Program {
        refresh: Some(Refreshes { bits, ..refresh }),
        ..job.program().clone()
    };
    let job = Job::new(program, under.params.slots())?;
    let traced = estimate_under(&job, under).map_err(refused)?;
    Ok((job, traced))
}

/// The sketch's sizes are estimates; the traced job's count.
fn within_limits(request: &PlanRequest, found: Found) -> Result<Found, PlanError> {
    let (limits, estimate) = (request.limits, &found.estimate);
    let memory = bound(
        estimate.server_memory_bytes,
        &found.params,
        request.threads(),
    );
    for (what, limit, needed) in [
        ("memory at the server", limits.memory, memory),
        ("upload", limits.upload, estimate.upload_bytes),
    ] {
        if let Some(allowed) = limit.filter(|&allowed| needed > allowed) {
            return Err(PlanError::limit(what, allowed, needed));
        }
    }
    if let Some(allowed) = limits.seconds.filter(|&allowed| found.seconds > allowed) {
        return Err(PlanError::Limit {
            what: "time of the training",
            allowed: in_seconds(allowed),
            found: in_seconds(found.seconds),
            need: found.seconds,
        });
    }
    Ok(found)
}
