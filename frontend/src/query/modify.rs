//! Analyzed statements that change a table.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use executor::plan::{Conflict, ForeignKey, InputShape, MergeArm, ModifyKind, Target};
use types::{TypeRef, oids};

use super::{Cte, OutputColumn, Query};

/// INSERT, UPDATE, DELETE or MERGE.
#[derive(Debug, Clone)]
pub struct Modify {
    /// Which statement.
    pub kind: ModifyKind,
    /// WITH queries in front of the statement.
    pub ctes: Vec<Cte>,
    /// Rows.
    pub source: Query,
    /// The input row that `shape` describes, over the source's output ids.
    pub input: Vec<Expr>,
    /// Where in the input what is.
    pub shape: InputShape,
    /// The table that the statement names, then those that foreign keys reach; their expressions are over positions.
    pub targets: Vec<Target>,
    /// Foreign keys between the targets.
    pub foreign_keys: Vec<ForeignKey>,
    /// Ids of the wide row (see [`executor::plan::Modify`]) that `conflict`, `arms`, `check_options` and `returning` are over.
    pub row: WideRow,
    /// ON CONFLICT.
    pub conflict: Option<Conflict>,
    /// WHEN clauses of MERGE.
    pub arms: Vec<MergeArm>,
    /// WITH CHECK OPTION of the views that the statement goes through: name and condition.
    pub check_options: Vec<(EcoString, Expr)>,
    /// RETURNING.
    pub returning: Option<Returning>,
    /// Subqueries of `conflict`, `arms`, `check_options` and `returning`.
    pub subqueries: Vec<Query>,
    /// Id of the number of rows, the result without RETURNING.
    pub count: ColumnId,
}

/// Ids of the columns of a wide row.
#[derive(Debug, Clone, Default)]
pub struct WideRow {
    /// The old row: table columns, row id, and a column that is null when there is no row.
    pub old: Vec<(ColumnId, TypeRef)>,
    /// The new row.
    pub new: Vec<(ColumnId, TypeRef)>,
    /// The current row.
    pub current: Vec<(ColumnId, TypeRef)>,
    /// What `merge_action()` returns.
    pub action: Option<ColumnId>,
    /// Further columns of the input.
    pub extra: Vec<(ColumnId, TypeRef)>,
}

/// RETURNING.
#[derive(Debug, Clone)]
pub struct Returning {
    /// Result columns.
    pub output: Vec<OutputColumn>,
    /// Their expressions.
    pub exprs: Vec<Expr>,
}

impl WideRow {
    /// Returns all columns in order.
    pub fn columns(&self) -> Vec<(ColumnId, TypeRef)> {
        let rows = self.old.iter().chain(&self.new).chain(&self.current).copied();
        let action = self.action.map(|id| (id, TypeRef::plain(oids::TEXT)));
        rows.chain(action).chain(self.extra.iter().copied()).collect()
    }
    /// Returns the columns that the statement itself makes.
    pub fn made(&self) -> Vec<(ColumnId, TypeRef)> {
        let mut columns = self.columns();
        columns.truncate(columns.len() - self.extra.len());
        columns
    }
}

impl Modify {
    /// Returns the result columns: those of RETURNING, or the number of rows.
    pub fn output(&self) -> Vec<OutputColumn> {
        match &self.returning {
            Some(returning) => returning.output.clone(),
            None => vec![OutputColumn {
                id: self.count,
                name: "count".into(),
                ty: TypeRef::plain(oids::INT8),
                origin: None,
            }],
        }
    }
}
