//! Whole groups as processes of their own on one folder: this test's program, started once for each member.
//!
//! Parameters are insecure and say so: a ring of 2^10 in place of 2^14, everything else as in a plan of `velum group create --server`.

mod attacks;
#[cfg(feature = "object-store")]
mod bucket;
mod kills;
mod processes;
mod refreshes;
mod refusals;
mod single;
mod sums;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ndarray::Array2;

use super::create::{self, CreateInput};
use super::party::{self, PartyInput};
use super::plans::{Making, Plans, Searched, joint};
use super::run::{self, GroupRun};
use super::{GroupInput, USUAL_FRESH};
use crate::artifacts::folder::JobFolder;
use crate::artifacts::recipe::RecipeFile;
use crate::artifacts::{PlanFile, Reporter, RunError, Silent};
use crate::client::Statistics;
use crate::files;
use crate::group::board::{self, Board, FolderBoard};
use crate::group::charter::{Charter, Duty, Goal, Task, Wishes};
use crate::job::Way;
use crate::packing::Arrangement;
use crate::plan::Plan;
use crate::roles::Rows;
use crate::roles::client::DEFAULT_LAMBDA;
use crate::roles::small_plans::{
    CLASSES, FEATURES, LONG_SCHEDULE, SCHEDULE, map_of, plan_of_one, refreshed_plan, small_plan,
};

const ROWS: usize = 40;
/// Where a process of a member finds its files.
const MEMBER: &str = "VELUM_TEST_GROUP_MEMBER";
/// Where it finds its board, if that is no folder beside its files.
const BOARD: &str = "VELUM_TEST_GROUP_BOARD";
/// With it a server takes no word for good that is older than a moment.
const IMPATIENT: &str = "VELUM_TEST_GROUP_IMPATIENT";
/// A group that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Plans for a small ring, labelled as what it is.
struct Insecure;

impl Insecure {
    /// A plan that is refreshed in this way or not at all, with what belongs beside it.
    fn plan(charter: &Charter, of: Making<'_>, way: Option<Way>) -> Result<(), RunError> {
        match of {
            Making::Pooled {
                statistics,
                plan,
                map,
            } => {
                let pooled = Statistics::read(statistics)?;
                let file = map_of(&pooled);
                file.write(map)?;
                let (rows, joint) = (pooled.owners(), joint(charter));
                let planned = match way {
                    Some(_) => refreshed_plan,
                    None => small_plan,
                };
                planned(rows, &file, joint, Arrangement::RowMajor).write(plan)
            }
            Making::Alone { rows, job } => {
                let plan = plan_of_one(rows.load()?.rows(), way);
                for side in [job.client(), job.server()] {
                    fs::create_dir_all(side)
                        .map_err(|error| RunError::io("create", side, &error))?;
                }
                RecipeFile::new(plan.hash_hex(), DEFAULT_LAMBDA).write(&job.recipe())?;
                plan.write(&job.plan())
            }
        }
    }
}

impl Plans for Insecure {
    fn make(&self, charter: &Charter, of: Making<'_>, _: &dyn Reporter) -> Result<(), RunError> {
        let wished = charter.task().wishes.refreshes();
        Self::plan(charter, of, wished.map(|refresh| refresh.way))
    }

    fn read(&self, plan: &Path) -> Result<PlanFile, RunError> {
        let bytes = files::read_limited(plan, 1 << 26)?;
        Ok(PlanFile::new(Plan::parse_insecure_test(&bytes)?))
    }
}

/// An owner that plans with refreshes that the charter knows nothing of.
struct Unwished;

impl Plans for Unwished {
    fn make(&self, charter: &Charter, of: Making<'_>, _: &dyn Reporter) -> Result<(), RunError> {
        Insecure::plan(charter, of, Some(Way::Client))
    }

    fn read(&self, plan: &Path) -> Result<PlanFile, RunError> {
        Insecure.read(plan)
    }
}

/// Rows of ten classes that overlap, of a generator with a fixed seed: the same whoever asks.
fn rows(owner: usize) -> (Array2<f64>, Vec<u32>) {
    let mut state =
        0x2545_f491_4f6c_dd1du64 ^ (owner as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let labels: Vec<u32> = (0..ROWS).map(|i| (i % CLASSES) as u32).collect();
    let features = Array2::from_shape_fn((ROWS, FEATURES), |(i, j)| {
        let own = j % CLASSES == labels[i] as usize;
        next() + if own { 0.8 } else { 0.0 }
    });
    (features, labels)
}

/// A group on a folder or in a bucket, its members' files beside it. The server comes last.
struct Group {
    place: tempfile::TempDir,
    bucket: Option<String>,
    session: String,
    owners: usize,
}

impl Group {
    fn new(owners: usize, threshold: usize, goal: Goal) -> Self {
        Self::begun(None, owners, threshold, goal, Wishes::default())
    }

    #[cfg(feature = "object-store")]
    fn on(bucket: String, owners: usize, threshold: usize, wishes: Wishes) -> Self {
        Self::begun(Some(bucket), owners, threshold, Goal::Model, wishes)
    }

    fn wishing(owners: usize, threshold: usize, goal: Goal, wishes: Wishes) -> Self {
        Self::begun(None, owners, threshold, goal, wishes)
    }

    fn begun(
        bucket: Option<String>,
        owners: usize,
        threshold: usize,
        goal: Goal,
        wishes: Wishes,
    ) -> Self {
        // The steps of the small plans.
        let steps: &[f64] = match wishes.refresh_every {
            Some(_) => &LONG_SCHEDULE,
            None => &SCHEDULE,
        };
        let wishes = match wishes.steps.is_empty() {
            true => Wishes {
                steps: steps.to_vec(),
                ..wishes
            },
            false => wishes,
        };
        let place = tempfile::tempdir().unwrap();
        let mut members = Vec::new();
        let serving = usize::from(goal == Goal::Model);
        for number in 0..owners + serving {
            let own = place.path().join(number.to_string());
            fs::create_dir(&own).unwrap();
            let card = own.join("card.json");
            let input = PartyInput {
                name: Some(format!("member {number}")),
                key: own.join("keys/party.key"),
                card: card.clone(),
            };
            party::run(&input).unwrap();
            members.push((
                card,
                match (number < owners, goal) {
                    (true, Goal::Model) => vec![Duty::Owner, Duty::Receiver],
                    (true, Goal::Statistics) => vec![Duty::Owner],
                    (false, _) => vec![Duty::Server],
                },
            ));
            if number < owners {
                let (features, labels) = rows(number);
                let line = |(row, label): (ndarray::ArrayView1<'_, f64>, &u32)| {
                    let values = row.iter().map(|value| format!(",{value}"));
                    format!("{label}{}\n", values.collect::<String>())
                };
                let lines = features.rows().into_iter().zip(&labels).map(line);
                fs::write(own.join("rows.csv"), lines.collect::<String>()).unwrap();
            }
        }
        fs::create_dir(place.path().join("board")).unwrap();
        let input = CreateInput {
            members,
            threshold,
            task: Task {
                goal,
                purpose: "a test".to_owned(),
                classes: (0..CLASSES).map(|class| class.to_string()).collect(),
                features: FEATURES,
                wishes,
                largest_sum: 1e6,
                most_bytes: 1 << 30,
            },
        };
        let board = open(bucket.as_deref(), &place.path().join("board")).unwrap();
        let created = create::run(&input, &*board).unwrap();
        Self {
            place,
            bucket,
            session: created.session,
            owners,
        }
    }

    fn own(&self, member: usize) -> PathBuf {
        self.place.path().join(member.to_string())
    }

    fn board(&self) -> PathBuf {
        self.place.path().join("board")
    }

    /// A member's session folder.
    fn folder(&self, member: usize) -> PathBuf {
        self.own(member).join("sessions").join(&self.session[..16])
    }

    /// A process of a member.
    fn spawn(&self, member: usize) -> Child {
        self.process(member).spawn().unwrap()
    }

    fn process(&self, member: usize) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["roles::group::tests::member", "--exact", "--nocapture"])
            .env(MEMBER, self.own(member))
            .envs(self.bucket.iter().map(|address| (BOARD, address)))
            .env("RAYON_NUM_THREADS", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Waits for a process that ends well.
    fn done(child: Child) {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }

    /// The weights that a member has received.
    fn model(&self, member: usize) -> Vec<u8> {
        fs::read(self.own(member).join("model/model.safetensors")).unwrap()
    }

    /// How many rows of all owners the model of a member labels right.
    fn right(&self, member: usize) -> usize {
        let model = crate::model::Model::read(&self.own(member).join("model")).unwrap();
        let right = |owner| {
            let (features, labels) = rows(owner);
            let found = model.predict(features.view()).unwrap();
            found.iter().zip(&labels).filter(|(a, b)| a == b).count()
        };
        (0..self.owners).map(right).sum()
    }
}

/// The board in a bucket of the server that the environment names, else in a folder.
fn open(bucket: Option<&str>, folder: &Path) -> Result<Box<dyn Board>, RunError> {
    let Some(address) = bucket else {
        return board::open(folder, &[]);
    };
    let server = std::env::var("VELUM_TEST_S3").unwrap();
    let settings = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT", &server),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    board::open(Path::new(address), &settings)
}

/// What a member's process does: the role, as the verb calls it.
fn act(own: &Path) -> Result<GroupRun, RunError> {
    let bucket = std::env::var(BOARD).ok();
    let board = open(bucket.as_deref(), &own.with_file_name("board"))?;
    let rows = own.join("rows.csv");
    let input = GroupInput {
        key: own.join("keys/party.key"),
        session: None,
        sessions: own.join("sessions"),
        rows: rows.exists().then(|| Rows::all(rows)),
        pooled: own.join("pooled"),
        model: own.join("model"),
        job: JobFolder::new(own),
        poll: Duration::from_millis(100),
        fresh: match std::env::var_os(IMPATIENT) {
            Some(_) => Duration::from_millis(200),
            None => USUAL_FRESH,
        },
        once: false,
    };
    run::run(&input, &*board, &Insecure, &|_| Ok(()), &Silent)
}

/// Not a test of its own: a member's process, if it is one.
#[test]
fn member() {
    if let Some(own) = std::env::var_os(MEMBER) {
        act(Path::new(&own)).unwrap();
    }
}

/// Waits until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
