//! Plans: what is trained, how it is laid out, under which parameters, and what that costs.

mod program;

pub use program::{Bounds, Cubic, FirstGradient, Job, Method, Program, ProgramError, Scales, Step};
