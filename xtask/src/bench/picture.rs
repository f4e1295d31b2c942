//! The pictures of `bench mnist` and `bench long`, as SVG: time against training rows, and accuracy against iterations and against time, between the
//! models that need no encryption.

use std::fmt::Write as _;

use serde_json::Value;

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 240.0;
const MARGIN: f64 = 52.0;
const DARK: &str = "#1f2933";
const BLUE: &str = "#1f6fb2";
const GREY: &str = "#8a94a0";
const GREEN: &str = "#2c8a57";

/// Both panels, side by side.
pub(super) fn draw(results: &Value) -> String {
    let mut svg = String::new();
    let (width, height) = (2.0 * (WIDTH + 2.0 * MARGIN), HEIGHT + 2.0 * MARGIN);
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="{DARK}">"#
    );
    let _ = writeln!(
        svg,
        r#"<rect width="{width}" height="{height}" fill="white"/>"#
    );
    times(&mut svg, results);
    accuracies(&mut svg, results);
    svg.push_str("</svg>\n");
    svg
}

/// Of `bench long`: test accuracy against the server's time, a point for each way to refresh.
pub(super) fn draw_ways(results: &Value) -> String {
    let ways = ["none", "client", "bootstrap", "owners"];
    let point = |way: &&'static str| {
        let record = &results[*way];
        let (time, accuracy) = (&record["train_seconds"], &record["accuracy_encrypted"]);
        Some((*way, (time.as_f64()?.log10(), 100.0 * accuracy.as_f64()?)))
    };
    let points: Vec<_> = ways.iter().filter_map(point).collect();
    let level = |field: &str| {
        let mut found = ways.iter().filter_map(|way| results[*way][field].as_f64());
        found.next().map(|x| 100.0 * x)
    };
    let (client, best) = (level("accuracy_client_only"), level("accuracy_best_clear"));
    let (width, height) = (WIDTH + 2.0 * MARGIN, HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"{DARK}\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    let mut all: Vec<_> = points.iter().map(|(_, at)| *at).collect();
    // Room for the names, which stand left of their points.
    let first = all.iter().map(|at| at.0).fold(f64::INFINITY, f64::min);
    let lines = client.into_iter().chain(best).map(|y| (first - 0.4, y));
    all.extend(lines.flat_map(|(x, y)| [(x, y - 0.1), (x, y + 0.2)]));
    if let (false, Some(panel)) = (points.is_empty(), Panel::around(&all, MARGIN)) {
        panel.frame(&mut svg, "test accuracy in % against the server's seconds");
        for seconds in [10, 30, 100, 300, 1000, 3000] {
            let x = f64::from(seconds).log10();
            if (panel.x.0..panel.x.1).contains(&x) {
                panel.tick_x(&mut svg, x, &seconds.to_string());
            }
        }
        let mut tick = (panel.y.0 * 2.0).ceil() / 2.0;
        while tick <= panel.y.1 {
            panel.tick_y(&mut svg, tick, &format!("{tick:.1}"));
            tick += 0.5;
        }
        let across = |y: f64| [(panel.x.0, y), (panel.x.1, y)];
        for (y, colour, label) in [
            (client, GREY, "client only"),
            (best, GREEN, "best clear model"),
        ] {
            if let Some(y) = y {
                panel.line(&mut svg, &across(y), colour, label, true);
            }
        }
        for (way, at) in &points {
            panel.line(&mut svg, &[*at], BLUE, way, false);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Training time against training rows, both logarithmic.
fn times(svg: &mut String, results: &Value) {
    let mut points = Vec::new();
    for (samples, record) in results.as_object().into_iter().flatten() {
        let at = |field: &str| Some((samples.parse::<f64>().ok()?, record[field].as_f64()?));
        points.push((at("train_seconds"), at("predicted_train_seconds")));
    }
    let measured: Vec<_> = points.iter().filter_map(|p| p.0).collect();
    let predicted: Vec<_> = points.iter().filter_map(|p| p.1).collect();
    let all: Vec<_> = measured
        .iter()
        .chain(&predicted)
        .map(|&(x, y)| (x.log10(), y.log10()))
        .collect();
    let Some(panel) = Panel::around(&all, MARGIN) else {
        return;
    };
    panel.frame(svg, "server time in seconds against training rows");
    let (low, high) = (panel.x.0.ceil() as i32, panel.x.1.floor() as i32);
    for power in low..=high {
        panel.tick_x(svg, f64::from(power), &format!("{}", 10f64.powi(power)));
    }
    let (low, high) = (panel.y.0.ceil() as i32, panel.y.1.floor() as i32);
    for power in low..=high {
        panel.tick_y(svg, f64::from(power), &format!("{}", 10f64.powi(power)));
    }
    let logs = |points: &[(f64, f64)]| {
        let mut logs: Vec<_> = points
            .iter()
            .map(|&(x, y)| (x.log10(), y.log10()))
            .collect();
        logs.sort_by(|a, b| a.0.total_cmp(&b.0));
        logs
    };
    panel.line(svg, &logs(&predicted), GREY, "predicted computing", true);
    panel.line(
        svg,
        &logs(&measured),
        BLUE,
        "measured, start to exit",
        false,
    );
}

/// Accuracy against iterations at the size that was measured so.
fn accuracies(svg: &mut String, results: &Value) {
    let records = results.as_object().into_iter().flatten();
    let Some((samples, record)) = records
        .into_iter()
        .find(|(_, r)| r["by_iterations"].is_array())
    else {
        return;
    };
    let mut encrypted: Vec<(f64, f64)> = record["by_iterations"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| {
            Some((
                row["iterations"].as_f64()?,
                100.0 * row["accuracy_encrypted"].as_f64()?,
            ))
        })
        .collect();
    let level = |field: &str| record[field].as_f64().map(|x| 100.0 * x);
    let (client, best) = (level("accuracy_client_only"), level("accuracy_best_clear"));
    // The first iteration is the client's own.
    encrypted.extend(client.map(|y| (1.0, y)));
    encrypted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut all = encrypted.clone();
    all.extend(best.map(|y| (1.0, y)));
    let Some(panel) = Panel::around(&all, WIDTH + 3.0 * MARGIN) else {
        return;
    };
    panel.frame(
        svg,
        &format!("test accuracy in % against iterations, {samples} rows"),
    );
    for (t, _) in &encrypted {
        panel.tick_x(svg, *t, &format!("{t}"));
    }
    let mut tick = (panel.y.0 * 2.0).ceil() / 2.0;
    while tick <= panel.y.1 {
        panel.tick_y(svg, tick, &format!("{tick:.1}"));
        tick += 0.5;
    }
    let across = |y: f64| [(panel.x.0, y), (panel.x.1, y)];
    if let Some(y) = client {
        panel.line(svg, &across(y), GREY, "client only", true);
    }
    if let Some(y) = best {
        panel.line(svg, &across(y), GREEN, "best clear model", true);
    }
    panel.line(svg, &encrypted, BLUE, "encrypted", false);
}

/// A coordinate system and where it stands.
struct Panel {
    x: (f64, f64),
    y: (f64, f64),
    left: f64,
}

impl Panel {
    /// A little more than the points' extent.
    fn around(points: &[(f64, f64)], left: f64) -> Option<Self> {
        let extent = |of: fn(&(f64, f64)) -> f64| {
            let values = points.iter().map(of).filter(|v| v.is_finite());
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
                (l.min(v), h.max(v))
            });
            let pad = 0.08 * (high - low).max(0.1);
            (low <= high).then_some((low - pad, high + pad))
        };
        Some(Self {
            x: extent(|p| p.0)?,
            y: extent(|p| p.1)?,
            left,
        })
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let share = |v: f64, (low, high): (f64, f64)| (v - low) / (high - low);
        (
            self.left + WIDTH * share(x, self.x),
            MARGIN + HEIGHT * (1.0 - share(y, self.y)),
        )
    }

    fn frame(&self, svg: &mut String, title: &str) {
        let left = self.left;
        let _ = writeln!(
            svg,
            r##"<rect x="{left}" y="{MARGIN}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#c9d1d9"/>"##
        );
        let _ = writeln!(
            svg,
            r#"<text x="{left}" y="{:.1}" font-size="13">{title}</text>"#,
            MARGIN - 14.0
        );
    }

    fn tick_x(&self, svg: &mut String, x: f64, label: &str) {
        let (x, bottom) = (self.at((x, self.y.0)).0, MARGIN + HEIGHT);
        let _ = writeln!(
            svg,
            r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            bottom + 18.0
        );
        let _ = writeln!(
            svg,
            r##"<line x1="{x:.1}" y1="{bottom}" x2="{x:.1}" y2="{MARGIN}" stroke="#eef1f4"/>"##
        );
    }

    fn tick_y(&self, svg: &mut String, y: f64, label: &str) {
        let (left, y) = self.at((self.x.0, y));
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
            left - 6.0,
            y + 4.0
        );
        let _ = writeln!(
            svg,
            r##"<line x1="{left:.1}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}" stroke="#eef1f4"/>"##,
            left + WIDTH
        );
    }

    fn line(
        &self,
        svg: &mut String,
        points: &[(f64, f64)],
        colour: &str,
        label: &str,
        dashed: bool,
    ) {
        let Some(&last) = points.last() else { return };
        let places: Vec<String> = points
            .iter()
            .map(|&point| {
                let (x, y) = self.at(point);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let dash = if dashed {
            r#" stroke-dasharray="5 4""#
        } else {
            ""
        };
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>"#,
            places.join(" ")
        );
        if !dashed {
            for &point in points {
                let (x, y) = self.at(point);
                let _ = writeln!(
                    svg,
                    r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/>"#
                );
            }
        }
        let (x, y) = self.at(last);
        // Beside the line's end, inside the frame; the dashed ones' labels stand below theirs.
        let shift = if dashed { 15.0 } else { -9.0 };
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end" fill="{colour}">{label}</text>"#,
            x - 4.0,
            y + shift
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_panels_show_what_was_measured() {
        let results = json!({
            "128": {"train_seconds": 0.9, "predicted_train_seconds": 0.8},
            "8192": {
                "train_seconds": 11.0,
                "predicted_train_seconds": 10.0,
                "accuracy_client_only": 0.95,
                "accuracy_best_clear": 0.975,
                "by_iterations": [
                    {"iterations": 2, "accuracy_encrypted": 0.96},
                    {"iterations": 3, "accuracy_encrypted": 0.965}
                ]
            }
        });
        let svg = draw(&results);
        assert_eq!(svg.matches("<circle").count(), 2 + 3);
        for label in ["client only", "best clear model", "encrypted", "8192 rows"] {
            assert!(svg.contains(label), "{label}");
        }
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
        let record = |seconds: f64, accuracy: f64| json!({"train_seconds": seconds, "accuracy_encrypted": accuracy, "accuracy_client_only": 0.95, "accuracy_best_clear": 0.98});
        let svg = draw_ways(
            &json!({"none": record(20.0, 0.97), "bootstrap": record(200.0, 0.981), "paper": {}}),
        );
        assert_eq!(svg.matches("<circle").count(), 2);
        for label in [
            "client only",
            "best clear model",
            ">none<",
            ">bootstrap<",
            ">100<",
        ] {
            assert!(svg.contains(label), "{label}");
        }
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
        assert!(!draw_ways(&json!({})).contains("<polyline"));
        // Nothing measured: a picture without panels.
        assert!(!draw(&json!({})).contains("<polyline"));
    }
}
