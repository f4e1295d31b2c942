//! A party's secret and its shares of keys.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::stream::{Kind, Use};
use super::{KeyItem, KeyShare, MultipartyError, PartyId, RelinearisationSum, Session};
use crate::ring::{GaloisElement, Ntt, Poly, binomial, ternary};
use crate::rlwe::{KeyId, SecretPoly, gadget, os_seed};

/// Small secret numbers, wiped when dropped.
pub(super) type Small = Zeroizing<Vec<i64>>;

/// A party's uniform ternary secret s_i in one session: the joint secret is s = s_1 + .. + s_n, which nobody ever has.
///
/// Everything is derived from a seed, the session and the party's number. Shares are always the same, however often they are made.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46], dnum: 2 };
/// use he_core::multiparty::{Commitment, JointPublicKey, PartySecret, Session};
///
/// let params = Params::insecure_test(literal)?.for_parties(2)?;
/// let session = Session::new(&Context::new(Arc::new(params))?, [7; 32], 2)?;
/// let mut shares = Vec::new();
/// for party in session.all() {
///     let share = PartySecret::generate(&session, party)?.public_key_share()?;
///     // Everybody shows this first, and the share when all have.
///     let commitment = Commitment::to(&session, party, &[share.clone()]);
///     commitment.check(&session, party, &[share.clone()])?;
///     shares.push(share);
/// }
/// let joint = JointPublicKey::from_shares(&session, &shares)?;
/// assert_eq!(joint.public_key()?.b().level(), 1);
/// # Ok(()) }
/// ```
pub struct PartySecret {
    session: Arc<Session>,
    party: PartyId,
    seed: Zeroizing<[u8; 32]>,
    s: SecretPoly,
}

impl std::fmt::Debug for PartySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartySecret({}, ..)", self.party)
    }
}

impl PartySecret {
    /// A new secret, from the operating system's randomness.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] without randomness.
    pub fn generate(session: &Arc<Session>, party: PartyId) -> Result<Self, MultipartyError> {
        Self::from_seed(session, party, os_seed("secret of a party")?)
    }

    /// The secret of a seed in this session.
    ///
    /// # Errors
    /// None for a checked context.
    pub fn from_seed(
        session: &Arc<Session>,
        party: PartyId,
        seed: Zeroizing<[u8; 32]>,
    ) -> Result<Self, MultipartyError> {
        let context = session.context();
        let small = secret_numbers(session, party, &seed, Kind::Secret);
        let s = SecretPoly::from_small(context.ring(), context.key_basis(), small.to_vec())?;
        Ok(Self {
            session: Arc::clone(session),
            party,
            seed,
            s,
        })
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Which party.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// The seed, for the party's own file.
    pub fn expose_seed(&self) -> &[u8; 32] {
        &self.seed
    }

    pub(super) fn seed(&self) -> &Zeroizing<[u8; 32]> {
        &self.seed
    }

    pub(super) fn poly(&self) -> &SecretPoly {
        &self.s
    }

    /// Coefficients of the secret, or of the ephemeral secret of relinearisation.
    pub(super) fn numbers(&self, kind: Kind) -> Small {
        secret_numbers(&self.session, self.party, &self.seed, kind)
    }

    /// An error's coefficients: centred binomial.
    pub(super) fn error(&self, of: Use) -> Small {
        let mut rng = of.stream(&self.seed, &self.session, self.party);
        Zeroizing::new(binomial(self.session.context().params().n(), &mut *rng))
    }

    /// Small numbers as a polynomial over the primes of a level and the special ones.
    fn small_poly(&self, level: usize, small: &Small) -> Result<SecretPoly, MultipartyError> {
        let context = self.session.context();
        let (ring, basis) = (context.ring(), context.key_basis_at(level));
        Ok(SecretPoly::from_small(ring, basis, small.to_vec())?)
    }

    /// `e - a t`, all over `a`'s primes.
    fn hide(&self, a: &Poly<Ntt>, t: &Poly<Ntt>, e: Use) -> Result<Poly<Ntt>, MultipartyError> {
        let mut out = a.mul(t);
        out.negate();
        out.add_assign(&*self.small_poly(a.level(), &self.error(e))?);
        Ok(out)
    }

    /// `P g_d t` of digit `d`, over `t`'s primes.
    fn gadget_times(&self, t: &SecretPoly, d: usize) -> SecretPoly {
        let (context, level) = (self.session.context(), t.level());
        let digit = context.params().digits(level).nth(d).unwrap_or(0..0);
        let mut out = t.clone();
        out.mul_scalars(&gadget(context, level, digit));
        out
    }

    /// The uniform polynomial of digit `d` of a key at a level, from the common random string.
    fn common(&self, item: KeyItem, level: usize, d: usize) -> Poly<Ntt> {
        let context = self.session.context();
        let seed = self.session.common(item);
        seed.expand(context.ring(), context.key_basis_at(level), d as u32)
    }

    /// The share of the public key: e_i - a s_i, with a from the common random string. One transform a prime.
    ///
    /// # Errors
    /// None for a checked context.
    pub fn public_key_share(&self) -> Result<KeyShare, MultipartyError> {
        let item = KeyItem::PublicKey;
        let level = self.session.context().params().max_level();
        let a = self.common(item, level, 0);
        let b = self.hide(&a, &self.s, Use::of(Kind::PublicKey))?;
        KeyShare::new(&self.session, self.party, item, vec![b])
    }

    /// The share of the key of X -> X^g at a level: e_i - a s_i(X^(1/g)) + P g_d s_i for every digit of the level, over its primes. One transform a digit and prime. That of
    /// a lower level is a truncation: errors and uniform residues are the same.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for a level above the chain.
    pub fn galois_share(
        &self,
        g: GaloisElement,
        level: usize,
    ) -> Result<KeyShare, MultipartyError> {
        let item = KeyItem::Galois(g);
        let context = self.session.context();
        context.check_key_level(KeyId::Galois(g), level)?;
        let s = self.s.at_level(level);
        let to = SecretPoly::new(s.automorphism(g.inverse(context.params().log_n())));
        let part = |d: usize| {
            let a = self.common(item, level, d);
            let of = Use {
                element: g.exponent(),
                digit: d as u32,
                ..Use::of(Kind::Galois)
            };
            let mut b = self.hide(&a, &to, of)?;
            b.add_assign(&*self.gadget_times(&s, d));
            Ok(b)
        };
        let parts = (0..item.parts(context.params(), level)).map(part);
        let parts = parts.collect::<Result<_, MultipartyError>>()?;
        KeyShare::new(&self.session, self.party, item, parts)
    }

    /// First round of the relinearisation key at a level: h_0 = e_0 - u_i a + P g_d s_i and h_1 = s_i a + e_1 for every digit of the level, in turn. Two transforms a digit
    /// and prime.
    ///
    /// # Errors
    /// As [`PartySecret::galois_share`].
    pub fn relinearisation_one(&self, level: usize) -> Result<KeyShare, MultipartyError> {
        let item = KeyItem::RelinearisationOne;
        let context = self.session.context();
        context.check_key_level(KeyId::Relinearisation, level)?;
        let s = self.s.at_level(level);
        let u = self.small_poly(level, &self.numbers(Kind::Ephemeral))?;
        let mut parts = Vec::new();
        for d in 0..item.parts(context.params(), level) / 2 {
            let a = self.common(item, level, d);
            let of = |part| Use {
                digit: d as u32,
                part,
                ..Use::of(Kind::RelinearisationOne)
            };
            let mut h0 = self.hide(&a, &u, of(0))?;
            h0.add_assign(&*self.gadget_times(&s, d));
            let mut h1 = a.mul(&s);
            h1.add_assign(&*self.small_poly(level, &self.error(of(1)))?);
            parts.extend([h0, h1]);
        }
        KeyShare::new(&self.session, self.party, item, parts)
    }

    /// Second round of the relinearisation key, from the sums of the first: s_i h_0 + (u_i - s_i) h_1 + e_2 + e_3 for every digit of their level. One transform a
    /// digit and prime.
    ///
    /// # Errors
    /// None for a checked context.
    pub fn relinearisation_two(
        &self,
        first: &RelinearisationSum,
    ) -> Result<KeyShare, MultipartyError> {
        let item = KeyItem::RelinearisationTwo;
        let level = first.level();
        let s = self.s.at_level(level);
        let mut rest = self.small_poly(level, &self.numbers(Kind::Ephemeral))?;
        rest.sub_assign(&s);
        let mut parts = Vec::new();
        for d in 0..first.digits() {
            let mut part = first.h0(d).mul(&s);
            part.inner_product_acc(&[(first.h1(d), &*rest)]);
            part.add_assign(&*self.small_poly(level, &self.second_error(first, d))?);
            parts.push(part);
        }
        KeyShare::new(&self.session, self.party, item, parts)
    }

    /// `e_2 + e_3` of digit `d`. Bound to the sums that it hides products with.
    pub(super) fn second_error(&self, first: &RelinearisationSum, d: usize) -> Small {
        let of = |part| Use {
            digit: d as u32,
            part,
            question: *first.digest(),
            ..Use::of(Kind::RelinearisationTwo)
        };
        let mut sum = self.error(of(0));
        let other = self.error(of(1));
        sum.iter_mut().zip(other.iter()).for_each(|(a, b)| *a += b);
        sum
    }
}

fn secret_numbers(
    session: &Session,
    party: PartyId,
    seed: &Zeroizing<[u8; 32]>,
    kind: Kind,
) -> Small {
    let mut rng = Use::of(kind).stream(seed, session, party);
    Zeroizing::new(ternary(session.context().params().n(), &mut *rng))
}
