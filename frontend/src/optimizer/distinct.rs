//! Aggregates over distinct values become plain ones over groups of these values.
//!
//! `SELECT k, count(DISTINCT x) … GROUP BY k` counts the rows of `SELECT k, x … GROUP BY k, x`, which hashes in
//! parallel instead of collecting the values of each group.

use executor::expr::Expr;
use executor::plan::AggregateCall;
use types::oids;

use super::Planner;
use super::logical::{Logical, LogicalAggregate};

impl Planner<'_> {
    /// Rewrites the aggregates of a plan where their result cannot tell.
    pub(super) fn split_distinct(&mut self, plan: Logical) -> Logical {
        let plan = plan.map_inputs(&mut |input| self.split_distinct(input));
        match plan {
            Logical::Aggregate(aggregate) if can_split(&aggregate) => {
                Logical::Aggregate(Box::new(self.split(*aggregate)))
            }
            other => other,
        }
    }

    fn split(&mut self, aggregate: LogicalAggregate) -> LogicalAggregate {
        let LogicalAggregate { input, keys, calls, .. } = aggregate;
        let mut inner_keys = Vec::with_capacity(keys.len() + 1);
        let mut outer_keys = Vec::with_capacity(keys.len());
        for (id, key) in keys {
            let inner = self.fresh(key.ty);
            outer_keys.push((id, Expr::column(inner, key.ty)));
            inner_keys.push((inner, key));
        }
        let value = calls.first().and_then(|(_, call)| call.args.first()).cloned();
        let value = value.map(|arg| {
            let inner = self.fresh(arg.ty);
            let column = Expr::column(inner, arg.ty);
            inner_keys.push((inner, arg));
            column
        });
        let plain = |call: AggregateCall| AggregateCall {
            distinct: false,
            args: value.iter().cloned().collect(),
            ..call
        };
        let calls = calls.into_iter().map(|(id, call)| (id, plain(call))).collect();
        let groups =
            LogicalAggregate { input, keys: inner_keys, sets: None, calls: Vec::new(), set_number: None };
        let input = Logical::Aggregate(Box::new(groups));
        LogicalAggregate { input, keys: outer_keys, sets: None, calls, set_number: None }
    }
}

/// Returns whether all calls are over the distinct values of the same argument, and none depends on their order.
fn can_split(aggregate: &LogicalAggregate) -> bool {
    let Some((_, first)) = aggregate.calls.first() else { return false };
    aggregate.sets.is_none()
        && aggregate.calls.iter().all(|(_, call)| {
            call.distinct
                && call.args.len() == 1
                && call.args == first.args
                && call.filter.is_none()
                && call.order_by.is_empty()
                && call.direct_args.is_empty()
                && is_orderless(call)
        })
}

fn is_orderless(call: &AggregateCall) -> bool {
    let integer = call.args.iter().all(|arg| matches!(arg.ty.oid, oids::INT2 | oids::INT4 | oids::INT8));
    match call.function.name.as_str() {
        "count" => true,
        "sum" | "avg" | "min" | "max" => integer,
        _ => false,
    }
}
