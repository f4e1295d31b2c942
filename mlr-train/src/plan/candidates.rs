//! Candidates of the search: layouts, rings and passes by their rough cost, as far as the limits may let them pass.

use std::sync::Arc;

use he_core::params::Params;

use super::chains::{Chains, room};
use super::error::PlanError;
use super::memory::bound;
use super::request::PlanRequest;
use super::rough::Sketch;
use crate::job::ProgramError;
use crate::packing::{Arrangement, Layout};

/// Ring degrees tried.
const RINGS: [u32; 4] = [13, 14, 15, 16];
/// Bytes a second of the upload that plans are ranked with: 100 Mbit/s.
pub(super) const UPLOAD_RATE: f64 = 12.5e6;
/// Layouts whose rough cost is within this factor of the best are traced, at most this many.
const ROUGH_FACTOR: f64 = 2.0;
const MOST_TRACED: usize = 4;
/// Under a limit of memory or upload, where none of those keeps it: so many slower ones are traced until one does. A sketch may be off by this factor.
const MOST_SLOWER: usize = 16;
const SKETCH_OFF: f64 = 1.4;
/// Bits of primes that are tried besides those of the method where owners refresh: their opening takes nine to ten bits of precision.
const JOINT_BITS: [u32; 3] = [39, 41, 42];
/// Numbers of passes over the data that are tried.
const PASSES: [usize; 6] = [1, 2, 3, 4, 5, 10];

/// A layout, its ring, and the classes of a pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) log_n: u32,
    pub(super) arrangement: Arrangement,
    pub(super) row_length: usize,
    pub(super) classes_per_pass: usize,
    rough: f64,
}

/// Layouts in ascending order of rough cost: those that are near the best, and those to be tried where none of them keeps the limits.
pub(super) fn candidates(
    request: &PlanRequest,
    chains: &mut Chains,
) -> Result<(Vec<Candidate>, Vec<Candidate>), PlanError> {
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
        let levels = arrangements(request)
            .into_iter()
            .map(|a| levels_of(request, a));
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
    let near = all.iter().take_while(|c| c.rough <= limit).count();
    let mut slower = all.split_off(near.min(MOST_TRACED));
    let limited = request.limits.memory.is_some() || request.limits.upload.is_some();
    slower.truncate(if limited { MOST_SLOWER } else { 0 });
    Ok((all, slower))
}

pub(super) fn levels_of(request: &PlanRequest, arrangement: Arrangement) -> usize {
    request.levels(arrangement.packs_first_gradient()).top()
}

fn arrangements(request: &PlanRequest) -> Vec<Arrangement> {
    match request.arrangement {
        Some(arrangement) => vec![arrangement],
        None => request.method.arrangements(request.schedule.len()).to_vec(),
    }
}

fn row_lengths(request: &PlanRequest, slots: usize) -> Vec<usize> {
    let widest = request.shape.columns.next_power_of_two().min(slots);
    match request.row_length {
        Some(p) => vec![p],
        None => (0..=widest.ilog2()).map(|bits| 1 << bits).collect(),
    }
}

pub(super) fn bits(request: &PlanRequest) -> Vec<u32> {
    if let Some(bits) = request.scale_bits {
        return vec![bits];
    }
    let mut all = request.method.prime_bits().to_vec();
    if request.owners_refresh() {
        all.extend(JOINT_BITS);
    }
    all
}

/// The chain of the most preferred size that fits, for rough costs.
fn usual_chain(
    request: &PlanRequest,
    chains: &mut Chains,
    log_n: u32,
    arrangement: Arrangement,
) -> Option<Arc<Params>> {
    let (needed, security) = (levels_of(request, arrangement), request.limits.security);
    let mut fitting = bits(request).into_iter();
    fitting.find_map(|b| Some(chains.cheapest(log_n, needed, b, security)?.1))
}

/// The layout with as few passes as the limits allow, and with more of them where a limit of memory is near: sketches are no traces.
fn sketches(
    request: &PlanRequest,
    layout: &Layout,
    params: &Params,
    refusal: &mut Option<PlanError>,
) -> Vec<Candidate> {
    let classes = request.shape.classes;
    let mut all: Vec<Candidate> = Vec::new();
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
        let memory = bound(sketch.memory(), params, request.threads());
        let upload = sketch.upload();
        for (what, allowed, found) in [
            ("memory at the server", request.limits.memory, memory),
            ("upload", request.limits.upload, upload),
        ] {
            if let Some(allowed) = allowed.filter(|&allowed| found > allowed) {
                let limit = PlanError::limit(what, allowed, found);
                *refusal = Some(worse(refusal.take(), limit));
            }
        }
        let within = |limit: Option<u64>, found: u64, off: f64| {
            limit.is_none_or(|limit| found as f64 <= limit as f64 * off)
        };
        if !within(request.limits.memory, memory, SKETCH_OFF)
            || !within(request.limits.upload, upload, SKETCH_OFF)
            || all.iter().any(|c| c.classes_per_pass == classes_per_pass)
        {
            continue;
        }
        all.push(Candidate {
            log_n: params.log_n(),
            arrangement: layout.arrangement(),
            row_length: layout.row_length(),
            classes_per_pass,
            rough: sketch.seconds(&request.rates) + upload as f64 / UPLOAD_RATE,
        });
        // What is well within the limit needs no more passes.
        if within(request.limits.memory, memory, 1.0 / SKETCH_OFF) {
            break;
        }
    }
    all
}

/// The more telling of two refusals: the nearer to a plan.
pub(super) fn worse(old: Option<PlanError>, new: PlanError) -> PlanError {
    let rank = |e: &PlanError| match e {
        PlanError::Limit { .. } => 3,
        PlanError::Precision { .. } => 2,
        PlanError::Scales { .. } => 1,
        _ => 0,
    };
    match old {
        // Of two needs beyond one limit the smaller is nearer to it.
        Some(old) if old.need() > new.need() && rank(&old) == rank(&new) => new,
        Some(old) if rank(&old) >= rank(&new) => old,
        _ => new,
    }
}
