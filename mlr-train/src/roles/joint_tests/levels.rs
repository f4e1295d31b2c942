//! Keys and their shares are of the plan's levels: those of others are refused by name, before anything is computed with them.

use he_core::multiparty::{KeyItem, KeyShare};
use he_core::ring::{Ntt, Poly};
use he_core::rlwe::KeyId;
use he_core::wire;

use super::attacks::{message, replace};
use super::*;
use crate::artifacts::manifest::{Kind, Manifest};
use crate::artifacts::plan::KeyPlan as _;
use crate::error::{Class, Explain as _};
use crate::joint::{first_items_of_test, level_of_test};
use crate::roles::server::train::train_planned;

/// Another level of the chain than a key's: above it, if there is one.
fn other_level(group: &Group, level: usize) -> usize {
    let most = group.setting.context().params().max_level();
    if level < most { level + 1 } else { level - 1 }
}

fn share_bytes(group: &Group, share: &KeyShare) -> Vec<u8> {
    let written = wire::write_key_share(vec![], "x", group.setting.session(), share);
    written.unwrap().1
}

#[test]
fn keys_of_a_plan_are_of_the_levels_that_its_trace_used() {
    let group = Group::begin(7);
    let plan = group.setting.plan();
    let most = group.setting.context().params().max_level();
    let levels: Vec<usize> = plan.keys_with_levels().iter().map(|key| key.1).collect();
    assert!(levels.iter().all(|level| *level <= most));
    // Some key is used below the highest level, or truncation is tested by nothing here.
    assert!(levels.iter().any(|level| *level < most), "{levels:?}");
    // What the plan says of their bytes is what is written. It counts a bit more than a prime's size for each residue, which those just above a power of two
    // have and those below it not: a thirtieth at most. Beside its payload a file has prefix, hash and header, 112 bytes at most.
    group.first();
    group.keys().unwrap();
    let bytes = |path: PathBuf| -> u64 {
        let manifest = Manifest::read(&path).unwrap();
        let files = manifest.files().iter();
        let files = files.filter(|entry| entry.name != "digests" && entry.name != "proof");
        files.map(|entry| entry.bytes - 112).sum()
    };
    let estimate = plan.plan.estimate();
    let shares = estimate.joint.as_ref().unwrap().key_share_bytes;
    let [first, second] = ["first", "second"].map(|name| bytes(group.path(0, name)));
    let keys = bytes(group.server("eval-keys"));
    for (planned, found) in [(shares, first + second), (estimate.key_bytes, keys)] {
        assert!(found <= planned, "{found} {planned}");
        assert!(planned < found + found / 30, "{found} {planned}");
    }
}

#[test]
fn shares_of_another_level_are_refused_by_their_party_and_level() {
    let group = Group::begin(7);
    group.first();
    group.keys().unwrap();
    fs::remove_dir_all(group.server("eval-keys")).unwrap();
    let secret = &group.secrets[2];
    let honest = group.path(2, "first");
    let name_of = |item| match item {
        KeyItem::RelinearisationOne => "relinearisation-1".to_owned(),
        KeyItem::Galois(g) => format!("galois-{}", g.exponent()),
        _ => "public".to_owned(),
    };
    let refused = |directory: &str, level: usize, other: usize| {
        let error = group.evaluation_keys().unwrap_err();
        let message = message(&error);
        assert_eq!(error.class(), Class::Input);
        for part in [
            "level of a key share",
            &format!("expected {level}, found {other}"),
            "party-2",
            directory,
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!group.server("eval-keys").exists());
    };
    for item in first_items_of_test(&group.setting) {
        let level = level_of_test(&group.setting, item);
        let other = other_level(&group, level);
        let share = match item {
            KeyItem::PublicKey => continue,
            KeyItem::Galois(g) => secret.galois_share(g, other),
            _ => secret.relinearisation_one(other),
        };
        let path = honest.join(Kind::KeyShares.file(&name_of(item)));
        let own = fs::read(path).unwrap();
        replace(
            &honest,
            &name_of(item),
            &share_bytes(&group, &share.unwrap()),
        );
        refused("first", level, other);
        // Digits of another level under the right level's name: the length is another.
        let mut bytes = fs::read(honest.join(Kind::KeyShares.file(&name_of(item)))).unwrap();
        bytes[60..64].copy_from_slice(&(level as u32).to_le_bytes());
        let end = bytes.len() - 32;
        let hash = *blake3::hash(&bytes[..end]).as_bytes();
        bytes[end..].copy_from_slice(&hash);
        replace(&honest, &name_of(item), &bytes);
        assert_eq!(group.evaluation_keys().unwrap_err().class(), Class::Input);
        assert!(!group.server("eval-keys").exists());
        replace(&honest, &name_of(item), &own);
    }
    // The second round, truncated further or not enough.
    let level = level_of_test(&group.setting, KeyItem::RelinearisationTwo);
    let other = other_level(&group, level);
    let session = group.setting.session();
    let first = group.secrets.iter().map(|s| s.relinearisation_one(other));
    let first: Vec<_> = first.map(Result::unwrap).collect();
    let sum = he_core::multiparty::RelinearisationSum::of(session, other, &first).unwrap();
    let share = secret.relinearisation_two(&sum).unwrap();
    let second = group.path(2, "second");
    let own = fs::read(second.join(Kind::KeyShares.file("relinearisation-2"))).unwrap();
    replace(&second, "relinearisation-2", &share_bytes(&group, &share));
    refused("second", level, other);
    replace(&second, "relinearisation-2", &own);
    group.evaluation_keys().unwrap();
}

#[test]
fn a_server_s_key_of_another_level_is_refused_before_training() {
    let group = Group::verified(7);
    let context = group.setting.context();
    let (id, level) = group.setting.plan().keys_with_levels()[1];
    let KeyId::Galois(g) = id else {
        panic!("expected a Galois key after that of relinearisation");
    };
    let other = other_level(&group, level);
    let shares = group.secrets.iter().map(|s| s.galois_share(g, other));
    let shares: Vec<_> = shares.map(Result::unwrap).collect();
    let key = he_core::multiparty::galois_key(group.setting.session(), g, other, &shares).unwrap();
    let (_, bytes) = wire::write_switching_key(vec![], "x", context, &key).unwrap();
    let name = format!("galois-{}", g.exponent());
    let path = group.server("eval-keys");
    let own = fs::read(path.join(Kind::EvaluationKeys.file(&name))).unwrap();
    replace(&path, &name, &bytes);
    let train = || train_planned(&group.training("model.enc"), group.setting.plan(), &Silent);
    let error = train().unwrap_err();
    let message = message(&error);
    let expected = format!("expected {level}, found {other}");
    assert!(message.contains("level of an evaluation key"), "{message}");
    assert!(
        message.contains(&expected) && message.contains(&name),
        "{message}"
    );
    assert!(!group.server("model.enc").exists());
    replace(&path, &name, &own);
    train().unwrap();
    // A public key share below the highest level is no share at all.
    let mut short: Poly<Ntt> = group.secrets[0].public_key_share().unwrap().parts()[0].clone();
    short.drop_to_level(context.params().max_level() - 1);
    let party = group.setting.party(0).unwrap();
    let session = group.setting.session();
    assert!(KeyShare::new(session, party, KeyItem::PublicKey, vec![short]).is_err());
}
