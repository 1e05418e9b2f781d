//! Making an index over rows that are there.

use rayon::prelude::*;

use super::key::{Key, key_of_row};
use super::tree::Index;
use crate::error::Result;
use crate::heap::Heap;
use crate::heap::group::{Form, Group};
use crate::mvcc::xids::XidTable;
use crate::table::RowId;
use crate::transaction::duplicate;

/// Adds all rows in memory to an index, and checks that keys which are to be unique are. Nobody else writes meanwhile.
pub(crate) fn fill_index(heap: &Heap, index: &Index, own: u64, xids: &XidTable) -> Result<()> {
    make_directories(heap, index)?;
    if index.definition.unique && are_apart(heap, index)? {
        return Ok(());
    }
    let mut keys: Vec<(Key, RowId)> = Vec::new();
    for group in heap.groups().iter() {
        if group.is_in_directories() {
            if index.definition.unique
                && let Form::Frozen { segment, index: position } = group.form()
            {
                let directory =
                    group.directories.get(&index.definition, heap.columns(), &segment, position)?;
                let rows = directory.entries();
                keys.extend(rows.map(|(key, lane)| (key, RowId::new(group.id, usize::from(lane)))));
            }
        } else {
            each_row(heap, group, index, |key, row| {
                index.insert(key.clone(), row);
                if index.definition.unique {
                    keys.push((key, row));
                }
            })?;
        }
    }
    if !index.definition.unique {
        return Ok(());
    }
    keys.sort_unstable();
    let mut before: Option<&Key> = None;
    for (key, row) in &keys {
        if heap.holder(*row, own, xids).is_none() {
            continue;
        }
        if before == Some(key) {
            let stored = match heap.group(row.group()) {
                Some(group) => group.row(&heap.layout, row.lane())?,
                None => None,
            };
            let Some(stored) = stored else { continue };
            let (_, any_null) = key_of_row(&index.definition, &heap.layout, &stored.bytes)?;
            if !(any_null && index.definition.nulls_distinct) {
                return Err(duplicate(heap, index, &stored.bytes));
            }
        }
        before = Some(key);
    }
    Ok(())
}

/// Returns whether all rows are in directories whose keys, of which none is there twice, do not overlap: rows that were
/// loaded in the order of a key.
fn are_apart(heap: &Heap, index: &Index) -> Result<bool> {
    let mut directories = Vec::new();
    for group in heap.groups().iter() {
        let Some((segment, position)) = group.segment().filter(|_| group.is_in_directories()) else {
            return Ok(false);
        };
        directories.push(group.directories.get(&index.definition, heap.columns(), segment, position)?);
    }
    let mut bounds: Vec<&(Key, Key)> = directories.iter().filter_map(|made| made.bounds()).collect();
    bounds.sort_unstable();
    let overlap = bounds.windows(2).any(|pair| pair[0].1 >= pair[1].0);
    Ok(!overlap && !directories.iter().any(|made| made.has_duplicates()))
}

/// Makes the directories of all frozen row groups, so that the first look-up need not.
fn make_directories(heap: &Heap, index: &Index) -> Result<()> {
    let groups = heap.groups();
    groups.par_iter().filter(|group| group.is_in_directories()).try_for_each(|group| {
        if let Form::Frozen { segment, index: position } = group.form() {
            group.directories.get(&index.definition, heap.columns(), &segment, position)?;
        }
        Ok(())
    })
}

/// Adds the rows of a row group in memory to an index.
pub(crate) fn fill_group(heap: &Heap, group: &Group, index: &Index) -> Result<()> {
    each_row(heap, group, index, |key, row| index.insert(key, row))
}

/// Removes the rows of a row group in memory from an index.
pub(crate) fn unfill_group(heap: &Heap, group: &Group, index: &Index) -> Result<()> {
    each_row(heap, group, index, |key, row| index.remove(key, row))
}

fn each_row(heap: &Heap, group: &Group, index: &Index, mut each: impl FnMut(Key, RowId)) -> Result<()> {
    for lane in 0..group.len() {
        let (page, place) = group.page_of(lane);
        let key = match page.read().row(place) {
            Some(bytes) => key_of_row(&index.definition, &heap.layout, bytes)?.0,
            None => continue,
        };
        each(key, RowId::new(group.id, lane));
    }
    Ok(())
}
