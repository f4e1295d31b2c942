//! Which ciphertexts a job takes, at which level and scale, and how large their values are.

use he_core::evaluator::{Level, Placement};

use super::checked::Job;
use super::joint::Joint;
use super::method::{FirstGradient, Labels};
use super::sizes::{LABEL_SIZE, Sizes};
use crate::packing::Upload;

impl Job {
    /// The joint key that it is for, if it is for one.
    pub fn joint(&self) -> Option<Joint> {
        self.program().owners.joint
    }

    /// The highest level of an upload: what an owner's switching key is made for.
    pub fn upload_level(&self) -> Level {
        let first = |upload: &Upload| match upload {
            Upload::Data { block, .. } | Upload::Labels { block, .. } => *block == 0,
            _ => true,
        };
        let kinds = self.uploads_of(0).take_while(first);
        let levels = kinds.map(|upload| self.placement(upload).level);
        levels.max().unwrap_or(Level(0))
    }

    /// Every uploaded ciphertext, in the order of upload: owner by owner.
    pub fn uploads(&self) -> impl Iterator<Item = Upload> + use<> {
        let owners: Vec<_> = (0..self.owner_rows().len())
            .map(|owner| self.uploads_of(owner))
            .collect();
        owners.into_iter().flatten()
    }

    /// Every ciphertext that owner `owner` uploads, in order; none of an owner that there is not.
    pub fn uploads_of(&self, owner: usize) -> impl Iterator<Item = Upload> + use<> {
        let (layout, method) = (*self.layout(), self.program().method);
        let blocks = self.owner_blocks().get(owner).cloned();
        let exists = blocks.is_some();
        let count = |wanted: bool, of: usize| if wanted && exists { of } else { 0 };
        let moments = method.first_gradient() == Some(FirstGradient::Client);
        let parts = count(moments, layout.first_gradient_ciphertexts().get());
        let vector = layout.ciphertexts_per_vector().get();
        let weights = count(method.start_weight().is_some(), vector);
        let curvature = count(method.has_curvature(), vector);
        let labels = count(self.has_labels(), layout.label_ciphertexts().get());
        let first = (0..parts).map(move |part| Upload::FirstGradient { owner, part });
        let weights = (0..weights).map(|group| Upload::Weights { group });
        let curvature = (0..curvature).map(|group| Upload::Curvature { group });
        let blocks = blocks.unwrap_or_default().flat_map(move |block| {
            let data = (0..layout.column_groups()).map(move |group| Upload::Data { block, group });
            data.chain((0..labels).map(move |part| Upload::Labels { block, part }))
        });
        first.chain(weights).chain(curvature).chain(blocks)
    }

    /// Level and scale of an uploaded ciphertext: exactly as high as its first use needs it.
    pub fn placement(&self, upload: Upload) -> Placement {
        let (scales, levels) = (self.program().scales, self.levels());
        // Labels for the errors come at the errors' scale; for the first gradient they take the data's place.
        let label_scale = match self.program().method.labels() {
            Labels::Every => scales.error,
            Labels::First | Labels::Never => scales.data,
        };
        let (level, bits) = match upload {
            Upload::FirstGradient { .. } | Upload::Weights { .. } => {
                (levels.first_upload(), scales.first)
            }
            Upload::Curvature { .. } => (levels.curvature(), scales.curvature),
            Upload::Data { .. } => (levels.data(), scales.data),
            Upload::Labels { .. } => (levels.labels(), label_scale),
        };
        Placement {
            level,
            scale: f64::from(bits).exp2(),
        }
    }

    /// No slot of the uploaded ciphertext exceeds this.
    pub fn bound(&self, upload: Upload) -> f64 {
        self.upload_size(self.bounds(), upload)
    }

    /// The size of an uploaded ciphertext's slots, in the bounds or the root mean squares of this job.
    pub(crate) fn upload_size(&self, sizes: &Sizes, upload: Upload) -> f64 {
        match upload {
            Upload::FirstGradient { .. } => sizes.total(LABEL_SIZE),
            Upload::Weights { .. } => {
                let start = self.program().method.start_weight();
                start.map_or(sizes.weight(), f64::abs)
            }
            Upload::Curvature { .. } => sizes.curvature(),
            Upload::Data { .. } => sizes.data() * std::f64::consts::SQRT_2,
            Upload::Labels { .. } => std::f64::consts::FRAC_1_SQRT_2,
        }
    }
}
