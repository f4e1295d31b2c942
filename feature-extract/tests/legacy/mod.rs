//! Checkpoints as torch wrote them before version 1.6, without torch: four pickles, then the bytes of every storage
//! (`torch.serialization._legacy_save`). What training scripts wrap networks in, and what hostile files claim.

use super::*;

/// A value of the pickle.
enum Py {
    Int(i32),
    Text(&'static str),
    /// A tensor, by its place among the storages.
    Tensor(usize),
    Dict(Vec<(String, Py)>),
}

const PROTO: &[u8] = &[0x80, 2];

fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'X');
    out.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    out.extend(value.as_bytes());
}

fn int(out: &mut Vec<u8>, value: usize) {
    out.push(b'J');
    out.extend(i32::try_from(value).unwrap().to_le_bytes());
}

fn ints(out: &mut Vec<u8>, values: &[usize]) {
    out.push(b'(');
    values.iter().for_each(|&value| int(out, value));
    out.push(b't');
}

fn put(out: &mut Vec<u8>, value: &Py, tensors: &Tensors) {
    match value {
        Py::Int(value) => int(out, usize::try_from(*value).unwrap()),
        Py::Text(value) => text(out, value),
        Py::Dict(entries) => {
            out.extend(b"}(");
            for (key, value) in entries {
                text(out, key);
                put(out, value, tensors);
            }
            out.push(b'u');
        }
        Py::Tensor(index) => {
            let (_, shape, values) = &tensors[*index];
            out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            text(out, "storage");
            out.extend(b"ctorch\nFloatStorage\n");
            text(out, &index.to_string());
            text(out, "cpu");
            int(out, values.len());
            out.extend(b"NtQ");
            int(out, 0);
            ints(out, shape);
            let strides: Vec<usize> = (0..shape.len())
                .map(|axis| shape[axis + 1..].iter().product())
                .collect();
            ints(out, &strides);
            // requires_grad is false; no hooks.
            out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
        }
    }
}

/// The whole file around the pickle of one value.
fn file(pickle: &[u8], tensors: &Tensors) -> Vec<u8> {
    let mut out = PROTO.to_vec();
    out.extend(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
    out.extend(PROTO);
    int(&mut out, 1001);
    out.push(b'.');
    out.extend(PROTO);
    out.extend(b"}(");
    text(&mut out, "protocol_version");
    int(&mut out, 1001);
    text(&mut out, "little_endian");
    out.extend(b"\x88u.");
    out.extend(PROTO);
    out.extend(pickle);
    out.push(b'.');
    out.extend(PROTO);
    out.extend(b"](");
    (0..tensors.len()).for_each(|index| text(&mut out, &index.to_string()));
    out.extend(b"e.");
    for (_, _, values) in tensors {
        out.extend((values.len() as u64).to_le_bytes());
        out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }
    out
}

fn saved(value: &Py, tensors: &Tensors) -> Vec<u8> {
    let mut pickle = Vec::new();
    put(&mut pickle, value, tensors);
    file(&pickle, tensors)
}

/// Every tensor under its name, behind a prefix.
fn network(prefix: &str, tensors: &Tensors) -> Py {
    let entry = |(index, (name, ..)): (usize, &(String, Vec<usize>, Vec<f32>))| {
        (format!("{prefix}{name}"), Py::Tensor(index))
    };
    Py::Dict(tensors.iter().enumerate().map(entry).collect())
}

const SMALL: Architecture = Architecture::VelumCompact;

fn load(scratch: &Path, bytes: &[u8]) -> Result<Extractor, Error> {
    let path = scratch.join("given.pth");
    std::fs::write(&path, bytes).unwrap();
    Extractor::load(SMALL, &path)
}

#[test]
fn old_and_wrapped_checkpoints_are_the_same_network() {
    let scratch = tempfile::tempdir().unwrap();
    let good = tensors(SMALL, scratch.path());
    let plain = Extractor::load(SMALL, &write(scratch.path(), "plain", &good)).unwrap();
    let planes: Vec<f32> = uniform("grey", 24 * 24).map(|u| u as f32).collect();
    let features = plain.features_of_planes(planes.clone()).unwrap();
    let check = |value: &Py, prefix: &str| {
        let found = load(scratch.path(), &saved(value, &good)).unwrap();
        assert_eq!(found.weights_prefix(), prefix);
        assert_eq!(found.weights_blake3(), plain.weights_blake3());
        assert_eq!(found.features_of_planes(planes.clone()).unwrap(), features);
    };
    check(&network("", &good), "");
    check(&network("module.", &good), "module.");
    let training = |network: Py| {
        Py::Dict(vec![
            ("epoch".to_owned(), Py::Int(3)),
            ("arch".to_owned(), Py::Text("compact")),
            ("state_dict".to_owned(), network),
            // An optimizer's tensors belong to no network.
            (
                "optimizer".to_owned(),
                Py::Dict(vec![("exp_avg".to_owned(), Py::Tensor(1))]),
            ),
        ])
    };
    check(&training(network("", &good)), "state_dict.");
    check(&training(network("module.", &good)), "state_dict.module.");
    // The same wrapper in the other format.
    let prefixed = good
        .iter()
        .map(|(name, shape, values)| (format!("model.{name}"), shape.clone(), values.clone()));
    let path = write(scratch.path(), "prefixed", &prefixed.collect());
    let found = Extractor::load(SMALL, &path).unwrap();
    assert_eq!(found.weights_prefix(), "model.");
    assert_eq!(found.weights_blake3(), plain.weights_blake3());
    // One value changed: another network.
    let mut other = good.clone();
    other[0].2[0] += 1.0;
    let other = Extractor::load(SMALL, &write(scratch.path(), "other", &other)).unwrap();
    assert_ne!(other.weights_blake3(), plain.weights_blake3());
}

#[test]
fn two_networks_in_one_file_are_named_not_chosen_from() {
    let scratch = tempfile::tempdir().unwrap();
    let good = tensors(SMALL, scratch.path());
    let both = Py::Dict(vec![
        ("state_dict".to_owned(), network("", &good)),
        ("state_dict_ema".to_owned(), network("", &good)),
    ]);
    let error = load(scratch.path(), &saved(&both, &good)).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("state_dict., state_dict_ema."), "{said}");
    assert!(error.hint().unwrap().contains("torch.save"));
}

/// Each must end in an error that names the file, in a second a piece, without a panic.
#[test]
fn hostile_pickles_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let good = tensors(SMALL, scratch.path());
    let whole = saved(&network("", &good), &good);
    let refused = |bytes: &[u8]| {
        let begun = std::time::Instant::now();
        let loaded = load(scratch.path(), bytes);
        let error = loaded
            .err()
            .unwrap_or_else(|| panic!("{} bytes load", bytes.len()));
        assert!(error.place().unwrap().contains("given.pth"), "{error}");
        assert!(begun.elapsed().as_secs() < 5, "{error}");
    };
    // Nested deeper than any stack: a tuple in a tuple in a tuple.
    refused(&file(
        &[&b")"[..], &[0x85; 2_000_000]].concat(),
        &Vec::new(),
    ));
    // A list of two copies of the list before it, forty times: 2^40 entries.
    let mut bomb = b")".to_vec();
    for _ in 0..40 {
        bomb.extend(b"q\x00h\x00\x86");
    }
    refused(&file(&bomb, &Vec::new()));
    // A text of four gigabytes, and a call of what would run a command.
    refused(&file(b"X\xff\xff\xff\xffabc", &Vec::new()));
    refused(&file(
        b"cposix\nsystem\n(X\x04\x00\x00\x00truetR",
        &Vec::new(),
    ));
    // A shape beyond the storage, and a storage that the file does not hold.
    let mut large = good.clone();
    large[0].1 = vec![1 << 20, 1 << 10];
    let mut pickle = Vec::new();
    put(&mut pickle, &network("", &large), &large);
    refused(&file(&pickle, &good));
    let mut cut = good.clone();
    cut[0].2.truncate(1);
    let mut pickle = Vec::new();
    put(&mut pickle, &network("", &good), &good);
    refused(&file(&pickle, &cut));
    // Cut anywhere: in the pickles, and in the storages behind them.
    let begin = whole.len() - good.iter().map(|t| 8 + 4 * t.2.len()).sum::<usize>();
    for length in (1..begin)
        .step_by(61)
        .chain([begin, begin + 9, whole.len() - 1])
    {
        refused(&whole[..length]);
    }
}
