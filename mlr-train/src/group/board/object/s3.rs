//! `s3://BUCKET/PREFIX`, at the server that the settings name.

use std::sync::Arc;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;

use super::super::BUCKET;
use super::ObjectBoard;
use crate::artifacts::RunError;

/// How long nothing may come before a request is repeated. A part of an upload has to be through in that time: 70 kB/s.
const SILENCE: Duration = Duration::from_secs(120);
/// Bytes of a prefix: stores take keys of 1024, of which a name is 83.
const LONGEST_PREFIX: usize = 900;
/// Bytes of a bucket's name.
const LONGEST_BUCKET: usize = 63;

/// The board at an address.
///
/// # Errors
/// An address or settings that are none.
pub(in crate::group::board) fn open(
    address: &str,
    settings: &[(String, String)],
) -> Result<ObjectBoard, RunError> {
    let (bucket, prefix) = parse(address)?;
    let place = match prefix.is_root() {
        true => format!("{BUCKET}{bucket}"),
        false => format!("{BUCKET}{bucket}/{prefix}"),
    };
    let store = client(bucket, settings).map_err(|error| error.at(place.clone()))?;
    ObjectBoard::new(Arc::new(store), prefix, place)
}

/// Bucket and prefix. A prefix is taken as it is written, no character of it stands for another.
fn parse(address: &str) -> Result<(&str, Key), RunError> {
    // What stands before an @ may be a password.
    let shown = match address.rsplit_once('@') {
        Some((_, after)) => format!("{BUCKET}…@{after}"),
        None => address.to_owned(),
    };
    let refused = |found: &str| {
        RunError::input(format!("expected s3://BUCKET/PREFIX, found {found}"))
            .at(shown.clone())
            .hint("as in s3://our-bucket/group-1")
    };
    let rest = address
        .strip_prefix(BUCKET)
        .ok_or_else(|| refused("another beginning"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if bucket.is_empty() || bucket.len() > LONGEST_BUCKET || !bucket.bytes().all(plain) {
        return Err(refused("no name of a bucket"));
    }
    if prefix.len() > LONGEST_PREFIX {
        return Err(refused("a prefix that leaves no room for names"));
    }
    let unfit = "a prefix with an empty part, a part . or .., or a control character";
    match Key::parse(prefix) {
        Ok(key) if !prefix.starts_with('/') => Ok((bucket, key)),
        _ => Err(refused(unfit)),
    }
}

fn client(bucket: &str, settings: &[(String, String)]) -> Result<AmazonS3, RunError> {
    contradicts(settings)?;
    // Of a process that has chosen one already, that stays.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    // Downloads take as long as they take, as long as something comes.
    let options = ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout(SILENCE);
    let mut builder = AmazonS3Builder::new().with_client_options(options);
    for (name, value) in settings {
        match name.to_ascii_lowercase().parse() {
            // The bucket is the address's.
            Ok(AmazonS3ConfigKey::Bucket) | Err(_) => {}
            Ok(key) => builder = builder.with_config(key, value),
        }
    }
    // Its own words can show a setting's value.
    builder.with_bucket_name(bucket).build().map_err(|_| {
        let names: Vec<&str> = settings.iter().map(|(name, _)| name.as_str()).collect();
        RunError::input(
            "expected settings of an object store's client, found some that it does not take",
        )
        .hint(format!("look at the values of {}", names.join(", ")))
    })
}

/// What would fail later without a reason that helps.
fn contradicts(settings: &[(String, String)]) -> Result<(), RunError> {
    let set = |wanted: &str| {
        let found = settings
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    if set("AWS_PROFILE").is_some() && set("AWS_ACCESS_KEY_ID").is_none() {
        return Err(RunError::input(
            "expected credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, found the name of a profile: files of profiles are not read",
        )
        .hint("eval \"$(aws configure export-credentials --format env)\" puts a profile's credentials there"));
    }
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"];
    let plain = endpoint
        .iter()
        .any(|name| set(name).is_some_and(|value| value.starts_with("http://")));
    let allowed = set("AWS_ALLOW_HTTP").is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        ["1", "true", "on", "yes", "y"].contains(&value.as_str())
    });
    if plain && !allowed {
        return Err(RunError::input(
            "expected an endpoint that begins with https://, found http://: all that is sent can be read on the way",
        )
        .hint("set AWS_ALLOW_HTTP=true if that is meant, as on one's own machine"));
    }
    Ok(())
}
