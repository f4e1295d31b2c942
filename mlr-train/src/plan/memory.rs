//! What the server keeps in memory beside the evaluation keys.

use he_core::params::Params;

use super::program::{FirstGradient, Method};
use crate::packing::{Arrangement, Layout};

/// Blocks that are multiplied at once, with the weights and with their errors: weights and open sums are read and written once for all of them.
pub(crate) const BLOCKS_AT_ONCE: usize = 4;
/// Ciphertexts and digits at work, and buffers kept for reuse, in ciphertexts at the top level.
const AT_WORK: usize = 24;

/// One part in this many is added for what the allocator keeps (measured: 8 % on 60,000 rows).
const ALLOCATOR: u64 = 12;

/// Level of the look-ahead weights when data are first multiplied.
pub(super) fn first_level(method: Method, arrangement: Arrangement, top: usize) -> usize {
    let packed = usize::from(arrangement == Arrangement::RowMajor);
    let spent = match method {
        Method::Paper { .. } => 0,
        Method::Whitened {
            first_gradient: FirstGradient::Client,
        } => packed,
        Method::Whitened { .. } => 2,
    };
    top.saturating_sub(spent)
}

/// Where a run stands in the chain when it needs most memory: in the first iteration that reads the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peak {
    /// Level of weights and data.
    pub(super) first: usize,
    /// Level of the errors.
    pub(super) errors: usize,
    /// Classes of a pass.
    pub(super) classes_per_pass: usize,
    /// Whether any iteration reads data.
    pub(super) reads: bool,
}

/// Bytes, at 8 a residue: rotated weights of a pass, weights, the blocks at work with their open scores and their errors, open sums.
pub(super) fn server_bytes(layout: &Layout, params: &Params, peak: Peak) -> u64 {
    let component = |level: usize| ((level + 1) * params.n() * 8) as u64;
    let ciphertexts = |count: usize, level| 2 * count as u64 * component(level);
    let (groups, vectors, per_pass) = (layout.groups(), layout.vectors(), peak.classes_per_pass);
    let work = ciphertexts(AT_WORK, params.max_level());
    let allocated = |bytes: u64| bytes + bytes / ALLOCATOR;
    if !peak.reads {
        return allocated(work + ciphertexts(2 * vectors, params.max_level()));
    }
    let ahead = match layout.arrangement() {
        Arrangement::RowMajor => 0,
        Arrangement::Diagonal => ciphertexts(per_pass * groups, peak.first),
    };
    let blocks = layout.blocks().min(BLOCKS_AT_ONCE);
    let sums = (per_pass * groups) as u64 * 3 * component(peak.errors);
    // Open, and closed: some are through before the last ones are begun.
    let scores = (per_pass * blocks) as u64 * (3 + 2) * component(peak.first);
    allocated(
        work + ahead
            + sums
            + scores
            + ciphertexts(vectors + blocks * groups, peak.first)
            + ciphertexts(blocks * per_pass, peak.errors),
    )
}
