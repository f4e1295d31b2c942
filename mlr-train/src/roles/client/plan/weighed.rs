//! What a weighing says of itself.

use he_core::error::Report;
use velum_record::plan::{Takes, Weighed as Said};

use crate::plan::{Cost, ROUND_TRIP, Weighing};

/// Every way, what it takes and why it was not taken.
pub(super) fn said(weighing: &Weighing) -> Vec<Said> {
    let ways = weighing.ways.iter().enumerate();
    ways.map(|(place, way)| {
        let taken = place == weighing.taken;
        let why = match &way.found {
            _ if taken => None,
            Ok(cost) => Some(costlier(cost)),
            Err(error) => Some(Report::of(error).to_string()),
        };
        Said {
            way: way.name().to_owned(),
            takes: way.found.as_ref().ok().map(takes),
            taken,
            why,
        }
    })
    .collect()
}

/// Who refreshes in the plan that was taken: `none` also where the way that was asked for falls into no iteration.
pub(super) fn way(weighing: &Weighing) -> String {
    let way = weighing.ways.get(weighing.taken);
    let refreshes = weighing.cost.refreshes > 0;
    let name = way.filter(|_| refreshes).map_or("none", |way| way.name());
    name.to_owned()
}

/// Why what fits was not taken.
fn costlier(cost: &Cost) -> String {
    let text = "counts as more than the one taken";
    match cost.round_trips {
        0 => text.to_owned(),
        trips => format!(
            "{text}: the server waits {trips} times for an answer, {ROUND_TRIP} s counted for each"
        ),
    }
}

fn takes(cost: &Cost) -> Takes {
    Takes {
        predicted_train_seconds: cost.seconds,
        counted_seconds: cost.counted(),
        memory_bytes: cost.memory,
        upload_bytes: cost.upload,
        refreshes: cost.refreshes,
        round_trips: cost.round_trips,
    }
}
