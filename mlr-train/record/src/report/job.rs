//! The records of one job among many.

use super::ReportError;
use crate::client::{Encrypted, Evaluated, Keygen, Opened, RefreshedWeights};
use crate::plan::Planned;
use crate::server::Trained;
use crate::{Record, Step};

/// One job: the last record of every step, as far as there is one.
pub(super) struct Job<'a> {
    pub(super) planned: &'a Planned,
    pub(super) keys: Option<&'a Keygen>,
    pub(super) encrypted: Vec<&'a Encrypted>,
    pub(super) trained: Option<&'a Trained>,
    pub(super) refreshed: Vec<&'a RefreshedWeights>,
    pub(super) opened: Option<&'a Opened>,
    pub(super) evaluated: Option<&'a Evaluated>,
    /// All of these, the last done last.
    pub(super) records: Vec<&'a Record>,
}

impl<'a> Job<'a> {
    pub(super) fn of(records: &'a [Record]) -> Result<Self, ReportError> {
        let mut records: Vec<&Record> = records
            .iter()
            .filter(|record| !matches!(record.did, Step::PredictPlan(_) | Step::PredictEncrypt(_)))
            .filter(|record| !matches!(record.did, Step::PredictScore(_) | Step::PredictDecrypt(_)))
            .collect();
        records.sort_by_key(|record| record.finished);
        let plan = records.iter().rev().find_map(|r| r.subject.plan.as_ref());
        let plan = plan.ok_or(ReportError::NoPlan)?;
        records.retain(|record| record.subject.plan.as_ref() == Some(plan));
        // Keys of another try, and what was done with them, are no part of the last one.
        let key = records.iter().rev().find_map(|r| r.subject.key.as_ref());
        let own =
            |record: &&Record| record.subject.key.is_none() || record.subject.key.as_ref() == key;
        let own: Vec<&Record> = records.iter().copied().filter(own).collect();
        let (mut planned, mut refreshed) = (None, Vec::new());
        let mut job = (None, Vec::new(), None, None, None);
        for record in &own {
            match &record.did {
                Step::Plan(it) => planned = Some(&**it),
                Step::Keygen(it) => job.0 = Some(it),
                Step::Encrypt(it) => {
                    job.1.retain(|other: &&Encrypted| other.owner != it.owner);
                    job.1.push(it);
                }
                Step::Train(it) => job.2 = Some(it),
                Step::Refresh(it) => {
                    refreshed.retain(|other: &&RefreshedWeights| other.before != it.before);
                    refreshed.push(it);
                }
                Step::Decrypt(it) => job.3 = Some(it),
                Step::Evaluate(it) => job.4 = Some(it),
                _ => {}
            }
        }
        let planned = planned.ok_or_else(|| ReportError::NoRecordOfPlan { plan: plan.clone() })?;
        let (keys, encrypted, trained, opened, evaluated) = job;
        Ok(Self {
            planned,
            keys,
            encrypted,
            trained,
            refreshed,
            opened,
            evaluated,
            records: own,
        })
    }
}
