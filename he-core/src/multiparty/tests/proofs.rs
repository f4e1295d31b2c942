use super::super::proof::{prove_first, prove_second, verify_first, verify_second};
use super::*;
use crate::rlwe::at_level;

const LABEL: [u8; 32] = [5; 32];

#[test]
fn key_shares_are_proved_and_no_others_pass() {
    let group = Group::new(3, 2);
    let (session, secrets) = (&group.session, &group.secrets);
    let [p0, p1] = [0, 1].map(|i| session.party(i).unwrap());
    let public: Vec<_> = secrets
        .iter()
        .map(|s| s.public_key_share().unwrap())
        .collect();
    let first: Vec<_> = secrets
        .iter()
        .map(|s| s.relinearisation_one(3).unwrap())
        .collect();
    let proof = prove_first(&secrets[0], 3, &LABEL).unwrap();
    let check = |session: &Session, party, shares, label, proof: &Proof| {
        verify_first(session, party, 3, shares, label, proof)
    };
    assert_eq!(
        check(session, p0, [&public[0], &first[0]], &LABEL, &proof),
        Ok(())
    );
    let refused = |result: Result<(), MultipartyError>, who| {
        assert!(
            matches!(result, Err(MultipartyError::Proof { party, .. }) if party == who),
            "{result:?}"
        );
    };
    // Another label, another party's name, another session.
    refused(
        check(session, p0, [&public[0], &first[0]], &[6; 32], &proof),
        p0,
    );
    let renamed = |share: &KeyShare| {
        KeyShare::new(session, p1, share.item(), share.parts().to_vec()).unwrap()
    };
    let shares = [renamed(&public[0]), renamed(&first[0])];
    refused(
        check(session, p1, [&shares[0], &shares[1]], &LABEL, &proof),
        p1,
    );
    let other = Session::new(session.context(), [8; 32], 2).unwrap();
    refused(
        check(&other, p0, [&public[0], &first[0]], &LABEL, &proof),
        p0,
    );
    // A share of another secret beside the public key's.
    let stranger = PartySecret::from_seed(session, p0, Zeroizing::new([66; 32])).unwrap();
    let mixed = stranger.relinearisation_one(3).unwrap();
    refused(check(session, p0, [&public[0], &mixed], &LABEL, &proof), p0);
    // A rogue share, made of the others': no proof of whatever secret holds for it.
    let mut rogue = public[0].parts()[0].clone();
    rogue.sub_assign(&public[1].parts()[0]);
    let rogue = KeyShare::new(session, p0, KeyItem::PublicKey, vec![rogue]).unwrap();
    refused(check(session, p0, [&rogue, &first[0]], &LABEL, &proof), p0);
    assert!(check(session, p0, [&public[1], &first[1]], &LABEL, &proof).is_err());
    assert!(check(session, p0, [&first[0], &public[0]], &LABEL, &proof).is_err());
    // Altered responses and challenges.
    for (repetition, column, at) in [(0, 0, 0), (3, 2, 1023), (11, 6, 512)] {
        let mut altered = proof.clone();
        altered.responses[repetition][column][at] += 1;
        refused(
            check(session, p0, [&public[0], &first[0]], &LABEL, &altered),
            p0,
        );
    }
    let mut altered = proof.clone();
    altered.challenge[7] ^= 1;
    refused(
        check(session, p0, [&public[0], &first[0]], &LABEL, &altered),
        p0,
    );
    altered.responses.pop();
    refused(
        check(session, p0, [&public[0], &first[0]], &LABEL, &altered),
        p0,
    );

    let sum = RelinearisationSum::of(session, 3, &first).unwrap();
    let second = secrets[1].relinearisation_two(&sum).unwrap();
    let proof = prove_second(&secrets[1], &sum, &LABEL).unwrap();
    let shares = [&public[1], &second];
    assert_eq!(
        verify_second(session, p1, shares, &sum, &LABEL, &proof),
        Ok(())
    );
    // Without the error that hides the product, as of one who wants others to see it: another statement.
    let mut bare = second.parts().to_vec();
    let basis = bare[0].basis();
    bare[0].add_assign(&constant(session.context().ring(), basis, 1));
    let bare = KeyShare::new(session, p1, second.item(), bare).unwrap();
    refused(
        verify_second(session, p1, [&public[1], &bare], &sum, &LABEL, &proof),
        p1,
    );
}

#[test]
fn responses_fill_the_range_whatever_the_witness() {
    // Uniform in [-limit, limit): moments of a uniform distribution, and the same for a witness of zeros would be no other.
    let group = Group::new(2, 2);
    let shape = Shape::of_first(&group.session, 3).unwrap();
    let proof = prove_first(&group.secrets[0], 3, &LABEL).unwrap();
    for columns in &proof.responses {
        assert_eq!(columns.len(), shape.columns());
    }
    for c in 0..shape.columns() {
        let limit = f64::from(shape.log_mask(c)).exp2();
        let z: Vec<f64> = proof
            .responses
            .iter()
            .flat_map(|columns| columns[c].iter().map(|z| *z as f64 / limit))
            .collect();
        let count = z.len() as f64;
        let mean = z.iter().sum::<f64>() / count;
        // Variance 1/3, fourth moment 1/5: six standard errors of the mean and of the mean square.
        assert!(mean.abs() < 6.0 / (3.0 * count).sqrt());
        let square = z.iter().map(|z| z * z).sum::<f64>() / count;
        assert!((square - 1.0 / 3.0).abs() < 6.0 * (4.0 / 45.0 / count).sqrt());
        assert!(largest(&z) < 1.0);
    }
}

/// The rows of a truncated key are over fewer primes than the public key's: one witness of integers for all of them.
#[test]
fn shares_of_a_lower_level_are_proved_with_the_whole_public_key() {
    let group = Group::new(2, 2);
    let (session, secret) = (&group.session, &group.secrets[0]);
    let (party, context) = (secret.party(), session.context());
    for level in [0, 1, 2] {
        let public = secret.public_key_share().unwrap();
        let all = group.secrets.iter().map(|s| s.relinearisation_one(level));
        let all: Vec<_> = all.map(Result::unwrap).collect();
        let proof = prove_first(secret, level, &LABEL).unwrap();
        let check = |public: &KeyShare, first: &KeyShare, level| {
            verify_first(session, party, level, [public, first], &LABEL, &proof)
        };
        assert_eq!(check(&public, &all[0], level), Ok(()));
        // Another level than the plan's is refused by name, whatever is proved.
        let found = check(&public, &all[0], level + 1);
        assert!(
            matches!(found, Err(MultipartyError::Level { expected, found, .. }) if (expected, found) == (level + 1, level)),
            "{found:?}"
        );
        // A proof for another level holds for none of these.
        let full = secret.relinearisation_one(level + 1).unwrap();
        let refused = |found: Result<(), MultipartyError>| {
            assert!(
                matches!(found, Err(MultipartyError::Proof { party: who, .. }) if who == party),
                "{found:?}"
            );
        };
        refused(check(&public, &full, level + 1));
        // The public key's share is proved modulo the primes above the level too: one that differs there alone, by a multiple of all the others.
        let one = constant(context.ring(), context.key_basis(), 1);
        let lower = context.params().q()[..=level].iter();
        let lower: Vec<u64> = lower.chain(context.params().p()).copied().collect();
        let mut above = one.clone();
        let scalars = (0..context.key_basis().limbs()).map(|i| {
            let own = one.modulus(i);
            own.product(lower.iter().map(|q| q % own.value()))
        });
        above.mul_scalars(&scalars.collect::<Vec<_>>());
        let below = at_level(above.clone(), level).to_canonical();
        assert!(below.iter().all(|residue| *residue == 0));
        let mut parts = public.parts()[0].clone();
        parts.add_assign(&above);
        let altered = KeyShare::new(session, party, KeyItem::PublicKey, vec![parts]).unwrap();
        refused(check(&altered, &all[0], level));
        // And the second round.
        let sum = RelinearisationSum::of(session, level, &all).unwrap();
        let second = secret.relinearisation_two(&sum).unwrap();
        let proof = prove_second(secret, &sum, &LABEL).unwrap();
        let shares = [&public, &second];
        assert_eq!(
            verify_second(session, party, shares, &sum, &LABEL, &proof),
            Ok(())
        );
        let shares = [&altered, &second];
        refused(verify_second(session, party, shares, &sum, &LABEL, &proof));
        let mut bare = second.parts().to_vec();
        let basis = bare[0].basis();
        bare[0].add_assign(&constant(context.ring(), basis, 1));
        let bare = KeyShare::new(session, party, second.item(), bare).unwrap();
        let shares = [&public, &bare];
        refused(verify_second(session, party, shares, &sum, &LABEL, &proof));
    }
}
