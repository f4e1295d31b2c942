//! What the steps of a job read of each other beside keys, ciphertexts and plans: refreshes by the client, records and the report of them, what a key has opened, progress, rates; and `inspect`, which reads anything.

use std::path::Path;
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt};
use he_core::key_holder::{Encryptor, SecretKeyEncryptor};
use he_core::rlwe::{EvaluationKeys, SecretKey};
use mlr_train::artifacts::openings::{Opening, Question};
use mlr_train::artifacts::refresh::{self, Answered, Request};
use mlr_train::artifacts::weights::TrainedWith;
use mlr_train::artifacts::{PlanFile, Silent, course, progress, record};
use mlr_train::client::encrypt::Uploads;
use mlr_train::client::prepare;
use mlr_train::job::{Iterate, Job};
use mlr_train::plan::cost::Rates;
use mlr_train::plan::{Plan, Program, Refreshes, Way};
use mlr_train::roles::client::report::{self, ReportInput};
use mlr_train::roles::{calibrate, inspect};
use mlr_train::server::{MemorySource, Refreshed, State, TrainError, train};
use ndarray::Array2;
use velum_record::Record;

use crate::engine::{Reader, Target, as_it_is, rehash};
use crate::joint::Keep;
use crate::run::{
    SHAPE, ciphertext_memory, literal, of_path, plan_memory, program, rows, text_memory,
};

const RECORDS: [&[u8]; 6] = [
    include_bytes!("corpus/records/plan.record.json"),
    include_bytes!("corpus/records/keygen.record.json"),
    include_bytes!("corpus/records/encrypt.record.json"),
    include_bytes!("corpus/records/train.record.json"),
    include_bytes!("corpus/records/decrypt.record.json"),
    include_bytes!("corpus/records/evaluate.record.json"),
];
const PROGRESS: &[u8] = br#"{"kind":"velum server progress","schema":1,"plan":"ab","iteration":1,"iterations":3,"phase":"scores","share":0.25,"seconds":2.5,"seconds_left":7.5}"#;

pub(crate) fn targets() -> Vec<Target> {
    let mut all = vec![
        of_path("record", owned(&RECORDS), "x.record.json", |path| {
            record::read(path).is_ok()
        }),
        report(),
        of_path(
            "progress",
            owned(&[PROGRESS]),
            "model.enc.progress.json",
            |path| {
                let told = progress::read(&path.with_file_name("model.enc"));
                told.is_ok_and(|told| told.is_some())
            },
        ),
        of_path(
            "rates",
            vec![serde_json::to_vec(&Rates::default()).unwrap()],
            "rates.json",
            |path| calibrate::read(path).is_ok(),
        ),
        openings(),
        inspected(),
    ];
    all.extend(refreshes());
    all
}

fn owned(seeds: &[&[u8]]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.to_vec()).collect()
}

/// The page that a changed record and those of the other steps make.
fn report() -> Target {
    let place = tempfile::tempdir().unwrap();
    let step = |bytes: &[u8]| Record::parse(bytes).ok().map(|record| record.did.name());
    Target {
        name: "report",
        seeds: owned(&RECORDS),
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let records = place.path().join("records");
            let _ = std::fs::remove_dir_all(&records);
            std::fs::create_dir(&records).unwrap();
            let others = RECORDS
                .into_iter()
                .filter(|other| step(other) != step(bytes));
            for (number, content) in others.chain([bytes]).enumerate() {
                let name = format!("{number}.record.json");
                std::fs::write(records.join(name), content).unwrap();
            }
            let input = ReportInput {
                records: vec![records],
                out: place.path().join("report.html"),
                pictures: None,
            };
            report::run(&input, &Silent).is_ok()
        }),
        // The page, and what it is put together from.
        memory: |length| text_memory(length) + (4 << 20),
    }
}

/// What a key has opened.
fn openings() -> Target {
    let place = tempfile::tempdir().unwrap();
    let key = place.path().join("secret.key");
    let (fingerprint, answer) = ("07".repeat(32), "08".repeat(32));
    let remember = move || {
        let opening = Opening {
            key: &key,
            fingerprint: &fingerprint,
            question: Question::Model,
            answer: &answer,
        };
        opening.remember(false, &Silent).is_ok()
    };
    assert!(remember());
    let path = place
        .path()
        .join("secret.key.opened/0707070707070707-model");
    Target {
        name: "openings",
        seeds: vec![std::fs::read(&path).unwrap()],
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            std::fs::write(place.path().join(&path), bytes).unwrap();
            remember()
        }),
        memory: text_memory,
    }
}

/// Any file, by its content.
fn inspected() -> Target {
    let mut seeds = owned(&RECORDS[..1]);
    seeds.extend(owned(&[
        include_bytes!("corpus/plan.json"),
        include_bytes!("corpus/plan.recipe.json"),
        include_bytes!("corpus/predict.json"),
    ]));
    Target {
        memory: plan_memory,
        ..of_path("inspect", seeds, "x.json", |path| {
            inspect::run(path).is_ok()
        })
    }
}

/// Refreshes by the client: the server's request, the answer to it, and the twin's course.
fn refreshes() -> Vec<Target> {
    let program = Program {
        refresh: Some(Refreshes {
            way: Way::Client,
            every: 1,
            bits: 20,
            level: 0,
        }),
        ..program()
    };
    let levels = Job::new(program.clone(), 512).unwrap().levels().top();
    let plan = PlanFile::new(Plan::insecure_test(program, literal(levels)).unwrap());
    let context = plan.context().unwrap();
    let key = Arc::new(SecretKey::generate(&context).unwrap());
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key)).unwrap();
    let job = plan.plan.job();
    let state = waiting(&plan, &key, &encryptor);
    let with = TrainedWith {
        key: [1; 32],
        datasets: [2; 32],
    };
    let (hash, request) = refresh::request(&plan, &context, with, &state).unwrap();
    let answered = Answered {
        before: state.done + 1,
        request: hash,
        key: with.key,
    };
    let anew = |of| fresh(job, &encryptor, answered.before, of);
    let anew = Refreshed {
        look_ahead: anew(Iterate::LookAhead),
        weights: anew(Iterate::Weights),
    };
    let answer = refresh::answer(&plan, &context, &answered, &anew).unwrap();
    let course = twin(&plan);
    let plan = Arc::new(plan);
    let eval = || Ckks::new(EvaluationKeys::new(&context)).unwrap();
    let reading = |read: fn(&Path, &PlanFile, &Ckks, &Answered) -> bool| -> Reader {
        let (place, plan, eval) = (tempfile::tempdir().unwrap(), Arc::clone(&plan), eval());
        Box::new(move |bytes| {
            let path = place.path().join(course::FILE);
            std::fs::write(&path, bytes).unwrap();
            read(&path, &plan, &eval, &answered)
        })
    };
    vec![
        Target {
            name: "client-request",
            seeds: vec![request],
            repair: rehash(),
            read: reading(|path, plan, eval, _| {
                Request::read(path, plan, eval, |_| Ok(())).is_ok()
            }),
            memory: ciphertext_memory,
        },
        Target {
            name: "refreshed-weights",
            seeds: vec![answer],
            repair: rehash(),
            read: reading(|path, plan, eval, answered| {
                let said = refresh::answered(path, plan, eval.context());
                let read = refresh::read_answer(path, plan, eval, answered);
                said.is_ok() && read.is_ok()
            }),
            memory: ciphertext_memory,
        },
        Target {
            name: "course",
            seeds: vec![course],
            repair: as_it_is(),
            read: reading(|path, plan, _, _| course::read(path.parent().unwrap(), plan).is_ok()),
            memory: text_memory,
        },
    ]
}

/// The state of a training that waits for its first refresh.
fn waiting(plan: &PlanFile, key: &SecretKey, encryptor: &SecretKeyEncryptor) -> State<CkksCt> {
    let ((x, labels), job) = (rows(), plan.plan.job());
    let uploads = Uploads::new(job, x.view(), &labels).unwrap();
    let source: MemorySource<CkksCt> = uploads
        .encrypt_all::<Ckks>(encryptor)
        .map(Result::unwrap)
        .collect();
    let eval = Ckks::new(key.evaluation_keys_at(plan.keys()).unwrap()).unwrap();
    let keep = Keep::default();
    let waits = train(job, &eval, &source, &keep);
    assert!(
        matches!(waits, Err(TrainError::Refresh { .. })),
        "{waits:?}"
    );
    keep.into_state()
}

/// Zeros where the client's answer stands.
fn fresh(
    job: &Job,
    encryptor: &SecretKeyEncryptor,
    before: usize,
    of: Iterate,
) -> Vec<Vec<CkksCt>> {
    let meta = job.refreshed(before, of, 1024).unwrap();
    let zeros = || -> CkksCt {
        let slots = vec![0.0.into(); 512];
        Encryptor::<Ckks>::encrypt(encryptor, &slots, meta.placement(), meta.bound).unwrap()
    };
    let parts = job.layout().ciphertexts_per_vector().get();
    let vector = |_| (0..parts).map(|_| zeros()).collect();
    (0..SHAPE.classes).map(vector).collect()
}

/// A twin's weights wherever the client refreshes them.
fn twin(plan: &PlanFile) -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let values = |part: f64| Array2::from_elem((SHAPE.classes, SHAPE.columns), part);
    let at = |before| prepare::Refreshed {
        before,
        look_ahead: values(0.25),
        weights: values(-0.5),
    };
    let order = plan.plan.job().refreshed_before();
    let course: Vec<_> = order.into_iter().map(at).collect();
    course::write(place.path(), plan, &course).unwrap();
    std::fs::read(place.path().join(course::FILE)).unwrap()
}
