//! What proved uploads cost: `cargo run -p he-core --example prove_cost -- [CIPHERTEXTS] [LOG_N]`. One line of JSON.
//!
//! Uploads go through files, as between an owner and a server, who reads them twice here. The chain is that of three iterations over 512 features: 20,000 rows are 625 ciphertexts.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use he_core::evaluator::{Level, Placement};
use he_core::multiparty::{
    JointPublicKey, PartySecret, RowSecret, Session, UploadTerms, encoded_at,
};
use he_core::params::{Params, ParamsLiteral};
use he_core::rlwe::Context;
use he_core::wire;
use num_complex::Complex64;
use rayon::prelude::*;

#[cfg(not(test))]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let count: usize = args.next().map_or(Ok(8), |a| a.parse())?;
    let log_n: u32 = args.next().map_or(Ok(14), |a| a.parse())?;
    run(count, log_n)
}

pub(crate) fn run(count: usize, log_n: u32) -> Result<(), Box<dyn Error>> {
    let literal = ParamsLiteral {
        log_n,
        q_bits: [vec![47], vec![32; 8]].concat(),
        p_bits: vec![48, 48],
        dnum: 5,
    };
    // The size of the ring is what is measured; below 2^14 this chain is not secure.
    let params = match log_n {
        14.. => Params::new(literal)?,
        _ => Params::insecure_test(literal)?,
    };
    let context = Context::new(Arc::new(params.for_parties(3)?))?;
    let session = Session::new(&context, [1; 32], 2)?;
    let shares = session
        .all()
        .map(|party| PartySecret::generate(&session, party)?.public_key_share());
    let shares = shares.collect::<Result<Vec<_>, _>>()?;
    let key = Arc::new(JointPublicKey::from_shares(&session, &shares)?);
    let owner = session.party(0)?;
    let at = Placement {
        level: Level(8),
        scale: 2f64.powi(30),
    };
    let folder = tempfile::tempdir()?;
    let path = |i: usize| folder.path().join(i.to_string());
    let label = wire::CIPHERTEXTS.bound_to(context.fingerprint());

    let start = Instant::now();
    let terms = UploadTerms::new(&key, owner, at.level.0)?;
    let secret = RowSecret::generate(&terms)?;
    let (mut upload_bytes, mut hash) = (0, blake3::Hasher::new());
    for i in 0..count {
        let slots: Vec<_> = (0..context.params().slots())
            .map(|j| Complex64::new(((i + j) as f64).sin() * 8.0, ((i * j) as f64).cos() * 8.0))
            .collect();
        let rows = secret.encrypt(&i.to_string(), &slots, at, 16.0)?;
        let shapes = vec![wire::Shape::of(rows.ciphertext())];
        let mut writer = wire::CiphertextWriter::new(vec![], "rows", label, &context, shapes, &[])?;
        writer.push(rows.ciphertext(), &rows.meta())?;
        let (_, bytes) = writer.finish()?;
        upload_bytes += bytes.len();
        hash.update(blake3::hash(&bytes).as_bytes());
        fs::write(path(i), bytes)?;
    }
    let encrypt_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let proof = secret.prove(hash.finalize().as_bytes())?;
    let prove_seconds = start.elapsed().as_secs_f64();
    let about = (owner, at.level.0);
    let (_, key_bytes) =
        wire::write_upload_key(vec![], "key", &session, about, secret.switching_key())?;
    let (_, bytes) =
        wire::write_proof(vec![], "proof", &session, (owner, 0), terms.shape(), &proof)?;
    let (key_bytes_len, proof_bytes) = (key_bytes.len(), bytes.len());

    let start = Instant::now();
    let mut hash = blake3::Hasher::new();
    for i in 0..count {
        hash.update(blake3::hash(&fs::read(path(i))?).as_bytes());
    }
    let terms = UploadTerms::new(&key, owner, at.level.0)?;
    let source = wire::Source::of("proof", &bytes);
    let proof = wire::read_proof(source, &session, (owner, 0), terms.shape())?;
    let source = wire::Source::of("key", &key_bytes);
    let switching_key = wire::read_upload_key(source, &session, about)?;
    let verified = terms.verify(switching_key, hash.finalize().as_bytes(), &proof)?;
    let verify_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    (0..count).into_par_iter().try_for_each(|i| {
        let rows = fs::read(path(i)).map_err(|error| error.to_string())?;
        let limit = rows.len() as u64;
        let reader =
            wire::CiphertextReader::open(&*rows, "rows", Some(limit), limit, label, &context);
        let mut reader = reader.map_err(|error| error.to_string())?;
        let read = reader
            .next(Some(encoded_at(at)))
            .map_err(|error| error.to_string())?;
        let (rows, _) = read.ok_or("no ciphertext")?;
        let switched = verified.switch(&i.to_string(), rows);
        let switched = switched.map_err(|error| error.to_string())?;
        match switched.level() {
            8 => Ok(()),
            level => Err(format!("a ciphertext at level {level}")),
        }
    })?;
    let switch_seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"log_n\": {log_n}, \"ciphertexts\": {count}, \"upload_bytes\": {upload_bytes}, \"key_bytes\": {key_bytes_len}, \"proof_bytes\": {proof_bytes}, \
         \"encrypt_seconds\": {encrypt_seconds:.2}, \"prove_seconds\": {prove_seconds:.2}, \"verify_seconds\": {verify_seconds:.2}, \"switch_seconds\": {switch_seconds:.2}}}"
    );
    Ok(())
}
