//! The search: layouts and parameters by ascending rough cost, scales by traced runs, the fastest traced jobs win.

use std::sync::Arc;

use he_core::params::Params;

use super::chains::{Chains, room};
use super::error::PlanError;
use super::predict::{Prediction, predict};
use super::program::{Job, Method, Program, ProgramError, Scales};
use super::request::PlanRequest;
use super::rough::Sketch;
use super::scales::fit_scales;
use crate::packing::{Arrangement, Layout};

/// Ring degrees tried.
const RINGS: [u32; 4] = [13, 14, 15, 16];
/// Bits of the primes above the last, in order of preference.
const WHITENED_BITS: [u32; 8] = [36, 35, 34, 38, 40, 33, 32, 31];
const PAPER_BITS: [u32; 5] = [40, 42, 38, 44, 36];
/// Terms of a fold's stage.
const RADICES: [usize; 4] = [2, 4, 8, 16];
/// Scales are searched with this one; it enters the noise little.
const USUAL_RADIX: usize = 4;
/// Most evaluation keys: 10 MB each on disk at N = 2^15.
const MOST_KEYS: usize = 64;
/// A larger key set must bring the cost down to this part.
const WORTH_MORE_KEYS: f64 = 0.95;
/// Bytes a second of the upload that plans are ranked with: 100 Mbit/s.
const UPLOAD_RATE: f64 = 12.5e6;
/// A plan that is slower by no more than this factor is preferred if its memory is no more than that part.
const LITTLE_TIME: f64 = 1.25;
const MUCH_MEMORY: f64 = 0.6;
/// Layouts whose rough cost is within this factor of the best are traced, at most this many.
const ROUGH_FACTOR: f64 = 2.0;
const MOST_TRACED: usize = 4;
/// Numbers of passes over the data that are tried.
const PASSES: [usize; 6] = [1, 2, 3, 4, 5, 10];

/// A layout, its ring, and the classes of a pass.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    log_n: u32,
    arrangement: Arrangement,
    row_length: usize,
    classes_per_pass: usize,
    rough: f64,
}

/// A job that fits a request.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) job: Job,
    pub(crate) params: Arc<Params>,
    pub(crate) prediction: Prediction,
    /// Predicted time of the training.
    pub(crate) seconds: f64,
}

impl Found {
    /// Seconds of upload and training.
    fn job_seconds(&self) -> f64 {
        self.seconds + self.prediction.upload_bytes as f64 / UPLOAD_RATE
    }
}

/// The jobs that fit a request, the best first and then by time, with their parameters.
pub(crate) fn search(request: &PlanRequest) -> Result<Vec<Found>, PlanError> {
    let mut chains = Chains::default();
    let (mut all, mut refusal) = (Vec::new(), None);
    for candidate in candidates(request, &mut chains)? {
        match place(request, &mut chains, candidate) {
            Ok(found) => all.push(found),
            Err(e) => refusal = Some(worse(refusal, e)),
        }
    }
    all.sort_by(|a: &Found, b| a.job_seconds().total_cmp(&b.job_seconds()));
    if all.is_empty() {
        return Err(refusal.unwrap_or_else(|| PlanError::Scales {
            refusal: "no layout to try".to_owned(),
        }));
    }
    prefer_small(&mut all);
    Ok(all)
}

/// Moves the plan to the front that takes much less memory for little more time, if there is one.
fn prefer_small(all: &mut [Found]) {
    let memory = |found: &Found| found.prediction.server_memory_bytes as f64;
    let mut chosen = 0;
    for (i, other) in all.iter().enumerate() {
        let quick = other.job_seconds() <= LITTLE_TIME * all[0].job_seconds();
        if quick && memory(other) <= MUCH_MEMORY * memory(&all[chosen]) {
            chosen = i;
        }
    }
    all[..=chosen].rotate_right(1);
}

/// The more telling of two refusals: the nearer to a plan.
fn worse(old: Option<PlanError>, new: PlanError) -> PlanError {
    let rank = |e: &PlanError| match e {
        PlanError::Limit { .. } => 3,
        PlanError::Precision { .. } => 2,
        PlanError::Scales { .. } => 1,
        _ => 0,
    };
    match old {
        Some(old) if rank(&old) >= rank(&new) => old,
        _ => new,
    }
}

/// Layouts in ascending order of rough cost.
fn candidates(request: &PlanRequest, chains: &mut Chains) -> Result<Vec<Candidate>, PlanError> {
    let fixed = request.parameters.as_ref().map(|p| p.log_n);
    let rings: Vec<u32> = match fixed.or(request.log_n) {
        Some(log_n) => vec![log_n],
        None => RINGS.to_vec(),
    };
    let mut all = Vec::new();
    let mut refusal = None;
    let mut any_ring = false;
    for &log_n in &rings {
        for arrangement in arrangements(request) {
            let params = match &request.parameters {
                Some(literal) => Some(chains.params(literal)?),
                None => usual_chain(request, chains, log_n, arrangement),
            };
            let Some(params) = params else { continue };
            any_ring = true;
            for row_length in row_lengths(request, params.slots()) {
                let layout = Layout::new(request.shape, params.slots(), row_length, arrangement)
                    .and_then(|layout| layout.with_owners(&request.owners.rows));
                match layout {
                    Ok(layout) => {
                        all.extend(sketches(request, &layout, &params, &mut refusal));
                    }
                    Err(e) => refusal = Some(PlanError::from(ProgramError::from(e))),
                }
            }
        }
    }
    if !any_ring {
        let least = request.scale_bits.unwrap_or(30);
        let log_n = rings.iter().copied().max().unwrap_or(0);
        let levels = arrangements(request).into_iter().map(|a| request.levels(a));
        return Err(PlanError::Levels {
            needed: levels.min().unwrap_or(0),
            log_n,
            available: room(log_n, least, request.limits.security),
        });
    }
    all.sort_by(|a, b| a.rough.total_cmp(&b.rough));
    let Some(best) = all.first() else {
        return Err(refusal.unwrap_or_else(|| PlanError::Scales {
            refusal: "no layout fits".to_owned(),
        }));
    };
    let limit = best.rough * ROUGH_FACTOR;
    all.retain(|c| c.rough <= limit);
    all.truncate(MOST_TRACED);
    Ok(all)
}

fn arrangements(request: &PlanRequest) -> Vec<Arrangement> {
    match (request.arrangement, request.method) {
        (Some(arrangement), _) => vec![arrangement],
        (None, Method::Whitened { .. }) if request.steps.len() > 1 => {
            vec![Arrangement::RowMajor, Arrangement::Diagonal]
        }
        _ => vec![Arrangement::RowMajor],
    }
}

fn row_lengths(request: &PlanRequest, slots: usize) -> Vec<usize> {
    let widest = request.shape.columns.next_power_of_two().min(slots);
    match request.row_length {
        Some(p) => vec![p],
        None => (0..=widest.ilog2()).map(|bits| 1 << bits).collect(),
    }
}

fn bits(request: &PlanRequest) -> Vec<u32> {
    let usual: &[u32] = match request.method {
        Method::Whitened { .. } => &WHITENED_BITS,
        Method::Paper { .. } => &PAPER_BITS,
    };
    request.scale_bits.map_or(usual.to_vec(), |b| vec![b])
}

/// The chain of the most preferred size that fits, for rough costs.
fn usual_chain(
    request: &PlanRequest,
    chains: &mut Chains,
    log_n: u32,
    arrangement: Arrangement,
) -> Option<Arc<Params>> {
    let (needed, security) = (request.levels(arrangement), request.limits.security);
    let mut fitting = bits(request).into_iter();
    fitting.find_map(|b| Some(chains.cheapest(log_n, needed, b, security)?.1))
}

/// The layout with as few passes as the limits allow.
fn sketches(
    request: &PlanRequest,
    layout: &Layout,
    params: &Params,
    refusal: &mut Option<PlanError>,
) -> Option<Candidate> {
    let classes = request.shape.classes;
    for passes in PASSES {
        // Threads share the classes of a pass: an odd one out would leave all but one idle.
        let threads = request.rates.threads.max(1);
        let classes_per_pass = classes.div_ceil(passes).next_multiple_of(threads);
        let classes_per_pass = classes_per_pass.min(classes);
        let sketch = Sketch {
            request,
            layout,
            params,
            classes_per_pass,
        };
        for (what, allowed, found) in [
            (
                "memory at the server",
                request.limits.memory,
                sketch.memory(),
            ),
            ("upload", request.limits.upload, sketch.upload()),
        ] {
            if let Some(allowed) = allowed.filter(|&allowed| found > allowed) {
                *refusal = Some(PlanError::limit(what, allowed, found));
            }
        }
        let within = |limit: Option<u64>, found| limit.is_none_or(|limit| found <= limit);
        if within(request.limits.memory, sketch.memory())
            && within(request.limits.upload, sketch.upload())
        {
            return Some(Candidate {
                log_n: params.log_n(),
                arrangement: layout.arrangement(),
                row_length: layout.row_length(),
                classes_per_pass,
                rough: sketch.seconds(&request.rates) + sketch.upload() as f64 / UPLOAD_RATE,
            });
        }
    }
    None
}

/// The cheapest chain, scales and radix of one layout.
fn place(
    request: &PlanRequest,
    chains: &mut Chains,
    candidate: Candidate,
) -> Result<Found, PlanError> {
    let needed = request.levels(candidate.arrangement);
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
        match with_chain(request, candidate, &params) {
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
) -> Result<Found, PlanError> {
    let program = Program {
        shape: request.shape,
        method: request.method,
        steps: request.steps.clone(),
        polynomial: request.polynomial.clone(),
        bounds: request.bounds,
        owners: request.owners.clone(),
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
    Job::new(program.clone(), params.slots())?;
    let (job, prediction) = fit_scales(&program, params).map_err(|refusal| PlanError::Scales {
        refusal: refusal.map_or_else(|| "none".to_owned(), |e| e.to_string()),
    })?;
    if prediction.weight_error() > request.largest_error {
        return Err(PlanError::Precision {
            allowed: request.largest_error,
            found: prediction.weight_error(),
        });
    }
    let seconds = |job: &Job| {
        Prediction::seconds_of(job, params, &request.rates)
            .map_err(|e| PlanError::Refused(Box::new(e)))
    };
    let mut best = Found {
        seconds: seconds(&job)?,
        job,
        prediction,
        params: Arc::clone(params),
    };
    // More terms a stage mean more keys: they must save a worthwhile part of the time.
    for radix in RADICES {
        let other = Program {
            radix,
            ..best.job.program().clone()
        };
        let job = Job::new(other, params.slots())?;
        let Ok(prediction) = predict(&job, params) else {
            continue;
        };
        let good = prediction.weight_error() <= request.largest_error
            && prediction.keys.len() <= MOST_KEYS;
        let worth = if prediction.keys.len() > best.prediction.keys.len() {
            WORTH_MORE_KEYS
        } else {
            1.0
        };
        let seconds = seconds(&job)?;
        if good && seconds <= worth * best.seconds {
            best = Found {
                job,
                prediction,
                seconds,
                params: Arc::clone(params),
            };
        }
    }
    within_limits(request, best)
}

/// The sketch's sizes are estimates; the traced job's count.
fn within_limits(request: &PlanRequest, found: Found) -> Result<Found, PlanError> {
    let (limits, prediction) = (request.limits, &found.prediction);
    for (what, limit, needed) in [
        (
            "memory at the server",
            limits.memory,
            prediction.server_memory_bytes,
        ),
        ("upload", limits.upload, prediction.upload_bytes),
    ] {
        if let Some(allowed) = limit.filter(|&allowed| needed > allowed) {
            return Err(PlanError::limit(what, allowed, needed));
        }
    }
    if let Some(allowed) = limits.seconds.filter(|&allowed| found.seconds > allowed) {
        return Err(PlanError::Limit {
            what: "time of the training",
            allowed: format!("{allowed:.0} s"),
            found: format!("{:.0} s", found.seconds),
        });
    }
    Ok(found)
}
