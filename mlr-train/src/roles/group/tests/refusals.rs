//! Members that do not do a step and say why: the others end with the reason, and go on when it is mended.

use he_core::error::{Class, Explain};

use super::attacks::{once, once_with, turns};
use super::*;
use crate::group::board::{Name, Sort};
use crate::group::{Identity, Message, Refusal, Step};
use crate::plan::PlanError;
use crate::roles::group::status::{self, Status};

/// Plans that cannot be made.
struct Impossible;

impl Plans for Impossible {
    fn make(&self, _: &Charter, _: Making<'_>, _: &dyn Reporter) -> Result<(), RunError> {
        Err(PlanError::NoRefresh { iterations: 2 }.into())
    }

    fn read(&self, plan: &Path) -> Result<PlanFile, RunError> {
        Insecure.read(plan)
    }
}

fn look(group: &Group) -> Status {
    let board = FolderBoard::open(&group.board()).unwrap();
    status::run(&board, Some(&group.session)).unwrap()
}

/// Acts for all members with these plans of the first, until somebody is refused something; who, and what it says.
fn until_refused(group: &Group, members: usize, plans: &dyn Plans) -> (usize, RunError) {
    for _ in 0..10 {
        for member in 0..members {
            let ended = match member {
                0 => once_with(group, member, plans, &Silent),
                _ => once(group, member),
            };
            match ended {
                Err(error) if error.class() != Class::Waiting => return (member, error),
                _ => {}
            }
        }
    }
    panic!("nobody refuses");
}

#[test]
fn a_plan_that_is_impossible_ends_everybody_s_run_and_all_go_on_when_it_is_mended() {
    let group = Group::new(2, 2, Goal::Model);
    let (member, own) = until_refused(&group, 3, &Impossible);
    assert_eq!(member, 0);
    let reason = own.to_string();
    // Once more it fails alike, and says nothing new.
    let again = once_with(&group, 0, &Impossible, &Silent).unwrap_err();
    assert_eq!(again.to_string(), reason);
    for member in [1, 2] {
        let error = once(&group, member).unwrap_err();
        assert_eq!(error.class(), Class::Input, "{error}");
        for said in ["member 0", "\"plan\"", &reason] {
            assert!(error.to_string().contains(said), "{said}: {error}");
        }
        assert!(Explain::hint(&error).is_some());
    }
    let status = look(&group);
    let [refusing] = &status.refusals[..] else {
        panic!("{status:?}");
    };
    let said = (&*refusing.party, &*refusing.step, refusing.class);
    assert_eq!(said, ("member 0", "plan", "input"));
    assert_eq!(refusing.reason, reason);
    assert_eq!(status.turns[0].party, "member 0");
    assert!(status.steps.iter().all(|said| said.step != "refusal-0"));
    let said = fs::read_to_string(group.folder(0).join("transcript")).unwrap();
    assert_eq!(said.matches("refusal-").count(), 1);

    turns(&group, &[0, 1, 2]).unwrap();
    assert!(group.model(0) == group.model(1));
    let status = look(&group);
    assert!(status.done && status.refusals.is_empty(), "{status:?}");
    for member in [0, 1] {
        let said = fs::read_to_string(group.folder(member).join("transcript")).unwrap();
        assert_eq!(said.matches("{\"answer\":").count(), 1, "{member}");
    }
}

#[test]
fn a_plan_that_a_member_refuses_is_known_to_all_with_the_reason() {
    let group = Group::new(2, 2, Goal::Model);
    // The first owner accepts what it has made itself as little as the others do.
    let (member, own) = until_refused(&group, 3, &Unwished);
    assert_eq!(own.class(), Class::Verification);
    for other in (0..3).filter(|other| *other != member) {
        let error = once(&group, other).unwrap_err();
        assert_ne!(error.class(), Class::Waiting, "{error}");
    }
    let status = look(&group);
    assert_eq!(status.refusals.len(), 3, "{status:?}");
    for refusing in &status.refusals {
        assert_eq!(
            (&*refusing.step, refusing.class),
            ("accept", "verification")
        );
        let reason = &refusing.reason;
        assert!(reason.contains("without refreshes"), "{reason}");
        assert!(reason.contains("plan of member 0"), "{reason}");
    }
}

#[test]
fn whoever_refuses_out_of_malice_delays_and_no_more() {
    let group = Group::new(2, 2, Goal::Statistics);
    let board = FolderBoard::open(&group.board()).unwrap();
    let session: [u8; 32] = blake3::Hash::from_hex(&group.session).unwrap().into();
    let key = Identity::read(&group.own(1).join("keys/party.key")).unwrap();
    let refuse = |number, reason: &str| {
        let refusal = Refusal::new(Step::Statistics, Class::Verification, reason).unwrap();
        let message = Message::refuse(&session, number, refusal, &key).unwrap();
        let name = Name::of(Sort::Message, message.text());
        board.write(&name, &mut message.text()).unwrap();
    };
    // Before it is anybody's turn, and twice: the last word counts.
    refuse(0, "no reason");
    refuse(1, "another");
    let error = once(&group, 0).unwrap_err().to_string();
    assert!(
        error.contains("member 1") && error.contains("another"),
        "{error}"
    );
    // It acted before it waited.
    let agreed = look(&group).steps;
    assert_eq!(agreed[0].said, ["member 0"]);
    turns(&group, &[1, 0]).unwrap();
    assert!(look(&group).done);
    // A refusal of what was done already holds up nobody.
    refuse(2, "too late");
    assert!(look(&group).refusals.is_empty());
    assert!(once(&group, 0).is_ok());
    // Two refusals of one number are two words for one step.
    refuse(2, "otherwise");
    let error = once(&group, 0).unwrap_err().to_string();
    assert!(error.contains("two that it signed"), "{error}");
}

#[test]
fn of_one_owner_the_server_learns_that_it_refuses_and_not_what_it_decrypted() {
    let group = Group::new(1, 1, Goal::Model);
    for member in [0, 1, 0] {
        let _waits = once_with(&group, member, &Impossible, &Silent);
    }
    let error = once(&group, 1).unwrap_err().to_string();
    assert!(error.contains("no refresh falls into"), "{error}");
    // Once the model is there, a private directory that is damaged is the owner's own business.
    while !look(&group).steps.iter().any(|said| said.step == "model") {
        for member in [0, 1] {
            let _waits = once(&group, member);
            if look(&group).steps.iter().any(|said| said.step == "model") {
                break;
            }
        }
    }
    let private = JobFolder::new(&group.own(0)).private();
    let twin = private.join("twin-as-trained");
    let away = group.own(0).join("away");
    fs::rename(&twin, &away).unwrap();
    assert_ne!(once(&group, 0).unwrap_err().class(), Class::Waiting);
    let status = look(&group);
    let [refusing] = &status.refusals[..] else {
        panic!("one refusal, found {}", status.refusals.len())
    };
    assert_eq!(refusing.step, "received");
    assert!(!refusing.reason.contains("twin"), "{}", refusing.reason);
    fs::rename(&away, &twin).unwrap();
    turns(&group, &[0, 1]).unwrap();
    assert!(look(&group).done);
}
