//! What malicious parties send: refused by the number of the party, before anything is multiplied or opened.

use std::path::Path;

use he_core::ckks::noise;
use he_core::evaluator::Meta;
use he_core::multiparty::{
    Commitment, JointPublicKey, KeyItem, KeyShare, RowSecret, RowSeeds, UploadKey, UploadTerms,
    encoded_at,
};
use he_core::ring::{Ntt, Poly};
use he_core::rlwe::Ciphertext;
use he_core::wire::{self, CiphertextReader, Existing, Source};

use super::*;
use crate::artifacts::dataset::Shards;
use crate::artifacts::manifest::{Entry, Kind, Manifest};
use crate::error::{Class, Explain as _, Report};
use crate::joint::read_joint_key;
use crate::packing::Upload;
use crate::roles::server::train::train_planned;

/// Replaces a file of a directory, and has its manifest say so.
pub(super) fn replace(directory: &Path, name: &str, bytes: &[u8]) {
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

pub(super) fn message(error: &RunError) -> String {
    let place = error.place().unwrap_or_default();
    format!("{} ({place})", Report::of(error).message)
}

/// Owner 1's first ciphertext of data.
fn target(group: &Group) -> Upload {
    let job = group.setting.plan().plan.job();
    let mut uploads = job.uploads_of(1);
    let data = uploads.find(|upload| matches!(upload, Upload::Data { .. }));
    data.unwrap()
}

/// A ciphertext as an owner's file.
fn rows_of(group: &Group, upload: Upload, rows: &Ciphertext) -> Vec<u8> {
    let (setting, job) = (&group.setting, group.setting.plan().plan.job());
    let at = encoded_at(job.placement(upload));
    let meta = Meta {
        level: at.level,
        scale: at.scale,
        bound: 1.0,
        rms: 1.0,
        noise: noise::fresh_secret(setting.context().params().n()),
    };
    let (shapes, context) = (vec![wire::Shape::of(rows)], setting.context());
    let binding = setting.binding();
    let label = crate::joint::ROWS.bound_to(&binding);
    let mut writer = wire::CiphertextWriter::new(vec![], "x", label, context, shapes, &[]).unwrap();
    writer.push(rows, &meta).unwrap();
    writer.finish().unwrap().1
}

#[test]
fn uploads_without_knowledge_are_refused_before_anything_is_multiplied() {
    let group = Group::verified(7);
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
    let upload = target(&group);
    let job = group.setting.plan().plan.job();
    let level = job.upload_level().0;
    let session = group.setting.session();
    let context = session.context();
    let ring = context.ring();
    let constant = |basis, c: i128| {
        let mut numbers = vec![0i128; ring.degree()];
        numbers[0] = c;
        Poly::from_wide(ring, basis, &numbers).unwrap().into_ntt()
    };
    let replaced = |name: &str, bytes: &[u8]| replace(&group.path(1, "upload"), name, bytes);
    let name = upload.to_string();

    // The attack that read the key out of a model: (0, kappa), which decrypts to kappa s.
    let at = ring.basis(job.placement(upload).level.0);
    let zero = Poly::<Ntt>::zero(ring, at);
    let forged = Ciphertext::from_parts(context, zero.clone(), constant(at, 1 << 20)).unwrap();
    replaced(&name, &rows_of(&group, upload, &forged));
    refused("(0, P)");

    // Nothing, under the seed of the honest ciphertext.
    let file = |party: u32, name: &str| {
        let path = group.path(party, "upload");
        fs::read(path.join(Kind::ProvedUploads.file(name))).unwrap()
    };
    let honest_bytes = file(1, &name);
    let (binding, length) = (group.setting.binding(), honest_bytes.len() as u64);
    let label = crate::joint::ROWS.bound_to(&binding);
    let reader = CiphertextReader::open(&*honest_bytes, "x", None, length, label, context);
    let mut reader = reader.unwrap();
    let own = reader.next(Some(encoded_at(job.placement(upload))));
    let (own, _) = own.unwrap().unwrap();
    let empty = Ciphertext::from_seeded(context, zero.clone(), *own.seed().unwrap()).unwrap();
    replaced(&name, &rows_of(&group, upload, &empty));
    refused("any c0");

    // Two files exchanged; one byte altered.
    let mut same = job
        .uploads_of(1)
        .filter(|one| *one != upload && job.placement(*one).level == job.placement(upload).level);
    let other = same.next().unwrap().to_string();
    let other_bytes = file(1, &other);
    replaced(&name, &other_bytes);
    replaced(&other, &honest_bytes);
    refused("exchanged files");
    let mut altered = honest_bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    replaced(&name, &altered);
    refused("an altered byte");

    // Seeds of its choice, or tried until they fit, by an owner that proves its switching key as it should: all of them that of its honest upload's key; one alone, in two files.
    let joint = read_joint_key(&group.setting, &group.server("joint.key")).unwrap();
    let party = session.party(1).unwrap();
    let terms = UploadTerms::new(&joint, party, level).unwrap();
    let (secret, uploads) = (
        RowSecret::generate(&terms).unwrap(),
        job.uploads_of(1).count(),
    );
    let seeds = RowSeeds::of(&terms, secret.switching_key());
    let proved = || {
        let entries = Manifest::read(&group.path(1, "upload")).unwrap();
        let label = verify::label(&group.setting, &entries.files()[..uploads]);
        let (key, proof) = (secret.switching_key(), secret.prove(&label).unwrap());
        let written = wire::write_upload_key(vec![], "x", session, (party, level), key);
        replaced("switching-key", &written.unwrap().1);
        let written = wire::write_proof(vec![], "x", session, (party, 0), terms.shape(), &proof);
        replaced("proof", &written.unwrap().1);
    };
    let refused_seed = |what: &str, name: &str| {
        let error = group.verify(1).unwrap_err();
        assert_eq!(error.class(), Class::Verification, "{what}: {error}");
        let (message, file) = (message(&error), Kind::ProvedUploads.file(name));
        let expected = format!("{name} of party 1: expected the seed that follows");
        assert!(
            message.contains(&expected) && message.contains(&file),
            "{what}: {message}"
        );
        refused_training();
    };
    proved();
    let error = group.verify(1).unwrap_err();
    assert!(
        message(&error).contains("of party 1: expected the seed that follows"),
        "{}",
        message(&error)
    );
    // Right seeds everywhere: nothing is proved of what is under them. Then another in one file, that of another name.
    let seeded = |upload: Upload, name: &str| {
        let at = ring.basis(job.placement(upload).level.0);
        let nothing = Poly::<Ntt>::zero(ring, at);
        let rows = Ciphertext::from_seeded(context, nothing, seeds.seed(name)).unwrap();
        replaced(&upload.to_string(), &rows_of(&group, upload, &rows));
    };
    job.uploads_of(1)
        .for_each(|upload| seeded(upload, &upload.to_string()));
    proved();
    group.verify(1).unwrap();
    fs::remove_dir_all(group.server("verified-1")).unwrap();
    seeded(upload, &other);
    proved();
    refused_seed("a seed in two files", &name);
    restore();

    // Another owner's ciphertext, its switching key, its proof, both; its whole directory.
    replaced(&name, &file(0, "data-0-0"));
    refused("another owner's shard");
    for stolen in [
        &["switching-key"][..],
        &["proof"],
        &["switching-key", "proof"],
    ] {
        stolen
            .iter()
            .for_each(|name| replaced(name, &file(0, name)));
        let error = group.verify(1).unwrap_err();
        let message = message(&error);
        assert!(
            message.contains("party and number of a message") && message.contains("party-1"),
            "{message}"
        );
        refused_training();
        restore();
    }
    // The same made out to party 1.
    let about = (session.party(0).unwrap(), level);
    let bytes = file(0, "switching-key");
    let theirs = wire::read_upload_key(Source::of("x", &bytes), session, about).unwrap();
    let written = |key: &UploadKey| {
        let written = wire::write_upload_key(vec![], "x", session, (party, level), key);
        written.unwrap().1
    };
    replaced("switching-key", &written(&theirs));
    refused("another owner's switching key");
    let shape = UploadTerms::shape_of(context.params().log_n(), level).unwrap();
    let bytes = file(0, "proof");
    let source = Source::of("x", &bytes);
    let proof = wire::read_proof(source, session, (about.0, 0), &shape).unwrap();
    let bytes = wire::write_proof(vec![], "x", session, (party, 0), &shape, &proof);
    replaced("switching-key", &written(&theirs));
    replaced("proof", &bytes.unwrap().1);
    refused("another owner's switching key and proof");
    // Multiples of the secret by way of the switching key.
    let basis = ring.extended_basis(level);
    let special = context.params().p().iter().map(|p| i128::from(*p));
    let special: i128 = special.product();
    let halves = (0..UploadKey::parts(level)).map(|i| match i % 2 {
        0 => Poly::<Ntt>::zero(ring, basis),
        _ => constant(basis, special << 20),
    });
    let forged = UploadKey::new(session, party, level, halves.collect()).unwrap();
    replaced("switching-key", &written(&forged));
    refused("a switching key of multiples of P");

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
            let level = crate::joint::level_of_test(&group.setting, *item);
            let source = Source::of("x", &bytes);
            let share = wire::read_key_share(source, session, party, *item, level);
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
