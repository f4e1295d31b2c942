//! `encrypt`: the client's rows as ciphertexts, and what stays with the client.

use std::path::Path;
use std::time::Instant;

use ndarray::{Array1, Array2};

use super::recipe;
use crate::artifacts::private::{Models, PrivateDirectory};
use crate::artifacts::{PlanFile, course, dataset, record};
use crate::client::encrypt::Uploads;
use crate::client::prepare::{Prepared, Recipe};
use crate::files::{Access, NewDirectory, Outputs, Together};
use crate::model::{Model, ModelError, Provenance};
use crate::roles::upload::{encryptor, inputs, record_of, require_expected_key};
use crate::roles::{Reporter, RunError, columns, owner};

pub use crate::roles::upload::{EncryptInput, Encrypted, EncryptionKey};

/// Encrypts one owner's rows, or those of one of several owners where the plan says so.
///
/// # Errors
/// Rows that do not fit the plan; a plan that the twin refuses; names that are taken; the system's; interruption.
pub fn run(input: &EncryptInput, reporter: &dyn Reporter) -> Result<Encrypted, RunError> {
    encrypt(input, &PlanFile::of_key_holder(&input.plan)?, reporter)
}

/// [`run`] with a plan that has been read: tests have insecure ones, which no file may hold.
pub(crate) fn encrypt(
    input: &EncryptInput,
    plan: &PlanFile,
    reporter: &dyn Reporter,
) -> Result<Encrypted, RunError> {
    let started = Instant::now();
    let owners = &plan.plan.job().program().owners;
    require_key(input, owners.public_key)?;
    if owners.whitening.is_some() {
        return owner::encrypt::run(input, plan, reporter);
    }
    if input.whitening.is_some() || input.owner.is_some() || input.trust_key_holder {
        return Err(RunError::input(
            "expected a plan for several owners with --whitening, --owner and --trust-key-holder, found one for one owner",
        )
        .at(input.plan.display().to_string())
        .hint("plan with --stats, or leave them out"));
    }
    let private = private_place(input)?;
    let lambda = recipe::lambda(input, plan, reporter)?;
    let context = plan.context()?;
    let (encryptor, key) = encryptor(&input.key, &context)?;
    require_expected_key(input, &key)?;
    let set = input.rows.load()?;
    let data = input.rows.described(&set);
    require_shape(plan, &set)?;
    columns::look(&set, lambda, reporter)?;
    let steps = steps(input, plan)?;
    let (out, stays) = begin_directories(input, private)?;
    let keep = plan.plan.job().program().shape.columns.saturating_sub(1);
    let training = Instant::now();
    let prepared = Prepared::new(set.try_into()?, steps, keep, lambda)?;
    let clear_train_seconds = training.elapsed().as_secs_f64();
    let check = prepared.check(plan.plan.job().program().bounds.weight)?;
    let labels = prepared.set.labels();
    let uploads = Uploads::new(plan.plan.job(), prepared.rows.view(), labels)?;
    reporter.stage("encrypt", plan.plan.estimate().uploads);
    let manifest = dataset::write(
        &out,
        &dataset::NewDataset {
            plan,
            context: &context,
            uploads: &uploads,
            encryptor: encryptor.as_ref(),
            key: &key,
        },
        reporter,
    )
    .map_err(|error| error.settled(&out))?;
    let mut directory = private_directory(plan, &prepared)?;
    let dataset = dataset::hash([&manifest]).to_hex().to_string();
    directory.set_encryption(key.clone(), dataset.clone());
    directory.set_temperature(check.and_then(|check| check.temperature));
    let here = |error: RunError| error.settled(&stays);
    write_private(&directory, &stays, plan, &prepared).map_err(here)?;
    let done = Encrypted {
        seconds: started.elapsed().as_secs_f64(),
        clear_train_seconds,
        upload_ciphertexts: manifest.files().len(),
        upload_bytes: manifest.bytes(),
        key,
        owner: None,
        own_check: None,
        data,
    };
    let said = record_of(&done, plan, dataset);
    record::write(&stays.path().join(record::FILE), &said).map_err(here)?;
    reporter.check()?;
    Together::default()
        .directory(out)
        .directory(stays)
        .commit()?;
    reporter.note(&format!(
        "client: {} stays here (mean, axes, class names, clear twin); {} goes to the server: ciphertexts alone",
        private.display(),
        input.out.display()
    ));
    Ok(done)
}

/// Refuses the public key where the plan reckons with the secret one.
fn require_key(input: &EncryptInput, public: bool) -> Result<(), RunError> {
    if matches!(input.key, EncryptionKey::Public(_)) && !public {
        return Err(RunError::input(
            "expected the secret key, for which the plan reckons noise and bytes, found the public key",
        )
        .at("--public-key")
        .hint("plan with --public-key"));
    }
    Ok(())
}

/// The steps of a plan, which the twin repeats.
fn steps(input: &EncryptInput, plan: &PlanFile) -> Result<Recipe, RunError> {
    Recipe::of(plan.plan.job().program()).ok_or_else(|| {
        RunError::input("expected a plan that this version can check, found one with other steps")
            .at(input.plan.display().to_string())
            .hint("plan anew with this version")
    })
}

/// The private directory's files, with the twin's course where weights are refreshed.
fn write_private(
    directory: &PrivateDirectory,
    stays: &NewDirectory,
    plan: &PlanFile,
    prepared: &Prepared,
) -> Result<(), RunError> {
    if plan.plan.job().asks_client() {
        course::write(stays.path(), plan, &prepared.twin.refreshed)?;
    }
    directory.write(stays)
}

fn private_place(input: &EncryptInput) -> Result<&Path, RunError> {
    input.private.as_deref().ok_or_else(|| {
        RunError::input("expected a place for what stays at the client, found none")
            .at("--private")
            .hint("name a new directory")
    })
}

/// The directories of what goes to the server and of what stays, refused before any work is done for them.
fn begin_directories(
    input: &EncryptInput,
    private: &Path,
) -> Result<(NewDirectory, NewDirectory), RunError> {
    Together::recover(&input.out);
    let mut outputs = Outputs::new(inputs(input));
    outputs.new_directory(&input.out, "encrypted dataset")?;
    outputs.new_directory(private, "private directory")?;
    let out = NewDirectory::begin(&input.out, Access::Shared, "encrypted dataset")?;
    let stays = NewDirectory::begin(private, Access::Private, "private directory")?;
    Ok((out, stays))
}

/// The rows must be as many as planned, and wide enough.
fn require_shape(plan: &PlanFile, set: &crate::data::FeatureSet) -> Result<(), RunError> {
    let shape = plan.plan.job().program().shape;
    let whole = !plan.plan.job().program().method.whitens();
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
        Some((what, expected, found, _)) => Err(RunError::input(format!(
            "the plan is for {expected} {what}, the data have {found}"
        ))
        .at(set.source().display().to_string())
        .hint("choose the same --rows as for the plan, or plan anew")),
        None => Ok(()),
    }
}

/// The twin and the client-only model as models over raw features, and the twin as it was trained.
fn private_directory(plan: &PlanFile, prepared: &Prepared) -> Result<PrivateDirectory, RunError> {
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
        let model = Model::new(weights, intercept, names, provenance)?;
        Ok::<_, ModelError>(model.with_description(prepared.set.description().clone()))
    };
    let iterations = plan.plan.job().iterations();
    let client_iterations = usize::from(plan.plan.job().program().method.whitens());
    let models = Models {
        twin: model(
            format!("{method}, in clear"),
            iterations,
            coordinates.fold_back(twin.weights.view())?,
        )?,
        client_only: model(
            format!("{method}, client only"),
            client_iterations,
            coordinates.fold_back(twin.client_only.view())?,
        )?,
        twin_as_trained: model(
            format!("{method}, in clear, trained coordinates"),
            iterations,
            coordinates.split_constant(&twin.weights),
        )?,
    };
    let coordinates = prepared.coordinates.clone();
    Ok(PrivateDirectory::new(
        plan.hash_hex(),
        &prepared.set,
        coordinates,
        models,
    ))
}
