//! A whole session over files: three owners, two of whom open, ten classes, several column groups and blocks; and messages that no honest party sends.

mod attacks;
mod levels;
mod refreshes;
mod whole;

use std::fs;
use std::path::PathBuf;

use he_core::multiparty::PartySecret;
use ndarray::Array2;
use tempfile::TempDir;

use super::server::TrainInput;
use super::small_plans::{CLASSES, FEATURES, map_of, small_plan};
use crate::artifacts::{PlanFile, RunError, Silent};
use crate::client::{PrivateFile, Statistics};
use crate::data::FeatureSet;
use crate::job::{Hiding, Joint};
use crate::joint::keys::{self, KeysInput};
use crate::joint::opened::OpenedInput;
use crate::joint::party::opening::{AnswerInput, answer, deal, require_dealt};
use crate::joint::party::upload::{self, UploadInput, Uploaded};
use crate::joint::party::{secret, shares};
use crate::joint::question::{self, Asked, QuestionFiles};
use crate::joint::verify::{self, Verified, VerifyInput};
use crate::joint::{CheckedShares, Setting};
use crate::packing::Arrangement;

const ROWS: [usize; 3] = [150, 131, 125];
const JOINT: Joint = Joint {
    parties: 3,
    threshold: 2,
    opening: Hiding::KeyRecovery,
};

/// Rows of ten classes that overlap, by a generator with a fixed seed.
fn sets() -> Vec<FeatureSet> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let mut all = Vec::new();
    for (owner, rows) in ROWS.into_iter().enumerate() {
        let labels: Vec<u32> = (0..rows).map(|i| (i % CLASSES) as u32).collect();
        let features = Array2::from_shape_fn((rows, FEATURES), |(i, j)| {
            let own = j % CLASSES == labels[i] as usize;
            next() + if own { 0.8 } else { 0.0 }
        });
        let source = format!("owner {owner}");
        all.push(FeatureSet::new(features, labels, None, source).unwrap());
    }
    all
}

fn pooled(sets: &[FeatureSet]) -> Statistics {
    let mut pooled = Statistics::of(&sets[0]);
    for set in &sets[1..] {
        pooled.merge(&Statistics::of(set)).unwrap();
    }
    pooled
}

/// All parties of a session and a server, each with files of its own in one place.
struct Group {
    place: TempDir,
    setting: Setting,
    map: PrivateFile,
    sets: Vec<FeatureSet>,
    secrets: Vec<PartySecret>,
}

impl Group {
    /// A session whose name is `name` everywhere.
    fn begin(name: u8) -> Self {
        Self::begin_as(name, Arrangement::RowMajor)
    }

    /// The same with data in this arrangement.
    fn begin_as(name: u8, arrangement: Arrangement) -> Self {
        Self::begin_with(name, |map| small_plan(&ROWS, map, JOINT, arrangement))
    }

    /// The same with this plan for the map.
    fn begin_with(name: u8, plan: impl FnOnce(&PrivateFile) -> PlanFile) -> Self {
        let sets = sets();
        let map = map_of(&pooled(&sets));
        let plan = plan(&map);
        let setting = Setting::new(plan, [name; 32]).unwrap();
        let place = tempfile::tempdir().unwrap();
        let mut group = Self {
            place,
            setting,
            map,
            sets,
            secrets: vec![],
        };
        for party in 0..3 {
            let path = group.path(party, "party.secret");
            let made = secret::create(&group.setting, party, &path).unwrap();
            // A second secret in one session is refused; the file gives the same one back.
            assert!(secret::create(&group.setting, party, &path).is_err());
            let again = secret::read(&group.setting, party, &path).unwrap();
            assert_eq!(again.expose_seed(), made.expose_seed());
            assert!(secret::read(&group.setting, (party + 1) % 3, &path).is_err());
            group.secrets.push(again);
        }
        group
    }

    fn path(&self, party: u32, name: &str) -> PathBuf {
        let own = self.place.path().join(format!("party-{party}"));
        fs::create_dir_all(&own).unwrap();
        own.join(name)
    }

    fn all(&self, name: &str) -> Vec<PathBuf> {
        (0..3).map(|party| self.path(party, name)).collect()
    }

    fn server(&self, name: &str) -> PathBuf {
        let own = self.place.path().join("server");
        fs::create_dir_all(&own).unwrap();
        own.join(name)
    }

    /// First shares and commitments.
    fn first(&self) {
        for (party, secret) in (0..).zip(&self.secrets) {
            let out = (self.path(party, "first"), self.path(party, "commitment"));
            shares::first(&self.setting, secret, &out.0, &out.1, &Silent).unwrap();
        }
    }

    fn checked(&self) -> Result<CheckedShares, RunError> {
        let (first, commitments) = (self.all("first"), self.all("commitment"));
        CheckedShares::read(&self.setting, &first, &commitments, &Silent)
    }

    /// The second round, and the server's keys.
    fn keys(&self) -> Result<(), RunError> {
        let checked = self.checked()?;
        for (party, secret) in (0..).zip(&self.secrets) {
            let out = (self.path(party, "second"), self.path(party, "joint.key"));
            shares::second(&self.setting, secret, &checked, &out.0, &out.1)?;
        }
        self.evaluation_keys()
    }

    fn evaluation_keys(&self) -> Result<(), RunError> {
        let input = KeysInput {
            first: self.all("first"),
            commitments: self.all("commitment"),
            second: self.all("second"),
            out: self.server("eval-keys"),
            joint_key: self.server("joint.key"),
        };
        keys::write(&self.setting, &input, &Silent)
    }

    /// Everybody's shares of its secret, as the receivers keep them.
    fn dealt(&self) {
        for (from, secret) in (0..3).zip(&self.secrets) {
            for (to, bytes) in (0..3).zip(deal(&self.setting, secret).unwrap()) {
                require_dealt(&self.setting, from, to, &bytes).unwrap();
                // For another's eyes: of no use to a third one.
                assert!(require_dealt(&self.setting, from, (to + 1) % 3, &bytes).is_err());
                fs::write(self.path(to, &format!("dealt-{from}")), &bytes[..]).unwrap();
            }
        }
    }

    /// A session of this name up to the verified uploads.
    fn verified(name: u8) -> Self {
        let group = Self::begin(name);
        group.first();
        group.keys().unwrap();
        for party in 0..3 {
            group.upload(party);
            group.verify(party).unwrap();
        }
        group
    }

    fn upload(&self, party: u32) -> Uploaded {
        let input = UploadInput {
            party,
            joint_key: self.path(party, "joint.key"),
            map: &self.map,
            out: self.path(party, "upload"),
        };
        let set = self.sets[party as usize].clone();
        upload::write(&self.setting, &input, set, &Silent).unwrap()
    }

    fn verify(&self, party: u32) -> Result<Verified, RunError> {
        let input = VerifyInput {
            party,
            joint_key: self.server("joint.key"),
            uploads: self.path(party, "upload"),
            out: self.server(&format!("verified-{party}")),
        };
        verify::write(&self.setting, &input, &Silent)
    }

    fn training(&self, out: &str) -> TrainInput {
        let plan = self.server("plan.json");
        self.setting.plan().write(&plan).unwrap();
        TrainInput {
            plan,
            eval_keys: self.server("eval-keys"),
            datasets: (0..3)
                .map(|party| self.server(&format!("verified-{party}")))
                .collect(),
            out: self.server(out),
            resume: false,
            refreshed: None,
        }
    }

    fn files(&self, joint_key: PathBuf) -> QuestionFiles {
        QuestionFiles {
            joint_key,
            model: self.server("model.enc"),
            question: self.server("question"),
        }
    }

    fn ask(&self, parties: &[u32]) -> Result<Asked, RunError> {
        let files = self.files(self.server("joint.key"));
        question::write(&self.setting, &files, parties)
    }

    /// What a party reads of the server's question.
    fn asked(&self, party: u32) -> Result<Asked, RunError> {
        question::read(&self.setting, &self.files(self.path(party, "joint.key")))
    }

    /// Two parties are asked and answer; what the model is opened with.
    fn opening(&self, parties: [u32; 2]) -> OpenedInput<'_> {
        self.ask(&parties).unwrap();
        for party in parties {
            self.answer(party, &self.asked(party).unwrap()).unwrap();
        }
        OpenedInput {
            shares: parties.map(|party| self.path(party, "opening")).to_vec(),
            map: &self.map,
            out: self.place.path().join("model"),
        }
    }

    fn answer(&self, party: u32, asked: &Asked) -> Result<(), RunError> {
        let dealt = (0..3).map(|from| self.path(party, &format!("dealt-{from}")));
        let input = AnswerInput {
            dealt: dealt.collect(),
            answered: self.path(party, "answered"),
            out: self.path(party, "opening"),
        };
        answer(&self.setting, &self.secrets[party as usize], asked, &input)
    }
}
