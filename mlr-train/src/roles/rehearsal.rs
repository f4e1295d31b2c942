//! A whole job on one machine: client and server in turns in one process, their files in the two sides of a job folder.

use velum_record::client::{Encrypted, Keygen, Opened};
use velum_record::plan::Planned;
use velum_record::server::Trained;

use super::client::{
    DecryptInput, EncryptInput, EncryptionKey, KeygenInput, PlanInput, decrypt, encrypt, keygen,
    plan,
};
use super::server::{TrainInput, train};
use super::{Reporter, Rows, RunError};
use crate::artifacts::folder::JobFolder;

/// Who listens to what.
#[derive(Clone, Copy)]
pub struct Listeners<'a> {
    /// Who is told, before each step, whose it is and what it gives away.
    pub sides: &'a dyn Reporter,
    /// Who listens to the client's steps.
    pub client: &'a dyn Reporter,
    /// Who listens to the training.
    pub server: &'a dyn Reporter,
}

impl std::fmt::Debug for Listeners<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}

/// What the steps said.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// The plan.
    pub planned: Planned,
    /// The keys.
    pub keys: Keygen,
    /// The encryption.
    pub encrypted: Encrypted,
    /// The training.
    pub trained: Trained,
    /// The decryption.
    pub opened: Opened,
}

/// Plans, makes keys, encrypts, trains and decrypts. `planning` says how to plan and writes its plan and recipe into the folder; `rows` are
/// the training rows.
///
/// # Errors
/// Those of the steps.
pub fn run(
    folder: &JobFolder,
    planning: &PlanInput,
    rows: &Rows,
    listeners: Listeners<'_>,
) -> Result<Rehearsed, RunError> {
    let Listeners {
        sides,
        client,
        server,
    } = listeners;
    sides.note("client: plans on its own rows; the plan is public and goes to the server");
    let planned = plan::run(planning, client)?;
    sides.note(
        "client: makes a secret key, which stays, and evaluation keys, which go to the server",
    );
    let keys = KeygenInput {
        plan: folder.plan(),
        key: folder.secret_key(),
        eval_keys: folder.eval_keys(),
        public_key: None,
    };
    let keys = keygen::run(&keys, client)?;
    sides.note("client: encrypts features and first gradient; no label of any image leaves it");
    let encryption = EncryptInput {
        plan: folder.plan(),
        key: EncryptionKey::Secret(folder.secret_key()),
        rows: rows.clone(),
        lambda: None,
        recipe: planning.recipe_file.clone(),
        owner: None,
        whitening: None,
        trust_key_holder: false,
        expected_key: Some(keys.key.clone()),
        private: Some(folder.private()),
        out: folder.dataset(),
    };
    let encrypted = encrypt::run(&encryption, client)?;
    sides.note(
        "server: trains on ciphertexts; it has plan, evaluation keys and dataset, nothing else",
    );
    let training = TrainInput {
        plan: folder.plan(),
        eval_keys: folder.eval_keys(),
        datasets: vec![folder.dataset()],
        out: folder.encrypted_model(),
        resume: false,
        refreshed: None,
    };
    let trained = train(&training, server)?;
    sides.note("client: decrypts the model and evaluates it on images that were not trained on");
    let opening = DecryptInput {
        plan: folder.plan(),
        key: folder.secret_key(),
        private: Some(folder.private()),
        whitening: None,
        model: folder.encrypted_model(),
        out: folder.model(),
        open_again: false,
    };
    let opened = decrypt::run(&opening, client)?;
    Ok(Rehearsed {
        planned,
        keys,
        encrypted,
        trained,
        opened,
    })
}
