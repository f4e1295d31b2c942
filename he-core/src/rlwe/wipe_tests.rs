//! Looks through the memory of the process for what should not be there any more.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, mpsc};

use num_complex::Complex64;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::derive::{Binding, Kind};
use super::wipe::{SecretSeed, SecretStream, on_clean_stack};
use super::{Context, SecretKey};
use crate::ckks::encode::Encoder;
use crate::ckks::{plaintext, wipe_slots};
use crate::params::{Params, ParamsLiteral};
use crate::ring::Poly;

/// Bytes of the longest needle: of 32 ternary values nobody finds the like by chance.
const LENGTH: usize = 256;
/// So that the test itself holds no copy.
const MASK: u8 = 0x5a;

/// What is looked for, masked.
pub(crate) type Needle = Vec<u8>;

fn masked(bytes: impl IntoIterator<Item = u8>) -> Needle {
    // Reserved at once and filled byte by byte: nothing unmasked is left behind.
    let mut needle = Vec::with_capacity(LENGTH);
    needle.extend(bytes.into_iter().take(LENGTH).map(|byte| byte ^ MASK));
    needle
}

pub(crate) fn of_values<const N: usize>(values: impl IntoIterator<Item = [u8; N]>) -> Needle {
    masked(values.into_iter().flatten())
}

/// How often each needle stands in writable memory, at multiples of four bytes.
fn occurrences(needles: &[Needle]) -> Vec<usize> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    // So large that the allocator maps it anew, after the list was made: the search does not find itself.
    let mut part = vec![0u8; 1 << 26];
    let mut counts = vec![0; needles.len()];
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (begin, end) = range.split_once('-').unwrap();
        let [mut at, end] = [begin, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        while at + (LENGTH as u64) < end {
            let length = part.len().min((end - at) as usize);
            let found = memory.seek(SeekFrom::Start(at));
            if found.is_err() || memory.read_exact(&mut part[..length]).is_err() {
                break;
            }
            for window in part[..length].windows(LENGTH).step_by(4) {
                for (count, needle) in counts.iter_mut().zip(needles) {
                    *count += usize::from(is(window, needle));
                }
            }
            at += (length - LENGTH) as u64 + 4;
        }
    }
    part.zeroize();
    counts
}

fn is(window: &[u8], needle: &[u8]) -> bool {
    window[0] ^ MASK == needle[0] && window.iter().zip(needle).all(|(a, b)| a ^ MASK == *b)
}

fn context() -> Arc<Context> {
    let literal = ParamsLiteral {
        log_n: 11,
        q_bits: vec![47, 36, 36],
        p_bits: vec![48; 2],
        dnum: 3,
    };
    Context::new(Arc::new(Params::insecure_test(literal).unwrap())).unwrap()
}

const NAMES: [&str; 7] = [
    "the seed",
    "the key of the secret's stream",
    "the secret's values",
    "the secret's coefficients as doubles",
    "the secret's coefficients as integers",
    "decrypted coefficients",
    "decrypted slots",
];

fn seed() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(std::array::from_fn(|i| (i * 37 + 11) as u8))
}

/// Uses a key in every way; tells what to look for while all of it is there, and waits before it drops it.
fn use_a_key(context: &Arc<Context>, meet: &dyn Fn(Vec<Needle>)) {
    let key = SecretKey::from_seed(context, seed()).unwrap();
    let binding = Binding {
        kind: Kind::Secret,
        element: 0,
        digit: 0,
    };
    let coefficients = (*key.s).clone().into_coeff();
    let integers = coefficients
        .limb(0)
        .iter()
        .map(|x| (*x as i64).to_le_bytes());
    let message: Vec<i64> = (0..context.params().n() as i64)
        .map(|i| 1_000_003 * i)
        .collect();
    let plain = Poly::from_signed(context.ring(), context.ring().basis(2), &message).unwrap();
    let ct = key.encrypt(&plain.into_ntt()).unwrap();
    let public = key.public_key().unwrap();
    let galois = crate::ring::GaloisElement::rotation(1, context.params().log_n());
    let switching = key.switching_key(super::KeyId::Galois(galois)).unwrap();
    let opened = key.decrypt(&ct).unwrap();
    let encoder = Encoder::new(context.params().log_n()).unwrap();
    let mut slots = plaintext::decode(&encoder, &opened, 1024.0).unwrap();
    let doubles = |z: &Complex64| [z.re.to_le_bytes(), z.im.to_le_bytes()];
    let needles = vec![
        masked(key.seed.iter().copied()),
        on_clean_stack(|| {
            masked(
                binding
                    .stream_seed(&key.seed, context.fingerprint())
                    .iter()
                    .copied(),
            )
        }),
        of_values(key.s.limb(0).iter().map(|x| x.to_le_bytes())),
        of_values(coefficients.limb(0).iter().map(|x| x.to_le_bytes())),
        of_values(integers),
        of_values(opened.limb(0).iter().map(|x| x.to_le_bytes())),
        of_values(slots.iter().flat_map(doubles)),
    ];
    meet(needles);
    wipe_slots(&mut slots);
    std::hint::black_box((&public, &switching));
}

/// Work that says what to look for while all of it is there, and ends when it may: how often that was in memory then, and once the work has ended.
pub(crate) fn before_and_after(
    work: impl FnOnce(&dyn Fn(Vec<Needle>)) + Send + 'static,
) -> [Vec<usize>; 2] {
    let (tell, told) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    // The thread lives on, so that its stack stays and is looked through.
    let thread = std::thread::spawn(move || {
        work(&|needles| {
            tell.send(needles).unwrap();
            gone.recv().unwrap();
        });
        tell.send(Vec::new()).unwrap();
        gone.recv().unwrap();
    });
    let needles = told.recv().unwrap();
    let before = occurrences(&needles);
    go.send(()).unwrap();
    told.recv().unwrap();
    let after = occurrences(&needles);
    go.send(()).unwrap();
    thread.join().unwrap();
    [before, after]
}

#[test]
fn nothing_secret_is_left_in_memory() {
    let context = context();
    let [before, after] = before_and_after(move |meet| use_a_key(&context, meet));
    // What is alive is found: the search works.
    for alive in [0, 2, 3, 5, 6] {
        assert!(before[alive] > 0, "{}: {before:?}", NAMES[alive]);
    }
    for (name, count) in NAMES.iter().zip(after) {
        assert_eq!(count, 0, "{name}; alive: {before:?}");
    }
}

#[test]
fn secret_types_wipe_themselves() {
    fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<SecretKey>();
    wiped::<SecretSeed>();
    wiped::<SecretStream>();
    wiped::<super::secret::SecretPoly>();
}
