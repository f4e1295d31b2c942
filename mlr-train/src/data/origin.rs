//! What features were computed by: network, weights, preprocessing. Features of two origins are as good as random to each other.

use he_core::error::Explain;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Before a hash of a whole file of weights, as feature sets of schema 1 have it. It says nothing about one over the tensors.
const OF_FILE: &str = "file:";
/// Characters of a description in an error.
const SHOWN: usize = 160;

/// What `features.json` says about how the features were made, as far as it is known.
///
/// ```
/// use mlr_train::data::Description;
///
/// let by = |model: &str| Description { model: Some(model.into()), ..Description::default() };
/// assert!(by("resnet18").require_same(&Description::default()).is_ok());
/// let error = by("resnet18").require_same(&by("squeezenet1_0")).unwrap_err();
/// assert!(error.to_string().contains("resnet18") && error.to_string().contains("squeezenet1_0"));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Architecture that computed the features, such as `squeezenet1_0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// blake3 of the network's tensors, in hex; before schema 2 of the feature set that of the weights' file, behind `file:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_blake3: Option<String>,
    /// Preprocessing, as the extractor defines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Map<String, Value>>,
}

/// Features of another network, other weights or another preprocessing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("features: expected {what} {expected}, found {found}")]
pub struct OriginError {
    /// What differs: `the network`, `the weights` or `the preprocessing`.
    pub what: &'static str,
    /// What the other side has.
    pub expected: String,
    /// What these features have.
    pub found: String,
}

impl Explain for OriginError {
    fn hint(&self) -> Option<String> {
        let hint = "extract again with the network, the weights and the normalisation that the other side used: velum inspect names them";
        Some(hint.to_owned())
    }
}

impl Description {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// One text for all of it: BLAKE3 in hex, to be compared where names are nobody's business. None where not all of it is known.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        let (Some(model), Some(weights), Some(how)) =
            (&self.model, &self.weights_blake3, &self.preprocessing)
        else {
            return None;
        };
        let how = Value::Object(how.clone()).to_string();
        let mut hasher = blake3::Hasher::new_derive_key("velum origin of features v1");
        for text in [model, weights, &how] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Some(hasher.finalize().to_hex().to_string())
    }

    /// The description of schema 1, whose hash is that of a file.
    pub(super) fn of_file(mut self) -> Self {
        self.weights_blake3 = self.weights_blake3.map(|hash| format!("{OF_FILE}{hash}"));
        self
    }

    /// Refuses features that were not made as these. What one side does not know is not compared, nor the hash of a file with that of
    /// tensors.
    ///
    /// # Errors
    /// [`OriginError`] for the first part that differs: network, weights, preprocessing.
    pub fn require_same(&self, found: &Self) -> Result<(), OriginError> {
        let error = |what, expected: &str, found: &str| OriginError {
            what,
            expected: short(expected),
            found: short(found),
        };
        if let (Some(a), Some(b)) = (&self.model, &found.model)
            && a != b
        {
            return Err(error("the network", a, b));
        }
        if let (Some(a), Some(b)) = (&self.weights_blake3, &found.weights_blake3)
            && a != b
            && a.starts_with(OF_FILE) == b.starts_with(OF_FILE)
        {
            return Err(error("the weights", a, b));
        }
        if let (Some(a), Some(b)) = (&self.preprocessing, &found.preprocessing)
            && a != b
        {
            let text = |map: &Map<String, Value>| Value::Object(map.clone()).to_string();
            return Err(error("the preprocessing", &text(a), &text(b)));
        }
        Ok(())
    }

    /// What is known of either; to be used on descriptions that [`require_same`](Self::require_same) lets pass.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            model: self.model.or_else(|| other.model.clone()),
            weights_blake3: self.weights_blake3.or_else(|| other.weights_blake3.clone()),
            preprocessing: self.preprocessing.or_else(|| other.preprocessing.clone()),
        }
    }
}

fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("..");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(model: &str, weights: &str, mean: f64) -> Description {
        let preprocessing = serde_json::json!({ "mean": [mean] });
        Description {
            model: Some(model.to_owned()),
            weights_blake3: Some(weights.to_owned()),
            preprocessing: preprocessing.as_object().cloned(),
        }
    }

    #[test]
    fn every_part_is_compared_where_both_sides_know_it() {
        let one = by("a", "0123", 0.0);
        assert!(one.require_same(&one).is_ok());
        assert!(one.require_same(&Description::default()).is_ok());
        assert!(Description::default().require_same(&one).is_ok());
        for (other, what) in [
            (by("b", "0123", 0.0), "the network"),
            (by("a", "4567", 0.0), "the weights"),
            (by("a", "0123", 0.5), "the preprocessing"),
        ] {
            for (a, b) in [(&one, &other), (&other, &one)] {
                assert_eq!(a.require_same(b).unwrap_err().what, what);
            }
            // A part that is not known hides no other.
            let half = Description {
                model: None,
                ..other.clone()
            };
            assert_eq!(one.require_same(&half).is_ok(), what == "the network");
        }
    }

    #[test]
    fn a_file_s_hash_is_compared_with_a_file_s_alone() {
        let (tensors, file) = (by("a", "0123", 0.0), by("a", "4567", 0.0).of_file());
        assert!(tensors.require_same(&file).is_ok());
        assert!(file.require_same(&tensors).is_ok());
        let other = by("a", "89ab", 0.0).of_file();
        assert_eq!(file.require_same(&other).unwrap_err().what, "the weights");
    }

    #[test]
    fn what_is_known_of_either_side_is_kept_and_long_texts_are_cut() {
        let one = by("a", "0123", 0.0);
        assert_eq!(Description::default().or(&one), one);
        assert_eq!(one.clone().or(&Description::default()), one);
        let long = by(&"x".repeat(10_000), "0", 0.0);
        let error = one.require_same(&long).unwrap_err();
        assert!(error.to_string().len() < 400);
    }
}
