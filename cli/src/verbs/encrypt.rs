//! `encrypt`: the client's rows as ciphertexts, and what stays with the client.

use std::io::{self, Write};

use mlr_train::roles::client::{EncryptInput, EncryptionKey, KeygenInput, encrypt, keygen};
use velum_record::client::Encrypted;

use super::human_bytes;
use crate::args::encrypt::EncryptArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Encrypts as the arguments say.
pub(crate) fn run(args: &EncryptArgs, console: &Console) -> Result<Encrypted, Failure> {
    make_keys(args, console)?;
    let key = match (&args.key, &args.public_key) {
        (Some(path), _) => EncryptionKey::Secret(path.clone()),
        (None, Some(path)) => EncryptionKey::Public(path.clone()),
        (None, None) => {
            return Err(Failure::input("expected a key to encrypt with, found none")
                .at("arguments")
                .hint("--key or --public-key"));
        }
    };
    let input = EncryptInput {
        plan: args.plan.clone(),
        key,
        rows: args.features.rows()?,
        lambda: args.lambda,
        recipe: args.recipe.clone(),
        expected_key: args.expect_key.clone(),
        owner: args.owner,
        whitening: args.whitening.clone(),
        trust_key_holder: args.trust_key_holder,
        private: args.private.clone(),
        out: args.out.clone(),
    };
    Ok(encrypt::run(&input, &Reported::new(console))?)
}

/// The keys, where they are to be made first. They stay if the encryption then fails: the next call finds them.
fn make_keys(args: &EncryptArgs, console: &Console) -> Result<(), Failure> {
    let (Some(key), Some(eval_keys)) = (&args.key, &args.eval_keys) else {
        return Ok(());
    };
    let input = KeygenInput {
        plan: args.plan.clone(),
        key: key.clone(),
        eval_keys: eval_keys.clone(),
        public_key: None,
    };
    keygen::run(&input, &Reported::new(console))?;
    Ok(())
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
