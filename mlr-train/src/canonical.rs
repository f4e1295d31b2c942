//! Texts that have one canonical spelling and are read in any.
//!
//! Editors, version control and pretty-printers change white space, line ends and the spelling of numbers of a JSON text, which mean nothing.
//! The hash of a plan is that of its canonical text, whatever was read. Messages of a group have no other spelling.

/// JSON without the byte order mark that some editors put first.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Whether two JSON texts have the same entries and values. What a reader would silently leave out or take for something else is a difference.
pub(crate) fn same_meaning(given: &[u8], canonical: &[u8]) -> bool {
    let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).ok();
    read(given).is_some_and(|value| Some(value) == read(canonical))
}

/// A value of strings, whole numbers and finite ones as a line of JSON: nothing in it that JSON lacks.
pub(crate) fn line<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// A hash in lowercase hex.
pub(crate) fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_no_meaning_and_values_are() {
        let canonical = br#"{"a":[1,2.5e-7],"b":"x y"}"#;
        for same in [
            "{\"a\":[1,2.5e-7],\"b\":\"x y\"}\r\n",
            "{\n \"b\": \"x y\",\n \"a\": [1, 2.5e-07]\n}",
        ] {
            assert!(same_meaning(same.as_bytes(), canonical), "{same}");
        }
        for other in [
            r#"{"a":[1,2.5e-7],"b":"xy"}"#,
            r#"{"a":[1,2.6e-7],"b":"x y"}"#,
            r#"{"a":[1,2.5e-7],"b":"x y","c":0}"#,
            r#"{"a":[1,2.5e-7],"b":"x y""#,
        ] {
            assert!(!same_meaning(other.as_bytes(), canonical), "{other}");
        }
        assert_eq!(without_mark("\u{feff}{}".as_bytes()), b"{}");
    }
}
