//! The error that a statement ends with: SQLSTATE, message and the fields PostgreSQL sends beside them.
//!
//! Messages are written in the constructors of the submodules and nowhere else.

pub mod array;
pub mod cursors;
pub mod data;
pub mod datetime;
pub mod formatting;
pub mod geometry;
pub mod integrity;
pub mod json;
pub mod jsonpath;
pub mod locking;
pub mod network;
pub mod range;
pub mod regular;
pub mod server;
mod sqlstate;
pub mod text;
pub mod transactions;
pub mod views;

use std::fmt;

pub use sqlstate::SqlState;

/// Result of anything that a user's statement can make fail.
pub type Result<T, E = PgError> = std::result::Result<T, E>;

/// A PostgreSQL error (boxed: the happy path carries one pointer).
#[derive(Debug, Clone, PartialEq)]
pub struct PgError(Box<ErrorFields>);

/// How the message ends that names a missing feature.
const UNSUPPORTED: &str = " is not supported yet";

/// The fields of an error or notice, as the protocol's ErrorResponse names them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ErrorFields {
    /// The five-character code.
    pub sqlstate: SqlState,
    /// Primary message.
    pub message: String,
    /// Detail, if any.
    pub detail: Option<String>,
    /// Hint, if any.
    pub hint: Option<String>,
    /// Byte offset into the statement's text; the session turns it into a 1-based character position.
    pub location: Option<usize>,
    /// CONTEXT line ("where" in the protocol).
    pub context: Option<String>,
    /// Schema, table, column, data type and constraint that the error names.
    pub schema: Option<String>,
    /// See `schema`.
    pub table: Option<String>,
    /// See `schema`.
    pub column: Option<String>,
    /// See `schema`.
    pub data_type: Option<String>,
    /// See `schema`.
    pub constraint: Option<String>,
}

impl PgError {
    /// Returns an error with `sqlstate` and `message`. Outside this module use a named constructor.
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorFields { sqlstate, message: message.into(), ..ErrorFields::default() }))
    }
    /// Returns whether this says that Surus lacks something (PostgreSQL has errors of the same code).
    pub fn is_unsupported(&self) -> bool {
        self.0.sqlstate == SqlState::FEATURE_NOT_SUPPORTED && self.0.message.ends_with(UNSUPPORTED)
    }

    /// Returns `0A000` for something PostgreSQL has and Surus has not yet; `feature` names it.
    pub fn not_supported(feature: impl fmt::Display) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{feature}{UNSUPPORTED}"))
    }
    /// Returns `XX000`: a bug of ours that was noticed in time.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(SqlState::INTERNAL_ERROR, message)
    }
    /// Adds the detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }
    /// Adds the hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
    /// Adds the context line.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.0.context = Some(context.into());
        self
    }
    /// Sets the byte offset in the statement, unless an inner error has set one already.
    #[must_use]
    pub fn at(mut self, location: Option<usize>) -> Self {
        self.0.location = self.0.location.or(location);
        self
    }
    /// Returns the code.
    pub fn sqlstate(&self) -> SqlState {
        self.0.sqlstate
    }
    /// Returns all fields.
    pub fn fields(&self) -> &ErrorFields {
        &self.0
    }
    /// Returns all fields for change.
    pub fn fields_mut(&mut self) -> &mut ErrorFields {
        &mut self.0
    }
}

impl fmt::Display for PgError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.0.sqlstate, self.0.message)
    }
}

impl std::error::Error for PgError {}
