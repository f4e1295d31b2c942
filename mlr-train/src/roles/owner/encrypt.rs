//! One of several owners of data: whitened by the map that all share, laid out in blocks of its own.

use std::path::PathBuf;
use std::time::Instant;

use velum_record::client::Encrypted;

use crate::artifacts::{PlanFile, dataset, kinds, private, record};
use crate::client::PrivateFile;
use crate::client::encrypt::Uploads;
use crate::files::Outputs;
use crate::files::{Access, NewDirectory};
use crate::joint::party::rows::OwnRows;
use crate::roles::upload::{
    EncryptInput, EncryptionKey, encryptor, inputs, record_of, refuse_options, require_expected_key,
};
use crate::roles::{Reporter, RunError, keep};

/// Encrypts one owner's rows.
pub(in crate::roles) fn run(
    input: &EncryptInput,
    plan: &PlanFile,
    reporter: &dyn Reporter,
) -> Result<Encrypted, RunError> {
    let started = Instant::now();
    let job = plan.plan.job();
    if input.private.is_some() {
        return Err(RunError::input(
            "expected no private directory with a plan for several owners: the map is shared, and no owner has the twin",
        )
        .at("--private")
        .hint("leave it out; decrypt takes --whitening instead"));
    }
    refuse_options(input, "the shared map has been made with its own lambda")?;
    let owner = owner(input, job.owner_rows().len())?;
    require_trust(input, reporter)?;
    let context = plan.context()?;
    let (encryptor, key) = encryptor(&input.key, &context)?;
    require_expected_key(input, &key)?;
    let file = whitening(input, plan)?;
    let set = input.rows.load()?;
    let data = input.rows.described(&set);
    let own = OwnRows::new(plan, owner, set, &file, reporter)?;
    let place = record_place(input);
    let mut outputs = Outputs::new(inputs(input));
    outputs.new_directory(&input.out, "encrypted dataset")?;
    outputs.file_in_new_directory(&place, kinds::RECORD)?;
    let out = NewDirectory::begin(&input.out, Access::Shared, "encrypted dataset")?;
    let training = Instant::now();
    let own_check = own.own_check(plan)?;
    let clear_train_seconds = training.elapsed().as_secs_f64();
    if let Some(refusal) = &own_check {
        reporter.warn(&format!(
            "trained on this owner's rows alone, the plan would be refused ({refusal}); the rows of all owners together may still be fine, which nobody can check in clear"
        ));
    }
    let uploads = Uploads::of_owner(job, owner, own.rows.view(), own.set.labels())?;
    reporter.stage("encrypt", job.uploads_of(owner).count() as u64);
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
    reporter.check()?;
    out.commit()?;
    reporter.note(&format!(
        "owner {}: {} goes to the server: ciphertexts alone",
        owner + 1,
        input.out.display()
    ));
    let done = Encrypted {
        seconds: started.elapsed().as_secs_f64(),
        clear_train_seconds,
        upload_ciphertexts: manifest.files().len(),
        upload_bytes: manifest.bytes(),
        key,
        owner: Some(owner + 1),
        own_check,
        data,
    };
    let dataset = dataset::hash([&manifest]).to_hex().to_string();
    let said = record_of(&done, plan, dataset);
    keep(&place, said.did, said.subject, reporter);
    Ok(done)
}

/// Whoever has the secret key of this public one can read the rows: an owner says that it knows so.
fn require_trust(input: &EncryptInput, reporter: &dyn Reporter) -> Result<(), RunError> {
    if matches!(input.key, EncryptionKey::Secret(_)) {
        return Ok(());
    }
    if !input.trust_key_holder {
        return Err(RunError::input(
            "expected your word that you trust the key holder, found none: whoever has this key's secret half can read your rows",
        )
        .at("--public-key")
        .hint("velum group trains without a key holder; --trust-key-holder goes on with one"));
    }
    reporter.warn("the holder of this key's secret half can read these rows, should the server or another owner hand them over");
    Ok(())
}

/// Where the owner's record goes: by the dataset's name, beside the map, since the dataset's own folder may be the server's.
fn record_place(input: &EncryptInput) -> PathBuf {
    let place = record::beside(&input.out);
    match (&input.whitening, place.file_name()) {
        (Some(map), Some(name)) => map.with_file_name(name),
        _ => place,
    }
}

/// Which owner, counted from 0.
fn owner(input: &EncryptInput, owners: usize) -> Result<usize, RunError> {
    let wrong = |found: String| {
        RunError::input(format!(
            "expected an owner from 1 to {owners}, found {found}"
        ))
        .at("--owner")
        .hint("owners are numbered in the order in which their statistics were merged")
    };
    match input.owner {
        Some(owner) if (1..=owners).contains(&owner) => Ok(owner - 1),
        Some(owner) => Err(wrong(owner.to_string())),
        None if owners == 1 => Ok(0),
        None => Err(wrong("none".to_owned())),
    }
}

/// The map that the plan names.
fn whitening(input: &EncryptInput, plan: &PlanFile) -> Result<PrivateFile, RunError> {
    let path = input.whitening.as_deref().ok_or_else(|| {
        RunError::input("expected the whitening map that all owners share, found none")
            .at("--whitening")
            .hint("it was written by plan --stats")
    })?;
    private::shared_whitening(path, plan)
}
