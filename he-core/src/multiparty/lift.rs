//! The same integers over more primes, exactly.

use crate::ring::{Coeff, Poly, RingError};

/// The integers of absolute value below half the product of `poly`'s primes that it has the residues of, over `q_0 .. q_level`.
///
/// In balanced mixed radix (Garner): x = v_0 + v_1 q_0 + v_2 q_0 q_1 + .., |v_i| <= (q_i - 1)/2, which reaches exactly the balanced range; then the same sum modulo each prime
/// that is new. `l (l + level) / 2` products of integers a coefficient.
pub(super) fn raise(poly: &Poly<Coeff>, level: usize) -> Result<Poly<Coeff>, RingError> {
    let ring = poly.ring();
    let (limbs, n) = (poly.level() + 1, ring.degree());
    let residues: Vec<Vec<u64>> = (0..limbs)
        .map(|i| poly.limb_canonical(i).collect())
        .collect();
    // digits[i][c]: v_i of coefficient c.
    let mut digits: Vec<Vec<i64>> = Vec::with_capacity(limbs);
    for (i, own) in residues.iter().enumerate() {
        let q = ring.q(i);
        let radix: Vec<u64> = (0..i)
            .map(|j| q.product((0..j).map(|k| ring.q(k).value())))
            .collect();
        let scale = q.inv(q.product((0..i).map(|k| ring.q(k).value())));
        let digit = |c: usize| {
            let below = (0..i).fold(0, |sum, j| {
                let v = digits[j][c].rem_euclid(q.value() as i64) as u64;
                q.add(sum, q.mul(v, radix[j]))
            });
            // Primes have at most 48 bits.
            q.to_balanced(q.mul(q.sub(own[c], below), scale)) as i64
        };
        let own_digits = (0..n).map(digit).collect();
        digits.push(own_digits);
    }
    let mut out = Poly::zero(ring, ring.basis(level));
    for (i, own) in residues.iter().enumerate() {
        out.set_limb_canonical(i, own)?;
    }
    for i in limbs..=level {
        let q = ring.q(i);
        let radix: Vec<u64> = (0..limbs)
            .map(|j| q.product((0..j).map(|k| ring.q(k).value())))
            .collect();
        let value = |c: usize| {
            (0..limbs).fold(0, |sum, j| {
                let v = digits[j][c].rem_euclid(q.value() as i64) as u64;
                q.add(sum, q.mul(v, radix[j]))
            })
        };
        out.set_limb_canonical(i, &(0..n).map(value).collect::<Vec<_>>())?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Params, ParamsLiteral};
    use crate::rlwe::Context;

    #[test]
    fn integers_of_either_sign_keep_their_value() {
        let literal = ParamsLiteral {
            log_n: 10,
            q_bits: vec![40, 30, 30, 36],
            p_bits: vec![46],
            dnum: 4,
        };
        let params = Params::insecure_test(literal).unwrap();
        let context = Context::new(params.into()).unwrap();
        let ring = context.ring();
        let q: i128 = (0..2).map(|i| i128::from(ring.q(i).value())).product();
        let mut numbers: Vec<i128> = (0..1024).map(|i| (i - 512) * (q / 1025)).collect();
        numbers[0] = (q - 1) / 2;
        numbers[1] = -(q - 1) / 2;
        numbers[2] = 0;
        numbers[3] = -1;
        let low = Poly::from_wide(ring, ring.basis(1), &numbers).unwrap();
        let high = Poly::from_wide(ring, ring.basis(3), &numbers).unwrap();
        assert_eq!(raise(&low, 3).unwrap().to_canonical(), high.to_canonical());
        assert_eq!(raise(&low, 1).unwrap().to_canonical(), low.to_canonical());
    }
}
