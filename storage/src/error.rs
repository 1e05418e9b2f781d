//! What can go wrong below SQL, and the one place where it becomes a SQLSTATE.

use std::fmt;
use std::path::{Path, PathBuf};

use types::io::IoContext;
use types::{Datum, Oid, PgError, SqlState};

use crate::{IndexId, TableId};

/// Result of a storage operation.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// A failure of the environment, of concurrency, or of a caller.
#[derive(Debug, Clone, PartialEq)]
pub enum StorageError {
    /// Another transaction changed the same row (or replaced the table) and committed first.
    WriteConflict {
        /// The table of the row.
        table: TableId,
    },
    /// Another transaction changed the catalog and committed first.
    CatalogConflict,
    /// A row that the transaction's snapshot shows has been updated by another transaction.
    ConcurrentUpdate,
    /// A row that the transaction's snapshot shows has been deleted by another transaction.
    ConcurrentDelete,
    /// The statement was stopped while it waited.
    Stopped(Box<PgError>),
    /// `lock_timeout` ran out.
    LockTimeout,
    /// NOWAIT did not get a lock.
    LockNotAvailable,
    /// Sessions wait for each other in a circle.
    Deadlock {
        /// PostgreSQL's description of the circle.
        detail: String,
    },
    /// A transaction of more commands than stamps can tell apart.
    TooManyCommands,
    /// A row or key that another transaction changes or has changed, for one that does not wait.
    OptimisticConflict,
    /// A table or the catalog, likewise.
    OptimisticCatalog,
    /// A transaction that could close a cycle of dependencies at SERIALIZABLE.
    Unserializable {
        /// PostgreSQL's reason code.
        reason: String,
    },
    /// The device is full.
    DiskFull {
        /// The file that could not be extended.
        path: PathBuf,
    },
    /// A file does not hold what was written to it.
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The operating system refused something.
    Io {
        /// What was attempted.
        what: String,
        /// The system's words.
        error: String,
    },
    /// Another server uses the directory.
    Locked {
        /// The data directory.
        directory: PathBuf,
    },
    /// A write to durable storage failed earlier, so nothing more is accepted.
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// There is no such table in the transaction's snapshot.
    NoSuchTable(TableId),
    /// The table exists already.
    TableExists(TableId),
    /// A null in a column that takes none.
    NullInColumn {
        /// The column's name.
        column: String,
    },
    /// A unique key that another row has.
    DuplicateKey {
        /// The table.
        table: TableId,
        /// The index.
        id: IndexId,
        /// Its name.
        index: String,
        /// The names of the key's columns.
        columns: Vec<String>,
        /// The key's values and their types.
        values: Vec<(Datum, Oid)>,
        /// The row's position among those that were handed in together; `None` for a single row.
        row: Option<u64>,
    },
    /// A transaction is prepared under that name already.
    PreparedExists {
        /// The name.
        gid: String,
    },
    /// There are as many prepared transactions as there may be.
    TooManyPrepared {
        /// How many.
        count_max: usize,
    },
    /// No transaction is prepared under that name.
    NoSuchPrepared {
        /// The name.
        gid: String,
    },
    /// Somebody else ends the prepared transaction.
    PreparedBusy {
        /// Its name.
        gid: String,
    },
    /// A value that this form of the column cannot hold.
    NotSupported(String),
    /// The caller broke the contract: a bug above.
    Misuse(String),
}

impl StorageError {
    /// Says at which of the rows that were handed in together a key was found to be taken.
    #[must_use]
    pub(crate) fn at_row(mut self, position: u64) -> Self {
        if let Self::DuplicateKey { row, .. } = &mut self {
            *row = Some(position);
        }
        self
    }

    /// Wraps an error of the operating system; a full device keeps its own variant.
    pub(crate) fn io(what: impl Into<String>, path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned() }
            }
            _ => {
                Self::Io { what: format!("{} \"{}\"", what.into(), path.display()), error: error.to_string() }
            }
        }
    }
    /// Returns the error of a file whose content is wrong.
    pub(crate) fn corrupt(file: &Path, what: impl Into<String>) -> Self {
        Self::Corrupt { file: file.to_owned(), what: what.into() }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteConflict { .. } => {
                formatter.write_str("could not serialize access due to concurrent update")
            }
            Self::CatalogConflict => {
                formatter.write_str("could not serialize access due to concurrent catalog change")
            }
            Self::DiskFull { path } => {
                write!(formatter, "could not extend file \"{}\": No space left on device", path.display())
            }
            Self::Corrupt { file, what } => {
                write!(formatter, "file \"{}\" is corrupt: {what}", file.display())
            }
            Self::Io { what, error } => write!(formatter, "{what}: {error}"),
            Self::Locked { directory } => {
                write!(formatter, "data directory \"{}\" is in use by another server", directory.display())
            }
            Self::Poisoned { reason } => {
                write!(formatter, "the server accepts no more writes after a failed write to disk: {reason}")
            }
            Self::NoSuchTable(table) => write!(formatter, "table {} does not exist in storage", table.0),
            Self::TableExists(table) => write!(formatter, "table {} exists in storage already", table.0),
            Self::NullInColumn { column } => {
                write!(formatter, "null value in column \"{column}\" violates not-null constraint")
            }
            Self::ConcurrentUpdate => {
                formatter.write_str("could not serialize access due to concurrent update")
            }
            Self::ConcurrentDelete => {
                formatter.write_str("could not serialize access due to concurrent delete")
            }
            Self::Stopped(error) => error.fmt(formatter),
            Self::LockNotAvailable => formatter.write_str("could not obtain lock"),
            Self::LockTimeout => formatter.write_str("canceling statement due to lock timeout"),
            Self::Deadlock { .. } => formatter.write_str("deadlock detected"),
            Self::OptimisticConflict => {
                formatter.write_str("change conflicts with another transaction, please retry: (OC000)")
            }
            Self::OptimisticCatalog => {
                formatter.write_str("schema has been updated by another transaction, please retry: (OC001)")
            }
            Self::Unserializable { .. } => formatter
                .write_str("could not serialize access due to read/write dependencies among transactions"),
            Self::TooManyCommands => {
                formatter.write_str("cannot have more than 2^24-1 commands that write in a transaction")
            }
            Self::DuplicateKey { index, .. } => {
                write!(formatter, "duplicate key value violates unique constraint \"{index}\"")
            }
            Self::PreparedExists { gid } => {
                write!(formatter, "transaction identifier \"{gid}\" is already in use")
            }
            Self::TooManyPrepared { .. } => {
                formatter.write_str("maximum number of prepared transactions reached")
            }
            Self::NoSuchPrepared { gid } => {
                write!(formatter, "prepared transaction with identifier \"{gid}\" does not exist")
            }
            Self::PreparedBusy { gid } => {
                write!(formatter, "prepared transaction with identifier \"{gid}\" is busy")
            }
            Self::NotSupported(what) => write!(formatter, "{what} is not supported yet"),
            Self::Misuse(what) => formatter.write_str(what),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<StorageError> for PgError {
    fn from(error: StorageError) -> Self {
        let message = error.to_string();
        match error {
            StorageError::WriteConflict { .. }
            | StorageError::CatalogConflict
            | StorageError::ConcurrentUpdate
            | StorageError::ConcurrentDelete
            | StorageError::OptimisticConflict
            | StorageError::OptimisticCatalog => Self::new(SqlState::SERIALIZATION_FAILURE, message),
            StorageError::Stopped(error) => *error,
            StorageError::LockTimeout | StorageError::LockNotAvailable => {
                Self::new(SqlState::LOCK_NOT_AVAILABLE, message)
            }
            StorageError::Deadlock { detail } => Self::new(SqlState::DEADLOCK_DETECTED, message)
                .with_detail(detail)
                .with_hint("See server log for query details."),
            StorageError::Unserializable { reason } => Self::new(SqlState::SERIALIZATION_FAILURE, message)
                .with_detail(format!("Reason code: {reason}"))
                .with_hint("The transaction might succeed if retried."),
            StorageError::TooManyCommands => Self::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message),
            StorageError::DiskFull { .. } => {
                Self::new(SqlState::DISK_FULL, message).with_hint("Check free disk space.")
            }
            StorageError::Corrupt { .. } => Self::new(SqlState::DATA_CORRUPTED, message),
            StorageError::Io { .. } | StorageError::Poisoned { .. } => Self::new(SqlState::IO_ERROR, message),
            StorageError::Locked { .. } => Self::new(SqlState::OBJECT_IN_USE, message),
            StorageError::NullInColumn { .. } => Self::new(SqlState::NOT_NULL_VIOLATION, message),
            StorageError::DuplicateKey { columns, values, index, .. } => {
                let io = IoContext::default();
                let shown: Vec<String> = values.iter().map(|(value, ty)| shown(value, *ty, &io)).collect();
                let (columns, values) = (columns.join(", "), shown.join(", "));
                let mut error = Self::new(SqlState::UNIQUE_VIOLATION, message)
                    .with_detail(format!("Key ({columns})=({values}) already exists."));
                error.fields_mut().constraint = Some(index);
                error
            }
            StorageError::PreparedExists { .. } => Self::new(SqlState::DUPLICATE_OBJECT, message),
            StorageError::TooManyPrepared { count_max } => Self::new(SqlState::OUT_OF_MEMORY, message)
                .with_hint(format!("Increase \"max_prepared_transactions\" (currently {count_max}).")),
            StorageError::NoSuchPrepared { .. } => Self::new(SqlState::UNDEFINED_OBJECT, message),
            StorageError::PreparedBusy { .. } => {
                Self::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            }
            StorageError::NotSupported(_) => Self::new(SqlState::FEATURE_NOT_SUPPORTED, message),
            StorageError::NoSuchTable(_) | StorageError::TableExists(_) | StorageError::Misuse(_) => {
                Self::internal(message)
            }
        }
    }
}

/// Returns a key's value as PostgreSQL's `BuildIndexValueDescription` shows it.
fn shown(value: &Datum, ty: Oid, io: &IoContext) -> String {
    let mut text = String::new();
    if value.is_null() {
        text.push_str("null");
    } else if types::io::text_output(ty, value, io, &mut text).is_err() {
        text.push('?');
    }
    text
}
