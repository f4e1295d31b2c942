//! One module a verb: arguments in, summary out.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod decrypt;
#[cfg(feature = "extract")]
pub(crate) mod demo;
pub(crate) mod encrypt;
pub(crate) mod evaluate;
#[cfg(feature = "extract")]
pub(crate) mod extract;
pub(crate) mod group;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod party;
pub(crate) mod plan;
pub(crate) mod predict;
pub(crate) mod refresh;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod train;

/// The failure of a verb that needs the networks, in a build that is without them.
#[cfg(not(feature = "extract"))]
pub(crate) fn without_networks(verb: &str) -> crate::face::failure::Failure {
    crate::face::failure::Failure::input(format!(
        "velum {verb} needs the networks, and this build is without them: it is a server's"
    ))
    .at("arguments")
    .hint("build velum with its default features, at the client")
}

/// The failure of exact prediction in a build that is without it.
#[cfg(not(feature = "sunscreen"))]
pub(crate) fn without_exact() -> crate::face::failure::Failure {
    crate::face::failure::Failure::input(
        "velum predict exact needs the cargo feature `sunscreen`, and this build is without it",
    )
    .at("arguments")
    .hint("cargo build -p cli --features sunscreen: the library is under AGPL-3.0, and its build needs cmake and clang")
}

/// Bytes for people: three digits and a unit.
pub(crate) fn human_bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        v if unit == 0 || v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::human_bytes;

    #[test]
    fn bytes_read_well() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (96_960_000, "97.0 MB"),
            (999_700_000, "1.00 GB"),
            (123_456_789_000_000, "123 TB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
