//! Several owners of data: the training on their blocks equals the recurrence on the union of their rows.

use std::sync::Arc;

use he_core::evaluator::{Ckks, Clear, Evaluator};
use he_core::key_holder::{ClearHolder, Encryptor, PublicKeyEncryptor, SecretKeyDecryptor};
use he_core::rlwe::{Context, SecretKey};
use ndarray::{Array2, s};

use super::tests::{CLIENT, PAPER, SERVER, program, reference, ring, samples};
use super::{MemorySource, Unobserved, train};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::{EncryptError, Uploads};
use crate::packing::Shape;
use crate::plan::{Job, Owners, Program, fit_scales, key_levels};

pub(super) const SHAPE: Shape = Shape {
    samples: 300,
    columns: 11,
    classes: 3,
};
/// Blocks of 128 samples: 1, 2 and 1 of them, none full; one owner would have 3.
pub(super) const ROWS: [usize; 3] = [70, 200, 30];

pub(super) fn of_owners(method: crate::plan::Method, iterations: usize) -> Program {
    let mut program = program(SHAPE, method, iterations, 8);
    program.owners = Owners {
        rows: ROWS.to_vec(),
        whitening: None,
        public_key: true,
        joint: None,
    };
    program
}

/// Every owner's ciphertexts, each made from that owner's rows alone.
fn uploads<E: Evaluator>(
    job: &Job,
    encryptor: &dyn Encryptor<E>,
    x: &Array2<f64>,
    labels: &[u32],
) -> MemorySource<E::Ct> {
    let mut begin = 0;
    let mut all = Vec::new();
    for (owner, rows) in ROWS.into_iter().enumerate() {
        let end = begin + rows;
        let own = x.slice(s![begin..end, ..]);
        let uploads = Uploads::of_owner(job, owner, own, &labels[begin..end]).unwrap();
        all.extend(uploads.encrypt_all(encryptor).map(Result::unwrap));
        begin = end;
    }
    assert_eq!(all.len(), job.uploads().count());
    all.into_iter().collect()
}

pub(super) fn largest(m: &Array2<f64>) -> f64 {
    m.iter().fold(0.0f64, |a, b| a.max(b.abs()))
}

#[test]
fn the_owners_blocks_train_the_model_of_the_union() {
    let (x, labels) = samples(SHAPE);
    for (method, iterations) in [(CLIENT, 3), (SERVER, 3), (CLIENT, 1)] {
        let program = of_owners(method, iterations);
        let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
        let (job, prediction) = fit_scales(&program, &params).unwrap();
        assert_eq!(job.layout().blocks(), 4);
        assert_eq!(prediction.uploads as usize, job.uploads().count());
        let clear = Clear::new(params);
        let encryptor = ClearHolder(&clear);
        let source = uploads::<Clear>(&job, &encryptor, &x, &labels);
        let weights = train(&job, &clear, &source, &Unobserved).unwrap_or_else(|e| panic!("{e}"));
        let opened = decrypt(&job, &clear, &encryptor, &weights).unwrap();
        // As for one owner: f64 sums of a few hundred terms of order 1.
        let distance = largest(&(&opened.weights - &reference(&program, &x, &labels)));
        assert!(distance < 1e-9, "{method:?}: {distance:e}");
    }
}

#[test]
fn ciphertexts_under_a_public_key_err_as_expected() {
    let (x, labels) = samples(SHAPE);
    let program = of_owners(CLIENT, 2);
    let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
    let (job, prediction) = fit_scales(&program, &params).unwrap();
    let context = Context::new(Arc::clone(&params)).unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let encryptor = PublicKeyEncryptor::new(Arc::new(key.public_key().unwrap())).unwrap();
    let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
    let eval = Ckks::new(key.evaluation_keys_at(&key_levels(&job, &params)).unwrap()).unwrap();
    let source = uploads::<Ckks>(&job, &encryptor, &x, &labels);
    let weights = train(&job, &eval, &source, &Unobserved).unwrap_or_else(|e| panic!("{e}"));
    let opened = decrypt(&job, &eval, &decryptor, &weights).unwrap();
    let distance = largest(&(&opened.weights - &reference(&program, &x, &labels)));
    // The limits of the tests of one owner, see there.
    let expected = prediction.weight_error();
    assert!(
        distance < 24.0 * expected && distance > expected / 1024.0,
        "{distance:e} against {expected:e}"
    );
    // Public encryption is noisier, and both halves go up.
    let secret = Program {
        owners: Owners {
            public_key: false,
            ..program.owners.clone()
        },
        ..program
    };
    let secret = crate::plan::estimate_job(&Job::new(secret, 512).unwrap(), &params).unwrap();
    assert!(prediction.upload_bytes > 19 * secret.upload_bytes / 10);
}

#[test]
fn rows_of_another_owner_are_refused() {
    let (x, labels) = samples(SHAPE);
    let job = Job::new(of_owners(CLIENT, 2), 512).unwrap();
    let own = x.slice(s![..70, ..]);
    assert!(Uploads::of_owner(&job, 0, own, &labels[..70]).is_ok());
    for owner in [1, 2, 3] {
        let error = Uploads::of_owner(&job, owner, own, &labels[..70]).unwrap_err();
        assert!(matches!(error, EncryptError::Shape { .. }), "{error}");
    }
    let beyond = &own * 2.0;
    let error = Uploads::of_owner(&job, 0, beyond.view(), &labels[..70]).unwrap_err();
    assert!(matches!(error, EncryptError::Bound { .. }), "{error}");
    assert!(Job::new(of_owners(PAPER, 2), 512).is_err());
}
