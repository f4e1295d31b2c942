//! What an owner seals for the others: its rows and masked sums, read by one of them in a round of its own.

use std::path::Path;
use std::time::Duration;

use he_core::error::{Class, Explain as _};
use mlr_train::artifacts::folder::JobFolder;
use mlr_train::artifacts::{PlanFile, Reporter, RunError, Silent};
use mlr_train::group::board::{Board as _, FolderBoard, Name, Sort};
use mlr_train::group::charter::{Charter, Goal};
use mlr_train::group::message::{Draft, FileEntry};
use mlr_train::group::seal::{self, Binding};
use mlr_train::group::{Message, Step};
use mlr_train::roles::Rows;
use mlr_train::roles::group::plans::{Making, Plans};
use mlr_train::roles::group::run::{self, GroupRun};
use mlr_train::roles::group::{GroupInput, USUAL_FRESH};

use crate::engine::{Target, as_it_is};

use super::{CLASSES, Group, memory};

/// A group for statistics plans nothing.
struct NoPlans;

impl Plans for NoPlans {
    fn make(&self, _: &Charter, _: Making<'_>, _: &dyn Reporter) -> Result<(), RunError> {
        Err(RunError::input("expected no plan, found one"))
    }

    fn read(&self, _: &Path) -> Result<PlanFile, RunError> {
        Err(RunError::input("expected no plan, found one"))
    }
}

/// One member's part until others have to act; true if all is done.
fn act(group: &Group, number: usize, board: &FolderBoard) -> Result<GroupRun, RunError> {
    let at = |name: &str| group.place.path().join(format!("{number}-{name}"));
    let line = |i: usize| {
        let x = |j: usize| (1.3 * (i * (j + 2) + number) as f64).sin();
        format!("{},{},{},{}\n", i % CLASSES, x(0), x(1), x(2))
    };
    std::fs::write(at("rows.csv"), (0..12).map(line).collect::<String>()).unwrap();
    let input = GroupInput {
        key: group.place.path().join(format!("keys/{number}")),
        session: None,
        sessions: at("sessions"),
        rows: Some(Rows::all(at("rows.csv"))),
        pooled: at("pooled"),
        model: at("model"),
        job: JobFolder::new(&at("job")),
        poll: Duration::ZERO,
        fresh: USUAL_FRESH,
        once: true,
    };
    run::run(&input, board, &NoPlans, &|_| Ok(()), &Silent)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What another owner sealed: rows and masked sums, read by an owner who has said its own.
pub(super) fn masked_sums() -> Target {
    let group = Group::new(2, Goal::Statistics);
    let at = |name: &str| group.place.path().join(name);
    std::fs::create_dir(at("board")).unwrap();
    let board = FolderBoard::open(&at("board")).unwrap();
    let text = group.charter.to_json();
    board
        .write(&Name::of(Sort::Charter, &text), &mut &text[..])
        .unwrap();
    for number in [0, 1] {
        let waits = act(&group, number, &board).unwrap_err();
        assert_eq!(waits.class(), Class::Waiting, "{waits}");
    }
    // Owner 0 has agreed; owner 1 has said its sums, too: its message and its file are put there anew each time.
    let session = group.charter.session();
    let (mut answers, mut seed) = (None, None);
    for (name, _) in board.list().unwrap().entries {
        let path = at("board").join(name.to_string());
        let bytes = std::fs::read(&path).unwrap();
        match name.sort() {
            Sort::Message => {
                let message = group.parse(&bytes).unwrap();
                if message.step() == Step::Statistics {
                    answers = Some(*message.answers());
                    std::fs::remove_file(path).unwrap();
                }
            }
            Sort::File => {
                let opened = seal::open(binding(&group, &session), &group.identities[0], &bytes);
                if let Ok(content) = opened {
                    seed = Some(content.to_vec());
                    std::fs::remove_file(path).unwrap();
                }
            }
            Sort::Charter => {}
        }
    }
    for name in ["board", "0-sessions"] {
        copy(&at(name), &at(&format!("before/{name}")));
    }
    let answers = answers.unwrap();
    Target {
        name: "masked-sums",
        seeds: vec![seed.unwrap()],
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let at = |name: &str| group.place.path().join(name);
            for name in ["board", "0-sessions"] {
                std::fs::remove_dir_all(at(name)).unwrap();
                copy(&at(&format!("before/{name}")), &at(name));
            }
            let _ = std::fs::remove_file(at("0-pooled"));
            let sealed = seal::seal(binding(&group, &session), &group.cards(), bytes).unwrap();
            std::fs::write(at("sealed"), &sealed).unwrap();
            let draft = Draft {
                session: &session,
                step: Step::Statistics,
                answers,
                members: Vec::new(),
                files: vec![FileEntry::of("sums.sealed", &at("sealed")).unwrap()],
            };
            let message = Message::sign(draft, &group.identities[1]).unwrap();
            for (sort, content) in [(Sort::File, &sealed[..]), (Sort::Message, message.text())] {
                let name = Name::of(sort, content).to_string();
                std::fs::write(at("board").join(name), content).unwrap();
            }
            let board = FolderBoard::open(&at("board")).unwrap();
            act(&group, 0, &board).is_ok()
        }),
        memory: |length| memory(length) + (2 << 20),
    }
}

fn binding<'a>(group: &'a Group, session: &'a [u8; 32]) -> Binding<'a> {
    Binding {
        session,
        step: Step::Statistics,
        sender: group.identities[1].card(),
    }
}
