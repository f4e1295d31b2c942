//! The few layers of which the supported networks consist, for inference only.
//!
//! Batch normalisation does not appear: with fixed statistics it is an affine map per channel,
//! and folded into the convolution before it, exactly up to rounding:
//! `gamma (W x - mean) / sqrt(var + eps) + beta = (s W) x + (beta - s mean)` with
//! `s = gamma / sqrt(var + eps)`.

use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};

use super::weights::Weights;

/// The default of torch's `BatchNorm2d`, which all supported networks keep.
const BATCH_NORM_EPS: f64 = 1e-5;

/// What follows a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) enum Activation {
    None,
    Relu,
    Relu6,
}

/// Shape of a square convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    groups: usize,
}

impl Shape {
    /// Stride 1, one group, padding that keeps the size.
    pub(super) fn new(input: usize, output: usize, kernel: usize) -> Self {
        Self {
            input,
            output,
            kernel,
            stride: 1,
            padding: kernel / 2,
            groups: 1,
        }
    }

    pub(super) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub(super) fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    pub(super) fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    fn weight(&self) -> [usize; 4] {
        [
            self.output,
            self.input / self.groups,
            self.kernel,
            self.kernel,
        ]
    }
}

/// A convolution with bias and what follows it.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
    options: ConvOptions<2>,
    activation: Activation,
}

impl Conv {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub(super) fn plain(
        from: &mut Weights,
        name: &str,
        shape: Shape,
        then: Activation,
    ) -> Box<Self> {
        let weight = from.take(&format!("{name}.weight"), &shape.weight());
        let bias = from.take(&format!("{name}.bias"), &[shape.output]);
        Self::new(shape, weight, bias, then)
    }

    /// Takes `CONV.weight` and the four tensors of the batch normalisation `NORM`, folded.
    pub(super) fn folded(
        from: &mut Weights,
        (conv, norm): (&str, &str),
        shape: Shape,
        then: Activation,
    ) -> Box<Self> {
        let mut weight = from.take(&format!("{conv}.weight"), &shape.weight());
        let [gamma, beta, mean, var] = ["weight", "bias", "running_mean", "running_var"]
            .map(|part| from.take(&format!("{norm}.{part}"), &[shape.output]));
        if var.iter().any(|&v| v < 0.0) {
            from.refuse(&format!("{norm}.running_var"), "holds a negative variance");
        }
        let per_output = weight.len() / shape.output;
        let mut bias = Vec::with_capacity(shape.output);
        for (channel, weights) in weight.chunks_exact_mut(per_output).enumerate() {
            // In f64, so that folding costs no more than one rounding a weight.
            let scale =
                f64::from(gamma[channel]) / (f64::from(var[channel]) + BATCH_NORM_EPS).sqrt();
            weights
                .iter_mut()
                .for_each(|w| *w = (f64::from(*w) * scale) as f32);
            bias.push((f64::from(beta[channel]) - scale * f64::from(mean[channel])) as f32);
        }
        Self::new(shape, weight, bias, then)
    }

    fn new(shape: Shape, weight: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Box<Self> {
        let device = Device::flex();
        let options = ConvOptions::new([shape.stride; 2], [shape.padding; 2], [1; 2], shape.groups);
        let weight = Tensor::from_data(TensorData::new(weight, shape.weight()), &device);
        let bias = Tensor::from_data(TensorData::new(bias, [shape.output]), &device);
        Box::new(Self {
            weight,
            bias,
            options,
            activation,
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = conv2d(
            x,
            self.weight.clone(),
            Some(self.bias.clone()),
            self.options.clone(),
        );
        match self.activation {
            Activation::None => x,
            Activation::Relu => relu(x),
            Activation::Relu6 => x.clamp(0.0, 6.0),
        }
    }
}

/// One step of a network; a network is a list of them and a global average at the end.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    /// Convolution, normalisation, activation.
    Conv(Box<Conv>),
    /// Maximum over 3x3 windows, stride 2.
    MaxPool { padding: usize, ceil: bool },
    /// `shortcut(x) + body(x)`, then ReLU where asked for.
    Residual {
        shortcut: Option<Box<Layer>>,
        body: Vec<Layer>,
        relu: bool,
    },
    /// One after the other.
    Chain(Vec<Layer>),
    /// Squeeze and excitation (Hu et al., arXiv 1709.01507): every channel scaled by a gate
    /// computed from the means of all channels.
    Gate {
        squeeze: Box<Conv>,
        excite: Box<Conv>,
    },
    /// SqueezeNet's Fire module: two convolutions of one input, side by side.
    Fire {
        squeeze: Box<Conv>,
        expand1x1: Box<Conv>,
        expand3x3: Box<Conv>,
    },
}

impl Layer {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::MaxPool { padding, ceil } => {
                let options = MaxPoolOptions {
                    stride: [2; 2],
                    padding: [(*padding, *padding); 2],
                    ceil_mode: *ceil,
                    ..MaxPoolOptions::new([3; 2])
                };
                max_pool2d(x, options)
            }
            Self::Residual {
                shortcut,
                body,
                relu: last,
            } => {
                let short = shortcut
                    .as_ref()
                    .map_or_else(|| x.clone(), |c| c.forward(x.clone()));
                let sum = forward(body, x) + short;
                if *last { relu(sum) } else { sum }
            }
            Self::Chain(layers) => forward(layers, x),
            Self::Gate { squeeze, excite } => {
                let means = x.clone().mean_dim(3).mean_dim(2);
                x * sigmoid(excite.forward(squeeze.forward(means)))
            }
            Self::Fire {
                squeeze,
                expand1x1,
                expand3x3,
            } => {
                let x = squeeze.forward(x);
                Tensor::cat(vec![expand1x1.forward(x.clone()), expand3x3.forward(x)], 1)
            }
        }
    }
}

/// Runs the layers one after the other.
pub(super) fn forward(layers: &[Layer], x: Tensor<4>) -> Tensor<4> {
    layers.iter().fold(x, |x, layer| layer.forward(x))
}
