//! A member of groups: its secret file, and the card that it gives to the others.
//!
//! The secret file is a text of mode 0600, as a secret key's: an Ed25519 key to sign with (RFC 8032) and an X25519 key to receive with (RFC 7748). Both serve many sessions: whatever is derived from them is bound to one.
//! The card is public JSON: the name and both public keys. Its fingerprint, BLAKE3 of its canonical text, is what people compare over another channel.

use std::fmt;
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use he_core::wire::Unnamed;
use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::GroupError;
use crate::artifacts::{RunError, secret_key};
use crate::canonical;
use crate::files;

/// What a party's secret file begins with; what a server is given is searched for it.
pub const SECRET_KIND: &str = "velum party key";
const FIRST_LINE: &str = "velum party key, format 1: keep this file to yourself";
const CARD_KIND: &str = "velum party card";
const CARD_VERSION: u32 = 1;
const CARD_CONTEXT: &str = "velum mlr-train 2026 v1 party card";
/// Bytes of a name.
const LONGEST_NAME: usize = 64;
/// Bytes of either file.
const LARGEST: u64 = 4096;

/// Who a member is, publicly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    kind: String,
    version: u32,
    name: String,
    /// Ed25519, hex.
    sign: String,
    /// X25519, hex.
    receive: String,
}

impl Card {
    /// Reads a card. White space of the text means nothing.
    ///
    /// # Errors
    /// [`GroupError::Form`], [`GroupError::Key`].
    pub fn parse(text: &[u8]) -> Result<Self, GroupError> {
        let text = canonical::without_mark(text);
        let card: Self = serde_json::from_slice(text).map_err(|error| GroupError::Form {
            expected: "a party's card",
            found: files::describe_json(text, &error),
        })?;
        card.check()?;
        Ok(card)
    }

    /// Reads a card's file.
    ///
    /// # Errors
    /// No such file, or no card.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let text = files::read_limited(path, LARGEST)?;
        Self::parse(&text).map_err(|error| RunError::from(error).at(path.display().to_string()))
    }

    /// Whether this is a card that a careful party made; a charter checks those it holds.
    pub(super) fn check(&self) -> Result<(), GroupError> {
        if self.kind != CARD_KIND || self.version != CARD_VERSION {
            return Err(GroupError::Form {
                expected: "a party's card, version 1",
                found: format!("{:?}, version {}", self.kind, self.version),
            });
        }
        require_name(&self.name)?;
        self.verifying_key()?;
        self.receiving_key().map(|_| ())
    }

    /// The name that people know it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The canonical text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        canonical::line(self)
    }

    /// What people compare: BLAKE3 of name and keys, hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = blake3::Hasher::new_derive_key(CARD_CONTEXT);
        hash.update(&self.to_json());
        hash.finalize().to_hex().to_string()
    }

    pub(super) fn sign_hex(&self) -> &str {
        &self.sign
    }

    pub(super) fn receive_hex(&self) -> &str {
        &self.receive
    }

    pub(super) fn verifying_key(&self) -> Result<VerifyingKey, GroupError> {
        let purpose = "sign";
        let key = hex_key(&self.sign).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        key.filter(|key| !key.is_weak())
            .ok_or(GroupError::Key { purpose })
    }

    pub(super) fn receiving_key(&self) -> Result<PublicKey, GroupError> {
        let key = hex_key(&self.receive).map(PublicKey::from);
        // Of small order: every secret leads to the same.
        let probe = StaticSecret::from([0x5a; 32]);
        key.filter(|key| probe.diffie_hellman(key).was_contributory())
            .ok_or(GroupError::Key { purpose: "receive" })
    }
}

/// Lowercase hex alone, so that one key has one spelling.
fn hex_key(text: &str) -> Option<[u8; 32]> {
    let bytes = blake3::Hash::from_hex(text).ok()?;
    (bytes.to_hex().as_str() == text).then(|| bytes.into())
}

fn require_name(name: &str) -> Result<(), GroupError> {
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.trim() == name
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || " .-_".contains(c));
    if fits {
        return Ok(());
    }
    Err(GroupError::Form {
        expected: "a name of at most 64 bytes of letters, digits, spaces, dots, hyphens and underscores",
        found: "another".to_owned(),
    })
}

/// A member's secret keys. Wiped when dropped.
pub struct Identity {
    card: Card,
    sign: SigningKey,
    receive: StaticSecret,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?}, ..)", self.card.name)
    }
}

impl Identity {
    /// A new one, from the operating system's randomness.
    ///
    /// # Errors
    /// [`GroupError::Form`] for a name that no card has; a machine without randomness.
    pub fn generate(name: &str) -> Result<Self, RunError> {
        require_name(name).map_err(|error| {
            RunError::from(error)
                .at("the party's name")
                .hint_instead("choose another with --name")
        })?;
        let (sign, receive) = (random()?, random()?);
        Ok(Self::of(name, &sign, &receive))
    }

    fn of(name: &str, sign: &[u8; 32], receive: &[u8; 32]) -> Self {
        let sign = SigningKey::from_bytes(sign);
        let receive = StaticSecret::from(*receive);
        let card = Card {
            kind: CARD_KIND.to_owned(),
            version: CARD_VERSION,
            name: name.to_owned(),
            sign: canonical::hex(sign.verifying_key().as_bytes()),
            receive: canonical::hex(PublicKey::from(&receive).as_bytes()),
        };
        Self {
            card,
            sign,
            receive,
        }
    }

    /// The public card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Ed25519 over the bytes, which the caller separates by their domain.
    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.sign.sign(bytes).to_bytes()
    }

    pub(super) fn receive(&self) -> &StaticSecret {
        &self.receive
    }

    /// Writes the secret file that will be `path`: mode 0600, in a directory that is made with mode 0700 if there is none.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, path: &Path) -> Result<Unnamed, RunError> {
        let directory = files::parent(path);
        files::make_parent(directory)?;
        secret_key::make_private_directory(directory)?;
        secret_key::write_text(path, &self.to_text())
    }

    /// Reads a secret file.
    ///
    /// # Errors
    /// A file that others can read, of another kind, or damaged. No error shows a key.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        secret_key::refuse_readable_by_others(path)?;
        let bytes = Zeroizing::new(files::read_limited(path, LARGEST)?);
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        Self::parse(text).ok_or_else(|| {
            RunError::from(GroupError::Form {
                expected: "a party's key file, format 1",
                found: "another, or a damaged one".to_owned(),
            })
            .at(path.display().to_string())
            .hint_instead("name the file that velum party wrote")
        })
    }

    fn to_text(&self) -> Zeroizing<String> {
        // Reserved at once: a growing string would leave copies of the keys behind.
        let mut text = Zeroizing::new(String::with_capacity(LARGEST as usize));
        text.push_str(FIRST_LINE);
        text.push_str("\nname ");
        text.push_str(&self.card.name);
        for (word, key) in [
            ("sign", self.sign.as_bytes()),
            ("receive", self.receive.as_bytes()),
        ] {
            text.push('\n');
            text.push_str(word);
            text.push(' ');
            push_hex(&mut text, key);
        }
        let check = blake3::hash(text.as_bytes());
        text.push_str("\ncheck ");
        text.push_str(&check.to_hex());
        text.push('\n');
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim_end);
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let name = lines.next()?.strip_prefix("name ")?;
        require_name(name).ok()?;
        let sign = secret_hex(lines.next()?.strip_prefix("sign ")?)?;
        let receive = secret_hex(lines.next()?.strip_prefix("receive ")?)?;
        let found = Self::of(name, &sign, &receive);
        let check = lines.next()?;
        let whole = lines.next().is_none() && found.to_text().lines().last()? == check;
        whole.then_some(found)
    }
}

fn push_hex(text: &mut String, bytes: &[u8; 32]) {
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
    }
}

fn secret_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut out = Zeroizing::new([0; 32]);
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let half = |digit: u8| char::from(digit).to_digit(16).map(|half| half as u8);
        *byte = half(pair[0])? << 4 | half(pair[1])?;
    }
    Some(out)
}

/// 32 bytes of the operating system's randomness.
pub(super) fn random() -> Result<Zeroizing<[u8; 32]>, RunError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| RunError::machine(format!("no randomness of the system: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_s_file_is_its_own_and_the_card_tells_no_secret() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("keys/party.key");
        let made = Identity::generate("St. Mary-2").unwrap();
        let written = made.write(&path).unwrap();
        written.name(he_core::wire::Existing::Keep).unwrap();
        let read = Identity::read(&path).unwrap();
        assert_eq!(read.card(), made.card());
        assert_eq!(read.receive.to_bytes(), made.receive.to_bytes());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(SECRET_KIND));
        let card = String::from_utf8(made.card().to_json()).unwrap();
        for line in text.lines().filter(|line| line.len() > 64) {
            let secret = line.split(' ').next_back().unwrap();
            assert!(!card.contains(secret));
            assert!(!format!("{made:?}").contains(secret));
        }
        assert_eq!(Card::parse(card.as_bytes()).unwrap(), *made.card());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(Identity::read(&path).is_err());
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        // One digit of a key, whichever, is noticed.
        let at = text.find("receive ").unwrap() + 8;
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        let mut changed = text;
        changed.replace_range(at..=at, digit);
        std::fs::write(&path, changed).unwrap();
        assert!(Identity::read(&path).is_err());
    }

    #[test]
    fn cards_with_keys_that_everybody_knows_and_wild_names_are_refused() {
        let good = Identity::generate("a").unwrap();
        let text = String::from_utf8(good.card().to_json()).unwrap();
        let zero = "00".repeat(32);
        let one = format!("01{}", "00".repeat(31));
        for (from, to) in [
            (&good.card.sign, &one),
            (&good.card.sign, &zero),
            (&good.card.receive, &zero),
            (&good.card.receive, &one),
            (&good.card.sign, &good.card.sign.to_uppercase()),
        ] {
            let error = Card::parse(text.replace(from.as_str(), to).as_bytes()).unwrap_err();
            assert!(matches!(error, GroupError::Key { .. }), "{error}");
        }
        for name in ["", " a", "a\n", "a/b", "\u{202e}a", &"a".repeat(65)] {
            assert!(Identity::generate(name).is_err(), "{name:?}");
        }
        for text in ["", "{}", "[]", &text.replace("card", "curd")] {
            assert!(Card::parse(text.as_bytes()).is_err());
        }
        let other = Identity::generate("a").unwrap();
        assert_ne!(other.card().fingerprint(), good.card().fingerprint());
    }
}
