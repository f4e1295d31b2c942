//! The state of a run on disk: the rows so far, and where to go on.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Options, Paths};
use crate::Error;
use crate::cnn::Extractor;
use crate::npy::{Element, Header, WRITTEN_HEADER};
use crate::read::Source;

const FEATURES: &str = "features.npy";
const LABELS: &str = "labels.npy";
const DESCRIPTION: &str = "features.json";
const STATE: &str = "extract.json";

/// Rows in the partial files, and what they belong to.
pub(super) struct Partial {
    out: PathBuf,
    features: Rows,
    labels: Option<Rows>,
    state: State,
}

/// What another run needs to go on.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: u32,
    /// blake3 hash of everything that decides the rows.
    job: String,
    /// Pictures done, bad ones included.
    position: usize,
    rows: usize,
    skipped: usize,
}

impl Partial {
    /// Makes the folder and the partial files, or opens those of an earlier run.
    pub(super) fn open(
        extractor: &Extractor,
        source: &Source,
        paths: Paths<'_>,
        options: Options,
    ) -> Result<Self, Error> {
        let out = paths.out;
        fs::create_dir_all(out).map_err(Error::io(out, "create"))?;
        let description = out.join(DESCRIPTION);
        if description.exists() {
            let hint = "choose another folder, or remove the feature set";
            return Err(Error::input(out, "no feature set yet", DESCRIPTION, hint));
        }
        let fresh = State {
            schema: 1,
            job: job(extractor, source, paths, options),
            position: 0,
            rows: 0,
            skipped: 0,
        };
        let state = match options.resume {
            true => State::load(out, &fresh.job)?.unwrap_or(fresh),
            false => fresh,
        };
        let open = |name: &str, element, width| {
            Rows::open(&partial(out, name), element, width, state.rows)
        };
        let features = open(FEATURES, Element::F32, Some(extractor.features()))?;
        let labels = source
            .has_labels()
            .then(|| open(LABELS, Element::I64, None))
            .transpose()?;
        Ok(Self {
            out: out.to_owned(),
            features,
            labels,
            state,
        })
    }

    pub(super) fn position(&self) -> usize {
        self.state.position
    }

    pub(super) fn rows(&self) -> usize {
        self.state.rows
    }

    pub(super) fn skipped(&self) -> usize {
        self.state.skipped
    }

    pub(super) fn write_features(&mut self, features: &[f32]) -> Result<(), Error> {
        self.features
            .write(features.iter().map(|v| v.to_le_bytes()))
    }

    /// Ends a round: its labels, and how many pictures it covered.
    pub(super) fn advance(
        &mut self,
        labels: &[i64],
        pictures: usize,
        skipped: usize,
    ) -> Result<(), Error> {
        if let Some(file) = &mut self.labels {
            file.write(labels.iter().map(|v| v.to_le_bytes()))?;
        }
        self.state.position += pictures;
        self.state.rows += pictures - skipped;
        self.state.skipped += skipped;
        Ok(())
    }

    /// Saves what another run needs: first the rows, then the state that counts them.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        self.features.sync()?;
        self.labels.as_mut().map_or(Ok(()), Rows::sync)?;
        write_whole(&partial(&self.out, STATE), &self.state)
    }

    /// After an error: keeps the state if it holds rows, else leaves no file behind.
    pub(super) fn give_up(mut self) {
        // The error that led here is the one to report.
        if self.state.rows == 0 || self.save().is_err() {
            self.remove(&[FEATURES, LABELS, STATE]);
        }
    }

    fn remove(&self, names: &[&str]) {
        for name in names {
            let _ = fs::remove_file(partial(&self.out, name));
        }
    }

    /// Writes the headers and gives the files their names.
    pub(super) fn finish(mut self, extractor: &Extractor, source: &Source) -> Result<(), Error> {
        if self.state.rows == 0 {
            self.remove(&[FEATURES, LABELS, STATE]);
            let hint = "give a source with at least one good picture";
            let found = format!("none, and {} bad ones", self.state.skipped);
            return Err(Error::input(&self.out, "at least one picture", found, hint));
        }
        let rows = self.state.rows;
        self.features.set_header(rows)?;
        self.labels
            .as_mut()
            .map_or(Ok(()), |labels| labels.set_header(rows))?;
        for name in [FEATURES, LABELS] {
            if name == FEATURES || self.labels.is_some() {
                let to = self.out.join(name);
                fs::rename(partial(&self.out, name), &to).map_err(Error::io(&to, "write"))?;
            }
        }
        let description = serde_json::json!({
            "schema": 1,
            "model": extractor.architecture().name(),
            "weights_blake3": extractor.weights_blake3(),
            "preprocessing": extractor.preprocessing().to_json(),
            "class_names": source.class_names(),
            "rows": rows,
            "features": extractor.features(),
        });
        write_whole(&self.out.join(DESCRIPTION), &description)?;
        self.remove(&[STATE]);
        Ok(())
    }
}

impl State {
    fn load(out: &Path, job: &str) -> Result<Option<Self>, Error> {
        let path = partial(out, STATE);
        if !path.exists() {
            return Ok(None);
        }
        let hint = "remove the partial files, or run without resuming, to start anew";
        let bytes = fs::read(&path).map_err(Error::io(&path, "read"))?;
        let state: Self = serde_json::from_slice(&bytes)
            .map_err(|e| Error::input(&path, "the state of a run", e.to_string(), hint))?;
        if state.job != job || state.schema != 1 {
            let found = "one with other images, weights, preprocessing or limit";
            return Err(Error::input(&path, "the state of this run", found, hint));
        }
        Ok(Some(state))
    }
}

/// What decides the rows: a resumed run must agree in all of it.
fn job(extractor: &Extractor, source: &Source, paths: Paths<'_>, options: Options) -> String {
    let images = fs::canonicalize(paths.images).unwrap_or_else(|_| paths.images.to_owned());
    let text = serde_json::json!([
        extractor.architecture().name(),
        extractor.weights_blake3(),
        extractor.preprocessing().to_json(),
        images,
        source.len(),
        source.has_labels(),
        source.class_names(),
        options.limit,
    ]);
    blake3::hash(text.to_string().as_bytes())
        .to_hex()
        .to_string()
}

fn partial(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.partial"))
}

/// Writes JSON under another name, and renames: a reader sees all of it or nothing.
fn write_whole(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        serde_json::to_writer(&mut file, value)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(Error::io(path, "write"))
}

/// A `.npy` file that grows row by row.
struct Rows {
    path: PathBuf,
    file: BufWriter<File>,
    element: Element,
    /// Values a row; none for a flat array.
    width: Option<usize>,
}

impl Rows {
    /// Opens the file behind its first `rows` rows; what stands after them is cut off.
    fn open(
        path: &Path,
        element: Element,
        width: Option<usize>,
        rows: usize,
    ) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(rows == 0)
            .open(path)
            .map_err(Error::io(path, "create"))?;
        let end = (WRITTEN_HEADER + rows * width.unwrap_or(1) * element.bytes()) as u64;
        let found = file.metadata().map_err(Error::io(path, "read"))?.len();
        if rows > 0 && found < end {
            let hint = "remove the partial files to start anew";
            let expected = format!("at least {end} bytes for {rows} rows");
            return Err(Error::input(path, expected, found.to_string(), hint));
        }
        file.set_len(end).map_err(Error::io(path, "write"))?;
        let mut file = BufWriter::new(file);
        file.seek(SeekFrom::End(0))
            .map_err(Error::io(path, "write"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            element,
            width,
        })
    }

    fn write<const N: usize>(
        &mut self,
        values: impl Iterator<Item = [u8; N]>,
    ) -> Result<(), Error> {
        for value in values {
            self.file
                .write_all(&value)
                .map_err(Error::io(&self.path, "write"))?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::io(&self.path, "write"))?;
        self.file
            .get_ref()
            .sync_data()
            .map_err(Error::io(&self.path, "write"))
    }

    /// Writes the header over the zeros at the start.
    fn set_header(&mut self, rows: usize) -> Result<(), Error> {
        let shape: Vec<usize> = [rows].into_iter().chain(self.width).collect();
        let mut write = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            Header::write(self.element, &shape, &mut self.file)?;
            self.file.flush()?;
            self.file.get_ref().sync_all()
        };
        write().map_err(Error::io(&self.path, "write"))
    }
}
