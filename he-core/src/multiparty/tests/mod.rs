//! Groups at small, insecure rings: noise against the formulas from both sides, protocols, attacks.

mod keys;
mod opening;
mod proofs;
mod refresh;
mod uploads;

use std::sync::Arc;

use zeroize::Zeroizing;

use super::*;
use crate::ckks::lift::Lift;
use crate::params::{Params, ParamsLiteral};
use crate::ring::{Basis, Coeff, Ntt, Poly, Ring};
use crate::rlwe::{Ciphertext, Context};

/// Parties of the groups whose noise is measured.
const SIZES: [u32; 5] = [1, 2, 3, 10, 50];

fn context(parties: u32) -> Arc<Context> {
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: vec![48, 36, 36, 36],
        p_bits: vec![48, 48],
        dnum: 2,
    };
    context_of(parties, literal)
}

fn context_of(parties: u32, literal: ParamsLiteral) -> Arc<Context> {
    let params = Params::insecure_test(literal).unwrap();
    Context::new(Arc::new(params.for_parties(parties).unwrap())).unwrap()
}

/// All parties of a session, in one process: for tests.
struct Group {
    session: Arc<Session>,
    secrets: Vec<PartySecret>,
    key: Arc<JointPublicKey>,
}

fn seed(party: PartyId) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([party.index() as u8 + 1; 32])
}

impl Group {
    fn new(parties: u32, threshold: u32) -> Self {
        Self::over(&context(parties), threshold)
    }

    fn over(context: &Arc<Context>, threshold: u32) -> Self {
        let session = Session::new(context, [9; 32], threshold).unwrap();
        let secrets: Vec<_> = session
            .all()
            .map(|party| PartySecret::from_seed(&session, party, seed(party)).unwrap())
            .collect();
        let shares: Vec<_> = secrets
            .iter()
            .map(|secret| secret.public_key_share().unwrap())
            .collect();
        let key = JointPublicKey::from_shares(&session, &shares).unwrap();
        Self {
            session,
            secrets,
            key: Arc::new(key),
        }
    }

    fn n(&self) -> usize {
        self.session.context().params().n()
    }

    /// The joint secret over all primes: what exists in tests alone.
    fn secret(&self) -> Poly<Ntt> {
        let mut sum = (**self.secrets[0].poly()).clone();
        for secret in &self.secrets[1..] {
            sum.add_assign(secret.poly());
        }
        sum
    }

    fn decrypt(&self, ct: &Ciphertext) -> Poly<Coeff> {
        let mut m = ct.c0().clone();
        m.inner_product_acc(&[(ct.c1(), &self.secret())]);
        m.into_coeff()
    }

    fn top(&self) -> usize {
        self.session.context().params().max_level()
    }

    fn relinearisation(&self, level: usize) -> crate::rlwe::SwitchingKey {
        let first: Vec<_> = self
            .secrets
            .iter()
            .map(|secret| secret.relinearisation_one(level).unwrap())
            .collect();
        let sum = RelinearisationSum::of(&self.session, level, &first).unwrap();
        let second: Vec<_> = self
            .secrets
            .iter()
            .map(|secret| secret.relinearisation_two(&sum).unwrap())
            .collect();
        relinearisation_key(&self.session, &sum, &second).unwrap()
    }

    fn galois(&self, g: crate::ring::GaloisElement, level: usize) -> crate::rlwe::SwitchingKey {
        let shares: Vec<_> = self
            .secrets
            .iter()
            .map(|secret| secret.galois_share(g, level).unwrap())
            .collect();
        galois_key(&self.session, g, level, &shares).unwrap()
    }

    /// Everybody's opening key, after dealing where the threshold wants it.
    fn opening_keys(&self) -> Vec<OpeningKey> {
        if self.session.is_additive() {
            return self
                .secrets
                .iter()
                .map(|secret| OpeningKey::additive(secret).unwrap())
                .collect();
        }
        let dealt: Vec<Vec<DealtShare>> = self
            .secrets
            .iter()
            .map(|secret| secret.deal().unwrap())
            .collect();
        self.secrets
            .iter()
            .enumerate()
            .map(|(to, secret)| {
                let own: Vec<_> = dealt.iter().map(|dealt| dealt[to].clone()).collect();
                OpeningKey::from_dealt(secret, &own).unwrap()
            })
            .collect()
    }

    /// The last parties of the group, as many as open.
    fn last(&self) -> ActiveSet {
        let skip = (self.session.parties() - self.session.threshold()) as usize;
        ActiveSet::new(&self.session, self.session.all().skip(skip).collect()).unwrap()
    }
}

/// Centred integers of a polynomial, from at most its first three primes.
fn integers(poly: &Poly<Coeff>) -> Vec<f64> {
    let limbs: Vec<Vec<u64>> = (0..(poly.level() + 1).min(3))
        .map(|i| poly.limb_canonical(i).collect())
        .collect();
    let primes: Vec<u64> = (0..limbs.len()).map(|i| poly.modulus(i).value()).collect();
    let limbs: Vec<&[u64]> = limbs.iter().map(Vec::as_slice).collect();
    Lift::new(&primes).unwrap().lift(&limbs).unwrap()
}

/// A constant polynomial.
fn constant(ring: &Arc<Ring>, basis: Basis, c: i64) -> Poly<Ntt> {
    let mut coefficients = vec![0; ring.degree()];
    coefficients[0] = c;
    Poly::from_signed(ring, basis, &coefficients)
        .unwrap()
        .into_ntt()
}

fn rms(numbers: &[f64]) -> f64 {
    (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64).sqrt()
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |a: f64, x| a.max(x.abs()))
}

fn assert_near(what: &str, measured: f64, expected: f64, tolerance: f64) {
    let ratio = measured / expected;
    assert!(
        (ratio - 1.0).abs() < tolerance,
        "{what}: measured {measured:.4e}, expected {expected:.4e}, ratio {ratio:.4}"
    );
}

/// A message with coefficients that grow, over `q_0 .. q_level`.
fn message(context: &Context, level: usize) -> Poly<Coeff> {
    let c: Vec<i64> = (0..context.params().n() as i64)
        .map(|i| (i - 500) * 1_000_000)
        .collect();
    Poly::from_signed(context.ring(), context.ring().basis(level), &c).unwrap()
}
