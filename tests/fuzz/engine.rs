//! Changed files, one after the other, and what a reader may do with each: refuse it or take it, within a time and an amount of memory that are declared, and
//! never panic.
//!
//! Inputs are a function of target and number, so that every one can be made again. They are changes of good files: bits, numbers, pieces cut out, put in and
//! doubled, and hashes repaired most of the time, because a file with a wrong hash is refused before its content is looked at.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is measured for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Held by the test that runs.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reader is to take no more than this for each started kilobyte.
const TIME: Duration = Duration::from_secs(1);
/// Changes of one input, at most.
const MOST_CHANGES: usize = 6;
/// Inputs are no longer than this.
const LONGEST: usize = 1 << 20;

/// Reads a file as the product does; true if it is taken.
pub(crate) type Reader = Box<dyn Fn(&[u8]) -> bool>;

/// Makes a changed file look whole again.
pub(crate) type Repair = Box<dyn Fn(&mut Vec<u8>)>;

/// A reader under fire.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Good files: what is changed.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Makes a changed file look whole again: hashes, checksums, signatures.
    pub(crate) repair: Repair,
    pub(crate) read: Reader,
    /// Bytes that reading may allocate at a time, for a file of this length.
    pub(crate) memory: fn(usize) -> usize,
}

/// Nothing to repair.
pub(crate) fn as_it_is() -> Repair {
    Box::new(|_| ())
}

/// The hash at the end of a file in the common envelope.
pub(crate) fn rehash() -> Repair {
    Box::new(|bytes| {
        if let Some(end) = bytes.len().checked_sub(32) {
            let hash = blake3::hash(&bytes[..end]);
            bytes[end..].copy_from_slice(hash.as_bytes());
        }
    })
}

impl Target {
    /// Reads so many changed files, from one number on; how many.
    pub(crate) fn inputs(&self, first: u64, count: u64) -> u64 {
        self.good();
        for number in first..first.saturating_add(count) {
            self.input(number);
        }
        count
    }

    /// Reads changed files for so long, from one number on; how many.
    pub(crate) fn during(&self, first: u64, time: Duration) -> u64 {
        self.good();
        let begin = Instant::now();
        let mut number = first;
        while begin.elapsed() < time {
            self.input(number);
            number += 1;
        }
        number - first
    }

    /// The unchanged files are taken, or nothing would be tested.
    fn good(&self) {
        for (number, seed) in self.seeds.iter().enumerate() {
            assert!(
                (self.read)(seed),
                "{}: good file {number} is refused",
                self.name
            );
        }
    }

    fn input(&self, number: u64) {
        let bytes = self.changed(number);
        let (mut time, memory, read) = self.measure(&bytes);
        let allowed = TIME * u32::try_from(bytes.len().div_ceil(1024).max(1)).unwrap();
        // Somebody else's work on the same machine is not the reader's.
        for _ in 0..2 {
            if time > allowed {
                time = time.min(self.measure(&bytes).0);
            }
        }
        let what = || {
            let path = std::env::temp_dir().join(format!("velum-fuzz-{}-{number}", self.name));
            std::fs::write(&path, &bytes).unwrap();
            format!(
                "{}, input {number}, {} bytes, kept as {}",
                self.name,
                bytes.len(),
                path.display()
            )
        };
        assert!(read.is_some(), "{}: panic", what());
        assert!(time <= allowed, "{}: {time:?}", what());
        let limit = (self.memory)(bytes.len());
        assert!(
            memory <= limit,
            "{}: {memory} bytes of memory, {limit} are declared",
            what()
        );
    }

    /// Time, memory beyond what was in use, and what the reader said; none after a panic.
    fn measure(&self, bytes: &[u8]) -> (Duration, usize, Option<bool>) {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let begin = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| (self.read)(bytes))).ok();
        (
            begin.elapsed(),
            MEMORY.peak_usage().saturating_sub(before),
            read,
        )
    }

    fn changed(&self, number: u64) -> Vec<u8> {
        let mut random = Random::new(self.name, number);
        let mut bytes = self.seeds[random.below(self.seeds.len())].clone();
        for _ in 0..=random.below(MOST_CHANGES) {
            self.change(&mut bytes, &mut random);
        }
        bytes.truncate(LONGEST);
        if random.below(4) > 0 {
            (self.repair)(&mut bytes);
        }
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        if bytes.is_empty() {
            bytes.push(random.byte());
            return;
        }
        // Headers are where the lengths are.
        let reach = if random.below(2) == 0 {
            bytes.len()
        } else {
            bytes.len().min(128)
        };
        let at = random.below(reach);
        match random.below(11) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.byte(),
            2 => number_at(bytes, at, random),
            3 => digits_near(bytes, at, random),
            4 => bytes.truncate(at),
            5 => {
                let end = (at + random.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => {
                let piece = piece(bytes, random);
                bytes.splice(at..at, piece);
            }
            7 => {
                let end = (at + random.below(32)).min(bytes.len());
                let with = piece(bytes, random);
                bytes.splice(at..end, with);
            }
            8 => {
                // A bomb: a short piece a thousand times.
                let piece = piece(bytes, random);
                let piece = &piece[..piece.len().min(8)];
                bytes.splice(at..at, piece.repeat(1 << random.below(11)));
            }
            9 => {
                let other = &self.seeds[random.below(self.seeds.len())];
                let from = random.below(other.len().max(1)).min(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let words: [&[u8]; 12] = [
                    b"null",
                    b"true",
                    b"-1",
                    b"1e999",
                    b"NaN",
                    b"[[[[[[[[",
                    b"{\"a\":",
                    b"\"",
                    b"\\u001b",
                    b"../",
                    b"\x1b[2J",
                    b"\xff\xfe",
                ];
                bytes.splice(at..at, words[random.below(words.len())].iter().copied());
            }
        }
    }
}

/// Some bytes of the file itself.
fn piece(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let from = random.below(bytes.len());
    let end = (from + 1 + random.below(256)).min(bytes.len());
    bytes[from..end].to_vec()
}

/// A number of 1 to 8 bytes, in either order, of the kind that lengths go wrong with.
fn number_at(bytes: &mut [u8], at: usize, random: &mut Random) {
    let numbers = [
        0,
        1,
        2,
        7,
        0x7f,
        0x80,
        0xff,
        0x100,
        0x7fff,
        0x8000,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        i64::MAX as u64,
        1 << 63,
        u64::MAX,
    ];
    let number = numbers[random.below(numbers.len())];
    let width = (1usize << random.below(4)).min(bytes.len() - at);
    let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
    let number = if random.below(2) == 0 {
        &little[..width]
    } else {
        &big[8 - width..]
    };
    bytes[at..at + width].copy_from_slice(number);
}

/// The next number of a text becomes another one.
fn digits_near(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(from) = bytes[at..].iter().position(u8::is_ascii_digit) else {
        return;
    };
    let from = at + from;
    let length = bytes[from..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let numbers = [
        "0",
        "1",
        "2",
        "16",
        "255",
        "65536",
        "1000000",
        "16777216",
        "268435456",
        "4294967296",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "0.5",
        "-1",
    ];
    let number = numbers[random.below(numbers.len())].bytes();
    bytes.splice(from..from + length, number);
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(name: &str, number: u64) -> Self {
        let hash = blake3::hash(name.as_bytes());
        let seed = hash.as_bytes()[..8]
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Self(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }
}
