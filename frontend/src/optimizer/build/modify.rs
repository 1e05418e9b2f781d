//! INSERT, UPDATE, DELETE and MERGE.

use executor::expr::ColumnId;
use types::{Result, TypeRef, oids};

use crate::optimizer::Planner;
use crate::optimizer::logical::{Logical, LogicalModify};
use crate::query::Modify;

impl Planner<'_> {
    /// Makes the plan of a statement that changes a table.
    pub(super) fn build_modify(&mut self, modify: &Modify) -> Result<Logical> {
        self.build_ctes(&modify.ctes)?;
        let input = self.build_query(&modify.source)?;
        self.declare(&modify.row.columns());
        self.types.insert(modify.count, TypeRef::plain(oids::INT8));
        let level = self.build_level(&modify.subqueries)?;
        let output = modify.output();
        self.types.extend(output.iter().map(|column| (column.id, column.ty)));
        let ids = |columns: Vec<(ColumnId, TypeRef)>| columns.into_iter().map(|(id, _)| id).collect();
        let mut logical = LogicalModify {
            kind: modify.kind,
            input,
            exprs: modify.input.clone(),
            shape: modify.shape,
            targets: modify.targets.clone(),
            foreign_keys: modify.foreign_keys.clone(),
            made: ids(modify.row.made()),
            extra: ids(modify.row.extra.clone()),
            conflict: modify.conflict.clone(),
            arms: modify.arms.clone(),
            returning: modify.returning.as_ref().map(|returning| returning.exprs.clone()),
            columns: output.iter().map(|column| column.id).collect(),
        };
        let mut result = Ok(());
        logical.for_each_wide_expr_mut(&mut |expr| match level.expr(expr) {
            Ok(translated) => *expr = translated,
            Err(error) => result = Err(error),
        });
        result.map(|()| Logical::Modify(Box::new(logical)))
    }
}
