//! SEARCH and CYCLE of WITH RECURSIVE (`rewriteSearchCycle.c` says what they mean).
//!
//! Both are columns that each row of the recursion hands on to the rows that follow from it: the rows on its path
//! (`record[]`), or its depth beside its own columns (`record`); and whether the row was on its own path already.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use pg_query::protobuf::{CommonTableExpr, CteCycleClause, CteSearchClause, Node, SelectStmt, SetOperation};
use types::{Datum, PgError, Result, SqlState, TypeRef, oids};

use super::coerce::{common_type, plain};
use super::state::{Analyzer, Location, at, error};
use super::{raw, with::WithColumns};
use crate::catalog::builtin::CastContext;
use crate::query::{Distinct, FromItem, OutputColumn, Query, QueryBody, Recursion, Select};

/// The clauses of one WITH query, checked.
pub(super) struct SearchCycle {
    search: Option<Search>,
    cycle: Option<Cycle>,
}

struct Search {
    breadth_first: bool,
    columns: Vec<usize>,
    name: EcoString,
}

struct Cycle {
    columns: Vec<usize>,
    mark: EcoString,
    path: EcoString,
    value: Expr,
    default: Expr,
}

impl SearchCycle {
    /// Returns names and types of the columns that the clauses add.
    pub(super) fn columns(&self) -> WithColumns {
        let mut columns = Vec::new();
        if let Some(search) = &self.search {
            let ty = if search.breadth_first { oids::RECORD } else { oids::RECORD_ARRAY };
            columns.push((search.name.clone(), plain(ty)));
        }
        if let Some(cycle) = &self.cycle {
            columns.push((cycle.mark.clone(), cycle.value.ty));
            columns.push((cycle.path.clone(), plain(oids::RECORD_ARRAY)));
        }
        columns
    }
}

impl Analyzer<'_> {
    /// Checks the clauses of a WITH query against its columns; `None` when there are none.
    pub(super) fn search_cycle(
        &mut self,
        cte: &CommonTableExpr,
        columns: &WithColumns,
    ) -> Result<Option<SearchCycle>> {
        let search = match &cte.search_clause {
            Some(clause) => Some(search(clause, columns)?),
            None => None,
        };
        let cycle = match &cte.cycle_clause {
            Some(clause) => Some(self.cycle(clause, columns)?),
            None => None,
        };
        if let (Some(search), Some(cycle)) = (&search, &cycle) {
            let location = cte.search_clause.as_ref().and_then(|clause| at(clause.location));
            for (name, what) in [(&cycle.mark, "cycle mark"), (&cycle.path, "cycle path")] {
                if search.name == *name {
                    let message = format!("search sequence column name and {what} column name are the same");
                    return Err(error(SqlState::SYNTAX_ERROR, message, location));
                }
            }
        }
        Ok((search.is_some() || cycle.is_some()).then_some(SearchCycle { search, cycle }))
    }

    fn cycle(&mut self, clause: &CteCycleClause, columns: &WithColumns) -> Result<Cycle> {
        let location = at(clause.location);
        let listed = positions(&raw::strings(&clause.cycle_col_list), columns, "cycle", location)?;
        for (name, what) in [(&clause.cycle_mark_column, "mark"), (&clause.cycle_path_column, "path")] {
            check_unused(name, &format!("cycle {what} column"), columns, location)?;
        }
        if clause.cycle_mark_column == clause.cycle_path_column {
            let message = "cycle mark column name and cycle path column name are the same";
            return Err(error(SqlState::SYNTAX_ERROR, message, location));
        }
        let mut constant = |node: &Option<Box<Node>>, otherwise: bool| -> Result<(Expr, Location)> {
            Ok(match raw::inner(node) {
                Some(node) => (self.expr(node)?, raw::location(node)),
                None => (Expr::bool(otherwise), None),
            })
        };
        let (value, value_at) = constant(&clause.cycle_mark_value, true)?;
        let (default, default_at) = constant(&clause.cycle_mark_default, false)?;
        let items = [(value.ty.oid, value_at), (default.ty.oid, default_at)];
        let common = common_type(&items, Some("CYCLE"))?.unwrap_or(oids::TEXT);
        let value = self.coerce(value, common, -1, CastContext::Implicit, value_at)?;
        let default = self.coerce(default, common, -1, CastContext::Implicit, default_at)?;
        self.equality(common, None)?;
        Ok(Cycle {
            columns: listed,
            mark: clause.cycle_mark_column.as_str().into(),
            path: clause.cycle_path_column.as_str().into(),
            value,
            default,
        })
    }

    /// Adds the columns of the clauses to both terms of a recursion.
    pub(super) fn add_search_cycle(
        &mut self,
        cte: &CommonTableExpr,
        id: u32,
        clauses: &SearchCycle,
        first: Query,
        recursion: Recursion,
    ) -> Result<(Query, Recursion)> {
        let types: Vec<TypeRef> = first.output.iter().map(|column| column.ty).collect();
        let rows: Vec<Expr> = first.output.iter().map(|column| Expr::column(column.id, column.ty)).collect();
        let mut added = Vec::new();
        if let Some(search) = &clauses.search {
            let row = row_of(&rows, &search.columns);
            added.push(if search.breadth_first {
                with_depth(Expr::constant(Datum::I64(0), plain(oids::INT8)), row)
            } else {
                array_of(row)
            });
        }
        if let Some(cycle) = &clauses.cycle {
            added.push(cycle.default.clone());
            added.push(array_of(row_of(&rows, &cycle.columns)));
        }
        let first = self.wrapped(first, rows, added, None, clauses);

        let Recursion { mut step, step_exprs, all } = recursion;
        let width = types.len();
        let handed: Vec<Expr> =
            clauses.columns().into_iter().map(|(_, ty)| Expr::column(self.new_id(), ty)).collect();
        if !hand_on(&mut step, id, width, &handed) {
            let message = format!(
                "with a SEARCH or CYCLE clause, the recursive reference to WITH query \"{}\" must be at the top level of its right-hand SELECT",
                cte.ctename
            );
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, None));
        }
        let mut added = Vec::new();
        let mut before = handed.into_iter();
        let mut next = || before.next().ok_or_else(|| PgError::internal("a SEARCH without its column"));
        if let Some(search) = &clauses.search {
            let (row, seen) = (row_of(&step_exprs, &search.columns), next()?);
            added.push(if search.breadth_first {
                let depth = ExprKind::Field { arg: Box::new(seen), index: 0 };
                let depth = Expr { kind: depth, ty: plain(oids::INT8) };
                let one = Expr::constant(Datum::I64(1), plain(oids::INT8));
                with_depth(
                    self.operator_call(&["pg_catalog", "+"], Some((depth, None)), (one, None), None)?,
                    row,
                )
            } else {
                self.appended(seen, row)?
            });
        }
        let mut filter = None;
        if let Some(cycle) = &clauses.cycle {
            let (row, marked, path) = (row_of(&step_exprs, &cycle.columns), next()?, next()?);
            let known = self.scalar_array(
                &["pg_catalog", "="],
                false,
                (row.clone(), None),
                (path.clone(), None),
                None,
            )?;
            added.push(Expr {
                kind: ExprKind::Case {
                    operand: None,
                    arms: vec![(known, cycle.value.clone())],
                    otherwise: Box::new(cycle.default.clone()),
                },
                ty: cycle.value.ty,
            });
            added.push(self.appended(path, row)?);
            let value = (cycle.value.clone(), None);
            filter = Some(self.operator_call(&["pg_catalog", "<>"], Some((marked, None)), value, None)?);
        }
        let step = self.wrapped(step, step_exprs, added, filter, clauses);
        let step_exprs = step.output.iter().map(|column| Expr::column(column.id, column.ty)).collect();
        Ok((first, Recursion { step, step_exprs, all }))
    }

    fn appended(&mut self, path: Expr, row: Expr) -> Result<Expr> {
        self.operator_call(&["pg_catalog", "||"], Some((path, None)), (row, None), None)
    }

    /// Returns `SELECT rows, added FROM (query) WHERE filter`.
    fn wrapped(
        &mut self,
        query: Query,
        rows: Vec<Expr>,
        added: Vec<Expr>,
        filter: Option<Expr>,
        clauses: &SearchCycle,
    ) -> Query {
        let names: Vec<EcoString> = query.output.iter().map(|column| column.name.clone()).collect();
        let names =
            names.into_iter().take(rows.len()).chain(clauses.columns().into_iter().map(|(name, _)| name));
        let mut output = Vec::new();
        let mut targets = Vec::new();
        for (name, expr) in names.zip(rows.into_iter().chain(added)) {
            let (id, ty) = (self.new_id(), expr.ty);
            targets.push((id, expr));
            output.push(OutputColumn { id, name, ty, origin: None });
        }
        let select = Select {
            from: vec![FromItem::Subquery {
                query: Box::new(query),
                lateral: false,
                view: None,
                names: Vec::new(),
                alias: "*TLOCRN*".into(),
            }],
            filter,
            grouping: None,
            having: None,
            windows: Vec::new(),
            targets,
            distinct: Distinct::No,
        };
        Query {
            ctes: Vec::new(),
            body: QueryBody::Select(Box::new(select)),
            output,
            order_by: Vec::new(),
            limit: None,
            with_ties: false,
            offset: None,
            subqueries: Vec::new(),
            locking: false,
            row_marks: Vec::new(),
        }
    }
}

/// Says both sides of the UNION are plain SELECTs.
pub(super) fn check_sides(left: &SelectStmt, right: &SelectStmt) -> Result<()> {
    let plain = |side: &SelectStmt| side.op == SetOperation::SetopNone as i32;
    if !plain(left) {
        let message = "with a SEARCH or CYCLE clause, the left side of the UNION must be a SELECT";
        return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, None));
    }
    if !plain(right) {
        let message = "with a SEARCH or CYCLE clause, the right side of the UNION must be a SELECT";
        return Err(error(SqlState::SYNTAX_ERROR, message, None));
    }
    Ok(())
}

fn search(clause: &CteSearchClause, columns: &WithColumns) -> Result<Search> {
    let location = at(clause.location);
    let listed = positions(&raw::strings(&clause.search_col_list), columns, "search", location)?;
    check_unused(&clause.search_seq_column, "search sequence column", columns, location)?;
    Ok(Search {
        breadth_first: clause.search_breadth_first,
        columns: listed,
        name: clause.search_seq_column.as_str().into(),
    })
}

/// Returns the positions of the columns that a clause lists.
fn positions(names: &[&str], columns: &WithColumns, what: &str, location: Location) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let position = columns.iter().position(|(known, _)| known == name).ok_or_else(|| {
            let message = format!("{what} column \"{name}\" not in WITH query column list");
            error(SqlState::SYNTAX_ERROR, message, location)
        })?;
        if found.contains(&position) {
            let message = format!("{what} column \"{name}\" specified more than once");
            return Err(error(SqlState::DUPLICATE_COLUMN, message, location));
        }
        found.push(position);
    }
    Ok(found)
}

fn check_unused(name: &str, what: &str, columns: &WithColumns, location: Location) -> Result<()> {
    if columns.iter().any(|(known, _)| known == name) {
        let message = format!("{what} name \"{name}\" already used in WITH query column list");
        return Err(error(SqlState::SYNTAX_ERROR, message, location));
    }
    Ok(())
}

fn row_of(columns: &[Expr], chosen: &[usize]) -> Expr {
    let items = chosen.iter().filter_map(|position| columns.get(*position).cloned()).collect();
    Expr { kind: ExprKind::Row(items, Vec::new()), ty: plain(oids::RECORD) }
}

fn array_of(row: Expr) -> Expr {
    let kind = ExprKind::Array { elements: vec![row], element_type: oids::RECORD };
    Expr { kind, ty: plain(oids::RECORD_ARRAY) }
}

/// Puts the depth in front of a row's columns.
fn with_depth(depth: Expr, mut row: Expr) -> Expr {
    if let ExprKind::Row(items, names) = &mut row.kind {
        items.insert(0, depth);
        *names = std::iter::once("*DEPTH*".into())
            .chain((1..items.len()).map(|number| format!("f{number}").into()))
            .collect();
    }
    row
}

/// Lets a recursive term give the added columns of the row that it goes on from; false when its reference to the
/// recursion is not on its own level.
fn hand_on(step: &mut Query, id: u32, width: usize, handed: &[Expr]) -> bool {
    let QueryBody::Select(select) = &mut step.body else { return false };
    if select.grouping.is_some() || !matches!(select.distinct, Distinct::No) {
        return false;
    }
    if !select.from.iter_mut().any(|item| widen(item, id, width, handed)) {
        return false;
    }
    for column in handed {
        if let ExprKind::Column(id) = column.kind {
            step.output.push(OutputColumn { id, name: "?column?".into(), ty: column.ty, origin: None });
        }
    }
    true
}

fn widen(item: &mut FromItem, id: u32, width: usize, handed: &[Expr]) -> bool {
    match item {
        FromItem::Cte { cte, columns, .. } if *cte == id => {
            for (number, column) in handed.iter().enumerate() {
                if let ExprKind::Column(ColumnId(handed)) = column.kind {
                    columns.push((ColumnId(handed), width + number, column.ty));
                }
            }
            true
        }
        FromItem::Join(join) => {
            widen(&mut join.left, id, width, handed) || widen(&mut join.right, id, width, handed)
        }
        FromItem::Cte { .. }
        | FromItem::Table { .. }
        | FromItem::Subquery { .. }
        | FromItem::Functions { .. } => false,
    }
}
