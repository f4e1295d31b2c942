//! The examples run to their ends: each asserts what it shows.

use std::error::Error;

#[path = "../examples/hello.rs"]
mod hello;
#[path = "../examples/owners.rs"]
mod owners;
#[path = "../examples/prove_cost.rs"]
mod prove_cost;
#[path = "../examples/rotations.rs"]
mod rotations;
#[path = "../examples/trace_cost.rs"]
mod trace_cost;

#[test]
fn hello_says_what_it_says() -> Result<(), Box<dyn Error>> {
    hello::main()
}

#[test]
fn owners_open_together() -> Result<(), Box<dyn Error>> {
    owners::main()
}

#[test]
fn proofs_of_uploads_are_measured() -> Result<(), Box<dyn Error>> {
    prove_cost::run(2, 10)
}

#[test]
fn rotations_sum_all_slots() -> Result<(), Box<dyn Error>> {
    rotations::main()
}

#[test]
fn a_trace_tells_costs() -> Result<(), Box<dyn Error>> {
    trace_cost::main()
}
