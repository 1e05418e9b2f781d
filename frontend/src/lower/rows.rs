//! Operators other than joins.

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{Aggregate, NodeKind, PlanNode, Scan, SortKey, TableFunction, Window};
use types::{PgError, Result, TypeRef};

use super::{Lowered, Lowering, WantedOrder};
use crate::catalog::RelationKind;
use crate::optimizer::expressions::conjunction;
use crate::optimizer::logical::{
    ColumnSet, Get, Logical, LogicalAggregate, LogicalRecursion, LogicalSetOperation, for_each_call_expr,
    for_each_call_expr_mut,
};

impl Lowering<'_> {
    /// Lowers an operator; the result has at least the `needed` columns that the operator makes.
    pub(crate) fn node(&mut self, plan: &Logical, needed: &ColumnSet) -> Result<Lowered> {
        let rows = self.planner.estimate(plan);
        let wanted = self.wanted.take();
        match plan {
            Logical::Get(get) => self.get(get, needed, rows, wanted),
            Logical::Values { columns, rows: values } => self.values(columns, values, rows),
            Logical::Functions { functions, ordinality } => {
                let mut lowered = Vec::new();
                let mut columns = Vec::new();
                for call in functions {
                    columns.extend(call.columns.iter().map(|(id, _)| *id));
                    lowered.push(TableFunction {
                        function: call.function.clone(),
                        returns_set: call.returns_set,
                        args: self.exprs(&call.args, &[])?,
                        columns: call.columns.iter().map(|(_, ty)| *ty).collect(),
                        input_collation: call.input_collation,
                    });
                }
                columns.extend(*ordinality);
                let kind = NodeKind::FunctionScan { functions: lowered, ordinality: ordinality.is_some() };
                self.finish(kind, columns, rows)
            }
            Logical::SharedScan { shared, name, columns } => {
                let mut wanted: Vec<&(ColumnId, usize)> =
                    columns.iter().filter(|(id, _)| needed.contains(id)).collect();
                if wanted.is_empty() {
                    wanted.extend(columns.first());
                }
                let kind = NodeKind::SharedScan {
                    index: *shared,
                    name: name.clone(),
                    columns: wanted.iter().map(|(_, position)| *position).collect(),
                };
                self.finish(kind, wanted.iter().map(|(id, _)| *id).collect(), rows)
            }
            Logical::WorkingScan { working, columns } => {
                self.finish(NodeKind::WorkingScan { working: *working }, columns.clone(), rows)
            }
            Logical::Filter { input, conjuncts } => {
                self.wanted = wanted;
                self.filter(input, conjuncts, needed, rows)
            }
            Logical::Map { input, exprs } => {
                self.wanted = wanted;
                self.map(input, exprs, needed, rows)
            }
            Logical::ProjectSet { input, calls } => self.project_set(input, calls, needed, rows),
            Logical::Join(join) => self.join(join, needed, rows, wanted),
            Logical::Aggregate(aggregate) => self.aggregate(aggregate, needed, rows),
            Logical::Window { .. } => self.window(plan, needed, rows),
            Logical::Sort { input, keys } => self.sort(input, keys, needed, rows),
            Logical::Limit { .. } => self.limit(plan, needed, rows),
            Logical::DistinctOn { input, keys } => {
                let mut below = needed.clone();
                keys.iter().for_each(|key| self.need(&mut below, key));
                let input = self.node(input, &below)?;
                let keys = self.exprs(keys, &input.columns)?;
                let kind = NodeKind::DistinctOn { input: Box::new(input.node), keys };
                self.finish(kind, input.columns, rows)
            }
            Logical::Append { inputs, columns } => {
                // Without a needed column the first is kept: rows must still be counted.
                let mut wanted: Vec<usize> = (0..columns.len())
                    .filter(|at| columns.get(*at).is_some_and(|id| needed.contains(id)))
                    .collect();
                if wanted.is_empty() && !columns.is_empty() {
                    wanted.push(0);
                }
                let mut lowered = Vec::new();
                for (input, exprs) in inputs {
                    let exprs: Vec<Expr> = wanted.iter().filter_map(|at| exprs.get(*at)).cloned().collect();
                    lowered.push(self.query(input, &exprs)?);
                }
                let columns = wanted.iter().filter_map(|at| columns.get(*at)).copied().collect();
                self.finish(NodeKind::Append { inputs: lowered }, columns, rows)
            }
            Logical::SetOperation(operation) => self.set_operation(operation, rows),
            Logical::RecursiveUnion(recursion) => self.recursion(recursion, rows),
            Logical::Modify(modify) => self.modify(modify, rows),
            Logical::LockRows { .. } => self.lock_rows(plan, needed, rows),
        }
    }

    /// Makes a node whose output types are those of `columns`.
    pub(super) fn finish(&mut self, kind: NodeKind, columns: Vec<ColumnId>, rows: f64) -> Result<Lowered> {
        let types = self.types(&columns)?;
        Ok(Lowered { node: self.new_node(kind, types, rows), columns, ordered: false })
    }

    fn get(
        &mut self,
        get: &Get,
        needed: &ColumnSet,
        rows: f64,
        wanted: Option<WantedOrder>,
    ) -> Result<Lowered> {
        if let Some(path) = self.best_path(get, needed, rows, wanted.as_ref()) {
            return self.index_scan(get, &get.filters, &path, needed, rows);
        }
        let mut all = needed.clone();
        get.filters.iter().for_each(|filter| self.need(&mut all, filter));
        let read: Vec<usize> = (0..get.columns.len())
            .filter(|at| get.columns.get(*at).is_some_and(|id| all.contains(id)))
            .collect();
        let read_ids: Vec<ColumnId> = read.iter().filter_map(|at| get.columns.get(*at)).copied().collect();
        let filters = self.exprs(&get.filters, &read_ids)?;
        if matches!(get.relation.kind, RelationKind::System | RelationKind::Sequence(_)) {
            let name = get.alias.clone();
            let kind = NodeKind::VirtualScan { relation: get.relation.oid, name, columns: read };
            let scan = self.finish(kind, read_ids, rows)?;
            if filters.is_empty() {
                return Ok(scan);
            }
            let predicate = conjunction(filters);
            let kind = NodeKind::Filter { input: Box::new(scan.node), predicate };
            return self.finish(kind, scan.columns, rows);
        }
        let (scan, columns) = self.scan(get, read, &read_ids, filters, needed);
        self.finish(NodeKind::Scan(scan), columns, rows)
    }

    /// Returns a scan of a stored table that reads the columns at `read`, and its output columns.
    pub(super) fn scan(
        &self,
        get: &Get,
        read: Vec<usize>,
        read_ids: &[ColumnId],
        filters: Vec<Expr>,
        needed: &ColumnSet,
    ) -> (Scan, Vec<ColumnId>) {
        let projection: Vec<usize> = (0..read_ids.len())
            .filter(|at| read_ids.get(*at).is_some_and(|id| needed.contains(id)))
            .collect();
        let mut columns: Vec<ColumnId> =
            projection.iter().filter_map(|at| read_ids.get(*at)).copied().collect();
        let row_id = get.row_id.filter(|id| needed.contains(id));
        columns.extend(row_id);
        let name = if get.alias == get.relation.name {
            get.alias.clone()
        } else {
            ecow::eco_format!("{} {}", get.relation.name, get.alias)
        };
        let scan = Scan {
            table: get.relation.table_id().0,
            name,
            columns: read,
            filters,
            projection,
            row_id: row_id.map(|id| id.0),
            runtime_filters: Vec::new(),
        };
        (scan, columns)
    }

    fn values(&mut self, columns: &[ColumnId], values: &[Vec<Expr>], rows: f64) -> Result<Lowered> {
        let values = values.iter().map(|row| self.exprs(row, &[])).collect::<Result<Vec<_>>>()?;
        self.finish(NodeKind::Values { rows: values }, columns.to_vec(), rows)
    }

    fn filter(
        &mut self,
        input: &Logical,
        conjuncts: &[Expr],
        needed: &ColumnSet,
        rows: f64,
    ) -> Result<Lowered> {
        let mut below = needed.clone();
        conjuncts.iter().for_each(|conjunct| self.need(&mut below, conjunct));
        let input = self.node(input, &below)?;
        let predicate = conjunction(self.exprs(conjuncts, &input.columns)?);
        let kind = NodeKind::Filter { input: Box::new(input.node), predicate };
        let lowered = self.finish(kind, input.columns, rows)?;
        Ok(Lowered { ordered: input.ordered, ..lowered })
    }

    fn map(
        &mut self,
        input: &Logical,
        exprs: &[(ColumnId, Expr)],
        needed: &ColumnSet,
        rows: f64,
    ) -> Result<Lowered> {
        let wanted: Vec<&(ColumnId, Expr)> = exprs.iter().filter(|(id, _)| needed.contains(id)).collect();
        let mut below = needed.clone();
        wanted.iter().for_each(|(id, _)| {
            below.remove(id);
        });
        let carried = below.clone();
        wanted.iter().for_each(|(_, expr)| self.need(&mut below, expr));
        let input = self.node(input, &below)?;
        if wanted.is_empty() {
            return Ok(input);
        }
        let mut columns: Vec<ColumnId> =
            input.columns.iter().copied().filter(|id| carried.contains(id)).collect();
        let mut lowered = self.columns_as_exprs(&columns, &input.columns)?;
        for (id, expr) in wanted {
            columns.push(*id);
            lowered.push(self.expr(expr, &input.columns)?);
        }
        let kind = NodeKind::Project { input: Box::new(input.node), exprs: lowered };
        let lowered = self.finish(kind, columns, rows)?;
        Ok(Lowered { ordered: input.ordered, ..lowered })
    }

    fn columns_as_exprs(&mut self, columns: &[ColumnId], input: &[ColumnId]) -> Result<Vec<Expr>> {
        let exprs = columns.iter().map(|id| self.planner.column(*id)).collect::<Result<Vec<_>>>()?;
        self.exprs(&exprs, input)
    }

    fn project_set(
        &mut self,
        input: &Logical,
        calls: &[(ColumnId, Expr)],
        needed: &ColumnSet,
        rows: f64,
    ) -> Result<Lowered> {
        let mut below = needed.clone();
        calls.iter().for_each(|(_, call)| self.need(&mut below, call));
        let input = self.node(input, &below)?;
        let mut columns: Vec<ColumnId> =
            input.columns.iter().copied().filter(|id| needed.contains(id)).collect();
        let mut exprs = self.columns_as_exprs(&columns, &input.columns)?;
        for (id, call) in calls {
            columns.push(*id);
            exprs.push(self.expr(call, &input.columns)?);
        }
        let kind = NodeKind::ProjectSet { input: Box::new(input.node), exprs };
        self.finish(kind, columns, rows)
    }

    fn aggregate(&mut self, aggregate: &LogicalAggregate, needed: &ColumnSet, rows: f64) -> Result<Lowered> {
        if let Some(lowered) = self.min_max(aggregate, needed)? {
            return Ok(lowered);
        }
        let calls: Vec<_> = aggregate.calls.iter().filter(|(id, _)| needed.contains(id)).collect();
        let mut below = ColumnSet::new();
        aggregate.keys.iter().for_each(|(_, key)| self.need(&mut below, key));
        for (_, call) in &calls {
            for_each_call_expr(call, &mut |expr| self.need(&mut below, expr));
        }
        let input = self.node(&aggregate.input, &below)?;
        let mut columns: Vec<ColumnId> = aggregate.keys.iter().map(|(id, _)| *id).collect();
        let mut keys = Vec::new();
        for (_, key) in &aggregate.keys {
            keys.push(self.expr(key, &input.columns)?);
        }
        let mut lowered_calls = Vec::new();
        for (id, call) in calls {
            columns.push(*id);
            let mut call = call.clone();
            let mut result = Ok(());
            for_each_call_expr_mut(&mut call, &mut |expr| match self.expr(expr, &input.columns) {
                Ok(lowered) => *expr = lowered,
                Err(error) => result = Err(error),
            });
            result?;
            lowered_calls.push(call);
        }
        columns.extend(aggregate.set_number);
        let node = Aggregate {
            input: Box::new(input.node),
            keys,
            sets: aggregate.sets.clone(),
            calls: lowered_calls,
        };
        self.finish(NodeKind::Aggregate(node), columns, rows)
    }

    fn window(&mut self, plan: &Logical, needed: &ColumnSet, rows: f64) -> Result<Lowered> {
        let Logical::Window { input, .. } = plan else {
            return Err(PgError::internal("lowering: not a window"));
        };
        let mut below = needed.clone();
        plan.for_each_expr(&mut |expr| self.need(&mut below, expr));
        let input = self.node(input, &below)?;
        let mut lowered = plan.clone();
        let mut result = Ok(());
        lowered.for_each_expr_mut(&mut |expr| match self.expr(expr, &input.columns) {
            Ok(positions) => *expr = positions,
            Err(error) => result = Err(error),
        });
        result?;
        let Logical::Window { partition_by, order_by, calls, .. } = lowered else {
            return Err(PgError::internal("lowering: not a window"));
        };
        let mut columns = input.columns;
        columns.extend(calls.iter().map(|(id, _)| *id));
        let calls = calls.into_iter().map(|(_, call)| call).collect();
        let node = Window { input: Box::new(input.node), partition_by, order_by, calls };
        self.finish(NodeKind::Window(node), columns, rows)
    }

    fn sort_input(
        &mut self,
        input: &Logical,
        keys: &[SortKey],
        needed: &ColumnSet,
        fraction: Option<f64>,
    ) -> Result<(Lowered, Vec<SortKey>)> {
        let mut below = needed.clone();
        keys.iter().for_each(|key| self.need(&mut below, &key.expr));
        self.wanted = Some(WantedOrder { keys: keys.to_vec(), fraction });
        let input = self.node(input, &below)?;
        self.wanted = None;
        let keys = self.sort_keys(keys, &input.columns)?;
        Ok((input, keys))
    }

    fn sort(&mut self, input: &Logical, keys: &[SortKey], needed: &ColumnSet, rows: f64) -> Result<Lowered> {
        let (input, keys) = self.sort_input(input, keys, needed, None)?;
        if input.ordered {
            return Ok(input);
        }
        let kind = NodeKind::Sort { input: Box::new(input.node), keys };
        self.finish(kind, input.columns, rows)
    }

    fn limit(&mut self, plan: &Logical, needed: &ColumnSet, rows: f64) -> Result<Lowered> {
        let Logical::Limit { input, limit, offset, ties } = plan else {
            return Err(PgError::internal("lowering: not a limit"));
        };
        let lowered_offset = offset.as_ref().map(|offset| self.expr(offset, &[])).transpose()?;
        let lowered_limit = limit.as_ref().map(|limit| self.expr(limit, &[])).transpose()?;
        if let (Logical::Sort { input: below, keys }, Some(limit), None) = (&**input, &lowered_limit, ties)
            && is_known_limit(limit)
            && lowered_offset.as_ref().is_none_or(is_known_limit)
        {
            let fraction = self.limit_fraction(below, limit, lowered_offset.as_ref());
            let (below, keys) = self.sort_input(below, keys, needed, Some(fraction))?;
            if below.ordered {
                let kind = NodeKind::Limit {
                    input: Box::new(below.node),
                    limit: Some(limit.clone()),
                    offset: lowered_offset,
                    ties: None,
                };
                let lowered = self.finish(kind, below.columns, rows)?;
                return Ok(Lowered { ordered: true, ..lowered });
            }
            let kind = NodeKind::TopN {
                input: Box::new(below.node),
                keys,
                limit: limit.clone(),
                offset: lowered_offset,
            };
            return self.finish(kind, below.columns, rows);
        }
        let mut below = needed.clone();
        ties.iter().flatten().for_each(|key| self.need(&mut below, &key.expr));
        let mut input = self.node(input, &below)?;
        if let NodeKind::LockRows(locks) = &mut input.node.kind {
            locks.one_by_one = true;
        }
        let ties = ties.as_ref().map(|keys| self.sort_keys(keys, &input.columns)).transpose()?;
        let kind = NodeKind::Limit {
            input: Box::new(input.node),
            limit: lowered_limit,
            offset: lowered_offset,
            ties,
        };
        self.finish(kind, input.columns, rows)
    }

    fn set_operation(&mut self, operation: &LogicalSetOperation, rows: f64) -> Result<Lowered> {
        let left = self.query(&operation.left, &operation.left_exprs)?;
        let right = self.query(&operation.right, &operation.right_exprs)?;
        let kind = NodeKind::SetOperation {
            operation: operation.operation,
            all: operation.all,
            left: Box::new(left),
            right: Box::new(right),
        };
        self.finish(kind, operation.columns.clone(), rows)
    }

    fn recursion(&mut self, recursion: &LogicalRecursion, rows: f64) -> Result<Lowered> {
        let initial = self.query(&recursion.initial, &recursion.initial_exprs)?;
        self.declare_working(&recursion.step, recursion.working, &recursion.columns)?;
        let step = self.query(&recursion.step, &recursion.step_exprs)?;
        let kind = NodeKind::RecursiveUnion {
            initial: Box::new(initial),
            step: Box::new(step),
            all: recursion.all,
            working: recursion.working,
        };
        self.finish(kind, recursion.columns.clone(), rows)
    }

    /// Gives the columns of working scans that no reference names the types of the recursion's columns.
    fn declare_working(&mut self, plan: &Logical, working: u32, columns: &[ColumnId]) -> Result<()> {
        let types: Vec<TypeRef> = self.types(columns)?;
        let mut stack = vec![plan];
        while let Some(plan) = stack.pop() {
            if let Logical::WorkingScan { working: number, columns } = plan
                && *number == working
            {
                self.planner.types.extend(columns.iter().copied().zip(types.iter().copied()));
            }
            plan.for_each_input(&mut |input| stack.push(input));
        }
        Ok(())
    }
}

/// Returns whether a LIMIT or OFFSET is a constant (or a parameter), so that a top-n can be sized by it.
fn is_known_limit(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Const(_) | ExprKind::Param(_))
}

/// Returns the smaller of two nodes' estimates.
pub(super) fn smaller(left: &PlanNode, right: &PlanNode) -> bool {
    left.rows < right.rows
}
