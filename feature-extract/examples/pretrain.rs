//! Trains velum-compact and writes its weights, the slice of the source task and the record:
//! what `cargo xtask pretrain` runs. Arguments: folder of fonts, folder for the files, and
//! optionally a number of optimiser steps in place of the recipe's.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use feature_extract::pretrain::{Recipe, pretrain};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(fonts), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("give the folder of fonts and the folder for the weights".into());
    };
    let mut recipe = Recipe::default();
    if let Some(steps) = arguments.next() {
        recipe.steps = steps.to_str().unwrap_or_default().parse()?;
    }
    let out = PathBuf::from(out);
    let start = Instant::now();
    let mut mean = 0.0;
    let outcome = pretrain(fonts.as_ref(), &recipe, &mut |step, loss| {
        mean += loss / 100.0;
        if (step + 1) % 100 == 0 {
            let seconds = start.elapsed().as_secs();
            eprintln!(
                "step {} of {}, loss {mean:.3}, {seconds} s",
                step + 1,
                recipe.steps
            );
            mean = 0.0;
        }
    })?;
    let (pictures, labels) = &outcome.slice;
    let record = serde_json::json!({
        "schema": 1,
        "recipe": {
            "seed": recipe.seed,
            "steps": recipe.steps,
            "batch": recipe.batch,
            "learning_rate": recipe.learning_rate,
        },
        "weights_blake3": outcome.weights_blake3,
        "source_accuracy": outcome.accuracy,
        "slice_accuracy": outcome.slice_accuracy,
        "training_fonts": outcome.fonts[0],
        "test_fonts": outcome.fonts[1],
    });
    std::fs::create_dir_all(&out)?;
    std::fs::write(out.join("velum-compact.safetensors"), &outcome.weights)?;
    std::fs::write(
        out.join("velum-compact-slice.bin"),
        [&labels[..], pictures].concat(),
    )?;
    let record = serde_json::to_string_pretty(&record)? + "\n";
    std::fs::write(out.join("velum-compact.json"), record)?;
    println!(
        "source accuracy {:.4}, {} bytes of weights in {}",
        outcome.accuracy,
        outcome.weights.len(),
        out.display(),
    );
    Ok(())
}
