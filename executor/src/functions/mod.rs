//! The registry of SQL functions by `prosrc`.
//!
//! A function is one Rust function on single values, with exactly PostgreSQL's semantics and errors. From it the
//! generic adapters make the row evaluator and a per-batch loop. A SIMD form over vectors may stand beside it.
//! Each topic file has one sorted table; the frontend adds a table of functions that need the session.

use kernels::vector::Vector;
use types::{Datum, Oid, Result, TypeRef};

use crate::context::QueryContext;

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
}
