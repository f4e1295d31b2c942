//! The secret key file: a seed, in text. Nothing here makes a key of it, and nothing a server runs may read it.

use zeroize::Zeroizing;

use super::WireError;
use super::container::Hash;
use super::error::hex;

const FIRST_LINE: &str = "velum secret key, format 1: keep this file to yourself";
/// Largest text that can be meant.
const LIMIT: u64 = 1024;

/// Contents of a secret key file: what every key of a job is derived from. The caller writes the text with mode 0600, see [`super::write_file`].
///
/// The text has five lines: a fixed first one, `params`, `public`, `seed` and `check` with a hexadecimal value each. `check` is a BLAKE3 hash of the lines above:
/// of a seed of 256 random bits it reveals nothing that could be searched for.
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
        text.push_str(FIRST_LINE);
        for (name, value) in [
            ("params", &self.binding),
            ("public", &self.public),
            ("seed", &self.seed),
        ] {
            text.push('\n');
            text.push_str(name);
            text.push(' ');
            push_hex(&mut text, value);
        }
        let check = blake3::hash(text.as_bytes());
        text.push_str("\ncheck ");
        push_hex(&mut text, check.as_bytes());
        text.push('\n');
        text
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
        let body = text
            .strip_suffix('\n')
            .ok_or_else(|| WireError::Truncated {
                file: name(),
                what: "the last line",
            })?;
        let mut lines = body.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(field("first line", FIRST_LINE, "another"));
        }
        let mut value = |what: &'static str| -> Result<Zeroizing<[u8; 32]>, WireError> {
            lines
                .next()
                .and_then(|line| line.strip_prefix(what)?.strip_prefix(' '))
                .and_then(parse_hex)
                // What stands there instead may be the seed: it is not shown.
                .ok_or_else(|| field(what, "64 hexadecimal digits", "something else"))
        };
        let (params, public, seed, check) = (
            value("params")?,
            value("public")?,
            value("seed")?,
            value("check")?,
        );
        if lines.next().is_some() {
            return Err(WireError::Trailing { file: name() });
        }
        // The check's own line, in the one form that to_text gives it.
        let head = &body[..body.len() - "\ncheck ".len() - 64];
        let found = blake3::hash(head.as_bytes());
        if *found.as_bytes() != *check {
            return Err(WireError::Hash {
                file: name(),
                expected: hex(&*check),
                found: hex(found.as_bytes()),
            });
        }
        if let Some(expected) = binding.filter(|b| **b != *params) {
            return Err(WireError::Binding {
                file: name(),
                expected: hex(expected),
                found: hex(&*params),
            });
        }
        Ok(Self {
            binding: *params,
            public: *public,
            seed,
        })
    }
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
