//! The few layers of which the supported networks consist, for inference only.
//!
//! Batch normalisation does not appear: with fixed statistics it is an affine map per channel,
//! and folded into the convolution before it, exactly up to rounding:
//! `gamma (W x - mean) / sqrt(var + eps) + beta = (s W) x + (beta - s mean)` with
//! `s = gamma / sqrt(var + eps)`.

use burn::tensor::{Tensor, TensorData};
use ndarray::ShapeError;

use super::planes;
pub(super) use super::pool::Windows;
use super::pool::max_pool;
pub(super) use super::product::Shape;
use super::product::{Parameters, Values};
use super::weights::Weights;
use super::winograd::Kernels;
use super::{depthwise, product};

/// The default of torch's `BatchNorm2d`, which all supported networks keep.
const BATCH_NORM_EPS: f64 = 1e-5;

/// What follows a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) enum Activation {
    None,
    Relu,
    Relu6,
}

/// What a convolution and its normalisation are called.
pub(super) struct Names<'a> {
    pub(super) conv: &'a str,
    pub(super) norm: &'a str,
}

/// A convolution with bias and what follows it.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    shape: Shape,
    weight: Vec<f32>,
    /// The weights in another form, where the convolution is done with that.
    kernels: Option<Kernels>,
    bias: Vec<f32>,
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
        names: &Names<'_>,
        shape: Shape,
        then: Activation,
    ) -> Box<Self> {
        let Names { conv, norm } = names;
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
        Box::new(Self {
            shape,
            weight,
            kernels: None,
            bias,
            activation,
        })
    }

    /// Brings the weights into the form in which they are multiplied.
    fn prepare(&mut self) {
        if Kernels::are_for(&self.shape) {
            self.kernels = Some(Kernels::new(&self.shape, &self.weight));
            self.weight = vec![];
        } else if !self.shape.is_depthwise() {
            self.weight = product::transposed(&self.weight, self.shape.output);
        }
    }

    /// Shape of what [`Conv::write`] makes of values of shape `from`.
    fn makes(&self, from: [usize; 4]) -> [usize; 4] {
        let [_, pictures, height, width] = from;
        let sides = [height, width].map(|side| self.shape.positions(side));
        [self.shape.output, pictures, sides[0], sides[1]]
    }

    /// The convolution of `x`, of shape `from`, written to `out`.
    fn write(&self, x: &[f32], from: [usize; 4], out: &mut [f32]) -> Result<(), String> {
        let parameters = Parameters {
            weight: &self.weight,
            bias: &self.bias,
        };
        let size = [from[1], from[2], from[3]];
        let values = Values { x, size };
        match self.activation {
            Activation::None => self.finished(parameters, values, |v| v, out),
            Activation::Relu => {
                self.finished(parameters, values, |v| if v < 0.0 { 0.0 } else { v }, out)
            }
            Activation::Relu6 => self.finished(parameters, values, |v| v.clamp(0.0, 6.0), out),
        }
        .map_err(|error| error.to_string())
    }

    fn finished(
        &self,
        parameters: Parameters<'_>,
        values: Values<'_>,
        finish: impl Fn(f32) -> f32 + Copy,
        out: &mut [f32],
    ) -> Result<(), ShapeError> {
        if let Some(kernels) = &self.kernels {
            kernels.convolve(&self.shape, &self.bias, values, finish, out)
        } else if self.shape.is_depthwise() {
            depthwise::convolve(&self.shape, parameters, values, finish, out)
        } else {
            product::convolve(&self.shape, parameters, values, finish, out)
        }
    }

    fn forward(&self, x: Tensor<4>) -> Result<Tensor<4>, String> {
        side_by_side(&[self], x)
    }
}

/// Convolutions of one input, their outputs one after the other.
fn side_by_side(convolutions: &[&Conv], x: Tensor<4>) -> Result<Tensor<4>, String> {
    let (from, device) = (x.dims(), x.device());
    let data = x.into_data();
    let values = data.as_slice::<f32>().map_err(|error| error.to_string())?;
    let shapes: Vec<_> = convolutions.iter().map(|conv| conv.makes(from)).collect();
    let lengths = shapes.iter().map(|shape| shape.iter().product::<usize>());
    let mut out = vec![0.0; lengths.clone().sum()];
    let mut rest = &mut *out;
    for (conv, length) in convolutions.iter().zip(lengths) {
        let (own, others) = rest.split_at_mut(length);
        conv.write(values, from, own)?;
        rest = others;
    }
    let [_, pictures, height, width] = shapes[0];
    let channels = shapes.iter().map(|shape| shape[0]).sum();
    let data = TensorData::new(out, [channels, pictures, height, width]);
    Ok(Tensor::from_data(data, &device))
}

fn pooled(windows: Windows, x: Tensor<4>) -> Result<Tensor<4>, String> {
    let ([channels, pictures, height, width], device) = (x.dims(), x.device());
    let data = x.into_data();
    let values = data.as_slice::<f32>().map_err(|error| error.to_string())?;
    let out = max_pool(windows, values, [height, width]);
    let [height, width] = [height, width].map(|side| windows.along(side));
    let data = TensorData::new(out, [channels, pictures, height, width]);
    Ok(Tensor::from_data(data, &device))
}

/// One step of a network; a network is a list of them and a global average at the end.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    /// Convolution, normalisation, activation.
    Conv(Box<Conv>),
    /// Maximum over 3x3 windows, stride 2.
    MaxPool(Windows),
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
    /// Once, before the first [`forward`]: not where tensors are found, since a file that lacks some is refused before anything is made of the others.
    pub(super) fn prepare(&mut self) {
        match self {
            Self::Conv(conv) => conv.prepare(),
            Self::MaxPool(_) => {}
            Self::Residual { shortcut, body, .. } => {
                shortcut.iter_mut().for_each(|layer| layer.prepare());
                body.iter_mut().for_each(Self::prepare);
            }
            Self::Chain(layers) => layers.iter_mut().for_each(Self::prepare),
            Self::Gate { squeeze, excite } => [squeeze, excite]
                .into_iter()
                .for_each(|conv| conv.prepare()),
            Self::Fire {
                squeeze,
                expand1x1,
                expand3x3,
            } => [squeeze, expand1x1, expand3x3]
                .into_iter()
                .for_each(|conv| conv.prepare()),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Result<Tensor<4>, String> {
        Ok(match self {
            Self::Conv(conv) => conv.forward(x)?,
            Self::MaxPool(windows) => pooled(*windows, x)?,
            Self::Residual {
                shortcut,
                body,
                relu: last,
            } => {
                let short = match shortcut {
                    Some(layer) => layer.forward(x.clone())?,
                    None => x.clone(),
                };
                planes::sum(forward(body, x)?, short, *last)?
            }
            Self::Chain(layers) => forward(layers, x)?,
            Self::Gate { squeeze, excite } => {
                let means = planes::means(x.clone())?;
                let gates = excite.forward(squeeze.forward(means)?)?;
                planes::scaled(x, gates)?
            }
            Self::Fire {
                squeeze,
                expand1x1,
                expand3x3,
            } => side_by_side(&[expand1x1, expand3x3], squeeze.forward(x)?)?,
        })
    }
}

/// Runs the layers one after the other on values `[channels, pictures, height, width]`.
pub(super) fn forward(layers: &[Layer], x: Tensor<4>) -> Result<Tensor<4>, String> {
    layers.iter().try_fold(x, |x, layer| layer.forward(x))
}
