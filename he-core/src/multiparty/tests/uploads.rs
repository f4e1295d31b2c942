use num_complex::Complex64;

use super::super::proof::{Factor, Relation, prove};
use super::*;
use crate::ckks::{encode::Encoder, noise, plaintext};

const LABEL: [u8; 32] = [5; 32];
const SCALE: f64 = (1u64 << 30) as f64;
const COUNT: usize = 5;
const LEVEL: usize = 2;

fn terms(group: &Group, party: u32, label: [u8; 32]) -> UploadTerms {
    let size = UploadSize {
        level: LEVEL,
        count: COUNT,
        bound: 4.0,
        scale: SCALE,
    };
    let party = group.session.party(party).unwrap();
    UploadTerms::new(&group.key, party, label, size).unwrap()
}

fn slots(i: usize) -> Vec<Complex64> {
    (0..512)
        .map(|j| Complex64::new(((i * 512 + j) as f64).sin(), ((i + 3 * j) as f64).cos()))
        .collect()
}

fn uploads(terms: &UploadTerms) -> (Vec<WideCiphertext>, Proof) {
    let mut prover = UploadProver::new(terms.clone()).unwrap();
    let all: Vec<_> = (0..COUNT)
        .map(|i| prover.encrypt(&slots(i)).unwrap())
        .collect();
    let proof = prover.prove(|i| Ok(all[i].clone())).unwrap();
    (all, proof)
}

fn verify(
    terms: &UploadTerms,
    all: &[WideCiphertext],
    proof: &Proof,
) -> Result<VerifiedUploads, MultipartyError> {
    let mut verifier = UploadVerifier::new(terms.clone(), proof.clone());
    all.iter().try_for_each(|upload| verifier.add(upload))?;
    verifier.finish()
}

/// The same with uploads given together, and what they are as ciphertexts.
fn verify_together(
    terms: &UploadTerms,
    all: &[WideCiphertext],
    proof: &Proof,
) -> Result<(VerifiedUploads, Vec<Ciphertext>), MultipartyError> {
    let mut verifier = UploadVerifier::new(terms.clone(), proof.clone());
    let mut provisional = Vec::new();
    for some in all.chunks(2) {
        provisional.extend(verifier.add_all(some)?);
    }
    let verified = verifier.finish()?;
    let cts = provisional
        .into_iter()
        .map(ProvisionalCiphertext::before_the_verdict);
    Ok((verified, cts.collect()))
}

#[test]
fn uploads_that_come_together_are_those_that_come_one_by_one() {
    let group = Group::new(3, 2);
    let terms = terms(&group, 1, LABEL);
    let (mut all, proof) = uploads(&terms);
    let residues = |ct: &Ciphertext| [ct.c0().to_canonical(), ct.c1().to_canonical()];
    let (verified, cts) = verify_together(&terms, &all, &proof).unwrap();
    assert_eq!(cts.len(), COUNT);
    for (i, (upload, ct)) in all.iter().zip(&cts).enumerate() {
        let alone = verified.ciphertext(i, upload).unwrap();
        assert_eq!(residues(&alone), residues(ct));
    }
    // One too many adds none of its batch.
    let mut verifier = UploadVerifier::new(terms.clone(), proof.clone());
    verifier.add_all(&all[..COUNT - 1]).unwrap();
    assert!(verifier.add_all(&all[COUNT - 2..]).is_err());
    verifier.add_all(&all[COUNT - 1..]).unwrap();
    verifier.finish().unwrap();
    // In another order, each within its batch or not, they have no proof.
    for (a, b) in [(0, 1), (0, COUNT - 1)] {
        all.swap(a, b);
        assert_refused(verify_together(&terms, &all, &proof).map(|found| found.0));
        all.swap(a, b);
    }
}

fn assert_refused(result: Result<VerifiedUploads, MultipartyError>) {
    assert!(
        matches!(result, Err(MultipartyError::Proof { .. })),
        "{:?}",
        result.map(|_| ())
    );
}

#[test]
fn proved_uploads_decrypt_with_the_noise_of_the_formula() {
    for parties in SIZES {
        let group = Group::new(parties, parties);
        let terms = terms(&group, parties - 1, LABEL);
        let (all, proof) = uploads(&terms);
        let verified = verify(&terms, &all, &proof).unwrap();
        let encoder = Encoder::new(10).unwrap();
        let mut errors = Vec::new();
        for (i, upload) in all.iter().enumerate() {
            let ct = verified.ciphertext(i, upload).unwrap();
            assert_eq!(ct.level(), LEVEL);
            let found = plaintext::decode(&encoder, &group.decrypt(&ct), SCALE).unwrap();
            let pairs = found.iter().zip(slots(i));
            errors.extend(pairs.map(|(a, b)| (a - b).norm() * SCALE));
        }
        // 2,560 slots of t_0 + t_1 s, with the spectrum of s common to all five: sqrt(3 / 512) = 7.7 percent of the mean square, 3.8 of its root; five of these.
        let expected = noise::fresh_proved(group.session.context().params());
        assert_near("proved upload", rms(&errors), expected, 0.19);
        assert!(expected < noise::fresh_public(group.session.context().params()));
    }
}

#[test]
fn forged_altered_and_foreign_uploads_are_refused() {
    let group = Group::new(3, 2);
    let mine = terms(&group, 0, LABEL);
    let (all, proof) = uploads(&mine);
    let verified = verify(&mine, &all, &proof).unwrap();

    // Another owner's upload or proof, another plan's, an older session's.
    let (theirs, their_proof) = uploads(&terms(&group, 1, LABEL));
    assert_refused(verify(&mine, &theirs, &their_proof));
    assert_refused(verify(&mine, &all, &their_proof));
    assert_refused(verify(&mine, &theirs, &proof));
    assert_refused(verify(&terms(&group, 1, LABEL), &all, &proof));
    assert_refused(verify(&terms(&group, 0, [6; 32]), &all, &proof));
    let mut other = Group::new(3, 2);
    other.session = Session::new(group.session.context(), [1; 32], 2).unwrap();
    let shares: Vec<_> = other
        .session
        .all()
        .map(|party| {
            let secret = PartySecret::from_seed(&other.session, party, seed(party)).unwrap();
            secret.public_key_share().unwrap()
        })
        .collect();
    other.key = Arc::new(JointPublicKey::from_shares(&other.session, &shares).unwrap());
    assert_refused(verify(&terms(&other, 0, LABEL), &all, &proof));

    // One ciphertext in place of one of them: (0, P'), uniform ones, another owner's, one that differs in one residue, two that changed places.
    let (ring, basis) = (group.session.context().ring(), all[0].c0().basis());
    let zero = || Poly::<Ntt>::zero(ring, basis);
    let constant = constant(ring, basis, 1 << 30);
    let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::from_seed([2; 32]);
    let mut uniform = || Poly::uniform(ring, basis, &mut rng);
    let mut altered = all[2].c0().clone();
    altered.limb_mut(1)[17] += 1.0;
    let wide = |c0, c1| WideCiphertext::new(&group.session, LEVEL, c0, c1).unwrap();
    for forged in [
        wide(zero(), constant),
        wide(uniform(), uniform()),
        theirs[2].clone(),
        wide(altered, all[2].c1().clone()),
        all[3].clone(),
    ] {
        let mut with = all.clone();
        with[2] = forged.clone();
        assert_refused(verify(&mine, &with, &proof));
        // And what was not verified does not become a ciphertext, whatever was.
        assert!(verified.ciphertext(2, &forged).is_err());
    }
    assert_refused(verify(&mine, &all[..4], &proof));
    let more = [&all[..], &all[..1]].concat();
    assert!(matches!(
        verify(&mine, &more, &proof),
        Err(MultipartyError::Parts { .. })
    ));
    assert!(verified.ciphertext(0, &all[1]).is_err());
    assert!(verified.ciphertext(COUNT, &all[0]).is_err());
    // Over other primes.
    let low = |c: &Poly<Ntt>| {
        let mut c = c.clone();
        c.drop_to_level(1);
        c
    };
    let short = WideCiphertext::new(&group.session, 1, low(all[0].c0()), low(all[0].c1())).unwrap();
    assert!(UploadVerifier::new(mine, proof).add(&short).is_err());
}

/// The strongest thing that the proof lets pass: (0, e) with e as large as the slack allows, from a prover who follows the protocol but for that.
#[test]
fn a_multiple_of_the_secret_that_the_slack_lets_pass_is_divided_away() {
    let group = Group::new(3, 2);
    let mine = terms(&group, 0, LABEL);
    let (ring, basis) = (group.session.context().ring(), mine.basis_of_test());
    for (log_e, passes) in [(mine.shape().log_mask(2) - 16, true), (40, false)] {
        let e = 1i64 << log_e;
        let c1 = constant(ring, basis, e);
        let c0 = Poly::<Ntt>::zero(ring, basis);
        let forged = WideCiphertext::new(&group.session, LEVEL, c0, c1).unwrap();
        let all = vec![forged.clone(); COUNT];
        let forge = |forged: &WideCiphertext| {
            let zeros = || Zeroizing::new(vec![0i64; 1024]);
            let mut one = zeros();
            one[0] = e;
            mine.prove_insecure_test(&vec![forged.clone(); COUNT], &|_| {
                Ok(vec![zeros(), zeros(), one.clone(), zeros()])
            })
        };
        // Beyond the masks no response is in range.
        let Ok(proof) = forge(&forged) else {
            assert!(!passes);
            continue;
        };
        assert!(passes);
        let verified = verify(&mine, &all, &proof).unwrap();
        let ct = verified.ciphertext(0, &forged).unwrap();
        let found = integers(&group.decrypt(&ct));
        // As documented: at most 1/2 + (1 + n N)/2, whatever the secret; here c_1 is below P/2 and nothing of it is left.
        assert!(largest(&found) <= 0.5 + (1.0 + 3.0 * 1024.0) / 2.0);
        assert_eq!(largest(&found), 0.0);
    }
}

#[test]
fn messages_beyond_the_bound_and_parameters_without_room_are_refused() {
    let group = Group::new(2, 2);
    let mut prover = UploadProver::new(terms(&group, 0, LABEL)).unwrap();
    let large = vec![Complex64::new(5.0, 0.0); 512];
    assert!(matches!(
        prover.encrypt(&large),
        Err(MultipartyError::Bound { .. })
    ));
    // Fewer than the terms say: no proof.
    prover.encrypt(&slots(0)).unwrap();
    assert!(prover.prove(|_| unreachable!()).is_err());
    let party = group.session.party(0).unwrap();
    let of = |count, bound| {
        let size = UploadSize {
            level: LEVEL,
            count,
            bound,
            scale: SCALE,
        };
        UploadTerms::new(&group.key, party, LABEL, size).map(|_| ())
    };
    assert_eq!(of(100, 4.0), Ok(()));
    // q_0 has 48 bits; the special primes have 96, and slack grows with the number of ciphertexts.
    for refused in [of(5, 2f64.powi(20)), of(5, f64::NAN), of(1 << 50, 4.0)] {
        assert!(
            matches!(refused, Err(MultipartyError::Room { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_proof_for_one_relation_is_none_for_another() {
    let group = Group::new(2, 2);
    let ring = group.session.context().ring();
    let basis = ring.basis(1);
    let a = Poly::<Ntt>::zero(ring, basis);
    let shape = Shape::new(10, 1, &[1]).unwrap();
    let one = Relation::new("one", ring, basis, 1, vec![1]).with(0, 0, Factor::One);
    let other = Relation::new("one", ring, basis, 1, vec![1]).with(0, 0, Factor::Times(&a));
    let party = group.session.party(0).unwrap();
    let hash = |relation: &Relation<'_>| {
        super::super::proof::binding(&group.session, party, &LABEL, relation, &[0; 32])
    };
    let ones = || Zeroizing::new(vec![1i64; 1024]);
    let proof = prove(&one, &shape, &hash(&one), &|_| Ok(vec![ones()])).unwrap();
    let y = Poly::from_signed(ring, basis, &ones()).unwrap().into_ntt();
    let holds = |relation: &Relation<'_>, y: &Poly<Ntt>| {
        let mut check = super::super::proof::Check::new(relation, &shape, &proof);
        check.add(&[y]);
        check
            .holds(relation, &shape, &proof, &hash(relation))
            .unwrap()
    };
    assert!(holds(&one, &y));
    assert!(!holds(&other, &y));
    assert!(!holds(&one, &a));
}
