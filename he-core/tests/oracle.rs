//! The same inputs here and in an independent CKKS: OpenFHE, from its wheel on PyPI.
//!
//! Outside the default run, since it downloads: `cargo test -p he-core --test oracle -- --ignored`. It needs a Python that a wheel exists for; without
//! one it says so and passes. With one, whatever goes wrong is a failure.

#![expect(
    clippy::unwrap_used,
    reason = "a test: whatever goes wrong is a failure"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt, Evaluator, Level, Placement};
use he_core::key_holder::{Decryptor, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::rlwe::{Context, SecretKey};
use num_complex::Complex64;
use serde_json::{Value, json};

/// Interpreters, and the wheel that is built for each.
const WHEELS: [(&str, &str, &str); 2] = [
    ("python3.10", "3.10", "openfhe==1.5.1.0.22.4"),
    ("python3.12", "3.12", "openfhe==1.5.1.0.24.4"),
];

const LOG_N: u32 = 12;
const ROTATIONS: [i64; 3] = [1, 5, -1];

/// Error allowed to OpenFHE: at scale 2^45 its public-key encryption and one key switch give a root mean square of below 2^-30 a slot (noise::fresh_public,
/// noise::rounding); its digits are larger than ours, so 2^7 of these. A wrong slot is off by about 1.
const PEER_ERROR: f64 = 1.2e-7;

/// How many standard errors of ours are allowed: see he_core::conformance.
const OWN_SIGMAS: f64 = 16.0;

fn output(command: &mut Command, what: &str) -> Result<Output, String> {
    let out = command.output().map_err(|e| format!("{what}: {e}"))?;
    if out.status.success() {
        return Ok(out);
    }
    Err(format!("{what}: {}", String::from_utf8_lossy(&out.stderr)))
}

fn available(python: &str, version: &str) -> bool {
    let mut command = Command::new(python);
    // Version managers that put stand-ins on the path choose by this variable; nobody else reads it.
    command
        .env("PYENV_VERSION", version)
        .args(["-c", "import venv, ensurepip"]);
    command.output().is_ok_and(|out| out.status.success())
}

/// An interpreter with OpenFHE, in an environment of its own under the build directory.
fn environment(python: &str, version: &str, wheel: &str) -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-{version}"));
    let inside = directory.join("bin").join("python");
    let imports = |python: &Path| {
        output(
            Command::new(python).args(["-c", "import openfhe"]),
            "importing openfhe",
        )
        .map(|_| ())
    };
    if imports(&inside).is_err() {
        let mut venv = Command::new(python);
        output(
            venv.env("PYENV_VERSION", version)
                .args(["-m", "venv", "--clear"])
                .arg(&directory),
            "venv",
        )?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            wheel,
        ];
        output(Command::new(&inside).args(install), "pip install")?;
        imports(&inside)?;
    }
    Ok(inside)
}

fn numbers(n: usize, seed: u64) -> Vec<Complex64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    // In the square of half width 0.7, so in the unit disc.
    (0..n)
        .map(|_| 0.7 * Complex64::new(next(), next()))
        .collect()
}

fn to_json(slots: &[Complex64]) -> Value {
    slots.iter().map(|z| json!([z.re, z.im])).collect()
}

fn from_json(value: &Value) -> Vec<Complex64> {
    let number = |v: &Value| v.as_f64().unwrap();
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|z| Complex64::new(number(&z[0]), number(&z[1])))
        .collect()
}

fn peer(python: &Path, a: &[Complex64], b: &[Complex64]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/openfhe_oracle.py");
    let job = json!({"log_n": LOG_N, "a": to_json(a), "b": to_json(b), "rotations": ROTATIONS});
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(job.to_string().as_bytes())
        .unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "the oracle's script failed");
    serde_json::from_slice(&out.stdout).unwrap()
}

struct Ours {
    ev: Ckks,
    decryptor: SecretKeyDecryptor,
}

impl Ours {
    fn compare(&self, what: &str, ours: &CkksCt, theirs: &Value) {
        let (found, expected) = (self.decryptor.decrypt(ours).unwrap(), from_json(theirs));
        assert_eq!(found.len(), expected.len(), "{what}");
        let allowed = OWN_SIGMAS * self.ev.meta(ours).error() + PEER_ERROR;
        for (i, (x, y)) in found.iter().zip(&expected).enumerate() {
            assert!(
                (x - y).norm() <= allowed,
                "{what}, slot {i}: {x} here, {y} there, allowed {allowed:e}"
            );
        }
    }
}

#[test]
#[ignore = "downloads a wheel"]
fn openfhe_gets_the_same_slots() {
    let Some((python, version, wheel)) = WHEELS.into_iter().find(|w| available(w.0, w.1)) else {
        println!(
            "skipped: OpenFHE's wheels need Python 3.10 or 3.12 with venv and pip; neither was found"
        );
        return;
    };
    let python = environment(python, version, wheel).unwrap();

    let literal = ParamsLiteral {
        log_n: LOG_N,
        q_bits: vec![47, 40, 40],
        p_bits: vec![48, 48],
        dnum: 3,
    };
    let context = Context::new(Arc::new(Params::insecure_test(literal).unwrap())).unwrap();
    let slots = context.params().slots();
    let (a, b) = (numbers(slots, 1), numbers(slots, 2));
    let theirs = peer(&python, &a, &b);
    assert_eq!(theirs["ring"], 1 << LOG_N);

    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let rotations = ROTATIONS
        .iter()
        .map(|k| k.rem_euclid(slots as i64) as usize)
        .collect();
    let set = KeySet {
        relinearise: true,
        conjugate: true,
        rotations,
    };
    let ours = Ours {
        ev: Ckks::new(key.evaluation_keys(&set).unwrap()).unwrap(),
        decryptor: SecretKeyDecryptor::new(Arc::clone(&key)).unwrap(),
    };
    let encryptor = SecretKeyEncryptor::new(key).unwrap();
    let at = Placement {
        level: Level(2),
        scale: 40f64.exp2(),
    };
    let (x, y) = (
        encryptor.encrypt(&a, at, 1.0).unwrap(),
        encryptor.encrypt(&b, at, 1.0).unwrap(),
    );
    let ev = &ours.ev;
    ours.compare("encoding", &x, &theirs["encoding"]);
    ours.compare("sum", &ev.add(&x, &y).unwrap(), &theirs["sum"]);
    ours.compare("product", &ev.mul(&x, &y).unwrap(), &theirs["product"]);
    let plain = ev.plain(b.clone()).unwrap();
    ours.compare(
        "plaintext product",
        &ev.mul_plain(&x, &plain, at.scale).unwrap(),
        &theirs["plain_product"],
    );
    ours.compare(
        "conjugate",
        &ev.conjugate(&x).unwrap(),
        &theirs["conjugate"],
    );
    for (k, theirs) in ROTATIONS
        .iter()
        .zip(theirs["rotations"].as_array().unwrap())
    {
        ours.compare(
            &format!("rotation by {k}"),
            &ev.rotate(&x, *k).unwrap(),
            theirs,
        );
    }
}
