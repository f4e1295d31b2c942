//! Every party killed at random moments: the group ends, nothing is said, answered or opened twice.

use super::*;

/// Kills of each member.
const MOMENTS: usize = 20;

#[test]
#[ignore = "minutes: every member of a group killed at twenty moments"]
fn a_group_whose_members_are_killed_at_twenty_moments_each_ends_with_one_model() {
    let group = Group::new(3, 2, Goal::Model);
    let undisturbed = Instant::now();
    let other = Group::new(3, 2, Goal::Model);
    let members: Vec<Child> = (0..4).map(|member| other.spawn(member)).collect();
    members.into_iter().for_each(Group::done);
    let length = undisturbed.elapsed();

    let mut running: Vec<Child> = (0..4).map(|member| group.spawn(member)).collect();
    for moment in 0..4 * MOMENTS {
        let member = moment % 4;
        // A golden-ratio sequence covers the steps evenly: a fifth of the whole at most, so that the group moves on between kills.
        let part = (0.5 + moment as f64 * 0.618_033_988_749_895).fract();
        std::thread::sleep(length.mul_f64(part / 20.0));
        let _ended = running[member].kill();
        running[member].wait().unwrap();
        running[member] = group.spawn(member);
    }
    running.into_iter().for_each(Group::done);
    for member in 1..3 {
        assert!(group.model(member) == group.model(0), "{member}");
    }
    assert!(group.right(0) * 10 > 120 * 8);
    // Other randomness, the same weights up to their certain bits: the labels are those of the undisturbed group but for rows on a boundary.
    assert!(group.right(0).abs_diff(other.right(0)) <= 2);
    let mut opened = 0;
    for member in 0..4 {
        let transcript = fs::read_to_string(group.folder(member).join("transcript")).unwrap();
        let answers = transcript.matches("{\"answer\":").count();
        opened += answers;
        assert!(answers <= 1, "{member}: {answers}");
        for step in ["commit", "key-share", "deal", "upload", "share", "received"] {
            let said = transcript
                .matches(&format!("\\\"step\\\":\\\"{step}\\\""))
                .count();
            assert!(said <= 1, "{member} {step}: {said}");
        }
    }
    assert_eq!(opened, 2, "as many as the threshold says");
}
