//! `report`: a job's records as one page of HTML.

use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use velum_record::Record;
use velum_record::report::{self, ReportError, Thumbnails};

use crate::artifacts::{kinds, record};
use crate::files::{self, Access, Outputs};
use crate::roles::{Reporter, RunError};

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct ReportInput {
    /// Records, or directories in which they are looked for.
    pub records: Vec<PathBuf>,
    /// Where the page goes.
    pub out: PathBuf,
    /// The folder of pictures that the rows were computed from: the page shows the small ones among those that are worst confused.
    pub pictures: Option<PathBuf>,
}

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The page.
    pub path: PathBuf,
    /// Its size.
    pub bytes: usize,
    /// Records that were found, those of other jobs too.
    pub records: usize,
    /// Pictures that it shows.
    pub pictures: usize,
}

/// Makes the report of the job whose step was done last. It is the client's: readable by its owner alone.
///
/// # Errors
/// Records that cannot be read, or of which no report can be made; a place that is taken; the system's.
pub fn run(input: &ReportInput, reporter: &dyn Reporter) -> Result<Written, RunError> {
    let places: Vec<&Path> = input.records.iter().map(PathBuf::as_path).collect();
    Outputs::default().file_in_new_directory(&input.out, kinds::REPORT)?;
    // Of several places not all need to be there: a job that is not finished lacks some.
    let there: Vec<&Path> = places
        .iter()
        .copied()
        .filter(|place| place.exists())
        .collect();
    let first = places.first().copied().unwrap_or(Path::new("records"));
    let records = record::gather(if there.is_empty() { &places } else { &there })?;
    let refuse = |error: ReportError| {
        RunError::input(error.to_string())
            .at(first.display().to_string())
            .hint("every step of a job writes a record beside its result: name the folders of all")
    };
    let (thumbnails, pictures) = match &input.pictures {
        Some(folder) => thumbnails(folder, &records, reporter).map_err(refuse)?,
        None => Default::default(),
    };
    let page = report::html(&records, &thumbnails).map_err(refuse)?;
    files::make_parent(&input.out)?;
    files::write_atomic(&input.out, page.as_bytes(), Access::Private)?;
    reporter.note(&format!(
        "client: {} stays here: it shows accuracies and names of classes",
        input.out.display()
    ));
    Ok(Written {
        path: input.out.clone(),
        bytes: page.len(),
        records: records.len(),
        pictures,
    })
}

/// The small ones of the pictures that the page would show, and how many they are.
fn thumbnails(
    folder: &Path,
    records: &[Record],
    reporter: &dyn Reporter,
) -> Result<(Thumbnails, usize), ReportError> {
    let wanted = report::pictures(records)?;
    let mut thumbnails = Thumbnails::default();
    let mut shown = 0;
    for &name in &wanted {
        // A name leads nowhere but below the folder.
        let mut parts = Path::new(name).components();
        if !parts.all(|part| matches!(part, Component::Normal(_))) {
            continue;
        }
        let file = files::read_limited(&folder.join(name), Thumbnails::MOST_BYTES as u64);
        shown += usize::from(file.is_ok_and(|file| thumbnails.add(name, &file)));
    }
    if shown < wanted.len() {
        reporter.note(&format!(
            "{shown} of {} pictures are shown: PNG or JPEG files of at most {} kB below {}",
            wanted.len(),
            Thumbnails::MOST_BYTES >> 10,
            folder.display()
        ));
    }
    Ok((thumbnails, shown))
}
