//! What predictions on encrypted rows keep in files: the plan, the encrypted rows, an encrypted model, the encrypted scores.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt, Level, Placement};
use he_core::params::Params;
use he_core::rlwe::{Context, KeyId};
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Existing, Form, Shape};
use mlr_train::files::{self, Access};
use mlr_train::predict::ScorePlan;
use mlr_train::predict::client::{Query, SealedModel};
use mlr_train::predict::head::pieces;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::keys::KeyPlan;
use super::manifest::short;
use crate::convert::from_text;
use crate::failure::Failure;
use crate::interrupt::Stoppable;
use crate::progress::Stage;

/// Encrypted rows; bound, as the two others, to the plan's hash.
pub(crate) const QUERY: wire::Kind = wire::Kind {
    code: 0x110,
    version: 1,
    name: "encrypted rows to predict",
};
/// An encrypted model to predict with.
pub(crate) const SEALED_MODEL: wire::Kind = wire::Kind {
    code: 0x111,
    version: 1,
    name: "encrypted model to predict with",
};
/// Encrypted scores.
pub(crate) const SCORES: wire::Kind = wire::Kind {
    code: 0x112,
    version: 1,
    name: "encrypted scores",
};

/// Larger files are no plans.
const LARGEST_PLAN: u64 = 1 << 20;
/// The envelope adds less than this to the ciphertexts.
const ENVELOPE: u64 = 1 << 16;

/// A checked plan for predictions with the hash that other files name.
#[derive(Clone, Debug)]
pub(crate) struct ScorePlanFile {
    pub(crate) plan: ScorePlan,
    pub(crate) hash: [u8; 32],
}

impl ScorePlanFile {
    /// Takes a plan.
    pub(crate) fn new(plan: ScorePlan) -> Self {
        Self {
            hash: plan.hash(),
            plan,
        }
    }

    /// Whether a file claims to be such a plan.
    pub(crate) fn claims(path: &Path) -> bool {
        files::read_limited(path, LARGEST_PLAN).is_ok_and(|bytes| ScorePlan::claims(&bytes))
    }

    /// Reads and checks a plan; insecure parameters are refused.
    ///
    /// # Errors
    /// A file that is missing, too large, no plan, or one that the traced scoring contradicts.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = files::read_limited(path, LARGEST_PLAN)?;
        let plan = ScorePlan::parse(&bytes).map_err(|error| {
            from_text(&error)
                .at(path.display().to_string())
                .hint("make it with `velum predict-plan`")
        })?;
        Ok(Self::new(plan))
    }

    /// Writes the plan.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        Ok(files::write_atomic(
            path,
            &self.plan.to_json(),
            Access::Shared,
        )?)
    }

    /// The plan's hash in hex.
    pub(crate) fn hash_hex(&self) -> String {
        blake3::Hash::from_bytes(self.hash).to_hex().to_string()
    }

    /// Everything that keys and ciphertexts of the plan are made under.
    ///
    /// # Errors
    /// None for a checked plan.
    pub(crate) fn context(&self) -> Result<Arc<Context>, Failure> {
        Context::new(Arc::clone(self.plan.params())).map_err(|error| from_text(&error))
    }
}

impl KeyPlan for ScorePlanFile {
    fn key_binding_hex(&self) -> String {
        blake3::Hash::from_bytes(self.plan.key_binding())
            .to_hex()
            .to_string()
    }

    fn key_ids(&self) -> Vec<KeyId> {
        KeyId::all_of(&self.plan.forecast().keys, self.plan.params().log_n())
    }

    fn context(&self) -> Result<Arc<Context>, Failure> {
        Self::context(self)
    }
}

/// What the header of a file says beside the ciphertexts' shapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// Rows; none for a model.
    pub(crate) rows: Option<usize>,
    /// Fingerprint of the public key that belongs to the ciphertexts' secret key, hex.
    pub(crate) key: String,
    /// Hash of the encrypted rows that scores answer, hex.
    pub(crate) query: Option<String>,
}

/// Writes encrypted rows: one ciphertext after the other, as many in memory as there are threads.
///
/// # Errors
/// A refused encryption; the system's; interruption.
pub(crate) fn write_query(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
    note: &Note,
    (query, sealer): (&Query<'_>, &dyn he_core::holder::Sealer<Ckks>),
    doing: (&Stage, &Stoppable),
) -> Result<(), Failure> {
    let places: Vec<_> = query.places().collect();
    let shape = seeded(plan.plan.job().row_placement().level);
    let seal = |at: (usize, usize)| query.seal(sealer, at).map_err(|error| from_text(&error));
    let shapes = vec![shape; places.len()];
    write(
        path,
        (&QUERY, plan, context),
        (shapes, note),
        &places,
        seal,
        doing,
    )
}

/// Writes an encrypted model.
///
/// # Errors
/// As for rows.
pub(crate) fn write_model(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
    note: &Note,
    (model, sealer): (&SealedModel<'_>, &dyn he_core::holder::Sealer<Ckks>),
    doing: (&Stage, &Stoppable),
) -> Result<(), Failure> {
    let all: Vec<_> = pieces(plan.plan.job()).collect();
    let seal = |piece| model.seal(sealer, piece).map_err(|error| from_text(&error));
    write(
        path,
        (&SEALED_MODEL, plan, context),
        (model_shapes(plan), note),
        &all,
        seal,
        doing,
    )
}

/// Writes encrypted scores.
///
/// # Errors
/// The system's.
pub(crate) fn write_scores(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
    note: &Note,
    scores: &[CkksCt],
) -> Result<(), Failure> {
    let shapes = scores.iter().map(|ct| Shape::of(ct.ciphertext())).collect();
    let name = path.display().to_string();
    wire::write_file(path, Existing::Replace, false, |sink| {
        let note = encode(note);
        let mut writer =
            CiphertextWriter::new(sink, &name, &SCORES, &plan.hash, context, shapes, &note)?;
        for ct in scores {
            writer.push(ct.ciphertext(), &ct.meta())?;
        }
        writer.finish().map(|_| ())
    })?;
    Ok(())
}

fn write<T: Copy + Sync>(
    path: &Path,
    (kind, plan, context): (&wire::Kind, &ScorePlanFile, &Arc<Context>),
    (shapes, note): (Vec<Shape>, &Note),
    all: &[T],
    seal: impl Fn(T) -> Result<CkksCt, Failure> + Sync,
    (stage, stop): (&Stage, &Stoppable),
) -> Result<(), Failure> {
    let name = path.display().to_string();
    wire::write_file(path, Existing::Replace, false, |sink| {
        let note = encode(note);
        let mut writer =
            CiphertextWriter::new(sink, &name, kind, &plan.hash, context, shapes, &note)?;
        let mut done = 0;
        for some in all.chunks(4 * rayon::current_num_threads()) {
            stop.check()?;
            let sealed: Result<Vec<_>, Failure> = some.par_iter().map(|&item| seal(item)).collect();
            for ct in sealed? {
                writer.push(ct.ciphertext(), &ct.meta())?;
            }
            done += some.len() as u64;
            stage.set(done, "ciphertexts");
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
pub(crate) struct Incoming {
    reader: CiphertextReader<BufReader<File>>,
    context: Arc<Context>,
    name: String,
    pub(crate) note: Note,
    /// Ciphertexts in the file.
    pub(crate) count: usize,
}

impl Incoming {
    /// Opens a file of `plan`, of at most `most` ciphertexts of form `form`.
    ///
    /// # Errors
    /// Another kind of file, another plan, another form, too many.
    pub(crate) fn open(
        path: &Path,
        kind: &wire::Kind,
        (plan, context): (&ScorePlanFile, &Arc<Context>),
        (form, most): (Form, u64),
    ) -> Result<Self, Failure> {
        let (name, source, length) = wire::open_file(path)?;
        let limit = largest(plan.plan.params(), most);
        let opened = CiphertextReader::open(
            source,
            &name,
            Some(length),
            limit,
            kind,
            &plan.hash,
            context,
        );
        let reader = opened.map_err(|error| {
            let other = matches!(error, wire::WireError::Binding { .. });
            let mut failure = Failure::from(error);
            if other {
                failure.hint = Some("it belongs to another plan for predictions: encrypt again under this plan, or use that plan".to_owned());
            }
            failure
        })?;
        let wrong = |found: String| {
            Failure::input(format!(
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
    pub(crate) fn next(&mut self, placement: Placement) -> Result<CkksCt, Failure> {
        let read = self.reader.next(Some(placement))?;
        let (ciphertext, meta) = read.ok_or_else(|| {
            Failure::input("expected a further ciphertext, found none").at(self.name.clone())
        })?;
        CkksCt::admit(&self.context, ciphertext, meta)
            .map_err(|error| from_text(&error).at(self.name.clone()))
    }

    /// Requires `expected` ciphertexts.
    ///
    /// # Errors
    /// Another number.
    pub(crate) fn require_count(&self, expected: usize) -> Result<(), Failure> {
        if self.count == expected {
            return Ok(());
        }
        Err(Failure::input(format!(
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
    pub(crate) fn require_key(&self, expected: &str, whose: &str) -> Result<(), Failure> {
        if self.note.key == expected {
            return Ok(());
        }
        Err(Failure::input(format!(
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
    pub(crate) fn rows(&self, plan: &ScorePlanFile) -> Result<usize, Failure> {
        let most = plan.plan.job().program().shape.rows;
        match self.note.rows {
            Some(rows) if (1..=most).contains(&rows) => Ok(rows),
            found => Err(Failure::input(format!(
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
    pub(crate) fn finish(self) -> Result<String, Failure> {
        let hash = self.reader.finish()?;
        Ok(blake3::Hash::from_bytes(hash).to_hex().to_string())
    }
}

/// Rows, key and hash of encrypted rows, without reading the ciphertexts.
///
/// # Errors
/// As [`Incoming::open`]; a damaged file.
pub(crate) fn read_query_head(
    path: &Path,
    plan: &ScorePlanFile,
    context: &Arc<Context>,
) -> Result<(Incoming, String), Failure> {
    let most = plan.plan.forecast().query_ciphertexts;
    let head = Incoming::open(path, &QUERY, (plan, context), (Form::Seeded, most))?;
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
        .saturating_add(ENVELOPE)
}
