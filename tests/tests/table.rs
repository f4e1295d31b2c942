//! Small tables of labelled rows, made by a formula.

/// Rows of `features` numbers in `classes` overlapping clusters; the label stands first. The same seed gives the same rows.
///
/// Class k lies 2 above the others in every feature j with j mod classes = k; the noise is a sum of four uniform numbers, of standard
/// deviation 2/sqrt(3) = 1.15. With 12 features and 3 classes two classes lie 2 sqrt(8) = 5.7 apart, 2.4 standard deviations either
/// side of the middle: a good classifier errs on about one row in a hundred, and one that knows nothing on two in three.
pub(crate) fn rows(seed: u64, rows: usize, features: usize, classes: usize) -> Vec<Vec<f64>> {
    let mut state = seed;
    let mut uniform = move || {
        // Knuth's 64-bit linear congruential generator; the upper bits are the good ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    (0..rows)
        .map(|_| {
            let label = (uniform() * classes as f64) as usize;
            std::iter::once(label as f64)
                .chain((0..features).map(|j| {
                    let noise: f64 = (0..4).map(|_| uniform() * 2.0 - 1.0).sum();
                    noise + if j % classes == label { 2.0 } else { 0.0 }
                }))
                .collect()
        })
        .collect()
}

/// As text, a row a line. Six digits after the point.
pub(crate) fn csv(rows: &[Vec<f64>]) -> String {
    rows.iter()
        .map(|row| {
            let fields: Vec<String> = std::iter::once(format!("{}", row[0]))
                .chain(row[1..].iter().map(|value| format!("{value:.6}")))
                .collect();
            fields.join(",") + "\n"
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_rows() {
    assert_eq!(rows(1, 4, 5, 2), rows(1, 4, 5, 2));
    assert_ne!(rows(1, 4, 5, 2), rows(2, 4, 5, 2));
    assert!(csv(&rows(1, 1, 2, 2)).contains(','));
}
