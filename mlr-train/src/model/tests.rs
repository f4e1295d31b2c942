use super::*;
use ndarray::array;

fn provenance() -> Provenance {
    Provenance {
        method: "whitened".to_owned(),
        encrypted: true,
        iterations: 2,
        training_rows: 128,
        plan_blake3: None,
        certified_bits: Some(13.25),
    }
}

fn sample() -> Model {
    let names = Some(vec!["cat".to_owned(), "dog".to_owned()]);
    let weights = array![[1.0, -0.1, 0.25], [0.5, 0.3, -1e-9]];
    let by = Description {
        model: Some("resnet18".to_owned()),
        weights_blake3: Some("ab".repeat(32)),
        preprocessing: serde_json::json!({"mean": [0.5]}).as_object().cloned(),
    };
    let model = Model::new(weights, array![0.5, -0.5], names, provenance()).unwrap();
    model.with_description(by).with_temperature(Some(0.75))
}

#[test]
fn what_is_written_is_read_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    sample().write(&path).unwrap();
    assert_eq!(Model::read(&path).unwrap(), sample());
    assert_eq!(fs::read_dir(&path).unwrap().count(), 3);
    let card = fs::read_to_string(path.join("README.md")).unwrap();
    assert!(card.contains("| trained | on ciphertexts, 2 iterations |"));
    assert!(card.contains("| names of the classes | cat, dog |"));
    assert!(card.contains("| network | resnet18 |"));
}

#[test]
fn models_of_schema_1_are_read() {
    let dir = tempfile::tempdir().unwrap();
    sample().write(dir.path()).unwrap();
    let (tensors, config) = (
        dir.path().join("model.safetensors"),
        dir.path().join("config.json"),
    );
    let bytes = fs::read(&tensors).unwrap();
    let new = SafeTensors::deserialize(&bytes).unwrap();
    let old = [("weights", "weight"), ("intercept", "bias")];
    let old = old.map(|(old, name)| (old, new.tensor(name).unwrap()));
    let old = safetensors::serialize(old, None).unwrap();
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let text = fs::read_to_string(&config).unwrap();
    let text = text
        .replace("\"schema\": 2", "\"schema\": 1")
        .replace(&hash(&bytes), &hash(&old));
    fs::write(&tensors, old).unwrap();
    fs::write(&config, text).unwrap();
    assert_eq!(Model::read(dir.path()).unwrap(), sample());
    // The names of the one schema are none in the other.
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("\"schema\": 1", "\"schema\": 2")).unwrap();
    assert!(Model::read(dir.path()).is_err());
}

#[test]
fn predictions_by_hand() {
    let model = sample();
    let rows = array![[1.0, 0.0, 0.0], [-4.0, 0.0, 0.0], [-2.0, 0.0, 0.0]];
    assert_eq!(model.scores(rows.view()).unwrap().row(0), array![1.5, 0.0]);
    // The last row ties at -1.5 and goes to class 0.
    assert_eq!(model.predict(rows.view()).unwrap(), [0, 1, 0]);
    assert!(model.predict(Array2::zeros((1, 2)).view()).is_err());
}

#[test]
fn wrong_parts_are_refused() {
    let new = |w, b, names| Model::new(w, b, names, provenance());
    assert!(new(array![[1.0]], array![0.0], None).is_err());
    assert!(new(array![[1.0], [2.0]], array![0.0], None).is_err());
    assert!(new(array![[1.0], [f64::NAN]], array![0.0, 0.0], None).is_err());
    let one = Some(vec!["a".to_owned()]);
    assert!(new(array![[1.0], [2.0]], array![0.0, 0.0], one).is_err());
}

#[test]
fn damaged_directories_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    sample().write(dir.path()).unwrap();
    let problem = || {
        Model::read(dir.path())
            .unwrap_err()
            .fault()
            .unwrap()
            .problem
    };
    let tensors = dir.path().join("model.safetensors");
    let config = dir.path().join("config.json");
    let (good, text) = (
        fs::read(&tensors).unwrap(),
        fs::read_to_string(&config).unwrap(),
    );
    fs::write(&tensors, &good[..good.len() - 1]).unwrap();
    assert_eq!(problem(), Problem::Hash);
    fs::write(&tensors, &good).unwrap();
    fs::write(&config, text.replace("\"features\": 3", "\"features\": 4")).unwrap();
    assert_eq!(problem(), Problem::Shape);
    fs::write(&config, text.replace("velum model", "another")).unwrap();
    assert_eq!(problem(), Problem::Kind);
    fs::write(&config, &text[..20]).unwrap();
    assert_eq!(problem(), Problem::Kind);
    fs::write(&config, &text).unwrap();
    fs::remove_file(&tensors).unwrap();
    assert_eq!(problem(), Problem::Missing);
}
