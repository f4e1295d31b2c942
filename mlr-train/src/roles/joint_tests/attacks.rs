//! What malicious parties send: refused by the number of the party, before anything is multiplied or opened.

use std::path::Path;

use he_core::multiparty::{Commitment, JointPublicKey, KeyItem, KeyShare, PartyId, WideCiphertext};
use he_core::ring::{Ntt, Poly};
use he_core::wire::{self, Existing, Source};

use super::*;
use crate::artifacts::dataset::Shards;
use crate::artifacts::manifest::{Entry, Kind, Manifest};
use crate::error::{Class, Explain as _, Report};
use crate::packing::Upload;
use crate::roles::server::train::train_planned;

/// Replaces a file of a directory, and has its manifest say so.
fn replace(directory: &Path, name: &str, bytes: &[u8]) {
    let manifest = Manifest::read(directory).unwrap();
    let kind = manifest.kind();
    let entries = manifest.files().iter().map(|entry| {
        if entry.name == name {
            Entry::write(directory, kind, name.to_owned(), bytes).unwrap()
        } else {
            entry.clone()
        }
    });
    let mut anew = Manifest::of(kind, manifest.binding().to_owned(), entries.collect());
    if let Some(key) = manifest.key() {
        anew.set_key(key.to_owned());
    }
    anew.write(directory).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn message(error: &RunError) -> String {
    let place = error.place().unwrap_or_default();
    format!("{} ({place})", Report::of(error).message)
}

/// The number and the name of owner 1's first ciphertext of data, and its level.
fn target(group: &Group) -> (u32, Upload, usize) {
    let job = group.setting.plan().plan.job();
    let uploads = job.uploads_of(1).zip(0..);
    let mut data = uploads.filter(|(upload, _)| matches!(upload, Upload::Data { .. }));
    let (upload, number) = data.next().unwrap();
    (number, upload, job.placement(upload).level.0)
}

fn bytes_of(group: &Group, number: u32, wide: &WideCiphertext) -> Vec<u8> {
    let (session, party) = (group.setting.session(), group.setting.party(1).unwrap());
    let written = wire::write_wide_ciphertext(vec![], "x", session, party, number, wide);
    written.unwrap().1
}

#[test]
fn uploads_without_knowledge_are_refused_before_anything_is_multiplied() {
    let group = Group::begin(7);
    group.first();
    group.keys().unwrap();
    for party in 0..3 {
        group.upload(party);
        group.verify(party).unwrap();
    }
    fs::remove_dir_all(group.server("verified-1")).unwrap();
    let honest = group.place.path().join("honest");
    copy(&group.path(1, "upload"), &honest);
    let restore = || {
        fs::remove_dir_all(group.path(1, "upload")).unwrap();
        copy(&honest, &group.path(1, "upload"));
    };
    // Nothing of it is there for a training, which is refused.
    let refused_training = || {
        assert!(!group.server("verified-1").exists());
        let refused = train_planned(&group.training("model.enc"), group.setting.plan(), &Silent);
        assert_eq!(refused.unwrap_err().class(), Class::Input);
        assert!(!group.server("model.enc").exists());
    };
    let refused = |what: &str| {
        let error = group.verify(1).unwrap_err();
        assert_eq!(error.class(), Class::Verification, "{what}: {error}");
        let message = message(&error);
        assert!(
            message.contains("the proof of party 1 does not hold"),
            "{what}: {message}"
        );
        refused_training();
        restore();
    };
    let (number, upload, level) = target(&group);
    let session = group.setting.session();
    let context = session.context();
    let (ring, basis) = (context.ring(), context.ring().extended_basis(level));
    let zero = || Poly::<Ntt>::zero(ring, basis);

    // The attack that read the key out of a model: (0, kappa), which decrypts to kappa s; over the special primes, so that what would be used is just that.
    let special: i128 = context
        .params()
        .p()
        .iter()
        .map(|p| i128::from(*p))
        .product();
    let mut kappa = vec![0i128; ring.degree()];
    kappa[0] = special << 20;
    let kappa = Poly::from_wide(ring, basis, &kappa).unwrap().into_ntt();
    let forged = WideCiphertext::new(session, level, zero(), kappa).unwrap();
    replace(
        &group.path(1, "upload"),
        &upload.to_string(),
        &bytes_of(&group, number, &forged),
    );
    refused("(0, P)");

    // Any other pair, with the honest proof: the halves of the honest ciphertext exchanged.
    let read = |party: PartyId, number: u32, directory: &Path| {
        let path = directory.join(Kind::ProvedUploads.file(&upload.to_string()));
        let bytes = fs::read(path).unwrap();
        wire::read_wide_ciphertext(Source::of("x", &bytes), session, party, number, level)
    };
    let own = read(session.party(1).unwrap(), number, &honest).unwrap();
    let swapped = WideCiphertext::new(session, level, own.c1().clone(), own.c0().clone()).unwrap();
    replace(
        &group.path(1, "upload"),
        &upload.to_string(),
        &bytes_of(&group, number, &swapped),
    );
    refused("any c0, c1");

    // Another owner's ciphertext under one's own name; its file as it is; its whole directory.
    let theirs = Upload::Data { block: 0, group: 0 };
    let job = group.setting.plan().plan.job();
    let at = job.uploads_of(0).position(|one| one == theirs).unwrap() as u32;
    let path = group
        .path(0, "upload")
        .join(Kind::ProvedUploads.file(&theirs.to_string()));
    let stolen = fs::read(path).unwrap();
    let source = Source::of("x", &stolen);
    let wide = wire::read_wide_ciphertext(source, session, session.party(0).unwrap(), at, level);
    let wide = wide.unwrap();
    replace(
        &group.path(1, "upload"),
        &upload.to_string(),
        &bytes_of(&group, number, &wide),
    );
    refused("another owner's shard");
    replace(&group.path(1, "upload"), &upload.to_string(), &stolen);
    let error = group.verify(1).unwrap_err();
    assert!(
        message(&error).contains("party and number of a message"),
        "{}",
        message(&error)
    );
    refused_training();
    restore();

    // Another owner's proof.
    let proof = Kind::ProvedUploads.file("proof-0");
    let bytes = fs::read(group.path(0, "upload").join(proof)).unwrap();
    replace(&group.path(1, "upload"), "proof-0", &bytes);
    let error = group.verify(1).unwrap_err();
    assert!(message(&error).contains("party-1"), "{}", message(&error));
    refused_training();
    restore();

    // The uploads themselves in place of verified ones: no training reads them.
    let mut input = group.training("model.enc");
    input.datasets[1] = group.path(1, "upload");
    let error = train_planned(&input, group.setting.plan(), &Silent).unwrap_err();
    assert!(
        message(&error).contains("expected verified uploads"),
        "{}",
        message(&error)
    );
    let context = group.setting.context();
    assert!(Shards::open(&input.datasets, group.setting.plan(), context).is_err());

    // A message of another session: the same parties, rows and plan.
    let other = Group::begin(8);
    other.first();
    other.keys().unwrap();
    other.upload(1);
    fs::remove_dir_all(group.path(1, "upload")).unwrap();
    copy(&other.path(1, "upload"), &group.path(1, "upload"));
    let error = group.verify(1).unwrap_err();
    assert!(message(&error).contains("party-1"), "{}", message(&error));
    assert!(
        Report::of(&error)
            .hint
            .unwrap_or_default()
            .contains("another session")
    );
    // Its manifest made out to this session, too: each file names its own.
    let manifest = Manifest::read(&honest).unwrap();
    let mut entries = Manifest::read(&group.path(1, "upload"))
        .unwrap()
        .files()
        .to_vec();
    entries.truncate(manifest.files().len());
    let mut anew = Manifest::of(Kind::ProvedUploads, manifest.binding().to_owned(), entries);
    anew.set_key(manifest.key().unwrap().to_owned());
    anew.write(&group.path(1, "upload")).unwrap();
    assert_eq!(group.verify(1).unwrap_err().class(), Class::Input);
    refused_training();
    restore();
    group.verify(1).unwrap();
}

/// A share that makes the joint key the attacker's own: its own less those of all others.
fn rogue(group: &Group) -> KeyShare {
    let session = group.setting.session();
    let share = |party: usize| group.secrets[party].public_key_share().unwrap();
    let mut b = share(2).parts()[0].clone();
    for other in [0, 1] {
        b.sub_assign(&share(other).parts()[0]);
    }
    let party = session.party(2).unwrap();
    let rogue = KeyShare::new(session, party, KeyItem::PublicKey, vec![b]).unwrap();
    // It would be: the sum is party 2's own key, of which it knows the secret.
    let sum = JointPublicKey::from_shares(session, &[share(0), share(1), rogue.clone()]).unwrap();
    let sum = KeyShare::new(session, party, KeyItem::PublicKey, vec![sum.b().clone()]);
    assert!(sum.unwrap().digest(session) == share(2).digest(session));
    rogue
}

#[test]
fn a_rogue_share_is_refused_by_its_commitment_and_by_its_proof() {
    let group = Group::begin(7);
    group.first();
    let (session, rogue) = (group.setting.session(), rogue(&group));
    let party = session.party(2).unwrap();
    let (_, bytes) = wire::write_key_share(vec![], "x", session, &rogue).unwrap();
    replace(&group.path(2, "first"), "public", &bytes);
    let error = group.keys().unwrap_err();
    assert!(
        message(&error).contains("the key shares of party 2 are not those"),
        "{}",
        message(&error)
    );
    assert!(!group.server("eval-keys").exists() && !group.path(0, "joint.key").exists());

    // Had it been able to commit to it: without knowing a secret behind it there is no proof.
    let directory = group.path(2, "first");
    let manifest = Manifest::read(&directory).unwrap();
    let mut digests = vec![rogue.digest(session)];
    for (name, item) in manifest.files().iter().zip(0..).skip(1) {
        let path = directory.join(Kind::KeyShares.file(&name.name));
        let item: usize = item;
        if let Some(item) = crate::joint::first_items_of_test(&group.setting).get(item) {
            let bytes = fs::read(path).unwrap();
            let share = wire::read_key_share(Source::of("x", &bytes), session, party, *item);
            digests.push(share.unwrap().digest(session));
        }
    }
    let bytes = crate::joint::digests_of_test(&group.setting, party, &digests);
    replace(&directory, "digests", &bytes);
    let commitment = Commitment::of_digests(session, party, digests.into_iter());
    let path = group.path(2, "commitment");
    wire::write_file(&path, Existing::Replace, false, |sink| {
        wire::write_commitment(sink, "x", session, party, &commitment).map(|_| ())
    })
    .unwrap();
    let error = group.keys().unwrap_err();
    assert_eq!(error.class(), Class::Verification);
    assert!(
        message(&error).contains("the proof of party 2 does not hold"),
        "{}",
        message(&error)
    );
    assert!(!group.server("eval-keys").exists());
}

#[test]
fn a_second_round_of_other_sums_and_a_share_of_another_party_are_refused() {
    let group = Group::begin(7);
    group.first();
    group.keys().unwrap();
    fs::remove_dir_all(group.server("eval-keys")).unwrap();
    // Party 0's second round in party 1's place.
    fs::remove_dir_all(group.path(1, "second")).unwrap();
    copy(&group.path(0, "second"), &group.path(1, "second"));
    let error = group.evaluation_keys().unwrap_err();
    assert!(message(&error).contains("party-1"), "{}", message(&error));
    assert!(!group.server("eval-keys").exists());
    // A party that stays away is waited for by name, not left out.
    let (first, commitments) = (group.all("first"), group.all("commitment"));
    let error = CheckedShares::read(&group.setting, &first[..2], &commitments, &Silent);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("expected 3 directories")
    );
}
