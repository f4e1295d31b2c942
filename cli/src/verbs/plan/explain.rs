//! `plan --explain`: the plans that came next, and the ledger of every iteration.

use std::io::{self, Write};

use mlr_train::packing::Arrangement;
use mlr_train::plan::cost::Rates;
use mlr_train::plan::{IterationCost, Ranked};
use serde::Serialize;

use super::human_seconds;
use crate::convert::from_text;
use crate::failure::Failure;
use crate::verbs::human_bytes;

/// Why this plan.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Explained {
    /// The plan that was chosen and those that came next.
    plans: Vec<Row>,
    /// What every iteration of the chosen one does.
    iterations: Vec<IterationCost>,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    predicted_train_seconds: f64,
    log_n: u32,
    q_bits: Vec<u32>,
    p_bits: Vec<u32>,
    digits: u32,
    layout: Arrangement,
    row_length: usize,
    passes: usize,
    radix: usize,
    server_memory_bytes: u64,
    upload_bytes: u64,
    eval_key_bytes: u64,
    predicted_weight_error: f64,
}

impl Explained {
    pub(super) fn new(ranked: &[Ranked], rates: &Rates) -> Result<Self, Failure> {
        let row = |ranked: &Ranked| {
            let (job, prediction) = (ranked.plan.job(), ranked.plan.prediction());
            let (program, literal) = (job.program(), ranked.plan.params().literal());
            Row {
                predicted_train_seconds: ranked.seconds,
                log_n: literal.log_n,
                q_bits: literal.q_bits.clone(),
                p_bits: literal.p_bits.clone(),
                digits: literal.dnum,
                layout: program.arrangement,
                row_length: program.row_length,
                passes: program.shape.classes.div_ceil(program.classes_per_pass),
                radix: program.radix,
                server_memory_bytes: prediction.server_memory_bytes,
                upload_bytes: prediction.upload_bytes,
                eval_key_bytes: prediction.key_bytes,
                predicted_weight_error: prediction.weight_error(),
            }
        };
        let iterations = match ranked.first() {
            Some(best) => best.plan.iteration_costs(rates),
            None => Ok(vec![]),
        };
        Ok(Self {
            plans: ranked.iter().map(row).collect(),
            iterations: iterations.map_err(|error| from_text(&error))?,
        })
    }

    pub(super) fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "  plans       {:>9} {:>5} {:>20} {:>7} {:>9} {:>6} {:>6} {:>9} {:>9} {:>8}",
            "time", "N", "log q", "digits", "layout", "p", "passes", "memory", "upload", "error"
        )?;
        for row in &self.plans {
            let (first, rest) = (row.q_bits.first(), row.q_bits.get(1));
            let chain = format!(
                "{} + {} x {}",
                first.copied().unwrap_or(0),
                row.q_bits.len().saturating_sub(1),
                rest.copied().unwrap_or(0)
            );
            let layout = match row.layout {
                Arrangement::RowMajor => "row-major",
                Arrangement::Diagonal => "diagonal",
            };
            writeln!(
                out,
                "              {:>9} {:>5} {:>20} {:>7} {:>9} {:>6} {:>6} {:>9} {:>9} {:>8.1e}",
                human_seconds(row.predicted_train_seconds),
                format!("2^{}", row.log_n),
                chain,
                row.digits,
                layout,
                row.row_length,
                row.passes,
                human_bytes(row.server_memory_bytes),
                human_bytes(row.upload_bytes),
                row.predicted_weight_error
            )?;
        }
        writeln!(
            out,
            "  iterations  {:>9} {:>11} {:>16} {:>13} {:>9} {:>9}",
            "number", "levels", "weights' scale", "key switches", "products", "time"
        )?;
        for row in &self.iterations {
            writeln!(
                out,
                "              {:>9} {:>11} {:>16} {:>13} {:>9} {:>9}",
                row.iteration,
                format!("{} to {}", row.level_before, row.level_after),
                format!("2^{:.1}", row.log2_scale),
                row.key_products,
                row.tensors,
                human_seconds(row.seconds)
            )?;
        }
        Ok(())
    }
}
