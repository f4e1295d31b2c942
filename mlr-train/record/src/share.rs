//! Shares of rows, and the interval that they leave open.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A share of rows and the interval that it leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Rows that count.
    pub hits: u64,
    /// Rows looked at.
    pub rows: u64,
    /// `hits / rows`, in [0, 1]; 0 without rows.
    pub share: f64,
    /// Lower end of the interval, in [0, 1].
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// 97.5 % point of the normal distribution: intervals cover 95 %.
const QUANTILE: f64 = 1.959_963_984_540_054;

impl Share {
    /// A share with Wilson's 95 % interval ("Probable inference, the law of succession, and statistical inference", 1927): honest for few
    /// rows and for shares near 0 and 1, where the usual deviation says that nothing is left open. Without rows it is all of [0, 1].
    #[must_use]
    pub fn new(hits: u64, rows: u64) -> Self {
        if rows == 0 {
            return Self {
                hits,
                rows,
                share: 0.0,
                low: 0.0,
                high: 1.0,
            };
        }
        let (n, p, z) = (rows as f64, hits as f64 / rows as f64, QUANTILE);
        let middle = p + z * z / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + z * z / n;
        // The ends of shares 0 and 1 are exact; rounding may not show it.
        let low = if hits == 0 {
            0.0
        } else {
            (middle - half) / whole
        };
        let high = if hits == rows {
            1.0
        } else {
            (middle + half) / whole
        };
        Self {
            hits,
            rows,
            share: p,
            low,
            high,
        }
    }
}

impl fmt::Display for Share {
    /// `95.96 % (94.85 to 96.84)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cent = |share: f64| 100.0 * share;
        write!(
            f,
            "{:.2} % ({:.2} to {:.2})",
            cent(self.share),
            cent(self.low),
            cent(self.high)
        )
    }
}
