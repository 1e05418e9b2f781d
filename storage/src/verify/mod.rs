//! Holding every stored thing against every other, as amcheck does.

mod indexes;
mod manifest;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::builder::ColumnBuilder;
use crate::durable::hot_file;
use crate::durable::manifest::Manifest;
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::Form;
use crate::locks::TableLockMode;
use crate::scan::{RowGroup, TableScan};
use crate::store::Store;
use crate::table::{ColumnDefinition, TableId};
use crate::transaction::{Transaction, WaitPolicy};
use crate::zone_map::ZoneMap;

/// What [`verify`] looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Tables.
    pub tables: usize,
    /// Segments in use.
    pub segments: usize,
    /// Row groups, in memory or not.
    pub row_groups: usize,
    /// Visible rows.
    pub rows: u64,
    /// A sentence for everything that is wrong; empty when all is well.
    pub problems: Vec<String>,
}

/// Verifies an open store: checksums, zone maps against values, nulls, indexes against rows, the uniqueness of keys,
/// delete masks of the manifest against rows, and that every file belongs to something. Rows of transactions in flight
/// are let be.
pub fn verify(store: &Arc<Store>) -> Result<Report> {
    verify_in(&mut store.begin())
}

/// As [`verify`], with a transaction that sees the rows, waits for tables that others have to themselves, and keeps
/// everybody from taking one until it ends.
pub fn verify_in(transaction: &mut Transaction) -> Result<Report> {
    let store = Arc::clone(transaction.store());
    let tables: Vec<TableId> = store.published_version().tables.keys().copied().collect();
    let mut report = Report::default();
    for table in tables {
        // Rows keep their places while somebody may read the table, or while a prepared transaction has it to itself.
        if !store.prepared().has_locked(table) {
            transaction.lock_table(table, TableLockMode::AccessShare, WaitPolicy::Wait)?;
        }
        let version = store.published_version();
        // It may have been dropped.
        if let Some(version) = version.tables.get(&table) {
            report.tables += 1;
            verify_table(&TableScan::new(&version.heap, transaction.snapshot()), &version.heap, &mut report);
        }
    }
    verify_files(&store, &mut report)?;
    Ok(report)
}

fn verify_table(scan: &TableScan, heap: &Arc<Heap>, report: &mut Report) {
    let table = heap.table.0;
    if let Err(error) = heap.check() {
        report.problems.push(format!("table {table}: {error}"));
        return;
    }
    let mut previous = None;
    for group in heap.groups().iter() {
        if previous.is_some_and(|previous| previous >= group.id) || group.id >= heap.next_group() {
            report.problems.push(format!("table {table}: row group {} is out of order", group.id));
        }
        previous = Some(group.id);
    }
    report.rows += scan.row_count();
    for index in 0..scan.row_group_count() {
        report.row_groups += 1;
        verify_group(scan, &scan.row_group(index), report);
    }
    for index in heap.indexes().iter() {
        if let Err(error) = indexes::verify_index(scan, heap, index, report) {
            let name = &index.definition.name;
            report.problems.push(format!("table {table}, index \"{name}\": {error}"));
        }
    }
}

/// Holds the files against the manifest and the tables.
fn verify_files(store: &Arc<Store>, report: &mut Report) -> Result<()> {
    // Checkpoints wait, so that the files are those of this manifest.
    let state = store.checkpoint_state.lock();
    let version = store.published_version();
    let used = version.segments();
    report.segments = used.len();
    // A snapshot that is newer than the manifest sees nothing that was dead then.
    let newest = store.begin();
    if let Some(manifest) = Manifest::read(store.disk().as_ref(), store.directory())? {
        for stored in &manifest.tables {
            // A table may have got another heap since.
            if let Some(table) =
                version.tables.get(&stored.table).filter(|table| table.heap.id == stored.heap)
                && table.heap.check().is_ok()
            {
                manifest::verify_masks(stored, &table.heap, &newest.snapshot(), report);
            }
        }
    }
    let segments = store.segments();
    let files: BTreeSet<String> = segments.list()?.into_iter().collect();
    for missing in used.union(&state.manifest_segments).filter(|name| !files.contains(*name)) {
        report.problems.push(format!("file \"{}\" is missing", segments.display(missing).display()));
    }
    for part in state.hot_parts.iter().filter(|part| files.contains(&part.file)) {
        if let Err(error) = hot_file::verify(segments.as_ref(), part) {
            report.problems.push(error.to_string());
        }
    }
    let mut seen = BTreeSet::new();
    let groups = version.tables.values().flat_map(|table| table.heap.groups().to_vec());
    for form in groups.map(|group| group.form()) {
        if let Form::Frozen { segment, .. } = form
            && seen.insert(segment.name.clone())
            && let Some(what) = segment.verify_padding()
        {
            report.problems.push(StorageError::corrupt(&segment.path(), what).to_string());
        }
    }
    Ok(())
}

fn verify_group(scan: &TableScan, row_group: &RowGroup, report: &mut Report) {
    let columns = scan.columns();
    let broken = row_group.check();
    let mut problem = |what: String| {
        report.problems.push(format!("table {}, row group {}: {what}", scan.table().0, row_group.id()));
    };
    if let Err(error) = broken {
        return problem(error.to_string());
    }
    for (column, definition) in columns.iter().enumerate() {
        let found = match verify_column(row_group, column, definition) {
            Ok(found) => found,
            Err(error) => Some(error.to_string()),
        };
        if let Some(what) = found {
            problem(format!("column \"{}\": {what}", definition.name));
        }
    }
    if let Err(error) = verify_origins(row_group) {
        problem(error.to_string());
    }
}

/// Decodes who has made the rows.
fn verify_origins(row_group: &RowGroup) -> Result<()> {
    for index in 0..row_group.vector_count() {
        let positions: Vec<u16> = (0..row_group.lanes(index) as u16).collect();
        row_group.origins(index, &positions)?;
    }
    Ok(())
}

/// Decodes a column chunk and compares it with its zone map.
fn verify_column(
    row_group: &RowGroup,
    column: usize,
    definition: &ColumnDefinition,
) -> Result<Option<String>> {
    let mut builder = ColumnBuilder::new(definition, row_group.row_count());
    for index in 0..row_group.vector_count() {
        let vector = row_group.vector(column, index)?;
        if vector.len() != row_group.lanes(index) {
            return Ok(Some(format!("vector {index} has {} lanes", vector.len())));
        }
        builder.append(&vector, 0, vector.len())?;
    }
    let (values, validity) = builder.finish();
    if !definition.nullable && validity.is_some() && matches!(row_group.form(), Form::Frozen { .. }) {
        return Ok(Some("it holds nulls but takes none".to_owned()));
    }
    let stored = row_group.zone_map(column);
    if stored.null_count.is_none() {
        return Ok(None);
    }
    let actual = ZoneMap::of(&values, validity.as_ref(), definition.is_ordered());
    let same = (&stored.min, &stored.max, stored.null_count, stored.row_count)
        == (&actual.min, &actual.max, actual.null_count, actual.row_count);
    // A bound that is not a number differs from itself.
    let same =
        same || format!("{:?}{:?}", stored.min, stored.max) == format!("{:?}{:?}", actual.min, actual.max);
    Ok((!same).then(|| "its zone map contradicts its values".to_owned()))
}
