//! What an object store's failure means, in our words: its own can hold credentials (a refused signature is answered with all that was signed, the session's token among it).

use std::error::Error as _;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::artifacts::RunError;

/// Characters that a store's code of an error has at most.
const LONGEST_CODE: usize = 40;

/// Why the store did not do it. All is of class environment, and may pass, but a bucket that does not exist.
pub(super) fn explained(action: &str, error: &Error) -> RunError {
    if let Error::InvalidPath { source } = error {
        return RunError::machine(format!(
            "expected to {action}, found a key that no address can hold: {}",
            source.to_string().escape_debug()
        ))
        .hint("somebody put it there: remove it");
    }
    let text = error.to_string();
    let (status, code) = (status(&text), code(&text));
    let coded = code.map(|code| format!(" ({code})")).unwrap_or_default();
    match (status, code) {
        (_, Some("NoSuchBucket")) => {
            RunError::input(format!("expected to {action}, found no such bucket"))
                .hint("make it, or name another with --board; AWS_ENDPOINT and AWS_REGION say where it is looked for")
        }
        (Some("401" | "403"), _) => {
            RunError::machine(format!("expected to {action}, found no right to do so{coded}"))
                .hint("the credentials of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY need the rights to list, get and put objects there")
        }
        _ => RunError::machine(format!(
            "expected to {action}, found {}{coded}",
            reason(error, status)
        ))
        .hint("look at the network, AWS_ENDPOINT, AWS_REGION and the credentials, and run it again: what was done stays"),
    }
}

fn reason(error: &Error, status: Option<&str>) -> String {
    let way = match transport(error) {
        Some(HttpErrorKind::Connect) => "no connection",
        Some(HttpErrorKind::Timeout) => "no answer in time",
        Some(HttpErrorKind::Interrupted) => "a connection that broke",
        Some(_) => "a request that did not get through",
        None => match status {
            Some(status) => return format!("an answer of status {status}"),
            None => "an answer that is none of an object store",
        },
    };
    way.to_owned()
}

/// What happened on the way, if anything did.
fn transport(error: &Error) -> Option<HttpErrorKind> {
    let mut next = error.source();
    while let Some(inner) = next {
        if let Some(http) = inner.downcast_ref::<HttpError>() {
            return Some(http.kind());
        }
        next = inner.source();
    }
    None
}

/// The three digits behind the client's own words; nothing else of its text.
fn status(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("status code: ")?;
    let digits = rest.get(..3)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)
}

/// The store's word for the error, such as `AccessDenied`: letters and digits alone.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = code.len() <= LONGEST_CODE && code.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then_some(code)
}
