//! An owner's part of the pooled statistics: its sums under masks, sealed for the owners; the total of all.
//!
//! The payload is one file, [`FILE`], sealed for the owners: a line of JSON (rows, what the features were computed by, the hash of what is summed), then the masked words, eight bytes each, little-endian.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::payloads::{POOLING, binding, put, take};
use crate::artifacts::RunError;
use crate::canonical::hex;
use crate::client::Statistics;
use crate::client::aggregate::{Aggregation, Masked, PairSeed};
use crate::client::statistics::sums_length;
use crate::data::{Classes, Description, FeatureSet};
use crate::group::charter::{Charter, Duty, Task};
use crate::group::seal;
use crate::group::{Card, Step, Turn};
use crate::roles::Rows;

/// Name of the file.
pub(super) const FILE: &str = "sums.sealed";
const KIND: &str = "velum masked sums";
const VERSION: u32 = 1;
/// What is summed, in the terms of the aggregation.
const LABEL: &str = "statistics";
/// Bytes of the first line.
const LONGEST_HEAD: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    kind: String,
    version: u32,
    rows: usize,
    terms: String,
    #[serde(default, skip_serializing_if = "Description::is_unknown")]
    description: Description,
}

/// One owner's words.
struct Part {
    rows: usize,
    description: Description,
    masked: Masked,
}

/// The owners' cards, in order.
fn owners(charter: &Charter) -> Vec<&Card> {
    let members = charter.members();
    charter
        .with(Duty::Owner)
        .map(|owner| &members[owner].card)
        .collect()
}

fn terms(charter: &Charter) -> Result<Aggregation, RunError> {
    let task = charter.task();
    let length = sums_length(task.classes.len(), task.features);
    let owners = charter.with(Duty::Owner).count() as u32;
    let terms = Aggregation::new(charter.session(), LABEL, owners, length, task.largest_sum);
    terms.map_err(RunError::caused)
}

/// This owner's rows with the charter's classes, and their statistics.
pub(super) fn own(rows: &Rows, turn: &Turn<'_>) -> Result<Statistics, RunError> {
    let task = turn.view.charter.task();
    let set = rows.load()?;
    require_width(&set, task)?;
    Ok(Statistics::of(&matched(set, turn)?))
}

/// Rows with the charter's classes, by their names where both sides have names.
pub(super) fn matched(set: FeatureSet, turn: &Turn<'_>) -> Result<FeatureSet, RunError> {
    let task = turn.view.charter.task();
    let classes = Classes {
        count: task.classes.len(),
        names: Some(&task.classes),
    };
    let (set, how): (FeatureSet, _) = set.matched(classes)?;
    if let Some(note) = how.note() {
        turn.reporter.warn(note);
    }
    Ok(set)
}

/// Refuses rows of another width than the charter says.
pub(super) fn require_width(set: &FeatureSet, task: &Task) -> Result<(), RunError> {
    if set.width() == task.features {
        return Ok(());
    }
    Err(RunError::input(format!(
        "expected rows of {} features, as the charter says, found {}",
        task.features,
        set.width()
    ))
    .at(set.source().display().to_string())
    .hint("extract with the network that the group agreed on"))
}

/// Writes this owner's masked sums.
pub(super) fn say(statistics: &Statistics, turn: &Turn<'_>) -> Result<(), RunError> {
    let charter = turn.view.charter;
    let terms = terms(charter)?;
    let cards = owners(charter);
    let Some(me) = charter.owner(turn.view.me) else {
        return Err(RunError::input("expected an owner, found another member"));
    };
    let mut seeds: Vec<(u32, PairSeed)> = Vec::new();
    for (other, card) in cards.iter().enumerate().filter(|(other, _)| *other != me) {
        seeds.push((
            other as u32,
            seal::pair_secret(turn.identity, card, &turn.session)?,
        ));
    }
    let sums = zeroize::Zeroizing::new(statistics.sums(charter.task().classes.len()));
    let masked = terms
        .mask(me as u32, &sums, &seeds)
        .map_err(RunError::caused)?;
    let head = Head {
        kind: KIND.to_owned(),
        version: VERSION,
        rows: statistics.rows(),
        terms: hex(&masked.terms),
        description: statistics.description().clone(),
    };
    let mut content = serde_json::to_vec(&head)
        .map_err(|error| RunError::io("encode", &turn.out.join(FILE), &error.into()))?;
    content.push(b'\n');
    content.extend(masked.words.iter().flat_map(|word| word.to_le_bytes()));
    let binding = binding(turn, Step::Statistics, turn.view.me);
    put(turn, FILE, &seal::seal(binding, &cards, &content)?)
}

/// Writes the total to `out`, which is nobody's file but this session's.
pub(super) fn keep(total: &Statistics, turn: &Turn<'_>, out: &Path) -> Result<(), RunError> {
    take(turn, POOLING, |outputs| {
        Ok(outputs.new_file(out, "statistics")?)
    })?;
    Ok(total.write(out)?)
}

/// The pooled statistics, from all owners' masked sums; `statistics` are this owner's.
///
/// # Errors
/// A payload that is none, by its owner's name; features of another network; sums that are none of these rows.
pub(super) fn total(statistics: &Statistics, turn: &Turn<'_>) -> Result<Statistics, RunError> {
    let charter = turn.view.charter;
    let terms = terms(charter)?;
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (owner, member) in charter.with(Duty::Owner).enumerate() {
        let name = charter.members()[member].card.name();
        let part = read(turn, member, owner as u32)
            .map_err(|error| error.at(format!("masked sums of {name}")))?;
        let same = statistics.description().require_same(&part.description);
        same.map_err(|error| RunError::caused(error).at(format!("masked sums of {name}")))?;
        rows.push(part.rows);
        all.push(part.masked);
    }
    let sums = terms.total(&all).map_err(RunError::caused)?;
    let classes = charter.task().classes.len();
    let pooled = statistics.pooled(&rows, &turn.session, classes, &sums);
    pooled.map_err(RunError::caused)
}

fn read(turn: &Turn<'_>, member: usize, owner: u32) -> Result<Part, RunError> {
    let task = turn.view.charter.task();
    let words = sums_length(task.classes.len(), task.features);
    let owners = turn.view.charter.with(Duty::Owner).count();
    let limit = seal::sealed_bytes(8 * words as u64 + LONGEST_HEAD, owners);
    let path = turn.payload(Step::Statistics, member).join(FILE);
    let sealed = crate::files::read_limited(&path, limit)?;
    let content = seal::open(
        binding(turn, Step::Statistics, member),
        turn.identity,
        &sealed,
    )?;
    let wrong = || {
        RunError::input("expected rows and masked sums of this session, found something else")
            .hint("the owner's tool is of another version, or the owner cheats: begin a new session, without it if need be")
    };
    let end = content
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(wrong)?;
    let head: Head = serde_json::from_slice(&content[..end]).map_err(|_| wrong())?;
    let (given, rest) = content[end + 1..].as_chunks::<8>();
    if head.kind != KIND || head.version != VERSION || !rest.is_empty() || given.len() != words {
        return Err(wrong());
    }
    Ok(Part {
        rows: head.rows,
        description: head.description,
        masked: Masked {
            owner,
            terms: blake3::Hash::from_hex(&head.terms)
                .map_err(|_| wrong())?
                .into(),
            words: given.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        },
    })
}
