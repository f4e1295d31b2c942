//! Checks against data that is not in the repository. They run when `VELUM_SHARED` names its
//! folder, and must then pass; else they say that they are skipped.

use std::path::PathBuf;

use feature_extract::preprocess::{Normalisation, Preprocessing};
use feature_extract::read::Source;
use feature_extract::{Channels, Picture};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VELUM_SHARED");
    if root.is_none() {
        println!("skipped: VELUM_SHARED is not set");
    }
    Some(PathBuf::from(root?).join("data").join(path))
}

fn floats(path: PathBuf) -> Vec<f32> {
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (words, []) = bytes.as_chunks::<4>() else {
        panic!("{} is cut off", path.display())
    };
    words.iter().map(|&w| f32::from_le_bytes(w)).collect()
}

#[test]
fn resize_equals_torch() {
    let Some(folder) = shared("regnet_x_400mf") else {
        return;
    };
    let input = floats(folder.join("res_in.f32"));
    let wanted = floats(folder.join("res_out.f32"));
    let how = Preprocessing::new([224, 224], Channels::One, Normalisation::none()).unwrap();
    let mut found = Vec::new();
    for values in input.chunks_exact(28 * 28) {
        let picture = Picture::new("torch", [28, 28], Channels::One, values.to_vec()).unwrap();
        how.apply(&picture, &mut found);
    }
    assert_eq!(found.len(), wanted.len());
    for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        // The requirement is 1e-5; both sides round a handful of times in f32 at values below 1.
        assert!(
            (found - wanted).abs() <= 1e-5,
            "{found} for {wanted} at {at}"
        );
    }
}

#[test]
fn mnist_is_read_to_its_end() {
    let Some(folder) = shared("mnist") else {
        return;
    };
    let source = Source::open(&folder.join("t10k-images-idx3-ubyte.gz"), None).unwrap();
    assert_eq!(source.len(), 10_000);
    let mut per_class = [0; 10];
    for sample in source {
        let sample = sample.unwrap();
        assert_eq!((sample.picture.height(), sample.picture.width()), (28, 28));
        per_class[sample.label.unwrap() as usize] += 1;
    }
    // The published counts of the test set.
    assert_eq!(
        per_class,
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    );
}
