//! Heaps: a table's rows, all versions of them, and its indexes.
//!
//! A heap is shared by all transactions and changes in place; what each of them sees of it is decided by stamps. A table
//! gets a new heap when it is truncated or rewritten. Locks are taken in this order, and few at a time: tail, index,
//! page, transactions in flight.

pub(crate) mod group;
pub(crate) mod page;
mod places;
pub(crate) mod rivals;
pub(crate) mod row;
pub(crate) mod system;
mod vacuum;
pub(crate) mod write;

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use parking_lot::{Mutex, RwLock};

pub use system::{RowState, SystemColumns};
pub(crate) use write::{EndAttempt, Holder, Placed};

use crate::durable::manifest::Damage;
use crate::error::Result;
use crate::index::pruning::Pruning;
use crate::index::ranges::FrozenRanges;
use crate::index::tree::Index;
use crate::index::{IndexDefinition, IndexId};
use crate::segment::Segment;
use crate::table::{ColumnDefinition, RowId, TableId};
use group::Group;
use row::RowLayout;

/// See the module.
#[derive(Debug)]
pub(crate) struct Heap {
    /// Never used again.
    pub(crate) id: u64,
    pub(crate) table: TableId,
    pub(crate) layout: Arc<RowLayout>,
    groups: ArcSwap<Vec<Arc<Group>>>,
    /// Held by whoever changes the lists of row groups and of indexes.
    lists: Mutex<()>,
    /// See [`Self::arrangement`].
    arrangement: AtomicU64,
    /// What is known of frozen row groups as a whole, made when it is asked for.
    ranges: ArcSwapOption<FrozenRanges>,
    /// Row groups whose rows were moved to others by a commit, for those who still hold identifiers of their rows.
    retired: RwLock<Vec<(u64, Arc<Group>)>>,
    next_group: AtomicU64,
    tail: Mutex<Tail>,
    /// Ended rows in the order of the commits that ended them.
    garbage: Mutex<VecDeque<(u64, RowId)>>,
    indexes: ArcSwap<Vec<Arc<Index>>>,
    /// The newest commit that changed a row.
    pub(crate) changed_at: AtomicU64,
    /// The newest commit that has copied the rows into this heap and left some out that older snapshots see; 0: none.
    pub(crate) lost_before: AtomicU64,
    /// That commit when the table was looked at last, and how many times in a row it has been the same.
    quiet: Mutex<(u64, u32)>,
    /// How often rows have moved to other places.
    moves: AtomicU64,
    /// What others keep with the rows, by number.
    attachments: Mutex<HashMap<u64, Arc<dyn Any + Send + Sync>>>,
    /// Why the rows cannot be read, if they cannot.
    pub(crate) damage: OnceLock<Damage>,
}

/// Where the next row goes.
#[derive(Debug, Default)]
struct Tail {
    group: Option<Arc<Group>>,
    free: Vec<RowId>,
}

/// A row group, found for a moment: nothing is counted that others count, too.
pub(crate) enum GroupRef {
    /// By its position in the list.
    Listed(Guard<Arc<Vec<Arc<Group>>>>, usize),
    /// One that is not in the list any more.
    Retired(Arc<Group>),
}

impl std::ops::Deref for GroupRef {
    type Target = Arc<Group>;
    fn deref(&self) -> &Arc<Group> {
        match self {
            Self::Listed(groups, position) => &groups[*position],
            Self::Retired(group) => group,
        }
    }
}

/// Returns where a row group is in a list.
fn position_of(list: &[Arc<Group>], id: u64) -> Option<usize> {
    // Most lists have every number.
    match list.get(id as usize) {
        Some(group) if group.id == id => Some(id as usize),
        Some(_) | None => list.binary_search_by_key(&id, |group| group.id).ok(),
    }
}

impl Heap {
    pub(crate) fn new(id: u64, table: TableId, columns: Arc<[ColumnDefinition]>) -> Self {
        Self {
            id,
            table,
            layout: Arc::new(RowLayout::new(columns)),
            groups: ArcSwap::default(),
            lists: Mutex::default(),
            arrangement: AtomicU64::new(0),
            ranges: ArcSwapOption::empty(),
            retired: RwLock::default(),
            next_group: AtomicU64::new(0),
            tail: Mutex::default(),
            garbage: Mutex::default(),
            indexes: ArcSwap::default(),
            changed_at: AtomicU64::new(0),
            lost_before: AtomicU64::new(0),
            quiet: Mutex::default(),
            moves: AtomicU64::new(0),
            attachments: Mutex::default(),
            damage: OnceLock::new(),
        }
    }

    pub(crate) fn columns(&self) -> &Arc<[ColumnDefinition]> {
        self.layout.columns()
    }

    /// Fails when the rows cannot be read.
    pub(crate) fn check(&self) -> Result<()> {
        self.damage.get().map_or(Ok(()), |damage| Err(damage.error.clone()))
    }

    /// Returns the row groups, ascending, to keep.
    pub(crate) fn groups(&self) -> Arc<Vec<Arc<Group>>> {
        self.groups.load_full()
    }

    /// Returns the row groups, ascending, to look at for a moment.
    pub(crate) fn list(&self) -> Guard<Arc<Vec<Arc<Group>>>> {
        self.groups.load()
    }

    /// Returns a row group.
    pub(crate) fn group(&self, id: u64) -> Option<GroupRef> {
        if let Some(group) = self.listed_group(id) {
            return Some(group);
        }
        let retired = self.retired.read();
        let group = retired.iter().map(|(_, group)| group).find(|group| group.id == id)?;
        Some(GroupRef::Retired(Arc::clone(group)))
    }

    /// Returns a row group that is in the list.
    pub(crate) fn listed_group(&self, id: u64) -> Option<GroupRef> {
        let groups = self.groups.load();
        let position = position_of(&groups, id)?;
        Some(GroupRef::Listed(groups, position))
    }

    /// Returns a number for which frozen row groups there are: odd while that changes.
    pub(crate) fn arrangement(&self) -> u64 {
        self.arrangement.load(Ordering::SeqCst)
    }

    /// Returns the ranges of the frozen row groups that there are; `None` while that changes.
    fn frozen_ranges(&self) -> Guard<Option<Arc<FrozenRanges>>> {
        let arrangement = self.arrangement();
        let known = self.ranges.load();
        if known.as_ref().is_some_and(|known| known.arrangement == arrangement) || arrangement % 2 == 1 {
            return known;
        }
        let definitions: Vec<Arc<Index>> = self.indexes().iter().cloned().collect();
        let made =
            FrozenRanges::new(arrangement, &self.list(), definitions.iter().map(|index| &index.definition));
        if self.arrangement() == arrangement {
            self.ranges.store(Some(Arc::new(made)));
        }
        self.ranges.load()
    }

    /// Calls `each` with the row groups in directories that may have keys of `pruning`, ascending, with their segments and
    /// positions therein, until it returns something. Calls `both` first with those whose rows may be in trees, too; not
    /// only with those that may have such keys.
    pub(crate) fn each_frozen<T>(
        &self,
        pruning: &Pruning,
        mut both: impl FnMut(u64),
        mut each: impl FnMut(&Arc<Group>, &Arc<Segment>, usize) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut look = |group: &Arc<Group>| match group.segment() {
            Some((segment, position)) if !pruning.excludes(segment, position) => {
                each(group, segment, position)
            }
            Some(_) | None => Ok(None),
        };
        let ranges = self.frozen_ranges();
        let list = self.list();
        // The list has the row groups of the ranges when nothing has changed until now.
        if let Some(ranges) = ranges.as_ref().filter(|ranges| ranges.arrangement == self.arrangement()) {
            ranges.in_trees().iter().for_each(|id| both(*id));
            for id in ranges.candidates(pruning) {
                if let Some(position) = position_of(&list, id)
                    && let Some(found) = look(&list[position])?
                {
                    return Ok(Some(found));
                }
            }
            return Ok(None);
        }
        let frozen = || list.iter().filter(|group| group.is_in_directories());
        frozen().filter(|group| group.is_in_trees()).for_each(|group| both(group.id));
        for group in frozen() {
            if let Some(found) = look(group)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Changes which frozen row groups there are.
    fn rearrange(&self, change: impl FnOnce()) {
        self.arrangement.fetch_add(1, Ordering::SeqCst);
        change();
        self.arrangement.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets indexes look into the directories for the rows of row groups that have been frozen.
    pub(crate) fn move_to_directories(&self, groups: &[Arc<Group>]) {
        let lists = self.lists.lock();
        self.rearrange(|| groups.iter().for_each(|group| group.move_to_directories()));
        drop(lists);
        self.complete_maps();
    }

    /// Makes the hash tables that indexes want, and adds to those that are there what has been frozen.
    pub(crate) fn complete_maps(&self) {
        for index in self.indexes().iter().filter(|index| index.map.is_made() || index.map.is_wanted()) {
            // As long as a segment cannot be read the directories answer.
            let _ = index.map.complete(&index.definition, self);
        }
    }

    /// Puts another list of row groups in the place of the list.
    fn change_groups(&self, change: impl FnOnce(&mut Vec<Arc<Group>>)) {
        let _lists = self.lists.lock();
        let mut list = Vec::clone(&self.groups.load());
        change(&mut list);
        let frozen = |list: &[Arc<Group>]| -> Vec<u64> {
            list.iter().filter(|group| group.is_in_directories()).map(|group| group.id).collect()
        };
        // A row group in memory that comes or goes is nothing to the directories.
        if frozen(&list) == frozen(&self.groups.load()) {
            self.groups.store(Arc::new(list));
        } else {
            self.rearrange(|| self.groups.store(Arc::new(list)));
        }
    }

    /// Puts row groups in the place of others, at once for all who look at the list of row groups.
    pub(crate) fn exchange_groups(&self, old: &[Arc<Group>], new: &[Arc<Group>]) {
        self.change_groups(|list| {
            list.retain(|group| !old.iter().any(|old| old.id == group.id));
            list.extend(new.iter().cloned());
            list.sort_by_key(|group| group.id);
        });
        if !new.is_empty() {
            self.moves.fetch_add(1, Ordering::Release);
        }
    }

    /// Returns how often rows have moved to other places.
    pub(crate) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Acquire)
    }

    /// Returns what somebody keeps with the rows under a number.
    pub(crate) fn attachment(
        &self,
        number: u64,
        make: &dyn Fn() -> Arc<dyn Any + Send + Sync>,
    ) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(self.attachments.lock().entry(number).or_insert_with(make))
    }

    /// Keeps row groups that are not in the list any more for those who hold identifiers of their rows, until everybody
    /// sees `commit`.
    pub(crate) fn retire(&self, commit: u64, old: &[Arc<Group>]) {
        let mut retired = self.retired.write();
        retired.retain(|(_, group)| !old.iter().any(|old| Arc::ptr_eq(old, group)));
        retired.extend(old.iter().map(|group| (commit, Arc::clone(group))));
    }

    /// Takes that back.
    pub(crate) fn unretire(&self, old: &[Arc<Group>]) {
        self.retired.write().retain(|(_, group)| !old.iter().any(|old| Arc::ptr_eq(old, group)));
    }

    /// Calls `each` with the row groups that are kept so.
    pub(crate) fn each_retired(&self, mut each: impl FnMut(&Group)) {
        self.retired.read().iter().for_each(|(_, group)| each(group));
    }

    /// Lets go of what nobody can hold identifiers of.
    pub(crate) fn forget_retired(&self, horizon: u64) {
        if !self.retired.read().is_empty() {
            self.retired.write().retain(|(commit, _)| *commit > horizon);
        }
    }

    pub(crate) fn next_group(&self) -> u64 {
        self.next_group.load(Ordering::Relaxed)
    }

    pub(crate) fn take_group_number(&self) -> u64 {
        self.next_group.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes sure that numbers below `next` are not used again.
    pub(crate) fn reserve_groups(&self, next: u64) {
        self.next_group.fetch_max(next, Ordering::Relaxed);
    }

    /// Adds a row group; its number may be any that is not in use.
    pub(crate) fn add_group(&self, group: Arc<Group>) {
        self.reserve_groups(group.id + 1);
        self.change_groups(|list| match list.binary_search_by_key(&group.id, |group| group.id) {
            Ok(index) => list[index] = group,
            Err(index) => list.insert(index, group),
        });
    }

    /// Adds the row groups of a segment.
    pub(crate) fn add_segment(&self, segment: &Arc<Segment>, begin: u64) -> Vec<Arc<Group>> {
        let make = |index| {
            let id = self.take_group_number();
            let group = Arc::new(Group::frozen(id, segment, index, segment.rows(index), begin));
            self.add_group(Arc::clone(&group));
            group
        };
        (0..segment.group_count()).map(make).collect()
    }

    /// Removes a row group that nobody sees.
    pub(crate) fn remove_group(&self, id: u64) {
        self.change_groups(|list| list.retain(|group| group.id != id));
    }

    /// Returns the indexes.
    pub(crate) fn indexes(&self) -> Guard<Arc<Vec<Arc<Index>>>> {
        self.indexes.load()
    }

    /// Returns an index.
    pub(crate) fn index(&self, id: IndexId) -> Option<Arc<Index>> {
        self.indexes.load().iter().find(|index| index.definition.id == id).cloned()
    }

    /// Puts another list of indexes in the place of the list.
    fn change_indexes(&self, change: impl FnOnce(&mut Vec<Arc<Index>>)) {
        let _lists = self.lists.lock();
        let mut list = Vec::clone(&self.indexes.load());
        change(&mut list);
        self.indexes.store(Arc::new(list));
    }

    /// Adds an index without entries.
    pub(crate) fn add_index(&self, definition: IndexDefinition) -> Arc<Index> {
        let index = Arc::new(Index::new(definition));
        self.restore_index(Arc::clone(&index));
        index
    }

    /// Puts back an index that was removed, with the entries that it had.
    pub(crate) fn restore_index(&self, index: Arc<Index>) {
        self.change_indexes(|list| {
            let at = list.partition_point(|other| other.definition.id < index.definition.id);
            list.insert(at, index);
        });
    }

    /// Removes an index; returns it.
    pub(crate) fn remove_index(&self, id: IndexId) -> Option<Arc<Index>> {
        let removed = self.index(id);
        self.change_indexes(|list| list.retain(|index| index.definition.id != id));
        for group in self.groups().iter() {
            group.directories.forget(id);
        }
        removed
    }

    /// Returns how many times in a row nothing has changed since the last call, and how many commits, of this table and
    /// others, lie between the changes of the last call and those of this one.
    pub(crate) fn count_quiet(&self) -> (u32, u64) {
        let changed_at = self.changed_at.load(Ordering::Relaxed);
        let mut quiet = self.quiet.lock();
        let commits = changed_at.saturating_sub(quiet.0);
        *quiet = if commits == 0 { (changed_at, quiet.1.saturating_add(1)) } else { (changed_at, 0) };
        (quiet.1, commits)
    }

    /// Lets go of stamps that say the same to everybody.
    pub(crate) fn settle(&self, horizon: u64) {
        self.groups().iter().for_each(|group| group.settle(horizon));
    }

    /// The same for row groups in segments only, which are worth it while others change rows.
    pub(crate) fn settle_frozen(&self, horizon: u64) {
        self.groups().iter().filter(|group| !group.is_hot()).for_each(|group| group.settle(horizon));
    }

    /// Notes a commit that changed rows.
    pub(crate) fn note_commit(&self, commit: u64) {
        if self.changed_at.load(Ordering::Relaxed) < commit {
            self.changed_at.fetch_max(commit, Ordering::Relaxed);
        }
    }
}
