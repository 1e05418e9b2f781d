//! From the query tree to the logical algebra: statements, WITH, set operations, ORDER BY and LIMIT.
//!
//! Subqueries of expressions become plans in [`Planner::subqueries`] and are named by their global index from
//! here on.

mod from;
mod modify;
mod select;

use executor::expr::{ColumnId, Expr, ExprKind, Volatility};
use executor::plan::{AggregateCall, SortKey};
use types::{PgError, Result, TypeRef, oids};

use super::logical::{
    Logical, LogicalAggregate, LogicalRecursion, LogicalSetOperation, Shared, Subquery,
    for_each_call_expr_mut,
};
use super::{CteState, Planner, Root, expressions};
use crate::query::{Cte, Distinct, OutputColumn, Query, QueryBody, SetOperationBody, Statement};

/// Where the subqueries of one query level went.
pub(super) struct Level {
    subqueries: Vec<u32>,
}

impl Level {
    /// Returns `expr` with global subquery numbers.
    pub(super) fn expr(&self, expr: &Expr) -> Result<Expr> {
        let mut copy = expr.clone();
        let mut missing = false;
        expressions::rewrite(&mut copy, &mut |part| {
            if let ExprKind::Subquery { index, .. } = &mut part.kind {
                match self.subqueries.get(*index as usize) {
                    Some(global) => *index = *global,
                    None => missing = true,
                }
            }
        });
        if missing { Err(PgError::internal("optimizer: subquery out of range")) } else { Ok(copy) }
    }
    fn exprs(&self, exprs: &[Expr]) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }
    fn sort_keys(&self, keys: &[SortKey]) -> Result<Vec<SortKey>> {
        keys.iter().map(|key| Ok(SortKey { expr: self.expr(&key.expr)?, ..key.clone() })).collect()
    }
    fn call(&self, call: &AggregateCall) -> Result<AggregateCall> {
        let mut copy = call.clone();
        let mut result = Ok(());
        for_each_call_expr_mut(&mut copy, &mut |expr| match self.expr(expr) {
            Ok(translated) => *expr = translated,
            Err(error) => result = Err(error),
        });
        result.map(|()| copy)
    }
}

impl Planner<'_> {
    /// Makes the logical plan of a statement.
    pub(super) fn build_statement(&mut self, statement: &Statement) -> Result<Root> {
        match statement {
            Statement::Query(query) => {
                let plan = self.build_query(query)?;
                Ok(Root { plan, output: output_exprs(&query.output) })
            }
            Statement::Modify(modify) => {
                let plan = self.build_modify(modify)?;
                Ok(Root { plan, output: output_exprs(&modify.output()) })
            }
        }
    }

    fn build_level(&mut self, subqueries: &[Query]) -> Result<Level> {
        let mut level = Level { subqueries: Vec::new() };
        for query in subqueries {
            let plan = self.build_query(query)?;
            let output = query.output.iter().map(|column| (column.id, column.ty)).collect();
            level.subqueries.push(self.add_subquery(Subquery { plan, output }));
        }
        Ok(level)
    }

    /// Gives a subquery its number.
    pub(crate) fn add_subquery(&mut self, subquery: Subquery) -> u32 {
        let index = self.subqueries.len();
        self.subqueries.push(subquery);
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// Makes the plan of a query; it produces the ids of `query.output`, in order of ORDER BY.
    pub(super) fn build_query(&mut self, query: &Query) -> Result<Logical> {
        for column in &query.output {
            self.types.insert(column.id, column.ty);
        }
        self.build_ctes(&query.ctes)?;
        let level = self.build_level(&query.subqueries)?;
        let mut order_by = level.sort_keys(&query.order_by)?;
        let mut plan = match &query.body {
            QueryBody::Select(select) => {
                let plan = self.build_select(select, &level)?;
                match &select.distinct {
                    Distinct::No => plan,
                    Distinct::All => {
                        let columns = query.output.iter().map(|column| (column.id, column.ty));
                        distinct(plan, columns)
                    }
                    Distinct::On(keys) => {
                        let keys = level.exprs(keys)?;
                        let sort = std::mem::take(&mut order_by);
                        distinct_on(plan, keys, sort)
                    }
                }
            }
            QueryBody::Values { columns, rows } => {
                self.declare(columns);
                let rows = rows.iter().map(|row| level.exprs(row)).collect::<Result<_>>()?;
                Logical::Values { columns: columns.iter().map(|(id, _)| *id).collect(), rows }
            }
            QueryBody::SetOperation(body) => self.build_set_operation(body)?,
            QueryBody::Modify(modify) => self.build_modify(modify)?,
        };
        let limit = query.limit.as_ref().map(|limit| level.expr(limit)).transpose()?;
        let offset = query.offset.as_ref().map(|offset| level.expr(offset)).transpose()?;
        let ties = query.with_ties.then(|| order_by.clone());
        if !order_by.is_empty() {
            plan = Logical::Sort { input: Box::new(plan), keys: order_by };
        }
        if !query.row_marks.is_empty() {
            plan = lock_rows(plan, query);
        }
        if limit.is_some() || offset.is_some() {
            plan = Logical::Limit { input: Box::new(plan), limit, offset, ties };
        }
        Ok(plan)
    }

    fn declare(&mut self, columns: &[(ColumnId, TypeRef)]) {
        self.types.extend(columns.iter().copied());
    }

    fn build_set_operation(&mut self, body: &SetOperationBody) -> Result<Logical> {
        self.declare(&body.columns);
        let left = self.build_query(&body.left)?;
        let right = self.build_query(&body.right)?;
        let columns: Vec<ColumnId> = body.columns.iter().map(|(id, _)| *id).collect();
        let Some(operation) = body.operation else {
            let inputs = vec![(left, body.left_exprs.clone()), (right, body.right_exprs.clone())];
            let append = Logical::Append { inputs, columns };
            return Ok(if body.all { append } else { distinct(append, body.columns.iter().copied()) });
        };
        Ok(Logical::SetOperation(Box::new(LogicalSetOperation {
            operation,
            all: body.all,
            left,
            left_exprs: body.left_exprs.clone(),
            right,
            right_exprs: body.right_exprs.clone(),
            columns,
        })))
    }

    fn build_ctes(&mut self, ctes: &[Cte]) -> Result<()> {
        for cte in ctes {
            let changes = matches!(cte.query.body, QueryBody::Modify(_));
            if cte.references == 0 && cte.recursive.is_none() && !changes {
                continue;
            }
            let (plan, output) = match &cte.recursive {
                None => (self.build_query(&cte.query)?, cte.query.output.iter().map(|c| c.id).collect()),
                Some(_) => self.build_recursion(cte)?,
            };
            let correlated = !self.free_columns(&plan).is_empty();
            let volatile = self.plan_volatility(&plan) == Volatility::Volatile;
            let inline = match cte.materialized {
                _ if changes => false,
                _ if correlated => true,
                Some(true) => false,
                Some(false) => !volatile && cte.recursive.is_none(),
                // A recursion that is read once streams, so that a LIMIT above may end it.
                None => !volatile && cte.references == 1,
            };
            if correlated && volatile && cte.references > 1 {
                return Err(PgError::not_supported("a volatile WITH query that refers to an outer query"));
            }
            let state = if inline {
                CteState::Inline(Box::new(plan), output)
            } else {
                self.shared.push(Shared { plan, output, name: cte.name.clone(), changes });
                CteState::Shared(u32::try_from(self.shared.len() - 1).unwrap_or(u32::MAX))
            };
            self.ctes.insert(cte.id, state);
        }
        Ok(())
    }

    fn build_recursion(&mut self, cte: &Cte) -> Result<(Logical, Vec<ColumnId>)> {
        let Some(recursion) = &cte.recursive else {
            return Err(PgError::internal("optimizer: not a recursive query"));
        };
        let working = self.next_working;
        self.next_working += 1;
        let initial = self.build_query(&cte.query)?;
        self.ctes.insert(cte.id, CteState::Working(working));
        let step = self.build_query(&recursion.step)?;
        let columns: Vec<ColumnId> = cte.query.output.iter().map(|column| self.fresh(column.ty)).collect();
        let plan = Logical::RecursiveUnion(Box::new(LogicalRecursion {
            initial,
            initial_exprs: output_exprs(&cte.query.output),
            step,
            step_exprs: recursion.step_exprs.clone(),
            all: recursion.all,
            working,
            columns: columns.clone(),
        }));
        Ok((plan, columns))
    }
}

/// Returns `plan` with the rows locked that the query locks.
fn lock_rows(plan: Logical, query: &Query) -> Logical {
    let column = |id: ColumnId| Expr::column(id, TypeRef::plain(oids::INT8));
    let locks: Vec<_> = query.row_marks.iter().map(|mark| (column(mark.row_id), mark.clone())).collect();
    let mut kept = Vec::new();
    if let QueryBody::Select(select) = &query.body {
        select.from.iter().for_each(|item| from::row_ids(item, &mut kept));
    }
    kept.retain(|id| query.row_marks.iter().all(|mark| mark.row_id != *id));
    let kept = kept.into_iter().map(column).collect();
    let copies = |lateral| {
        let columns = columns_of_copies(query, (lateral, lateral)).into_iter();
        columns.map(|(id, ty)| Expr::column(id, ty)).collect()
    };
    let (copies, lateral) = (copies(false), copies(true));
    Logical::LockRows { input: Box::new(plan), locks, kept, copies, lateral }
}

/// Returns the columns that a query uses of those items of FROM whose rows have no ids, as those of VALUES, and that depend
/// (`lateral`) or do not depend on others; `padded`: even where an outer join may put NULL in their place.
fn columns_of_copies(query: &Query, (lateral, padded): (bool, bool)) -> Vec<(ColumnId, TypeRef)> {
    let QueryBody::Select(select) = &query.body else { return Vec::new() };
    let mut columns = Vec::new();
    select.from.iter().for_each(|item| from::columns_without_ids(item, (lateral, padded), &mut columns));
    let mut used = Vec::new();
    let mut note = |expr: &Expr| used.extend(from::columns_of(expr));
    select.filter.iter().for_each(&mut note);
    select.targets.iter().for_each(|(_, expr)| note(expr));
    query.order_by.iter().for_each(|key| note(&key.expr));
    select.from.iter().for_each(|item| from::each_condition(item, &mut note));
    columns.retain(|(id, _)| used.contains(id));
    columns
}

fn output_exprs(output: &[OutputColumn]) -> Vec<Expr> {
    output.iter().map(|column| Expr::column(column.id, column.ty)).collect()
}

/// Returns the distinct rows of `columns`.
fn distinct(input: Logical, columns: impl Iterator<Item = (ColumnId, TypeRef)>) -> Logical {
    let mut keys: Vec<(ColumnId, Expr)> = Vec::new();
    for (id, ty) in columns {
        if keys.iter().all(|(known, _)| *known != id) {
            keys.push((id, Expr::column(id, ty)));
        }
    }
    let aggregate = LogicalAggregate { input, keys, sets: None, calls: Vec::new(), set_number: None };
    Logical::Aggregate(Box::new(aggregate))
}

/// DISTINCT ON: sorts by ORDER BY and what the keys add to it.
fn distinct_on(input: Logical, keys: Vec<Expr>, mut sort: Vec<SortKey>) -> Logical {
    for key in &keys {
        if sort.iter().all(|known| known.expr != *key) {
            sort.push(SortKey { expr: key.clone(), descending: false, nulls_first: false });
        }
    }
    Logical::DistinctOn { input: Box::new(Logical::Sort { input: Box::new(input), keys: sort }), keys }
}
