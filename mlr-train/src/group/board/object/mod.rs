//! A bucket of an object store: each entry is an object with the key `PREFIX/NAME`.
//!
//! Calls block: a runtime of one thread drives the client while one waits. The client repeats what failed on the way; what fails in the end is of class environment.

mod error;
mod s3;

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesUnordered;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::{Builder, Runtime};

use self::error::explained;
use super::{Board, Listing, MOST_ENTRIES, Name};
use crate::artifacts::RunError;

pub(super) use s3::open;

/// Bytes of a part of an upload: stores take ten thousand parts, hence 78 GiB. What is shorter goes in one request.
const PART: usize = 8 << 20;
/// Parts that are on their way at a time. With the one that is read, an upload holds 32 MiB.
const FLYING: usize = 3;

/// A board in a bucket. All its methods block the calling thread, which must not be one of an asynchronous runtime.
///
/// | call | requests | memory |
/// |---|---|---|
/// | `list` | one for each thousand objects | the listing |
/// | `read` | one | what the network brings at a time |
/// | `write` | one, or from 8 MiB on one for each 8 MiB and two | 32 MiB at most |
pub(super) struct ObjectBoard {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    place: String,
    runtime: Runtime,
}

impl fmt::Debug for ObjectBoard {
    /// The place alone: the client knows the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectBoard").field(&self.place).finish()
    }
}

impl ObjectBoard {
    /// The board under a prefix of a store; `place` names both for people.
    ///
    /// # Errors
    /// A system that gives no resources to wait on a network with.
    fn new(store: Arc<dyn ObjectStore>, prefix: Key, place: String) -> Result<Self, RunError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| RunError::io("begin", Path::new(&place), &error))?;
        Ok(Self {
            store,
            prefix,
            place,
            runtime,
        })
    }

    fn key(&self, name: &Name) -> Key {
        self.prefix.clone().join(name.to_string())
    }

    /// The name of an entry that has this key; none for whatever else lies there.
    fn name(&self, key: &Key) -> Option<Name> {
        let below = key.as_ref().strip_prefix(self.prefix.as_ref())?;
        let name = match self.prefix.is_root() {
            true => below,
            false => below.strip_prefix('/')?,
        };
        Name::parse(name)
    }

    fn at(&self, name: &Name) -> String {
        format!("{}/{name}", self.place)
    }

    async fn entries(&self) -> Result<Listing, RunError> {
        let mut listing = Listing::default();
        let mut objects = self.store.list(Some(&self.prefix));
        let mut seen = 0usize;
        while let Some(object) = objects
            .try_next()
            .await
            .map_err(|error| explained("list the bucket", &error).at(self.place.clone()))?
        {
            seen += 1;
            if seen > MOST_ENTRIES {
                return Err(RunError::machine(format!(
                    "expected at most {MOST_ENTRIES} objects of a board, found more"
                ))
                .at(self.place.clone())
                .hint("somebody floods it, or it has no prefix of its own: remove what is not the group's"));
            }
            match self.name(&object.location) {
                Some(name) => drop(listing.entries.insert(name, object.size)),
                None => listing.foreign += 1,
            }
        }
        Ok(listing)
    }

    async fn fetched(
        &self,
        name: &Name,
        limit: u64,
        sink: &mut dyn Write,
    ) -> Result<bool, RunError> {
        let failed =
            |error: object_store::Error| explained("read an object", &error).at(self.at(name));
        let object = match self.store.get(&self.key(name)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            object => object.map_err(failed)?,
        };
        let mut content = object.into_stream();
        let mut left = limit;
        while left > 0 {
            let Some(bytes) = content.try_next().await.map_err(failed)? else {
                break;
            };
            let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            sink.write_all(&bytes[..taken])
                .map_err(|error| RunError::io("keep", Path::new(&self.at(name)), &error))?;
            left -= taken as u64;
        }
        Ok(true)
    }
}

impl Board for ObjectBoard {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn list(&self) -> Result<Listing, RunError> {
        self.runtime.block_on(self.entries())
    }

    fn read(&self, name: &Name, limit: u64, sink: &mut dyn Write) -> Result<bool, RunError> {
        self.runtime.block_on(self.fetched(name, limit, sink))
    }

    fn write(&self, name: &Name, source: &mut dyn Read) -> Result<(), RunError> {
        let key = self.key(name);
        let written = self.runtime.block_on(async {
            let first = part(source)?;
            if first.len() < PART {
                self.store.put(&key, first.into()).await?;
                return Ok(());
            }
            let upload = self.store.put_multipart(&key).await?;
            upload_all(upload, first, source).await
        });
        written.map_err(|stopped| match stopped {
            Stopped::Source(error) => RunError::io("read", Path::new(&self.at(name)), &error),
            Stopped::Store(error) => explained("write an object", &error).at(self.at(name)),
        })
    }
}

/// What ends an upload.
enum Stopped {
    Source(std::io::Error),
    Store(object_store::Error),
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Source(error)
    }
}

impl From<object_store::Error> for Stopped {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

/// The next part of a content: shorter than [`PART`] at its end alone.
fn part(source: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::new();
    source.take(PART as u64).read_to_end(&mut part)?;
    Ok(part)
}

/// Sends a content by parts. The object appears whole at the end, or never.
async fn upload_all(
    mut upload: Box<dyn MultipartUpload>,
    first: Vec<u8>,
    source: &mut dyn Read,
) -> Result<(), Stopped> {
    let sent = send_parts(upload.as_mut(), first, source).await;
    let stopped = match sent {
        Ok(()) => match upload.complete().await {
            Ok(_) => return Ok(()),
            Err(error) => Stopped::Store(error),
        },
        Err(stopped) => stopped,
    };
    // Parts of an upload that nobody ends are paid for. Where this fails too the bucket's own rule removes them.
    let _removed = upload.abort().await;
    Err(stopped)
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    first: Vec<u8>,
    source: &mut dyn Read,
) -> Result<(), Stopped> {
    let mut flying = FuturesUnordered::new();
    let mut next = first;
    while !next.is_empty() {
        if flying.len() == FLYING {
            flying.try_next().await?;
        }
        flying.push(upload.put_part(next.into()));
        next = part(source)?;
    }
    while flying.try_next().await?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests;
