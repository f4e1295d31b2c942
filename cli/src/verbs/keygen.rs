//! `keygen`: the secret key, and exactly the evaluation keys that the plan needs.

use std::io::{self, Write};

use he_core::rlwe::SecretKey;
use serde::Serialize;

use super::human_bytes;
use crate::args::KeygenArgs;
use crate::artifacts::directory::{self, Access, NewDirectory};
use crate::artifacts::keys::{self, KeyPlan};
use crate::artifacts::scoring::ScorePlanFile;
use crate::console::{Console, Summary};
use crate::convert::from_text;
use crate::failure::Failure;
use crate::interrupt::Stoppable;
use crate::plan_file::PlanFile;

/// What was made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Keygen {
    seconds: f64,
    keys: usize,
    eval_key_bytes: u64,
    key_binding: String,
}

/// Makes the keys.
pub(crate) fn run(args: &KeygenArgs, console: &Console) -> Result<Keygen, Failure> {
    let started = console.seconds();
    let plan: Box<dyn KeyPlan> = if ScorePlanFile::claims(&args.plan) {
        Box::new(ScorePlanFile::read(&args.plan)?)
    } else {
        Box::new(PlanFile::read(&args.plan)?)
    };
    directory::refuse_existing(&args.key, "secret key")?;
    // Its own directory is made if need be, but no more than that.
    let home = directory::parent(&args.key);
    if !home.is_dir() {
        directory::require_parent(home)?;
    }
    if plan.wants_public_key() && args.public_key.is_none() {
        return Err(Failure::input(
            "expected a place for the public key, with which the plan's owners encrypt, found none",
        )
        .at("--public-key")
        .hint("name a new file"));
    }
    if let Some(path) = &args.public_key {
        directory::refuse_existing(path, "public key")?;
        directory::require_parent(path)?;
    }
    let stop = Stoppable::begin();
    let directory = NewDirectory::begin(&args.eval_keys, Access::Shared, "evaluation keys")?;
    let context = plan.context()?;
    let key = SecretKey::generate(&context).map_err(|error| from_text(&error))?;
    let stage = console.stage("keygen", plan.key_ids().len() as u64);
    let manifest = keys::write_evaluation(&directory, plan.as_ref(), &key, &stage, &stop)?;
    drop(stage);
    stop.check()?;
    keys::write_secret(&args.key, &key)?;
    if let Some(path) = &args.public_key {
        let public = key.public_key().map_err(|error| from_text(&error))?;
        keys::write_public(path, &public)?;
    }
    directory.commit()?;
    console.note(&format!(
        "client: {} stays here and must be kept secret; {} goes to the server",
        args.key.display(),
        args.eval_keys.display()
    ));
    Ok(Keygen {
        seconds: console.seconds() - started,
        keys: manifest.files().len(),
        eval_key_bytes: manifest.bytes(),
        key_binding: plan.key_binding_hex(),
    })
}

impl Summary for Keygen {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} evaluation keys, {}, in {:.1} s",
            self.keys,
            human_bytes(self.eval_key_bytes),
            self.seconds
        )
    }
}
