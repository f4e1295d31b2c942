//! The search: layouts and parameters by ascending rough cost, scales by traced runs, the cheapest traced job wins.

use std::sync::Arc;

use he_core::params::Params;

use super::chains::{Chains, room};
use super::error::PlanError;
use super::predict::{Prediction, predict};
use super::program::{Job, Method, Program, Scales, levels};
use super::request::PlanRequest;
use super::scales::fit_scales;
use crate::packing::Layout;

/// Ring degrees tried.
const RINGS: [u32; 3] = [13, 14, 15];
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
/// Layouts whose rough cost is within this factor of the best are traced, at most this many.
const ROUGH_FACTOR: f64 = 2.0;
const MOST_TRACED: usize = 3;

/// A layout and its ring.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    log_n: u32,
    row_length: usize,
    rough: f64,
}

/// The cheapest job that fits a request, with its parameters.
pub(crate) fn search(request: &PlanRequest) -> Result<(Job, Arc<Params>, Prediction), PlanError> {
    let mut chains = Chains::default();
    let candidates = candidates(request)?;
    let mut best: Option<(Job, Arc<Params>, Prediction)> = None;
    let mut refusal = None;
    for candidate in candidates {
        match place(request, &mut chains, candidate) {
            Ok(found) => {
                let better = |b: &(_, _, Prediction)| found.2.transforms < b.2.transforms;
                if best.as_ref().is_none_or(better) {
                    best = Some(found);
                }
            }
            Err(e) => refusal = Some(worse(refusal, e)),
        }
    }
    best.ok_or_else(|| {
        refusal.unwrap_or_else(|| PlanError::Scales {
            refusal: "no layout to try".to_owned(),
        })
    })
}

/// The more telling of two refusals: the nearer to a plan.
fn worse(old: Option<PlanError>, new: PlanError) -> PlanError {
    let rank = |e: &PlanError| match e {
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
fn candidates(request: &PlanRequest) -> Result<Vec<Candidate>, PlanError> {
    let (needed, iterations) = (
        levels(request.method, request.steps.len().max(1)),
        request.steps.len() as f64,
    );
    let fixed = request.parameters.as_ref().map(|p| p.log_n);
    let rings: Vec<u32> = match fixed.or(request.log_n) {
        Some(log_n) => vec![log_n],
        None => RINGS.to_vec(),
    };
    let least = request.scale_bits.unwrap_or(30);
    let fits = |log_n: &u32| fixed.is_some() || room(*log_n, least) >= needed;
    let (fitting, largest) = (
        rings.iter().copied().filter(fits).collect::<Vec<_>>(),
        rings.iter().copied().max().unwrap_or(0),
    );
    if fitting.is_empty() {
        return Err(PlanError::Levels {
            needed,
            log_n: largest,
            available: room(largest, least),
        });
    }
    let mut all = Vec::new();
    for log_n in fitting {
        let slots = 1usize << (log_n - 1);
        let widest = request.shape.columns.next_power_of_two().min(slots);
        let lengths = match request.row_length {
            Some(p) => vec![p],
            None => (0..=widest.ilog2()).map(|bits| 1 << bits).collect(),
        };
        for row_length in lengths {
            let layout = Layout::new(request.shape, slots, row_length)
                .and_then(|layout| layout.with_owners(&request.owners.rows));
            let layout = layout.map_err(super::program::ProgramError::from)?;
            all.push(Candidate {
                log_n,
                row_length,
                rough: rough_cost(&layout, log_n, iterations),
            });
        }
    }
    all.sort_by(|a, b| a.rough.total_cmp(&b.rough));
    let limit = all.first().map_or(0.0, |c| c.rough * ROUGH_FACTOR);
    all.retain(|c| c.rough <= limit);
    all.truncate(MOST_TRACED);
    Ok(all)
}

/// Key switches (training.md's count, a stage of a fold by several terms as 0.7 a doubling) and a twentieth a tensor product,
/// times N log N.
fn rough_cost(layout: &Layout, log_n: u32, iterations: f64) -> f64 {
    let count = |x: usize| x as f64;
    let doublings = |x: usize| 0.7 * f64::from(x.ilog2());
    let (blocks, classes, vectors) = (
        count(layout.blocks()),
        count(layout.shape().classes),
        count(layout.vectors()),
    );
    let scores = blocks * classes * (5.0 + 2.0 * doublings(layout.row_length()));
    let sums = vectors * (2.0 + doublings(layout.rows()));
    let unpacking = vectors * doublings(layout.gradient_period());
    let products = 0.1 * blocks * vectors;
    let ring = f64::from(log_n) * f64::from(log_n).exp2();
    ring * (iterations * (scores + sums + products) + unpacking)
}

/// The cheapest chain, scales and radix of one layout.
fn place(
    request: &PlanRequest,
    chains: &mut Chains,
    candidate: Candidate,
) -> Result<(Job, Arc<Params>, Prediction), PlanError> {
    let needed = levels(request.method, request.steps.len().max(1));
    let usual: &[u32] = match request.method {
        Method::Whitened { .. } => &WHITENED_BITS,
        Method::Paper { .. } => &PAPER_BITS,
    };
    let bits = request.scale_bits.map_or(usual.to_vec(), |b| vec![b]);
    let options: Vec<_> = match &request.parameters {
        Some(literal) => vec![chains.params(literal)?],
        None => {
            let cheapest = |&b: &u32| chains.cheapest(candidate.log_n, needed, b);
            let mut all: Vec<_> = bits.iter().filter_map(cheapest).collect();
            // Stable: of equally cheap chains the preferred size stays in front.
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            all.into_iter().map(|c| c.1).collect()
        }
    };
    let mut refusal = None;
    for params in options {
        match with_chain(request, candidate, &params) {
            Ok((job, prediction)) => return Ok((job, params, prediction)),
            Err(e) => refusal = Some(worse(refusal, e)),
        }
    }
    Err(refusal.unwrap_or(PlanError::Levels {
        needed,
        log_n: candidate.log_n,
        available: room(candidate.log_n, bits.iter().copied().min().unwrap_or(36)),
    }))
}

fn with_chain(
    request: &PlanRequest,
    candidate: Candidate,
    params: &Arc<Params>,
) -> Result<(Job, Prediction), PlanError> {
    let program = Program {
        shape: request.shape,
        method: request.method,
        steps: request.steps.clone(),
        polynomial: request.polynomial,
        bounds: request.bounds,
        row_length: candidate.row_length,
        radix: USUAL_RADIX,
        scales: Scales {
            data: 30,
            first: 30,
            error: 30,
            curvature: 30,
        },
        owners: request.owners.clone(),
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
    let mut best = (job, prediction);
    // More terms a stage mean more keys: they must save a worthwhile part of the time.
    for radix in RADICES {
        let other = Program {
            radix,
            ..best.0.program().clone()
        };
        let job = Job::new(other, params.slots())?;
        let Ok(prediction) = predict(&job, params) else {
            continue;
        };
        let good = prediction.weight_error() <= request.largest_error
            && prediction.keys.len() <= MOST_KEYS;
        let worth = if prediction.keys.len() > best.1.keys.len() {
            WORTH_MORE_KEYS
        } else {
            1.0
        };
        if good && prediction.transforms as f64 <= worth * best.1.transforms as f64 {
            best = (job, prediction);
        }
    }
    Ok(best)
}
