//! The job folder: one place for a job, with `client/`, which never leaves the client, and `server/`, which is copied to the server.
//!
//! | path | what |
//! |---|---|
//! | `client/features` | features, as `extract` writes them |
//! | `client/plan.recipe.json`, `client/plan.record.json` | what is private of the plan |
//! | `client/keys/secret.key` | the secret key |
//! | `client/keys/party.key`, `client/party.card.json` | a party of groups: its key file and its card |
//! | `client/sessions` | what this party has said in its groups, one folder a session |
//! | `client/pooled-statistics` | the statistics that a group has pooled |
//! | `client/private` | mean, axes, class names, clear twin |
//! | `client/model` | the decrypted model |
//! | `client/evaluation.record.json` | what `evaluate` found |
//! | `client/report.html` | the report |
//! | `server/plan.json` | the plan, public |
//! | `server/eval-keys`, `server/dataset` | what the server computes with |
//! | `server/model.enc`, `server/model.enc.record.json` | what it gives back |

use std::path::{Path, PathBuf};

/// The paths of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFolder {
    client: PathBuf,
    server: PathBuf,
}

impl JobFolder {
    /// The job in this folder. At a server it may also be the copied `server/` itself, under any name.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        // `./x` says no more than `x`, and errors show the paths.
        let below = |name: &str| match root == Path::new(".") {
            true => PathBuf::from(name),
            false => root.join(name),
        };
        let server = below("server");
        let copied = !server.is_dir() && below("plan.json").is_file() && below("dataset").is_dir();
        Self {
            client: below("client"),
            server: if copied { root.to_owned() } else { server },
        }
    }

    fn of_client(&self, name: &str) -> PathBuf {
        self.client.join(name)
    }

    fn of_server(&self, name: &str) -> PathBuf {
        match self.server == Path::new(".") {
            true => PathBuf::from(name),
            false => self.server.join(name),
        }
    }

    /// What never leaves the client.
    #[must_use]
    pub fn client(&self) -> &Path {
        &self.client
    }

    /// What is copied to the server.
    #[must_use]
    pub fn server(&self) -> &Path {
        &self.server
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> PathBuf {
        self.of_client("features")
    }

    /// What is private of the plan's recipe.
    #[must_use]
    pub fn recipe(&self) -> PathBuf {
        self.of_client("plan.recipe.json")
    }

    /// The record of the plan, which says what rows train.
    #[must_use]
    pub fn plan_record(&self) -> PathBuf {
        self.of_client("plan.record.json")
    }

    /// The secret key.
    #[must_use]
    pub fn secret_key(&self) -> PathBuf {
        self.of_client("keys/secret.key")
    }

    /// The key file of a party of groups.
    #[must_use]
    pub fn party_key(&self) -> PathBuf {
        self.of_client("keys/party.key")
    }

    /// Its card.
    #[must_use]
    pub fn party_card(&self) -> PathBuf {
        self.of_client("party.card.json")
    }

    /// The folder of its sessions.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.of_client("sessions")
    }

    /// The statistics that a group has pooled.
    #[must_use]
    pub fn pooled(&self) -> PathBuf {
        self.of_client("pooled-statistics")
    }

    /// The private directory.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.of_client("private")
    }

    /// The decrypted model.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.of_client("model")
    }

    /// The record of the evaluation.
    #[must_use]
    pub fn evaluation(&self) -> PathBuf {
        self.of_client("evaluation.record.json")
    }

    /// The report.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.of_client("report.html")
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> PathBuf {
        self.of_server("plan.json")
    }

    /// The evaluation keys.
    #[must_use]
    pub fn eval_keys(&self) -> PathBuf {
        self.of_server("eval-keys")
    }

    /// The encrypted dataset.
    #[must_use]
    pub fn dataset(&self) -> PathBuf {
        self.of_server("dataset")
    }

    /// The encrypted model.
    #[must_use]
    pub fn encrypted_model(&self) -> PathBuf {
        self.of_server("model.enc")
    }

    /// The step that makes the part of the job that `path` is in and that is not there; none for other paths.
    #[must_use]
    pub fn made_by(&self, path: &Path) -> Option<&'static str> {
        let steps = [
            (self.features(), "velum extract --images FOLDER"),
            (self.plan(), "velum plan"),
            (self.recipe(), "velum plan"),
            (self.secret_key(), "velum keygen"),
            (self.eval_keys(), "velum keygen"),
            (self.dataset(), "velum encrypt"),
            (self.private(), "velum encrypt"),
            (
                self.encrypted_model(),
                "velum train, at the server, on a copy of server/",
            ),
            (self.model(), "velum decrypt"),
            (self.evaluation(), "velum evaluate"),
        ];
        let lacks = |part: &Path| path.starts_with(part) && !part.exists();
        let made = steps.into_iter().find(|(part, _)| lacks(part));
        // The folder of the server's side comes with the plan.
        let whole = (path == self.server).then_some("velum plan");
        made.map(|(_, step)| step).or(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_and_server_lie_apart() {
        let folder = JobFolder::new(Path::new("job"));
        for path in [
            folder.features(),
            folder.recipe(),
            folder.plan_record(),
            folder.secret_key(),
            folder.party_key(),
            folder.party_card(),
            folder.sessions(),
            folder.pooled(),
            folder.private(),
            folder.model(),
            folder.evaluation(),
            folder.report(),
        ] {
            assert!(path.starts_with("job/client"), "{path:?}");
        }
        for path in [
            folder.plan(),
            folder.eval_keys(),
            folder.dataset(),
            folder.encrypted_model(),
        ] {
            assert!(path.starts_with("job/server"), "{path:?}");
        }
        let manifest = folder.eval_keys().join("manifest.json");
        assert_eq!(folder.made_by(&manifest), Some("velum keygen"));
        assert_eq!(folder.made_by(Path::new("plan.json")), None);
        let here = JobFolder::new(Path::new("."));
        assert_eq!(here.plan(), Path::new("server/plan.json"));
    }

    #[test]
    fn a_copied_server_s_side_is_a_job_of_its_own() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        std::fs::create_dir(root.join("dataset")).unwrap();
        assert_eq!(JobFolder::new(root).plan(), root.join("server/plan.json"));
        std::fs::write(root.join("plan.json"), "{}").unwrap();
        assert_eq!(JobFolder::new(root).plan(), root.join("plan.json"));
        assert_eq!(JobFolder::new(root).dataset(), root.join("dataset"));
        std::fs::create_dir(root.join("server")).unwrap();
        assert_eq!(JobFolder::new(root).plan(), root.join("server/plan.json"));
    }
}
