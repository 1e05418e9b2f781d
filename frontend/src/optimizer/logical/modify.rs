//! A statement that changes a table, as an operator that returns the rows of its RETURNING.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use executor::plan::{
    Conflict, ForeignKey, InputShape, MergeArm, ModifyKind, ScanMark, Target, wide_exprs, wide_exprs_mut,
};

use super::Logical;

/// INSERT, UPDATE, DELETE or MERGE over the rows of a plan.
#[derive(Debug, Clone)]
pub struct LogicalModify {
    /// Which statement.
    pub kind: ModifyKind,
    /// The rows.
    pub input: Logical,
    /// The input row, over the plan's columns.
    pub exprs: Vec<Expr>,
    /// Where in `exprs` what is.
    pub shape: InputShape,
    /// Scans whose row ids are among `exprs`.
    pub marks: Vec<ScanMark>,
    /// Where in `exprs` rows are that have no ids.
    pub copies: Vec<usize>,
    /// The scan of the target.
    pub target_scan: Option<u32>,
    /// Tables; see [`crate::query::Modify`].
    pub targets: Vec<Target>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Columns of the wide row that the operator makes.
    pub made: Vec<ColumnId>,
    /// Its further columns, which the input has.
    pub extra: Vec<ColumnId>,
    /// ON CONFLICT, over the wide row.
    pub conflict: Option<Conflict>,
    /// WHEN clauses, over the wide row.
    pub arms: Vec<MergeArm>,
    /// WITH CHECK OPTION, over the wide row.
    pub check_options: Vec<(EcoString, Expr)>,
    /// RETURNING, over the wide row.
    pub returning: Option<Vec<Expr>>,
    /// Result columns.
    pub columns: Vec<ColumnId>,
}

impl LogicalModify {
    /// Calls `visit` on each expression.
    pub fn for_each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        self.exprs.iter().for_each(&mut *visit);
        let returning = self.returning.as_deref();
        wide_exprs(self.conflict.as_ref(), &self.arms, &self.check_options, returning, visit);
    }
    /// Calls `visit` on each expression for change.
    pub fn for_each_expr_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        self.exprs.iter_mut().for_each(&mut *visit);
        self.for_each_wide_expr_mut(visit);
    }
    /// Calls `visit` on each expression over the wide row for change.
    pub fn for_each_wide_expr_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        wide_exprs_mut(
            self.conflict.as_mut(),
            &mut self.arms,
            &mut self.check_options,
            self.returning.as_deref_mut(),
            visit,
        );
    }
}
