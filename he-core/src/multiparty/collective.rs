//! The collective refresh as a way of [`Refresh`]: what a server calls, whoever brings it the parties' shares.

use std::sync::Arc;

use super::refresh::{self, require_room};
use super::{ActiveSet, MultipartyError, RefreshQuestion, RefreshShare, Session};
use crate::circuits::Refresh;
use crate::evaluator::{
    Ckks, CkksCt, EvalError, Evaluator, Level, Meta, Op, Placement, Refusal, scales_match,
};
use crate::params::KeyLevels;
use crate::rlwe::RlweError;

/// Standard deviations that the noise of a coefficient may have, as in [`super::Smudging`].
const NOISE_SIGMAS: f64 = 16.0;

/// How a question gets to the parties and their shares come back: over messages.
pub trait RefreshExchange: Sync {
    /// The shares of all active parties.
    ///
    /// # Errors
    /// Whatever keeps a share from coming.
    fn shares(&self, question: &RefreshQuestion) -> Result<Vec<RefreshShare>, EvalError>;
}

/// A refresh by the parties that hold the secret between them, one round each time.
///
/// Values come back at the level that they are refreshed to and **at the scale that they had**, which must be the output's.
#[derive(Debug)]
pub struct CollectiveRefresh<X> {
    session: Arc<Session>,
    active: ActiveSet,
    exchange: X,
    output: Placement,
    bound: f64,
    input: Level,
}

impl<X: RefreshExchange> CollectiveRefresh<X> {
    /// Refreshes values of at most `bound` to `output`.
    ///
    /// # Errors
    /// [`MultipartyError::Room`] where no level below the output has room for the masks.
    pub fn new(
        session: &Arc<Session>,
        active: ActiveSet,
        exchange: X,
        output: Placement,
        bound: f64,
    ) -> Result<Self, MultipartyError> {
        let params = session.context().params();
        // Noise of a coefficient beside the message: an eighth of it is far more than any result has.
        let (bound_raw, threshold) = (1.125 * bound * output.scale, session.threshold());
        let mut input = 0;
        while let Err(room) = require_room(params, threshold, bound_raw, input) {
            if input >= output.level.0.min(params.max_level()) {
                return Err(room);
            }
            input += 1;
        }
        Ok(Self {
            session: Arc::clone(session),
            active,
            exchange,
            output,
            bound,
            input: Level(input),
        })
    }

    /// Raw noise that it adds to a slot: two errors of every active party.
    fn noise(&self) -> f64 {
        let n = self.session.context().params().n();
        refresh::noise(n, self.session.threshold())
    }
}

/// A protocol's refusal in the evaluator's terms.
fn refusal(error: MultipartyError, meta: &Meta) -> EvalError {
    let cause = match error {
        MultipartyError::Rlwe(error) => Refusal::of_scheme(error),
        MultipartyError::Room {
            needed, available, ..
        } => Refusal::Overflow {
            needed,
            available,
            level: meta.level,
        },
        other => Refusal::Scheme(RlweError::Protocol {
            reason: other.to_string(),
        }),
    };
    cause.of(Op::Refresh)
}

impl<X: RefreshExchange> Refresh<Ckks> for CollectiveRefresh<X> {
    fn input_level(&self) -> Level {
        self.input
    }

    fn output(&self) -> Placement {
        self.output
    }

    fn keys(&self) -> KeyLevels {
        KeyLevels::default()
    }

    fn bound(&self) -> f64 {
        self.bound
    }

    fn error(&self) -> f64 {
        self.noise() / self.output.scale
    }

    /// Noise beyond 16 standard deviations in one of N coefficients: 2^-187 each.
    fn log_failure(&self) -> f64 {
        f64::from(self.session.context().params().log_n()) - 187.0
    }

    fn refresh(&self, eval: &Ckks, ct: &CkksCt) -> Result<CkksCt, EvalError> {
        let op = Op::Refresh;
        let meta = eval.meta(ct);
        if meta.level < self.input {
            return Err(Refusal::LevelExhausted {
                needed: self.input,
                available: meta.level,
            }
            .of(op));
        }
        if meta.bound > self.bound {
            return Err(Refusal::BoundExceeded {
                declared: self.bound,
                found: meta.bound,
            }
            .of(op));
        }
        if !scales_match(meta.scale, self.output.scale) {
            return Err(Refusal::ScaleMismatch {
                left: meta.scale,
                right: self.output.scale,
            }
            .of(op));
        }
        let n = self.session.context().params().n() as f64;
        let bound = meta.bound * meta.scale + NOISE_SIGMAS * meta.noise / n.sqrt();
        let (data, to) = (ct.ciphertext().clone(), self.output.level.0);
        let question = RefreshQuestion::new(&self.session, data, bound, to, self.active.clone())
            .map_err(|e| refusal(e, &meta))?;
        let shares = self.exchange.shares(&question)?;
        let fresh = question.refreshed(&shares).map_err(|e| refusal(e, &meta))?;
        let noise = meta.noise.hypot(self.noise());
        let meta = Meta {
            level: self.output.level,
            noise,
            ..meta
        };
        CkksCt::admit(self.session.context(), fresh, meta)
    }
}
