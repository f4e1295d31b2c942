//! `plan`: everything about a run, chosen and checked before any work.

mod human;
mod options;
mod weighed;

use std::num::NonZeroUsize;

use mlr_train::clear::whitened::Schedule;
use mlr_train::client::prepare::Recipe;
use mlr_train::plan::{FirstGradient, Hiding, Joint, MASK_BITS, Refreshes, Way};
use mlr_train::roles::client::plan::{
    self, DEFAULT_RANGE, DEFAULT_STEP, PlanFor, PlanInput, RatesFrom,
};
use mlr_train::sigmoid::{Degree, OddPolynomial};
use velum_record::plan::Planned;

use crate::args::plan::{
    FirstGradientName, FitName, HideName, MethodName, PlanArgs, RefreshName, SigmoidName,
};
use crate::face::console::Console;
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Plans as the arguments say and writes the plan; memory is reckoned for `threads`, if they are given.
pub(crate) fn run(
    args: &PlanArgs,
    threads: Option<NonZeroUsize>,
    console: &Console,
) -> Result<Planned, Failure> {
    options::refuse_without_effect(args)?;
    let rates = match args.budget.rates.clone() {
        Some(path) if args.budget.calibrate => RatesFrom::Measured(path),
        Some(path) => RatesFrom::File(path),
        None => RatesFrom::BuiltIn,
    };
    let input = PlanInput {
        from: plan_for(args)?,
        recipe: recipe(args)?,
        own_sigmoids: match args.sigmoid {
            SigmoidName::One => None,
            SigmoidName::Each => Some(degree(args)?),
        },
        refresh: refreshes(args),
        bootstrap_passes: args.bootstrap_passes.map_or(1, u32::from),
        weigh: weigh(args),
        goal: args.accuracy_goal,
        first_gradient: match args.first_gradient {
            Some(FirstGradientName::Server) => FirstGradient::Server,
            _ => FirstGradient::Client,
        },
        keep: args.keep,
        lambda: args.lambda,
        tune: args.tune,
        public_key: args.public_key,
        joint: joint(args),
        log_n: args.log_n,
        arrangement: args.budget.layout.map(Into::into),
        row_length: args.budget.row_length,
        limits: args.budget.limits(threads),
        rates,
        explain: args.budget.explain,
        recipe_file: args.recipe.clone(),
        out: args.out.clone(),
    };
    let planned = plan::run(&input, &Reported::quick(console))?;
    weighed::tell(&planned, console);
    Ok(planned)
}

/// clap has seen to it that one of the three is there, and the map with statistics.
fn plan_for(args: &PlanArgs) -> Result<PlanFor, Failure> {
    Ok(match (args.shape, &args.stats, &args.whitening) {
        (Some(shape), ..) => PlanFor::Sizes {
            rows: shape.rows,
            features: shape.features,
            classes: shape.classes,
        },
        (None, Some(pooled), Some(map)) => PlanFor::Statistics {
            pooled: pooled.clone(),
            map: map.clone(),
            data_bound: args.data_bound,
        },
        _ => PlanFor::Rows(args.features.rows()?),
    })
}

fn joint(args: &PlanArgs) -> Option<Joint> {
    let parties = args.parties?;
    Some(Joint {
        parties,
        threshold: args.threshold.unwrap_or(parties),
        opening: match args.hide {
            HideName::KeyRecovery => Hiding::KeyRecovery,
            HideName::Statistical => Hiding::Statistical,
        },
    })
}

fn recipe(args: &PlanArgs) -> Result<Recipe, Failure> {
    if args.method == MethodName::Paper {
        return Ok(Recipe::Paper {
            iterations: args.iterations,
        });
    }
    let steps = match &args.steps {
        Some(steps) if steps.len() == args.iterations => steps.clone(),
        Some(steps) => {
            return Err(Failure::input(format!(
                "expected {} steps, one for each of --iterations, found {}",
                args.iterations,
                steps.len()
            ))
            .at("--steps"));
        }
        None => vec![DEFAULT_STEP; args.iterations],
    };
    let range = args.range.unwrap_or(DEFAULT_RANGE);
    Ok(Recipe::Whitened {
        schedule: Schedule::new(steps).map_err(|error| Failure::from(error).at("--iterations"))?,
        polynomials: polynomial(args, range)?.into(),
        rounding: None,
    })
}

fn degree(args: &PlanArgs) -> Result<Degree, Failure> {
    Degree::from_number(args.degree).ok_or_else(|| {
        let found = args.degree;
        Failure::input(format!(
            "expected an odd degree from 3 to 15, found {found}"
        ))
        .at("--degree")
    })
}

/// The refreshes that are asked for; the planner chooses how far apart, and how finely values are rounded.
fn refreshes(args: &PlanArgs) -> Option<Refreshes> {
    let (way, bits) = match args.refresh? {
        RefreshName::None | RefreshName::Auto => return None,
        RefreshName::Client => (Way::Client, 0),
        RefreshName::Bootstrap => (Way::Bootstrap, 0),
        RefreshName::Owners => (Way::Owners, MASK_BITS),
    };
    Some(Refreshes {
        way,
        every: args.refresh_every.map_or(0, usize::from),
        bits,
        level: 0,
    })
}

/// Whether the planner weighs who refreshes, with so many iterations between two refreshes. A goal leaves that to it unless it is said.
fn weigh(args: &PlanArgs) -> Option<usize> {
    let asked = match args.refresh {
        None => args.accuracy_goal.is_some(),
        Some(name) => name == RefreshName::Auto,
    };
    asked.then(|| args.refresh_every.map_or(0, usize::from))
}

fn polynomial(args: &PlanArgs, range: f64) -> Result<OddPolynomial, Failure> {
    let degree = degree(args)?;
    let fitted = match args.fit {
        FitName::LeastSquares => OddPolynomial::fit(degree, range),
        FitName::Minimax => OddPolynomial::minimax(degree, range),
    };
    fitted.map_err(|error| Failure::from(error).at("--range"))
}
