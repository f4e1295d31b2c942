//! Two classes: what other thresholds than the usual one would give.

use std::fmt::Write as _;

use super::page::{begin_picture, paragraph, section, table};
use crate::Share;
use crate::client::{Evaluated, Point, Thresholds};

/// Where the curve is drawn: left, top, side.
const LEFT: f64 = 46.0;
const TOP: f64 = 10.0;
const SIDE: f64 = 300.0;

/// The receiver operating characteristic and a table of thresholds, if there are two classes.
pub(super) fn thresholds(found: &Evaluated) -> String {
    let Some(all) = &found.thresholds else {
        return String::new();
    };
    let known = found.per_class.get(all.class).and_then(|c| c.name.clone());
    let name = known.unwrap_or_else(|| format!("class {}", all.class));
    let mut body = paragraph(&format!(
        "How many rows of {name} are found, and how many others are taken for it, goes with the threshold that a row must reach. {}",
        match all.probability {
            true =>
                "It is a probability, fitted on training rows that were held out; at 0.5 is what the model says itself.",
            false =>
                "It is the score of this class less that of the other; at 0 is what the model says itself.",
        }
    ));
    body += &curve(all, found.auc, &name);
    let rows: Vec<_> = all.table.iter().map(|point| line(all, point, "")).collect();
    let chosen = all.chosen.iter().map(|point| line(all, point, " (chosen)"));
    let rows: Vec<_> = chosen.chain(rows).collect();
    let head = [
        "threshold",
        "sensitivity",
        "specificity",
        "precision",
        "taken for it",
    ];
    body += &table(
        &format!("Thresholds for {name}, with Wilson's 95 % intervals"),
        &head,
        &rows,
    );
    section("Other thresholds", &body)
}

fn line(all: &Thresholds, point: &Point, note: &str) -> Vec<String> {
    let taken = point.hits + point.false_alarms;
    let digits = if all.probability { 4 } else { 3 };
    let text = format!("{:.digits$}", point.threshold);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    vec![
        format!("{}{note}", if short.is_empty() { "0" } else { short }),
        Share::new(point.hits, all.positives).to_string(),
        Share::new(
            all.negatives - point.false_alarms.min(all.negatives),
            all.negatives,
        )
        .to_string(),
        match taken {
            0 => "-".to_owned(),
            taken => format!("{:.1} %", 100.0 * point.hits as f64 / taken as f64),
        },
        taken.to_string(),
    ]
}

fn place(all: &Thresholds, point: &Point) -> (f64, f64) {
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    (
        LEFT + SIDE * share(point.false_alarms, all.negatives),
        TOP + SIDE * (1.0 - share(point.hits, all.positives)),
    )
}

fn curve(all: &Thresholds, auc: Option<f64>, name: &str) -> String {
    let area = auc.map_or(String::new(), |auc| format!(", area below it {auc:.4}"));
    let label = format!(
        "Receiver operating characteristic of {name}: share of its rows that are found, against share of the others that are taken for it{area}"
    );
    let mut out = begin_picture(&label, 360, 352);
    let bottom = TOP + SIDE;
    for k in 0..=4 {
        let part = f64::from(k) / 4.0;
        let (x, y) = (LEFT + SIDE * part, bottom - SIDE * part);
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{x:.0}\" y1=\"{TOP}\" x2=\"{x:.0}\" y2=\"{bottom}\"/><line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.0}\" x2=\"{:.0}\" y2=\"{y:.0}\"/>\
             <text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{2:.0}</text><text x=\"{3:.0}\" y=\"{4:.0}\" text-anchor=\"end\">{2:.0}</text>",
            LEFT + SIDE,
            bottom + 16.0,
            100.0 * part,
            LEFT - 6.0,
            y + 4.0
        );
    }
    let mut path = format!("M{LEFT} {bottom}");
    for point in &all.curve {
        let (x, y) = place(all, point);
        let _ = write!(path, "L{x:.1} {y:.1}");
    }
    let _ = write!(
        out,
        "<line class=\"even\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{:.0}\" y2=\"{TOP}\"/>\n<path class=\"curve\" d=\"{path}\"/>\n",
        LEFT + SIDE
    );
    let usual = if all.probability { 0.5 } else { 0.0 };
    let usual = all.table.iter().find(|point| point.threshold == usual);
    for (point, class) in usual
        .map(|point| (point, "usual"))
        .into_iter()
        .chain(all.chosen.as_ref().map(|point| (point, "chosen")))
    {
        let (x, y) = place(all, point);
        let _ = writeln!(
            out,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"
        );
    }
    let _ = write!(
        out,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">others taken for it, %</text>\
         <text transform=\"translate(12 {:.0}) rotate(-90)\" text-anchor=\"middle\">found, %</text>\n</svg>\n",
        LEFT + SIDE / 2.0,
        bottom + 34.0,
        TOP + SIDE / 2.0
    );
    let dot = if usual.is_some() {
        " The dot is the usual threshold."
    } else {
        ""
    };
    let area = auc.map_or(String::new(), |auc| format!("The area below the curve (AUC) is {auc:.4}: the chance that a row of {name} ranks above another one."));
    out + &paragraph(&format!("{area}{dot}"))
}
