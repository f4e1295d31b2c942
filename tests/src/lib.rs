//! End-to-end tests across the crates: the program `velum` as a client and a server would run it. See `tests/main.rs` of this package.
