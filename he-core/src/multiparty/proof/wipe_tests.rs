//! Looks through the memory of the process for what a prover must not leave there: a mask and its response give the witnesses.
#![cfg(target_os = "linux")]

use zeroize::Zeroizing;

use super::super::Session;
use super::prove::shifts;
use super::{Factor, Relation, Shape, binding, prove};
use crate::params::{Params, ParamsLiteral};
use crate::ring::{Ntt, Poly};
use crate::rlwe::wipe_tests::{Needle, before_and_after, of_values};
use crate::rlwe::{Context, PublicSeed};

const NAMES: [&str; 4] = [
    "a mask's integers",
    "a mask's residues",
    "a mask's values",
    "a product with a mask, before it is shown",
];

/// Proves, and tells what to look for while copies of all of it are there; waits before it drops them.
fn prove_something(meet: &dyn Fn(Vec<Needle>)) {
    let literal = ParamsLiteral {
        log_n: 11,
        q_bits: vec![47, 36, 36],
        p_bits: vec![48; 2],
        dnum: 3,
    };
    let params = Params::insecure_test(literal).unwrap();
    let context = Context::new(params.for_parties(2).unwrap().into()).unwrap();
    let (ring, session) = (context.ring(), Session::new(&context, [3; 32], 2).unwrap());
    let basis = ring.basis(2);
    let a = PublicSeed([4; 32]).expand(ring, basis, 0);
    let relation = Relation::new("wiped", ring, basis, 1, vec![1, 1])
        .with(0, 0, Factor::Minus(&a))
        .with(0, 1, Factor::One);
    let shape = Shape::new(11, 1, &[1, 1]).unwrap();
    let party = session.party(0).unwrap();
    let hash = binding(&session, party, &[5; 32], &relation, &[6; 32]);
    let witness = |_: usize| {
        let ternary = |k: usize| (0..shape.n()).map(move |i| (i * i * k / 7 % 3) as i64 - 1);
        let column = |k| Zeroizing::new(ternary(k).collect::<Vec<_>>());
        Ok(vec![column(3), column(5)])
    };
    // Memory for what is computed to compare: given back last, it is used first, and what the prover left stays as it is.
    let spare: Vec<Poly<Ntt>> = (0..8).map(|_| Poly::zero(ring, basis)).collect();
    let mut mask = Zeroizing::new(Vec::with_capacity(shape.n()));
    let proof = prove(&relation, &shape, &hash, &witness).unwrap();
    drop(spare);
    // A mask is a response less its shift. The last one, whose memory nothing of the proof used again.
    let shift = shifts(&shape, &proof.challenge, &witness).unwrap();
    let last = shape.repetitions() - 1;
    let pairs = proof.responses[last][0].iter().zip(shift[last][0].iter());
    mask.extend(pairs.map(|(z, shift)| z - i128::from(*shift)));
    let mut residues = Poly::from_wide(ring, basis, &mask).unwrap();
    residues.keep_secret();
    let values = residues.clone().into_ntt();
    let mut product = Poly::zero(ring, basis);
    product.keep_secret();
    product.inner_product_acc(&[(&a, &values)]);
    // From the middle, where no allocator keeps its lists.
    let middle = shape.n() / 2;
    let doubles = |poly: &[f64]| of_values(poly[middle..].iter().map(|x| x.to_le_bytes()));
    meet(vec![
        of_values(mask[middle..].iter().map(|x| x.to_le_bytes())),
        doubles(residues.limb(0)),
        doubles(values.limb(0)),
        doubles(product.limb(0)),
    ]);
}

#[test]
fn no_mask_is_left_in_memory() {
    let [before, after] = before_and_after(prove_something);
    // What is alive is found: the search works.
    for (name, count) in NAMES.iter().zip(&before) {
        assert!(*count > 0, "{name}: {before:?}");
    }
    for (name, count) in NAMES.iter().zip(after) {
        assert_eq!(count, 0, "{name}; alive: {before:?}");
    }
}
