//! The job: what is computed, from which uploads, at which levels. It knows neither parameters nor costs; server and plan stand on it.
//!
//! | file | what it answers |
//! |---|---|
//! | `program` | the unchecked literal that a plan holds |
//! | `method` | everything in which the methods differ |
//! | `levels` | the level at which every step begins and ends |
//! | `sizes` | how large values are: bounds, or root mean squares |
//! | `checked` | the checked [`Job`] |
//! | `refresh` | where weights are given levels again, and how |
//! | `lifted` | where refreshed weights stand |
//! | `joint` | who makes a joint key and opens the model |
//! | `proofs` | which uploads share a proof |
//! | `uploads` | which ciphertexts a job takes, their level, scale and size |
//!
//! ```
//! use mlr_train::job::{Bounds, FirstGradient, Job, Method, Owners, Polynomial, Program, Scales};
//! use mlr_train::packing::{Arrangement, Shape};
//! use mlr_train::sigmoid::{Degree, OddPolynomial};
//!
//! let cubic = OddPolynomial::fit(Degree::Three, 6.0)?;
//! let program = Program {
//!     shape: Shape { samples: 100, columns: 8, classes: 3 },
//!     method: Method::Whitened { first_gradient: FirstGradient::Client },
//!     schedule: vec![4.0, 16.0, 16.0],
//!     polynomial: Polynomial::new(&cubic),
//!     bounds: Bounds {
//!         data: 4.0, column_rms: 1.0, data_rms: 1.0, score: 12.0, weight: 4.0, curvature: 1.0,
//!     },
//!     arrangement: Arrangement::RowMajor,
//!     row_length: 8,
//!     classes_per_pass: 3,
//!     radix: 4,
//!     scales: Scales { data: 34, first: 34, error: 30, curvature: 30 },
//!     owners: Owners::default(),
//!     refresh: None,
//! };
//! let job = Job::new(program, 512)?;
//! // One level to unpack the first gradient, four for each iteration after it.
//! assert_eq!(job.levels().top(), 1 + 2 * 4);
//! assert_eq!(job.uploads().count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checked;
mod error;
mod joint;
mod levels;
mod lifted;
mod method;
mod owners;
mod polynomial;
mod program;
mod refresh;
mod sizes;
mod uploads;

pub use checked::Job;
pub use error::ProgramError;
pub use joint::{Hiding, Joint};
pub use levels::{IterationLevels, LevelSchedule};
pub use lifted::Iterate;
pub(crate) use lifted::LARGEST_NOISE;
pub use method::{FirstGradient, Labels, Method, Step};
pub use owners::Owners;
pub use polynomial::{Odd, Polynomial};
pub use program::{Bounds, Program, Scales};
pub use refresh::{MASK_BITS, Refreshes, Way};
pub use sizes::{LABEL_SIZE, Sizes};
