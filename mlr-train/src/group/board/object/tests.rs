//! Buckets in memory, at a server that answers one thing, and at a whole S3 server.

mod refused;
mod server;

use std::io;
use std::pin::Pin;
use std::sync::Mutex;

use object_store::memory::InMemory;
use object_store::{PutPayload, PutResult, UploadPart};

use super::*;
use crate::group::board::Sort;
use crate::group::board::tests::conforms;
use crate::group::runner::tests::delays_and_no_more;

fn in_memory(prefix: &str) -> ObjectBoard {
    let prefix = Key::parse(prefix).unwrap();
    ObjectBoard::new(Arc::new(InMemory::new()), prefix, "memory".to_owned()).unwrap()
}

/// Puts an object as a stranger does.
fn put(board: &ObjectBoard, key: &str) {
    let key = Key::parse(key).unwrap();
    let put = board.store.put(&key, "x".into());
    board.runtime.block_on(put).unwrap();
}

fn remove(board: &ObjectBoard, name: &Name) {
    let key = board.key(name);
    let deleted = board.store.delete(&key);
    board.runtime.block_on(deleted).unwrap();
}

#[test]
fn a_bucket_in_memory_conforms() {
    for prefix in ["", "group", "a/b c/%2F"] {
        conforms(&in_memory(prefix));
    }
}

#[test]
fn whoever_can_write_to_a_bucket_delays_and_no_more() {
    let board = in_memory("group");
    delays_and_no_more(&board, &|name| remove(&board, name));
}

#[test]
fn what_else_lies_in_a_bucket_is_ignored() {
    let board = in_memory("group");
    let name = Name::of(Sort::Message, b"x").to_string();
    for key in [
        "photo.jpg".to_owned(),
        format!("{name}.part"),
        name.to_uppercase(),
        format!("deeper/{name}"),
        format!("{name}/{name}"),
    ] {
        put(&board, &format!("group/{key}"));
    }
    // Beside the board, in no listing of it.
    put(&board, &name);
    put(&board, &format!("group-2/{name}"));
    let listing = board.list().unwrap();
    assert!(listing.entries.is_empty(), "{listing:?}");
    assert_eq!(listing.foreign, 5);
}

#[test]
fn a_flood_of_objects_is_named() {
    let board = in_memory("group");
    for object in 0..=MOST_ENTRIES {
        put(&board, &format!("group/{object}"));
    }
    let error = board.list().unwrap_err().to_string();
    assert!(error.contains("at most 262144 objects"), "{error}");
}

/// What an upload was given, and how it ended.
#[derive(Debug, Default)]
struct Given {
    parts: Vec<usize>,
    hash: blake3::Hasher,
    flying: usize,
    most: usize,
    completed: bool,
    aborted: bool,
}

/// An upload whose parts take a while, and of which one may fail: part number `fails`, or its end.
#[derive(Debug)]
struct Upload {
    given: Arc<Mutex<Given>>,
    fails: Option<usize>,
}

fn broken() -> object_store::Error {
    object_store::Error::NotSupported {
        source: "broken".into(),
    }
}

type Ended<'a, T> = Pin<Box<dyn Future<Output = object_store::Result<T>> + Send + 'a>>;

impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let length = data.content_length();
        let mut given = self.given.lock().unwrap();
        let fails = self.fails == Some(given.parts.len());
        given.parts.push(length);
        for bytes in data.iter() {
            given.hash.update(bytes);
        }
        given.flying += length;
        given.most = given.most.max(given.flying);
        let given = Arc::clone(&self.given);
        Box::pin(async move {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            given.lock().unwrap().flying -= length;
            match fails {
                true => Err(broken()),
                false => Ok(()),
            }
        })
    }

    fn complete<'a, 'b>(&'a mut self) -> Ended<'b, PutResult>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let mut given = self.given.lock().unwrap();
            if self.fails == Some(given.parts.len()) {
                return Err(broken());
            }
            given.completed = true;
            Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Default::default(),
            })
        })
    }

    fn abort<'a, 'b>(&'a mut self) -> Ended<'b, ()>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            self.given.lock().unwrap().aborted = true;
            Ok(())
        })
    }
}

/// A content that cannot be read to its end.
struct Cut<R>(R);

impl<R: Read> Read for Cut<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.read(bytes)? {
            0 => Err(io::Error::other("cut")),
            read => Ok(read),
        }
    }
}

fn uploaded(
    source: &mut dyn Read,
    fails: Option<usize>,
) -> (Result<(), Stopped>, Arc<Mutex<Given>>) {
    let given = Arc::<Mutex<Given>>::default();
    let upload = Upload {
        given: Arc::clone(&given),
        fails,
    };
    let board = in_memory("");
    let first = part(source).unwrap();
    let ended = board
        .runtime
        .block_on(upload_all(Box::new(upload), first, source));
    (ended, given)
}

#[test]
fn a_large_content_goes_by_parts_of_which_few_are_in_memory() {
    for (length, parts) in [(PART, 1), (6 * PART + 7, 7), (7 * PART, 7)] {
        let content = || io::repeat(7).take(length as u64);
        let (ended, given) = uploaded(&mut content(), None);
        assert!(ended.is_ok());
        let given = given.lock().unwrap();
        let mut hash = blake3::Hasher::new();
        io::copy(&mut content(), &mut hash).unwrap();
        assert_eq!(given.hash.finalize(), hash.finalize());
        assert_eq!(given.parts.len(), parts);
        assert!(given.parts[..parts - 1].iter().all(|part| *part == PART));
        assert!(given.most <= FLYING * PART, "{}", given.most);
        assert!(given.completed && !given.aborted);
    }
}

#[test]
fn an_upload_that_stops_is_taken_back() {
    let content = || io::repeat(7).take(3 * PART as u64);
    for fails in 0..=3 {
        let (ended, given) = uploaded(&mut content(), Some(fails));
        assert!(matches!(ended, Err(Stopped::Store(_))), "{fails}");
        let given = given.lock().unwrap();
        assert!(given.aborted && !given.completed, "{fails}");
    }
    let (ended, given) = uploaded(&mut Cut(content()), None);
    assert!(matches!(ended, Err(Stopped::Source(_))));
    assert!(given.lock().unwrap().aborted);
    // As the board says it, for contents of one request and of several.
    let board = in_memory("");
    let name = Name::of(Sort::File, b"x");
    for length in [3, PART + 3] {
        let error = board.write(&name, &mut Cut(io::repeat(7).take(length as u64)));
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), "cannot read");
        assert!(!board.read(&name, 1, &mut io::sink()).unwrap());
    }
}
