//! Rows of one table through one of its indexes.
//!
//! Equalities with the first columns of an index make a prefix, comparisons with the next one a range. Their other sides
//! are computed once for each look-up, over the row of the outer side of a join if there is one. What the index does
//! not decide is checked on the rows that it gives; so are ranges, at whose ends an index has its nulls.

use storage::{ColumnDefinition, IndexId, IndexRange, RowId, TableId, TableScan};
use types::{Datum, Numeric, Oid, PhysicalType, Result, TypeRef, oids};

use super::PointRun;
use super::bounds::{Bounds, Comparison, comparison, direction};
use super::buffer::Buffer;
use super::expr::RowExpr;
use crate::execute::Run;
use crate::expr::{Expr, ExprKind};
use crate::plan::{IndexDirection, IndexKey, IndexScan, Scan, SortKey};

/// Tuning constants: a look-up that is not by a whole unique key gives the statement back to the batch operators when it
/// finds more rows than this, plus one in so many of the table's.
const ROWS_MAX: u64 = 64;
const ROWS_SHARE: u64 = 256;

/// A scan by an index.
#[derive(Debug)]
pub(crate) struct Lookup {
    table: TableId,
    index: IndexId,
    /// Values that the first columns of the index equal.
    prefix: Vec<KeyValue>,
    /// Ends of the next column: value, whether it is a lower one in the order of the index, inclusive.
    ends: Vec<(KeyValue, bool, bool)>,
    /// Columns that equal something of an outer row.
    joined: Vec<usize>,
    /// Whether there is one row at most.
    single: bool,
    /// The rows are wanted in the order of the index (`true`: in reverse).
    ordered: Option<bool>,
    /// Whether a limit takes the rows as they are found.
    streamed: bool,
    /// Stored columns and their types, as the expressions below see them.
    columns: Vec<(usize, Oid)>,
    /// What the index does not decide, and all filters, for rows that were not found through the index.
    filters: Vec<RowExpr>,
    all_filters: Vec<RowExpr>,
    projection: Vec<usize>,
    /// Whether the output is the columns as they are read.
    keeps_columns: bool,
    /// [`Scan::row_id`].
    row_id: Option<u32>,
}

/// The value of a key column.
#[derive(Debug)]
pub(super) struct KeyValue {
    expr: RowExpr,
    physical: PhysicalType,
    scale: u16,
}

impl Lookup {
    /// Returns how to run an index scan; `bindings` are the values of its outer slots over the outer row of a join.
    pub(super) fn of_index_scan(
        plan: &IndexScan,
        output: &[TypeRef],
        table: &TableScan,
        bindings: &[(u32, Expr)],
    ) -> Option<Self> {
        let index = table.indexes().into_iter().find(|index| index.id == IndexId(plan.index))?;
        let scan = &plan.scan;
        let (mut prefix, mut ends) = (Vec::new(), Vec::new());
        for (key, part) in plan.keys.iter().zip(&index.columns) {
            let definition = table.columns().get(part.column)?;
            if !is_key_column(definition, part.ty) {
                return None;
            }
            match key {
                IndexKey::Equals(value) => prefix.push(KeyValue::new(&bound(value, bindings)?, definition)),
                IndexKey::Range { low, high } if low.len() <= 1 && high.len() <= 1 => {
                    for (bounds, lower) in [(low, true), (high, false)] {
                        for end in bounds {
                            let value = KeyValue::new(&bound(&end.value, bindings)?, definition);
                            ends.push((value, lower != part.descending, end.inclusive));
                        }
                    }
                }
                IndexKey::Any(_) | IndexKey::IsNull | IndexKey::Range { .. } => return None,
            }
        }
        let mut types = column_types(scan, output);
        plan.conditions.iter().for_each(|condition| note_types(condition, &mut types));
        let columns = scan.columns.iter().zip(&types).map(|(&column, ty)| Some((column, (*ty)?)));
        let all_filters: Vec<&Expr> = plan.conditions.iter().chain(&scan.filters).collect();
        // The nulls at the end of a range, and what an end without a value in the column leaves.
        let ranged = plan.keys.iter().any(|key| matches!(key, IndexKey::Range { .. }));
        let filters = if ranged { all_filters.clone() } else { scan.filters.iter().collect() };
        // Rows that are looked at by themselves have no outer row.
        if !bindings.is_empty() && scan.row_id.is_some() {
            return None;
        }
        if bindings.is_empty() && all_filters.iter().any(|filter| has_outer(filter))
            || !bindings.is_empty() && filters.iter().any(|filter| has_outer(filter))
        {
            return None;
        }
        let ordered = plan.direction.map(|direction| direction == IndexDirection::Backward);
        Some(Self {
            table: TableId(scan.table),
            index: index.id,
            single: plan.one_row && prefix.len() == index.columns.len(),
            ordered,
            streamed: false,
            columns: columns.collect::<Option<Vec<_>>>()?,
            filters: RowExpr::all(filters),
            all_filters: RowExpr::all(all_filters),
            projection: scan.projection.clone(),
            keeps_columns: scan.projection.iter().copied().eq(0..scan.columns.len()),
            row_id: scan.row_id,
            prefix,
            ends,
            joined: Vec::new(),
        })
    }

    /// Returns how to find the rows of `scan`; `joined` are equalities of columns of the table with expressions over an
    /// outer row. `order`: the order in which a limit takes the rows.
    pub(super) fn new(
        scan: &Scan,
        output: &[TypeRef],
        table: &TableScan,
        joined: &[(usize, &Expr)],
        order: Option<&[SortKey]>,
    ) -> Option<Self> {
        let comparisons: Vec<Option<Comparison<'_>>> =
            scan.filters.iter().map(|filter| comparison(filter, &scan.columns)).collect();
        let types = column_types(scan, output);
        let mut best: Option<(usize, Self)> = None;
        for index in table.indexes() {
            let bounds = Bounds::new(&index, table, &comparisons, joined);
            // What the index does not decide could make a long way of the first rows in its order.
            let ordered = order
                .filter(|_| bounds.decide_all())
                .and_then(|order| direction(order, &index, bounds.prefix.len(), scan));
            let bounded = !bounds.prefix.is_empty() || !bounds.ends.is_empty();
            if !bounded && ordered.is_none() || order.is_some() && ordered.is_none() {
                continue;
            }
            let single = index.unique && bounds.prefix.len() == index.columns.len();
            let score = bounds.prefix.len() * 4 + bounds.ends.len() + if single { 1000 } else { 0 };
            if best.as_ref().is_some_and(|(most, _)| *most >= score) {
                continue;
            }
            let filters = scan.filters.iter().zip(&bounds.used).filter(|(_, used)| !**used);
            let columns = scan.columns.iter().zip(&types).map(|(&column, ty)| Some((column, (*ty)?)));
            let lookup = Self {
                table: TableId(scan.table),
                index: index.id,
                single,
                ordered,
                streamed: ordered.is_some(),
                columns: columns.collect::<Option<Vec<_>>>()?,
                filters: RowExpr::all(filters.map(|(filter, _)| filter)),
                all_filters: RowExpr::all(&scan.filters),
                projection: scan.projection.clone(),
                keeps_columns: scan.projection.iter().copied().eq(0..scan.columns.len()),
                row_id: scan.row_id,
                prefix: bounds.prefix,
                ends: bounds.ends,
                joined: bounds.joined,
            };
            best = Some((score, lookup));
        }
        best.map(|(_, lookup)| lookup)
    }

    /// Lets a limit take the rows as they are found, if they come in the order of the index.
    pub(super) fn stream(&mut self) -> bool {
        self.streamed = self.ordered.is_some();
        self.streamed
    }

    /// Returns whether the index decides all of some equalities with an outer row.
    pub(super) fn joins_by(&self, joined: &[(usize, &Expr)]) -> bool {
        joined.iter().all(|(column, _)| self.joined.contains(column))
    }

    /// Returns the range of the index for an outer row; `None` when no row can be in it.
    fn range(&self, run: &Run<'_>, outer: &[Datum]) -> Result<Option<IndexRange>> {
        let mut range = IndexRange { prefix: Vec::with_capacity(self.prefix.len()), low: None, high: None };
        for value in &self.prefix {
            match value.datum(run, outer)? {
                Some(value) => range.prefix.push(value),
                None => return Ok(None),
            }
        }
        for (value, lower, inclusive) in &self.ends {
            let value = match value.expr.evaluate(run, outer)? {
                Datum::Null => return Ok(None),
                wanted => match convert(wanted, value.physical, value.scale) {
                    Some(value) => value,
                    // A bound of which the column has no value: the filters decide.
                    None => continue,
                },
            };
            let end = Some((value, *inclusive));
            if *lower {
                range.low = end;
            } else {
                range.high = end;
            }
        }
        Ok(Some(range))
    }

    /// Calls `visit` with each row. Returns whether it wants more.
    pub(super) fn rows(
        &self,
        point: &PointRun<'_>,
        outer: &[Datum],
        visit: &mut dyn FnMut(&[Datum]) -> Result<bool>,
    ) -> Result<bool> {
        let run = point.run;
        let only = self.row_id.and_then(|scan| run.only_rows.as_ref()?.get(&scan).copied());
        if let Some(only) = only {
            return match only {
                Some(row) => self.row(run, row, &self.all_filters, visit),
                None => Ok(true),
            };
        }
        let transaction = run.context.transaction()?;
        if self.single && !transaction.lock().may_see_keys_twice() {
            let mut key = Buffer::new();
            for value in &self.prefix {
                match value.datum(run, outer)? {
                    Some(value) => key.push(value),
                    None => return Ok(true),
                }
            }
            let found = transaction.lock().find_unique(self.table, self.index, &key)?;
            return match found {
                Some(row) => self.row(run, row, &self.filters, visit),
                None => Ok(true),
            };
        }
        let Some(range) = self.range(run, outer)? else { return Ok(true) };
        let mut cursor =
            transaction.lock().index_rows(self.table, self.index, &range, self.ordered == Some(true))?;
        if self.streamed {
            while let Some(row) = cursor.next_row()? {
                run.context.cancel.check()?;
                if !self.row(run, row, &self.filters, visit)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let mut rows = Vec::new();
        let mut rows_max = ROWS_MAX as usize;
        while let Some(row) = cursor.next_row()? {
            rows.push(row);
            if rows.len() > rows_max && outer.is_empty() {
                let table_rows = transaction.lock().scan(self.table)?.row_estimate();
                let most = (ROWS_MAX + table_rows / ROWS_SHARE) as usize;
                if rows_max >= most {
                    point.declined.set(true);
                    return Ok(false);
                }
                rows_max = most;
            }
        }
        if self.ordered.is_none() {
            // In the order of the table, as any scan gives them.
            rows.sort_unstable();
        }
        for row in rows {
            run.context.cancel.check()?;
            if !self.row(run, row, &self.filters, visit)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn row(
        &self,
        run: &Run<'_>,
        id: RowId,
        filters: &[RowExpr],
        visit: &mut dyn FnMut(&[Datum]) -> Result<bool>,
    ) -> Result<bool> {
        let mut row = Buffer::new();
        if !run.context.transaction()?.lock().row_datums(self.table, id, &self.columns, &mut row)? {
            return Ok(true);
        }
        for filter in filters {
            if !filter.is_true(run, &row)? {
                return Ok(true);
            }
        }
        if !self.keeps_columns {
            let mut output = Buffer::new();
            output.extend(self.projection.iter().map(|at| row.get(*at).cloned().unwrap_or_default()));
            row = output;
        }
        if self.row_id.is_some() {
            row.push(Datum::I64(id.0 as i64));
        }
        visit(&row)
    }
}

impl KeyValue {
    /// Returns the value that `expr` gives for a column.
    pub(super) fn new(expr: &Expr, definition: &ColumnDefinition) -> Self {
        Self {
            expr: RowExpr::new(expr),
            physical: definition.physical,
            scale: definition.fixed_scale.unwrap_or(0).into(),
        }
    }

    fn datum(&self, run: &Run<'_>, outer: &[Datum]) -> Result<Option<Datum>> {
        let value = self.expr.evaluate(run, outer)?;
        Ok(convert(value, self.physical, self.scale))
    }
}

/// Returns a value in the form of a key column; `None` for NULL and what the column cannot hold.
fn convert(value: Datum, physical: PhysicalType, scale: u16) -> Option<Datum> {
    let integer = match &value {
        Datum::I16(number) => Some(i64::from(*number)),
        Datum::I32(number) => Some(i64::from(*number)),
        Datum::I64(number) => Some(*number),
        _ => None,
    };
    match (physical, integer, value) {
        (PhysicalType::I16, Some(number), _) => i16::try_from(number).ok().map(Datum::I16),
        (PhysicalType::I32, Some(number), _) => i32::try_from(number).ok().map(Datum::I32),
        (PhysicalType::I64, Some(number), _) => Some(Datum::I64(number)),
        (PhysicalType::Numeric, None, Datum::Numeric(number)) => {
            number.to_fixed_scale(scale).map(|number| Datum::Numeric(Numeric::from_i128(number, scale)))
        }
        (PhysicalType::Bool, None, value @ Datum::Bool(_))
        | (PhysicalType::Text, None, value @ Datum::Text(_))
        | (PhysicalType::Uuid, None, value @ Datum::Uuid(_)) => Some(value),
        _ => None,
    }
}

/// Returns the types of a scan's columns.
fn column_types(scan: &Scan, output: &[TypeRef]) -> Vec<Option<Oid>> {
    let mut types = vec![None; scan.columns.len()];
    for (position, ty) in scan.projection.iter().zip(output) {
        if let Some(place) = types.get_mut(*position) {
            *place = Some(ty.oid);
        }
    }
    scan.filters.iter().for_each(|filter| note_types(filter, &mut types));
    types
}

fn note_types(filter: &Expr, types: &mut [Option<Oid>]) {
    filter.walk(&mut |part| {
        if let ExprKind::Column(id) = &part.kind
            && let Some(place) = types.get_mut(id.0 as usize)
        {
            *place = Some(part.ty.oid);
        }
    });
}

fn has_outer(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part.kind, ExprKind::Outer(_)));
    found
}

/// Returns a key's expression with the outer row's expressions in the place of their slots.
fn bound(expr: &Expr, bindings: &[(u32, Expr)]) -> Option<Expr> {
    if let ExprKind::Outer(slot) = &expr.kind {
        return bindings.iter().find(|(number, _)| number == slot).map(|(_, value)| value.clone());
    }
    let mut expr = expr.clone();
    let mut complete = true;
    expr.for_each_child_mut(&mut |child| match bound(child, bindings) {
        Some(value) => *child = value,
        None => complete = false,
    });
    complete.then_some(expr)
}

/// Returns whether keys of a column are looked up by values of its own form.
pub(super) fn is_key_column(definition: &ColumnDefinition, ty: Oid) -> bool {
    match definition.physical {
        PhysicalType::Bool
        | PhysicalType::I16
        | PhysicalType::I32
        | PhysicalType::I64
        | PhysicalType::Uuid => true,
        PhysicalType::Numeric => definition.fixed_scale.is_some(),
        PhysicalType::Text => ty == oids::TEXT || ty == oids::VARCHAR,
        PhysicalType::F32 | PhysicalType::F64 | PhysicalType::Interval | PhysicalType::Bytes => false,
    }
}
