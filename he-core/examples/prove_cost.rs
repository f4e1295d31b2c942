//! What proved uploads cost: `cargo run -p he-core --example prove_cost -- [CIPHERTEXTS] [LOG_N]`. One line of JSON.
//!
//! Uploads go through files, as between an owner and a server. The chain is that of three iterations over 512 features: 20,000 rows are 625 ciphertexts.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use he_core::multiparty::{
    JointPublicKey, MultipartyError, PartySecret, Session, UploadProver, UploadSize, UploadTerms,
    UploadVerifier, WideCiphertext,
};
use he_core::params::{Params, ParamsLiteral};
use he_core::rlwe::{Context, RlweError};
use he_core::wire;
use num_complex::Complex64;

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
    let size = UploadSize {
        level: 8,
        count,
        bound: 16.0,
        scale: 2f64.powi(30),
    };
    let terms = UploadTerms::new(&key, owner, [2; 32], size)?;
    let folder = tempfile::tempdir()?;
    let path = |i: usize| folder.path().join(i.to_string());
    let read = |i: usize| -> Result<WideCiphertext, Box<dyn Error>> {
        let bytes = fs::read(path(i))?;
        let source = wire::Source::of("upload", &bytes);
        let index = u32::try_from(i)?;
        Ok(wire::read_wide_ciphertext(
            source, &session, owner, index, size.level,
        )?)
    };

    let start = Instant::now();
    let mut prover = UploadProver::new(terms.clone())?;
    let mut upload_bytes = 0;
    for i in 0..count {
        let slots: Vec<_> = (0..context.params().slots())
            .map(|j| Complex64::new(((i + j) as f64).sin() * 8.0, ((i * j) as f64).cos() * 8.0))
            .collect();
        let upload = prover.encrypt(&slots)?;
        let index = u32::try_from(i)?;
        let (_, bytes) =
            wire::write_wide_ciphertext(vec![], "upload", &session, owner, index, &upload)?;
        upload_bytes += bytes.len();
        fs::write(path(i), bytes)?;
    }
    let encrypt_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let proof = prover.prove(|i| {
        read(i).map_err(|e| {
            MultipartyError::Rlwe(RlweError::Protocol {
                reason: e.to_string(),
            })
        })
    })?;
    let prove_seconds = start.elapsed().as_secs_f64();
    let shape = terms.shape();
    let (_, bytes) = wire::write_proof(vec![], "proof", &session, (owner, 0), shape, &proof)?;
    let proof_bytes = bytes.len();

    let start = Instant::now();
    let source = wire::Source::of("proof", &bytes);
    let proof = wire::read_proof(source, &session, (owner, 0), terms.shape())?;
    let mut verifier = UploadVerifier::new(terms, proof);
    for i in 0..count {
        verifier.add(&read(i)?)?;
    }
    let verified = verifier.finish()?;
    let verify_seconds = start.elapsed().as_secs_f64();
    assert_eq!(verified.count(), count);
    println!(
        "{{\"log_n\": {log_n}, \"ciphertexts\": {count}, \"upload_bytes\": {upload_bytes}, \"proof_bytes\": {proof_bytes}, \
         \"encrypt_seconds\": {encrypt_seconds:.2}, \"prove_seconds\": {prove_seconds:.2}, \"verify_seconds\": {verify_seconds:.2}}}"
    );
    Ok(())
}
