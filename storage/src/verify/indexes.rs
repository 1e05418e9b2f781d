//! Indexes against rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernels::vector::Values;

use super::Report;
use crate::error::Result;
use crate::heap::Heap;
use crate::index::IndexRange;
use crate::index::cursor::IndexCursor;
use crate::index::key::{Key, key_of_row, range_of};
use crate::index::pruning::Pruning;
use crate::index::tree::Index;
use crate::scan::TableScan;
use crate::table::RowId;

/// Checks that an index gives exactly the rows of a scan, in order, and no key twice that is to be unique.
pub(super) fn verify_index(
    scan: &TableScan,
    heap: &Arc<Heap>,
    index: &Arc<Index>,
    report: &mut Report,
) -> Result<()> {
    let Some(snapshot) = scan.snapshot() else { return Ok(()) };
    let mut expected: BTreeSet<RowId> = rows_of(scan).into_iter().collect();
    let range = range_of(&index.definition, &IndexRange::default())?;
    let mut cursor =
        IndexCursor::new(Arc::clone(heap), Arc::clone(index), snapshot, range, &Pruning::default(), false)?;
    let mut before: Option<Key> = None;
    let mut problem = |what: String| {
        let name = &index.definition.name;
        report.problems.push(format!("table {}, index \"{name}\": {what}", scan.table().0));
    };
    while let Some((key, id)) = cursor.next_entry() {
        if !expected.remove(&id) {
            problem(format!("row {} is not in the table, or twice in the index", id.0));
        }
        if before.as_ref().is_some_and(|before| *before > key) {
            problem(format!("row {} is out of order", id.0));
        }
        if index.definition.unique && before.as_ref() == Some(&key) && !may_repeat(heap, index, id)? {
            problem(format!("row {} has the key of another", id.0));
        }
        before = Some(key);
    }
    if let Some(row) = expected.first() {
        problem(format!("row {} is missing", row.0));
    }
    Ok(())
}

/// Returns whether a row's key has a null that makes it differ from equal ones.
fn may_repeat(heap: &Heap, index: &Index, id: RowId) -> Result<bool> {
    let Some(group) = heap.group(id.group()) else { return Ok(true) };
    let Some(row) = group.row(&heap.layout, id.lane())? else { return Ok(true) };
    let (_, any_null) = key_of_row(&index.definition, &heap.layout, &row.bytes)?;
    Ok(any_null && index.definition.nulls_distinct)
}

fn rows_of(scan: &TableScan) -> Vec<RowId> {
    let mut rows = Vec::new();
    for group in 0..scan.row_group_count() {
        let group = scan.row_group(group);
        for vector_index in 0..group.vector_count() {
            let visible = group.visible(vector_index);
            let Values::I64(ids) = group.row_ids(vector_index).values().clone() else { continue };
            let seen = |lane: &usize| visible.as_ref().is_none_or(|visible| visible.get(*lane));
            rows.extend((0..ids.len()).filter(seen).map(|lane| RowId(ids[lane] as u64)));
        }
    }
    rows
}
