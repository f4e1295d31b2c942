//! The seed paper's own job on clear slots: its data, its method, its accuracies.

use std::path::PathBuf;

use he_core::evaluator::Clear;
use he_core::key_holder::ClearHolder;
use he_core::params::ParamsLiteral;
use ndarray::{Array2, s};

use super::{MemorySource, Unobserved, train};
use crate::clear::paper::{self, Direction};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::data::{FeatureSet, TrainingSet};
use crate::metrics;
use crate::packing::Shape;
use crate::plan::{Bounds, Plan, PlanRequest};
use crate::sigmoid::{Activation, OddPolynomial};

/// Label and 400 features a row, read plainly.
fn table(path: PathBuf) -> (Array2<f64>, Vec<u32>) {
    let file = std::fs::File::open(path).unwrap();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(flate2::read::GzDecoder::new(file));
    let (mut values, mut labels) = (vec![], vec![]);
    for record in reader.records() {
        let record = record.unwrap();
        let mut cells = record.iter().map(|c| c.trim().parse::<f64>().unwrap());
        labels.push(cells.next().unwrap() as u32);
        values.extend(cells);
    }
    let columns = values.len() / labels.len();
    let x = Array2::from_shape_vec((labels.len(), columns), values).unwrap();
    (x, labels)
}

/// N = 2^15, 47 + 10 x 40 bits, as the design's table has it.
fn parameters() -> ParamsLiteral {
    let mut q_bits = vec![47];
    q_bits.extend([40; 10]);
    ParamsLiteral {
        log_n: 15,
        q_bits,
        p_bits: vec![48; 4],
        dnum: 4,
    }
}

#[test]
fn the_paper_s_job_on_clear_slots_reaches_the_paper_s_accuracy() {
    let Some(shared) = std::env::var_os("VELUM_SHARED") else {
        println!("skipped: VELUM_SHARED is not set");
        return;
    };
    let path = PathBuf::from(shared).join("data/regnet_x_400mf/mnist_first512.csv.gz");
    let (x, labels) = table(path);
    let raw = x.slice(s![..128, ..]).to_owned();
    let set = FeatureSet::new(raw, labels[..128].to_vec(), None, "paper").unwrap();
    let set = TrainingSet::try_from(set).unwrap();
    let cubic = Activation::Polynomial(OddPolynomial::paper_cubic());
    let twin = paper::train(&set, 2, &cubic, Direction::QuadraticGradient).unwrap();
    let rows = paper::with_constant(&x);
    let (seen, unseen) = (rows.slice(s![..128, ..]), rows.slice(s![128.., ..]));
    let largest = |m: &Array2<f64>| m.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let matrices = twin.weights.iter().chain(&twin.velocity);
    let squares = seen.map_axis(ndarray::Axis(0), |c| (c.dot(&c) / 128.0).sqrt());
    let bounds = Bounds {
        data: largest(&rows),
        column_rms: squares.iter().fold(0.0, |a: f64, &b| a.max(b)),
        data_rms: squares.mapv(|rms| rms * rms).mean().unwrap().sqrt(),
        score: twin.largest_score.iter().fold(0.0, |a: f64, &b| a.max(b)) * 1.01,
        // Between the twin's iterates; the last V is not among its matrices.
        weight: 2.0 * matrices.map(largest).fold(0.0, f64::max),
        curvature: paper::diagonal(&seen.to_owned())
            .iter()
            .fold(0.0, |a: f64, &b| a.max(b)),
    };
    for (iterations, expected) in [(1, 81), (2, 83)] {
        let shape = Shape {
            samples: 128,
            columns: 401,
            classes: 10,
        };
        let mut request = PlanRequest::paper(shape, iterations, bounds);
        request.parameters = Some(parameters());
        let plan = Plan::search(&request).unwrap();
        // Two data, two labels, one B, one start weight.
        assert_eq!(plan.estimate().uploads, 6);
        assert_eq!(plan.estimate().levels, 5 * iterations);
        let clear = Clear::new(plan.params().clone());
        let encryptor = ClearHolder(&clear);
        let uploads = Uploads::new(plan.job(), seen, &labels[..128]).unwrap();
        let source: MemorySource<_> = uploads
            .encrypt_all::<Clear>(&encryptor)
            .collect::<Result<_, _>>()
            .unwrap();
        let weights = train(plan.job(), &clear, &source, &Unobserved);
        let weights = weights.unwrap_or_else(|e| panic!("{e}"));
        let opened = decrypt(plan.job(), &clear, &encryptor, &weights).unwrap();
        let distance = largest(&(&opened.weights - &twin.weights[iterations - 1]));
        // Weights below 1 from sums of 128 f64 products: rounding stays far below.
        assert!(distance < 1e-9, "{distance}");
        let scores = unseen.dot(&opened.weights.t());
        assert_eq!(metrics::correct(scores.view(), &labels[128..]), expected);
    }
}
