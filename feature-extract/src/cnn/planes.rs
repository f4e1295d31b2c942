//! What is done value by value between convolutions: sums, gates, means of planes.
//!
//! burn's backend does these as well, an operation at a time; it is compiled for a short build, and this is not.

use burn::tensor::{Device, Tensor, TensorData};

/// Shape and values of a tensor.
fn parts(x: Tensor<4>) -> Result<([usize; 4], Device, Vec<f32>), String> {
    let (shape, device) = (x.dims(), x.device());
    let values = x.into_data().try_into_vec::<f32>();
    Ok((shape, device, values.map_err(|error| error.to_string())?))
}

fn tensor(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `x + y`, negative values as 0 where `relu` says so. Both of one shape.
pub(super) fn sum(x: Tensor<4>, y: Tensor<4>, relu: bool) -> Result<Tensor<4>, String> {
    let (shape, device, mut values) = parts(x)?;
    let (other, _, others) = parts(y)?;
    if shape != other {
        return Err(format!("a sum of {shape:?} and {other:?}"));
    }
    let pairs = values.iter_mut().zip(&others);
    if relu {
        pairs.for_each(|(a, b)| *a = if *a + b < 0.0 { 0.0 } else { *a + b });
    } else {
        pairs.for_each(|(a, b)| *a += b);
    }
    Ok(tensor(values, shape, &device))
}

/// Of every plane its mean: `[channels, pictures, 1, 1]`.
pub(super) fn means(x: Tensor<4>) -> Result<Tensor<4>, String> {
    let ([channels, pictures, height, width], device) = (x.dims(), x.device());
    let data = x.into_data();
    let values = data.as_slice::<f32>().map_err(|error| error.to_string())?;
    let means = values.chunks_exact(height * width).map(mean).collect();
    Ok(tensor(means, [channels, pictures, 1, 1], &device))
}

/// In eight sums side by side, as many as a vector has, and with less rounding than one.
fn mean(plane: &[f32]) -> f32 {
    let eight = plane.chunks_exact(8);
    let rest: f32 = eight.remainder().iter().sum();
    let mut sums = [0.0; 8];
    for values in eight {
        sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
    }
    (sums.iter().sum::<f32>() + rest) / plane.len() as f32
}

/// Every plane of `x` times the logistic function of its gate: `gates` is `[channels, pictures, 1, 1]`.
pub(super) fn scaled(x: Tensor<4>, gates: Tensor<4>) -> Result<Tensor<4>, String> {
    let (shape, device, mut values) = parts(x)?;
    let (_, _, gates) = parts(gates)?;
    if gates.len() != shape[0] * shape[1] {
        return Err(format!("{} gates of {shape:?}", gates.len()));
    }
    let planes = values.chunks_exact_mut(shape[2] * shape[3]);
    for (plane, gate) in planes.zip(gates) {
        let gate = 1.0 / (1.0 + (-gate).exp());
        plane.iter_mut().for_each(|value| *value *= gate);
    }
    Ok(tensor(values, shape, &device))
}

/// Two first axes exchanged: values of shape `[a, b, n]` as `[b, a, n]`, `n` of them as they stand. Sizes are positive.
pub(super) fn exchanged(values: &[f32], axes: [usize; 2]) -> Vec<f32> {
    let [a, b] = axes;
    let each = values.len() / (a * b);
    let mut out = Vec::with_capacity(values.len());
    for second in 0..b {
        for first in 0..a {
            let at = (first * b + second) * each;
            out.extend_from_slice(&values[at..at + each]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation::{relu, sigmoid};

    use super::*;

    fn numbers(shape: [usize; 4], seed: usize) -> Tensor<4> {
        let values = super::super::product::tests::numbers(shape.iter().product(), seed);
        tensor(values, shape, &Device::flex())
    }

    fn assert_near(found: Tensor<4>, wanted: Tensor<4>, allowed: f32) {
        let (shape, _, found) = parts(found).unwrap();
        let (other, _, wanted) = parts(wanted).unwrap();
        assert_eq!(shape, other);
        for (a, b) in found.iter().zip(&wanted) {
            assert!((a - b).abs() <= allowed, "{a} for {b}");
        }
    }

    #[test]
    fn equals_burn() {
        for shape in [[3, 2, 5, 7], [1, 1, 1, 1], [4, 3, 1, 9], [2, 4, 56, 56]] {
            let (x, y) = (numbers(shape, 1), numbers(shape, 2));
            // One addition each: the same bits.
            let both = x.clone() + y.clone();
            assert_near(sum(x.clone(), y.clone(), false).unwrap(), both.clone(), 0.0);
            assert_near(sum(x.clone(), y.clone(), true).unwrap(), relu(both), 0.0);
            // Sums of n values of at most 1: n roundings of 2^-24 of a partial sum of at most n each, divided by n.
            let n = (shape[2] * shape[3]) as f32;
            let mean = x.clone().mean_dim(3).mean_dim(2);
            assert_near(means(x.clone()).unwrap(), mean, n * f32::EPSILON);
            let gates = numbers([shape[0], shape[1], 1, 1], 3);
            let gated = x.clone() * sigmoid(gates.clone());
            assert_near(scaled(x, gates).unwrap(), gated, 8.0 * f32::EPSILON);
            let values = parts(y.clone()).unwrap().2;
            let swapped = exchanged(&values, [shape[0], shape[1]]);
            let to = [shape[1], shape[0], shape[2], shape[3]];
            let swapped = tensor(swapped, to, &Device::flex());
            assert_near(swapped, y.swap_dims(0, 1), 0.0);
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let x = numbers([2, 3, 4, 4], 1);
        assert!(sum(x.clone(), numbers([2, 3, 4, 5], 1), true).is_err());
        assert!(scaled(x, numbers([3, 3, 1, 1], 1)).is_err());
    }
}
