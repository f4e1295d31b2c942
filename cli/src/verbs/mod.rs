//! One module a verb: arguments in, summary out.

use std::io;

use serde::Serialize;

use crate::console::{Console, Summary};
use crate::failure::Failure;

pub(crate) mod evaluate;

macro_rules! later {
    ($($verb:ident),*) => {$(
        pub(crate) mod $verb {
            pub(crate) fn run<T>(_: &T, _: &super::Console) -> Result<super::Nothing, super::Failure> {
                Err(super::Failure::input("this verb is not there yet"))
            }
        }
    )*};
}
later!(
    plan, keygen, encrypt, train, decrypt, inspect, demo
);

#[derive(Serialize)]
pub(crate) struct Nothing {}
impl Summary for Nothing {
    fn human(&self, _: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }
}
