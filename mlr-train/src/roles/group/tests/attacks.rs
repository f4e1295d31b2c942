//! Messages that no honest member sends, against the real steps.

use super::*;
use crate::group::board::{Board as _, Name, Sort};
use crate::group::message::Draft;
use crate::group::{Identity, Message, Step};

/// Runs every member in turn with `once`, until nobody can act or somebody is refused.
pub(super) fn turns(group: &Group, members: &[usize]) -> Result<(), RunError> {
    for _ in 0..40 {
        let mut moved = false;
        for member in members {
            match once(group, *member) {
                Ok(run) => moved |= !run.steps.is_empty(),
                Err(error) if waits(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if !moved && members.iter().all(|member| once(group, *member).is_ok()) {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether others have to act first: those that refuse a step can still go on.
fn waits(error: &RunError) -> bool {
    let class = he_core::error::Explain::class(error);
    class == he_core::error::Class::Waiting || error.to_string().contains("that it refuses: ")
}

pub(super) fn once(group: &Group, member: usize) -> Result<GroupRun, RunError> {
    once_with(group, member, &Insecure, &Silent)
}

/// What a member does now with plans from there.
pub(super) fn once_with(
    group: &Group,
    member: usize,
    plans: &dyn Plans,
    reporter: &dyn Reporter,
) -> Result<GroupRun, RunError> {
    let own = group.own(member);
    let board = FolderBoard::open(&group.board())?;
    let rows = own.join("rows.csv");
    let input = GroupInput {
        key: own.join("keys/party.key"),
        session: Some(group.session.clone()),
        sessions: own.join("sessions"),
        rows: rows.exists().then(|| Rows::all(rows)),
        pooled: own.join("pooled"),
        model: own.join("model"),
        job: JobFolder::new(&own),
        poll: Duration::from_millis(1),
        fresh: USUAL_FRESH,
        once: true,
    };
    run::run(&input, &board, plans, &|_| Ok(()), reporter)
}

#[test]
fn another_owner_s_messages_and_those_of_an_older_session_are_refused_by_name() {
    let older = Group::new(2, 2, Goal::Statistics);
    turns(&older, &[0, 1]).unwrap();
    let group = Group::new(2, 2, Goal::Statistics);
    let board = FolderBoard::open(&group.board()).unwrap();
    // All of the older session's board, and a message of owner 0 that says it is owner 1's.
    for entry in fs::read_dir(older.board()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, group.board().join(path.file_name().unwrap())).unwrap();
    }
    let keys: Vec<_> = (0..2)
        .map(|member| Identity::read(&group.own(member).join("keys/party.key")).unwrap())
        .collect();
    let session: [u8; 32] = blake3::Hash::from_hex(&group.session).unwrap().into();
    let draft = Draft {
        session: &session,
        step: Step::Agree,
        answers: session,
        members: Vec::new(),
        files: Vec::new(),
    };
    let said = Message::sign(draft, &keys[0]).unwrap();
    let text = String::from_utf8(said.text().to_vec()).unwrap();
    let stolen = text.replace(&keys[0].card().fingerprint(), &keys[1].card().fingerprint());
    let name = Name::of(Sort::Message, stolen.as_bytes());
    board.write(&name, &mut stolen.as_bytes()).unwrap();

    turns(&group, &[0, 1]).unwrap();
    let pooled = |member| Statistics::read(&group.own(member).join("pooled")).unwrap();
    assert!(pooled(0) == pooled(1));
    let status = super::super::status::run(&board, Some(&group.session)).unwrap();
    assert!(status.done, "{status:?}");
    let refused = status.refused.join("\n");
    assert!(refused.contains("found one of session"), "{refused}");
    assert!(refused.contains("that member 1 signed"), "{refused}");
}

#[test]
fn a_second_message_of_an_owner_stops_the_others_by_its_name() {
    let group = Group::new(2, 2, Goal::Statistics);
    for member in [0, 1] {
        let _waits = once(&group, member);
    }
    let key = Identity::read(&group.own(1).join("keys/party.key")).unwrap();
    let board = FolderBoard::open(&group.board()).unwrap();
    let session: [u8; 32] = blake3::Hash::from_hex(&group.session).unwrap().into();
    let draft = Draft {
        session: &session,
        step: Step::Agree,
        answers: [0; 32],
        members: Vec::new(),
        files: Vec::new(),
    };
    let second = Message::sign(draft, &key).unwrap();
    let name = Name::of(Sort::Message, second.text());
    board.write(&name, &mut second.text()).unwrap();
    let error = once(&group, 0).unwrap_err().to_string();
    assert!(
        error.contains("member 1") && error.contains("two that it signed"),
        "{error}"
    );
    let error = super::super::status::run(&board, None).unwrap_err();
    assert!(error.to_string().contains("member 1"), "{error}");
    assert!(!group.own(0).join("pooled").exists());
}
