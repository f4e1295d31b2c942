//! What a transcript remembers after any cut, and what it refuses.

use super::*;
use crate::group::Identity;
use crate::group::message::Draft;

const SESSION: [u8; 32] = [7; 32];

fn said(step: Step, answers: u8, by: &Identity) -> Message {
    let draft = Draft {
        session: &SESSION,
        step,
        answers: [answers; 32],
        members: Vec::new(),
        files: Vec::new(),
    };
    Message::sign(draft, by).unwrap()
}

#[test]
fn everything_is_said_and_answered_once_in_any_process() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("session");
    let party = Identity::generate("a").unwrap();
    let open = || Transcript::open(&folder, &SESSION, party.card());
    let first = said(Step::Commit, 1, &party);
    {
        let mut transcript = open().unwrap();
        // Another process is kept out while this one is at work.
        assert!(open().is_err());
        transcript.send(&first).unwrap();
        transcript.answer(Question::Opening, &[1; 32]).unwrap();
        transcript.answer(Question::Refresh(0), &[2; 32]).unwrap();
    }
    let mut transcript = open().unwrap();
    assert_eq!(transcript.sent(Step::Commit), Some(&first));
    transcript.send(&first).unwrap();
    let error = transcript.send(&said(Step::Commit, 2, &party)).unwrap_err();
    assert!(error.to_string().contains("step commit"), "{error}");
    transcript.answer(Question::Opening, &[1; 32]).unwrap();
    let error = transcript.answer(Question::Opening, &[3; 32]).unwrap_err();
    assert!(error.to_string().contains("opening"), "{error}");
    assert!(transcript.answer(Question::Refresh(0), &[1; 32]).is_err());
    transcript.answer(Question::Refresh(1), &[1; 32]).unwrap();
    transcript.send(&said(Step::Share, 1, &party)).unwrap();
    // Its share has spent the key: the same once more, and nothing new.
    transcript.answer(Question::Opening, &[1; 32]).unwrap();
    assert!(transcript.answer(Question::Refresh(2), &[1; 32]).is_err());
    assert!(transcript.send(&said(Step::Deal, 1, &party)).is_err());
    drop(transcript);
    let mut transcript = open().unwrap();
    assert!(transcript.is_spent());
    assert!(transcript.send(&said(Step::Deal, 1, &party)).is_err());
    transcript.send(&said(Step::Received, 1, &party)).unwrap();
    assert_eq!(transcript.all_sent().count(), 3);
    drop(transcript);
    // A share of the opening spends the key by itself, in this process and in the next.
    let folder = place.path().join("other");
    for _ in 0..2 {
        let mut transcript = Transcript::open(&folder, &SESSION, party.card()).unwrap();
        transcript.send(&said(Step::Share, 1, &party)).unwrap();
        assert!(transcript.answer(Question::Opening, &[9; 32]).is_err());
        assert!(transcript.send(&said(Step::Ready, 1, &party)).is_err());
    }
}

#[test]
fn a_cut_at_any_byte_leaves_whole_lines_and_a_changed_byte_is_noticed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("session");
    let party = Identity::generate("a").unwrap();
    let open = || Transcript::open(&folder, &SESSION, party.card());
    let mut transcript = open().unwrap();
    transcript.answer(Question::Opening, &[1; 32]).unwrap();
    transcript.send(&said(Step::Share, 1, &party)).unwrap();
    drop(transcript);
    let path = folder.join(FILE);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<_> = (0..whole.len()).filter(|i| whole[*i] == b'\n').collect();
    for cut in (0..whole.len()).step_by(17).chain(ends.iter().copied()) {
        fs::write(&path, &whole[..cut]).unwrap();
        let transcript = open().unwrap();
        assert_eq!(
            transcript.answered(Question::Opening).is_some(),
            cut > ends[1],
            "{cut}"
        );
        assert!(transcript.sent(Step::Share).is_none());
        drop(transcript);
        // And it goes on behind the cut.
        let mut transcript = open().unwrap();
        transcript.answer(Question::Opening, &[1; 32]).unwrap();
        transcript.send(&said(Step::Share, 1, &party)).unwrap();
        drop(transcript);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    for at in (0..whole.len()).filter(|at| !ends.contains(at)) {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        fs::write(&path, &changed).unwrap();
        assert!(open().is_err(), "byte {at}");
        assert_eq!(fs::read(&path).unwrap(), changed, "nothing is repaired");
    }
    // A line in between is gone.
    let without = [&whole[..=ends[0]], &whole[ends[1] + 1..]].concat();
    fs::write(&path, without).unwrap();
    assert!(open().is_err());
}

#[test]
fn a_transcript_of_another_session_or_party_or_none_beside_keys_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("session");
    let [a, b] = ["a", "b"].map(|name| Identity::generate(name).unwrap());
    drop(Transcript::open(&folder, &SESSION, a.card()).unwrap());
    for (session, card) in [([8; 32], a.card()), (SESSION, b.card())] {
        let error = Transcript::open(&folder, &session, card).unwrap_err();
        assert!(error.to_string().contains("that of "), "{error}");
    }
    fs::write(folder.join("secret"), b"a key").unwrap();
    fs::remove_file(folder.join(FILE)).unwrap();
    let error = Transcript::open(&folder, &SESSION, a.card()).unwrap_err();
    assert!(error.to_string().contains("had one"), "{error}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = place.path().join("new");
        drop(Transcript::open(&folder, &SESSION, a.card()).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(FILE)), 0o600);
    }
}
