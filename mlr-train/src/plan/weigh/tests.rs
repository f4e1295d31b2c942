//! Which way is taken, and what limits exclude.

use super::*;
use crate::clear::whitened::Schedule;
use crate::job::FirstGradient;
use crate::packing::{Arrangement, Shape};
use crate::sigmoid::{Degree, OddPolynomial};

/// Few rows and columns; at most four iterations fit without a refresh.
fn request(iterations: usize) -> PlanRequest {
    let shape = Shape {
        samples: 60,
        columns: 4,
        classes: 2,
    };
    let cubic = OddPolynomial::fit(Degree::Three, 6.0).unwrap();
    let schedule = Schedule::ladder(4.0, 4.0, iterations).unwrap();
    let (first, cubic) = (FirstGradient::Client, cubic.into());
    let mut request = PlanRequest::whitened(shape, first, &schedule, &cubic, 8.0, 4.0);
    request.limits.security = 128;
    // One layout and ring, so that tests search little.
    request.row_length = Some(4);
    request.arrangement = Some(Arrangement::RowMajor);
    request.scale_bits = Some(34);
    request
}

fn taken(weighing: &Weighing) -> &'static str {
    weighing.ways[weighing.taken].name()
}

fn cost<'a>(weighing: &'a Weighing, name: &str) -> &'a Cost {
    let way = weighing.ways.iter().find(|way| way.name() == name);
    way.unwrap().found.as_ref().unwrap()
}

/// Where levels suffice nobody is asked: a refresh would cost more.
#[test]
fn what_fits_without_a_refresh_is_taken_without_one() {
    let found = weigh(&request(3), &ways(0, false)).unwrap();
    assert_eq!(taken(&found), "none");
    assert_eq!(found.ways.len(), 3);
    for way in &found.ways {
        let cost = way.found.as_ref().unwrap();
        // A refreshed run is one that is refreshed.
        assert_eq!(cost.refreshes > 0, way.way.is_some(), "{way:?}");
        assert_eq!(cost.round_trips > 0, way.name() == "client", "{way:?}");
        assert!(cost.counted() >= cost.seconds && cost.counted() >= TELLING * found.cost.counted());
    }
    assert_eq!(found.plans[0].seconds, found.cost.seconds);
    // Two iterations have nothing between them.
    let short = weigh(&request(2), &ways(0, false)).unwrap();
    assert_eq!(taken(&short), "none");
    for way in &short.ways[1..] {
        assert!(matches!(
            way.found,
            Err(PlanError::NoRefresh { iterations: 2 })
        ));
    }
}

#[test]
fn levels_exclude_no_refresh_and_limits_exclude_ways() {
    let mut long = request(6);
    long.log_n = Some(14);
    let found = weigh(&long, &ways(1, false)).unwrap();
    assert!(found.ways[0].found.is_err(), "{:?}", found.ways[0]);
    let (bootstrap, client) = (*cost(&found, "bootstrap"), *cost(&found, "client"));
    // The round trips count: seconds of the server alone would speak for the client.
    assert!(client.seconds < bootstrap.seconds);
    let by_trips = ROUND_TRIP * client.round_trips as f64;
    assert!(client.counted() > client.seconds + by_trips);
    let least = if client.counted() < TELLING * bootstrap.counted() {
        "client"
    } else {
        "bootstrap"
    };
    assert_eq!(taken(&found), least);
    // Keys of a bootstrapping take memory: a limit between the two leaves the client.
    assert!(client.memory < bootstrap.memory);
    long.limits.memory = Some(client.memory.midpoint(bootstrap.memory));
    let small = weigh(&long, &ways(1, false)).unwrap();
    assert_eq!(taken(&small), "client");
    assert!(small.ways[1].found.is_err(), "{:?}", small.ways[1]);
    assert!(small.cost.memory <= long.limits.memory.unwrap());
    // Of one way alone its own refusal.
    let alone = weigh(&long, &ways(1, false)[1..2]).unwrap_err();
    assert!(matches!(alone, PlanError::Limit { .. }), "{alone}");
}

#[test]
fn where_no_way_fits_each_says_why() {
    let mut hurried = request(6);
    hurried.log_n = Some(14);
    hurried.limits.seconds = Some(1e-6);
    let error = weigh(&hurried, &ways(1, false)).unwrap_err();
    let text = error.to_string();
    for name in ["none: ", "bootstrap: ", "client: ", "limit is"] {
        assert!(text.contains(name), "{text}");
    }
    assert!(Report::of(&error).hint.is_some());
}

/// A refresh lets levels rise: every iteration begins where its data lie, not where the one before it ended.
#[test]
fn iterations_say_the_levels_that_they_begin_and_end_at() {
    let long = request(6);
    let found = weigh(&long, &ways(1, false)[2..]).unwrap();
    let plan = &found.plans[0].plan;
    let (rows, levels) = (
        plan.iteration_costs(&long.rates).unwrap(),
        plan.job().levels(),
    );
    let refreshed = |iteration| levels.lifts(iteration);
    assert_eq!(rows.len(), 6);
    for pair in rows.windows(2) {
        let [before, row] = pair else { unreachable!() };
        let own = levels.iteration(row.iteration).unwrap();
        // Scores and sums over rows take a level each, a cubic two.
        assert_eq!(row.level_before, row.level_after + 4, "{row:?}");
        assert_eq!(
            (row.level_before, row.level_after),
            (own.weights.0, own.end.0)
        );
        let rises = row.level_before > before.level_after;
        assert_eq!(rises, refreshed(row.iteration), "{row:?}");
    }
    assert!(rows.iter().any(|row| refreshed(row.iteration)));
    // Without refreshes nothing rises.
    let plain = Plan::search(&request(3)).unwrap();
    let rows = plain.iteration_costs(&long.rates).unwrap();
    assert!(
        rows.windows(2)
            .all(|pair| pair[0].level_after == pair[1].level_before)
    );
    assert_eq!(rows[0].level_before, plain.params().max_level());
}

#[test]
fn under_a_joint_key_owners_are_weighed_and_nobody_who_would_hold_it() {
    let ways = ways(2, true);
    let names: Vec<_> = ways.iter().map(|way| way.map(|one| one.way)).collect();
    assert_eq!(names, [None, Some(Way::Owners)]);
    assert!(ways[1].is_some_and(|one| one.every == 2 && one.bits == MASK_BITS));
}
