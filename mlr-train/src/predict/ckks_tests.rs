//! Scoring on ciphertexts, on a tiny insecure ring: errors within what the trace expects.

use std::sync::Arc;

use he_core::evaluator::{Ckks, Evaluator, Op};
use he_core::holder::{SecretOpener, SecretSealer};
use he_core::rlwe::{Context, SecretKey};

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
            let said = forecast(&job, &params).unwrap();
            let context = Context::new(Arc::clone(&params)).unwrap();
            let key = Arc::new(SecretKey::generate(&context).unwrap());
            let sealer = SecretSealer::new(Arc::clone(&key)).unwrap();
            let opener = SecretOpener::new(Arc::clone(&key)).unwrap();
            let eval = Ckks::new(key.evaluation_keys(&said.keys).unwrap()).unwrap();
            let expected = said.score_error();
            let found = run(&job, (&model, &x), &eval, &sealer, &opener, expected);
            assert_eq!(eval.tally().total(Op::KeyProduct), said.key_products);
            assert_eq!(eval.tally().total(Op::ModDown), said.mod_downs);
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
            assert!(rounded <= 1.5 * (-found.certified_bits().floor()).exp2());
        }
    }
}
