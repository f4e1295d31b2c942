//! A thousand real rows, ten classes, secure parameters: labels through ciphertexts are the clear model's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use he_core::evaluator::Ckks;
use he_core::key_holder::{SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::rlwe::{Context, SecretKey};
use mlr_train::metrics::predicted;
use mlr_train::predict::ScorePlan;
use mlr_train::predict::client::{EncryptedModel, Query, decrypt};
use mlr_train::predict::head::{ClearHead, EncryptedHead, pieces};
use mlr_train::predict::job::ModelForm;
use mlr_train::predict::server::{Head, score};

#[test]
fn labels_of_a_thousand_rows_come_through_the_ciphertexts() {
    let Some((model, train, test)) = common::squeezenet() else {
        return;
    };
    let clear = model.scores(test.features().view()).unwrap();
    let extreme = |f: fn(f64, f64) -> f64| clear.iter().copied().reduce(f).unwrap();
    let range = extreme(f64::max) - extreme(f64::min);
    for form in [ModelForm::Clear, ModelForm::Encrypted] {
        let plan = ScorePlan::search(&model, train.features().view(), 1000, form).unwrap();
        let (job, said) = (plan.job(), plan.forecast());
        assert!(said.security_bits >= 128 && plan.params().log_n() <= 13);
        // A row is 512 numbers; encrypted it is at most 8 kB.
        assert!(
            said.query_bytes <= 8_000_000,
            "{form:?}: {}",
            said.query_bytes
        );
        let context = Context::new(Arc::clone(plan.params())).unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
        let eval = Ckks::new(key.evaluation_keys_at(plan.key_levels()).unwrap()).unwrap();
        let query = Query::new(job, test.features().view()).unwrap();
        let rows: Vec<_> = query
            .places()
            .map(|at| query.encrypt::<Ckks>(&encryptor, at).unwrap())
            .collect();
        let head: Box<dyn Head<Ckks> + '_> = match form {
            ModelForm::Clear => Box::new(ClearHead::new(job, &model).unwrap()),
            ModelForm::Encrypted => {
                let encrypted = EncryptedModel::new(job, &model).unwrap();
                let all = pieces(job)
                    .map(|piece| (piece, encrypted.encrypt::<Ckks>(&encryptor, piece).unwrap()));
                Box::new(all.collect::<EncryptedHead<_>>())
            }
        };
        let chunks = rows.chunks(job.layout().parts());
        let scores: Vec<_> = chunks
            .flat_map(|chunk| score(job, &eval, chunk, head.as_ref()).unwrap())
            .collect();
        let decryptor = SecretKeyDecryptor::new(key).unwrap();
        let opened = decrypt::<Ckks>(job, &decryptor, &scores, 1000, said.score_error()).unwrap();
        let rounded = opened.rounded();
        let labels = predicted(rounded.view());
        for ((row, label), expected) in clear
            .rows()
            .into_iter()
            .zip(&labels)
            .zip(predicted(clear.view()))
        {
            let mut sorted = row.to_vec();
            sorted.sort_by(f64::total_cmp);
            if sorted[9] - sorted[8] > 1e-3 * range {
                assert_eq!(*label, expected, "{form:?}: {row}");
            }
        }
        // Root mean square error: below what the plan says, and not absurdly so.
        let errors = &opened.values - &clear;
        let found = errors.mapv(|e| e * e).mean().unwrap().sqrt();
        assert!(
            found <= said.score_error() && found >= said.score_error() / 256.0,
            "{form:?}: {found:e} of {:e}",
            said.score_error()
        );
    }
}
