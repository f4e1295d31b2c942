//! What a plan may need at most, and what operations take: options of `plan`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use mlr_train::packing::Arrangement;
use mlr_train::plan::Limits;

/// Bytes as people write them: `4GB`, `500 MB`, `1.5e9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("TB", 1e12),
            ("B", 1.0),
        ];
        let found = units.into_iter().find_map(|(unit, factor)| {
            let cut = text.len().checked_sub(unit.len())?;
            let (number, tail) = (text.get(..cut)?, text.get(cut..)?);
            tail.eq_ignore_ascii_case(unit).then_some((number, factor))
        });
        let (number, factor) = found.unwrap_or((text, 1.0));
        match number.trim().parse::<f64>() {
            Ok(x) if x.is_finite() && x > 0.0 && x * factor < 1e18 => Ok(Self((x * factor) as u64)),
            _ => Err("expected a size such as 4GB, 500MB or 1.3e9".to_owned()),
        }
    }
}

/// Where columns stand, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutName {
    /// A ciphertext for every column group; good for few columns.
    RowMajor,
    /// Column groups in diagonals; good for many columns.
    Diagonal,
}

impl From<LayoutName> for Arrangement {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::RowMajor => Self::RowMajor,
            LayoutName::Diagonal => Self::Diagonal,
        }
    }
}

/// Limits and rates.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct BudgetArgs {
    /// Most memory at the server on --threads threads, evaluation keys included, such as 4GB.
    #[arg(long, value_name = "SIZE")]
    pub max_memory: Option<Bytes>,
    /// Largest upload, evaluation keys excluded, such as 1.3GB.
    #[arg(long, value_name = "SIZE")]
    pub max_upload: Option<Bytes>,
    /// Longest training in seconds, as the rates predict it.
    #[arg(long, value_name = "SECONDS", value_parser = super::positive)]
    pub max_time: Option<f64>,
    /// Least bits of classical security: 128, 192 or 256.
    #[arg(long, value_name = "BITS", default_value_t = 128, value_parser = clap::value_parser!(u32).range(128..=256))]
    pub min_security: u32,
    /// Layout of the data [default: the faster].
    #[arg(long, value_enum)]
    pub layout: Option<LayoutName>,
    /// Columns of a row, a power of two [default: the fastest].
    #[arg(long, value_name = "P")]
    pub row_length: Option<usize>,
    /// What operations take on the server: a file that --calibrate wrote there [default: the machine that velum was measured on].
    #[arg(long, value_name = "FILE")]
    pub rates: Option<PathBuf>,
    /// Measure this machine first (about ten seconds) and store what operations take in the file of --rates.
    #[arg(long, requires = "rates")]
    pub calibrate: bool,
    /// Also show the plans that came next, and level, scale and cost of every iteration.
    #[arg(long)]
    pub explain: bool,
}

impl BudgetArgs {
    /// The limits, for so many threads.
    pub(crate) fn limits(&self, threads: Option<NonZeroUsize>) -> Limits {
        Limits {
            threads: threads.map(NonZeroUsize::get),
            memory: self.max_memory.map(|bytes| bytes.0),
            upload: self.max_upload.map(|bytes| bytes.0),
            seconds: self.max_time,
            security: self.min_security,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in [
            ("4GB", 4_000_000_000),
            ("500 MB", 500_000_000),
            ("1.3gb", 1_300_000_000),
            ("12B", 12),
            ("1e6", 1_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "GB", "-1GB", "0", "inf", "4 GiB", "1e30", "é"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
