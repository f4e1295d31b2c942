//! Rows with heavy tails: errors far beyond the expected ones, and what is shown is still no function of them.

use std::sync::Arc;

use he_core::evaluator::Ckks;
use he_core::key_holder::{SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::rlwe::{Context, SecretKey};
use ndarray::Array2;

use super::tests::{CLIENT, program, reference, ring};
use super::{MemorySource, Unobserved, train};
use crate::client::accept::{Accepted, NotAccepted, Witness, accept};
use crate::client::decrypt::{Decrypted, decrypt};
use crate::client::encrypt::Uploads;
use crate::client::norm::LargestNorm;
use crate::packing::Shape;
use crate::plan::{Job, Program, fit_scales, key_levels};

/// Whitened columns have mean square 1; here the share `tail` of each is in one row, a row for two columns.
fn rows(shape: Shape, tail: f64) -> (Array2<f64>, Vec<u32>) {
    let n = shape.samples as f64;
    let x = Array2::from_shape_fn((shape.samples, shape.columns), |(i, j)| match j {
        0 => 1.0,
        _ if i == j / 2 * 7 => (tail * n).sqrt() * if j % 2 == 0 { 1.0 } else { -1.0 },
        _ => (1.0 - tail).sqrt() * ((i * (j + 3)) as f64 * 0.37).sin(),
    });
    let labels = (0..shape.samples).map(|i| (i * 7 % shape.classes) as u32);
    (x, labels.collect())
}

struct Run {
    opened: Decrypted,
    twin: Array2<f64>,
    bound: f64,
    norm: Option<LargestNorm>,
}

impl Run {
    /// Trains rows of this tail on ciphertexts, with the plan's expected error as `decrypt` has it.
    fn of(shape: Shape, tail: f64) -> Self {
        let mut program: Program = program(shape, CLIENT, 4, 8);
        program.bounds.data = 32.0;
        program.bounds.weight = 16.0;
        let (x, labels) = rows(shape, tail);
        let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
        let (job, estimate) = fit_scales(&program, &params).unwrap();
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
        let opened = decrypt(&job, &eval, &decryptor, &weights).unwrap();
        Self {
            twin: reference(&program, &x, &labels),
            bound: job.program().bounds.weight,
            norm: LargestNorm::of(&job),
            opened: Decrypted {
                expected_error: estimate.weight_error(),
                ..opened
            },
        }
    }

    fn error(&self) -> f64 {
        let difference = &self.opened.weights - &self.twin;
        difference.iter().fold(0.0, |most, d| d.abs().max(most))
    }

    fn accepted(&self, witness: Witness<'_>) -> Result<Accepted, NotAccepted> {
        accept(self.opened.clone(), self.bound, witness)
    }
}

#[test]
fn rounding_is_never_finer_than_half_the_true_error() {
    let mut shown = 0.0f64;
    for (samples, tail) in [
        (300, 0.0),
        (300, 0.5),
        (300, 0.7),
        (300, 0.8),
        (300, 0.95),
        (200, 0.95),
        (250, 0.9),
    ] {
        let shape = Shape {
            samples,
            columns: 24,
            classes: 3,
        };
        let run = Run::of(shape, tail);
        let error = run.error();
        for witness in [Witness::Twin(run.twin.view()), Witness::Owners(run.norm)] {
            let accepted = run.accepted(witness);
            println!(
                "tail {tail} of {samples} rows: error {error:.1e}, {:.1} expected ones: bits {:?}",
                error / run.opened.expected_error,
                accepted.as_ref().map(|accepted| accepted.bits)
            );
            // A refusal shows nothing at all. Rows without tails are not refused.
            let Ok(accepted) = accepted else {
                assert!(tail > 0.0);
                continue;
            };
            let half = (-1.0 - f64::from(accepted.bits)).exp2();
            assert!(
                error <= half,
                "tail {tail} of {samples} rows: error {error:e}, half a unit {half:e}"
            );
            // What accuracy needs is left: some thousandths of the largest weight.
            let largest = run.twin.iter().fold(0.0f64, |most, w| most.max(w.abs()));
            assert!(2.0 * half <= largest / 256.0);
            shown = shown.max(error / run.opened.expected_error);
        }
    }
    // The rows are adversarial: by the formula alone, errors of more than half a unit would be shown.
    assert!(shown > 12.0, "{shown}");
}
