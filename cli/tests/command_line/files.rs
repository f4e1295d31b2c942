//! Bad input: exit code 1, with file or argument, expected, found and a hint; nothing half-written.

use std::fs;
use std::path::Path;

use crate::velum;

/// Two features, three classes, by a fixed rule.
fn rows(count: usize) -> String {
    (0..count)
        .map(|row| {
            let noise = |seed: usize| ((row * seed) % 97) as f64 / 97.0;
            let (label, x, y) = (row % 3, noise(7919), noise(104_729));
            format!(
                "{label},{},{}\n",
                x + (label == 1) as u8 as f64,
                y + (label == 2) as u8 as f64
            )
        })
        .collect()
}

/// Runs lines in a directory of its own and returns all they said. Every line must end with code 1 and leave no new file.
fn refused(dir: &Path, lines: &[&str]) -> String {
    let before = names(dir);
    let mut said = String::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let text = velum(dir, &words);
        assert!(text.starts_with("exit code 1\n"), "{line}: {text}");
        assert_eq!(names(dir), before, "{line}");
        said.push_str(&format!("$ velum {line}\n{text}\n"));
    }
    said
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn features_and_plans() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    for (name, text) in [
        ("good.csv", rows(60)),
        ("nan.csv", rows(60).replacen("\n1,", "\n1,NaN,", 1)),
        ("word.csv", rows(4) + "0,one,two\n"),
        ("ragged.csv", rows(4) + "0,1\n"),
        ("one.csv", "0,1,2\n0,3,4\n0,5,6\n".to_owned()),
        ("gap.csv", "0,1,2\n2,3,4\n0,5,6\n".to_owned()),
        ("bad.json", "{}".to_owned()),
    ] {
        fs::write(dir.join(name), text).unwrap();
    }
    insta::assert_snapshot!(refused(
        dir,
        &[
            "plan --features none.csv --out plan.json",
            "plan --features word.csv --out plan.json",
            "plan --features ragged.csv --out plan.json",
            "plan --features nan.csv --out plan.json",
            "plan --features one.csv --out plan.json",
            "plan --features gap.csv --out plan.json --json",
            "plan --features good.csv --rows 50..70 --out plan.json",
            "plan --features good.csv --keep 3 --out plan.json",
            "plan --features good.csv --iterations 3 --steps 4,4 --out plan.json",
            "plan --features good.csv --iterations 3 --steps 4,900,900 --out plan.json",
            "plan --features good.csv --out none/none/plan.json",
            "plan --shape 60,2,3 --iterations 30 --out plan.json",
            "plan --shape 60,2,3 --method paper --out plan.json",
            "plan --shape 60,2,3 --method paper --keep 2 --out plan.json",
            "plan --shape 60,2,3 --rows 0..9 --out plan.json",
            "keygen --plan none.json --key k --eval-keys keys",
            "keygen --plan bad.json --key k --eval-keys keys",
            "inspect none",
            "inspect bad.json",
            "inspect .",
            "inspect ragged.csv",
        ]
    ));
}

#[test]
fn keys_and_directories() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    fs::write(dir.join("good.csv"), rows(60)).unwrap();
    let planned = velum(
        dir,
        &["plan", "--features", "good.csv", "--out", "plan.json"],
    );
    assert!(planned.starts_with("exit code 0\n"), "{planned}");
    fs::write(dir.join("taken"), "x").unwrap();
    let secret = "velum secret key, format 2: keep this file to yourself\n";
    fs::write(dir.join("secret.key"), secret).unwrap();
    for name in ["keys", "dataset", "private"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    fs::write(dir.join("keys/old.key"), secret).unwrap();
    fs::write(dir.join("private/private.json"), "{}").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let readable = fs::Permissions::from_mode(0o644);
        fs::set_permissions(dir.join("secret.key"), readable).unwrap();
    }
    insta::assert_snapshot!(refused(
        dir,
        &[
            "keygen --plan plan.json --key taken --eval-keys new",
            "keygen --plan plan.json --key new.key --eval-keys keys",
            "encrypt --plan plan.json --key secret.key --features good.csv --private p --out d",
            "encrypt --plan plan.json --key none --features good.csv --private p --out d",
            "encrypt --plan plan.json --public-key taken --features good.csv --private p --out d",
            "train --plan secret.key --eval-keys dataset --dataset dataset --out model.enc",
            "train --plan plan.json --eval-keys keys --dataset dataset --out model.enc",
            "train --plan plan.json --eval-keys dataset --dataset private --out model.enc",
            "train --plan plan.json --eval-keys dataset --dataset dataset --out model.enc",
            "decrypt --plan plan.json --key secret.key --private private --model taken --out m",
            "evaluate --model dataset --features good.csv",
        ]
    ));
    let kind = velum(dir, &["inspect", "secret.key"]);
    assert!(kind.contains("secret key (client only)\n"), "{kind}");
    // Plans are not edited by hand: neither insecure parameters nor any other change pass.
    let plan = fs::read_to_string(dir.join("plan.json")).unwrap();
    assert!(plan.contains("\"log_n\":14"), "{plan}");
    let insecure = plan.replacen("\"log_n\":14", "\"log_n\":13", 1);
    fs::write(dir.join("plan.json"), insecure).unwrap();
    let weak = velum(
        dir,
        &[
            "keygen",
            "--plan",
            "plan.json",
            "--key",
            "k",
            "--eval-keys",
            "new",
        ],
    );
    assert!(weak.starts_with("exit code 1\n"), "{weak}");
    assert!(weak.contains("128-bit security"), "{weak}");
}
