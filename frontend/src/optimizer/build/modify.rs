//! INSERT, UPDATE, DELETE and MERGE.

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::ScanMark;
use types::{Result, TypeRef, oids};

use crate::optimizer::Planner;
use crate::optimizer::logical::{Logical, LogicalModify};
use crate::query::{Modify, QueryBody};

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
        let mut exprs = modify.input.clone();
        let target_scan = modify.shape.row_id.and_then(|at| match exprs.get(at)?.kind {
            ExprKind::Column(id) => Some(id.0),
            _ => None,
        });
        let marks = mark_scans(modify, target_scan, &mut exprs);
        let copies = copy_rows(modify, target_scan, &mut exprs);
        let mut logical = LogicalModify {
            marks,
            copies,
            target_scan,
            kind: modify.kind,
            input,
            exprs,
            shape: modify.shape,
            targets: modify.targets.clone(),
            foreign_keys: modify.foreign_keys.clone(),
            made: ids(modify.row.made()),
            extra: ids(modify.row.extra.clone()),
            conflict: modify.conflict.clone(),
            arms: modify.arms.clone(),
            check_options: modify.check_options.clone(),
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

/// Adds the row ids of the tables beside the target to the input's columns.
fn mark_scans(modify: &Modify, target: Option<u32>, exprs: &mut Vec<Expr>) -> Vec<ScanMark> {
    let mut row_ids = Vec::new();
    if let (Some(target), QueryBody::Select(select)) = (target, &modify.source.body) {
        select.from.iter().for_each(|item| super::from::row_ids(item, &mut row_ids));
        row_ids.retain(|id| id.0 != target);
    }
    let mut marks = Vec::with_capacity(row_ids.len());
    for id in row_ids {
        marks.push(ScanMark { scan: id.0, position: exprs.len() });
        exprs.push(Expr::column(id, TypeRef::plain(oids::INT8)));
    }
    marks
}

/// Adds what a statement uses of the rows beside the target that have no ids to the input's columns. Returns where.
fn copy_rows(modify: &Modify, target: Option<u32>, exprs: &mut Vec<Expr>) -> Vec<usize> {
    if target.is_none() {
        return Vec::new();
    }
    // What depends on others depends on rows that stay as they are: the target cannot be among them.
    let mut columns = super::columns_of_copies(&modify.source, (false, true));
    columns.extend(super::columns_of_copies(&modify.source, (true, true)));
    let first = exprs.len();
    exprs.extend(columns.into_iter().map(|(id, ty)| Expr::column(id, ty)));
    (first..exprs.len()).collect()
}
