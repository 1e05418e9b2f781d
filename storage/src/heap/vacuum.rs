//! Removing what nobody sees any more. Whoever commits removes a little, so that garbage cannot pile up.

use super::Heap;
use crate::error::Result;
use crate::table::RowId;

/// A tuning constant: with room for fewer rows than this, the list of ended rows keeps its room.
const CAPACITY_MIN: usize = 1 << 14;

impl Heap {
    /// Notes rows that `commit` ended.
    pub(crate) fn add_garbage(&self, commit: u64, rows: impl IntoIterator<Item = RowId>) {
        self.garbage.lock().extend(rows.into_iter().map(|row| (commit, row)));
    }

    /// Removes up to `budget` rows that ended at `horizon` or before. Returns how many are left to look at.
    pub(crate) fn vacuum(&self, horizon: u64, budget: usize) -> Result<usize> {
        let mut done = Vec::new();
        let left = {
            let mut garbage = self.garbage.lock();
            while done.len() < budget
                && let Some((commit, row)) = garbage.front().copied()
                && commit <= horizon
            {
                garbage.pop_front();
                done.push(row);
            }
            // A long snapshot may have let it grow.
            if garbage.capacity() > CAPACITY_MIN.max(garbage.len() * 4) {
                let room = garbage.len() * 2;
                garbage.shrink_to(room);
            }
            garbage.len()
        };
        for row in done {
            self.erase(row)?;
        }
        Ok(left)
    }

    /// Returns how many ended rows are to be looked at, and what their list takes.
    pub(crate) fn garbage_memory(&self) -> (usize, usize) {
        let garbage = self.garbage.lock();
        (garbage.len(), garbage.capacity() * size_of::<(u64, RowId)>())
    }
}
