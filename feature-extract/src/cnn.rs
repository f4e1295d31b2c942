//! Pretrained convolutional networks, run by burn on the CPU: pictures in, features out.
//!
//! Features are what stands before a network's last layer: the global average of the last
//! feature map. Every network is written once, as a list of layers that take their tensors by
//! torchvision's names, so that torchvision's checkpoints load unchanged.

pub(crate) mod compact;
mod depthwise;
mod layers;
mod networks;
mod planes;
mod pool;
mod product;
mod stored;
mod weights;
mod winograd;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView3};

use crate::preprocess::{Normalisation, Preprocessing};
use crate::{Channels, Error, Picture};
use layers::Layer;
use weights::Weights;

/// A network that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Architecture {
    /// RegNetX-400MF, the network of the paper (arXiv 2304.03807).
    RegnetX400mf,
    /// RegNetY-400MF.
    RegnetY400mf,
    /// ResNet-18.
    Resnet18,
    /// MobileNetV2.
    MobilenetV2,
    /// SqueezeNet 1.0; features are the global average of `features.12`, after ReLU.
    Squeezenet10,
    /// A small network of our own for characters, its weights part of the crate.
    VelumCompact,
}

/// What is known of an architecture.
struct Facts {
    name: &'static str,
    features: usize,
    /// Tensors read from a checkpoint: without the classifier and the counters.
    tensors: usize,
    /// Prefix of the classifier's tensors, which are not read.
    head: &'static str,
    /// The tensor that no network is without, by which one is found inside of a checkpoint.
    first: &'static str,
    /// torchvision's published file.
    published: Option<&'static str>,
}

impl Architecture {
    /// All architectures.
    pub const ALL: [Self; 6] = [
        Self::RegnetX400mf,
        Self::RegnetY400mf,
        Self::Resnet18,
        Self::MobilenetV2,
        Self::Squeezenet10,
        Self::VelumCompact,
    ];

    fn facts(self) -> Facts {
        let facts = |name, features, tensors, [head, first]: [&'static str; 2], published| Facts {
            name,
            features,
            tensors,
            head,
            first,
            published: Some(published),
        };
        match self {
            Self::RegnetX400mf => facts(
                "regnet_x_400mf",
                400,
                355,
                ["fc.", "stem.0.weight"],
                "regnet_x_400mf-adf1edd5.pth",
            ),
            Self::RegnetY400mf => facts(
                "regnet_y_400mf",
                440,
                329,
                ["fc.", "stem.0.weight"],
                "regnet_y_400mf-c65dace8.pth",
            ),
            Self::Resnet18 => facts(
                "resnet18",
                512,
                100,
                ["fc.", "conv1.weight"],
                "resnet18-f37072fd.pth",
            ),
            Self::MobilenetV2 => facts(
                "mobilenet_v2",
                1280,
                260,
                ["classifier.", "features.0.0.weight"],
                "mobilenet_v2-b0353104.pth",
            ),
            Self::Squeezenet10 => facts(
                "squeezenet1_0",
                512,
                50,
                ["classifier.", "features.0.weight"],
                "squeezenet1_0-b66bff10.pth",
            ),
            Self::VelumCompact => Facts {
                name: "velum-compact",
                features: compact::FEATURES,
                tensors: 2 * compact::CONVS.len(),
                head: "head.",
                first: "conv1.weight",
                published: None,
            },
        }
    }

    /// torchvision's name, or `velum-compact`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Number of features.
    #[must_use]
    pub fn features(self) -> usize {
        self.facts().features
    }

    /// The file that torchvision publishes, under `https://download.pytorch.org/models/`; none
    /// for velum-compact.
    #[must_use]
    pub fn published_weights(self) -> Option<&'static str> {
        self.facts().published
    }

    /// Number of tensors read from a checkpoint.
    #[must_use]
    pub fn tensors(self) -> usize {
        self.facts().tensors
    }

    fn head(self) -> &'static str {
        self.facts().head
    }

    fn first_tensor(self) -> &'static str {
        self.facts().first
    }

    /// 224x224 RGB in [0, 1], not normalised, as in the paper; velum-compact: 24x24 grey.
    fn preprocessing(self) -> Result<Preprocessing, Error> {
        let (side, channels) = match self {
            Self::VelumCompact => (compact::SIDE, Channels::One),
            _ => (224, Channels::Three),
        };
        Preprocessing::new([side; 2], channels, Normalisation::none())
    }

    /// Pictures that go through the network together: what is fastest on one core.
    pub(crate) fn batch(self) -> usize {
        match self {
            Self::VelumCompact => 32,
            _ => 4,
        }
    }
}

impl std::str::FromStr for Architecture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::name).join(", ");
                let hint = "choose one of the listed architectures";
                Error::input(Path::new("architecture"), known, name, hint)
            })
    }
}

/// A loaded network with its preprocessing. `Send` and `Sync`: several threads may share one.
#[derive(Debug, Clone)]
pub struct Extractor {
    architecture: Architecture,
    layers: Vec<Layer>,
    preprocessing: Preprocessing,
    weights_blake3: String,
    weights_prefix: String,
}

impl Extractor {
    /// Loads a checkpoint: `.pth` (any format of torch's) or `.safetensors`, recognised by content;
    /// also one whose network is inside of dictionaries or wrappers, see
    /// [`Extractor::weights_prefix`].
    ///
    /// Pictures are resized to 224x224 and their values left in [0, 1]; see
    /// [`Extractor::with_preprocessing`].
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] when the file is no checkpoint; [`Error::Weights`] when
    /// tensors are missing, of another shape, not finite, or left over. The classifier may have
    /// any number of classes, or be absent.
    pub fn load(architecture: Architecture, weights: &Path) -> Result<Self, Error> {
        Self::build(architecture, Weights::open(weights, architecture)?)
    }

    /// velum-compact with the weights that are part of the crate.
    ///
    /// # Errors
    /// None that a correct build can give; as [`Extractor::load`].
    pub fn compact() -> Result<Self, Error> {
        Self::compact_from(compact::WEIGHTS)
    }

    pub(crate) fn compact_from(weights: &[u8]) -> Result<Self, Error> {
        let from = Weights::from_safetensors("velum-compact", weights)?;
        Self::build(Architecture::VelumCompact, from)
    }

    fn build(architecture: Architecture, mut from: Weights) -> Result<Self, Error> {
        let mut layers = networks::layers(architecture, &mut from);
        let weights_prefix = from.prefix().to_owned();
        let hash = from.finish(architecture)?;
        layers.iter_mut().for_each(Layer::prepare);
        Ok(Self {
            architecture,
            layers,
            preprocessing: architecture.preprocessing()?,
            weights_blake3: hash.to_hex().to_string(),
            weights_prefix,
        })
    }

    /// The same network on pictures prepared in another way.
    ///
    /// # Errors
    /// [`Error::Input`] when the number of channels is not the network's, or a side is under 32
    /// pixels, which the large networks need; velum-compact takes 24 x 24 only.
    pub fn with_preprocessing(self, preprocessing: Preprocessing) -> Result<Self, Error> {
        let [channels, height, width] = preprocessing.shape();
        let [wanted, ..] = self.preprocessing.shape();
        let is_compact = self.architecture == Architecture::VelumCompact;
        let fits = if is_compact {
            [height, width] == [compact::SIDE; 2]
        } else {
            height >= 32 && width >= 32
        };
        if channels != wanted || !fits {
            return Err(Error::input(
                Path::new("preprocessing"),
                if is_compact {
                    "one channel of 24 x 24".to_owned()
                } else {
                    format!("{wanted} channels and sides of at least 32 pixels")
                },
                format!("{channels} channels of {height} x {width}"),
                "leave the size as in the network's training",
            ));
        }
        Ok(Self {
            preprocessing,
            ..self
        })
    }

    /// The architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// What is done to a picture before the network sees it.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// blake3 hash of the network's tensors (names, shapes, values in f32), in hexadecimal: the
    /// same for every file that holds them, whatever its format, its classifier and its wrappers.
    #[must_use]
    pub fn weights_blake3(&self) -> &str {
        &self.weights_blake3
    }

    /// What stood before the names of the checkpoint's tensors, such as `state_dict.module.`.
    #[must_use]
    pub fn weights_prefix(&self) -> &str {
        &self.weights_prefix
    }

    /// Number of features a picture.
    #[must_use]
    pub fn features(&self) -> usize {
        self.architecture.features()
    }

    /// Features of prepared pictures: `planes` holds `[n, channels, height, width]` as
    /// [`Preprocessing::apply`] appends them; the result is `[n, features]`.
    ///
    /// Runs on the calling thread. All pictures go through as one batch: small batches (1 to 4)
    /// are fastest for the large networks.
    ///
    /// # Errors
    /// [`Error::Input`] when `planes` is not a whole number of pictures, or when the network's
    /// output is not finite (pictures far outside [0, 1]).
    pub fn features_of_planes(&self, planes: Vec<f32>) -> Result<Vec<f32>, Error> {
        let [channels, height, width] = self.preprocessing.shape();
        let each = self.preprocessing.values();
        let wrong = |expected: String, found: String, hint: &str| {
            Error::input(Path::new("pictures"), expected, found, hint)
        };
        if planes.is_empty() || !planes.len().is_multiple_of(each) {
            let found = planes.len().to_string();
            return Err(wrong(
                format!("a positive multiple of {each} values"),
                found,
                "pass whole pictures",
            ));
        }
        let count = planes.len() / each;
        let planes = planes::exchanged(&planes, [count, channels]);
        let planes = TensorData::new(planes, [channels, count, height, width]);
        let x = Tensor::<4>::from_data(planes, &Device::flex());
        let features = layers::forward(&self.layers, x)
            .and_then(planes::means)
            .map(|x| (x.dims()[0], x.into_data()))
            .and_then(|(features, data)| {
                let values = data.as_slice::<f32>().map_err(|e| e.to_string())?;
                Ok(planes::exchanged(values, [features, count]))
            });
        let hint = "check the pictures' range of values";
        match features {
            Ok(features) if features.iter().all(|f| f.is_finite()) => Ok(features),
            Ok(_) => Err(wrong(
                "finite features".into(),
                "infinity or NaN".into(),
                hint,
            )),
            Err(error) => Err(wrong("features as f32".into(), error, hint)),
        }
    }

    /// Features `[n, features]` of grey pictures `[n, height, width]` with values in [0, 1].
    ///
    /// For arrays that fit in memory, on the calling thread.
    ///
    /// # Errors
    /// As [`Picture::new`] and [`Extractor::features_of_planes`].
    pub fn features_of(&self, pictures: ArrayView3<'_, f32>) -> Result<Array2<f32>, Error> {
        let (count, height, width) = pictures.dim();
        let mut features = Vec::with_capacity(count * self.features());
        let batch = self.architecture.batch();
        let mut planes = Vec::with_capacity(batch * self.preprocessing.values());
        for (index, picture) in pictures.outer_iter().enumerate() {
            let values = picture.iter().copied().collect();
            let name = format!("picture {index}");
            let picture = Picture::new(&name, [height, width], Channels::One, values)?;
            self.preprocessing.apply(&picture, &mut planes);
            if (index + 1) % batch == 0 || index + 1 == count {
                features.extend(self.features_of_planes(std::mem::take(&mut planes))?);
            }
        }
        let shape = (count, self.features());
        Array2::from_shape_vec(shape, features).map_err(|e| {
            Error::input(
                Path::new("features"),
                format!("{shape:?}"),
                e.to_string(),
                "report this",
            )
        })
    }
}
