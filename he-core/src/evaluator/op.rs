//! Names of the evaluator's operations, for errors.

use std::fmt;

/// An operation that can be refused. What it is made of and costs is counted apart
/// ([`super::CountedOp`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// Making an evaluator, an encryptor or a decryptor.
    Setup,
    /// [`crate::key_holder::Encryptor::encrypt`].
    Encrypt,
    /// [`crate::key_holder::Decryptor::decrypt`].
    Decrypt,
    /// [`super::CkksCt::admit`].
    Admit,
    /// [`super::Evaluator::plain`].
    Plain,
    /// [`super::Evaluator::add`].
    Add,
    /// [`super::Evaluator::sub`].
    Sub,
    /// [`super::Evaluator::add_plain`].
    AddPlain,
    /// [`super::Evaluator::mul_integer`].
    MulInteger,
    /// [`super::Evaluator::mul_scalar`].
    MulScalar,
    /// [`super::Evaluator::dot_plain`] and [`super::Evaluator::mul_plain`].
    DotPlain,
    /// [`super::Evaluator::add_product`]: the product itself.
    AddProduct,
    /// Adding to a sum of products, and closing it.
    ProductSum,
    /// The division by the top prime that ends a product.
    Rescale,
    /// [`super::Evaluator::drop_level`].
    DropLevel,
    /// [`super::Evaluator::scale_value`].
    ScaleValue,
    /// [`super::Evaluator::declare_bound`].
    DeclareBound,
    /// [`super::Evaluator::declare_rms`].
    DeclareRms,
    /// [`super::Evaluator::declare_noise`].
    DeclareNoise,
    /// [`super::Evaluator::conjugate`].
    Conjugate,
    /// [`super::Evaluator::hoist`].
    Hoist,
    /// [`super::Evaluator::rotate`] and [`super::Evaluator::rotate_hoisted`].
    Rotate,
    /// [`crate::circuits::OddPolynomial`].
    Polynomial,
    /// [`crate::circuits::Refresh`].
    Refresh,
    /// [`super::Evaluator::rotate_sum`] and [`super::Evaluator::rotate_each_and_sum`].
    RotateSum,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setup => "set-up",
            Self::Encrypt => "encryption",
            Self::Decrypt => "decryption",
            Self::Admit => "admission of a ciphertext",
            Self::Plain => "plaintext",
            Self::Add => "sum",
            Self::Sub => "difference",
            Self::AddPlain => "sum with a plaintext",
            Self::MulInteger => "product by an integer",
            Self::MulScalar => "product by a constant",
            Self::DotPlain => "product with a plaintext",
            Self::AddProduct => "product of ciphertexts",
            Self::ProductSum => "sum of products",
            Self::Rescale => "rescale",
            Self::DropLevel => "dropping limbs",
            Self::ScaleValue => "scaling of values",
            Self::DeclareBound => "declaring a bound",
            Self::DeclareRms => "declaring a usual size",
            Self::DeclareNoise => "declaring the noise",
            Self::Conjugate => "conjugation",
            Self::Hoist => "decomposition",
            Self::Rotate => "rotation",
            Self::Polynomial => "polynomial",
            Self::Refresh => "refresh",
            Self::RotateSum => "sum of rotations",
        })
    }
}
