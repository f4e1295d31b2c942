//! The training on ciphertexts, on a tiny insecure ring: errors within what the simulator expects.

use std::sync::Arc;

use he_core::evaluator::{Ckks, CountedOp, Evaluator};
use he_core::key_holder::{SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::rlwe::{Context, SecretKey};

use super::tests::{CLIENT, PAPER, SERVER, program, reference, ring, samples};
use super::{MemorySource, Unobserved, train};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::packing::{Arrangement, Shape};
use crate::plan::{Job, Program, fit_scales, key_levels};

#[test]
fn training_on_ciphertexts_errs_as_expected() {
    let shape = Shape {
        samples: 150,
        columns: 11,
        classes: 3,
    };
    for (method, iterations, arrangement) in [
        (CLIENT, 3, Arrangement::RowMajor),
        (SERVER, 2, Arrangement::RowMajor),
        (PAPER, 2, Arrangement::RowMajor),
        (CLIENT, 3, Arrangement::Diagonal),
    ] {
        let program = Program {
            arrangement,
            ..program(shape, method, iterations, 8)
        };
        let (x, labels) = samples(shape);
        let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
        let (job, prediction) = fit_scales(&program, &params).unwrap();
        let context = Context::new(Arc::clone(&params)).unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
        let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
        let eval = Ckks::new(key.evaluation_keys_at(&key_levels(&job, &params)).unwrap()).unwrap();
        let source: MemorySource<_> = Uploads::new(&job, x.view(), &labels)
            .unwrap()
            .encrypt_all::<Ckks>(&encryptor)
            .collect::<Result<_, _>>()
            .unwrap();
        let weights = train(&job, &eval, &source, &Unobserved).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            eval.tally().total(CountedOp::KeyProduct),
            prediction.key_products
        );
        let opened = decrypt(&job, &eval, &decryptor, &weights).unwrap();
        let distance = (&opened.weights - &reference(&program, &x, &labels))
            .iter()
            .fold(0.0f64, |a, b| a.max(b.abs()));
        // Some 10^4 slots: the largest error of honest noise stays below six standard errors; the expectation takes typical sizes of
        // values, right within a factor of about four. An expectation 2^10 too large would say nothing.
        let expected = prediction.weight_error();
        assert!(
            distance < 24.0 * expected && distance > expected / 1024.0,
            "{method:?}: {distance:e} against {expected:e}"
        );
        assert!(opened.replica_spread < 24.0 * expected);
    }
}
