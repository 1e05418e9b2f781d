//! Aggregate calls (`transformAggregateCall`): they belong to the level of their innermost column and leave an id behind.

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{AggregateCall, SortKey};
use pg_query::NodeEnum;
use pg_query::protobuf::{FuncCall, GroupingFunc};
use types::oids;
use types::{PgError, Result, SqlState};

use super::candidates::Candidate;
use super::coerce::plain;
use super::functions::{Arguments, known_type};
use super::operators::merged_collation;
use super::raw;
use super::state::{Analyzer, ColumnSource, Location, at, error, unsupported};
use crate::catalog::builtin::{AggregateKind, Function, builtin};

impl Analyzer<'_> {
    /// Analyzes an aggregate call without OVER.
    pub(super) fn aggregate(
        &mut self,
        call: &FuncCall,
        function: &'static Function,
        candidate: &Candidate,
        arguments: Arguments,
        filter: Option<Expr>,
        mentions_before: &[usize],
    ) -> Result<Expr> {
        let location = at(call.location);
        check_form(call, function, location)?;
        let kind = builtin().aggregate(function.oid);
        let kind = kind.ok_or_else(|| PgError::internal("an aggregate without its row"))?;
        let mut arguments = arguments;
        if kind.kind == AggregateKind::HypotheticalSet {
            self.unify_hypothetical(call, &mut arguments)?;
        }
        let (mut args, result) = self.call_args(function, candidate, arguments, location)?;
        args = args.into_iter().map(known_type).collect();
        let mut direct_args = Vec::new();
        let order_by;
        if call.agg_within_group {
            let aggregated = call.agg_order.len().min(args.len());
            let tail = args.split_off(args.len() - aggregated);
            direct_args = std::mem::replace(&mut args, tail);
            let mut keys = Vec::new();
            for (node, expr) in call.agg_order.iter().zip(&args) {
                if let Some(NodeEnum::SortBy(sort)) = &node.node {
                    keys.push(self.sort_key(expr.clone(), sort, location)?);
                }
            }
            order_by = keys;
        } else {
            order_by = self.aggregate_order(call, &args)?;
        }
        if call.agg_distinct {
            for arg in &args {
                self.equality(arg.ty.oid, location)?;
            }
        }
        let input_collation = merged_collation(args.iter());
        let mut ty = plain(result);
        if ty.collation != 0 && input_collation != 0 {
            ty.collation = input_collation;
        }
        let mut reference = function.reference(function.name.clone());
        if let Some(transition) = builtin().function(kind.transition) {
            reference.prosrc = transition.prosrc.clone();
        }
        let aggregate = AggregateCall {
            function: reference,
            args,
            direct_args,
            distinct: call.agg_distinct,
            order_by,
            filter,
            ty,
            input_collation,
        };
        let depth = self.aggregate_level(&aggregate, location)?;
        self.place_aggregate(aggregate, depth, mentions_before, location)
    }

    /// Brings each direct argument of a hypothetical-set aggregate and its sort column to one type.
    fn unify_hypothetical(&mut self, call: &FuncCall, arguments: &mut Arguments) -> Result<()> {
        let sorted = call.agg_order.len();
        let Some(direct) = arguments.operands.len().checked_sub(sorted).filter(|direct| *direct == sorted)
        else {
            let name = call.funcname.last().and_then(|name| raw::string(name)).unwrap_or_default();
            let direct = arguments.operands.len().saturating_sub(sorted);
            let hint = format!(
                "To use the hypothetical-set aggregate {name}, the number of hypothetical direct arguments (here \
                 {direct}) must match the number of ordering columns (here {sorted})."
            );
            let shown: Vec<String> = arguments
                .operands
                .iter()
                .map(|(expr, _)| crate::catalog::type_names::type_name(expr.ty.oid))
                .collect();
            let message = format!("function {name}({}) does not exist", shown.join(", "));
            return Err(error(SqlState::UNDEFINED_FUNCTION, message, at(call.location)).with_hint(hint));
        };
        for index in 0..direct {
            let pair = vec![arguments.operands[index].clone(), arguments.operands[index + direct].clone()];
            let (mut converted, _) = self.to_common(pair, "WITHIN GROUP")?;
            if let (Some(last), Some(first)) = (converted.pop(), converted.pop()) {
                arguments.operands[index + direct].0 = last;
                arguments.operands[index].0 = first;
            }
        }
        Ok(())
    }

    /// Analyzes ORDER BY inside the parentheses.
    fn aggregate_order(&mut self, call: &FuncCall, args: &[Expr]) -> Result<Vec<SortKey>> {
        let mut keys = Vec::new();
        for node in &call.agg_order {
            let Some(NodeEnum::SortBy(sort)) = &node.node else { continue };
            let Some(value) = raw::inner(&sort.node) else { continue };
            let at = raw::location(value);
            let expr = self.expr(value)?;
            let expr = self.resolved(expr, at)?;
            if call.agg_distinct && !args.contains(&expr) {
                let message =
                    "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
                return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, at));
            }
            keys.push(self.sort_key(expr, sort, at)?);
        }
        Ok(keys)
    }

    /// Returns the level an aggregate belongs to.
    fn aggregate_level(&mut self, call: &AggregateCall, location: Location) -> Result<usize> {
        let depth = self.depth();
        let mut used = Vec::new();
        let subqueries = &self.levels[depth].subqueries;
        let keys = call.order_by.iter().map(|key| &key.expr);
        for expr in call.args.iter().chain(&call.filter).chain(keys) {
            super::walk::columns(expr, subqueries, &mut used);
        }
        let level_of =
            |id: &ColumnId| self.sources.get(id).map(|source| source.level).filter(|level| *level <= depth);
        let level = used.iter().filter_map(level_of).max().unwrap_or(depth);
        for id in &used {
            if let Some((_, _, inner)) = self.levels[level].aggregates.iter().find(|(known, ..)| known == id)
            {
                let message = "aggregate function calls cannot be nested";
                return Err(error(SqlState::GROUPING_ERROR, message, *inner));
            }
            if self.levels[level].window_calls.iter().any(|(known, ..)| known == id) {
                let message = "aggregate function calls cannot contain window function calls";
                return Err(error(SqlState::GROUPING_ERROR, message, location));
            }
        }
        Ok(level)
    }

    fn place_aggregate(
        &mut self,
        aggregate: AggregateCall,
        depth: usize,
        mentions_before: &[usize],
        location: Location,
    ) -> Result<Expr> {
        if let Some(place) = self.levels[depth].clause.aggregate_refusal() {
            let message = format!("aggregate functions are not allowed in {place}");
            return Err(error(SqlState::GROUPING_ERROR, message, location));
        }
        if self.levels[depth].recurs {
            let message = "aggregate functions are not allowed in a recursive query's recursive term";
            return Err(error(SqlState::INVALID_RECURSION, message, location));
        }
        if depth != self.depth() && !self.levels[self.depth()].subqueries.is_empty() {
            let mut found = false;
            for arg in &aggregate.args {
                arg.walk(&mut |part| found |= matches!(part.kind, ExprKind::Subquery { .. }));
            }
            if found {
                return Err(unsupported("an outer-level aggregate over a subquery", location));
            }
        }
        for (level, before) in self.levels.iter_mut().zip(mentions_before).skip(depth) {
            level.mentions.iter_mut().skip(*before).for_each(|mention| mention.aggregated = true);
        }
        let known = self.levels[depth].aggregates.iter().find(|(_, known, _)| {
            *known == aggregate && aggregate.function.volatility != executor::expr::Volatility::Volatile
        });
        if let Some((id, known, _)) = known {
            return Ok(Expr::column(*id, known.ty));
        }
        let id = self.new_id();
        let ty = aggregate.ty;
        self.add_computed(id, depth);
        self.levels[depth].aggregates.push((id, aggregate, location));
        Ok(Expr::column(id, ty))
    }

    /// Registers an id that a level computes.
    pub(super) fn add_computed(&mut self, id: ColumnId, level: usize) {
        let source = ColumnSource { level, qualified: "".into(), origin: None, entry: 0, from: false };
        self.sources.insert(id, source);
    }

    /// Analyzes GROUPING(...).
    pub(super) fn grouping_func(&mut self, call: &GroupingFunc) -> Result<Expr> {
        let location = at(call.location);
        if call.args.len() > 31 {
            let message = "GROUPING must have fewer than 32 arguments";
            return Err(error(SqlState::TOO_MANY_ARGUMENTS, message, location));
        }
        let before = self.level().mentions.len();
        let mut args = Vec::new();
        for node in call.args.iter().filter_map(|arg| arg.node.as_ref()) {
            args.push(self.expr(node)?);
        }
        self.level().mentions.iter_mut().skip(before).for_each(|mention| mention.aggregated = true);
        if let Some(place) = self.level().clause.aggregate_refusal() {
            let message = format!("grouping operations are not allowed in {place}");
            return Err(error(SqlState::GROUPING_ERROR, message, location));
        }
        let id = self.new_id();
        let depth = self.depth();
        self.add_computed(id, depth);
        self.level().grouping_calls.push((id, args, location));
        Ok(Expr::column(id, plain(oids::INT4)))
    }
}

/// Checks the syntax of a call against the aggregate's kind.
fn check_form(call: &FuncCall, function: &Function, location: Location) -> Result<()> {
    let name = raw::strings(&call.funcname).join(".");
    let ordered =
        builtin().aggregate(function.oid).is_some_and(|aggregate| aggregate.kind != AggregateKind::Normal);
    let wrong = |message: String| Err(error(SqlState::WRONG_OBJECT_TYPE, message, location));
    if ordered {
        if !call.agg_within_group {
            return wrong(format!("WITHIN GROUP is required for ordered-set aggregate {name}"));
        }
        if call.agg_distinct {
            return wrong("cannot use DISTINCT with WITHIN GROUP".to_string());
        }
    } else if call.agg_within_group {
        return wrong(format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"));
    }
    if call.args.is_empty() && !call.agg_star && !call.agg_within_group {
        return wrong(format!("{name}(*) must be used to call a parameterless aggregate function"));
    }
    Ok(())
}
