//! A whole session: keys, uploads, a training with one refresh, and the shares of its opening.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Mutex;

use he_core::evaluator::{Ckks, CkksCt};
use he_core::multiparty::PartySecret;
use mlr_train::artifacts::dataset::Shards;
use mlr_train::artifacts::manifest::Manifest;
use mlr_train::artifacts::refresh::{self as exchange, Answered};
use mlr_train::artifacts::weights::TrainedWith;
use mlr_train::artifacts::{PlanFile, Silent, evaluation_keys, weights};
use mlr_train::client::{PrivateFile, Statistics};
use mlr_train::data::FeatureSet;
use mlr_train::job::Job;
use mlr_train::joint::keys::{self, KeysInput};
use mlr_train::joint::party::opening::{self, AnswerInput};
use mlr_train::joint::party::refresh::{self as answers, RefreshAnswerInput};
use mlr_train::joint::party::upload::{self, UploadInput};
use mlr_train::joint::party::{secret, shares};
use mlr_train::joint::question::{self, Asked, QuestionFiles};
use mlr_train::joint::refresh::{self, AskedRefresh, RefreshFiles};
use mlr_train::joint::verify::{self, VerifyInput};
use mlr_train::joint::{CheckedShares, Setting};
use mlr_train::packing::{Arrangement, Shape};
use mlr_train::plan::{
    Bounds, FirstGradient, Hiding, Joint, MASK_BITS, Method, Owners, Plan, Polynomial, Program,
    Refreshes, Scales, Way,
};
use mlr_train::server::{Observer, SourceError, State, TrainError, resume, train};
use mlr_train::sigmoid::{Degree, OddPolynomial};
use ndarray::Array2;

const OWNERS: u32 = 3;
const CLASSES: usize = 2;
const FEATURES: usize = 4;
const ROWS: [usize; 3] = [24, 20, 22];
/// Who answers.
pub(super) const ACTIVE: [u32; 2] = [0, 2];

fn program(map: &PrivateFile) -> Program {
    Program {
        shape: Shape {
            samples: ROWS.iter().sum(),
            columns: FEATURES + 1,
            classes: CLASSES,
        },
        method: Method::Whitened {
            first_gradient: FirstGradient::Client,
        },
        schedule: vec![4.0; 3],
        polynomial: Polynomial::new(&OddPolynomial::fit(Degree::Three, 6.0).unwrap()),
        bounds: Bounds {
            data: 8.0,
            column_rms: 1.0,
            data_rms: 1.0,
            score: 12.0,
            weight: 16.0,
            curvature: 1.0,
        },
        arrangement: Arrangement::RowMajor,
        row_length: 8,
        classes_per_pass: CLASSES,
        radix: 4,
        scales: Scales {
            data: 36,
            first: 34,
            error: 34,
            curvature: 30,
        },
        owners: Owners {
            rows: ROWS.to_vec(),
            whitening: Some(map.whitening_hash().to_hex().to_string()),
            public_key: true,
            joint: Some(Joint {
                parties: OWNERS,
                threshold: 2,
                opening: Hiding::KeyRecovery,
            }),
        },
        refresh: Some(Refreshes {
            way: Way::Owners,
            every: 1,
            bits: MASK_BITS,
            level: 2,
        }),
    }
}

fn sets() -> Vec<FeatureSet> {
    let of = |(owner, rows): (usize, &usize)| {
        let labels: Vec<u32> = (0..*rows).map(|i| (i % CLASSES) as u32).collect();
        let features = Array2::from_shape_fn((*rows, FEATURES), |(i, j)| {
            let own = if j % CLASSES == i % CLASSES { 0.8 } else { 0.0 };
            own + 0.5 * (1.7 * ((i + 30 * owner) * (j + 3)) as f64).sin()
        });
        FeatureSet::new(features, labels, None, format!("owner {owner}")).unwrap()
    };
    ROWS.iter().enumerate().map(of).collect()
}

/// A session, the files of its parties and of the server.
pub(super) struct Session {
    place: tempfile::TempDir,
    pub(super) setting: Setting,
    pub(super) map: PrivateFile,
    pub(super) secrets: Vec<PartySecret>,
    asked: OnceCell<Asked>,
    refreshing: OnceCell<AskedRefresh>,
}

/// Keeps the state before a refresh.
#[derive(Default)]
pub(crate) struct Keep(Mutex<Option<State<CkksCt>>>);

impl Keep {
    /// The last whole state.
    pub(crate) fn into_state(self) -> State<CkksCt> {
        self.0.into_inner().unwrap().unwrap()
    }
}

impl Observer<Ckks> for Keep {
    fn iteration_done(&self, state: &State<CkksCt>) -> Result<(), SourceError> {
        *self.0.lock().unwrap() = Some(state.clone());
        Ok(())
    }
}

impl Session {
    /// All of it, to the shares of the opening.
    pub(super) fn whole() -> Self {
        let session = Self::begin();
        session.keys();
        session.uploads();
        session.train();
        session.open();
        session
    }

    fn begin() -> Self {
        let mut pooled = Statistics::of(&sets()[0]);
        for set in &sets()[1..] {
            pooled.merge(&Statistics::of(set)).unwrap();
        }
        let map = PrivateFile {
            whitening: pooled.whitening(FEATURES, 0.01).unwrap(),
            class_names: None,
            description: pooled.description().clone(),
            features_hash: pooled.hash(),
            source: "pooled".into(),
        };
        let program = program(&map);
        let levels = Job::new(program.clone(), 512).unwrap().levels().top();
        let plan =
            PlanFile::new(Plan::insecure_test(program, crate::run::literal(levels)).unwrap());
        let setting = Setting::new(plan, [7; 32]).unwrap();
        let mut session = Self {
            place: tempfile::tempdir().unwrap(),
            setting,
            map,
            secrets: vec![],
            asked: OnceCell::new(),
            refreshing: OnceCell::new(),
        };
        for party in 0..OWNERS {
            let made = secret::create(&session.setting, party, &session.own(party, "secret"));
            session.secrets.push(made.unwrap());
        }
        session
    }

    pub(super) fn own(&self, party: u32, name: &str) -> PathBuf {
        let own = self.place.path().join(format!("party-{party}"));
        std::fs::create_dir_all(&own).unwrap();
        own.join(name)
    }

    pub(super) fn all(&self, name: &str) -> Vec<PathBuf> {
        (0..OWNERS).map(|party| self.own(party, name)).collect()
    }

    pub(super) fn server(&self, name: &str) -> PathBuf {
        let own = self.place.path().join("server");
        std::fs::create_dir_all(&own).unwrap();
        own.join(name)
    }

    fn keys(&self) {
        for (party, secret) in (0..).zip(&self.secrets) {
            let out = (self.own(party, "first"), self.own(party, "commitment"));
            shares::first(&self.setting, secret, &out.0, &out.1, &Silent).unwrap();
        }
        let (first, commitments) = (self.all("first"), self.all("commitment"));
        let checked = CheckedShares::read(&self.setting, &first, &commitments, &Silent).unwrap();
        for (party, secret) in (0..).zip(&self.secrets) {
            let out = (self.own(party, "second"), self.own(party, "joint.key"));
            shares::second(&self.setting, secret, &checked, &out.0, &out.1).unwrap();
            let dealt = opening::deal(&self.setting, secret).unwrap();
            for (to, bytes) in (0..).zip(dealt) {
                std::fs::write(self.own(to, &format!("dealt-{party}")), &bytes[..]).unwrap();
            }
        }
        keys::write(&self.setting, &self.keys_input(), &Silent).unwrap();
    }

    fn keys_input(&self) -> KeysInput {
        KeysInput {
            first: self.all("first"),
            commitments: self.all("commitment"),
            second: self.all("second"),
            out: self.server("eval-keys"),
            joint_key: self.server("joint.key"),
        }
    }

    fn uploads(&self) {
        for (party, set) in (0..).zip(sets()) {
            let input = UploadInput {
                party,
                joint_key: self.own(party, "joint.key"),
                map: &self.map,
                out: self.own(party, "upload"),
            };
            upload::write(&self.setting, &input, set, &Silent).unwrap();
            let input = VerifyInput {
                party,
                joint_key: self.server("joint.key"),
                uploads: self.own(party, "upload"),
                out: self.server(&format!("verified-{party}")),
            };
            verify::write(&self.setting, &input, &Silent).unwrap();
        }
    }

    /// Trains, with the owners' refresh on the way.
    fn train(&self) {
        let (plan, context) = (self.setting.plan(), self.setting.context());
        let verified: Vec<PathBuf> = (0..OWNERS)
            .map(|party| self.server(&format!("verified-{party}")))
            .collect();
        let shards = Shards::open(&verified, plan, context).unwrap();
        let keys = self.server("eval-keys");
        let (read, _) = evaluation_keys::read(&keys, plan, context).unwrap();
        let eval = Ckks::new(read).unwrap();
        let manifest = Manifest::read(&keys).unwrap();
        let with = TrainedWith {
            key: *blake3::Hash::from_hex(manifest.key().unwrap())
                .unwrap()
                .as_bytes(),
            datasets: *shards.hash().as_bytes(),
        };
        let (job, keep) = (plan.plan.job(), Keep::default());
        let waits = train(job, &eval, &shards, &keep);
        assert!(
            matches!(waits, Err(TrainError::Refresh { .. })),
            "{waits:?}"
        );
        let state = keep.into_state();
        let lowered = mlr_train::server::refresh::asked(job, &eval, state.clone()).unwrap();
        let (request, bytes) = exchange::request(plan, context, with, &lowered).unwrap();
        exchange::write(&self.server("request"), &bytes).unwrap();
        self.refresh();
        let expected = Answered {
            before: state.done + 1,
            request,
            key: with.key,
        };
        let answer = self.server("refreshed");
        let anew = exchange::read_answer(&answer, plan, &eval, &expected).unwrap();
        let state = mlr_train::server::refresh::refreshed(job, &eval, state, anew).unwrap();
        let trained = resume(job, &eval, &shards, &Keep::default(), state).unwrap();
        let model = self.server("model.enc");
        weights::write(&model, plan, context, Some(with), &trained).unwrap();
    }

    pub(super) fn refresh_files(&self, party: Option<u32>) -> RefreshFiles {
        RefreshFiles {
            joint_key: party.map_or(self.server("joint.key"), |one| self.own(one, "joint.key")),
            request: self.server("request"),
            question: self.server("refresh-question"),
        }
    }

    pub(super) fn dealt(&self, party: u32) -> Vec<PathBuf> {
        let from = (0..OWNERS).map(|from| self.own(party, &format!("dealt-{from}")));
        from.collect()
    }

    pub(super) fn refresh_input(&self, party: u32) -> RefreshAnswerInput {
        RefreshAnswerInput {
            dealt: self.dealt(party),
            opened: self.own(party, "answered"),
            kept: self.own(party, ""),
            out: self.own(party, "refresh-share"),
        }
    }

    fn refresh(&self) {
        let asked = refresh::write(&self.setting, &self.refresh_files(None), &ACTIVE).unwrap();
        for party in ACTIVE {
            let (secret, input) = (&self.secrets[party as usize], self.refresh_input(party));
            answers::answer(&self.setting, secret, &asked, &input).unwrap();
        }
        let shares = ACTIVE.map(|party| self.own(party, "refresh-share"));
        refresh::answer(&self.setting, &asked, &shares, &self.server("refreshed")).unwrap();
    }

    pub(super) fn question_files(&self, party: Option<u32>) -> QuestionFiles {
        QuestionFiles {
            joint_key: party.map_or(self.server("joint.key"), |one| self.own(one, "joint.key")),
            model: self.server("model.enc"),
            question: self.server("question"),
        }
    }

    pub(super) fn answer_input(&self, party: u32) -> AnswerInput {
        AnswerInput {
            dealt: self.dealt(party),
            answered: self.own(party, "answered"),
            out: self.own(party, "opening"),
        }
    }

    fn open(&self) {
        let asked = question::write(&self.setting, &self.question_files(None), &ACTIVE).unwrap();
        for party in ACTIVE {
            let (secret, input) = (&self.secrets[party as usize], self.answer_input(party));
            opening::answer(&self.setting, secret, &asked, &input).unwrap();
        }
    }

    /// The opening that was asked for.
    pub(super) fn asked(&self) -> &Asked {
        let read = || question::read(&self.setting, &self.question_files(Some(0))).unwrap();
        self.asked.get_or_init(read)
    }

    /// The refresh that was asked for.
    pub(super) fn refreshing(&self) -> &AskedRefresh {
        let read = || refresh::read(&self.setting, &self.refresh_files(Some(0))).unwrap();
        self.refreshing.get_or_init(read)
    }
}
