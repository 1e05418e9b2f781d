//! WHERE CURRENT OF: the condition becomes one on the row id of the row that the cursor stands on.

use executor::convert::datum_at;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, AExpr, AExprKind, ColumnRef, CurrentOfExpr, Node, RangeVar, String as Name, TypeCast, TypeName,
    a_const,
};
use types::{Datum, Oid, PgError, Result, SqlState, TypeRef, oids};

use crate::catalog::RelationKind;
use crate::query::{Distinct, FromItem, Query, QueryBody};
use crate::session::Session;
use crate::session::portal::PortalState;

/// Returns the statement with WHERE CURRENT OF replaced; `None` when it has none. `running`: the cursor must stand on a
/// row of the table.
pub(super) fn resolve(session: &Session, node: &NodeEnum, running: bool) -> Result<Option<NodeEnum>> {
    let (relation, condition) = match node {
        NodeEnum::UpdateStmt(update) => (&update.relation, &update.where_clause),
        NodeEnum::DeleteStmt(delete) => (&delete.relation, &delete.where_clause),
        _ => return Ok(None),
    };
    let Some(NodeEnum::CurrentOfExpr(current)) = condition.as_deref().and_then(|node| node.node.as_ref())
    else {
        return Ok(None);
    };
    let Some(range) = relation else { return Ok(None) };
    if matches!(super::resolve(session, range)?.kind, RelationKind::View { .. }) {
        return Err(types::errors::cursors::current_of_view());
    }
    let row = if running { current_row(session, range, current)? } else { 0 };
    let condition = Some(Box::new(row_condition(range, row)));
    Ok(Some(match node.clone() {
        NodeEnum::UpdateStmt(mut update) => {
            update.where_clause = condition;
            NodeEnum::UpdateStmt(update)
        }
        NodeEnum::DeleteStmt(mut delete) => {
            delete.where_clause = condition;
            NodeEnum::DeleteStmt(delete)
        }
        other => other,
    }))
}

/// Returns the id of the row that a statement with WHERE CURRENT OF and without RETURNING is about.
pub(super) fn row_without_result(session: &Session, node: &NodeEnum) -> Result<Option<i64>> {
    let (relation, condition, returns) = match node {
        NodeEnum::UpdateStmt(update) => (&update.relation, &update.where_clause, &update.returning_clause),
        NodeEnum::DeleteStmt(delete) => (&delete.relation, &delete.where_clause, &delete.returning_clause),
        _ => return Ok(None),
    };
    match (relation, condition.as_deref().and_then(|node| node.node.as_ref())) {
        (Some(range), Some(NodeEnum::CurrentOfExpr(current))) if returns.is_none() => {
            // What is wrong with it, the statement says.
            Ok(current_row(session, range, current).ok())
        }
        _ => Ok(None),
    }
}

/// Returns whether a statement has WHERE CURRENT OF.
pub(super) fn is_in(node: &NodeEnum) -> bool {
    let condition = match node {
        NodeEnum::UpdateStmt(update) => &update.where_clause,
        NodeEnum::DeleteStmt(delete) => &delete.where_clause,
        _ => return false,
    };
    matches!(condition.as_deref().and_then(|node| node.node.as_ref()), Some(NodeEnum::CurrentOfExpr(_)))
}

/// Returns the id of the row that a cursor stands on.
fn current_row(session: &Session, range: &RangeVar, current: &CurrentOfExpr) -> Result<i64> {
    let name = &current.cursor_name;
    let missing = || PgError::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"));
    let state = |message: String| PgError::new(SqlState::INVALID_CURSOR_STATE, message);
    let portal = session.portals.get(name).ok_or_else(missing)?;
    let relation = super::resolve(session, range)?;
    let simple =
        || state(format!("cursor \"{name}\" is not a simply updatable scan of table \"{}\"", relation.name));
    let (PortalState::Held(held), Some(cursor)) = (&portal.state, &portal.cursor) else {
        return Err(simple());
    };
    let mut tables = cursor.tables.iter().enumerate().filter(|(_, oid)| **oid == relation.oid);
    let (Some((index, _)), None) = (tables.next(), tables.next()) else { return Err(simple()) };
    if held.position == 0 || held.position > held.rows {
        return Err(state(format!("cursor \"{name}\" is not positioned on a row")));
    }
    let batches = held.slice(held.position - 1, held.position);
    let vector = batches.first().and_then(|batch| batch.columns.get(held.columns.len() + index));
    match vector.map(|vector| datum_at(vector, 0, TypeRef::plain(oids::INT8))).transpose()? {
        Some(Datum::I64(row)) => {
            let storage = session.open()?.storage.lock();
            let (table, row) = (relation.table_id(), storage::RowId(row as u64));
            let latest = storage.latest_version(table, row)?;
            // A version that the statement does not see is another transaction's: the change waits for it, or fails.
            let is_current = !storage.sees(table, latest)? && storage.sees(table, row)?;
            Ok(if is_current { row } else { latest }.0 as i64)
        }
        _ => Err(state(format!("cursor \"{name}\" is not positioned on a row"))),
    }
}

/// Builds `table.ctid = '...'::tid`.
fn row_condition(range: &RangeVar, row: i64) -> Node {
    let name = range.alias.as_ref().map_or(&range.relname, |alias| &alias.aliasname);
    let text = |sval: &str| Node { node: Some(NodeEnum::String(Name { sval: sval.to_owned() })) };
    let boxed = |node: NodeEnum| Some(Box::new(Node { node: Some(node) }));
    let column = ColumnRef { fields: vec![text(name), text("ctid")], location: -1 };
    // The form that names a row id, which no block number can.
    let literal = a_const::Val::Sval(Name { sval: format!("#{row}") });
    let literal = AConst { isnull: false, location: -1, val: Some(literal) };
    let cast = TypeCast {
        arg: boxed(NodeEnum::AConst(literal)),
        type_name: Some(TypeName {
            names: vec![text("pg_catalog"), text("tid")],
            type_oid: oids::TID,
            typemod: -1,
            location: -1,
            ..TypeName::default()
        }),
        location: -1,
    };
    let equals = AExpr {
        kind: AExprKind::AexprOp as i32,
        name: vec![text("=")],
        lexpr: boxed(NodeEnum::ColumnRef(column)),
        rexpr: boxed(NodeEnum::TypeCast(Box::new(cast))),
        location: -1,
        ..AExpr::default()
    };
    Node { node: Some(NodeEnum::AExpr(Box::new(equals))) }
}

/// Adds the row ids of a simple query's tables behind its columns and returns the tables.
pub(super) fn show_row_ids(query: &mut Query) -> Vec<Oid> {
    shown_row_ids(query).into_iter().map(|(oid, _)| oid).collect()
}

/// As [`show_row_ids`], with the columns that the row ids are.
fn shown_row_ids(query: &mut Query) -> Vec<(Oid, executor::expr::ColumnId)> {
    let mut found = Vec::new();
    if let QueryBody::Select(select) = &mut query.body
        && select.grouping.is_none()
        && select.windows.is_empty()
        && matches!(select.distinct, Distinct::No)
    {
        select.from.iter_mut().for_each(|item| tables(item, &mut found));
    }
    for (_, id) in &found {
        query.output.push(crate::query::OutputColumn {
            id: *id,
            name: "ctid".into(),
            ty: TypeRef::plain(oids::INT8),
            origin: None,
        });
    }
    found
}

fn tables(item: &mut FromItem, found: &mut Vec<(Oid, executor::expr::ColumnId)>) {
    match item {
        FromItem::Table { relation, row_id: Some(id), .. } => found.push((relation.oid, *id)),
        FromItem::Join(join) => {
            tables(&mut join.left, found);
            tables(&mut join.right, found);
        }
        FromItem::Subquery { query, view: Some(_), .. }
            if query.limit.is_none() && query.offset.is_none() =>
        {
            found.extend(shown_row_ids(query));
        }
        FromItem::Table { .. }
        | FromItem::Subquery { .. }
        | FromItem::Cte { .. }
        | FromItem::Functions { .. } => {}
    }
}

/// Returns whether PostgreSQL's plan of a query could run backwards, which makes its cursors scrollable
/// (`ExecSupportsBackwardScan`).
pub(super) fn runs_backward(query: &Query) -> bool {
    if query.locking {
        return false;
    }
    if !query.order_by.is_empty() {
        return true;
    }
    match &query.body {
        QueryBody::Values { .. } => true,
        QueryBody::Modify(_) | QueryBody::SetOperation(_) => false,
        QueryBody::Select(select) => {
            let plain = select.grouping.is_none()
                && select.windows.is_empty()
                && matches!(select.distinct, Distinct::No)
                && !select.targets.iter().any(|(_, expr)| crate::optimizer::expressions::has_set_call(expr));
            plain
                && match select.from.as_slice() {
                    [FromItem::Table { .. } | FromItem::Functions { .. } | FromItem::Cte { .. }] => true,
                    [FromItem::Subquery { query, .. }] => runs_backward(query),
                    _ => false,
                }
        }
    }
}
