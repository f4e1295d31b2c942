use num_complex::Complex64;

use super::super::proof::{Factor, Relation, prove};
use super::*;
use crate::ckks::{encode::Encoder, noise, plaintext};
use crate::evaluator::{Level, Placement};

const LABEL: [u8; 32] = [5; 32];
const SCALE: f64 = (1u64 << 30) as f64;
const COUNT: usize = 5;
const LEVEL: usize = 2;

fn terms(group: &Group, party: u32, label: [u8; 32]) -> UploadTerms {
    let party = group.session.party(party).unwrap();
    UploadTerms::new(&group.key, party, label, LEVEL).unwrap()
}

fn slots(i: usize) -> Vec<Complex64> {
    (0..512)
        .map(|j| Complex64::new(((i * 512 + j) as f64).sin(), ((i + 3 * j) as f64).cos()))
        .collect()
}

fn rows(secret: &RowSecret, i: usize, level: usize) -> Ciphertext {
    let at = Placement {
        level: Level(level),
        scale: SCALE,
    };
    let ct = secret.encrypt(&slots(i), at, 2.0).unwrap();
    assert_eq!(ct.meta().scale, SCALE / 2.0);
    ct.ciphertext().clone()
}

fn group_of(q_bits: &[u32], p_bits: &[u32]) -> Group {
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: q_bits.to_vec(),
        p_bits: p_bits.to_vec(),
        dnum: q_bits.len() as u32,
    };
    Group::over(&context_of(3, literal), 2)
}

/// An owner's secret, its switching key, and the proof.
fn proved(terms: &UploadTerms) -> (RowSecret, UploadKey, Proof) {
    let secret = RowSecret::generate(terms.session()).unwrap();
    let (key, proof) = secret.prove(terms).unwrap();
    (secret, key, proof)
}

fn assert_refused(result: Result<VerifiedUploadKey, MultipartyError>) {
    assert!(
        matches!(result, Err(MultipartyError::Proof { .. })),
        "{:?}",
        result.map(|_| ())
    );
}

#[test]
fn switched_rows_decrypt_with_the_noise_of_the_formula() {
    for parties in SIZES {
        let group = Group::new(parties, parties);
        let terms = terms(&group, parties - 1, LABEL);
        let (secret, key, proof) = proved(&terms);
        let verified = terms.verify(&key, &proof).unwrap();
        let encoder = Encoder::new(10).unwrap();
        let params = group.session.context().params();
        for level in [LEVEL, 1, 0] {
            let mut errors = Vec::new();
            for i in 0..COUNT {
                let ct = verified.switch(&rows(&secret, i, level)).unwrap();
                assert_eq!(ct.level(), level);
                let found = plaintext::decode(&encoder, &group.decrypt(&ct), SCALE).unwrap();
                let pairs = found.iter().zip(slots(i));
                errors.extend(pairs.map(|(a, b)| (a - b).norm() * SCALE));
            }
            // 2,560 slots of t_0 + t_1 s, with the spectrum of s common to all five: sqrt(3 / 512) = 7.7 percent of the mean square, 3.8 of its root; five of these.
            let expected = noise::fresh_switched(params, level);
            assert_near("switched rows", rms(&errors), expected, 0.19);
            assert!(expected < noise::fresh_public(params));
        }
    }
}

/// Of a single prime of the special ones that is not much longer than digits, the switching key's errors are what counts.
#[test]
fn the_noise_of_the_switching_key_itself_is_that_of_the_formula() {
    let group = group_of(&[36, 36, 36], &[42]);
    let params = group.session.context().params();
    let party = group.session.party(0).unwrap();
    assert!(UploadTerms::new(&group.key, party, LABEL, 2).is_err());
    let terms = UploadTerms::without_room_insecure_test(&group.key, party, LABEL, 2);
    let (secret, key, proof) = proved(&terms);
    let verified = terms.verify(&key, &proof).unwrap();
    let encoder = Encoder::new(10).unwrap();
    let mut errors = Vec::new();
    for i in 0..COUNT {
        let ct = verified.switch(&rows(&secret, i, 2)).unwrap();
        let found = plaintext::decode(&encoder, &group.decrypt(&ct), SCALE).unwrap();
        errors.extend(
            found
                .iter()
                .zip(slots(i))
                .map(|(a, b)| (a - b).norm() * SCALE),
        );
    }
    let expected = noise::fresh_switched(params, 2);
    assert!(expected > 1.5 * noise::rounding(params));
    assert_near("switching key of rows", rms(&errors), expected, 0.19);
}

#[test]
fn forged_altered_and_foreign_switching_keys_are_refused() {
    let group = Group::new(3, 2);
    let mine = terms(&group, 0, LABEL);
    let (secret, key, proof) = proved(&mine);
    let verified = mine.verify(&key, &proof).unwrap();

    // Another owner's key or proof, other ciphertexts or another plan (the label), an older session's.
    let (_, their_key, their_proof) = proved(&terms(&group, 1, LABEL));
    assert_refused(mine.verify(&their_key, &their_proof));
    assert_refused(mine.verify(&key, &their_proof));
    assert_refused(mine.verify(&their_key, &proof));
    assert_refused(terms(&group, 1, LABEL).verify(&key, &proof));
    assert_refused(terms(&group, 0, [6; 32]).verify(&key, &proof));
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
    assert_refused(terms(&other, 0, LABEL).verify(&key, &proof));

    // One polynomial in place of another: zero, a constant, a uniform one, another owner's, one residue altered, in either half.
    let parts: Vec<_> = key.halves().cloned().collect();
    let theirs: Vec<_> = their_key.halves().cloned().collect();
    let (ring, basis) = (group.session.context().ring(), parts[0].basis());
    let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::from_seed([2; 32]);
    let party = group.session.party(0).unwrap();
    let made = |parts| UploadKey::new(&group.session, party, LEVEL, parts).unwrap();
    for at in [2, 3] {
        let mut altered = parts[at].clone();
        altered.limb_mut(1)[17] += 1.0;
        for forged in [
            Poly::zero(ring, basis),
            constant(ring, basis, 1 << 30),
            Poly::uniform(ring, basis, &mut rng),
            theirs[at].clone(),
            altered,
            parts[at + 2].clone(),
        ] {
            let mut with = parts.clone();
            with[at] = forged;
            assert_refused(mine.verify(&made(with), &proof));
        }
    }
    let mut swapped = parts.clone();
    swapped.swap(2, 4);
    swapped.swap(3, 5);
    assert_refused(mine.verify(&made(swapped), &proof));

    // Fewer digits, a lower level, other primes.
    assert!(UploadKey::new(&group.session, party, LEVEL, parts[2..].to_vec()).is_err());
    assert!(UploadKey::new(&group.session, party, LEVEL - 1, parts[2..].to_vec()).is_err());
    let low = UploadTerms::new(&group.key, party, LABEL, LEVEL - 1).unwrap();
    assert!(low.verify(&key, &proof).is_err());
    assert!(UploadTerms::new(&group.key, party, LABEL, 4).is_err());
    // Above the key's level; a second half of one's choice; of another ring.
    assert!(verified.switch(&rows(&secret, 0, LEVEL + 1)).is_err());
    let full = rows(&secret, 0, LEVEL);
    let context = group.session.context();
    let chosen = Ciphertext::from_parts(context, full.c0().clone(), full.c1().clone()).unwrap();
    assert!(verified.switch(&chosen).is_err());
    let elsewhere = RowSecret::generate(&Group::new(3, 2).session).unwrap();
    assert!(verified.switch(&rows(&elsewhere, 0, LEVEL)).is_err());
    assert!(elsewhere.prove(&mine).is_err());
}

/// Another owner's ciphertexts, and (0, a) for any a: what they become is 2 (c_0 + a r), with the attacker's own r, and a rounding.
#[test]
fn replayed_rows_of_another_owner_decrypt_to_what_the_attacker_can_compute_alone() {
    let group = Group::new(3, 2);
    let mine = terms(&group, 0, LABEL);
    let (secret, key, proof) = proved(&mine);
    let verified = mine.verify(&key, &proof).unwrap();
    let victim = RowSecret::generate(&group.session).unwrap();
    let theirs = rows(&victim, 3, LEVEL);
    let context = group.session.context();
    let nothing = Poly::zero(context.ring(), context.ring().basis(LEVEL));
    let empty = Ciphertext::from_seeded(context, nothing, *theirs.seed().unwrap()).unwrap();
    let expected = noise::fresh_switched(context.params(), LEVEL) / 32.0;
    for ct in [&theirs, &empty] {
        // Nothing but the attacker's own secret and what it sees.
        let mut known = ct.c0().clone();
        known.inner_product_acc(&[(ct.c1(), secret.insecure_test_poly())]);
        known.mul_integer(2);
        let mut rest = group.decrypt(&verified.switch(ct).unwrap());
        rest.sub_assign(&known.into_coeff());
        let rest = integers(&rest);
        assert!(largest(&rest) < 7.0 * expected, "{}", largest(&rest));
        assert!(rms(&rest) > 0.7 * expected);
    }
    // The victim's rows are far from it.
    let mut rest = group.decrypt(&verified.switch(&theirs).unwrap());
    let at = Placement {
        level: Level(LEVEL),
        scale: SCALE,
    };
    let encoder = Encoder::new(10).unwrap();
    let ring = context.ring();
    let plain = plaintext::encode(&encoder, ring, at.level.0, &slots(3), at.scale).unwrap();
    rest.sub_assign(&plain.into_coeff());
    assert!(rms(&integers(&rest)) > 2f64.powi(80));
}

/// The strongest thing that the protocol's own prover lets pass: a_j larger than an error, b_j = 0.
#[test]
fn a_multiple_of_the_secret_that_the_slack_lets_pass_is_below_the_stated_noise() {
    let group = group_of(&[48, 36, 36, 36], &[38, 38]);
    let mine = terms(&group, 0, LABEL);
    let context = group.session.context();
    let (ring, basis) = (context.ring(), context.ring().extended_basis(LEVEL));
    let rows = rows(&RowSecret::generate(&group.session).unwrap(), 0, LEVEL);
    let nothing = Poly::zero(ring, ring.basis(LEVEL));
    let empty = Ciphertext::from_seeded(context, nothing, *rows.seed().unwrap()).unwrap();
    let rounding = noise::rounding(context.params()) / 32.0;
    let slack = slack_noise(context.params(), LEVEL).unwrap() / 32.0;
    for (log_e, passes) in [(mine.shape().log_mask(1) - 10, true), (40, false)] {
        let e = 1i64 << log_e;
        let a = vec![constant(ring, basis, e); LEVEL + 2];
        let forged = mine.prove_insecure_test(a, &|_| {
            let zeros = || Zeroizing::new(vec![0i64; 1024]);
            let mut one = zeros();
            one[0] = e;
            Ok(vec![zeros(), one])
        });
        // Beyond the masks no response is in range.
        let Ok((key, proof)) = forged else {
            assert!(!passes);
            continue;
        };
        assert!(passes);
        let verified = mine.verify(&key, &proof).unwrap();
        let found = integers(&group.decrypt(&verified.switch(&empty).unwrap()));
        assert!(rms(&found) < rounding.hypot(slack));
        assert!(largest(&found) < 7.0 * rounding.hypot(slack));
    }
}

/// What an extractor may find at most, chosen after a so that all digits add up in one coefficient, and in one embedding: the worst known choices, within the bound and not far below it.
#[test]
fn the_largest_slack_adds_no_more_than_stated_however_it_is_chosen() {
    let group = group_of(&[48, 36, 36, 36], &[38, 38]);
    let mine = terms(&group, 0, LABEL);
    let context = group.session.context();
    let n = group.n();
    let rows = rows(&RowSecret::generate(&group.session).unwrap(), 0, LEVEL);
    let nothing = Poly::zero(context.ring(), context.ring().basis(LEVEL));
    let empty = Ciphertext::from_seeded(context, nothing, *rows.seed().unwrap()).unwrap();
    let mut residues = rows.c1().clone().into_coeff();
    residues.balance();
    let bound = |column| mine.shape().log_extracted(column).exp2() as i64;
    let wave = |i: usize| (i as f64 * std::f64::consts::PI * 77.0 / n as f64).cos();
    // Digit j of a, mirrored: the product's coefficient 0 is the sum of absolute values.
    let mirrored = |j: usize, i: usize| match i {
        0 => residues.limb(j)[0],
        i => -residues.limb(j)[n - i],
    };
    let slack = slack_noise(context.params(), LEVEL).unwrap() / (n as f64).sqrt();
    let rounding = noise::rounding(context.params()) / (n as f64).sqrt();
    let mut most = 0.0f64;
    for aligned in [true, false] {
        let sign = |j: usize, i: usize| match (aligned, j) {
            (true, 2..) => mirrored(j - 1, i).signum() as i64,
            _ => wave(i).signum() as i64,
        };
        let column = |j: usize, c: usize| (0..n).map(|i| sign(j, i) * bound(c)).collect();
        let digits: Vec<_> = (0..LEVEL + 2)
            .map(|j| [column(j, 0), column(j, 1)])
            .collect();
        let forged = mine.extracted_insecure_test(&digits);
        let found = integers(&group.decrypt(&forged.switch(&empty).unwrap()));
        assert!(largest(&found) < 10.4 * slack + 7.0 * rounding);
        assert!(rms(&found) < slack.hypot(rounding));
        most = most.max(rms(&found));
    }
    // A bound that is far from reach would cost precision for nothing.
    // Beyond what the rounding alone makes.
    assert!(
        most > (slack / 64.0).hypot(1.2 * rounding),
        "{most} of {slack}"
    );
}

#[test]
fn parameters_whose_special_primes_are_short_are_refused() {
    let of = |p_bits: &[u32]| {
        let group = group_of(&[48, 36, 36, 36], p_bits);
        let party = group.session.party(0).unwrap();
        let found = UploadTerms::new(&group.key, party, LABEL, LEVEL).map(|_| ());
        (found, slack_noise(group.session.context().params(), LEVEL))
    };
    assert_eq!(of(&[38, 38]).0, Ok(()));
    let (refused, noise) = of(&[30, 30]);
    assert!(
        matches!(refused, Err(MultipartyError::Room { .. })),
        "{refused:?}"
    );
    assert!(noise.is_err());
    // As long as is said, the slack is two thirds of the rounding, and no more than two bits less.
    let least = special_bits(10, 3, LEVEL, 36).unwrap();
    let each = (least / 2.0).ceil() as u32;
    let group = group_of(&[48, 36, 36, 36], &[each; 2]);
    let context = group.session.context();
    let ratio = slack_noise(context.params(), LEVEL).unwrap() / noise::rounding(context.params());
    assert!(ratio < 2.0 / 3.0 && ratio > 0.16, "{ratio}");
    let alone = crate::params::Params::insecure_test(context.params().literal().clone()).unwrap();
    assert_eq!(slack_noise(&alone, LEVEL), Err(MultipartyError::NotJoint));
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
