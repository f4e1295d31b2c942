//! How the weights of velum-compact are made: letters, rendered from free fonts and distorted,
//! told apart by a small network. No digit is among them.
//!
//! Only `cargo xtask pretrain` builds this module. The recipe is deterministic: the same fonts,
//! seed and settings give the same weights, whatever the number of threads.

mod distort;
mod glyphs;
mod random;
mod train;

use std::path::Path;

use crate::Error;
use crate::cnn::compact::SIDE;
use crate::cnn::compact::{Letters, source_accuracy};
use distort::distorted;
use glyphs::Glyphs;
pub use glyphs::LETTERS;
use random::Random;

/// Settings of a run.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Seed of everything random.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    /// Pictures a step.
    pub batch: usize,
    /// Largest learning rate; it rises over the first twentieth and falls as a cosine.
    pub learning_rate: f32,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 20_230_403,
            steps: 1_600,
            batch: 64,
            learning_rate: 2e-3,
        }
    }
}

/// Pictures on which the accuracy is taken.
const TESTED: usize = 1_024;
/// The first of them, which are committed.
const SLICE: usize = 256;

/// What a run gives.
pub struct Outcome {
    /// The weights as safetensors, f16.
    pub weights: Vec<u8>,
    /// Their hash, in hexadecimal.
    pub weights_blake3: String,
    /// Share of right letters on pictures the training never saw, from fonts it never saw.
    pub accuracy: f64,
    /// The same on the committed slice.
    pub slice_accuracy: f64,
    /// The slice committed beside the weights: 8-bit pictures `[n, 24, 24]` and labels.
    pub slice: (Vec<u8>, Vec<u8>),
    /// Names of the fonts that were used, for training and for testing.
    pub fonts: [Vec<String>; 2],
}

/// Trains velum-compact on the fonts below `fonts`; `progress` gets the step and the loss.
///
/// # Errors
/// [`Error::Io`]; [`Error::Input`] when fewer than 10 fonts are found.
pub fn pretrain(
    fonts: &Path,
    recipe: &Recipe,
    progress: &mut dyn FnMut(usize, f32),
) -> Result<Outcome, Error> {
    let glyphs = Glyphs::load(fonts)?;
    // Every eighth font is kept for testing.
    let (test, training) = glyphs.split(8);
    let network = train::train(&training, recipe, progress);
    let (mut pictures, mut labels) = samples(&test, Random::new(recipe.seed ^ 1), TESTED);
    let weights = network.to_safetensors();
    let accuracy_on =
        |pictures: &[u8], labels: &[u8]| source_accuracy(&weights, &Letters { pictures, labels });
    let accuracy = accuracy_on(&pictures, &labels)?;
    pictures.truncate(SLICE * SIDE * SIDE);
    labels.truncate(SLICE);
    let slice_accuracy = accuracy_on(&pictures, &labels)?;
    let slice = (pictures, labels);
    let weights_blake3 = blake3::hash(&weights).to_hex().to_string();
    let fonts = [training.names(), test.names()];
    Ok(Outcome {
        weights,
        accuracy,
        slice_accuracy,
        weights_blake3,
        slice,
        fonts,
    })
}

/// Distorted letters as 8-bit pictures `[count, SIDE, SIDE]`, and their labels.
fn samples(glyphs: &Glyphs, mut random: Random, count: usize) -> (Vec<u8>, Vec<u8>) {
    let mut pictures = Vec::with_capacity(count * SIDE * SIDE);
    let mut labels = Vec::with_capacity(count);
    for _ in 0..count {
        let (mask, label) = glyphs.draw(&mut random);
        let values = distorted(mask, &mut random);
        pictures.extend(values.iter().map(|v| (v * 255.0).round() as u8));
        labels.push(label);
    }
    (pictures, labels)
}
