//! A child process that answers one line of JSON for each line it gets: ours, or a peer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// One side of a comparison. Its process ends with it.
pub(super) struct Worker {
    name: &'static str,
    child: Child,
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

/// Milliseconds of one operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) wall_ms: f64,
    pub(super) cpu_ms: f64,
}

impl Worker {
    /// Starts the process. Both sides are held to one thread.
    pub(super) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        let (Some(requests), Some(replies)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{name} has no pipes");
        };
        Ok(Self {
            name,
            child,
            requests: Some(requests),
            replies: BufReader::new(replies),
        })
    }

    /// Sends a request and waits for its reply.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Value> {
        let failed = || format!("{} did not answer {request}", self.name);
        let Some(requests) = &mut self.requests else {
            bail!(failed());
        };
        writeln!(requests, "{request}").with_context(failed)?;
        requests.flush().with_context(failed)?;
        let mut line = String::new();
        self.replies.read_line(&mut line).with_context(failed)?;
        serde_json::from_str(&line).with_context(failed)
    }

    /// Runs an operation `runs` times and gives the time of one.
    pub(super) fn time(&mut self, op: &str, runs: usize) -> Result<Span> {
        let reply = self.ask(&json!({"time": {"op": op, "runs": runs}}))?;
        Ok(Span {
            wall_ms: number(&reply, "wall_ms")?,
            cpu_ms: number(&reply, "cpu_ms")?,
        })
    }
}

/// A number of a reply.
pub(super) fn number(reply: &Value, field: &str) -> Result<f64> {
    reply[field]
        .as_f64()
        .filter(|x| x.is_finite())
        .with_context(|| format!("expected a number {field:?} in {reply}"))
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends when its input does; what it then says is of no use.
        self.requests = None;
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_worker_that_ends_or_talks_nonsense_is_an_error() {
        let mut silent = Worker::start("silent", Command::new("true").arg("x")).unwrap();
        assert!(silent.ask(&json!({"build": null})).is_err());
        let mut echo = Worker::start("echo", &mut Command::new("cat")).unwrap();
        assert_eq!(echo.ask(&json!({"a": 1})).unwrap(), json!({"a": 1}));
        let error = echo.time("rotate", 1).unwrap_err();
        assert!(error.to_string().contains("wall_ms"), "{error}");
    }
}
