//! A folder with one subfolder a class, each with PNG and JPEG pictures.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::{ColorType, ImageReader, Limits};

use super::Sample;
use crate::picture::{MAX_PIXELS, MAX_SIDE};
use crate::{Channels, Error, Picture};

const HINT: &str = "lay the pictures out as FOLDER/CLASS/PICTURE.png (or .jpg, .jpeg)";

/// The pictures of a folder: classes in byte order of their names, in each the files likewise.
/// Names that start with a dot are left out.
pub(super) struct Folder {
    root: PathBuf,
    class_names: Vec<String>,
    /// Class and file name.
    files: Vec<(u32, String)>,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let mut class_names = Vec::new();
        for name in names(root)? {
            if root.join(&name).is_dir() {
                class_names.push(name);
            } else if is_picture(&name) {
                let found = format!("the picture {name} beside the subfolders");
                return Err(Error::input(root, "one subfolder a class", found, HINT));
            }
        }
        if class_names.is_empty() {
            return Err(Error::input(
                root,
                "one subfolder a class",
                "no subfolder",
                HINT,
            ));
        }
        let mut files = Vec::new();
        for (class, class_name) in class_names.iter().enumerate() {
            let folder = root.join(class_name);
            let before = files.len();
            files.extend(names(&folder)?.into_iter().map(|name| (class as u32, name)));
            if files.len() == before {
                return Err(Error::input(&folder, "at least one picture", "none", HINT));
            }
        }
        Ok(Self {
            root: root.to_owned(),
            class_names,
            files,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn class_names(&self) -> &[String] {
        &self.class_names
    }

    pub(super) fn read(&self, index: usize) -> Result<Sample, Error> {
        let (class, name) = &self.files[index];
        let path = self
            .root
            .join(&self.class_names[*class as usize])
            .join(name);
        Ok(Sample {
            picture: decode(&path)?,
            label: Some(i64::from(*class)),
        })
    }
}

/// The visible names in a folder, in byte order.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder, "list"))? {
        let name = entry.map_err(Error::io(folder, "list"))?.file_name();
        let name = name.into_string().map_err(|name| {
            Error::input(
                folder,
                "names in UTF-8",
                format!("{name:?}"),
                "rename the file",
            )
        })?;
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn is_picture(name: &str) -> bool {
    let extension = Path::new(name)
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or("");
    ["png", "jpg", "jpeg"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// Decodes a PNG or JPEG file, recognised by its content. An alpha channel is dropped and an
/// orientation tag ignored, as torchvision's folder loader does.
fn decode(path: &Path) -> Result<Picture, Error> {
    let name = path.display().to_string();
    let bad = |found: String| Error::BadPicture {
        picture: name.clone(),
        expected: "a PNG or JPEG picture".into(),
        found,
    };
    if !is_picture(&name) {
        return Err(bad("another kind of file, by its name".into()));
    }
    let file = fs::File::open(path).map_err(Error::io(path, "open"))?;
    let mut reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(Error::io(path, "read"))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE as u32);
    limits.max_image_height = Some(MAX_SIDE as u32);
    // 16-bit RGBA takes 8 bytes a pixel.
    limits.max_alloc = Some(8 * MAX_PIXELS as u64);
    reader.limits(limits);
    let decoded = reader.decode().map_err(|e| bad(e.to_string()))?;
    let size = [decoded.height() as usize, decoded.width() as usize];
    let (channels, values) = match decoded.color() {
        ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16 => {
            (Channels::One, decoded.to_luma32f().into_raw())
        }
        _ => (Channels::Three, decoded.to_rgb32f().into_raw()),
    };
    Picture::new(&name, size, channels, values)
}
