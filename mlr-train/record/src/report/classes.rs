//! What the model makes of each class.

use std::fmt::Write as _;

use super::page::{begin_picture, begin_table, escaped, paragraph, section, table};
use crate::client::Evaluated;

/// More classes are a picture: a table of numbers would say nothing.
const MOST_IN_A_TABLE: usize = 25;
/// Mistakes that are listed.
const MOST_MISTAKES: usize = 8;

fn name(found: &Evaluated, class: usize) -> String {
    let known = found.per_class.get(class).and_then(|c| c.name.clone());
    known.unwrap_or_else(|| class.to_string())
}

/// Rows by label and prediction.
pub(super) fn confusion(found: &Evaluated) -> String {
    let mut body = if found.confusion.len() <= MOST_IN_A_TABLE {
        matrix(found)
    } else {
        picture(found)
    };
    body += &mistakes(found);
    section("Which classes are taken for which", &body)
}

/// All rows of a label. As a record states them: no sum of them is too large for a page.
fn all(row: &[u64]) -> f64 {
    row.iter().map(|count| *count as f64).sum()
}

/// Share of a label's rows.
fn share(row: &[u64], count: u64) -> f64 {
    count as f64 / all(row).max(1.0)
}

fn matrix(found: &Evaluated) -> String {
    let mut out = begin_table("Rows by label (down) and prediction (across)");
    out.push_str("<thead><tr><th scope=\"col\">label</th>");
    for class in 0..found.confusion.len() {
        let _ = write!(
            out,
            "<th scope=\"col\">{}</th>",
            escaped(&name(found, class))
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (label, row) in found.confusion.iter().enumerate() {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th>",
            escaped(&name(found, label))
        );
        for (prediction, &count) in row.iter().enumerate() {
            let hit = if label == prediction {
                " class=\"hit\""
            } else {
                ""
            };
            // Light enough for the text on it, in both colour schemes.
            let shade = 0.35 * share(row, count);
            let _ = write!(
                out,
                "<td{hit} style=\"background:rgba(var(--shade),{shade:.3})\">{count}</td>"
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn picture(found: &Evaluated) -> String {
    let classes = found.confusion.len();
    let label = format!(
        "Rows of {classes} classes by label (down) and prediction (across): the darker, the more of a label's rows"
    );
    let mut out = begin_picture(&label, classes, classes);
    for (y, row) in found.confusion.iter().enumerate() {
        for (x, &count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            let opacity = share(row, count).max(0.05);
            let _ = write!(
                out,
                "<rect x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\" fill-opacity=\"{opacity:.2}\"/>"
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The most frequent mistakes.
fn mistakes(found: &Evaluated) -> String {
    let mut wrong: Vec<(u64, usize, usize)> = Vec::new();
    for (label, row) in found.confusion.iter().enumerate() {
        for (prediction, &count) in row.iter().enumerate() {
            if label != prediction && count > 0 {
                wrong.push((count, label, prediction));
            }
        }
    }
    if wrong.is_empty() {
        return paragraph("No row was taken for another class.");
    }
    wrong.sort_by_key(|&(count, label, prediction)| (std::cmp::Reverse(count), label, prediction));
    let rows: Vec<_> = wrong
        .iter()
        .take(MOST_MISTAKES)
        .map(|&(count, label, prediction)| {
            vec![
                name(found, label),
                name(found, prediction),
                count.to_string(),
            ]
        })
        .collect();
    table(
        "The most frequent mistakes",
        &["is", "taken for", "rows"],
        &rows,
    )
}

/// Figures of every class.
pub(super) fn per_class(found: &Evaluated) -> String {
    let percent =
        |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{:.1} %", 100.0 * v));
    let rows: Vec<_> = found
        .per_class
        .iter()
        .map(|class| {
            vec![
                name(found, class.class),
                class.rows.to_string(),
                percent(class.recall),
                percent(specificity(found, class.class)),
                percent(class.precision),
                percent(class.f1),
                class.auc.map_or("-".to_owned(), |auc| format!("{auc:.4}")),
            ]
        })
        .collect();
    let head = [
        "class",
        "rows",
        "sensitivity",
        "specificity",
        "precision",
        "F1",
        "AUC",
    ];
    let body = table("Figures of each class", &head, &rows)
        + &paragraph(
            "Sensitivity (recall): share of the class's rows that are found. Specificity: share of the other rows that are not taken for it. Precision: share of the rows taken for it that are right. AUC: the chance that a row of the class ranks above another one.",
        );
    section("Each class", &body)
}

/// Share of the other classes' rows that are not taken for this one.
fn specificity(found: &Evaluated, class: usize) -> Option<f64> {
    let (mut others, mut taken) = (0.0, 0.0);
    for (_, row) in found
        .confusion
        .iter()
        .enumerate()
        .filter(|(label, _)| *label != class)
    {
        others += all(row);
        taken += row.get(class).map_or(0.0, |count| *count as f64);
    }
    (others > 0.0).then(|| 1.0 - taken / others)
}
