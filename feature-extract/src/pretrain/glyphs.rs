//! Letters rendered from the fonts of a folder.

use std::fs;
use std::path::Path;

use ab_glyph::{Font, FontVec, GlyphId, Point};

use super::random::Random;
use crate::Error;

/// Side of the square masks.
pub(super) const MASK: usize = 64;

/// Height of the largest side of a letter in its mask; the rest is margin for distortion.
const LETTER: f32 = 44.0;

/// The classes: Latin, Greek and Cyrillic letters whose forms differ. Letters that differ in
/// size or in slope only share a class (its characters stand together).
pub const LETTERS: &[&str] = &[
    "AΑА",
    "BΒВ",
    "CcСсϹ",
    "D",
    "EΕЕ",
    "F",
    "G",
    "HΗНн",
    "IΙІl",
    "JЈ",
    "KΚКκк",
    "L",
    "MΜМм",
    "NΝ",
    "OoΟοОо",
    "PΡРpρр",
    "Q",
    "R",
    "SsЅѕ",
    "TΤТт",
    "U",
    "VvΝν",
    "WwѠ",
    "XxΧХх",
    "YΥ",
    "ZzΖ",
    "aаɑ",
    "b",
    "d",
    "eе",
    "f",
    "g",
    "h",
    "i",
    "j",
    "m",
    "nη",
    "q",
    "r",
    "t",
    "u",
    "yуγ",
    "Γг",
    "Δ",
    "Θθ",
    "Λ",
    "Ξ",
    "Πп",
    "Σ",
    "Φφф",
    "Ψψ",
    "Ω",
    "α",
    "β",
    "δ",
    "ε",
    "ζ",
    "λ",
    "μ",
    "ξ",
    "π",
    "σ",
    "τ",
    "ω",
    "Бб",
    "Дд",
    "Жж",
    "Зз",
    "Ии",
    "Лл",
    "Цц",
    "Чч",
    "Шш",
    "Ыы",
    "Ьь",
    "Ээ",
    "Юю",
    "Яя",
    "ß",
    "Ð",
    "Þ",
    "æ",
    "ø",
];

/// Masks of every letter a font has, `[MASK, MASK]`, ink 1.
pub(super) struct Glyphs {
    fonts: Vec<FontGlyphs>,
}

struct FontGlyphs {
    name: String,
    /// Label and mask.
    masks: Vec<(u8, Vec<f32>)>,
}

impl Glyphs {
    /// Reads every .ttf and .otf file below `folder`, in byte order of their paths.
    pub(super) fn load(folder: &Path) -> Result<Self, Error> {
        let mut paths = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(Error::io(&folder, "list"))? {
                let path = entry.map_err(Error::io(&folder, "list"))?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "ttf" || e == "otf") {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        let mut fonts = Vec::new();
        for path in paths {
            let bytes = fs::read(&path).map_err(Error::io(&path, "read"))?;
            // Fonts without outlines are passed over.
            let Ok(font) = FontVec::try_from_vec(bytes) else {
                continue;
            };
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let masks = masks(&font);
            if masks.len() >= 26 {
                fonts.push(FontGlyphs { name, masks });
            }
        }
        if fonts.len() < 10 {
            let hint =
                "install free fonts (Debian: fonts-dejavu, fonts-liberation, fonts-freefont-ttf)";
            return Err(Error::input(
                folder,
                "at least 10 fonts",
                fonts.len().to_string(),
                hint,
            ));
        }
        Ok(Self { fonts })
    }

    /// Every `nth` font, and the others.
    pub(super) fn split(self, nth: usize) -> (Self, Self) {
        let (mut some, mut others) = (Vec::new(), Vec::new());
        for (index, font) in self.fonts.into_iter().enumerate() {
            if index % nth == nth / 2 {
                some.push(font)
            } else {
                others.push(font)
            }
        }
        (Self { fonts: some }, Self { fonts: others })
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.fonts.iter().map(|font| font.name.clone()).collect()
    }

    /// A letter of a random font.
    pub(super) fn draw(&self, random: &mut Random) -> (&[f32], u8) {
        let font = &self.fonts[random.below(self.fonts.len())];
        let (label, mask) = &font.masks[random.below(font.masks.len())];
        (mask, *label)
    }
}

fn masks(font: &FontVec) -> Vec<(u8, Vec<f32>)> {
    let mut masks = Vec::new();
    for (label, characters) in LETTERS.iter().enumerate() {
        for character in characters.chars() {
            let id = font.glyph_id(character);
            if id == GlyphId(0) {
                continue;
            }
            if let Some(mask) = mask(font, id) {
                masks.push((label as u8, mask));
            }
        }
    }
    masks
}

/// One glyph in the middle of its mask, its larger side `LETTER` pixels.
fn mask(font: &FontVec, id: GlyphId) -> Option<Vec<f32>> {
    let size = |scale: f32| {
        let outlined = font.outline_glyph(id.with_scale(scale))?;
        let bounds = outlined.px_bounds();
        Some((bounds.width().max(bounds.height()), outlined))
    };
    let (at_100, _) = size(100.0)?;
    let (_, outlined) = size(100.0 * LETTER / at_100)?;
    let bounds = outlined.px_bounds();
    let middle = MASK as f32 / 2.0;
    let corner = Point {
        x: middle - bounds.width() / 2.0,
        y: middle - bounds.height() / 2.0,
    };
    let mut mask = vec![0.0; MASK * MASK];
    outlined.draw(|x, y, ink| {
        let (x, y) = (
            x as usize + corner.x as usize,
            y as usize + corner.y as usize,
        );
        if x < MASK && y < MASK {
            mask[y * MASK + x] = ink.clamp(0.0, 1.0);
        }
    });
    Some(mask)
}
