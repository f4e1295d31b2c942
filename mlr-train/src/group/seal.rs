//! Payloads that named members alone can read, and secrets that two members share.
//!
//! A sealed file is: the line [`FIRST_LINE`], an ephemeral X25519 key (32 bytes), a commitment to the content's key (32), the number of receivers (2, little-endian), 48 bytes for each, and the content under
//! ChaCha20-Poly1305 (RFC 8439) with the hash of all before it as associated data. A receiver's 48 bytes are the content's key, under the key that BLAKE3's `derive_key` gives for the shared
//! secret, both public keys, session, step and sender. Every key is used for one text, so nonces are 0. The commitment keeps a sender from giving two receivers different contents.
//!
//! Who sent it is not in here: the envelope that names the file's hash is signed. What is sealed stays readable to whoever gets a receiver's key file later, as keys of cards are not changed.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::identity::random;
use super::{Card, GroupError, Identity, Step};
use crate::artifacts::RunError;

/// What a sealed file begins with.
pub const FIRST_LINE: &[u8] = b"velum sealed payload, format 1\n";
const WRAP_CONTEXT: &str = "velum mlr-train 2026 v1 key of a sealed payload";
const COMMIT_CONTEXT: &str = "velum mlr-train 2026 v1 commitment to the key of a sealed payload";
const PAIR_CONTEXT: &str = "velum mlr-train 2026 v1 secret of a pair";
/// Bytes of a wrapped key.
const WRAPPED: usize = 48;
/// Receivers of one payload.
const MOST_RECEIVERS: usize = 1024;
/// Bytes that sealing adds for one receiver; each further one adds [`WRAPPED`].
const OVERHEAD: usize = FIRST_LINE.len() + 32 + 32 + 2 + WRAPPED + 16;

/// What a payload is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The session's name.
    pub session: &'a [u8; 32],
    /// The step.
    pub step: Step,
    /// The sender.
    pub sender: &'a Card,
}

impl Binding<'_> {
    fn wrap(&self, shared: &[u8; 32], ephemeral: &PublicKey, receiver: &PublicKey) -> Cipher {
        let mut hash = blake3::Hasher::new_derive_key(WRAP_CONTEXT);
        for part in [
            shared,
            ephemeral.as_bytes(),
            receiver.as_bytes(),
            self.session,
        ] {
            hash.update(part);
        }
        let step = self.step.to_string();
        hash.update(&(step.len() as u64).to_le_bytes());
        hash.update(step.as_bytes());
        hash.update(self.sender.fingerprint().as_bytes());
        Cipher::new(&Zeroizing::new(*hash.finalize().as_bytes()))
    }
}

/// ChaCha20-Poly1305 under a key that is used once.
struct Cipher(ChaCha20Poly1305);

impl Cipher {
    fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(&Key::from(*key)))
    }

    fn encrypt(&self, msg: &[u8], aad: &[u8]) -> Result<Vec<u8>, RunError> {
        let sealed = self.0.encrypt(&Nonce::default(), Payload { msg, aad });
        sealed
            .map_err(|_| RunError::machine("expected a payload below 256 GiB, found a larger one"))
    }

    fn decrypt(&self, msg: &[u8], aad: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let opened = self.0.decrypt(&Nonce::default(), Payload { msg, aad });
        opened.ok().map(Zeroizing::new)
    }
}

/// Bytes of a sealed content of `bytes` for so many receivers.
#[must_use]
pub fn sealed_bytes(bytes: u64, receivers: usize) -> u64 {
    bytes + (OVERHEAD + WRAPPED * receivers.saturating_sub(1)) as u64
}

/// Seals a content for these receivers. Cost: one X25519 for each, and the cipher over the content.
///
/// # Errors
/// [`GroupError::Key`] for a card of no use; a machine without randomness.
pub fn seal(
    binding: Binding<'_>,
    receivers: &[&Card],
    content: &[u8],
) -> Result<Vec<u8>, RunError> {
    if !(1..=MOST_RECEIVERS).contains(&receivers.len()) {
        return Err(RunError::input(format!(
            "expected 1 to {MOST_RECEIVERS} receivers of a payload, found {}",
            receivers.len()
        )));
    }
    let secret = StaticSecret::from(*random()?);
    let (ephemeral, key) = (PublicKey::from(&secret), random()?);
    let mut out = FIRST_LINE.to_vec();
    out.extend(ephemeral.as_bytes());
    out.extend(commitment(&key));
    out.extend((receivers.len() as u16).to_le_bytes());
    for card in receivers {
        let receiver = card.receiving_key()?;
        let shared = secret.diffie_hellman(&receiver);
        if !shared.was_contributory() {
            return Err(GroupError::Key { purpose: "receive" }.into());
        }
        let cipher = binding.wrap(shared.as_bytes(), &ephemeral, &receiver);
        out.extend(cipher.encrypt(key.as_slice(), b"")?);
    }
    let head = blake3::hash(&out);
    out.extend(Cipher::new(&key).encrypt(content, head.as_bytes())?);
    Ok(out)
}

/// Opens what was sealed for this member, among others.
///
/// # Errors
/// [`GroupError::Sealed`] for anything else than what `binding` says, whole, and sealed for this member.
pub fn open(
    binding: Binding<'_>,
    receiver: &Identity,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, GroupError> {
    opened(binding, receiver, sealed).ok_or_else(|| GroupError::Sealed {
        sender: binding.sender.name().to_owned(),
    })
}

fn opened(binding: Binding<'_>, receiver: &Identity, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let rest = sealed.strip_prefix(FIRST_LINE)?;
    let (ephemeral, rest) = rest.split_first_chunk::<32>()?;
    let (committed, rest) = rest.split_first_chunk::<32>()?;
    let (count, rest) = rest.split_first_chunk::<2>()?;
    let count = usize::from(u16::from_le_bytes(*count));
    let wrapped = rest.get(..WRAPPED * count)?;
    let body = rest.get(WRAPPED * count..)?;
    let head = blake3::hash(&sealed[..sealed.len() - body.len()]);
    let ephemeral = PublicKey::from(*ephemeral);
    let shared = receiver.receive().diffie_hellman(&ephemeral);
    if !shared.was_contributory() {
        return None;
    }
    let own = PublicKey::from(receiver.receive());
    let cipher = binding.wrap(shared.as_bytes(), &ephemeral, &own);
    let mut keys = wrapped.chunks_exact(WRAPPED);
    let key = keys.find_map(|wrapped| cipher.decrypt(wrapped, b""))?;
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(key.as_slice().try_into().ok()?);
    if blake3::Hash::from(commitment(&key)) != blake3::Hash::from(*committed) {
        return None;
    }
    Cipher::new(&key).decrypt(body, head.as_bytes())
}

fn commitment(key: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(COMMIT_CONTEXT, key)
}

/// What two members of a session share, and nobody else: the same from either side.
///
/// # Errors
/// [`GroupError::Key`].
pub fn pair_secret(
    own: &Identity,
    other: &Card,
    session: &[u8; 32],
) -> Result<Zeroizing<[u8; 32]>, GroupError> {
    let theirs = other.receiving_key()?;
    let shared = own.receive().diffie_hellman(&theirs);
    if !shared.was_contributory() {
        return Err(GroupError::Key { purpose: "receive" });
    }
    let ours = PublicKey::from(own.receive());
    let mut keys = [ours.to_bytes(), theirs.to_bytes()];
    keys.sort_unstable();
    let mut hash = blake3::Hasher::new_derive_key(PAIR_CONTEXT);
    for part in [shared.as_bytes(), &keys[0], &keys[1], session] {
        hash.update(part);
    }
    Ok(Zeroizing::new(*hash.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_receivers_alone_open_a_payload_in_its_place_alone() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| Identity::generate(name).unwrap());
        let session = [3; 32];
        let binding = Binding {
            session: &session,
            step: Step::Deal,
            sender: a.card(),
        };
        let content = b"a share of a share".as_slice();
        let sealed = seal(binding, &[b.card(), c.card()], content).unwrap();
        assert_eq!(sealed.len() as u64, sealed_bytes(content.len() as u64, 2));
        assert!(!sealed.windows(7).any(|part| part == &content[..7]));
        for receiver in [&b, &c] {
            assert_eq!(
                open(binding, receiver, &sealed).unwrap().as_slice(),
                content
            );
        }
        assert!(open(binding, &d, &sealed).is_err());
        assert!(open(binding, &a, &sealed).is_err());
        for other in [
            Binding {
                session: &[4; 32],
                ..binding
            },
            Binding {
                step: Step::Upload,
                ..binding
            },
            Binding {
                sender: d.card(),
                ..binding
            },
        ] {
            assert!(open(other, &b, &sealed).is_err());
        }
        // Every byte counts, for one receiver: the second's wrapped key is his own business.
        let others = FIRST_LINE.len() + 66 + WRAPPED..FIRST_LINE.len() + 66 + 2 * WRAPPED;
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(binding, &b, &changed).is_err(), "{at} {others:?}");
            assert!(open(binding, &b, &sealed[..at]).is_err());
        }
        // No two are alike.
        assert_ne!(seal(binding, &[b.card()], content).unwrap(), sealed);
    }

    #[test]
    fn a_pair_has_one_secret_a_session() {
        let [a, b, c] = ["a", "b", "c"].map(|name| Identity::generate(name).unwrap());
        let secret = |x: &Identity, y: &Identity, session| {
            *pair_secret(x, y.card(), &[session; 32]).unwrap()
        };
        assert_eq!(secret(&a, &b, 1), secret(&b, &a, 1));
        assert_ne!(secret(&a, &b, 1), secret(&a, &b, 2));
        assert_ne!(secret(&a, &b, 1), secret(&a, &c, 1));
    }
}
