//! Unique keys: who holds which.
//!
//! A key is looked for among the rows of the transaction's current view and what the statement has done since. Looking
//! up reads the table; after a few look-ups all keys are read once and held.

use std::collections::{HashMap, HashSet};

use storage::{Acquired, RowId, TableId, WaitPolicy};
use types::errors::integrity;
use types::{Datum, PgError, Result, TypeRef};

use super::changer::{Changer, name_of};
use super::lookup::{self, ScanRange};
use super::settle::Time;
use crate::deferred::DoubtfulKey;
use crate::execute::Run;
use crate::expr::{Expr, ExprKind};
use crate::operators::RowSet;
use crate::plan::{ModifyKind, Target, TargetKey};
use crate::rows::RowEvaluator;

/// A tuning constant: single look-ups before all keys of a table are read.
const LOOKUPS_MAX: u32 = 4;

/// Who holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// A stored row that the statement has not touched.
    Stored(RowId),
    /// A row that the statement has made.
    Fresh,
}

/// What is known of one key.
pub(super) struct KeyIndex<'r> {
    pub(super) key: &'r TargetKey,
    /// Storage refuses equal keys by itself.
    pub(super) stored: bool,
    holders: HashMap<Vec<u8>, Holder>,
    /// Keys that were looked for.
    asked: HashSet<Vec<u8>>,
    /// Stored rows whose key the statement has freed or replaced.
    freed: HashSet<RowId>,
    /// Whether `holders` knows all stored rows.
    complete: bool,
    lookups: u32,
    /// The newest commit that had changed the table before anything of it was read.
    read_at: u64,
    /// Keys taken twice, to be looked at when the statement is done.
    doubtful: Vec<(Vec<u8>, Vec<Datum>)>,
}

impl<'r> KeyIndex<'r> {
    /// Returns an index that knows nothing.
    pub(super) fn new(key: &'r TargetKey, stored: bool) -> Self {
        Self {
            key,
            stored,
            holders: HashMap::new(),
            asked: HashSet::new(),
            freed: HashSet::new(),
            complete: false,
            lookups: 0,
            read_at: 0,
            doubtful: Vec::new(),
        }
    }

    /// Returns the key of a row; `None` when it conflicts with nothing: a null in it, or outside a partial index.
    pub(super) fn bytes(&self, run: &Run<'_>, row: &[Datum]) -> Result<Option<Vec<u8>>> {
        let evaluator = RowEvaluator::new(run);
        if let Some(predicate) = &self.key.predicate
            && !evaluator.is_true(predicate, row)?
        {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        for (expr, _) in &self.key.columns {
            let value = match &expr.kind {
                ExprKind::Column(id) => row.get(id.0 as usize).cloned().unwrap_or_default(),
                _ => evaluator.evaluate(expr, row)?,
            };
            if value.is_null() && !self.key.nulls_equal {
                return Ok(None);
            }
            lookup::append_key(&value, expr.ty, &mut bytes);
        }
        Ok(Some(bytes))
    }

    /// Waits for other transactions in flight that have taken or freed a key, and keeps others from doing so. What was
    /// read before is read again if somebody has committed a change of the table since.
    pub(super) fn lock(&mut self, run: &Run<'_>, table: u64, bytes: &[u8]) -> Result<()> {
        self.lock_if(run, table, bytes, WaitPolicy::Wait).map(|_| ())
    }

    /// As [`Self::lock`], or not where others are to be waited for: a key that can wait is looked at later.
    pub(super) fn try_lock(&mut self, run: &Run<'_>, table: u64, bytes: &[u8]) -> Result<bool> {
        let policy = if self.key.deferrable { WaitPolicy::NoWait } else { WaitPolicy::Wait };
        Ok(self.lock_if(run, table, bytes, policy)? != Acquired::No)
    }

    fn lock_if(&mut self, run: &Run<'_>, table: u64, bytes: &[u8], policy: WaitPolicy) -> Result<Acquired> {
        let hash = crate::operators::hash_join::hash_bytes(bytes);
        let index = u64::from(self.key.index);
        let mut transaction = run.context.transaction()?.lock();
        let acquired = transaction.lock_key(index, hash, policy)?;
        let changed = transaction.changed_at(TableId(table))?;
        if changed != self.read_at {
            self.read_at = changed;
            self.asked.clear();
            self.complete = false;
            self.lookups = 0;
            self.holders.retain(|_, holder| *holder == Holder::Fresh);
        }
        Ok(acquired)
    }

    /// Returns who holds a key, when nobody is about to end the row that does.
    pub(super) fn holder(
        &mut self,
        run: &Run<'_>,
        target: &Target,
        types: &[TypeRef],
        bytes: &[u8],
    ) -> Result<Option<Holder>> {
        loop {
            let found = self.holder_now(run, target, types, bytes)?;
            let (Some(Holder::Stored(row)), false) = (found, self.key.deferrable) else { return Ok(found) };
            if !wait_for_ender(run, target.table, row)? {
                return Ok(found);
            }
            self.forget(bytes);
        }
    }

    /// Forgets who holds a key.
    fn forget(&mut self, bytes: &[u8]) {
        self.asked.remove(bytes);
        self.complete = false;
        self.lookups = 0;
        self.holders.retain(|_, holder| *holder == Holder::Fresh);
    }

    fn holder_now(
        &mut self,
        run: &Run<'_>,
        target: &Target,
        types: &[TypeRef],
        bytes: &[u8],
    ) -> Result<Option<Holder>> {
        if !self.complete && !self.holders.contains_key(bytes) && !self.asked.contains(bytes) {
            self.lookups += 1;
            if self.lookups > LOOKUPS_MAX {
                self.read(run, target, types, None)?;
                self.complete = true;
            } else {
                self.asked.insert(bytes.to_vec());
                self.read(run, target, types, Some(bytes))?;
            }
        }
        Ok(self.holders.get(bytes).copied())
    }

    /// Reads stored keys: all, or one.
    fn read(
        &mut self,
        run: &Run<'_>,
        target: &Target,
        types: &[TypeRef],
        wanted: Option<&[u8]>,
    ) -> Result<()> {
        let mut needed = HashSet::new();
        for expr in self.key.columns.iter().map(|(expr, _)| expr).chain(&self.key.predicate) {
            expr.walk(&mut |part| {
                if let ExprKind::Column(id) = part.kind {
                    needed.insert(id.0 as usize);
                }
            });
        }
        let columns = self.key.columns.iter().map_while(|(expr, _)| match expr.kind {
            ExprKind::Column(id) => Some(id.0 as usize),
            _ => None,
        });
        let columns: Vec<usize> = columns.collect();
        let range = wanted.and_then(|wanted| ScanRange::of_key(&columns, types, wanted));
        let mut found = Vec::new();
        lookup::scan(run, target.table, types, &|column| needed.contains(&column), range, &mut |id, row| {
            if let Some(bytes) = self.bytes(run, &row)?
                && wanted.is_none_or(|wanted| bytes == wanted)
            {
                found.push((bytes, id));
            }
            Ok(())
        })?;
        for (bytes, id) in found {
            if !self.freed.contains(&id) {
                self.holders.entry(bytes).or_insert(Holder::Stored(id));
            }
        }
        Ok(())
    }

    /// Notes that a stored row gives its key up.
    pub(super) fn release(&mut self, run: &Run<'_>, old: &[Datum], id: RowId) -> Result<()> {
        self.freed.insert(id);
        if let Some(bytes) = self.bytes(run, old)?
            && self.holders.get(&bytes) == Some(&Holder::Stored(id))
        {
            self.holders.remove(&bytes);
        }
        Ok(())
    }

    /// Notes a row that is stored before its key is taken.
    pub(super) fn expect(&mut self, row: RowId) {
        self.freed.insert(row);
    }

    /// Notes that a stored row's key goes on to its new version.
    pub(super) fn replace(&mut self, bytes: Option<Vec<u8>>, id: RowId) {
        self.freed.insert(id);
        if let Some(bytes) = bytes {
            self.holders.insert(bytes, Holder::Fresh);
        }
    }

    /// Notes who holds a key now.
    pub(super) fn take(&mut self, bytes: Vec<u8>, holder: Holder) {
        self.holders.insert(bytes, holder);
    }

    /// Notes a key that two rows have for the time being.
    pub(super) fn recheck(&mut self, bytes: Vec<u8>, row: &[Datum]) {
        self.doubtful.push((bytes, row.to_vec()));
    }

    /// Takes the keys that two rows have for the time being.
    pub(super) fn take_doubtful(&mut self) -> Vec<(Vec<u8>, Vec<Datum>)> {
        std::mem::take(&mut self.doubtful)
    }

    /// Returns the error of a key that is taken.
    pub(super) fn violation(&self, run: &Run<'_>, target: &Target, row: &[Datum]) -> PgError {
        let evaluator = RowEvaluator::new(run);
        let names: Vec<&str> = self.key.columns.iter().map(|(_, name)| name.as_str()).collect();
        let values: Vec<String> = self
            .key
            .columns
            .iter()
            .map(|(expr, _)| {
                let value = evaluator.evaluate(expr, row).unwrap_or_default();
                lookup::shown(run, &value, expr.ty)
            })
            .collect();
        let key = format!("({})=({})", names.join(", "), values.join(", "));
        integrity::duplicate_key(name_of(target), &self.key.name, &key)
    }
}

/// Waits for a transaction in flight that has ended a row: the row may be there again. Returns whether there was one.
fn wait_for_ender(run: &Run<'_>, table: u64, row: RowId) -> Result<bool> {
    let mut transaction = run.context.transaction()?.lock();
    let Some(xid) = transaction.ender_in_flight(TableId(table), row)? else { return Ok(false) };
    transaction.wait_for_transaction(xid)?;
    Ok(true)
}

/// Returns whether a change leaves the columns of all unique keys that others may refer to as they are: those of columns
/// alone, of all rows.
fn keeps_keys(target: &Target, old: &[Datum], new: &[Datum]) -> bool {
    let same = |expr: &Expr| match &expr.kind {
        ExprKind::Column(id) => old.get(id.0 as usize) == new.get(id.0 as usize),
        _ => true,
    };
    let is_column = |expr: &Expr| matches!(expr.kind, ExprKind::Column(_));
    let mut keys = target
        .keys
        .iter()
        .filter(|key| key.predicate.is_none() && key.columns.iter().all(|(expr, _)| is_column(expr)));
    let mut periods = target.exclusions.iter().filter(|exclusion| exclusion.period);
    keys.all(|key| key.columns.iter().all(|(expr, _)| same(expr)))
        && periods.all(|exclusion| exclusion.elements.iter().all(|element| same(&element.expr)))
}

/// Returns whether a stored generated column is part of a unique key.
fn has_generated_key(target: &Target) -> bool {
    let is_generated = |expr: &Expr| match &expr.kind {
        ExprKind::Column(id) => target.generated.iter().any(|(position, _)| *position == id.0 as usize),
        _ => false,
    };
    !target.generated.is_empty()
        && target.keys.iter().any(|key| key.columns.iter().any(|(expr, _)| is_generated(expr)))
}

/// Returns whether a change leaves all unique keys as they are, to the last digit, so that they need not be checked.
pub(super) fn keeps_all_keys(target: &Target, old: &[Datum], new: &[Datum]) -> bool {
    target.keys.iter().all(|key| {
        key.columns.iter().all(|(expr, _)| match &expr.kind {
            ExprKind::Column(id) => {
                let value = old.get(id.0 as usize);
                value == new.get(id.0 as usize) && value.is_some_and(|value| !value.is_null())
            }
            _ => false,
        })
    })
}

impl Changer<'_> {
    /// As [`keeps_keys`], for a new row whose generated columns have not been computed yet.
    pub(super) fn keeps_keys(&self, target: &Target, old: &[Datum], new: &[Datum]) -> Result<bool> {
        if !has_generated_key(target) {
            return Ok(keeps_keys(target, old, new));
        }
        let mut full = new.to_vec();
        for (position, expr) in &target.generated {
            let value = self.evaluator().evaluate(expr, new)?;
            if let Some(column) = full.get_mut(*position) {
                *column = value;
            }
        }
        Ok(keeps_keys(target, old, &full))
    }

    /// Stores a new row, or the newer version of one that was taken, and takes its keys: in the order of the indexes, so
    /// that the first of them is waited for or fails first, where storage keeps the first ones.
    pub(super) fn store_with_keys(
        &mut self,
        target: usize,
        old: Option<(RowId, &[Datum])>,
        new: &[Datum],
    ) -> Result<RowId> {
        let keys = &self.table(target)?.keys;
        let stored = keys.iter().take_while(|key| key.stored).count();
        if stored == 0 || keys.iter().skip(stored).any(|key| key.stored) {
            return match self.try_keys(target, old, new)? {
                Some(violated) => Err(self.first_violation(target, violated, old, new)),
                None => self.store(target, old, new),
            };
        }
        let made = self.store(target, old, new)?;
        self.table(target)?.keys.iter_mut().for_each(|key| key.expect(made));
        match self.try_keys(target, old, new)? {
            Some((_, error)) => Err(error),
            None => Ok(made),
        }
    }

    /// Tells the key indexes how many rows are to come, so that many are looked up in one pass.
    pub(super) fn expect_keys(&mut self, rows: &RowSet) -> Result<()> {
        let changes_keys = matches!(self.plan.kind, ModifyKind::Insert | ModifyKind::Merge);
        if changes_keys && rows.len() > LOOKUPS_MAX as usize {
            for key in self.table(0)?.keys.iter_mut() {
                key.lookups = LOOKUPS_MAX;
            }
        }
        Ok(())
    }

    /// Raises the violations of keys that could wait for the statement's end; notes those that wait longer.
    pub(super) fn settle_keys(&mut self) -> Result<()> {
        let run = self.run;
        let late = self.time == Time::Late;
        let mut waiting = Vec::new();
        for (target, table) in self.tables.iter_mut().enumerate() {
            for (position, key) in table.keys.iter_mut().enumerate() {
                if key.doubtful.is_empty() {
                    continue;
                }
                let doubtful = key.take_doubtful();
                if !late && run.context.deferred.lock().is_deferred(key.key.oid, key.key.deferred) {
                    waiting.extend(doubtful.into_iter().map(|(bytes, row)| DoubtfulKey {
                        target,
                        key: position,
                        bytes,
                        row,
                    }));
                    continue;
                }
                for (bytes, _) in &doubtful {
                    key.lock(run, table.target.table, bytes)?;
                }
                let twice = loop {
                    let mut rows: HashMap<Vec<u8>, Vec<RowId>> = HashMap::new();
                    lookup::scan(run, table.target.table, &table.types, &|_| true, None, &mut |id, row| {
                        if let Some(bytes) = key.bytes(run, &row)? {
                            rows.entry(bytes).or_default().push(id);
                        }
                        Ok(())
                    })?;
                    let is_twice = |bytes: &Vec<u8>| rows.get(bytes).is_some_and(|rows| rows.len() > 1);
                    let twice: Vec<_> = doubtful.iter().filter(|(bytes, _)| is_twice(bytes)).collect();
                    let mut waited = false;
                    for row in twice.iter().filter_map(|(bytes, _)| rows.get(bytes)).flatten() {
                        waited = waited || wait_for_ender(run, table.target.table, *row)?;
                    }
                    if !waited {
                        break twice.first().map(|(_, row)| row.clone());
                    }
                };
                if let Some(row) = twice {
                    return Err(key.violation(run, table.target, &row));
                }
            }
        }
        self.late_keys.append(&mut waiting);
        Ok(())
    }

    /// Forgets which stored rows have which keys: another part of the statement may have changed some.
    pub(super) fn forget_holders(&mut self) {
        for key in self.tables.iter_mut().flat_map(|table| &mut table.keys) {
            key.asked.clear();
            key.complete = false;
            key.lookups = 0;
            key.holders.retain(|_, holder| *holder == Holder::Fresh);
        }
    }
}
