//! The networks as torchvision defines them, layer by layer, with torchvision's tensor names.

use super::Architecture;
use super::layers::Activation::{None as Linear, Relu, Relu6};
use super::layers::{Activation, Conv, Layer, Names, Shape, Windows};
use super::weights::Weights;

/// Builds the layers before the global average.
pub(super) fn layers(architecture: Architecture, from: &mut Weights) -> Vec<Layer> {
    match architecture {
        Architecture::RegnetX400mf => regnet(from, &REGNET_X_400MF),
        Architecture::RegnetY400mf => regnet(from, &REGNET_Y_400MF),
        Architecture::Resnet18 => resnet18(from),
        Architecture::MobilenetV2 => mobilenet_v2(from),
        Architecture::Squeezenet10 => squeezenet1_0(from),
        Architecture::VelumCompact => super::compact::layers(from),
    }
}

/// A RegNet (Radosavovic et al., arXiv 2003.13678), as the list of its stages. torchvision
/// computes widths and depths from four parameters; here stand the results.
struct Regnet {
    /// Width and depth of every stage.
    stages: [(usize, usize); 4],
    /// Channels a group.
    group: usize,
    /// Squeeze and excitation, with a quarter of the block's input channels.
    gated: bool,
}

const REGNET_X_400MF: Regnet = Regnet {
    stages: [(32, 1), (64, 2), (160, 7), (400, 12)],
    group: 16,
    gated: false,
};
const REGNET_Y_400MF: Regnet = Regnet {
    stages: [(48, 1), (104, 3), (208, 6), (440, 6)],
    group: 8,
    gated: true,
};

fn regnet(from: &mut Weights, net: &Regnet) -> Vec<Layer> {
    let mut layers = vec![normed(from, "stem", Shape::new(3, 32, 3).stride(2), Relu)];
    let mut width_in = 32;
    for (stage, &(width, depth)) in (1..).zip(&net.stages) {
        for block in 0..depth {
            let name = format!("trunk_output.block{stage}.block{stage}-{block}");
            let stride = if block == 0 { 2 } else { 1 };
            let shortcut = (block == 0).then(|| {
                let shape = Shape::new(width_in, width, 1).stride(stride);
                Box::new(normed(from, &format!("{name}.proj"), shape, Linear))
            });
            let grouped = Shape::new(width, width, 3)
                .stride(stride)
                .groups(width / net.group);
            let mut body = vec![
                normed(
                    from,
                    &format!("{name}.f.a"),
                    Shape::new(width_in, width, 1),
                    Relu,
                ),
                normed(from, &format!("{name}.f.b"), grouped, Relu),
            ];
            if net.gated {
                let (name, squeezed) = (format!("{name}.f.se"), width_in / 4);
                let (to, back) = (
                    Shape::new(width, squeezed, 1),
                    Shape::new(squeezed, width, 1),
                );
                body.push(Layer::Gate {
                    squeeze: Conv::plain(from, &format!("{name}.fc1"), to, Relu),
                    excite: Conv::plain(from, &format!("{name}.fc2"), back, Linear),
                });
            }
            body.push(normed(
                from,
                &format!("{name}.f.c"),
                Shape::new(width, width, 1),
                Linear,
            ));
            layers.push(Layer::Residual {
                shortcut,
                body,
                relu: true,
            });
            width_in = width;
        }
    }
    layers
}

/// ResNet-18 (He et al., arXiv 1512.03385).
fn resnet18(from: &mut Weights) -> Vec<Layer> {
    let stem = Shape::new(3, 64, 7).stride(2);
    let mut layers = vec![
        Layer::Conv(Conv::folded(
            from,
            &Names {
                conv: "conv1",
                norm: "bn1",
            },
            stem,
            Relu,
        )),
        Layer::MaxPool(Windows {
            padding: 1,
            ceil: false,
        }),
    ];
    let mut width_in = 64;
    for (stage, width) in (1..).zip([64, 128, 256, 512]) {
        for block in 0..2 {
            let name = format!("layer{stage}.{block}");
            let changes = width != width_in;
            let stride = if changes { 2 } else { 1 };
            let shapes = [
                Shape::new(width_in, width, 3).stride(stride),
                Shape::new(width, width, 3),
            ];
            let body = (1..)
                .zip(shapes)
                .zip([Relu, Linear])
                .map(|((i, shape), then)| {
                    let (conv, norm) = (format!("{name}.conv{i}"), format!("{name}.bn{i}"));
                    let (conv, norm) = (&*conv, &*norm);
                    Layer::Conv(Conv::folded(from, &Names { conv, norm }, shape, then))
                });
            let body = body.collect();
            let shortcut = changes.then(|| {
                let shape = Shape::new(width_in, width, 1).stride(stride);
                Box::new(normed(from, &format!("{name}.downsample"), shape, Linear))
            });
            layers.push(Layer::Residual {
                shortcut,
                body,
                relu: true,
            });
            width_in = width;
        }
    }
    layers
}

/// MobileNetV2 (Sandler et al., arXiv 1801.04381, table 2).
fn mobilenet_v2(from: &mut Weights) -> Vec<Layer> {
    /// Expansion, output channels, repetitions, first stride.
    const BLOCKS: [(usize, usize, usize, usize); 7] = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ];
    let mut layers = vec![normed(
        from,
        "features.0",
        Shape::new(3, 32, 3).stride(2),
        Relu6,
    )];
    let mut width_in = 32;
    for (expansion, width, repetitions, first_stride) in BLOCKS {
        for repetition in 0..repetitions {
            let stride = if repetition == 0 { first_stride } else { 1 };
            let name = format!("features.{}.conv", layers.len());
            let hidden = width_in * expansion;
            let mut body = Vec::new();
            if expansion != 1 {
                let widen = Shape::new(width_in, hidden, 1);
                body.push(normed(from, &format!("{name}.0"), widen, Relu6));
            }
            let depthwise = Shape::new(hidden, hidden, 3).stride(stride).groups(hidden);
            body.push(normed(
                from,
                &format!("{name}.{}", body.len()),
                depthwise,
                Relu6,
            ));
            // The last convolution and its normalisation are siblings: `.1`, `.2` or `.2`, `.3`.
            let [conv, norm] = [0, 1].map(|i| format!("{name}.{}", body.len() + i));
            let narrow = Shape::new(hidden, width, 1);
            let (conv, norm) = (&*conv, &*norm);
            let names = Names { conv, norm };
            body.push(Layer::Conv(Conv::folded(from, &names, narrow, Linear)));
            layers.push(if stride == 1 && width == width_in {
                Layer::Residual {
                    shortcut: None,
                    body,
                    relu: false,
                }
            } else {
                Layer::Chain(body)
            });
            width_in = width;
        }
    }
    layers.push(normed(from, "features.18", Shape::new(320, 1280, 1), Relu6));
    layers
}

/// SqueezeNet 1.0 (Iandola et al., arXiv 1602.07360).
fn squeezenet1_0(from: &mut Weights) -> Vec<Layer> {
    let pool = Layer::MaxPool(Windows {
        padding: 0,
        ceil: true,
    });
    let stem = Shape::new(3, 96, 7).stride(2).padding(0);
    let mut layers = vec![
        Layer::Conv(Conv::plain(from, "features.0", stem, Relu)),
        pool.clone(),
    ];
    let mut width_in = 96;
    // Position among torchvision's `features`, squeezed channels, channels of each expansion.
    for (position, squeezed, width) in [
        (3, 16, 64),
        (4, 16, 64),
        (5, 32, 128),
        (7, 32, 128),
        (8, 48, 192),
        (9, 48, 192),
        (10, 64, 256),
        (12, 64, 256),
    ] {
        if matches!(position, 7 | 12) {
            layers.push(pool.clone());
        }
        let mut conv = |part: &str, shape| {
            Conv::plain(from, &format!("features.{position}.{part}"), shape, Relu)
        };
        layers.push(Layer::Fire {
            squeeze: conv("squeeze", Shape::new(width_in, squeezed, 1)),
            expand1x1: conv("expand1x1", Shape::new(squeezed, width, 1)),
            expand3x3: conv("expand3x3", Shape::new(squeezed, width, 3)),
        });
        width_in = 2 * width;
    }
    layers
}

/// Convolution `NAME.0` with the normalisation `NAME.1` folded in.
fn normed(from: &mut Weights, name: &str, shape: Shape, then: Activation) -> Layer {
    let (conv, norm) = (&*format!("{name}.0"), &*format!("{name}.1"));
    Layer::Conv(Conv::folded(from, &Names { conv, norm }, shape, then))
}
