//! Regular expressions over names: psql's patterns.

use std::cell::RefCell;

use executor::functions::{FunctionEntry, row};
use types::text::regular::Regular;
use types::{Datum, Result};

use super::text_at;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("nameregexeq", |args, _| Ok(Datum::Bool(matches(args)?))),
    row("nameregexne", |args, _| Ok(Datum::Bool(!matches(args)?))),
    row("textregexeq", |args, _| Ok(Datum::Bool(matches(args)?))),
    row("textregexne", |args, _| Ok(Datum::Bool(!matches(args)?))),
];

thread_local! {
    /// The pattern that was used last.
    static LAST: RefCell<Option<(String, Regular)>> = const { RefCell::new(None) };
}

fn matches(args: &[Datum]) -> Result<bool> {
    let pattern = text_at(args, 1);
    LAST.with_borrow_mut(|last| {
        let known = last.as_ref().is_some_and(|(known, _)| known == pattern);
        if !known {
            *last = Some((pattern.to_owned(), Regular::new(pattern, "")?));
        }
        Ok(last.as_ref().is_some_and(|(_, regular)| regular.is_match(text_at(args, 0))))
    })
}
