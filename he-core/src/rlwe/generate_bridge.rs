//! How a secret key makes the keys of a bridge.
//!
//! Everything of a bridge is derived from a seed of its own, bound to the key file's seed and to the parameters of all its rings: under two
//! bridges that share some of them, nothing is drawn twice.

use std::sync::Arc;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::secret::{SecretKey, SecretPoly};
use super::wipe::{SecretSeed, on_clean_stack};
use super::{Bridge, BridgeKeys, Context, KeyId, RlweError, SwitchingKey};
use crate::params::KeyLevels;

const BRIDGE_CONTEXT: &str = "velum he-core 2026 v1 bridge";

/// Small coefficients, wiped when dropped.
type Small = Zeroizing<Vec<i64>>;

/// Coefficient k goes to k times the gap.
fn spread(coefficients: &[i64], n: usize) -> Small {
    let mut out = Zeroizing::new(vec![0; n]);
    let places = out.iter_mut().step_by(n / coefficients.len());
    places.zip(coefficients).for_each(|(to, from)| *to = *from);
    out
}

fn over(context: &Context, small: &Small) -> Result<SecretPoly, RlweError> {
    SecretPoly::from_small(context.ring(), context.key_basis(), small.to_vec())
}

impl SecretKey {
    /// The seed of everything that belongs to a bridge.
    fn bridge_seed(&self, bridge: &Bridge) -> Zeroizing<[u8; 32]> {
        let mut hash = blake3::Hasher::new_derive_key(BRIDGE_CONTEXT);
        hash.update(&*self.seed);
        let rings = [bridge.small(), bridge.large()];
        let keys = [bridge.entering(), bridge.leaving()];
        for context in rings.into_iter().chain(keys) {
            hash.update(context.fingerprint());
        }
        Zeroizing::new(*hash.finalize().as_bytes())
    }

    /// The key of the large ring: for tests, and for whoever decrypts there.
    ///
    /// # Errors
    /// [`RlweError::Foreign`], if this is not a key of the small ring.
    pub fn across(&self, bridge: &Bridge) -> Result<Self, RlweError> {
        if !Arc::ptr_eq(&self.context, bridge.small()) {
            return Err(RlweError::Foreign { what: "the key" });
        }
        Self::from_seed(bridge.large(), self.bridge_seed(bridge))
    }

    /// What makes the keys of a bridge from this key's ring, one at a time.
    ///
    /// # Errors
    /// As [`SecretKey::across`].
    pub fn bridge_maker(&self, bridge: &Bridge) -> Result<BridgeKeyMaker, RlweError> {
        let large = self.across(bridge)?;
        let (entering, leaving) = (bridge.entering(), bridge.leaving());
        let own = spread(&self.coefficients(), bridge.large().params().n());
        let seed = self.bridge_seed(bridge);
        Ok(BridgeKeyMaker {
            // Its parameters say that it is sparse.
            enter: Self::from_seed(entering, seed.clone())?,
            leave: Self {
                context: Arc::clone(leaving),
                seed: SecretSeed::copy_of(&seed),
                s: over(leaving, &own)?,
            },
            own: over(entering, &own)?,
            large,
        })
    }

    /// The keys of a bridge from this key's ring, and `keys` in the large ring: always the same.
    ///
    /// # Errors
    /// As [`SecretKey::across`].
    pub fn bridge_keys(&self, bridge: &Bridge, keys: &KeyLevels) -> Result<BridgeKeys, RlweError> {
        let maker = self.bridge_maker(bridge)?;
        let way = KeyId::WAY.map(|id| maker.switching_key(id));
        let way = way.into_iter().collect::<Result<_, _>>()?;
        BridgeKeys::new(bridge, way, maker.large.evaluation_keys_at(keys)?)
    }
}

/// The secrets of a bridge: makes each of its keys alone, so that nobody needs memory for all of them.
pub struct BridgeKeyMaker {
    enter: SecretKey,
    leave: SecretKey,
    large: SecretKey,
    /// The small ring's key, over what [`KeyId::Enter`] is made under.
    own: SecretPoly,
}

/// Its parts wipe themselves.
impl ZeroizeOnDrop for BridgeKeyMaker {}

impl std::fmt::Debug for BridgeKeyMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BridgeKeyMaker(..)")
    }
}

impl BridgeKeyMaker {
    /// A key of the way, or one of the large ring for every level: always the same.
    ///
    /// # Errors
    /// None for a checked bridge.
    pub fn switching_key(&self, id: KeyId) -> Result<SwitchingKey, RlweError> {
        let of = match id {
            KeyId::Enter => &self.enter,
            KeyId::Leave => &self.leave,
            KeyId::Raise | KeyId::Relinearisation | KeyId::Galois(_) => &self.large,
        };
        self.switching_key_at(id, of.context.params().max_level())
    }

    /// The same at a level of what the key is made under; those of the way are used at the highest alone.
    ///
    /// # Errors
    /// [`RlweError::KeyLevel`].
    pub fn switching_key_at(&self, id: KeyId, level: usize) -> Result<SwitchingKey, RlweError> {
        let Self {
            enter,
            leave,
            large,
            own,
        } = self;
        let in_ring = |context: &Context, of: &SecretKey| over(context, &of.coefficients());
        let lead = |by: &SecretKey, from: &SecretPoly| {
            by.context.check_key_level(id, level)?;
            by.lead(id, level, from, &by.s)
        };
        on_clean_stack(|| match id {
            KeyId::Enter => lead(enter, own),
            KeyId::Raise => lead(large, &in_ring(&large.context, enter)?),
            KeyId::Leave => lead(leave, &in_ring(&leave.context, large)?),
            KeyId::Relinearisation | KeyId::Galois(_) => large.switching_key_at(id, level),
        })
    }
}
