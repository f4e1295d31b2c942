//! One suite that every evaluator passes (filled in below).
