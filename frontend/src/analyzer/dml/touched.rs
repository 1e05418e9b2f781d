//! What a statement may do to the columns of its table: only foreign keys of those have to be looked at.

use executor::expr::{Expr, ExprKind};
use executor::plan::{ConflictUpdate, MergeAction, MergeArm, ModifyKind};

use super::Changed;
use super::target::{Happens, Touched};

/// See the module.
pub(super) struct Touches {
    pub(super) happens: Happens,
    /// The columns that get new values, and those whose values go; none: all may.
    arriving: Option<Vec<usize>>,
    going: Option<Vec<usize>>,
}

impl Touches {
    /// Returns what `arms` of MERGE may do, and what INSERT with DO UPDATE or another statement may; `assigned`: the columns
    /// that UPDATE gives new values.
    pub(super) fn new(
        kind: ModifyKind,
        assigned: Option<Vec<usize>>,
        conflict: Option<&ConflictUpdate>,
        arms: &[MergeArm],
        table: &Changed<'_>,
    ) -> Self {
        let all = |arrives: bool, goes: bool| Self {
            happens: Happens { arrives, goes },
            arriving: None,
            going: None,
        };
        match kind {
            ModifyKind::Insert => {
                let going = conflict.map(|update| with_generated(table, assigned_by(table, &update.values)));
                Self { going: going.clone(), ..all(true, going.is_some()) }
            }
            ModifyKind::Update => {
                let assigned = assigned.map(|columns| with_generated(table, columns));
                Self { arriving: assigned.clone(), going: assigned, ..all(true, true) }
            }
            ModifyKind::Delete => all(false, true),
            ModifyKind::Merge => {
                let mut columns = Vec::new();
                let (mut inserts, mut updates, mut deletes) = (false, false, false);
                for arm in arms {
                    match &arm.action {
                        MergeAction::Nothing => {}
                        MergeAction::Delete => deletes = true,
                        MergeAction::Insert(_) => inserts = true,
                        MergeAction::Update(values) => {
                            updates = true;
                            columns.extend(assigned_by(table, values));
                        }
                    }
                }
                let columns = with_generated(table, columns);
                Self {
                    arriving: (!inserts).then(|| columns.clone()),
                    going: (!deletes).then_some(columns),
                    ..all(inserts || updates, updates || deletes)
                }
            }
        }
    }

    pub(super) fn columns(&self) -> Touched<'_> {
        Touched { arriving: self.arriving.as_deref(), going: self.going.as_deref() }
    }
}

/// Returns the columns that are not given the value which the old row has there.
fn assigned_by(table: &Changed<'_>, values: &[Expr]) -> Vec<usize> {
    let is_kept = |at: usize, value: &Expr| matches!(value.kind, ExprKind::Column(id) if table.row.old.get(at).is_some_and(|old| old.0 == id));
    let assigned = values.iter().enumerate().filter(|(at, value)| !is_kept(*at, value));
    assigned.map(|(at, _)| at).collect()
}

/// Adds the columns that are computed from others.
fn with_generated(table: &Changed<'_>, mut columns: Vec<usize>) -> Vec<usize> {
    let generated =
        table.relation.columns.iter().enumerate().filter(|(_, column)| column.generated.is_some());
    columns.extend(generated.map(|(at, _)| at));
    columns
}
