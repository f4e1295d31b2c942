//! One step of a job under a joint key, as a process of its own: `joint_step PLACE STEP [PARTY] [FEATURES LABELS ROWS]`, where `verify` takes several parties. One line of JSON.
//!
//! PLACE holds plan.json and the map of `velum plan --stats --parties`. What parties send each other lies in PLACE/party-N and PLACE/server, where everybody reads it: this measures steps, it is no way to run
//! them, since nothing is signed or sealed. Training is `velum train`'s.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mlr_train::artifacts::private::shared_whitening;
use mlr_train::artifacts::{PlanFile, Silent};
use mlr_train::data::RowSelection;
use mlr_train::joint::keys::{self, KeysInput};
use mlr_train::joint::opened::{self, OpenedInput};
use mlr_train::joint::party::opening::{AnswerInput, answer, deal};
use mlr_train::joint::party::refresh::{RefreshAnswerInput, answer as answer_refresh};
use mlr_train::joint::party::upload::{self, UploadInput};
use mlr_train::joint::party::{secret, shares};
use mlr_train::joint::question::{self, QuestionFiles};
use mlr_train::joint::refresh::{self, AskedRefresh, RefreshFiles};
use mlr_train::joint::verify::{self, VerifyInput};
use mlr_train::joint::{CheckedShares, Setting};
use mlr_train::roles::{Rows, peak_rss_mb};
use serde_json::{Value, json};

type Outcome = Result<Value, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, step, rest @ ..] = arguments.as_slice() else {
        return Err("expected PLACE STEP [PARTY] [FEATURES LABELS ROWS]".into());
    };
    let began = Instant::now();
    let place = Place::open(Path::new(place))?;
    let party = || -> Result<u32, Box<dyn Error>> {
        let number = rest.first().ok_or("expected the number of a party")?;
        Ok(number.parse()?)
    };
    let mut said = match step.as_str() {
        "first" => place.first(party()?)?,
        "second" => place.second(party()?)?,
        "deal" => place.deal(party()?)?,
        "keys" => place.keys()?,
        "upload" => place.upload(party()?, rest)?,
        "verify" => place.verify(rest)?,
        "refresh-ask" => place.ask_refresh()?,
        "refresh" => place.refresh(party()?)?,
        "refreshed" => place.refreshed()?,
        "ask" => place.ask()?,
        "answer" => place.answer(party()?)?,
        "open" => place.open_model()?,
        _ => return Err(format!("expected a step, found {step}").into()),
    };
    said["seconds"] = began.elapsed().as_secs_f64().into();
    said["peak_rss_mb"] = peak_rss_mb().into();
    println!("{said}");
    Ok(())
}

struct Place {
    place: PathBuf,
    setting: Setting,
}

impl Place {
    fn open(place: &Path) -> Result<Self, Box<dyn Error>> {
        let plan = PlanFile::read(&place.join("plan.json"))?;
        // The name of a session is a hash of what the parties agreed on; one folder is one session.
        let name = place.canonicalize()?;
        let id = blake3::derive_key(
            "velum mlr-train joint_step session",
            name.as_os_str().as_encoded_bytes(),
        );
        Ok(Self {
            place: place.to_owned(),
            setting: Setting::new(plan, id)?,
        })
    }

    fn path(&self, whose: &str, name: &str) -> Result<PathBuf, Box<dyn Error>> {
        let own = self.place.join(whose);
        fs::create_dir_all(&own)?;
        Ok(own.join(name))
    }

    fn own(&self, party: u32, name: &str) -> Result<PathBuf, Box<dyn Error>> {
        self.path(&format!("party-{party}"), name)
    }

    fn all(&self, name: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
        let parties = 0..self.setting.joint().parties;
        parties.map(|party| self.own(party, name)).collect()
    }

    fn secret(&self, party: u32) -> Result<he_core::multiparty::PartySecret, Box<dyn Error>> {
        let path = self.own(party, "secret")?;
        Ok(secret::read(&self.setting, party, &path)?)
    }

    /// A party's secret and its first key shares.
    fn first(&self, party: u32) -> Outcome {
        let secret = secret::create(&self.setting, party, &self.own(party, "secret")?)?;
        let (out, commitment) = (self.own(party, "first")?, self.own(party, "commitment")?);
        let manifest = shares::first(&self.setting, &secret, &out, &commitment, &Silent)?;
        Ok(json!({ "bytes": manifest.bytes() }))
    }

    fn checked(&self) -> Result<CheckedShares, Box<dyn Error>> {
        let (first, commitments) = (self.all("first")?, self.all("commitment")?);
        Ok(CheckedShares::read(
            &self.setting,
            &first,
            &commitments,
            &Silent,
        )?)
    }

    fn second(&self, party: u32) -> Outcome {
        let (secret, checked) = (self.secret(party)?, self.checked()?);
        let (out, key) = (self.own(party, "second")?, self.own(party, "joint.key")?);
        let manifest = shares::second(&self.setting, &secret, &checked, &out, &key)?;
        Ok(json!({ "bytes": manifest.bytes() }))
    }

    fn deal(&self, party: u32) -> Outcome {
        let mut sent = 0;
        for (to, bytes) in (0..).zip(deal(&self.setting, &self.secret(party)?)?) {
            fs::write(self.own(to, &format!("dealt-{party}"))?, &bytes[..])?;
            sent += bytes.len();
        }
        Ok(json!({ "bytes": sent }))
    }

    fn keys(&self) -> Outcome {
        let input = KeysInput {
            first: self.all("first")?,
            commitments: self.all("commitment")?,
            second: self.all("second")?,
            out: self.path("server", "eval-keys")?,
            joint_key: self.path("server", "joint.key")?,
        };
        keys::write(&self.setting, &input, &Silent)?;
        Ok(json!({}))
    }

    fn upload(&self, party: u32, rest: &[String]) -> Outcome {
        let [_, features, labels, rows] = rest else {
            return Err("expected PARTY FEATURES LABELS ROWS".into());
        };
        let rows = Rows {
            features: features.into(),
            labels: Some(labels.into()),
            rows: Some(rows.parse::<RowSelection>()?),
            named: "ROWS",
        };
        let map = shared_whitening(&self.place.join("map"), self.setting.plan())?;
        let input = UploadInput {
            party,
            joint_key: self.own(party, "joint.key")?,
            map: &map,
            out: self.own(party, "upload")?,
        };
        let done = upload::write(&self.setting, &input, rows.load()?, &Silent)?;
        Ok(json!({
            "bytes": done.manifest.bytes(),
            "ciphertexts": done.manifest.files().len(),
            "proof_bytes": done.proof_bytes,
            "switching_key_bytes": done.switching_key_bytes,
            "encrypt_seconds": done.encrypt_seconds,
            "prove_seconds": done.prove_seconds,
        }))
    }

    /// Of some parties, one after the other in this process, as a server does: the longest of them, and all bytes.
    fn verify(&self, parties: &[String]) -> Outcome {
        let (mut seconds, mut bytes) = (0.0f64, 0);
        parties.first().ok_or("expected numbers of parties")?;
        for party in parties {
            let party: u32 = party.parse()?;
            let input = VerifyInput {
                party,
                joint_key: self.path("server", "joint.key")?,
                uploads: self.own(party, "upload")?,
                out: self.path("server", &format!("verified-{party}"))?,
            };
            let done = verify::write(&self.setting, &input, &Silent)?;
            seconds = seconds.max(done.verify_seconds);
            bytes += done.manifest.bytes();
        }
        Ok(json!({ "verify_seconds": seconds, "bytes": bytes }))
    }

    fn files(&self, joint_key: PathBuf) -> Result<QuestionFiles, Box<dyn Error>> {
        Ok(QuestionFiles {
            joint_key,
            model: self.path("server", "model.enc")?,
            question: self.path("server", "question")?,
        })
    }

    fn refresh_files(&self, joint_key: PathBuf) -> Result<RefreshFiles, Box<dyn Error>> {
        Ok(RefreshFiles {
            joint_key,
            request: self.path("server", "model.enc.refresh")?,
            question: self.path("server", "refresh-question")?,
        })
    }

    /// What the training stopped with, asked of the first parties.
    fn ask_refresh(&self) -> Outcome {
        let parties: Vec<u32> = (0..self.setting.joint().threshold).collect();
        let files = self.refresh_files(self.path("server", "joint.key")?)?;
        let asked = refresh::write(&self.setting, &files, &parties)?;
        let bytes = fs::metadata(&files.request)?.len();
        Ok(json!({ "parties": asked.parties(), "number": asked.number(), "bytes": bytes }))
    }

    fn asked_refresh(&self, joint_key: PathBuf) -> Result<AskedRefresh, Box<dyn Error>> {
        Ok(refresh::read(
            &self.setting,
            &self.refresh_files(joint_key)?,
        )?)
    }

    fn refresh(&self, party: u32) -> Outcome {
        let asked = self.asked_refresh(self.own(party, "joint.key")?)?;
        let kept = self.own(party, "refreshes")?;
        fs::create_dir_all(&kept)?;
        let input = RefreshAnswerInput {
            dealt: self.dealt(party)?,
            opened: self.own(party, "answered")?,
            kept,
            out: self.own(party, "refresh-share")?,
        };
        answer_refresh(&self.setting, &self.secret(party)?, &asked, &input)?;
        Ok(json!({ "bytes": fs::metadata(&input.out)?.len() }))
    }

    /// What the training goes on with.
    fn refreshed(&self) -> Outcome {
        let asked = self.asked_refresh(self.path("server", "joint.key")?)?;
        let parties = asked.parties().into_iter();
        let shares: Result<Vec<_>, _> = parties.map(|p| self.own(p, "refresh-share")).collect();
        let out = self.path("server", "refreshed")?;
        refresh::answer(&self.setting, &asked, &shares?, &out)?;
        Ok(json!({ "bytes": fs::metadata(&out)?.len() }))
    }

    /// What all parties dealt to this one; nothing where all open together.
    fn dealt(&self, party: u32) -> Result<Vec<PathBuf>, Box<dyn Error>> {
        let additive = self.setting.session().is_additive();
        let parties = (0..self.setting.joint().parties).filter(|_| !additive);
        parties
            .map(|from| self.own(party, &format!("dealt-{from}")))
            .collect()
    }

    /// The last parties are asked: the first ones may be away.
    fn ask(&self) -> Outcome {
        let joint = self.setting.joint();
        let parties: Vec<u32> = (joint.parties - joint.threshold..joint.parties).collect();
        let files = self.files(self.path("server", "joint.key")?)?;
        let asked = question::write(&self.setting, &files, &parties)?;
        Ok(json!({ "parties": asked.parties(), "bytes": fs::metadata(&files.model)?.len() }))
    }

    fn answer(&self, party: u32) -> Outcome {
        let files = self.files(self.own(party, "joint.key")?)?;
        let asked = question::read(&self.setting, &files)?;
        let input = AnswerInput {
            dealt: self.dealt(party)?,
            answered: self.own(party, "answered")?,
            out: self.own(party, "opening")?,
        };
        answer(&self.setting, &self.secret(party)?, &asked, &input)?;
        Ok(json!({ "bytes": fs::metadata(&input.out)?.len() }))
    }

    fn open_model(&self) -> Outcome {
        let asked = question::read(
            &self.setting,
            &self.files(self.path("server", "joint.key")?)?,
        )?;
        let shares: Result<_, _> = asked
            .parties()
            .into_iter()
            .map(|party| self.own(party, "opening"))
            .collect();
        let map = shared_whitening(&self.place.join("map"), self.setting.plan())?;
        let input = OpenedInput {
            shares: shares?,
            map: &map,
            out: self.place.join("model"),
        };
        let opened = opened::write(&self.setting, &asked, &input, &Silent)?;
        Ok(json!({
            "certified_bits": opened.certified_bits,
            "expected_error": opened.expected_error,
            "warnings": opened.warnings,
        }))
    }
}
