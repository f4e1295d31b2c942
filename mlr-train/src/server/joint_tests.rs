//! Owners under a key that none of them holds: from proved uploads to the model that two of three open; and the attack that read a key out of a model, again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use he_core::ckks::{encode::Encoder, plaintext};
use he_core::evaluator::{Ckks, CkksCt, EvalError, Meta, Simulator};
use he_core::key_holder::Decryptor;
use he_core::multiparty::{
    ActiveSet, JointPublicKey, KeyShare, MultipartyError, Opening, OpeningKey, OpeningSecurity,
    PartySecret, Proof, RelinearisationSum, RowSecret, Session, Smudging, UploadKey, UploadTerms,
    galois_key, relinearisation_key,
};
use he_core::params::{KeyLevels, Params};
use he_core::ring::{Ntt, Poly};
use he_core::rlwe::{Ciphertext, Context, EvaluationKeys, KeyId};
use ndarray::{Array2, s};
use num_complex::Complex64;

use super::owner_tests::{ROWS, SHAPE, largest, of_owners};
use super::tests::{CLIENT, reference, ring, samples};
use super::{MemorySource, Unobserved, train, upload_noise};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::packing::Upload;
use crate::plan::{Job, fit_scales, key_levels};

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

    pub(super) fn evaluation_keys(&self, levels: &KeyLevels) -> EvaluationKeys {
        let context = self.session.context();
        let mut keys = EvaluationKeys::new(context);
        for (id, level) in KeyId::with_levels(levels, context.params().log_n()) {
            let key = match id {
                KeyId::Galois(g) => {
                    let shares = all(&self.secrets, |secret| secret.galois_share(g, level));
                    galois_key(&self.session, g, level, &shares).unwrap()
                }
                KeyId::Relinearisation => {
                    let first = all(&self.secrets, |s| s.relinearisation_one(level));
                    let sum = RelinearisationSum::of(&self.session, level, &first).unwrap();
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

/// An owner's rows under its own key, and the proved switching key.
pub(super) struct Proved {
    terms: UploadTerms,
    key: UploadKey,
    proof: Proof,
    uploads: Vec<(Upload, Ciphertext)>,
}

impl Proved {
    /// What the server computes with; nothing without a proof that holds.
    pub(super) fn verified(&self, job: &Job) -> Result<Vec<(Upload, CkksCt)>, MultipartyError> {
        let verified = (self.terms).verify(self.key.clone(), &PLAN, &self.proof)?;
        let context = self.terms.session().context();
        let ciphertext = |(upload, rows): &(Upload, Ciphertext)| {
            let (at, bound) = (job.placement(*upload), job.bound(*upload));
            let meta = Meta {
                level: at.level,
                scale: at.scale,
                bound,
                rms: bound,
                noise: upload_noise(job, context.params()),
            };
            let data = verified.switch(&upload.to_string(), rows.clone())?;
            Ok((*upload, CkksCt::admit(context, data, meta).unwrap()))
        };
        self.uploads.iter().map(ciphertext).collect()
    }
}

/// Owner by owner.
pub(super) fn proved(group: &Group, job: &Job, x: &Array2<f64>, labels: &[u32]) -> Vec<Proved> {
    let (mut begin, mut out) = (0, Vec::new());
    for (owner, rows) in ROWS.into_iter().enumerate() {
        let own = x.slice(s![begin..begin + rows, ..]);
        let labels = &labels[begin..begin + rows];
        let uploads = Uploads::of_owner(job, owner, own, labels).unwrap();
        let party = group.session.party(owner as u32).unwrap();
        let level = job.upload_level().0;
        let terms = UploadTerms::new(&group.key, party, level).unwrap();
        let secret = RowSecret::generate(&terms).unwrap();
        let encrypt = |upload: Upload| {
            let (slots, bound) = (uploads.slots(upload), job.bound(upload));
            let (name, at) = (upload.to_string(), job.placement(upload));
            let ct = secret.encrypt(&name, &slots, at, bound);
            (upload, ct.unwrap().ciphertext().clone())
        };
        let encrypted = job.uploads_of(owner).map(encrypt).collect();
        out.push(Proved {
            terms,
            key: secret.switching_key().clone(),
            proof: secret.prove(&PLAN).unwrap(),
            uploads: encrypted,
        });
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
    let eval = Ckks::new(group.evaluation_keys(&key_levels(&job, &params))).unwrap();

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

    // The attack of an owner who had the key read out of the model: a ciphertext that decrypts to kappa s. As it is, its second half is of no seed.
    let context = group.session.context();
    let (ring, owner) = (context.ring(), proofs[1].terms.party());
    let level = job.upload_level().0;
    let constant = |basis, c: i128| {
        let mut numbers = vec![0i128; ring.degree()];
        numbers[0] = c;
        Poly::from_wide(ring, basis, &numbers).unwrap().into_ntt()
    };
    let kappa = constant(ring.basis(level), 1 << 20);
    let zero = Poly::<Ntt>::zero(ring, ring.basis(level));
    let mut rows = Ciphertext::from_parts(context, zero, kappa).unwrap();
    std::mem::swap(&mut rows, &mut proofs[1].uploads[0].1);
    assert!(verified(&proofs).is_err());
    proofs[1].uploads[0].1 = rows;
    verified(&proofs).unwrap();
    // By way of the switching key, whose a_j are multiples of P: there is no proof.
    let basis = ring.extended_basis(level);
    let special: i128 = params.p().iter().map(|p| i128::from(*p)).product();
    let zero = || Poly::<Ntt>::zero(ring, basis);
    let halves = (0..UploadKey::parts(level)).map(|i| match i % 2 {
        0 => zero(),
        _ => constant(basis, special << 20),
    });
    let forged = UploadKey::new(&group.session, owner, level, halves.collect()).unwrap();
    proofs[1].key = forged;
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
