//! One of several owners of data: whitened by the map that all share, laid out in blocks of its own.

use mlr_train::client::check::Limits;
use mlr_train::client::encrypt::Uploads;
use mlr_train::client::prepare::Recipe;
use mlr_train::client::{PrivateFile, check_plan};
use mlr_train::data::FeatureSet;
use ndarray::Array2;

use crate::args::EncryptArgs;
use crate::artifacts::directory::{Access, NewDirectory};
use crate::artifacts::{dataset, private};
use crate::console::Console;
use crate::convert::from_text;
use crate::failure::Failure;
use crate::features;
use crate::interrupt::Stoppable;
use crate::plan_file::PlanFile;

use super::Encrypted;

/// Encrypts one owner's rows.
pub(super) fn run(
    args: &EncryptArgs,
    plan: &PlanFile,
    console: &Console,
) -> Result<Encrypted, Failure> {
    let started = console.seconds();
    let job = plan.plan.job();
    if args.private.is_some() {
        return Err(Failure::input(
            "expected no private directory with a plan for several owners: the map is shared, and no owner has the twin",
        )
        .at("--private")
        .hint("leave it out; decrypt takes --whitening instead"));
    }
    let owner = owner(args, job.owner_rows().len())?;
    let context = plan.context()?;
    let sealer = super::sealer(args, &context)?;
    let file = whitening(args, plan)?;
    let set = features::load(
        args.features.path()?,
        args.features.labels.as_deref(),
        args.features.rows.as_ref(),
        "--rows",
    )?;
    let expected = job.owner_rows()[owner];
    if set.rows() != expected {
        return Err(Failure::input(format!(
            "the plan is for {expected} rows of owner {}, the data have {}",
            owner + 1,
            set.rows()
        ))
        .at(set.source().display().to_string())
        .hint("choose the same --rows as for stats, and the --owner that these rows had there"));
    }
    let set = set.with_classes(job.program().shape.classes)?;
    let rows = file.whitening.apply(set.features().view())?;
    let out = NewDirectory::begin(&args.out, Access::Shared, "encrypted dataset")?;
    let stop = Stoppable::begin();
    let training = console.seconds();
    let own_check = own_check(plan, &set, &rows)?;
    let clear_train_seconds = console.seconds() - training;
    if let Some(refusal) = &own_check {
        console.warn(&format!(
            "trained on this owner's rows alone, the plan would be refused ({refusal}); the rows of all owners together may still be fine, which nobody can check in clear"
        ));
    }
    let uploads = Uploads::of_owner(job, owner, rows.view(), set.labels())
        .map_err(|error| from_text(&error))?;
    let stage = console.stage("encrypt", job.uploads_of(owner).count() as u64);
    let doing = (&stage, &stop);
    let manifest = dataset::write(&out, plan, &context, &uploads, sealer.as_ref(), doing)?;
    drop(stage);
    stop.check()?;
    out.commit()?;
    console.note(&format!(
        "owner {}: {} goes to the server: ciphertexts alone",
        owner + 1,
        args.out.display()
    ));
    Ok(Encrypted {
        seconds: console.seconds() - started,
        clear_train_seconds,
        upload_ciphertexts: manifest.files().len(),
        upload_bytes: manifest.bytes(),
        owner: Some(owner + 1),
        own_check,
    })
}

/// Which owner, counted from 0.
fn owner(args: &EncryptArgs, owners: usize) -> Result<usize, Failure> {
    let wrong = |found: String| {
        Failure::input(format!(
            "expected an owner from 1 to {owners}, found {found}"
        ))
        .at("--owner")
        .hint("owners are numbered in the order in which their statistics were merged")
    };
    match args.owner {
        Some(owner) if (1..=owners).contains(&owner) => Ok(owner - 1),
        Some(owner) => Err(wrong(owner.to_string())),
        None if owners == 1 => Ok(0),
        None => Err(wrong("none".to_owned())),
    }
}

/// The map that the plan names.
fn whitening(args: &EncryptArgs, plan: &PlanFile) -> Result<PrivateFile, Failure> {
    let path = args.whitening.as_deref().ok_or_else(|| {
        Failure::input("expected the whitening map that all owners share, found none")
            .at("--whitening")
            .hint("it was written by plan --stats")
    })?;
    private::shared_whitening(path, plan)
}

/// The twin's check on these rows alone: why it refuses, if it does. Other owners' rows may mend it or not.
fn own_check(
    plan: &PlanFile,
    set: &FeatureSet,
    rows: &Array2<f64>,
) -> Result<Option<String>, Failure> {
    let program = plan.plan.job().program();
    let Some(Recipe::Whitened {
        schedule,
        polynomial,
    }) = Recipe::of(program)
    else {
        return Err(Failure::input(
            "expected a plan that this version can check, found one with other steps",
        )
        .hint("plan anew with this version"));
    };
    let limits = Limits {
        weight: program.bounds.weight,
        ..Limits::default()
    };
    let classes = program.shape.classes;
    let checked = check_plan(
        rows.view(),
        set.labels(),
        classes,
        &schedule,
        &polynomial,
        limits,
    );
    Ok(checked.err().map(|refused| from_text(&refused).message))
}
