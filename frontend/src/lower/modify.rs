//! Statements that change tables.

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{LockRows, Modify, NodeKind, RowLock, ScanMark};
use types::{PgError, Result};

use super::{Lowered, Lowering};
use crate::optimizer::logical::{ColumnSet, Logical, LogicalModify};

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
            marks: plan.marks.clone(),
            copies: plan.copies.clone(),
            target_scan: plan.target_scan,
            conflict: lowered.conflict,
            arms: lowered.arms,
            check_options: lowered.check_options,
            returning: lowered.returning,
        };
        self.finish(NodeKind::Modify(Box::new(modify)), plan.columns.clone(), rows)
    }

    /// Lowers the locking of rows.
    pub(super) fn lock_rows(&mut self, plan: &Logical, needed: &ColumnSet, rows: f64) -> Result<Lowered> {
        let Logical::LockRows { input, locks, kept, copies, lateral } = plan else {
            return Err(PgError::internal("lowering: not a lock of rows"));
        };
        let mut below = needed.clone();
        plan.for_each_expr(&mut |expr| self.need(&mut below, expr));
        let input = self.node(input, &below)?;
        let mark = |expr: &Expr| match expr.kind {
            ExprKind::Column(id) => {
                let position = input.columns.iter().position(|column| *column == id);
                position.map(|position| ScanMark { scan: id.0, position })
            }
            _ => None,
        };
        let lost = || PgError::internal("lowering: a row to lock without its id");
        let locks = locks.iter().map(|(expr, wanted)| {
            Ok(RowLock {
                mark: mark(expr).ok_or_else(lost)?,
                table: wanted.table,
                name: wanted.name.clone(),
                strength: wanted.strength,
                wait: wanted.wait,
            })
        });
        let locks = LockRows {
            locks: locks.collect::<Result<_>>()?,
            kept: kept.iter().filter_map(mark).collect(),
            copies: copies.iter().filter_map(mark).map(|mark| mark.position).collect(),
            lateral: lateral.iter().filter_map(mark).map(|mark| mark.position).collect(),
            input: Box::new(input.node),
            one_by_one: false,
            held: None,
        };
        self.finish(NodeKind::LockRows(locks), input.columns, rows)
    }
}
