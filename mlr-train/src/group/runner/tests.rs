//! Groups on a board, with work that only writes files: strangers, kills, older sessions.

use super::*;
use crate::artifacts::Silent;
use crate::group::board::{FolderBoard, MemoryBoard};
use crate::group::charter::tests::group;

/// Writes a file that depends on all that it builds on, and may end before it is done.
struct Files {
    /// Ends the step that has this number from now, as a kill would.
    fails_in: Option<usize>,
}

impl Work for Files {
    fn perform(&mut self, turn: &mut Turn<'_>) -> Result<(), RunError> {
        let mut content = format!("{} of {}", turn.step, turn.view.me).into_bytes();
        for step in turn.view.needs(turn.step) {
            for (member, _) in turn.view.inbox.all(step) {
                let own = turn.view.charter.owner(turn.view.me).unwrap_or(0);
                let name = match step {
                    Step::Deal => dealt_name(own),
                    _ => "a/file".to_owned(),
                };
                content.extend(fs::read(turn.payload(step, member).join(name)).unwrap());
            }
        }
        let owners = turn.view.charter.with(crate::group::charter::Duty::Owner);
        let names = match turn.step {
            Step::Deal => owners
                .enumerate()
                .map(|(owner, _)| dealt_name(owner))
                .collect(),
            _ => vec!["a/file".to_owned()],
        };
        for name in names {
            let path = turn.out.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, blake3::hash(&content).to_hex().as_str()).unwrap();
        }
        self.fails_in = self.fails_in.map(|left| left.wrapping_sub(1));
        match self.fails_in {
            Some(0) => Err(RunError::interrupted()),
            _ => Ok(()),
        }
    }
}

struct Group {
    charter: Charter,
    identities: Vec<Identity>,
    place: tempfile::TempDir,
}

impl Group {
    fn new(owners: usize, threshold: usize) -> Self {
        let (charter, identities) = group(owners, threshold);
        Self {
            charter,
            identities,
            place: tempfile::tempdir().unwrap(),
        }
    }

    fn folder(&self, me: usize) -> PathBuf {
        self.place.path().join(me.to_string())
    }

    fn open<'a>(&'a self, me: usize, board: &'a dyn Board) -> Result<Runner<'a>, RunError> {
        Runner::open(&self.charter, &self.identities[me], board, &self.folder(me))
    }

    /// Every member a process of its own in turn, one round each, until all are done.
    fn run(&self, board: &dyn Board, mut before: impl FnMut(usize)) {
        for round in 0..1000 {
            before(round);
            let mut done = true;
            for me in 0..self.identities.len() {
                let mut work = Files { fails_in: None };
                let ended = self.open(me, board).unwrap().round(&mut work, &Silent);
                done &= ended.unwrap() == Round::Done;
            }
            if done {
                return;
            }
        }
        panic!("no end");
    }

    fn received(&self, me: usize) -> Vec<u8> {
        fs::read(self.folder(me).join("sent/received/a/file")).unwrap()
    }
}

#[test]
fn a_group_ends_on_a_folder_and_leaves_nothing_of_its_work() {
    for (owners, threshold) in [(2, 2), (4, 3)] {
        let group = Group::new(owners, threshold);
        let place = tempfile::tempdir().unwrap();
        let board = FolderBoard::open(place.path()).unwrap();
        group.run(&board, |_| ());
        assert_eq!(board.list().unwrap().foreign, 0);
        for me in 0..=owners {
            assert_eq!(
                fs::read_dir(group.folder(me).join("work")).unwrap().count(),
                0
            );
        }
        // A share that is dealt to another is nobody else's business.
        let dealt = group.folder(0).join("received/deal/1");
        if threshold < owners {
            assert_eq!(fs::read_dir(dealt).unwrap().count(), 1);
        }
    }
}

#[test]
fn whoever_deletes_alters_and_adds_delays_and_no_more() {
    let board = MemoryBoard::default();
    delays_and_no_more(&board, &|name| drop(board.entries().remove(name)));
}

/// A group on a board with a stranger who can do all that can be done there.
pub(in crate::group) fn delays_and_no_more(board: &dyn Board, remove: &dyn Fn(&Name)) {
    let group = Group::new(3, 2);
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as usize
    };
    let (older, _) = crate::group::charter::tests::group(3, 2);
    let older_identity = &group.identities[0];
    let write = |name: Name, content: &[u8]| board.write(&name, &mut &*content).unwrap();
    group.run(board, |round| {
        // As long as it lasts: a board whose files vanish for ever delays for ever.
        if round >= 60 {
            return;
        }
        let names: Vec<Name> = board.list().unwrap().entries.into_keys().collect();
        if let Some(name) = names.get(random() % names.len().max(1)) {
            let mut content = Vec::new();
            assert!(board.read(name, u64::MAX, &mut content).unwrap());
            match random() % 3 {
                0 => remove(name),
                1 => {
                    content[0] ^= 1;
                    write(*name, &content);
                }
                _ => {
                    content.push(0);
                    write(*name, &content);
                }
            }
        }
        let garbage = format!("garbage {round}").into_bytes();
        for sort in [Sort::Message, Sort::File, Sort::Charter] {
            write(Name::of(sort, &garbage), &garbage);
        }
        // A message of an older session, by a member.
        let replayed = Draft {
            session: &older.session(),
            step: Step::KeyShare,
            answers: [round as u8; 32],
            members: Vec::new(),
            files: Vec::new(),
        };
        let replayed = Message::sign(replayed, older_identity).unwrap();
        write(Name::of(Sort::Message, replayed.text()), replayed.text());
    });
    // What everybody got is what the messages say, as if nobody had been there: the work is a function of them.
    let hashes: BTreeSet<_> = (0..3).map(|me| group.received(me)).collect();
    assert_eq!(hashes.len(), 3, "each of its own number");
    let mut runner = group.open(0, board).unwrap();
    runner
        .round(&mut Files { fails_in: None }, &Silent)
        .unwrap();
    let refused = runner.inbox().refused();
    assert!(
        refused
            .iter()
            .any(|one| matches!(one.why, GroupError::Session { .. }))
    );
    assert!(
        refused
            .iter()
            .any(|one| matches!(one.why, GroupError::Form { .. }))
    );
}

/// A board that counts how often it is listed.
#[derive(Debug, Default)]
struct Counted {
    board: MemoryBoard,
    lists: std::sync::atomic::AtomicUsize,
}

impl Board for Counted {
    fn place(&self) -> String {
        self.board.place()
    }

    fn list(&self) -> Result<Listing, RunError> {
        self.lists
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.board.list()
    }

    fn read(
        &self,
        name: &Name,
        limit: u64,
        sink: &mut dyn std::io::Write,
    ) -> Result<bool, RunError> {
        self.board.read(name, limit, sink)
    }

    fn write(&self, name: &Name, source: &mut dyn std::io::Read) -> Result<(), RunError> {
        self.board.write(name, source)
    }
}

#[test]
fn a_round_lists_the_board_once_whatever_it_does() {
    let group = Group::new(3, 2);
    let board = Counted::default();
    let mut rounds = 0;
    // Every member goes on as one process: it acts, waits and is done.
    let mut runners: Vec<Runner<'_>> = (0..4).map(|me| group.open(me, &board).unwrap()).collect();
    let mut done = false;
    while !done {
        done = true;
        for runner in &mut runners {
            let ended = runner.round(&mut Files { fails_in: None }, &Silent);
            done &= ended.unwrap() == Round::Done;
            rounds += 1;
        }
    }
    let lists = board.lists.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(lists, rounds);
}

#[test]
fn a_process_that_ends_in_a_step_says_nothing_and_the_next_one_goes_on() {
    let group = Group::new(3, 2);
    let board = MemoryBoard::default();
    for _ in 0..1000 {
        let mut done = true;
        for me in 0..4 {
            let before = board.entries().len();
            let mut failing = Files { fails_in: Some(1) };
            let mut runner = group.open(me, &board).unwrap();
            match runner.round(&mut failing, &Silent) {
                Err(_) => assert_eq!(board.entries().len(), before),
                Ok(round) => assert!(!matches!(round, Round::Acted(_))),
            }
            drop(runner);
            let mut runner = group.open(me, &board).unwrap();
            let ended = runner.round(&mut Files { fails_in: None }, &Silent);
            done &= ended.unwrap() == Round::Done;
        }
        if done {
            return;
        }
    }
    panic!("no end");
}

#[test]
fn an_old_copy_of_a_party_s_folder_is_found_out() {
    let group = Group::new(3, 2);
    let board = MemoryBoard::default();
    let step = |me: usize| {
        let mut runner = group.open(me, &board).unwrap();
        runner.round(&mut Files { fails_in: None }, &Silent)
    };
    step(0).unwrap();
    // Its transcript of before, with the board as it is now: it says nothing twice that is the same.
    fs::remove_dir_all(group.folder(0)).unwrap();
    assert_eq!(step(0).unwrap(), step(0).unwrap());
    for me in 1..4 {
        step(me).unwrap();
    }
    // Another word for the same step, as of a party that has lost its memory and draws new secrets.
    let other = Draft {
        session: &group.charter.session(),
        step: Step::Agree,
        answers: [1; 32],
        members: Vec::new(),
        files: Vec::new(),
    };
    let other = Message::sign(other, &group.identities[0]).unwrap();
    board
        .entries()
        .insert(Name::of(Sort::Message, other.text()), other.text().to_vec());
    for me in 0..4 {
        let error = step(me).unwrap_err().to_string();
        assert!(error.contains("two that it signed"), "{error}");
    }
}

#[test]
fn nobody_but_a_member_runs() {
    let group = Group::new(2, 2);
    let stranger = Identity::generate("stranger").unwrap();
    let board = MemoryBoard::default();
    let folder = group.folder(9);
    let error = Runner::open(&group.charter, &stranger, &board, &folder).unwrap_err();
    assert!(error.to_string().contains("stranger"), "{error}");
    assert!(!folder.exists());
}
