//! Proofs of key shares: the public key's and both rounds of relinearisation.
//!
//! These are the shares that honest parties' secrets meet: everybody encrypts under the sum of the first, and multiplies its own secret by the sums of the second. Whoever shows them knows a short secret behind
//! them (twice them, see [`super`]), the same one in all, and did not compute them from others' shares. Shares of Galois keys carry no proof: they are committed to with the others, so they do not depend on
//! anybody's, no secret is multiplied by them, and a false one adds to every rotation a multiple of the ciphertext's public digits by a polynomial that its maker knows: it spoils the result and tells nothing.
//!
//! The public key's share is over all primes, those of a relinearisation key of level l over q_0 .. q_l and the special ones, and so are their equations: each row of the relation modulo its own primes. The witness
//! is one vector of *integers* for all rows, and so is what an extractor finds (its argument, see [`super`], is the same in every row): the secret of the public key modulo all primes is the secret that the rows of
//! relinearisation hide. The level is bound by the relation's hash and by the shares' digests; verifiers take it from the plan and refuse shares of another one.

use super::super::stream::{Kind, Use};
use super::{Check, Factor, Proof, Relation, Shape, binding, prove};
use crate::multiparty::{
    KeyItem, KeyShare, MultipartyError, PartyId, PartySecret, RelinearisationSum, Session,
};
use crate::params::Params;
use crate::ring::{Ntt, Poly};
use crate::rlwe::{KeyId, gadget};

/// Largest coefficient of an error: all 21 coins on one side.
pub(crate) const ERROR_BOUND: u64 = 21;

/// The uniform polynomials of a key of a level, digit by digit.
fn common(session: &Session, item: KeyItem, level: usize) -> Vec<Poly<Ntt>> {
    let context = session.context();
    let seed = session.common(item);
    let expand = |d| seed.expand(context.ring(), context.key_basis_at(level), d as u32);
    let digits = match item {
        KeyItem::PublicKey => 1,
        _ => context.params().digits(level).count(),
    };
    (0..digits).map(expand).collect()
}

/// The uniform polynomial of the public key.
fn common_of_public_key(session: &Session) -> Vec<Poly<Ntt>> {
    let most = session.context().params().max_level();
    common(session, KeyItem::PublicKey, most)
}

/// Rows: the public key's share, then h_0 and h_1 of every digit of the level. Columns: s, u, e, then e_0 and e_1 of every digit.
fn first<'a>(
    session: &Session,
    level: usize,
    a: &'a Poly<Ntt>,
    digits: &'a [Poly<Ntt>],
) -> Relation<'a> {
    let context = session.context();
    let (params, basis) = (context.params(), context.key_basis());
    let mut bounds = vec![1, 1];
    bounds.resize(3 + 2 * digits.len(), ERROR_BOUND);
    let rows = 1 + 2 * digits.len();
    let mut relation = Relation::new("first key shares", context.ring(), basis, rows, bounds)
        .with(0, 0, Factor::Minus(a))
        .with(0, 2, Factor::One)
        .rows_over(1, context.key_basis_at(level));
    let ranges = params.digits(level);
    for (d, (a, range)) in digits.iter().zip(ranges).enumerate() {
        let (h0, h1) = (1 + 2 * d, 2 + 2 * d);
        relation = relation
            .with(h0, 1, Factor::Minus(a))
            .with(h0, 0, Factor::Scalars(gadget(context, level, range)))
            .with(h0, 3 + 2 * d, Factor::One)
            .with(h1, 0, Factor::Times(a))
            .with(h1, 4 + 2 * d, Factor::One);
    }
    relation
}

/// Rows: the public key's share, then one of every digit. Columns: s, u, e, then e_2 + e_3 of every digit.
fn second<'a>(
    session: &Session,
    a: &'a Poly<Ntt>,
    differences: &'a [Poly<Ntt>],
    sum: &'a RelinearisationSum,
) -> Relation<'a> {
    let context = session.context();
    let mut bounds = vec![1, 1, ERROR_BOUND];
    bounds.resize(3 + differences.len(), 2 * ERROR_BOUND);
    let (basis, rows) = (context.key_basis(), 1 + differences.len());
    let mut relation = Relation::new("second key shares", context.ring(), basis, rows, bounds)
        .with(0, 0, Factor::Minus(a))
        .with(0, 2, Factor::One)
        .rows_over(1, context.key_basis_at(sum.level()));
    for (d, difference) in differences.iter().enumerate() {
        // s h_0 + (u - s) h_1 = s (h_0 - h_1) + u h_1.
        relation = relation
            .with(1 + d, 0, Factor::Times(difference))
            .with(1 + d, 1, Factor::Times(sum.h1(d)))
            .with(1 + d, 3 + d, Factor::One);
    }
    relation
}

/// h_0 - h_1 of every digit.
fn differences(sum: &RelinearisationSum) -> Vec<Poly<Ntt>> {
    let difference = |d| {
        let mut out = sum.h0(d).clone();
        out.sub_assign(sum.h1(d));
        out
    };
    (0..sum.digits()).map(difference).collect()
}

/// Refuses shares that are not these two of one party, the second of this level.
fn two(
    party: PartyId,
    level: usize,
    shares: [&KeyShare; 2],
    items: [KeyItem; 2],
) -> Result<Vec<&Poly<Ntt>>, MultipartyError> {
    for (share, expected) in shares.iter().zip(items) {
        if share.party() != party {
            return Err(MultipartyError::Foreign {
                what: "a key share",
                party: share.party(),
            });
        }
        if share.item() != expected {
            return Err(MultipartyError::Item {
                party,
                expected,
                found: share.item(),
            });
        }
    }
    shares[1].check_level(level)?;
    Ok(shares.iter().flat_map(|share| share.parts()).collect())
}

/// Hash of the shares that are proved.
fn statements(session: &Session, shares: [&KeyShare; 2]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    for share in shares {
        hash.update(&share.digest(session));
    }
    *hash.finalize().as_bytes()
}

const FIRST: [KeyItem; 2] = [KeyItem::PublicKey, KeyItem::RelinearisationOne];
const SECOND: [KeyItem; 2] = [KeyItem::PublicKey, KeyItem::RelinearisationTwo];

/// The witness s, u, e, and then these.
fn witness(
    secret: &PartySecret,
    rest: impl Iterator<Item = super::super::secret::Small>,
) -> Vec<super::super::secret::Small> {
    let mut columns = vec![
        secret.numbers(Kind::Secret),
        secret.numbers(Kind::Ephemeral),
        secret.error(Use::of(Kind::PublicKey)),
    ];
    columns.extend(rest);
    columns
}

/// Proves this party's share of the public key and its first round of relinearisation for a key of this level, together. `label`: what else the proof is bound to.
///
/// # Errors
/// [`MultipartyError::Rlwe`] for a level above the chain; [`MultipartyError::Room`]: none for checked parameters; no randomness.
pub fn prove_first(
    secret: &PartySecret,
    level: usize,
    label: &[u8; 32],
) -> Result<Proof, MultipartyError> {
    let session = secret.session();
    let shares = [
        &secret.public_key_share()?,
        &secret.relinearisation_one(level)?,
    ];
    let a = common_of_public_key(session);
    let digits = common(session, KeyItem::RelinearisationOne, level);
    let relation = first(session, level, &a[0], &digits);
    let shape = first_shape(session, level)?;
    let statements = statements(session, shares);
    let hash = binding(session, secret.party(), label, &relation, &statements);
    prove(&relation, &shape, &hash, &|_| {
        let parts = (0..digits.len() as u32).flat_map(|digit| [(digit, 0), (digit, 1)]);
        let errors = parts.map(|(digit, part)| {
            secret.error(Use {
                digit,
                part,
                ..Use::of(Kind::RelinearisationOne)
            })
        });
        Ok(witness(secret, errors))
    })
}

/// The shape of [`prove_first`]'s proofs.
fn first_shape(session: &Session, level: usize) -> Result<Shape, MultipartyError> {
    let params = checked(session, level)?;
    let mut bounds = vec![1, 1];
    let parts = KeyItem::RelinearisationOne.parts(params, level);
    bounds.resize(3 + parts, ERROR_BOUND);
    Shape::new(params.log_n(), 1, &bounds)
}

/// The session's parameters, which have this level.
fn checked(session: &Session, level: usize) -> Result<&Params, MultipartyError> {
    let context = session.context();
    context.check_key_level(KeyId::Relinearisation, level)?;
    Ok(context.params())
}

/// The shape of [`prove_second`]'s proofs.
fn second_shape(session: &Session, level: usize) -> Result<Shape, MultipartyError> {
    let params = checked(session, level)?;
    let mut bounds = vec![1, 1, ERROR_BOUND];
    let parts = KeyItem::RelinearisationTwo.parts(params, level);
    bounds.resize(3 + parts, 2 * ERROR_BOUND);
    Shape::new(params.log_n(), 1, &bounds)
}

impl Shape {
    /// Of a proof of the first key shares in this session, for a relinearisation key of this level.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for a level above the chain.
    pub fn of_first(session: &Session, level: usize) -> Result<Self, MultipartyError> {
        first_shape(session, level)
    }

    /// Of a proof of the second round's share, for a relinearisation key of this level.
    ///
    /// # Errors
    /// As [`Shape::of_first`].
    pub fn of_second(session: &Session, level: usize) -> Result<Self, MultipartyError> {
        second_shape(session, level)
    }
}

/// Checks [`prove_first`]'s proof of a party's public key share and first round of relinearisation for a key of this level.
///
/// # Errors
/// [`MultipartyError::Proof`]; [`MultipartyError::Item`], [`MultipartyError::Level`], [`MultipartyError::Foreign`] for other shares.
pub fn verify_first(
    session: &Session,
    party: PartyId,
    level: usize,
    shares: [&KeyShare; 2],
    label: &[u8; 32],
    proof: &Proof,
) -> Result<(), MultipartyError> {
    let rows = two(party, level, shares, FIRST)?;
    let shape = first_shape(session, level)?;
    let a = common_of_public_key(session);
    let digits = common(session, KeyItem::RelinearisationOne, level);
    let relation = first(session, level, &a[0], &digits);
    let statements = statements(session, shares);
    let hash = binding(session, party, label, &relation, &statements);
    let mut check = Check::new(&relation, &shape, proof);
    check.add(&rows);
    let what = "its share of the public key and its first round of relinearisation";
    match check.holds(&relation, &shape, proof, &hash)? {
        true => Ok(()),
        false => Err(MultipartyError::Proof { party, what }),
    }
}

/// Proves this party's second round of relinearisation, with the secret of its public key share.
///
/// # Errors
/// As [`prove_first`].
pub fn prove_second(
    secret: &PartySecret,
    sum: &RelinearisationSum,
    label: &[u8; 32],
) -> Result<Proof, MultipartyError> {
    let session = secret.session();
    let shares = [
        &secret.public_key_share()?,
        &secret.relinearisation_two(sum)?,
    ];
    let a = common_of_public_key(session);
    let differences = differences(sum);
    let relation = second(session, &a[0], &differences, sum);
    let shape = second_shape(session, sum.level())?;
    let statements = statements(session, shares);
    let hash = binding(session, secret.party(), label, &relation, &statements);
    prove(&relation, &shape, &hash, &|_| {
        Ok(witness(
            secret,
            (0..sum.digits()).map(|d| secret.second_error(sum, d)),
        ))
    })
}

/// Checks [`prove_second`]'s proof.
///
/// # Errors
/// As [`verify_first`].
pub fn verify_second(
    session: &Session,
    party: PartyId,
    shares: [&KeyShare; 2],
    sum: &RelinearisationSum,
    label: &[u8; 32],
    proof: &Proof,
) -> Result<(), MultipartyError> {
    let rows = two(party, sum.level(), shares, SECOND)?;
    let a = common_of_public_key(session);
    let differences = differences(sum);
    let relation = second(session, &a[0], &differences, sum);
    let shape = second_shape(session, sum.level())?;
    let statements = statements(session, shares);
    let hash = binding(session, party, label, &relation, &statements);
    let mut check = Check::new(&relation, &shape, proof);
    check.add(&rows);
    let what = "its second round of relinearisation";
    match check.holds(&relation, &shape, proof, &hash)? {
        true => Ok(()),
        false => Err(MultipartyError::Proof { party, what }),
    }
}
