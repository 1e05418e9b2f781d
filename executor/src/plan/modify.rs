//! Changing tables: what a statement does with each row, and what the tables demand of their rows.
//!
//! Expressions of actions and RETURNING are computed over a *wide row*: the old row, the new row and the current one
//! (the new row, or the old one where it is deleted), each followed by its row id and a column that is not null, then the name of
//! MERGE's action, then the input's further columns. Without an old (new) row its part is NULL. Expressions of a
//! [`Target`] are over one row of its table.

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::TypeRef;

use super::{PlanNode, ScanMark};
use crate::expr::Expr;

/// What follows each row in a wide row: its row id, and what says that there is one.
pub const SYSTEM_COLUMNS: usize = 2;

/// Which statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModifyKind {
    /// INSERT
    Insert,
    /// UPDATE
    Update,
    /// DELETE
    Delete,
    /// MERGE
    Merge,
}

/// INSERT, UPDATE, DELETE or MERGE.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Modify {
    /// Which statement.
    pub kind: ModifyKind,
    /// The table that the statement names, then those that foreign keys reach from it.
    pub targets: Vec<Target>,
    /// Foreign keys between the targets.
    pub foreign_keys: Vec<ForeignKey>,
    /// Rows.
    pub input: Box<PlanNode>,
    /// Where in the input what is.
    pub shape: InputShape,
    /// Scans of the input's tables, the target's included: a row that somebody has replaced meanwhile meets the same
    /// rows of the others again. Empty when there are no others.
    pub marks: Vec<ScanMark>,
    /// Positions in the input of what it uses of rows without ids, as those of VALUES: they are to be the same again, too.
    pub copies: Vec<usize>,
    /// The scan of the target.
    pub target_scan: Option<u32>,
    /// ON CONFLICT.
    pub conflict: Option<Conflict>,
    /// WHEN clauses of MERGE.
    pub arms: Vec<MergeArm>,
    /// WITH CHECK OPTION of the views that the statement goes through: name, and condition over the wide row of a new row
    /// alone.
    pub check_options: Vec<(EcoString, Expr)>,
    /// RETURNING over the wide row; the node returns rows only when set, otherwise one row with one int8, the number
    /// of rows changed.
    pub returning: Option<Vec<Expr>>,
}

/// Positions of the parts of an input row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InputShape {
    /// The first column of the new row (INSERT, UPDATE).
    pub new: Option<usize>,
    /// The row id of the old row (UPDATE, DELETE, MERGE).
    pub row_id: Option<usize>,
    /// The first column of the old row.
    pub old: Option<usize>,
    /// MERGE: a column that is not null when there is a source row.
    pub source: Option<usize>,
    /// The first of the further columns.
    pub extra: usize,
}

/// A table that a statement changes or looks into.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// The table in storage.
    pub table: u64,
    /// Schema, for errors.
    pub schema: EcoString,
    /// Name, for errors.
    pub name: EcoString,
    /// Columns in order.
    pub columns: Vec<TargetColumn>,
    /// Stored generated columns: position and expression.
    pub generated: Vec<(usize, Expr)>,
    /// CHECK constraints in order of their names.
    pub checks: Vec<(EcoString, Expr)>,
    /// Primary key, unique constraints and unique indexes.
    pub keys: Vec<TargetKey>,
    /// Exclusion constraints, and keys WITHOUT OVERLAPS.
    pub exclusions: Vec<TargetExclusion>,
}

/// A column of a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TargetColumn {
    /// Name.
    pub name: EcoString,
    /// Type.
    pub ty: TypeRef,
    /// NOT NULL.
    pub not_null: bool,
    /// What SET DEFAULT of a foreign key stores.
    pub default: Expr,
    /// The value of a virtual generated column, which is not stored.
    pub computed: Option<Expr>,
}

/// A unique key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TargetKey {
    /// Name of the constraint or index.
    pub name: EcoString,
    /// `pg_class.oid` of the index.
    pub index: u32,
    /// `pg_constraint.oid`, 0 for a mere index.
    pub oid: u32,
    /// The key's expressions and how errors show them.
    pub columns: Vec<(Expr, EcoString)>,
    /// Of a partial index.
    pub predicate: Option<Expr>,
    /// NULLS NOT DISTINCT.
    pub nulls_equal: bool,
    /// Checked when the statement (not when the row) is done, or later.
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    pub deferred: bool,
    /// Name in `pg_constraint`'s sense (SET CONSTRAINTS finds it); otherwise an index only.
    pub constraint: bool,
}

/// An exclusion constraint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TargetExclusion {
    /// Name.
    pub name: EcoString,
    /// `pg_class.oid` of the index.
    pub index: u32,
    /// `pg_constraint.oid`.
    pub oid: u32,
    /// What is compared.
    pub elements: Vec<ExclusionElement>,
    /// WHERE.
    pub predicate: Option<Expr>,
    /// Checked when the statement (not when the row) is done, or later.
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    pub deferred: bool,
    /// WITHOUT OVERLAPS: the last element must hold something.
    pub period: bool,
}

/// An element of an exclusion constraint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExclusionElement {
    /// The value.
    pub expr: Expr,
    /// How errors show it.
    pub shown: EcoString,
    /// How rows that are in the way are found.
    pub kind: ElementKind,
    /// Whether two values, columns 0 and 1, exclude each other.
    pub test: Expr,
}

/// What an operator of an exclusion constraint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElementKind {
    /// The values are equal.
    Equal,
    /// What the values cover meets.
    Span,
    /// Something else.
    Other,
}

/// A foreign key between two targets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForeignKey {
    /// `pg_constraint.oid`.
    pub oid: u32,
    /// Name.
    pub name: EcoString,
    /// The referencing table, as a position in the targets.
    pub child: usize,
    /// Its columns.
    pub child_columns: Vec<usize>,
    /// The referenced table.
    pub parent: usize,
    /// Its columns, in the order of `child_columns`.
    pub parent_columns: Vec<usize>,
    /// ON UPDATE.
    pub on_update: ReferentialAction,
    /// ON DELETE.
    pub on_delete: ReferentialAction,
    /// For each column what ON UPDATE CASCADE makes of the new referenced row, where the types differ.
    pub followed: Vec<Option<Expr>>,
    /// Columns that ON DELETE SET NULL and SET DEFAULT change.
    pub set_columns: Vec<usize>,
    /// MATCH FULL.
    pub match_full: bool,
    /// The last column is a PERIOD.
    pub period: bool,
    /// DEFERRABLE.
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    pub deferred: bool,
}

/// What happens to referencing rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReferentialAction {
    /// NO ACTION
    NoAction,
    /// RESTRICT
    Restrict,
    /// CASCADE
    Cascade,
    /// SET NULL
    SetNull,
    /// SET DEFAULT
    SetDefault,
}

/// ON CONFLICT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// Keys of the table whose conflicts count, as positions, the exclusion constraints after the keys; `None`: all.
    pub arbiters: Option<Vec<usize>>,
    /// DO UPDATE; `None`: DO NOTHING. The existing row is the old one, the proposed one the new one.
    pub update: Option<ConflictUpdate>,
}

/// DO UPDATE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictUpdate {
    /// A new value for each column.
    pub values: Vec<Expr>,
    /// WHERE.
    pub filter: Option<Expr>,
}

/// Which rows a WHEN clause of MERGE is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchKind {
    /// WHEN MATCHED
    Matched,
    /// WHEN NOT MATCHED BY SOURCE
    NotMatchedBySource,
    /// WHEN NOT MATCHED [BY TARGET]
    NotMatchedByTarget,
}

/// A WHEN clause of MERGE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergeArm {
    /// For which rows.
    pub kind: MatchKind,
    /// AND condition.
    pub condition: Option<Expr>,
    /// What to do.
    pub action: MergeAction,
}

/// What a WHEN clause does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MergeAction {
    /// DO NOTHING
    Nothing,
    /// DELETE
    Delete,
    /// UPDATE: a new value for each column.
    Update(Vec<Expr>),
    /// INSERT: a value for each column.
    Insert(Vec<Expr>),
}

impl Modify {
    /// Returns the table that the statement names.
    pub fn target(&self) -> Option<&Target> {
        self.targets.first()
    }
    /// Calls `visit` on each expression over the wide row.
    pub fn for_each_wide_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        let returning = self.returning.as_deref();
        wide_exprs(self.conflict.as_ref(), &self.arms, &self.check_options, returning, visit);
    }
}

/// Calls `visit` on each expression of a statement's actions and RETURNING.
pub fn wide_exprs<'a>(
    conflict: Option<&'a Conflict>,
    arms: &'a [MergeArm],
    check_options: &'a [(EcoString, Expr)],
    returning: Option<&'a [Expr]>,
    visit: &mut dyn FnMut(&'a Expr),
) {
    if let Some(update) = conflict.and_then(|conflict| conflict.update.as_ref()) {
        update.values.iter().chain(&update.filter).for_each(&mut *visit);
    }
    for arm in arms {
        arm.condition.iter().for_each(&mut *visit);
        match &arm.action {
            MergeAction::Nothing | MergeAction::Delete => {}
            MergeAction::Update(values) | MergeAction::Insert(values) => values.iter().for_each(&mut *visit),
        }
    }
    check_options.iter().for_each(|(_, condition)| visit(condition));
    returning.unwrap_or_default().iter().for_each(visit);
}

/// As [`wide_exprs`], for change.
pub fn wide_exprs_mut(
    conflict: Option<&mut Conflict>,
    arms: &mut [MergeArm],
    check_options: &mut [(EcoString, Expr)],
    returning: Option<&mut [Expr]>,
    visit: &mut dyn FnMut(&mut Expr),
) {
    if let Some(update) = conflict.and_then(|conflict| conflict.update.as_mut()) {
        update.values.iter_mut().chain(&mut update.filter).for_each(&mut *visit);
    }
    for arm in arms {
        arm.condition.iter_mut().for_each(&mut *visit);
        match &mut arm.action {
            MergeAction::Nothing | MergeAction::Delete => {}
            MergeAction::Update(values) | MergeAction::Insert(values) => {
                values.iter_mut().for_each(&mut *visit);
            }
        }
    }
    check_options.iter_mut().for_each(|(_, condition)| visit(condition));
    returning.unwrap_or_default().iter_mut().for_each(visit);
}
