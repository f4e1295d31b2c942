//! What `plan` and `inspect` print of a plan.

use std::io::{self, Write};

use velum_record::plan::{
    Bootstrapped, Check, Choice, Explained, Goal, JointKey, Outcome, Planned, Rung, Tuned,
};

use super::super::human_bytes;
use crate::face::console::Summary;
use crate::face::progress::human_time;

/// Seconds for people; a prediction has no more than two digits.
pub(super) fn human_seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        human_time(std::time::Duration::from_secs_f64(seconds.min(1e9)))
    }
}

impl Summary for Planned {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "plan {}", self.plan_hash)?;
        writeln!(
            out,
            "  method      {}, {} iterations, first gradient by the {}",
            self.method, self.iterations, self.first_gradient
        )?;
        writeln!(
            out,
            "  data        {} rows x {} columns (a constant included), {} classes",
            self.rows, self.columns, self.classes
        )?;
        for (owner, rows) in self.owners.iter().enumerate() {
            writeln!(
                out,
                "  owner {:<6}{rows} rows, under the {} key",
                owner + 1,
                if self.joint.is_some() {
                    "joint"
                } else {
                    "public"
                }
            )?;
        }
        writeln!(
            out,
            "  parameters  N = 2^{}, log2(QP) = {:.1}, {} levels",
            self.log_n, self.log_qp, self.levels
        )?;
        writeln!(
            out,
            "  security    at least {} bits ({})",
            self.security_bits, self.security_source
        )?;
        writeln!(
            out,
            "  upload      {} in {} ciphertexts, and {} of evaluation keys ({})",
            human_bytes(self.upload_bytes),
            self.upload_ciphertexts,
            human_bytes(self.eval_key_bytes),
            self.eval_keys
        )?;
        server(self, out)?;
        if let Some(every) = self.refresh_every {
            match (&self.bootstrap, &self.joint) {
                (Some(how), _) => bootstrapped(self.refreshes, every, how, out)?,
                (None, Some(key)) => by_owners(self, every, key, out)?,
                (None, None) => writeln!(
                    out,
                    "  refreshes   {} by the client, iterations from one to the next: {every}; {} both ways",
                    self.refreshes,
                    human_bytes(self.refresh_bytes)
                )?,
            }
        }
        writeln!(out, "  download    {}", human_bytes(self.download_bytes))?;
        writeln!(
            out,
            "  precision   expected error of a weight {:.1e}",
            self.predicted_weight_error
        )?;
        if let Some(key) = &self.joint {
            joint(key, out)?;
        }
        reasons(self, out)
    }
}

/// Why it is this plan, and what to expect of it.
fn reasons(plan: &Planned, out: &mut dyn Write) -> io::Result<()> {
    if let Some(explained) = &plan.explained {
        explain(explained, out)?;
    }
    if let Some(tuning) = &plan.tuning {
        tuned(tuning, plan.goal.is_some(), out)?;
    }
    if let Some(goal) = &plan.goal {
        ladder(goal, out)?;
    }
    let Some(check) = &plan.check else {
        return Ok(());
    };
    checked(check, out)?;
    match &plan.goal {
        Some(goal) => writeln!(
            out,
            "  best clear  {}, a softmax regression to its end",
            goal.best_clear
        ),
        None => Ok(()),
    }
}

/// What the training takes of the server.
fn server(plan: &Planned, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  server      {} key switches, {}{}",
        plan.key_switches,
        match plan.memory_bound {
            Some(bound) => format!(
                "at most {} of memory on {} threads",
                human_bytes(bound.bytes),
                bound.threads
            ),
            None => format!("about {} of memory", human_bytes(plan.server_memory_bytes)),
        },
        plan.predicted_train_seconds
            .map_or_else(String::new, |s| format!(", about {}", human_seconds(s)))
    )?;
    if plan.predicted_train_seconds.is_some() {
        match &plan.rates {
            Some(file) => writeln!(out, "              time by the rates in {file}")?,
            None => writeln!(
                out,
                "              time on two cores with AVX-512; another machine can take three times as long: `velum plan --calibrate --rates FILE` there, --rates FILE here"
            )?,
        }
    }
    Ok(())
}

/// A key that no party holds.
fn joint(key: &JointKey, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  joint key   of {} parties, {} of whom open the model; each one's noise 2^{} a coefficient hides {}",
        key.parties,
        key.threshold,
        key.noise_bits,
        match key.hides.as_str() {
            "statistical" => "the ciphertexts' noise",
            _ => "the ciphertexts' noise so far that no key is found",
        }
    )?;
    writeln!(
        out,
        "  opened      expected error of a weight {:.1e}, {} certain bits behind the point",
        key.opened_error, key.certain_bits
    )?;
    writeln!(
        out,
        "  a party     {} of key shares, {} for the opening; an owner's rows come with a switching key of {} and a proof of {}",
        human_bytes(key.key_share_bytes),
        human_bytes(key.opening_share_bytes),
        human_bytes(key.switching_key_bytes),
        human_bytes(key.proof_bytes)
    )
}

/// Refreshes by the parties of a joint key.
fn by_owners(plan: &Planned, every: usize, key: &JointKey, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  refreshes   {} by {} of the owners, iterations from one to the next: {every}; {} in all",
        plan.refreshes,
        key.threshold,
        human_bytes(plan.refresh_bytes)
    )?;
    writeln!(
        out,
        "    each      {} of weights for each of them, and {} of its share back; masks of 2^{} a coefficient",
        human_bytes(key.refresh_question_bytes),
        human_bytes(key.refresh_share_bytes),
        key.refresh_mask_bits
    )
}

fn bootstrapped(
    refreshes: u64,
    every: usize,
    how: &Bootstrapped,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "  refreshes   {refreshes} by bootstrapping, iterations from one to the next: {every}; nobody is asked"
    )?;
    writeln!(
        out,
        "    through   N = 2^{}, log2(QP) = {:.1}, {} of keys, {} ciphertexts a refresh{}",
        how.log_n,
        how.log_qp,
        human_bytes(how.key_bytes),
        how.ciphertexts,
        if how.passes > 1 {
            ", each once more for the error of the first time"
        } else {
            ""
        }
    )?;
    writeln!(
        out,
        "    weights   |W + iV| within {:.2}, off by {:.1e} at most; any refresh fails: 2^{} at most",
        how.bound, how.largest_error, how.failure_log2
    )?;
    for key in &how.keys {
        writeln!(
            out,
            "    security  {}: log2(QP) {:.1} of {} for a {} of degree 2^{} ({})",
            key.key, key.log_qp, key.cap, key.hides_under, key.log_n, key.source
        )?;
    }
    Ok(())
}

fn checked(check: &Check, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  twin        passed: scores within {:.1}; right of {} held-out training rows:",
        2.0 * check.range,
        check.held_out
    )?;
    for figures in &check.iterations {
        let cent = |right: usize| 100.0 * right as f64 / check.held_out.max(1) as f64;
        writeln!(
            out,
            "    iteration {}: largest score {:.2}, with the polynomial {:.2} %, with the exact sigmoid {:.2} %",
            figures.iteration,
            figures.largest_score,
            cent(figures.correct_polynomial),
            cent(figures.correct_exact)
        )?;
    }
    if check.held_out == 0 {
        return writeln!(
            out,
            "  expect      nothing can be said: no class has a second row to judge with"
        );
    }
    writeln!(
        out,
        "  expect      {} on rows like those held out; on other data less",
        check.accuracy
    )?;
    writeln!(
        out,
        "  client only {}, before anything is uploaded",
        check.client_only
    )?;
    writeln!(
        out,
        "  baseline    {:.2} %, the largest class for every row",
        100.0 * check.largest_class.share
    )?;
    Ok(())
}

/// The plans that came next, and the ledger of every iteration: 60 columns hold them.
fn explain(explained: &Explained, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  plans, the chosen one first")?;
    for row in &explained.plans {
        let (first, rest) = (row.q_bits.first(), row.q_bits.get(1));
        writeln!(
            out,
            "    {:>7}  N = 2^{}, log q {} + {} x {}, {} digits",
            human_seconds(row.predicted_train_seconds),
            row.log_n,
            first.copied().unwrap_or(0),
            row.q_bits.len().saturating_sub(1),
            rest.copied().unwrap_or(0),
            row.digits,
        )?;
        writeln!(
            out,
            "             {}, rows of {}, passes: {}",
            row.layout.replace('_', "-"),
            row.row_length,
            row.passes,
        )?;
        writeln!(
            out,
            "             {} of memory, {} up, error {:.1e}",
            human_bytes(row.server_memory_bytes),
            human_bytes(row.upload_bytes),
            row.predicted_weight_error
        )?;
    }
    writeln!(
        out,
        "  iteration  levels    scale  switches  products      time"
    )?;
    for row in &explained.iterations {
        writeln!(
            out,
            "  {:>9} {:>7} {:>8} {:>9} {:>9} {:>9}",
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

/// The ladder of a goal: 60 columns hold it.
fn ladder(goal: &Goal, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  goal        {} %, by the cheapest of {} rungs",
        (1e4 * goal.accuracy).round() / 100.0,
        goal.rungs.len()
    )?;
    let several = goal.rungs.iter().any(|rung| rung.keep.is_some());
    let head = if several { "axes    T" } else { "  T" };
    writeln!(out, "  {head}  degree  right of held-out rows")?;
    for rung in &goal.rungs {
        let share = rung.accuracy.map(|share| share.to_string());
        let axes = rung.keep.map(|keep| format!("{keep:>4}  "));
        writeln!(
            out,
            "  {}{:>3}  {:>6}  {:<26}{}",
            axes.unwrap_or_default(),
            rung.iterations,
            rung.degree,
            share.unwrap_or_default(),
            outcome(rung)
        )?;
    }
    Ok(())
}

/// What became of a rung, in a word or two.
fn outcome(rung: &Rung) -> String {
    let word = match rung.outcome {
        Outcome::Taken => "taken",
        Outcome::Costlier => "costlier",
        Outcome::Below => "below",
        Outcome::NoPlan => "no plan",
        Outcome::Refused => "refused",
        Outcome::NotTried => "not tried",
    };
    match rung.predicted_train_seconds {
        Some(seconds) => format!("{word}, {}", human_seconds(seconds)),
        None => word.to_owned(),
    }
}

/// The table and the choice.
/// A goal takes axes and lambda alone from the tuning.
fn tuned(tuned: &Tuned, by_goal: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  tuned       {} choices trained on {} rows, compared on {} others; those that judge had no part",
        tuned.choices, tuned.trained_rows, tuned.choosing_rows
    )?;
    writeln!(
        out,
        "  axes  T   deg  lambda  range  steps          largest  compared"
    )?;
    for row in &tuned.table {
        line(row, out)?;
    }
    if let Some(count) = tuned.equally_good {
        writeln!(
            out,
            "    {count} within a standard error of the best, none cheaper than another in all; by their plans:"
        )?;
    }
    for row in &tuned.planned {
        line(row, out)?;
    }
    let chosen = match by_goal {
        true => "best with the axes and lambda that were taken",
        false => "chosen",
    };
    writeln!(out, "    {chosen}:")?;
    line(&tuned.chosen, out)
}

/// Steps of a choice that are shown.
const MOST_STEPS: usize = 4;

fn line(row: &Choice, out: &mut dyn Write) -> io::Result<()> {
    let shown = row.steps.iter().take(MOST_STEPS).map(f64::to_string);
    let mut steps = shown.collect::<Vec<_>>().join(",");
    if row.steps.len() > MOST_STEPS {
        // Those that follow are as large.
        steps += ",..";
    }
    let plan = match (row.predicted_train_seconds, &row.refresh) {
        (Some(seconds), Some(way)) => format!("  {}, refreshes: {way}", human_seconds(seconds)),
        _ => String::new(),
    };
    writeln!(
        out,
        "  {:>4}  {:<2}  {:>3}  {:<6}  {:<5}  {:<13}  {:>7.2}  {:.2} %{plan}",
        row.keep,
        row.iterations,
        row.degree,
        row.lambda,
        row.range,
        steps,
        row.largest_score,
        100.0 * row.accuracy
    )
}
