//! The file formats, from outside: bytes against their documentation in [`he_core::wire`], and files
//! that were written before, of every version that is read: they must open for ever.
//!
//! The keys in `tests/data` are of insecure parameters and public to everybody.

#![expect(
    clippy::unwrap_used,
    reason = "a test: whatever goes wrong is a failure"
)]

use std::path::PathBuf;
use std::sync::Arc;

use he_core::error::Explain as _;
use he_core::evaluator::{Ckks, CkksCt, Evaluator, Level, Meta, Placement};
use he_core::key_holder::{
    Decryptor, Encryptor, PublicKeyEncryptor, SecretKeyDecryptor, SecretKeyEncryptor,
};
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::ring::Poly;
use he_core::rlwe::{Ciphertext, Context, EvaluationKeys, KeyId, SecretKey};
use he_core::wire::{
    CIPHERTEXTS, CiphertextReader, CiphertextWriter, Form, SecretKeyFile, Shape, open_file,
    read_public_key, read_switching_key, write_public_key, write_switching_key,
};
use num_complex::Complex64;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroizing;

const SEED: [u8; 32] = *b"known to everybody: insecure key";
const BINDING: [u8; 32] = [7; 32];
const LIMIT: u64 = 1 << 20;
/// Magic, kind, version, lengths, binding.
const PREFIX: usize = 56;
const SCALE: f64 = (1 << 20) as f64;

/// Degree 2^10 and 98 bits: a few kilobytes a file, and no security at all.
fn insecure_context() -> Arc<Context> {
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: vec![26, 20],
        p_bits: vec![26, 26],
        dnum: 1,
    };
    Context::new(Arc::new(Params::insecure_test(literal).unwrap())).unwrap()
}

/// Slots of which a permutation, or the conjugates, are others by 1/8 at least in many places.
fn slots(context: &Context) -> Vec<Complex64> {
    (0..context.params().slots())
        .map(|i| Complex64::new((i * i % 101) as f64 / 64.0, -0.125 * (i % 7) as f64))
        .collect()
}

/// Formats of which a file is: evaluation keys have had one more version than the others.
fn data(name: &str) -> PathBuf {
    let keys = ["relinearisation.key", "rotation-1.key"];
    data_of(if keys.contains(&name) { "v3" } else { "v2" }, name)
}

fn data_of(version: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(version)
        .join(name)
}

fn write(context: &Arc<Context>, form: Form, ct: &Ciphertext, meta: &Meta) -> Vec<u8> {
    let level = Level(ct.level());
    let shapes = vec![Shape { form, level }];
    let mut writer = CiphertextWriter::new(
        vec![],
        "test",
        CIPHERTEXTS.bound_to(&BINDING),
        context,
        shapes,
        b"",
    )
    .unwrap();
    writer.push(ct, meta).unwrap();
    writer.finish().unwrap().1
}

fn placed(level: usize) -> Placement {
    Placement {
        level: Level(level),
        scale: SCALE,
    }
}

/// Residues of a limb from bytes: `width` bits each, lowest bit first.
fn residues(bytes: &[u8], n: usize, width: usize) -> Vec<u64> {
    let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
    (0..n)
        .map(|i| (0..width).fold(0, |x, b| x | bit(i * width + b) << b))
        .collect()
}

fn width(p: u64) -> usize {
    (u64::BITS - (p - 1).leading_zeros()) as usize
}

fn mul(p: u64, a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(p)) as u64
}

fn pow(p: u64, a: u64, mut e: u64) -> u64 {
    let (mut base, mut out) = (a, 1);
    while e > 0 {
        if e & 1 == 1 {
            out = mul(p, out, base);
        }
        base = mul(p, base, base);
        e >>= 1;
    }
    out
}

/// `g^((p-1)/2N)` for the least non-residue g.
fn root(p: u64, n: u64) -> u64 {
    let g = (2..p).find(|&g| pow(p, g, (p - 1) / 2) == p - 1).unwrap();
    pow(p, g, (p - 1) / (2 * n))
}

#[test]
fn limbs_in_a_file_are_values_at_the_documented_powers_of_the_root() {
    let context = insecure_context();
    let (n, log_n) = (context.params().n(), context.params().log_n());
    let coefficients: Vec<i64> = (0..n as i64).map(|i| i * i - 500 * i + 7).collect();
    let basis = context.ring().basis(1);
    let poly = Poly::from_signed(context.ring(), basis, &coefficients).unwrap();
    let zero = Poly::zero(context.ring(), basis);
    let ct = Ciphertext::from_parts(&context, poly.into_ntt(), zero).unwrap();
    let meta = Meta {
        level: Level(1),
        scale: SCALE,
        bound: 1.0,
        rms: 1.0,
        noise: 1.0,
    };
    let bytes = write(&context, Form::Full, &ct, &meta);
    // Prefix, one run of shapes, scale, bound, noise; then c_1, which is zero here, and c_0.
    let sizes: Vec<usize> = context.params().q().iter().map(|&p| width(p)).collect();
    let mut at = PREFIX + 4 + 8 + 3 * 8;
    for size in &sizes {
        assert!(bytes[at..at + n / 8 * size].iter().all(|&b| b == 0));
        at += n / 8 * size;
    }
    for (&p, size) in context.params().q().iter().zip(&sizes) {
        let values = residues(&bytes[at..], n, *size);
        let psi = root(p, n as u64);
        for (i, value) in values.into_iter().enumerate() {
            let reversed = (i as u64).reverse_bits() >> (u64::BITS - log_n);
            let x = pow(p, psi, 2 * reversed + 1);
            let horner = coefficients.iter().rev().fold(0, |sum, c| {
                (mul(p, sum, x) + c.rem_euclid(p as i64) as u64) % p
            });
            assert_eq!(value, horner, "value {i} modulo {p}");
        }
        at += n / 8 * size;
    }
    assert_eq!(at + 32, bytes.len());
}

#[test]
fn a_seed_in_a_file_stands_for_the_documented_polynomial() {
    let context = insecure_context();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let encryptor = SecretKeyEncryptor::new(key).unwrap();
    let ct = encryptor.encrypt(&slots(&context), placed(1), 2.0).unwrap();
    let file = |form| write(&context, form, ct.ciphertext(), &ct.meta());
    // Prefix, one run, scale, bound; then the seed of c_1 or, after the noise, c_1 itself.
    let at = PREFIX + 4 + 8 + 2 * 8;
    let (seeded, full) = (file(Form::Seeded), file(Form::Full));
    let (seed, mut c1) = (&seeded[at..at + 32], &full[at + 8..]);
    let mut hash = blake3::Hasher::new_derive_key("velum he-core 2026 v1 uniform polynomial");
    hash.update(seed).update(&0u32.to_le_bytes());
    let mut stream = ChaCha20Rng::from_seed(*hash.finalize().as_bytes());
    for &p in context.params().q() {
        let mask = u64::MAX >> p.leading_zeros();
        let n = context.params().n();
        let expected: Vec<u64> = std::iter::repeat_with(|| stream.next_u64() & mask)
            .filter(|x| *x < p)
            .take(n)
            .collect();
        assert_eq!(residues(c1, n, width(p)), expected, "modulo {p}");
        c1 = &c1[n / 8 * width(p)..];
    }
}

/// What the key in `tests/data` is derived from, whatever the version.
fn stored_key(context: &Arc<Context>) -> Arc<SecretKey> {
    let text = std::fs::read_to_string(data("insecure-secret.key")).unwrap();
    let file = SecretKeyFile::from_text(&text, "secret key", Some(context.fingerprint())).unwrap();
    let key = SecretKey::from_seed(context, file.seed).unwrap();
    // The same public key as when the file was written: keys derived from old seeds stay the same.
    let (hash, _) = write_public_key(std::io::sink(), "none", &key.public_key().unwrap()).unwrap();
    assert_eq!(hash, file.public);
    Arc::new(key)
}

fn stored_ciphertext(context: &Arc<Context>, name: &str) -> CkksCt {
    let (file, source, length) = open_file(&data(name)).unwrap();
    let mut reader = CiphertextReader::open(
        source,
        &file,
        Some(length),
        LIMIT,
        CIPHERTEXTS.bound_to(&BINDING),
        context,
    )
    .unwrap();
    let (ct, meta) = reader.next(Some(placed(1))).unwrap().unwrap();
    reader.finish().unwrap();
    CkksCt::admit(context, ct, meta).unwrap()
}

/// Sixteen standard errors of the ledger: noise is normal, so a right file fails in fewer than one of
/// 10^50 slots. A wrong order, root or key fails wherever slots differ by more than that.
fn assert_slots(what: &str, decryptor: &SecretKeyDecryptor, ct: &CkksCt, expected: &[Complex64]) {
    let (found, meta) = (decryptor.decrypt(ct).unwrap(), ct.meta());
    let allowed = 16.0 * meta.noise / meta.scale;
    assert!(
        allowed < 0.0625,
        "{what}: the bound {allowed} proves nothing"
    );
    for (i, (x, y)) in found.iter().zip(expected).enumerate() {
        assert!((x - y).norm() < allowed, "{what}, slot {i}: {x} for {y}");
    }
}

#[test]
fn files_of_the_newest_versions_open_for_ever() {
    let context = insecure_context();
    let key = stored_key(&context);
    let decryptor = SecretKeyDecryptor::new(Arc::clone(&key)).unwrap();
    let x = slots(&context);
    let [seeded, full] = ["seeded.ct", "full.ct"].map(|name| stored_ciphertext(&context, name));
    assert_slots("seeded", &decryptor, &seeded, &x);
    assert_slots("full", &decryptor, &full, &x);

    let (file, source, length) = open_file(&data("public.key")).unwrap();
    let public = read_public_key(source, &file, Some(length), &context).unwrap();
    let encryptor = PublicKeyEncryptor::new(Arc::new(public)).unwrap();
    let ct = encryptor.encrypt(&x, placed(1), 2.0).unwrap();
    assert_slots("public key", &decryptor, &ct, &x);

    let mut keys = EvaluationKeys::new(&context);
    for name in ["relinearisation.key", "rotation-1.key"] {
        let (file, source, length) = open_file(&data(name)).unwrap();
        keys.insert(read_switching_key(source, &file, Some(length), &context, None).unwrap())
            .unwrap();
    }
    let eval = Ckks::new(keys).unwrap();
    let low = eval.drop_level(&seeded, Level(0)).unwrap();
    let rotated = eval.rotate(&low, 1).unwrap();
    assert!(eval.rotate(&seeded, 1).is_err(), "a key of level 0");
    let expected: Vec<_> = (0..x.len()).map(|i| x[(i + 1) % x.len()]).collect();
    assert_slots("rotation", &decryptor, &rotated, &expected);
    let product = eval.mul(&seeded, &full).unwrap();
    let expected: Vec<_> = x.iter().map(|x| x * x).collect();
    assert_slots("product", &decryptor, &product, &expected);
}

#[test]
fn files_of_older_versions_are_refused_with_a_hint() {
    let context = insecure_context();
    let check_of = |version: u16, error: he_core::wire::WireError| {
        let found = format!("found {version}");
        assert!(error.to_string().ends_with(&found), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("make the file again"), "{hint}");
    };
    let check = |error| check_of(1, error);
    // As they were written, before keys had levels.
    for name in ["relinearisation.key", "rotation-1.key"] {
        let key = std::fs::read(data_of("v2", name)).unwrap();
        let read = read_switching_key(&*key, "old", None, &context, None);
        check_of(2, read.unwrap_err());
    }
    let old = |name| {
        let mut bytes = std::fs::read(data(name)).unwrap();
        bytes[10..12].copy_from_slice(&1u16.to_le_bytes());
        bytes
    };
    check(read_public_key(&*old("public.key"), "old", None, &context).unwrap_err());
    let key = old("rotation-1.key");
    check(read_switching_key(&*key, "old", None, &context, None).unwrap_err());
    let ct = old("full.ct");
    let reader = CiphertextReader::open(
        &*ct,
        "old",
        None,
        LIMIT,
        CIPHERTEXTS.bound_to(&BINDING),
        &context,
    );
    check(reader.unwrap_err());
}

/// Writes `tests/data` for a format version that is new, when `VELUM_WRITE_FORMAT_FILES` is set.
/// Files of released versions are never written again: this replaces none. Where a version begins, [`data`] names its directory.
#[test]
fn write_the_files_of_a_new_version() {
    if std::env::var_os("VELUM_WRITE_FORMAT_FILES").is_none() {
        println!("no format version begins: VELUM_WRITE_FORMAT_FILES is not set");
        return;
    }
    let context = insecure_context();
    let key = Arc::new(SecretKey::from_seed(&context, Zeroizing::new(SEED)).unwrap());
    let save = |name: &str, bytes: &[u8]| {
        if data(name).exists() {
            println!("{name} is there already");
            return;
        }
        std::fs::create_dir_all(data(name).parent().unwrap()).unwrap();
        std::fs::write(data(name), bytes).unwrap();
    };
    let (public, bytes) = write_public_key(vec![], "none", &key.public_key().unwrap()).unwrap();
    save("public.key", &bytes);
    let text = SecretKeyFile {
        binding: *context.fingerprint(),
        public,
        seed: Zeroizing::new(SEED),
    };
    save("insecure-secret.key", text.to_text().as_bytes());
    let set = KeySet {
        relinearise: true,
        conjugate: false,
        rotations: [1].into(),
    };
    let names = ["relinearisation.key", "rotation-1.key"];
    for (id, name) in KeyId::all_of(&set, context.params().log_n())
        .into_iter()
        .zip(names)
    {
        // The rotation is of level 0 alone: a digit of one prime of the two.
        let level = usize::from(id == KeyId::Relinearisation);
        let key = key.switching_key_at(id, level).unwrap();
        save(
            name,
            &write_switching_key(vec![], "none", &context, &key)
                .unwrap()
                .1,
        );
    }
    let encryptor = SecretKeyEncryptor::new(key).unwrap();
    for (form, name) in [(Form::Seeded, "seeded.ct"), (Form::Full, "full.ct")] {
        let ct = encryptor.encrypt(&slots(&context), placed(1), 2.0).unwrap();
        save(name, &write(&context, form, ct.ciphertext(), &ct.meta()));
    }
}
