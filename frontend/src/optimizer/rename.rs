//! A copy of a plan with fresh column ids, so that one plan can stand at several places of a statement.

use std::collections::BTreeMap;

use executor::expr::{ColumnId, Expr, ExprKind};
use types::{TypeRef, oids};

use super::logical::{ColumnSet, Logical, Subquery};
use super::{Planner, expressions};

/// Returns the plan with all columns that it makes renamed, and the new names of `output`.
pub fn renamed(planner: &mut Planner<'_>, plan: Logical, output: &[ColumnId]) -> (Logical, Vec<ColumnId>) {
    let mut renaming = Renaming { names: BTreeMap::new(), working: BTreeMap::new() };
    let plan = renaming.plan(planner, plan);
    let output = output.iter().map(|id| renaming.name(*id)).collect();
    (plan, output)
}

struct Renaming {
    names: BTreeMap<ColumnId, ColumnId>,
    working: BTreeMap<u32, u32>,
}

impl Renaming {
    fn name(&self, id: ColumnId) -> ColumnId {
        self.names.get(&id).copied().unwrap_or(id)
    }

    fn declare(&mut self, planner: &mut Planner<'_>, plan: &Logical) {
        let mut produced = ColumnSet::new();
        plan.add_produced(&mut produced);
        for id in produced {
            if let std::collections::btree_map::Entry::Vacant(e) = self.names.entry(id) {
                let ty = planner.types.get(&id).copied().unwrap_or(TypeRef::plain(oids::UNKNOWN));
                let fresh = planner.fresh(ty);
                if let Some(origin) = planner.origins.get(&id).cloned() {
                    planner.origins.insert(fresh, origin);
                }
                e.insert(fresh);
            }
        }
    }

    fn plan(&mut self, planner: &mut Planner<'_>, plan: Logical) -> Logical {
        self.declare(planner, &plan);
        self.rename(planner, plan)
    }

    fn rename(&mut self, planner: &mut Planner<'_>, mut plan: Logical) -> Logical {
        if let Logical::RecursiveUnion(recursion) = &plan {
            self.working.insert(recursion.working, planner.next_working);
            planner.next_working += 1;
        }
        plan.for_each_expr_mut(&mut |expr| self.expr(planner, expr));
        self.own(&mut plan);
        plan.map_inputs(&mut |input| self.rename(planner, input))
    }

    fn expr(&mut self, planner: &mut Planner<'_>, expr: &mut Expr) {
        expressions::rewrite(expr, &mut |part| match &mut part.kind {
            ExprKind::Column(id) => *id = self.name(*id),
            ExprKind::Subquery { index, .. } => {
                if let Some(subquery) = planner.subqueries.get(*index as usize).cloned() {
                    let plan = self.plan(planner, subquery.plan);
                    let output = subquery.output.iter().map(|(id, ty)| (self.name(*id), *ty)).collect();
                    *index = planner.add_subquery(Subquery { plan, output });
                }
            }
            _ => {}
        });
    }

    fn own(&self, plan: &mut Logical) {
        let each = |ids: &mut [ColumnId]| ids.iter_mut().for_each(|id| *id = self.name(*id));
        let one = |id: &mut ColumnId| *id = self.name(*id);
        match plan {
            Logical::Get(get) => {
                each(&mut get.columns);
                get.row_id.iter_mut().for_each(one);
            }
            Logical::Values { columns, .. } | Logical::Append { columns, .. } => each(columns),
            Logical::WorkingScan { columns, working } => {
                each(columns);
                *working = self.working.get(working).copied().unwrap_or(*working);
            }
            Logical::Functions { functions, ordinality } => {
                functions.iter_mut().flat_map(|call| &mut call.columns).for_each(|(id, _)| one(id));
                ordinality.iter_mut().for_each(one);
            }
            Logical::SharedScan { columns, .. } => columns.iter_mut().for_each(|(id, _)| one(id)),
            Logical::Map { exprs, .. } | Logical::ProjectSet { calls: exprs, .. } => {
                exprs.iter_mut().for_each(|(id, _)| one(id));
            }
            Logical::Join(join) => {
                use super::logical::LogicalJoinKind::{Mark, MarkNullAware};
                if let Mark(id) | MarkNullAware(id) = &mut join.kind {
                    one(id);
                }
            }
            Logical::Aggregate(aggregate) => {
                aggregate.keys.iter_mut().for_each(|(id, _)| one(id));
                aggregate.calls.iter_mut().for_each(|(id, _)| one(id));
                aggregate.set_number.iter_mut().for_each(one);
            }
            Logical::Window { calls, .. } => calls.iter_mut().for_each(|(id, _)| one(id)),
            Logical::SetOperation(operation) => each(&mut operation.columns),
            Logical::Modify(modify) => {
                each(&mut modify.made);
                each(&mut modify.extra);
                each(&mut modify.columns);
            }
            Logical::RecursiveUnion(recursion) => {
                each(&mut recursion.columns);
                recursion.working =
                    self.working.get(&recursion.working).copied().unwrap_or(recursion.working);
            }
            Logical::Filter { .. }
            | Logical::Sort { .. }
            | Logical::Limit { .. }
            | Logical::DistinctOn { .. }
            | Logical::LockRows { .. } => {}
        }
    }
}
