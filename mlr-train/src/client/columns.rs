//! What is unusual about training rows and would spoil a model without a word: columns of very different size, constant ones, a few huge
//! values, labels that count the rows.
//!
//! Whitening adds `lambda` times the largest variance to every variance. A column whose own variance is less than that keeps less than half
//! of its variance in the whitened rows: it is *drowned* by the largest. In a table that is a matter of units and each such column is named,
//! unless it holds one value in half of its rows; of a network's features many are small by nature (up to 52 % of SqueezeNet's are drowned at
//! lambda 0.03), so there two thirds must be. docs/decisions.md has the measurements behind the thresholds.

use he_core::error::Explain;
use ndarray::ArrayView1;

use crate::data::FeatureSet;

/// Labels that number this many rows are taken for an index; a toy set may have a row a class.
const FEW_ROWS: usize = 10;
/// Interquartile ranges from the median beyond which a value is huge: 40 standard deviations of a normal distribution.
const HUGE: f64 = 30.0;
/// At most one in so many values of a column can be a stray one.
const STRAY: usize = 10;
/// Columns that a message names.
const SHOWN: usize = 4;

/// Something to tell before the work begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// The model will be worse for it.
    Warning(String),
    /// Good to know.
    Note(String),
}

/// Labels from which nothing can be learnt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("labels: expected several rows of a class, found {rows} rows of {rows} classes")]
pub struct LabelsRefused {
    /// Rows, each of a class of its own.
    pub rows: usize,
}

impl Explain for LabelsRefused {
    fn hint(&self) -> Option<String> {
        Some("does an index stand in the first column? write tables without one: pandas' to_csv with index=False".to_owned())
    }
}

/// Looks at labels and columns of training rows that are to be whitened with `lambda`. Cost: a pass over all values, and of a table one
/// selection of quartiles a column.
///
/// # Errors
/// [`LabelsRefused`] where every row has a class of its own.
pub fn look(set: &FeatureSet, lambda: f64) -> Result<Vec<Said>, LabelsRefused> {
    let mut said = Vec::new();
    said.extend(labels(set)?);
    let columns: Vec<Column> = (0..set.width())
        .map(|at| Column::of(set.features().column(at)))
        .collect();
    let of_network = set.description().model.is_some();
    said.extend(constants(set, &columns, of_network));
    if !of_network {
        said.extend(counting(set, &columns));
        said.extend(stray(set, &columns));
    }
    let units = |column: &Column| of_network || column.spread > 0.0;
    let sizes = Sizes {
        variances: columns.iter().map(|c| c.variance).collect(),
        matter: columns.iter().map(units).collect(),
        most: if of_network { MANY } else { 0.0 },
    };
    let name = |at| set.column_name(at);
    said.extend(sizes.drowned(lambda, &name).map(Said::Warning));
    Ok(said)
}

/// The same of pooled variances, of which no row is known: only the sizes of columns can be judged.
#[must_use]
pub fn look_at_variances(variances: &[f64], lambda: f64) -> Option<Said> {
    let sizes = Sizes {
        variances: variances.to_vec(),
        matter: vec![true; variances.len()],
        most: MANY,
    };
    let name = |at| format!("feature {at}");
    sizes.drowned(lambda, &name).map(Said::Warning)
}

/// Share of a network's columns that may be drowned.
const MANY: f64 = 2.0 / 3.0;

/// What one column shows.
struct Column {
    variance: f64,
    constant: bool,
    counts: bool,
    /// Interquartile range.
    spread: f64,
    median: f64,
}

impl Column {
    fn of(values: ArrayView1<'_, f64>) -> Self {
        let n = values.len();
        let first = values[0];
        let constant = values.iter().all(|&x| x == first);
        let mean = values.sum() / n as f64;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        let counts =
            n > FEW_ROWS && (values.iter().zip(0_u32..)).all(|(&x, k)| x == first + f64::from(k));
        let mut sorted = values.to_vec();
        let mut quantile = |share: usize| {
            let at = (n * share / 4).min(n - 1);
            *sorted.select_nth_unstable_by(at, f64::total_cmp).1
        };
        let (low, median, high) = (quantile(1), quantile(2), quantile(3));
        Self {
            variance: if constant { 0.0 } else { squares / n as f64 },
            constant,
            counts,
            spread: high - low,
            median,
        }
    }
}

fn labels(set: &FeatureSet) -> Result<Option<Said>, LabelsRefused> {
    let mut seen = vec![false; set.classes()];
    set.labels()
        .iter()
        .for_each(|&label| seen[label as usize] = true);
    let classes = seen.into_iter().filter(|seen| *seen).count();
    let rows = set.rows();
    if rows > FEW_ROWS && classes == rows {
        return Err(LabelsRefused { rows });
    }
    // The rule of scikit-learn's `type_of_target`.
    let many = rows > FEW_ROWS && 2 * classes > rows;
    Ok(many.then(|| {
        Said::Warning(format!(
            "{classes} classes of {rows} rows: more than half of the rows, so that most classes have one; is the label's column the right one?"
        ))
    }))
}

/// Names of columns, the first few.
fn named(columns: &[usize], name: &dyn Fn(usize) -> String) -> String {
    let shown: Vec<String> = columns.iter().take(SHOWN).map(|&at| name(at)).collect();
    let more = columns.len().saturating_sub(SHOWN);
    let end = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    shown.join(", ") + &end
}

fn constants(set: &FeatureSet, columns: &[Column], of_network: bool) -> Option<Said> {
    let which = |(at, column): (usize, &Column)| column.constant.then_some(at);
    let which: Vec<usize> = columns.iter().enumerate().filter_map(which).collect();
    // One row makes every column constant.
    if which.is_empty() || set.rows() < 2 {
        return None;
    }
    let text = format!(
        "{} of {} columns hold one value in all rows and add nothing: {}",
        which.len(),
        columns.len(),
        named(&which, &|at| set.column_name(at))
    );
    // Channels of a network that no picture wakes are usual.
    Some(if of_network {
        Said::Note(text)
    } else {
        Said::Warning(text)
    })
}

fn counting(set: &FeatureSet, columns: &[Column]) -> Option<Said> {
    let at = columns.iter().position(|column| column.counts)?;
    let name = set.column_name(at);
    Some(Said::Warning(format!(
        "{name} counts the rows: an index is no feature, and where rows are sorted by class it gives the class away; leave it out"
    )))
}

/// Columns with a few values far from all others: a number that stands for a missing one, another unit, a slip.
fn stray(set: &FeatureSet, columns: &[Column]) -> Vec<Said> {
    let mut said = Vec::new();
    let mut more = 0;
    for (at, column) in columns.iter().enumerate() {
        let far = |x: f64| column.spread > 0.0 && (x - column.median).abs() > HUGE * column.spread;
        let values = set.features().column(at);
        let count = values.iter().filter(|&&x| far(x)).count();
        if count == 0 || count * STRAY > values.len() {
            continue;
        }
        if said.len() == SHOWN {
            more += 1;
            continue;
        }
        let row = values.iter().position(|&x| far(x)).unwrap_or_default();
        said.push(Said::Warning(format!(
            "{}: {count} of {} values lie more than {HUGE} interquartile ranges from the median {}, such as {} in row {row}: they rule the column's size; are they missing values, or of another unit?",
            set.column_name(at),
            values.len(),
            short(column.median),
            short(values[row]),
        )));
    }
    if more > 0 {
        said.push(Said::Warning(format!(
            "{more} more columns have such values"
        )));
    }
    said
}

struct Sizes {
    variances: Vec<f64>,
    /// Columns that are judged.
    matter: Vec<bool>,
    /// Share of them that may be drowned.
    most: f64,
}

impl Sizes {
    fn drowned(&self, lambda: f64, name: &dyn Fn(usize) -> String) -> Option<String> {
        let judged: Vec<usize> = (0..self.variances.len())
            .filter(|&at| self.matter[at] && self.variances[at] > 0.0)
            .collect();
        let all = (0..self.variances.len())
            .max_by(|&a, &b| self.variances[a].total_cmp(&self.variances[b]));
        let largest = all?;
        let added = lambda * self.variances[largest];
        let drowned: Vec<usize> = judged
            .iter()
            .copied()
            .filter(|&at| self.variances[at] < added)
            .collect();
        if drowned.is_empty() || (drowned.len() as f64) <= self.most * judged.len() as f64 {
            return None;
        }
        Some(format!(
            "columns are of very different size: {} has the standard deviation {}, {} {}; lambda {lambda} of the largest variance drowns {} of {} columns ({}): give them like sizes, or plan with a smaller lambda",
            name(largest),
            short(self.variances[largest].sqrt()),
            name(drowned[0]),
            short(self.variances[drowned[0]].sqrt()),
            drowned.len(),
            judged.len(),
            named(&drowned, name),
        ))
    }
}

/// Three digits.
fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&size) {
        let digits = if size >= 100.0 || value.fract() == 0.0 {
            0
        } else {
            3
        };
        format!("{value:.digits$}")
    } else {
        format!("{value:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Description;
    use ndarray::Array2;

    const ROWS: usize = 60;

    /// Columns of about one size in three classes; `change` spoils them.
    fn set(change: impl Fn(usize, usize, f64) -> f64) -> FeatureSet {
        let x = Array2::from_shape_fn((ROWS, 5), |(i, j)| {
            let value = ((i * 7919 + j * 104_729) % 101) as f64 / 20.0 + (i % 3) as f64;
            change(i, j, value)
        });
        let labels = (0..ROWS as u32).map(|row| row % 3).collect();
        FeatureSet::new(x, labels, None, "t").unwrap()
    }

    fn warnings(set: &FeatureSet, lambda: f64) -> Vec<String> {
        let said = look(set, lambda).unwrap().into_iter();
        said.filter_map(|said| match said {
            Said::Warning(text) => Some(text),
            Said::Note(_) => None,
        })
        .collect()
    }

    #[test]
    fn usual_rows_are_not_talked_about() {
        assert_eq!(look(&set(|_, _, x| x), 0.01).unwrap(), []);
    }

    #[test]
    fn each_kind_is_said_once_by_the_name_of_its_column() {
        for (change, said) in [
            // One column in other units, either way.
            (
                (|_, j, x| if j == 4 { 1000.0 * x } else { x }) as fn(usize, usize, f64) -> f64,
                "feature 4 has the standard deviation",
            ),
            (
                |_, j, x| if j == 1 { x / 100.0 } else { x },
                "drowns 1 of 5 columns (feature 1)",
            ),
            (
                |_, j, x| if j == 2 { 7.0 } else { x },
                "1 of 5 columns hold one value in all rows and add nothing: feature 2",
            ),
            (
                |i, j, x| if j == 3 && i == 17 { 1e9 } else { x },
                "feature 3: 1 of 60 values",
            ),
            (
                |i, j, x| if j == 3 && i % 15 == 4 { -9999.0 } else { x },
                "-9999 in row 4",
            ),
            (
                |i, j, x| if j == 0 { 5.0 + i as f64 } else { x },
                "feature 0 counts the rows",
            ),
        ] {
            let found = warnings(&set(change), 0.01);
            assert!(
                found.iter().any(|text| text.contains(said)),
                "{said}: {found:?}"
            );
        }
        // A smaller lambda drowns less.
        let small = set(|_, j, x| if j == 1 { x / 100.0 } else { x });
        assert_eq!(warnings(&small, 1e-6), Vec::<String>::new());
    }

    #[test]
    fn a_network_s_features_may_differ() {
        let by = Description {
            model: Some("resnet18".to_owned()),
            ..Description::default()
        };
        // Two of five are small, one is silent, one wakes for one picture.
        let rows = set(|i, j, x| match j {
            0 | 1 => x / 100.0,
            2 => 0.0,
            3 if i == 9 => 20.0,
            _ => x,
        });
        let rows = rows.with_description(by.clone());
        assert_eq!(warnings(&rows, 0.01), Vec::<String>::new());
        assert!(matches!(look(&rows, 0.01).unwrap()[..], [Said::Note(_)]));
        let drowned = set(|_, j, x| if j == 4 { 1000.0 * x } else { x }).with_description(by);
        assert_eq!(warnings(&drowned, 0.01).len(), 1);
    }

    #[test]
    fn labels_that_count_the_rows_are_refused_and_too_many_classes_told() {
        let x = set(|_, _, x| x).features().clone();
        let with = |labels: Vec<u32>| FeatureSet::new(x.clone(), labels, None, "t").unwrap();
        let index = with((0..ROWS as u32).collect());
        assert_eq!(look(&index, 0.01), Err(LabelsRefused { rows: ROWS }));
        let turned = with((0..ROWS as u32).rev().collect());
        assert!(look(&turned, 0.01).is_err());
        let pairs = with((0..ROWS as u32).map(|row| row * 2 / 3).collect());
        let found = warnings(&pairs, 0.01);
        assert!(found[0].contains("40 classes of 60 rows"), "{found:?}");
        assert_eq!(
            warnings(&with((0..ROWS as u32).map(|row| row / 2).collect()), 0.01),
            Vec::<String>::new()
        );
    }

    #[test]
    fn pooled_variances_are_judged_by_their_sizes() {
        let spoiled = [1.0, 2.0, 1.0, 1e6];
        assert!(look_at_variances(&spoiled, 0.01).is_some());
        assert!(look_at_variances(&[1.0, 2.0, 50.0], 0.01).is_none());
        assert!(look_at_variances(&[0.0, 0.0], 0.01).is_none());
    }
}
