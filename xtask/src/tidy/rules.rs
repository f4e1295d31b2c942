//! The rules as data. Every exception says why it is one.

/// How far a dependency rule looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The package's own manifest: normal and build dependencies, optional ones too.
    Manifest,
    /// Everything that a build or a test run of the package with its default features compiles.
    Tree,
}

/// Dependencies that a package may not have.
#[derive(Debug)]
pub(crate) struct ForbiddenDependency {
    pub(crate) package: &'static str,
    pub(crate) reach: Reach,
    /// Names; a `*` at the end stands for anything.
    pub(crate) dependencies: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// Deep-learning crates.
const DEEP_LEARNING: &[&str] = &["burn*", "cubecl*", "candle*", "tch", "ort"];

pub(crate) const FORBIDDEN_DEPENDENCIES: &[ForbiddenDependency] = &[
    ForbiddenDependency {
        package: "he-core",
        reach: Reach::Tree,
        dependencies: &[
            "image",
            "ndarray*",
            "nalgebra",
            "safetensors",
            "csv",
            "feature-extract",
            "mlr-train",
            "cli",
        ],
        reason: "he-core knows rings and ciphertexts, no image, no matrix library and no training",
    },
    ForbiddenDependency {
        package: "he-core",
        reach: Reach::Tree,
        dependencies: DEEP_LEARNING,
        reason: "testing he-core from a clean checkout builds no deep-learning crate",
    },
    ForbiddenDependency {
        package: "feature-extract",
        reach: Reach::Tree,
        dependencies: &["he-core", "mlr-train", "cli"],
        reason: "feature-extract knows no ciphertext",
    },
    ForbiddenDependency {
        package: "mlr-train",
        reach: Reach::Tree,
        dependencies: &["feature-extract", "cli", "image"],
        reason: "mlr-train takes features, wherever they come from",
    },
    ForbiddenDependency {
        package: "mlr-train",
        reach: Reach::Tree,
        dependencies: DEEP_LEARNING,
        reason: "testing mlr-train from a clean checkout builds no deep-learning crate",
    },
    ForbiddenDependency {
        package: "cli",
        reach: Reach::Manifest,
        dependencies: &[
            "libm",
            "nalgebra",
            "faer",
            "ndarray-linalg",
            "num-*",
            "rand",
            "rand_*",
            "getrandom",
            "burn*",
        ],
        reason: "the command line computes nothing: arithmetic belongs in the layers below",
    },
    ForbiddenDependency {
        package: "xtask",
        reach: Reach::Tree,
        dependencies: &["he-core", "feature-extract", "mlr-train", "cli"],
        reason: "xtask starts in seconds and drives the product from outside",
    },
    ForbiddenDependency {
        package: "xtask",
        reach: Reach::Tree,
        dependencies: DEEP_LEARNING,
        reason: "xtask starts in seconds",
    },
];

/// Names that the code of a module (tests apart) may not contain.
#[derive(Debug)]
pub(crate) struct ForbiddenNames {
    pub(crate) module: &'static str,
    pub(crate) names: &'static [&'static str],
    /// Paths that may be named nevertheless: (module, path as the end of what is written, reason).
    pub(crate) allowed: &'static [(&'static str, &'static str, &'static str)],
    pub(crate) reason: &'static str,
}

/// What can hold or use a secret key.
const SECRETS: &[&str] = &[
    "SecretKey",
    "SecretSealer",
    "SecretOpener",
    "holder",
    "secret",
];

pub(crate) const FORBIDDEN_NAMES: &[ForbiddenNames] = &[
    ForbiddenNames {
        module: "he_core::evaluator",
        names: SECRETS,
        allowed: &[
            (
                "he_core::evaluator::conformance",
                "holder::Sealer",
                "the suite needs ciphertexts; the trait is opaque",
            ),
            (
                "he_core::evaluator::conformance",
                "holder::Opener",
                "the suite compares slots; the trait is opaque",
            ),
        ],
        reason: "evaluation works on evaluation keys alone",
    },
    ForbiddenNames {
        module: "mlr_train::server",
        names: SECRETS,
        allowed: &[],
        reason: "training on ciphertexts cannot see a secret key",
    },
    ForbiddenNames {
        module: "mlr_train::plan",
        names: SECRETS,
        allowed: &[],
        reason: "a plan is made of public shapes",
    },
    ForbiddenNames {
        module: "mlr_train::packing",
        names: SECRETS,
        allowed: &[],
        reason: "the layout is shared by client and server",
    },
    ForbiddenNames {
        module: "mlr_train::client",
        names: SECRETS,
        allowed: &[
            (
                "mlr_train::client",
                "holder::Sealer",
                "packing is written once for every evaluator; the trait is opaque",
            ),
            (
                "mlr_train::client",
                "holder::Opener",
                "unpacking is written once for every evaluator; the trait is opaque",
            ),
        ],
        reason: "the client's side of training seals and opens, it holds no key",
    },
    ForbiddenNames {
        module: "mlr_train::predict",
        names: SECRETS,
        allowed: &[
            (
                "mlr_train::predict::client",
                "holder::Sealer",
                "rows are packed once for every evaluator; the trait is opaque",
            ),
            (
                "mlr_train::predict::client",
                "holder::Opener",
                "scores are read once for every evaluator; the trait is opaque",
            ),
        ],
        reason: "scoring encrypted rows cannot see a secret key",
    },
];

/// Modules of one crate in a linear chain: each may use only what stands above it.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) krate: &'static str,
    pub(crate) modules: &'static [&'static str],
    /// (using module or a parent of it, used top-level module, reason)
    pub(crate) exceptions: &'static [(&'static str, &'static str, &'static str)],
}

pub(crate) const CHAINS: &[Chain] = &[Chain {
    krate: "he_core",
    modules: &[
        "arith",
        "ring",
        "params",
        "rlwe",
        "ckks",
        "evaluator",
        "holder",
        "wire",
    ],
    exceptions: &[(
        "he_core::evaluator::conformance",
        "holder",
        "the suite takes a sealer and an opener of the evaluator under test",
    )],
}];

/// Where `unsafe` may stand: files whose path begins so.
pub(crate) const UNSAFE_ALLOWED: &[&str] =
    &["he-core/src/arith/simd.rs", "he-core/src/arith/simd/"];

/// What the top level holds, and nothing else.
pub(crate) const TOP_LEVEL: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "cli",
    "feature-extract",
    "he-core",
    "mlr-train",
    "tests",
    "xtask",
];

/// Allowed at the top level, not required. Names that begin with a dot are allowed too.
pub(crate) const TOP_LEVEL_OPTIONAL: &[&str] = &[
    "Cargo.lock",
    "bench",
    "clippy.toml",
    "deny.toml",
    "docs",
    "rustfmt.toml",
];

/// Lines that a Rust file may have.
pub(crate) const MAX_LINES: usize = 500;

/// Longer Rust files, each with its reason.
pub(crate) const LONG_FILES: &[(&str, &str)] = &[];

/// Lines that a named document may have.
pub(crate) const DOCUMENT_LINES: &[(&str, usize)] = &[("ARCHITECTURE.md", 299)];

/// Text that no tracked file may contain.
#[derive(Debug)]
pub(crate) struct ForbiddenText {
    pub(crate) text: &'static str,
    /// Files in which it may stand, by the end of the path.
    pub(crate) except: &'static [&'static str],
    pub(crate) reason: &'static str,
}

const MACHINE: &str = "a path of one machine means nothing elsewhere";
const MERGE: &str = "a merge that nobody finished";
const REGISTRY: &str = "which registry serves a build is the builder's choice";

// Each text is written in two parts, so that this table does not match itself.
pub(crate) const FORBIDDEN_TEXT: &[ForbiddenText] = &[
    ForbiddenText {
        text: concat!("/wo", "rk/"),
        except: &[],
        reason: MACHINE,
    },
    ForbiddenText {
        text: concat!("/ro", "ot/"),
        except: &[],
        reason: MACHINE,
    },
    ForbiddenText {
        text: concat!("/ho", "me/"),
        except: &[],
        reason: MACHINE,
    },
    ForbiddenText {
        text: concat!("/Us", "ers/"),
        except: &[],
        reason: MACHINE,
    },
    ForbiddenText {
        text: concat!("crates", ".io"),
        except: &["Cargo.lock"],
        reason: REGISTRY,
    },
    ForbiddenText {
        text: concat!("pypi", ".org"),
        except: &[],
        reason: REGISTRY,
    },
    ForbiddenText {
        text: concat!("python", "hosted"),
        except: &[],
        reason: REGISTRY,
    },
    ForbiddenText {
        text: concat!("npmjs", ".org"),
        except: &[],
        reason: REGISTRY,
    },
    ForbiddenText {
        text: concat!("anaconda", ".org"),
        except: &[],
        reason: REGISTRY,
    },
    ForbiddenText {
        text: concat!("db", "g!"),
        except: &[],
        reason: "left over from debugging",
    },
    ForbiddenText {
        text: concat!("to", "do!"),
        except: &[],
        reason: "every commit is whole",
    },
    ForbiddenText {
        text: concat!("<<<<", "<<< "),
        except: &[],
        reason: MERGE,
    },
    ForbiddenText {
        text: concat!(">>>>", ">>> "),
        except: &[],
        reason: MERGE,
    },
];
