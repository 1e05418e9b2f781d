//! Changing rows: places for new ones, stamps on old ones, and who holds a key.

use std::sync::Arc;

use kernels::vector::VECTOR_LANES;

use super::Heap;
use super::group::Group;
use super::rivals::Rival;
use crate::error::Result;
use crate::index::IndexId;
use crate::index::key::{Key, key_of_row};
use crate::index::map::Answer;
use crate::index::pruning::Pruning;
use crate::index::tree::Index;
use crate::locks::RowLockMode;
use crate::mvcc::stamp::{IN_FLIGHT, NEVER, in_flight, xid_of};
use crate::mvcc::xids::XidTable;
use crate::table::{ROW_GROUP_ROWS, RowId};

/// What became of an attempt to end a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndAttempt {
    /// The row has the stamp now.
    Ended,
    /// The own transaction has ended it before.
    Own,
    /// Another transaction, in flight, has begun or ended it.
    InFlight(u64),
    /// Another transaction has replaced it by a newer version.
    Replaced(RowId),
    /// Another transaction has deleted it.
    Deleted,
    /// Another session may have locked the row.
    Locked,
}

/// Who has a key that is to be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A row that is there.
    Row(RowId),
    /// A row that comes or goes with a transaction in flight.
    InFlight(u64),
}

/// What became of an attempt to insert a row.
#[derive(Debug, Clone)]
pub(crate) enum Placed {
    /// It is there.
    Row(RowId),
    /// Its key in an index has a holder.
    Conflict(Arc<Index>, Holder),
}

/// What is known of a row that gets a newer version.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Linked {
    /// Whether it may be locked.
    pub(crate) is_locked: bool,
    /// Who has locked it or failed to end it.
    pub(crate) xmax: u32,
}

impl Heap {
    /// Puts a row at the place that it had, in recovery.
    pub(crate) fn restore(&self, id: RowId, row: Box<[u8]>, begin: u64) {
        let group = match self.group(id.group()) {
            Some(group) => Arc::clone(&group),
            None => {
                let group = Arc::new(Group::hot(id.group()));
                self.add_group(Arc::clone(&group));
                group
            }
        };
        group.set_len(group.len().max(id.lane() + 1).min(ROW_GROUP_ROWS));
        let (page, place) = group.page_of(id.lane());
        page.write().place(place, row, begin);
    }

    /// Inserts a row in the table and in all indexes, whoever has the same keys.
    pub(crate) fn insert_unchecked(&self, row: Box<[u8]>, begin: u64) -> Result<RowId> {
        let indexes = self.indexes();
        let mut keys = Vec::with_capacity(indexes.len());
        for index in indexes.iter() {
            keys.push(key_of_row(&index.definition, &self.layout, &row)?.0);
        }
        let id = self.place(row, begin);
        for (index, key) in indexes.iter().zip(keys) {
            index.insert(key, id);
        }
        Ok(id)
    }

    /// Inserts a row in the table and in all indexes. Of several conflicts the one in an index that is among the `first`
    /// is told.
    pub(crate) fn insert(
        &self,
        row: Box<[u8]>,
        begin: u64,
        xids: &XidTable,
        first: &dyn Fn(IndexId) -> bool,
        accepts: &dyn Fn(RowId, Holder) -> bool,
    ) -> Result<Placed> {
        let indexes = self.indexes();
        let mut order: Vec<usize> = (0..indexes.len()).collect();
        order.sort_by_key(|&at| !first(indexes[at].definition.id));
        let mut keys = Vec::with_capacity(indexes.len());
        for index in indexes.iter() {
            keys.push(key_of_row(&index.definition, &self.layout, &row)?);
        }
        let id = self.place(row, begin);
        let own = xid_of(begin);
        for (done, &at) in order.iter().enumerate() {
            let (index, (key, any_null)) = (&indexes[at], &keys[at]);
            let checked = index.definition.unique && !(*any_null && index.definition.nulls_distinct);
            let conflict = if checked {
                let holder = index.insert_unless(key.clone(), id, |other| {
                    self.holder(other, own, xids).filter(|holder| !accepts(other, *holder))
                });
                match holder {
                    Some(holder) => Some(holder),
                    None => {
                        let pruning = || self.pruning(index, id);
                        let frozen = self.frozen_holder(index, key, &pruning, &|group, row| {
                            holder_in(group, row, own, xids).filter(|holder| !accepts(row, *holder))
                        })?;
                        if frozen.is_some() {
                            index.remove(key.clone(), id);
                        }
                        frozen
                    }
                }
            } else {
                index.insert(key.clone(), id);
                None
            };
            if let Some(holder) = conflict {
                for &at in order.iter().take(done) {
                    indexes[at].remove(keys[at].0.clone(), id);
                }
                self.vacate(id);
                return Ok(Placed::Conflict(Arc::clone(index), holder));
            }
        }
        Ok(Placed::Row(id))
    }

    /// Returns what frozen row groups that may hold the key of a row in memory must not exclude.
    pub(crate) fn pruning(&self, index: &Index, id: RowId) -> Pruning {
        let Some(group) = self.group(id.group()) else { return Pruning::default() };
        let (page, place) = group.page_of(id.lane());
        let page = page.read();
        let Some(row) = page.row(place) else { return Pruning::default() };
        Pruning::of_lanes(&index.definition, self.columns(), |column| self.layout.lane(row, column))
    }

    /// Removes a row that nobody sees from the heap, not from indexes.
    fn vacate(&self, id: RowId) {
        if let Some(group) = self.group(id.group()) {
            let (page, place) = group.page_of(id.lane());
            page.write().vacate(place);
        }
        self.free_places([id]);
    }

    /// Removes a row that nobody sees, from indexes, too.
    pub(crate) fn erase(&self, id: RowId) -> Result<()> {
        let Some(group) = self.group(id.group()) else { return Ok(()) };
        let (page, place) = group.page_of(id.lane());
        let indexes = self.indexes();
        let mut keys = Vec::with_capacity(indexes.len());
        {
            let page = page.read();
            // A frozen row stays where it is, unseen.
            let Some(row) = page.row(place) else { return Ok(()) };
            for index in indexes.iter() {
                keys.push(key_of_row(&index.definition, &self.layout, row)?.0);
            }
        }
        for (index, key) in indexes.iter().zip(keys) {
            index.remove(key, id);
        }
        if group.is_hot() {
            self.vacate(id);
        }
        Ok(())
    }

    /// Returns who holds the key of `row`, if the row is there or may be.
    pub(crate) fn holder(&self, row: RowId, own: u64, xids: &XidTable) -> Option<Holder> {
        let group = self.group(row.group())?;
        holder_in(&group, row, own, xids)
    }

    /// Returns who holds a key in a frozen row group.
    pub(crate) fn frozen_holder(
        &self,
        index: &Index,
        key: &Key,
        pruning: &dyn Fn() -> Pruning,
        holder: &dyn Fn(&Group, RowId) -> Option<Holder>,
    ) -> Result<Option<Holder>> {
        match index.map.find(&index.definition, self, key, holder)? {
            Answer::Found(holder) => return Ok(Some(holder)),
            Answer::Nothing => return Ok(None),
            Answer::Unknown => {}
        }
        let mut directories = 0;
        let found = self.each_frozen(
            &pruning(),
            |_| {},
            |group, segment, position| {
                directories += 1;
                let directory =
                    group.directories.get(&index.definition, self.columns(), segment, position)?;
                let rows = directory.equal(key).iter().map(|lane| RowId::new(group.id, usize::from(*lane)));
                Ok(rows.filter_map(|row| holder(group, row)).next())
            },
        )?;
        index.map.note_lookup(directories);
        Ok(found)
    }

    /// Ends a row, with `mode` as the strength of the lock that this is. `check_locks`: unless it may be locked.
    pub(crate) fn try_end(
        &self,
        row: RowId,
        (xid, command): (u64, u32),
        mode: RowLockMode,
        check_locks: bool,
        xids: &XidTable,
    ) -> EndAttempt {
        let Some(group) = self.group(row.group()).filter(|group| row.lane() < group.len()) else {
            return EndAttempt::Deleted;
        };
        let (page, place) = group.page_of(row.lane());
        let mut page = page.write();
        let begin = page.begin(place);
        if begin == NEVER {
            return EndAttempt::Deleted;
        }
        if begin > IN_FLIGHT && xid_of(begin) != xid && xids.commit_of(xid_of(begin)).is_none() {
            return EndAttempt::InFlight(xid_of(begin));
        }
        if page.rival(place, xid).is_some() {
            return EndAttempt::Own;
        }
        match page.end(place) {
            NEVER if check_locks && page.is_locked(place) => EndAttempt::Locked,
            NEVER => {
                page.set_end(place, in_flight(xid, command));
                page.set_newer(place, None);
                page.set_key_kept(place, mode < RowLockMode::Update);
                drop(page);
                group.note_change();
                EndAttempt::Ended
            }
            end @ IN_FLIGHT.. if xid_of(end) == xid => EndAttempt::Own,
            end @ IN_FLIGHT.. if xids.commit_of(xid_of(end)).is_none() => EndAttempt::InFlight(xid_of(end)),
            _ => page.newer(place).map_or(EndAttempt::Deleted, EndAttempt::Replaced),
        }
    }

    /// Marks a row as one that is locked in the lock table. `Ended` says that it is there to be locked.
    pub(crate) fn prepare_lock(
        &self,
        row: RowId,
        xid: u64,
        mode: RowLockMode,
        xids: &XidTable,
    ) -> EndAttempt {
        let Some(group) = self.group(row.group()).filter(|group| row.lane() < group.len()) else {
            return EndAttempt::Deleted;
        };
        let (page, place) = group.page_of(row.lane());
        let mut page = page.write();
        let begin = page.begin(place);
        if begin == NEVER {
            return EndAttempt::Deleted;
        }
        if begin > IN_FLIGHT && xid_of(begin) != xid && xids.commit_of(xid_of(begin)).is_none() {
            return EndAttempt::InFlight(xid_of(begin));
        }
        if page.rival(place, xid).is_some() {
            return EndAttempt::Own;
        }
        match page.end(place) {
            NEVER => {
                page.set_locked(place, true);
                page.set_xmax(place, xid as u32);
                EndAttempt::Ended
            }
            end @ IN_FLIGHT.. if xid_of(end) == xid => EndAttempt::Own,
            // An update that keeps the keys, in flight or done, is not in the way of FOR KEY SHARE.
            _ if mode == RowLockMode::KeyShare && page.is_key_kept(place) && page.newer(place).is_some() => {
                page.set_locked(place, true);
                EndAttempt::Ended
            }
            end @ IN_FLIGHT.. if xids.commit_of(xid_of(end)).is_none() => EndAttempt::InFlight(xid_of(end)),
            _ => page.newer(place).map_or(EndAttempt::Deleted, EndAttempt::Replaced),
        }
    }

    /// As [`Self::prepare_lock`], for the newer version of a row that is locked: its maker need not have committed.
    pub(crate) fn prepare_newer(
        &self,
        row: RowId,
        xid: u64,
        mode: RowLockMode,
        xids: &XidTable,
    ) -> EndAttempt {
        let attempt = self.prepare_lock(row, xid, mode, xids);
        let (EndAttempt::InFlight(maker), Some(group)) = (attempt, self.group(row.group())) else {
            return attempt;
        };
        let (page, place) = group.page_of(row.lane());
        let mut page = page.write();
        let begin = page.begin(place);
        let is_there = page.end(place) == NEVER || page.is_key_kept(place) && page.newer(place).is_some();
        if begin > IN_FLIGHT && xid_of(begin) == maker && is_there {
            page.set_locked(place, true);
            return EndAttempt::Ended;
        }
        attempt
    }

    /// Marks a row as locked, whatever its stamps.
    pub(crate) fn mark_locked(&self, row: RowId) {
        if let Some(group) = self.group(row.group()) {
            let (page, place) = group.page_of(row.lane());
            page.write().set_locked(place, true);
        }
    }

    /// Takes back the end that a transaction has made of a row.
    pub(crate) fn unend(&self, row: RowId, xid: u64) {
        if let Some(group) = self.group(row.group()) {
            let (page, place) = group.page_of(row.lane());
            let mut page = page.write();
            if page.remove_rival(place, xid).is_some() {
                return;
            }
            let end = page.end(place);
            page.set_end(place, NEVER);
            page.set_newer(place, None);
            if end != NEVER && end > IN_FLIGHT {
                page.set_xmax(place, xid_of(end) as u32);
            }
        }
    }

    /// Links a row to the newer version that a transaction has made.
    pub(crate) fn set_newer(&self, row: RowId, newer: RowId, xid: u64) -> Linked {
        let Some(group) = self.group(row.group()) else { return Linked::default() };
        let (page, place) = group.page_of(row.lane());
        let mut page = page.write();
        match page.remove_rival(place, xid) {
            None => page.set_newer(place, Some(newer)),
            Some(rival) => page.add_rival(Rival { newer: Some(newer), ..rival }),
        }
        Linked { is_locked: page.is_locked(place), xmax: page.xmax(place) }
    }

    /// Returns a row's stamps and its newer version.
    pub(crate) fn stamps(&self, row: RowId) -> Option<(u64, u64, Option<RowId>)> {
        let group = self.group(row.group()).filter(|group| row.lane() < group.len())?;
        let (page, place) = group.page_of(row.lane());
        let page = page.read();
        let begin = match page.begin(place) {
            crate::mvcc::stamp::ALWAYS => group.begin(),
            begin => begin,
        };
        Some((begin, page.end(place), page.newer(place)))
    }
}

/// See [`Heap::holder`].
pub(crate) fn holder_in(group: &Group, row: RowId, own: u64, xids: &XidTable) -> Option<Holder> {
    let in_flight = |stamp: u64| {
        let xid = xid_of(stamp);
        (stamp > IN_FLIGHT && xid != own && xids.commit_of(xid).is_none()).then_some(xid)
    };
    if let Some(xid) = in_flight(group.begin()) {
        return Some(Holder::InFlight(xid));
    }
    let (page, place) = group.page_of(row.lane());
    if !page.is_touched() {
        return Some(Holder::Row(row));
    }
    let page = page.read();
    let (begin, end) = (page.begin(place), page.end(place));
    if begin == NEVER {
        return None;
    }
    if let Some(xid) = in_flight(begin) {
        return Some(Holder::InFlight(xid));
    }
    if page.rival(place, own).is_some() {
        return None;
    }
    match end {
        NEVER => Some(Holder::Row(row)),
        IN_FLIGHT.. => in_flight(end).map(Holder::InFlight),
        ..NEVER => None,
    }
}

const _: () = assert!(ROW_GROUP_ROWS.is_multiple_of(VECTOR_LANES));
