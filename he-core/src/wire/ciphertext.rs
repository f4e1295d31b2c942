//! Ciphertexts: many in one file, written and read one at a time, in order.

use std::io::{Read, Write};
use std::sync::Arc;

use super::container::{Hash, Kind, Label, Reader, Writer};
use super::poly::{poly_bytes, read_lower_poly, write_poly};
use super::{WireError, packed_bytes};
use crate::ckks::noise;
use crate::evaluator::{Level, Meta, Placement, scales_match};
use crate::params::Params;
use crate::rlwe::{Ciphertext, Context, PublicSeed};

/// Version of what [`CiphertextWriter`] writes, whatever the kind. Raised whenever that changes;
/// version 1 had values in another order.
pub const CIPHERTEXT_VERSION: u16 = 2;

/// Ciphertexts with nothing but parameters to bind them. Crates above may use kinds of their own
/// for the same contents, with the same version.
pub const CIPHERTEXTS: Kind = Kind {
    code: 1,
    version: CIPHERTEXT_VERSION,
    name: "ciphertexts",
};

/// Most runs of equal shapes in one file.
const MAX_RUNS: usize = 4096;
/// Bytes of a run: form, level, two zeros, count.
const RUN: usize = 8;
/// Bytes of one number of the metadata: scale, bound and, in full form, noise.
const NUMBER: u64 = 8;
/// Bytes of a seed.
const SEED: u64 = 32;

/// How a ciphertext is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Fresh from encryption under the secret key: c_0 and the seed of c_1.
    Seeded = 1,
    /// Both components.
    Full = 2,
}

/// Form and level: what the size of a ciphertext depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Form.
    pub form: Form,
    /// Level.
    pub level: Level,
}

impl Shape {
    /// The shape that a ciphertext is written in: seeded where it can be.
    pub fn of(ct: &Ciphertext) -> Self {
        let form = if ct.seed().is_some() {
            Form::Seeded
        } else {
            Form::Full
        };
        Self {
            form,
            level: Level(ct.level()),
        }
    }

    /// Bytes of one such ciphertext in a file. The level must be one of the chain.
    pub fn bytes(&self, params: &Params) -> u64 {
        let primes = params.q().iter().take(self.level.0 + 1).copied();
        self.with_poly(packed_bytes(params.n(), primes))
    }

    fn with_poly(&self, poly: u64) -> u64 {
        match self.form {
            Form::Seeded => 2 * NUMBER + SEED + poly,
            Form::Full => 3 * NUMBER + 2 * poly,
        }
    }
}

fn payload(context: &Context, shapes: &[(Shape, u32)]) -> Option<u64> {
    shapes.iter().try_fold(0u64, |sum, (shape, count)| {
        let poly = poly_bytes(context.ring(), context.ring().basis(shape.level.0));
        sum.checked_add(shape.with_poly(poly).checked_mul(u64::from(*count))?)
    })
}

/// Writes ciphertexts of shapes that are known beforehand.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46], dnum: 2 };
/// # let context = Context::new(Arc::new(Params::insecure_test(literal)?))?;
/// use he_core::evaluator::{Level, Placement};
/// use he_core::key_holder::{Encryptor, SecretKeyEncryptor};
/// use he_core::rlwe::SecretKey;
/// use he_core::wire::{CIPHERTEXTS, CiphertextReader, CiphertextWriter, Shape};
///
/// let key = Arc::new(SecretKey::generate(&context)?);
/// let at = Placement { level: Level(1), scale: f64::from(1 << 30) };
/// let ct = SecretKeyEncryptor::new(key)?.encrypt(&vec![1.0.into(); 512], at, 1.0)?;
///
/// let shapes = vec![Shape::of(ct.ciphertext())];
/// let label = CIPHERTEXTS.bound_to(context.fingerprint());
/// let mut writer = CiphertextWriter::new(vec![], "x.ct", label, &context, shapes, b"")?;
/// writer.push(ct.ciphertext(), &ct.meta())?;
/// let (_, bytes) = writer.finish()?;
///
/// let mut reader = CiphertextReader::open(&*bytes, "x.ct", None, 1 << 20, label, &context)?;
/// // Level and scale are what the caller expects, or the file is refused.
/// let (read, meta) = reader.next(Some(at))?.ok_or("one ciphertext")?;
/// // Nothing is to be used before this.
/// reader.finish()?;
/// assert_eq!(meta, ct.meta());
/// assert_eq!(read.c1().to_canonical(), ct.ciphertext().c1().to_canonical());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CiphertextWriter<W> {
    writer: Writer<W>,
    context: Arc<Context>,
    shapes: std::vec::IntoIter<Shape>,
}

impl<W: Write> CiphertextWriter<W> {
    /// Starts a file for ciphertexts of `shapes`, in this order. `note` is what the caller wants to find in the header again.
    ///
    /// # Errors
    /// [`WireError::Field`] for a level beyond the chain, [`WireError::TooLarge`] for more than 4096 runs of equal shapes or too long a note,
    /// [`WireError::Io`].
    pub fn new(
        sink: W,
        file: &str,
        label: Label<'_>,
        context: &Arc<Context>,
        shapes: Vec<Shape>,
        note: &[u8],
    ) -> Result<Self, WireError> {
        let mut runs: Vec<(Shape, u32)> = vec![];
        for &shape in &shapes {
            check_level(file, shape.level, context)?;
            match runs.last_mut() {
                Some((last, count)) if *last == shape && *count < u32::MAX => *count += 1,
                _ => runs.push((shape, 1)),
            }
        }
        let too_large = |limit: u64, found: u64| WireError::TooLarge {
            file: file.to_owned(),
            limit,
            found,
        };
        if runs.len() > MAX_RUNS {
            return Err(too_large(MAX_RUNS as u64, runs.len() as u64));
        }
        let mut header = (runs.len() as u32).to_le_bytes().to_vec();
        for (shape, count) in &runs {
            header.extend([shape.form as u8, shape.level.0 as u8, 0, 0]);
            header.extend(count.to_le_bytes());
        }
        header.extend(note);
        let payload = payload(context, &runs).ok_or_else(|| too_large(u64::MAX, u64::MAX))?;
        Ok(Self {
            writer: Writer::new(sink, file, label.kind, label.binding, &header, payload)?,
            context: Arc::clone(context),
            shapes: shapes.into_iter(),
        })
    }

    /// Writes the next ciphertext.
    ///
    /// # Errors
    /// [`WireError::Field`] if it is one too many, of another shape, or its metadata are not usable; [`WireError::Rlwe`] for another context; [`WireError::Io`].
    pub fn push(&mut self, ct: &Ciphertext, meta: &Meta) -> Result<(), WireError> {
        let file = self.writer.file().to_owned();
        let field = |expected: String, found: String| WireError::Field {
            file: file.clone(),
            what: "shape of a ciphertext",
            expected,
            found,
        };
        let found = Shape {
            form: Shape::of(ct).form,
            level: Level(ct.level()),
        };
        // A seeded ciphertext may be written in full; not the other way round.
        let shape = match self.shapes.as_slice().first() {
            None => return Err(field("no more ciphertexts".into(), format!("{found:?}"))),
            Some(want)
                if want.level == found.level
                    && (want.form == Form::Full || want.form == found.form) =>
            {
                *want
            }
            Some(want) => return Err(field(format!("{want:?}"), format!("{found:?}"))),
        };
        if !Arc::ptr_eq(ct.c0().ring(), self.context.ring()) {
            return Err(WireError::Rlwe {
                file,
                source: crate::rlwe::RlweError::Foreign { what: "ciphertext" },
            });
        }
        check_meta(&file, shape, meta, &self.context)?;
        self.shapes.next();
        self.writer.write(&meta.scale.to_le_bytes())?;
        self.writer.write(&meta.bound.to_le_bytes())?;
        match ct.seed() {
            Some(seed) if shape.form == Form::Seeded => self.writer.write(&seed.0)?,
            _ => {
                self.writer.write(&meta.noise.to_le_bytes())?;
                write_poly(&mut self.writer, ct.c1())?;
            }
        }
        write_poly(&mut self.writer, ct.c0())
    }

    /// Ends the file, as [`Writer::finish`].
    ///
    /// # Errors
    /// [`WireError::Length`] if ciphertexts are missing; [`WireError::Io`].
    pub fn finish(self) -> Result<(Hash, W), WireError> {
        self.writer.finish()
    }

    /// [`finish`](Self::finish) with the hash of the whole file, as [`Writer::finish_hashed`].
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_hashed(self) -> Result<(Hash, Hash, W), WireError> {
        self.writer.finish_hashed()
    }
}

/// Reads ciphertexts one at a time.
#[derive(Debug)]
pub struct CiphertextReader<R> {
    reader: Reader<R>,
    context: Arc<Context>,
    runs: Vec<(Shape, u32)>,
    /// Index of the run at work, and how many of it were read.
    at: (usize, u32),
    note: Vec<u8>,
}

impl<R: Read> CiphertextReader<R> {
    /// Reads the header; the arguments are those of [`Reader::open`].
    ///
    /// # Errors
    /// Those of [`Reader::open`]; [`WireError::Field`] for impossible shapes; [`WireError::Length`] for a payload that does not follow from them.
    pub fn open(
        source: R,
        file: &str,
        length: Option<u64>,
        limit: u64,
        label: Label<'_>,
        context: &Arc<Context>,
    ) -> Result<Self, WireError> {
        let reader = Reader::open(source, file, length, limit, label.kind, label.binding)?;
        let (runs, note) = parse_header(file, &reader.envelope().header, context)?;
        let expected = payload(context, &runs).unwrap_or(u64::MAX);
        if expected != reader.envelope().payload {
            return Err(WireError::Length {
                file: file.to_owned(),
                what: "bytes of the payload, by the shapes in the header",
                expected,
                found: reader.envelope().payload,
            });
        }
        Ok(Self {
            reader,
            context: Arc::clone(context),
            runs,
            at: (0, 0),
            note,
        })
    }

    /// The caller's part of the header.
    pub fn note(&self) -> &[u8] {
        &self.note
    }

    /// Runs of equal shapes, with their lengths.
    pub fn runs(&self) -> &[(Shape, u32)] {
        &self.runs
    }

    /// The next ciphertext, none after the last. With `expected`, level and scale must be those.
    ///
    /// # Errors
    /// [`WireError::Field`] for metadata that are not finite, not those expected, or not those of a fresh ciphertext where it is one;
    /// [`WireError::Residue`], [`WireError::Truncated`], [`WireError::Io`].
    pub fn next(
        &mut self,
        expected: Option<Placement>,
    ) -> Result<Option<(Ciphertext, Meta)>, WireError> {
        self.next_lower(expected, None)
    }

    /// The same, brought down to a lower level if one is named: what is above it is hashed and neither unpacked nor expanded. The same bits as
    /// [`next`](Self::next) and [`Evaluator::drop_level`](crate::evaluator::Evaluator::drop_level).
    ///
    /// # Errors
    /// As [`next`](Self::next), without the residues above that level.
    pub fn next_lower(
        &mut self,
        expected: Option<Placement>,
        level: Option<Level>,
    ) -> Result<Option<(Ciphertext, Meta)>, WireError> {
        let Some(&(shape, count)) = self.runs.get(self.at.0) else {
            return Ok(None);
        };
        let (ring, file) = (self.context.ring(), self.reader.file().to_owned());
        let mut number = || {
            self.reader
                .array("metadata of a ciphertext")
                .map(f64::from_le_bytes)
        };
        let (scale, bound) = (number()?, number()?);
        let meta = Meta {
            level: shape.level,
            scale,
            bound,
            rms: bound,
            noise: match shape.form {
                Form::Seeded => noise::fresh_secret(self.context.params().n()),
                Form::Full => number()?,
            },
        };
        check_meta(&file, shape, &meta, &self.context)?;
        if let Some(at) =
            expected.filter(|at| at.level != meta.level || !scales_match(at.scale, meta.scale))
        {
            return Err(WireError::Field {
                file,
                what: "placement of a ciphertext",
                expected: format!("level {} and scale 2^{:.6}", at.level, at.scale.log2()),
                found: format!("level {} and scale 2^{:.6}", meta.level, meta.scale.log2()),
            });
        }
        let kept = level.map_or(shape.level, |level| level.min(shape.level));
        let meta = Meta {
            level: kept,
            ..meta
        };
        let (basis, kept) = (ring.basis(shape.level.0), ring.basis(kept.0));
        let half = |reader: &mut Reader<R>, what| read_lower_poly(reader, what, ring, basis, kept);
        let ct = match shape.form {
            Form::Seeded => {
                let seed = PublicSeed(self.reader.array("seed of a ciphertext")?);
                let c0 = half(&mut self.reader, "c_0 of a ciphertext")?;
                Ciphertext::from_seeded(&self.context, c0, seed)
            }
            Form::Full => {
                let c1 = half(&mut self.reader, "c_1 of a ciphertext")?;
                let c0 = half(&mut self.reader, "c_0 of a ciphertext")?;
                Ciphertext::from_parts(&self.context, c0, c1)
            }
        };
        let ct = ct.map_err(|source| WireError::Rlwe { file, source })?;
        self.at.1 += 1;
        if self.at.1 == count {
            self.at = (self.at.0 + 1, 0);
        }
        Ok(Some((ct, meta)))
    }

    /// Ends the file, as [`Reader::finish`].
    ///
    /// # Errors
    /// As [`Reader::finish`].
    pub fn finish(self) -> Result<Hash, WireError> {
        self.reader.finish()
    }

    /// [`finish`](Self::finish) with the hash of the whole file, as [`Reader::finish_hashed`].
    ///
    /// # Errors
    /// As [`Reader::finish`].
    pub fn finish_hashed(self) -> Result<(Hash, Hash), WireError> {
        self.reader.finish_hashed()
    }
}

fn check_level(file: &str, level: Level, context: &Context) -> Result<(), WireError> {
    let top = context.params().max_level();
    if level.0 <= top {
        return Ok(());
    }
    Err(WireError::Field {
        file: file.to_owned(),
        what: "level of a ciphertext",
        expected: format!("0 to {top}"),
        found: level.to_string(),
    })
}

fn check_meta(file: &str, shape: Shape, meta: &Meta, context: &Context) -> Result<(), WireError> {
    let fail = |what, expected: &str, found: f64| {
        Err(WireError::Field {
            file: file.to_owned(),
            what,
            expected: expected.to_owned(),
            found: found.to_string(),
        })
    };
    if !(meta.scale.is_finite() && meta.scale > 0.0) {
        return fail("scale of a ciphertext", "a positive number", meta.scale);
    }
    for (what, x) in [
        ("bound of a ciphertext", meta.bound),
        ("noise of a ciphertext", meta.noise),
    ] {
        if !(x.is_finite() && x >= 0.0) {
            return fail(what, "a number that is not negative", x);
        }
    }
    let fresh = noise::fresh_secret(context.params().n());
    if shape.form == Form::Seeded && meta.noise.to_bits() != fresh.to_bits() {
        return fail(
            "noise of a fresh ciphertext",
            &fresh.to_string(),
            meta.noise,
        );
    }
    if meta.level != shape.level {
        return fail(
            "level of a ciphertext",
            &shape.level.to_string(),
            meta.level.0 as f64,
        );
    }
    Ok(())
}

type Runs = Vec<(Shape, u32)>;

fn parse_header(
    file: &str,
    header: &[u8],
    context: &Context,
) -> Result<(Runs, Vec<u8>), WireError> {
    let short = || WireError::Truncated {
        file: file.to_owned(),
        what: "the header's shapes",
    };
    let field = |what, expected: &str, found: String| WireError::Field {
        file: file.to_owned(),
        what,
        expected: expected.to_owned(),
        found,
    };
    let (count, rest) = header.split_first_chunk::<4>().ok_or_else(short)?;
    let count = u32::from_le_bytes(*count) as usize;
    if count > MAX_RUNS {
        return Err(field("runs of shapes", "at most 4096", count.to_string()));
    }
    let (runs, note) = rest.split_at_checked(count * RUN).ok_or_else(short)?;
    let mut out = Runs::with_capacity(count);
    for run in runs.chunks_exact(RUN) {
        let form = match run[0] {
            1 => Form::Seeded,
            2 => Form::Full,
            other => return Err(field("form of a ciphertext", "1 or 2", other.to_string())),
        };
        if run[2] != 0 || run[3] != 0 {
            return Err(field(
                "reserved bytes of a run",
                "zeros",
                format!("{} {}", run[2], run[3]),
            ));
        }
        let shape = Shape {
            form,
            level: Level(usize::from(run[1])),
        };
        check_level(file, shape.level, context)?;
        let count = u32::from_le_bytes([run[4], run[5], run[6], run[7]]);
        if count == 0
            || out
                .last()
                .is_some_and(|(last, n)| *last == shape && *n < u32::MAX)
        {
            // One sequence of shapes has one encoding.
            return Err(field("length of a run", "the whole run", count.to_string()));
        }
        out.push((shape, count));
    }
    Ok((out, note.to_vec()))
}
