//! Portals and cursors: a statement bound to its parameters, and the rows of it that are held for the client.
//!
//! A portal that is executed without a row limit streams. With a limit, and for cursors, rows are made when they are asked
//! for ([`OnDemand`]; those of FOR UPDATE are locked then, [`Unlocked`]), held, and let go of when nobody can ask for them again.
//! What changes data, and what is no query, is made as a whole first.

use std::collections::HashMap;
use std::mem::take;
use std::ops::ControlFlow;
use std::sync::Arc;

use executor::batch::Batch;
use executor::execute::ResultSink;
use executor::on_demand::OnDemand;
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

    /// Returns all portals.
    pub fn all(&self) -> impl Iterator<Item = &Portal> {
        self.unnamed.iter().chain(self.named.values())
    }

    /// Returns the portals that have a name.
    pub fn named(&self) -> impl Iterator<Item = (&String, &Portal)> {
        self.named.iter()
    }

    /// Returns the names of holdable cursors whose transaction has not committed.
    fn unfinished_holdable(&self) -> Vec<String> {
        let unfinished = |cursor: &Cursor| cursor.holdable && !cursor.committed && !cursor.failed;
        self.cursors().filter(|(_, cursor)| unfinished(cursor)).map(|(name, _)| name.clone()).collect()
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

/// Tuning constants: rows that are made at a time, and those before the current one that a cursor keeps which can move
/// backwards by chance.
pub const ROWS_AT_A_TIME: u64 = 1 << 15;
const ROWS_KEPT: u64 = 1 << 15;
/// A tuning constant: statements of the short path with no more rows than this are run as a whole.
const FEW_ROWS: u64 = 1 << 10;

/// Rows made and not yet taken. Positions run from 0 (before the first row) to `rows + 1` (after the last).
#[derive(Default)]
pub struct Held {
    /// Columns of the rows.
    pub columns: Vec<FieldDescription>,
    /// The rows that are kept, in batches without selection.
    pub batches: Vec<Batch>,
    /// Number of the first row of each batch.
    starts: Vec<u64>,
    /// Number of rows that were made.
    pub rows: u64,
    /// The current position, as cursors count.
    pub position: u64,
    /// The tag of the command that made them.
    pub tag: String,
    /// Whether rows are to be made when they are taken, rather than when the statement runs.
    pub lazily: bool,
    /// Rows behind these that are made when they are asked for.
    pub rest: Option<Rest>,
    /// Which rows are kept.
    pub keep: Keep,
    /// Whether PostgreSQL would run the query again from its beginning to hold all its rows.
    pub runs_again: bool,
    /// Whether the query calls volatile functions.
    is_volatile: bool,
    /// The stored tables that the query is open on.
    pub tables: Vec<u64>,
}

/// Which of the rows that were taken may be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// All.
    #[default]
    All,
    /// All, but they can be made again.
    Recent,
    /// The one that the cursor stands on.
    Current,
}

/// Rows that are made when they are asked for, and the values of the query's parameters.
pub struct Rest {
    rows: Unmade,
    params: Vec<Datum>,
    /// Keeps the versions of the rows that the statement has seen from being removed.
    _snapshot: ExportedSnapshot,
}

enum Unmade {
    Unlocked(Unlocked),
    Query(Box<OnDemand>),
}

impl Held {
    /// Appends a batch.
    pub fn push(&mut self, batch: Batch) {
        self.starts.push(self.rows);
        self.rows += batch.len as u64;
        self.batches.push(batch);
    }

    /// Says that those rows are kept which a cursor may be asked for that cannot, or can, move backwards.
    pub fn keep_for(&mut self, backward: bool) {
        self.keep = match &self.rest {
            _ if !backward => Keep::Current,
            Some(Rest { rows: Unmade::Query(query), .. }) if query.again().is_some() => Keep::Recent,
            Some(_) | None => Keep::All,
        };
    }

    /// Begins the query again: no row is there.
    fn begin_again(&mut self) {
        if let Some(Rest { rows: Unmade::Query(query), .. }) = &mut self.rest {
            **query = query.anew();
            self.batches.clear();
            self.starts.clear();
            self.rows = 0;
        }
    }

    /// Returns the number of the first row that is kept.
    fn first(&self) -> u64 {
        self.starts.first().copied().unwrap_or(self.rows)
    }

    /// Lets go of rows that need not be kept.
    pub fn let_go(&mut self) {
        let kept = match self.keep {
            Keep::All => return,
            Keep::Recent => ROWS_KEPT,
            Keep::Current => 1,
        };
        let first = self.position.saturating_sub(kept);
        let gone = self.starts.partition_point(|start| *start <= first).saturating_sub(1);
        self.starts.drain(..gone);
        self.batches.drain(..gone);
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

/// Holds few rows, and ends the statement when there are more.
struct Few(Held);

impl ResultSink for Few {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        self.0.push(batch);
        Ok(if self.0.rows > FEW_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

impl Session {
    /// Begins to hold the rows of a plan, which are made when they are taken. Returns whether it is such a plan.
    ///
    /// # Errors
    /// The statement's.
    pub fn hold_lazily(&mut self, planned: &Planned, params: &[Datum], held: &mut Held) -> Result<bool> {
        let context = self.context(params)?;
        let rows = match Unlocked::new(&planned.plan, &context)? {
            Some(rows) => Unmade::Unlocked(rows),
            None => match OnDemand::new(&planned.plan, &context)? {
                Some(query) => Unmade::Query(Box::new(query)),
                None => return Ok(false),
            },
        };
        held.columns.clone_from(&planned.columns);
        held.tables = planned.locks.iter().map(|(table, _)| *table).collect();
        held.is_volatile = executor::on_demand::is_volatile(&planned.plan);
        let snapshot = self.open()?.storage.lock().export_snapshot();
        held.rest = Some(Rest { rows, params: params.to_vec(), _snapshot: snapshot });
        Ok(true)
    }

    /// Holds the rows of a plan of the short path, if it is one without effects and they are few. Returns whether they are
    /// all there.
    ///
    /// # Errors
    /// When the session cannot run statements.
    pub fn hold_few(&mut self, planned: &Planned, params: &[Datum], held: &mut Held) -> Result<bool> {
        if planned.point.is_none() || executor::on_demand::is_volatile(&planned.plan) {
            return Ok(false);
        }
        let context = self.context(params)?;
        let mut few = Few(Held::default());
        // An error is met again when its row is taken.
        let is_done = executor::execute(&planned.plan, &context, &mut few).is_ok() && few.0.rows <= FEW_ROWS;
        if is_done {
            held.columns.clone_from(&planned.columns);
            held.tables = planned.locks.iter().map(|(table, _)| *table).collect();
            (held.batches, held.starts, held.rows) = (few.0.batches, few.0.starts, few.0.rows);
        }
        Ok(is_done)
    }

    /// Makes rows until `count` are held or there are no more.
    ///
    /// # Errors
    /// Those of the statement, once the rows before are held; for rows that are locked also what ends a wait, `40001`,
    /// `55P03`.
    pub fn make_rows(&mut self, held: &mut Held, count: u64) -> Result<()> {
        if held.rows >= count {
            return Ok(());
        }
        let Some(mut rest) = held.rest.take() else { return Ok(()) };
        let wanted = count - held.rows;
        let more = match &mut rest.rows {
            Unmade::Unlocked(rows) => {
                let context = self.context(&rest.params)?;
                rows.take(&context, wanted, held)?;
                held.rows >= count
            }
            Unmade::Query(query) => query.take(wanted, held)?,
        };
        if more || held.keep == Keep::Recent || (held.runs_again && held.is_volatile) {
            held.rest = Some(rest);
        }
        Ok(())
    }

    /// Makes row `row` again, and those after it, unless it is kept.
    ///
    /// # Errors
    /// As [`Self::make_rows`].
    pub fn make_again(&mut self, held: &mut Held, row: u64) -> Result<()> {
        if row >= held.first() {
            return Ok(());
        }
        // Whoever goes back that far may do so again.
        held.keep = Keep::All;
        let rows = held.rows;
        held.begin_again();
        self.make_rows(held, rows)
    }

    /// Makes all rows of the holdable cursors of a transaction that is about to commit.
    ///
    /// # Errors
    /// As [`Self::make_rows`].
    pub(super) fn hold_cursors(&mut self) -> Result<()> {
        for name in self.portals.unfinished_holdable() {
            let Some(PortalState::Held(held)) = self.portals.get_mut(&name).map(|portal| &mut portal.state)
            else {
                continue;
            };
            let mut held = take(held);
            let mut outcome = Ok(());
            if held.runs_again && held.is_volatile {
                held.begin_again();
            } else if held.keep == Keep::Recent {
                outcome = self.make_again(&mut held, 0);
            }
            held.keep = Keep::All;
            outcome = outcome.and_then(|()| self.make_rows(&mut held, u64::MAX));
            held.rest = None;
            held.tables.clear();
            if let Some(portal) = self.portals.get_mut(&name) {
                portal.state = PortalState::Held(held);
            }
            outcome?;
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
            Some(cursor) if cursor.holdable && ((committed && !cursor.failed) || cursor.committed) => {
                cursor.committed = true;
                true
            }
            Some(_) | None => false,
        });
    }
}
