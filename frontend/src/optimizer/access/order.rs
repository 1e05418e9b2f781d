//! Whether an index's order is one that is wanted.

use executor::expr::Expr;
use executor::plan::{IndexDirection, IndexKey, SortKey};

use super::conditions::is_bytewise;
use super::{IndexedColumn, plain};
use crate::optimizer::functions;

/// Returns the direction in which the rows of an index come in the order of `wanted`, given the conditions on its first
/// columns.
pub(super) fn direction(
    columns: &[IndexedColumn],
    keys: &[IndexKey],
    wanted: &[SortKey],
) -> Option<IndexDirection> {
    let fixed = |at: usize| matches!(keys.get(at), Some(IndexKey::Equals(_) | IndexKey::IsNull));
    let mut direction = None;
    let mut next = 0;
    for key in wanted {
        // A key with one value in all rows orders nothing.
        let is_fixed =
            columns.iter().enumerate().any(|(at, column)| fixed(at) && same(&column.expr, &key.expr));
        if is_fixed || super::super::expressions::columns_of(&key.expr).is_empty() {
            continue;
        }
        while next < columns.len() && fixed(next) && !same(&columns[next].expr, &key.expr) {
            next += 1;
        }
        let column = columns.get(next).filter(|column| same(&column.expr, &key.expr))?;
        if !has_default_order(column) {
            return None;
        }
        let backward = column.descending != key.descending;
        let nulls_first = column.nulls_first != backward;
        let nulls_matter =
            !column.not_null && !matches!(keys.get(next), Some(IndexKey::Range { .. } | IndexKey::Any(_)));
        let found = if backward { IndexDirection::Backward } else { IndexDirection::Forward };
        if nulls_matter && nulls_first != key.nulls_first || direction.is_some_and(|known| known != found) {
            return None;
        }
        direction = Some(found);
        next += 1;
    }
    direction.or(Some(IndexDirection::Forward))
}

fn same(indexed: &Expr, wanted: &Expr) -> bool {
    plain(indexed) == plain(wanted)
}

/// Whether the column's order in the index is that of ORDER BY.
fn has_default_order(column: &IndexedColumn) -> bool {
    const BTREE: u32 = 403;
    let ty = plain(&column.expr).ty;
    is_bytewise(column.collation)
        && column.collation == ty.collation
        && crate::catalog::builtin::default_operator_class(BTREE, ty.oid)
            .is_some_and(|class| class.family == column.family)
        && functions::is_hashable(ty.oid)
}
