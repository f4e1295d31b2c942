use num_complex::Complex64;

use super::super::proof::{Factor, Relation, prove};
use super::*;
use crate::ckks::{encode::Encoder, noise, plaintext};
use crate::evaluator::{Level, Placement};
use crate::rlwe::PublicSeed;

const LABEL: [u8; 32] = [5; 32];
const SCALE: f64 = (1u64 << 30) as f64;
const COUNT: usize = 5;
const LEVEL: usize = 2;

fn terms(group: &Group, party: u32) -> UploadTerms {
    let party = group.session.party(party).unwrap();
    UploadTerms::new(&group.key, party, LEVEL).unwrap()
}

fn slots(i: usize) -> Vec<Complex64> {
    (0..512)
        .map(|j| Complex64::new(((i * 512 + j) as f64).sin(), ((i + 3 * j) as f64).cos()))
        .collect()
}

fn rows(secret: &RowSecret, name: &str, i: usize, level: usize) -> Ciphertext {
    let at = Placement {
        level: Level(level),
        scale: SCALE,
    };
    let ct = secret.encrypt(name, &slots(i), at, 2.0).unwrap();
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
    let secret = RowSecret::generate(terms).unwrap();
    let proof = secret.prove(&LABEL).unwrap();
    let key = secret.switching_key().clone();
    (secret, key, proof)
}

/// (0, a) under the seed of this name.
fn empty(group: &Group, seeds: &RowSeeds, name: &str) -> Ciphertext {
    let context = group.session.context();
    let nothing = Poly::zero(context.ring(), context.ring().basis(LEVEL));
    Ciphertext::from_seeded(context, nothing, seeds.seed(name)).unwrap()
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
        let terms = terms(&group, parties - 1);
        let (secret, key, proof) = proved(&terms);
        let verified = terms.verify(key, &LABEL, &proof).unwrap();
        let encoder = Encoder::new(10).unwrap();
        let params = group.session.context().params();
        for level in [LEVEL, 1, 0] {
            let mut errors = Vec::new();
            for i in 0..COUNT {
                let name = format!("{level}-{i}");
                let ct = rows(&secret, &name, i, level);
                let ct = verified.switch(&name, ct).unwrap();
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
    assert!(UploadTerms::new(&group.key, party, 2).is_err());
    let terms = UploadTerms::without_room_insecure_test(&group.key, party, 2);
    let (secret, key, proof) = proved(&terms);
    let verified = terms.verify(key, &LABEL, &proof).unwrap();
    let encoder = Encoder::new(10).unwrap();
    let mut errors = Vec::new();
    for i in 0..COUNT {
        let name = i.to_string();
        let ct = verified.switch(&name, rows(&secret, &name, i, 2)).unwrap();
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
    let mine = terms(&group, 0);
    let (_, key, proof) = proved(&mine);
    let check = |terms: &UploadTerms, key: &UploadKey, label: [u8; 32], proof: &Proof| {
        terms.verify(key.clone(), &label, proof)
    };
    check(&mine, &key, LABEL, &proof).unwrap();

    // Another owner's key or proof, other ciphertexts or another plan (the label), an older session's.
    let (_, their_key, their_proof) = proved(&terms(&group, 1));
    assert_refused(check(&mine, &their_key, LABEL, &their_proof));
    assert_refused(check(&mine, &key, LABEL, &their_proof));
    assert_refused(check(&mine, &their_key, LABEL, &proof));
    assert_refused(check(&terms(&group, 1), &key, LABEL, &proof));
    assert_refused(check(&mine, &key, [6; 32], &proof));
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
    assert_refused(check(&terms(&other, 0), &key, LABEL, &proof));

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
            assert_refused(check(&mine, &made(with), LABEL, &proof));
        }
    }
    let mut swapped = parts.clone();
    swapped.swap(2, 4);
    swapped.swap(3, 5);
    assert_refused(check(&mine, &made(swapped), LABEL, &proof));

    // Fewer digits, a lower level, other primes.
    assert!(UploadKey::new(&group.session, party, LEVEL, parts[2..].to_vec()).is_err());
    assert!(UploadKey::new(&group.session, party, LEVEL - 1, parts[2..].to_vec()).is_err());
    let low = UploadTerms::new(&group.key, party, LEVEL - 1).unwrap();
    assert!(check(&low, &key, LABEL, &proof).is_err());
    assert!(UploadTerms::new(&group.key, party, 4).is_err());
}

/// Seeds follow from the switching key: none is chosen, tried or used twice but by making another key, which changes them all.
#[test]
fn ciphertexts_of_other_seeds_are_refused_by_owner_and_name() {
    let group = Group::new(3, 2);
    let (context, mine) = (group.session.context(), terms(&group, 0));
    let (secret, key, proof) = proved(&mine);
    let verified = mine.verify(key.clone(), &LABEL, &proof).unwrap();
    let party = mine.party();
    let refused = |name: &str, rows: &Ciphertext| {
        let (found, name) = (verified.switch(name, rows.clone()), name.to_owned());
        let expected = MultipartyError::Seed { party, name };
        assert_eq!(found.map(|_| ()), Err(expected));
    };
    let honest = rows(&secret, "data-0", 0, LEVEL);
    assert!(verified.switch("data-0", honest.clone()).is_ok());
    // Switched for another name, so that a seed would count twice.
    refused("data-1", &honest);
    // A seed that was tried until it fits; one without any, a second half of one's choice; another half under the right seed's name.
    let c0 = honest.c0().clone();
    for tried in 0..3 {
        let chosen = Ciphertext::from_seeded(context, c0.clone(), PublicSeed([tried; 32]));
        refused("data-0", &chosen.unwrap());
    }
    let chosen = Ciphertext::from_parts(context, c0, honest.c1().clone()).unwrap();
    refused("data-0", &chosen);
    // Those of another key of the same owner, and of the same key as another owner's or in another session.
    let (again, other_key, other_proof) = proved(&mine);
    let of_again = rows(&again, "data-0", 0, LEVEL);
    refused("data-0", &of_again);
    let other = mine.verify(other_key, &LABEL, &other_proof).unwrap();
    assert!(other.switch("data-0", of_again).is_ok());
    let seed = |terms: &UploadTerms| RowSeeds::of(terms, &key).seed("data-0");
    assert_eq!(Some(&seed(&mine)), honest.seed());
    assert_ne!(seed(&terms(&group, 1)), seed(&mine));
    // One residue of either half of one digit altered: other seeds.
    let parts: Vec<_> = key.halves().cloned().collect();
    for at in [0, 5] {
        let mut with = parts.clone();
        with[at].limb_mut(1)[17] += 1.0;
        let altered = UploadKey::new(&group.session, party, LEVEL, with).unwrap();
        assert_ne!(RowSeeds::of(&mine, &altered).seed("data-0"), seed(&mine));
    }
    // Above the key's level; of another ring.
    assert!(
        verified
            .switch("data-2", rows(&secret, "data-2", 0, LEVEL + 1))
            .is_err()
    );
    let elsewhere = RowSecret::generate(&terms(&Group::new(3, 2), 0)).unwrap();
    assert!(
        verified
            .switch("data-0", rows(&elsewhere, "data-0", 0, LEVEL))
            .is_err()
    );
    // Nobody encrypts two messages under one seed.
    let at = Placement {
        level: Level(LEVEL),
        scale: SCALE,
    };
    assert!(secret.encrypt("data-0", &slots(1), at, 2.0).is_err());
}

/// Another owner's ciphertexts, and (0, a) for any a: what they become is 2 (c_0 + a r), with the attacker's own r, and a rounding.
#[test]
fn replayed_rows_of_another_owner_decrypt_to_what_the_attacker_can_compute_alone() {
    let group = Group::new(3, 2);
    let mine = terms(&group, 0);
    let (secret, key, proof) = proved(&mine);
    let seeds = RowSeeds::of(&mine, &key);
    let verified = mine.verify(key, &LABEL, &proof).unwrap();
    let victim = RowSecret::generate(&terms(&group, 1)).unwrap();
    let theirs = rows(&victim, "data", 3, LEVEL);
    let context = group.session.context();
    // With its own second half, since the victim's is refused.
    assert!(verified.switch("data", theirs.clone()).is_err());
    let replayed = Ciphertext::from_seeded(context, theirs.c0().clone(), seeds.seed("data"));
    let (replayed, empty) = (replayed.unwrap(), empty(&group, &seeds, "data"));
    let expected = noise::fresh_switched(context.params(), LEVEL) / 32.0;
    for ct in [&replayed, &empty] {
        // Nothing but the attacker's own secret and what it sees.
        let mut known = ct.c0().clone();
        known.inner_product_acc(&[(ct.c1(), secret.insecure_test_poly())]);
        known.mul_integer(2);
        let mut rest = group.decrypt(&verified.switch("data", ct.clone()).unwrap());
        rest.sub_assign(&known.into_coeff());
        let rest = integers(&rest);
        assert!(largest(&rest) < 7.0 * expected, "{}", largest(&rest));
        assert!(rms(&rest) > 0.7 * expected);
    }
    // The victim's rows are far from it.
    let mut rest = group.decrypt(&verified.switch("data", replayed).unwrap());
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

/// The strongest thing that the protocol's own prover lets pass, a_j larger than an error and b_j = 0: under special primes that are too short to be allowed, so that it shows.
#[test]
fn a_multiple_of_the_secret_that_the_proof_lets_pass_is_as_large_as_derived() {
    let group = group_of(&[36, 36, 36, 36], &[42]);
    let party = group.session.party(0).unwrap();
    let mine = UploadTerms::without_room_insecure_test(&group.key, party, LEVEL);
    let params = group.session.context().params();
    let (ring, n) = (group.session.context().ring(), group.n());
    let basis = ring.extended_basis(LEVEL);
    let forge = |e: i64| {
        let a = vec![constant(ring, basis, e); LEVEL + 2];
        mine.prove_insecure_test(&LABEL, a, &|_| {
            let zeros = || Zeroizing::new(vec![0i64; 1024]);
            let mut one = zeros();
            one[0] = e;
            Ok(vec![zeros(), one])
        })
    };
    // Beyond the masks no response is in range.
    assert!(forge(1 << 40).is_err());
    let e = 1i64 << (mine.shape().log_mask(1) - 10);
    let (key, proof) = forge(e).unwrap();
    let seeds = RowSeeds::of(&mine, &key);
    let verified = mine.verify(key, &LABEL, &proof).unwrap();
    let mut found = Vec::new();
    for i in 0..COUNT {
        let name = i.to_string();
        let ct = verified
            .switch(&name, empty(&group, &seeds, &name))
            .unwrap();
        found.extend(integers(&group.decrypt(&ct)));
    }
    // 2 e s sum_j d_j / P: digits uniform modulo single primes and in two halves, three ternary secrets.
    let squares = params
        .log_row_digits(LEVEL)
        .map(|log| (2.0 * log).exp2() / 12.0);
    let secret = n as f64 * 3.0 * 2.0 / 3.0;
    let expected = 2.0 * e as f64 * (squares.sum::<f64>() * secret).sqrt() / params.log_p().exp2();
    let rounding = noise::rounding(params) / (n as f64).sqrt();
    assert!(expected > 100.0 * rounding);
    // 5,120 coefficients, with the spectrum of s common to all: as for switched rows.
    assert_near("a forged error", rms(&found), expected, 0.19);
}

/// What an extractor may find at most, chosen after a so that all digits add up in one coefficient, and in one embedding: the worst known choices, within the bound and not far below it.
#[test]
fn the_largest_slack_adds_no_more_than_stated_however_it_is_chosen() {
    let group = group_of(&[48, 36, 36, 36], &[38, 38]);
    let mine = terms(&group, 0);
    let context = group.session.context();
    let n = group.n();
    // Any key's seeds: here errors are chosen after them, as nobody can.
    let seeds = RowSeeds::of(&mine, &proved(&mine).1);
    let empty = empty(&group, &seeds, "data");
    let mut residues = empty.c1().clone().into_coeff();
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
        let forged = mine.extracted_insecure_test(&seeds, &digits);
        let found = integers(&group.decrypt(&forged.switch("data", empty.clone()).unwrap()));
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

/// Under special primes that are too short to be allowed, so that the slack is all there is: of seeds that follow from the key it adds up as independent noise does, of chosen ones as fast as can be.
#[test]
fn the_slack_of_several_ciphertexts_adds_up_as_independent_noise_since_nobody_chooses_seeds() {
    let group = group_of(&[48, 36, 36, 36], &[30, 30]);
    let (context, party) = (group.session.context(), group.session.party(0).unwrap());
    let mine = UploadTerms::without_room_insecure_test(&group.key, party, LEVEL);
    let seeds = RowSeeds::of(&mine, &proved(&mine).1);
    // As large as an extractor may find it, with any signs: before there is a seed.
    let mut signs = crate::arith::tests::Stream(9);
    let bound = |column| mine.shape().log_extracted(column).exp2();
    let mut column = |c: usize| -> Vec<i64> {
        let sign = |_| bound(c) as i64 * (2 * (signs.next() % 2) as i64 - 1);
        (0..group.n()).map(sign).collect()
    };
    let digits: Vec<_> = (0..LEVEL + 2).map(|_| [column(0), column(1)]).collect();
    let forged = mine.extracted_insecure_test(&seeds, &digits);
    let sizes = |cts: Vec<Ciphertext>| {
        let each: Vec<_> = cts.iter().map(|ct| group.decrypt(ct)).collect();
        let one = each.iter().map(|m| rms(&integers(m)).powi(2)).sum::<f64>();
        let mut sum = each[0].clone();
        each[1..].iter().for_each(|m| sum.add_assign(m));
        rms(&integers(&sum)) / (one / each.len() as f64).sqrt()
    };
    let names = || (0..16).map(|k| k.to_string());
    let honest = names().map(|name| forged.switch(&name, empty(&group, &seeds, &name)).unwrap());
    // 512 embeddings, with the spectrum of e''_j s, which is fixed: 3.8 percent of the root, as for switched rows; five of these.
    assert_near("sixteen seeds", sizes(honest.collect()), 4.0, 0.19);
    let chosen = |name: String| {
        let c0 = empty(&group, &seeds, &name).c0().clone();
        let ct = Ciphertext::from_seeded(context, c0, PublicSeed([7; 32])).unwrap();
        assert!(matches!(
            forged.switch(&name, ct.clone()),
            Err(MultipartyError::Seed { .. })
        ));
        forged.any_seed_insecure_test(ct)
    };
    assert_near(
        "one chosen seed",
        sizes(names().map(chosen).collect()),
        16.0,
        1e-9,
    );
}

#[test]
fn parameters_whose_special_primes_are_short_are_refused() {
    let of = |p_bits: &[u32]| {
        let group = group_of(&[48, 36, 36, 36], p_bits);
        let party = group.session.party(0).unwrap();
        let found = UploadTerms::new(&group.key, party, LEVEL).map(|_| ());
        (found, slack_noise(group.session.context().params(), LEVEL))
    };
    assert_eq!(of(&[38, 38]).0, Ok(()));
    let (refused, noise) = of(&[30, 30]);
    assert!(
        matches!(refused, Err(MultipartyError::Room { .. })),
        "{refused:?}"
    );
    assert!(noise.is_err());
    // As long as is said, the slack is two thirds of the rounding, and no more than two bits less: also where the halves of q_0 are the longest digits.
    for bits in [36, 24] {
        let least = special_bits(10, 3, LEVEL, bits).unwrap();
        let each = (least / 2.0).ceil() as u32;
        let group = group_of(&[48, bits, bits, bits], &[each; 2]);
        let params = group.session.context().params();
        let ratio = slack_noise(params, LEVEL).unwrap() / noise::rounding(params);
        assert!(ratio < 2.0 / 3.0 && ratio > 0.16, "{bits} bits: {ratio}");
    }
    // Digits of 2^35, and halves of at most 2^23.5 together.
    let least = |bits| special_bits(10, 3, LEVEL, bits).unwrap();
    assert!((least(36) - least(24) - 11.5).abs() < 1e-9 && least(23) == least(24));
    let group = group_of(&[48, 36, 36, 36], &[38, 38]);
    let context = group.session.context();
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
