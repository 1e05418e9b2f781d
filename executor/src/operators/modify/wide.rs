//! The wide row that actions and RETURNING are computed over; see [`crate::plan::Modify`].

use storage::RowId;
use types::Datum;

use super::changer::Change;
use crate::plan::SYSTEM_COLUMNS;

/// Returns the wide row of a change.
pub(super) fn row(change: &Change, width: usize, extra: &[Datum]) -> Vec<Datum> {
    let old = change.old.as_ref().map(|(id, old)| (Some(*id), old.as_slice()));
    let new = change.new.as_ref().map(|(id, new)| (Some(*id), new.as_slice()));
    assemble(old, new, change.action, width, extra)
}

/// A row: row id, values.
pub(super) type Part<'a> = Option<(Option<RowId>, &'a [Datum])>;

/// Builds a wide row; the current row is the new one, or else the old one.
pub(super) fn assemble(
    old: Part<'_>,
    new: Part<'_>,
    action: &str,
    width: usize,
    extra: &[Datum],
) -> Vec<Datum> {
    let mut wide = Vec::with_capacity(3 * (width + SYSTEM_COLUMNS) + 1 + extra.len());
    for part in [old, new, new.or(old)] {
        match part {
            Some((id, values)) => {
                wide.extend(values.iter().cloned());
                wide.push(id.map_or(Datum::Null, |id| Datum::I64(id.0 as i64)));
                // There is a row.
                wide.push(Datum::I64(0));
            }
            None => wide.extend(std::iter::repeat_n(Datum::Null, width + SYSTEM_COLUMNS)),
        }
    }
    wide.push(if action.is_empty() { Datum::Null } else { Datum::text(action) });
    wide.extend(extra.iter().cloned());
    wide
}
