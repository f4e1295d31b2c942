//! The velum command line.
