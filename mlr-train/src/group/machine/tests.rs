//! Whole sessions without computing: whose turn it is, who is waited for, what stops the group.

mod deleted;

use super::*;
use crate::group::Identity;
use crate::group::charter::tests::group;
use crate::group::message::Draft;

struct Session {
    charter: Charter,
    identities: Vec<Identity>,
    inbox: Inbox,
    /// Refreshes of the plan.
    refreshes: u32,
}

impl Session {
    fn new(owners: usize, threshold: usize) -> Self {
        Self::of(group(owners, threshold))
    }

    fn of((charter, identities): (Charter, Vec<Identity>)) -> Self {
        Self {
            charter,
            identities,
            inbox: Inbox::default(),
            refreshes: 0,
        }
    }

    fn view(&self, me: usize) -> View<'_> {
        View {
            charter: &self.charter,
            me,
            inbox: &self.inbox,
        }
    }

    fn next(&self, me: usize) -> Next {
        self.view(me).next().unwrap()
    }

    fn message(&self, me: usize, step: Step, answers: [u8; 32], members: &[usize]) -> Message {
        let draft = Draft {
            session: &self.charter.session(),
            step,
            answers,
            members: members.iter().map(|one| *one as u32).collect(),
            files: Vec::new(),
        };
        Message::sign(draft, &self.identities[me]).unwrap()
    }

    /// Says a step, or asks for a refresh that comes before it.
    fn say(&mut self, me: usize, step: Step) {
        let view = self.view(me);
        let step = match step {
            Step::Model if view.refreshes() < self.refreshes => {
                Step::RefreshQuestion(view.refreshes())
            }
            step => step,
        };
        let message = self.message(me, step, view.answers(step), &view.named(step));
        self.inbox.take(&self.charter, message).unwrap();
    }

    /// Everybody but `gone` acts as long as anybody can; what each did last.
    fn run(&mut self, gone: &[usize]) {
        loop {
            let members = 0..self.charter.members().len();
            let mut acted = false;
            for me in members.filter(|me| !gone.contains(me)) {
                if let Next::Act(step) = self.next(me) {
                    self.say(me, step);
                    acted = true;
                }
            }
            if !acted {
                return;
            }
        }
    }
}

#[test]
fn a_session_goes_through_all_steps_with_every_threshold() {
    for (owners, threshold) in [(2, 2), (3, 2), (3, 3), (10, 4)] {
        let mut session = Session::new(owners, threshold);
        session.run(&[]);
        for me in 0..=owners {
            assert_eq!(session.next(me), Next::Done, "{me}");
        }
        let count = |step| session.inbox.all(step).count();
        assert_eq!(count(Step::Agree), owners + 1);
        assert_eq!(count(Step::Share), threshold);
        assert_eq!(count(Step::Received), owners);
        let dealt = if threshold == owners { 0 } else { owners };
        assert_eq!(count(Step::Deal), dealt);
    }
}

#[test]
fn refreshes_are_asked_one_after_the_other_of_as_many_owners_as_open() {
    for (owners, threshold) in [(2, 2), (3, 2), (5, 3)] {
        let mut session = Session::new(owners, threshold);
        session.refreshes = 3;
        session.run(&[]);
        for me in 0..=owners {
            assert_eq!(session.next(me), Next::Done, "{me}");
        }
        for number in 0..3 {
            let count = |step| session.inbox.all(step).count();
            assert_eq!(count(Step::RefreshQuestion(number)), 1);
            assert_eq!(count(Step::RefreshShare(number)), threshold);
        }
        assert_eq!(session.view(0).refreshes(), 3);
        let model = session.inbox.all(Step::Model).next().unwrap().1;
        assert_eq!(model.answers(), &session.inbox.hash(Step::RefreshShare(2)));
    }
}

#[test]
fn one_owner_and_a_server_take_turns() {
    for refreshes in [0, 2] {
        let mut session = Session::new(1, 1);
        session.refreshes = refreshes;
        session.run(&[1]);
        let waits = |step, of| Next::Wait {
            step,
            of: vec![of],
            needed: 1,
            all: if step == Step::Agree { 2 } else { 1 },
        };
        assert_eq!(session.next(0), waits(Step::Agree, 1));
        session.run(&[]);
        assert!((0..2).all(|me| session.next(me) == Next::Done));
        let count = |step| session.inbox.all(step).count();
        for (step, members) in [(Step::Agree, 2), (Step::Accept, 1), (Step::Upload, 1)] {
            assert_eq!(count(step), members, "{step}");
        }
        assert_eq!(session.view(0).refreshes(), refreshes);
        let model = session.inbox.all(Step::Model).next().unwrap().1;
        let received = session.inbox.all(Step::Received).next().unwrap().1;
        assert_eq!(received.answers(), &session.inbox.hash(Step::Model));
        let before = refreshes
            .checked_sub(1)
            .map_or(Step::Verdict, Step::RefreshShare);
        assert_eq!(model.answers(), &session.inbox.hash(before));
    }
    // Whoever has not the model yet is waited for, by the server too.
    let mut session = Session::new(1, 1);
    while session.inbox.all(Step::Model).next().is_none() {
        for me in 0..2 {
            if let Next::Act(step) = session.next(me) {
                session.say(me, step);
            }
        }
    }
    assert_eq!(session.next(0), Next::Act(Step::Received));
    assert!(matches!(
        session.next(1),
        Next::Wait {
            step: Step::Received,
            ..
        }
    ));
    // An upload that answers something else, and a question of the owner.
    let other = session.message(1, Step::RefreshQuestion(0), [5; 32], &[0]);
    assert!(matches!(
        refused(&mut session, other),
        GroupError::Answers { .. }
    ));
    let own = session.message(0, Step::RefreshQuestion(0), [0; 32], &[0]);
    let error = session.inbox.take(&session.charter, own).unwrap_err();
    assert!(matches!(error, GroupError::Role { .. }), "{error}");
}

/// A session of four owners, two of whom refresh and open, in which the server has asked for a refresh.
fn asked_to_refresh() -> Session {
    let mut session = Session::new(4, 2);
    session.refreshes = 2;
    while session.view(0).refreshes() == 0 {
        for me in 0..5 {
            if let Next::Act(step) = session.next(me) {
                session.say(me, step);
            }
        }
    }
    session
}

#[test]
fn owners_that_are_not_asked_to_refresh_may_be_gone_and_those_that_are_get_waited_for() {
    let mut session = asked_to_refresh();
    session.run(&[1, 2, 3]);
    let waits = Next::Wait {
        step: Step::RefreshShare(0),
        of: vec![1],
        needed: 1,
        all: 2,
    };
    for me in [0, 2, 4] {
        assert_eq!(session.next(me), waits, "{me}");
    }
    assert_eq!(session.next(1), Next::Act(Step::RefreshShare(0)));
    session.run(&[2, 3]);
    assert_eq!(session.view(0).refreshes(), 2);
    assert_eq!(session.next(4), Next::Done);
    session.run(&[]);
    assert!((0..5).all(|me| session.next(me) == Next::Done));
}

/// What owner 0 says of a message that is taken back afterwards.
fn refused(session: &mut Session, message: Message) -> GroupError {
    let kept = session.inbox.clone();
    session.inbox.take(&session.charter, message).unwrap();
    let error = session.view(0).next().unwrap_err();
    session.inbox = kept;
    error
}

#[test]
fn refreshes_of_others_than_those_named_stop_the_group() {
    let mut session = asked_to_refresh();
    // A share of an owner that was not asked, and one that answers something else.
    let answers = session.view(0).answers(Step::RefreshShare(0));
    for (me, answers) in [(2, answers), (1, [5; 32])] {
        let share = session.message(me, Step::RefreshShare(0), answers, &[]);
        let error = refused(&mut session, share).to_string();
        assert!(error.contains(&format!("member {me}")), "{error}");
    }
    // A second question of one number, and one of an owner.
    let answers = session.view(4).answers(Step::RefreshQuestion(0));
    let other = session.message(4, Step::RefreshQuestion(0), answers, &[2, 3]);
    let error = session.inbox.take(&session.charter, other).unwrap_err();
    assert!(matches!(error, GroupError::Equivocation { .. }), "{error}");
    let owner = session.message(0, Step::RefreshQuestion(1), [0; 32], &[0, 1]);
    let error = session.inbox.take(&session.charter, owner).unwrap_err();
    assert!(matches!(error, GroupError::Role { .. }), "{error}");
    // Questions to too few, to one twice, to one that is no owner, to too many; one that skips the shares before it.
    session.run(&[4]);
    let answers = session.view(4).answers(Step::RefreshQuestion(1));
    assert_eq!(answers, session.inbox.hash(Step::RefreshShare(0)));
    let skips = session.inbox.hash(Step::Verdict);
    for (answers, chosen) in [
        (answers, vec![0]),
        (answers, vec![1, 1]),
        (answers, vec![0, 4]),
        (answers, vec![0, 9]),
        (answers, vec![0, 1, 2]),
        (skips, vec![0, 1]),
    ] {
        let question = session.message(4, Step::RefreshQuestion(1), answers, &chosen);
        let error = refused(&mut session, question);
        assert!(
            matches!(error, GroupError::Answers { .. }),
            "{chosen:?}: {error}"
        );
    }
}

#[test]
fn who_is_waited_for_is_named() {
    let mut session = Session::new(5, 3);
    session.run(&[1, 4]);
    let waiting = |step, of: &[usize], needed, all| Next::Wait {
        step,
        of: of.to_vec(),
        needed,
        all,
    };
    assert_eq!(session.next(0), waiting(Step::Agree, &[1, 4], 2, 6));
    session.run(&[1]);
    assert_eq!(session.next(4), waiting(Step::Agree, &[1], 1, 6));
    assert_eq!(session.next(1), Next::Act(Step::Agree));
}

#[test]
fn owners_gone_after_their_upload_are_missed_by_nobody_if_enough_are_left() {
    let mut session = Session::new(4, 2);
    // Up to the model everybody is there.
    while session.inbox.all(Step::Model).next().is_none() {
        for me in 0..5 {
            if let Next::Act(step) = session.next(me) {
                session.say(me, step);
            }
        }
    }
    session.run(&[1, 2, 3]);
    let Next::Wait { step, needed, .. } = session.next(0) else {
        panic!("one of two opens nothing")
    };
    assert_eq!((step, needed), (Step::Ready, 1));
    session.run(&[1, 2]);
    assert_eq!(session.view(0).active().unwrap(), Some(vec![0, 3]));
    assert_eq!(
        [0, 3, 4].map(|me| session.next(me)),
        [const { Next::Done }; 3]
    );
    // Who comes back later gets the model, and opens nothing.
    assert_eq!(session.next(2), Next::Act(Step::Received));
    session.run(&[]);
    assert_eq!(session.inbox.all(Step::Share).count(), 2);
}

#[test]
fn owners_that_are_called_are_named_by_the_words_that_they_gave_then() {
    let mut session = Session::new(4, 2);
    while session.inbox.all(Step::Model).next().is_none() {
        for me in 0..5 {
            if let Next::Act(step) = session.next(me) {
                session.say(me, step);
            }
        }
    }
    session.say(0, Step::Ready);
    session.say(1, Step::Ready);
    assert_eq!(session.next(4), Next::Act(Step::Question));
    let early = session.message(
        4,
        Step::Question,
        session.view(4).answers(Step::Question),
        &[0, 1],
    );
    session.say(4, Step::Call(0));
    // Everybody who is there says so anew, and those who were before count no more.
    assert_eq!(session.next(1), Next::Act(Step::Here(0)));
    let Next::Wait { step, needed, .. } = session.next(4) else {
        panic!("nobody is there")
    };
    assert_eq!((step, needed), (Step::Here(0), 2));
    session.say(1, Step::Here(0));
    session.say(3, Step::Here(0));
    assert_eq!(session.view(4).openers(), [1, 3]);
    // A question that was asked before the call is one of before it: whoever is named then answers it.
    let kept = session.inbox.clone();
    session.inbox.take(&session.charter, early).unwrap();
    assert_eq!(session.view(0).active().unwrap(), Some(vec![0, 1]));
    session.inbox = kept;
    let draft = Draft {
        session: &session.charter.session(),
        step: Step::Question,
        answers: session.view(4).answers(Step::Question),
        members: vec![1, 3],
        files: Vec::new(),
    };
    let asked = crate::group::message::Asked {
        calls: 1,
        seconds: 7,
    };
    let question = Message::ask(draft, asked, &session.identities[4]).unwrap();
    session.inbox.take(&session.charter, question).unwrap();
    assert_eq!(session.view(0).active().unwrap(), Some(vec![1, 3]));
    assert_eq!(session.next(3), Next::Act(Step::Share));
    assert_eq!(
        session.next(2),
        Next::Wait {
            step: Step::Share,
            of: vec![1, 3],
            needed: 2,
            all: 2,
        }
    );
    // A word that answers another call stops the group by its sender's name.
    let other = session.message(2, Step::Here(0), [5; 32], &[]);
    let error = refused(&mut session, other).to_string();
    assert!(
        error.contains("member 2") && error.contains("here-0"),
        "{error}"
    );
}

#[test]
fn refusals_end_the_waiting_only_where_too_few_others_are_left() {
    let mut session = Session::new(3, 2);
    let refuse = |session: &mut Session, me: usize, number, step| {
        let refusal = Refusal::new(step, he_core::error::Class::Input, "why").unwrap();
        let charter = session.charter.session();
        let message = Message::refuse(&charter, number, refusal, &session.identities[me]);
        session
            .inbox
            .take(&session.charter, message.unwrap())
            .unwrap();
    };
    let by = |session: &Session, me: usize| {
        let next = session.next(me);
        let view = session.view(me);
        view.refused_by(&next)
            .map(|(member, one)| (member, one.step()))
    };
    // Nobody is kept from acting, and who has acted waits for one who refuses.
    refuse(&mut session, 1, 0, Step::Agree);
    assert_eq!(session.next(0), Next::Act(Step::Agree));
    assert_eq!(by(&session, 0), None);
    session.run(&[1]);
    assert_eq!(by(&session, 0), Some((1, Step::Agree)));
    session.say(1, Step::Agree);
    assert_eq!(session.view(0).refusal(1), None);
    // Of three owners two open: one that does not is not missed, two are.
    while session.inbox.all(Step::Model).next().is_none() {
        for me in 0..4 {
            if let Next::Act(step) = session.next(me) {
                session.say(me, step);
            }
        }
    }
    refuse(&mut session, 1, 1, Step::Ready);
    session.run(&[1, 2]);
    assert_eq!(by(&session, 0), None);
    refuse(&mut session, 2, 0, Step::Ready);
    assert_eq!(by(&session, 0), Some((1, Step::Ready)));
    session.run(&[1]);
    assert!((2..4).all(|me| session.next(me) == Next::Done));
}

#[test]
fn two_messages_for_one_step_stop_the_group() {
    let mut session = Session::new(3, 2);
    session.run(&[]);
    let other = session.message(1, Step::KeyShare, [5; 32], &[]);
    let error = session.inbox.take(&session.charter, other).unwrap_err();
    assert!(matches!(error, GroupError::Equivocation { .. }));
    let text = error.to_string();
    assert!(
        text.contains("member 1") && text.contains("key-share"),
        "{text}"
    );
}

#[test]
fn messages_that_build_on_something_else_and_steps_of_others_stop_the_group() {
    for step in [Step::Statistics, Step::KeyShare, Step::Upload, Step::Ready] {
        let mut session = Session::new(3, 2);
        while !matches!(session.next(0), Next::Act(next) if next == step) {
            for me in 0..4 {
                match session.next(me) {
                    Next::Act(next) if next != step => session.say(me, next),
                    _ => (),
                }
            }
        }
        let foreign = session.message(2, step, [5; 32], &[]);
        session.inbox.take(&session.charter, foreign).unwrap();
        let error = session.view(0).next().unwrap_err();
        assert!(matches!(error, GroupError::Answers { .. }), "{error}");
        assert!(error.to_string().contains("member 2"));
    }
    let mut session = Session::new(3, 2);
    for (me, step) in [(1, Step::Plan), (0, Step::Model), (3, Step::Statistics)] {
        let message = session.message(me, step, [5; 32], &[]);
        let error = session.inbox.take(&session.charter, message).unwrap_err();
        assert!(matches!(error, GroupError::Role { .. }), "{error}");
    }
}

#[test]
fn a_server_that_chooses_others_than_are_ready_is_not_answered() {
    let mut session = Session::new(4, 2);
    while session.inbox.all(Step::Ready).count() < 3 {
        for me in [4, 0, 1, 2, 3] {
            match session.next(me) {
                Next::Act(Step::Question) => (),
                Next::Act(Step::Ready) if me == 3 => (),
                Next::Act(step) => session.say(me, step),
                _ => (),
            }
        }
    }
    let ready = |session: &Session, chosen: &[usize]| session.view(0).there_hash(chosen, 0);
    for (chosen, refused) in [
        (vec![0], true),
        (vec![0, 0], true),
        (vec![0, 1, 2], true),
        // Not ready: its word may be on the way.
        (vec![0, 3], false),
        (vec![0, 4], false),
    ] {
        let answers = ready(&session, &chosen);
        let question = session.message(4, Step::Question, answers, &chosen);
        let kept = session.inbox.clone();
        session.inbox.take(&session.charter, question).unwrap();
        match session.view(0).next() {
            Err(error) => assert!(refused, "{chosen:?}: {error}"),
            Ok(next) => assert!(!refused && !matches!(next, Next::Act(_)), "{chosen:?}"),
        }
        session.inbox = kept;
    }
    // Another hash than that of the chosen owners' words.
    let question = session.message(4, Step::Question, [1; 32], &[0, 1]);
    session.inbox.take(&session.charter, question).unwrap();
    assert!(session.view(0).next().is_err());
}
