//! Messages that somebody takes off the board.

use super::*;
use crate::group::charter::tests::{group_for, task};
use crate::group::charter::{Refresher, Task, Wishes};

/// What is left of a board when somebody has taken these steps off.
fn without(session: &Session, deleted: &[Step]) -> Inbox {
    let mut inbox = Inbox::default();
    for step in session.inbox.steps().filter(|step| !deleted.contains(step)) {
        for (_, message) in session.inbox.all(step) {
            inbox.take(&session.charter, message.clone()).unwrap();
        }
    }
    inbox
}

/// Of owners whose charter has them refresh the weights twice, or one of whom does; at its end.
fn refreshed(owners: usize, threshold: usize) -> Session {
    let refresher = (owners == 1).then_some(Refresher::Client);
    let mut session = wishing(owners, threshold, Some(1), refresher);
    session.refreshes = 2;
    session.run(&[]);
    session
}

/// Of a charter with four iterations.
fn wishing(
    owners: usize,
    threshold: usize,
    refresh_every: Option<usize>,
    refresher: Option<Refresher>,
) -> Session {
    let wishes = Wishes {
        steps: vec![4.0; 4],
        refresh_every,
        refresher,
        ..Wishes::default()
    };
    Session::of(group_for(owners, threshold, Task { wishes, ..task() }))
}

#[test]
fn a_refresh_of_which_nothing_is_left_is_waited_for() {
    for (owners, threshold) in [(1, 1), (3, 2)] {
        let session = refreshed(owners, threshold);
        for first in 0..2 {
            let gone = (first..2).flat_map(|n| [Step::RefreshQuestion(n), Step::RefreshShare(n)]);
            let inbox = without(&session, &gone.collect::<Vec<_>>());
            for me in 0..owners {
                let view = View {
                    charter: &session.charter,
                    me,
                    inbox: &inbox,
                };
                let Next::Wait { step, of, .. } = view.next().unwrap() else {
                    panic!("{first} {me}: waits for nobody");
                };
                assert_eq!((step, of), (Step::RefreshQuestion(first), vec![owners]));
            }
        }
    }
}

/// What a member makes of a model of the server that answers this.
fn model_of(session: &Session, answers: [u8; 32]) -> Result<Next, GroupError> {
    let mut inbox = without(session, &[Step::Model, Step::Ready, Step::Received]);
    let server = session.charter.with(Duty::Server).next().unwrap();
    let model = session.message(server, Step::Model, answers, &[]);
    inbox.take(&session.charter, model).unwrap();
    let charter = &session.charter;
    View {
        charter,
        me: 0,
        inbox: &inbox,
    }
    .next()
}

#[test]
fn a_model_that_answers_another_refresh_is_the_servers_fault() {
    let session = refreshed(3, 2);
    let [verdict, first] =
        [Step::Verdict, Step::RefreshShare(0)].map(|step| session.inbox.hash(step));
    // Earlier ones; and nothing that was ever there, where all refreshes are.
    for answers in [verdict, first, [5; 32]] {
        let error = model_of(&session, answers).unwrap_err();
        assert!(matches!(error, GroupError::Answers { .. }), "{error}");
    }
    // Where members refresh nothing, nothing of theirs can be lost.
    for (owners, every, refresher) in [
        (3, None, None),
        (1, Some(1), Some(Refresher::Bootstrap)),
        (3, Some(3), None),
    ] {
        let mut session = wishing(owners, owners.min(2), every, refresher);
        session.run(&[]);
        let error = model_of(&session, [5; 32]).unwrap_err();
        assert!(matches!(error, GroupError::Answers { .. }), "{error}");
    }
}

#[test]
fn a_question_that_somebody_deletes_is_waited_for_and_the_model_is_not_blamed() {
    for (owners, threshold) in [(1, 1), (3, 2)] {
        let mut session = Session::new(owners, threshold);
        session.refreshes = 2;
        session.run(&[]);
        for number in 0..2 {
            let deleted = Step::RefreshQuestion(number);
            let inbox = without(&session, &[deleted]);
            let charter = &session.charter;
            for me in 0..owners {
                let inbox = &inbox;
                let view = View { charter, me, inbox };
                let waits = Next::Wait {
                    step: deleted,
                    of: charter.senders(deleted),
                    needed: 1,
                    all: 1,
                };
                assert_eq!(view.next().unwrap(), waits, "{number} {me}");
            }
        }
    }
}

#[test]
fn a_share_that_nobody_asked_for_holds_nobody_up() {
    for refreshes in [0, 2] {
        let mut session = Session::new(3, 2);
        session.refreshes = refreshes;
        let share = Step::RefreshShare(7);
        let unasked = session.message(2, share, [3; 32], &[]);
        session.inbox.take(&session.charter, unasked).unwrap();
        session.run(&[]);
        // Owner 2 may well wait for what it made up.
        for me in [0, 1, 3] {
            assert_eq!(session.next(me), Next::Done, "{me}");
        }
        assert_eq!(session.view(0).refreshes(), refreshes);
    }
}
