//! Which index answers the filters of a scan, where the optimizer has chosen none: few rows need no costs.

use storage::{ColumnDefinition, IndexColumn, IndexDefinition, TableScan};
use types::{PhysicalType, oids};

use super::lookup::{KeyValue, is_key_column};
use crate::expr::{Expr, ExprKind, Volatility};
use crate::operators::{Operator, operator_of};
use crate::plan::{Scan, SortKey};

/// A comparison of a stored column with something else.
pub(super) struct Comparison<'a> {
    column: usize,
    operator: Operator,
    other: &'a Expr,
}
/// What the filters of a scan say of the columns of one index.
pub(super) struct Bounds {
    /// See [`super::lookup::Lookup`].
    pub(super) prefix: Vec<KeyValue>,
    /// See there.
    pub(super) ends: Vec<(KeyValue, bool, bool)>,
    /// See there.
    pub(super) joined: Vec<usize>,
    /// Filters that the prefix decides, and those that make an end.
    pub(super) used: Vec<bool>,
    bounding: Vec<bool>,
}

impl Bounds {
    /// Looks at the columns of an index in order.
    pub(super) fn new(
        index: &IndexDefinition,
        table: &TableScan,
        comparisons: &[Option<Comparison<'_>>],
        joined: &[(usize, &Expr)],
    ) -> Self {
        let none = vec![false; comparisons.len()];
        let (prefix, ends, columns) = (Vec::new(), Vec::new(), Vec::new());
        let mut bounds = Self { prefix, ends, joined: columns, used: none.clone(), bounding: none };
        for part in &index.columns {
            let Some(definition) = table.columns().get(part.column) else { break };
            if !is_key_column(definition, part.ty) {
                break;
            }
            let is_equal =
                |found: &Comparison<'_>| found.column == part.column && found.operator == Operator::Equal;
            let equal = comparisons.iter().position(|found| found.as_ref().is_some_and(is_equal));
            // A join needs its keys decided; a filter is checked then.
            if let Some((_, outer)) = joined.iter().find(|(column, _)| *column == part.column) {
                bounds.joined.push(part.column);
                bounds.prefix.push(KeyValue::new(outer, definition));
            } else if let Some(at) = equal
                && let Some(found) = comparisons.get(at).and_then(Option::as_ref)
            {
                bounds.used[at] = true;
                bounds.prefix.push(KeyValue::new(found.other, definition));
            } else {
                bounds.add_ends(part, definition, comparisons);
                break;
            }
        }
        bounds
    }

    /// Adds the ends of the column behind the prefix.
    fn add_ends(
        &mut self,
        part: &IndexColumn,
        definition: &ColumnDefinition,
        comparisons: &[Option<Comparison<'_>>],
    ) {
        for (at, found) in comparisons.iter().enumerate() {
            let Some(found) = found.as_ref().filter(|found| found.column == part.column) else { continue };
            let (lower, inclusive) = match found.operator {
                Operator::Less => (false, false),
                Operator::LessEqual => (false, true),
                Operator::Greater => (true, false),
                Operator::GreaterEqual => (true, true),
                Operator::Equal | Operator::NotEqual => continue,
            };
            let lower = lower != part.descending;
            if definition.physical != PhysicalType::Text
                && !self.ends.iter().any(|(_, other, _)| *other == lower)
            {
                self.bounding[at] = true;
                self.ends.push((KeyValue::new(found.other, definition), lower, inclusive));
            }
        }
    }

    /// Returns whether the index decides all filters, but for nulls.
    pub(super) fn decide_all(&self) -> bool {
        self.used.iter().zip(&self.bounding).all(|(used, bounding)| *used || *bounding)
    }
}
/// Returns a filter as a comparison of a stored column with something that needs no row of its table.
pub(super) fn comparison<'a>(filter: &'a Expr, columns: &[usize]) -> Option<Comparison<'a>> {
    let ExprKind::Call { function, args, .. } = &filter.kind else { return None };
    let [left, right] = args.as_slice() else { return None };
    let operator = operator_of(&function.prosrc)?;
    match (key_column(left), key_column(right)) {
        (Some(position), None) if is_known(right) => {
            Some(Comparison { column: *columns.get(position)?, operator, other: right })
        }
        (None, Some(position)) if is_known(left) => {
            Some(Comparison { column: *columns.get(position)?, operator: operator.swapped(), other: left })
        }
        _ => None,
    }
}

/// Returns the position of a column that is compared as it is stored.
pub(super) fn key_column(expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::Column(id) => Some(id.0 as usize),
        ExprKind::Relabel(arg) if arg.ty.oid == oids::VARCHAR && expr.ty.oid == oids::TEXT => key_column(arg),
        _ => None,
    }
}

/// Returns whether an expression has one value for the whole statement.
fn is_known(expr: &Expr) -> bool {
    let mut known = true;
    expr.walk(&mut |part| {
        known &= match &part.kind {
            ExprKind::Column(_)
            | ExprKind::Subquery { .. }
            | ExprKind::SubqueryColumn(_)
            | ExprKind::SetCall { .. } => false,
            ExprKind::Call { function, .. } | ExprKind::ScalarArray { function, .. } => {
                function.volatility != Volatility::Volatile
            }
            _ => true,
        }
    });
    known
}
/// Returns how an index behind `prefix` columns gives the order of sort keys over the output of `scan`: forwards (false)
/// or backwards.
pub(super) fn direction(
    order: &[SortKey],
    index: &IndexDefinition,
    prefix: usize,
    scan: &Scan,
) -> Option<bool> {
    let column_of = |key: &SortKey| {
        let position = match &key.expr.kind {
            ExprKind::Column(id) => id.0 as usize,
            _ => return None,
        };
        scan.columns.get(*scan.projection.get(position)?).copied()
    };
    let fixed = |column: usize| index.columns.iter().take(prefix).any(|part| part.column == column);
    let mut parts = index.columns.iter().skip(prefix);
    let mut backwards = None;
    for key in order {
        let column = column_of(key)?;
        if fixed(column) {
            continue;
        }
        let part = parts.next().filter(|part| part.column == column)?;
        let reverse = match (key.descending == part.descending, key.nulls_first == part.nulls_first) {
            (true, true) => false,
            (false, false) => true,
            (true, false) | (false, true) => return None,
        };
        if *backwards.get_or_insert(reverse) != reverse {
            return None;
        }
    }
    Some(backwards.unwrap_or(false))
}
