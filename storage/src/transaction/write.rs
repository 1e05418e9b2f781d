//! Changing rows: insert, update, delete; waiting for whoever is at the same row or key.

use std::cell::Cell;
use std::sync::Arc;

use kernels::vector::Vector;

use super::{Transaction, Undo};
use crate::error::{Result, StorageError};
use crate::heap::group::Group;
use crate::heap::row::{NewRow, datum_of};
use crate::heap::{EndAttempt, Heap, Holder, Placed};
use crate::index::tree::Index;
use crate::locks::{LockTag, Mode, RowLockMode};
use crate::mvcc::stamp::{COMMANDS_MAX, IN_FLIGHT, in_flight, xid_of};
use crate::segment::Segment;
use crate::table::{RowId, TableId};
use crate::version::check_rows;

/// How changes that others commit meanwhile are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Reported to the caller, who looks at the newest version of the row.
    ReadCommitted,
    /// `40001`.
    RepeatableRead,
    /// `40001`, also for what only was read.
    Serializable,
}

/// What to do when another session is at a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitPolicy {
    /// Wait for it.
    Wait,
    /// Give up: NOWAIT and SKIP LOCKED.
    NoWait,
}

/// What became of a row that was to be changed or locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is done; the row's new version after an update, else the row itself.
    Done(RowId),
    /// This transaction has ended the row before, in this command if the row was visible.
    SelfModified,
    /// Another transaction has committed a newer version: this one. READ COMMITTED checks it again.
    ConcurrentlyUpdated(RowId),
    /// Another transaction has deleted the row and committed. READ COMMITTED skips it.
    ConcurrentlyDeleted,
    /// Another session is at the row, and the caller does not want to wait.
    WouldBlock,
}

/// What became of a row that was to be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertOutcome {
    /// It is there.
    Done(RowId),
    /// This row has the same key in that index.
    Conflict(crate::index::IndexId, RowId),
}

/// What is known of the keys of new row groups.
pub(crate) enum NewKeys<'a> {
    /// Nothing, except that those of the indexes for which this is true are distinct.
    Unknown(&'a dyn Fn(&Index) -> bool),
    /// They are those of rows that the transaction has ended for these.
    Kept,
}

impl Transaction {
    /// Inserts rows: a vector for each column. Returns how many.
    ///
    /// # Errors
    /// As [`Self::insert_rows`].
    pub fn insert(&mut self, table: TableId, vectors: &[Vector]) -> Result<usize> {
        self.insert_rows(table, vectors).map(|rows| rows.len())
    }

    /// Deletes rows that a scan of this transaction has shown, waiting for whoever is at them. Returns how many it had
    /// not deleted before.
    ///
    /// # Errors
    /// When another transaction has changed one of them, at any isolation level.
    pub fn delete(&mut self, table: TableId, rows: &[RowId]) -> Result<usize> {
        let mut count = 0;
        for &row in rows {
            match self.delete_row(table, row)? {
                WriteOutcome::Done(_) => count += 1,
                WriteOutcome::SelfModified => {}
                WriteOutcome::ConcurrentlyDeleted => return Err(StorageError::ConcurrentDelete),
                WriteOutcome::ConcurrentlyUpdated(_) | WriteOutcome::WouldBlock => {
                    return Err(StorageError::ConcurrentUpdate);
                }
            }
        }
        Ok(count)
    }

    /// Inserts rows: a vector for each column. Returns their identifiers.
    ///
    /// # Errors
    /// `DuplicateKey`; rows before the offending one are inserted then, and undone with the transaction.
    pub fn insert_rows(&mut self, table: TableId, vectors: &[Vector]) -> Result<Vec<RowId>> {
        let heap = Arc::clone(&self.table(table)?.heap);
        let rows = check_rows(heap.columns(), vectors)?;
        let mut ids = Vec::with_capacity(rows);
        for lane in 0..rows {
            let row = heap.layout.encode(&vectors[..heap.columns().len()], lane)?;
            ids.push(self.insert_into(&heap, &row).map_err(|error| error.at_row(lane as u64))?);
        }
        Ok(ids)
    }

    /// Returns the newest version of a row, as `table_tuple_get_latest_tid`: the row itself unless it was updated.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn latest_version(&self, table: TableId, row: RowId) -> Result<RowId> {
        let heap = &self.table(table)?.heap;
        let mut latest = row;
        while let Some((_, _, Some(newer))) = heap.stamps(latest) {
            latest = newer;
        }
        Ok(latest)
    }

    /// Inserts one row.
    ///
    /// # Errors
    /// `DuplicateKey`, or what ends a wait.
    pub fn insert_row(&mut self, table: TableId, row: &NewRow) -> Result<RowId> {
        let heap = Arc::clone(&self.table(table)?.heap);
        self.insert_into(&heap, &row.0)
    }

    /// Inserts one row, unless a row has the same key in an index that `arbiter` accepts (ON CONFLICT).
    ///
    /// # Errors
    /// `DuplicateKey` for the other indexes.
    pub fn insert_unless_conflict(
        &mut self,
        table: TableId,
        row: &NewRow,
        arbiter: &dyn Fn(crate::index::IndexId) -> bool,
    ) -> Result<InsertOutcome> {
        let heap = Arc::clone(&self.table(table)?.heap);
        let row = &row.0;
        loop {
            match self.place(&heap, row.clone(), arbiter)? {
                Placed::Row(id) => return Ok(InsertOutcome::Done(id)),
                Placed::Conflict(index, Holder::Row(other)) if arbiter(index.definition.id) => {
                    return Ok(InsertOutcome::Conflict(index.definition.id, other));
                }
                Placed::Conflict(index, Holder::Row(other)) => {
                    return Err(self.taken(&heap, &index, row, other));
                }
                Placed::Conflict(_, Holder::InFlight(xid)) => self.wait_for(xid)?,
            }
        }
    }

    fn insert_into(&mut self, heap: &Arc<Heap>, row: &[u8]) -> Result<RowId> {
        loop {
            match self.place(heap, row.into(), &|_| false)? {
                Placed::Row(id) => return Ok(id),
                Placed::Conflict(index, Holder::Row(other)) => {
                    return Err(self.taken(heap, &index, row, other));
                }
                Placed::Conflict(_, Holder::InFlight(xid)) => self.wait_for(xid)?,
            }
        }
    }

    fn place(
        &mut self,
        heap: &Arc<Heap>,
        row: Box<[u8]>,
        first: &dyn Fn(crate::index::IndexId) -> bool,
    ) -> Result<Placed> {
        let stamp = self.stamp()?;
        let tracked = self.is_tracked().then(|| row.clone());
        let optimistic = self.optimistic;
        let (accepted, leaving) = (Cell::new(None), Cell::new(None));
        let accepts = |other: RowId, holder: Holder| {
            let accepts = optimistic && heap.is_begun_by(other, holder);
            match holder {
                Holder::InFlight(xid) if accepts => accepted.set(Some(xid)),
                Holder::InFlight(xid) if optimistic && self.store.xids().yields(xid) => {
                    leaving.set(Some(other));
                }
                Holder::InFlight(_) | Holder::Row(_) => {}
            }
            accepts
        };
        let mut placed = heap.insert(row, stamp, self.store.xids(), first, &accepts)?;
        // A row that goes with somebody who gives way is there.
        if let (Placed::Conflict(_, holder @ Holder::InFlight(_)), Some(other)) = (&mut placed, leaving.get())
        {
            *holder = Holder::Row(other);
        }
        if let Placed::Row(id) = placed {
            self.undo.push(Undo::Inserted(Arc::clone(heap), id));
            // Whoever has the key, too, may have committed while it was looked for: then this transaction cannot.
            let is_over = |xid| self.store.xids().get(xid).is_none_or(|state| state.is_over());
            if accepted.get().is_some_and(is_over) {
                return Err(StorageError::OptimisticConflict);
            }
        }
        // A key that is taken, too, may be one that others have looked for: that they come before this is said rather.
        if let (Some(row), Placed::Row(_) | Placed::Conflict(_, Holder::Row(_))) = (tracked, &placed) {
            self.track_insert(heap, &row)?;
        }
        Ok(placed)
    }

    /// Returns the stamp of the current command.
    pub(crate) fn stamp(&mut self) -> Result<u64> {
        if self.command >= COMMANDS_MAX {
            return Err(StorageError::TooManyCommands);
        }
        self.command_wrote = true;
        let command = self.command;
        Ok(in_flight(self.own_xid().xid, command))
    }

    /// Replaces a row that a scan of this transaction has shown (or [`WriteOutcome::ConcurrentlyUpdated`] has named).
    ///
    /// # Errors
    /// `DuplicateKey`, or what ends a wait.
    pub fn update_row(&mut self, table: TableId, row: RowId, new: &NewRow) -> Result<WriteOutcome> {
        match self.delete_row(table, row)? {
            WriteOutcome::Done(_) => self.insert_successor(table, row, new).map(WriteOutcome::Done),
            outcome => Ok(outcome),
        }
    }

    /// Inserts the newer version of a row that [`Self::delete_row`] has ended in this command. Returns its identifier.
    ///
    /// # Errors
    /// `DuplicateKey`, or what ends a wait.
    pub fn insert_successor(&mut self, table: TableId, row: RowId, new: &NewRow) -> Result<RowId> {
        let heap = Arc::clone(&self.table(table)?.heap);
        let newer = self.insert_into(&heap, &new.0)?;
        self.link(&heap, row, newer);
        Ok(newer)
    }

    /// As [`Self::insert_successor`], for a version with the same values in all unique keys, after
    /// [`Self::end_row_keeping_keys`]: nobody else can have them.
    ///
    /// # Errors
    /// As [`Self::insert_successor`].
    pub fn insert_successor_keeping_keys(
        &mut self,
        table: TableId,
        row: RowId,
        new: NewRow,
    ) -> Result<RowId> {
        if self.is_tracked() {
            return self.insert_successor(table, row, &new);
        }
        let heap = Arc::clone(&self.table(table)?.heap);
        let stamp = self.stamp()?;
        let newer = heap.insert_unchecked(new.0, stamp)?;
        self.undo.push(Undo::Inserted(Arc::clone(&heap), newer));
        self.link(&heap, row, newer);
        Ok(newer)
    }

    fn link(&self, heap: &Heap, row: RowId, newer: RowId) {
        let own = self.xid().unwrap_or(0);
        let linked = heap.set_newer(row, newer, own);
        if linked.is_locked {
            let (from, to) = (LockTag::Row(heap.id, row), LockTag::Row(heap.id, newer));
            if self.store.locks().inherit(self.owner, from, to) {
                heap.mark_locked(newer);
            }
        }
        // Who has locked a row and then changes it is said to have locked the newer version, too.
        if own != 0 && linked.xmax == own as u32 {
            heap.note_locker(newer, own);
        }
    }

    /// Deletes a row that a scan of this transaction has shown (or [`WriteOutcome::ConcurrentlyUpdated`] has named),
    /// or ends it to make room for [`Self::insert_successor`].
    ///
    /// # Errors
    /// What ends a wait.
    pub fn delete_row(&mut self, table: TableId, row: RowId) -> Result<WriteOutcome> {
        let heap = Arc::clone(&self.table(table)?.heap);
        self.end(&heap, row, RowLockMode::Update)
    }

    /// As [`Self::delete_row`], for an update that keeps the values of all unique keys: who has locked the row FOR KEY
    /// SHARE is not in the way.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn end_row_keeping_keys(&mut self, table: TableId, row: RowId) -> Result<WriteOutcome> {
        let heap = Arc::clone(&self.table(table)?.heap);
        self.end(&heap, row, RowLockMode::NoKeyUpdate)
    }

    /// As [`Self::end_row_keeping_keys`] where nobody else is or was at the row: otherwise nothing is done, and the outcome
    /// is [`WriteOutcome::WouldBlock`].
    ///
    /// # Errors
    /// Those of a transaction at SERIALIZABLE that has to give way.
    pub fn try_end_row_keeping_keys(&mut self, table: TableId, row: RowId) -> Result<WriteOutcome> {
        let heap = Arc::clone(&self.table(table)?.heap);
        let stamp = self.stamp()?;
        let own = (xid_of(stamp), self.command);
        match heap.try_end(row, own, RowLockMode::NoKeyUpdate, true, self.store.xids()) {
            EndAttempt::Ended => {
                self.undo.push(Undo::Ended(Arc::clone(&heap), row));
                self.track_end(&heap, row)?;
                Ok(WriteOutcome::Done(row))
            }
            EndAttempt::Own => Ok(WriteOutcome::SelfModified),
            EndAttempt::InFlight(_) | EndAttempt::Locked | EndAttempt::Replaced(_) | EndAttempt::Deleted => {
                Ok(WriteOutcome::WouldBlock)
            }
        }
    }

    /// Ends a row version.
    fn end(&mut self, heap: &Arc<Heap>, row: RowId, mode: RowLockMode) -> Result<WriteOutcome> {
        self.go_on_with(heap.id, row);
        // Who has locked a row FOR UPDATE keeps others away from its key even when it changes something else.
        let held = LockTag::Row(heap.id, row);
        let mode = if self.locks.contains(held, Mode::Row(RowLockMode::Update)) {
            RowLockMode::Update
        } else {
            mode
        };
        let outcome = self.end_in_turn(heap, row, mode);
        self.note_outcome(heap, outcome)
    }

    fn end_in_turn(&mut self, heap: &Arc<Heap>, row: RowId, mode: RowLockMode) -> Result<WriteOutcome> {
        let stamp = self.stamp()?;
        let own = (xid_of(stamp), self.command);
        let mut check_locks = true;
        loop {
            match heap.try_end(row, own, mode, check_locks, self.store.xids()) {
                EndAttempt::Ended => {
                    self.undo.push(Undo::Ended(Arc::clone(heap), row));
                    self.track_end(heap, row)?;
                    return Ok(WriteOutcome::Done(row));
                }
                EndAttempt::Own => return Ok(WriteOutcome::SelfModified),
                EndAttempt::InFlight(_) if self.optimistic => {
                    match self.end_privately(heap, row, own, mode, check_locks) {
                        Some(EndAttempt::Ended) => {
                            self.undo.push(Undo::Ended(Arc::clone(heap), row));
                            self.track_end(heap, row)?;
                            return Ok(WriteOutcome::Done(row));
                        }
                        Some(_) => {
                            self.lock_row_tag(heap, row, mode, WaitPolicy::Wait)?;
                            check_locks = false;
                        }
                        None => {}
                    }
                }
                EndAttempt::InFlight(other) => self.wait_in_turn(heap, row, mode, other)?,
                EndAttempt::Locked => {
                    self.lock_row_tag(heap, row, mode, WaitPolicy::Wait)?;
                    check_locks = false;
                }
                EndAttempt::Replaced(newer) => return self.replaced(heap, newer, mode, WaitPolicy::Wait),
                EndAttempt::Deleted => return self.deleted(),
            }
        }
    }

    /// Fails above READ COMMITTED when the snapshot does not show a row.
    ///
    /// # Errors
    /// `ConcurrentUpdate`.
    pub fn require_visible(&self, table: TableId, row: RowId) -> Result<()> {
        let stamps = self.table(table)?.heap.stamps(row);
        let is_own = stamps.is_some_and(|(begin, ..)| begin > IN_FLIGHT && Some(xid_of(begin)) == self.xid());
        if self.isolation == IsolationLevel::ReadCommitted || is_own || self.sees(table, row)? {
            return Ok(());
        }
        Err(self.conflict(StorageError::ConcurrentUpdate))
    }

    /// Returns `error`, or what it is called where nobody waits.
    pub(super) fn conflict(&self, error: StorageError) -> StorageError {
        if self.optimistic { StorageError::OptimisticConflict } else { error }
    }

    pub(super) fn deleted(&self) -> Result<WriteOutcome> {
        match self.isolation {
            IsolationLevel::ReadCommitted => Ok(WriteOutcome::ConcurrentlyDeleted),
            IsolationLevel::RepeatableRead | IsolationLevel::Serializable => {
                Err(self.conflict(StorageError::ConcurrentDelete))
            }
        }
    }

    /// Makes rows the newer versions of others that this transaction has ended.
    pub(crate) fn link_rows(
        &mut self,
        table: TableId,
        rows: &[RowId],
        newer: impl Iterator<Item = RowId>,
    ) -> Result<()> {
        let heap = Arc::clone(&self.table(table)?.heap);
        rows.iter().zip(newer).for_each(|(row, newer)| self.link(&heap, *row, newer));
        Ok(())
    }

    /// Makes the row groups of written segments part of this transaction, and returns them.
    pub(crate) fn adopt_segments(
        &mut self,
        table: TableId,
        segments: &[Arc<Segment>],
        keys: NewKeys<'_>,
    ) -> Result<Vec<Arc<Group>>> {
        self.track_table(table)?;
        let heap = Arc::clone(&self.table(table)?.heap);
        let stamp = self.stamp()?;
        // Nobody looks for each of their keys at the commit.
        self.own_xid().set_yields(false);
        let mut groups = Vec::new();
        for segment in segments {
            for group in heap.add_segment(segment, stamp) {
                self.undo.push(Undo::AddedGroup(Arc::clone(&heap), Arc::clone(&group)));
                groups.push(group);
            }
        }
        if let NewKeys::Unknown(distinct) = keys {
            for index in heap.indexes().iter().filter(|index| index.definition.unique) {
                crate::key::check_new_groups(self, &heap, &groups, index, distinct(index))?;
            }
        }
        Ok(groups)
    }
}

/// Returns the error of a row whose key another row has.
pub(crate) fn duplicate(heap: &Heap, index: &Index, row: &[u8]) -> StorageError {
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for part in &index.definition.columns {
        let Some(definition) = heap.columns().get(part.column) else { continue };
        columns.push(definition.name.clone());
        let value = datum_of(definition, heap.layout.lane(row, part.column), part.ty);
        values.push((value.unwrap_or_default(), part.ty));
    }
    StorageError::DuplicateKey {
        table: heap.table,
        id: index.definition.id,
        index: index.definition.name.clone(),
        columns,
        values,
        row: None,
    }
}
