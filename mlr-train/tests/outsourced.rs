//! The example of a whole job runs, and its model is right.

#[path = "../examples/outsourced.rs"]
mod outsourced;

#[test]
fn the_example_trains_a_model_that_is_right() {
    assert!(outsourced::main().is_ok());
}
