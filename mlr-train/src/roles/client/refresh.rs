//! `refresh`: the client gives a training's weights levels again, once for each iteration that the plan says.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use he_core::error::{Class, Explain as _};
use he_core::evaluator::Ckks;
use he_core::key_holder::{SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::rlwe::EvaluationKeys;
use velum_record::{Step, Subject};

pub use velum_record::client::RefreshedWeights;

use crate::artifacts::manifest::short;
use crate::artifacts::openings::{Opening, Question};
use crate::artifacts::private::PrivateDirectory;
use crate::artifacts::refresh::{self, Answered, Request};
use crate::artifacts::{PlanFile, course, kinds, record, secret_key};
use crate::client::refresh::{Holder, refresh as anew};
use crate::files::{self, Access, Outputs};
use crate::roles::{Reporter, RunError, keep};

/// The last answer, kept so that a request that comes again gets the same one.
const LAST: &str = "refresh.answer";
/// Says that a request contradicted the twin: nothing is answered any more.
const REFUSED: &str = "refresh.refused";

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct RefreshInput {
    /// The plan.
    pub plan: PathBuf,
    /// The secret key.
    pub key: PathBuf,
    /// The private directory of the encryption.
    pub private: PathBuf,
    /// The server's request.
    pub request: PathBuf,
    /// Where the answer goes; a file of that name is replaced.
    pub out: PathBuf,
}

/// Decrypts W and V of a request, compares them with the clear twin, rounds them and encrypts them anew.
///
/// A request is answered once: one that comes again gets the same bytes, another one for an iteration that was answered is refused, and after weights
/// that contradict the twin nothing is answered any more.
///
/// # Errors
/// Files that do not belong together; weights that are not those of the training; the system's.
pub fn run(input: &RefreshInput, reporter: &dyn Reporter) -> Result<RefreshedWeights, RunError> {
    answer(input, &PlanFile::read(&input.plan)?, reporter)
}

/// [`run`] with a plan that has been read: tests have insecure ones, which no file may hold.
pub(crate) fn answer(
    input: &RefreshInput,
    plan: &PlanFile,
    reporter: &dyn Reporter,
) -> Result<RefreshedWeights, RunError> {
    let started = Instant::now();
    let head = PrivateDirectory::read_head(&input.private)?;
    let course = course::read(&input.private, plan)?;
    claim(input)?;
    require_trust(&input.private)?;
    let context = plan.context()?;
    let key = secret_key::read(&input.key, &context)?;
    let fingerprint = secret_key::fingerprint(&key)?;
    ours("key", head.key.as_ref(), fingerprint)
        .map_err(|e| e.at(input.key.display().to_string()))?;
    let eval = Ckks::new(EvaluationKeys::new(&context))?;
    let request = Request::read(&input.request, plan, &eval, |asked| {
        ours("key", head.key.as_ref(), asked.with.key)?;
        ours("dataset", head.dataset.as_ref(), asked.with.datasets)
    })?;
    let before = request.asked.before;
    let answered = Answered {
        before,
        request: request.hash,
        key: fingerprint,
    };
    let request_bytes = std::fs::metadata(&input.request).map_or(0, |file| file.len());
    let last = Last::read(&input.private, plan, &context)?;
    let summary = |bytes: u64, again| RefreshedWeights {
        seconds: started.elapsed().as_secs_f64(),
        before,
        request_bytes,
        answer_bytes: bytes,
        again,
    };
    if last.answered == Some(answered) {
        let bytes = files::read_limited(&last.path, LARGEST)?;
        refresh::write(&input.out, &bytes)?;
        reporter.note("client: this request was answered before; it gets the same answer");
        return Ok(summary(bytes.len() as u64, true));
    }
    let previous = course.iter().map(|twin| twin.before);
    last.require_next(previous.take_while(|at| *at < before).last(), before)?;
    let twin = course.iter().find(|twin| twin.before == before);
    let twin = twin.ok_or_else(|| RunError::input("expected an iteration with a refresh"))?;
    remember(input, &hex(fingerprint), &request, reporter)?;
    let key = Arc::new(key);
    let decryptor = SecretKeyDecryptor::new(Arc::clone(&key))?;
    let encryptor = SecretKeyEncryptor::new(key)?;
    let holder = Holder {
        decryptor: &decryptor,
        encryptor: &encryptor,
    };
    let made = anew(plan.plan.job(), &eval, &holder, &request.vectors, twin);
    let made = made.map_err(|refused| refuse(input, refused))?;
    let bytes = refresh::answer(plan, &context, &answered, &made)?;
    // Kept before it is given away: whatever happens now, this request has this answer.
    files::write_atomic(&last.path, &bytes, Access::Private)?;
    refresh::write(&input.out, &bytes)?;
    reporter.note(&format!(
        "client: {} goes to the server: ciphertexts alone; do not tell it more of this than that it is there",
        input.out.display()
    ));
    let done = summary(bytes.len() as u64, false);
    let subject = Subject {
        plan: Some(plan.hash_hex()),
        key: head.key,
        dataset: head.dataset,
        model: None,
    };
    keep_record(&input.private, done.clone(), subject, reporter);
    Ok(done)
}

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

/// Refuses what is not of the run that the private directory names.
fn ours(what: &str, expected: Option<&String>, found: [u8; 32]) -> Result<(), RunError> {
    match expected {
        Some(expected) if *expected == hex(found) => Ok(()),
        expected => Err(RunError::input(format!(
            "expected the {what} {} of the private directory, found {}",
            short(expected.map_or("none", String::as_str)),
            short(&hex(found))
        ))
        .hint("plan, key, private directory and request must belong to the same run")),
    }
}

/// Checks the place of the answer.
fn claim(input: &RefreshInput) -> Result<(), RunError> {
    let read = [&input.plan, &input.key, &input.request];
    let mut outputs = Outputs::new(read.map(PathBuf::as_path));
    outputs.file(&input.out, kinds::ANSWER)?;
    Ok(())
}

/// Beside the private directory, by the iteration.
fn keep_record(private: &Path, done: RefreshedWeights, subject: Subject, reporter: &dyn Reporter) {
    let name = private.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}.refresh-{}", done.before);
    let place = record::beside(&private.with_file_name(name));
    keep(&place, Step::Refresh(done), subject, reporter);
}

/// Remembers which request the key answers, before it is decrypted; another one for the same iteration is refused.
fn remember(
    input: &RefreshInput,
    fingerprint: &str,
    request: &Request,
    reporter: &dyn Reporter,
) -> Result<(), RunError> {
    let opening = Opening {
        key: &input.key,
        fingerprint,
        question: Question::Refresh(request.asked.before),
        answer: &blake3::Hash::from_bytes(request.hash).to_hex(),
    };
    opening
        .remember(false, reporter)
        .map_err(|error| error.at(input.request.display().to_string()))
}

/// Largest answer: that of the largest plan is below.
const LARGEST: u64 = 1 << 33;

/// Remembers that a request contradicted the twin, and says so.
fn refuse(input: &RefreshInput, refused: crate::client::refresh::RefreshError) -> RunError {
    if refused.class() == Class::Verification {
        // Where it cannot be written, the record of what was asked still keeps this iteration closed.
        let path = input.private.join(REFUSED);
        let _ = files::write_atomic(&path, b"velum client private: refused\n", Access::Private);
    }
    RunError::caused(refused).at(input.request.display().to_string())
}

/// Refuses to go on after a contradiction: a second try could be a second question to the key.
fn require_trust(private: &Path) -> Result<(), RunError> {
    let marker = private.join(REFUSED);
    if marker.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(RunError::unverified(
        "expected a training that this client trusts, found one whose weights contradicted the twin",
    )
    .at(marker.display().to_string())
    .hint("make new keys, encrypt anew, and have it trained elsewhere or by a server that is mended"))
}

/// The last answer.
struct Last {
    path: PathBuf,
    answered: Option<Answered>,
}

impl Last {
    fn read(
        private: &Path,
        plan: &PlanFile,
        context: &Arc<he_core::rlwe::Context>,
    ) -> Result<Self, RunError> {
        let path = private.join(LAST);
        let there = path.symlink_metadata().is_ok();
        let answered = there.then(|| refresh::answered(&path, plan, context));
        Ok(Self {
            answered: answered.transpose()?,
            path,
        })
    }

    /// Refreshes come in the plan's order, each once.
    fn require_next(&self, previous: Option<usize>, before: usize) -> Result<(), RunError> {
        let last = self.answered.map(|answered| answered.before);
        if last == previous {
            return Ok(());
        }
        let named = |before: Option<usize>| {
            before.map_or("none".to_owned(), |before| {
                format!("that before iteration {before}")
            })
        };
        Err(RunError::unverified(format!(
            "expected requests in the order of the plan, found one before iteration {before} where the last answer was {}",
            named(last)
        ))
        .at("request")
        .hint("every refresh is answered once: the server goes on from its checkpoint with the last answer"))
    }
}
