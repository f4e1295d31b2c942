//! The table of who might have given weights levels again, on stderr: 60 columns hold it.

use velum_record::plan::{Planned, Weighed};

use super::super::human_bytes;
use super::human::human_seconds;
use crate::face::console::Console;

/// Columns of a line.
const WIDTH: usize = 60;

/// Says what was weighed, if anything was.
pub(super) fn tell(planned: &Planned, console: &Console) {
    for line in planned.weighed.iter().flat_map(|ways| table(ways)) {
        console.note(&line);
    }
}

fn table(ways: &[Weighed]) -> Vec<String> {
    let head = row(&["", "server", "counts as", "memory", "upload", "refreshes"]);
    let mut lines = vec!["who gives weights levels again:".to_owned(), head];
    for way in ways {
        let cells = match &way.takes {
            Some(takes) => [
                human_seconds(takes.predicted_train_seconds),
                human_seconds(takes.counted_seconds),
                human_bytes(takes.memory_bytes),
                human_bytes(takes.upload_bytes),
                takes.refreshes.to_string(),
            ],
            None => ["no plan", "", "", "", ""].map(str::to_owned),
        };
        let [server, counted, memory, upload, refreshes] = &cells;
        lines.push(row(&[&way.way, server, counted, memory, upload, refreshes]));
        let said = match (&way.why, way.taken) {
            (_, true) => "taken",
            (Some(why), false) => why,
            (None, false) => continue,
        };
        lines.extend(fold(said));
    }
    lines
}

/// One line of the table, as wide as the widest may be.
fn row(cells: &[&str; 6]) -> String {
    let [way, server, counted, memory, upload, refreshes] = cells;
    let line =
        format!(" {way:<9} {server:>11} {counted:>11} {memory:>7} {upload:>7} {refreshes:>9}");
    line.trim_end().to_owned()
}

/// A text in lines that begin four columns in; a word that is longer than a line has one of its own.
fn fold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("    {word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use velum_record::plan::Takes;

    use super::*;

    #[test]
    fn sixty_columns_hold_the_table() {
        let way = |name: &str, takes, why: Option<&str>| Weighed {
            way: name.to_owned(),
            takes,
            taken: why.is_none(),
            why: why.map(str::to_owned),
        };
        let takes = Takes {
            predicted_train_seconds: 35_999.0,
            counted_seconds: 359_990.0,
            memory_bytes: 123_456_789_012,
            upload_bytes: 99_960_000_000,
            refreshes: 999,
            round_trips: 999,
        };
        let why = "training needs 43 levels, ring degree 2^16 leaves 36 at 128 bits of security";
        let lines = table(&[
            way("none", None, Some(why)),
            way("bootstrap", Some(takes), None),
        ]);
        for line in &lines {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        let text = lines.join("\n");
        assert!(text.contains("no plan") && text.contains("taken"), "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        let folded: Vec<&str> = why.split(' ').collect();
        assert!(
            words.windows(folded.len()).any(|part| part == folded),
            "{text}"
        );
    }
}
