//! `group`: a member of a group on a board.

mod consent;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mlr_train::artifacts::folder::JobFolder;
use mlr_train::group::board::{self, Board};
use mlr_train::group::charter::{Duty, Goal, Refresher, Task, Wishes};
use mlr_train::roles::client::plan::DEFAULT_STEP;
use mlr_train::roles::group::create::{self, CreateInput, Created, Described};
use mlr_train::roles::group::plans::Searched;
use mlr_train::roles::group::run::{self, GroupRun};
use mlr_train::roles::group::status::{self, Status};
use mlr_train::roles::group::{Consent, GroupInput, USUAL_FRESH};

use self::consent::ask;
use crate::args::group::{GroupArgs, GroupCreateArgs, GroupRefreshName, GroupRunArgs, GroupStep};
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Bytes that one message of a group may have: an owner's upload of some hundred thousand rows.
const MOST_BYTES: u64 = 64 << 30;

/// Does what the arguments say.
pub(crate) fn run(
    name: &str,
    args: &GroupArgs,
    folder: &JobFolder,
    console: &Console,
) -> Result<(), Failure> {
    match &args.step {
        GroupStep::Create(args) => console.finish(name, &create(args)?),
        GroupStep::Run(args) => console.finish(name, &take_part(args, folder, console)?),
        GroupStep::Status(args) => {
            let board = open(&args.board)?;
            console.finish(name, &status::run(&*board, args.session.as_deref())?)
        }
    }
}

/// The board that an argument names. What a bucket's client has to know comes from the environment, as for all its like: credentials among it.
fn open(text: &Path) -> Result<Box<dyn Board>, Failure> {
    let text_of = |value: OsString| value.into_string().ok();
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((text_of(name)?, text_of(value)?)));
    let settings: Vec<(String, String)> = variables
        .filter(|(name, _)| name.starts_with("AWS_"))
        .collect();
    Ok(board::open(text, &settings)?)
}

fn create(args: &GroupCreateArgs) -> Result<Created, Failure> {
    let board = open(&args.board)?;
    let with = |cards: &[PathBuf], duty: Duty| -> Vec<(PathBuf, Vec<Duty>)> {
        let one = |card: &PathBuf| (card.clone(), vec![duty]);
        cards.iter().map(one).collect()
    };
    let mut members = with(&args.owner, Duty::Owner);
    if let Some(server) = &args.server {
        let receivers = match args.receiver.is_empty() {
            true => &args.owner,
            false => &args.receiver,
        };
        members.extend(with(receivers, Duty::Receiver));
        members.push((server.clone(), vec![Duty::Server]));
    }
    let input = CreateInput {
        members,
        threshold: args.threshold.unwrap_or(args.owner.len()),
        task: Task {
            goal: match args.server {
                Some(_) => Goal::Model,
                None => Goal::Statistics,
            },
            purpose: args.purpose.clone(),
            classes: classes(&args.classes),
            features: args.width,
            wishes: Wishes {
                keep: args.keep,
                lambda: args.lambda,
                steps: steps(args)?,
                range: args.range,
                degree: args.degree,
                refresh_every: (args.refresh).map(|_| args.refresh_every.map_or(0, usize::from)),
                refresher: args.refresh.and_then(refresher),
            },
            largest_sum: args.largest_sum,
            most_bytes: MOST_BYTES,
        },
    };
    Ok(create::run(&input, &*board)?)
}

/// Who refreshes one owner's weights; several owners do it together, and none of them is named.
fn refresher(name: GroupRefreshName) -> Option<Refresher> {
    match name {
        GroupRefreshName::Owners => None,
        GroupRefreshName::Client => Some(Refresher::Client),
        GroupRefreshName::Bootstrap => Some(Refresher::Bootstrap),
    }
}

/// A step for every iteration that is asked for.
fn steps(args: &GroupCreateArgs) -> Result<Vec<f64>, Failure> {
    let iterations = args.iterations.map_or(0, usize::from);
    match &args.steps {
        None => Ok(vec![DEFAULT_STEP; iterations]),
        Some(steps) if steps.len() == iterations => Ok(steps.clone()),
        Some(steps) => Err(Failure::input(format!(
            "expected {iterations} steps, one for each of --iterations, found {}",
            steps.len()
        ))
        .at("--steps")),
    }
}

/// Names with commas between them, or how many.
fn classes(text: &str) -> Vec<String> {
    match text.parse::<usize>() {
        Ok(count) => (0..count.min(1 << 13))
            .map(|class| class.to_string())
            .collect(),
        Err(_) => text.split(',').map(|name| name.trim().to_owned()).collect(),
    }
}

fn take_part(
    args: &GroupRunArgs,
    folder: &JobFolder,
    console: &Console,
) -> Result<GroupRun, Failure> {
    let board = open(&args.board)?;
    let rows = match args.features.features {
        Some(_) => Some(args.features.rows()?),
        None => None,
    };
    let input = GroupInput {
        key: args.key.clone(),
        session: args.session.clone(),
        sessions: args.sessions.clone(),
        rows,
        pooled: args.pooled.clone(),
        model: args.model.clone(),
        job: folder.clone(),
        poll: Duration::try_from_secs_f64(args.poll)
            .map_err(|error| Failure::input(error.to_string()).at("--poll"))?,
        fresh: USUAL_FRESH,
        once: args.once,
    };
    let consent = |what: &Consent| ask(what, args.yes);
    Ok(run::run(
        &input,
        &*board,
        &Searched,
        &consent,
        &Reported::new(console),
    )?)
}

/// How long ago something was, by the clocks of two machines.
fn since(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let ago = now.map_or(0, |now| now.as_secs()).saturating_sub(seconds);
    match ago {
        0..120 => format!("{ago} s ago"),
        120..7200 => format!("{} min ago", ago / 60),
        _ => format!("{} h ago", ago / 3600),
    }
}

fn members(out: &mut dyn Write, members: &[Described]) -> io::Result<()> {
    for member in members {
        let duties = member.duties.join(", ");
        writeln!(out, "  {} ({duties}): {}", member.name, member.fingerprint)?;
    }
    Ok(())
}

impl Summary for Created {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "session {}", self.session)?;
        members(out, &self.members)?;
        writeln!(
            out,
            "every member: velum group run --board {} --session {}",
            self.board,
            &self.session[..16]
        )
    }
}

impl Summary for GroupRun {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let done = match self.steps.is_empty() {
            true => "nothing was left to do".to_owned(),
            false => self.steps.join(", "),
        };
        writeln!(out, "{}: {done}, in {:.1} s", self.party, self.seconds)?;
        if let Some(pooled) = &self.pooled {
            writeln!(out, "pooled statistics of all owners: {pooled}")?;
        }
        if let Some(model) = &self.model {
            writeln!(out, "model: {model}")?;
        }
        if self.refused > 0 {
            writeln!(out, "{} entries of the board were refused", self.refused)?;
        }
        Ok(())
    }
}

impl Summary for Status {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "session {}: {}", self.session, self.purpose)?;
        members(out, &self.members)?;
        for step in &self.steps {
            write!(out, "{}: {}", step.step, step.said.join(", "))?;
            match step.missing.is_empty() {
                true => writeln!(out)?,
                false => writeln!(out, "; not yet {}", step.missing.join(", "))?,
            }
        }
        for turn in &self.turns {
            write!(out, "{} has to act: {}", turn.party, turn.step)?;
            match turn.asked {
                Some(asked) => writeln!(out, "; it alone can, asked {}", since(asked))?,
                None => writeln!(out)?,
            }
        }
        for one in &self.refusals {
            writeln!(out, "{} refuses {}: {}", one.party, one.step, one.reason)?;
        }
        for refused in &self.refused {
            writeln!(out, "refused: {refused}")?;
        }
        if self.altered > 0 {
            writeln!(
                out,
                "{} messages were altered or are on their way",
                self.altered
            )?;
        }
        match self.done {
            true => writeln!(out, "everybody has done all"),
            false => Ok(()),
        }
    }
}
