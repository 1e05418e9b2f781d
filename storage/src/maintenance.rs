//! Tidying up: what VACUUM does by command and a thread does from time to time.
//!
//! Rows that nobody sees any more are removed, full row groups in memory freeze, row groups with many dead rows are
//! compacted, and the journal is kept short. When a table has been quiet for a while, its rows go into segments and what
//! is left of stamps goes, so that it is scanned as if it had just been loaded.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::compaction::{Thresholds, compact};
use crate::durable::checkpoint::checkpoint;
use crate::durable::freeze::freeze_excess;
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::{Form, Group};
use crate::store::Store;
use crate::table::TableId;

/// Tuning constants: when rows are moved by the thread, and when by VACUUM.
const BACKGROUND: Thresholds = Thresholds { group: 16, segment: 16, memory: false, beside: false };
const LOADED: Thresholds = Thresholds { beside: true, ..BACKGROUND };
const QUIET: Thresholds = Thresholds { memory: true, ..BACKGROUND };
const COMMAND: Thresholds = Thresholds { group: 64, segment: 64, memory: true, beside: false };
/// A tuning constant: a table is quiet when nothing has changed in so many turns of the thread.
const QUIET_TURNS: u32 = 5;
/// Tuning constants: when key directories take more than this, those are let go that nobody has asked for in so many turns.
const DIRECTORY_BYTES: usize = 128 << 20;
const DIRECTORY_TURNS: u32 = 30;
/// A tuning constant: a table is busy when there are more commits than this in a turn, its own among them.
const BUSY_COMMITS: u64 = 20;
/// A tuning constant: rows removed at a time.
const GARBAGE_BUDGET: usize = 1 << 16;

/// Starts the thread, which ends with the store.
pub(crate) fn start(store: &Arc<Store>, interval: Duration) -> Result<()> {
    let watched = Arc::downgrade(store);
    let changed = move |name: &str| {
        if let Some(store) = watched.upgrade() {
            store.distrust(name);
        }
    };
    let segments = store.directory().join("segments");
    // Where that is not to be had, what was verified once counts as good.
    let _ = store.disk().watch(&segments, Box::new(changed));
    let store = Arc::downgrade(store);
    std::thread::Builder::new()
        .name("maintenance".to_owned())
        .spawn(move || run(&store, interval))
        .map(drop)
        .map_err(|error| StorageError::Io {
            what: "could not start a thread".to_owned(),
            error: error.to_string(),
        })
}

fn run(store: &Weak<Store>, interval: Duration) {
    for turn in 1.. {
        std::thread::sleep(interval);
        let Some(store) = store.upgrade() else { return };
        // What cannot be done now is tried again; what cannot be done at all is for those to say who need it.
        let _ = store.tidy(turn);
        types::account::collect_now_and_then();
    }
}

impl Store {
    /// Does what is worth doing without being asked.
    fn tidy(self: &Arc<Self>, turn: u32) -> Result<()> {
        for (table, heap) in self.heaps(&[]) {
            self.make_journal_room();
            self.remove_garbage(&heap)?;
            heap.complete_maps();
            let (turns, commits) = heap.count_quiet();
            if turns > 0 && turns.is_multiple_of(QUIET_TURNS) {
                heap.settle(self.horizon());
            } else if turn.is_multiple_of(QUIET_TURNS) {
                heap.settle_frozen(self.horizon());
            }
            if self.is_checkpointing() {
                continue;
            }
            let thresholds = match turns {
                0 if commits > BUSY_COMMITS => LOADED,
                0..QUIET_TURNS => BACKGROUND,
                QUIET_TURNS.. => QUIET,
            };
            let mut compacted = 0;
            while compact(self, table, thresholds)? {
                compacted += 1;
            }
            // Under a load the next checkpoint comes soon enough.
            if compacted > 0 && turns > 0 || self.count_compactions(compacted) {
                checkpoint(self, false)?;
            }
        }
        if !self.is_checkpointing() {
            freeze_excess(self, self.hot_bytes_max())?;
        }
        if turn.is_multiple_of(DIRECTORY_TURNS) {
            self.forget_directories();
        }
        if self.needs_checkpoint() {
            self.checkpoint_in_background();
        }
        Ok(())
    }

    /// Lets go of directories that nobody has asked for in a while, if all of them take much.
    fn forget_directories(&self) {
        let groups: Vec<Arc<Group>> =
            self.heaps(&[]).iter().flat_map(|(_, heap)| heap.groups().to_vec()).collect();
        let bytes: usize = groups.iter().map(|group| group.directories.memory().1).sum();
        if bytes > DIRECTORY_BYTES {
            groups.iter().for_each(|group| group.directories.forget_unused());
        }
    }

    /// Removes what nobody sees of tables (of all when there are none), and brings their rows into the form in which
    /// they are scanned fastest.
    ///
    /// # Errors
    /// Failures of the disk.
    pub fn vacuum(self: &Arc<Self>, tables: &[TableId]) -> Result<()> {
        let heaps = self.heaps(tables);
        let (mut hot, mut compacted) = (0, false);
        for (table, heap) in &heaps {
            self.remove_garbage(heap)?;
            while compact(self, *table, COMMAND)? {
                compacted = true;
            }
            heap.settle(self.horizon());
            heap.forget_retired(self.horizon());
            hot += full_groups(heap);
        }
        // What others keep from being moved freezes where it is.
        if hot > 0 || compacted { checkpoint(self, hot > 0) } else { Ok(()) }
    }

    /// A file was written to that nobody should write to.
    fn distrust(&self, name: &str) {
        for (_, heap) in self.heaps(&[]) {
            for group in heap.groups().iter() {
                if let Form::Frozen { segment, .. } = group.form()
                    && segment.name == name
                {
                    segment.distrust();
                }
            }
        }
    }

    fn heaps(&self, tables: &[TableId]) -> Vec<(TableId, Arc<Heap>)> {
        let version = self.published_version();
        let wanted = version.tables.iter().filter(|(table, _)| tables.is_empty() || tables.contains(table));
        wanted.map(|(table, version)| (*table, Arc::clone(&version.heap))).collect()
    }

    fn remove_garbage(&self, heap: &Heap) -> Result<()> {
        let horizon = self.horizon();
        let mut before = usize::MAX;
        loop {
            let left = heap.vacuum(horizon, GARBAGE_BUDGET)?;
            if left == 0 || left >= before {
                return Ok(());
            }
            before = left;
        }
    }
}

/// Counts full row groups in memory.
fn full_groups(heap: &Heap) -> usize {
    heap.groups().iter().filter(|group| group.is_hot() && group.is_full()).count()
}
