//! Records of plans. All but what the twin saw and what tuning chose from is public.

use serde::{Deserialize, Serialize};

use crate::Share;

/// A plan, and why it is this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// `whitened` or `paper`.
    pub method: String,
    /// Who computes the first gradient: `client` or `server`.
    pub first_gradient: String,
    /// Training rows.
    pub rows: usize,
    /// Columns that are trained on, the constant included.
    pub columns: usize,
    /// Classes.
    pub classes: usize,
    /// Iterations.
    pub iterations: usize,
    /// Rows of each owner; empty where one has them all.
    pub owners: Vec<usize>,
    /// Whether uploads are encrypted under the public key.
    pub public_key: bool,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of the modulus, key-switching primes included.
    pub log_qp: f64,
    /// Bits of classical security that the table certifies.
    pub security_bits: u32,
    /// The largest log2(QP) that the table allows for them at this ring degree.
    pub security_log_qp: u32,
    /// The table.
    pub security_source: String,
    /// Levels of a fresh ciphertext.
    pub levels: usize,
    /// Arrangement of the columns: `row_major` or `diagonal`.
    pub layout: String,
    /// Columns of a row in a ciphertext.
    pub row_length: usize,
    /// How often the data are read an iteration.
    pub passes: usize,
    /// Products with evaluation keys.
    pub key_switches: u64,
    /// Divisions by P.
    pub mod_downs: u64,
    /// Ciphertexts that go to the server.
    pub upload_ciphertexts: u64,
    /// Their size.
    pub upload_bytes: u64,
    /// Evaluation keys.
    pub eval_keys: usize,
    /// Their size.
    pub eval_key_bytes: u64,
    /// Size of the encrypted model.
    pub download_bytes: u64,
    /// Refreshes of the weights.
    #[serde(default)]
    pub refreshes: u64,
    /// Who does them: `client`, `bootstrap` or `owners`; null where nobody does.
    #[serde(default)]
    pub refresh_way: Option<String>,
    /// What is special of a bootstrapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Bootstrapped>,
    /// Iterations between two of them.
    #[serde(default)]
    pub refresh_every: Option<usize>,
    /// Bytes of all of them, both ways.
    #[serde(default)]
    pub refresh_bytes: u64,
    /// Memory at the server.
    pub server_memory_bytes: u64,
    /// What it stays below on a number of threads; null where a plan was only read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bound: Option<MemoryBound>,
    /// Expected root mean square error of a weight as trained.
    pub predicted_weight_error: f64,
    /// What the parties of a joint key do and get; absent where one key holder has the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<JointKey>,
    /// By the rates; null where no rates were asked.
    pub predicted_train_seconds: Option<f64>,
    /// The file with the rates of the machine that trains; none where the time is by the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<String>,
    /// Hash of the plan, hex.
    pub plan_hash: String,
    /// Time of the planning; null where a plan was only read.
    pub seconds: Option<f64>,
    /// The rows that it was made for; null where it was made without any, or was only read.
    pub trained_on: Option<PlannedRows>,
    /// What the twin saw; null when the plan was made from sizes alone, or for the paper's method.
    pub check: Option<Check>,
    /// Other plans and every iteration's costs; null where nobody asked.
    pub explained: Option<Explained>,
    /// What tuning chose from, and what to expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuned>,
    /// Who might have given weights levels again, in the order in which they were weighed; absent where that was not left to the planner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed: Option<Vec<Weighed>>,
    /// The ladder that an accuracy was sought on; absent without a goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
}

/// A key that no party holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointKey {
    /// Parties that make it.
    pub parties: u32,
    /// How many of them open the model.
    pub threshold: u32,
    /// What their noise hides when they do: `key recovery` or `statistical`.
    pub hides: String,
    /// log2 of the standard deviation of each one's noise, in a coefficient.
    pub noise_bits: u32,
    /// Expected root mean square error of a weight as opened.
    pub opened_error: f64,
    /// Bits behind the binary point that opened weights are certain of.
    pub certain_bits: i32,
    /// Bytes of an owner's proof.
    pub proof_bytes: u64,
    /// Bytes of the switching key that it is of.
    pub switching_key_bytes: u64,
    /// Bytes of a party's shares of all keys.
    pub key_share_bytes: u64,
    /// Bytes of a party's share of the opening.
    pub opening_share_bytes: u64,
    /// log2 of the range of the masks that a party refreshes a coefficient under; 0 where the owners refresh nothing, as of the following.
    #[serde(default)]
    pub refresh_mask_bits: u32,
    /// Bytes of the weights that one refresh is asked for.
    #[serde(default)]
    pub refresh_question_bytes: u64,
    /// Bytes of a party's share of the largest refresh.
    #[serde(default)]
    pub refresh_share_bytes: u64,
}

/// Memory of a training on a number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryBound {
    /// Threads.
    pub threads: usize,
    /// The bound.
    pub bytes: u64,
}

/// How the server refreshes weights by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrapped {
    /// log2 of the ring degree that it goes through.
    pub log_n: u32,
    /// log2 of the modulus there, key-switching primes included.
    pub log_qp: f64,
    /// Every kind of key that it needs: what it hides under, and how large a modulus the tables allow.
    pub keys: Vec<SecureKey>,
    /// Bytes of its keys.
    pub key_bytes: u64,
    /// Ciphertexts of one refresh.
    pub ciphertexts: u64,
    /// How often each of them is bootstrapped: the second time for the error of the first.
    #[serde(default = "once")]
    pub passes: u32,
    /// The largest |W + iV| that it takes.
    pub bound: f64,
    /// The most that a value is off by after a refresh, but for six standard deviations of noise.
    pub largest_error: f64,
    /// log2 of the probability that any refresh of the run fails.
    pub failure_log2: i64,
}

/// Records before there were two.
fn once() -> u32 {
    1
}

/// What the security of a key rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecureKey {
    /// Which key.
    pub key: String,
    /// What it hides under.
    pub hides_under: String,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of its modulus.
    pub log_qp: f64,
    /// The largest that its table allows at 128 bits; 0 where there is none.
    pub cap: u32,
    /// The table.
    pub source: String,
}

/// Training rows by name: what `encrypt` encrypts, and what is held back from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRows {
    /// The file or directory of features, as it was named.
    pub features: String,
    /// The file of labels, if it is another.
    pub labels: Option<String>,
    /// Which rows, as in `--rows`.
    pub rows: String,
}

/// The twin's check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Training rows that were held out.
    pub held_out: usize,
    /// Of the encrypted model, trained on the rows that are not held out.
    pub accuracy: Share,
    /// Of what the client has before it uploads anything.
    pub client_only: Share,
    /// Of the answer "the largest class".
    pub largest_class: Share,
    /// Range of the polynomial.
    pub range: f64,
    /// Held-out rows that the polynomial may cost.
    pub allowed_loss: usize,
    /// What the twin saw in each iteration.
    pub iterations: Vec<Iteration>,
}

/// What the twin saw in one iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iteration {
    /// From 1.
    pub iteration: usize,
    /// Largest score at the point where the gradient was taken.
    pub largest_score: f64,
    /// Share of scores beyond the range.
    pub beyond_range: f64,
    /// Held-out rows right with the polynomial.
    pub correct_polynomial: usize,
    /// Held-out rows right with the exact sigmoid.
    pub correct_exact: usize,
}

/// Why this plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// The plan that was chosen and those that came next.
    pub plans: Vec<Alternative>,
    /// What every iteration of the chosen one does.
    pub iterations: Vec<IterationCost>,
}

/// A plan that was considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// By the rates.
    pub predicted_train_seconds: f64,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// Bits of the primes of the modulus, the last one first.
    pub q_bits: Vec<u32>,
    /// Bits of the key-switching primes.
    pub p_bits: Vec<u32>,
    /// Digits of a key switch.
    pub digits: u32,
    /// Arrangement of the columns.
    pub layout: String,
    /// Columns of a row in a ciphertext.
    pub row_length: usize,
    /// How often the data are read an iteration.
    pub passes: usize,
    /// Radix of sums over rotations.
    pub radix: usize,
    /// Memory at the server.
    pub server_memory_bytes: u64,
    /// Size of the upload.
    pub upload_bytes: u64,
    /// Size of the evaluation keys.
    pub eval_key_bytes: u64,
    /// Expected root mean square error of a weight.
    pub predicted_weight_error: f64,
}

/// What one iteration does, from a traced run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IterationCost {
    /// From 1.
    pub iteration: usize,
    /// Level of the weights that it begins with: above the level that the iteration before it ended at where they were refreshed.
    pub level_before: usize,
    /// Level of the weights after it.
    pub level_after: usize,
    /// log2 of the weights' scale after it.
    pub log2_scale: f64,
    /// log2 of the expected root mean square error of a weight after it, values at their usual sizes.
    pub log2_error: f64,
    /// Products with evaluation keys.
    pub key_products: u64,
    /// Tensor products.
    pub tensors: u64,
    /// Predicted seconds of its operations, reading excluded.
    pub seconds: f64,
}

/// A way of giving weights levels again, and the best plan with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    /// `none`, or a way as [`Planned::refresh_way`] names it.
    pub way: String,
    /// What its plan takes; null where it has none.
    pub takes: Option<Takes>,
    /// Whether it is the one that was taken.
    pub taken: bool,
    /// Why it was not.
    pub why: Option<String>,
}

/// What a plan takes that was weighed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Takes {
    /// Seconds of the server, by the rates.
    pub predicted_train_seconds: f64,
    /// The same and what was counted for its round trips: the least of these was taken.
    pub counted_seconds: f64,
    /// Memory at the server at most, on the threads that train.
    pub memory_bytes: u64,
    /// Size of the upload.
    pub upload_bytes: u64,
    /// Refreshes of the weights.
    pub refreshes: u64,
    /// Those that the server waits for an answer at.
    pub round_trips: u64,
}

/// The ladder of settings that an accuracy was sought on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// The accuracy asked for, in [0, 1].
    pub accuracy: f64,
    /// What the best clear model gets of the rows that judged, trained on the others.
    pub best_clear: Share,
    /// The rungs in order, from cheap to costly.
    pub rungs: Vec<Rung>,
}

/// One rung of the ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Principal axes, where the ladder was climbed with those of a tuning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<usize>,
    /// Iterations.
    pub iterations: usize,
    /// Degree of the polynomials.
    pub degree: u32,
    /// Step of every iteration, in units of 1/rows; empty where the rung was not tried.
    pub steps: Vec<f64>,
    /// Range of the polynomial where it is one for all iterations.
    pub range: Option<f64>,
    /// Of the twin on the rows that judge; null where there is no such run.
    pub accuracy: Option<Share>,
    /// Who refreshes weights in its plan: `none` or a way; null without a plan.
    pub refresh: Option<String>,
    /// Seconds of the server by its plan; null without one.
    pub predicted_train_seconds: Option<f64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it has no run, or no plan that keeps the limits; null otherwise.
    pub why: Option<String>,
}

/// What became of a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is the plan.
    Taken,
    /// It reaches the goal, by a plan that costs more.
    Costlier,
    /// Its twin does not reach the goal.
    Below,
    /// It reaches the goal, and no plan of it keeps the limits.
    NoPlan,
    /// The twin's check refuses it.
    Refused,
    /// It has no fewer iterations and no lower degree than one that reaches the goal by a plan.
    NotTried,
}

/// What was chosen, from what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// Rows that trained; those that the check holds out had no part in it.
    pub trained_rows: usize,
    /// Rows that chose.
    pub choosing_rows: usize,
    /// Choices that were compared.
    pub choices: usize,
    /// The choice.
    pub chosen: Choice,
    /// The best of every number of axes and iterations; where refreshes were searched too, of every degree and number of iterations.
    pub table: Vec<Choice>,
    /// Choices whose plans were compared, where refreshes were searched too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<Choice>,
    /// How many choices were within a standard error of the best, none of them cheaper than another in axes, iterations and degree alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equally_good: Option<usize>,
}

/// One choice of a tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Principal axes.
    pub keep: usize,
    /// Iterations.
    pub iterations: usize,
    /// Share of the largest variance that is added to every variance.
    pub lambda: f64,
    /// Degree of the polynomial; above 3 every iteration has its own.
    #[serde(default = "cubic")]
    pub degree: u32,
    /// Range of the polynomial, or of the widest.
    pub range: f64,
    /// Step of every iteration, in units of 1/rows.
    pub steps: Vec<f64>,
    /// Largest score.
    pub largest_score: f64,
    /// On the rows that choose; the winner's is too high.
    pub accuracy: f64,
    /// Who refreshes weights in its plan: `none` or a way; absent where no plan was searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// Seconds of the server by its plan; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_train_seconds: Option<f64>,
}

/// Records before there were other degrees.
fn cubic() -> u32 {
    3
}
