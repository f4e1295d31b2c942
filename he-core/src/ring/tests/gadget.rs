//! Products of digits and keys.

use super::*;
use crate::arith::slices;

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
        let [k0, k1] = gadget_product(Digits::Made(&digits), &terms, None);
        for (found, first) in [(k0, 0), (k1, 1)] {
            let mut expected = Poly::zero(&ring, own);
            for (t, term) in terms.iter().enumerate() {
                let mut sum = Poly::zero(&ring, own);
                for (d, digit) in digits.iter().enumerate() {
                    sum.inner_product_acc(&[(digit, &at(keys[t + first + d].clone()))]);
                }
                expected.add_assign(&term.g.map_or(sum.clone(), |g| sum.automorphism(g)));
            }
            assert_eq!(found.to_canonical(), expected.to_canonical());
        }
    }
}

/// In one go and step by step: the same residues, whatever is done besides. One row, and several.
#[test]
fn quotients_are_products_that_are_divided() {
    for (log_n, level) in [(6, 3), (6, 1), (12, 2), (13, 3), (15, 2)] {
        let ring = ring(log_n, 4, 2);
        let (whole, kept) = (ring.basis(level), ring.basis(level - 1));
        let keys: Vec<_> = (10..14)
            .map(|i| random(&ring, ring.extended_basis(3), i))
            .collect();
        let poly = random(&ring, whole, 20);
        let [d0, d1] = [21, 22].map(|i| random(&ring, whole, i));
        let [c0, c1] = [23, 24].map(|i| random(&ring, kept, i));
        let g = |e: u64| GaloisElement::from_exponent(e, log_n);
        let digits = poly.decompose(2);
        for elements in [vec![None], vec![g(25), None], vec![g(5), g(127)]] {
            let terms: Vec<_> = elements
                .iter()
                .enumerate()
                .map(|(t, g)| GadgetTerm {
                    b: keys[t..t + 2].iter().collect(),
                    a: keys[t + 1..t + 3].iter().collect(),
                    g: *g,
                })
                .collect();
            let product = || gadget_product(Digits::Made(&digits), &terms, None);
            assert_eq!(
                product().map(|k| k.to_canonical()),
                gadget_product(Digits::Of(&poly, 2), &terms, None).map(|k| k.to_canonical())
            );
            let special = |i: usize| ring.q(i).product((0..2).map(|j| ring.special(j).value()));
            let with_before = |mut k: Poly<Ntt>, d: &Poly<Ntt>| {
                let scalars: Vec<u64> = (0..=level).map(special).collect();
                let mut d = d.clone();
                d.mul_scalars(&scalars);
                for i in 0..=level {
                    let m = *k.modulus(i);
                    slices::add_assign(&m, k.limb_mut(i), d.limb(i));
                }
                k
            };
            let [k0, k1] = product();
            let rescaled = [with_before(k0, &d0), with_before(k1, &d1)].map(|k| {
                let mut quotient = divided(k, 1);
                quotient.add_assign(&c0);
                quotient
                    .automorphism(GaloisElement::rotation(3, log_n))
                    .to_canonical()
            });
            let plain = product().map(|k| divided(k, 0).to_canonical());
            for digits in [Digits::Made(&digits), Digits::Of(&poly, 2)] {
                let division = Division {
                    before: Some([&d0, &d1]),
                    after: [Some(&c0), Some(&c0)],
                    automorphism: Some(GaloisElement::rotation(3, log_n)),
                    ..Division::by(1)
                };
                let found = gadget_quotient(digits, &terms, &division);
                assert_eq!(found.map(|k| k.to_canonical()), rescaled, "log_n {log_n}");
                let found = gadget_quotient(digits, &terms, &Division::by(0));
                assert_eq!(found.map(|k| k.to_canonical()), plain, "log_n {log_n}");
            }
            // In place, and a sum that is there already.
            let division = Division {
                after: [None, Some(&c1)],
                ..Division::by(1)
            };
            let twice = gadget_product(Digits::Of(&poly, 2), &terms, Some(product()));
            let mut expected = product().map(|mut k| {
                k.add_assign(&k.clone());
                divided(k, 1)
            });
            expected[1].add_assign(&c1);
            let found = divide_polys(twice, &division);
            assert_eq!(
                found.map(|k| k.to_canonical()),
                expected.map(|k| k.to_canonical())
            );
        }
    }
}

/// Both halves are small integers whose sum is the digit that was cut: also modulo primes that are shorter than them, and in several tiles.
#[test]
fn the_first_digit_in_two_halves_is_the_digit() {
    for (log_n, bits) in [(6, 36), (6, 20), (13, 36)] {
        let q0 = ntt_primes(48, log_n, 1, &[]).unwrap();
        let mut chain = q0.clone();
        chain.extend(ntt_primes(bits, log_n, 2, &[]).unwrap());
        let special = ntt_primes(47, log_n, 1, &[]).unwrap();
        let ring = Ring::new(log_n, &chain, &special).unwrap();
        let poly = random(&ring, ring.basis(2), 12);
        let digits = poly.decompose(1);
        let basis = ring.extended_basis(2);
        let constant = |c: i64| {
            let mut numbers = vec![0; ring.degree()];
            numbers[0] = c;
            Poly::from_signed(&ring, basis, &numbers)
                .unwrap()
                .into_ntt()
        };
        // Factors of the high half, the low one, and of the other two digits.
        let product = |factors: [[i64; 4]; 2]| {
            let [b, a] = factors.map(|factors| factors.map(constant));
            let (b, a) = (b.iter().collect(), a.iter().collect());
            gadget_product(
                Digits::Halved(&poly, 24),
                &[GadgetTerm { b, a, g: None }],
                None,
            )
        };
        let [whole, other] = product([[1 << 24, 1, 0, 0], [0, 0, 0, 1]]);
        assert_eq!(whole.to_canonical(), digits[0].to_canonical());
        assert_eq!(other.to_canonical(), digits[2].to_canonical());
        for half in product([[1, 0, 0, 0], [0, 1, 0, 0]]) {
            let half = lift(&half.into_coeff());
            assert!(half.iter().all(|x| x.magnitude() <= &(1u32 << 23).into()));
        }
    }
}
