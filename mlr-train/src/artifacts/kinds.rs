//! How each kind of file that may be replaced is recognised.

use he_core::wire;

use super::{checkpoint, predict, refresh, weights};
use crate::files::FileKind;

/// Text that begins an object of JSON and names all of `fields` in its first bytes.
fn names(begin: &[u8], fields: &[&str]) -> bool {
    let holds = |field: &&str| {
        let quoted = format!("\"{field}\"");
        begin
            .windows(quoted.len())
            .any(|window| window == quoted.as_bytes())
    };
    begin.trim_ascii_start().starts_with(b"{") && fields.iter().all(holds)
}

const fn of(kind: &wire::Kind, is: fn(&[u8]) -> bool) -> FileKind {
    FileKind {
        name: kind.name,
        is,
    }
}

/// A plan of a training.
pub const PLAN: FileKind = FileKind {
    name: "plan",
    is: |begin| names(begin, &["schema", "parameters", "program"]),
};

/// What is private of a plan's recipe.
pub const RECIPE: FileKind = FileKind {
    name: "client's recipe",
    is: |begin| {
        let kind = super::recipe::KIND.as_bytes();
        begin.windows(kind.len()).any(|window| window == kind)
    },
};

/// The record of a step.
pub const RECORD: FileKind = FileKind {
    name: "record",
    is: |begin| {
        [velum_record::CLIENT_KIND, velum_record::SERVER_KIND]
            .iter()
            .any(|kind| {
                begin
                    .windows(kind.len())
                    .any(|part| part == kind.as_bytes())
            })
    },
};

/// A report.
pub const REPORT: FileKind = FileKind {
    name: "report",
    is: |begin| {
        let title = b"<title>Report of an encrypted training</title>";
        begin.windows(title.len()).any(|part| part == title)
    },
};

/// A plan for predictions.
pub const SCORE_PLAN: FileKind = FileKind {
    name: "plan for predictions",
    is: |begin| names(begin, &["schema", "kind", crate::predict::plan::KIND]),
};

/// A plan for exact predictions.
pub const EXACT_PLAN: FileKind = FileKind {
    name: "plan for exact predictions",
    is: |begin| names(begin, &["schema", "kind", "velum exact prediction plan"]),
};

/// Encrypted rows for an exact prediction.
#[cfg(feature = "sunscreen")]
pub const EXACT_ROWS: FileKind = of(&super::exact::ROWS, |begin| {
    super::exact::ROWS.begins(begin)
});
/// Encrypted exact scores.
#[cfg(feature = "sunscreen")]
pub const EXACT_SCORES: FileKind = of(&super::exact::SCORES, |begin| {
    super::exact::SCORES.begins(begin)
});

/// The rates of a machine's operations.
pub const RATES: FileKind = FileKind {
    name: "file of rates",
    is: |begin| names(begin, &["rings"]),
};

/// A table of predictions, CSV or JSON.
pub const TABLE: FileKind = FileKind {
    name: "table of predictions",
    is: |begin| begin.starts_with(b"row,") || names(begin, &["predictions"]),
};

/// A shared whitening map.
pub const MAP: FileKind = FileKind {
    name: "whitening map",
    is: |begin| {
        let kind = b"velum client private";
        begin.windows(kind.len()).any(|window| window == kind)
    },
};

/// An encrypted model, as a training gives it.
pub const MODEL: FileKind = of(&weights::MODEL, |begin| weights::MODEL.begins(begin));
/// A checkpoint.
pub const CHECKPOINT: FileKind = of(&checkpoint::CHECKPOINT, |begin| {
    checkpoint::CHECKPOINT.begins(begin)
});
/// How far a training is.
pub const PROGRESS: FileKind = FileKind {
    name: "progress of a training",
    is: |begin| {
        let kind = super::progress::KIND.as_bytes();
        begin.windows(kind.len()).any(|window| window == kind)
    },
};
/// A request for a refresh.
pub const REFRESH: FileKind = of(&refresh::REQUEST, |begin| refresh::REQUEST.begins(begin));
/// Refreshed weights.
pub const ANSWER: FileKind = of(&refresh::ANSWER, |begin| refresh::ANSWER.begins(begin));
/// Encrypted rows to predict.
pub const QUERY: FileKind = of(&predict::QUERY, |begin| predict::QUERY.begins(begin));
/// An encrypted model to predict with.
pub const ENCRYPTED_MODEL: FileKind = of(&predict::ENCRYPTED_MODEL, |begin| {
    predict::ENCRYPTED_MODEL.begins(begin)
});
/// Encrypted scores.
pub const SCORES: FileKind = of(&predict::SCORES, |begin| predict::SCORES.begins(begin));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_knows_its_own_and_no_other() {
        let envelope = |kind: &wire::Kind| {
            let mut bytes = vec![0x89, b'V', b'L', b'M', 0x0d, 0x0a, 0x1a, 0x0a];
            bytes.extend(kind.code.to_le_bytes());
            bytes
        };
        let files: [(FileKind, Vec<u8>); 13] = [
            (
                PLAN,
                b"{\"schema\":2,\"parameters\":{},\"program\":{}}".to_vec(),
            ),
            (
                SCORE_PLAN,
                b"{\"schema\":1,\"kind\":\"velum prediction plan\"}".to_vec(),
            ),
            (
                EXACT_PLAN,
                b"{\"schema\":1,\"kind\":\"velum exact prediction plan\"}".to_vec(),
            ),
            (
                RECIPE,
                b"{\"kind\":\"velum client recipe\",\"schema\":1}".to_vec(),
            ),
            (
                RECORD,
                b"{\"kind\": \"velum server record\", \"schema\": 1}".to_vec(),
            ),
            (RATES, b"{ \"threads\": 2, \"rings\": [] }".to_vec()),
            (TABLE, b"row,label,score\n0,1,2\n".to_vec()),
            (MODEL, envelope(&weights::MODEL)),
            (CHECKPOINT, envelope(&checkpoint::CHECKPOINT)),
            (REFRESH, envelope(&refresh::REQUEST)),
            (ANSWER, envelope(&refresh::ANSWER)),
            (QUERY, envelope(&predict::QUERY)),
            (SCORES, envelope(&predict::SCORES)),
        ];
        let others: [&[u8]; 5] = [
            b"velum secret key, format 1",
            b"0.5,1.5,2\n",
            b"{}",
            b"{\"schema\":1}",
            b"\x93NUMPY",
        ];
        for (i, (kind, _)) in files.iter().enumerate() {
            for (j, (_, bytes)) in files.iter().enumerate() {
                assert_eq!((kind.is)(bytes), i == j, "{} {j}", kind.name);
            }
            for other in others {
                assert!(!(kind.is)(other), "{}", kind.name);
            }
        }
    }
}
