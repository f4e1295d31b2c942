//! Which uploads share a proof.

use super::checked::Job;
use super::joint::Joint;
use crate::packing::Upload;

/// Uploads of one owner that have one proof: they stand at one level and scale.
#[derive(Clone, Debug, PartialEq)]
pub struct ProofGroup {
    /// Level at which they are used.
    pub level: usize,
    /// Scale at which they are used.
    pub scale: f64,
    /// No slot exceeds this in absolute value.
    pub bound: f64,
    /// The uploads, in their order.
    pub uploads: Vec<Upload>,
}

impl Job {
    /// The joint key that it is for, if it is for one.
    pub fn joint(&self) -> Option<Joint> {
        self.program().owners.joint
    }

    /// What owner `owner` proves, proof by proof, in the order of upload; nothing of an owner that there is not.
    pub fn proofs_of(&self, owner: usize) -> Vec<ProofGroup> {
        let mut groups: Vec<ProofGroup> = Vec::new();
        for upload in self.uploads_of(owner) {
            let (at, bound) = (self.placement(upload), self.bound(upload));
            let found = groups
                .iter_mut()
                .find(|group| group.level == at.level.0 && group.scale == at.scale);
            match found {
                Some(group) => {
                    group.bound = group.bound.max(bound);
                    group.uploads.push(upload);
                }
                None => groups.push(ProofGroup {
                    level: at.level.0,
                    scale: at.scale,
                    bound,
                    uploads: vec![upload],
                }),
            }
        }
        groups
    }
}
