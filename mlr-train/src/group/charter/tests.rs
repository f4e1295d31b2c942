//! What a charter says, and which are refused.

use super::*;
use crate::group::Identity;

pub(in crate::group) fn task() -> Task {
    Task {
        goal: Goal::Model,
        purpose: "digits".to_owned(),
        classes: ["zero", "one"].map(str::to_owned).to_vec(),
        features: 5,
        wishes: Wishes::default(),
        largest_sum: 1e9,
        most_bytes: 1 << 30,
    }
}

/// A group of `owners` owners who all receive the model, and a server that has no rows.
pub(in crate::group) fn group(owners: usize, threshold: usize) -> (Charter, Vec<Identity>) {
    group_for(owners, threshold, task())
}

/// The same with a task of its own.
pub(in crate::group) fn group_for(
    owners: usize,
    threshold: usize,
    task: Task,
) -> (Charter, Vec<Identity>) {
    let identities: Vec<_> = (0..=owners)
        .map(|number| Identity::generate(&format!("member {number}")).unwrap())
        .collect();
    let duties = |number| match number == owners {
        true => vec![Duty::Server],
        false => vec![Duty::Owner, Duty::Receiver],
    };
    let members = identities
        .iter()
        .enumerate()
        .map(|(number, identity)| Member {
            card: identity.card().clone(),
            duties: duties(number),
        });
    let charter = Charter::new(members.collect(), threshold, task).unwrap();
    (charter, identities)
}

#[test]
fn a_charter_names_its_session_and_reads_as_written() {
    let (charter, identities) = group(3, 2);
    let read = Charter::parse(&charter.to_json()).unwrap();
    assert_eq!(read, charter);
    assert_eq!(read.session(), charter.session());
    assert_eq!(charter.senders(Step::Upload), [0, 1, 2]);
    assert_eq!(charter.senders(Step::Model), [3]);
    assert_eq!(charter.senders(Step::Agree), [0, 1, 2, 3]);
    assert_eq!(charter.number(&identities[2].card().fingerprint()), Some(2));
    assert_eq!((charter.owner(2), charter.owner(3)), (Some(2), None));
    // The same members once more are another session.
    let again = Charter::new(charter.members.clone(), 2, task()).unwrap();
    assert_ne!(again.session(), charter.session());
    let text = String::from_utf8(charter.to_json()).unwrap();
    assert!(Charter::parse(text.replace("{\"kind\"", "{ \"kind\"").as_bytes()).is_err());
    for at in (0..text.len()).step_by(7) {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        let other = Charter::parse(&changed);
        assert!(other.is_err() || other.unwrap().session() != charter.session());
    }
}

#[test]
fn a_group_for_statistics_needs_owners_alone() {
    let (charter, _) = group(3, 2);
    let task = Task {
        goal: Goal::Statistics,
        ..task()
    };
    let owners = charter.members[..3].to_vec();
    let sums = Charter::new(owners, 2, task.clone()).unwrap();
    assert_eq!(sums.senders(Step::Received), [0, 1, 2]);
    assert!(Charter::new(charter.members, 2, task).is_err());
}

#[test]
fn groups_that_cannot_work_are_refused() {
    let (charter, _) = group(3, 2);
    let refused = |change: &dyn Fn(&mut Charter)| {
        let mut other = charter.clone();
        change(&mut other);
        other.check().unwrap_err().to_string()
    };
    for (change, what) in [
        (
            &(|c: &mut Charter| c.threshold = 1) as &dyn Fn(&mut Charter),
            "opens alone",
        ),
        (&|c| c.threshold = 4, "opens alone"),
        (&|c| c.members.truncate(3), "one server"),
        (&|c| c.members[0].duties.push(Duty::Server), "one server"),
        (&|c| c.members[1] = c.members[0].clone(), "differ"),
        (&|c| c.members[0].duties.reverse(), "in order"),
        (&|c| c.members[0].duties.clear(), "in order"),
        (&|c| c.task.classes.truncate(1), "classes"),
        (
            &|c| c.task.classes[1] = c.task.classes[0].clone(),
            "two of one name",
        ),
        (&|c| c.task.largest_sum = f64::NAN, "largest sum"),
        (&|c| c.task.features = 0, "features"),
        (&|c| c.task.wishes.steps = vec![4.0, 0.0], "positive"),
        (&|c| c.task.wishes.steps = vec![4.0; 33], "32 steps"),
        (&|c| c.task.wishes.range = Some(f64::NAN), "range"),
        (&|c| c.task.wishes.degree = Some(4), "odd degree"),
        (&|c| c.task.wishes.refresh_every = Some(99), "two refreshes"),
    ] {
        assert!(refused(change).contains(what), "{what}");
    }
    let receivers = refused(&|c| {
        for member in &mut c.members[..3] {
            member.duties = vec![Duty::Owner];
        }
    });
    assert!(receivers.contains("receives the model"));
    let none = refused(&|c| {
        c.members.drain(..3);
    });
    assert!(none.contains("1 to 256 owners"), "{none}");
    let client = refused(&|c| c.task.wishes.refresher = Some(Refresher::Client));
    assert!(client.contains("refreshes by the owners"), "{client}");
}

#[test]
fn one_owner_and_a_server_are_a_group_of_their_own_steps() {
    let (charter, _) = group(1, 1);
    assert!(charter.has_one_owner());
    assert_eq!(Charter::parse(&charter.to_json()).unwrap(), charter);
    assert_eq!(charter.senders(Step::Accept), [1]);
    assert_eq!(charter.senders(Step::Received), [0]);
    for step in [Step::Statistics, Step::Commit, Step::Ready, Step::Share] {
        assert!(charter.senders(step).is_empty(), "{step}");
    }
    let (several, _) = group(2, 2);
    let refused = |change: &dyn Fn(&mut Charter)| {
        let mut other = charter.clone();
        change(&mut other);
        other.check().unwrap_err().to_string()
    };
    for (change, what) in [
        (
            &(|c: &mut Charter| c.threshold = 2) as &dyn Fn(&mut Charter),
            "a threshold of 1",
        ),
        (&|c| c.members[0].duties.truncate(1), "alone receives"),
        (&|c| c.members.truncate(1), "a server beside it"),
        (&|c| c.task.goal = Goal::Statistics, "alone receives"),
        (
            &|c| {
                c.members.push(several.members[0].clone());
                c.members[2].duties = vec![Duty::Receiver];
            },
            "alone receives",
        ),
        (&|c| c.task.wishes.refresh_every = Some(1), "by the client"),
        (
            &|c| c.task.wishes.refresher = Some(Refresher::Bootstrap),
            "by the client",
        ),
    ] {
        let error = refused(change);
        assert!(error.contains(what), "{what}: {error}");
    }
}
