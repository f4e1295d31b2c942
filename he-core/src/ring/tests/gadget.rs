//! Products of digits and keys.

use super::*;

#[test]
fn gadget_products_are_sums_of_products_at_their_automorphisms() {
    // One block of values, and four.
    for log_n in [6, 12] {
        check_products(log_n);
    }
}

fn check_products(log_n: u32) {
    let ring = ring(log_n, 4, 2);
    let (all, own) = (ring.extended_basis(3), ring.extended_basis(1));
    let digits: Vec<_> = (0..2).map(|i| random(&ring, own, i)).collect();
    let keys: Vec<_> = (10..16).map(|i| random(&ring, all, i)).collect();
    let at = |mut k: Poly<Ntt>| {
        k.drop_to_level(1);
        k
    };
    for elements in [
        vec![None],
        vec![Some(5), None],
        vec![Some(25), Some(127), Some(5)],
    ] {
        let terms: Vec<_> = elements
            .iter()
            .zip(keys.windows(3))
            .map(|(g, k)| GadgetTerm {
                b: k[..2].iter().collect(),
                a: k[1..].iter().collect(),
                g: g.and_then(|g| GaloisElement::from_exponent(g, log_n)),
            })
            .collect();
        let (k0, k1) = gadget_product(&digits, &terms);
        for (found, first) in [(k0, 0), (k1, 1)] {
            let mut expected = Poly::zero(&ring, own);
            for (t, term) in terms.iter().enumerate() {
                let mut sum = Poly::zero(&ring, own);
                for (d, digit) in digits.iter().enumerate() {
                    sum.mul_acc(digit, &at(keys[t + first + d].clone()));
                }
                expected.add_assign(&term.g.map_or(sum.clone(), |g| sum.automorphism(g)));
            }
            assert_eq!(found.to_canonical(), expected.to_canonical());
        }
    }
}
