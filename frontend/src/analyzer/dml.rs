//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{DeleteStmt, InsertStmt, Node, RangeVar, ReturningClause, SelectStmt, UpdateStmt};
use types::oids;
use types::{Datum, PgError, Result, SqlState, TypeRef};

use super::coerce::plain;
use super::select::Limits;
use super::state::{Analyzer, Clause, Location, at, error, unsupported};
use super::{ExpressionUse, raw};
use crate::catalog::builtin::CastContext;
use crate::catalog::type_names::type_name;
use crate::catalog::{ColumnInfo, ConstraintKind, Relation, RelationKind};
use crate::query::{
    Delete, Distinct, FromItem, Insert, OutputColumn, Query, QueryBody, Returning, Select, Update,
};

impl Analyzer<'_> {
    /// Analyzes INSERT.
    pub(super) fn insert(&mut self, insert: &InsertStmt) -> Result<Insert> {
        if insert.on_conflict_clause.is_some() {
            return Err(PgError::not_supported("INSERT ... ON CONFLICT"));
        }
        self.on_new_level(|analyzer| {
            if let Some(with) = &insert.with_clause {
                analyzer.with_clause(with)?;
            }
            let range =
                insert.relation.as_ref().ok_or_else(|| PgError::internal("INSERT without a table"))?;
            let relation = analyzer.target_relation(range, "insert into")?;
            let columns = insert_columns(&relation, &insert.cols)?;
            let (source, values) = analyzer.insert_source(insert, &relation, &columns)?;
            let (row, returning) = analyzer.returning(&relation, range, insert.returning_clause.as_ref())?;
            let checks = analyzer.checks(&relation, &row)?;
            let ctes = analyzer.finish_ctes();
            Ok(Insert { relation, source, values, returning, ctes, checks, row })
        })
    }

    /// Finds the table that a statement changes.
    fn target_relation(&self, range: &RangeVar, what: &str) -> Result<Arc<Relation>> {
        let is_cte = |level: &super::state::Level| level.ctes.iter().any(|cte| cte.name == range.relname);
        if range.schemaname.is_empty() && self.levels.iter().any(is_cte) {
            let message =
                format!("relation \"{}\" cannot be the target of a modifying statement", range.relname);
            return Err(error(SqlState::SYNTAX_ERROR, message, at(range.location)));
        }
        let relation = self.find_relation(range)?;
        match relation.kind {
            RelationKind::Table => Ok(relation),
            RelationKind::System => {
                let message = format!("permission denied for table {}", relation.name);
                Err(PgError::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
            }
            _ => Err(PgError::not_supported(format!("a {} as the table to {what}", relation.kind.noun()))),
        }
    }

    fn insert_source(
        &mut self,
        insert: &InsertStmt,
        relation: &Relation,
        columns: &[(usize, Location)],
    ) -> Result<(Query, Vec<Expr>)> {
        let mut values: Vec<Option<Expr>> = vec![None; relation.columns.len()];
        let source = match raw::inner(&insert.select_stmt) {
            None => values_query(Vec::new(), vec![Vec::new()]),
            Some(NodeEnum::SelectStmt(select)) if is_plain_values(select) => {
                self.insert_rows(select, relation, columns, !insert.cols.is_empty(), &mut values)?
            }
            Some(NodeEnum::SelectStmt(select)) => {
                let mut query = self.nested_query(select, true)?;
                let locations: Vec<Location> = vec![None; query.output.len()];
                check_count(query.output.len(), columns, &locations, !insert.cols.is_empty())?;
                for (position, (column, location)) in columns.iter().take(query.output.len()).enumerate() {
                    let info = &relation.columns[*column];
                    let expr = Self::output_expr(&query, position)?;
                    if let (oids::UNKNOWN, ExprKind::Column(id)) = (expr.ty.oid, &expr.kind) {
                        self.retype_unknown(&mut query, *id, info.ty)?;
                    }
                    let expr = Self::output_expr(&query, position)?;
                    let at = self
                        .output_locations
                        .get(&query.output[position].id)
                        .copied()
                        .flatten()
                        .or(*location);
                    values[*column] = Some(self.assign(expr, info, at)?);
                }
                query
            }
            Some(_) => return Err(PgError::not_supported("this source of INSERT")),
        };
        let mut complete = Vec::with_capacity(values.len());
        for (position, value) in values.into_iter().enumerate() {
            complete.push(match value {
                Some(value) => value,
                None => self.default_of(relation, position)?,
            });
        }
        Ok((source, complete))
    }

    /// VALUES of an INSERT: every value is converted to its column's type where it stands; DEFAULT is allowed.
    fn insert_rows(
        &mut self,
        select: &SelectStmt,
        relation: &Relation,
        columns: &[(usize, Location)],
        listed: bool,
        values: &mut [Option<Expr>],
    ) -> Result<Query> {
        let mut rows = Vec::with_capacity(select.values_lists.len());
        let mut width = None;
        let (rows, subqueries) = self.on_new_level(|analyzer| {
            for list in &select.values_lists {
                let Some(NodeEnum::List(list)) = &list.node else { continue };
                let locations: Vec<Location> =
                    list.items.iter().map(|item| item.node.as_ref().and_then(raw::location)).collect();
                if width.is_some_and(|width| width != list.items.len()) {
                    let message = "VALUES lists must all be the same length";
                    return Err(error(SqlState::SYNTAX_ERROR, message, raw::list_location(&list.items)));
                }
                width = Some(list.items.len());
                check_count(list.items.len(), columns, &locations, listed)?;
                let mut row = Vec::with_capacity(list.items.len());
                for ((item, (column, _)), location) in list.items.iter().zip(columns).zip(locations) {
                    let info = &relation.columns[*column];
                    row.push(match item.node.as_ref() {
                        Some(NodeEnum::SetToDefault(_)) | None => analyzer.default_of(relation, *column)?,
                        Some(node) => {
                            let expr = analyzer.within(Clause::Values, |analyzer| analyzer.expr(node))?;
                            analyzer.assign(expr, info, location)?
                        }
                    });
                }
                rows.push(row);
            }
            Ok((rows, std::mem::take(&mut analyzer.level().subqueries)))
        })?;
        let mut ids: Vec<(ColumnId, TypeRef)> = Vec::new();
        for (column, _) in columns.iter().take(width.unwrap_or(0)) {
            let id = self.new_id();
            let ty = relation.columns[*column].ty;
            values[*column] = Some(Expr::column(id, ty));
            ids.push((id, ty));
        }
        let mut query = values_query(ids, rows);
        query.subqueries = subqueries;
        Ok(query)
    }

    /// Converts a value to the type of the column it is assigned to.
    fn assign(&mut self, expr: Expr, column: &ColumnInfo, location: Location) -> Result<Expr> {
        let source = expr.ty.oid;
        let converted = self.coerce_to_target(expr, column.ty, CastContext::Assignment, location)?;
        converted.ok_or_else(|| {
            let message = format!(
                "column \"{}\" is of type {} but expression is of type {}",
                column.name,
                type_name(column.ty.oid),
                type_name(source)
            );
            error(SqlState::DATATYPE_MISMATCH, message, location)
                .with_hint("You will need to rewrite or cast the expression.")
        })
    }

    /// Returns the default of a column: its expression, or NULL.
    fn default_of(&self, relation: &Relation, position: usize) -> Result<Expr> {
        let column = &relation.columns[position];
        match &column.default {
            None => Ok(Expr::constant(Datum::Null, column.ty)),
            Some(text) => {
                let usage = ExpressionUse::Default { column: position };
                super::expression(text, usage, relation, &[], self.context)
            }
        }
    }

    /// Converts a DEFAULT to the type of its column.
    pub(super) fn assign_default(
        &mut self,
        expr: Expr,
        column: &ColumnInfo,
        location: Location,
    ) -> Result<Expr> {
        let source = expr.ty.oid;
        let converted = self.coerce_to_target(expr, column.ty, CastContext::Assignment, location)?;
        converted.ok_or_else(|| {
            let message = format!(
                "column \"{}\" is of type {} but default expression is of type {}",
                column.name,
                type_name(column.ty.oid),
                type_name(source)
            );
            error(SqlState::DATATYPE_MISMATCH, message, location)
                .with_hint("You will need to rewrite or cast the expression.")
        })
    }

    /// Analyzes RETURNING over fresh ids for the row.
    fn returning(
        &mut self,
        relation: &Arc<Relation>,
        range: &RangeVar,
        clause: Option<&ReturningClause>,
    ) -> Result<(Vec<ColumnId>, Option<Returning>)> {
        let outer = std::mem::take(&mut self.level().items);
        let outer_subqueries = std::mem::take(&mut self.level().subqueries);
        let result = self.returning_here(relation, range, clause);
        self.level().items = outer;
        self.level().subqueries = outer_subqueries;
        result
    }

    fn returning_here(
        &mut self,
        relation: &Arc<Relation>,
        range: &RangeVar,
        clause: Option<&ReturningClause>,
    ) -> Result<(Vec<ColumnId>, Option<Returning>)> {
        let (item, namespace) = self.place_table(Arc::clone(relation), range, None)?;
        let FromItem::Table { columns, .. } = item else {
            return Err(PgError::internal("a table that is not one"));
        };
        let Some(clause) = clause.filter(|clause| !clause.exprs.is_empty()) else {
            return Ok((columns, None));
        };
        if !clause.options.is_empty() {
            return Err(PgError::not_supported("RETURNING WITH (OLD/NEW)"));
        }
        self.level().items = namespace;
        let targets = self.within(Clause::Returning, |analyzer| analyzer.targets(&clause.exprs))?;
        let mut output = Vec::with_capacity(targets.len());
        let mut exprs = Vec::with_capacity(targets.len());
        for target in targets {
            let expr = self.resolved(target.expr, target.location)?;
            output.push(OutputColumn {
                id: self.new_id(),
                name: target.name,
                ty: expr.ty,
                origin: target.origin,
            });
            exprs.push(expr);
        }
        let subqueries = std::mem::take(&mut self.level().subqueries);
        Ok((columns, Some(Returning { output, exprs, subqueries })))
    }

    /// Analyzes the CHECK constraints of a table over a row's ids.
    fn checks(&self, relation: &Relation, row: &[ColumnId]) -> Result<Vec<(EcoString, Expr)>> {
        let mut checks = Vec::new();
        for constraint in &relation.constraints {
            match &constraint.kind {
                ConstraintKind::Check { definition } => {
                    let expr =
                        super::expression(definition, ExpressionUse::Check, relation, row, self.context)?;
                    checks.push((constraint.name.clone(), expr));
                }
                ConstraintKind::PrimaryKey { .. }
                | ConstraintKind::Unique { .. }
                | ConstraintKind::NotNull { .. }
                | ConstraintKind::ForeignKey(_) => {}
            }
        }
        Ok(checks)
    }

    /// Analyzes UPDATE: its source is a SELECT of the new values and the row id.
    pub(super) fn update(&mut self, update: &UpdateStmt) -> Result<Update> {
        self.on_new_level(|analyzer| {
            if let Some(with) = &update.with_clause {
                analyzer.with_clause(with)?;
            }
            let range =
                update.relation.as_ref().ok_or_else(|| PgError::internal("UPDATE without a table"))?;
            let relation = analyzer.target_relation(range, "update")?;
            let (from, ids, row_id) = analyzer.modified_from(&relation, range, &update.from_clause)?;
            let mut values: Vec<Option<Expr>> = vec![None; relation.columns.len()];
            for node in &update.target_list {
                analyzer.set_item(node, &relation, &mut values)?;
            }
            let filter = match raw::inner(&update.where_clause) {
                Some(node) => Some(analyzer.condition(node, Clause::Where)?),
                None => None,
            };
            let new_values = values.into_iter().zip(&ids).zip(&relation.columns);
            let exprs: Vec<Expr> = new_values
                .map(|((value, id), column)| value.unwrap_or_else(|| Expr::column(*id, column.ty)))
                .collect();
            let mut names: Vec<EcoString> =
                relation.columns.iter().map(|column| column.name.clone()).collect();
            names.push("ctid".into());
            let mut all = exprs;
            all.push(Expr::column(row_id, plain(oids::INT8)));
            if update.returning_clause.is_some() && !update.from_clause.is_empty() {
                return Err(PgError::not_supported("RETURNING with UPDATE ... FROM"));
            }
            let source = analyzer.modify_source(from, filter, names, all);
            let (row, returning) = analyzer.returning(&relation, range, update.returning_clause.as_ref())?;
            let checks = analyzer.checks(&relation, &row)?;
            Ok(Update { relation, source, returning, checks, row })
        })
    }

    /// Analyzes DELETE: its source is a SELECT of the row id and the row.
    pub(super) fn delete(&mut self, delete: &DeleteStmt) -> Result<Delete> {
        self.on_new_level(|analyzer| {
            if let Some(with) = &delete.with_clause {
                analyzer.with_clause(with)?;
            }
            let range =
                delete.relation.as_ref().ok_or_else(|| PgError::internal("DELETE without a table"))?;
            let relation = analyzer.target_relation(range, "delete from")?;
            let (from, ids, row_id) = analyzer.modified_from(&relation, range, &delete.using_clause)?;
            let filter = match raw::inner(&delete.where_clause) {
                Some(node) => Some(analyzer.condition(node, Clause::Where)?),
                None => None,
            };
            let mut names: Vec<EcoString> = vec!["ctid".into()];
            let mut exprs = vec![Expr::column(row_id, plain(oids::INT8))];
            for (column, id) in relation.columns.iter().zip(ids) {
                names.push(column.name.clone());
                exprs.push(Expr::column(id, column.ty));
            }
            if delete.returning_clause.is_some() && !delete.using_clause.is_empty() {
                return Err(PgError::not_supported("RETURNING with DELETE ... USING"));
            }
            let source = analyzer.modify_source(from, filter, names, exprs);
            let (row, returning) = analyzer.returning(&relation, range, delete.returning_clause.as_ref())?;
            Ok(Delete { relation, source, returning, row })
        })
    }

    /// Places the modified table and the further FROM items.
    fn modified_from(
        &mut self,
        relation: &Arc<Relation>,
        range: &RangeVar,
        further: &[Node],
    ) -> Result<(Vec<FromItem>, Vec<ColumnId>, ColumnId)> {
        let row_id = self.new_id();
        let depth = self.depth();
        self.add_computed(row_id, depth);
        let (item, namespace) = self.place_table(Arc::clone(relation), range, Some(row_id))?;
        let FromItem::Table { columns, .. } = &item else {
            return Err(PgError::internal("a table that is not one"));
        };
        let columns = columns.clone();
        let mut from = vec![item];
        self.level().items = namespace;
        from.extend(self.from_clause(further)?);
        Ok((from, columns, row_id))
    }

    /// Analyzes `column = value` of SET.
    fn set_item(&mut self, node: &Node, relation: &Relation, values: &mut [Option<Expr>]) -> Result<()> {
        let Some(NodeEnum::ResTarget(target)) = &node.node else { return Ok(()) };
        let location = at(target.location);
        let position = column_position(relation, &target.name, location)?;
        if !target.indirection.is_empty() {
            return Err(unsupported("assignment to an element or field", location));
        }
        if values[position].is_some() {
            let message = format!("multiple assignments to same column \"{}\"", target.name);
            return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
        }
        let column = &relation.columns[position];
        let value = raw::inner(&target.val).ok_or_else(|| PgError::internal("SET without a value"))?;
        let node = match value {
            NodeEnum::MultiAssignRef(multiple) => match raw::inner(&multiple.source) {
                Some(NodeEnum::RowExpr(row)) => {
                    if usize::try_from(multiple.ncolumns).is_ok_and(|count| count != row.args.len()) {
                        let message = "number of columns does not match number of values";
                        return Err(error(SqlState::SYNTAX_ERROR, message, at(row.location)));
                    }
                    let index = usize::try_from(multiple.colno).unwrap_or(0).saturating_sub(1);
                    let item = row.args.get(index).and_then(|arg| arg.node.as_ref());
                    item.ok_or_else(|| PgError::internal("a row without its item"))?
                }
                _ => return Err(unsupported("multi-column assignment from a subquery", location)),
            },
            value => value,
        };
        values[position] = Some(match node {
            NodeEnum::SetToDefault(_) => self.default_of(relation, position)?,
            node => {
                let expr = self.within(Clause::Update, |analyzer| analyzer.expr(node))?;
                self.assign(expr, column, raw::location(node))?
            }
        });
        Ok(())
    }

    /// Builds the SELECT that feeds UPDATE or DELETE.
    fn modify_source(
        &mut self,
        from: Vec<FromItem>,
        filter: Option<Expr>,
        names: Vec<EcoString>,
        exprs: Vec<Expr>,
    ) -> Query {
        let mut targets = Vec::new();
        let mut output = Vec::with_capacity(exprs.len());
        for (name, expr) in names.into_iter().zip(exprs) {
            let ty = expr.ty;
            let id = match expr.kind {
                ExprKind::Column(id) => id,
                _ => {
                    let id = self.new_id();
                    targets.push((id, expr));
                    id
                }
            };
            output.push(OutputColumn { id, name, ty, origin: None });
        }
        let select = Select {
            from,
            filter,
            grouping: None,
            having: None,
            windows: Vec::new(),
            targets,
            distinct: Distinct::No,
        };
        self.finish_query(QueryBody::Select(Box::new(select)), output, Vec::new(), Limits::default(), false)
    }
}

/// Returns the positions of the columns that an INSERT names, or of all.
fn insert_columns(relation: &Relation, listed: &[Node]) -> Result<Vec<(usize, Location)>> {
    if listed.is_empty() {
        return Ok((0..relation.columns.len()).map(|position| (position, None)).collect());
    }
    let mut columns: Vec<(usize, Location)> = Vec::with_capacity(listed.len());
    for node in listed {
        let Some(NodeEnum::ResTarget(target)) = &node.node else { continue };
        let location = at(target.location);
        if !target.indirection.is_empty() {
            return Err(unsupported("assignment to an element or field", location));
        }
        let position = column_position(relation, &target.name, location)?;
        if columns.iter().any(|(known, _)| *known == position) {
            let message = format!("column \"{}\" specified more than once", target.name);
            return Err(error(SqlState::DUPLICATE_COLUMN, message, location));
        }
        columns.push((position, location));
    }
    Ok(columns)
}

fn column_position(relation: &Relation, name: &str, location: Location) -> Result<usize> {
    let found = relation.columns.iter().position(|column| column.name == name);
    let message = || format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
    found.ok_or_else(|| error(SqlState::UNDEFINED_COLUMN, message(), location))
}

/// Checks the number of values against the number of columns.
fn check_count(
    count: usize,
    columns: &[(usize, Location)],
    locations: &[Location],
    listed: bool,
) -> Result<()> {
    if count > columns.len() {
        let message = "INSERT has more expressions than target columns";
        return Err(error(SqlState::SYNTAX_ERROR, message, locations.get(columns.len()).copied().flatten()));
    }
    if count < columns.len() && listed {
        let message = "INSERT has more target columns than expressions";
        return Err(error(
            SqlState::SYNTAX_ERROR,
            message,
            columns.get(count).and_then(|(_, location)| *location),
        ));
    }
    Ok(())
}

/// Returns whether a query is VALUES and nothing else.
fn is_plain_values(select: &SelectStmt) -> bool {
    !select.values_lists.is_empty()
        && select.sort_clause.is_empty()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.with_clause.is_none()
        && select.locking_clause.is_empty()
}

/// Builds a VALUES query.
fn values_query(columns: Vec<(ColumnId, TypeRef)>, rows: Vec<Vec<Expr>>) -> Query {
    let output = columns.iter().zip(1..).map(|((id, ty), number)| OutputColumn {
        id: *id,
        name: EcoString::from(format!("column{number}")),
        ty: *ty,
        origin: None,
    });
    let output = output.collect();
    Query {
        ctes: Vec::new(),
        body: QueryBody::Values { columns, rows },
        output,
        order_by: Vec::new(),
        limit: None,
        with_ties: false,
        offset: None,
        subqueries: Vec::new(),
        locking: false,
    }
}
