//! Owners under a key that none of them holds: from proved uploads to the model that two of three open; and the attack that read a key out of a model, again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use he_core::ckks::{encode::Encoder, noise, plaintext};
use he_core::evaluator::{Ckks, CkksCt, Clear, EvalError, Meta, Simulator};
use he_core::key_holder::{ClearHolder, Decryptor};
use he_core::multiparty::{
    ActiveSet, JointPublicKey, KeyShare, MultipartyError, Opening, OpeningKey, OpeningSecurity,
    PartySecret, Proof, RelinearisationSum, Session, Smudging, UploadProver, UploadSize,
    UploadTerms, UploadVerifier, WideCiphertext, galois_key, relinearisation_key,
};
use he_core::params::{KeySet, Params};
use he_core::ring::{Ntt, Poly};
use he_core::rlwe::{Context, EvaluationKeys, KeyId};
use ndarray::{Array2, s};
use num_complex::Complex64;

use super::owner_tests::{ROWS, SHAPE, largest, of_owners};
use super::tests::{CLIENT, reference, ring, samples};
use super::{MemorySource, Unobserved, train};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::packing::Upload;
use crate::plan::{Job, fit_scales};

/// Stands for the plan's hash.
const PLAN: [u8; 32] = [3; 32];

fn all<T>(
    secrets: &[PartySecret],
    share: impl Fn(&PartySecret) -> Result<T, MultipartyError>,
) -> Vec<T> {
    secrets
        .iter()
        .map(|secret| share(secret).unwrap())
        .collect()
}

/// All parties of a session, in one process.
pub(super) struct Group {
    pub(super) session: Arc<Session>,
    pub(super) secrets: Vec<PartySecret>,
    key: Arc<JointPublicKey>,
}

impl Group {
    pub(super) fn new(params: &Arc<Params>, threshold: u32) -> Self {
        let context = Context::new(Arc::clone(params)).unwrap();
        let session = Session::new(&context, [1; 32], threshold).unwrap();
        let secrets: Vec<_> = session
            .all()
            .map(|party| PartySecret::generate(&session, party).unwrap())
            .collect();
        let shares: Vec<KeyShare> = all(&secrets, PartySecret::public_key_share);
        let key = Arc::new(JointPublicKey::from_shares(&session, &shares).unwrap());
        Self {
            session,
            secrets,
            key,
        }
    }

    pub(super) fn evaluation_keys(&self, set: &KeySet) -> EvaluationKeys {
        let context = self.session.context();
        let mut keys = EvaluationKeys::new(context);
        for id in KeyId::all_of(set, context.params().log_n()) {
            let key = match id {
                KeyId::Galois(g) => {
                    let shares = all(&self.secrets, |secret| secret.galois_share(g));
                    galois_key(&self.session, g, &shares).unwrap()
                }
                KeyId::Relinearisation => {
                    let first = all(&self.secrets, PartySecret::relinearisation_one);
                    let sum = RelinearisationSum::of(&self.session, &first).unwrap();
                    let second = all(&self.secrets, |s| s.relinearisation_two(&sum));
                    relinearisation_key(&self.session, &sum, &second).unwrap()
                }
                KeyId::Enter | KeyId::Raise | KeyId::Leave => unreachable!("keys of no set"),
            };
            keys.insert(key).unwrap();
        }
        keys
    }

    /// What party `at` opens and refreshes with.
    pub(super) fn opening_key(&self, at: usize) -> OpeningKey {
        let dealt = all(&self.secrets, PartySecret::deal);
        let own: Vec<_> = dealt.iter().map(|dealt| dealt[at].clone()).collect();
        OpeningKey::from_dealt(&self.secrets[at], &own).unwrap()
    }

    /// What the parties but the first see when they open these.
    pub(super) fn open(&self, weights: &[Vec<CkksCt>], smudging: Smudging) -> Opened {
        let cts: Vec<_> = weights.iter().flatten().collect();
        let active: Vec<_> = self.session.all().skip(1).collect();
        let active = ActiveSet::new(&self.session, active).unwrap();
        let data = cts.iter().map(|ct| ct.ciphertext().clone()).collect();
        let opening = Opening::new(&self.session, data, active, None, smudging).unwrap();
        let shares: Vec<_> = (1..self.secrets.len())
            .map(|at| self.opening_key(at).answer(&opening).unwrap())
            .collect();
        let encoder = Encoder::new(self.session.context().params().log_n()).unwrap();
        let opened = opening.open(&shares).unwrap();
        let slots = opened.iter().zip(&cts);
        let slots = slots.map(|(m, ct)| plaintext::decode(&encoder, m, ct.meta().scale).unwrap());
        Opened(Mutex::new(slots.collect()))
    }
}

/// Slots that were opened together, in the order in which they are asked for.
pub(super) struct Opened(Mutex<VecDeque<Vec<Complex64>>>);

impl Decryptor<Ckks> for Opened {
    fn decrypt(&self, _ct: &CkksCt) -> Result<Vec<Complex64>, EvalError> {
        Ok(self.0.lock().unwrap().pop_front().unwrap())
    }
}

/// An owner's uploads under one proof: those of one level and scale.
pub(super) struct Proved {
    terms: UploadTerms,
    uploads: Vec<(Upload, WideCiphertext)>,
    proof: Proof,
}

impl Proved {
    /// What the server computes with; nothing without a proof that holds.
    pub(super) fn verified(&self, job: &Job) -> Result<Vec<(Upload, CkksCt)>, MultipartyError> {
        let mut verifier = UploadVerifier::new(self.terms.clone(), self.proof.clone());
        for (_, upload) in &self.uploads {
            verifier.add(upload)?;
        }
        let verified = verifier.finish()?;
        let context = self.terms.session().context();
        let ciphertext = |(i, (upload, wide)): (usize, &(Upload, WideCiphertext))| {
            let (at, bound) = (job.placement(*upload), job.bound(*upload));
            let meta = Meta {
                level: at.level,
                scale: at.scale,
                bound,
                rms: bound,
                noise: noise::fresh_proved(context.params()),
            };
            let data = verified.ciphertext(i, wide)?;
            Ok((*upload, CkksCt::admit(context, data, meta).unwrap()))
        };
        self.uploads.iter().enumerate().map(ciphertext).collect()
    }
}

/// An upload and its slots.
type Message = (Upload, Vec<Complex64>);

/// Owner by owner, proof by proof.
pub(super) fn proved(group: &Group, job: &Job, x: &Array2<f64>, labels: &[u32]) -> Vec<Proved> {
    let clear = Clear::new(Arc::clone(group.session.context().params()));
    let holder = ClearHolder(&clear);
    let (mut begin, mut out) = (0, Vec::new());
    for (owner, rows) in ROWS.into_iter().enumerate() {
        let own = x.slice(s![begin..begin + rows, ..]);
        let labels = &labels[begin..begin + rows];
        let uploads = Uploads::of_owner(job, owner, own, labels).unwrap();
        let mut groups: BTreeMap<(usize, u64), Vec<Message>> = BTreeMap::new();
        for packed in uploads.encrypt_all::<Clear>(&holder) {
            let (upload, ct) = packed.unwrap();
            let at = job.placement(upload);
            let group = groups.entry((at.level.0, at.scale.to_bits())).or_default();
            group.push((upload, ct.slots().to_vec()));
        }
        for ((level, scale), members) in groups {
            let bounds = members.iter().map(|(upload, _)| job.bound(*upload));
            let size = UploadSize {
                level,
                count: members.len(),
                bound: bounds.fold(0.0, f64::max),
                scale: f64::from_bits(scale),
            };
            let party = group.session.party(owner as u32).unwrap();
            let terms = UploadTerms::new(&group.key, party, PLAN, size).unwrap();
            let mut prover = UploadProver::new(terms.clone()).unwrap();
            let uploads: Vec<_> = members
                .iter()
                .map(|(upload, slots)| (*upload, prover.encrypt(slots).unwrap()))
                .collect();
            let proof = prover.prove(|i| Ok(uploads[i].1.clone())).unwrap();
            out.push(Proved {
                terms,
                uploads,
                proof,
            });
        }
        begin += rows;
    }
    out
}

#[test]
fn three_owners_train_under_a_joint_key_and_two_of_them_open() {
    let (x, labels) = samples(SHAPE);
    let program = of_owners(CLIENT, 2);
    let top = Job::new(program.clone(), 512).unwrap().levels().top();
    let params = Arc::new((*ring(top)).clone().for_parties(3).unwrap());
    let (job, prediction) = fit_scales(&program, &params).unwrap();
    let group = Group::new(&params, 2);
    let eval = Ckks::new(group.evaluation_keys(&prediction.keys)).unwrap();

    let mut proofs = proved(&group, &job, &x, &labels);
    let verified = |proofs: &[Proved]| -> Result<MemorySource<_>, MultipartyError> {
        let uploads = proofs.iter().map(|proved| proved.verified(&job));
        let uploads = uploads.collect::<Result<Vec<_>, _>>()?;
        Ok(uploads.into_iter().flatten().collect())
    };
    let source = verified(&proofs).unwrap();
    assert_eq!(source.len(), job.uploads().count());
    let weights = train(&job, &eval, &source, &Unobserved).unwrap_or_else(|e| panic!("{e}"));

    // What the server has is a ciphertext under a key that nobody has; two of three open it.
    let noise = weights.iter().flatten().map(|ct| ct.meta().noise);
    let noise = noise.fold(0.0, f64::max);
    let count = weights.iter().flatten().count();
    let security = OpeningSecurity::KeyRecovery;
    let smudging = Smudging::for_noise(&params, noise, count, security).unwrap();
    let opened = group.open(&weights, smudging);
    let opened = decrypt(&job, &eval, &opened, &weights).unwrap();
    let distance = largest(&(&opened.weights - &reference(&program, &x, &labels)));
    // The limits of the tests of one owner, with the noise of the opening, which is the larger part by far: a replica errs by it, the mean of replicas by less.
    let scale = weights[0][0].meta().scale;
    let hidden = smudging.slot_noise(&params, 2) / scale;
    let expected = prediction.weight_error().hypot(hidden);
    assert!(hidden > 16.0 * prediction.weight_error());
    assert!(opened.replica_spread > hidden / 4.0 && opened.replica_spread < 8.0 * hidden);
    assert!(
        distance < 8.0 * expected && distance > expected / 1024.0,
        "{distance:e} against {expected:e}"
    );
    assert!(distance < 0.05 * largest(&reference(&program, &x, &labels)));

    // The attack of an owner who had the key read out of the model: in place of a data ciphertext (0, kappa), which decrypts to kappa s. Over the special
    // primes, so that what would be used is just that.
    let target = Upload::Data { block: 3, group: 0 };
    let of_owner = proofs.iter().position(|proved| {
        let mut uploads = proved.uploads.iter();
        uploads.any(|(upload, _)| *upload == target)
    });
    let evil = &mut proofs[of_owner.unwrap()];
    let level = job.placement(target).level.0;
    let ring = group.session.context().ring();
    let mut kappa = vec![0i128; ring.degree()];
    let special: i128 = params.p().iter().map(|p| i128::from(*p)).product();
    kappa[0] = special * 2f64.powi(20) as i128;
    let basis = ring.extended_basis(level);
    let c1 = Poly::from_wide(ring, basis, &kappa).unwrap().into_ntt();
    let forged = WideCiphertext::new(&group.session, level, Poly::<Ntt>::zero(ring, basis), c1);
    let forged = forged.unwrap();
    for (upload, wide) in &mut evil.uploads {
        if *upload == target {
            *wide = forged.clone();
        }
    }
    let owner = evil.terms.party();
    let refused = verified(&proofs).map(|_| ()).unwrap_err();
    assert!(
        matches!(refused, MultipartyError::Proof { party, .. } if party == owner),
        "{refused}"
    );
}

#[test]
fn plans_reckon_with_the_number_of_parties() {
    let program = of_owners(CLIENT, 2);
    let job = Job::new(program.clone(), 512).unwrap();
    let error = |parties: Option<u32>| {
        let params = (*ring(job.levels().top())).clone();
        let params = match parties {
            Some(parties) => params.for_parties(parties).unwrap(),
            None => params,
        };
        let params = Arc::new(params);
        let simulator = Simulator::new(Arc::clone(&params));
        let (job, _) = fit_scales(&program, &params).unwrap();
        let source = super::ShapeSource::new(&simulator, &job);
        let weights =
            train(&job, &simulator, &source, &Unobserved).unwrap_or_else(|e| panic!("{e}"));
        let error = crate::plan::estimate_job(&job, &params)
            .unwrap()
            .weight_error();
        assert!(!weights.is_empty());
        error
    };
    let [alone, three, fifty] = [None, Some(3), Some(50)].map(error);
    // Rounding grows with the root of the parties; nothing grows faster but relinearisation, which the special primes keep small.
    assert!(
        alone < three && three < fifty,
        "{alone:e} {three:e} {fifty:e}"
    );
    assert!(fifty / three < 8.0, "{three:e} {fifty:e}");
}
