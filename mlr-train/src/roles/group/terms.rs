//! What a member is given and what it agrees to.

use std::path::PathBuf;
use std::time::Duration;

use super::create::described;
use super::names;
use super::wished::training;
use crate::artifacts::RunError;
use crate::artifacts::folder::JobFolder;
use crate::canonical::hex;
use crate::group::charter::{Charter, Duty, Goal, Refresher};
use crate::roles::Rows;

/// How long an owner's word that it is there counts.
pub const USUAL_FRESH: Duration = Duration::from_secs(120);

/// What [`run`](super::run::run) needs.
#[derive(Clone, Debug)]
pub struct GroupInput {
    /// The party's secret file.
    pub key: PathBuf,
    /// First digits of the session, if the board has several.
    pub session: Option<String>,
    /// The folder of this party's sessions.
    pub sessions: PathBuf,
    /// An owner's rows.
    pub rows: Option<Rows>,
    /// Where the pooled statistics go, where the group is for them.
    pub pooled: PathBuf,
    /// Where the model goes, where this member receives it.
    pub model: PathBuf,
    /// Where an owner that is the only one has its job: plan, key and what else stays with it.
    pub job: JobFolder,
    /// How long it waits between two looks at the board.
    pub poll: Duration,
    /// How long the server takes an owner's word that it is there to open the model for good, before it asks anew.
    pub fresh: Duration,
    /// Whether to end where others have to do something first.
    pub once: bool,
}

/// Asks before anything is said.
pub(super) type Ask<'a> = &'a dyn Fn(&Consent) -> Result<(), RunError>;

/// What a member is asked before anything is revealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The session in hex.
    pub session: String,
    /// What is agreed to, line by line.
    pub lines: Vec<String>,
}

/// What a member agrees to.
pub(super) fn asked(charter: &Charter) -> Consent {
    let mut lines = vec![format!("purpose: {}", charter.task().purpose)];
    for member in described(charter) {
        lines.push(format!(
            "{} ({}): {}",
            member.name,
            member.duties.join(", "),
            member.fingerprint
        ));
    }
    if charter.task().goal == Goal::Model {
        lines.push(training(charter));
    }
    match charter.has_one_owner() {
        true => of_one(charter, &mut lines),
        false => of_several(charter, &mut lines),
    }
    Consent {
        session: hex(&charter.session()),
        lines,
    }
}

/// What one owner and its server reveal.
fn of_one(charter: &Charter, lines: &mut Vec<String>) {
    let name = |duty| names(charter, &charter.with(duty).collect::<Vec<_>>()).join(", ");
    let (owner, server) = (name(Duty::Owner), name(Duty::Server));
    lines.push(format!(
        "revealed to {server}, and to whoever can read the board: sizes (rows, columns, classes), the plan, evaluation keys and ciphertexts; no feature, label or weight"
    ));
    lines.push(format!(
        "{owner} alone has the key and gets the model: it compares what it decrypts with its own training in clear, and its key opens one model"
    ));
    if charter.task().wishes.refresher == Some(Refresher::Client) {
        lines.push(format!(
            "during the training {owner} decrypts the weights, compares them with its own and encrypts them anew whenever {server} asks, each once, as often as the plan says: {server} sees that it answers, or that it does not"
        ));
    }
}

/// What several owners reveal to each other, to the receivers and to the server.
fn of_several(charter: &Charter, lines: &mut Vec<String>) {
    lines.push(
        "revealed to all owners: rows of each owner; the sums over all owners of rows of each class, features, and products of two features"
            .to_owned(),
    );
    match charter.with(Duty::Owner).count() {
        2 => lines.push(
            "of two owners each learns the other's sums: they are the total less its own"
                .to_owned(),
        ),
        owners => lines.push(format!(
            "nobody learns another owner's sums, unless {} of the {owners} owners are in league",
            owners - 1
        )),
    }
    if charter.task().goal == Goal::Model {
        let receivers: Vec<usize> = charter.with(Duty::Receiver).collect();
        lines.push(format!(
            "revealed to {}: the model, and the map that whitens; any {} owners open it together",
            names(charter, &receivers).join(", "),
            charter.threshold()
        ));
        if charter.task().wishes.refresh_every.is_some() {
            let active: Vec<usize> = charter
                .with(Duty::Owner)
                .take(charter.threshold())
                .collect();
            lines.push(format!(
                "during the training {} refresh the weights whenever the server asks, as often as the plan says: shown to everybody are weights under a mask of each, which hide weights within the plan's bounds; an owner who uploads or adds values far beyond them, or a training that diverges, has sums over all rows shown",
                names(charter, &active).join(", ")
            ));
        }
        lines.push("revealed to the server: sizes, the plan, rows of each owner; it must compute what the plan says: nobody can check that it does".to_owned());
    }
}
