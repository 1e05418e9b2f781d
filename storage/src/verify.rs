//! Holding every stored thing against every other, as amcheck does.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::builder::ColumnBuilder;
use crate::error::Result;
use crate::scan::RowGroup;
use crate::segment::Segment;
use crate::store::Store;
use crate::table::{ColumnDefinition, TableId};
use crate::version::{Group, GroupData};
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

/// Verifies the newest committed version of an open store: checksums, zone maps against values, row counts,
/// delete masks, nulls, and that every file belongs to something.
pub fn verify(store: &Arc<Store>) -> Result<Report> {
    let version = store.published();
    let mut report = Report { tables: version.tables.len(), ..Report::default() };
    let mut used = BTreeSet::new();
    for (&table, table_version) in &version.tables {
        let mut previous = None;
        for group in &table_version.groups {
            if previous.is_some_and(|previous| previous >= group.id) || group.id >= table_version.next_group {
                report.problems.push(format!("table {}: row group {} is out of order", table.0, group.id));
            }
            previous = Some(group.id);
            report.row_groups += 1;
            report.rows += group.visible_rows() as u64;
            verify_group(table, group, &table_version.columns, &mut report);
            if let GroupData::Frozen { segment, .. } = &group.data {
                used.insert(segment.name.clone());
            }
        }
    }
    report.segments = used.len();
    let manifest = store.checkpoint_state.lock().manifest_segments.clone();
    let files: BTreeSet<String> = store.segments().list()?.into_iter().collect();
    for missing in used.union(&manifest).filter(|name| !files.contains(*name)) {
        report.problems.push(format!("segment \"{missing}\" is missing"));
    }
    Ok(report)
}

fn verify_group(table: TableId, group: &Group, columns: &Arc<[ColumnDefinition]>, report: &mut Report) {
    let row_group = RowGroup::new(group.clone(), Arc::clone(columns));
    let mut problem = |what: String| {
        report.problems.push(format!("table {}, row group {}: {what}", table.0, group.id));
    };
    if let Some(deleted) = &group.deleted {
        let lanes = deleted.lanes();
        if lanes.last().is_some_and(|&lane| usize::from(lane) >= group.len()) || lanes.len() != deleted.count
        {
            problem("its delete mask does not fit its rows".to_owned());
        }
    }
    for (column, definition) in columns.iter().enumerate() {
        let found = match verify_column(&row_group, column, definition) {
            Ok(found) => found,
            Err(error) => Some(error.to_string()),
        };
        if let Some(what) = found {
            problem(format!("column \"{}\": {what}", definition.name));
        }
    }
    if let GroupData::Frozen { segment, index } = &group.data {
        verify_shape(segment, *index, columns.len()).into_iter().for_each(problem);
    }
}

fn verify_shape(segment: &Segment, index: usize, columns: usize) -> Option<String> {
    (index >= segment.group_count() || segment.column_count() != columns)
        .then(|| "its segment has another shape".to_owned())
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
    if !definition.nullable && validity.is_some() {
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
