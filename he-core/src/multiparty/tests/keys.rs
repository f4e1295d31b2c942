use super::*;
use crate::ckks::noise;
use crate::ring::GaloisElement;
use crate::rlwe::{KeySwitch, SwitchingKey, gadget};

/// `b_d + a_d u - P g_d t` of every digit: the key's error.
fn key_errors(group: &Group, key: &SwitchingKey, t: &Poly<Ntt>, u: &Poly<Ntt>) -> Vec<f64> {
    let context = group.session.context();
    let params = context.params();
    let mut errors = Vec::new();
    for (d, digit) in params.digits(params.max_level()).enumerate() {
        let mut rest = key.b()[d].clone();
        rest.inner_product_acc(&[(key.a(d), u)]);
        let mut hidden = t.clone();
        hidden.mul_scalars(&gadget(context, digit));
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
        let galois = group.galois(g);
        assert!(galois.seed().is_some());
        let to = s.automorphism(g.inverse(10));
        let error = rms(&key_errors(&group, &galois, &s, &to));
        assert_near("Galois key", error, expected, 0.08);

        let relinearisation = group.relinearisation();
        assert!(relinearisation.seed().is_none());
        let error = rms(&key_errors(&group, &relinearisation, &s.mul(&s), &s));
        // s e_0 + u e_1: products of two spectra with exponential squares (second moment 4, variance 3) at 512 frequencies, s common to two digits:
        // sqrt(3 / 512) = 7.7 percent of the mean square at most, 3.8 of its root; five of these.
        let variance = 2.0 * noise::ERROR_VARIANCE * many * (1.0 + n * many * 2.0 / 3.0);
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
        let galois = group.galois(g);
        let relinearisation = group.relinearisation();
        for level in [3, 1] {
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
    let share = group.secrets[1].relinearisation_one().unwrap();
    assert_eq!(
        share.digest(session),
        again.relinearisation_one().unwrap().digest(session)
    );
    let other = Session::new(session.context(), [8; 32], 2).unwrap();
    let elsewhere = PartySecret::from_seed(&other, party, seed(party)).unwrap();
    assert_ne!(again.poly().to_canonical(), elsewhere.poly().to_canonical());
    // Errors of the second round are bound to the sums that they hide products with.
    let sum_of = |from: &[PartySecret]| {
        let shares: Vec<_> = from
            .iter()
            .map(|s| s.relinearisation_one().unwrap())
            .collect();
        RelinearisationSum::of(session, &shares).unwrap()
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
        .galois_share(GaloisElement::rotation(1, 10))
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
