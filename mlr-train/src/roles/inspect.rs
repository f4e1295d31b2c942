//! `inspect`: what a file or directory is, without a key.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use he_core::error::{Class, Report};
use he_core::wire::{self, Reader};
use serde::Serialize;
use serde_json::{Map, Value, json};
use velum_record::Place;

use super::RunError;
use super::client::{plan, scoring as client_scoring};
#[cfg(feature = "sunscreen")]
use crate::artifacts::exact;
use crate::artifacts::manifest::{self, Kind, Manifest};
use crate::artifacts::predict as scoring;
use crate::artifacts::private::{self, PrivateDirectory};
use crate::artifacts::recipe::RecipeFile;
use crate::artifacts::{
    PlanFile, ScorePlanFile, checkpoint, dataset, kinds, record, refresh, secrets, weights,
};
use crate::client::{PrivateFile, Statistics};
use crate::data;
use crate::files::read_limited;
use crate::group::charter::{self, Charter};
use crate::group::{Card, identity};
use crate::joint;
use crate::model::Model;

/// What was found. The fields depend on the kind.
#[derive(Clone, Debug, Serialize)]
pub struct Inspected {
    /// The file or directory.
    pub path: String,
    /// Its kind.
    pub kind: &'static str,
    /// Who may have it.
    pub place: &'static str,
    /// What it says.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// How files in the common envelope begin.
const MAGIC: [u8; 8] = *b"\x89VLM\r\n\x1a\n";
/// Ends of the names of feature files.
const FEATURE_FILES: [&str; 4] = [".npy", ".csv", ".csv.gz", ".safetensors"];
const CLIENT_ONLY: &str = "client only";
const SERVER: &str = "client and server";
const ANYONE: &str = "public";

/// Looks at a file or directory.
///
/// # Errors
/// What is no file of velum's, or a damaged one.
pub fn run(path: &Path) -> Result<Inspected, RunError> {
    let (kind, place, fields) = if path.is_dir() {
        directory(path)?
    } else {
        file(path)?
    };
    let fields = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    Ok(Inspected {
        path: path.display().to_string(),
        kind,
        place,
        fields,
    })
}

type Found = (&'static str, &'static str, Value);

fn directory(path: &Path) -> Result<Found, RunError> {
    let has = |name: &str| path.join(name).is_file();
    if has(private::FILE) {
        let head = PrivateDirectory::read_head(path)?;
        return Ok((
            "client's private directory",
            CLIENT_ONLY,
            json!({ "plan": head.plan }),
        ));
    }
    if has(manifest::FILE) {
        let manifest = Manifest::read(path)?;
        let (kind, binding) = match manifest.kind() {
            Kind::Dataset => ("encrypted dataset", "plan"),
            Kind::EvaluationKeys => ("evaluation keys", "key_binding"),
            Kind::KeyShares => ("shares of joint keys", "session"),
            Kind::ProvedUploads => ("uploads with proofs", "session"),
            Kind::VerifiedUploads => ("verified uploads", "plan"),
        };
        return Ok((
            kind,
            SERVER,
            json!({
                binding: manifest.binding(),
                "files": manifest.files().len(),
                "bytes": manifest.bytes(),
            }),
        ));
    }
    if has("config.json") {
        let model = Model::read(path)?;
        let made = model.provenance();
        return Ok((
            "model",
            CLIENT_ONLY,
            json!({
                "method": made.method,
                "encrypted": made.encrypted,
                "iterations": made.iterations,
                "training_rows": made.training_rows,
                "features": model.features(),
                "classes": model.classes(),
                "class_names": model.class_names(),
                "certified_bits": made.certified_bits,
                "plan": made.plan_blake3,
            }),
        ));
    }
    if has("features.json") {
        let (set, description) = data::read_bundle(path)?;
        return Ok((
            "feature set",
            CLIENT_ONLY,
            json!({
                "rows": set.rows(),
                "features": set.width(),
                "classes": set.classes(),
                "model": description.model,
            }),
        ));
    }
    Err(RunError::input(
        "expected a directory of velum, found one without manifest.json, private.json, config.json or features.json",
    )
    .at(path.display().to_string())
    .hint("a directory without its manifest was not finished"))
}

fn file(path: &Path) -> Result<Found, RunError> {
    if secrets::is_secret(path) {
        return Ok(("secret key", CLIENT_ONLY, json!({})));
    }
    if begins(path, 64).starts_with(identity::SECRET_KIND.as_bytes()) {
        return Ok(("party's key", CLIENT_ONLY, json!({})));
    }
    let (name, source, length) = wire::open_file(path)?;
    match Reader::inspect(source, &name, Some(length)) {
        Ok(reader) => return container(path, &reader, length),
        // It begins as files of velum do, and then something is wrong with it.
        Err(error) if begins(path, 16).starts_with(&MAGIC) => {
            return Err(broken(path, error));
        }
        Err(_) => {}
    }
    if ScorePlanFile::claims(path) {
        let plan = ScorePlanFile::read(path)?;
        let summary = serde_json::to_value(client_scoring::plan::summary(&plan));
        return Ok(("plan for predictions", ANYONE, summary.unwrap_or_default()));
    }
    if (kinds::RECIPE.is)(&begins(path, 256)) {
        let found = RecipeFile::parse(path)?;
        let fields = json!({ "plan": found.plan, "lambda": found.lambda });
        return Ok(("client's recipe of a plan", CLIENT_ONLY, fields));
    }
    if (kinds::RECORD.is)(&begins(path, 256)) {
        let found = record::read(path)?;
        let place = match found.did.place() {
            Place::Client => CLIENT_ONLY,
            Place::Server => SERVER,
        };
        let fields = json!({
            "step": found.did.name(),
            "velum": found.velum,
            "plan": found.subject.plan,
            "key": found.subject.key,
            "dataset": found.subject.dataset,
        });
        return Ok(("record of a step", place, fields));
    }
    if let Some(found) = of_a_group(path) {
        return Ok(found);
    }
    if path.extension().is_some_and(|end| end == "json") {
        let file = PlanFile::read(path)?;
        let summary = serde_json::to_value(plan::summary(&file, None));
        let mut summary = summary.unwrap_or_default();
        if let Some(fields) = summary.as_object_mut() {
            fields.remove("check");
        }
        return Ok(("plan", ANYONE, summary));
    }
    if path.extension().is_some_and(|end| end == "safetensors")
        && let Ok(file) = PrivateFile::read(path)
    {
        let fields =
            json!({ "features": file.whitening.features(), "kept": file.whitening.kept() });
        return Ok(("client's whitening", CLIENT_ONLY, fields));
    }
    if path.extension().is_none_or(|end| end == "safetensors")
        && let Ok(stats) = Statistics::read(path)
    {
        let fields = json!({
            "owners": stats.owners(),
            "rows": stats.rows(),
            "features": stats.features(),
            "class_counts": stats.class_counts(),
        });
        return Ok(("statistics of features", CLIENT_ONLY, fields));
    }
    if !FEATURE_FILES.iter().any(|end| name.ends_with(end)) {
        return Err(unknown(path, length));
    }
    let set = data::read(path, None).map_err(|error| {
        RunError::from(error).hint("it is no file that velum wrote, and no feature file")
    })?;
    let fields = json!({ "rows": set.rows(), "features": set.width(), "classes": set.classes() });
    Ok(("feature set", CLIENT_ONLY, fields))
}

/// A party's card or a group's charter.
fn of_a_group(path: &Path) -> Option<Found> {
    if let Ok(card) = Card::read(path) {
        let fields = json!({ "name": card.name(), "fingerprint": card.fingerprint() });
        return Some(("party's card", ANYONE, fields));
    }
    let text = read_limited(path, charter::LARGEST).ok()?;
    let charter = Charter::parse(&text).ok()?;
    let names = charter.members().iter().map(|member| member.card.name());
    let session = blake3::Hash::from_bytes(charter.session());
    let fields = json!({
        "session": session.to_hex().as_str(),
        "purpose": charter.task().purpose,
        "members": names.collect::<Vec<_>>(),
        "threshold": charter.threshold(),
    });
    Some(("group's charter", ANYONE, fields))
}

/// The first bytes of a file; none if it cannot be read.
fn begins(path: &Path, bytes: u64) -> Vec<u8> {
    let mut begin = Vec::new();
    // What cannot be read is reported by whoever needs it.
    let _ = File::open(path).and_then(|file| file.take(bytes).read_to_end(&mut begin));
    begin
}

/// A file whose envelope cannot be read: what it claims to be, and what is wrong.
fn broken(path: &Path, error: wire::WireError) -> RunError {
    let claimed = match begins(path, 16).get(MAGIC.len()..) {
        Some(&[low, high, ..]) => kind(u16::from_le_bytes([low, high])).map(|(kind, ..)| kind.name),
        _ => None,
    };
    let claimed = claimed.unwrap_or("file of velum of an unknown kind");
    let report = Report::of(&error);
    let message = format!("{claimed}, cut off or damaged: {}", report.message);
    let mut failure = match report.class {
        Class::Environment => RunError::machine(message),
        _ => RunError::input(message),
    };
    if let Some(place) = report.place {
        failure = failure.at(place);
    }
    match report.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A file of no known kind.
fn unknown(path: &Path, length: u64) -> RunError {
    let begin = begins(path, 16);
    let found = if length == 0 {
        "an empty file".to_owned()
    } else if std::str::from_utf8(&begin).is_ok_and(|text| !text.contains('\0')) {
        format!("{length} bytes of other text")
    } else {
        let hex: String = begin
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{length} bytes that begin with {hex}")
    };
    RunError::input(format!("expected a file that velum knows, found {found}"))
        .at(path.display().to_string())
        .hint("velum knows: plan (.json), secret key, public key, evaluation key, shard of a dataset, encrypted model, features (.npy, .csv, .csv.gz, .safetensors); and the directories that keygen, encrypt and decrypt write")
}

/// Kinds of files in the common envelope: what they are bound to, and who may have them.
fn kind(code: u16) -> Option<(&'static wire::Kind, &'static str, &'static str)> {
    [
        (&wire::CIPHERTEXTS, "parameters", SERVER),
        (&wire::SWITCHING_KEY, "parameters", SERVER),
        (&wire::PUBLIC_KEY, "parameters", ANYONE),
        (&dataset::SHARD, "plan", SERVER),
        (&weights::MODEL, "plan", SERVER),
        (&checkpoint::CHECKPOINT, "plan", SERVER),
        (&refresh::REQUEST, "plan", SERVER),
        (&refresh::ANSWER, "plan", SERVER),
        (&wire::JOINT_PUBLIC_KEY, "session", ANYONE),
        (&wire::KEY_SHARE, "session", ANYONE),
        (&wire::COMMITMENT, "session", ANYONE),
        (&joint::DIGESTS, "session", ANYONE),
        (&wire::PROOF, "session", ANYONE),
        (&wire::UPLOAD_KEY, "session", ANYONE),
        (&joint::ROWS, "session", ANYONE),
        (&wire::DEALT_SHARE, "session", CLIENT_ONLY),
        (&joint::REFRESH_QUESTION, "session", ANYONE),
        (&wire::REFRESH_SHARES, "session", ANYONE),
        (&joint::QUESTION, "session", ANYONE),
        (&wire::OPENING_SHARE, "session", CLIENT_ONLY),
        (&scoring::QUERY, "plan", SERVER),
        (&scoring::ENCRYPTED_MODEL, "plan", SERVER),
        (&scoring::SCORES, "plan", SERVER),
        #[cfg(feature = "sunscreen")]
        (&exact::PUBLIC, "plan", SERVER),
        #[cfg(feature = "sunscreen")]
        (&exact::ROWS, "plan", SERVER),
        #[cfg(feature = "sunscreen")]
        (&exact::SCORES, "plan", SERVER),
    ]
    .into_iter()
    .find(|(kind, ..)| kind.code == code)
}

/// A file in the common envelope: its kind and what it is bound to. The content is not read.
fn container<R: io::Read>(path: &Path, reader: &Reader<R>, length: u64) -> Result<Found, RunError> {
    let envelope = reader.envelope();
    let Some((kind, bound, place)) = kind(envelope.kind) else {
        return Err(RunError::input(format!(
            "expected a kind of file that this version knows, found kind number {}",
            envelope.kind
        ))
        .at(path.display().to_string())
        .hint("it was written by another version of velum"));
    };
    let binding = blake3::Hash::from_bytes(envelope.binding);
    let fields = json!({
        "format_version": envelope.version,
        bound: binding.to_hex().as_str(),
        "bytes": length,
    });
    Ok((kind.name, place, fields))
}
