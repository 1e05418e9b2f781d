//! Portals and cursors: a statement bound to its parameters, and the rows of it that are held for the client.
//!
//! A portal that is executed without a row limit streams. With a limit, and for cursors, the result is made as a whole
//! and held; the client takes it in pieces.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use executor::batch::Batch;
use executor::execute::ResultSink;
use executor::unlocked::Unlocked;
use storage::ExportedSnapshot;
use types::{Datum, PgError, Result, SqlState};

use super::Session;
use super::prepared::Prepared;
use crate::server::output::FieldDescription;
use crate::statements::query::Planned;

/// A bound statement.
pub struct Portal {
    /// The statement; `None` for cursors, which hold their rows from the start.
    pub prepared: Option<Arc<Prepared>>,
    /// Values of the parameters.
    pub params: Vec<Datum>,
    /// The plan that Bind made, until it is executed.
    pub planned: Option<Arc<Planned>>,
    /// Result formats as Bind gave them.
    pub formats: Vec<i16>,
    /// How far it is.
    pub state: PortalState,
    /// A DECLAREd cursor, for `pg_cursors`.
    pub cursor: Option<Cursor>,
    /// How many savepoints there were before it.
    pub depth: usize,
}

/// The portals of a session. The unnamed one, which most statements use, has a place of its own.
#[derive(Default)]
pub struct Portals {
    unnamed: Option<Portal>,
    named: HashMap<String, Portal>,
}

impl Portals {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.unnamed.is_none() && self.named.is_empty()
    }

    /// Returns a portal.
    pub fn get(&self, name: &str) -> Option<&Portal> {
        if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(name) }
    }

    /// Returns a portal.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Portal> {
        if name.is_empty() { self.unnamed.as_mut() } else { self.named.get_mut(name) }
    }

    /// Adds a portal, in the place of one of the same name.
    pub fn insert(&mut self, name: &str, portal: Portal) {
        if name.is_empty() {
            self.unnamed = Some(portal);
        } else {
            self.named.insert(name.to_owned(), portal);
        }
    }

    /// Takes a portal away.
    pub fn remove(&mut self, name: &str) -> Option<Portal> {
        if name.is_empty() { self.unnamed.take() } else { self.named.remove(name) }
    }

    /// Takes all portals away but those that `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut Portal) -> bool) {
        if !self.unnamed.as_mut().is_none_or(&mut keep) {
            self.unnamed = None;
        }
        if !self.named.is_empty() {
            self.named.retain(|_, portal| keep(portal));
        }
    }

    /// Returns the portals that have a name.
    pub fn named(&self) -> impl Iterator<Item = (&String, &Portal)> {
        self.named.iter()
    }

    /// Returns the cursors. The unnamed portal is none.
    pub fn cursors(&self) -> impl Iterator<Item = (&String, &Cursor)> {
        self.named.iter().filter_map(|(name, portal)| Some((name, portal.cursor.as_ref()?)))
    }
}

/// What DECLARE said.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// Its text.
    pub text: String,
    /// WITH HOLD.
    pub holdable: bool,
    /// BINARY.
    pub binary: bool,
    /// NO SCROLL was not written.
    pub scrollable: bool,
    /// Whether its transaction has committed.
    pub committed: bool,
    /// A FETCH has failed.
    pub failed: bool,
    /// Stored tables whose row ids follow the columns of its rows.
    pub tables: Vec<types::Oid>,
    /// When it was declared.
    pub created_at: i64,
}

/// How far a portal is.
pub enum PortalState {
    /// Nothing was executed.
    New,
    /// Rows wait.
    Held(Held),
    /// It ran to its end.
    Done,
}

/// Rows made and not yet taken. Positions run from 0 (before the first row) to `rows + 1` (after the last).
#[derive(Default)]
pub struct Held {
    /// Columns of the rows.
    pub columns: Vec<FieldDescription>,
    /// The rows, in batches without selection.
    pub batches: Vec<Batch>,
    /// Number of the first row of each batch.
    starts: Vec<u64>,
    /// Number of rows.
    pub rows: u64,
    /// The current position, as cursors count.
    pub position: u64,
    /// The tag of the command that made them.
    pub tag: String,
    /// Whether rows are to be locked when they are taken, rather than when the statement runs.
    pub locks_later: bool,
    /// Rows behind these that are there once they are locked.
    pub unlocked: Option<ToLock>,
}

/// What locks the rows of a cursor, and the values of its parameters.
pub struct ToLock {
    rows: Unlocked,
    params: Vec<Datum>,
    /// Keeps the versions of the rows that the statement has seen from being removed.
    _snapshot: ExportedSnapshot,
}

impl Held {
    /// Appends a batch.
    pub fn push(&mut self, batch: Batch) {
        self.starts.push(self.rows);
        self.rows += batch.len as u64;
        self.batches.push(batch);
    }

    /// Returns rows `from..to`, counted from 0, as pieces of batches.
    pub fn slice(&self, from: u64, to: u64) -> Vec<Batch> {
        let to = to.min(self.rows);
        let mut pieces = Vec::new();
        if from >= to {
            return pieces;
        }
        let mut index = self.starts.partition_point(|start| *start <= from).saturating_sub(1);
        while let (Some(batch), Some(&start)) = (self.batches.get(index), self.starts.get(index)) {
            if start >= to {
                break;
            }
            let first = from.saturating_sub(start) as u16;
            let last = (to - start).min(batch.len as u64) as u16;
            if first == 0 && usize::from(last) == batch.len {
                pieces.push(batch.clone());
            } else if first < last {
                let positions: Arc<[u16]> = (first..last).collect();
                let part = Batch { selection: Some(positions), ..batch.clone() };
                pieces.push(part.compact());
            }
            index += 1;
        }
        pieces
    }
}

impl ResultSink for Held {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        Self::push(self, batch);
        Ok(ControlFlow::Continue(()))
    }
}

impl Session {
    /// Begins to hold the rows of a plan that are locked only when they are taken. Returns whether it is such a plan.
    ///
    /// # Errors
    /// The statement's.
    pub fn hold_unlocked(&mut self, planned: &Planned, params: &[Datum], held: &mut Held) -> Result<bool> {
        let context = self.context(params)?;
        let Some(rows) = Unlocked::new(&planned.plan, &context)? else { return Ok(false) };
        held.columns.clone_from(&planned.columns);
        let snapshot = self.open()?.storage.lock().export_snapshot();
        held.unlocked = Some(ToLock { rows, params: params.to_vec(), _snapshot: snapshot });
        Ok(true)
    }

    /// Locks rows until `count` are held or there are no more.
    ///
    /// # Errors
    /// What ends a wait, `40001`, `55P03`.
    pub fn lock_held(&mut self, held: &mut Held, count: u64) -> Result<()> {
        if held.rows >= count {
            return Ok(());
        }
        let Some(mut unlocked) = held.unlocked.take() else { return Ok(()) };
        let context = self.context(&unlocked.params)?;
        let wanted = count - held.rows;
        unlocked.rows.take(&context, wanted, held)?;
        if held.rows >= count {
            held.unlocked = Some(unlocked);
        }
        Ok(())
    }

    /// Returns the portal of that name.
    ///
    /// # Errors
    /// `34000`.
    pub fn find_portal(&mut self, name: &str) -> Result<&mut Portal> {
        self.portals.get_mut(name).ok_or_else(|| {
            PgError::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
        })
    }

    /// Drops the portals made since a savepoint, the `depth`th from 0.
    pub(super) fn close_portals_since(&mut self, depth: usize) {
        self.portals.retain(|portal| {
            portal.depth <= depth || portal.cursor.as_ref().is_some_and(|cursor| cursor.committed)
        });
    }

    /// Counts the portals made since a savepoint, the `depth`th from 0, to those before it.
    pub(super) fn keep_portals_since(&mut self, depth: usize) {
        self.portals.retain(|portal| {
            portal.depth = portal.depth.min(depth);
            true
        });
    }

    /// Drops the portals of a transaction that ends; holdable cursors outlive a commit.
    pub(super) fn close_portals(&mut self, committed: bool) {
        self.portals.retain(|portal| match &mut portal.cursor {
            Some(cursor) if cursor.holdable && (committed || cursor.committed) => {
                cursor.committed = true;
                true
            }
            Some(_) | None => false,
        });
    }
}
