use super::*;
use crate::ckks::noise;
use crate::ring::GaloisElement;
use crate::rlwe::{KeySwitch, SwitchingKey, at_level, gadget};

/// `b_d + a_d u - P g_d t` of every digit: the key's error.
fn key_errors(group: &Group, key: &SwitchingKey, t: &Poly<Ntt>, u: &Poly<Ntt>) -> Vec<f64> {
    let context = group.session.context();
    let (params, level) = (context.params(), key.level());
    let mut errors = Vec::new();
    for (d, digit) in params.digits(level).enumerate() {
        let mut rest = key.b()[d].clone();
        rest.inner_product_acc(&[(key.a(d), u)]);
        let mut hidden = at_level(t.clone(), level);
        hidden.mul_scalars(&gadget(context, level, digit));
        rest.sub_assign(&hidden);
        errors.extend(integers(&rest.into_coeff()));
    }
    errors
}

#[test]
fn errors_of_joint_keys_have_the_variance_of_the_formulas() {
    for parties in SIZES {
        let group = Group::new(parties, parties);
        let (s, n) = (group.secret(), group.n() as f64);
        let many = f64::from(parties);

        let mut rest = group.key.b().clone();
        rest.inner_product_acc(&[(group.key.a(), &s)]);
        let error = rms(&integers(&rest.into_coeff()));
        // 1,024 independent values: the mean square deviates by sqrt(2 / 1024) = 4.4 percent, its root by 2.2; five of these.
        let expected = (noise::ERROR_VARIANCE * many).sqrt();
        assert_near("public key", error, expected, 0.11);

        let g = GaloisElement::rotation(3, 10);
        let to = s.automorphism(g.inverse(10));
        // Of one digit or of two, the last of them short at level 2.
        for (level, digits) in [(3, 2), (2, 2), (1, 1), (0, 1)] {
            let galois = group.galois(g, level);
            assert_eq!((galois.level(), galois.b().len()), (level, digits));
            assert!(galois.seed().is_some());
            let error = rms(&key_errors(&group, &galois, &s, &to));
            // As of the public key, for as many values as there are digits.
            let tolerance = if digits == 1 { 0.11 } else { 0.08 };
            assert_near("Galois key", error, expected, tolerance);
        }
        let low = group.relinearisation(1);
        let variance = 2.0 * noise::ERROR_VARIANCE * many * (1.0 + n * many * 2.0 / 3.0);
        let error = rms(&key_errors(&group, &low, &s.mul(&s), &s));
        // As below, for one digit.
        assert_near(
            "relinearisation key of level 1",
            error,
            variance.sqrt(),
            0.19,
        );

        let relinearisation = group.relinearisation(group.top());
        assert!(relinearisation.seed().is_none());
        let error = rms(&key_errors(&group, &relinearisation, &s.mul(&s), &s));
        // s e_0 + u e_1: products of two spectra with exponential squares (second moment 4, variance 3) at 512 frequencies, s common to two digits:
        // sqrt(3 / 512) = 7.7 percent of the mean square at most, 3.8 of its root; five of these.
        assert_near("relinearisation key", error, variance.sqrt(), 0.19);
    }
}

#[test]
fn switching_with_joint_keys_has_the_noise_of_the_formulas() {
    for parties in SIZES {
        let group = Group::new(parties, parties);
        let context = group.session.context();
        let (params, n) = (context.params(), (group.n() as f64).sqrt());
        let plain = message(context, 3);
        let public = group.key.public_key().unwrap();
        let ct = public.encrypt(&plain.clone().into_ntt()).unwrap();
        let mut error = group.decrypt(&ct);
        error.sub_assign(&plain);
        // The formula has the encoder's rounding too, which is not here: a part in 10^5. Tolerances as in the other test.
        let expected = noise::fresh_public(params);
        assert_near("encryption", n * rms(&integers(&error)), expected, 0.19);

        let g = GaloisElement::rotation(3, 10);
        for level in [3, 1] {
            let galois = group.galois(g, level);
            let relinearisation = group.relinearisation(level);
            let ct = ct.at_level(level);
            let content = group.decrypt(&ct).automorphism(g);
            let [c0, c1] = KeySwitch::of(context, ct.c1(), &galois).rotate(ct.c0(), g);
            let mut error = group.decrypt(&Ciphertext::new(c0, c1));
            error.sub_assign(&content);
            let expected = noise::key_switch(params, level);
            assert_near("rotation", n * rms(&integers(&error)), expected, 0.19);

            let zero = Poly::zero(context.ring(), ct.c1().basis());
            let [c0, c1] = KeySwitch::of(context, ct.c1(), &relinearisation).plus(&zero, None);
            let mut error = group.decrypt(&Ciphertext::new(c0, c1));
            let mut content = Poly::zero(context.ring(), ct.c1().basis());
            let s = group.secret();
            content.inner_product_acc(&[(ct.c1(), &s.mul(&s))]);
            error.sub_assign(&content.into_coeff());
            let expected = noise::relinearisation(params, level);
            // Products of three spectra, of which s and u are common to all digits: twice the deviation.
            assert_near("relinearisation", n * rms(&integers(&error)), expected, 0.3);
        }
    }
}

#[test]
fn shares_are_the_same_when_made_again_and_unrelated_in_another_session() {
    let group = Group::new(3, 2);
    let (session, party) = (&group.session, group.session.party(1).unwrap());
    let again = PartySecret::from_seed(session, party, seed(party)).unwrap();
    let share = group.secrets[1].relinearisation_one(3).unwrap();
    assert_eq!(
        share.digest(session),
        again.relinearisation_one(3).unwrap().digest(session)
    );
    let other = Session::new(session.context(), [8; 32], 2).unwrap();
    let elsewhere = PartySecret::from_seed(&other, party, seed(party)).unwrap();
    assert_ne!(again.poly().to_canonical(), elsewhere.poly().to_canonical());
    // Errors of the second round are bound to the sums that they hide products with.
    let sum_of = |from: &[PartySecret]| {
        let shares: Vec<_> = from
            .iter()
            .map(|s| s.relinearisation_one(3).unwrap())
            .collect();
        RelinearisationSum::of(session, 3, &shares).unwrap()
    };
    let sum = sum_of(&group.secrets);
    let strangers: Vec<_> = session
        .all()
        .map(|party| PartySecret::from_seed(session, party, Zeroizing::new([77; 32])).unwrap())
        .collect();
    let other = sum_of(&strangers);
    assert_ne!(sum.digest(), other.digest());
    assert_ne!(again.second_error(&sum, 0), again.second_error(&other, 0));
    assert_eq!(again.second_error(&sum, 0), again.second_error(&sum, 0));
}

#[test]
fn rogue_missing_repeated_and_foreign_shares_are_refused() {
    let group = Group::new(3, 3);
    let session = &group.session;
    let shares: Vec<_> = group
        .secrets
        .iter()
        .map(|secret| secret.public_key_share().unwrap())
        .collect();
    let key = |shares: &[KeyShare]| JointPublicKey::from_shares(session, shares).map(|_| ());
    let [p0, p1, p2] = [0, 1, 2].map(|i| session.party(i).unwrap());
    let what = "the key share";
    assert_eq!(
        key(&shares[..2]),
        Err(MultipartyError::Missing { what, party: p2 })
    );
    let twice = [&shares[..], &shares[1..2]].concat();
    assert_eq!(
        key(&twice),
        Err(MultipartyError::Repeated { what, party: p1 })
    );
    let galois = group.secrets[0]
        .galois_share(GaloisElement::rotation(1, 10), 3)
        .unwrap();
    let mixed = [&[galois], &shares[1..]].concat();
    assert!(matches!(key(&mixed), Err(MultipartyError::Item { party, .. }) if party == p0));

    // The last party has seen the others' shares and takes one that makes the sum its own key. It has committed to another before.
    let committed = Commitment::to(session, p2, &shares[2..]);
    let own = PartySecret::from_seed(session, p2, Zeroizing::new([99; 32])).unwrap();
    let mut rogue = own.public_key_share().unwrap().parts()[0].clone();
    rogue.sub_assign(&shares[0].parts()[0]);
    rogue.sub_assign(&shares[1].parts()[0]);
    let rogue = KeyShare::new(session, p2, KeyItem::PublicKey, vec![rogue]).unwrap();
    let sum = key_of(
        session,
        &[shares[0].clone(), shares[1].clone(), rogue.clone()],
    );
    assert_eq!(
        sum.b().to_canonical(),
        own.public_key_share().unwrap().parts()[0].to_canonical()
    );
    assert_eq!(
        committed.check(session, p2, &[rogue]),
        Err(MultipartyError::Commitment { party: p2 })
    );
    assert_eq!(committed.check(session, p2, &shares[2..]), Ok(()));
    // Another party cannot pass the commitment and the shares off as its own.
    assert!(committed.check(session, p1, &shares[2..]).is_err());
}

fn key_of(session: &Arc<Session>, shares: &[KeyShare]) -> JointPublicKey {
    JointPublicKey::from_shares(session, shares).unwrap()
}

#[test]
fn sessions_need_parameters_of_a_group_and_a_threshold_within_it() {
    let alone = ParamsLiteral {
        log_n: 10,
        q_bits: vec![40],
        p_bits: vec![46],
        dnum: 1,
    };
    let alone = Context::new(Arc::new(Params::insecure_test(alone).unwrap())).unwrap();
    let refused = |context, threshold| Session::new(context, [0; 32], threshold).map(|_| ());
    assert_eq!(refused(&alone, 1), Err(MultipartyError::NotJoint));
    let three = context(3);
    for found in [0, 4] {
        assert_eq!(
            refused(&three, found),
            Err(MultipartyError::Threshold { parties: 3, found })
        );
    }
}

#[test]
fn shares_of_another_level_than_the_key_s_are_refused_by_their_party() {
    let group = Group::new(3, 3);
    let (session, top) = (&group.session, group.top());
    let [p0, p1] = [0, 1].map(|i| session.party(i).unwrap());
    let g = GaloisElement::rotation(1, 10);
    let all = |level: usize| -> Vec<KeyShare> {
        let shares = group.secrets.iter().map(|s| s.galois_share(g, level));
        shares.map(Result::unwrap).collect()
    };
    let (high, low) = (all(2), all(1));
    let refused = |shares: &[KeyShare]| galois_key(session, g, 1, shares).map(|_| ());
    assert_eq!(refused(&low), Ok(()));
    let item = KeyItem::Galois(g);
    let (expected, found) = (1, 2);
    for (at, party) in [(0, p0), (1, p1)] {
        let mut shares = low.clone();
        shares[at] = high[at].clone();
        let error = MultipartyError::Level {
            party,
            item,
            expected,
            found,
        };
        assert_eq!(refused(&shares), Err(error));
    }
    // Digits or primes that the level has not.
    let of = |parts: Vec<Poly<Ntt>>| KeyShare::new(session, p0, item, parts).map(|_| ());
    let (one, two) = (low[0].parts().to_vec(), high[0].parts().to_vec());
    assert_eq!((one.len(), two.len()), (1, 2));
    let parts = |expected, found| {
        Err(MultipartyError::Parts {
            what: "a key share",
            party: p0,
            expected,
            found,
        })
    };
    assert_eq!(of([&one[..], &one[..]].concat()), parts(1, 2));
    assert_eq!(of(two[..1].to_vec()), parts(2, 1));
    assert_eq!(of(vec![]), parts(1, 0));
    let mixed = of(vec![two[0].clone(), one[0].clone()]);
    assert!(matches!(mixed, Err(MultipartyError::Rlwe(_))), "{mixed:?}");
    // The public key is of the highest level alone.
    let mut short = group.key.b().clone();
    short.drop_to_level(1);
    let public = KeyShare::new(session, p0, KeyItem::PublicKey, vec![short]).map(|_| ());
    let error = MultipartyError::Level {
        party: p0,
        item: KeyItem::PublicKey,
        expected: top,
        found: 1,
    };
    assert_eq!(public, Err(error));
    // Both rounds of relinearisation.
    let first = |level: usize| -> Vec<KeyShare> {
        let shares = group.secrets.iter().map(|s| s.relinearisation_one(level));
        shares.map(Result::unwrap).collect()
    };
    assert!(matches!(
        RelinearisationSum::of(session, 1, &first(2)),
        Err(MultipartyError::Level { party, expected: 1, found: 2, .. }) if party == p0
    ));
    let sum = |level| RelinearisationSum::of(session, level, &first(level)).unwrap();
    let second = |level| -> Vec<KeyShare> {
        let sum = sum(level);
        let shares = group.secrets.iter().map(|s| s.relinearisation_two(&sum));
        shares.map(Result::unwrap).collect()
    };
    assert!(relinearisation_key(session, &sum(1), &second(1)).is_ok());
    assert!(matches!(
        relinearisation_key(session, &sum(1), &second(2)),
        Err(MultipartyError::Level { party, expected: 1, found: 2, .. }) if party == p0
    ));
    let above = group.secrets[0].galois_share(g, top + 1);
    assert!(matches!(above, Err(MultipartyError::Rlwe(_))));
    let above = group.secrets[0].relinearisation_one(top + 1);
    assert!(matches!(above, Err(MultipartyError::Rlwe(_))));
}

#[test]
fn a_share_of_a_lower_level_is_the_truncation_of_the_full_one() {
    let group = Group::new(2, 2);
    let secret = &group.secrets[1];
    let g = GaloisElement::conjugation(10);
    for level in 0..=3 {
        let pairs = [
            (secret.galois_share(g, level), secret.galois_share(g, 3)),
            (
                secret.relinearisation_one(level),
                secret.relinearisation_one(3),
            ),
        ];
        for (low, full) in pairs {
            let (low, full) = (low.unwrap(), full.unwrap());
            assert_eq!(low.level(), level);
            for (low, full) in low.parts().iter().zip(full.parts()) {
                let full = at_level(full.clone(), level);
                assert_eq!(low.to_canonical(), full.to_canonical());
            }
        }
    }
}
