//! Colour of the few words that stand out: on a terminal, unless `NO_COLOR` (no-color.org) or a terminal that has none says otherwise.

use std::ffi::OsStr;
use std::io::IsTerminal;

/// Whether what is written to `stream` may be coloured.
pub(crate) fn wanted(stream: &impl IsTerminal) -> bool {
    let variable = |name: &str| std::env::var_os(name);
    stream.is_terminal() && allowed(variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

fn allowed(no_color: Option<&OsStr>, terminal: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && terminal.is_none_or(|name| name != "dumb")
}

/// Words at the beginning of a line, and how they are shown: bold red, bold yellow, cyan.
const WORDS: [(&str, &str); 3] = [("error:", "1;31"), ("warning:", "1;33"), ("hint:", "36")];

/// The text with its first words coloured.
pub(crate) fn painted(text: &str) -> String {
    let line = |line: &str| {
        let word = line.trim_start();
        let found = WORDS.iter().find(|(begin, _)| word.starts_with(begin));
        let Some((begin, colour)) = found else {
            return line.to_owned();
        };
        let space = &line[..line.len() - word.len()];
        format!(
            "{space}\x1b[{colour}m{begin}\x1b[0m{}",
            &word[begin.len()..]
        )
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_obeys_its_variable() {
        let on = OsStr::new("1");
        let none = OsStr::new("");
        let xterm = Some(OsStr::new("xterm"));
        for (no_color, terminal, wanted) in [
            (None, xterm, true),
            (Some(none), None, true),
            (Some(on), xterm, false),
            (None, Some(OsStr::new("dumb")), false),
        ] {
            assert_eq!(allowed(no_color, terminal), wanted);
        }
    }

    #[test]
    fn only_first_words_are_coloured() {
        let text = "error: a hint: b\n  at: c\n  hint: d\n";
        let shown = "\x1b[1;31merror:\x1b[0m a hint: b\n  at: c\n  \x1b[36mhint:\x1b[0m d\n";
        assert_eq!(painted(text), shown);
    }
}
