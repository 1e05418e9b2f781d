//! Finding the rows of a scan through an index, when its predicates name few keys.
//!
//! The predicates that storage decides are matched with the columns of each index: equalities with the first columns,
//! then perhaps one range or list of values. Keys are looked up until there are no more, or so many rows that reading the
//! table is cheaper. The rows come in the order of the table, as from any scan.

use storage::{
    ColumnDefinition, IndexColumn, IndexDefinition, IndexRange, RowId, ScanPredicate, ScanValue, TableScan,
};
use types::{Datum, Numeric, PhysicalType, Result, oids};

/// Tuning constants: a table with fewer rows is read, and of a larger one up to this many rows, plus one in so many, are
/// looked up.
const TABLE_ROWS_MIN: u64 = 32;
const ROWS_MAX: u64 = 64;
const ROWS_SHARE: u64 = 256;

/// Returns the rows that pass the predicates an index knows of, ascending; `None` when the table is to be read.
pub(in super::super) fn rows(
    table: &TableScan,
    predicates: &[(usize, ScanPredicate)],
) -> Result<Option<Vec<RowId>>> {
    let Some((columns, index, ranges)) = best(table, predicates) else { return Ok(None) };
    let table_rows = table.row_estimate();
    if table_rows < TABLE_ROWS_MIN {
        return Ok(None);
    }
    let one_row_each = index.unique && columns == index.columns.len();
    let rows_max = (ROWS_MAX + table_rows / ROWS_SHARE) as usize;
    if ranges.len() > rows_max {
        return Ok(None);
    }
    let mut rows = Vec::new();
    for range in &ranges {
        let mut cursor = table.index_rows(index.id, range, false)?;
        while let Some(row) = cursor.next_row()? {
            rows.push(row);
            if !one_row_each && rows.len() > rows_max {
                return Ok(None);
            }
        }
    }
    rows.sort_unstable();
    rows.dedup();
    Ok(Some(rows))
}

/// Returns the index of which the predicates bind most columns, how many these are, and the ranges to look into.
fn best(
    table: &TableScan,
    predicates: &[(usize, ScanPredicate)],
) -> Option<(usize, IndexDefinition, Vec<IndexRange>)> {
    let mut best: Option<(usize, IndexDefinition, Vec<IndexRange>)> = None;
    for index in table.indexes() {
        if let Some((columns, ranges)) = ranges(&index, table.columns(), predicates)
            && best.as_ref().is_none_or(|(most, ..)| columns > *most)
        {
            best = Some((columns, index, ranges));
        }
    }
    best
}

/// Notes for SERIALIZABLE that the rows which pass the predicates are read: those of an index's ranges, or all.
///
/// # Errors
/// When the transaction has to give way.
pub(in super::super) fn track(table: &TableScan, predicates: &[(usize, ScanPredicate)]) -> Result<()> {
    let Some((_, index, ranges)) = best(table, predicates) else { return Ok(table.track_read()?) };
    for range in &ranges {
        let mut cursor = table.index_rows(index.id, range, false)?;
        while cursor.next_row()?.is_some() {}
    }
    Ok(())
}

/// Returns how many columns of an index the predicates bind to values, and the ranges to look into.
fn ranges(
    index: &IndexDefinition,
    columns: &[ColumnDefinition],
    predicates: &[(usize, ScanPredicate)],
) -> Option<(usize, Vec<IndexRange>)> {
    let mut prefix = Vec::new();
    for part in &index.columns {
        let definition = columns.get(part.column)?;
        let on_column =
            || predicates.iter().filter(|(column, _)| *column == part.column).map(|(_, predicate)| predicate);
        let equal = on_column().find_map(|predicate| match predicate {
            ScanPredicate::Equals(value) => Some(datum(value, definition, part)),
            _ => None,
        });
        match equal {
            Some(Some(value)) => prefix.push(value),
            // A value that the column cannot hold, or not of this form.
            Some(None) => return bound(prefix),
            None => {
                let found =
                    on_column().find_map(|predicate| last_ranges(&prefix, predicate, definition, part));
                return match found {
                    Some((true, ranges)) => Some((prefix.len() + 1, ranges)),
                    Some((false, ranges)) => Some((prefix.len(), ranges)),
                    None => bound(prefix),
                };
            }
        }
    }
    bound(prefix)
}

fn bound(prefix: Vec<Datum>) -> Option<(usize, Vec<IndexRange>)> {
    (!prefix.is_empty()).then(|| (prefix.len(), vec![IndexRange::key(prefix)]))
}

/// Returns the ranges that a predicate on the column after `prefix` allows, and whether they are single values.
fn last_ranges(
    prefix: &[Datum],
    predicate: &ScanPredicate,
    definition: &ColumnDefinition,
    part: &IndexColumn,
) -> Option<(bool, Vec<IndexRange>)> {
    let single = |value: &ScanValue| {
        let value = datum(value, definition, part)?;
        Some(IndexRange::key(prefix.iter().cloned().chain([value]).collect()))
    };
    match predicate {
        ScanPredicate::In(values) => Some((true, values.iter().map(single).collect::<Option<Vec<_>>>()?)),
        ScanPredicate::Key(filter) => {
            Some((true, filter.keys()?.iter().map(single).collect::<Option<Vec<_>>>()?))
        }
        ScanPredicate::Range { low, high } if part.ty != oids::BPCHAR => {
            let end = |end: &Option<storage::RangeEnd>| match end {
                None => Some(None),
                Some(end) => Some(Some((datum(&end.value, definition, part)?, end.inclusive))),
            };
            let (low, high) = (end(low)?, end(high)?);
            let (low, high) = if part.descending { (high, low) } else { (low, high) };
            Some((false, vec![IndexRange { prefix: prefix.to_vec(), low, high }]))
        }
        ScanPredicate::Range { .. }
        | ScanPredicate::Equals(_)
        | ScanPredicate::NotEquals(_)
        | ScanPredicate::NotNull
        | ScanPredicate::IsNull
        | ScanPredicate::DictionaryMask(_) => None,
    }
}

/// Returns a physical value as one of an index's column.
fn datum(value: &ScanValue, definition: &ColumnDefinition, part: &IndexColumn) -> Option<Datum> {
    Some(match (value, definition.physical) {
        (ScanValue::Int(number), PhysicalType::Bool) => Datum::Bool(*number != 0),
        (ScanValue::Int(number), PhysicalType::I16) => Datum::I16(i16::try_from(*number).ok()?),
        (ScanValue::Int(number), PhysicalType::I32) => Datum::I32(i32::try_from(*number).ok()?),
        (ScanValue::Int(number), PhysicalType::I64) => Datum::I64(i64::try_from(*number).ok()?),
        (ScanValue::Int(number), PhysicalType::Numeric) => {
            Datum::Numeric(Numeric::from_i128(*number, definition.fixed_scale?.into()))
        }
        (ScanValue::Wide(number), PhysicalType::Uuid) => Datum::Uuid(number.to_be_bytes()),
        (ScanValue::Bytes(bytes), PhysicalType::Text) if part.ty != oids::BPCHAR => {
            Datum::text(std::str::from_utf8(bytes).ok()?)
        }
        _ => return None,
    })
}
