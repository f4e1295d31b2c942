//! Kernels of one limb, and what the machine can do at most.

use std::hint::black_box;

use he_core::arith::{Buffer, Modulus, NttTable, limits, slices};
use serde::Serialize;

use crate::clock::{median, time};
use crate::{Fallible, RUNS};

/// A median of one thread.
#[derive(Debug, Serialize)]
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    pub(crate) log_n: u32,
    pub(crate) median_ms: f64,
    pub(crate) cpu_ms: f64,
}

/// What the machine can do at most, in one thread.
#[derive(Debug, Serialize)]
pub(crate) struct Limits {
    /// Multiply-adds of doubles a second, from registers.
    pub(crate) fma_per_second: f64,
    /// Bytes a second read from 256 KiB, and from 64 MiB.
    pub(crate) cache_bytes_per_second: f64,
    pub(crate) memory_bytes_per_second: f64,
}

/// The largest prime below 2^47 that suits rings up to degree 2^16.
const PRIME: u64 = 140_737_487_306_753;
/// Runs of a kernel in one sample.
const BATCH: usize = 32;

/// Data of one limb for every kernel.
pub(crate) struct Limb {
    table: NttTable,
    modulus: Modulus,
    values: Buffer,
    keys: Vec<Buffer>,
    digits: Vec<Buffer>,
    constants: Vec<f64>,
}

/// Names of the kernels.
pub(crate) const NAMES: [&str; 5] = [
    "forward NTT",
    "inverse NTT",
    "product",
    "key product, 3 digits",
    "base conversion, 4 sources",
];

impl Limb {
    pub(crate) fn new(log_n: u32) -> Fallible<Self> {
        let modulus = Modulus::new(PRIME)?;
        // Integers far below the prime, in no order.
        let limb = |seed: u64| {
            let values: Vec<f64> = (0..1u64 << log_n)
                .map(|i| ((i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as f64)
                .collect();
            Buffer::copy_of(&values)
        };
        Ok(Self {
            table: NttTable::new(log_n, modulus)?,
            modulus,
            values: limb(0),
            keys: (1..4).map(limb).collect(),
            digits: (4..8).map(limb).collect(),
            constants: vec![1e9, 2e9, 3e9, 4e9],
        })
    }

    /// Runs a kernel once.
    pub(crate) fn run(&mut self, name: &str) -> Fallible<()> {
        let (m, x) = (&self.modulus, &mut self.values);
        match name {
            "forward NTT" => self.table.forward(x),
            "inverse NTT" => self.table.inverse(x),
            "product" => slices::mul_assign(m, x, &self.keys[0]),
            "key product, 3 digits" => {
                let pairs = self.digits.iter().zip(&self.keys);
                let terms: Vec<(&[f64], &[f64])> = pairs.map(|(d, k)| (&d[..], &k[..])).collect();
                slices::dot(m, false, x, &terms);
            }
            "base conversion, 4 sources" => {
                let sources: Vec<&[f64]> = self.digits.iter().map(|d| &d[..]).collect();
                let overflow = (&self.keys[0][..], 5e9);
                slices::linear_combination(m, true, x, &sources, &self.constants, Some(overflow));
            }
            other => return Err(format!("no kernel named {other:?}").into()),
        }
        Ok(())
    }

    /// Medians of all kernels, a few runs at a time.
    pub(crate) fn medians(&mut self) -> Fallible<Vec<Kernel>> {
        let mut found = Vec::new();
        for name in NAMES {
            let (mut walls, mut cpus) = (Vec::new(), Vec::new());
            self.run(name)?;
            for _ in 0..RUNS {
                let ((), span) = time(|| (0..BATCH).try_for_each(|_| self.run(name)))?;
                let span = span.over(BATCH);
                walls.push(span.wall_ms);
                cpus.push(span.cpu_ms);
            }
            found.push(Kernel {
                name,
                log_n: self.table.n().ilog2(),
                median_ms: median(walls),
                cpu_ms: median(cpus),
            });
        }
        Ok(found)
    }
}

/// Best of a few runs each: a limit is what the machine does when nobody disturbs it.
pub(crate) fn measure_limits() -> Fallible<Limits> {
    let best = |work: f64, mut f: Box<dyn FnMut()>| -> Fallible<f64> {
        let mut least = f64::INFINITY;
        for _ in 0..RUNS {
            let ((), span) = time(|| {
                f();
                Fallible::Ok(())
            })?;
            least = least.min(span.wall_ms);
        }
        Ok(work / least * 1e3)
    };
    const STEPS: usize = 1 << 22;
    let read = |bytes: usize| -> Fallible<f64> {
        let data = vec![1.0; bytes / 8];
        let rounds = ((256 << 20) / bytes).max(1);
        best(
            (bytes * rounds) as f64,
            Box::new(move || {
                for _ in 0..rounds {
                    black_box(limits::read(black_box(&data)));
                }
            }),
        )
    };
    Ok(Limits {
        fma_per_second: best(
            limits::multiply_adds(STEPS).1 as f64,
            Box::new(|| {
                black_box(limits::multiply_adds(black_box(STEPS)));
            }),
        )?,
        cache_bytes_per_second: read(256 << 10)?,
        memory_bytes_per_second: read(64 << 20)?,
    })
}
