//! Places for new rows: free ones once there are enough, else behind the last row.

use std::sync::Arc;

use super::group::Group;
use super::{Heap, Tail};
use crate::mvcc::stamp::xid_of;
use crate::table::RowId;

/// A tuning constant: as long as fewer places are free, rows are appended.
const FREE_PLACES_MIN: usize = 1024;

impl Heap {
    /// Puts a row into the heap, without indexes.
    pub(crate) fn place(&self, mut row: Box<[u8]>, begin: u64) -> RowId {
        self.layout.set_origin(&mut row, xid_of(begin) as u32);
        // The lock is held until the row is there, so that a row group about to freeze has no empty places to come.
        let mut tail = self.tail.lock();
        let (group, lane) = self.take_place(&mut tail);
        let (page, place) = group.page_of(lane);
        page.write().place(place, row, begin);
        // A scan that finds the place finds its stamp.
        group.set_len(group.len().max(lane + 1));
        RowId::new(group.id, lane)
    }

    fn take_place(&self, tail: &mut Tail) -> (Arc<Group>, usize) {
        while tail.free.len() >= FREE_PLACES_MIN
            && let Some(row) = tail.free.pop()
        {
            let group = self.listed_group(row.group());
            if let Some(group) = group.filter(|group| group.is_hot() && !group.is_closed()) {
                group.note_change();
                return (Arc::clone(&group), row.lane());
            }
        }
        let group = match &tail.group {
            Some(group) if !group.is_full() => Arc::clone(group),
            Some(_) | None => {
                let group = Arc::new(Group::hot(self.take_group_number()));
                self.add_group(Arc::clone(&group));
                tail.group = Some(Arc::clone(&group));
                group
            }
        };
        let lane = group.len();
        (group, lane)
    }

    /// Gives places back.
    pub(crate) fn free_places(&self, rows: impl IntoIterator<Item = RowId>) {
        self.tail.lock().free.extend(rows);
    }

    /// Returns how many places are free, and what their list takes.
    pub(crate) fn free_memory(&self) -> (usize, usize) {
        let tail = self.tail.lock();
        (tail.free.len(), tail.free.capacity() * size_of::<RowId>())
    }

    /// Stops giving away places in a row group, which is about to leave memory: those that are free, and those that
    /// come free meanwhile.
    pub(crate) fn retire_places(&self, group: &Group) {
        let mut tail = self.tail.lock();
        group.set_closed(true);
        tail.free.retain(|row| row.group() != group.id);
        let room = FREE_PLACES_MIN.max(tail.free.len() * 2);
        tail.free.shrink_to(room);
        if tail.group.as_ref().is_some_and(|last| last.id == group.id) {
            tail.group = None;
        }
    }

    /// Gives places in a row group away again that come free from now on: it stays in memory.
    pub(crate) fn reopen_places(&self, group: &Group) {
        let _tail = self.tail.lock();
        group.set_closed(false);
    }

    /// Says where the next row goes, after recovery.
    pub(crate) fn set_tail(&self) {
        let last = self.groups().last().filter(|group| group.is_hot() && !group.is_full()).cloned();
        self.tail.lock().group = last;
    }
}
