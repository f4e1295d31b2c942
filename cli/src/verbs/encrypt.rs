//! `encrypt`: the client's rows as ciphertexts, and what stays with the client.

mod pooled;

use std::io::{self, Write};
use std::sync::Arc;

use he_core::evaluator::Ckks;
use he_core::holder::{PublicSealer, Sealer, SecretSealer};
use he_core::rlwe::Context;
use mlr_train::client::encrypt::Uploads;
use mlr_train::client::prepare::{Prepared, Recipe};
use mlr_train::model::{Model, Provenance};
use ndarray::{Array1, Array2};
use serde::Serialize;

use super::human_bytes;
use crate::args::EncryptArgs;
use crate::artifacts::directory::{Access, NewDirectory};
use crate::artifacts::private::PrivateDirectory;
use crate::artifacts::{dataset, keys};
use crate::console::{Console, Summary};
use crate::convert::from_text;
use crate::failure::Failure;
use crate::features;
use crate::interrupt::Stoppable;
use crate::plan_file::PlanFile;

/// What was encrypted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Encrypted {
    seconds: f64,
    /// Of which the clear twin took.
    clear_train_seconds: f64,
    upload_ciphertexts: usize,
    upload_bytes: u64,
    /// Which of several owners, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<usize>,
    /// Why the twin's check refuses the plan on this owner's rows alone, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_check: Option<String>,
}

/// Encrypts as the arguments say.
pub(crate) fn run(args: &EncryptArgs, console: &Console) -> Result<Encrypted, Failure> {
    let started = console.seconds();
    let plan = PlanFile::read(&args.plan)?;
    let owners = &plan.plan.job().program().owners;
    if args.public_key.is_some() && !owners.public_key {
        return Err(Failure::input(
            "expected the secret key, for which the plan reckons noise and bytes, found the public key",
        )
        .at("--public-key")
        .hint("plan with --public-key"));
    }
    if owners.whitening.is_some() {
        return pooled::run(args, &plan, console);
    }
    if args.whitening.is_some() || args.owner.is_some() {
        return Err(Failure::input(
            "expected a plan for several owners with --whitening and --owner, found one for one owner",
        )
        .at(args.plan.display().to_string())
        .hint("plan with --stats, or leave both out"));
    }
    let private = args.private.as_deref().ok_or_else(|| {
        Failure::input("expected a place for what stays at the client, found none")
            .at("--private")
            .hint("name a new directory")
    })?;
    let context = plan.context()?;
    let sealer = sealer(args, &context)?;
    let set = features::load(
        args.features.path()?,
        args.features.labels.as_deref(),
        args.features.rows.as_ref(),
        "--rows",
    )?;
    require_shape(&plan, &set)?;
    let recipe = Recipe::of(plan.plan.job().program()).ok_or_else(|| {
        Failure::input("expected a plan that this version can check, found one with other steps")
            .at(args.plan.display().to_string())
            .hint("plan anew with this version")
    })?;
    // Refused before any work is done for them.
    let out = NewDirectory::begin(&args.out, Access::Shared, "encrypted dataset")?;
    let stays = NewDirectory::begin(private, Access::Private, "private directory")?;
    let stop = Stoppable::begin();
    let keep = plan.plan.job().program().shape.columns.saturating_sub(1);
    let training = console.seconds();
    let prepared = Prepared::new(set.try_into()?, recipe, keep, args.lambda)?;
    let clear_train_seconds = console.seconds() - training;
    prepared.check(plan.plan.job().program().bounds.weight)?;
    let labels = prepared.set.labels();
    let uploads = Uploads::new(plan.plan.job(), prepared.rows.view(), labels)
        .map_err(|error| from_text(&error))?;
    let stage = console.stage("encrypt", plan.plan.prediction().uploads);
    let doing = (&stage, &stop);
    let manifest = dataset::write(&out, &plan, &context, &uploads, sealer.as_ref(), doing)?;
    drop(stage);
    private_directory(&plan, &prepared)?.write(&stays)?;
    stop.check()?;
    stays.commit()?;
    out.commit()?;
    console.note(&format!(
        "client: {} stays here (mean, axes, class names, clear twin); {} goes to the server: ciphertexts alone",
        private.display(),
        args.out.display()
    ));
    Ok(Encrypted {
        seconds: console.seconds() - started,
        clear_train_seconds,
        upload_ciphertexts: manifest.files().len(),
        upload_bytes: manifest.bytes(),
        owner: None,
        own_check: None,
    })
}

fn sealer(args: &EncryptArgs, context: &Arc<Context>) -> Result<Box<dyn Sealer<Ckks>>, Failure> {
    match (&args.key, &args.public_key) {
        (Some(path), _) => {
            let key = keys::read_secret(path, context)?;
            Ok(Box::new(SecretSealer::new(Arc::new(key))?))
        }
        (None, Some(path)) => {
            let key = keys::read_public(path, context)?;
            Ok(Box::new(PublicSealer::new(Arc::new(key))?))
        }
        (None, None) => Err(Failure::input("expected a key to encrypt with, found none")
            .at("arguments")
            .hint("--key or --public-key")),
    }
}

/// The rows must be as many as planned, and wide enough.
fn require_shape(plan: &PlanFile, set: &mlr_train::data::FeatureSet) -> Result<(), Failure> {
    let shape = plan.plan.job().program().shape;
    let whole = plan.method() == "paper";
    let (columns, width) = (shape.columns, set.width() + 1);
    let checks = [
        (
            "rows",
            shape.samples,
            set.rows(),
            set.rows() == shape.samples,
        ),
        (
            "classes",
            shape.classes,
            set.classes(),
            set.classes() == shape.classes,
        ),
        (
            "columns",
            columns,
            width,
            if whole {
                width == columns
            } else {
                width >= columns
            },
        ),
    ];
    match checks.into_iter().find(|check| !check.3) {
        Some((what, expected, found, _)) => Err(Failure::input(format!(
            "the plan is for {expected} {what}, the data have {found}"
        ))
        .at(set.source().display().to_string())
        .hint("choose the same --rows as for the plan, or plan anew")),
        None => Ok(()),
    }
}

/// The twin and the client-only model as models over raw features, and the twin as it was trained.
fn private_directory(plan: &PlanFile, prepared: &Prepared) -> Result<PrivateDirectory, Failure> {
    let (twin, coordinates) = (&prepared.twin, &prepared.coordinates);
    let method = plan.method();
    let model = |name: String, iterations, (weights, intercept): (Array2<f64>, Array1<f64>)| {
        let provenance = Provenance {
            method: name,
            encrypted: false,
            iterations,
            training_rows: prepared.set.rows(),
            plan_blake3: Some(plan.hash_hex()),
            certified_bits: None,
        };
        let names = prepared.set.class_names().map(<[String]>::to_vec);
        Model::new(weights, intercept, names, provenance)
    };
    let iterations = plan.plan.job().iterations();
    let client_iterations = usize::from(method == "whitened");
    let models = [
        model(
            format!("{method}, in clear"),
            iterations,
            coordinates.fold_back(twin.weights.view())?,
        )?,
        model(
            format!("{method}, client only"),
            client_iterations,
            coordinates.fold_back(twin.client_only.view())?,
        )?,
        model(
            format!("{method}, in clear, trained coordinates"),
            iterations,
            coordinates.split_constant(&twin.weights),
        )?,
    ];
    let coordinates = prepared.coordinates.clone();
    Ok(PrivateDirectory::new(
        plan.hash_hex(),
        &prepared.set,
        coordinates,
        models,
    ))
}

impl Summary for Encrypted {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} ciphertexts, {}, in {:.1} s",
            self.upload_ciphertexts,
            human_bytes(self.upload_bytes),
            self.seconds
        )
    }
}
