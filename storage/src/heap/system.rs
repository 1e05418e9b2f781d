//! What is known of single rows besides their values: whether they are there, and who has made and ended them.

use super::Heap;
use super::write::{Holder, holder_in};
use crate::error::Result;
use crate::mvcc::stamp::{IN_FLIGHT, NEVER, command_of, xid_of};
use crate::mvcc::xids::XidTable;
use crate::table::RowId;

/// Whether a row is there, whatever a snapshot sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// Committed, or made by the asking transaction.
    There,
    /// It comes or goes with another transaction in flight.
    InFlight(u64),
    /// The asking transaction has ended it.
    Ended,
    /// It will never be there again.
    Gone,
}

/// What the system columns of a row version say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SystemColumns {
    /// The transaction that has made it.
    pub xmin: u32,
    /// The transaction that has ended or locked it last, and may have failed; 0 when there is none.
    pub xmax: u32,
    /// The command that has made or ended it, as long as its transaction is in flight; otherwise 0.
    pub command: u32,
}

/// Who has made a row is not known: it is older than everything (`FrozenTransactionId`).
pub(crate) const UNKNOWN_ORIGIN: u32 = 2;

impl Heap {
    /// Notes that a transaction has locked a row that is there.
    pub(crate) fn note_locker(&self, row: RowId, xid: u64) {
        if let Some(group) = self.group(row.group()) {
            let (page, place) = group.page_of(row.lane());
            page.write().set_xmax(place, xid as u32);
        }
    }

    /// Sets who has made a row in memory.
    pub(crate) fn set_origin(&self, row: RowId, origin: u32) {
        if let Some(group) = self.group(row.group()) {
            let (page, place) = group.page_of(row.lane());
            page.write().change_row(place, |bytes| self.layout.set_origin(bytes, origin));
        }
    }

    /// Returns whether a row is there, as transaction `own` has to take it.
    pub(crate) fn row_state(&self, row: RowId, own: u64, xids: &XidTable) -> RowState {
        let Some(group) = self.group(row.group()).filter(|group| row.lane() < group.len()) else {
            return RowState::Gone;
        };
        match holder_in(&group, row, own, xids) {
            Some(Holder::Row(_)) => RowState::There,
            Some(Holder::InFlight(xid)) => RowState::InFlight(xid),
            None => {
                let (page, place) = group.page_of(row.lane());
                let end = page.read().end(place);
                if end > IN_FLIGHT && xid_of(end) == own { RowState::Ended } else { RowState::Gone }
            }
        }
    }

    /// Returns the system columns of a row; `None` when there is none.
    pub(crate) fn system_columns(&self, row: RowId, xids: &XidTable) -> Result<Option<SystemColumns>> {
        let Some(group) = self.group(row.group()).filter(|group| row.lane() < group.len()) else {
            return Ok(None);
        };
        let (page, place) = group.page_of(row.lane());
        let (begin, end, kept, origin) = {
            let page = page.read();
            let origin = page.row(place).map(|row| self.layout.origin(row));
            (page.begin(place).max(group.begin()), page.end(place), page.xmax(place), origin)
        };
        let xmin = match origin {
            Some(origin) => origin,
            None => group.origin_of(row.lane(), self.columns().len())?,
        };
        let command = |stamp: u64| if stamp > IN_FLIGHT { command_of(stamp) } else { 0 };
        Ok(Some(match end {
            NEVER => SystemColumns { xmin, xmax: kept, command: command(begin) },
            IN_FLIGHT.. => SystemColumns { xmin, xmax: xid_of(end) as u32, command: command(end) },
            ..NEVER => SystemColumns { xmin, xmax: xids.xid_of_commit(end).unwrap_or(kept), command: 0 },
        }))
    }
}
