//! The demonstration's images, their features by velum-compact, and the same training on their pixels.

use std::path::Path;

use feature_extract::cnn::Extractor;
use mlr_train::client::prepare::{Prepared, Recipe};
use mlr_train::data::{Description, FeatureSet, RowSelection, read, write_bundle};
use mlr_train::metrics;
use mlr_train::model::{Model, Provenance};
use ndarray::{Array2, Array3, Axis, concatenate};
use rayon::prelude::*;

use super::super::extract::Pictures;
use crate::face::failure::Failure;

/// 1,797 images of 8 x 8 pixels, label first (`cli/data/README.md`: source and licence).
const IMAGES: &[u8] = include_bytes!("../../../data/digits.csv.gz");
/// Height and width of an image.
const SIDE: usize = 8;
/// The brightest pixel.
const WHITE: f64 = 16.0;
/// Images that one thread takes at a time.
const SHARE: usize = 128;

/// The images as rows of pixels, in `folder` and in memory.
pub(super) fn pixels(folder: &Path) -> Result<FeatureSet, Failure> {
    let file = folder.join("digits.csv.gz");
    std::fs::write(&file, IMAGES).map_err(|error| Failure::io("write", &file, &error))?;
    Ok(read(&file, None)?)
}

/// The images' features by velum-compact, as the directory that `extract` would write.
pub(super) fn extract(pixels: &FeatureSet, out: &Path) -> Result<FeatureSet, Failure> {
    let extractor = Extractor::compact().map_err(Pictures)?;
    let values = pixels
        .features()
        .iter()
        .map(|&pixel| (pixel / WHITE) as f32);
    let shape = (pixels.rows(), SIDE, SIDE);
    let images = Array3::from_shape_vec(shape, values.collect()).map_err(internal)?;
    let shares: Vec<_> = images.axis_chunks_iter(Axis(0), SHARE).collect();
    // Every share is whole batches, so that the features do not depend on the threads.
    let found: Vec<Array2<f32>> = shares
        .into_par_iter()
        .map(|share| extractor.features_of(share))
        .collect::<Result<_, _>>()
        .map_err(Pictures)?;
    let found: Vec<_> = found.iter().map(|share| share.view()).collect();
    let features = concatenate(Axis(0), &found).map_err(internal)?;
    let labels = pixels.labels().to_vec();
    let set = FeatureSet::new(features.mapv(f64::from), labels, None, out)?;
    let description = Description {
        model: Some(extractor.architecture().name().to_owned()),
        weights_blake3: Some(extractor.weights_blake3().to_owned()),
        preprocessing: extractor.preprocessing().to_json().as_object().cloned(),
    };
    write_bundle(out, &set, &description)?;
    Ok(set)
}

fn internal(error: ndarray::ShapeError) -> Failure {
    Failure::input(format!("the embedded images do not fit: {error}")).at("demo")
}

/// Trains in clear on the rows `training` and returns the accuracy on the rows `testing`.
pub(super) fn clear_accuracy(
    set: &FeatureSet,
    training: &RowSelection,
    testing: &RowSelection,
    recipe: &Recipe,
    keep: usize,
    lambda: f64,
) -> Result<f64, Failure> {
    let rows = set.select(training)?.try_into()?;
    let prepared = Prepared::new(rows, recipe.clone(), keep, lambda)?;
    let (weights, intercept) = prepared
        .coordinates
        .fold_back(prepared.twin.weights.view())?;
    let provenance = Provenance {
        method: "whitened, in clear".to_owned(),
        encrypted: false,
        iterations: 0,
        training_rows: prepared.set.rows(),
        plan_blake3: None,
        certified_bits: None,
    };
    let model = Model::new(weights, intercept, None, provenance)?;
    let testing = set.select(testing)?;
    let scores = model.scores(testing.features().view())?;
    Ok(metrics::accuracy(scores.view(), testing.labels()))
}
