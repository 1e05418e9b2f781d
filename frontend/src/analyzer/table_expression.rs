//! Expressions that belong to a table: defaults, checks, generated columns, index keys and predicates.

use executor::expr::{ColumnId, Expr, ExprKind};
use pg_query::NodeEnum;
use types::{PgError, Result, SqlState, TypeRef, oids};

use super::state::{Analyzer, Clause, Location, error};
use super::{ExpressionUse, raw};
use crate::catalog::builtin::CastContext;
use crate::catalog::type_names::type_name;
use crate::catalog::{ColumnInfo, Relation};

impl ExpressionUse {
    fn clause(self) -> Clause {
        match self {
            Self::Default { .. } => Clause::Default,
            Self::Check => Clause::Check,
            Self::CopyWhere => Clause::CopyWhere,
            Self::Generated { .. } => Clause::Generated,
            Self::Index => Clause::Index,
            Self::Predicate => Clause::IndexPredicate,
            Self::Statistics => Clause::Statistics,
            Self::Using { .. } => Clause::AlterUsing,
        }
    }
}

impl Analyzer<'_> {
    /// Analyzes an expression of a table; returns it as it is shown and as it is computed.
    pub(super) fn table_expression(
        &mut self,
        node: &NodeEnum,
        usage: ExpressionUse,
        relation: &Relation,
        ids: &[ColumnId],
    ) -> Result<(Expr, Expr)> {
        self.on_new_level(|analyzer| {
            if !matches!(usage, ExpressionUse::Default { .. }) {
                analyzer.place_own_columns(relation, ids)?;
            }
            if usage == ExpressionUse::CopyWhere {
                let expr = analyzer.condition(node, Clause::CopyWhere)?;
                return Ok((expr.clone(), expr));
            }
            let location = raw::location(node);
            let expr = analyzer.within(usage.clause(), |analyzer| analyzer.expr(node))?;
            match usage {
                ExpressionUse::Check | ExpressionUse::CopyWhere => {
                    let expr = analyzer.coerce_to_boolean(expr, "CHECK", location)?;
                    Ok((expr.clone(), expr))
                }
                ExpressionUse::Predicate => {
                    let expr = analyzer.coerce_to_boolean(expr, "WHERE", location)?;
                    Ok((expr.clone(), expr))
                }
                ExpressionUse::Index | ExpressionUse::Statistics => {
                    let expr = analyzer.resolved(expr, location)?;
                    Ok((expr.clone(), expr))
                }
                ExpressionUse::Default { column } => {
                    let column = column_at(relation, column)?;
                    analyzer.assigned(expr, column, location)
                }
                ExpressionUse::Generated { column } => {
                    refuse_generated(&expr, relation, ids, node)?;
                    let column = column_at(relation, column)?;
                    analyzer.assigned(expr, column, location)
                }
                ExpressionUse::Using { ty } => {
                    let value =
                        analyzer.coerce_to_target(expr.clone(), ty, CastContext::Assignment, location)?;
                    let value = value.ok_or_else(|| PgError::internal("USING"))?;
                    Ok((expr, value))
                }
            }
        })
    }

    fn place_own_columns(&mut self, relation: &Relation, ids: &[ColumnId]) -> Result<()> {
        let columns = relation.columns.iter().zip(ids).enumerate().map(|(position, (column, id))| {
            let origin = Some((relation.oid, relation.attnum(position)));
            (column.name.clone(), Expr::column(*id, column.ty), origin)
        });
        let item = self.item_over(&relation.name, columns.collect(), None)?;
        self.level().items.push(item);
        Ok(())
    }

    fn assigned(&mut self, expr: Expr, column: &ColumnInfo, location: Location) -> Result<(Expr, Expr)> {
        let source = expr.ty.oid;
        let shown = expr.clone();
        let converted = self.coerce_to_target(expr, column.ty, CastContext::Assignment, location)?;
        let value = converted.ok_or_else(|| {
            let message = format!(
                "column \"{}\" is of type {} but default expression is of type {}",
                column.name,
                type_name(column.ty.oid),
                type_name(source)
            );
            PgError::new(SqlState::DATATYPE_MISMATCH, message)
                .with_hint("You will need to rewrite or cast the expression.")
        })?;
        // A literal of unknown type takes the column's type; its length is applied above it.
        let shown = if source == oids::UNKNOWN { literal_of(&value) } else { shown };
        Ok((shown, value))
    }
}

/// Returns the constant under the conversions to a column's length.
fn literal_of(value: &Expr) -> Expr {
    let mut inner = value;
    loop {
        match &inner.kind {
            ExprKind::Call { args, .. } => match args.first() {
                Some(arg) if arg.ty.oid == inner.ty.oid => inner = arg,
                Some(_) | None => break,
            },
            ExprKind::Relabel(arg) => inner = arg,
            _ => break,
        }
    }
    Expr { kind: inner.kind.clone(), ty: TypeRef { typmod: inner.ty.typmod, ..value.ty } }
}

fn column_at(relation: &Relation, position: usize) -> Result<&ColumnInfo> {
    relation.columns.get(position).ok_or_else(|| PgError::internal("an expression of no column"))
}

/// A generated column may not use others (`check_nested_generated_walker`).
fn refuse_generated(expr: &Expr, relation: &Relation, ids: &[ColumnId], node: &NodeEnum) -> Result<()> {
    let mut found = None;
    expr.walk(&mut |expr| {
        if let ExprKind::Column(id) = expr.kind
            && let Some(position) = ids.iter().position(|known| *known == id)
            && relation.columns.get(position).is_some_and(|column| column.generated.is_some())
        {
            found.get_or_insert(position);
        }
    });
    match found {
        None => Ok(()),
        Some(position) => {
            let location = column_location(node, &relation.columns[position].name);
            let message = format!(
                "cannot use generated column \"{}\" in column generation expression",
                relation.columns[position].name
            );
            Err(error(SqlState::INVALID_OBJECT_DEFINITION, message, location)
                .with_detail("A generated column cannot reference another generated column."))
        }
    }
}

/// Returns where a column stands in an expression.
fn column_location(node: &NodeEnum, name: &str) -> Location {
    node.nodes().into_iter().find_map(|(node, ..)| match node {
        pg_query::NodeRef::ColumnRef(reference) if raw::strings(&reference.fields).last() == Some(&name) => {
            super::state::at(reference.location)
        }
        _ => None,
    })
}
