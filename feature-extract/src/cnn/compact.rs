//! velum-compact: a small network of our own, its weights part of the crate.
//!
//! Six convolutions with ReLU on a grey picture of 24 x 24 values; the last one covers what is
//! left of the picture, so that features keep where a stroke is, which a global average forgets.
//! Trained on letters, without digits: see `weights/velum-compact.md`.

use super::layers::Activation::Relu;
use super::layers::{Conv, Layer, Shape};
use super::weights::Weights;
#[cfg(any(test, feature = "pretrain"))]
use crate::Error;

/// Side of the pictures.
pub(crate) const SIDE: usize = 24;

/// The weights, safetensors in f16.
pub(super) const WEIGHTS: &[u8] = include_bytes!("../../weights/velum-compact.safetensors");

/// One convolution, 3x3.
pub(crate) struct CompactConv {
    pub(crate) name: &'static str,
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl CompactConv {
    /// `[output, input, height, width]`.
    #[cfg(feature = "pretrain")]
    pub(crate) fn weight_shape(&self) -> [usize; 4] {
        [self.output, self.input, 3, 3]
    }
}

const fn conv(
    name: &'static str,
    channels: [usize; 2],
    stride: usize,
    padding: usize,
) -> CompactConv {
    CompactConv {
        name,
        input: channels[0],
        output: channels[1],
        stride,
        padding,
    }
}

/// The convolutions; each comment is the side of what comes out.
pub(crate) const CONVS: [CompactConv; 6] = [
    conv("conv1", [1, 32], 1, 1),    // 24
    conv("conv2", [32, 48], 2, 1),   // 12
    conv("conv3", [48, 64], 2, 1),   // 6
    conv("conv4", [64, 96], 1, 1),   // 6
    conv("conv5", [96, 128], 2, 1),  // 3
    conv("conv6", [128, 192], 1, 0), // 1
];

/// Number of features.
pub(crate) const FEATURES: usize = CONVS[CONVS.len() - 1].output;

pub(super) fn layers(from: &mut Weights) -> Vec<Layer> {
    let layer = |conv: &CompactConv| {
        let shape = Shape::new(conv.input, conv.output, 3);
        let shape = shape.stride(conv.stride).padding(conv.padding);
        Layer::Conv(Conv::plain(from, conv.name, shape, Relu))
    };
    CONVS.iter().map(layer).collect()
}

/// Pictures of the source task.
#[cfg(any(test, feature = "pretrain"))]
pub(crate) struct Letters<'a> {
    /// 8-bit pictures `[n, SIDE, SIDE]`.
    pub(crate) pictures: &'a [u8],
    /// Their letters, `n`.
    pub(crate) labels: &'a [u8],
}

/// Share of pictures whose letter is found.
#[cfg(any(test, feature = "pretrain"))]
pub(crate) fn source_accuracy(weights: &[u8], letters: &Letters<'_>) -> Result<f64, Error> {
    let &Letters { pictures, labels } = letters;
    let mut head = Weights::from_safetensors("velum-compact", weights)?;
    let classes = head.len_of("head.bias");
    let matrix = head.take("head.weight", &[classes, FEATURES, 1, 1]);
    let bias = head.take("head.bias", &[classes]);
    let extractor = super::Extractor::compact_from(weights)?;
    let mut right = 0;
    let batches = pictures.chunks(64 * SIDE * SIDE).zip(labels.chunks(64));
    for (pictures, labels) in batches {
        let planes = pictures.iter().map(|&p| f32::from(p) / 255.0).collect();
        let features = extractor.features_of_planes(planes)?;
        for (features, &label) in features.chunks_exact(FEATURES).zip(labels) {
            let scores = matrix.chunks_exact(FEATURES).zip(&bias).map(|(row, bias)| {
                bias + row.iter().zip(features).map(|(w, f)| w * f).sum::<f32>()
            });
            let best = scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            right += usize::from(best.is_some_and(|(class, _)| class == usize::from(label)));
        }
    }
    Ok(right as f64 / labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels of the committed slice, then its pictures.
    const SLICE: &[u8] = include_bytes!("../../weights/velum-compact-slice.bin");
    const RECORD: &str = include_str!("../../weights/velum-compact.json");

    #[test]
    fn weights_are_those_of_the_record_and_still_know_their_letters() {
        let record: serde_json::Value = serde_json::from_str(RECORD).unwrap();
        assert!(WEIGHTS.len() <= 1_000_000);
        let hash = blake3::hash(WEIGHTS).to_hex();
        assert_eq!(record["weights_blake3"], hash.as_str());
        let count = SLICE.len() / (SIDE * SIDE + 1);
        let (labels, pictures) = SLICE.split_at(count);
        assert_eq!(pictures.len(), count * SIDE * SIDE);
        let found = source_accuracy(WEIGHTS, &Letters { pictures, labels }).unwrap();
        let recorded = record["slice_accuracy"].as_f64().unwrap();
        // Other processors round in another order: two pictures may fall to the other side.
        assert!(
            (found - recorded).abs() <= 2.0 / count as f64,
            "{found}, not {recorded}"
        );
    }
}
