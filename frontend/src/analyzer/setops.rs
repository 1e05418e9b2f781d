//! UNION, INTERSECT and EXCEPT (`transformSetOperationStmt`).

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::SetOperation as Operation;
use pg_query::protobuf::{SelectStmt, SetOperation};
use types::oids;
use types::{Datum, PgError, Result, SqlState, TypeRef};

use super::coerce::{common_type, plain};
use super::select::Target;
use super::state::{Analyzer, Location, error};
use crate::catalog::builtin::CastContext;
use crate::query::{OutputColumn, Query, QueryBody, SetOperationBody};

impl Analyzer<'_> {
    /// Analyzes a set operation on the innermost level.
    pub(super) fn set_operation(&mut self, select: &SelectStmt) -> Result<Query> {
        super::locking::not_allowed_with(select, "UNION/INTERSECT/EXCEPT")?;
        let body = self.set_operation_body(select)?;
        let depth = self.depth();
        let mut output = Vec::with_capacity(body.columns.len());
        let mut targets = Vec::with_capacity(body.columns.len());
        for ((id, ty), first) in body.columns.iter().zip(&body.left.output) {
            self.add_computed(*id, depth);
            output.push(OutputColumn { id: *id, name: first.name.clone(), ty: *ty, origin: None });
            let expr = Expr::column(*id, *ty);
            targets.push(Target {
                name: first.name.clone(),
                expr,
                location: None,
                junk: false,
                origin: None,
            });
        }
        // PostgreSQL names the columns in ORDER BY of a set operation by the first query's output.
        let names = output.iter().map(|column| column.name.clone());
        let mut item = super::state::NamespaceItem {
            alias: None,
            schema: None,
            relation: None,
            columns: Vec::new(),
            table_visible: false,
            columns_visible: true,
            lateral_only: false,
            scalar_function: false,
            system: None,
        };
        item.columns = names
            .zip(&targets)
            .map(|(name, target)| super::state::NamespaceColumn {
                name,
                expr: target.expr.clone(),
                origin: None,
            })
            .collect();
        let outer = std::mem::replace(&mut self.level().items, vec![item]);
        let order_by = self.output_order(&select.sort_clause, &targets);
        self.level().items = outer;
        let order_by = order_by?;
        let limits = self.limits(select)?;
        Ok(self.finish_query(QueryBody::SetOperation(Box::new(body)), output, order_by, limits))
    }

    fn set_operation_body(&mut self, select: &SelectStmt) -> Result<SetOperationBody> {
        let (operation, name) = match SetOperation::try_from(select.op) {
            Ok(SetOperation::SetopIntersect) => (Some(Operation::Intersect), "INTERSECT"),
            Ok(SetOperation::SetopExcept) => (Some(Operation::Except), "EXCEPT"),
            _ => (None, "UNION"),
        };
        let (Some(left), Some(right)) = (&select.larg, &select.rarg) else {
            return Err(PgError::internal("a set operation without a side"));
        };
        let mut left = self.nested_query(left, true)?;
        let mut right = self.nested_query(right, true)?;
        if left.output.len() != right.output.len() {
            let message = format!("each {name} query must have the same number of columns");
            return Err(error(SqlState::SYNTAX_ERROR, message, first_location(select.rarg.as_deref())));
        }
        let mut columns: Vec<(ColumnId, TypeRef)> = Vec::with_capacity(left.output.len());
        let mut left_exprs = Vec::with_capacity(left.output.len());
        let mut right_exprs = Vec::with_capacity(left.output.len());
        for position in 0..left.output.len() {
            let (ty, _) = self.unite_column(&left, &right, position, name)?;
            left_exprs.push(self.coerce_output(&mut left, position, ty, name)?);
            right_exprs.push(self.coerce_output(&mut right, position, ty, name)?);
            if operation.is_some() || !select.all {
                self.equality(ty.oid, None)?;
            }
            let id = self.new_id();
            self.column_locations.insert(id, self.output_location(&left, position));
            columns.push((id, ty));
        }
        Ok(SetOperationBody { operation, all: select.all, left, right, columns, left_exprs, right_exprs })
    }

    /// Returns the type that a pair of output columns unites to.
    pub(super) fn unite_column(
        &self,
        left: &Query,
        right: &Query,
        position: usize,
        construct: &str,
    ) -> Result<(TypeRef, Location)> {
        let l = Self::output_expr(left, position)?;
        let r = Self::output_expr(right, position)?;
        let location = right
            .output
            .get(position)
            .and_then(|column| self.unknown_outputs.get(&column.id).copied().flatten());
        let location = location.or_else(|| self.output_location(right, position));
        let target =
            common_type(&[(l.ty.oid, None), (r.ty.oid, location)], Some(construct))?.unwrap_or(oids::TEXT);
        Ok((self.united_type(&[l, r], target), location))
    }

    /// Returns where an output column of a SELECT was written, as far as it is known.
    pub(super) fn output_location(&self, query: &Query, position: usize) -> Location {
        self.written_at(query.output.get(position)?.id)
    }

    /// Returns the conversion of an output column to `target`; a literal of unknown type is given the type where it
    /// stands.
    pub(super) fn coerce_output(
        &mut self,
        query: &mut Query,
        position: usize,
        target: TypeRef,
        construct: &str,
    ) -> Result<Expr> {
        let column = Self::output_expr(query, position)?;
        if column.ty.oid == oids::UNKNOWN
            && let ExprKind::Column(id) = column.kind
        {
            self.retype_unknown(query, id, target)?;
            return Self::output_expr(query, position);
        }
        let expr = self.coerce_to_common(column, target.oid, construct, None)?;
        self.apply_typmod(expr, target.typmod, CastContext::Implicit)
    }

    /// Converts the unknown literals behind an output column to `target` inside the query.
    pub(super) fn retype_unknown(&mut self, query: &mut Query, id: ColumnId, target: TypeRef) -> Result<()> {
        let location = self.unknown_outputs.get(&id).copied().flatten();
        match &mut query.body {
            QueryBody::Select(select) => {
                for (known, expr) in select.targets.iter_mut().filter(|(known, _)| *known == id) {
                    let _ = known;
                    let unknown = std::mem::replace(expr, Expr::constant(Datum::Null, plain(oids::UNKNOWN)));
                    *expr = self.coerce(unknown, target.oid, -1, CastContext::Implicit, location)?;
                }
            }
            QueryBody::Values { columns, rows } => {
                let Some(position) = columns.iter().position(|(known, _)| *known == id) else {
                    return Ok(());
                };
                columns[position].1 = plain(target.oid);
                for row in rows {
                    let unknown = std::mem::replace(&mut row[position], Expr::bool(false));
                    row[position] = self.coerce(unknown, target.oid, -1, CastContext::Implicit, location)?;
                }
            }
            QueryBody::SetOperation(_) | QueryBody::Modify(_) => {}
        }
        let ty = plain(target.oid);
        query.output.iter_mut().filter(|column| column.id == id).for_each(|column| column.ty = ty);
        for key in &mut query.order_by {
            if matches!(key.expr.kind, ExprKind::Column(known) if known == id) {
                key.expr.ty = ty;
            }
        }
        Ok(())
    }
}

/// Returns where the first output of a query was written.
fn first_location(select: Option<&SelectStmt>) -> Location {
    let mut select = select?;
    while let Some(left) = &select.larg {
        select = left;
    }
    select.target_list.first().and_then(|target| match &target.node {
        Some(pg_query::NodeEnum::ResTarget(target)) => {
            super::raw::inner(&target.val).and_then(super::raw::location)
        }
        _ => None,
    })
}
