//! The secret key file: a seed, in text. Nothing here makes a key of it, and nothing a server runs may read it.

use zeroize::Zeroizing;

use super::WireError;
use super::container::Hash;
use super::error::hex;

const FIRST_LINE: &str = "velum secret key, format 2: keep this file to yourself";
/// Of every version.
const BEGINNING: &str = "velum secret key, format ";
/// Version 1 led to other keys.
const VERSION: u16 = 2;
/// What every format of the file begins with.
const KIND: &str = "velum secret key";
/// The byte order mark that some editors put first.
const MARK: &str = "\u{feff}";
/// Largest text that can be meant.
const LIMIT: u64 = 1024;

/// Contents of a secret key file: what every key of a job is derived from. The caller writes the text with mode 0600, see [`super::write_file`].
///
/// The text has five lines: a fixed first one, `params`, `public`, `seed` and `check` with a hexadecimal value each. `check` is a BLAKE3 hash of the lines above:
/// of a seed of 256 random bits it reveals nothing that could be searched for. White space is not part of the key: editors, secret stores and variables of a shell
/// change line ends, indentation and the last newline, so that words are read, and the hash is that of the text as it is written.
pub struct SecretKeyFile {
    /// The parameters' fingerprint.
    pub binding: Hash,
    /// Fingerprint of the derived public key: derive it again after loading and compare ([`super::write_public_key`] into a sink gives it).
    pub public: Hash,
    /// The seed, wiped when dropped.
    pub seed: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for SecretKeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKeyFile")
            .field("binding", &hex(&self.binding))
            .field("public", &hex(&self.public))
            .finish_non_exhaustive()
    }
}

impl SecretKeyFile {
    /// The text of the file; wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Reserved at once: a growing string would leave copies of the seed behind.
        let mut text = Zeroizing::new(String::with_capacity(LIMIT as usize));
        self.push_head(&mut text);
        let check = blake3::hash(text.as_bytes());
        text.push_str("\ncheck ");
        push_hex(&mut text, check.as_bytes());
        text.push('\n');
        text
    }

    /// The lines that `check` is the hash of.
    fn push_head(&self, text: &mut String) {
        text.push_str(FIRST_LINE);
        for (name, value) in [
            ("params", &self.binding),
            ("public", &self.public),
            ("seed", &self.seed),
        ] {
            text.push('\n');
            text.push_str(name);
            text.push(' ');
            push_hex(text, value);
        }
    }

    /// Whether a file that begins with these bytes is a secret key file, white space and a byte order mark aside: what no server may be given.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        let text = bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes);
        text.trim_ascii_start().starts_with(KIND.as_bytes())
    }

    /// Reads the text of a file, and compares its binding with the parameters' fingerprint, if given.
    ///
    /// # Errors
    /// [`WireError::TooLarge`], [`WireError::Field`], [`WireError::Hash`], [`WireError::Binding`]. No error shows the seed.
    pub fn from_text(text: &str, file: &str, binding: Option<&Hash>) -> Result<Self, WireError> {
        let name = || file.to_owned();
        if text.len() as u64 > LIMIT {
            return Err(WireError::TooLarge {
                file: name(),
                limit: LIMIT,
                found: text.len() as u64,
            });
        }
        let field = |what, expected: &str, found: &str| WireError::Field {
            file: name(),
            what,
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        let text = text.strip_prefix(MARK).unwrap_or(text);
        if let Some(found) = version(text.trim_ascii_start()).filter(|&found| found != VERSION) {
            return Err(WireError::Version {
                file: name(),
                kind: "secret key",
                expected: VERSION,
                found,
            });
        }
        let mut words = text.split_ascii_whitespace();
        if !FIRST_LINE.split(' ').all(|word| words.next() == Some(word)) {
            return Err(field("first line", FIRST_LINE, "another"));
        }
        let mut value = |what: &'static str| -> Result<Zeroizing<[u8; 32]>, WireError> {
            words
                .next()
                .filter(|word| *word == what)
                .and_then(|_| parse_hex(words.next()?))
                // What stands there instead may be the seed: it is not shown.
                .ok_or_else(|| field(what, "64 hexadecimal digits", "something else"))
        };
        let (params, public, seed, check) = (
            value("params")?,
            value("public")?,
            value("seed")?,
            value("check")?,
        );
        if words.next().is_some() {
            return Err(WireError::Trailing { file: name() });
        }
        let found = Self {
            binding: *params,
            public: *public,
            seed,
        };
        let mut head = Zeroizing::new(String::with_capacity(LIMIT as usize));
        found.push_head(&mut head);
        let hash = blake3::hash(head.as_bytes());
        if *hash.as_bytes() != *check {
            return Err(WireError::Hash {
                file: name(),
                expected: hex(&*check),
                found: hex(hash.as_bytes()),
            });
        }
        if let Some(expected) = binding.filter(|b| **b != *params) {
            return Err(WireError::Binding {
                file: name(),
                expected: hex(expected),
                found: hex(&*params),
            });
        }
        Ok(found)
    }
}

/// The format version that a first line names.
fn version(line: &str) -> Option<u16> {
    line.strip_prefix(BEGINNING)?
        .split(':')
        .next()?
        .parse()
        .ok()
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    for b in bytes {
        text.push(DIGITS[usize::from(b >> 4)]);
        text.push(DIGITS[usize::from(b & 15)]);
    }
}

/// 64 lower-case digits and nothing else: one key has one text.
fn parse_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let mut out = Zeroizing::new([0; 32]);
    for (x, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *x = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}
