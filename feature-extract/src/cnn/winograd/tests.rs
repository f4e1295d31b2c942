use super::super::product::tests::numbers;
use super::super::product::{Parameters, Size, convolve, transposed};
use super::*;

/// Beside the products under every position, which are held against the definition: values and weights of at most 1.
fn check(shape: Shape, size: Size) {
    let [pictures, height, width] = size;
    let x = numbers(shape.input * pictures * height * width, 1);
    let weight = numbers(shape.weight().iter().product(), 2);
    let bias = numbers(shape.output, 3);
    let sides = [height, width].map(|side| shape.positions(side));
    let count = shape.output * pictures * sides[0] * sides[1];
    let [mut found, mut wanted] = [vec![f32::NAN; count], vec![f32::NAN; count]];
    let values = Values { x: &x, size };
    let kernels = Kernels::new(&shape, &weight);
    let finish = |v: f32| if v < 0.0 { 0.0 } else { v };
    kernels
        .convolve(&shape, &bias, values, finish, &mut found)
        .unwrap();
    let parameters = Parameters {
        weight: &transposed(&weight, shape.output),
        bias: &bias,
    };
    convolve(&shape, parameters, values, finish, &mut wanted).unwrap();
    // Every place of a product is at most 10^2 in the values (rows of B^T sum up to 10), 1 in the kernel (rows of G up to 1), summed over
    // the channels with as many roundings, and a few for each transform; A^T adds up at most 19^2 of them.
    let largest = 19.0 * 19.0 * 100.0 * shape.input as f32;
    let allowed = (shape.input as f32 + 16.0) * largest * f32::EPSILON / 2.0;
    let mut squares = 0.0;
    for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        let apart = (found - wanted).abs();
        assert!(
            apart <= allowed,
            "{found} for {wanted} at {at}: {shape:?}, {size:?}"
        );
        squares += f64::from(apart) * f64::from(apart);
    }
    // That is for the worst of signs. Rounding goes either way: twenty roundings of the usual size of a sum of 9 products a channel.
    // Products have a mean square of 1/9.
    let usual = (shape.input as f64).sqrt();
    let rms = (squares / count.max(1) as f64).sqrt();
    let few = 20.0 * usual * f64::from(f32::EPSILON) / 2.0;
    assert!(rms <= few, "{rms} beyond {few}: {shape:?}, {size:?}");
}

#[test]
fn equals_the_definition_at_every_size_and_padding() {
    for padding in [0, 1, 2] {
        for (height, width) in [(3, 3), (4, 4), (5, 9), (8, 8), (7, 13), (14, 14), (1, 6)] {
            let shape = Shape::new(3, 5, 3).padding(padding);
            if shape.positions(height) > 0 && shape.positions(width) > 0 {
                check(shape, [2, height, width]);
            }
        }
    }
}

#[test]
fn equals_the_definition_in_several_pieces() {
    check(Shape::new(64, 64, 3), [3, 28, 28]);
    check(Shape::new(40, 72, 3), [1, 56, 56]);
    check(Shape::new(256, 256, 3), [2, 14, 14]);
}

#[test]
fn too_few_values_are_refused() {
    let shape = Shape::new(2, 3, 3);
    let kernels = Kernels::new(&shape, &[1.0; 54]);
    let run = |x: usize, bias: usize, out: usize| {
        let values = Values {
            x: &vec![1.0; x],
            size: [1, 4, 4],
        };
        kernels
            .convolve(&shape, &vec![0.0; bias], values, |v| v, &mut vec![0.0; out])
            .is_ok()
    };
    assert!(run(32, 3, 48));
    assert!(!run(31, 3, 48));
    assert!(!run(32, 2, 48));
    assert!(!run(32, 3, 47));
}
