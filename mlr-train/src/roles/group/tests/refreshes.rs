//! Groups whose owners refresh the weights: processes that end in the middle of every step of it, and a plan that nobody wished for.

use std::sync::atomic::{AtomicUsize, Ordering};

use he_core::error::{Class, Explain as _};

use super::attacks::{once, once_with, turns};
use super::*;
use crate::roles::group::wished::require_wished;

fn wishes() -> Wishes {
    Wishes {
        refresh_every: Some(1),
        ..Wishes::default()
    }
}

/// Stops the training whenever it comes to another iteration than before.
#[derive(Default)]
struct Impatient(AtomicUsize);

impl Reporter for Impatient {
    fn advance(&self, _done: u64, what: &str) {
        let seen = (3..=4).find(|at| what.contains(&format!("iteration {at}")));
        self.0.fetch_max(seen.unwrap_or(0), Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

#[test]
fn owners_refresh_weights_in_a_group_whose_processes_end_in_every_step() {
    let group = Group::wishing(3, 2, Goal::Model, wishes());
    for member in 0..4 {
        assert_eq!(once(&group, member).unwrap_err().class(), Class::Waiting);
    }
    // Where something cannot be written a process ends: after an answer was noted, before the training has asked, before it goes on.
    let mut blocked: Vec<PathBuf> = Vec::new();
    for (member, name) in [
        (0, "refresh-0.share"),
        (1, "refresh-1.share"),
        (3, "model.enc.refresh"),
        (3, "refreshed-0"),
        (3, "refreshed-1"),
    ] {
        let path = group.folder(member).join("own").join(name);
        fs::create_dir_all(path.join("in the way")).unwrap();
        blocked.push(path);
    }
    let mut interrupted = 0;
    while let Err(error) = turns(&group, &[0, 1, 2, 3]) {
        let place = format!("{error} {}", error.place().unwrap_or_default());
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let hit = blocked.iter().position(|path| place.contains(&name(path)));
        let path = blocked.remove(hit.unwrap_or_else(|| panic!("{place}")));
        fs::remove_dir_all(&path).unwrap();
        // And the training ends in the middle of an iteration.
        if name(&path).starts_with("refreshed") {
            let stopped = once_with(&group, 3, &Insecure, &Impatient::default());
            interrupted += usize::from(stopped.unwrap_err().class() == Class::Interrupted);
        }
    }
    assert!(blocked.is_empty(), "{blocked:?}");
    assert_eq!(interrupted, 2);

    for member in 1..3 {
        assert!(group.model(member) == group.model(0), "{member}");
    }
    let right = group.right(0);
    assert!(right * 10 > 120 * 8, "{right} of 120");
    for (member, refreshes) in [(0, 2), (1, 2), (2, 0), (3, 0)] {
        let transcript = fs::read_to_string(group.folder(member).join("transcript")).unwrap();
        let answers = transcript
            .matches("{\"answer\":{\"question\":\"refresh-")
            .count();
        assert_eq!(answers, refreshes, "{member}");
    }
    let board = FolderBoard::open(&group.board()).unwrap();
    let status = super::super::status::run(&board, None).unwrap();
    assert!(status.done);
    let said = |step: &str| {
        let mut steps = status.steps.iter();
        steps.find(|said| said.step == step).unwrap().said.clone()
    };
    assert_eq!(said("refresh-question-1"), ["member 3"]);
    assert_eq!(said("refresh-share-1"), ["member 0", "member 1"]);
    // Who was not asked is not missed.
    let shares = status.steps.iter();
    let mut shares = shares.filter(|said| said.step.contains("share-") || said.step == "share");
    assert!(shares.all(|said| said.missing.is_empty()));
}

#[test]
fn status_says_whose_turn_a_refresh_is() {
    let group = Group::wishing(3, 2, Goal::Model, wishes());
    let board = FolderBoard::open(&group.board()).unwrap();
    let status = || super::super::status::run(&board, None).unwrap();
    let asked = || {
        let steps = status().steps;
        steps.iter().any(|said| said.step == "refresh-question-0")
    };
    while !asked() {
        for member in 0..4 {
            let waits = once(&group, member).unwrap_err();
            assert_eq!(waits.class(), Class::Waiting, "{waits}");
            if asked() {
                break;
            }
        }
    }
    let turns: Vec<_> = status().turns;
    let turns: Vec<_> = turns
        .iter()
        .map(|turn| (&*turn.party, &*turn.step))
        .collect();
    assert_eq!(
        turns,
        [
            ("member 0", "refresh-share-0"),
            ("member 1", "refresh-share-0")
        ]
    );
    let waits = once(&group, 2).unwrap_err().to_string();
    assert!(
        waits.contains("waiting for 2 of 2 owners (member 0, member 1)"),
        "{waits}"
    );
}

#[test]
fn a_plan_with_refreshes_that_nobody_agreed_to_is_refused_by_its_maker_s_name() {
    let group = Group::new(2, 2, Goal::Model);
    for _ in 0..3 {
        for member in 0..2 {
            let _waits = once_with(&group, member, &Unwished, &Silent);
        }
        let _waits = once(&group, 2);
    }
    let error = once(&group, 1).unwrap_err();
    let text = format!("{error} {}", error.place().unwrap_or_default());
    assert!(text.contains("expected a plan without refreshes"), "{text}");
    assert!(text.contains("plan of member 0"), "{text}");
    assert_eq!(error.class(), Class::Verification);
}

#[test]
fn a_plan_that_is_searched_has_what_the_charter_wishes() {
    let wishes = Wishes {
        steps: vec![4.0, 4.0, 3.5],
        range: Some(6.0),
        degree: Some(3),
        refresh_every: Some(1),
        ..Wishes::default()
    };
    let group = Group::wishing(2, 2, Goal::Model, wishes);
    let board = FolderBoard::open(&group.board()).unwrap();
    let charter = super::super::choose(&board, None, |_| true).unwrap();
    let mut pooled: Option<Statistics> = None;
    for owner in 0..2 {
        let (features, labels) = rows(owner);
        let own = crate::data::FeatureSet::new(features, labels, None, "rows").unwrap();
        let own = Statistics::of(&own);
        match &mut pooled {
            Some(pooled) => pooled.merge(&own).unwrap(),
            None => pooled = Some(own),
        }
    }
    let at = |name: &str| group.place.path().join(name);
    pooled.unwrap().write(&at("pooled")).unwrap();
    let (statistics, plan, map) = (at("pooled"), at("plan.json"), at("map.safetensors"));
    let of = Making::Pooled {
        statistics: &statistics,
        plan: &plan,
        map: &map,
    };
    Searched.make(&charter, of, &Silent).unwrap();
    let plan = Searched.read(&plan).unwrap().plan;
    let program = plan.job().program();
    assert_eq!(program.schedule, [4.0, 4.0, 3.5]);
    assert_eq!(program.polynomial.levels(), [2]);
    assert_eq!(program.bounds.score, 12.0);
    assert_eq!(plan.job().refreshed_before(), [3]);
    assert!(plan.job().asks_owners());
    assert_eq!(plan.estimate().security_bits, 128);

    // Members that wished for something else, or for nothing and so for what is usual, refuse it.
    let wished = charter.task().wishes.clone();
    assert_eq!(require_wished(&charter, plan.job()), Ok(()));
    for other in [
        Wishes {
            steps: vec![4.0, 4.0, 4.0],
            ..wished.clone()
        },
        Wishes {
            steps: Vec::new(),
            ..wished.clone()
        },
        Wishes {
            range: Some(7.0),
            ..wished.clone()
        },
        Wishes {
            degree: Some(5),
            ..wished.clone()
        },
        Wishes {
            refresh_every: Some(2),
            ..wished.clone()
        },
        Wishes {
            refresh_every: None,
            ..wished.clone()
        },
        Wishes {
            keep: Some(FEATURES - 1),
            ..wished.clone()
        },
    ] {
        let task = Task {
            wishes: other.clone(),
            ..charter.task().clone()
        };
        let charter = Charter::new(charter.members().to_vec(), charter.threshold(), task);
        let refused = require_wished(&charter.unwrap(), plan.job());
        assert!(refused.is_err(), "{other:?}");
    }
}

#[test]
fn a_charter_that_names_nothing_fixes_what_is_usual_and_shows_it() {
    let group = Group::new(2, 2, Goal::Model);
    let board = FolderBoard::open(&group.board()).unwrap();
    let charter = super::super::choose(&board, None, |_| true).unwrap();
    let task = Task {
        wishes: Wishes::default(),
        ..charter.task().clone()
    };
    let charter = Charter::new(charter.members().to_vec(), 2, task).unwrap();
    let text = crate::roles::group::terms::asked(&charter).lines.join("\n");
    for said in [
        "2 iterations of steps 4, 4",
        "degree 3 on scores to 6",
        "without refreshes",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // The small plan has steps 4 and 8, whoever made it.
    let map = map_of(&{
        let (features, labels) = rows(0);
        Statistics::of(&crate::data::FeatureSet::new(features, labels, None, "rows").unwrap())
    });
    let plan = small_plan(
        &[ROWS / 2, ROWS / 2],
        &map,
        joint(&charter),
        Arrangement::RowMajor,
    );
    let (expected, found) = require_wished(&charter, plan.plan.job()).unwrap_err();
    assert_eq!(expected, "of steps 4, 4");
    assert_eq!(found, "of steps 4, 8");
}
