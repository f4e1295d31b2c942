//! What a run keeps in files. Plans, manifests and what is private begin from the files of a small run in `corpus/`; ciphertexts are made here, under
//! tiny parameters.

use std::path::Path;
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt};
use he_core::key_holder::SecretKeyEncryptor;
use he_core::params::ParamsLiteral;
use he_core::rlwe::{Context, EvaluationKeys, SecretKey};
use mlr_train::artifacts::checkpoint::{self, Checkpoint};
use mlr_train::artifacts::dataset::{self, NewDataset, Shards};
use mlr_train::artifacts::manifest::Manifest;
use mlr_train::artifacts::private::PrivateDirectory;
use mlr_train::artifacts::recipe::RecipeFile;
use mlr_train::artifacts::{PlanFile, Silent, verify, weights};
use mlr_train::client::encrypt::Uploads;
use mlr_train::client::{PrivateFile, Statistics};
use mlr_train::files::{Access, NewDirectory};
use mlr_train::model::Model;
use mlr_train::packing::{Arrangement, Shape};
use mlr_train::plan::{Bounds, FirstGradient, Method, Owners, Plan, Polynomial, Program, Scales};
use mlr_train::predict::ScorePlan;
use mlr_train::server::{BlockSource, MemorySource, Observer, SourceError, State, train};
use mlr_train::sigmoid::OddPolynomial;
use ndarray::Array2;

use crate::engine::{Target, as_it_is, rehash};

/// Text becomes numbers, strings and lists of them.
pub(crate) fn text_memory(length: usize) -> usize {
    64 * length + (2 << 20)
}

/// Tracing a plan of a few kilobytes: what is known of every ciphertext of an iteration, of which there are 2^17 at most.
pub(crate) fn plan_memory(length: usize) -> usize {
    text_memory(length) + (256 << 20)
}

/// Residues of 36 to 48 bits become 64, and there are the plan's trace and a row of work space.
pub(crate) fn ciphertext_memory(length: usize) -> usize {
    4 * length + (8 << 20)
}

pub(crate) fn targets() -> Vec<Target> {
    let mut all = vec![
        Target {
            name: "plan",
            seeds: vec![include_bytes!("corpus/plan.json").to_vec()],
            repair: as_it_is(),
            read: Box::new(|bytes| Plan::parse(bytes).is_ok()),
            memory: plan_memory,
        },
        Target {
            name: "score-plan",
            seeds: vec![include_bytes!("corpus/predict.json").to_vec()],
            repair: as_it_is(),
            read: Box::new(|bytes| ScorePlan::parse(bytes).is_ok()),
            memory: plan_memory,
        },
        text(
            "manifest",
            "manifest.json",
            include_bytes!("corpus/manifest.json"),
            |path| {
                Manifest::read(path.parent().unwrap()).is_ok_and(|manifest| manifest.bytes() > 0)
            },
        ),
        text(
            "transfer",
            "manifest.json",
            include_bytes!("corpus/manifest.json"),
            |path| {
                // None of the files is there: what counts is that the check of them ends.
                verify::whole(path.parent().unwrap()).is_err()
            },
        ),
        text(
            "private",
            "private.json",
            include_bytes!("corpus/private.json"),
            |path| PrivateDirectory::read_head(path.parent().unwrap()).is_ok(),
        ),
        text(
            "recipe",
            "x.recipe.json",
            include_bytes!("corpus/plan.recipe.json"),
            |path| RecipeFile::parse(path).is_ok(),
        ),
        text(
            "statistics",
            "rows.stats",
            include_bytes!("corpus/rows.stats"),
            |path| Statistics::read(path).is_ok(),
        ),
        text(
            "whitening",
            "x.safetensors",
            include_bytes!("corpus/whitening.safetensors"),
            |path| PrivateFile::read(path).is_ok(),
        ),
        model("model", "config.json"),
        model("model-tensors", "model.safetensors"),
    ];
    all.extend(Small::new().targets());
    all
}

/// A reader of a file of this name.
pub(crate) fn of_path(
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    as_file: &'static str,
    read: fn(&Path) -> bool,
) -> Target {
    let place = tempfile::tempdir().unwrap();
    Target {
        name,
        seeds,
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let path = place.path().join(as_file);
            std::fs::write(&path, bytes).unwrap();
            read(&path)
        }),
        memory: text_memory,
    }
}

fn text(name: &'static str, as_file: &'static str, seed: &[u8], read: fn(&Path) -> bool) -> Target {
    of_path(name, vec![seed.to_vec()], as_file, read)
}

/// One of a model's two files; the other is good. Changed tensors get their hash into the configuration.
fn model(name: &'static str, changed: &'static str) -> Target {
    let place = tempfile::tempdir().unwrap();
    let config = include_str!("corpus/config.json");
    let tensors = include_bytes!("corpus/model.safetensors");
    let hash = blake3::hash(tensors).to_hex();
    let seed = if changed == "config.json" {
        config.as_bytes()
    } else {
        &tensors[..]
    };
    Target {
        name,
        seeds: vec![seed.to_vec()],
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let at = |name: &str| place.path().join(name);
            let config = config.replace(hash.as_str(), &blake3::hash(bytes).to_hex());
            std::fs::write(at("config.json"), config).unwrap();
            std::fs::write(at("model.safetensors"), tensors).unwrap();
            std::fs::write(at(changed), bytes).unwrap();
            Model::read(place.path()).is_ok()
        }),
        memory: text_memory,
    }
}

/// A training of three classes with tiny insecure parameters, and its files.
struct Small {
    plan: Arc<PlanFile>,
    context: Arc<Context>,
    key: Arc<SecretKey>,
}

pub(crate) const SHAPE: Shape = Shape {
    samples: 70,
    columns: 11,
    classes: 3,
};

pub(crate) fn program() -> Program {
    let cubic = OddPolynomial::from_coefficients(vec![0.1875, -0.0025], 6.0);
    Program {
        shape: SHAPE,
        method: Method::Whitened {
            first_gradient: FirstGradient::Client,
        },
        schedule: vec![4.0; 3],
        polynomial: Polynomial::new(&cubic.unwrap()),
        bounds: Bounds {
            data: 1.0,
            column_rms: 1.0,
            data_rms: 1.0,
            score: 12.0,
            weight: 4.0,
            curvature: 1.0,
        },
        arrangement: Arrangement::RowMajor,
        row_length: 16,
        classes_per_pass: 3,
        radix: 4,
        scales: Scales {
            data: 36,
            first: 34,
            error: 34,
            curvature: 30,
        },
        owners: Owners {
            rows: Vec::new(),
            whitening: None,
            public_key: false,
            joint: None,
        },
        refresh: None,
    }
}

/// Insecure parameters of so many levels.
pub(crate) fn literal(levels: usize) -> ParamsLiteral {
    ParamsLiteral {
        log_n: 10,
        q_bits: [vec![47], vec![40; levels]].concat(),
        p_bits: vec![48, 48],
        dnum: levels as u32 + 1,
    }
}

pub(crate) fn rows() -> (Array2<f64>, Vec<u32>) {
    let x = Array2::from_shape_fn((SHAPE.samples, SHAPE.columns), |(i, j)| match j {
        0 => 1.0,
        _ => 0.5 * (0.37 * (i * (j + 3)) as f64).sin(),
    });
    (x, (0..70).map(|i| i % 3).collect())
}

/// Keeps the checkpoint of the state after two iterations.
struct Keep<'a>(Checkpoint<'a>);

impl Observer<Ckks> for Keep<'_> {
    fn iteration_done(&self, state: &State<CkksCt>) -> Result<(), SourceError> {
        if state.done == 2 {
            self.0.write(state).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

impl Small {
    fn new() -> Self {
        let plan = PlanFile::new(Plan::insecure_test(program(), literal(10)).unwrap());
        let context = plan.context().unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        Self {
            plan: Arc::new(plan),
            context,
            key,
        }
    }

    fn targets(&self) -> Vec<Target> {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("model.enc");
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&self.key)).unwrap();
        let (x, labels) = rows();
        let job = self.plan.plan.job();
        let uploads = Uploads::new(job, x.view(), &labels).unwrap();
        let source: MemorySource<CkksCt> = uploads
            .encrypt_all::<Ckks>(&encryptor)
            .map(Result::unwrap)
            .collect();
        let eval = Ckks::new(self.key.evaluation_keys_at(self.plan.keys()).unwrap()).unwrap();
        let keep = Keep(self.checkpoint(&self.plan, &out));
        let trained = train(job, &eval, &source, &keep).unwrap();
        weights::write(&out, &self.plan, &self.context, None, &trained).unwrap();
        let directory =
            NewDirectory::begin(&place.path().join("dataset"), Access::Shared, "x").unwrap();
        let new = NewDataset {
            plan: &self.plan,
            context: &self.context,
            uploads: &uploads,
            encryptor: &encryptor,
            key: "00",
        };
        dataset::write(&directory, &new, &Silent).unwrap();
        directory.commit().unwrap();
        let read = |path: &Path| std::fs::read(path).unwrap();
        vec![
            self.of_checkpoint(read(&checkpoint::beside(&out))),
            self.of_model(read(&out)),
            self.of_shard(&place.path().join("dataset")),
        ]
    }

    fn checkpoint<'a>(&self, plan: &'a PlanFile, out: &Path) -> Checkpoint<'a> {
        Checkpoint::beside(out, plan, &self.context, blake3::hash(b"inputs"))
    }

    fn of_checkpoint(&self, seed: Vec<u8>) -> Target {
        let place = tempfile::tempdir().unwrap();
        let (plan, context) = (Arc::clone(&self.plan), Arc::clone(&self.context));
        Target {
            name: "checkpoint",
            seeds: vec![seed],
            repair: rehash(),
            read: Box::new(move |bytes| {
                let out = place.path().join("model.enc");
                std::fs::write(checkpoint::beside(&out), bytes).unwrap();
                Checkpoint::beside(&out, &plan, &context, blake3::hash(b"inputs"))
                    .read()
                    .is_ok()
            }),
            memory: ciphertext_memory,
        }
    }

    fn of_model(&self, seed: Vec<u8>) -> Target {
        let place = tempfile::tempdir().unwrap();
        let plan = Arc::clone(&self.plan);
        let eval = Ckks::new(EvaluationKeys::new(&self.context)).unwrap();
        Target {
            name: "encrypted-model",
            seeds: vec![seed],
            repair: rehash(),
            read: Box::new(move |bytes| {
                let path = place.path().join("model.enc");
                std::fs::write(&path, bytes).unwrap();
                weights::read(&path, &plan, &eval, |_| Ok(())).is_ok()
            }),
            memory: ciphertext_memory,
        }
    }

    /// A changed shard, whose length and hash the manifest has.
    fn of_shard(&self, dataset: &Path) -> Target {
        let place = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(dataset).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
        }
        let (plan, context) = (Arc::clone(&self.plan), Arc::clone(&self.context));
        let upload = plan.plan.job().uploads().next().unwrap();
        let shard = place.path().join(format!("{upload}.ct"));
        let seed = std::fs::read(&shard).unwrap();
        Target {
            name: "shard",
            seeds: vec![seed],
            repair: rehash(),
            read: Box::new(move |bytes| {
                std::fs::write(&shard, bytes).unwrap();
                let path = place.path().join("manifest.json");
                let mut manifest: serde_json::Value =
                    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let entry = &mut manifest["files"][0];
                entry["bytes"] = bytes.len().into();
                entry["blake3"] = blake3::hash(bytes).to_hex().as_str().into();
                std::fs::write(path, manifest.to_string()).unwrap();
                let shards = Shards::open(&[place.path().to_owned()], &plan, &context);
                shards.is_ok_and(|shards| shards.load(upload).is_ok())
            }),
            memory: ciphertext_memory,
        }
    }
}
