//! INSERT.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{InputShape, ModifyKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{InsertStmt, Node, OverridingKind, SelectStmt};
use types::errors::views::ViewChange;
use types::{Datum, PgError, Result, SqlState, TypeRef, oids};

use super::{Changed, Parts, query};
use crate::analyzer::state::{Analyzer, Clause, Location, at, error};
use crate::analyzer::{ExpressionUse, raw};
use crate::catalog::{ColumnInfo, Relation};
use crate::query::{Distinct, Modify, OutputColumn, Query, QueryBody, Select};

/// A column that an INSERT names, and the elements or fields of it.
pub(super) struct InsertColumn<'a> {
    pub(super) position: usize,
    pub(super) location: Location,
    pub(super) indirection: &'a [Node],
    /// Why a view's column takes no value.
    pub(super) refusal: Option<PgError>,
}

impl Analyzer<'_> {
    /// Analyzes INSERT on the innermost level.
    pub(super) fn insert(&mut self, insert: &InsertStmt) -> Result<Modify> {
        if let Some(with) = &insert.with_clause {
            self.with_clause(with)?;
        }
        let range = insert.relation.as_ref().ok_or_else(|| PgError::internal("INSERT without a table"))?;
        let table = self.changed_table(range, ViewChange::Insert)?;
        let columns = insert_columns(&table, &insert.cols)?;
        let (source, input) = self.insert_source(insert, &table.relation, &columns)?;
        if let Some(clause) = &insert.on_conflict_clause {
            self.on_conflict(clause, &table)?;
        }
        if let Some(view) = &table.view {
            view.refuse_defaults()?;
        }
        let returning = self.returning(insert.returning_clause.as_ref(), &table, Vec::new())?;
        let shape = InputShape { new: Some(0), ..InputShape::default() };
        self.finish_modify(
            table,
            Parts { kind: ModifyKind::Insert, assigned: None, source, input, shape, returning },
        )
    }

    fn insert_source(
        &mut self,
        insert: &InsertStmt,
        relation: &Relation,
        columns: &[InsertColumn<'_>],
    ) -> Result<(Query, Vec<Expr>)> {
        let mut values: Vec<Option<Expr>> = vec![None; relation.columns.len()];
        let mut explicit = vec![false; relation.columns.len()];
        let listed = !insert.cols.is_empty();
        let source = match raw::inner(&insert.select_stmt) {
            None => values_query(Vec::new(), vec![Vec::new()]),
            Some(NodeEnum::SelectStmt(select)) if is_plain_values(select) => {
                self.insert_rows(select, relation, columns, listed, (&mut values, &mut explicit))?
            }
            Some(NodeEnum::SelectStmt(select)) => {
                let mut query = self.nested_query(select, select.values_lists.is_empty())?;
                let locations: Vec<Location> =
                    query.output.iter().map(|column| self.written_at(column.id)).collect();
                check_count(query.output.len(), columns, &locations, listed)?;
                for (position, column) in columns.iter().take(query.output.len()).enumerate() {
                    let expr = Self::output_expr(&query, position)?;
                    if let (oids::UNKNOWN, ExprKind::Column(id)) = (expr.ty.oid, &expr.kind) {
                        let wanted = self.assigned_type(relation, column)?;
                        self.retype_unknown(&mut query, *id, wanted)?;
                    }
                    let expr = Self::output_expr(&query, position)?;
                    let location = locations.get(position).copied().flatten();
                    explicit[column.position] = true;
                    self.insert_value(relation, column, expr, location, &mut values)?;
                }
                query
            }
            Some(_) => return Err(PgError::not_supported("this source of INSERT")),
        };
        self.override_values(insert.r#override, relation, &explicit, &mut values)?;
        let mut complete = Vec::with_capacity(values.len());
        for (position, value) in values.into_iter().enumerate() {
            complete.push(match value {
                Some(value) => value,
                None => self.default_of(relation, position)?,
            });
        }
        Ok((source, complete))
    }

    /// Puts a value into its column, or into the element or field of it.
    pub(super) fn insert_value(
        &mut self,
        relation: &Relation,
        column: &InsertColumn<'_>,
        expr: Expr,
        location: Location,
        values: &mut [Option<Expr>],
    ) -> Result<()> {
        let Some(info) = relation.columns.get(column.position) else {
            return Err(PgError::internal("a value for no column"));
        };
        let value = if column.indirection.is_empty() {
            self.assign(expr, info, location)?
        } else {
            let base = values[column.position].take();
            let base = base.unwrap_or_else(|| Expr::constant(Datum::Null, info.ty));
            self.assign_part(base, info, column.indirection, expr, location, column.location)?
        };
        values[column.position] = Some(value);
        Ok(())
    }

    /// VALUES of an INSERT: every value is converted to its column's type where it stands; DEFAULT is allowed.
    fn insert_rows(
        &mut self,
        select: &SelectStmt,
        relation: &Relation,
        columns: &[InsertColumn<'_>],
        listed: bool,
        (values, explicit): (&mut [Option<Expr>], &mut [bool]),
    ) -> Result<Query> {
        // Without parts of columns each value is one column of the source; parts are put together row by row.
        let mut order: Vec<usize> = Vec::new();
        let clause = if select.values_lists.len() == 1 { Clause::ValuesSingle } else { Clause::Values };
        let (rows, subqueries) = self.on_new_level(|analyzer| {
            let mut rows = Vec::with_capacity(select.values_lists.len());
            let mut width = None;
            for list in &select.values_lists {
                let Some(NodeEnum::List(list)) = &list.node else { continue };
                if width.is_some_and(|width| width != list.items.len()) {
                    let message = "VALUES lists must all be the same length";
                    return Err(error(SqlState::SYNTAX_ERROR, message, raw::list_location(&list.items)));
                }
                width = Some(list.items.len());
                let mut row: Vec<Option<Expr>> = vec![None; relation.columns.len()];
                analyzer.values_row(&list.items, relation, columns, listed, (&mut row, explicit), clause)?;
                if rows.is_empty() {
                    order.extend((0..row.len()).filter(|position| row[*position].is_some()));
                }
                rows.push(order.iter().filter_map(|position| row[*position].take()).collect());
            }
            Ok((rows, std::mem::take(&mut analyzer.level().subqueries)))
        })?;
        let mut ids: Vec<(ColumnId, TypeRef)> = Vec::new();
        let mut rows: Vec<Vec<Expr>> = rows;
        for position in order {
            let id = self.new_id();
            let ty = relation.columns[position].ty;
            values[position] = Some(Expr::column(id, ty));
            ids.push((id, ty));
        }
        let sets = rows.iter().flatten().any(crate::optimizer::expressions::has_set_call);
        let mut query = match rows.pop() {
            Some(row) if sets => select_query(ids, row),
            Some(row) => {
                rows.push(row);
                values_query(ids, rows)
            }
            None => values_query(ids, rows),
        };
        query.subqueries = subqueries;
        Ok(query)
    }

    /// Analyzes one row of values into the columns it is for.
    pub(super) fn values_row(
        &mut self,
        items: &[Node],
        relation: &Relation,
        columns: &[InsertColumn<'_>],
        listed: bool,
        (row, explicit): (&mut [Option<Expr>], &mut [bool]),
        clause: Clause,
    ) -> Result<()> {
        let locations: Vec<Location> =
            items.iter().map(|item| item.node.as_ref().and_then(raw::location)).collect();
        check_count(items.len(), columns, &locations, listed)?;
        for ((item, column), location) in items.iter().zip(columns).zip(locations) {
            match item.node.as_ref() {
                Some(NodeEnum::SetToDefault(_)) | None => {
                    if let Some(NodeEnum::AIndices(_)) =
                        column.indirection.first().and_then(|part| part.node.as_ref())
                    {
                        return Err(super::assign::default_for_element(column.location));
                    }
                    if !column.indirection.is_empty() {
                        return Err(super::assign::default_for_field(column.location));
                    }
                    row[column.position] = Some(self.default_of(relation, column.position)?);
                }
                Some(node) => {
                    let expr = self.within(clause, |analyzer| analyzer.expr(node))?;
                    explicit[column.position] = true;
                    self.insert_value(relation, column, expr, location, row)?;
                }
            }
        }
        Ok(())
    }

    /// Applies OVERRIDING, and refuses values for columns that make their own (`rewriteTargetListIU`).
    pub(super) fn override_values(
        &mut self,
        overriding: i32,
        relation: &Relation,
        explicit: &[bool],
        values: &mut [Option<Expr>],
    ) -> Result<()> {
        let overriding = OverridingKind::try_from(overriding).unwrap_or(OverridingKind::OverridingNotSet);
        for ((column, explicit), value) in relation.columns.iter().zip(explicit).zip(values) {
            if column.identity.is_some() && overriding == OverridingKind::OverridingUserValue {
                *value = None;
                continue;
            }
            let always = column.identity.is_some_and(|identity| identity.always);
            let refused =
                column.generated.is_some() || (always && overriding != OverridingKind::OverridingSystemValue);
            if *explicit && refused {
                let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
                return Err(own_value(column, message, true));
            }
        }
        Ok(())
    }

    /// Returns the default of a column: its expression, or NULL.
    pub(super) fn default_of(&self, relation: &Relation, position: usize) -> Result<Expr> {
        let column = &relation.columns[position];
        if let Some(identity) = column.identity {
            let text = format!("nextval('{}'::regclass)", identity.sequence);
            let usage = ExpressionUse::Default { column: position };
            return crate::analyzer::expression(&text, usage, relation, &[], self.context);
        }
        match &column.default {
            Some(_) if column.generated.is_some() => Ok(Expr::constant(Datum::Null, column.ty)),
            None => Ok(Expr::constant(Datum::Null, column.ty)),
            Some(text) => {
                let usage = ExpressionUse::Default { column: position };
                crate::analyzer::expression(text, usage, relation, &[], self.context)
            }
        }
    }
}

/// Returns the columns that an INSERT names, or all.
pub(super) fn insert_columns<'a>(table: &Changed<'_>, listed: &'a [Node]) -> Result<Vec<InsertColumn<'a>>> {
    if listed.is_empty() {
        let count = table.view.as_ref().map_or(table.relation.columns.len(), |view| view.columns.len());
        let all = (0..count).map(|column| {
            let position = table.view.as_ref().map_or(Ok(column), |view| view.position(column, true));
            let (position, refusal) = match position {
                Ok(position) => (position, None),
                Err(refusal) => (0, Some(refusal)),
            };
            InsertColumn { position, location: None, indirection: &[], refusal }
        });
        let all: Vec<InsertColumn<'a>> = all.collect();
        refuse_repeated(table, &all)?;
        return Ok(all);
    }
    let mut columns: Vec<InsertColumn<'a>> = Vec::with_capacity(listed.len());
    let mut names: Vec<&str> = Vec::with_capacity(listed.len());
    for node in listed {
        let Some(NodeEnum::ResTarget(target)) = &node.node else { continue };
        let location = at(target.location);
        let position = super::assign::column_position(table, &target.name, location, true)?;
        let clash = |(known, name): (&InsertColumn<'_>, &&str)| {
            **name == target.name && (known.indirection.is_empty() || target.indirection.is_empty())
        };
        if columns.iter().zip(&names).any(clash) {
            let message = format!("column \"{}\" specified more than once", target.name);
            return Err(error(SqlState::DUPLICATE_COLUMN, message, location));
        }
        columns.push(InsertColumn { position, location, indirection: &target.indirection, refusal: None });
        names.push(&target.name);
    }
    refuse_repeated(table, &columns)?;
    Ok(columns)
}

/// Refuses columns of a view that are the same column of the table.
fn refuse_repeated(table: &Changed<'_>, columns: &[InsertColumn<'_>]) -> Result<()> {
    if table.view.is_none() {
        return Ok(());
    }
    for (at, column) in columns.iter().enumerate().filter(|(_, column)| column.refusal.is_none()) {
        let mut earlier = columns.iter().take(at).filter(|earlier| earlier.refusal.is_none());
        if earlier.any(|earlier| earlier.position == column.position && earlier.indirection.is_empty()) {
            let name = table.relation.columns.get(column.position).map_or("", |column| column.name.as_str());
            let message = format!("multiple assignments to same column \"{name}\"");
            return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
        }
    }
    Ok(())
}

/// Returns the error of a value for a column that makes its own.
pub(super) fn own_value(column: &ColumnInfo, message: String, insert: bool) -> PgError {
    let refused = PgError::new(SqlState::GENERATED_ALWAYS, message);
    if column.generated.is_some() {
        return refused.with_detail(format!("Column \"{}\" is a generated column.", column.name));
    }
    let detail = format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name);
    let refused = refused.with_detail(detail);
    if insert { refused.with_hint("Use OVERRIDING SYSTEM VALUE to override.") } else { refused }
}

/// Checks the number of values against the number of columns.
fn check_count(
    count: usize,
    columns: &[InsertColumn<'_>],
    locations: &[Location],
    listed: bool,
) -> Result<()> {
    if count > columns.len() {
        let message = "INSERT has more expressions than target columns";
        return Err(error(SqlState::SYNTAX_ERROR, message, locations.get(columns.len()).copied().flatten()));
    }
    if let Some(refusal) = columns.iter().take(count).find_map(|column| column.refusal.clone()) {
        return Err(refusal);
    }
    if count < columns.len() && listed {
        let message = "INSERT has more target columns than expressions";
        return Err(error(
            SqlState::SYNTAX_ERROR,
            message,
            columns.get(count).and_then(|column| column.location),
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

/// Builds a SELECT without FROM, for a row of VALUES that holds set-returning calls.
fn select_query(columns: Vec<(ColumnId, TypeRef)>, row: Vec<Expr>) -> Query {
    let mut query = values_query(columns, Vec::new());
    let targets = query.output.iter().map(|column| column.id).zip(row).collect();
    query.body = QueryBody::Select(Box::new(Select {
        from: Vec::new(),
        filter: None,
        grouping: None,
        having: None,
        windows: Vec::new(),
        targets,
        distinct: Distinct::No,
    }));
    query
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
    query(QueryBody::Values { columns, rows }, output)
}
