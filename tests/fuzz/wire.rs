//! Keys and ciphertexts, under tiny parameters.

use std::sync::Arc;

use he_core::conformance::{insecure_test_params, key_set};
use he_core::evaluator::{Ckks, CkksCt, Level, Placement};
use he_core::key_holder::{Encryptor, SecretKeyEncryptor};
use he_core::params::Params;
use he_core::rlwe::{Context, KeyId, SecretKey};
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Reader, SecretKeyFile, Shape};

use crate::engine::{Target, as_it_is, rehash};

/// Larger files of ciphertexts are refused, as the product refuses them by its plan.
const LIMIT: u64 = 1 << 20;
const BINDING: wire::Hash = [7; 32];

/// What is read has more bytes in memory than in the file: 64 bits a residue instead of 36 to 48, and a row of work space.
fn memory(length: usize) -> usize {
    4 * length + (2 << 20)
}

pub(crate) fn targets() -> Vec<Target> {
    let params: Arc<Params> = Arc::new(insecure_test_params().unwrap());
    let context = Context::new(Arc::clone(&params)).unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    vec![
        ciphertexts(&context, &key),
        switching_key(&context, &key),
        public_key(&context, &key),
        secret_key(&context, &key),
        envelope(&context, &key),
    ]
}

fn ciphertext_files(context: &Arc<Context>, key: &Arc<SecretKey>) -> Vec<Vec<u8>> {
    let encryptor = SecretKeyEncryptor::new(Arc::clone(key)).unwrap();
    let encrypt = |level| -> CkksCt {
        let slots = vec![0.5.into(); context.params().slots()];
        let at = Placement {
            level: Level(level),
            scale: 30f64.exp2(),
        };
        Encryptor::<Ckks>::encrypt(&encryptor, &slots, at, 1.0).unwrap()
    };
    [&[1][..], &[2, 2, 1]]
        .into_iter()
        .map(|levels| {
            let all: Vec<CkksCt> = levels.iter().map(|level| encrypt(*level)).collect();
            let shapes = all.iter().map(|ct| Shape::of(ct.ciphertext())).collect();
            let label = wire::CIPHERTEXTS.bound_to(&BINDING);
            let mut writer =
                CiphertextWriter::new(Vec::new(), "seed", label, context, shapes, b"note").unwrap();
            for ct in &all {
                writer.push(ct.ciphertext(), &ct.meta()).unwrap();
            }
            writer.finish().unwrap().1
        })
        .collect()
}

fn ciphertexts(context: &Arc<Context>, key: &Arc<SecretKey>) -> Target {
    let context = Arc::clone(context);
    let read = {
        let context = Arc::clone(&context);
        move |bytes: &[u8]| -> Result<(), wire::WireError> {
            let (length, label) = (
                Some(bytes.len() as u64),
                wire::CIPHERTEXTS.bound_to(&BINDING),
            );
            let mut reader = CiphertextReader::open(bytes, "x", length, LIMIT, label, &context)?;
            while reader.next(None)?.is_some() {}
            reader.finish().map(|_| ())
        }
    };
    Target {
        name: "ciphertexts",
        seeds: ciphertext_files(&context, key),
        repair: rehash(),
        read: Box::new(move |bytes| read(bytes).is_ok()),
        memory,
    }
}

fn switching_key(context: &Arc<Context>, key: &SecretKey) -> Target {
    let keys = key_set(context.params());
    let seeds = KeyId::all_of(&keys, context.params().log_n())
        .into_iter()
        .zip([1, context.params().max_level()])
        .map(|(id, level)| {
            let made = key.switching_key_at(id, level).unwrap();
            wire::write_switching_key(Vec::new(), "seed", context, &made)
                .unwrap()
                .1
        });
    let seeds = seeds.collect();
    let context = Arc::clone(context);
    Target {
        name: "evaluation-key",
        seeds,
        repair: rehash(),
        read: Box::new(move |bytes| {
            let length = Some(bytes.len() as u64);
            wire::read_switching_key(bytes, "x", length, &context, None).is_ok()
        }),
        memory,
    }
}

fn public_key(context: &Arc<Context>, key: &SecretKey) -> Target {
    let public = key.public_key().unwrap();
    let seed = wire::write_public_key(Vec::new(), "seed", &public)
        .unwrap()
        .1;
    let context = Arc::clone(context);
    Target {
        name: "public-key",
        seeds: vec![seed],
        repair: rehash(),
        read: Box::new(move |bytes| {
            let length = Some(bytes.len() as u64);
            wire::read_public_key(bytes, "x", length, &context).is_ok()
        }),
        memory,
    }
}

fn secret_key(context: &Context, key: &SecretKey) -> Target {
    let file = SecretKeyFile {
        binding: *context.fingerprint(),
        public: [5; 32],
        seed: (*key.expose_seed()).into(),
    };
    Target {
        name: "secret-key",
        seeds: vec![file.to_text().as_bytes().to_vec()],
        repair: as_it_is(),
        read: Box::new(|bytes| {
            std::str::from_utf8(bytes)
                .is_ok_and(|text| SecretKeyFile::from_text(text, "x", None).is_ok())
        }),
        memory,
    }
}

/// What `inspect` reads of any file.
fn envelope(context: &Arc<Context>, key: &Arc<SecretKey>) -> Target {
    Target {
        name: "envelope",
        seeds: ciphertext_files(context, key),
        repair: rehash(),
        read: Box::new(|bytes| Reader::inspect(bytes, "x", Some(bytes.len() as u64)).is_ok()),
        memory,
    }
}
