//! What predictions on encrypted rows keep in files: the plan, the encrypted rows, an encrypted model, the encrypted scores.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use crate::files;
use crate::predict::client::{EncryptedModel, Query};
use crate::predict::head::pieces;
use he_core::evaluator::{Ckks, CkksCt, Level, Placement};
use he_core::key_holder::Encryptor;
use he_core::params::Params;
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Existing, Form, Shape};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Reporter;
use super::RunError;
use super::manifest::short;
use super::plan::ScorePlanFile;

/// Encrypted rows; bound, as the two others, to the plan's hash.
pub const QUERY: wire::Kind = wire::Kind {
    code: 0x110,
    version: wire::CIPHERTEXT_VERSION,
    name: "encrypted rows to predict",
};
/// An encrypted model to predict with.
pub const ENCRYPTED_MODEL: wire::Kind = wire::Kind {
    code: 0x111,
    version: wire::CIPHERTEXT_VERSION,
    name: "encrypted model to predict with",
};
/// Encrypted scores.
pub const SCORES: wire::Kind = wire::Kind {
    code: 0x112,
    version: wire::CIPHERTEXT_VERSION,
    name: "encrypted scores",
};

/// What to do with a file of another plan.
const OTHER_PLAN: &str =
    "it belongs to another plan for predictions: encrypt again under this plan, or use that plan";

/// What the header of a file says beside the ciphertexts' shapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Rows; none for a model.
    pub rows: Option<usize>,
    /// Fingerprint of the public key that belongs to the ciphertexts' secret key, hex.
    pub key: String,
    /// Hash of the encrypted rows that scores answer, hex.
    pub query: Option<String>,
}

/// What the files of a prediction belong to.
#[derive(Clone, Copy, Debug)]
pub struct Under<'a> {
    /// The plan.
    pub plan: &'a ScorePlanFile,
    /// Its context.
    pub context: &'a Arc<Context>,
}

/// Writes encrypted rows: one ciphertext after the other, as many in memory as there are threads.
///
/// # Errors
/// A refused encryption; the system's; interruption.
pub fn write_query(
    path: &Path,
    under: Under<'_>,
    note: &Note,
    query: &Query<'_>,
    encryptor: &dyn Encryptor<Ckks>,
    reporter: &dyn Reporter,
) -> Result<(), RunError> {
    let places: Vec<_> = query.places().collect();
    let shape = seeded(under.plan.plan.job().row_placement().level);
    let encrypt = |at| query.encrypt(encryptor, at).map_err(RunError::from);
    let contents = Contents {
        kind: &QUERY,
        shapes: vec![shape; places.len()],
        note,
        items: &places,
    };
    write(path, under, contents, encrypt, reporter)
}

/// Writes an encrypted model.
///
/// # Errors
/// As for rows.
pub fn write_model(
    path: &Path,
    under: Under<'_>,
    note: &Note,
    model: &EncryptedModel<'_>,
    encryptor: &dyn Encryptor<Ckks>,
    reporter: &dyn Reporter,
) -> Result<(), RunError> {
    let all: Vec<_> = pieces(under.plan.plan.job()).collect();
    let encrypt = |piece| model.encrypt(encryptor, piece).map_err(RunError::from);
    let contents = Contents {
        kind: &ENCRYPTED_MODEL,
        shapes: model_shapes(under.plan),
        note,
        items: &all,
    };
    write(path, under, contents, encrypt, reporter)
}

/// Writes encrypted scores.
///
/// # Errors
/// The system's.
pub fn write_scores(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
    note: &Note,
    scores: &[CkksCt],
) -> Result<(), RunError> {
    let shapes = scores.iter().map(|ct| Shape::of(ct.ciphertext())).collect();
    let name = path.display().to_string();
    wire::write_file(path, Existing::Replace, false, |sink| {
        let note = encode(note);
        let mut writer = CiphertextWriter::new(
            sink,
            &name,
            SCORES.bound_to(&plan.hash),
            context,
            shapes,
            &note,
        )?;
        for ct in scores {
            writer.push(ct.ciphertext(), &ct.meta())?;
        }
        writer.finish().map(|_| ())
    })?;
    Ok(())
}

/// What a file is to hold: the ciphertexts of `items`, one of `shapes` each.
struct Contents<'a, T> {
    kind: &'a wire::Kind,
    shapes: Vec<Shape>,
    note: &'a Note,
    items: &'a [T],
}

fn write<T: Copy + Sync>(
    path: &Path,
    under: Under<'_>,
    contents: Contents<'_, T>,
    encrypt: impl Fn(T) -> Result<CkksCt, RunError> + Sync,
    reporter: &dyn Reporter,
) -> Result<(), RunError> {
    let name = path.display().to_string();
    wire::write_file(path, Existing::Replace, false, |sink| {
        let note = encode(contents.note);
        let label = contents.kind.bound_to(&under.plan.hash);
        let shapes = contents.shapes;
        let mut writer = CiphertextWriter::new(sink, &name, label, under.context, shapes, &note)?;
        let mut done = 0;
        for some in contents.items.chunks(4 * rayon::current_num_threads()) {
            reporter.check()?;
            let encrypted: Result<Vec<_>, RunError> =
                some.par_iter().map(|&item| encrypt(item)).collect();
            for ct in encrypted? {
                writer.push(ct.ciphertext(), &ct.meta())?;
            }
            done += some.len() as u64;
            reporter.advance(done, "ciphertexts");
        }
        writer.finish()?;
        Ok(())
    })
}

fn seeded(level: Level) -> Shape {
    Shape {
        form: Form::Seeded,
        level,
    }
}

fn model_shapes(plan: &ScorePlanFile) -> Vec<Shape> {
    let job = plan.plan.job();
    let outputs = job.layout().outputs();
    let weights = pieces(job).count() - outputs;
    let mut shapes = vec![seeded(job.row_placement().level); weights];
    shapes.extend(vec![seeded(job.score_placement().level); outputs]);
    shapes
}

/// Serialisation of a plain struct cannot fail.
fn encode(note: &Note) -> Vec<u8> {
    serde_json::to_vec(note).unwrap_or_default()
}

/// A file that is being read: ciphertexts one at a time, then the hash. Nothing read from it counts before [`Incoming::finish`] has succeeded.
#[derive(Debug)]
pub struct Incoming {
    reader: CiphertextReader<BufReader<File>>,
    context: Arc<Context>,
    name: String,
    /// What the header says.
    pub note: Note,
    /// Ciphertexts in the file.
    pub count: usize,
}

impl Incoming {
    /// Opens a file of `plan`, of at most `most` ciphertexts of form `form`.
    ///
    /// # Errors
    /// Another kind of file, another plan, another form, too many.
    pub fn open(
        path: &Path,
        kind: &wire::Kind,
        under: Under<'_>,
        form: Form,
        most: u64,
    ) -> Result<Self, RunError> {
        let Under { plan, context } = under;
        let (name, source, length) = wire::open_file(path)?;
        let limit = largest(plan.plan.params(), most);
        let opened = CiphertextReader::open(
            source,
            &name,
            Some(length),
            limit,
            kind.bound_to(&plan.hash),
            context,
        );
        let reader = opened.map_err(|error| {
            let other = matches!(error, wire::WireError::Binding { .. });
            let error = RunError::from(error);
            if other {
                error.hint_instead(OTHER_PLAN)
            } else {
                error
            }
        })?;
        let wrong = |found: String| {
            RunError::input(format!(
                "expected {form:?} ciphertexts and what they belong to in the header, found {found}"
            ))
            .at(name.clone())
            .hint("the file was not written by this version of velum")
        };
        let note: Note = serde_json::from_slice(reader.note())
            .map_err(|error| wrong(files::describe_json(reader.note(), &error)))?;
        if let Some((shape, _)) = reader.runs().iter().find(|(shape, _)| shape.form != form) {
            return Err(wrong(format!("{:?} ciphertexts", shape.form)));
        }
        let count = reader.runs().iter().map(|(_, count)| *count as usize).sum();
        Ok(Self {
            reader,
            context: Arc::clone(context),
            name,
            note,
            count,
        })
    }

    /// The next ciphertext, which must stand at `placement`.
    ///
    /// # Errors
    /// None left, elsewhere, damaged.
    pub fn next(&mut self, placement: Placement) -> Result<CkksCt, RunError> {
        let read = self.reader.next(Some(placement))?;
        let (ciphertext, meta) = read.ok_or_else(|| {
            RunError::input("expected a further ciphertext, found none").at(self.name.clone())
        })?;
        CkksCt::admit(&self.context, ciphertext, meta)
            .map_err(|error| RunError::from(error).at(self.name.clone()))
    }

    /// Requires `expected` ciphertexts.
    ///
    /// # Errors
    /// Another number.
    pub fn require_count(&self, expected: usize) -> Result<(), RunError> {
        if self.count == expected {
            return Ok(());
        }
        Err(RunError::input(format!(
            "expected {expected} ciphertexts, found {}",
            self.count
        ))
        .at(self.name.clone())
        .hint("the file was not written by this version of velum"))
    }

    /// Requires that the file was made under the key `expected`, which `whose` names.
    ///
    /// # Errors
    /// Another key.
    pub fn require_key(&self, expected: &str, whose: &str) -> Result<(), RunError> {
        if self.note.key == expected {
            return Ok(());
        }
        Err(RunError::input(format!(
            "expected ciphertexts under {whose}, key {}, found key {}",
            short(expected),
            short(&self.note.key)
        ))
        .at(self.name.clone())
        .hint("all files of a prediction are made with the key of one keygen"))
    }

    /// The rows of a batch, if that is one of the plan.
    ///
    /// # Errors
    /// None, or more than the plan allows.
    pub fn rows(&self, plan: &ScorePlanFile) -> Result<usize, RunError> {
        let most = plan.plan.job().program().shape.rows;
        match self.note.rows {
            Some(rows) if (1..=most).contains(&rows) => Ok(rows),
            found => Err(RunError::input(format!(
                "expected 1 to {most} rows, found {}",
                found.unwrap_or(0)
            ))
            .at(self.name.clone())
            .hint("the file was not written by this version of velum")),
        }
    }

    /// Ends the file; its hash in hex.
    ///
    /// # Errors
    /// A file that was damaged.
    pub fn finish(self) -> Result<String, RunError> {
        let hash = self.reader.finish()?;
        Ok(blake3::Hash::from_bytes(hash).to_hex().to_string())
    }
}

/// Rows, key and hash of encrypted rows, without reading the ciphertexts.
///
/// # Errors
/// As [`Incoming::open`]; a damaged file.
pub fn read_query_head(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
) -> Result<(Incoming, String), RunError> {
    let most = plan.plan.forecast().query_ciphertexts;
    let head = Incoming::open(path, &QUERY, Under { plan, context }, Form::Seeded, most)?;
    let (name, source, length) = wire::open_file(path)?;
    let limit = largest(plan.plan.params(), most);
    let mut reader = wire::Reader::open(source, &name, Some(length), limit, &QUERY, &plan.hash)?;
    let mut buffer = vec![0; 1 << 16];
    while reader.remaining() > 0 {
        let part = buffer
            .len()
            .min(usize::try_from(reader.remaining()).unwrap_or(buffer.len()));
        reader.read("ciphertexts", &mut buffer[..part])?;
    }
    let hash = blake3::Hash::from_bytes(reader.finish()?)
        .to_hex()
        .to_string();
    Ok((head, hash))
}

fn largest(params: &Params, most: u64) -> u64 {
    let shape = Shape {
        form: Form::Full,
        level: Level(params.max_level()),
    };
    shape
        .bytes(params)
        .saturating_mul(most)
        .saturating_add(wire::MAX_ENVELOPE)
}
