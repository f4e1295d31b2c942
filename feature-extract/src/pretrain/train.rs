//! The training itself: cross-entropy, Adam, two halves of a batch on two threads.

use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};

use super::distort::distorted;
use super::glyphs::{Glyphs, LETTERS};
use super::random::Random;
use super::{Recipe, SIDE};
use crate::cnn::compact::{CONVS, FEATURES};

/// Threads that share a batch; part of the recipe, since gradients are added in this order.
const PARTS: usize = 2;
/// Wrong classes get this share of the target together.
const SMOOTHING: f32 = 0.05;
const WEIGHT_DECAY: f32 = 1e-4;

/// Weights and biases in the order of [`CONVS`], then those of the classifier.
pub(super) struct Network {
    values: Vec<Vec<f32>>,
    shapes: Vec<Vec<usize>>,
    names: Vec<String>,
}

impl Network {
    /// Start weights: uniform with the variance 2 / fan-in of He et al. (arXiv 1502.01852).
    fn new(random: &mut Random) -> Self {
        let mut network = Self {
            values: Vec::new(),
            shapes: Vec::new(),
            names: Vec::new(),
        };
        let head = ("head", [LETTERS.len(), FEATURES, 1, 1]);
        let convs = CONVS.iter().map(|c| (c.name, c.weight_shape()));
        for (name, shape) in convs.chain([head]) {
            let fan_in: usize = shape[1..].iter().product();
            let bound = (6.0 / fan_in as f32).sqrt();
            let count = shape.iter().product();
            let weights = (0..count).map(|_| random.within(-bound, bound)).collect();
            network.push(format!("{name}.weight"), shape.to_vec(), weights);
            network.push(format!("{name}.bias"), vec![shape[0]], vec![0.0; shape[0]]);
        }
        network
    }

    fn push(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) {
        self.names.push(name);
        self.shapes.push(shape);
        self.values.push(values);
    }

    /// The weights, rounded to f16.
    pub(super) fn to_safetensors(&self) -> Vec<u8> {
        let halves: Vec<Vec<u8>> = self
            .values
            .iter()
            .zip(&self.shapes)
            .map(|(values, shape)| {
                let data = TensorData::new(values.clone(), shape.clone());
                data.convert_dtype(DType::F16).as_bytes().to_vec()
            })
            .collect();
        let views = self.names.iter().zip(&self.shapes).zip(&halves).filter_map(
            |((name, shape), bytes)| {
                let view = TensorView::new(Dtype::F16, shape.clone(), bytes).ok()?;
                Some((name.clone(), view))
            },
        );
        // Sizes agree by construction, the only thing that serialisation checks.
        safetensors::serialize(views, None).unwrap_or_default()
    }

    /// Loss of a part of a batch and its gradients.
    fn gradients(&self, pictures: Vec<f32>, labels: &[u8]) -> (f32, Vec<Vec<f32>>) {
        let device = Device::flex().autodiff();
        let count = labels.len();
        // Convolutions are four-dimensional, biases one-dimensional: two lists.
        let mut weights = Vec::new();
        let mut biases = Vec::new();
        for (pair, shapes) in self.values.chunks_exact(2).zip(self.shapes.chunks_exact(2)) {
            let weight = TensorData::new(pair[0].clone(), shapes[0].clone());
            let bias = TensorData::new(pair[1].clone(), shapes[1].clone());
            weights.push(Tensor::<4>::from_data(weight, &device).require_grad());
            biases.push(Tensor::<1>::from_data(bias, &device).require_grad());
        }
        let pictures = TensorData::new(pictures, [count, 1, SIDE, SIDE]);
        let mut x = Tensor::<4>::from_data(pictures, &device);
        for (index, conv) in CONVS.iter().enumerate() {
            let options = ConvOptions::new([conv.stride; 2], [conv.padding; 2], [1; 2], 1);
            x = relu(conv2d(
                x,
                weights[index].clone(),
                Some(biases[index].clone()),
                options,
            ));
        }
        let last = CONVS.len();
        let head = ConvOptions::new([1; 2], [0; 2], [1; 2], 1);
        let x = conv2d(x, weights[last].clone(), Some(biases[last].clone()), head);
        let classes = LETTERS.len();
        let log_shares = log_softmax(x.reshape([count, classes]), 1);
        let mut targets = vec![SMOOTHING / classes as f32; count * classes];
        for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
            row[usize::from(label)] += 1.0 - SMOOTHING;
        }
        let targets = Tensor::<2>::from_data(TensorData::new(targets, [count, classes]), &device);
        let loss = (log_shares * targets).sum().neg() / count as f32;
        let gradients = loss.backward();
        let mut found = Vec::with_capacity(self.values.len());
        for (weight, bias) in weights.iter().zip(&biases) {
            let weight = weight.grad(&gradients).map(|g| g.into_data());
            let bias = bias.grad(&gradients).map(|g| g.into_data());
            for gradient in [weight, bias] {
                let values = gradient.and_then(|g| g.try_into_vec::<f32>().ok());
                found.push(values.unwrap_or_default());
            }
        }
        let loss = loss.into_data().try_into_vec::<f32>().ok();
        (loss.map_or(f32::NAN, |l| l[0]), found)
    }
}

/// Trains from start weights.
pub(super) fn train(
    glyphs: &Glyphs,
    recipe: &Recipe,
    progress: &mut dyn FnMut(usize, f32),
) -> Network {
    let random = Random::new(recipe.seed);
    let mut network = Network::new(&mut random.fork(u64::MAX));
    let mut moments: Vec<[Vec<f32>; 2]> = network
        .values
        .iter()
        .map(|v| [vec![0.0; v.len()], vec![0.0; v.len()]])
        .collect();
    let part = recipe.batch / PARTS;
    for step in 0..recipe.steps {
        let results: Vec<(f32, Vec<Vec<f32>>)> = std::thread::scope(|scope| {
            let network = &network;
            let random = &random;
            let workers: Vec<_> = (0..PARTS)
                .map(|index| {
                    scope.spawn(move || {
                        let mut random = random.fork((step * PARTS + index) as u64);
                        let mut pictures = Vec::with_capacity(part * SIDE * SIDE);
                        let mut labels = Vec::with_capacity(part);
                        for _ in 0..part {
                            let (mask, label) = glyphs.draw(&mut random);
                            pictures.extend(distorted(mask, &mut random));
                            labels.push(label);
                        }
                        network.gradients(pictures, &labels)
                    })
                })
                .collect();
            workers
                .into_iter()
                .filter_map(|worker| worker.join().ok())
                .collect()
        });
        let done = step as f32 / recipe.steps as f32;
        let warm = (done * 20.0).min(1.0);
        let rate = recipe.learning_rate * warm * 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
        adam(&mut network, &mut moments, &results, rate, step as i32 + 1);
        let loss = results.iter().map(|(loss, _)| loss).sum::<f32>() / PARTS as f32;
        progress(step, loss);
    }
    network
}

/// One step of Adam with decoupled weight decay (Loshchilov, Hutter, arXiv 1711.05101).
fn adam(
    network: &mut Network,
    moments: &mut [[Vec<f32>; 2]],
    results: &[(f32, Vec<Vec<f32>>)],
    rate: f32,
    step: i32,
) {
    let (b1, b2) = (0.9f32, 0.98f32);
    let (c1, c2) = (1.0 - b1.powi(step), 1.0 - b2.powi(step));
    for (index, (values, [m, v])) in network.values.iter_mut().zip(moments).enumerate() {
        for at in 0..values.len() {
            let sum: f32 = results
                .iter()
                .map(|(_, gradients)| gradients[index][at])
                .sum();
            let gradient = sum / PARTS as f32;
            m[at] = b1 * m[at] + (1.0 - b1) * gradient;
            v[at] = b2 * v[at] + (1.0 - b2) * gradient * gradient;
            let change = (m[at] / c1) / ((v[at] / c2).sqrt() + 1e-8);
            values[at] -= rate * (change + WEIGHT_DECAY * values[at]);
        }
    }
}
