//! The search for scales: many traced runs of a small copy of the job, the least expected error wins.

#[cfg(test)]
use std::sync::Arc;

use he_core::params::Params;

use super::bootstrapping::Under;
use super::counted::Counted;
use super::estimate::{Estimate, estimate_under, traced_error};
use super::joint;
use crate::job::{Job, LevelSchedule, Method, Program, Scales};
use crate::packing::Shape;
use crate::server::TrainError;

/// Bits of the gradient's scale above a prime's that are tried where the last level has room for any.
const ROOMY: f64 = 2.0;
/// How many of the best candidates are tried on the whole job.
const FINALISTS: usize = 12;

/// The job with the least expected error of its weights, and what it needs; `None` with the last refusal if no scales fit.
///
/// Every class costs and errs alike, so the candidates run with two classes; the best of them that fits the whole job wins. Candidates
/// are centred on what the moduli suggest: products land near the size of the primes, the last gradient just fits the last modulus.
#[cfg(test)]
pub(crate) fn fit_scales(
    program: &Program,
    params: &Arc<Params>,
) -> Result<(Job, Estimate), Option<TrainError>> {
    let (job, (estimate, _)) = fit_scales_under(program, params.into())?;
    Ok((job, estimate))
}

/// [`fit_scales`] for a program that may have a bootstrapping, with what the traced run counted.
pub(crate) fn fit_scales_under(
    program: &Program,
    under: Under<'_>,
) -> Result<(Job, (Estimate, Counted)), Option<TrainError>> {
    let params = under.params;
    let (mut fitting, mut refusal) = (Vec::new(), None);
    for scales in candidates(program, params) {
        match error_with(program, under, scales) {
            Ok(error) => fitting.push((error, scales)),
            Err(e) => refusal = e.or(refusal),
        }
    }
    fitting.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, scales) in fitting.into_iter().take(FINALISTS) {
        let whole = Program {
            scales,
            ..program.clone()
        };
        let Ok(job) = Job::new(whole, params.slots()) else {
            continue;
        };
        match estimate_under(&job, under) {
            Ok(traced) => return Ok((job, traced)),
            Err(e) => refusal = Some(e),
        }
    }
    Err(refusal)
}

/// Expected error of the weights with `scales`.
fn error_with(
    program: &Program,
    under: Under<'_>,
    scales: Scales,
) -> Result<f64, Option<TrainError>> {
    let small = Program {
        scales,
        shape: Shape {
            classes: 2,
            ..program.shape
        },
        classes_per_pass: 2,
        ..program.clone()
    };
    let job = Job::new(small, under.params.slots()).map_err(|_| None)?;
    if job.joint().is_some() {
        joint::proof(&job, under.params).map_err(Some)?;
        // Before any run: most scales leave no room for masks.
        joint::require_refreshes(&job, under.params, 0.0)
            .map_err(|source| Some(TrainError::Joint { source }))?;
    }
    traced_error(&job, under).map_err(Some)
}

/// The level of the trained weights.
fn last_level(program: &Program) -> usize {
    let (iterations, polynomials) = (program.schedule.len(), program.polynomial.levels());
    let refresh = program.refresh.as_ref();
    let levels = LevelSchedule::refreshed(program.method, iterations, &polynomials, false, refresh);
    levels.last().0
}

fn candidates(program: &Program, params: &Params) -> Vec<Scales> {
    let bits = &params.literal().q_bits;
    let (last, prime) = (
        f64::from(bits[0]),
        f64::from(*bits.last().unwrap_or(&bits[0])),
    );
    let clamp = |x: f64| x.round().clamp(10.0, 90.0) as u32;
    let n = program.shape.samples as f64;
    let mut all = Vec::new();
    match program.method {
        // One iteration only unpacks the first gradient and scales the value of it.
        Method::Whitened { .. } if program.schedule.len() == 1 => {
            for first in 14..60 {
                all.push(Scales {
                    data: 30,
                    first,
                    error: 30,
                    curvature: 30,
                });
            }
        }
        Method::Whitened { .. } => {
            let step = program
                .method
                .steps(program.shape.samples, &program.schedule[..1])[0];
            let first_gain = (step.gain * (1.0 + step.momentum)).log2();
            let largest = n * program.largest_sigmoid().max(1.0);
            // The gradient before halving, at the last level: with room to spare where that is not level 0.
            let most = last - 1.0 - (largest * program.bounds.column_rms).log2().floor();
            let most = match last_level(program) {
                0 => most,
                above => (most + prime * above as f64).min(prime + ROOMY),
            };
            // Masks have no room for weights much finer than 2^-38.
            let offsets = if program.refresh.is_some_and(|refresh| refresh.by_owners()) {
                [-9.0, -6.0, -3.0, -1.0, 0.0]
            } else {
                [-9.0, -6.0, -3.0, 0.0, 3.0]
            };
            for down in 0..5 {
                for data in offsets {
                    let data = prime + data;
                    for score in [-8.0, -4.0, 0.0] {
                        all.push(Scales {
                            data: clamp(data),
                            first: clamp(prime + score + prime - data + first_gain),
                            error: clamp(most - f64::from(down) + prime - data),
                            curvature: 30,
                        });
                    }
                }
            }
        }
        Method::Paper { .. } => {
            for down in [4.0, 7.0, 10.0, 14.0] {
                for data in [-12.0, -8.0, -4.0, 0.0] {
                    let data = prime + data;
                    for score in [-6.0, 0.0] {
                        for gradient in [-9.0, -4.0, 0.0] {
                            let gradient = prime + gradient;
                            all.push(Scales {
                                data: clamp(data),
                                first: clamp(prime + score + prime - data),
                                error: clamp(gradient - 1.0 + prime - data),
                                curvature: clamp(last - down + prime - gradient),
                            });
                        }
                    }
                }
            }
        }
    }
    all.dedup();
    all
}
