//! A folder with one subfolder a class, a flat folder of pictures without classes, or one picture.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::Sample;
use super::decode::decode;
use crate::Error;

const HINT: &str = "lay the pictures out as FOLDER/CLASS/PICTURE.png (or .jpg, .jpeg)";

/// Names that end so are pictures: those that can be read, and those that a user takes for
/// pictures, too, which must not be left out without a word.
const PICTURES: [&str; 17] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "tif", "tiff", "webp", "heic", "heif",
    "avif", "jp2", "jxl", "ppm", "pgm",
];

/// The pictures of a folder: classes in byte order of their names, in each the files likewise.
/// Names that start with a dot, and files whose names are no pictures', are left out.
pub(super) struct Folder {
    root: PathBuf,
    /// None where there are no labels.
    class_names: Option<Vec<String>>,
    files: Vec<Entry>,
    left_out: Vec<PathBuf>,
}

struct Entry {
    /// Path below the root.
    path: PathBuf,
    class: usize,
}

impl Folder {
    /// `classes` are the names and the order of the whole set's classes, of which the folder may
    /// lack some; without them the subfolders are the classes.
    pub(super) fn open(root: &Path, classes: Option<&[String]>) -> Result<Self, Error> {
        let mut folder = Self {
            root: root.to_owned(),
            class_names: None,
            files: Vec::new(),
            left_out: Vec::new(),
        };
        let (mut subfolders, mut beside) = (Vec::new(), Vec::new());
        for name in names(root)? {
            // A folder that is named like a picture is one that cannot be read.
            if root.join(&name).is_dir() && !is_picture(&name) {
                subfolders.push(name);
            } else if is_picture(&name) {
                beside.push(name);
            } else {
                folder.left_out.push(root.join(name));
            }
        }
        if let (Some(picture), false) = (beside.first(), subfolders.is_empty()) {
            let found = format!("the picture {} beside subfolders", picture.display());
            let hint =
                "move it into a subfolder; or give a folder of pictures alone, for no labels";
            return Err(Error::input(root, "one subfolder a class", found, hint));
        }
        if subfolders.is_empty() {
            return folder.flat(beside, classes);
        }
        let found: Vec<String> = subfolders.iter().map(|name| text(name)).collect();
        let class_names = classes.map_or_else(|| found.clone(), <[String]>::to_vec);
        for (subfolder, name) in subfolders.iter().zip(&found) {
            let Some(class) = class_names.iter().position(|known| known == name) else {
                let hint = "rename the subfolder, or name every class of the whole set";
                let expected = format!("subfolders named {}", class_names.join(", "));
                return Err(Error::input(root, expected, name, hint));
            };
            folder.add_class(subfolder, class, classes.is_some())?;
        }
        folder.class_names = Some(class_names);
        Ok(folder)
    }

    /// One picture, without a label.
    pub(super) fn single(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        Self {
            root: path.parent().unwrap_or(Path::new("")).to_owned(),
            class_names: None,
            files: vec![Entry {
                path: PathBuf::from(name),
                class: 0,
            }],
            left_out: Vec::new(),
        }
    }

    fn flat(mut self, pictures: Vec<OsString>, classes: Option<&[String]>) -> Result<Self, Error> {
        if pictures.is_empty() {
            return Err(Error::input(
                &self.root,
                "one subfolder a class",
                "no subfolder",
                HINT,
            ));
        }
        if classes.is_some() {
            let found = "pictures without subfolders, which have no class";
            return Err(Error::input(
                &self.root,
                "one subfolder a class",
                found,
                HINT,
            ));
        }
        let entry = |name| Entry {
            path: PathBuf::from(name),
            class: 0,
        };
        self.files = pictures.into_iter().map(entry).collect();
        Ok(self)
    }

    fn add_class(&mut self, subfolder: &OsStr, class: usize, may_lack: bool) -> Result<(), Error> {
        let folder = self.root.join(subfolder);
        let before = self.files.len();
        for name in names(&folder)? {
            if is_picture(&name) {
                let path = Path::new(subfolder).join(name);
                self.files.push(Entry { path, class });
            } else {
                self.left_out.push(folder.join(name));
            }
        }
        if self.files.len() == before && !may_lack {
            let inner = self
                .left_out
                .iter()
                .any(|path| path.starts_with(&folder) && path.is_dir());
            let found = if inner {
                "folders in it, which are not looked into"
            } else {
                "none"
            };
            return Err(Error::input(&folder, "at least one picture", found, HINT));
        }
        Ok(())
    }

    /// Keeps so many pictures, of every class the same number as far as it goes.
    pub(super) fn limit(&mut self, count: usize) {
        let classes: Vec<usize> = self.files.iter().map(|entry| entry.class).collect();
        let mut kept = vec![false; self.files.len()];
        let chosen = super::of_every_class(&classes, count);
        chosen.into_iter().for_each(|at| kept[at] = true);
        let mut kept = kept.into_iter();
        self.files.retain(|_| kept.next().unwrap_or(false));
    }

    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    pub(super) fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    pub(super) fn path(&self, index: usize) -> Option<PathBuf> {
        Some(self.root.join(&self.files.get(index)?.path))
    }

    /// Path below the root; what is not UTF-8 in it becomes replacement characters.
    pub(super) fn name(&self, index: usize) -> Option<String> {
        Some(self.files.get(index)?.path.to_string_lossy().into_owned())
    }

    pub(super) fn read(&self, index: usize) -> Result<Sample, Error> {
        let entry = &self.files[index];
        Ok(Sample {
            picture: decode(&self.root.join(&entry.path))?,
            label: self.class_names.is_some().then_some(entry.class as i64),
        })
    }
}

/// The visible names in a folder, in byte order.
fn names(folder: &Path) -> Result<Vec<OsString>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder, "list"))? {
        let name = entry.map_err(Error::io(folder, "list"))?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

pub(super) fn is_picture(name: &OsStr) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|e| PICTURES.iter().any(|known| e.eq_ignore_ascii_case(known)))
}
