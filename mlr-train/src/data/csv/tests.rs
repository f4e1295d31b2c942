//! Tables as people have them.

use super::*;
use std::fs;
use std::io::Write as _;

fn with(name: &str, bytes: &[u8]) -> Result<FeatureSet, FileError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(&path, None)
}

fn fault(text: &str) -> (Problem, Location) {
    let error = with("a.csv", text.as_bytes()).unwrap_err();
    let fault = error.fault().unwrap();
    (fault.problem, fault.location.clone())
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn plain_and_compressed_whatever_the_name() {
    let text = b"1,0.5,2\n0.0, -1e-3,3\n";
    let plain = with("a.csv", text).unwrap();
    assert_eq!(plain.labels(), [1, 0]);
    assert_eq!(plain.features()[[1, 0]], -1e-3);
    let compressed = packed(text);
    for name in ["a.csv.gz", "a.csv"] {
        let read = with(name, &compressed).unwrap();
        assert_eq!(read.features(), plain.features());
        let padded = [&compressed[..], &[0; 512]].concat();
        assert_eq!(with(name, &padded).unwrap().hash(), plain.hash());
    }
    assert_eq!(with("a.csv.gz", text).unwrap().hash(), plain.hash());
    let parts = [packed(&text[..8]), packed(&text[8..])].concat();
    assert_eq!(with("a.csv.gz", &parts).unwrap().hash(), plain.hash());
    let cut = with("a.csv.gz", &compressed[..compressed.len() - 9]);
    assert_eq!(cut.unwrap_err().fault().unwrap().problem, Problem::Kind);
}

/// One table in the spellings of programs and spreadsheets: all are the same rows.
#[test]
fn spreadsheets_and_data_frames_write_the_same_table() {
    let plain = with("a.csv", b"1,0.5,2,7\n0,-0.25,3,8\n2,4,5,6\n").unwrap();
    for (text, writer) in [
        (
            "1;0,5;2;7\n0;-0,25;3;8\n2;4;5;6\n",
            "a spreadsheet with decimal commas",
        ),
        ("1;0.5;2;7\n0;-0.25;3;8\n2;4;5;6\n", "semicolons and points"),
        ("1\t0,5\t2\t7\n0\t-0,25\t3\t8\n2\t4\t5\t6\n", "tabs"),
        (
            "\u{feff}1,0.5,2,7\r\n0,-0.25,3,8\r\n2,4,5,6\r\n\r\n",
            "a byte order mark and line ends",
        ),
        ("1,0.5,2,7\r0,-0.25,3,8\r2,4,5,6\r", "line ends of old"),
        (
            "sep=;\r\n1;0,5;2;7\r\n0;-0,25;3;8\r\n2;4;5;6\r\n",
            "a named separator",
        ),
        (
            "\"1\",\"0.5\",\"2\",\"7\"\n\"0\",\"-0.25\",\"3\",\"8\"\n\"2\",\"4\",\"5\",\"6\"",
            "quotes",
        ),
        ("label,a,b,c\n1,0.5,2,7\n0,-0.25,3,8\n2,4,5,6\n", "a header"),
        (
            "# label,a,b,c\n1,0.5,2,7\n0,-0.25,3,8\n2,4,5,6\n",
            "a header of numpy",
        ),
        (
            ",label,a,b,c\n0,1,0.5,2,7\n1,0,-0.25,3,8\n2,2,4,5,6\n",
            "a data frame with its index",
        ),
        (
            ",0,1,2,3\n0,1,0.5,2,7\n1,0,-0.25,3,8\n2,2,4,5,6\n",
            "a data frame without names",
        ),
        (
            "id;y;a;b;c\n17;1;0,5;2;7\n18;0;-0,25;3;8\n19;2;4;5;6\n",
            "numbered rows",
        ),
        (
            "1,0.5,2,7\n0,-0.25,3,8\n2,4,5,6\n,,,\n,,,\n",
            "empty rows at the end",
        ),
        ("\n\n1,0.5,2,7\n0,-0.25,3,8\n2,4,5,6\n \n", "empty lines"),
    ] {
        let read = with("a.csv", text.as_bytes()).unwrap_or_else(|e| panic!("{writer}: {e}"));
        assert_eq!(read.hash(), plain.hash(), "{writer}");
    }
}

#[test]
fn what_is_unusual_is_named() {
    for (text, words) in [
        (&b"1 0.5 2\n0 1 2\n"[..], "spaces"),
        (b"\xff\xfe1\0,\x002\0\n\0", "UTF-16"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"a,b,label\n1,2,0\n3,4,1\n", "\"label\" in place 3"),
        (b"id,a,b\n7,1,0\n3,4,1\n", "\"id\""),
        (b"0,\"1,234\"\n1,5\n", "1,234"),
        (b"0;1,5;2\n1;2.5;3\n", "2.5"),
        (b"0;1.234,5\n1;2\n", "1.234,5"),
        (b"0,1\n\n,\n1,2\n", "empty row"),
        (b"0,1,\n1,2,\n", "\"\" (line 1)"),
        (b"cat,1\ndog,2\n", "\"dog\""),
        (b"0,1,2,3\n1,0.5,2,7\n", "counts the columns"),
        (b"0,1\n1,NA\n", "\"NA\" (line 2)"),
    ] {
        let error = with("a.csv", text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn wrong_rows_are_named() {
    assert_eq!(
        fault("0,1,2\n1,2\n"),
        (Problem::RaggedRow, Location::Row(1))
    );
    assert_eq!(fault("0\n1\n"), (Problem::RaggedRow, Location::Row(0)));
    let cell = |row, column| Location::Cell { row, column };
    assert_eq!(fault("label,a\nx,1\n"), (Problem::NotFinite, cell(0, 0)));
    assert_eq!(fault("0,1\n1,nan\n"), (Problem::NotFinite, cell(1, 1)));
    assert_eq!(fault("0,1\n1,1e999\n"), (Problem::NotFinite, cell(1, 1)));
    assert_eq!(fault("0,1\n1.5,1\n"), (Problem::Label, cell(1, 0)));
    assert_eq!(fault("0,1\n-1,1\n"), (Problem::Label, Location::Row(1)));
    assert_eq!(fault("").0, Problem::Shape);
}

/// Work and memory are bounded before they are spent.
#[test]
fn wide_endless_and_huge_tables_are_refused() {
    let wide = format!("0{}\n", ",1".repeat(MOST_FEATURES + 1));
    assert_eq!(fault(&wide).0, Problem::Length);
    let wider = format!("0{}\n", ",1".repeat(LONGEST_LINE));
    assert!(matches!(fault(&wider).0, Problem::Kind | Problem::Length));
    // One line, and one cell with line ends in it, without an end: 64 MiB of each in a few bytes.
    for text in [
        "0,1\n1,".to_owned() + &"1".repeat(64 << 20),
        "0,1\n1,\"".to_owned() + &"1\n".repeat(32 << 20),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv.gz");
        fs::write(&path, packed(text.as_bytes())).unwrap();
        let error = read(&path, None).unwrap_err().to_string();
        assert!(error.contains("a row of more than"), "{error}");
        // What is behind the rows that were asked for is not looked at.
        assert_eq!(read(&path, Some(1)).unwrap().labels(), [0]);
    }
}

#[test]
fn the_width_tells_whether_there_are_labels() {
    let dir = tempfile::tempdir().unwrap();
    let table = |text: &str| {
        let path = dir.path().join("a.csv");
        fs::write(&path, text).unwrap();
        read_table(&path, Labels::UnlessWidth(2), None)
    };
    assert_eq!(table("1,2.5,3\n").unwrap().labels, Some(vec![1]));
    let bare = table("2.5,3\n4,5\n").unwrap();
    assert_eq!((bare.features.dim(), bare.labels), ((2, 2), None));
    let named = table("a,b\n2.5,3\n4,5\n").unwrap();
    assert_eq!((named.features.dim(), named.labels), ((2, 2), None));
    assert!(table("1,2,3,4\n").is_err());
    assert!(table("label,b\n1,3\n").is_err());
}
