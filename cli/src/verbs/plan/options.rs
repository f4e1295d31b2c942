//! Options that would have no effect are refused.

use crate::args::budget::LayoutName;
use crate::args::plan::{
    FirstGradientName, FitName, MethodName, PlanArgs, RefreshName, SigmoidName,
};
use crate::face::failure::Failure;

/// Refuses what would have no effect beside the other options' values; [`crate::args::effects`] has refused what their presence shows.
pub(super) fn refuse_without_effect(args: &PlanArgs) -> Result<(), Failure> {
    let each = args.sigmoid == SigmoidName::Each;
    if each && args.tune {
        return Err(Failure::input(
            "expected --sigmoid each without --tune, which chooses one polynomial for all iterations",
        )
        .at("arguments")
        .hint("leave out --tune, or --sigmoid each"));
    }
    let alone = matches!(
        args.refresh,
        Some(RefreshName::Client | RefreshName::Bootstrap)
    );
    if alone && args.parties.is_some() {
        return Err(Failure::input(
            "expected --refresh owners, auto or none with --parties: under a joint key nobody else has a part of the key",
        )
        .at("arguments")
        .hint("use --refresh owners"));
    }
    let needs = [
        (
            "--sigmoid each",
            "--features",
            each && args.features.features.is_none(),
        ),
        (
            "--refresh-every",
            "--refresh client, bootstrap, owners or auto",
            args.refresh_every.is_some() && nobody_refreshes(args),
        ),
        (
            "--bootstrap-passes",
            "--refresh bootstrap or auto, or --accuracy-goal, without --parties",
            args.bootstrap_passes.is_some() && nobody_bootstraps(args),
        ),
        (
            "--refresh owners",
            "--parties",
            args.refresh == Some(RefreshName::Owners) && args.parties.is_none(),
        ),
    ];
    if let Some((option, other, _)) = needs.iter().find(|(.., wrong)| *wrong) {
        return Err(Failure::input(format!(
            "expected {option} with {other} only: it has no effect here"
        ))
        .at("arguments")
        .hint(format!("leave out {option}, or give {other}")));
    }
    refuse_foreign_to_paper(args)
}

fn nobody_refreshes(args: &PlanArgs) -> bool {
    match args.refresh {
        None => args.accuracy_goal.is_none(),
        Some(name) => name == RefreshName::None,
    }
}

/// Under a joint key its parties refresh, whoever weighs it.
fn nobody_bootstraps(args: &PlanArgs) -> bool {
    let named = match args.refresh {
        None => args.accuracy_goal.is_some(),
        Some(name) => matches!(name, RefreshName::Auto | RefreshName::Bootstrap),
    };
    !named || args.parties.is_some()
}

/// Options of the whitened method say nothing to the paper's.
fn refuse_foreign_to_paper(args: &PlanArgs) -> Result<(), Failure> {
    if args.method == MethodName::Whitened {
        return Ok(());
    }
    let diagonal = args.budget.layout == Some(LayoutName::Diagonal);
    let client = args.first_gradient == Some(FirstGradientName::Client);
    let given = [
        ("--keep", args.keep.is_some()),
        ("--lambda", args.lambda.is_some()),
        ("--recipe", args.recipe.is_some()),
        ("--steps", args.steps.is_some()),
        ("--range", args.range.is_some()),
        ("--degree", args.degree != 3),
        ("--sigmoid each", args.sigmoid == SigmoidName::Each),
        (
            "--refresh client",
            args.refresh == Some(RefreshName::Client),
        ),
        ("--accuracy-goal", args.accuracy_goal.is_some()),
        ("--fit minimax", args.fit == FitName::Minimax),
        ("--layout diagonal", diagonal),
        ("--stats", args.stats.is_some()),
        ("--tune", args.tune),
        ("--first-gradient client", client),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Failure::input(format!(
            "the paper's method is run as published: expected no {option}"
        ))
        .at("arguments")
        .hint("leave it out, or use --method whitened")),
        None => Ok(()),
    }
}
