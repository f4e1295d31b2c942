//! A malicious server hands out the secret key as the "model": the attack itself, on a tiny insecure ring, against the client's `decrypt`.
//!
//! Whoever holds evaluation keys takes (0, delta) and (0, -delta X^(N/2)), which decrypt to delta s and to delta times i s in the slots, takes
//! real parts with the conjugation key and lands them at the plan's level and scale. Two classes with N/2 columns are then real and imaginary parts of all slots of the key.

use std::path::PathBuf;
use std::sync::Arc;

use he_core::ckks::encode::Encoder;
use he_core::ckks::noise;
use he_core::error::{Class, Explain};
use he_core::evaluator::{Ckks, CkksCt, Evaluator as _, Level, Meta, Placement, Simulator};
use he_core::key_holder::{SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::ring::{Ntt, Poly};
use he_core::rlwe::{Ciphertext, Context, SecretKey};
use ndarray::Array2;
use num_complex::Complex64;
use tempfile::TempDir;

use super::tests::{CLIENT, program, reference, ring, samples};
use super::{MemorySource, ShapeSource, Unobserved, train};
use crate::artifacts::private::{Models, PrivateDirectory};
use crate::artifacts::weights::{self, TrainedWith};
use crate::artifacts::{PlanFile, RunError, Silent, secret_key};
use crate::clear::paper;
use crate::client::accept::{NotAccepted, Witness, accept};
use crate::client::decrypt::{Decrypted, decrypt};
use crate::client::encrypt::Uploads;
use crate::client::norm::LargestNorm;
use crate::client::prepare::Coordinates;
use crate::data::FeatureSet;
use crate::files::{Access, NewDirectory};
use crate::model::{Model, Provenance};
use crate::packing::Shape;
use crate::plan::{Job, Plan, fit_scales};
use crate::roles::client::decrypt as role;
use crate::rounding;

const SHAPE: Shape = Shape {
    samples: 90,
    columns: 512,
    classes: 2,
};
/// What the forger multiplies the key with: weights of usual size come out.
const GAIN: f64 = 0.02;

/// A client with a run under way, and everything that its server has.
struct Scene {
    place: TempDir,
    plan: PlanFile,
    key: Arc<SecretKey>,
    eval: Ckks,
    twin: Array2<f64>,
}

impl Scene {
    fn new() -> Self {
        let program = program(SHAPE, CLIENT, 2, 512);
        let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
        let (job, _) = fit_scales(&program, &params).unwrap();
        let plan = Plan::insecure_test(job.program().clone(), params.literal().clone()).unwrap();
        let context = Context::new(Arc::clone(plan.params())).unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        let keys = key.evaluation_keys_at(plan.key_levels()).unwrap();
        let (x, labels) = samples(SHAPE);
        let scene = Self {
            place: tempfile::tempdir().unwrap(),
            twin: reference(plan.job().program(), &x, &labels),
            plan: PlanFile::new(plan),
            eval: Ckks::new(keys).unwrap(),
            key,
        };
        scene.write_client(&x, labels);
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// What `keygen` and `encrypt` leave at the client.
    fn write_client(&self, x: &Array2<f64>, labels: Vec<u32>) {
        let file = secret_key::write(&self.at("keys/secret.key"), &self.key).unwrap();
        file.name(he_core::wire::Existing::Keep).unwrap();
        let raw = x.slice(ndarray::s![.., 1..]).to_owned();
        let set = FeatureSet::new(raw, labels, None, "made up").unwrap();
        let provenance = Provenance {
            method: "whitened".to_owned(),
            encrypted: false,
            iterations: 2,
            training_rows: SHAPE.samples,
            plan_blake3: None,
            certified_bits: None,
        };
        let (weights, intercept) = paper::split_constant(&self.twin);
        let twin = Model::new(weights, intercept, None, provenance).unwrap();
        let coordinates = Coordinates::Raw { features: 511 };
        let models = Models {
            twin: twin.clone(),
            client_only: twin.clone(),
            twin_as_trained: twin,
        };
        let mut private = PrivateDirectory::new(self.plan.hash_hex(), &set, coordinates, models);
        private.set_encryption(
            secret_key::fingerprint_hex(&self.key).unwrap(),
            "00".repeat(32),
        );
        let directory = NewDirectory::begin(&self.at("private"), Access::Private, "private");
        let directory = directory.unwrap();
        private.write(&directory).unwrap();
        directory.commit().unwrap();
    }

    /// What an honest server answers.
    fn honest(&self) -> Vec<Vec<CkksCt>> {
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&self.key)).unwrap();
        let (x, labels) = samples(SHAPE);
        let job = self.plan.plan.job();
        let uploads = Uploads::new(job, x.view(), &labels).unwrap();
        let source: MemorySource<_> = uploads
            .encrypt_all::<Ckks>(&encryptor)
            .collect::<Result<_, _>>()
            .unwrap();
        train(job, &self.eval, &source, &Unobserved).unwrap_or_else(|e| panic!("{e}"))
    }

    /// What the plan says of the weights' ciphertexts.
    fn planned(&self) -> Meta {
        let simulator = Simulator::new(Arc::clone(self.plan.plan.params()));
        let job = self.plan.plan.job();
        let source = ShapeSource::new(&simulator, job);
        let weights = train(job, &simulator, &source, &Unobserved).unwrap();
        let meta = simulator.meta(&weights[0][0]);
        Meta {
            noise: self.plan.plan.estimate().weight_error() * meta.scale,
            ..meta
        }
    }

    /// The key times `gain` as a model, by evaluation keys alone.
    fn forged(&self, gain: f64) -> Vec<Vec<CkksCt>> {
        let (context, planned) = (self.key.context(), self.planned());
        let start = Placement {
            level: Level(planned.level.0 + 1),
            scale: f64::from(1 << 30) * 1024.0,
        };
        let n = context.params().n();
        let monomial = |at: usize, sign: f64| {
            let mut c = vec![0i64; n];
            c[at] = (sign * gain * start.scale) as i64;
            let basis = context.ring().basis(start.level.0);
            Poly::from_signed(context.ring(), basis, &c)
                .unwrap()
                .into_ntt()
        };
        let real = |c1| {
            let ct = secret_times(context, c1, start);
            let mut real = self
                .eval
                .add(&ct, &self.eval.conjugate(&ct).unwrap())
                .unwrap();
            self.eval.scale_value(&mut real, 0.5).unwrap();
            let placed = self
                .eval
                .mul_scalar(&real, 1.0, planned.placement())
                .unwrap();
            let data = placed.ciphertext().clone();
            vec![CkksCt::admit(context, data, planned).unwrap()]
        };
        vec![real(monomial(0, 1.0)), real(monomial(n / 2, -1.0))]
    }

    /// The client decrypts what the server sent: the released model.
    fn client(&self, answer: &[Vec<CkksCt>], open_again: bool) -> Result<Model, RunError> {
        let with = TrainedWith {
            key: secret_key::fingerprint(&self.key).unwrap(),
            datasets: [0; 32],
        };
        let file = self.at("model.enc");
        weights::write(&file, &self.plan, self.key.context(), Some(with), answer).unwrap();
        let input = role::DecryptInput {
            plan: self.at("plan.json"),
            key: self.at("keys/secret.key"),
            private: Some(self.at("private")),
            whitening: None,
            model: file,
            out: self.at("model"),
            open_again,
        };
        role::open(&input, &self.plan, &Silent)?;
        let model = Model::read(&input.out).unwrap();
        std::fs::remove_dir_all(&input.out).unwrap();
        Ok(model)
    }

    /// Names in the client's folder.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The weights before anybody judges them.
    fn opened(&self, answer: &[Vec<CkksCt>]) -> Decrypted {
        let decryptor = SecretKeyDecryptor::new(Arc::clone(&self.key)).unwrap();
        decrypt(self.plan.plan.job(), &self.eval, &decryptor, answer).unwrap()
    }

    /// How many coefficients of the key are right in what somebody makes of a model.
    fn coefficients(&self, released: &Array2<f64>, gain: f64) -> usize {
        let found = key_of(released, gain);
        let truth = coefficients_of(&self.key);
        assert_eq!(found.len(), truth.len());
        truth.iter().zip(&found).filter(|(a, b)| a == b).count()
    }
}

/// A ciphertext that nobody encrypted: (0, c1). It decrypts to c1 s.
fn secret_times(context: &Context, c1: Poly<Ntt>, at: Placement) -> CkksCt {
    let zero = Poly::zero(context.ring(), c1.basis());
    let ct = Ciphertext::from_parts(context, zero, c1).unwrap();
    let meta = Meta {
        level: at.level,
        scale: at.scale,
        bound: 4.0,
        rms: 4.0,
        noise: noise::fresh_public(context.params()),
    };
    CkksCt::admit(context, ct, meta).unwrap()
}

/// The attacker's last step: slots from the two classes, coefficients from the slots.
fn key_of(released: &Array2<f64>, gain: f64) -> Vec<i64> {
    let slot = |j: usize| Complex64::new(released[[0, j]], released[[1, j]]) / gain;
    let slots: Vec<Complex64> = (0..512).map(slot).collect();
    let coefficients = Encoder::new(10).unwrap().encode(&slots, 1.0).unwrap();
    coefficients.iter().map(|x| *x as i64).collect()
}

/// The true coefficients: what the key holder finds in (0, 1).
fn coefficients_of(key: &SecretKey) -> Vec<i64> {
    let context = key.context();
    let mut one = vec![0i64; context.params().n()];
    one[0] = 1;
    let basis = context.ring().basis(0);
    let c1 = Poly::from_signed(context.ring(), basis, &one)
        .unwrap()
        .into_ntt();
    let zero = Poly::zero(context.ring(), c1.basis());
    let ct = Ciphertext::from_parts(context, zero, c1).unwrap();
    let s = key.decrypt(&ct).unwrap();
    let p = s.modulus(0).value() as i64;
    let signed = |r: u64| {
        if r as i64 > p / 2 {
            r as i64 - p
        } else {
            r as i64
        }
    };
    s.limb_canonical(0).map(signed).collect()
}

#[test]
fn a_key_forged_as_the_model_is_not_released_where_there_is_a_twin() {
    let scene = Scene::new();
    let forged = scene.forged(GAIN);
    // The attack is one: whoever saw the rounded weights would have all of the key. Replicas agree, weights are of usual size.
    let opened = scene.opened(&forged);
    let bits = rounding::bits(
        opened.expected_error,
        opened.replica_spread,
        rounding::Sizes::Checked,
    );
    let shown = rounding::rounded(opened.weights.view(), bits);
    assert_eq!(scene.coefficients(&shown, GAIN), 1024);
    // The client does not let it happen, tells no number and leaves nothing.
    let refused = scene.client(&forged, false).unwrap_err();
    assert_eq!(refused.class(), Class::Verification, "{refused}");
    assert!(refused.to_string().contains("clear twin"), "{refused}");
    assert_eq!(scene.names(), ["keys", "model.enc", "private"]);
    // That was the key's one model: the honest one comes too late, unless somebody insists.
    let honest = scene.honest();
    let spent = scene.client(&honest, false).unwrap_err();
    assert_eq!(spent.class(), Class::Input);
    let hint = Explain::hint(&spent).unwrap();
    assert!(hint.contains("--open-again"), "{hint}");
    let model = scene.client(&honest, true).unwrap();
    let (twin, _) = paper::split_constant(&scene.twin);
    let distance = model.weights() - &twin;
    assert!(distance.iter().all(|d| d.abs() < 1e-2));
    assert!(scene.coefficients(&scene.twin, GAIN) < 512);
}

#[test]
fn a_key_opens_its_model_again_and_no_other() {
    let scene = Scene::new();
    let honest = scene.honest();
    let first = scene.client(&honest, false).unwrap();
    let again = scene.client(&honest, false).unwrap();
    assert_eq!(first, again);
    let record = std::fs::read(scene.at("model.record.json")).unwrap();
    // Not even a better one: a second encryption trained honestly.
    let second = scene.honest();
    for other in [scene.forged(GAIN), second] {
        let refused = scene.client(&other, false).unwrap_err();
        assert_eq!(refused.class(), Class::Input, "{refused}");
    }
    let names = ["keys", "model.enc", "model.record.json", "private"];
    assert_eq!(scene.names(), names);
    // The record is that of the honest model: a refused one adds nothing to it.
    let after = std::fs::read(scene.at("model.record.json")).unwrap();
    assert_eq!(record, after);
    let keys = std::fs::read_dir(scene.at("keys")).unwrap().count();
    assert_eq!(keys, 2, "the key and what it has opened");
    assert!(scene.at("keys/secret.key.opened").is_dir());
}

#[test]
fn without_a_twin_the_norm_excludes_large_forgeries_and_not_small_ones() {
    let scene = Scene::new();
    let job = scene.plan.plan.job();
    let norm = LargestNorm::of(job).unwrap();
    let bound = job.program().bounds.weight;
    let witness = Witness::Owners(Some(norm));
    let opened = scene.opened(&scene.forged(GAIN));
    let weights = opened.weights.row(0);
    // 512 real parts of slots of a ternary key: each of mean square N/3.
    let size = GAIN * (512.0f64 * 1024.0 / 3.0).sqrt();
    assert!((weights.dot(&weights).sqrt() / size - 1.0).abs() < 0.2);
    let refused = accept(opened, bound, witness).unwrap_err();
    assert!(matches!(refused, NotAccepted::Norm { allowed } if allowed < size));
    assert_eq!(refused.class(), Class::Verification);
    // What SECURITY.md says of several owners: with small weights the key gets through, ten bits of each are enough.
    let small = GAIN * 0.25 * norm.get() / size;
    let opened = scene.opened(&scene.forged(small));
    let accepted = accept(opened, bound, witness).unwrap();
    assert_eq!(scene.coefficients(&accepted.weights, small), 1024);
}
