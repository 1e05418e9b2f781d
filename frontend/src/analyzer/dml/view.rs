//! Changes through views that PostgreSQL updates automatically (`rewriteTargetView`): the statement changes the table
//! below, under the view's names, among the rows that the view shows.

use std::rc::Rc;
use std::sync::Arc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RangeVar, SelectStmt, SetOperation};
use types::errors::views::{ViewChange, view_column_not_updatable, view_not_updatable};
use types::{PgError, Result};

use crate::analyzer::state::{Analyzer, Clause, Level, SystemIds};
use crate::analyzer::{raw, walk};
use crate::catalog::{CheckOption, Generated, Relation, RelationKind};
use crate::query::Query;

/// Views inside views, at most. A depth from here on is that of a second look at the same view.
pub(super) const VIEW_DEPTH_MAX: u32 = 100;
/// Numbers that the subqueries of one view may take; those of a statement are below.
const NUMBERS: u32 = 1 << 18;
/// Looks at views in one statement, each [`VIEW_DEPTH_MAX`] deep.
pub(super) const VIEW_NUMBERINGS: u32 = u32::MAX / NUMBERS / VIEW_DEPTH_MAX;

/// A view as names and conditions over the table below. Expressions are over the table's positions.
#[derive(Debug, Clone)]
pub(in crate::analyzer) struct ViewLayer {
    /// The view.
    pub(super) relation: Arc<Relation>,
    /// What the statement wants of it.
    pub(super) change: ViewChange,
    /// Its columns.
    pub(super) columns: Vec<ViewColumn>,
    /// Which rows it shows: conditions with the views they belong to, inner ones first.
    pub(super) filters: Vec<(EcoString, Expr)>,
    /// WITH CHECK OPTION of it and the views below: name and condition.
    pub(super) checks: Vec<(EcoString, Expr)>,
    /// Subqueries that `filters` name by index.
    pub(super) subqueries: Vec<Query>,
    /// Subqueries that `columns` name by index.
    pub(super) column_subqueries: Vec<Query>,
    /// Subqueries that `checks` name by index.
    pub(super) check_subqueries: Vec<Query>,
}

/// A column of a view.
#[derive(Debug, Clone)]
pub(in crate::analyzer) struct ViewColumn {
    pub(super) name: EcoString,
    /// Its value.
    pub(super) value: Expr,
    /// The table's column that it is.
    pub(super) base: Option<usize>,
    /// Whether it is a system column.
    system: bool,
}

impl ViewLayer {
    /// Fails where a column that takes no value has a default, which INSERT would give it.
    pub(super) fn refuse_defaults(&self) -> Result<()> {
        for (position, column) in self.relation.columns.iter().enumerate() {
            if column.default.is_some() {
                self.position(position, true)?;
            }
        }
        Ok(())
    }

    /// Turns an expression over the view's positions into one over the table's.
    pub(super) fn expand(&self, expr: &mut Expr) {
        if let ExprKind::Column(id) = &expr.kind
            && let Some(column) = self.columns.get(id.0 as usize)
        {
            *expr = column.value.clone();
            return;
        }
        expr.for_each_child_mut(&mut |child| self.expand(child));
    }

    /// Returns whether a condition of WITH CHECK OPTION holds a subquery.
    pub(super) fn checks_with_subqueries(&self) -> bool {
        self.checks.iter().any(|(_, check)| has_subquery(check))
    }

    /// Returns the table's position of a view's column that is assigned to.
    pub(super) fn position(&self, column: usize, insert: bool) -> Result<usize> {
        let found = self.columns.get(column).ok_or_else(|| PgError::internal("a view without its column"))?;
        found.base.ok_or_else(|| {
            let why = if found.system {
                "View columns that refer to system columns are not updatable."
            } else {
                "View columns that are not columns of their base relation are not updatable."
            };
            view_column_not_updatable(&self.relation.name, &found.name, self.change, insert, why)
        })
    }
}

/// Returns for each column of a view whether it can be assigned to.
///
/// # Errors
/// Why the view as a whole cannot be changed.
pub(in crate::analyzer) fn updatable_columns(
    analyzer: &Analyzer<'_>,
    view: &Arc<Relation>,
) -> Result<Vec<bool>> {
    let (_, layer) = analyzer.view_layer(view, ViewChange::Update, 0)?;
    Ok(layer.columns.iter().map(|column| column.base.is_some()).collect())
}

/// Returns an expression with positions replaced by ids.
pub(super) fn over(expr: &Expr, ids: &[ColumnId]) -> Expr {
    let mut copy = expr.clone();
    rename(&mut copy, ids);
    copy
}

/// As [`over`], for a subquery.
pub(super) fn query_over(query: &Query, ids: &[ColumnId]) -> Query {
    let mut copy = query.clone();
    walk::for_each_expr_mut(&mut copy, &mut |expr| rename(expr, ids));
    copy
}

/// Adds to the numbers of the subqueries that an expression names.
pub(super) fn shift_subqueries(expr: &mut Expr, by: usize) {
    if let ExprKind::Subquery { index, .. } = &mut expr.kind {
        *index += u32::try_from(by).unwrap_or(u32::MAX / 2);
    }
    expr.for_each_child_mut(&mut |child| shift_subqueries(child, by));
}

pub(super) fn has_subquery(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part.kind, ExprKind::Subquery { .. }));
    found
}

fn rename(expr: &mut Expr, ids: &[ColumnId]) {
    if let ExprKind::Column(id) = &mut expr.kind
        && let Some(new) = ids.get(id.0 as usize)
    {
        *id = *new;
    }
    expr.for_each_child_mut(&mut |child| rename(child, ids));
}

impl Analyzer<'_> {
    /// Returns the table below a view and the view over it.
    pub(super) fn view_layer(
        &self,
        view: &Arc<Relation>,
        change: ViewChange,
        depth: u32,
    ) -> Result<(Arc<Relation>, ViewLayer)> {
        let RelationKind::View { definition, check_option } = &view.kind else {
            return Err(PgError::internal("a view that is none"));
        };
        if depth % VIEW_DEPTH_MAX + 1 == VIEW_DEPTH_MAX {
            return Err(PgError::not_supported("views nested so deep"));
        }
        let parsed = crate::parser::parse(definition)?;
        let Some(NodeEnum::SelectStmt(select)) = parsed.statements.first().map(|statement| &statement.node)
        else {
            return Err(PgError::internal("a view that is not a SELECT"));
        };
        let refuse = |why: &str| view_not_updatable(&view.name, change, why);
        let range = single_table(select).map_err(refuse)?;
        // Positions take the place of ids, so they must not meet those of the statement.
        let mut analyzer = Analyzer::new(self.context);
        analyzer.number_from(NUMBERS.saturating_mul(depth + 1));
        analyzer.levels.push(Level::new());
        analyzer.view_uses = Rc::clone(&self.view_uses);
        let (base, mut layer, own) = analyzer.layer_here(view, select, range, change, depth)?;
        if change != ViewChange::Delete && layer.columns.iter().all(|column| column.base.is_none()) {
            return Err(refuse("Views that have no updatable columns are not automatically updatable."));
        }
        let own: Vec<(EcoString, Expr)> = own.into_iter().map(|filter| (view.name.clone(), filter)).collect();
        match check_option {
            Some(CheckOption::Local) => layer.checks.extend(own.iter().cloned()),
            Some(CheckOption::Cascaded) => {
                for filter in layer.filters.iter().chain(&own) {
                    if !layer.checks.contains(filter) {
                        layer.checks.push(filter.clone());
                    }
                }
            }
            None => {}
        }
        layer.filters.extend(own);
        Ok((base, layer))
    }

    /// Analyzes a view's SELECT over the table below. Returns the view's own conditions beside it.
    fn layer_here(
        &mut self,
        view: &Arc<Relation>,
        select: &SelectStmt,
        range: &RangeVar,
        change: ViewChange,
        depth: u32,
    ) -> Result<(Arc<Relation>, ViewLayer, Vec<Expr>)> {
        let below = self.find_relation(range)?;
        let (base, inner) = match below.kind {
            RelationKind::Table => (Arc::clone(&below), None),
            RelationKind::View { .. } => {
                let (base, inner) = self.view_layer(&below, change, depth + 1)?;
                (base, Some(inner))
            }
            RelationKind::System
            | RelationKind::Materialized { .. }
            | RelationKind::Sequence(_)
            | RelationKind::Composite => {
                let why =
                    "Views that do not select from a single table or view are not automatically updatable.";
                return Err(view_not_updatable(&view.name, change, why));
            }
        };
        let positions: Vec<ColumnId> = (0..).take(base.columns.len()).map(ColumnId).collect();
        let columns: Vec<(EcoString, Expr)> = match &inner {
            Some(inner) => {
                let mut columns = Vec::with_capacity(inner.columns.len());
                for (at, column) in inner.columns.iter().enumerate() {
                    let value = self.view_column((&below, change), at, &column.value, &positions);
                    columns.push((column.name.clone(), value));
                }
                columns
            }
            None => {
                let computed = self.computed_columns(&base, &positions)?;
                let is_virtual = |position: usize| {
                    base.columns
                        .get(position)
                        .is_some_and(|column| column.generated == Some(Generated::Virtual))
                };
                let value = |position: usize, ty| {
                    let found = computed.iter().find(|(at, _)| *at == position && is_virtual(*at));
                    found.map_or_else(|| Expr::column(positions[position], ty), |(_, value)| value.clone())
                };
                let columns = base.columns.iter().enumerate();
                columns.map(|(position, column)| (column.name.clone(), value(position, column.ty))).collect()
            }
        };
        let alias = range.alias.as_ref();
        let name: EcoString = alias.map_or(below.name.clone(), |alias| alias.aliasname.as_str().into());
        let columns = columns.into_iter().map(|(name, value)| (name, value, None)).collect();
        let mut item = self.item_over(&name, columns, alias)?;
        item.relation = Some(below.oid);
        if inner.is_none() {
            // The row id follows the columns.
            let row_id = ColumnId(base.columns.len() as u32);
            item.system = Some(SystemIds { row_id, xmax: None, nullable: false });
        }
        if alias.is_none() {
            item.schema = Some(below.schema);
        }
        let bases: Vec<Option<usize>> = match &inner {
            Some(inner) => inner.columns.iter().map(|column| column.base).collect(),
            None => (0..base.columns.len()).map(Some).collect(),
        };
        let named: Vec<(EcoString, Option<usize>)> =
            item.columns.iter().map(|column| column.name.clone()).zip(bases).collect();
        self.level().items.push(item);
        let targets = self.within(Clause::Select, |analyzer| analyzer.targets(&select.target_list))?;
        let level = self.level();
        let why = if !level.aggregates.is_empty() {
            "Views that return aggregate functions are not automatically updatable."
        } else if !level.window_calls.is_empty() {
            "Views that return window functions are not automatically updatable."
        } else if targets.iter().any(|target| crate::optimizer::expressions::has_set_call(&target.expr)) {
            "Views that return set-returning functions are not automatically updatable."
        } else {
            ""
        };
        if !why.is_empty() {
            return Err(view_not_updatable(&view.name, change, why));
        }
        let column_subqueries = std::mem::take(&mut self.level().subqueries);
        let filter = match raw::inner(&select.where_clause) {
            Some(node) => Some(self.condition(node, Clause::Where)?),
            None => None,
        };
        let own = std::mem::take(&mut self.level().subqueries);
        let names = view.columns.iter().map(|column| column.name.clone());
        // A whole row stands for several columns, under their names.
        let written = Some(&select.target_list).filter(|written| written.len() == targets.len());
        let columns = names
            .zip(targets)
            .enumerate()
            .map(|(position, (name, target))| {
                let base = match &target.expr.kind {
                    ExprKind::Column(id) if (id.0 as usize) < base.columns.len() => Some(id.0 as usize),
                    // A virtual column is its expression already.
                    _ => {
                        let wanted = match written {
                            Some(written) => written.get(position).and_then(plain_name),
                            None => Some(target.name.as_str()),
                        };
                        named.iter().find(|(known, _)| Some(known.as_str()) == wanted).and_then(|(_, base)| *base)
                    }
                };
                let system = matches!(&target.expr.kind,
                    ExprKind::Call { function, .. } if function.oid == 0 && function.prosrc.starts_with("surus_"));
                ViewColumn { name, value: target.expr, base, system }
            });
        let columns: Vec<ViewColumn> = columns.collect();
        let (filters, checks, mut subqueries) =
            inner.map_or_else(Default::default, |inner| (inner.filters, inner.checks, inner.subqueries));
        let mut filter = filter;
        filter.iter_mut().for_each(|filter| shift_subqueries(filter, subqueries.len()));
        subqueries.extend(own);
        let relation = Arc::clone(view);
        Ok((
            with_defaults(base, view, &columns),
            ViewLayer {
                relation,
                change,
                columns,
                filters,
                checks,
                subqueries,
                column_subqueries,
                check_subqueries: Vec::new(),
            },
            filter.into_iter().collect(),
        ))
    }
}

/// Returns the table below with the defaults of a view's columns in place of its own.
fn with_defaults(base: Arc<Relation>, view: &Relation, columns: &[ViewColumn]) -> Arc<Relation> {
    if view.columns.iter().all(|column| column.default.is_none()) {
        return base;
    }
    let mut changed = Relation::clone(&base);
    for (column, shown) in columns.iter().zip(&view.columns) {
        let below = column.base.and_then(|position| changed.columns.get_mut(position));
        if let (Some(below), Some(default)) = (below, &shown.default)
            && below.generated.is_none()
        {
            below.default = Some(default.clone());
        }
    }
    Arc::new(changed)
}

/// Returns the column that a target is, if it is nothing else.
fn plain_name(target: &Node) -> Option<&str> {
    let Some(NodeEnum::ResTarget(target)) = &target.node else { return None };
    let Some(NodeEnum::ColumnRef(reference)) = raw::inner(&target.val) else { return None };
    raw::strings(&reference.fields).last().copied()
}

/// Returns the one table of a view's SELECT, or why there is none (`view_query_is_auto_updatable`).
fn single_table(select: &SelectStmt) -> std::result::Result<&RangeVar, &'static str> {
    if !select.distinct_clause.is_empty() {
        return Err("Views containing DISTINCT are not automatically updatable.");
    }
    if !select.group_clause.is_empty() {
        return Err("Views containing GROUP BY are not automatically updatable.");
    }
    if select.having_clause.is_some() {
        return Err("Views containing HAVING are not automatically updatable.");
    }
    if SetOperation::try_from(select.op).is_ok_and(|op| op as i32 > SetOperation::SetopNone as i32) {
        return Err("Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable.");
    }
    if select.with_clause.is_some() {
        return Err("Views containing WITH are not automatically updatable.");
    }
    if select.limit_count.is_some() || select.limit_offset.is_some() {
        return Err("Views containing LIMIT or OFFSET are not automatically updatable.");
    }
    match select.from_clause.as_slice() {
        [only] => match &only.node {
            Some(NodeEnum::RangeVar(range)) => Ok(range),
            _ => Err("Views that do not select from a single table or view are not automatically updatable."),
        },
        _ => Err("Views that do not select from a single table or view are not automatically updatable."),
    }
}
