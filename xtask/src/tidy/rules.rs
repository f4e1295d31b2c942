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
        package: "velum-record",
        reach: Reach::Tree,
        dependencies: &[
            "he-core",
            "feature-extract",
            "mlr-train",
            "cli",
            "ndarray*",
            "rayon*",
        ],
        reason: "records are types alone: whoever reads them builds in a second",
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
    "BridgeKeyMaker",
    "KeyEncryptor",
    "SecretKeyEncryptor",
    "PublicKeyEncryptor",
    "SecretKeyDecryptor",
    "InsecureTestRefresh",
    "PartySecret",
    "DealtShare",
    "OpeningKey",
    "RowSecret",
    "key_holder",
    "secret",
];

/// What of it a party of a joint key holds. Nobody there has a whole secret key, so the module `secret` is a party's own.
const PARTY_SECRETS: &[&str] = &[
    "SecretKey",
    "PartySecret",
    "DealtShare",
    "OpeningKey",
    "RowSecret",
    "key_holder",
];

pub(crate) const FORBIDDEN_NAMES: &[ForbiddenNames] = &[
    ForbiddenNames {
        module: "he_core::evaluator",
        names: SECRETS,
        allowed: &[],
        reason: "evaluation works on evaluation keys alone",
    },
    ForbiddenNames {
        module: "he_core::circuits",
        names: SECRETS,
        allowed: &[],
        reason: "circuits are what a server runs",
    },
    ForbiddenNames {
        module: "he_core::conformance",
        names: SECRETS,
        allowed: &[
            (
                "he_core::conformance",
                "key_holder::Encryptor",
                "the suite needs ciphertexts; the trait is opaque",
            ),
            (
                "he_core::conformance",
                "key_holder::Decryptor",
                "the suite compares slots; the trait is opaque",
            ),
        ],
        reason: "the suite works on whatever key holder it is given",
    },
    ForbiddenNames {
        module: "mlr_train::server",
        names: SECRETS,
        allowed: &[],
        reason: "training on ciphertexts cannot see a secret key",
    },
    ForbiddenNames {
        module: "mlr_train::job",
        names: SECRETS,
        allowed: &[],
        reason: "what is computed is public",
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
                "key_holder::Encryptor",
                "packing is written once for every evaluator; the trait is opaque",
            ),
            (
                "mlr_train::client",
                "key_holder::Decryptor",
                "unpacking is written once for every evaluator; the trait is opaque",
            ),
        ],
        reason: "the client's side of training encrypts and decrypts, it holds no key",
    },
    ForbiddenNames {
        module: "mlr_train::roles::server",
        names: SECRETS,
        allowed: &[],
        reason: "what a server does from files to files cannot see a secret key",
    },
    ForbiddenNames {
        module: "mlr_train::joint::verify",
        names: PARTY_SECRETS,
        allowed: &[],
        reason: "whoever verifies uploads has no secret of a party",
    },
    ForbiddenNames {
        module: "mlr_train::joint::keys",
        names: PARTY_SECRETS,
        allowed: &[],
        reason: "joint keys are sums of what everybody sees",
    },
    ForbiddenNames {
        module: "mlr_train::joint::checked",
        names: PARTY_SECRETS,
        allowed: &[],
        reason: "shares are checked by whoever reads them",
    },
    ForbiddenNames {
        module: "mlr_train::joint::question",
        names: PARTY_SECRETS,
        allowed: &[],
        reason: "a question is asked by the server",
    },
    ForbiddenNames {
        module: "mlr_train::joint::refresh",
        names: PARTY_SECRETS,
        allowed: &[],
        reason: "a refresh is asked for by the server, and put together by it",
    },
    ForbiddenNames {
        module: "mlr_train::roles::group::server",
        names: SECRETS,
        allowed: &[],
        reason: "what a group's server does cannot see a secret",
    },
    ForbiddenNames {
        module: "mlr_train::predict",
        names: SECRETS,
        allowed: &[
            (
                "mlr_train::predict::client",
                "key_holder::Encryptor",
                "rows are packed once for every evaluator; the trait is opaque",
            ),
            (
                "mlr_train::predict::client",
                "key_holder::Decryptor",
                "scores are read once for every evaluator; the trait is opaque",
            ),
        ],
        reason: "scoring encrypted rows cannot see a secret key",
    },
];

/// Modules of one crate in a linear chain: each may use only what stands above it. The table in ARCHITECTURE.md has the same order.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) krate: &'static str,
    pub(crate) modules: &'static [&'static str],
}

pub(crate) const CHAINS: &[Chain] = &[
    Chain {
        krate: "he_core",
        modules: &[
            "error",
            "arith",
            "ring",
            "params",
            "rlwe",
            "ckks",
            "evaluator",
            "circuits",
            "key_holder",
            "multiparty",
            "conformance",
            "wire",
        ],
    },
    Chain {
        krate: "mlr_train",
        modules: &[
            "linalg",
            "metrics",
            "sigmoid",
            "files",
            "data",
            "model",
            "rounding",
            "clear",
            "canonical",
            "packing",
            "job",
            "server",
            "plan",
            "predict",
            "client",
            "exact",
            "artifacts",
            "joint",
            "group",
            "roles",
        ],
    },
];

/// Where `unsafe` may stand: files whose path begins so.
pub(crate) const UNSAFE_ALLOWED: &[&str] =
    &["he-core/src/arith/simd/", "he-core/src/arith/kernels/"];

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

/// Folders whose functions are held to no length: they are no part of the product.
pub(crate) const TOOLS: &[&str] = &["xtask/", "tests/"];

/// Lines that a function of the product may have, from `fn` to its closing brace.
pub(crate) const MAX_FUNCTION_LINES: usize = 80;

/// Folders whose product has at most so many lines of code: without tests, comments and blank lines.
pub(crate) const CODE_LINES: &[(&str, usize, &str)] = &[(
    "cli/src/",
    5500,
    "the command line parses, calls a role and prints; what is more belongs in mlr-train",
)];

/// The verbs of the command line, and the lines that the `run` of one may have.
pub(crate) const VERBS: &str = "cli/src/verbs/";
pub(crate) const MAX_RUN_LINES: usize = 60;

/// Parameters that a function of the product may have, `self` not counted.
pub(crate) const MAX_PARAMETERS: usize = 6;

/// What breaks a rule and may.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) file: &'static str,
    pub(crate) item: &'static str,
    pub(crate) reason: &'static str,
}

/// Functions that are longer, take more, or take tuples of several names.
pub(crate) const FUNCTIONS: &[Exception] = &[
    exception("he-core/src/conformance/operations.rs", "linear", SUITE),
    exception("he-core/src/conformance/operations.rs", "products", SUITE),
    exception("he-core/src/conformance/operations.rs", "rotations", SUITE),
    exception("he-core/src/conformance/programs.rs", "identities", SUITE),
    exception("he-core/src/conformance/programs.rs", "masked_cubic", SUITE),
    exception("he-core/src/conformance/refusals.rs", "levels", SUITE),
    exception("he-core/src/conformance/refusals.rs", "overflow", SUITE),
];

const SUITE: &str = "cases of the conformance suite, one after the other";

const fn exception(file: &'static str, item: &'static str, reason: &'static str) -> Exception {
    Exception { file, item, reason }
}

/// Lines that a named document may have.
pub(crate) const DOCUMENT_LINES: &[(&str, usize)] = &[("ARCHITECTURE.md", 150)];

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
