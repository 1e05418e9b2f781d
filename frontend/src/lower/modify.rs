//! Statements that change tables.

use executor::expr::ColumnId;
use executor::plan::{Modify, NodeKind};
use types::Result;

use super::{Lowered, Lowering};
use crate::optimizer::logical::LogicalModify;

impl Lowering<'_> {
    /// Lowers INSERT, UPDATE, DELETE or MERGE.
    pub(super) fn modify(&mut self, plan: &LogicalModify, rows: f64) -> Result<Lowered> {
        let input = self.query(&plan.input, &plan.exprs)?;
        let wide: Vec<ColumnId> = plan.made.iter().chain(&plan.extra).copied().collect();
        let mut lowered = plan.clone();
        let mut result = Ok(());
        lowered.for_each_wide_expr_mut(&mut |expr| match self.expr(expr, &wide) {
            Ok(positions) => *expr = positions,
            Err(error) => result = Err(error),
        });
        result?;
        let modify = Modify {
            kind: plan.kind,
            targets: lowered.targets,
            foreign_keys: lowered.foreign_keys,
            input: Box::new(input),
            shape: plan.shape,
            conflict: lowered.conflict,
            arms: lowered.arms,
            returning: lowered.returning,
        };
        self.finish(NodeKind::Modify(Box::new(modify)), plan.columns.clone(), rows)
    }
}
