//! Reading stored rows for the sake of constraints: the transaction's current view, the statement's own finished
//! changes included.

use kernels::vector::{Bitmap, Values, Vector};
use storage::{Pruned, RowId, ScanPredicate, ScanValue, TableId, TableScan};
use types::{Datum, Result, TypeRef, oids};

use crate::convert::datum_at;
use crate::execute::Run;
use crate::plan::Target;
use crate::values;

/// Returns the table as it is now.
pub(super) fn current(run: &Run<'_>, table: u64) -> Result<TableScan> {
    Ok(run.context.transaction()?.lock().scan_newest(TableId(table))?)
}

/// A column and the value that rows of interest have there.
pub(super) struct ScanRange {
    column: usize,
    predicate: ScanPredicate,
}

impl ScanRange {
    /// Returns the range of rows whose first key column, `column`, is that of a key; `None` when it must be found by
    /// looking at all rows.
    pub(super) fn of_key(column: usize, types: &[TypeRef], key: &[u8]) -> Option<Self> {
        let ty = types.get(column)?;
        let value = match ty.oid {
            oids::INT2 | oids::INT4 | oids::INT8 | oids::DATE | oids::OID => {
                let (tag, rest) = key.split_first()?;
                let bytes: [u8; 8] = rest.get(4..12)?.try_into().ok()?;
                (*tag == PRESENT).then(|| ScanValue::Int(i64::from_le_bytes(bytes).into()))?
            }
            oids::TEXT | oids::VARCHAR => {
                let (tag, rest) = key.split_first()?;
                let len = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
                let text = rest.get(4..4 + len)?;
                (*tag == PRESENT).then(|| ScanValue::Bytes(text.to_vec()))?
            }
            _ => return None,
        };
        Some(Self { column, predicate: ScanPredicate::Equals(value) })
    }
}

/// Calls `visit` with each visible row. Columns that are not `needed` are NULL.
pub(super) fn scan(
    run: &Run<'_>,
    table: u64,
    types: &[TypeRef],
    needed: &dyn Fn(usize) -> bool,
    range: Option<ScanRange>,
    visit: &mut dyn FnMut(RowId, Vec<Datum>) -> Result<()>,
) -> Result<()> {
    let table = current(run, table)?;
    for group in 0..table.row_group_count() {
        run.context.cancel.check()?;
        let group = table.row_group(group);
        if let Some(range) = &range
            && group.prune(range.column, &range.predicate) == Pruned::None
        {
            continue;
        }
        for index in 0..group.vector_count() {
            let lanes = group.lanes(index);
            let mut mask = match group.visible(index) {
                Some(visible) => visible.words().to_vec(),
                None => Bitmap::ones(lanes).words().to_vec(),
            };
            if let Some(range) = &range {
                group.filter(range.column, index, &range.predicate, &mut mask)?;
            }
            if !kernels::bitmap::any(&mask) {
                continue;
            }
            let chosen = kernels::bitmap::selection_of(&mask);
            let ids = group.row_ids(index);
            let mut columns: Vec<Option<Vector>> = Vec::with_capacity(types.len());
            for column in 0..types.len() {
                let vector = needed(column).then(|| group.vector_at(column, index, &chosen)).transpose()?;
                columns.push(vector);
            }
            for (position, lane) in chosen.iter().enumerate() {
                let mut row = Vec::with_capacity(types.len());
                for (column, ty) in columns.iter().zip(types) {
                    row.push(match column {
                        Some(vector) => datum_at(vector, position, *ty)?,
                        None => Datum::Null,
                    });
                }
                let Values::I64(ids) = ids.values() else { continue };
                visit(RowId(ids[usize::from(*lane)] as u64), row)?;
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
