//! From a picture of any size to the planes a network expects: resize, channels, normalisation.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::picture::{Samples, of_u8, of_u16};
use crate::resize::bilinear;
use crate::{Channels, Error, Picture};

/// Means and standard deviations of ImageNet, red, green, blue, for values in [0, 1].
/// Source: the preprocessing of torchvision's ImageNet weights.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// Shares of red, green and blue in grey: ITU-R BT.601, as PIL and OpenCV do it.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// What is subtracted from every channel, and what the rest is divided by.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    mean: Vec<f32>,
    std: Vec<f32>,
}

/// The JSON form: `{"mean": [..], "std": [..]}`, one or three numbers each.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NormalisationJson {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl NormalisationJson {
    /// What is wrong is the error.
    fn checked(self) -> Result<Normalisation, String> {
        let counts = [self.mean.len(), self.std.len()];
        if counts != [1, 1] && counts != [3, 3] {
            return Err(format!("{} means and {} deviations", counts[0], counts[1]));
        }
        if !self.mean.iter().all(|m| m.is_finite()) {
            return Err(format!("means {:?}", self.mean));
        }
        if !self.std.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(format!("deviations {:?}", self.std));
        }
        Ok(Normalisation {
            mean: self.mean,
            std: self.std,
        })
    }
}

impl Normalisation {
    /// Values stay in [0, 1], as in the paper (arXiv 2304.03807).
    #[must_use]
    pub fn none() -> Self {
        Self {
            mean: vec![0.0],
            std: vec![1.0],
        }
    }

    /// ImageNet's means and standard deviations, as torchvision's weights expect them.
    #[must_use]
    pub fn imagenet() -> Self {
        Self {
            mean: IMAGENET.0.to_vec(),
            std: IMAGENET.1.to_vec(),
        }
    }

    /// `none`, `imagenet`, or the path of a JSON file, as a user writes it.
    ///
    /// # Errors
    /// As [`Normalisation::from_json`].
    pub fn named(text: &str) -> Result<Self, Error> {
        match text {
            "none" => Ok(Self::none()),
            "imagenet" => Ok(Self::imagenet()),
            path => Self::from_json(Path::new(path)),
        }
    }

    /// Reads `{"mean": [m, ..], "std": [s, ..]}` with one number, or three for red, green, blue.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] when the file is over 64 KiB, no such JSON, or holds
    /// numbers that are not finite or a deviation that is not positive.
    pub fn from_json(path: &Path) -> Result<Self, Error> {
        let hint = r#"write {"mean": [0.5], "std": [0.5]}, or three numbers each"#;
        let wrong = |found: String| Error::input(path, "a normalisation as JSON", found, hint);
        let size = std::fs::metadata(path)
            .map_err(Error::io(path, "read"))?
            .len();
        if size > 1 << 16 {
            return Err(wrong(format!("{size} bytes")));
        }
        let text = std::fs::read(path).map_err(Error::io(path, "read"))?;
        let json: NormalisationJson =
            serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        json.checked().map_err(wrong)
    }

    fn of(&self, channel: usize) -> (f32, f32) {
        let at = channel % self.mean.len();
        (self.mean[at], self.std[at])
    }
}

/// How pictures become input planes.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    size: [usize; 2],
    channels: Channels,
    normalisation: Normalisation,
}

impl Preprocessing {
    /// Resize to `size` (height, width), convert to `channels`, normalise.
    ///
    /// # Errors
    /// [`Error::Input`] when the size is not allowed (see [`Picture::new`]), or when three
    /// numbers are given for one channel.
    pub fn new(
        size: [usize; 2],
        channels: Channels,
        normalisation: Normalisation,
    ) -> Result<Self, Error> {
        let wrong = |expected: String, found: String, hint: &str| {
            Err(Error::input(
                Path::new("preprocessing"),
                expected,
                found,
                hint,
            ))
        };
        if !crate::picture::size_is_allowed(size[0], size[1]) {
            let found = format!("{} x {}", size[0], size[1]);
            return wrong(
                crate::picture::allowed_sizes(),
                found,
                "choose another size",
            );
        }
        if normalisation.mean.len() > channels.count() {
            let hint = "give a normalisation with one mean and one deviation";
            return wrong("numbers for one channel".into(), "for three".into(), hint);
        }
        Ok(Self {
            size,
            channels,
            normalisation,
        })
    }

    /// The same with another normalisation.
    ///
    /// # Errors
    /// [`Error::Input`] when three numbers are given for one channel.
    pub fn with_normalisation(&self, normalisation: Normalisation) -> Result<Self, Error> {
        Self::new(self.size, self.channels, normalisation)
    }

    /// Values of one picture: `channels * height * width`.
    #[must_use]
    pub fn values(&self) -> usize {
        self.channels.count() * self.size[0] * self.size[1]
    }

    /// `[channels, height, width]` of one picture.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [self.channels.count(), self.size[0], self.size[1]]
    }

    /// Appends the planes of one picture (`[channels, height, width]`) to `out`.
    ///
    /// Grey becomes RGB by repetition, RGB becomes grey by the shares of ITU-R BT.601.
    pub fn apply(&self, picture: &Picture, out: &mut Vec<f32>) {
        let start = out.len();
        match picture.samples() {
            Samples::U8(samples) => self.resized(picture, |at| of_u8(samples[at]), out),
            Samples::U16(samples) => self.resized(picture, |at| of_u16(samples[at]), out),
            Samples::F32(samples) => self.resized(picture, |at| samples[at], out),
        }
        let plane = self.size[0] * self.size[1];
        for (channel, values) in out[start..].chunks_exact_mut(plane).enumerate() {
            let (mean, std) = self.normalisation.of(channel);
            if (mean, std) != (0.0, 1.0) {
                values.iter_mut().for_each(|v| *v = (*v - mean) / std);
            }
        }
    }

    /// Resizes and converts the channels; `sample` gives the samples as they lie.
    fn resized(&self, picture: &Picture, sample: impl Fn(usize) -> f32, out: &mut Vec<f32>) {
        let from = [picture.height(), picture.width()];
        let (start, plane) = (out.len(), self.size[0] * self.size[1]);
        match (picture.channels(), self.channels) {
            (Channels::One, _) => {
                bilinear(sample, from, self.size, out);
                for _ in 1..self.channels.count() {
                    out.extend_from_within(start..start + plane);
                }
            }
            (Channels::Three, Channels::Three) => {
                for channel in 0..3 {
                    bilinear(|at| sample(3 * at + channel), from, self.size, out);
                }
            }
            (Channels::Three, Channels::One) => {
                let mixed = |at: usize| {
                    let rgb = LUMA.iter().enumerate();
                    rgb.map(|(c, share)| sample(3 * at + c) * share).sum()
                };
                bilinear(mixed, from, self.size, out);
            }
        }
    }

    /// The same size and channels with the normalisation that [`Preprocessing::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::Input`] for anything but such an object with this size and these channels.
    pub fn with_json(&self, json: &serde_json::Value) -> Result<Self, Error> {
        let wrong = |found: String| {
            let hint = "extract the features again with this version";
            let expected = self.to_json().to_string();
            Error::input(Path::new("preprocessing"), expected, found, hint)
        };
        let part = serde_json::json!({ "mean": json["mean"], "std": json["std"] });
        let read: NormalisationJson =
            serde_json::from_value(part).map_err(|_| wrong(json.to_string()))?;
        let normalisation = read.checked().map_err(wrong)?;
        let found = self.with_normalisation(normalisation)?;
        if found.to_json() != *json {
            return Err(wrong(json.to_string()));
        }
        Ok(found)
    }

    /// What `features.json` says about the preprocessing.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "resize": "bilinear",
            "channels": self.channels.count(),
            "size": self.size,
            "mean": self.normalisation.mean,
            "std": self.normalisation.std,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(picture: &Picture, channels: Channels, how: Normalisation) -> Vec<f32> {
        let mut out = vec![9.0];
        let size = [picture.height(), picture.width()];
        Preprocessing::new(size, channels, how)
            .unwrap()
            .apply(picture, &mut out);
        assert_eq!(out.remove(0), 9.0);
        out
    }

    #[test]
    fn grey_is_repeated_and_normalised_per_channel() {
        let grey = Picture::new("g", [1, 2], Channels::One, vec![0.0, 1.0]).unwrap();
        assert_eq!(
            planes(&grey, Channels::Three, Normalisation::none()),
            [0., 1., 0., 1., 0., 1.]
        );
        let normal = planes(&grey, Channels::Three, Normalisation::imagenet());
        for c in 0..3 {
            let (mean, std) = (IMAGENET.0[c], IMAGENET.1[c]);
            assert_eq!(
                normal[2 * c..2 * c + 2],
                [(0.0 - mean) / std, (1.0 - mean) / std]
            );
        }
    }

    #[test]
    fn colour_is_split_into_planes_or_mixed_to_grey() {
        let values = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let colour = Picture::new("c", [1, 2], Channels::Three, values).unwrap();
        assert_eq!(
            planes(&colour, Channels::Three, Normalisation::none()),
            [1., 0., 0., 1., 0., 0.]
        );
        assert_eq!(
            planes(&colour, Channels::One, Normalisation::none()),
            [0.299, 0.587]
        );
    }

    #[test]
    fn json_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n.json");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Normalisation::from_json(&path)
        };
        assert_eq!(
            read(r#"{"mean":[0.5],"std":[0.25]}"#).unwrap().of(2),
            (0.5, 0.25)
        );
        for bad in [
            r#"{"mean":[0.5],"std":[0]}"#,
            r#"{"mean":[0.5,1],"std":[1,1]}"#,
            r#"{"mean":[0.5],"std":[1,1,1]}"#,
            r#"{"mean":[1e99],"std":[1]}"#,
            r#"{"mean":[1],"std":[1],"scale":2}"#,
            "",
        ] {
            let error = read(bad).unwrap_err();
            assert!(
                error.place().is_some_and(|place| place.contains("n.json"))
                    && error.hint().is_some(),
                "{bad}"
            );
        }
        let three = Normalisation::imagenet();
        assert!(Preprocessing::new([4, 4], Channels::One, three).is_err());
        assert!(Preprocessing::new([0, 4], Channels::One, Normalisation::none()).is_err());
    }
}
