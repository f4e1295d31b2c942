//! Messages that somebody takes off the board.

use super::*;

#[test]
fn a_question_that_somebody_deletes_is_waited_for_and_the_model_is_not_blamed() {
    for (owners, threshold) in [(1, 1), (3, 2)] {
        let mut session = Session::new(owners, threshold);
        session.refreshes = 2;
        session.run(&[]);
        for number in 0..2 {
            let deleted = Step::RefreshQuestion(number);
            let mut inbox = Inbox::default();
            for step in session.inbox.steps().filter(|step| *step != deleted) {
                for (_, message) in session.inbox.all(step) {
                    inbox.take(&session.charter, message.clone()).unwrap();
                }
            }
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
