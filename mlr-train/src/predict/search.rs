//! The cheapest layout and parameters for a model and rows: every candidate is run on the simulator.

use std::sync::Arc;

use he_core::arith::MAX_PRIME_BITS;
use he_core::circuits::folds;
use he_core::params::{KeyLevels, Params, ParamsLiteral, security};
use ndarray::ArrayView2;

use super::cost::{Forecast, forecast};
use super::energy::{ROW_OVER_USUAL, largest_row_rms};
use super::error::PlanError;
use super::head::encodable;
use super::job::{Bounds, Job, ModelForm, Program, ProgramError, Scales, Typical};
use super::layout::{Layout, Shape, WeightsAt};
use crate::model::Model;

/// Rows may exceed those that the plan was made with by this factor, and then up to the next power of two.
const HEADROOM: f64 = 1.25;
/// Expected errors of a score may be this part of the scores' range. The unit of rounding is at most twice 24 of them, so that rounding adds at most 24 to the
/// six of noise: 30 a score, and two scores that differ by 1.25e-3 of the range keep their order.
const PRECISION: f64 = 1.0 / 48_000.0;
/// Terms of a stage of a fold.
const RADIX: usize = 4;
/// Candidates for the bits of q_0 and q_1.
const LAST: [u32; 5] = [32, 36, 40, 44, 48];
const FIRST: [u32; 7] = [24, 28, 32, 36, 40, 44, 48];
/// The special modulus exceeds the larger prime by this many bits.
const SPECIAL_MARGIN: u32 = 5;
/// Ring degrees, the smallest that does is taken: a larger one holds more rows at the same bytes a row.
const LOG_N: std::ops::RangeInclusive<u32> = 12..=15;
/// What a byte and a transform count for: 10 MB a second of network, and the transform's measured 118 microseconds.
const SECONDS_A_BYTE: f64 = 1e-7;
const SECONDS_A_TRANSFORM: f64 = 118e-6;

/// The sizes of a model's and of rows' values, rounded to powers of two: they are public.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) bounds: Bounds,
    pub(super) typical: Typical,
}

impl Sizes {
    /// Of `model`, and of rows like `rows` (n x d).
    ///
    /// # Errors
    /// [`PlanError::Model`] for rows of another width, [`PlanError::Scores`] where all scores are equal.
    pub(super) fn of(model: &Model, rows: ArrayView2<'_, f64>) -> Result<Self, PlanError> {
        let scores = model.scores(rows)?;
        let largest = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(0.0f64, |most, v| most.max(v.abs()))
        };
        let weights = model.weights();
        let norm = |of: fn(f64) -> f64| {
            let sums = weights
                .rows()
                .into_iter()
                .map(|row| row.iter().map(|&w| of(w)).sum::<f64>());
            sums.fold(0.0f64, f64::max)
        };
        let (low, high) = scores
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &z| {
                (low.min(z), high.max(z))
            });
        let weight = largest(&mut weights.iter().copied());
        let data = largest(&mut rows.iter().copied());
        // Written so that a range that is not a number is refused too.
        if !(high - low > 0.0 && weight > 0.0 && data > 0.0) {
            return Err(PlanError::Scores);
        }
        let data = above(HEADROOM * data);
        let rms = (rows.iter().map(|x| x * x).sum::<f64>() / rows.len() as f64).sqrt();
        // Rows like these must be taken.
        let row = largest_row_rms(rows) / ROW_OVER_USUAL;
        Ok(Self {
            bounds: Bounds {
                data,
                weight: above(weight),
                score: above(norm(f64::abs)) * data,
                // The layout's, see `job_for`.
                diagonal: 0.0,
                intercept: above(largest(&mut model.intercept().iter().copied())),
            },
            typical: Typical {
                data: above(rms.max(row)),
                weight: above((norm(|w| w * w) / model.features() as f64).sqrt()),
                range: 0.5 * above(high - low),
            },
        })
    }
}

/// The power of two that is not below `x`; 0 for 0.
fn above(x: f64) -> f64 {
    if x == 0.0 {
        0.0
    } else {
        x.log2().ceil().exp2()
    }
}

/// What a search finds.
pub(super) struct Found {
    pub(super) params: Arc<Params>,
    pub(super) job: Job,
    pub(super) forecast: Forecast,
    pub(super) keys: KeyLevels,
}

/// Searches; `rows` in `shape` are those of the largest batch.
pub(super) fn search(
    model: &Model,
    sizes: Sizes,
    rows: usize,
    form: ModelForm,
) -> Result<Found, PlanError> {
    let mut refusal = String::from("no parameters at all");
    for log_n in LOG_N {
        let mut best: Option<(f64, Found)> = None;
        for literal in literals(log_n) {
            let Ok(params) = Params::new(literal).map(Arc::new) else {
                continue;
            };
            let most = rows.div_ceil(2).next_power_of_two().min(params.slots());
            for block in (0..=most.ilog2()).map(|log| 1usize << log) {
                let Some(job) = job_for(model, sizes, rows, form, block, &params)? else {
                    continue;
                };
                match forecast(&job, &params) {
                    Ok((forecast, keys))
                        if forecast.score_error() <= sizes.typical.range * PRECISION =>
                    {
                        let seconds = seconds(&forecast);
                        if best.as_ref().is_none_or(|b| seconds < b.0) {
                            let found = Found {
                                params: Arc::clone(&params),
                                job,
                                forecast,
                                keys,
                            };
                            best = Some((seconds, found));
                        }
                    }
                    Ok((found, _)) => {
                        refusal = format!(
                            "expected error of a score 2^{:.1}, wanted 2^{:.1}",
                            found.score_error().log2(),
                            (sizes.typical.range * PRECISION).log2()
                        );
                    }
                    Err(error) => refusal = error.to_string(),
                }
            }
        }
        if let Some((_, found)) = best {
            return Ok(found);
        }
    }
    Err(PlanError::NoneFits { refusal })
}

/// The job of a layout under given parameters; none where no scale fits.
pub(super) fn job_for(
    model: &Model,
    sizes: Sizes,
    rows: usize,
    form: ModelForm,
    block: usize,
    params: &Params,
) -> Result<Option<Job>, PlanError> {
    let clear = form == ModelForm::Clear;
    let shape = Shape {
        rows,
        features: model.features(),
        classes: model.classes(),
    };
    let layout = Layout::new(shape, params.slots(), block).map_err(ProgramError::from)?;
    let mut bounds = sizes.bounds;
    bounds.diagonal = above(layout.diagonal_norm(model.weights().view())) * bounds.data;
    let program = Program {
        shape,
        model: form,
        model_blake3: clear.then(|| super::fingerprint(model)),
        block,
        radix: RADIX,
        bounds,
        typical: sizes.typical,
        scales: Scales { data: 1, score: 1 },
        dropped: 0.0,
    };
    let Some(mut program) = with_scales(program, &layout, params) else {
        return Ok(None);
    };
    let job = Job::new(program.clone(), params)?;
    if !clear {
        return Ok(Some(job));
    }
    program.dropped = dropped(&job, model);
    Ok(Some(Job::new(program, params)?))
}

/// Chains of two primes and a special modulus that the security table allows.
fn literals(log_n: u32) -> impl Iterator<Item = ParamsLiteral> {
    let cap = security::cap_128(log_n).unwrap_or(0);
    let pairs = LAST
        .into_iter()
        .flat_map(|last| FIRST.map(|first| (last, first)));
    pairs.filter_map(move |(last, first)| {
        let special = last.max(first) + SPECIAL_MARGIN;
        let count = special.div_ceil(MAX_PRIME_BITS);
        let each = special.div_ceil(count);
        // Primes just above a power of two count a little more than their bits.
        (last + first + count * each < cap).then(|| ParamsLiteral {
            log_n,
            q_bits: vec![last, first],
            p_bits: vec![each; count as usize],
            dnum: 2,
        })
    })
}

/// The largest scale of scores that fits q_0, and the scale of rows that leaves both factors of a product as precise as the other.
fn with_scales(mut program: Program, layout: &Layout, params: &Params) -> Option<Program> {
    let (b, t) = (program.bounds, program.typical);
    // The bounds that the evaluator reckons with on the way: products, the sum over diagonals, the stages of the fold.
    let mut largest = layout.parts() as f64 * b.data * b.weight;
    let mut sum = b.diagonal;
    let stages = folds(layout.blocks() / layout.lanes(), 1, program.radix);
    for terms in std::iter::once(layout.lanes()).chain(stages.iter().map(Vec::len)) {
        largest = largest.max(sum * terms as f64);
        sum = b.score.min(sum * terms as f64);
    }
    let largest = std::f64::consts::SQRT_2 * largest.max(b.score + b.intercept);
    // A bit for the sign, and a tenth for noise.
    let score = (params.log_q(0) - 1.1 - largest.log2()).floor();
    let both = score + (params.q()[1] as f64).log2();
    let data = (0.5 * (both + t.weight.log2() - t.data.log2())).round();
    if !(1.0..=90.0).contains(&score) || !(1.0..=90.0).contains(&data) {
        return None;
    }
    program.scales = Scales {
        data: data as i32,
        score: score as i32,
    };
    Some(program)
}

/// What the weights that a clear head drops add to a score at most.
fn dropped(job: &Job, model: &Model) -> f64 {
    let layout = job.layout();
    let (data, smallest) = (job.program().bounds.data, job.smallest_weight());
    let mut lost = vec![0.0f64; layout.outputs() * layout.lanes()];
    // Most models have no weight so small, and then there is nothing to look at.
    if model.weights().iter().all(|w| w.abs() >= smallest) {
        return 0.0;
    }
    for output in 0..layout.outputs() {
        for diagonal in 0..layout.lanes() {
            for part in 0..layout.parts() {
                let at = WeightsAt {
                    output,
                    diagonal,
                    part,
                };
                let all = layout.weight_slots(model.weights().view(), at);
                let kept = encodable(job, model, at);
                for block in 0..layout.blocks() {
                    let slot = block * layout.block();
                    let lane = (block + layout.lanes() - diagonal) % layout.lanes();
                    lost[output * layout.lanes() + lane] +=
                        (all[slot] - kept[slot]).re.abs() * data;
                }
            }
        }
    }
    lost.into_iter().fold(0.0, f64::max)
}

fn seconds(found: &Forecast) -> f64 {
    let bytes = found.query_bytes + found.model_bytes + found.key_bytes + found.download_bytes;
    bytes as f64 * SECONDS_A_BYTE + found.transforms as f64 * SECONDS_A_TRANSFORM
}
