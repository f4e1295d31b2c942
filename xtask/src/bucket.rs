//! The cargo feature `object-store`: lints, boards in memory, and boards and groups at an S3 server that is started here and ended again.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::build;
use crate::cargo;

/// What makes the server: moto, which answers as S3 does.
const SERVER: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
/// Where the tests look for it.
const ADDRESS: &str = "VELUM_TEST_S3";
const FEATURE: [&str; 2] = ["--features", "object-store"];
/// A server that takes longer to answer does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything about the feature. Where there is no Python to run a server with, what needs one is skipped, with a line that says so.
pub(crate) fn run() -> Result<()> {
    let both = ["clippy", "--package", "mlr-train", "--package", "cli"];
    let lints = ["--all-targets", "--", "-D", "warnings"];
    cargo_does(&[&both[..], &FEATURE, &lints].concat(), &[])?;
    let test = ["test", "--package", "mlr-train", "--lib"];
    let boards = ["--", "group::board", "group::tests::bucket"];
    let test = [&test[..], &FEATURE, &boards].concat();
    let place = tempfile::Builder::new()
        .prefix("velum-object-store-")
        .tempdir()?;
    let Some(server) = Server::start(place.path())? else {
        eprintln!(
            "object store: what needs a server is skipped: no python3 with venv and pip, or no moto to be had"
        );
        return cargo_does(&test, &[]);
    };
    let address = (ADDRESS, server.address.as_str());
    cargo_does(&[&test[..], &["--include-ignored"]].concat(), &[address])?;
    let velum = build(&[&["--no-default-features"][..], &FEATURE].concat())?;
    let velum = velum.to_str().context("the build folder is not UTF-8")?;
    let test = ["test", "--package", "tests", "--test", "end_to_end"];
    cargo_does(
        &[&test[..], &["--", "a_bucket_is_a_board"]].concat(),
        &[address, ("VELUM_BINARY", velum)],
    )
}

fn cargo_does(words: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut command = cargo::cargo();
    command.args(words).envs(environment.iter().copied());
    let status = command.status().context("cannot start cargo")?;
    match status.success() {
        true => Ok(()),
        false => bail!("cargo {} ended with {status}", words.join(" ")),
    }
}

/// An S3 server with the bucket `velum`; it ends with this value.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Installs and starts one in an empty folder; none where that cannot be done.
    fn start(folder: &Path) -> Result<Option<Self>> {
        let works = |command: &mut Command| command.output().is_ok_and(|out| out.status.success());
        let inside = folder.join("bin");
        let mut environment = Command::new("python3");
        environment.args(["-m", "venv"]).arg(folder);
        let mut install = Command::new(inside.join("python"));
        install.args(["-m", "pip", "install", "--quiet"]);
        install.args(["--disable-pip-version-check", "--only-binary", ":all:"]);
        if !works(&mut environment) || !works(install.args(SERVER)) {
            return Ok(None);
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(inside.join("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the S3 server")?;
        let mut server = Self {
            process,
            address: format!("http://127.0.0.1:{port}"),
        };
        let began = Instant::now();
        while !makes_bucket(port).unwrap_or(false) {
            if let Some(ended) = server.process.try_wait()? {
                bail!("the S3 server ended with {ended}");
            }
            if began.elapsed() > PATIENCE {
                bail!("the S3 server did not answer within {PATIENCE:?}");
            }
            sleep(Duration::from_millis(100));
        }
        Ok(Some(server))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// Asks for the bucket; false as long as the answer is another.
fn makes_bucket(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let host = format!("127.0.0.1:{port}");
    let head = format!("PUT /velum HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n");
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
