//! From secrets to the model that two of three open.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array2, ArrayView1, Axis, concatenate};

use super::*;
use crate::clear::whitened::{Schedule, train};
use crate::error::{Class, Explain as _};
use crate::joint::opened::{self, OpenedInput};
use crate::model::Model;
use crate::roles::Reporter;
use crate::roles::server::train::train_planned;
use crate::sigmoid::Activation;

/// Stops in the second iteration.
#[derive(Default)]
struct Stop(AtomicBool);

impl Reporter for Stop {
    fn advance(&self, _done: u64, what: &str) {
        if what.contains("iteration 2") {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The union of all rows in the trained coordinates, with labels, and the clear twin's weights.
pub(super) fn union(group: &Group) -> (Array2<f64>, Array2<f64>, Vec<u32>, Array2<f64>) {
    let raw: Vec<_> = group.sets.iter().map(|set| set.features().view()).collect();
    let raw = concatenate(Axis(0), &raw).unwrap();
    let labels: Vec<u32> = group
        .sets
        .iter()
        .flat_map(|set| set.labels().to_vec())
        .collect();
    let x = group.map.whitening.apply(raw.view()).unwrap();
    let program = group.setting.plan().plan.job().program();
    let activation = Activation::from(program.polynomial.polynomials().unwrap());
    let schedule = Schedule::new(program.schedule.clone()).unwrap();
    let run = train(x.view(), &labels, CLASSES, &schedule, &activation).unwrap();
    let twin = run.last().clone();
    (raw, x, labels, twin)
}

fn right(scores: &Array2<f64>, labels: &[u32]) -> usize {
    let best = |row: ArrayView1<'_, f64>| {
        let pairs = row.iter().enumerate();
        pairs
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(class, _)| class as u32)
    };
    let rows = scores.rows().into_iter().zip(labels);
    rows.filter(|(row, label)| best(row.view()) == Some(**label))
        .count()
}

#[test]
fn three_owners_train_over_files_and_two_of_them_open() {
    train_and_open(&Group::begin(7));
}

/// As large jobs lie.
#[test]
fn three_owners_train_over_files_in_diagonals() {
    train_and_open(&Group::begin_as(8, Arrangement::Diagonal));
}

fn train_and_open(group: &Group) {
    group.first();
    group.keys().unwrap();
    group.dealt();
    for party in 0..3 {
        let uploaded = group.upload(party);
        assert!(uploaded.proof_bytes > 0);
        group.verify(party).unwrap();
    }

    // Training, undisturbed and interrupted: the same bits.
    let plan = group.setting.plan();
    let train = |input: &TrainInput, reporter: &dyn Reporter| train_planned(input, plan, reporter);
    train(&group.training("model.enc"), &Silent).unwrap();
    let stopped = group.training("other.enc");
    let interrupted = train(&stopped, &Stop::default()).unwrap_err();
    assert_eq!(interrupted.class(), Class::Interrupted);
    let resumed = TrainInput {
        resume: true,
        ..stopped
    };
    assert_eq!(train(&resumed, &Silent).unwrap().resumed_iterations, 1);
    let bytes = |name| fs::read(group.server(name)).unwrap();
    assert!(bytes("model.enc") == bytes("other.enc"));

    // Party 1 is away; nobody needs it.
    let input = group.opening([0, 2]);
    let asked = group.asked(1).unwrap();
    let opened = opened::write(&group.setting, &asked, &input, &Silent).unwrap();
    assert!(opened.warnings.is_empty(), "{:?}", opened.warnings);

    // A weight errs by eight expected errors at most (of 200 Gaussian ones the largest stays below six), and by half the unit that it was rounded to; a score by that for each column.
    let model = Model::read(&input.out).unwrap();
    let (raw, x, labels, twin) = union(group);
    let (scores, exact) = (model.scores(raw.view()).unwrap(), x.dot(&twin.t()));
    let unit = (-f64::from(opened.certified_bits)).exp2();
    let error = 8.0 * opened.expected_error + unit / 2.0;
    let mut largest = 0.0f64;
    for ((found, exact), x) in scores.rows().into_iter().zip(exact.rows()).zip(x.rows()) {
        let allowed = error * x.iter().map(|x| x.abs()).sum::<f64>() + 1e-9;
        for (found, exact) in found.iter().zip(exact) {
            let distance = (found - exact).abs();
            assert!(distance <= allowed, "{distance:e} beyond {allowed:e}");
            largest = largest.max(distance);
        }
    }
    // It is the encrypted training's result: neither the twin's, to the last bit, nor coarser than a thousandth.
    assert!(
        largest > 1e-9 && unit <= 1.0 / 128.0,
        "{largest:e} {unit:e}"
    );
    let (found, exact) = (right(&scores, &labels), right(&exact, &labels));
    assert!(
        found.abs_diff(exact) * 100 <= labels.len(),
        "{found} against {exact}"
    );
    assert!(2 * exact > labels.len());
    let planned = plan.plan.estimate().joint.as_ref().unwrap();
    let ratio = planned.opened_error() / opened.expected_error;
    assert!((0.98..1.02).contains(&ratio), "{ratio}");

    // The same question again gets the same share; another one nothing, whoever is asked with whom.
    let before = fs::read(group.path(0, "opening")).unwrap();
    fs::remove_file(group.path(0, "opening")).unwrap();
    group.answer(0, &group.asked(0).unwrap()).unwrap();
    assert!(before == fs::read(group.path(0, "opening")).unwrap());
    let other = group.ask(&[0, 1]).unwrap();
    let spent = group.answer(0, &other).unwrap_err();
    assert!(
        spent.to_string().contains("answered an opening already"),
        "{spent}"
    );
    // Party 1 answers the second question; its share is of no use for the first.
    group.answer(1, &other).unwrap();
    let mixed = OpenedInput {
        shares: vec![group.path(0, "opening"), group.path(1, "opening")],
        out: group.place.path().join("mixed"),
        ..input
    };
    let refused = opened::write(&group.setting, &other, &mixed, &Silent).unwrap_err();
    let message = crate::error::Report::of(&refused).message;
    assert!(message.contains("party 0 belongs to another"), "{message}");
    assert!(!mixed.out.exists());
}
