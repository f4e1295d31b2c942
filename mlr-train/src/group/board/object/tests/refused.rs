//! Addresses, settings and answers that are refused, and what is said of them.

use std::io::BufRead as _;
use std::net::TcpListener;

use he_core::error::{Class, Explain};

use super::*;

const SECRETS: [&str; 3] = ["KEY-ID-OF-IT", "SECRET-OF-IT", "TOKEN-OF-IT"];

fn settings(endpoint: &str) -> Vec<(String, String)> {
    let [id, secret, token] = SECRETS;
    let all = [
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_SESSION_TOKEN", token),
        ("AWS_ENDPOINT", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_BUCKET", "another"),
        ("AWS_OF_ANOTHER_TOOL", "x"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    all.into_iter().map(owned).collect()
}

/// Everything that is shown of an error.
fn told(error: &RunError) -> String {
    let place = error.place().unwrap();
    let hint = Explain::hint(error).unwrap();
    format!("{error}\n{place}\n{hint}\n{error:?}")
}

/// A server that gives one answer to everything, and counts the questions.
fn answering(status: &'static str, body: &'static str) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<usize>>::default();
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            *counted.lock().unwrap() += 1;
            let lines = io::BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(|line| line.ok().filter(|line| !line.is_empty()))
                .collect();
            // As stores do that explain which signature they expected.
            let body = format!("{body}<Signed>{}</Signed></Error>", head.join(" "));
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
            let _gone = stream.write_all(format!("{head}\r\n{body}").as_bytes());
        }
    });
    (endpoint, asked)
}

#[test]
fn no_answer_of_a_store_shows_a_credential() {
    for (status, body, class, said) in [
        (
            "403 Forbidden",
            "<Error><Code>SignatureDoesNotMatch</Code><Key>SECRET-OF-IT</Key>",
            Class::Environment,
            "no right to do so (SignatureDoesNotMatch)",
        ),
        (
            "404 Not Found",
            "<Error><Code>NoSuchBucket</Code>",
            Class::Input,
            "no such bucket",
        ),
        (
            "400 Bad Request",
            "<Error><Code>TOKEN-OF-IT</Code>",
            Class::Environment,
            "an answer of status 400",
        ),
        (
            "200 OK",
            "TOKEN-OF-IT",
            Class::Environment,
            "none of an object store",
        ),
    ] {
        let (endpoint, asked) = answering(status, body);
        let board = open("s3://bucket/a/b", &settings(&endpoint)).unwrap();
        let error = board.list().unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert_eq!(error.place().as_deref(), Some("s3://bucket/a/b"));
        let told = told(&error);
        assert!(told.contains(said), "{told}");
        let everything = format!("{told}{board:?}");
        for secret in SECRETS {
            assert!(!everything.contains(secret), "{everything}");
        }
        assert_eq!(*asked.lock().unwrap(), 1, "{status}");
        if class == Class::Environment {
            let name = Name::of(Sort::File, b"x");
            let error = board.write(&name, &mut &b"x"[..]);
            if status.starts_with('4') {
                let place = error.unwrap_err().place().unwrap();
                assert_eq!(place, format!("s3://bucket/a/b/{name}"));
            }
        }
    }
}

#[test]
fn a_server_that_is_away_is_asked_again_and_then_named() {
    let (endpoint, asked) = answering("503 Slow Down", "<Error><Code>SlowDown</Code>");
    let board = open("s3://bucket", &settings(&endpoint)).unwrap();
    let error = board.list().unwrap_err();
    assert_eq!(error.class(), Class::Environment);
    assert!(
        told(&error).contains("status 503 (SlowDown)"),
        "{}",
        told(&error)
    );
    assert!(*asked.lock().unwrap() > 3, "{asked:?}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let board = open("s3://bucket", &settings(&endpoint)).unwrap();
    let name = Name::of(Sort::File, b"x");
    let error = board.read(&name, 1, &mut io::sink()).unwrap_err();
    assert_eq!(error.class(), Class::Environment);
    assert!(told(&error).contains("no connection"), "{}", told(&error));
    assert_eq!(error.place().unwrap(), format!("s3://bucket/{name}"));
}

#[test]
fn addresses_are_taken_as_they_are_written_or_refused() {
    let settings = settings("https://localhost");
    let long = format!("s3://bucket/{}", "a".repeat(901));
    for (address, key) in [
        ("s3://bucket", ""),
        ("s3://bucket/", ""),
        ("s3://bucket/a/b/", "a/b"),
        ("s3://a.b-c_d/Ä b+c%2F?#&=~'()", "Ä b+c%2F?#&=~'()"),
    ] {
        let board = open(address, &settings).unwrap();
        assert_eq!(board.prefix.as_ref(), key);
        assert_eq!(board.place(), address.trim_end_matches('/'));
        let name = Name::of(Sort::File, b"x");
        assert_eq!(board.name(&board.key(&name)), Some(name));
    }
    for address in [
        "s3://",
        "s3:///prefix",
        "s3://bu cket/prefix",
        "s3://id:secret@bucket/prefix",
        "s3://bucket//prefix",
        "s3://bucket/a//b",
        "s3://bucket/a/../b",
        "s3://bucket/./b",
        "s3://bucket/a\u{7}",
        &long,
    ] {
        let error = open(address, &settings).unwrap_err();
        assert_eq!(error.class(), Class::Input, "{address}");
        let place = address.replace("id:secret@", "…@");
        assert_eq!(error.place().as_deref(), Some(&*place));
        assert!(!told(&error).contains("secret"), "{address}");
        assert!(told(&error).contains("as in s3://our-bucket"), "{address}");
    }
}

#[test]
fn settings_that_would_fail_later_are_refused_now() {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    for (settings, hint) in [
        (
            &[("AWS_ENDPOINT_URL", "http://localhost:1")][..],
            "AWS_ALLOW_HTTP=true",
        ),
        (&[("AWS_PROFILE", "mine")], "export-credentials"),
        (
            &[("AWS_ACCESS_KEY_ID", "KEY-ID-OF-IT")],
            "AWS_ACCESS_KEY_ID",
        ),
        (
            &[("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "SECRET-OF-IT")],
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
        ),
    ] {
        let settings: Vec<(String, String)> = settings.iter().map(owned).collect();
        let error = open("s3://bucket/a", &settings).unwrap_err();
        assert_eq!(error.class(), Class::Input, "{error}");
        let told = told(&error);
        assert!(
            told.contains(hint) && told.contains("s3://bucket/a"),
            "{told}"
        );
        assert!(!told.contains("OF-IT"), "{told}");
    }
}
