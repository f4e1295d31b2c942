//! Pooled statistics of which nobody sees a summand.

use super::*;
use crate::data::FeatureSet;

#[test]
fn three_owners_as_processes_pool_their_statistics() {
    let group = Group::new(3, 2, Goal::Statistics);
    let members: Vec<Child> = (0..3).map(|member| group.spawn(member)).collect();
    members.into_iter().for_each(Group::done);
    let own = |owner| {
        let (features, labels) = rows(owner);
        Statistics::of(&FeatureSet::new(features, labels, None, "rows").unwrap())
    };
    let mut merged = own(0);
    for owner in 1..3 {
        merged.merge(&own(owner)).unwrap();
    }
    let pooled = |owner| Statistics::read(&group.own(owner).join("pooled")).unwrap();
    assert!(pooled(0) == pooled(1) && pooled(1) == pooled(2));
    assert_eq!(pooled(0).owners(), merged.owners());
    assert_eq!(pooled(0).class_counts(), merged.class_counts());
    let variances = pooled(0).variances().into_iter().zip(merged.variances());
    for (found, exact) in variances {
        // Three half units of 2^-40 in each sum, and differences of sums of magnitude 100.
        assert!((found - exact).abs() < 1e-9, "{found} {exact}");
    }
}
