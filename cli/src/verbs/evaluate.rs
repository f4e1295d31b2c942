//! `evaluate`: accuracy of a model, beside the models that need no encryption.

use std::io::{self, Write};

use he_core::error::printable;
use mlr_train::metrics::Share;
use mlr_train::roles::Rows;
use mlr_train::roles::client::{EvaluateInput, Evaluated, evaluate};
use velum_record::client::{Point, Thresholds};

use crate::args::evaluate::EvaluateArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Evaluates as the arguments say.
pub(crate) fn run(args: &EvaluateArgs, console: &Console) -> Result<Evaluated, Failure> {
    let training = args.train_features.as_ref().map(|path| Rows {
        features: path.clone(),
        labels: args.train_labels.clone(),
        rows: args.train_rows.clone(),
        named: "--train-rows",
    });
    let input = EvaluateInput {
        model: args.model.clone(),
        rows: args.features.rows()?,
        private: args.private.clone(),
        training,
        out: args.out.clone(),
        record: args.record.clone(),
        threshold: args.threshold,
    };
    Ok(evaluate::run(&input, &Reported::quick(console))?)
}

/// The four accuracies, for people: what the encryption gave, beside what can be had without it.
pub(crate) fn comparison(found: &Evaluated, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |what: &str, accuracy: Option<f64>| match accuracy {
        Some(accuracy) => writeln!(out, "{what:<44}{:>7.2} %", 100.0 * accuracy),
        None => Ok(()),
    };
    let how = if found.encrypted { ", encrypted" } else { "" };
    let trained = format!("{}, {} iterations{how}", found.method, found.iterations);
    line(&trained, Some(found.accuracy))?;
    line("  the same in clear (twin)", found.accuracy_clear)?;
    line(
        "  client only, nothing uploaded",
        found.accuracy_client_only,
    )?;
    line("  best clear model", found.accuracy_best_clear)
}

/// What single figures say of all classes; of two classes also by the names that medicine uses.
fn figures(found: &Evaluated, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "balanced accuracy {:.2} %, macro F1 {:.2} %",
        100.0 * found.balanced_accuracy,
        100.0 * found.macro_f1
    )?;
    let [_, positive] = &found.per_class[..] else {
        return Ok(());
    };
    let name = positive
        .name
        .clone()
        .unwrap_or_else(|| "class 1".to_owned());
    if let (Some(sensitivity), Some(specificity)) = (&positive.sensitivity, &positive.specificity) {
        writeln!(
            out,
            "for {name}: sensitivity {sensitivity}, specificity {specificity}"
        )?;
    }
    if let Some(auc) = found.auc {
        writeln!(out, "AUC {auc:.4}")?;
    }
    let chosen = found.thresholds.as_ref();
    match chosen.and_then(|all| Some((all, all.chosen?))) {
        Some((all, point)) => at_threshold(&name, all, &point, out),
        None => Ok(()),
    }
}

/// What the threshold that was asked for gives.
fn at_threshold(
    name: &str,
    all: &Thresholds,
    point: &Point,
    out: &mut dyn Write,
) -> io::Result<()> {
    let passed = all.negatives - point.false_alarms;
    let what = match all.probability {
        true => "probability",
        false => "difference of scores",
    };
    writeln!(
        out,
        "from {what} {} on taken for {name}: sensitivity {}, specificity {}, accuracy {}",
        point.threshold,
        Share::new(point.hits, all.positives),
        Share::new(passed, all.negatives),
        Share::new(point.hits + passed, all.positives + all.negatives)
    )
}

impl Summary for Evaluated {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "accuracy on {} rows", self.rows)?;
        comparison(self, out)?;
        writeln!(out, "95 % interval (Wilson): {}", self.accuracy_interval)?;
        figures(self, out)?;
        if let Some(error) = self.max_weight_error {
            writeln!(
                out,
                "largest weight error, relative to the twin: {error:.1e}"
            )?;
        }
        writeln!(out)?;
        per_class(self, out)?;
        writeln!(out)?;
        confusion(self, out)
    }
}

/// Columns of a terminal that tables fit into.
const WIDTH: usize = 60;
/// Columns of the name that heads a row.
const HEAD: usize = 16;
/// More classes are no table for a terminal: the report shows them as a picture.
const MOST_CLASSES: usize = 30;

/// A class by its name, cut to so many characters.
fn name(found: &Evaluated, class: usize, most: usize) -> String {
    let known = found.per_class.get(class).and_then(|c| c.name.as_deref());
    let whole = known.map_or_else(|| class.to_string(), printable);
    if whole.chars().count() <= most {
        return whole;
    }
    let cut: String = whole.chars().take(most - 1).collect();
    format!("{cut}\u{2026}")
}

fn per_class(found: &Evaluated, out: &mut dyn Write) -> io::Result<()> {
    let share = |value: Option<f64>| match value {
        Some(value) => format!("{:.1}", 100.0 * value),
        None => "-".to_owned(),
    };
    let (rows, auc) = ("rows", "AUC");
    writeln!(
        out,
        "{:<HEAD$}{rows:>8}{:>11}{:>8}{:>7}{auc:>8}",
        "label", "precision", "recall", "F1"
    )?;
    for class in &found.per_class {
        let auc = class.auc.map_or("-".to_owned(), |auc| format!("{auc:.4}"));
        writeln!(
            out,
            "{:<HEAD$}{:>8}{:>11}{:>8}{:>7}{auc:>8}",
            name(found, class.class, HEAD - 1),
            class.rows,
            share(class.precision),
            share(class.recall),
            share(class.f1),
        )?;
    }
    Ok(())
}

/// Rows by label and prediction, as many predictions beside each other as there is room for, the others below.
fn confusion(found: &Evaluated, out: &mut dyn Write) -> io::Result<()> {
    let classes = found.confusion.len();
    if classes > MOST_CLASSES {
        return writeln!(
            out,
            "{classes} classes: velum report shows which are taken for which"
        );
    }
    let counts = found.confusion.iter().flatten().max();
    let counts = counts.map_or(1, |most| most.to_string().len());
    let names = (0..classes).map(|class| name(found, class, 9).chars().count());
    let width = 1 + counts.max(names.max().unwrap_or(1));
    let all: Vec<usize> = (0..classes).collect();
    writeln!(out, "rows by label (down) and prediction (across)")?;
    for part in all.chunks((WIDTH - HEAD) / width) {
        let head = part
            .iter()
            .map(|&class| format!("{:>width$}", name(found, class, 9)));
        writeln!(out, "{:<HEAD$}{}", "", head.collect::<String>())?;
        for (label, row) in found.confusion.iter().enumerate() {
            let counts = part.iter().map(|&class| format!("{:>width$}", row[class]));
            let counts: String = counts.collect();
            writeln!(out, "{:<HEAD$}{counts}", name(found, label, HEAD - 1))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use velum_record::client::Class;

    fn found(classes: usize) -> Evaluated {
        let class = |class| Class {
            class,
            name: Some(format!("{class}, of a rather long name\u{1b}[31m")),
            rows: 12_345,
            precision: Some(1.0),
            recall: Some(1.0),
            f1: None,
            sensitivity: None,
            specificity: None,
            auc: Some(1.0),
        };
        Evaluated {
            method: "whitened".to_owned(),
            iterations: 2,
            encrypted: true,
            rows: 9,
            accuracy: 1.0,
            accuracy_interval: Share::new(9, 9),
            balanced_accuracy: 1.0,
            macro_f1: 1.0,
            auc: None,
            accuracy_clear: Some(1.0),
            accuracy_client_only: Some(1.0),
            accuracy_best_clear: Some(1.0),
            max_weight_error: Some(1e-4),
            confusion: vec![vec![12_345; classes]; classes],
            per_class: (0..classes).map(class).collect(),
            thresholds: None,
            worst: vec![],
            seconds: None,
        }
    }

    #[test]
    fn tables_fold_at_sixty_columns() {
        for classes in [3, 10, 30, 60] {
            let mut text = Vec::new();
            found(classes).human(&mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(!text.contains('\u{1b}'));
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{classes} classes: {line}");
            }
            // Every count of the matrix is there once.
            let counts = text.matches(" 12345").count();
            let matrix = if classes > MOST_CLASSES {
                0
            } else {
                classes * classes
            };
            assert_eq!(counts, classes + matrix, "{text}");
        }
    }
}
