//! Checks and benchmarks of this workspace: `cargo xtask help` lists them.

mod aarch64;
mod bench;
mod bucket;
mod cargo;
mod check;
mod dist;
mod features;
mod pretrain;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks and benchmarks of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Everything that a change must pass: tidy, formatting, features, lints, tests.
    Check {
        /// Also the documentation and the tests that the default run leaves out.
        #[arg(long)]
        full: bool,
    },
    /// Rules that the compiler does not know: layers, file lengths, forbidden text.
    Tidy,
    /// Building one package must resolve the same features as building the workspace.
    Features {
        /// Name the missing features in the manifests.
        #[arg(long)]
        fix: bool,
    },
    /// One static program for any Linux on a processor.
    Dist(dist::Dist),
    /// Makes the weights of velum-compact anew: about a quarter of an hour.
    Pretrain(pretrain::Pretrain),
    /// Measurements.
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Check { full } => check::run(full),
        Verb::Tidy => tidy::run(),
        Verb::Features { fix } => features::run(fix),
        Verb::Dist(arguments) => dist::run(&arguments),
        Verb::Pretrain(arguments) => pretrain::run(&arguments),
        Verb::Bench { bench } => bench::run(&bench),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
