use super::*;
use std::fs;

fn set(from: usize, to: usize) -> FeatureSet {
    let x = Array2::from_shape_fn((to - from, 4), |(i, j)| {
        50.0 + (((i + from) * 7919 + j * 104_729) % 97) as f64 / 48.0
    });
    let labels = (from..to).map(|row| row as u32 % 3).collect();
    FeatureSet::new(x, labels, None, "t").unwrap()
}

#[test]
fn parts_add_up_to_the_whole() {
    let mut pooled = Statistics::of(&set(0, 30));
    for (from, to) in [(30, 41), (41, 90)] {
        pooled.merge(&Statistics::of(&set(from, to))).unwrap();
    }
    let whole = Statistics::of(&set(0, 90));
    assert_eq!((pooled.owners(), pooled.rows()), (&[30, 11, 49][..], 90));
    assert_eq!(pooled.class_counts(), whole.class_counts());
    // Means of 51 and sums of 90 squares below 4: some hundred roundings of 2^-53 of the largest value on the way, 51^2 at most.
    let near = |a: f64, b: f64| (a - b).abs() < 1e-10;
    assert!(
        pooled
            .mean
            .iter()
            .zip(&whole.mean)
            .all(|(a, b)| near(*a, *b))
    );
    let scatters = pooled.scatter.iter().zip(&whole.scatter);
    assert!(scatters.into_iter().all(|(a, b)| near(*a, *b)));
    // And so does the map: the same as that of the rows themselves.
    let fitted = Whitening::fit(&set(0, 90), 3, 0.01).unwrap();
    let map = pooled.whitening(3, 0.01).unwrap();
    let rows = set(0, 90);
    let (a, b) = (
        map.apply(rows.features().view()),
        fitted.apply(rows.features().view()),
    );
    let difference = a.unwrap() - b.unwrap();
    assert!(difference.iter().all(|x| x.abs() < 1e-9));
}

#[test]
fn what_does_not_add_up_is_refused() {
    let mut pooled = Statistics::of(&set(0, 30));
    let before = pooled.clone();
    assert_eq!(pooled.merge(&before), Err(MergeError::Twice));
    // An owner is known in every order and inside of every sum.
    let (a, b) = (Statistics::of(&set(0, 30)), Statistics::of(&set(30, 41)));
    let (mut ab, mut ba) = (a.clone(), b.clone());
    ab.merge(&b).unwrap();
    ba.merge(&a).unwrap();
    for twice in [&a, &b, &ba] {
        assert_eq!(ab.clone().merge(twice), Err(MergeError::Twice));
    }
    assert_eq!(a.clone().merge(&ba), Err(MergeError::Twice));
    let narrow = FeatureSet::new(Array2::ones((2, 3)), vec![0, 1], None, "t").unwrap();
    let error = pooled.merge(&Statistics::of(&narrow)).unwrap_err();
    assert!(matches!(
        error,
        MergeError::Width {
            expected: 4,
            found: 3
        }
    ));
    assert!(pooled == before);
    assert!(!format!("{pooled:?}").contains("50"));
}

/// Rows of the classes that are named, as many as `labels`.
fn named(names: &[&str], labels: &[u32]) -> Statistics {
    let x = Array2::from_shape_fn((labels.len(), 2), |(i, j)| {
        names.len() as f64 + (i * 5 + j) as f64
    });
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Statistics::of(&FeatureSet::new(x, labels.to_vec(), Some(names), "t").unwrap())
}

#[test]
fn classes_of_owners_are_added_by_name() {
    let names = |stats: &Statistics| stats.class_names().unwrap().to_vec();
    let whole = named(&["a", "b", "c"], &[0, 0, 1, 2]);
    let lacking = named(&["c", "a"], &[0, 0, 1]);
    let mut sum = whole.clone();
    sum.merge(&lacking).unwrap();
    assert_eq!(
        (names(&sum), sum.class_counts()),
        (["a", "b", "c"].map(String::from).to_vec(), &[3, 1, 3][..])
    );
    let mut other = lacking.clone();
    other.merge(&whole).unwrap();
    assert_eq!(
        (names(&other), other.class_counts()),
        (["c", "a", "b"].map(String::from).to_vec(), &[3, 3, 1][..])
    );
    // Another name for the same is no new class.
    let mut typed = whole.clone();
    let error = typed
        .merge(&named(&["a", "b", "C"], &[0, 1, 2]))
        .unwrap_err();
    assert!(error.to_string().contains("`c`") && error.to_string().contains("`C`"));
    assert!(typed == whole);
    // Without names on one side label k is the k-th name.
    let plain = |labels: &[u32]| {
        let x = Array2::from_shape_fn((labels.len(), 2), |(i, j)| (i * 3 + j) as f64);
        Statistics::of(&FeatureSet::new(x, labels.to_vec(), None, "t").unwrap())
    };
    let mut mixed = plain(&[0, 1]);
    mixed.merge(&whole).unwrap();
    assert_eq!(
        (names(&mixed).len(), mixed.class_counts()),
        (3, &[3, 2, 1][..])
    );
    let mut few = whole.clone();
    let count = MergeError::Count { names: 3, found: 4 };
    assert_eq!(few.merge(&plain(&[0, 1, 2, 3])), Err(count));
    assert_eq!(named(&["a", "b", "c"], &[0, 0]).empty_classes(), ["b", "c"]);
}

#[test]
fn features_of_two_networks_do_not_add_up() {
    let by = |model: &str, seed: usize| {
        let description = Description {
            model: Some(model.to_owned()),
            ..Description::default()
        };
        Statistics::of(&set(seed, seed + 9).with_description(description))
    };
    let mut sum = Statistics::of(&set(0, 5));
    sum.merge(&by("resnet18", 5)).unwrap();
    let error = sum.merge(&by("squeezenet1_0", 20)).unwrap_err();
    assert!(matches!(error, MergeError::Origin(_)), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats");
    sum.write(&path).unwrap();
    assert!(Statistics::read(&path).unwrap() == sum);
    assert_eq!(sum.description().model.as_deref(), Some("resnet18"));
}

#[test]
fn every_cut_and_every_flipped_bit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats");
    let written = Statistics::of(&set(0, 30));
    written.write(&path).unwrap();
    assert!(Statistics::read(&path).unwrap() == written);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(Statistics::read(&path).is_err(), "cut to {length}");
    }
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 1;
        fs::write(&path, &bytes).unwrap();
        // A flip may leave the meaning alone (a space of the header's padding): then nothing else may differ.
        if let Ok(read) = Statistics::read(&path) {
            assert!(read == written, "flip at {index}");
        }
    }
}
