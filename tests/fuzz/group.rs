//! What members of a group without a key holder read of each other and keep: cards, charters, signed messages, sealed payloads, masked sums, transcripts, and a whole board.
//!
//! Most changed messages get a good signature again: a member may say anything under its own name.

mod sums;

use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use he_core::error::Class;
use he_core::wire::Existing;
use mlr_train::group::board::{Board as _, FolderBoard, Name, Sort};
use mlr_train::group::charter::{Charter, Duty, Goal, Member, Task, Wishes};
use mlr_train::group::machine::View;
use mlr_train::group::message::{Asked, DOMAIN, Draft, FileEntry};
use mlr_train::group::seal::{self, Binding};
use mlr_train::group::transcript::{self, Question, Transcript};
use mlr_train::group::{Card, Identity, Inbox, Message, Refusal, Step};
use mlr_train::roles::group::status;

use crate::engine::{Repair, Target, as_it_is};

const FEATURES: usize = 3;
const CLASSES: usize = 2;

/// Text becomes numbers, strings and lists of them; a signed one is spelled again twice.
fn memory(length: usize) -> usize {
    64 * length + (2 << 20)
}

/// Owners who receive the model, and with a model to train a server.
struct Group {
    place: tempfile::TempDir,
    charter: Charter,
    identities: Vec<Identity>,
    keys: Vec<SigningKey>,
}

/// A board in a folder that goes with it.
struct OnDisk {
    board: FolderBoard,
    _folder: tempfile::TempDir,
}

impl Default for OnDisk {
    fn default() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let board = FolderBoard::open(folder.path()).unwrap();
        Self {
            board,
            _folder: folder,
        }
    }
}

impl OnDisk {
    fn put(&self, sort: Sort, mut bytes: &[u8]) {
        let name = Name::of(sort, bytes);
        self.board.write(&name, &mut bytes).unwrap();
    }
}

impl Group {
    fn new(owners: usize, goal: Goal) -> Self {
        let place = tempfile::tempdir().unwrap();
        let serving = usize::from(goal == Goal::Model);
        let mut identities = Vec::new();
        for number in 0..owners + serving {
            let made = Identity::generate(&format!("member {number}")).unwrap();
            let file = made.write(&place.path().join(format!("keys/{number}")));
            file.unwrap().name(Existing::Keep).unwrap();
            identities.push(made);
        }
        let member = |(number, identity): (usize, &Identity)| Member {
            card: identity.card().clone(),
            duties: match (goal, number < owners) {
                (Goal::Model, true) => vec![Duty::Owner, Duty::Receiver],
                (Goal::Model, false) => vec![Duty::Server],
                (Goal::Statistics, _) => vec![Duty::Owner],
            },
        };
        let members = identities.iter().enumerate().map(member).collect();
        let task = Task {
            goal,
            purpose: "a test".to_owned(),
            classes: (0..CLASSES).map(|class| class.to_string()).collect(),
            features: FEATURES,
            wishes: Wishes {
                refresh_every: (goal == Goal::Model).then_some(0),
                ..Wishes::default()
            },
            largest_sum: 1e6,
            most_bytes: 1 << 20,
        };
        let charter = Charter::new(members, 2, task).unwrap();
        let keys =
            (0..identities.len()).map(|n| signing_key(&place.path().join(format!("keys/{n}"))));
        Self {
            keys: keys.collect(),
            place,
            charter,
            identities,
        }
    }

    fn cards(&self) -> Vec<&Card> {
        self.identities.iter().map(Identity::card).collect()
    }

    fn parse(&self, text: &[u8]) -> Option<Message> {
        Message::parse(text, &self.charter.session(), &self.cards()).ok()
    }

    /// What is said from the charter to the opened model, each answering what it should.
    fn said(&self) -> Vec<Message> {
        let file = self.place.path().join("file");
        std::fs::write(&file, "a file").unwrap();
        let mut inbox = Inbox::default();
        let mut all = Vec::new();
        for step in [
            Step::Agree,
            Step::Statistics,
            Step::Plan,
            Step::Accept,
            Step::Commit,
            Step::KeyShare,
            Step::Relinearise,
            Step::Deal,
            Step::Upload,
            Step::Verdict,
            Step::RefreshQuestion(0),
            Step::RefreshShare(0),
            Step::Model,
            Step::Ready,
            Step::Call(0),
            Step::Here(0),
            Step::Question,
            Step::Share,
            Step::Received,
        ] {
            let view = View {
                charter: &self.charter,
                me: 0,
                inbox: &inbox,
            };
            let (answers, named) = (view.answers(step), view.named(step));
            let mut now = Vec::new();
            for member in view.sayers(step) {
                let draft = Draft {
                    session: &self.charter.session(),
                    step,
                    answers,
                    members: named.iter().map(|one| *one as u32).collect(),
                    files: vec![FileEntry::of("a/file", &file).unwrap()],
                };
                let (calls, sender) = (view.calls(), &self.identities[member]);
                let said = match step {
                    Step::Question => Message::ask(draft, Asked { calls, seconds: 7 }, sender),
                    _ => Message::sign(draft, sender),
                };
                now.push(said.unwrap());
            }
            for message in now {
                inbox.take(&self.charter, message.clone()).unwrap();
                all.push(message);
            }
        }
        let refusal = Refusal::new(Step::Verdict, Class::Verification, "a proof").unwrap();
        let session = self.charter.session();
        let refused = Message::refuse(&session, 0, refusal, &self.identities[0]).unwrap();
        inbox.take(&self.charter, refused.clone()).unwrap();
        all.push(refused);
        all
    }

    /// A board with the charter and these texts.
    fn board<'a>(&self, messages: impl IntoIterator<Item = &'a [u8]>) -> OnDisk {
        let board = OnDisk::default();
        board.put(Sort::Charter, &self.charter.to_json());
        for text in messages {
            board.put(Sort::Message, text);
        }
        board
    }

    /// Signs what a text says, by the member that it names as its sender, else by the last one.
    fn resigned(self: &Arc<Self>) -> Repair {
        const MARK: &[u8] = b",\"signature\":\"";
        let group = Arc::clone(self);
        Box::new(move |text| {
            let found = text.windows(MARK.len()).rposition(|part| part == MARK);
            let Some(at) = found else { return };
            let names = |card: &&Card| {
                let name = card.fingerprint().into_bytes();
                text[..at].windows(name.len()).any(|part| part == name)
            };
            let sender = group.cards().iter().position(names);
            let key = &group.keys[sender.unwrap_or(group.keys.len() - 1)];
            let signed = [DOMAIN, &text[..at], b"}"].concat();
            let signature = key.sign(&signed).to_string().to_lowercase();
            text.truncate(at + MARK.len());
            text.extend(signature.bytes().chain(*b"\"}\n"));
        })
    }
}

/// The key that a party's file signs with.
fn signing_key(path: &Path) -> SigningKey {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("sign "));
    let key = blake3::Hash::from_hex(line.unwrap()).unwrap();
    SigningKey::from_bytes(key.as_bytes())
}

pub(crate) fn targets() -> Vec<Target> {
    let group = Arc::new(Group::new(2, Goal::Model));
    let said = group.said();
    vec![
        card(&group),
        party_key(&group),
        charter(&group),
        message(&group, &said),
        board(&group, &said),
        sealed(&group),
        transcript(&group, &said),
        sums::masked_sums(),
    ]
}

fn card(group: &Group) -> Target {
    let place = tempfile::tempdir().unwrap();
    Target {
        name: "card",
        seeds: vec![group.identities[0].card().to_json()],
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let path = place.path().join("card.json");
            std::fs::write(&path, bytes).unwrap();
            Card::read(&path).is_ok()
        }),
        memory,
    }
}

fn party_key(group: &Arc<Group>) -> Target {
    let group = Arc::clone(group);
    let path = group.place.path().join("keys/1");
    Target {
        name: "party-key",
        seeds: vec![std::fs::read(&path).unwrap()],
        // The last line is a hash of those before it.
        repair: Box::new(|text| {
            const MARK: &[u8] = b"\ncheck ";
            let found = text.windows(MARK.len()).rposition(|part| part == MARK);
            if let Some(at) = found {
                let check = blake3::hash(&text[..at]).to_hex();
                text.truncate(at + MARK.len());
                text.extend(check.bytes().chain(*b"\n"));
            }
        }),
        read: Box::new(move |bytes| {
            // The file and its mode stay.
            std::fs::write(group.place.path().join("keys/1"), bytes).unwrap();
            Identity::read(&path).is_ok()
        }),
        memory,
    }
}

fn charter(group: &Group) -> Target {
    let statistics = Group::new(3, Goal::Statistics).charter.to_json();
    Target {
        name: "charter",
        seeds: vec![group.charter.to_json(), statistics],
        repair: as_it_is(),
        read: Box::new(|bytes| {
            let Ok(charter) = Charter::parse(bytes) else {
                return false;
            };
            // Whoever looks at the board asks whose turn it is.
            let board = OnDisk::default();
            board.put(Sort::Charter, bytes);
            status::run(&board.board, None)
                .is_ok_and(|status| status.members.len() == charter.members().len())
        }),
        memory,
    }
}

fn message(group: &Arc<Group>, said: &[Message]) -> Target {
    let repair = group.resigned();
    let group = Arc::clone(group);
    Target {
        name: "group-message",
        seeds: said.iter().map(|message| message.text().to_vec()).collect(),
        repair,
        read: Box::new(move |bytes| {
            let taken = |message| Inbox::default().take(&group.charter, message).is_ok();
            group.parse(bytes).is_some_and(taken)
        }),
        memory,
    }
}

/// A changed message among all others, on a board that everybody acts by.
fn board(group: &Arc<Group>, said: &[Message]) -> Target {
    let repair = group.resigned();
    let group = Arc::clone(group);
    let said = said.to_vec();
    let texts = said.iter().map(|message| message.text().to_vec()).collect();
    Target {
        name: "board",
        seeds: texts,
        repair,
        read: Box::new(move |bytes| {
            // Without what its sender says otherwise, or that would be all that is found.
            let place = |message: &Message| (message.step(), message.sender().to_owned());
            let changed = group.parse(bytes).map(|message| place(&message));
            let others = said.iter().filter(|one| Some(place(one)) != changed);
            let board = group.board(others.map(Message::text).chain([bytes]));
            status::run(&board.board, None).is_ok()
        }),
        memory: |length| memory(length) + (4 << 20),
    }
}

fn sealed(group: &Arc<Group>) -> Target {
    let group = Arc::clone(group);
    let session = group.charter.session();
    let seal_for = |receivers: &[&Card], content: &[u8]| {
        let sender = group.identities[0].card();
        let step = Step::Deal;
        let binding = Binding {
            session: &session,
            step,
            sender,
        };
        seal::seal(binding, receivers, content).unwrap()
    };
    let cards = group.cards();
    let seeds = vec![
        seal_for(&cards[1..2], b"a share"),
        seal_for(&cards, &[7; 5000]),
    ];
    Target {
        name: "sealed",
        seeds,
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let binding = Binding {
                session: &session,
                step: Step::Deal,
                sender: group.identities[0].card(),
            };
            seal::open(binding, &group.identities[1], bytes).is_ok()
        }),
        memory,
    }
}

/// The hash before every line of a transcript.
fn chained(text: &mut Vec<u8>) {
    const CONTEXT: &str = "velum mlr-train 2026 v1 line of a transcript";
    let (mut last, mut out) = ([0; 32], Vec::new());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let entry = line.get(65..).unwrap_or_default();
        let mut hash = blake3::Hasher::new_derive_key(CONTEXT);
        hash.update(&last);
        hash.update(entry.strip_suffix(b"\n").unwrap_or(entry));
        last = *hash.finalize().as_bytes();
        out.extend(blake3::Hash::from_bytes(last).to_hex().bytes());
        out.push(b' ');
        out.extend(entry);
    }
    *text = out;
}

fn transcript(group: &Arc<Group>, said: &[Message]) -> Target {
    let group = Arc::clone(group);
    let folder = group.place.path().join("session");
    let session = group.charter.session();
    let open = move |group: &Group, folder: &Path| {
        Transcript::open(folder, &session, group.identities[0].card())
    };
    let mut own = open(&group, &folder).unwrap();
    let mine = group.identities[0].card().fingerprint();
    own.answer(Question::Refresh(0), &[3; 32]).unwrap();
    own.answer(Question::Opening, &[4; 32]).unwrap();
    for message in said.iter().filter(|message| message.sender() == mine) {
        own.send(message).unwrap();
    }
    drop(own);
    let path = folder.join(transcript::FILE);
    Target {
        name: "transcript",
        seeds: vec![std::fs::read(&path).unwrap()],
        repair: Box::new(chained),
        read: Box::new(move |bytes| {
            std::fs::write(&path, bytes).unwrap();
            open(&group, &folder).is_ok()
        }),
        memory,
    }
}
