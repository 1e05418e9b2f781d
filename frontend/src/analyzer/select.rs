//! SELECT: the clauses in PostgreSQL's order (`transformSelectStmt`), and the query tree they become.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::SortKey;
use pg_query::NodeEnum;
use pg_query::protobuf::{LimitOption, Node, SelectStmt, SetOperation};
use types::oids;
use types::{Oid, PgError, Result, SqlState};

use super::coerce::plain;
use super::raw;
use super::state::{Analyzer, Clause, Level, Location, error};
use crate::query::{Distinct, FromItem, OutputColumn, Query, QueryBody, Select, WindowDefinition};

/// An item of the target list while the query is analyzed.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Result name.
    pub(super) name: EcoString,
    /// Value.
    pub(super) expr: Expr,
    /// Where it was written.
    pub(super) location: Location,
    /// Only for ORDER BY, GROUP BY or DISTINCT ON.
    pub(super) junk: bool,
    /// Table column behind it.
    pub(super) origin: Option<(Oid, i16)>,
}

/// ORDER BY as positions in the target list.
#[derive(Debug, Clone, Copy)]
pub(super) struct TargetSort {
    pub(super) target: usize,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

impl Analyzer<'_> {
    /// Analyzes a query on a level of its own. `keep_unknown`: literals in the target list keep their unknown type for
    /// a context that will give them one.
    pub(super) fn nested_query(&mut self, select: &SelectStmt, keep_unknown: bool) -> Result<Query> {
        self.on_new_level(|analyzer| analyzer.query(select, keep_unknown))
    }

    /// Runs `body` on a new level.
    pub(super) fn on_new_level<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.levels.push(Level::new());
        let depth = self.levels.len();
        let result = stacker::maybe_grow(256 * 1024, 8 * 1024 * 1024, || body(self));
        self.levels.truncate(depth - 1);
        result
    }

    /// Analyzes a query on the innermost level.
    pub(super) fn query(&mut self, select: &SelectStmt, keep_unknown: bool) -> Result<Query> {
        super::into::refuse_into(select)?;
        if let Some(with) = &select.with_clause {
            self.with_clause(with)?;
        }
        if SetOperation::try_from(select.op).is_ok_and(|op| op as i32 > SetOperation::SetopNone as i32) {
            return self.set_operation(select);
        }
        if !select.values_lists.is_empty() {
            return self.values(select, keep_unknown);
        }
        self.select(select, keep_unknown)
    }

    fn select(&mut self, select: &SelectStmt, keep_unknown: bool) -> Result<Query> {
        self.level().window_clause = select
            .window_clause
            .iter()
            .filter_map(|node| match &node.node {
                Some(NodeEnum::WindowDef(window)) => Some(window.as_ref().clone()),
                _ => None,
            })
            .collect();
        let from = self.from_clause(&select.from_clause)?;
        let mut targets = self.within(Clause::Select, |analyzer| analyzer.targets(&select.target_list))?;
        let filter = match raw::inner(&select.where_clause) {
            Some(node) => Some(self.condition(node, Clause::Where)?),
            None => None,
        };
        let having = match raw::inner(&select.having_clause) {
            Some(node) => Some(self.condition(node, Clause::Having)?),
            None => None,
        };
        let sort = self.order_by(&select.sort_clause, &mut targets)?;
        let groups = self.group_by(&select.group_clause, &mut targets, select.group_distinct)?;
        let distinct = self.distinct(&select.distinct_clause, &mut targets, &sort)?;
        let limits = self.limits(select)?;
        self.open_named_windows()?;
        let is_sorted = |at: usize| {
            distinct.as_ref().is_some_and(|listed| listed.is_empty() || listed.contains(&at))
                || sort.iter().any(|key| key.target == at)
        };
        for (at, target) in targets.iter_mut().enumerate() {
            // What has an order has a type.
            if !keep_unknown || is_sorted(at) {
                let expr = std::mem::replace(&mut target.expr, Expr::bool(false));
                target.expr = self.resolved(expr, target.location)?;
            }
        }
        let grouped = Grouped { from, filter, having, targets, sort, groups, distinct, limits };
        self.finish_select(grouped, select)
    }

    /// Puts the analyzed clauses together: grouping is separated, every computed column gets an id.
    fn finish_select(&mut self, mut parts: Grouped, select: &SelectStmt) -> Result<Query> {
        let row_marks = self.check_locking(select, &mut parts)?;
        let grouping = self.finish_grouping(&mut parts)?;
        let mut computed: Vec<(ColumnId, Expr)> = Vec::new();
        let mut ids: Vec<Expr> = Vec::with_capacity(parts.targets.len());
        for target in &parts.targets {
            let depth = self.depth();
            // An outer level's column is computed like any other expression: the body must give every output id.
            if let ExprKind::Column(id) = target.expr.kind
                && self.sources.get(&id).is_some_and(|source| source.level == depth)
            {
                // The outermost place counts, and the first one there.
                if !ids.iter().any(|known| known.kind == target.expr.kind) {
                    self.column_locations.insert(id, target.location);
                }
                ids.push(target.expr.clone());
                continue;
            }
            let id = self.new_id();
            self.add_computed(id, depth);
            self.output_locations.insert(id, target.location);
            if target.expr.ty.oid == oids::UNKNOWN {
                self.unknown_outputs.insert(id, target.location);
            }
            ids.push(Expr::column(id, target.expr.ty));
            computed.push((id, target.expr.clone()));
        }
        let output = self.output(&parts.targets, &ids);
        let sort_key = |sort: &TargetSort| SortKey {
            expr: ids.get(sort.target).cloned().unwrap_or_else(|| Expr::bool(true)),
            descending: sort.descending,
            nulls_first: sort.nulls_first,
        };
        let order_by = parts.sort.iter().map(sort_key).collect();
        let distinct = match parts.distinct {
            None => Distinct::No,
            Some(positions) if positions.is_empty() => Distinct::All,
            Some(positions) => {
                Distinct::On(positions.iter().filter_map(|position| ids.get(*position).cloned()).collect())
            }
        };
        let level = self.level();
        let mut windows: Vec<WindowDefinition> = Vec::new();
        for (id, call, window) in std::mem::take(&mut level.window_calls) {
            let Some(scope) = level.windows.get(window) else { continue };
            let same = |known: &&mut WindowDefinition| {
                known.partition_by == scope.partition_by && known.order_by == scope.order_by
            };
            match windows.iter_mut().find(same) {
                Some(known) => known.calls.push((id, call)),
                None => windows.push(WindowDefinition {
                    partition_by: scope.partition_by.clone(),
                    order_by: scope.order_by.clone(),
                    calls: vec![(id, call)],
                }),
            }
        }
        let body = Select {
            from: parts.from,
            filter: parts.filter,
            grouping,
            having: parts.having,
            windows,
            targets: computed,
            distinct,
        };
        let mut query = self.finish_query(QueryBody::Select(Box::new(body)), output, order_by, parts.limits);
        query.locking = !select.locking_clause.is_empty();
        query.row_marks = row_marks;
        Ok(query)
    }

    fn output(&self, targets: &[Target], ids: &[Expr]) -> Vec<OutputColumn> {
        let shown = targets.iter().zip(ids).filter(|(target, _)| !target.junk);
        shown
            .filter_map(|(target, id)| match id.kind {
                ExprKind::Column(column) => Some(OutputColumn {
                    id: column,
                    name: target.name.clone(),
                    ty: id.ty,
                    origin: target.origin,
                }),
                _ => None,
            })
            .collect()
    }

    /// Takes what the level gathered into a query.
    pub(super) fn finish_query(
        &mut self,
        body: QueryBody,
        output: Vec<OutputColumn>,
        order_by: Vec<SortKey>,
        limits: Limits,
    ) -> Query {
        let ctes = self.finish_ctes();
        let subqueries = std::mem::take(&mut self.level().subqueries);
        Query {
            ctes,
            body,
            output,
            order_by,
            limit: limits.limit,
            with_ties: limits.with_ties,
            offset: limits.offset,
            subqueries,
            locking: false,
            row_marks: Vec::new(),
        }
    }

    /// Analyzes LIMIT and OFFSET.
    pub(super) fn limits(&mut self, select: &SelectStmt) -> Result<Limits> {
        let offset = self.limit_expr(raw::inner(&select.limit_offset), Clause::Offset)?;
        let limit = self.limit_expr(raw::inner(&select.limit_count), Clause::Limit)?;
        let with_ties = select.limit_option == LimitOption::WithTies as i32;
        if with_ties && select.sort_clause.is_empty() {
            let message = "WITH TIES cannot be specified without ORDER BY clause";
            return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
        }
        Ok(Limits { limit, offset, with_ties })
    }

    fn limit_expr(&mut self, node: Option<&NodeEnum>, clause: Clause) -> Result<Option<Expr>> {
        let Some(node) = node else { return Ok(None) };
        let location = raw::location(node);
        let before = self.level().mentions.len();
        let expr = self.within(clause, |analyzer| analyzer.expr(node))?;
        let expr = self.coerce_to_specific(expr, oids::INT8, clause.name(), location)?;
        let mut used = Vec::new();
        super::walk::columns(&expr, &[], &mut used);
        let depth = self.depth();
        if used.iter().any(|id| self.sources.get(id).is_some_and(|source| source.level == depth)) {
            let first = self.level().mentions.get(before).and_then(|mention| mention.location);
            let message = format!("argument of {} must not contain variables", clause.name());
            return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, first.or(location)));
        }
        Ok(Some(expr))
    }

    fn distinct(
        &mut self,
        clause: &[Node],
        targets: &mut Vec<Target>,
        sort: &[TargetSort],
    ) -> Result<Option<Vec<usize>>> {
        if clause.is_empty() {
            return Ok(None);
        }
        if clause.iter().all(|node| node.node.is_none()) {
            if targets.iter().all(|target| target.junk) {
                let message = "SELECT DISTINCT must have at least one column";
                return Err(error(SqlState::SYNTAX_ERROR, message, None));
            }
            for target in targets.iter().filter(|target| !target.junk) {
                let ty = if target.expr.ty.oid == oids::UNKNOWN { oids::TEXT } else { target.expr.ty.oid };
                self.equality(ty, target.location)?;
            }
            if let Some(junk) = sort.iter().find(|sort| targets[sort.target].junk) {
                let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                let location = targets[junk.target].location;
                return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, location));
            }
            return Ok(Some(Vec::new()));
        }
        let mut positions = Vec::new();
        for node in clause.iter().filter_map(|node| node.node.as_ref()) {
            let position = self.find_target_sql92(node, targets, Clause::DistinctOn)?;
            if !positions.contains(&position) {
                positions.push(position);
            }
        }
        let leading = sort.iter().take(positions.len());
        for key in leading {
            if !positions.contains(&key.target) {
                let message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
                let sorted: Vec<usize> = sort.iter().map(|key| key.target).collect();
                // `get_matching_location`: the expression that comes too late in ORDER BY, or not at all.
                let skip = sorted.iter().position(|target| !positions.contains(target));
                let late = sorted.iter().skip(skip.unwrap_or(0)).find(|target| positions.contains(target));
                let late = late.or_else(|| positions.iter().find(|position| !sorted.contains(position)));
                let location = late
                    .and_then(|late| positions.iter().position(|position| position == late))
                    .and_then(|index| clause.get(index)?.node.as_ref())
                    .and_then(raw::location);
                return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, location));
            }
        }
        Ok(Some(positions))
    }

    /// Analyzes VALUES as a query.
    pub(super) fn values(&mut self, select: &SelectStmt, keep_unknown: bool) -> Result<Query> {
        let mut rows: Vec<Vec<(Expr, Location)>> = Vec::with_capacity(select.values_lists.len());
        for list in &select.values_lists {
            let Some(NodeEnum::List(list)) = &list.node else { continue };
            let row = self.within(Clause::Values, |analyzer| analyzer.exprs(&list.items))?;
            if rows.first().is_some_and(|first| first.len() != row.len()) {
                let location = raw::list_location(&list.items);
                return Err(error(
                    SqlState::SYNTAX_ERROR,
                    "VALUES lists must all be the same length",
                    location,
                ));
            }
            rows.push(row);
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut columns: Vec<Vec<Expr>> = Vec::with_capacity(width);
        let mut types = Vec::with_capacity(width);
        for index in 0..width {
            let items: Vec<(Expr, Location)> = rows.iter().map(|row| row[index].clone()).collect();
            if keep_unknown && items.iter().all(|(expr, _)| expr.ty.oid == oids::UNKNOWN) {
                types.push(plain(oids::UNKNOWN));
                columns.push(items.into_iter().map(|(expr, _)| expr).collect());
                continue;
            }
            let (items, ty) = self.to_common(items, "VALUES")?;
            types.push(ty);
            columns.push(items);
        }
        let height = rows.len();
        let rows =
            (0..height).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
        let depth = self.depth();
        let mut output = Vec::with_capacity(width);
        let mut ids = Vec::with_capacity(width);
        let mut targets = Vec::with_capacity(width);
        for (number, ty) in types.iter().enumerate() {
            let id = self.new_id();
            self.add_computed(id, depth);
            let name = EcoString::from(format!("column{}", number + 1));
            ids.push((id, *ty));
            output.push(OutputColumn { id, name: name.clone(), ty: *ty, origin: None });
            let expr = Expr::column(id, *ty);
            targets.push(Target { name, expr, location: None, junk: false, origin: None });
        }
        let order_by = self.output_order(&select.sort_clause, &targets)?;
        let limits = self.limits(select)?;
        super::locking::not_on_values(select)?;
        Ok(self.finish_query(QueryBody::Values { columns: ids, rows }, output, order_by, limits))
    }

    /// Analyzes ORDER BY over finished output columns (VALUES, set operations).
    pub(super) fn output_order(&mut self, clause: &[Node], targets: &[Target]) -> Result<Vec<SortKey>> {
        let mut known = targets.to_vec();
        let sort = self.order_by(clause, &mut known)?;
        if let Some(added) = known.get(targets.len()) {
            let message = "invalid UNION/INTERSECT/EXCEPT ORDER BY clause";
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, added.location)
                .with_detail("Only result column names can be used, not expressions or functions.")
                .with_hint(
                    "Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
                ));
        }
        let key = |sort: &TargetSort| SortKey {
            expr: known[sort.target].expr.clone(),
            descending: sort.descending,
            nulls_first: sort.nulls_first,
        };
        Ok(sort.iter().map(key).collect())
    }
}

/// The analyzed clauses of a SELECT.
pub(super) struct Grouped {
    pub(super) from: Vec<FromItem>,
    pub(super) filter: Option<Expr>,
    pub(super) having: Option<Expr>,
    pub(super) targets: Vec<Target>,
    pub(super) sort: Vec<TargetSort>,
    pub(super) groups: super::grouping::Groups,
    /// DISTINCT: empty for all columns, else targets of DISTINCT ON.
    pub(super) distinct: Option<Vec<usize>>,
    pub(super) limits: Limits,
}

/// LIMIT and OFFSET.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) limit: Option<Expr>,
    pub(super) offset: Option<Expr>,
    pub(super) with_ties: bool,
}
