//! Limbwise operations against canonical integers.

use super::*;

fn prime(ring: &Ring, i: usize) -> u64 {
    if i < 3 {
        ring.q(i).value()
    } else {
        ring.special(i - 3).value()
    }
}

#[test]
fn limbwise_operations_agree_with_integers() {
    let ring = ring(6, 3, 1);
    let basis = ring.extended_basis(2);
    let [a, b, c] = [10, 11, 12].map(|seed| random(&ring, basis, seed));
    type Integers<'a> = &'a dyn Fn(&Modulus, u64, u64, u64) -> u64;
    let check = |apply: &dyn Fn(&mut Poly<Ntt>), f: Integers<'_>| {
        let mut found = a.clone();
        apply(&mut found);
        for i in 0..basis.limbs() {
            let m = found.modulus(i);
            let inputs = a
                .limb_canonical(i)
                .zip(b.limb_canonical(i))
                .zip(c.limb_canonical(i));
            assert!(
                found
                    .limb_canonical(i)
                    .eq(inputs.map(|((a, b), c)| f(m, a, b, c)))
            );
            assert!(found.limb(i).iter().all(|x| x.abs() <= 0.625 * m.p()));
        }
    };
    check(&|x| x.add_assign(&b), &|m, a, b, _| m.add(a, b));
    check(&|x| x.sub_assign(&b), &|m, a, b, _| m.sub(a, b));
    check(&|x| x.negate(), &|m, a, _, _| m.neg(a));
    check(&|x| x.mul_assign(&b), &|m, a, b, _| m.mul(a, b));
    check(&|x| *x = x.mul(&b), &|m, a, b, _| m.mul(a, b));
    check(
        &|x| x.inner_product_acc(&[(&b, &c), (&a, &a)]),
        &|m, a, b, c| m.add(a, m.add(m.mul(b, c), m.mul(a, a))),
    );
    let k = -(1i128 << 90) - 7;
    check(&|x| x.mul_integer(k), &|m, a, _, _| {
        m.mul(a, m.to_canonical(m.from_i128(k)))
    });
    check(&|x| x.mul_scalars(&[3, 4, 5, 6]), &|m, a, _, _| {
        let limb = (0..4).find(|i| prime(&ring, *i) == m.value()).unwrap();
        m.mul(a, 3 + limb as u64)
    });
}

#[test]
fn products_read_the_limbs_they_need_of_larger_bases() {
    let ring = ring(6, 4, 2);
    let (a, b) = (
        random(&ring, ring.extended_basis(1), 13),
        random(&ring, ring.extended_basis(3), 14),
    );
    let mut sum = Poly::zero(&ring, ring.extended_basis(1));
    sum.inner_product_acc(&[(&a, &b)]);
    let mut small = b.clone();
    small.drop_to_level(1);
    assert_eq!(small.basis(), a.basis());
    assert!(small.limb_canonical(2).eq(b.limb_canonical(4)));
    assert_eq!(sum.to_canonical(), a.mul(&small).to_canonical());
    small.drop_special();
    assert_eq!(small.basis(), ring.basis(1));
    assert!(small.limb_canonical(1).eq(b.limb_canonical(1)));
}

#[test]
fn bad_input_is_refused() {
    let ring = ring(6, 2, 0);
    let mut values = vec![0; 64];
    let mut poly = Poly::<Ntt>::zero(&ring, ring.basis(1));
    assert!(matches!(
        poly.set_limb_canonical(1, &[0; 128]),
        Err(RingError::Length {
            expected: 64,
            found: 128,
            ..
        })
    ));
    let q = ring.q(1).value();
    values[36] = q;
    assert_eq!(
        poly.set_limb_canonical(1, &values).unwrap_err(),
        RingError::NotCanonical {
            limb: 1,
            prime: q,
            found: q
        }
    );
    assert_eq!(
        Ring::new(6, &[q, q], &[]).unwrap_err(),
        RingError::Repeated { prime: q }
    );
    assert_eq!(Ring::new(6, &[], &[q]).unwrap_err(), RingError::NoPrimes);
    assert!(Poly::from_signed(&ring, ring.basis(1), &[0; 63]).is_err());
    assert_eq!(GaloisElement::from_exponent(6, 6), None);
    assert_eq!(GaloisElement::from_exponent(129, 6), None);
}
