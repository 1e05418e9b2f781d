//! Snapshots that transactions export for others: `pg_export_snapshot()`, SET TRANSACTION SNAPSHOT.
//!
//! A snapshot can be imported as long as the transaction that has exported it is open. The importer sees what is seen in it,
//! not what the exporter has written.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use storage::{ExportedSnapshot, IsolationLevel};
use types::Result;
use types::errors::transactions as errors;

use super::Session;
use super::access::Access;

/// What all sessions can import.
#[derive(Debug, Default)]
pub struct Snapshots {
    list: Mutex<HashMap<String, Exported>>,
    /// Counts transactions that export.
    transactions: AtomicU32,
}

#[derive(Debug, Clone)]
struct Exported {
    snapshot: ExportedSnapshot,
    serializable: bool,
    read_only: bool,
}

/// What one transaction has exported.
#[derive(Debug, Default)]
pub struct Exports {
    identifiers: Mutex<(u32, Vec<String>)>,
    /// Whether there is a savepoint.
    nested: AtomicBool,
}

impl Exports {
    /// Notes whether there is a savepoint.
    pub fn set_nested(&self, nested: bool) {
        self.nested.store(nested, Ordering::Relaxed);
    }

    /// Returns whether there are any.
    pub fn any(&self) -> bool {
        !self.identifiers.lock().1.is_empty()
    }

    /// Takes them back: the transaction is over.
    pub fn clear(&self, all: &Snapshots) {
        let identifiers = std::mem::take(&mut self.identifiers.lock().1);
        if !identifiers.is_empty() {
            let mut list = all.list.lock();
            identifiers.iter().for_each(|identifier| drop(list.remove(identifier)));
        }
    }
}

/// Exports the snapshot of a running statement. Returns its identifier.
///
/// # Errors
/// `25001` after a savepoint.
pub fn export(access: &Access, transaction: &storage::Transaction) -> Result<String> {
    if access.exports.nested.load(Ordering::Relaxed) {
        return Err(errors::export_from_subtransaction());
    }
    let setting = |name: &str| {
        let prefix = if access.in_block() { "transaction" } else { "default_transaction" };
        access.settings.lock().raw(&format!("{prefix}_{name}"))
    };
    let exported = Exported {
        snapshot: transaction.export_snapshot(),
        serializable: setting("isolation") == "serializable",
        read_only: setting("read_only") == "on",
    };
    let all = &access.engine.snapshots;
    let mut own = access.exports.identifiers.lock();
    if own.1.is_empty() {
        own.0 = all.transactions.fetch_add(1, Ordering::Relaxed) + 1;
    }
    let identifier = format!("{:08X}-{:08X}-{}", access.backend.process_id, own.0, own.1.len() + 1);
    own.1.push(identifier.clone());
    all.list.lock().insert(identifier.clone(), exported);
    Ok(identifier)
}

impl Session {
    /// SET TRANSACTION SNAPSHOT.
    ///
    /// # Errors
    /// `25001` after a query or a savepoint, `0A000` at a level or with modes that do not allow it, `22023` and `42704`
    /// for an identifier of nothing.
    pub fn import_snapshot(&mut self, identifier: &str) -> Result<()> {
        let open = self.open()?;
        if open.used || open.exports.nested.load(Ordering::Relaxed) {
            return Err(errors::import_too_late());
        }
        let view = self.view();
        let (level, read_only, deferrable) = match open.in_block() {
            true => (view.isolation, view.read_only, view.deferrable),
            false => (view.default_isolation, view.default_read_only, view.default_deferrable),
        };
        if level == IsolationLevel::ReadCommitted {
            return Err(errors::cannot_import(
                "a snapshot-importing transaction must have isolation level SERIALIZABLE or REPEATABLE READ",
            ));
        }
        if !identifier.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F' | b'-')) {
            return Err(errors::invalid_snapshot(identifier));
        }
        let found = self.engine.snapshots.list.lock().get(identifier).cloned();
        let exported = found.ok_or_else(|| errors::unknown_snapshot(identifier))?;
        if level == IsolationLevel::Serializable {
            if !exported.serializable {
                return Err(errors::cannot_import(
                    "a serializable transaction cannot import a snapshot from a non-serializable transaction",
                ));
            }
            if exported.read_only && !read_only {
                return Err(errors::cannot_import(
                    "a non-read-only serializable transaction cannot import a snapshot from a read-only transaction",
                ));
            }
            if read_only && deferrable {
                return Err(errors::cannot_import(
                    "a snapshot-importing transaction must not be READ ONLY DEFERRABLE",
                ));
            }
        }
        let imported = open.storage.lock().import_snapshot(&exported.snapshot, read_only);
        if !imported {
            return Err(errors::unknown_snapshot(identifier));
        }
        self.open_mut()?.used = true;
        Ok(())
    }
}
