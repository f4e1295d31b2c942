//! Weights that the owners refresh: two exchanges between the verdict and the model, over files; and questions and shares that no honest member sends.

use he_core::evaluator::{Ckks, CkksCt};
use he_core::rlwe::EvaluationKeys;

use super::whole::union;
use super::*;
use crate::artifacts::refresh::{self as request, Request};
use crate::error::{Class, Explain as _, Report};
use crate::files;
use crate::joint::opened;
use crate::joint::party::refresh::{RefreshAnswerInput, answer as answer_refresh};
use crate::joint::refresh::{self, AskedRefresh, RefreshFiles};
use crate::model::Model;
use crate::roles::server::train::train_planned;
use crate::roles::small_plans::refreshed_plan;
use crate::server::State;

impl Group {
    /// A session up to the verified uploads, whose plan refreshes weights twice.
    fn refreshing(name: u8, arrangement: Arrangement) -> Self {
        let group = Self::begin_with(name, |map| refreshed_plan(&ROWS, map, JOINT, arrangement));
        group.first();
        group.keys().unwrap();
        group.dealt();
        for party in 0..3 {
            group.upload(party);
            group.verify(party).unwrap();
        }
        group
    }

    /// Trains until the weights wait for a refresh, from the answer to the last one if there is one.
    fn train_to_refresh(&self, out: &str, answered: Option<&str>) {
        let input = TrainInput {
            resume: answered.is_some(),
            refreshed: answered.map(|name| self.server(name)),
            ..self.training(out)
        };
        let waits = train_planned(&input, self.setting.plan(), &Silent).unwrap_err();
        assert_eq!(waits.class(), Class::Waiting, "{waits}");
        assert!(waits.to_string().contains("by the owners"), "{waits}");
    }

    fn refresh_files(&self, joint_key: PathBuf, out: &str) -> RefreshFiles {
        RefreshFiles {
            joint_key,
            request: self.server(&format!("{out}.refresh")),
            question: self.server(&format!("{out}.question")),
        }
    }

    fn ask_refresh(&self, out: &str, parties: &[u32]) -> Result<AskedRefresh, RunError> {
        let files = self.refresh_files(self.server("joint.key"), out);
        refresh::write(&self.setting, &files, parties)
    }

    /// What a party reads of the server's question.
    fn asked_refresh(&self, party: u32, out: &str) -> Result<AskedRefresh, RunError> {
        let files = self.refresh_files(self.path(party, "joint.key"), out);
        refresh::read(&self.setting, &files)
    }

    fn answer_refresh(&self, party: u32, asked: &AskedRefresh, out: &str) -> Result<(), RunError> {
        let dealt = (0..3).map(|from| self.path(party, &format!("dealt-{from}")));
        let input = RefreshAnswerInput {
            dealt: dealt.collect(),
            opened: self.path(party, "answered"),
            kept: self.path(party, ""),
            out: self.path(party, out),
        };
        answer_refresh(&self.setting, &self.secrets[party as usize], asked, &input)
    }

    /// The server's question and the shares of these parties, put together.
    fn refresh(&self, number: u32, out: &str, parties: &[u32]) {
        let asked = self.ask_refresh(out, parties).unwrap();
        assert_eq!(
            (asked.number(), asked.parties()),
            (number, parties.to_vec())
        );
        let share = format!("share-{number}");
        for party in parties {
            let asked = self.asked_refresh(*party, out).unwrap();
            self.answer_refresh(*party, &asked, &share).unwrap();
        }
        let shares: Vec<PathBuf> = parties.iter().map(|p| self.path(*p, &share)).collect();
        let answer = self.server(&format!("refreshed-{number}"));
        refresh::answer(&self.setting, &asked, &shares, &answer).unwrap();
    }
}

fn message(error: &RunError) -> String {
    Report::of(error).message
}

#[test]
fn owners_refresh_weights_twice_and_open_what_the_twin_has() {
    for (name, arrangement) in [(20, Arrangement::RowMajor), (21, Arrangement::Diagonal)] {
        let group = Group::refreshing(name, arrangement);
        let plan = group.setting.plan();
        let job = plan.plan.job();
        assert_eq!(job.refreshed_before(), [3, 4]);
        assert!(job.layout().column_groups() > 1);

        group.train_to_refresh("model.enc", None);
        group.refresh(0, "model.enc", &[0, 2]);
        // Sizes are those of the plan, which takes every residue for a bit longer, but for envelopes.
        let planned = plan.plan.estimate().joint.clone().unwrap();
        let near = |path: &std::path::Path, bytes: u64| {
            let found = files::size(path).unwrap();
            let near = found * 100 >= bytes * 97 && found < bytes + (1 << 13);
            assert!(near, "{found} {bytes}");
        };
        near(
            &group.server("model.enc.refresh"),
            planned.refresh_question_bytes,
        );
        near(&group.path(0, "share-0"), planned.refresh_share_bytes);
        // Another set of owners answers the next one: shares of any t of them fit together.
        group.train_to_refresh("model.enc", Some("refreshed-0"));
        group.refresh(1, "model.enc", &[1, 2]);
        let input = TrainInput {
            resume: true,
            refreshed: Some(group.server("refreshed-1")),
            ..group.training("model.enc")
        };
        let done = train_planned(&input, plan, &Silent).unwrap();
        assert_eq!(done.resumed_iterations, 3);
        assert!(!group.server("model.enc.refresh").exists());

        let input = group.opening([0, 1]);
        let asked = group.asked(0).unwrap();
        let opened = opened::write(&group.setting, &asked, &input, &Silent).unwrap();
        let ratio = planned.opened_error() / opened.expected_error;
        assert!((0.98..1.02).contains(&ratio), "{ratio}");

        // As in a training without refreshes: eight expected errors of a weight, and half the unit of its rounding.
        let model = Model::read(&input.out).unwrap();
        let (raw, x, _, twin) = union(&group);
        let (scores, exact) = (model.scores(raw.view()).unwrap(), x.dot(&twin.t()));
        let bound = job.program().bounds.score;
        assert!(
            exact.iter().all(|score| score.abs() < bound),
            "the twin leaves its range"
        );
        let unit = (-f64::from(opened.certified_bits)).exp2();
        let error = 8.0 * opened.expected_error + unit / 2.0;
        let mut largest = 0.0f64;
        for ((found, exact), x) in scores.rows().into_iter().zip(exact.rows()).zip(x.rows()) {
            let allowed = error * x.iter().map(|x| x.abs()).sum::<f64>() + 1e-9;
            for (found, exact) in found.iter().zip(exact) {
                let distance = (found - exact).abs();
                assert!(distance <= allowed, "{distance:e} beyond {allowed:e}");
                largest = largest.max(distance);
            }
        }
        assert!(largest > 1e-9 && unit <= 1.0 / 64.0, "{largest:e} {unit:e}");
    }
}

#[test]
fn a_refresh_is_answered_once_and_only_where_the_plan_has_it() {
    let group = Group::refreshing(22, Arrangement::Diagonal);
    group.train_to_refresh("model.enc", None);
    let asked = group.ask_refresh("model.enc", &[0, 1]).unwrap();
    assert!(group.ask_refresh("model.enc", &[0]).is_err());
    group.ask_refresh("model.enc", &[0, 1]).unwrap();
    for party in [0, 1] {
        group.answer_refresh(party, &asked, "share").unwrap();
    }
    // Who is not asked answers nothing.
    let error = group.answer_refresh(2, &asked, "share").unwrap_err();
    assert!(message(&error).contains("party 2 is missing"), "{error}");

    // The same question gets the same bytes, whether its share was kept or a process ended before.
    let bytes = |name: &str| fs::read(group.path(0, name)).unwrap();
    let first = bytes("share");
    group.answer_refresh(0, &asked, "again").unwrap();
    assert!(first == bytes("again"));
    fs::remove_file(group.path(0, "refresh-0.share")).unwrap();
    group.answer_refresh(0, &asked, "anew").unwrap();
    assert!(first == bytes("anew"));

    // Another set of owners is another question of this number.
    let other = group.ask_refresh("model.enc", &[0, 2]).unwrap();
    let error = group.answer_refresh(0, &other, "other").unwrap_err();
    assert!(
        message(&error).contains("refresh 0 that was answered"),
        "{error}"
    );
    assert_eq!(error.class(), Class::Verification);
    group.train_to_refresh("second.enc", None);
    let same = group.ask_refresh("second.enc", &[0, 1]).unwrap();
    // The same training gives the same weights to the last bit: it is the same question.
    assert_eq!(same.question(), asked.question());
    assert!(!group.path(0, "other").exists());

    // Party 2 answers the other question; its share, and a party's in another's place, are refused by name.
    group.answer_refresh(2, &other, "share").unwrap();
    let put = |shares: [u32; 2]| {
        let shares = shares.map(|party| group.path(party, "share"));
        refresh::answer(&group.setting, &asked, &shares, &group.server("answer"))
    };
    let error = put([0, 2]).unwrap_err();
    assert!(message(&error).contains("party"), "{error}");
    let error = put([1, 0]).unwrap_err();
    assert!(message(&error).contains("party"), "{error}");
    let shares = [group.path(0, "share"), group.path(2, "share")];
    let mixed = refresh::answer(&group.setting, &other, &shares, &group.server("answer"));
    let error = mixed.unwrap_err();
    assert!(
        message(&error).contains("party 0 belongs to another"),
        "{error}"
    );
    let missing = refresh::answer(
        &group.setting,
        &asked,
        &shares[..1],
        &group.server("answer"),
    );
    assert!(message(&missing.unwrap_err()).contains("party 1 is missing"));
    assert!(!group.server("answer").exists());
    put([0, 1]).unwrap();

    // A request of another key, a question beside another request, and one that was cut.
    let files = group.refresh_files(group.path(0, "joint.key"), "model.enc");
    let question = fs::read(&files.question).unwrap();
    fs::write(&files.question, &question[..question.len() - 1]).unwrap();
    assert!(group.asked_refresh(0, "model.enc").is_err());
    let stranger = Group::begin_with(23, |map| {
        refreshed_plan(&ROWS, map, JOINT, Arrangement::Diagonal)
    });
    fs::write(&files.question, &question).unwrap();
    assert!(refresh::read(&stranger.setting, &files).is_err());
    let plain = Group::begin(24);
    let error = refresh::write(&plain.setting, &files, &[0, 1]).unwrap_err();
    assert!(
        message(&error).contains("owners refresh weights"),
        "{error}"
    );

    // After the opening nothing new is answered, what was answered is sent again.
    fs::write(group.path(0, "answered"), "an opening").unwrap();
    group.answer_refresh(0, &asked, "late").unwrap();
    assert!(first == bytes("late"));
    fs::write(group.path(1, "answered"), "an opening").unwrap();
    fs::remove_file(group.path(1, "refresh-0")).unwrap();
    let error = group.answer_refresh(1, &asked, "late").unwrap_err();
    assert!(
        message(&error).contains("answered an opening already"),
        "{error}"
    );
    // A record that cannot be read may be of any question.
    fs::write(group.path(0, "refresh-0"), "something").unwrap();
    let error = group.answer_refresh(0, &asked, "late").unwrap_err();
    assert!(
        message(&error).contains("record of an answered refresh"),
        "{error}"
    );
}

#[test]
fn refreshes_come_in_the_plan_s_order_and_an_older_answer_is_no_answer() {
    let group = Group::refreshing(25, Arrangement::RowMajor);
    group.train_to_refresh("model.enc", None);
    let first = group.ask_refresh("model.enc", &[0, 1]).unwrap();
    group.refresh(0, "model.enc", &[0, 1]);
    group.train_to_refresh("model.enc", Some("refreshed-0"));
    // A process that ended before it had asked: the state waits for the second refresh, the first one's answer is no answer to that.
    let input = TrainInput {
        resume: true,
        refreshed: Some(group.server("refreshed-0")),
        ..group.training("model.enc")
    };
    let error = train_planned(&input, group.setting.plan(), &Silent).unwrap_err();
    assert!(message(&error).contains("before iteration 4"), "{error}");
    let request = || fs::read(group.server("model.enc.refresh")).unwrap();
    let before = request();
    let again = TrainInput {
        refreshed: None,
        ..input
    };
    let waits = train_planned(&again, group.setting.plan(), &Silent).unwrap_err();
    assert_eq!(waits.class(), Class::Waiting);
    assert!(before == request());
    let second = group.ask_refresh("model.enc", &[2, 1]).unwrap();
    assert_eq!((second.number(), second.before()), (1, 4));
    group.answer_refresh(2, &second, "share-1").unwrap();
    // Party 2 was not asked the first time: it does not answer that one afterwards.
    let first = refresh_of(&group, &first);
    let error = group.answer_refresh(2, &first, "late").unwrap_err();
    assert!(
        message(&error).contains("found refresh 0 after refresh 1"),
        "{error}"
    );
}

#[test]
fn a_question_beyond_the_plan_or_beside_exchanged_weights_is_refused() {
    let group = Group::refreshing(26, Arrangement::RowMajor);
    group.train_to_refresh("model.enc", None);
    group.ask_refresh("model.enc", &[0, 1]).unwrap();
    let plan = group.setting.plan();
    let eval = Ckks::new(EvaluationKeys::new(group.setting.context())).unwrap();
    let path = group.server("model.enc.refresh");
    let honest = Request::read(&path, plan, &eval, |_| Ok(())).unwrap();
    let put = |done: usize, look_ahead: &[Vec<CkksCt>], weights: &[Vec<CkksCt>]| {
        let state = State {
            done,
            look_ahead: look_ahead.to_vec(),
            weights: weights.to_vec(),
            first_gradient: vec![],
        };
        let context = group.setting.context();
        let made = request::request(plan, context, honest.asked.with, &state);
        request::write(&path, &made.unwrap().1).unwrap();
    };
    let [ahead, weights] = [&honest.vectors.look_ahead, &honest.vectors.weights];
    let done = honest.asked.before - 1;

    // The same weights as they were, and the question of them.
    put(done, ahead, weights);
    group.ask_refresh("model.enc", &[0, 1]).unwrap();
    let asked = group.asked_refresh(0, "model.enc").unwrap();
    assert_eq!(asked.number(), 0);

    // W in V's place, beside the question of the right ones: it is that of another request, if it can be read at all.
    put(done, weights, ahead);
    let error = group.asked_refresh(0, "model.enc").unwrap_err();
    assert!(
        error.class() == Class::Verification || error.to_string().contains("scale"),
        "{error}"
    );
    // Iterations that the plan refreshes nothing before, and those that it has not.
    let job = plan.plan.job();
    for before in [1, 2, job.iterations() + 1, 30] {
        assert!(!job.refreshed_before().contains(&before));
        put(before - 1, ahead, weights);
        for refused in [
            group.ask_refresh("model.enc", &[0, 1]).unwrap_err(),
            group.asked_refresh(0, "model.enc").unwrap_err(),
        ] {
            let text = message(&refused);
            assert!(text.contains("an iteration"), "{before}: {text}");
        }
    }
    // The second refresh's number with the first one's question.
    put(3, ahead, weights);
    assert!(group.asked_refresh(0, "model.enc").is_err());
    assert!(!group.path(0, "refresh-0").exists());
}

/// The first question again, to a set with party 2.
fn refresh_of(group: &Group, first: &AskedRefresh) -> AskedRefresh {
    assert_eq!(first.number(), 0);
    group.train_to_refresh("old.enc", None);
    group.ask_refresh("old.enc", &[0, 2]).unwrap()
}
