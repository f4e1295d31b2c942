//! A whole group in a bucket of an S3 server, with a stranger who can do there all that a member can.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;
use crate::group::board::{Name, Sort};
use crate::group::message::Draft;
use crate::group::{Identity, Message, Step};
use crate::roles::group::status::{self, Status};

/// How often the stranger acts.
const ACTS: usize = 40;

/// A stranger in the bucket.
struct Stranger<'a> {
    group: &'a Group,
    board: Box<dyn Board>,
    /// A member, whose messages of another session it has.
    member: Identity,
    seed: u64,
}

impl Stranger<'_> {
    fn random(&mut self, below: usize) -> usize {
        self.seed = self
            .seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.seed >> 33) as usize % below
    }

    fn write(&self, name: &Name, content: &[u8]) {
        self.board.write(name, &mut &*content).unwrap();
    }

    /// Deletes, alters or lengthens an entry, and adds garbage and what was said elsewhere. The charter is read at the beginning alone, and is spared.
    fn act(&mut self, number: usize) {
        let entries = self.board.list().unwrap().entries.into_keys();
        let names: Vec<Name> = entries
            .filter(|name| name.sort() != Sort::Charter)
            .collect();
        let name = names[self.random(names.len())];
        let mut content = Vec::new();
        assert!(self.board.read(&name, u64::MAX, &mut content).unwrap());
        match number % 3 {
            0 => ask("DELETE", &format!("{}/{name}", self.group.key())),
            1 => {
                let middle = content.len() / 2;
                content[middle] ^= 1;
                self.write(&name, &content);
            }
            _ => {
                content.push(0);
                self.write(&name, &content);
            }
        }
        ask("PUT", &format!("{}/photo-{number}.jpg", self.group.key()));
        let garbage = format!("garbage {number}").into_bytes();
        for sort in [Sort::Message, Sort::File, Sort::Charter] {
            self.write(&Name::of(sort, &garbage), &garbage);
        }
        let replayed = Draft {
            session: &[7; 32],
            step: Step::KeyShare,
            answers: [number as u8; 32],
            members: Vec::new(),
            files: Vec::new(),
        };
        let replayed = Message::sign(replayed, &self.member).unwrap();
        self.write(&Name::of(Sort::Message, replayed.text()), replayed.text());
    }
}

/// A bare request: a board deletes nothing, and puts nothing under other names.
fn ask(method: &str, target: &str) {
    let server = std::env::var("VELUM_TEST_S3").unwrap();
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
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

impl Group {
    /// Path of the bucket's part at the server.
    fn key(&self) -> String {
        let address = self.bucket.as_deref().unwrap();
        address.replacen("s3:/", "", 1)
    }

    fn status(&self) -> Status {
        let board = open(self.bucket.as_deref(), &self.board()).unwrap();
        status::run(&*board, Some(&self.session)).unwrap()
    }
}

/// All members at work in a bucket, while a stranger spoils what lies there; then each of them once more.
fn disturbed(group: &Group) {
    let all = 0..=group.owners;
    let members: Vec<Child> = all.clone().map(|member| group.spawn(member)).collect();
    until("agreement to the charter", || {
        let status = group.status();
        let agreed = status.steps.first().map(|said| said.missing.len());
        agreed == Some(0)
    });
    let mut stranger = Stranger {
        group,
        board: open(group.bucket.as_deref(), &group.board()).unwrap(),
        member: Identity::read(&group.own(0).join("keys/party.key")).unwrap(),
        seed: 1,
    };
    for number in 0..ACTS {
        stranger.act(number);
        std::thread::sleep(Duration::from_millis(100));
    }
    // What has another content of the same length is put right by its sender's next process.
    for mut member in members {
        let _ended = member.kill();
        member.wait().unwrap();
    }
    let members: Vec<Child> = all.map(|member| group.spawn(member)).collect();
    members.into_iter().for_each(Group::done);
    let status = group.status();
    assert!(status.done, "{status:?}");
    assert_eq!(status.foreign, ACTS);
    let refused = status.refused.join("\n");
    let named = |what: &str| refused.matches(what).count();
    // The stranger has spoilt some of its own.
    assert!(named("found one of session") > ACTS / 2, "{refused}");
    assert!(named("found no JSON") > ACTS / 2, "{refused}");
}

fn address(name: &str) -> String {
    format!("s3://velum/{}/{name}", std::process::id())
}

#[test]
#[ignore = "needs an S3 server, which the full check starts"]
fn a_group_in_a_bucket_is_delayed_by_a_stranger_in_it_and_no_more() {
    let group = Group::on(address("group"), 3, 2, Wishes::default());
    disturbed(&group);
    assert!(group.model(0) == group.model(1) && group.model(1) == group.model(2));
    assert!(group.right(0) * 10 > 120 * 8, "{}", group.right(0));
}

#[test]
#[ignore = "needs an S3 server, which the full check starts"]
fn one_owner_and_a_server_in_a_bucket_are_delayed_by_a_stranger_in_it_and_no_more() {
    let group = Group::on(address("alone"), 1, 1, single::wishes(single::BY_CLIENT));
    disturbed(&group);
    single::require_twin(&group);
}
