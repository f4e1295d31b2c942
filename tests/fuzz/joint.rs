//! What the parties of a key that nobody holds send each other, and what each keeps: everything that `mlr_train::joint` reads, from secrets to the opened model, with one refresh by the owners.
//!
//! One session of three owners, two of whom open, under a tiny insecure ring. A changed file lies where a good one lay, in a directory whose manifest names its hash.

mod session;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use he_core::error::Explain as _;
use he_core::multiparty::KeyItem;
use he_core::wire::{self, Source};
use mlr_train::artifacts::Silent;
use mlr_train::joint::CheckedShares;
use mlr_train::joint::opened::{self, OpenedInput};
use mlr_train::joint::party::opening;
use mlr_train::joint::party::refresh as answers;
use mlr_train::joint::party::secret;
use mlr_train::joint::question;
use mlr_train::joint::refresh;
use mlr_train::joint::verify::{self, VerifyInput};

use crate::engine::{Repair, Target, as_it_is, rehash};

pub(crate) use session::Keep;
use session::{ACTIVE, Session};

/// Residues of 40 to 48 bits become 64, and there are the other parties' shares, proofs and the plan's trace: none of it grows with what a file claims.
fn memory(length: usize) -> usize {
    4 * length + (24 << 20)
}

/// How each file is read.
impl Session {
    /// The first shares of party 0, proofs and all: true if the next party's are looked for.
    fn reads_first(&self) -> bool {
        let (mut first, commitments) = (self.all("first"), self.all("commitment"));
        let absent = self.own(1, "absent");
        first[1].clone_from(&absent);
        let read = CheckedShares::read(&self.setting, &first, &commitments, &Silent);
        let place = read.err().and_then(|error| error.place());
        place.is_some_and(|place| place.starts_with(absent.to_str().unwrap()))
    }

    fn reads_second(&self) -> bool {
        let bytes = std::fs::read(share_of(&self.own(0, "second"))).unwrap();
        let (session, party) = (self.setting.session(), self.setting.party(0).unwrap());
        let (source, item) = (Source::of("share", &bytes), KeyItem::RelinearisationTwo);
        let level = self.setting.plan().keys().relinearise.unwrap();
        wire::read_key_share(source, session, party, item, level).is_ok()
    }

    fn reads_upload(&self) -> bool {
        let input = VerifyInput {
            party: 1,
            joint_key: self.server("joint.key"),
            uploads: self.own(1, "upload"),
            out: self.server("verified-again"),
        };
        let taken = verify::write(&self.setting, &input, &Silent).is_ok();
        if taken {
            std::fs::remove_dir_all(&input.out).unwrap();
        }
        taken
    }

    fn reads_question(&self) -> bool {
        question::read(&self.setting, &self.question_files(Some(0))).is_ok()
    }

    fn reads_opening(&self) -> bool {
        let asked = self.asked();
        let out = self.server("model");
        let input = OpenedInput {
            shares: ACTIVE.map(|party| self.own(party, "opening")).to_vec(),
            map: &self.map,
            out: out.clone(),
        };
        let opened = opened::write(&self.setting, asked, &input, &Silent).is_ok();
        if opened {
            std::fs::remove_dir_all(out).unwrap();
        }
        opened
    }

    /// What party 0 keeps of its openings, and what was dealt to it.
    fn reads_kept(&self) -> bool {
        let asked = self.asked();
        let input = self.answer_input(0);
        opening::answer(&self.setting, &self.secrets[0], asked, &input).is_ok()
    }

    fn reads_refresh_question(&self) -> bool {
        refresh::read(&self.setting, &self.refresh_files(Some(0))).is_ok()
    }

    fn reads_refresh_share(&self) -> bool {
        let asked = self.refreshing();
        let shares = ACTIVE.map(|party| self.own(party, "refresh-share"));
        let out = self.server("refreshed-again");
        refresh::answer(&self.setting, asked, &shares, &out).is_ok()
    }

    fn reads_refresh_kept(&self) -> bool {
        let asked = self.refreshing();
        let input = self.refresh_input(0);
        answers::answer(&self.setting, &self.secrets[0], asked, &input).is_ok()
    }

    fn reads_secret(&self) -> bool {
        secret::read(&self.setting, 1, &self.own(1, "secret")).is_ok()
    }

    fn reads_dealt(&self) -> bool {
        let bytes = std::fs::read(self.own(0, "dealt-1")).unwrap();
        opening::require_dealt(&self.setting, 1, 0, &bytes).is_ok()
    }
}

/// Reads a session in which one file was changed.
type Read = fn(&Session) -> bool;

/// A file of the session, which is put back when it has been read.
fn target(
    session: &Rc<Session>,
    name: &'static str,
    path: PathBuf,
    repair: Repair,
    read: Read,
) -> Target {
    let session = Rc::clone(session);
    let seed = std::fs::read(&path).unwrap();
    let good = seed.clone();
    let manifest = path.with_file_name("manifest.json");
    let before = std::fs::read(&manifest).ok();
    Target {
        name,
        seeds: vec![seed],
        repair,
        read: Box::new(move |bytes| {
            std::fs::write(&path, bytes).unwrap();
            if let Some(before) = &before {
                std::fs::write(&manifest, renamed(before, &good, bytes)).unwrap();
            }
            let taken = read(&session);
            std::fs::write(&path, &good).unwrap();
            if let Some(before) = &before {
                std::fs::write(&manifest, before).unwrap();
            }
            taken
        }),
        memory,
    }
}

/// A manifest whose entry of `good` is one of `bytes`.
fn renamed(manifest: &[u8], good: &[u8], bytes: &[u8]) -> String {
    let mut manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let hash = blake3::hash(good).to_hex();
    let files = manifest["files"].as_array_mut().unwrap().iter_mut();
    for entry in files.filter(|entry| entry["blake3"] == hash.as_str()) {
        entry["bytes"] = bytes.len().into();
        entry["blake3"] = blake3::hash(bytes).to_hex().as_str().into();
    }
    manifest.to_string()
}

/// The file of a directory whose name begins so.
fn entry(directory: &Path, begin: &str) -> PathBuf {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(begin) && name != "manifest.json"
    };
    paths.into_iter().find(is).unwrap()
}

/// The share of a second round.
fn share_of(directory: &Path) -> PathBuf {
    entry(directory, "relinearisation")
}

pub(crate) fn targets() -> Vec<Target> {
    let session = Rc::new(Session::whole());
    let (first, second) = (session.own(0, "first"), session.own(0, "second"));
    let upload = session.own(1, "upload");
    let job = session.setting.plan().plan.job();
    let shard = job.uploads_of(1).next().unwrap().to_string();
    let in_envelopes: [(&'static str, PathBuf, Read); 15] = [
        ("key-share", entry(&first, "public"), Session::reads_first),
        (
            "key-digests",
            entry(&first, "digests"),
            Session::reads_first,
        ),
        ("key-proof", entry(&first, "proof"), Session::reads_first),
        (
            "key-commitment",
            session.own(0, "commitment"),
            Session::reads_first,
        ),
        ("key-share-second", share_of(&second), Session::reads_second),
        (
            "joint-key",
            session.own(0, "joint.key"),
            Session::reads_question,
        ),
        ("upload", entry(&upload, &shard), Session::reads_upload),
        (
            "upload-key",
            entry(&upload, "switching-key"),
            Session::reads_upload,
        ),
        (
            "upload-proof",
            entry(&upload, "proof"),
            Session::reads_upload,
        ),
        (
            "dealt-share",
            session.own(0, "dealt-1"),
            Session::reads_dealt,
        ),
        (
            "opening-question",
            session.server("question"),
            Session::reads_question,
        ),
        (
            "opening-share",
            session.own(0, "opening"),
            Session::reads_opening,
        ),
        (
            "owners-request",
            session.server("request"),
            Session::reads_refresh_question,
        ),
        (
            "refresh-question",
            session.server("refresh-question"),
            Session::reads_refresh_question,
        ),
        (
            "refresh-share",
            session.own(0, "refresh-share"),
            Session::reads_refresh_share,
        ),
    ];
    let texts: [(&'static str, PathBuf, Read); 3] = [
        (
            "party-secret",
            session.own(1, "secret"),
            Session::reads_secret,
        ),
        (
            "opening-record",
            session.own(0, "answered"),
            Session::reads_kept,
        ),
        (
            "refresh-record",
            session.own(0, "refresh-0"),
            Session::reads_refresh_kept,
        ),
    ];
    let mut all = Vec::new();
    for (name, path, read) in in_envelopes {
        all.push(target(&session, name, path, rehash(), read));
    }
    for (name, path, read) in texts {
        all.push(target(&session, name, path, as_it_is(), read));
    }
    all
}
