//! The help pages: each names the side it runs at and what leaves that machine.

use std::path::Path;

use crate::velum;

fn page(arguments: &[&str]) -> String {
    velum(Path::new("."), arguments)
}

#[test]
fn pages() {
    insta::assert_snapshot!("help", page(&["--help"]));
    insta::assert_snapshot!("no_arguments", page(&[]));
    for verb in [
        "extract",
        "plan",
        "keygen",
        "encrypt",
        "train",
        "decrypt",
        "evaluate",
        "predict",
        "predict-plan",
        "predict-encrypt",
        "predict-server",
        "predict-decrypt",
        "predict-exact",
        "inspect",
        "demo",
    ] {
        let text = page(&[verb, "--help"]);
        assert!(text.starts_with("exit code 0"), "{verb}: {text}");
        assert!(
            text.contains("\nRuns at: "),
            "{verb} does not say where it runs"
        );
        assert!(
            text.contains("\nLeaves the machine: "),
            "{verb} does not say what leaves the machine"
        );
        insta::assert_snapshot!(format!("help_{verb}"), text);
    }
}

#[test]
fn version_is_one_line_on_stdout() {
    let expected = format!(
        "exit code 0\n----- stdout\nvelum {}\n----- stderr\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(page(&["--version"]), expected);
}
