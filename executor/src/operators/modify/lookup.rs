//! Reading stored rows for the sake of constraints: the transaction's current view, the statement's own finished
//! changes included.

use kernels::vector::{Bitmap, Vector};
use storage::{Pruned, RowGroup, RowId, ScanPredicate, ScanValue, TableId, TableScan};
use types::{Datum, Result, TypeRef, oids};

use crate::convert::datum_at;
use crate::execute::Run;
use crate::plan::Target;
use crate::values;

/// Returns the table as it is now.
pub(super) fn current(run: &Run<'_>, table: u64) -> Result<TableScan> {
    Ok(run.context.transaction()?.lock().scan_newest(TableId(table))?)
}

/// Columns and the values that rows of interest have there.
pub(super) struct ScanRange {
    predicates: Vec<(usize, ScanPredicate)>,
}

impl ScanRange {
    /// Returns the range of rows whose `columns` are those of a key; `None` when it must be found by looking at all rows.
    pub(super) fn of_key(columns: &[usize], types: &[TypeRef], key: &[u8]) -> Option<Self> {
        let mut predicates = Vec::new();
        let mut rest = key;
        for &column in columns {
            let (tag, after) = rest.split_first()?;
            if *tag != PRESENT {
                rest = after;
                continue;
            }
            let len = u32::from_le_bytes(after.get(..4)?.try_into().ok()?) as usize;
            let value = after.get(4..4 + len)?;
            rest = after.get(4 + len..)?;
            let value = match types.get(column)?.oid {
                oids::INT2 | oids::INT4 | oids::INT8 | oids::DATE | oids::OID => {
                    let bytes: [u8; 8] = value.get(..8)?.try_into().ok()?;
                    ScanValue::Int(i64::from_le_bytes(bytes).into())
                }
                oids::TEXT | oids::VARCHAR => ScanValue::Bytes(value.to_vec()),
                _ => continue,
            };
            predicates.push((column, ScanPredicate::Equals(value)));
        }
        (!predicates.is_empty()).then_some(Self { predicates })
    }
}

/// Notes for SERIALIZABLE that the rows of a range are read.
pub(super) fn track(table: &TableScan, range: Option<ScanRange>) -> Result<()> {
    crate::operators::scan::track(table, &range.map(|range| range.predicates).unwrap_or_default())
}

/// Returns whether an index of a table starts with some columns, in any order.
pub(super) fn has_index(run: &Run<'_>, table: u64, columns: &[usize]) -> Result<bool> {
    Ok(current(run, table)?.indexes().iter().any(|index| {
        let first = index.columns.get(..columns.len());
        first.is_some_and(|first| first.iter().all(|part| columns.contains(&part.column)))
    }))
}

/// A reader of a table's rows as datums.
struct Reader<'a> {
    types: &'a [TypeRef],
    /// Columns that are not needed are NULL.
    needed: &'a dyn Fn(usize) -> bool,
}

impl Reader<'_> {
    /// Calls `visit` with each of some rows of a vector.
    fn visit(
        &self,
        group: &RowGroup,
        index: usize,
        chosen: &[u16],
        visit: &mut dyn FnMut(RowId, Vec<Datum>) -> Result<()>,
    ) -> Result<()> {
        let mut columns: Vec<Option<Vector>> = Vec::with_capacity(self.types.len());
        for column in 0..self.types.len() {
            let vector = (self.needed)(column).then(|| group.vector_at(column, index, chosen)).transpose()?;
            columns.push(vector);
        }
        for (position, lane) in chosen.iter().enumerate() {
            let mut row = Vec::with_capacity(self.types.len());
            for (column, ty) in columns.iter().zip(self.types) {
                row.push(match column {
                    Some(vector) => datum_at(vector, position, *ty)?,
                    None => Datum::Null,
                });
            }
            visit(group.row_id(index, usize::from(*lane)), row)?;
        }
        Ok(())
    }
}

/// Calls `visit` with each visible row, found through an index if one suits the range. Columns that are not `needed` are
/// NULL.
pub(super) fn scan(
    run: &Run<'_>,
    table: u64,
    types: &[TypeRef],
    needed: &dyn Fn(usize) -> bool,
    range: Option<ScanRange>,
    visit: &mut dyn FnMut(RowId, Vec<Datum>) -> Result<()>,
) -> Result<()> {
    scan_view(&current(run, table)?, run, types, needed, range, visit)
}

/// As [`scan`], over a table as somebody sees it.
pub(super) fn scan_view(
    table: &TableScan,
    run: &Run<'_>,
    types: &[TypeRef],
    needed: &dyn Fn(usize) -> bool,
    range: Option<ScanRange>,
    visit: &mut dyn FnMut(RowId, Vec<Datum>) -> Result<()>,
) -> Result<()> {
    let predicates = range.map(|range| range.predicates).unwrap_or_default();
    scan_table(run, table, types, needed, predicates, visit)
}

/// As [`scan`], over a table as somebody sees it.
pub(super) fn scan_table(
    run: &Run<'_>,
    table: &TableScan,
    types: &[TypeRef],
    needed: &dyn Fn(usize) -> bool,
    predicates: Vec<(usize, ScanPredicate)>,
    visit: &mut dyn FnMut(RowId, Vec<Datum>) -> Result<()>,
) -> Result<()> {
    let reader = Reader { types, needed };
    if let Some(rows) = crate::operators::scan::looked_up(table, &predicates)? {
        for rows in rows.chunk_by(|left, right| left.vector() == right.vector()) {
            let Some(first) = rows.first() else { continue };
            let (Some(group), index) = (table.row_group_of(*first), first.vector().1) else { continue };
            let chosen: Vec<u16> = rows.iter().map(|row| row.lane_of_vector()).collect();
            let mut mask = vec![u64::MAX; chosen.len().div_ceil(64)];
            for (column, predicate) in &predicates {
                predicate.filter(&group.vector_at(*column, index, &chosen)?, &mut mask)?;
            }
            let is_left = |at: usize| mask[at / 64] >> (at % 64) & 1 == 1;
            let left = chosen.iter().enumerate().filter(|(at, _)| is_left(*at));
            let left: Vec<u16> = left.map(|(_, lane)| *lane).collect();
            reader.visit(&group, index, &left, visit)?;
        }
        return Ok(());
    }
    for group in 0..table.row_group_count() {
        run.context.cancel.check()?;
        let group = table.row_group(group);
        let excluded =
            |(column, predicate): &(usize, ScanPredicate)| group.prune(*column, predicate) == Pruned::None;
        if predicates.iter().any(excluded) {
            continue;
        }
        for index in 0..group.vector_count() {
            let lanes = group.lanes(index);
            let mut mask = match group.visible(index) {
                Some(visible) => visible.words().to_vec(),
                None => Bitmap::ones(lanes).words().to_vec(),
            };
            for (column, predicate) in &predicates {
                group.filter(*column, index, predicate, &mut mask)?;
            }
            if kernels::bitmap::any(&mask) {
                reader.visit(&group, index, &kernels::bitmap::selection_of(&mask), visit)?;
            }
        }
    }
    Ok(())
}

/// Returns a row by its identifier.
pub(super) fn row(
    run: &Run<'_>,
    target: &Target,
    types: &[TypeRef],
    wanted: RowId,
) -> Result<Option<Vec<Datum>>> {
    let stored = run.context.transaction()?.lock().row(TableId(target.table), wanted)?;
    let Some(stored) = stored else { return Ok(None) };
    let columns = types.iter().enumerate();
    Ok(Some(columns.map(|(column, ty)| stored.datum(column, ty.oid)).collect::<Result<_, _>>()?))
}

/// Tags of [`append_key`].
const NULL: u8 = 0;
const PRESENT: u8 = 1;

/// Appends bytes that equal values share, whatever the width of their integers.
pub(super) fn append_key(value: &Datum, ty: TypeRef, out: &mut Vec<u8>) {
    if value.is_null() {
        return out.push(NULL);
    }
    out.push(PRESENT);
    let start = out.len();
    out.extend([0; 4]);
    match value {
        Datum::I16(value) => out.extend(i64::from(*value).to_le_bytes()),
        Datum::I32(value) => out.extend(i64::from(*value).to_le_bytes()),
        value => values::canonical(value, ty, out),
    }
    let len = (out.len() - start - 4) as u32;
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}

/// Returns a value as errors show it.
pub(super) fn shown(run: &Run<'_>, value: &Datum, ty: TypeRef) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    crate::functions::output_text(value, ty, run.context).unwrap_or_default()
}
