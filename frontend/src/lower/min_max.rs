//! `min` and `max` over an indexed column: the first row in the index's order instead of all rows.

use executor::expr::{Expr, ExprKind};
use executor::plan::{AggregateCall, SortKey};
use types::{Datum, Result, TypeRef, oids};

use super::{Lowered, Lowering, WantedOrder};
use crate::optimizer::logical::{ColumnSet, Get, Logical, LogicalAggregate, LogicalJoinKind};

impl Lowering<'_> {
    /// Lowers an aggregation of nothing but `min` and `max` of columns by way of indexes, if each call has one that is
    /// cheaper than reading the table.
    pub(super) fn min_max(
        &mut self,
        aggregate: &LogicalAggregate,
        needed: &ColumnSet,
    ) -> Result<Option<Lowered>> {
        let Logical::Get(get) = &aggregate.input else { return Ok(None) };
        let calls: Vec<_> = aggregate.calls.iter().filter(|(id, _)| needed.contains(id)).collect();
        if !aggregate.keys.is_empty() || aggregate.sets.is_some() || calls.is_empty() {
            return Ok(None);
        }
        let mut plan: Option<Logical> = None;
        for (id, call) in calls {
            let Some(input) = self.first_row(get, call) else { return Ok(None) };
            let part = Logical::Aggregate(Box::new(LogicalAggregate {
                input,
                keys: Vec::new(),
                sets: None,
                calls: vec![(*id, call.clone())],
                set_number: None,
            }));
            plan = Some(match plan {
                None => part,
                Some(plan) => Logical::join(LogicalJoinKind::Inner, plan, part, Vec::new()),
            });
        }
        plan.map(|plan| self.node(&plan, needed)).transpose()
    }

    /// Returns the one row of a table that decides a call, found through an index.
    fn first_row(&self, get: &Get, call: &AggregateCall) -> Option<Logical> {
        let greatest = match call.function.name.as_str() {
            "min" => false,
            "max" => true,
            _ => return None,
        };
        let [arg] = call.args.as_slice() else { return None };
        if call.filter.is_some() || !call.order_by.is_empty() || !call.direct_args.is_empty() {
            return None;
        }
        let mut column = arg;
        while let ExprKind::Relabel(inner) = &column.kind {
            column = inner;
        }
        let ExprKind::Column(id) = column.kind else { return None };
        let position = get.columns.iter().position(|known| *known == id)?;
        let mut get = get.clone();
        if !get.relation.columns.get(position)?.not_null {
            let kind = ExprKind::IsNull { arg: Box::new(column.clone()), negated: true };
            get.filters.push(Expr { kind, ty: TypeRef::plain(oids::BOOL) });
        }
        let keys = vec![SortKey { expr: arg.clone(), descending: greatest, nulls_first: greatest }];
        let plan = Logical::Get(Box::new(get.clone()));
        let rows = self.planner.estimate(&plan).max(1.0);
        let wanted = WantedOrder { keys: keys.clone(), fraction: Some(1.0 / rows) };
        let needed: ColumnSet = [id].into_iter().collect();
        self.best_path(&get, &needed, rows, Some(&wanted))?.direction?;
        let one = Expr::constant(Datum::I64(1), TypeRef::plain(oids::INT8));
        Some(Logical::Limit {
            input: Box::new(Logical::Sort { input: Box::new(plan), keys }),
            limit: Some(one),
            offset: None,
            ties: None,
        })
    }
}
