//! The help pages: each names the side it runs at and what leaves that machine.

use std::path::Path;

use clap::CommandFactory as _;
use cli::args::Cli;

use crate::velum;

fn page(arguments: &[&str]) -> String {
    velum(Path::new("."), arguments)
}

/// Every verb, as the words that call it, in the order of the help pages.
fn verbs(command: &clap::Command) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for verb in command.get_subcommands() {
        let name = verb.get_name().to_owned();
        let below = verbs(verb).into_iter();
        all.push(vec![name.clone()]);
        all.extend(below.map(|words| [vec![name.clone()], words].concat()));
    }
    all
}

#[test]
fn pages() {
    insta::assert_snapshot!("help", page(&["--help"]));
    insta::assert_snapshot!("no_arguments", page(&[]));
    for words in verbs(&Cli::command()) {
        let verb = words.join(" ");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = page(&[&words[..], &["--help"]].concat());
        assert_eq!(page(&[&["help"], &words[..]].concat()), text, "{verb}");
        assert!(text.starts_with("exit code 0"), "{verb}: {text}");
        assert!(
            text.contains("\nRuns at: "),
            "{verb} does not say where it runs"
        );
        assert!(
            text.contains("\nLeaves the machine: "),
            "{verb} does not say what leaves the machine"
        );
        insta::assert_snapshot!(format!("help_{}", verb.replace(' ', "_")), text);
    }
}

#[test]
fn version_is_one_line_on_stdout() {
    let expected = format!(
        "exit code 0\n----- stdout\nvelum {}\n----- stderr\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(page(&["--version"]), expected);
    let expected = format!(
        "exit code 0\n----- stdout\n{{\"schema\":1,\"version\":\"{}\"}}\n----- stderr\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(page(&["--version", "--json"]), expected);
}
