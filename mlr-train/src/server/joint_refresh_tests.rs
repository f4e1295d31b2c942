//! Weights that owners refresh between iterations: what that does to the trained weights, against the plan's figures from both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use he_core::evaluator::{Ckks, CkksCt, Clear, Evaluator as _};
use he_core::key_holder::ClearHolder;
use he_core::multiparty::{ActiveSet, OpeningSecurity, RefreshQuestion, Smudging};

use super::joint_tests::{Group, proved};
use super::owner_tests::{SHAPE, of_owners};
use super::tests::{CLIENT, reference, ring, samples};
use super::{MemorySource, Observer, Refreshed, SourceError, State, train};
use crate::client::decrypt::decrypt;
use crate::client::encrypt::Uploads;
use crate::job::{Iterate, Joint, MASK_BITS, Refreshes, Way};
use crate::plan::{Hiding, Job, Program, fit_scales, hidden, key_levels};

const ITERATIONS: usize = 5;

fn refreshed() -> Program {
    let mut program = of_owners(CLIENT, ITERATIONS);
    program.owners.joint = Some(Joint {
        parties: 3,
        threshold: 2,
        opening: Hiding::KeyRecovery,
    });
    program.refresh = Some(Refreshes {
        way: Way::Owners,
        every: 1,
        bits: MASK_BITS,
        level: 2,
    });
    program
}

/// The second and the third owner, in this process.
struct Present<'a> {
    job: &'a Job,
    group: &'a Group,
    asked: AtomicUsize,
}

impl Present<'_> {
    fn anew(&self, before: usize, of: Iterate, list: &[Vec<CkksCt>]) -> Vec<Vec<CkksCt>> {
        let (session, context) = (&self.group.session, self.group.session.context());
        let meta = self
            .job
            .refreshed(before, of, context.params().n())
            .unwrap();
        let active = || ActiveSet::new(session, session.all().skip(1).collect()).unwrap();
        let one = |ct: &CkksCt| {
            assert_eq!(ct.meta().placement(), self.job.masked_at().unwrap());
            let (data, bound) = (ct.ciphertext().clone(), self.job.masked_bound().unwrap());
            let level = meta.level.0;
            let asked = RefreshQuestion::new(session, data, bound, level, active()).unwrap();
            let shares = [1, 2].map(|at| self.group.opening_key(at).refresh(&asked).unwrap());
            CkksCt::admit(context, asked.refreshed(&shares).unwrap(), meta).unwrap()
        };
        let class = |parts: &Vec<CkksCt>| parts.iter().map(one).collect();
        list.iter().map(class).collect()
    }
}

impl Observer<Ckks> for Present<'_> {
    fn refresh(&self, state: &State<CkksCt>) -> Result<Option<Refreshed<CkksCt>>, SourceError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let before = state.done + 1;
        Ok(Some(Refreshed {
            look_ahead: self.anew(before, Iterate::LookAhead, &state.look_ahead),
            weights: self.anew(before, Iterate::Weights, &state.weights),
        }))
    }
}

#[test]
fn weights_that_owners_refresh_err_as_planned() {
    let (x, labels) = samples(SHAPE);
    let program = refreshed();
    let top = Job::new(program.clone(), 512).unwrap().levels().top();
    let params = Arc::new((*ring(top)).clone().for_parties(3).unwrap());
    let (job, estimate) = fit_scales(&program, &params).unwrap();
    assert_eq!(job.refreshed_before(), [3, 4, 5]);
    let group = Group::new(&params, 2);
    let eval = Ckks::new(group.evaluation_keys(&key_levels(&job, &params))).unwrap();
    let proofs = proved(&group, &job, &x, &labels);
    let uploads = proofs
        .iter()
        .flat_map(|proved| proved.verified(&job).unwrap());
    let source: MemorySource<_> = uploads.collect();
    let present = Present {
        job: &job,
        group: &group,
        asked: AtomicUsize::new(0),
    };
    let weights = train(&job, &eval, &source, &present).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(present.asked.into_inner(), 3);

    // Opened with noise that is made for hardly any, far below the training's where replicas are averaged: what is seen is the training's error.
    let security = OpeningSecurity::KeyRecovery;
    let count = weights.iter().flatten().count();
    let smudging = Smudging::for_noise(&params, 1.0, count, security).unwrap();
    let scale = weights[0][0].meta().scale;
    let hidden = hidden(&job, &params, smudging, scale);
    let expected = estimate.weight_error();
    assert!(hidden < expected / 16.0, "{hidden:e} {expected:e}");
    let opened = decrypt(&job, &eval, &group.open(&weights, smudging), &weights).unwrap();
    let errors = &opened.weights - &reference(&program, &x, &labels);
    let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
    // Replicas are averaged, and the plan takes errors to be carried in the worst way that there is.
    assert!(
        rms < 2.0 * expected && rms > expected / 256.0 && rms > 1.5 * hidden,
        "{rms:e} against {expected:e}, opened with {hidden:e}"
    );
}

/// On clear slots nothing but rounding of f64 is left, and the levels are those of the job.
#[test]
fn a_refresh_by_owners_is_the_identity_on_clear_slots() {
    let (x, labels) = samples(SHAPE);
    let program = refreshed();
    let params = ring(Job::new(program.clone(), 512).unwrap().levels().top());
    let params = Arc::new((*params).clone().for_parties(3).unwrap());
    let (job, _) = fit_scales(&program, &params).unwrap();
    let clear = Clear::new(params);
    let holder = ClearHolder(&clear);
    let mut begin = 0;
    let mut source = Vec::new();
    for (owner, rows) in job.owner_rows().into_iter().enumerate() {
        let own = x.slice(ndarray::s![begin..begin + rows, ..]);
        let labels = &labels[begin..begin + rows];
        let uploads = Uploads::of_owner(&job, owner, own, labels).unwrap();
        source.extend(uploads.encrypt_all::<Clear>(&holder).map(Result::unwrap));
        begin += rows;
    }
    let source: MemorySource<_> = source.into_iter().collect();
    let identity = Identity {
        job: &job,
        eval: &clear,
    };
    let weights = train(&job, &clear, &source, &identity).unwrap_or_else(|e| panic!("{e}"));
    let opened = decrypt(&job, &clear, &holder, &weights).unwrap();
    let errors = &opened.weights - &reference(&program, &x, &labels);
    assert!(errors.iter().all(|e| e.abs() < 1e-10));
}

/// Gives the same slots back where the job wants them.
struct Identity<'a> {
    job: &'a Job,
    eval: &'a Clear,
}

type Slots = <Clear as he_core::evaluator::Evaluator>::Ct;

impl Observer<Clear> for Identity<'_> {
    fn refresh(&self, state: &State<Slots>) -> Result<Option<Refreshed<Slots>>, SourceError> {
        use he_core::key_holder::Encryptor as _;
        let n = self.eval.params().n();
        let anew = |of, list: &[Vec<Slots>]| -> Vec<Vec<Slots>> {
            let meta = self.job.refreshed(state.done + 1, of, n).unwrap();
            let one = |ct: &Slots| {
                let holder = ClearHolder(self.eval);
                holder
                    .encrypt(ct.slots(), meta.placement(), meta.bound)
                    .unwrap()
            };
            list.iter()
                .map(|parts| parts.iter().map(one).collect())
                .collect()
        };
        Ok(Some(Refreshed {
            look_ahead: anew(Iterate::LookAhead, &state.look_ahead),
            weights: anew(Iterate::Weights, &state.weights),
        }))
    }
}
