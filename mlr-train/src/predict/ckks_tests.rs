//! Scoring on ciphertexts, on a tiny insecure ring: errors within what the simulator expects.

use std::sync::Arc;

use he_core::evaluator::{Ckks, CountedOp, Evaluator};
use he_core::key_holder::{SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::rlwe::{Context, SecretKey};

use ndarray::Array2;

use super::client::Query;
use super::forecast;
use super::tests::{BLOCKS, FORMS, job, ring, run, samples};

#[test]
fn scores_on_ciphertexts_err_as_expected() {
    let (model, x) = samples(70, 40, 3);
    let reference = model.scores(x.view()).unwrap();
    for form in FORMS {
        for block in BLOCKS {
            let job = job(&model, &x, form, block);
            let params = ring();
            let (said, keys) = forecast(&job, &params).unwrap();
            let context = Context::new(Arc::clone(&params)).unwrap();
            let key = Arc::new(SecretKey::generate(&context).unwrap());
            let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
            let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
            let eval = Ckks::new(key.evaluation_keys_at(&keys).unwrap()).unwrap();
            let expected = said.score_error();
            let found = run(&job, (&model, &x), &eval, &encryptor, &decryptor, expected);
            assert_eq!(eval.tally().total(CountedOp::KeyProduct), said.key_products);
            assert_eq!(eval.tally().total(CountedOp::ModDown), said.mod_downs);
            let errors = (&found.values - &reference).mapv(f64::abs);
            let largest = errors.iter().fold(0.0f64, |a, b| a.max(*b));
            // 210 scores: honest noise stays below six standard errors. The expectation takes usual sizes rounded up to powers of two (at
            // most 2 x 2 too large for the product), counts an encoded block as if all its coefficients were rounded, and the mean over the
            // copies of a class cancels noise that does not repeat: 2^8 in all. More would say nothing.
            assert!(
                largest < 6.0 * expected && largest > expected / 256.0,
                "{form:?}, blocks of {block}: {largest:e} against {expected:e}"
            );
            assert!(found.spread < 6.0 * expected);
            // What leaves is rounded to bits that are right.
            let rounded = (&found.rounded() - &reference)
                .iter()
                .fold(0.0f64, |a, d| a.max(d.abs()));
            // Half a unit of rounding, and noise of at most a quarter of one (six of the 24 expected errors).
            assert!(rounded <= 0.75 * (-f64::from(found.certified_bits())).exp2());
        }
    }
}

#[test]
fn rounding_is_never_finer_than_half_the_error_of_rows_with_more_energy() {
    // The plan's rows are small but for one value; those that are asked for are as large as they may be, in every feature.
    let (model, _) = samples(70, 40, 3);
    let planning = Array2::from_shape_fn((70, 40), |(i, j)| match (i, j) {
        (0, 0) => 1.6,
        _ => 0.02 * (((i * 7 + j * 5) % 11) as f64 / 5.0 - 1.0),
    });
    for form in FORMS {
        let job = job(&model, &planning, form, 64);
        let amplitude = 2.0 * job.program().typical.data;
        let signs = |scale: f64| {
            Array2::from_shape_fn((70, 40), |(i, j)| match (i * 3 + j * 5) % 7 {
                0..3 => scale,
                _ => -scale,
            })
        };
        let x = signs(amplitude);
        let params = ring();
        let (said, keys) = forecast(&job, &params).unwrap();
        let context = Context::new(Arc::clone(&params)).unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
        let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
        let eval = Ckks::new(key.evaluation_keys_at(&keys).unwrap()).unwrap();
        let expected = said.score_error();
        let found = run(&job, (&model, &x), &eval, &encryptor, &decryptor, expected);
        let errors = &found.values - &model.scores(x.view()).unwrap();
        let largest = errors.iter().fold(0.0f64, |a, e| a.max(e.abs()));
        let half = (-1.0 - f64::from(found.certified_bits())).exp2();
        assert!(largest <= half, "{form:?}: {largest:e} against {half:e}");
        // Larger ones are refused before they are encrypted.
        assert!(Query::new(&job, x.view()).is_ok());
        let refused = Query::new(&job, signs(1.01 * amplitude).view()).unwrap_err();
        assert!(
            refused.to_string().contains("mean square of a row"),
            "{refused}"
        );
    }
}
