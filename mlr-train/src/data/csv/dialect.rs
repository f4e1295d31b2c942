//! How a table of text is written: what stands before the first row, what parts the columns, what marks decimals.

use std::io::{self, Read};

/// A file's first line must end within so many bytes.
pub(super) const LONGEST_LINE: usize = 1 << 20;

/// What a file is instead of a table, and what helps.
pub(super) type NoTable = [&'static str; 2];

/// Kinds of files that people give by mistake, by their first bytes.
const OTHERS: [(&[u8], NoTable); 9] = [
    (
        b"PK\x03\x04",
        ["a zip archive or a spreadsheet (.xlsx, .ods)", SAVE],
    ),
    (b"\xd0\xcf\x11\xe0", ["a spreadsheet (.xls)", SAVE]),
    (b"BZh", ["bzip2", UNPACK]),
    (b"\xfd7zXZ\x00", ["xz", UNPACK]),
    (b"\x28\xb5\x2f\xfd", ["zstd", UNPACK]),
    (b"PAR1", ["a Parquet table", SAVE]),
    (
        b"\x93NUMPY",
        ["a NumPy array", "give it a name that ends in .npy"],
    ),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
];

const SAVE: &str = "save it as CSV";
const UNPACK: &str = "unpack it, or compress it with gzip";
const UTF_16: NoTable = ["UTF-16 text", "save it as UTF-8"];

/// What was found before the first row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// What parts the columns.
    pub(super) separator: u8,
    /// Bytes before the first line that counts: a byte order mark, or a line that names the separator.
    pub(super) skip: usize,
}

impl Dialect {
    /// Looks at the first bytes of a table.
    ///
    /// # Errors
    /// What else the file is, and a hint.
    pub(super) fn of(head: &[u8]) -> Result<Self, NoTable> {
        if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(*what);
        }
        if head.contains(&0) {
            return Err([
                "bytes that are no text (UTF-16 without a mark, or another kind of file)",
                "save it as UTF-8 text",
            ]);
        }
        let mut skip = if head.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        let line = first_line(&head[skip..]);
        // Spreadsheets are told the separator by a line of its own.
        if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] = *line.trim_ascii_end()
            && separator.is_ascii_punctuation()
        {
            skip += line.len() + 1;
            return Ok(Self { separator, skip });
        }
        let line: String = String::from_utf8_lossy(line).into_owned();
        // Commas may be decimal marks where something else parts the columns.
        let found = ['\t', ';', ',', '|']
            .into_iter()
            .find(|c| outside_quotes(&line, *c));
        match found {
            Some(separator) => Ok(Self {
                separator: separator as u8,
                skip,
            }),
            None if line.trim().contains(' ') => Err([
                "columns parted by spaces",
                "part them by commas, such as numpy.savetxt with delimiter=','",
            ]),
            None => Ok(Self {
                separator: b',',
                skip,
            }),
        }
    }
}

/// The first line that is not empty, without its end.
fn first_line(text: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let start = text.iter().position(|byte| !is_end(byte)).unwrap_or(0);
    let rest = &text[start..];
    &rest[..rest.iter().position(is_end).unwrap_or(rest.len())]
}

fn outside_quotes(line: &str, wanted: char) -> bool {
    let mut quoted = false;
    line.chars().any(|c| {
        quoted ^= c == '"';
        !quoted && c == wanted
    })
}

/// The first bytes of a table: at least its first line, if that is of a sensible length.
///
/// # Errors
/// The reader's.
pub(super) fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        reader.by_ref().take(1 << 16).read_to_end(&mut head)?;
        let whole = head.len() - before < 1 << 16;
        if whole || head.len() >= LONGEST_LINE || head[before..].contains(&b'\n') {
            return Ok(head);
        }
    }
}

/// What marks decimals, as far as the cells have told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Unknown,
    Point,
    Comma,
}

impl Mark {
    /// One number; what the cells before it used is kept to.
    ///
    /// # Errors
    /// What is unusual about the cell, in words.
    pub(super) fn number(&mut self, cell: &str, separator: u8) -> Result<f64, &'static str> {
        let (comma, point) = (cell.contains(','), cell.contains('.'));
        let text = match (comma, point, *self) {
            (false, false, _) => cell.to_owned(),
            (true, _, _) if separator == b',' => {
                return Err(
                    "a comma in a cell may be a decimal mark or part thousands: write numbers with points alone",
                );
            }
            (true, true, _) => return Err("thousands must not be parted"),
            (true, false, Self::Point) | (false, true, Self::Comma) => {
                return Err("the file has decimal points and decimal commas: which is meant?");
            }
            (true, false, _) => {
                *self = Self::Comma;
                cell.replace(',', ".")
            }
            (false, true, _) => {
                *self = Self::Point;
                cell.to_owned()
            }
        };
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
        value.ok_or(match cell.is_empty() {
            true => "fill the cell in, or remove the row or the column; a separator at the end of a line makes an empty column",
            false => "every cell is a number: remove rows with missing values, and number classes from 0",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_found_and_other_files_named() {
        let of = |text: &str| Dialect::of(text.as_bytes()).map(|d| (d.separator as char, d.skip));
        assert_eq!(of("0,1.5,2\n"), Ok((',', 0)));
        assert_eq!(of("0;1,5;2\n"), Ok((';', 0)));
        assert_eq!(of("0\t1,5\t2\n"), Ok(('\t', 0)));
        assert_eq!(of("\u{feff}0,1\n"), Ok((',', 3)));
        assert_eq!(of("sep=;\n0;1\n"), Ok((';', 6)));
        assert_eq!(of("\"a;b\",c\n0,1\n"), Ok((',', 0)));
        assert_eq!(of("\n\n0|1\n"), Ok(('|', 0)));
        assert!(of("0 1.5 2\n").unwrap_err()[0].contains("spaces"));
        let wide: Vec<u8> = "0,1\n".bytes().flat_map(|byte| [byte, 0]).collect();
        for bytes in [&wide[..], &[&b"\xff\xfe"[..], &wide].concat()] {
            assert!(Dialect::of(bytes).unwrap_err()[0].contains("UTF-16"));
        }
        assert!(Dialect::of(b"PK\x03\x04..").unwrap_err()[0].contains("xlsx"));
    }

    #[test]
    fn decimal_marks_do_not_mix() {
        let mut mark = Mark::Unknown;
        assert_eq!(mark.number("3", b';'), Ok(3.0));
        assert_eq!(mark.number("-2,5e-1", b';'), Ok(-0.25));
        assert_eq!(mark, Mark::Comma);
        assert!(mark.number("2.5", b';').is_err());
        assert!(Mark::Unknown.number("1.234,5", b';').is_err());
        assert!(Mark::Unknown.number("1,234", b',').is_err());
        for missing in ["", "nan", "NA", "inf", "1e999", "1 000", "x"] {
            assert!(Mark::Unknown.number(missing, b',').is_err(), "{missing}");
        }
    }
}
