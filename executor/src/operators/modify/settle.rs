//! When the constraints of changed rows are looked at: at the end of a statement or of its last part, or when the
//! transaction asks for what was put off.

use std::sync::Arc;

use storage::RowId;
use types::{Datum, PgError, Result, SqlState};

use super::changer::{Changer, Table};
use crate::deferred::{DoubtfulKey, DoubtfulRow, Pending, nothing};
use crate::execute::Run;
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
    /// Settles foreign keys and keys in doubt, or leaves them to the end of the statement's last part, and returns how many rows
    /// were changed.
    pub(super) fn finish(&mut self) -> Result<i64> {
        if self.run.plan.changing.is_empty() {
            self.settle()?;
            self.put_off();
        } else {
            self.leave();
        }
        Ok(self.count)
    }

    fn settle(&mut self) -> Result<()> {
        self.settle_keys()?;
        self.settle_exclusions()?;
        while !self.events.is_empty() {
            self.settle_round()?;
        }
        Ok(())
    }

    /// Leaves checks and actions to the end of a statement that has other parts: what those do counts, too.
    pub(super) fn leave(&mut self) {
        let events = std::mem::take(&mut self.events);
        let (mut keys, mut rows) = (Vec::new(), Vec::new());
        for (target, table) in self.tables.iter_mut().enumerate() {
            for (position, key) in table.keys.iter_mut().enumerate() {
                let doubtful = key.take_doubtful().into_iter();
                keys.extend(doubtful.map(|(bytes, row)| DoubtfulKey { target, key: position, bytes, row }));
            }
            for (exclusion, excluder) in table.exclusions.iter_mut().enumerate() {
                let doubtful = excluder.take_doubtful().into_iter();
                rows.extend(doubtful.map(|row| DoubtfulRow { target, exclusion, row }));
            }
        }
        if events.is_empty() && keys.is_empty() && rows.is_empty() {
            return;
        }
        let plan = self.rest();
        let mut unsettled = self.run.state.unsettled.lock();
        match unsettled.last_mut().filter(|last| Arc::ptr_eq(&last.plan, &plan)) {
            Some(last) => {
                last.events.extend(events);
                last.keys.extend(keys);
                last.rows.extend(rows);
            }
            None => unsettled.push(Pending { plan, events, keys, rows }),
        }
    }

    /// Returns the plan without its input.
    fn rest(&mut self) -> Arc<Modify> {
        let plan = self.plan;
        let without = || Arc::new(Modify { input: Box::new(nothing()), ..plan.clone() });
        Arc::clone(self.rest.get_or_insert_with(without))
    }

    /// Leaves to the transaction what waits for its end or SET CONSTRAINTS.
    fn put_off(&mut self) {
        let events = std::mem::take(&mut self.late_events);
        let (keys, rows) = (std::mem::take(&mut self.late_keys), std::mem::take(&mut self.late_rows));
        if !events.is_empty() || !keys.is_empty() || !rows.is_empty() {
            let plan = self.rest();
            self.run.context.deferred.lock().push(Pending { plan, events, keys, rows });
        }
    }

    /// Takes up what was left to a later time.
    fn resume(&mut self, pending: &Pending) -> Result<()> {
        for doubtful in &pending.keys {
            let key = self.table(doubtful.target)?.keys.get_mut(doubtful.key);
            if let Some(key) = key {
                key.recheck(doubtful.bytes.clone(), &doubtful.row);
            }
        }
        self.doubt(&pending.rows)?;
        self.events = pending.events.clone();
        Ok(())
    }

    /// Makes the checks and takes the actions that parts of a statement have left to its end, in the order of the changes;
    /// what cascades comes after all of them.
    pub(crate) fn settle_parts(run: &Run<'_>, parts: &[Pending]) -> Result<()> {
        let mut changers = Vec::with_capacity(parts.len());
        for pending in parts {
            let mut changer = Changer::new(run, &pending.plan)?;
            changer.time = Time::AllParts;
            changer.resume(pending)?;
            changer.settle_keys()?;
            changer.settle_exclusions()?;
            changer.settle_round()?;
            changers.push(changer);
        }
        while changers.iter().any(|changer| !changer.events.is_empty()) {
            for changer in changers.iter_mut().filter(|changer| !changer.events.is_empty()) {
                changer.settle_round()?;
            }
        }
        changers.iter_mut().for_each(Changer::put_off);
        Ok(())
    }

    /// Makes checks that were put off.
    pub(crate) fn settle_late(&mut self, pending: &Pending) -> Result<()> {
        self.time = Time::Late;
        self.resume(pending)?;
        self.settle()
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
