//! Every kind of job, interrupted after each iteration: what is read back from the checkpoint's bytes trains to the same bits.

use std::path::Path;
use std::sync::Arc;

use crate::client::encrypt::Uploads;
use crate::packing::{Arrangement, Shape};
use crate::plan::{Bounds, FirstGradient, Method, Owners, Plan, Polynomial, Program, Scales};
use crate::server::{MemorySource, Observer, SourceError, State, Unobserved, resume, train};
use crate::sigmoid::OddPolynomial;
use he_core::evaluator::{Ckks, CkksCt, Meta};
use he_core::key_holder::SecretKeyEncryptor;
use he_core::params::ParamsLiteral;
use he_core::rlwe::{Context, SecretKey};
use ndarray::{Array2, s};

use super::{CHECKPOINT, Checkpoint, CiphertextReader, wire};
use crate::artifacts::PlanFile;

const SHAPE: Shape = Shape {
    samples: 70,
    columns: 11,
    classes: 3,
};
const ITERATIONS: usize = 3;

/// One of the kinds of jobs that a checkpoint must serve.
#[derive(Clone, Copy, Debug)]
struct Kind {
    method: Method,
    arrangement: Arrangement,
    row_length: usize,
    owners: &'static [usize],
    classes_per_pass: usize,
}

/// The product of everything that shapes a state; the paper's method has rows of one arrangement and one owner only.
fn kinds() -> Vec<Kind> {
    let whitened = |first_gradient| Method::Whitened { first_gradient };
    let paper = Method::Paper {
        start_weight: 0.0128,
    };
    let mut all = Vec::new();
    for method in [
        whitened(FirstGradient::Client),
        whitened(FirstGradient::Server),
        paper,
    ] {
        // One column group, and several.
        for row_length in [16, 4] {
            for arrangement in [Arrangement::RowMajor, Arrangement::Diagonal] {
                for owners in [&[][..], &[40, 30]] {
                    for classes_per_pass in [3, 2] {
                        let kind = Kind {
                            method,
                            arrangement,
                            row_length,
                            owners,
                            classes_per_pass,
                        };
                        let plain = owners.is_empty() && arrangement == Arrangement::RowMajor;
                        if method != paper || plain {
                            all.push(kind);
                        }
                    }
                }
            }
        }
    }
    all
}

impl Kind {
    /// The plan, under tiny insecure parameters.
    fn plan(self) -> Plan {
        let paper = matches!(self.method, Method::Paper { .. });
        let cubic = OddPolynomial::from_coefficients(vec![0.1875, -0.0025], 6.0);
        let program = Program {
            shape: SHAPE,
            method: self.method,
            schedule: vec![if paper { 1.0 } else { 4.0 }; ITERATIONS],
            polynomial: Polynomial::new(&cubic.unwrap()),
            bounds: Bounds {
                data: 1.0,
                column_rms: 1.0,
                data_rms: 1.0,
                score: 12.0,
                weight: 4.0,
                curvature: crate::clear::paper::diagonal(&data().0)
                    .fold(0.0, |most, &b| f64::max(most, b)),
            },
            arrangement: self.arrangement,
            row_length: self.row_length,
            classes_per_pass: self.classes_per_pass,
            radix: 4,
            scales: scales(self.method),
            owners: Owners {
                rows: self.owners.to_vec(),
                whitening: None,
                public_key: false,
                joint: None,
            },
            refresh: None,
        };
        let levels = match self.method {
            Method::Paper { .. } => 15,
            Method::Whitened { .. } => 10,
        };
        let mut q_bits = vec![47];
        q_bits.extend(vec![40; levels]);
        let literal = ParamsLiteral {
            log_n: 10,
            dnum: q_bits.len() as u32,
            q_bits,
            p_bits: vec![48, 48],
        };
        Plan::insecure_test(program, literal).unwrap_or_else(|e| panic!("{self:?}: {e}"))
    }
}

fn data() -> (Array2<f64>, Vec<u32>) {
    let labels: Vec<u32> = (0..SHAPE.samples)
        .map(|i| (i % SHAPE.classes) as u32)
        .collect();
    let x = Array2::from_shape_fn((SHAPE.samples, SHAPE.columns), |(i, j)| match j {
        0 => 1.0,
        _ => 0.5 * (0.37 * (i * (j + 3)) as f64 + f64::from(labels[i]) * j as f64).sin(),
    });
    (x, labels)
}

fn uploads(kind: Kind, plan: &Plan, encryptor: &SecretKeyEncryptor) -> MemorySource<CkksCt> {
    let (x, labels) = data();
    let (mut begin, mut all) = (0, Vec::new());
    for (owner, rows) in plan.job().owner_rows().into_iter().enumerate() {
        let own = begin..begin + rows;
        let x = x.slice(s![own.clone(), ..]);
        let uploads = Uploads::of_owner(plan.job(), owner, x, &labels[own])
            .unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        all.extend(uploads.encrypt_all::<Ckks>(encryptor).map(Result::unwrap));
        begin += rows;
    }
    all.into_iter().collect()
}

/// Keeps a checkpoint of every state.
struct Keep<'a> {
    folder: &'a Path,
    plan: &'a PlanFile,
    context: &'a Arc<Context>,
}

impl Keep<'_> {
    fn checkpoint(&self, done: usize) -> Checkpoint<'_> {
        let out = self.folder.join(done.to_string());
        Checkpoint::beside(&out, self.plan, self.context, blake3::hash(b"inputs"))
    }
}

impl Observer<Ckks> for Keep<'_> {
    fn iteration_done(&self, state: &State<CkksCt>) -> Result<(), SourceError> {
        let written = self.checkpoint(state.done).write(state);
        Ok(written.map_err(|error| format!("{error:?}"))?)
    }
}

#[test]
fn every_kind_of_job_goes_on_from_its_checkpoints_to_the_same_bits() {
    for kind in kinds() {
        let plan = PlanFile::new(kind.plan());
        let context = plan.context().unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        let source = uploads(
            kind,
            &plan.plan,
            &SecretKeyEncryptor::new(Arc::clone(&key)).unwrap(),
        );
        let eval = Ckks::new(key.evaluation_keys_at(plan.keys()).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep {
            folder: folder.path(),
            plan: &plan,
            context: &context,
        };
        let job = plan.plan.job();
        let whole = train(job, &eval, &source, &keep).unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        for done in 1..=ITERATIONS {
            let read = keep.checkpoint(done).read();
            let state = read.unwrap_or_else(|e| panic!("{kind:?} after {done}: {e:?}"));
            assert_eq!(state.done, done);
            // Usual sizes are no part of a file: the run declares them.
            let written = MetasOf(&keep.checkpoint(done)).read();
            assert_eq!(written, metas(&state), "{kind:?} after {done}");
            let again = resume(job, &eval, &source, &Unobserved, state);
            let again = again.unwrap_or_else(|e| panic!("{kind:?} after {done}: {e}"));
            let same = |a: &CkksCt, b: &CkksCt| {
                let ([a0, a1], [b0, b1]) = (components(a), components(b));
                a.meta() == b.meta() && a0 == b0 && a1 == b1
            };
            let pairs = again.iter().flatten().zip(whole.iter().flatten());
            assert!(
                pairs.fold(true, |all, (a, b)| all & same(a, b)),
                "{kind:?} after {done}"
            );
            assert_eq!(
                again.iter().map(Vec::len).collect::<Vec<_>>(),
                whole.iter().map(Vec::len).collect::<Vec<_>>()
            );
        }
    }
}

/// What a checkpoint's own metadata are.
struct MetasOf<'a>(&'a Checkpoint<'a>);

impl MetasOf<'_> {
    fn read(&self) -> Vec<(usize, f64, f64, f64)> {
        let Checkpoint {
            path,
            plan,
            context,
            ..
        } = self.0;
        let (name, source, length) = wire::open_file(path).unwrap();
        let (label, limit) = (CHECKPOINT.bound_to(&plan.hash), u64::MAX);
        let mut reader =
            CiphertextReader::open(source, &name, Some(length), limit, label, context).unwrap();
        let mut all = Vec::new();
        while let Some((_, meta)) = reader.next(None).unwrap() {
            all.push(numbers(meta));
        }
        all
    }
}

fn metas(state: &State<CkksCt>) -> Vec<(usize, f64, f64, f64)> {
    let metas = state.ciphertexts().map(CkksCt::meta);
    metas.map(numbers).collect()
}

fn numbers(meta: Meta) -> (usize, f64, f64, f64) {
    (meta.level.0, meta.scale, meta.bound, meta.noise)
}

/// A checkpoint whose hash is right, and whose bounds, noise or scales are another's.
#[test]
fn what_a_forged_checkpoint_claims_is_not_taken() {
    let kind = kinds()[0];
    let plan = PlanFile::new(kind.plan());
    let context = plan.context().unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
    let source = uploads(kind, &plan.plan, &encryptor);
    let eval = Ckks::new(key.evaluation_keys_at(plan.keys()).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep {
        folder: folder.path(),
        plan: &plan,
        context: &context,
    };
    train(plan.plan.job(), &eval, &source, &keep).unwrap();
    let honest = keep.checkpoint(2).read().unwrap();
    let forge = |change: fn(&mut Meta)| {
        let mut state = keep.checkpoint(2).read().unwrap();
        for ct in state.weights.iter_mut().flatten() {
            let mut meta = ct.meta();
            change(&mut meta);
            *ct = CkksCt::admit(&context, ct.ciphertext().clone(), meta).unwrap();
        }
        let forged = keep.checkpoint(9);
        forged.write(&state).unwrap();
        forged.read()
    };
    for change in [
        |meta: &mut Meta| (meta.bound, meta.rms) = (meta.bound * 0.5, meta.rms * 0.25),
        |meta: &mut Meta| meta.bound *= 1.1,
        |meta: &mut Meta| meta.noise *= 1e-3,
    ] {
        let state = forge(change).unwrap();
        assert_eq!(metas(&state), metas(&honest));
    }
    forge(|meta| meta.scale *= 2.0).unwrap_err();
    // The state after two iterations is none after three.
    let mut early = honest;
    early.done = 3;
    keep.checkpoint(9).write(&early).unwrap();
    let refused = keep.checkpoint(9).read().unwrap_err().to_string();
    assert!(refused.contains("expected"), "{refused}");
}

fn components(ct: &CkksCt) -> [Vec<u64>; 2] {
    let ct = ct.ciphertext();
    [ct.c0().to_canonical(), ct.c1().to_canonical()]
}

/// Scales that fit the primes below.
fn scales(method: Method) -> Scales {
    match method {
        Method::Whitened { .. } => Scales {
            data: 36,
            first: 34,
            error: 34,
            curvature: 30,
        },
        Method::Paper { .. } => Scales {
            data: 32,
            first: 42,
            error: 38,
            curvature: 46,
        },
    }
}
