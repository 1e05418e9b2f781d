//! Functions that need the session or the catalog, by `prosrc`.

mod advisory;
mod information;
mod inputs;
mod lists;
mod names;
mod objects;
mod privileges;
mod privileges_text;
mod routines;
mod rows;
mod sequences;
pub(super) mod session;
mod sizes;
mod statistics;
mod transactions;

use executor::functions::CallContext;
pub use session::VERSION;
use types::{Datum, Oid, PgError, Result};

use crate::session::access::Access;

/// Adds these functions to the executor's registry.
pub fn register() {
    executor::functions::register(advisory::TABLE);
    executor::functions::register(inputs::TABLE);
    executor::functions::register(names::TABLE);
    executor::functions::register(sequences::TABLE);
    executor::functions::register(session::TABLE);
    executor::functions::register(privileges::TABLE);
    executor::functions::register(routines::TABLE);
    executor::functions::register(rows::TABLE);
    for table in [
        information::TABLE,
        lists::TABLE,
        objects::TABLE,
        privileges_text::TABLE,
        sizes::TABLE,
        statistics::TABLE,
        transactions::TABLE,
    ] {
        executor::functions::register(table);
    }
    executor::functions::register_missing(objects::WITHOUT_LOCKS);
}

/// Returns the session of a call.
fn access<'a>(context: &'a CallContext<'_>) -> Result<&'a Access> {
    let any = context.query.session.as_any();
    any.downcast_ref::<Access>().ok_or_else(|| PgError::internal("a statement without a session"))
}

/// Returns argument `index` as an oid; 0 when it is not one.
fn oid_at(args: &[Datum], index: usize) -> Oid {
    match args.get(index) {
        Some(Datum::I64(value)) => Oid::try_from(*value).unwrap_or(0),
        Some(_) | None => 0,
    }
}

/// Returns argument `index` as text; empty when it is not.
fn text_at(args: &[Datum], index: usize) -> &str {
    match args.get(index) {
        Some(Datum::Text(text)) => text,
        Some(_) | None => "",
    }
}
