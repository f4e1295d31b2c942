//! Files of fixed keys and ciphertexts: round trips, every kind of damage, frozen hashes.

mod ciphertexts;
mod damage;
mod disk;
mod files;
mod keys;
mod multiparty;

use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use super::*;
use crate::ckks::noise;
use crate::evaluator::{Level, Meta};
use crate::params::{Params, ParamsLiteral};
use crate::ring::{Basis, Ntt, Poly};
use crate::rlwe::{Ciphertext, Context, PublicSeed, SecretKey};

const SEED: [u8; 32] = *b"a seed for tests, of thirty-two!";
const LIMIT: u64 = 1 << 24;

fn context_of(q_bits: &[u32]) -> Arc<Context> {
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: q_bits.to_vec(),
        p_bits: vec![46],
        dnum: q_bits.len() as u32,
    };
    Context::new(Arc::new(Params::insecure_test(literal).unwrap())).unwrap()
}

fn context() -> Arc<Context> {
    context_of(&[40, 36, 36])
}

fn secret(context: &Arc<Context>) -> SecretKey {
    SecretKey::from_seed(context, Zeroizing::new(SEED)).unwrap()
}

fn meta(context: &Context, level: usize) -> Meta {
    Meta {
        level: Level(level),
        scale: 3e10,
        bound: 1.5,
        rms: 1.5,
        noise: noise::fresh_secret(context.params().n()),
    }
}

/// A seeded ciphertext of random small numbers, always the same.
fn seeded(context: &Arc<Context>, level: usize) -> Ciphertext {
    let mut rng = ChaCha20Rng::from_seed([level as u8; 32]);
    let numbers = crate::ring::ternary(context.params().n(), &mut rng);
    let plain = Poly::from_signed(context.ring(), context.ring().basis(level), &numbers)
        .unwrap()
        .into_ntt();
    secret(context)
        .encrypt_insecure_test_rng(&plain, &mut rng)
        .unwrap()
}

fn full(context: &Arc<Context>, level: usize) -> Ciphertext {
    let ct = seeded(context, level);
    Ciphertext::from_parts(context, ct.c0().clone(), ct.c1().clone()).unwrap()
}

/// A polynomial that depends on nothing but the primes: the extreme residues first, then some numbers. What is frozen below is the format alone,
/// not how keys are derived.
fn fixed_poly(context: &Context, basis: Basis, salt: u64) -> Poly<Ntt> {
    let mut poly = Poly::zero(context.ring(), basis);
    for limb in 0..basis.limbs() {
        let p = poly.modulus(limb).value();
        let extremes = [0, 1, p - 1, (p - 1) / 2, p.div_ceil(2)];
        let mut state = salt + limb as u64;
        let others = std::iter::repeat_with(|| {
            // Knuth's multiplier, high bits.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 12) % p
        });
        let residues: Vec<u64> = extremes
            .into_iter()
            .chain(others)
            .take(context.params().n())
            .collect();
        poly.set_limb_canonical(limb, &residues).unwrap();
    }
    poly
}

fn bits(poly: &Poly<Ntt>) -> Vec<u64> {
    poly.to_canonical()
}

/// A file with a seeded ciphertext at level 2, two full ones at level 1 and a seeded one at level 0.
fn ciphertext_file(context: &Arc<Context>) -> Vec<u8> {
    let all = [
        seeded(context, 2),
        full(context, 1),
        full(context, 1),
        seeded(context, 0),
    ];
    let shapes = all.iter().map(Shape::of).collect();
    let mut writer = CiphertextWriter::new(
        vec![],
        "test",
        CIPHERTEXTS.bound_to(&[9; 32]),
        context,
        shapes,
        b"{\"note\":1}",
    )
    .unwrap();
    for ct in &all {
        writer.push(ct, &meta(context, ct.level())).unwrap();
    }
    writer.finish().unwrap().1
}

/// Reads a whole file of ciphertexts, hash included.
fn read_all(
    bytes: &[u8],
    length: Option<u64>,
    context: &Arc<Context>,
) -> Result<Vec<(Ciphertext, Meta)>, WireError> {
    let mut reader = CiphertextReader::open(
        bytes,
        "test",
        length,
        LIMIT,
        CIPHERTEXTS.bound_to(&[9; 32]),
        context,
    )?;
    let mut all = vec![];
    while let Some(item) = reader.next(None)? {
        all.push(item);
    }
    reader.finish()?;
    Ok(all)
}

/// Makes the hash right again, as a forger would.
fn repair(bytes: &mut [u8]) {
    let end = bytes.len() - 32;
    let hash = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(hash.as_bytes());
}

fn hash_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
