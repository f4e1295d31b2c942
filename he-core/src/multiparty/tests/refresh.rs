use num_complex::Complex64;

use super::*;
use crate::circuits::Refresh;
use crate::evaluator::{Ckks, CkksCt, EvalError, Evaluator, Level, Op, Placement, Refusal};
use crate::key_holder::{Encryptor, PublicKeyEncryptor};
use crate::rlwe::EvaluationKeys;

/// Parties that answer at once.
struct Present(Vec<OpeningKey>);

impl RefreshExchange for Present {
    fn shares(&self, question: &RefreshQuestion) -> Result<Vec<RefreshShare>, EvalError> {
        let active = question.active().parties();
        let keys = self.0.iter().filter(|key| active.contains(&key.party()));
        Ok(keys.map(|key| key.refresh(question).unwrap()).collect())
    }
}

const TOP: Placement = Placement {
    level: Level(3),
    scale: (1u64 << 36) as f64,
};

fn slots(group: &Group, ct: &CkksCt) -> Vec<Complex64> {
    let encoder = crate::ckks::encode::Encoder::new(10).unwrap();
    let plain = group.decrypt(ct.ciphertext());
    crate::ckks::plaintext::decode(&encoder, &plain, ct.meta().scale).unwrap()
}

#[test]
fn t_parties_give_a_ciphertext_its_levels_back() {
    for (parties, threshold) in [(1, 1), (3, 2), (10, 10)] {
        let group = Group::new(parties, threshold);
        let context = group.session.context();
        let mut keys = EvaluationKeys::new(context);
        keys.insert(group.relinearisation(group.top())).unwrap();
        let eval = Ckks::new(keys).unwrap();
        let public = Arc::new(group.key.public_key().unwrap());
        let values: Vec<_> = (0..512)
            .map(|i| Complex64::new((i as f64).sin() / 2.0, (1.7 * i as f64).cos() / 2.0))
            .collect();
        let encryptor = PublicKeyEncryptor::new(public).unwrap();
        let z: CkksCt = encryptor.encrypt(&values, TOP, 1.0).unwrap();
        let low = eval.drop_level(&z, Level(2)).unwrap();
        let present = Present(group.opening_keys());
        let refresh =
            CollectiveRefresh::new(&group.session, group.last(), present, TOP, 1.0).unwrap();
        assert_eq!(refresh.input_level(), Level(2));
        let fresh = refresh.refresh(&eval, &low).unwrap();
        assert_eq!(fresh.meta().placement(), TOP);
        let expected = low.meta().error().hypot(refresh.error());
        assert!((fresh.meta().error() / expected - 1.0).abs() < 1e-12);
        // What the refresh added, against its formula from both sides: 1,024 values of a sum of errors, 2.2 percent; five of these.
        let (before, after) = (slots(&group, &low), slots(&group, &fresh));
        let added: Vec<f64> = before
            .iter()
            .zip(&after)
            .map(|(a, b)| (a - b).norm())
            .collect();
        assert_near("refresh", rms(&added), refresh.error(), 0.11);
        // The levels are of use.
        let square = eval.mul(&fresh, &fresh).unwrap();
        for (found, z) in slots(&group, &square).iter().zip(&values) {
            assert!((found - z * z).norm() < 16.0 * square.meta().error());
        }
    }
}

#[test]
fn what_is_opened_is_uniform_and_refusals_come_first() {
    let group = Group::new(2, 2);
    let keys = group.opening_keys();
    let (a, b) = (message(group.session.context(), 2), 2f64.powi(36));
    let public = group.key.public_key().unwrap();
    let ct = public.encrypt(&a.clone().into_ntt()).unwrap();
    let ask = |to, active| RefreshQuestion::new(&group.session, ct.clone(), b, to, active).unwrap();
    let question = ask(3, group.last());
    let shares: Vec<_> = keys.iter().map(|k| k.refresh(&question).unwrap()).collect();
    // m - M, the sum of what is shown: masks of two parties, uniform in [-2^u, 2^u) with u = 36 + 63 + 10.
    let mut masked = ct.c0().clone();
    shares
        .iter()
        .for_each(|share| masked.add_assign(share.parts()[0]));
    let masked = integers(&masked.into_coeff());
    let deviation = 2f64.powi(109) * (2.0f64 / 3.0).sqrt();
    assert_near("masks", rms(&masked), deviation, 0.11);
    // The same question has the same answer; another one shares no randomness with it.
    let again = keys[0].refresh(&question).unwrap();
    assert_eq!(
        again.parts()[1].to_canonical(),
        shares[0].parts()[1].to_canonical()
    );
    let other = ask(2, group.last());
    let foreign = keys[1].refresh(&other).unwrap();
    assert!(matches!(
        question.refreshed(&[shares[0].clone(), foreign]),
        Err(MultipartyError::Foreign { .. })
    ));
    assert!(matches!(
        question.refreshed(&shares[..1]),
        Err(MultipartyError::Missing { .. })
    ));
    let low = ct.at_level(1);
    let refused = RefreshQuestion::new(&group.session, low, b, 3, group.last());
    assert!(matches!(refused, Err(MultipartyError::Room { .. })));

    let eval = Ckks::new(EvaluationKeys::new(group.session.context())).unwrap();
    let encryptor = PublicKeyEncryptor::new(Arc::new(public)).unwrap();
    let present = Present(group.opening_keys());
    let refresh = CollectiveRefresh::new(&group.session, group.last(), present, TOP, 1.0).unwrap();
    let values = vec![Complex64::ZERO; 512];
    let at = |level: usize, scale: f64, bound: f64| {
        let at = Placement {
            level: Level(level),
            scale,
        };
        let ct: CkksCt = encryptor.encrypt(&values, at, bound).unwrap();
        refresh.refresh(&eval, &ct).map(|_| ()).unwrap_err()
    };
    assert_eq!(
        at(1, TOP.scale, 1.0),
        Refusal::LevelExhausted {
            needed: Level(2),
            available: Level(1)
        }
        .of(Op::Refresh)
    );
    assert!(matches!(
        at(2, TOP.scale, 1.5).cause,
        Refusal::BoundExceeded { .. }
    ));
    assert!(matches!(
        at(2, TOP.scale * 2.0, 1.0).cause,
        Refusal::ScaleMismatch { .. }
    ));
}
