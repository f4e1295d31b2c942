//! Three owners without a key holder: two upload, a server multiplies, two open. `cargo run -p he-core --example owners`.

use std::error::Error;
use std::sync::Arc;

use he_core::ckks::{encode::Encoder, noise, plaintext};
use he_core::evaluator::{Ckks, CkksCt, Evaluator, Level, Meta, Placement};
use he_core::multiparty::{
    ActiveSet, Commitment, JointPublicKey, Opening, OpeningKey, OpeningSecurity, PartySecret,
    RelinearisationSum, RowSecret, Session, Smudging, UploadTerms, proof, relinearisation_key,
    slack_noise,
};
use he_core::params::{Params, ParamsLiteral};
use he_core::rlwe::{Context, EvaluationKeys};
use num_complex::Complex64;

/// What proofs are bound to besides the session: a hash of a plan and, of uploads, of all ciphertexts.
const LABEL: [u8; 32] = [1; 32];

/// Level of the rows, and so of the product that is relinearised.
const TOP: usize = 2;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // N = 2^13 and 208 of the 214 bits that 128-bit security allows there.
    let params = Params::new(ParamsLiteral {
        log_n: 13,
        q_bits: vec![44, 36, 36],
        p_bits: vec![46, 46],
        dnum: 3,
    })?;
    let context = Context::new(Arc::new(params.for_parties(3)?))?;
    // The session's name: a hash of who they are and what they agreed on.
    let session = Session::new(&context, [42; 32], 2)?;

    // Keys. First a commitment of everybody, then the shares and their proofs.
    let secrets = session.all().map(|p| PartySecret::generate(&session, p));
    let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
    let (mut public, mut first) = (Vec::new(), Vec::new());
    for secret in &secrets {
        let shares = [secret.public_key_share()?, secret.relinearisation_one(TOP)?];
        let commitment = Commitment::to(&session, secret.party(), &shares);
        let proved = proof::prove_first(secret, TOP, &LABEL)?;
        // What every other party checks.
        commitment.check(&session, secret.party(), &shares)?;
        let [a, b] = shares;
        proof::verify_first(&session, secret.party(), TOP, [&a, &b], &LABEL, &proved)?;
        public.push(a);
        first.push(b);
    }
    let key = Arc::new(JointPublicKey::from_shares(&session, &public)?);
    let sum = RelinearisationSum::of(&session, TOP, &first)?;
    let second = secrets.iter().map(|s| s.relinearisation_two(&sum));
    let second = second.collect::<Result<Vec<_>, _>>()?;
    let mut keys = EvaluationKeys::new(&context);
    keys.insert(relinearisation_key(&session, &sum, &second)?)?;

    // Two of three will be enough: everybody deals its secret out. Each share is for one receiver's eyes.
    let dealt = secrets.iter().map(PartySecret::deal);
    let dealt = dealt.collect::<Result<Vec<_>, _>>()?;

    // Two owners upload rows under secrets of their own, with proved switching keys; the server verifies and only then has ciphertexts.
    let at = Placement {
        level: Level(TOP),
        scale: 2f64.powi(36),
    };
    let values =
        |phase: f64| (0..4096).map(move |i| Complex64::new((f64::from(i) + phase).sin(), 0.0));
    let noise = noise::fresh_switched(context.params(), 2).hypot(slack_noise(context.params(), 2)?);
    let mut ciphertexts = Vec::new();
    for (owner, phase) in [(0, 0.0), (1, 0.5)] {
        let terms = UploadTerms::new(&key, session.party(owner)?, 2)?;
        let secret = RowSecret::generate(&terms)?;
        let slots: Vec<_> = values(phase).collect();
        let rows = secret.encrypt("rows", &slots, at, 1.0)?;
        let proved = secret.prove(&LABEL)?;
        let verified = terms.verify(secret.switching_key().clone(), &LABEL, &proved)?;
        let data = verified.switch("rows", rows.ciphertext().clone())?;
        let meta = Meta {
            level: at.level,
            scale: at.scale,
            bound: 1.0,
            rms: 1.0,
            noise,
        };
        ciphertexts.push(CkksCt::admit(&context, data, meta)?);
    }
    let product = Ckks::new(keys)?.mul(&ciphertexts[0], &ciphertexts[1])?;

    // Parties 0 and 2 open; party 1 is away.
    let active = ActiveSet::new(&session, vec![session.party(0)?, session.party(2)?])?;
    let security = OpeningSecurity::KeyRecovery;
    let smudging = Smudging::for_noise(context.params(), product.meta().noise, 1, security)?;
    let cts = vec![product.ciphertext().clone()];
    let opening = Opening::new(&session, cts, active, None, smudging)?;
    let mut shares = Vec::new();
    for at in [0, 2] {
        let own: Vec<_> = dealt.iter().map(|dealt| dealt[at].clone()).collect();
        let mut key = OpeningKey::from_dealt(&secrets[at], &own)?;
        shares.push(key.answer(&opening)?);
    }
    let opened = opening.open(&shares)?.remove(0);
    let scale = product.meta().scale;
    let found = plaintext::decode(&Encoder::new(13)?, &opened, scale)?;

    let hidden = smudging.slot_noise(context.params(), 2) / scale;
    println!(
        "good bits before: {:.1}, after: {:.1}",
        -product.meta().error().log2(),
        -hidden.log2()
    );
    let error = product.meta().error().hypot(hidden);
    for ((found, a), b) in found.iter().zip(values(0.0)).zip(values(0.5)) {
        assert!((found - a * b).norm() < 6.0 * error);
    }
    Ok(())
}
