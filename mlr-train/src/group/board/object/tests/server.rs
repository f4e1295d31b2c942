//! At a whole S3 server, which `cargo xtask check --full` starts and names in the environment.

use std::net::TcpStream;

use he_core::error::{Class, Explain};

use super::*;

/// Address of a server with the bucket `velum`, which looks at no credentials.
const SERVER: &str = "VELUM_TEST_S3";

fn server() -> String {
    std::env::var(SERVER).unwrap()
}

/// A board of this process's own at the server.
fn board(prefix: &str) -> ObjectBoard {
    let settings = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT", &server()),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = std::process::id();
    open(&format!("s3://velum/{own}/{prefix}"), &settings).unwrap()
}

/// Body of a bare request: the client does not ask for everything.
fn ask(method: &str, target: &str) -> String {
    let server = server();
    let host = server.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: AWS id:none\r\nContent-Length: 0\r\n"
    );
    stream
        .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
#[ignore = "needs an S3 server, which the full check starts"]
fn a_bucket_of_a_server_conforms() {
    conforms(&board("conforms"));
    conforms(&board("Ä b+c%2F?#&=~'()/x"));
}

#[test]
#[ignore = "needs an S3 server, which the full check starts"]
fn large_contents_come_whole_and_what_is_cut_leaves_nothing_at_a_server() {
    let board = board("large");
    let content: Vec<u8> = (0..2 * PART + 12345).map(|i| (i % 251) as u8).collect();
    let name = Name::of(Sort::File, &content);
    board.write(&name, &mut &content[..]).unwrap();
    let listing = board.list().unwrap();
    assert_eq!(listing.entries.get(&name), Some(&(content.len() as u64)));
    let mut read = Vec::new();
    assert!(board.read(&name, u64::MAX, &mut read).unwrap());
    assert!(read == content);
    read.clear();
    assert!(board.read(&name, PART as u64 + 3, &mut read).unwrap());
    assert!(read == content[..PART + 3]);
    let other = Name::of(Sort::File, b"other");
    let error = board.write(&other, &mut Cut(&content[..])).unwrap_err();
    assert_eq!(error.to_string(), "cannot read");
    assert!(!board.read(&other, 1, &mut io::sink()).unwrap());
    let uploads = ask("GET", "/velum?uploads");
    assert!(uploads.contains("ListMultipartUploadsResult"), "{uploads}");
    assert!(!uploads.contains("<UploadId>"), "{uploads}");
}

#[test]
#[ignore = "needs an S3 server, which the full check starts"]
fn several_threads_fill_several_pages_of_a_server_s_listing() {
    let board = board("pages");
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let board = &board;
            scope.spawn(move || {
                for entry in 0..350 {
                    let content = format!("{thread} {entry}");
                    let name = Name::of(Sort::Message, content.as_bytes());
                    board.write(&name, &mut content.as_bytes()).unwrap();
                    let mut read = Vec::new();
                    assert!(board.read(&name, 99, &mut read).unwrap());
                    assert_eq!(read, content.as_bytes());
                }
            });
        }
    });
    assert_eq!(board.list().unwrap().entries.len(), 1050);
}

#[test]
#[ignore = "needs an S3 server, which the full check starts"]
fn a_key_that_no_address_can_hold_is_named_and_a_missing_bucket_too() {
    let stray = board("stray");
    let own = std::process::id();
    ask("PUT", &format!("/velum/{own}/stray//x"));
    let error = stray.list().unwrap_err();
    assert_eq!(error.class(), Class::Environment);
    assert!(error.to_string().contains("stray//x"), "{error}");
    assert!(Explain::hint(&error).unwrap().contains("remove it"));
    ask("DELETE", &format!("/velum/{own}/stray//x"));
    assert_eq!(stray.list().unwrap(), Listing::default());
    let settings = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_S3", &server()),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = open("s3://not-there/a", &settings).unwrap().list();
    let error = error.unwrap_err();
    assert_eq!(error.class(), Class::Input, "{error}");
    assert!(error.to_string().contains("no such bucket"), "{error}");
}
