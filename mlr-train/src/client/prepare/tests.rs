//! Preparing there and back.

use super::*;
use crate::data::FeatureSet;
use crate::packing::Arrangement;
use crate::sigmoid::Degree;

fn set() -> TrainingSet {
    let labels: Vec<u32> = (0..60).map(|row| row % 3).collect();
    let features = Array2::from_shape_fn((60, 4), |(row, column)| {
        let noise = ((row * 7919 + column * 104_729) % 97) as f64 / 48.0 - 1.0;
        noise + if row % 3 == column { 2.0 } else { 0.0 }
    });
    let set = FeatureSet::new(features, labels, None, "t").unwrap();
    set.try_into().unwrap()
}

#[test]
fn both_methods_go_there_and_back() {
    let set = set();
    let whitening = Whitening::fit(&set, 3, 0.01).unwrap();
    let recipe = Recipe::Whitened {
        schedule: Schedule::ladder(4.0, 4.0, 2).unwrap(),
        polynomials: OddPolynomial::fit(Degree::Three, 6.0).unwrap().into(),
        rounding: None,
    };
    for (coordinates, recipe, columns) in [
        (Coordinates::Whitened(Box::new(whitening)), recipe, 4),
        (
            Coordinates::Raw { features: 4 },
            Recipe::Paper { iterations: 2 },
            5,
        ),
    ] {
        assert_eq!(coordinates.columns(), columns);
        let rows = coordinates.rows(set.features()).unwrap();
        let twin = Twin::train(&recipe, &set, rows.view()).unwrap();
        assert_eq!(twin.weights.dim(), (3, columns));
        assert_eq!(twin.client_only.dim(), (3, columns));
        // The same scores before and after folding back; entries of a few units, so 1e-12 is thousands of roundings.
        let (weights, intercept) = coordinates.fold_back(twin.weights.view()).unwrap();
        let raw = set.features().dot(&weights.t()) + &intercept;
        let trained = rows.dot(&twin.weights.t());
        assert!((raw - trained).iter().all(|error| error.abs() < 1e-12));
        assert!(twin.largest_weight >= largest_magnitude(&twin.weights));
        assert!(twin.largest_score > 0.0);
        let (others, constant) = coordinates.split_constant(&twin.weights);
        let joined = coordinates.join_constant(&others, &constant).unwrap();
        assert_eq!(joined, twin.weights);
        assert!(coordinates.fold_back(rows.view().t()).is_err());
        assert!(coordinates.rows(&Array2::zeros((2, 9))).is_err());
    }
}

#[test]
fn a_plan_s_program_gives_back_its_recipe() {
    let set = set();
    for (steps, iterations) in [(vec![4.0, 16.0, 12.5], 3), (vec![4.0], 1)] {
        let whitened = Recipe::Whitened {
            schedule: Schedule::new(steps).unwrap(),
            polynomials: OddPolynomial::fit(Degree::Three, 5.5).unwrap().into(),
            rounding: None,
        };
        for recipe in [whitened, Recipe::Paper { iterations }] {
            let run = Prepared::new(set.clone(), recipe.clone(), 3, 0.01).unwrap();
            let seen = Some((run.rows.view(), &run.twin));
            let request = recipe.request(run.shape(), FirstGradient::Client, seen);
            let request = request.unwrap();
            let mut program = Program {
                shape: request.shape,
                method: request.method,
                schedule: request.schedule,
                polynomial: request.polynomial,
                bounds: request.bounds,
                arrangement: Arrangement::RowMajor,
                row_length: 8,
                classes_per_pass: 3,
                radix: 4,
                scales: crate::plan::Scales {
                    data: 30,
                    first: 30,
                    error: 30,
                    curvature: 30,
                },
                owners: crate::plan::Owners::default(),
                refresh: None,
            };
            assert_eq!(Recipe::of(&program), Some(recipe));
            program.schedule[0] = -1.0;
            assert_eq!(Recipe::of(&program), None);
        }
    }
}

#[test]
fn bounds_are_powers_of_two_with_room() {
    assert_eq!((ladder(1.0), ladder(1.8), ladder(1.9)), (2.0, 2.0, 4.0));
    assert_eq!(ladder(0.039), 1.0 / 16.0);
    assert!((1.01..1.11).contains(&fine_ladder(1.0)));
    let shape = Shape {
        samples: 60,
        columns: 4,
        classes: 3,
    };
    let unseen = Recipe::Paper { iterations: 2 }.request(shape, FirstGradient::Server, None);
    assert!(unseen.is_none());
}
