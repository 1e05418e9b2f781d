//! INSERT, UPDATE and DELETE.

use executor::expr::Expr;
use pg_query::protobuf::{DeleteStmt, InsertStmt, UpdateStmt};
use types::{PgError, Result, SqlState};

use super::state::{Analyzer, Location, error};
use crate::catalog::ColumnInfo;
use crate::catalog::builtin::CastContext;
use crate::catalog::type_names::type_name;
use crate::query::{Delete, Insert, Update};

impl Analyzer<'_> {
    /// Analyzes INSERT.
    pub(super) fn insert(&mut self, _insert: &InsertStmt) -> Result<Insert> {
        Err(PgError::not_supported("INSERT"))
    }
    /// Analyzes UPDATE.
    pub(super) fn update(&mut self, _update: &UpdateStmt) -> Result<Update> {
        Err(PgError::not_supported("UPDATE"))
    }
    /// Analyzes DELETE.
    pub(super) fn delete(&mut self, _delete: &DeleteStmt) -> Result<Delete> {
        Err(PgError::not_supported("DELETE"))
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
}
