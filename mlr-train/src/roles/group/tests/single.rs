//! One owner and a server: what comes of it, who dies in between, and what a stranger on the board can do.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use he_core::error::{Class, Explain};

use super::attacks::{once, turns};
use super::*;
use crate::artifacts::secret_key;
use crate::group::board::{Name, Sort};
use crate::group::charter::Refresher;
use crate::group::message::Draft;
use crate::group::{Identity, Message, Step};
use crate::model::Model;
use crate::roles::group::create::Created;

const OWNER: usize = 0;
const SERVER: usize = 1;

pub(super) const BY_CLIENT: Option<Refresher> = Some(Refresher::Client);

pub(super) fn wishes(refresher: Option<Refresher>) -> Wishes {
    Wishes {
        refresh_every: refresher.map(|_| 1),
        refresher,
        ..Wishes::default()
    }
}

fn group(refresher: Option<Refresher>) -> Group {
    Group::wishing(1, 1, Goal::Model, wishes(refresher))
}

fn job(group: &Group) -> JobFolder {
    JobFolder::new(&group.own(OWNER))
}

/// The model that came is the clear twin of the plan, to the bits that it says are certain.
pub(super) fn require_twin(group: &Group) {
    let read = |path: &Path| Model::read(path).unwrap();
    let model = read(&group.own(OWNER).join("model"));
    let twin = read(&job(group).private().join("twin"));
    let bits = model.provenance().certified_bits.unwrap();
    assert!(bits >= 3.0, "{bits}");
    let largest = |values: &Array2<f64>| values.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    let error = largest(&(model.weights() - twin.weights()));
    // Weights over raw features are sums over the axes of what was rounded, and those of the twin are of size one.
    let bound = 4.0 * largest(twin.weights()) * (-bits).exp2() * (FEATURES as f64).sqrt();
    assert!(error <= bound, "{error} {bound}");
    assert!(model.provenance().encrypted);
    let right = group.right(OWNER);
    assert!(right * 10 > ROWS * 8, "{right} of {ROWS}");
}

/// How often the owner's transcript has this.
fn counted(group: &Group, member: usize, what: &str) -> usize {
    let transcript = fs::read_to_string(group.folder(member).join("transcript")).unwrap();
    transcript.matches(what).count()
}

#[test]
fn one_owner_and_a_server_as_processes_train_the_owner_s_model() {
    for refresher in [None, BY_CLIENT, Some(Refresher::Bootstrap)] {
        let group = group(refresher);
        let members: Vec<Child> = (0..2).map(|member| group.spawn(member)).collect();
        members.into_iter().for_each(Group::done);
        require_twin(&group);
        let answers = counted(&group, OWNER, "{\"answer\":{\"question\":\"refresh-");
        assert_eq!(answers, if refresher == BY_CLIENT { 2 } else { 0 });
        let job = job(&group);
        let plan = Insecure.read(&job.plan()).unwrap().plan;
        assert_eq!(
            plan.job().refreshes(),
            if refresher.is_some() { 2 } else { 0 }
        );
        let bootstrapped = refresher == Some(Refresher::Bootstrap);
        assert_eq!(plan.bootstrapping().is_some(), bootstrapped);
        for path in [job.plan(), job.recipe(), job.secret_key(), job.private()] {
            assert!(path.exists(), "{}", path.display());
        }
        assert!(job.encrypted_model().exists());
        // Nothing on the board tells the key.
        let key = fs::read(job.secret_key()).unwrap();
        let needle = &key[key.len() / 2..key.len() / 2 + 32];
        let party = fs::read(group.own(OWNER).join("keys/party.key")).unwrap();
        for file in fs::read_dir(group.board()).unwrap() {
            let content = fs::read(file.unwrap().path()).unwrap();
            for needle in [needle, &party[party.len() / 2..party.len() / 2 + 32]] {
                assert!(!content.windows(needle.len()).any(|part| part == needle));
            }
        }
        let board = FolderBoard::open(&group.board()).unwrap();
        let status = super::super::status::run(&board, None).unwrap();
        assert!(status.done, "{status:?}");
        // Started once more both have nothing to do.
        for member in [OWNER, SERVER] {
            assert!(once(&group, member).unwrap().steps.is_empty());
        }
    }
}

/// Takes the keys of the bootstrapping away from a member once weights have been through it.
struct Taking {
    folder: PathBuf,
    taken: AtomicUsize,
}

impl Reporter for Taking {
    fn advance(&self, _: u64, what: &str) {
        if !what.contains("unpacking of the weights") {
            return;
        }
        for path in super::processes::below(&self.folder) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("bootstrap-") && fs::remove_file(&path).is_ok() {
                self.taken.fetch_add(1, Relaxed);
            }
        }
    }
}

#[test]
fn keys_of_a_bootstrapping_that_stay_in_memory_are_read_once() {
    let group = group(Some(Refresher::Bootstrap));
    let taking = Taking {
        folder: group.folder(SERVER),
        taken: AtomicUsize::new(0),
    };
    let waits = |ended: Result<_, RunError>| match ended {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.class(), Class::Waiting, "{error}");
            true
        }
    };
    for _ in 0..10 {
        let owner = waits(once(&group, OWNER));
        let server = waits(super::attacks::once_with(
            &group, SERVER, &Insecure, &taking,
        ));
        if !owner && !server {
            break;
        }
    }
    let plan = Insecure.read(&job(&group).plan()).unwrap().plan;
    assert!(plan.keeps_bootstrapping());
    assert_eq!(plan.job().refreshes(), 2);
    assert!(taking.taken.load(Relaxed) > 3);
    require_twin(&group);
}

#[test]
fn what_is_agreed_to_says_what_the_server_sees_and_what_is_trained() {
    let group = group(BY_CLIENT);
    let board = FolderBoard::open(&group.board()).unwrap();
    let charter = super::super::choose(&board, None, |_| true).unwrap();
    let text = super::super::terms::asked(&charter).lines.join("\n");
    for said in [
        "4 iterations of steps 4, 4, 4, 4",
        "degree 3 on scores to 6",
        "refreshes by the client after every 1 iterations",
        "revealed to member 1",
        "no feature, label or weight",
        "member 0 alone has the key",
        "encrypts them anew whenever member 1 asks",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("sums over all owners"), "{text}");
}

#[test]
fn a_folder_with_another_job_is_refused_before_anything_is_said() {
    let group = group(None);
    let job = job(&group);
    let plan = job.plan();
    fs::create_dir_all(files::parent(&plan)).unwrap();
    fs::write(&plan, "another job's").unwrap();
    let error = once(&group, OWNER).unwrap_err();
    assert_eq!(error.class(), Class::Input);
    assert!(Explain::hint(&error).unwrap().contains("--job"), "{error}");
    assert_eq!(fs::read_to_string(plan).unwrap(), "another job's");
    let board = FolderBoard::open(&group.board()).unwrap();
    let said = super::super::status::run(&board, None).unwrap().steps;
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn a_server_trains_no_other_plan_than_it_agreed_to() {
    let group = group(None);
    for _ in 0..2 {
        let waits = super::attacks::once_with(&group, OWNER, &Unwished, &Silent).unwrap_err();
        assert_eq!(waits.class(), Class::Waiting, "{waits}");
        if let Err(error) = once(&group, SERVER) {
            if error.class() == Class::Waiting {
                continue;
            }
            let text = format!("{error} {}", error.place().unwrap_or_default());
            assert!(text.contains("without refreshes"), "{text}");
            assert!(text.contains("plan of member 0"), "{text}");
            assert_eq!(error.class(), Class::Verification);
            return;
        }
    }
    panic!("the plan was accepted");
}

#[test]
fn every_step_whose_process_ends_in_the_middle_is_done_once() {
    let group = group(BY_CLIENT);
    for member in [OWNER, SERVER] {
        assert_eq!(once(&group, member).unwrap_err().class(), Class::Waiting);
    }
    // Where something cannot be written a process ends: with keys but no rows, with an answer noted and not computed, with weights that wait for a request.
    let mut opened = job(&group).secret_key().into_os_string();
    opened.push(".opened");
    fs::create_dir_all(job(&group).client()).unwrap();
    secret_key::make_private_directory(files::parent(&job(&group).secret_key())).unwrap();
    let mut blocked = vec![
        group.folder(SERVER).join("own/model.enc.refresh"),
        PathBuf::from(opened),
        group.folder(OWNER).join("own/dataset"),
    ];
    for path in &blocked {
        fs::create_dir_all(files::parent(path)).unwrap();
        fs::write(path, "in the way").unwrap();
    }
    let mut key = Vec::new();
    while let Err(error) = turns(&group, &[OWNER, SERVER]) {
        let place = format!("{error} {}", error.place().unwrap_or_default());
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let hit = blocked.iter().position(|path| place.contains(&name(path)));
        let path = blocked.remove(hit.unwrap_or_else(|| panic!("{place}")));
        fs::remove_file(&path).unwrap();
        let now = fs::read(job(&group).secret_key()).unwrap();
        assert!(key.is_empty() || key == now, "the key is made once");
        key = now;
    }
    assert!(blocked.is_empty(), "{blocked:?}");
    require_twin(&group);
    assert_eq!(fs::read(job(&group).secret_key()).unwrap(), key);
}

/// Kills of each member.
const MOMENTS: usize = 20;

#[test]
#[ignore = "minutes: owner and server killed at twenty moments each"]
fn one_owner_and_a_server_killed_at_twenty_moments_each_end_with_the_model() {
    let undisturbed = Instant::now();
    let other = group(BY_CLIENT);
    let members: Vec<Child> = (0..2).map(|member| other.spawn(member)).collect();
    members.into_iter().for_each(Group::done);
    let length = undisturbed.elapsed();

    let group = group(BY_CLIENT);
    let mut running: Vec<Child> = (0..2).map(|member| group.spawn(member)).collect();
    for moment in 0..2 * MOMENTS {
        let member = moment % 2;
        let part = (0.5 + moment as f64 * 0.618_033_988_749_895).fract();
        std::thread::sleep(length.mul_f64(part / 10.0));
        let _ended = running[member].kill();
        running[member].wait().unwrap();
        running[member] = group.spawn(member);
    }
    running.into_iter().for_each(Group::done);
    require_twin(&group);
    assert_eq!(
        counted(&group, OWNER, "{\"answer\":{\"question\":\"refresh-"),
        2
    );
    for (member, step) in [
        (OWNER, "plan"),
        (OWNER, "upload"),
        (OWNER, "refresh-share-0"),
        (OWNER, "received"),
        (SERVER, "refresh-question-0"),
        (SERVER, "model"),
    ] {
        let said = format!("\\\"step\\\":\\\"{step}\\\"");
        assert_eq!(counted(&group, member, &said), 1, "{step}");
    }
}

/// Deletes, alters or lengthens an entry, and adds garbage and what a member said in another session.
fn disturb(group: &Group, member: &Identity, number: usize) {
    let board = FolderBoard::open(&group.board()).unwrap();
    let entries = board.list().unwrap().entries.into_keys();
    let names: Vec<Name> = entries
        .filter(|name| name.sort() != Sort::Charter)
        .collect();
    let name = names[number.wrapping_mul(7919) % names.len()];
    let path = group.board().join(name.to_string());
    let mut content = fs::read(&path).unwrap();
    match number % 3 {
        0 => fs::remove_file(&path).unwrap(),
        1 => {
            let middle = content.len() / 2;
            content[middle] ^= 1;
            board.write(&name, &mut &*content).unwrap();
        }
        _ => {
            content.push(0);
            board.write(&name, &mut &*content).unwrap();
        }
    }
    let replayed = Draft {
        session: &[7; 32],
        step: Step::Upload,
        answers: [number as u8; 32],
        members: Vec::new(),
        files: Vec::new(),
    };
    let replayed = Message::sign(replayed, member).unwrap();
    for (sort, text) in [
        (Sort::Message, replayed.text()),
        (Sort::File, b"garbage".as_slice()),
        (Sort::Charter, b"garbage".as_slice()),
    ] {
        board.write(&Name::of(sort, text), &mut &*text).unwrap();
    }
}

#[test]
fn a_stranger_on_the_board_delays_one_owner_s_model_and_no_more() {
    let group = group(BY_CLIENT);
    let member = Identity::read(&group.own(OWNER).join("keys/party.key")).unwrap();
    let ended = |member: usize| match once(&group, member) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.class(), Class::Waiting, "{error}");
            false
        }
    };
    let mut number = 0;
    let mut acted = BTreeSet::new();
    while !(ended(OWNER) & ended(SERVER)) {
        assert!(number < 200, "no end");
        if number < 30 {
            disturb(&group, &member, number);
            acted.insert(number % 3);
        }
        number += 1;
    }
    assert_eq!(acted.len(), 3);
    require_twin(&group);
    let board = FolderBoard::open(&group.board()).unwrap();
    let status = super::super::status::run(&board, Some(&group.session)).unwrap();
    let refused = status.refused.join("\n");
    assert!(refused.contains("found one of session"), "{refused}");
}

#[test]
fn a_second_group_on_the_board_is_another_session() {
    let group = group(None);
    let own = |member: usize| group.own(member).join("card.json");
    let input = CreateInput {
        members: vec![
            (own(OWNER), vec![Duty::Owner, Duty::Receiver]),
            (own(SERVER), vec![Duty::Server]),
        ],
        threshold: 1,
        task: Task {
            goal: Goal::Model,
            purpose: "another".to_owned(),
            classes: (0..CLASSES).map(|class| class.to_string()).collect(),
            features: FEATURES,
            wishes: Wishes::default(),
            largest_sum: 1e6,
            most_bytes: 1 << 30,
        },
    };
    let board = FolderBoard::open(&group.board()).unwrap();
    let Created { session, .. } = create::run(&input, &board).unwrap();
    assert_ne!(session, group.session);
    turns(&group, &[OWNER, SERVER]).unwrap();
    require_twin(&group);
    let other = super::super::status::run(&board, Some(&session)).unwrap();
    assert!(other.steps.is_empty(), "{other:?}");
}
