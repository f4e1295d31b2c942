//! Envelopes: what is accepted, and what is refused by name.

use super::*;

const SESSION: [u8; 32] = [9; 32];

fn file(name: &str) -> FileEntry {
    FileEntry {
        name: name.to_owned(),
        bytes: 5,
        blake3: blake3::hash(name.as_bytes()).to_hex().to_string(),
    }
}

fn draft(step: Step, names: &[&str]) -> Draft<'static> {
    Draft {
        session: &SESSION,
        step,
        answers: [1; 32],
        members: Vec::new(),
        files: names.iter().map(|name| file(name)).collect(),
    }
}

#[test]
fn a_message_says_what_was_signed() {
    let [a, b] = ["a", "b"].map(|name| Identity::generate(name).unwrap());
    let names = ["masked", "keys/galois-3.share"];
    let said = Message::sign(draft(Step::RefreshShare(2), &names), &a).unwrap();
    let read = Message::parse(said.text(), &SESSION, &[b.card(), a.card()]).unwrap();
    assert_eq!(read, said);
    assert_eq!(read.step(), Step::RefreshShare(2));
    assert_eq!(read.sender(), a.card().fingerprint());
    assert_eq!(read.bytes(), 10);
    assert_eq!(read.answers(), &[1; 32]);
    // The same again is the same; anything else is another.
    let again = Message::sign(draft(Step::RefreshShare(2), &names), &a).unwrap();
    assert_eq!(again.text(), said.text());
    let other = Message::sign(draft(Step::RefreshShare(3), &names), &a).unwrap();
    assert_ne!(other.id(), said.id());
    assert_ne!(set_hash([&said]), set_hash([&other]));
    assert_eq!(set_hash([&said, &other]), set_hash([&other, &said, &said]));
}

#[test]
fn every_changed_byte_other_sessions_and_strangers_are_refused() {
    let [a, b] = ["a", "b"].map(|name| Identity::generate(name).unwrap());
    let said = Message::sign(draft(Step::Deal, &["to-1"]), &a).unwrap();
    let parse = |text: &[u8]| Message::parse(text, &SESSION, &[a.card(), b.card()]);
    for at in 0..said.text().len() {
        let mut text = said.text().to_vec();
        text[at] ^= 1;
        assert!(parse(&text).is_err(), "byte {at}");
        assert!(parse(&said.text()[..at]).is_err(), "cut at {at}");
    }
    let error = Message::parse(said.text(), &[8; 32], &[a.card()]).unwrap_err();
    assert!(matches!(error, GroupError::Session { .. }), "{error}");
    let error = Message::parse(said.text(), &SESSION, &[b.card()]).unwrap_err();
    assert!(matches!(error, GroupError::Stranger { .. }), "{error}");
    // Another member's message as one's own.
    let text = String::from_utf8(said.text().to_vec()).unwrap();
    let stolen = text.replace(&a.card().fingerprint(), &b.card().fingerprint());
    let error = parse(stolen.as_bytes()).unwrap_err();
    let expected = "expected a message that b signed, found one with another signature";
    assert_eq!(error.to_string(), expected);
    // Another spelling of the same values is no message: nobody can post it twice.
    for respelled in [
        text.replace("{\"kind\"", "{ \"kind\""),
        format!("{text} "),
        format!("{}\n", text),
    ] {
        let error = parse(respelled.as_bytes()).unwrap_err();
        assert!(matches!(error, GroupError::Form { .. }), "{error}");
    }
    let upper = text.replace(&hex_signature(&text), &hex_signature(&text).to_uppercase());
    assert!(parse(upper.as_bytes()).is_err());
}

fn hex_signature(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["signature"].as_str().unwrap().to_owned()
}

#[test]
fn names_that_lead_elsewhere_are_in_no_message() {
    let a = Identity::generate("a").unwrap();
    for name in [
        "",
        "/",
        "/etc",
        "..",
        "a/../b",
        "a//b",
        "a/",
        ".hidden",
        "A",
        "a b",
        "a\\b",
        "a\u{0}",
        "\u{e9}",
        &"a".repeat(129),
    ] {
        let error = Message::sign(draft(Step::Deal, &[name]), &a).unwrap_err();
        assert!(matches!(error, GroupError::Form { .. }), "{name:?}");
    }
    assert!(Message::sign(draft(Step::Deal, &["a", "a"]), &a).is_err());
    let mut huge = draft(Step::Deal, &["a", "b"]);
    huge.files[0].bytes = u64::MAX;
    assert!(Message::sign(huge, &a).is_err());
    let mut upper = draft(Step::Deal, &["a"]);
    upper.files[0].blake3 = upper.files[0].blake3.to_uppercase();
    assert!(Message::sign(upper, &a).is_err());
}

#[test]
fn a_refusal_says_why_and_nothing_else_does() {
    let a = Identity::generate("a").unwrap();
    let session = *draft(Step::Deal, &[]).session;
    let why = Refusal::new(
        Step::Verdict,
        he_core::error::Class::Verification,
        "a proof",
    )
    .unwrap();
    let refused = Message::refuse(&session, 2, why.clone(), &a).unwrap();
    assert_eq!(refused.step(), Step::Refusal(2));
    assert_eq!(refused.refusal(), Some(&why));
    let read = Message::parse(refused.text(), &session, &[a.card()]).unwrap();
    assert_eq!(read, refused);
    assert!(Message::refuse(&session, 10_000, why, &a).is_err());
    // A refusal without a reason, and a step of another kind with one.
    assert!(Message::sign(draft(Step::Refusal(0), &[]), &a).is_err());
    let text = String::from_utf8(refused.text().to_vec()).unwrap();
    let other = text.replace("\"refusal-2\"", "\"verdict\"");
    assert_ne!(other, text);
    assert!(Message::parse(other.as_bytes(), &session, &[a.card()]).is_err());
    let said = Message::sign(draft(Step::Deal, &["a"]), &a).unwrap();
    assert_eq!(said.refusal(), None);
}
