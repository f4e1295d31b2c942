//! Is the report whole in a browser? `tests/browser/report.mjs` opens it in headless Chromium and looks.
//!
//! It wants node, npm, Chromium and its driver (Debian: `nodejs npm chromium chromium-driver`), and axe-core, which npm brings; where one is missing it
//! says so and passes. Screenshots stay in `target/tmp/report`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::program::done;
use crate::table;
use crate::unusual::png;

/// The checks of accessibility, as npm names them.
const AXE: &str = "axe-core@4.14.1";
/// Bytes of a page.
const LARGEST: u64 = 500_000;

fn answers(program: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| output.status.success())
}

/// The script of the checks, brought once.
fn axe(folder: &Path) -> Option<PathBuf> {
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        let brought = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(AXE)
            .output();
        brought.ok().filter(|output| output.status.success())?;
    }
    Some(script)
}

/// A job on overlapping clusters, judged on 10,000 rows: the report's path.
fn report(at: &Path, classes: usize) -> PathBuf {
    let rows = |seed, rows| table::csv(&table::rows(seed, rows, 12, classes));
    fs::write(at.join("rows.csv"), rows(5, 1200)).unwrap();
    fs::write(at.join("new.csv"), rows(6, 10_000)).unwrap();
    done(at, &["plan", "--features", "rows.csv"]);
    for verb in ["keygen", "encrypt", "train", "decrypt"] {
        done(at, &[verb]);
    }
    let mut judging = vec!["evaluate", "--features", "new.csv"];
    if classes == 2 {
        judging.extend(["--threshold", "0.25"]);
    }
    let found = done(at, &judging);
    assert_eq!(found["rows"], 10_000);
    let written = done(at, &["report"]);
    assert!(written["bytes"].as_u64().unwrap() < LARGEST, "{written}");
    at.join("client/report.html")
}

/// A rehearsal on pictures with long names, a few of which lie in another class's folder.
fn report_with_pictures(at: &Path) -> PathBuf {
    let names = [
        "upright bars, drawn by hand",
        "columns_of_a_rather_long_name_without_a_break",
        "dots",
    ];
    for (kind, name) in names.iter().enumerate() {
        let folder = at.join("photos").join(name);
        fs::create_dir_all(&folder).unwrap();
        for shade in 0..40_u8 {
            let drawn = if shade % 10 == 9 {
                (kind + 1) % 3
            } else {
                kind
            };
            let name = format!("a picture <{shade}> & {}.png", "its_long_name_".repeat(6));
            fs::write(folder.join(name), png(drawn, 3 * shade)).unwrap();
        }
    }
    done(at, &["run", "--images", "photos"]);
    at.join("client/report.html")
}

fn look(script: &Path, shots: &Path, pages: &[PathBuf]) -> Output {
    Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/browser/report.mjs"))
        .arg(script)
        .arg(shots)
        .args(pages)
        .output()
        .unwrap()
}

#[test]
#[ignore = "wants a browser"]
fn the_report_is_whole_in_a_browser() {
    let missing = ["node", "npm", "chromium", "chromedriver"]
        .into_iter()
        .find(|program| !answers(program));
    if let Some(missing) = missing {
        eprintln!("report in a browser: skipped, there is no {missing}");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&folder).unwrap();
    let Some(script) = axe(&folder) else {
        eprintln!("report in a browser: skipped, npm cannot bring {AXE}");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let mut pages = Vec::new();
    for (name, made) in [
        (
            "ten-classes",
            Box::new(|at: &Path| report(at, 10)) as Box<dyn Fn(&Path) -> PathBuf>,
        ),
        ("two-classes", Box::new(|at: &Path| report(at, 2))),
        ("pictures", Box::new(report_with_pictures)),
    ] {
        let at = place.path().join(name);
        fs::create_dir(&at).unwrap();
        let page = folder.join(name).with_extension("html");
        fs::copy(made(&at), &page).unwrap();
        pages.push(page);
    }
    let with_pictures = fs::read_to_string(&pages[2]).unwrap();
    assert!(with_pictures.contains("src=\"data:image/png;base64,"));
    let found = look(&script, &folder, &pages);
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stdout)
    );
    for page in ["ten-classes", "two-classes", "pictures"] {
        for view in ["light-phone", "light-desk", "dark-phone", "dark-desk"] {
            let shot = fs::read(folder.join(format!("{page}-{view}.png"))).unwrap();
            assert!(
                shot.starts_with(b"\x89PNG") && shot.len() > 10_000,
                "{page} {view}"
            );
        }
    }

    // What it is to find it finds.
    let broken = folder.join("broken.html");
    let more = "<p style=\"width:3000px\">wide</p><p style=\"height:3px;overflow:hidden\">cut</p><p style=\"color:#ccc\">pale</p></main>";
    let page = fs::read_to_string(&pages[0]).unwrap();
    fs::write(&broken, page.replace("</main>", more)).unwrap();
    let found = look(&script, &folder, &[broken]);
    let said = String::from_utf8_lossy(&found.stdout);
    assert!(!found.status.success());
    for kind in ["\"overflow\"", "\"lost text\"", "\"axe\""] {
        assert!(said.contains(kind), "{kind}: {said}");
    }
}
