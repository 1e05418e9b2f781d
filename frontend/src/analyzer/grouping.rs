//! GROUP BY with grouping sets, and the check that what stands above grouping is grouped
//! (`transformGroupClause`, `parseCheckAggregates`): matching expressions become the ids of the keys.

use executor::expr::{ColumnId, Expr, ExprKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{GroupingSet, GroupingSetKind, Node};
use types::{PgError, Result, SqlState};

use super::raw;
use super::select::{Grouped, Target};
use super::state::{Analyzer, Clause, Location, error};
use crate::catalog::ConstraintKind;
use crate::query::{Grouping, Query};

/// GROUP BY as positions in the target list.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Grouped targets.
    pub(super) targets: Vec<usize>,
    /// Grouping sets as positions in `targets`.
    pub(super) sets: Option<Vec<Vec<usize>>>,
}

/// More sets than this are refused, as PostgreSQL does.
const SETS_MAX: usize = 4096;

impl Analyzer<'_> {
    /// Analyzes GROUP BY.
    pub(super) fn group_by(
        &mut self,
        clause: &[Node],
        targets: &mut Vec<Target>,
        distinct: bool,
    ) -> Result<Groups> {
        let mut groups = Groups::default();
        let has_sets = clause.iter().any(|node| matches!(node.node, Some(NodeEnum::GroupingSet(_))));
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        for node in clause.iter().filter_map(|node| node.node.as_ref()) {
            let item = self.group_item(node, targets, &mut groups)?;
            let mut product = Vec::with_capacity(sets.len() * item.len());
            for left in &sets {
                for right in &item {
                    let mut set = left.clone();
                    set.extend(right.iter().filter(|key| !left.contains(key)));
                    product.push(set);
                }
            }
            if product.len() > SETS_MAX {
                let message = format!("too many grouping sets present (maximum {SETS_MAX})");
                return Err(error(SqlState::STATEMENT_TOO_COMPLEX, message, raw::location(node)));
            }
            sets = product;
        }
        if has_sets {
            if distinct {
                let mut seen: Vec<Vec<usize>> = Vec::new();
                sets.retain(|set| {
                    let mut sorted = set.clone();
                    sorted.sort_unstable();
                    let new = !seen.contains(&sorted);
                    seen.push(sorted);
                    new
                });
            }
            groups.sets = Some(sets);
        }
        Ok(groups)
    }

    /// Returns the grouping sets that an item of GROUP BY stands for.
    fn group_item(
        &mut self,
        node: &NodeEnum,
        targets: &mut Vec<Target>,
        groups: &mut Groups,
    ) -> Result<Vec<Vec<usize>>> {
        match node {
            NodeEnum::GroupingSet(set) => self.grouping_set(set, targets, groups),
            NodeEnum::RowExpr(row)
                if row.row_format == pg_query::protobuf::CoercionForm::CoerceImplicitCast as i32 =>
            {
                let mut keys = Vec::new();
                for node in row.args.iter().filter_map(|arg| arg.node.as_ref()) {
                    keys.push(self.group_key(node, targets, groups)?);
                }
                Ok(vec![keys])
            }
            node => Ok(vec![vec![self.group_key(node, targets, groups)?]]),
        }
    }

    fn group_key(
        &mut self,
        node: &NodeEnum,
        targets: &mut Vec<Target>,
        groups: &mut Groups,
    ) -> Result<usize> {
        let target = self.find_target_sql92(node, targets, Clause::GroupBy)?;
        let location = raw::location(node);
        let expr = std::mem::replace(&mut targets[target].expr, Expr::bool(false));
        targets[target].expr = self.resolved(expr, targets[target].location)?;
        self.equality(targets[target].expr.ty.oid, location)?;
        self.refuse_computed(&targets[target].expr, location)?;
        if let Some(position) = groups.targets.iter().position(|known| *known == target) {
            return Ok(position);
        }
        groups.targets.push(target);
        Ok(groups.targets.len() - 1)
    }

    /// Refuses aggregates and window calls in a group key that was named by position or alias.
    fn refuse_computed(&mut self, expr: &Expr, location: Location) -> Result<()> {
        let mut used = Vec::new();
        super::walk::columns(expr, &[], &mut used);
        let level = self.level();
        for id in used {
            if let Some((_, _, place)) = level.aggregates.iter().find(|(known, ..)| *known == id) {
                let message = "aggregate functions are not allowed in GROUP BY";
                return Err(error(SqlState::GROUPING_ERROR, message, place.or(location)));
            }
            if level.window_calls.iter().any(|(known, ..)| *known == id) {
                let message = "window functions are not allowed in GROUP BY";
                return Err(error(SqlState::WINDOWING_ERROR, message, location));
            }
        }
        Ok(())
    }

    fn grouping_set(
        &mut self,
        set: &GroupingSet,
        targets: &mut Vec<Target>,
        groups: &mut Groups,
    ) -> Result<Vec<Vec<usize>>> {
        let kind = GroupingSetKind::try_from(set.kind).unwrap_or(GroupingSetKind::Undefined);
        let mut items: Vec<Vec<Vec<usize>>> = Vec::new();
        for node in set.content.iter().filter_map(|node| node.node.as_ref()) {
            items.push(self.group_item(node, targets, groups)?);
        }
        let first_of = |item: &Vec<Vec<usize>>| item.first().cloned().unwrap_or_default();
        match kind {
            GroupingSetKind::GroupingSetEmpty | GroupingSetKind::Undefined => Ok(vec![Vec::new()]),
            GroupingSetKind::GroupingSetSimple => Ok(vec![items.iter().flat_map(first_of).collect()]),
            GroupingSetKind::GroupingSetSets => Ok(items.into_iter().flatten().collect()),
            GroupingSetKind::GroupingSetRollup => {
                let prefix = |len: usize| items.iter().take(len).flat_map(first_of).collect();
                Ok((0..=items.len()).rev().map(prefix).collect())
            }
            GroupingSetKind::GroupingSetCube => {
                const CUBE_MAX: usize = 12;
                if items.len() > CUBE_MAX {
                    let message = format!("CUBE is limited to {CUBE_MAX} elements");
                    return Err(error(SqlState::TOO_MANY_COLUMNS, message, super::state::at(set.location)));
                }
                let count = items.len();
                let subset = |mask: usize| {
                    let chosen =
                        items.iter().enumerate().filter(|(index, _)| mask >> (count - 1 - index) & 1 == 1);
                    chosen.flat_map(|(_, item)| first_of(item)).collect()
                };
                Ok((0..1_usize << count).rev().map(subset).collect())
            }
        }
    }

    /// Separates grouping from what stands above it; `None` when the query does not group.
    pub(super) fn finish_grouping(&mut self, parts: &mut Grouped) -> Result<Option<Grouping>> {
        let groups = std::mem::take(&mut parts.groups);
        let level = self.level();
        let grouped = !groups.targets.is_empty()
            || groups.sets.is_some()
            || !level.aggregates.is_empty()
            || !level.grouping_calls.is_empty()
            || parts.having.is_some();
        if !grouped {
            return Ok(None);
        }
        let depth = self.depth();
        let mut keys = Vec::with_capacity(groups.targets.len());
        for target in &groups.targets {
            let id = self.new_id();
            self.add_computed(id, depth);
            keys.push((id, parts.targets[*target].expr.clone()));
        }
        let mut subqueries = std::mem::take(&mut self.level().subqueries);
        let extensible = groups.sets.is_none();
        let mut above =
            AboveGrouping { keys, depth, extensible, subqueries: &mut subqueries, location: None };
        let outcome = self.rewrite_above(parts, &mut above);
        let keys = above.keys;
        self.level().subqueries = subqueries;
        outcome?;
        let level = self.level();
        let calls =
            std::mem::take(&mut level.aggregates).into_iter().map(|(id, call, _)| (id, call)).collect();
        let mut grouping_calls = Vec::new();
        for (id, args, location) in std::mem::take(&mut level.grouping_calls) {
            let mut positions = Vec::with_capacity(args.len());
            for arg in args {
                let message =
                    "arguments to GROUPING must be grouping expressions of the associated query level";
                let found = keys.iter().position(|(_, key)| *key == arg);
                positions.push(found.ok_or_else(|| error(SqlState::GROUPING_ERROR, message, location))?);
            }
            grouping_calls.push((id, positions));
        }
        Ok(Some(Grouping { keys, sets: groups.sets, calls, grouping_calls }))
    }

    fn rewrite_above(&mut self, parts: &mut Grouped, above: &mut AboveGrouping<'_>) -> Result<()> {
        for target in &mut parts.targets {
            above.location = target.location;
            self.rewrite(&mut target.expr, above, false)?;
        }
        if let Some(having) = &mut parts.having {
            above.location = None;
            self.rewrite(having, above, false)?;
        }
        let mut windows = std::mem::take(&mut self.level().windows);
        let mut calls = std::mem::take(&mut self.level().window_calls);
        above.location = None;
        for window in &mut windows {
            window.partition_by.iter_mut().try_for_each(|expr| self.rewrite(expr, above, false))?;
            window.order_by.iter_mut().try_for_each(|key| self.rewrite(&mut key.expr, above, false))?;
        }
        for (_, call, _) in &mut calls {
            call.args
                .iter_mut()
                .chain(&mut call.filter)
                .try_for_each(|expr| self.rewrite(expr, above, false))?;
        }
        self.level().windows = windows;
        self.level().window_calls = calls;
        Ok(())
    }

    /// Replaces group keys in `expr` by their ids; what is left of FROM is an error.
    fn rewrite(&mut self, expr: &mut Expr, above: &mut AboveGrouping<'_>, nested: bool) -> Result<()> {
        if !matches!(expr.kind, ExprKind::Const(_) | ExprKind::Param(_))
            && let Some((id, _)) = above.keys.iter().find(|(_, key)| key == expr)
        {
            *expr = Expr::column(*id, expr.ty);
            return Ok(());
        }
        if let ExprKind::Column(id) = expr.kind {
            return self.check_grouped(id, expr, above, nested);
        }
        let mut outcome = Ok(());
        expr.for_each_child_mut(&mut |child| {
            if outcome.is_ok() {
                outcome = self.rewrite(child, above, nested);
            }
        });
        outcome?;
        if let (ExprKind::Subquery { index, .. }, false) = (&expr.kind, nested) {
            let index = *index as usize;
            if index >= above.subqueries.len() {
                return Err(PgError::internal("a subquery that is not there"));
            }
            let mut query = std::mem::replace(&mut above.subqueries[index], empty_query());
            let mut outcome = Ok(());
            super::walk::for_each_expr_mut(&mut query, &mut |inner| {
                if outcome.is_ok() {
                    outcome = self.rewrite(inner, above, true);
                }
            });
            above.subqueries[index] = query;
            outcome?;
        }
        Ok(())
    }

    fn check_grouped(
        &mut self,
        id: ColumnId,
        expr: &mut Expr,
        above: &mut AboveGrouping<'_>,
        nested: bool,
    ) -> Result<()> {
        let source = self.sources.get(&id).filter(|source| source.from && source.level == above.depth);
        let Some(source) = source.cloned() else { return Ok(()) };
        if above.extensible && self.depends_on_keys(source.entry, above) {
            // Determined by the primary key among the keys: one more key changes no group.
            let fresh = self.new_id();
            self.add_computed(fresh, above.depth);
            above.keys.push((fresh, Expr::column(id, expr.ty)));
            *expr = Expr::column(fresh, expr.ty);
            return Ok(());
        }
        let mention = self.levels.get(above.depth).and_then(|level| {
            let found = |mention: &&super::state::ColumnMention| {
                mention.id == id && !mention.aggregated && (nested || mention.location >= above.location)
            };
            level
                .mentions
                .iter()
                .find(found)
                .or_else(|| level.mentions.iter().find(|mention| mention.id == id))
        });
        let location = mention.and_then(|mention| mention.location);
        let message = if nested {
            format!("subquery uses ungrouped column \"{}\" from outer query", source.qualified)
        } else {
            format!(
                "column \"{}\" must appear in the GROUP BY clause or be used in an aggregate function",
                source.qualified
            )
        };
        Err(error(SqlState::GROUPING_ERROR, message, location))
    }

    /// Returns whether the keys hold the primary key of a range-table entry.
    fn depends_on_keys(&self, entry: u32, above: &AboveGrouping<'_>) -> bool {
        let of_entry = |key: &Expr| match key.kind {
            ExprKind::Column(id) => self.sources.get(&id).filter(|source| source.entry == entry)?.origin,
            _ => None,
        };
        let origins: Vec<_> = above.keys.iter().filter_map(|(_, key)| of_entry(key)).collect();
        let Some((relation, _)) = origins.first() else { return false };
        let Some(relation) = self.context.catalog.relation(*relation) else { return false };
        relation.constraints.iter().any(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } if !constraint.deferrable => columns
                .iter()
                .all(|column| origins.iter().any(|(_, number)| relation.attnum(*column) == *number)),
            ConstraintKind::PrimaryKey { .. } => false,
            ConstraintKind::Unique { .. }
            | ConstraintKind::NotNull { .. }
            | ConstraintKind::Check { .. }
            | ConstraintKind::Exclusion { .. }
            | ConstraintKind::ForeignKey(_) => false,
        })
    }
}

/// What [`Analyzer::rewrite`] works with.
struct AboveGrouping<'a> {
    keys: Vec<(ColumnId, Expr)>,
    depth: usize,
    /// Whether dependent columns may be added to the keys.
    extensible: bool,
    subqueries: &'a mut Vec<Query>,
    /// Where the expression being rewritten starts.
    location: Location,
}

/// Stands in while a subquery is being changed.
fn empty_query() -> Query {
    Query {
        ctes: Vec::new(),
        body: crate::query::QueryBody::Values { columns: Vec::new(), rows: Vec::new() },
        output: Vec::new(),
        order_by: Vec::new(),
        limit: None,
        with_ties: false,
        offset: None,
        subqueries: Vec::new(),
        locking: false,
        row_marks: Vec::new(),
    }
}
