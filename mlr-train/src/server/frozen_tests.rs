//! What trainings on ciphertexts gave when these hashes were taken, they give for ever: residue by residue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use he_core::ckks::encode::Encoder;
use he_core::ckks::{noise, plaintext};
use he_core::evaluator::{Ckks, CkksCt, Evaluator as _, Level, Meta};
use he_core::rlwe::{Context, SecretKey};
use ndarray::s;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::tests::{CLIENT, PAPER, SERVER, program, ring, samples};
use super::{BlockSource, MemorySource, SourceError, Unobserved, train};
use crate::client::encrypt::Uploads;
use crate::packing::{Arrangement, Shape, Upload};
use crate::plan::{Job, Owners, Polynomial, Program, Scales, key_levels};
use crate::sigmoid::{Degree, OddPolynomial};

const SHAPE: Shape = Shape {
    samples: 90,
    columns: 11,
    classes: 3,
};

/// The jobs by name.
fn jobs() -> Vec<(&'static str, Program)> {
    let (row, diagonal) = (Arrangement::RowMajor, Arrangement::Diagonal);
    let make = |method, arrangement, row_length, iterations| Program {
        arrangement,
        scales: if method == PAPER {
            Scales {
                data: 32,
                first: 42,
                error: 38,
                curvature: 46,
            }
        } else {
            Scales {
                data: 36,
                first: 34,
                error: 34,
                curvature: 30,
            }
        },
        ..program(SHAPE, method, iterations, row_length)
    };
    let passes = |program| Program {
        classes_per_pass: 2,
        ..program
    };
    let owners = |program| Program {
        owners: Owners {
            rows: vec![50, 40],
            ..Owners::default()
        },
        ..program
    };
    let degree = |degree, program| Program {
        polynomial: Polynomial::new(&OddPolynomial::fit(degree, 6.0).unwrap()),
        ..program
    };
    let (five, seven) = (Degree::Five, Degree::Seven);
    vec![
        ("rows, one group", make(CLIENT, row, 16, 3)),
        ("rows, passes", passes(make(CLIENT, row, 4, 3))),
        ("rows, labels, owners", owners(make(SERVER, row, 4, 2))),
        (
            "rows, owners, passes",
            passes(owners(make(CLIENT, row, 8, 2))),
        ),
        ("diagonals, one group", make(CLIENT, diagonal, 16, 3)),
        ("diagonals, passes", passes(make(CLIENT, diagonal, 4, 3))),
        (
            "diagonals, labels, owners",
            owners(make(SERVER, diagonal, 4, 2)),
        ),
        ("diagonals, many groups", make(CLIENT, diagonal, 1, 2)),
        ("rows, degree 5", degree(five, make(CLIENT, row, 8, 2))),
        ("rows, degree 7", degree(seven, make(SERVER, row, 4, 2))),
        (
            "diagonals, degree 7",
            degree(seven, make(CLIENT, diagonal, 4, 2)),
        ),
        ("the paper's", make(PAPER, row, 16, 2)),
        (
            "the paper's, groups, passes",
            passes(make(PAPER, row, 4, 2)),
        ),
    ]
}

/// Encrypts with randomness that depends on the upload's name alone.
fn sealed(key: &SecretKey, uploads: &Uploads<'_>, job: &Job, upload: Upload) -> CkksCt {
    let context = key.context();
    let (at, bound) = (job.placement(upload), job.bound(upload));
    let encoder = Encoder::new(context.params().log_n()).unwrap();
    let slots = uploads.slots(upload);
    let plain = plaintext::encode(&encoder, context.ring(), at.level.0, &slots, at.scale).unwrap();
    let name = format!("{upload:?}");
    let mut rng = StdRng::from_seed(*blake3::hash(name.as_bytes()).as_bytes());
    let ct = key.encrypt_insecure_test_rng(&plain, &mut rng).unwrap();
    let meta = Meta {
        level: at.level,
        scale: at.scale,
        bound,
        rms: bound,
        noise: noise::fresh_secret(context.params().n()),
    };
    CkksCt::admit(context, ct, meta).unwrap()
}

/// Gives no more levels than it is asked for, and counts what it left out.
struct Lowered<'a> {
    all: MemorySource<CkksCt>,
    eval: &'a Ckks,
    left_out: AtomicUsize,
}

impl BlockSource<Ckks> for Lowered<'_> {
    fn load(&self, upload: Upload) -> Result<CkksCt, SourceError> {
        BlockSource::<Ckks>::load(&self.all, upload)
    }

    fn load_lower(&self, upload: Upload, level: Level) -> Result<CkksCt, SourceError> {
        let whole = self.load(upload)?;
        let above = whole.meta().level.0.saturating_sub(level.0);
        self.left_out.fetch_add(above, Relaxed);
        let level = whole.meta().level.min(level);
        (self.eval.drop_level(&whole, level)).map_err(SourceError::new)
    }
}

/// A hash of the trained weights' coefficients, which no order of a transform's output enters, and how many limbs of rows no iteration asked for.
fn weights_hash(program: Program) -> (String, usize) {
    let (x, labels) = samples(SHAPE);
    let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
    let job = Job::new(program, 512).unwrap();
    let keys = key_levels(&job, &params);
    let context = Context::new(params).unwrap();
    let key = Arc::new(SecretKey::from_seed(&context, [7; 32].into()).unwrap());
    let (mut begin, mut all) = (0, Vec::new());
    for (owner, rows) in job.owner_rows().into_iter().enumerate() {
        let own = begin..begin + rows;
        let uploads = Uploads::of_owner(&job, owner, x.slice(s![own.clone(), ..]), &labels[own]);
        let uploads = uploads.unwrap();
        all.extend(
            job.uploads_of(owner)
                .map(|u| (u, sealed(&key, &uploads, &job, u))),
        );
        begin += rows;
    }
    let eval = Ckks::new(key.evaluation_keys_at(&keys).unwrap()).unwrap();
    let source = Lowered {
        all: all.into_iter().collect(),
        eval: &eval,
        left_out: AtomicUsize::new(0),
    };
    let weights = train(&job, &eval, &source, &Unobserved).unwrap_or_else(|e| panic!("{e:?}"));
    let mut hash = blake3::Hasher::new();
    for ct in weights.iter().flatten() {
        for half in [ct.ciphertext().c0(), ct.ciphertext().c1()] {
            for residue in half.clone().into_coeff().to_canonical() {
                hash.update(&residue.to_le_bytes());
            }
        }
    }
    let hash = hash.finalize().to_hex()[..32].to_owned();
    (hash, source.left_out.into_inner())
}

#[test]
fn the_weights_ciphertexts_are_frozen() {
    let (mut found, mut lowered) = (Vec::new(), 0);
    for (name, program) in jobs() {
        // Of several iterations that multiply rows with weights the later ones stand lower.
        let iterations = Job::new(program.clone(), 512).unwrap().iterations();
        let several = program.method.reading_iterations(iterations) > 1;
        let (hash, left_out) = weights_hash(program);
        assert!(left_out > 0 || !several, "{name}");
        lowered += usize::from(several);
        found.push(format!("{hash} {name}"));
    }
    assert!(lowered > 0);
    insta::assert_snapshot!(found.join("\n"));
}
