//! `ROWS,FEATURES,CLASSES`: the sizes of a training set.

use std::str::FromStr;

/// Sizes of a training set, none of them zero and at least two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub rows: usize,
    /// Features of a row, without any constant.
    pub features: usize,
    /// Classes.
    pub classes: usize,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<usize>> = text
            .split(',')
            .map(|part| part.trim().parse().ok())
            .collect();
        match numbers.as_deref() {
            Some(&[rows, features, classes]) if rows > 0 && features > 0 && classes > 1 => {
                Ok(Self {
                    rows,
                    features,
                    classes,
                })
            }
            _ => Err(
                "expected ROWS,FEATURES,CLASSES such as 128,400,10, with at least two classes"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_sizes_and_nothing_else() {
        let shape: Shape = "128, 400,10".parse().unwrap();
        assert_eq!((shape.rows, shape.features, shape.classes), (128, 400, 10));
        for text in [
            "", "1,2", "1,2,3,4", "0,4,2", "4,0,2", "4,4,1", "a,4,2", "-1,4,2",
        ] {
            assert!(text.parse::<Shape>().is_err(), "{text:?}");
        }
    }
}
