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
