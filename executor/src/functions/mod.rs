//! The registry of SQL functions by `prosrc`.
//!
//! A function is one Rust function on single values, with exactly PostgreSQL's semantics and errors. From it the
//! generic adapters make the row evaluator and a per-batch loop. A SIMD form over vectors may stand beside it.
//! Each topic file has one sorted table; the frontend adds a table of functions that need the session.

use std::collections::HashMap;
use std::sync::OnceLock;

use kernels::vector::Vector;
use parking_lot::RwLock;
use types::{Datum, Oid, Result, TypeRef};

use crate::context::QueryContext;

mod arguments;
mod arrays;
mod assignments;
mod bits;
mod boolean;
mod bytea;
mod casts;
mod comparisons;
mod dates;
mod floats;
mod formatting;
mod geometry;
mod hashes;
mod identifiers;
mod integers;
pub(crate) mod json;
mod modifiers;
mod money;
mod network;
mod numerics;
mod parts;
mod ranges;
pub(crate) mod sets;
mod text;
mod times;
mod transitions;
mod wire;
mod zones;

pub(crate) use arrays::check_size as check_array_size;
pub(crate) use dates::date_timestamp_order;

/// What a row function sees beside its arguments.
pub struct CallContext<'a> {
    /// The statement.
    pub query: &'a QueryContext,
    /// Types of the arguments.
    pub arg_types: &'a [TypeRef],
    /// Type of the result.
    pub result: TypeRef,
    /// Collation of the call, 0 for none.
    pub collation: Oid,
}

/// A function on single values. Strict functions are never called with a NULL.
pub type RowFunction = fn(&[Datum], &CallContext<'_>) -> Result<Datum>;

/// A set-returning function: its rows, one inner vector of column values each.
pub type SetFunction = fn(&[Datum], &CallContext<'_>) -> Result<Vec<Vec<Datum>>>;

/// Rows of a set-returning function, made as they are needed.
pub type RowStream = Box<dyn Iterator<Item = Result<Vec<Datum>>>>;

/// A set-returning function that makes its rows as they are needed.
pub type StreamFunction = fn(&[Datum], &CallContext<'_>) -> Result<RowStream>;

/// A function over vectors. Computes all lanes that are valid (and may compute others); sets the bit of each lane
/// that needs the row function in `faults`; returns `None` when it has no form for these physical values, in which
/// case the row function runs. Validity of the result is the adapter's business (strict: AND of the arguments').
pub type VectorFunction = fn(&[Vector], len: usize, faults: &mut [u64]) -> Option<Vector>;

/// One row of a function table.
pub struct FunctionEntry {
    /// `pg_proc.prosrc`.
    pub prosrc: &'static str,
    /// How it is computed.
    pub body: FunctionBody,
    /// SIMD form of a row body.
    pub vector: Option<VectorFunction>,
}

/// The forms of function bodies.
pub enum FunctionBody {
    /// Returns one value.
    Row(RowFunction),
    /// Returns rows.
    Set(SetFunction),
    /// Returns rows one by one.
    Stream(StreamFunction),
}

/// Returns an entry with a row body only.
pub const fn row(prosrc: &'static str, body: RowFunction) -> FunctionEntry {
    FunctionEntry { prosrc, body: FunctionBody::Row(body), vector: None }
}

/// Returns an entry with a row body and a vector form.
pub const fn with_vector(prosrc: &'static str, body: RowFunction, vector: VectorFunction) -> FunctionEntry {
    FunctionEntry { prosrc, body: FunctionBody::Row(body), vector: Some(vector) }
}

/// Returns an entry for a set-returning function.
pub const fn set(prosrc: &'static str, body: SetFunction) -> FunctionEntry {
    FunctionEntry { prosrc, body: FunctionBody::Set(body), vector: None }
}

/// Returns an entry for a set-returning function that makes its rows as they are needed.
pub const fn stream(prosrc: &'static str, body: StreamFunction) -> FunctionEntry {
    FunctionEntry { prosrc, body: FunctionBody::Stream(body), vector: None }
}

/// The topics' tables.
const TOPICS: &[&[FunctionEntry]] = &[
    arrays::change::TABLE,
    arrays::compare::TABLE,
    arrays::search::TABLE,
    arrays::shape::TABLE,
    assignments::TABLE,
    bits::TABLE,
    boolean::TABLE,
    bytea::TABLE,
    casts::TABLE,
    comparisons::TABLE,
    dates::TABLE,
    floats::TABLE,
    formatting::TABLE,
    geometry::TABLE,
    hashes::TABLE,
    identifiers::TABLE,
    integers::TABLE,
    json::assign::TABLE,
    json::build::TABLE,
    json::change::TABLE,
    json::each::TABLE,
    json::get::TABLE,
    json::path::TABLE,
    json::populate::TABLE,
    json::standard::TABLE,
    modifiers::TABLE,
    money::TABLE,
    network::TABLE,
    numerics::TABLE,
    parts::TABLE,
    ranges::build::TABLE,
    ranges::relate::TABLE,
    sets::TABLE,
    text::TABLE,
    times::TABLE,
    transitions::TABLE,
    wire::TABLE,
    zones::TABLE,
    text::compose::TABLE,
    text::patterns::TABLE,
    text::pieces::TABLE,
    text::unicode::TABLE,
];

type Registry = RwLock<HashMap<&'static str, &'static FunctionEntry>>;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let entries = TOPICS.iter().flat_map(|table| table.iter());
        RwLock::new(entries.map(|entry| (entry.prosrc, entry)).collect())
    })
}

/// Returns the function of that `prosrc`, if it has a body.
pub fn find(prosrc: &str) -> Option<&'static FunctionEntry> {
    registry().read().get(prosrc).copied()
}

/// Adds functions that need to know the session; a later entry replaces an earlier one.
pub fn register(table: &'static [FunctionEntry]) {
    let mut registry = registry().write();
    for entry in table {
        registry.insert(entry.prosrc, entry);
    }
}

/// Adds functions that have no body yet.
pub fn register_missing(table: &'static [FunctionEntry]) {
    let mut registry = registry().write();
    for entry in table {
        registry.entry(entry.prosrc).or_insert(entry);
    }
}

/// Returns the names of all functions that have a body, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = registry().read().keys().copied().collect();
    names.sort_unstable();
    names
}

/// Returns the text of a value, as its type's output function gives it.
///
/// # Errors
/// As the output function.
pub fn output_text(value: &Datum, ty: TypeRef, query: &QueryContext) -> Result<String> {
    let mut text = String::new();
    types::io::text_output(ty.oid, value, query.session.io(), &mut text)?;
    Ok(text)
}

/// Casts a value through the text of its output function.
///
/// # Errors
/// As the output and the input function.
pub(crate) fn coerce_via_io(
    value: &Datum,
    from: TypeRef,
    to: TypeRef,
    query: &QueryContext,
) -> Result<Datum> {
    let text = output_text(value, from, query)?;
    types::io::text_input(to.oid, to.typmod, &text, query.session.io())
}
