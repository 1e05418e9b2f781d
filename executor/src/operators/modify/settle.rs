//! When the constraints of changed rows are looked at: at the end of a statement or of its last part, or when the
//! transaction asks for what was put off.

use std::sync::Arc;

use storage::RowId;
use types::{Datum, PgError, Result, SqlState};

use super::changer::{Changer, Table};
use crate::deferred::{DoubtfulKey, DoubtfulRow, Pending, nothing};
use crate::plan::Modify;

/// When constraints are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// When a statement, or a part of it, has made its changes.
    Statement,
    /// When the other parts have made theirs, too.
    AllParts,
    /// When the transaction asks for what was put off.
    Late,
}

impl Changer<'_> {
    /// Stores everything, settles foreign keys and deferred keys, and returns how many rows were changed.
    pub(super) fn finish(&mut self) -> Result<i64> {
        let keys = self.settle_keys()?;
        let rows = self.settle_exclusions()?;
        self.leave_events();
        self.settle_foreign_keys()?;
        self.put_off(keys, rows);
        Ok(self.count)
    }

    /// Leaves to the transaction what waits for its end or SET CONSTRAINTS.
    fn put_off(&mut self, keys: Vec<DoubtfulKey>, rows: Vec<DoubtfulRow>) {
        let events = std::mem::take(&mut self.late_events);
        if !events.is_empty() || !keys.is_empty() || !rows.is_empty() {
            let plan = Arc::new(Modify { input: Box::new(nothing()), ..self.plan.clone() });
            self.run.context.deferred.lock().push(Pending { plan, events, keys, rows });
        }
    }

    /// Makes the checks and takes the actions that a part of a statement has left to the end.
    pub(crate) fn settle_part(&mut self, pending: &Pending) -> Result<()> {
        self.time = Time::AllParts;
        self.events = pending.events.clone();
        self.settle_foreign_keys()?;
        let (keys, rows) = (self.settle_keys()?, self.settle_exclusions()?);
        self.put_off(keys, rows);
        Ok(())
    }

    /// Makes checks that were put off.
    pub(crate) fn settle_late(&mut self, pending: &Pending) -> Result<()> {
        self.time = Time::Late;
        for doubtful in &pending.keys {
            let key = self.table(doubtful.target)?.keys.get_mut(doubtful.key);
            if let Some(key) = key {
                key.recheck(doubtful.bytes.clone(), &doubtful.row);
            }
        }
        self.settle_keys()?;
        self.doubt(&pending.rows)?;
        self.settle_exclusions()?;
        self.events = pending.events.clone();
        self.settle_foreign_keys()
    }

    /// Returns the error of the first key that a row violates, who violates the one at `position`: storage may refuse it
    /// for one before.
    pub(super) fn first_violation(
        &mut self,
        target: usize,
        (position, error): (usize, PgError),
        old: Option<(RowId, &[Datum])>,
        new: &[Datum],
    ) -> PgError {
        let before: Vec<u32> = self.tables.get(target).map_or_else(Vec::new, |table| {
            table.keys.iter().take(position).filter(|key| key.stored).map(|key| key.key.index).collect()
        });
        if before.is_empty() {
            return error;
        }
        let names = |table: &Table<'_>, error: &PgError| {
            let name = error.fields().constraint.as_deref();
            table.target.keys.iter().any(|key| before.contains(&key.index) && Some(key.name.as_str()) == name)
        };
        match (self.store(target, old, new), self.tables.get(target)) {
            (Err(first), Some(table)) if names(table, &first) => first,
            (Err(first), _) if first.sqlstate() != SqlState::UNIQUE_VIOLATION => first,
            (Ok(_) | Err(_), _) => error,
        }
    }
}
