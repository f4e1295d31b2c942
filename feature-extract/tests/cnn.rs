//! The networks against torch on weights given by a formula, and what broken checkpoints say.
//! `fixtures/make.py` is the other half.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod legacy;

use std::path::{Path, PathBuf};

use feature_extract::cnn::{Architecture, Extractor};
use feature_extract::preprocess::{Normalisation, Preprocessing};
use feature_extract::{Channels, Error};
use safetensors::tensor::{Dtype, TensorView};

/// Number of pictures, and height and width: neither even nor equal, so that a wrong padding,
/// a swap of axes or a wrong rounding mode of a pool shows.
const PICTURES: usize = 2;
const SIZE: [usize; 2] = [97, 75];

/// Values of [0, 1), multiples of 2^-24: SplitMix64 over a counter, seeded by the name's FNV-1a.
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (1..=count as u64).map(move |i| {
        let z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f64 * 2f64.powi(-24)
    })
}

type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

/// The tensors an architecture asks for, as an empty checkpoint makes it say.
fn tensors(architecture: Architecture, scratch: &Path) -> Tensors {
    let empty = write(scratch, "empty", &Vec::new());
    let Err(Error::Weights { tensors, .. }) = Extractor::load(architecture, &empty) else {
        panic!("an empty checkpoint must not load");
    };
    assert_eq!(
        (tensors.missing.len(), tensors.found),
        (architecture.tensors(), 0)
    );
    tensors.missing.iter().map(|text| tensor(text)).collect()
}

/// Values of one tensor, given as "name [shape]".
fn tensor(text: &str) -> (String, Vec<usize>, Vec<f32>) {
    let (name, shape) = text.trim_end_matches(']').split_once(" [").unwrap();
    let shape: Vec<usize> = shape.split(", ").map(|s| s.parse().unwrap()).collect();
    let fan_in = shape[1..].iter().product::<usize>() as f64;
    let values = uniform(name, shape.iter().product()).map(|u| {
        let value = if name.ends_with("running_var") {
            0.5 + u
        } else if name.ends_with("running_mean") || name.ends_with("bias") {
            0.4 * u - 0.2
        } else if shape.len() == 1 {
            0.8 + 0.4 * u
        } else {
            (2.0 * u - 1.0) * (6.0 / fan_in).sqrt()
        };
        value as f32
    });
    (name.to_owned(), shape.clone(), values.collect())
}

fn write(scratch: &Path, name: &str, tensors: &Tensors) -> PathBuf {
    let path = scratch.join(format!("{name}.safetensors"));
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (
            name.clone(),
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (words, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty(), "{} is cut off", path.display());
    words.iter().map(|&w| f32::from_le_bytes(w)).collect()
}

/// Largest difference, relative to the largest feature of the same picture: at most 1e-4. Both
/// sides add up at most a few thousand products in f32 a layer, over at most 60 layers, in
/// different orders; differences of some 1e-6 are what that gives.
fn check_close(found: &[f32], wanted: &[f32], features: usize) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.chunks(features).zip(wanted.chunks(features)) {
        let largest = wanted.iter().fold(0f32, |a, v| a.max(v.abs()));
        let error = found
            .iter()
            .zip(wanted)
            .fold(0f32, |a, (f, w)| a.max((f - w).abs()));
        assert!(
            largest > 0.0 && error / largest <= 1e-4,
            "error {error} of {largest}"
        );
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Loads the formula's weights and compares with torch's features of the formula's pictures.
fn check_against_torch(architecture: Architecture) {
    let scratch = tempfile::tempdir().unwrap();
    let weights = tensors(architecture, scratch.path());
    let path = write(scratch.path(), architecture.name(), &weights);
    let how = Preprocessing::new(SIZE, Channels::Three, Normalisation::none()).unwrap();
    let extractor = Extractor::load(architecture, &path)
        .unwrap()
        .with_preprocessing(how)
        .unwrap();
    let values = PICTURES * 3 * SIZE[0] * SIZE[1];
    let planes = uniform("pictures", values).map(|u| u as f32).collect();
    let found = extractor.features_of_planes(planes).unwrap();
    let wanted = floats(&fixture(&format!("{}.f32", architecture.name())));
    assert_eq!(wanted.len(), PICTURES * architecture.features());
    check_close(&found, &wanted, architecture.features());
}

#[test]
fn regnet_x_400mf_equals_torch() {
    check_against_torch(Architecture::RegnetX400mf);
}

#[test]
fn regnet_y_400mf_equals_torch() {
    check_against_torch(Architecture::RegnetY400mf);
}

#[test]
fn resnet18_equals_torch() {
    check_against_torch(Architecture::Resnet18);
}

#[test]
fn mobilenet_v2_equals_torch() {
    check_against_torch(Architecture::MobilenetV2);
}

#[test]
fn squeezenet1_0_equals_torch() {
    check_against_torch(Architecture::Squeezenet10);
}

#[test]
fn broken_checkpoints_list_what_does_not_fit() {
    let scratch = tempfile::tempdir().unwrap();
    let architecture = Architecture::Squeezenet10;
    let good = tensors(architecture, scratch.path());
    let check = |name: &str, change: &dyn Fn(&mut Tensors), part: &str| {
        let mut changed = good.clone();
        change(&mut changed);
        let path = write(scratch.path(), name, &changed);
        let error = Extractor::load(architecture, &path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(part), "{name}: {text}");
        assert!(error.place().unwrap().contains(name), "{name}");
    };
    check(
        "lacking",
        &|t| drop(t.remove(0)),
        "found 49; missing: features.0.weight [96, 3, 7, 7]",
    );
    let extra = ("extra.weight".to_owned(), vec![2], vec![0.0; 2]);
    check(
        "more",
        &|t| t.push(extra.clone()),
        "found 50; unused: extra.weight [2]",
    );
    check(
        "shape",
        &|t| t[1].1 = vec![2, 48],
        "features.0.bias [2, 48] of F32, expected [96]",
    );
    check(
        "nan",
        &|t| t[0].2[5] = f32::NAN,
        "features.0.weight holds values that are not finite",
    );
    let head = ("classifier.1.weight".to_owned(), vec![7, 2], vec![0.0; 14]);
    let with_head = good.iter().cloned().chain([head]).collect();
    Extractor::load(architecture, &write(scratch.path(), "head", &with_head)).unwrap();

    let whole = std::fs::read(write(scratch.path(), "whole", &good)).unwrap();
    let path = scratch.path().join("torn");
    for bytes in [
        &whole[..whole.len() - 1],
        &whole[..100],
        &whole[..3],
        b"",
        b"PK\x03\x04torn here",
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = Extractor::load(architecture, &path).unwrap_err();
        assert!(
            error.to_string().contains("a readable checkpoint"),
            "{error}"
        );
    }
    let other = Extractor::load(
        Architecture::Resnet18,
        &write(scratch.path(), "whole", &good),
    );
    let text = other.unwrap_err().to_string();
    assert!(
        text.contains("the 100 tensors of resnet18, found 0") && text.contains("and 92 more"),
        "{text}"
    );
}

#[test]
fn names_are_parsed() {
    for architecture in Architecture::ALL {
        assert_eq!(
            architecture.published_weights().is_none(),
            architecture.name() == "velum-compact"
        );
        assert_eq!(
            architecture.name().parse::<Architecture>().unwrap(),
            architecture
        );
    }
    let text = "vgg".parse::<Architecture>().unwrap_err().to_string();
    assert!(
        text.contains("regnet_x_400mf") && text.contains("found vgg"),
        "{text}"
    );
}

/// Checkpoints that are not in the repository: real weights, and `.pth`.
mod shared {
    use super::*;

    fn check(architecture: Architecture, weights: &str, features: &str, flipped: bool) {
        let Some(root) = std::env::var_os("VELUM_SHARED") else {
            println!("skipped: VELUM_SHARED is not set");
            return;
        };
        let data = PathBuf::from(root).join("data");
        let mut planes = floats(&data.join("regnet_x_400mf/x.f32"));
        if flipped {
            planes.chunks_exact_mut(224 * 224).for_each(|plane| {
                plane.reverse();
                plane.iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
            });
        }
        let extractor = Extractor::load(architecture, &data.join(weights)).unwrap();
        let found = extractor.features_of_planes(planes).unwrap();
        check_close(
            &found,
            &floats(&data.join(features)),
            architecture.features(),
        );
    }

    #[test]
    fn regnet_x_400mf_as_pth() {
        let weights = "regnet_x_400mf/regnet_x_400mf_rand.pth";
        check(
            Architecture::RegnetX400mf,
            weights,
            "regnet_x_400mf/feat.f32",
            false,
        );
    }

    #[test]
    fn torn_pth_is_an_error() {
        let Some(root) = std::env::var_os("VELUM_SHARED") else {
            println!("skipped: VELUM_SHARED is not set");
            return;
        };
        let whole = PathBuf::from(root).join("data/regnet_x_400mf/regnet_x_400mf_rand.pth");
        let whole = std::fs::read(whole).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("torn.pth");
        for length in [30, 10_000, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = Extractor::load(Architecture::RegnetX400mf, &path).unwrap_err();
            assert!(
                error
                    .place()
                    .is_some_and(|place| place.contains("torn.pth")),
                "{error}"
            );
        }
        // Bytes of the pickle, which names the tensors and their places, changed one by one: an
        // error that names the file, or a change that means nothing, but no panic.
        for at in (60..4_000).step_by(397) {
            let mut changed = whole.clone();
            changed[at] ^= 0x15;
            std::fs::write(&path, &changed).unwrap();
            if let Err(error) = Extractor::load(Architecture::RegnetX400mf, &path) {
                assert!(
                    error
                        .place()
                        .is_some_and(|place| place.contains("torn.pth")),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn regnet_x_400mf_as_safetensors() {
        let weights = "regnet_x_400mf/regnet_x_400mf_rand.safetensors";
        check(
            Architecture::RegnetX400mf,
            weights,
            "regnet_x_400mf/feat.f32",
            false,
        );
    }

    #[test]
    fn squeezenet1_0_with_real_weights() {
        let weights = "squeezenet1_0/squeezenet1_0_rgb01.safetensors";
        check(
            Architecture::Squeezenet10,
            weights,
            "squeezenet1_0/ref_feat.f32",
            false,
        );
    }

    #[test]
    fn mobilenet_v2_with_real_weights() {
        let weights = "mobilenet_v2/mobilenet_v2_tf2_dequant.safetensors";
        check(
            Architecture::MobilenetV2,
            weights,
            "mobilenet_v2/ref_feat.f32",
            true,
        );
    }
}
