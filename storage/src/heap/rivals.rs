//! Ends that do not count yet: what transactions that do not wait do to rows that another one has ended.
//!
//! One end of a row counts: it keeps others away, and is what the row is left with. A transaction that does not wait
//! (`surus.concurrency_control = optimistic`) and meets such an end of a transaction in flight notes its own beside it, a
//! *rival*, which only its own snapshots respect. The first to commit makes its end the one that counts, under the commit lock,
//! and that of another becomes the rival; who comes later finds at its commit that it cannot. Those who wait for others
//! are not displaced, and neither is one that is about to be committed or is prepared.

use super::Heap;
use super::write::{EndAttempt, Holder, holder_in};
use crate::error::{Result, StorageError};
use crate::heap::group::Group;
use crate::index::key::key_of_row;
use crate::locks::RowLockMode;
use crate::mvcc::stamp::{IN_FLIGHT, NEVER, in_flight, xid_of};
use crate::mvcc::xids::XidTable;
use crate::table::RowId;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rival {
    pub(crate) lane: usize,
    /// Of the transaction, in flight.
    pub(crate) stamp: u64,
    pub(crate) newer: Option<RowId>,
    pub(crate) key_kept: bool,
}

impl Heap {
    /// Ends a row for a transaction alone, whose end another one in flight has made. `None`: there is none any more.
    pub(crate) fn end_privately(
        &self,
        row: RowId,
        (xid, command): (u64, u32),
        mode: RowLockMode,
        check_locks: bool,
        xids: &XidTable,
    ) -> Option<EndAttempt> {
        let group = self.group(row.group())?;
        let (page, place) = group.page_of(row.lane());
        let mut page = page.write();
        let (begin, end) = (page.begin(place), page.end(place));
        let is_other = |stamp: u64| stamp > IN_FLIGHT && xid_of(stamp) != xid;
        let is_open = |stamp: u64| is_other(stamp) && xids.commit_of(xid_of(stamp)).is_none();
        if begin == NEVER || is_open(begin) || !is_open(end) || page.rival(place, xid).is_some() {
            return None;
        }
        if check_locks && page.is_locked(place) {
            return Some(EndAttempt::Locked);
        }
        let key_kept = mode < RowLockMode::Update;
        page.add_rival(Rival { lane: place, stamp: in_flight(xid, command), newer: None, key_kept });
        Some(EndAttempt::Ended)
    }

    /// Makes the end that a transaction has made of a row the one that counts. Returns whether that can be. The caller
    /// has the commit lock.
    pub(crate) fn claim(&self, row: RowId, xid: u64, xids: &XidTable) -> bool {
        let Some(group) = self.group(row.group()) else { return false };
        let (page, place) = group.page_of(row.lane());
        let mut page = page.write();
        let end = page.end(place);
        let Some(own) = page.rival(place, xid).copied() else {
            return end > IN_FLIGHT && xid_of(end) == xid;
        };
        if end != NEVER {
            let displaced = xids.get(xid_of(end)).filter(|other| end > IN_FLIGHT && other.yields());
            let Some(displaced) = displaced else { return false };
            let rival = Rival {
                lane: place,
                stamp: end,
                newer: page.newer(place),
                key_kept: page.is_key_kept(place),
            };
            page.add_rival(rival);
            // Whoever waits for it waits for this one now.
            displaced.release();
        }
        page.remove_rival(place, xid);
        page.set_end(place, own.stamp);
        page.set_newer(place, own.newer);
        page.set_key_kept(place, own.key_kept);
        drop(page);
        group.note_change();
        true
    }

    /// Returns what lock the end is that a transaction has made of a row.
    pub(crate) fn end_mode(&self, row: RowId, xid: u64) -> Option<RowLockMode> {
        let group = self.group(row.group())?;
        let (page, place) = group.page_of(row.lane());
        let page = page.read();
        let end = page.end(place);
        let counts = end > IN_FLIGHT && xid_of(end) == xid;
        let mode = if page.is_key_kept(place) { RowLockMode::NoKeyUpdate } else { RowLockMode::Update };
        counts.then_some(mode)
    }

    /// Fails if a row that a transaction has locked is gone, or goes with one that does not give way. Returns the newer version
    /// to which the lock passes. The caller has the commit lock.
    pub(crate) fn require_lock(
        &self,
        row: RowId,
        own: u64,
        mode: RowLockMode,
        xids: &XidTable,
    ) -> Result<Option<RowId>> {
        let lost = Err(StorageError::OptimisticConflict);
        let Some(group) = self.group(row.group()) else { return lost };
        let (page, place) = group.page_of(row.lane());
        let page = page.read();
        let (begin, end) = (page.begin(place), page.end(place));
        if begin == NEVER {
            return lost;
        }
        if end == NEVER || end > IN_FLIGHT && xid_of(end) == own {
            return Ok(None);
        }
        if end > IN_FLIGHT && xids.yields(xid_of(end)) {
            return Ok(None);
        }
        match page.newer(place) {
            Some(newer) if mode == RowLockMode::KeyShare && page.is_key_kept(place) => Ok(Some(newer)),
            Some(_) | None => lost,
        }
    }

    /// Returns whether a row whose key has a holder in flight is one that this one has made.
    pub(crate) fn is_begun_by(&self, row: RowId, holder: Holder) -> bool {
        let Holder::InFlight(xid) = holder else { return false };
        self.stamps(row).is_some_and(|(begin, ..)| begin > IN_FLIGHT && xid_of(begin) == xid)
    }

    /// Returns whether a row that a transaction has inserted has a key, to be unique, that somebody else has, or may have
    /// who does not give way. The caller has the commit lock.
    pub(crate) fn is_contested(&self, row: RowId, own: u64, xids: &XidTable) -> Result<bool> {
        let Some(group) = self.group(row.group()) else { return Ok(false) };
        let bytes: Option<Box<[u8]>> = {
            let (page, place) = group.page_of(row.lane());
            let page = page.read();
            if page.end(place) != NEVER { None } else { page.row(place).map(Into::into) }
        };
        let Some(bytes) = bytes else { return Ok(false) };
        for index in self.indexes().iter().filter(|index| index.definition.unique) {
            let (key, any_null) = key_of_row(&index.definition, &self.layout, &bytes)?;
            if any_null && index.definition.nulls_distinct {
                continue;
            }
            let contests = |group: &Group, other: RowId| {
                let holder = holder_in(group, other, own, xids)?;
                (other != row && insists(self, other, holder, xids)).then_some(holder)
            };
            let in_memory = index.find(&key, |other| {
                self.group(other.group()).is_some_and(|group| contests(&group, other).is_some())
            });
            if in_memory.is_some() {
                return Ok(true);
            }
            let pruning = || self.pruning(index, row);
            if self.frozen_holder(index, &key, &pruning, &contests)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns whether who has a key does not give way to a transaction that commits first.
fn insists(heap: &Heap, row: RowId, holder: Holder, xids: &XidTable) -> bool {
    let Holder::InFlight(other) = holder else { return true };
    // A row that somebody is about to delete is there.
    !heap.is_begun_by(row, holder) || xids.get(other).is_none_or(|other| !other.yields())
}
