use super::*;
use crate::ring::Ntt;
use crate::rlwe::{PublicKey, SecretKey};

const NOISE: f64 = 1e6;

fn encrypted(group: &Group, level: usize) -> (Poly<Coeff>, Ciphertext) {
    let plain = message(group.session.context(), level);
    let public = group.key.public_key().unwrap();
    let ct = public.encrypt(&plain.clone().into_ntt()).unwrap();
    (plain, ct)
}

fn opening(group: &Group, cts: Vec<Ciphertext>, receiver: Option<PublicKey>) -> Opening {
    let params = group.session.context().params();
    let smudging =
        Smudging::for_noise(params, NOISE, cts.len(), OpeningSecurity::Statistical).unwrap();
    Opening::new(&group.session, cts, group.last(), receiver, smudging).unwrap()
}

fn answers(group: &Group, keys: &mut [OpeningKey], opening: &Opening) -> Vec<OpeningShare> {
    let first = (group.session.parties() - group.session.threshold()) as usize;
    keys[first..]
        .iter_mut()
        .map(|key| key.answer(opening).unwrap())
        .collect()
}

#[test]
fn any_t_parties_open_and_add_the_noise_of_the_formula() {
    for (parties, threshold) in [(1, 1), (2, 2), (3, 2), (3, 3), (10, 4), (50, 50)] {
        let group = Group::new(parties, threshold);
        let (plain, ct) = encrypted(&group, 2);
        let mut keys = group.opening_keys();
        let opening = opening(
            &group,
            vec![ct.clone(), ct.at_level(3.min(ct.level()))],
            None,
        );
        let shares = answers(&group, &mut keys, &opening);
        let opened = opening.open(&shares).unwrap();
        assert_eq!(opened.len(), 2);
        let params = group.session.context().params();
        let expected = opening.smudging().slot_noise(params, threshold as usize);
        for opened in opened {
            let mut error = opened;
            error.sub_assign(&plain);
            let slot = (group.n() as f64).sqrt() * rms(&integers(&error));
            // 1,024 values of a Gaussian: 2.2 percent of the root; five of these.
            assert_near("opening", slot, expected, 0.11);
        }
    }
}

#[test]
fn every_set_of_t_parties_has_the_secret_and_no_smaller_one() {
    let group = Group::new(4, 3);
    let keys = group.opening_keys();
    let mut s = group.secret();
    s.drop_special();
    for left_out in 0..4 {
        let active: Vec<_> = group
            .session
            .all()
            .filter(|party| party.index() != left_out)
            .collect();
        let active = ActiveSet::new(&group.session, active).unwrap();
        let mut sum = Poly::<Ntt>::zero(s.ring(), s.basis());
        for key in &keys {
            if let Ok(share) = key.weighted(&active) {
                sum.add_assign(&share);
            } else {
                assert_eq!(key.party().index(), left_out);
            }
        }
        assert_eq!(sum.to_canonical(), s.to_canonical());
    }
    let two: Vec<_> = group.session.all().take(2).collect();
    assert_eq!(
        ActiveSet::new(&group.session, two).map(|_| ()),
        Err(MultipartyError::Active {
            expected: 3,
            found: 2
        })
    );
    let same = vec![group.session.party(1).unwrap(); 3];
    assert!(matches!(
        ActiveSet::new(&group.session, same),
        Err(MultipartyError::Repeated { .. })
    ));
}

#[test]
fn a_receiver_alone_reads_what_is_switched_to_its_key() {
    let group = Group::new(3, 2);
    let (plain, ct) = encrypted(&group, 2);
    let receiver = SecretKey::generate(group.session.context()).unwrap();
    let mut keys = group.opening_keys();
    let opening = opening(&group, vec![ct], Some(receiver.public_key().unwrap()));
    let shares = answers(&group, &mut keys, &opening);
    assert!(matches!(
        opening.open(&shares),
        Err(MultipartyError::Parts { .. })
    ));
    let switched = opening.switch(&shares).unwrap();
    let mut error = receiver.decrypt(&switched[0]).unwrap();
    error.sub_assign(&plain);
    let params = group.session.context().params();
    let slot = (group.n() as f64).sqrt() * rms(&integers(&error));
    assert_near(
        "switch",
        slot,
        opening.smudging().slot_noise(params, 2),
        0.11,
    );
    // Under the joint secret it is garbage.
    let mut other = group.decrypt(&switched[0]);
    other.sub_assign(&plain);
    assert!(largest(&integers(&other)) > 2f64.powi(100));
}

#[test]
fn a_key_answers_one_question_and_that_always_alike() {
    let group = Group::new(3, 2);
    let (_, ct) = encrypted(&group, 2);
    let mut keys = group.opening_keys();
    let asked = opening(&group, vec![ct.clone()], None);
    let first = keys[2].answer(&asked).unwrap();
    let again = keys[2].answer(&asked).unwrap();
    assert_eq!(
        first.parts()[0].to_canonical(),
        again.parts()[0].to_canonical()
    );
    // Another set of parties, another ciphertext, another noise, a receiver: all refused, also after a restart.
    let params = group.session.context().params();
    let smudging = Smudging::for_noise(params, NOISE, 1, OpeningSecurity::Statistical).unwrap();
    let wider = Smudging::for_noise(params, 4.0 * NOISE, 1, OpeningSecurity::Statistical).unwrap();
    let [p0, p2] = [0, 2].map(|i| group.session.party(i).unwrap());
    let others = ActiveSet::new(&group.session, vec![p0, p2]).unwrap();
    let receiver = SecretKey::generate(group.session.context()).unwrap();
    let receiver = Some(receiver.public_key().unwrap());
    let (_, other_ct) = encrypted(&group, 2);
    let restarted = group.opening_keys().remove(2);
    let mut restarted = restarted.resume(*keys[2].answered().unwrap());
    for (ct, active, receiver, smudging) in [
        (ct.clone(), others, None, smudging),
        (other_ct, group.last(), None, smudging),
        (ct.at_level(1), group.last(), None, smudging),
        (ct.clone(), group.last(), receiver, smudging),
        (ct.clone(), group.last(), None, wider),
    ] {
        let second = Opening::new(&group.session, vec![ct], active, receiver, smudging).unwrap();
        for key in [&mut keys[2], &mut restarted] {
            assert_eq!(key.answer(&second).map(|_| ()), Err(MultipartyError::Spent));
        }
    }
    assert!(restarted.answer(&asked).is_ok());
    // Who is not asked does not answer, and is not spent by that.
    assert!(matches!(
        keys[0].answer(&asked),
        Err(MultipartyError::Missing { .. })
    ));
    assert!(keys[0].answered().is_none());
}

#[test]
fn shares_for_another_ciphertext_are_refused_and_a_modulus_without_room_too() {
    let group = Group::new(2, 2);
    let (_, ct) = encrypted(&group, 2);
    let (_, other) = encrypted(&group, 2);
    let (asked, foreign) = (
        opening(&group, vec![ct.clone()], None),
        opening(&group, vec![other], None),
    );
    let mut keys = group.opening_keys();
    let share = keys[0].answer(&asked).unwrap();
    let wrong = keys[1].answer(&foreign).unwrap();
    let party = wrong.party();
    let what = "the share of an opening";
    assert_eq!(
        asked.open(&[share.clone(), wrong]).map(|_| ()),
        Err(MultipartyError::Foreign { what, party })
    );
    assert_eq!(
        asked.open(&[share]).map(|_| ()),
        Err(MultipartyError::Missing { what, party })
    );
    let params = group.session.context().params();
    let smudging = Smudging::for_noise(params, NOISE, 1, OpeningSecurity::Statistical).unwrap();
    // 48 bits hold neither the noise nor anything beside it.
    let low = Opening::new(
        &group.session,
        vec![ct.at_level(0)],
        group.last(),
        None,
        smudging,
    );
    assert!(matches!(low, Err(MultipartyError::Room { .. })));
}
