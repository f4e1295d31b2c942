use std::sync::Arc;

use super::*;
use crate::evaluator::ClearCt;
use crate::evaluator::{Clear, Simulator};
use crate::key_holder::{ClearHolder, SimulatorEncryptor};
use num_complex::Complex64;

fn clear() -> Transcript {
    let clear = Clear::new(Arc::new(insecure_test_params().unwrap()));
    let holder = ClearHolder(&clear);
    run(&clear, &holder, &holder, Fidelity::Exact).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_clear_twin_conforms() {
    let transcript = clear();
    assert!(transcript.steps.len() > 90, "{}", transcript.steps.len());
}

#[test]
fn the_simulator_conforms_and_agrees_with_the_clear_twin() {
    let params = Arc::new(insecure_test_params().unwrap());
    let simulator = Simulator::new(Arc::clone(&params));
    let transcript =
        run_meta(&simulator, &SimulatorEncryptor(&simulator)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(transcript.difference(&clear()), None);
    assert_eq!(simulator.key_set(), key_set(&params));
}

/// Opens with an error of its own.
struct Wrong<'a>(ClearHolder<'a>, fn(&mut Vec<Complex64>));

impl Decryptor<Clear> for Wrong<'_> {
    fn decrypt(&self, ct: &ClearCt) -> Result<Vec<Complex64>, EvalError> {
        let mut slots = self.0.decrypt(ct)?;
        self.1(&mut slots);
        Ok(slots)
    }
}

#[test]
fn the_suite_can_fail() {
    let faults: [fn(&mut Vec<Complex64>); 4] = [
        |slots| slots[17].im += 1e-8,
        |slots| slots[0] = Complex64::new(f64::NAN, 0.0),
        |slots| slots.rotate_left(1),
        |slots| slots.truncate(511),
    ];
    for fault in faults {
        let clear = Clear::new(Arc::new(insecure_test_params().unwrap()));
        let holder = ClearHolder(&clear);
        let error = run(&clear, &holder, &Wrong(holder, fault), Fidelity::Exact).unwrap_err();
        assert!(
            matches!(
                error,
                ConformanceError::Value { .. } | ConformanceError::Meta { .. }
            ),
            "{error}"
        );
    }
    // Slots in clear have no noise, and an evaluator without keys that needs none is no encrypted one.
    let clear = Clear::new(Arc::new(insecure_test_params().unwrap()));
    let holder = ClearHolder(&clear);
    let error = run(&clear, &holder, &holder, Fidelity::Noisy).unwrap_err();
    assert!(
        matches!(error, ConformanceError::TooQuiet { .. }),
        "{error}"
    );
    let error = run_without_keys(&clear, &holder).unwrap_err();
    assert!(
        matches!(error, ConformanceError::NotRefused { .. }),
        "{error}"
    );
}
