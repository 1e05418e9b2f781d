//! FROM items.

use executor::expr::{ColumnId, Expr, ExprKind};
use types::{PgError, Result, TypeRef, oids};

use super::Level;
use crate::optimizer::logical::{Get, Logical, LogicalJoinKind};
use crate::optimizer::{CteState, Planner, expressions, rename};
use crate::query::{FromFunction, FromItem, Join, JoinType};

impl Planner<'_> {
    /// Makes the plan of a FROM item.
    pub(super) fn build_from(&mut self, item: &FromItem, level: &Level) -> Result<Logical> {
        match item {
            FromItem::Table { relation, alias, columns, row_id } => {
                for (position, (id, column)) in columns.iter().zip(&relation.columns).enumerate() {
                    self.types.insert(*id, column.ty);
                    self.origins.insert(*id, (relation.clone(), position));
                }
                if let Some(id) = row_id {
                    self.types.insert(*id, TypeRef::plain(oids::INT8));
                }
                Ok(Logical::Get(Box::new(Get {
                    relation: relation.clone(),
                    alias: alias.clone(),
                    columns: columns.clone(),
                    row_id: *row_id,
                    filters: Vec::new(),
                })))
            }
            FromItem::Subquery { query, .. } => self.build_query(query),
            FromItem::Cte { cte, alias, columns } => self.build_cte_reference(*cte, alias, columns),
            FromItem::Functions { functions, ordinality, .. } => {
                if let Some(id) = ordinality {
                    self.types.insert(*id, TypeRef::plain(oids::INT8));
                }
                let functions = functions
                    .iter()
                    .map(|call| {
                        self.declare(&call.columns);
                        Ok(FromFunction { args: level.exprs(&call.args)?, ..call.clone() })
                    })
                    .collect::<Result<_>>()?;
                Ok(Logical::Functions { functions, ordinality: *ordinality })
            }
            FromItem::Join(join) => self.build_join(join, level),
        }
    }

    fn build_join(&mut self, join: &Join, level: &Level) -> Result<Logical> {
        let left = self.build_from(&join.left, level)?;
        let right = self.build_from(&join.right, level)?;
        let conjuncts = match &join.condition {
            Some(condition) => expressions::conjuncts(level.expr(condition)?),
            None => Vec::new(),
        };
        Ok(match join.kind {
            JoinType::Inner => Logical::join(LogicalJoinKind::Inner, left, right, conjuncts),
            JoinType::Left => Logical::join(LogicalJoinKind::Left, left, right, conjuncts),
            JoinType::Right => Logical::join(LogicalJoinKind::Left, right, left, conjuncts),
            JoinType::Full => Logical::join(LogicalJoinKind::Full, left, right, conjuncts),
        })
    }

    fn build_cte_reference(
        &mut self,
        cte: u32,
        alias: &ecow::EcoString,
        columns: &[(ColumnId, usize, TypeRef)],
    ) -> Result<Logical> {
        for (id, _, ty) in columns {
            self.types.insert(*id, *ty);
        }
        let missing = || PgError::internal("optimizer: WITH query without a plan");
        match self.ctes.get(&cte).cloned().ok_or_else(missing)? {
            CteState::Shared(shared) => Ok(Logical::SharedScan {
                shared,
                name: alias.clone(),
                columns: columns.iter().map(|(id, position, _)| (*id, *position)).collect(),
            }),
            CteState::Working(working) => {
                let width = columns.iter().map(|(_, position, _)| position + 1).max().unwrap_or(0);
                let mut ids = Vec::new();
                for position in 0..width {
                    let known = columns.iter().find(|(_, at, _)| *at == position);
                    ids.push(match known {
                        Some((id, _, _)) => *id,
                        None => self.fresh(TypeRef::plain(oids::UNKNOWN)),
                    });
                }
                Ok(Logical::WorkingScan { working, columns: ids })
            }
            CteState::Inline(plan, output) => {
                let (plan, output) = rename::renamed(self, *plan, &output);
                let mut exprs = Vec::new();
                for (id, position, ty) in columns {
                    let source = output.get(*position).ok_or_else(missing)?;
                    exprs.push((*id, Expr::column(*source, *ty)));
                }
                Ok(plan.map(exprs))
            }
        }
    }
}

/// Adds the row id columns of the tables in an item of FROM (not those of subqueries that stand for themselves).
pub(super) fn row_ids(item: &FromItem, found: &mut Vec<ColumnId>) {
    match item {
        FromItem::Table { row_id, .. } => found.extend(*row_id),
        FromItem::Join(join) => {
            row_ids(&join.left, found);
            row_ids(&join.right, found);
        }
        FromItem::Subquery { query, .. } => {
            let select = query.as_simple();
            select.iter().flat_map(|select| &select.from).for_each(|item| row_ids(item, found));
        }
        FromItem::Cte { .. } | FromItem::Functions { .. } => {}
    }
}

/// Adds the columns of what has no row ids in an item of FROM, and depends (`lateral`) or does not depend on other items;
/// `padded`: even where an outer join may put NULL in their place.
pub(super) fn columns_without_ids(
    item: &FromItem,
    (lateral, padded): (bool, bool),
    found: &mut Vec<(ColumnId, TypeRef)>,
) {
    let is_alone = |function: &FromFunction| function.args.iter().all(|arg| columns_of(arg).is_empty());
    match item {
        FromItem::Join(join) => {
            if padded || matches!(join.kind, JoinType::Inner | JoinType::Left) {
                columns_without_ids(&join.left, (lateral, padded), found);
            }
            if padded || matches!(join.kind, JoinType::Inner | JoinType::Right) {
                columns_without_ids(&join.right, (lateral, padded), found);
            }
        }
        FromItem::Subquery { query, lateral: depends, .. } => {
            if let Some(select) = query.as_simple() {
                let items = select.from.iter();
                return items.for_each(|item| columns_without_ids(item, (lateral, padded), found));
            }
            if *depends != lateral {
                return;
            }
            found.extend(query.output.iter().map(|column| (column.id, column.ty)));
        }
        FromItem::Cte { columns, .. } if !lateral => {
            found.extend(columns.iter().map(|(id, _, ty)| (*id, *ty)))
        }
        FromItem::Functions { functions, .. } if functions.iter().all(is_alone) != lateral => {
            found.extend(functions.iter().flat_map(|function| function.columns.iter().copied()));
        }
        FromItem::Table { .. } | FromItem::Cte { .. } | FromItem::Functions { .. } => {}
    }
}

/// Calls `visit` on the conditions of the joins in an item of FROM, and on what simple subqueries compute.
pub(super) fn each_condition(item: &FromItem, visit: &mut dyn FnMut(&Expr)) {
    match item {
        FromItem::Join(join) => {
            join.condition.iter().for_each(&mut *visit);
            each_condition(&join.left, visit);
            each_condition(&join.right, visit);
        }
        FromItem::Subquery { query, .. } => {
            let Some(select) = query.as_simple() else { return };
            select.filter.iter().for_each(&mut *visit);
            select.targets.iter().for_each(|(_, expr)| visit(expr));
            select.from.iter().for_each(|item| each_condition(item, visit));
        }
        FromItem::Table { .. } | FromItem::Cte { .. } | FromItem::Functions { .. } => {}
    }
}

/// Returns the columns in an expression.
pub(super) fn columns_of(expr: &Expr) -> Vec<ColumnId> {
    let mut columns = Vec::new();
    expr.walk(&mut |part| {
        if let ExprKind::Column(id) = part.kind {
            columns.push(id);
        }
    });
    columns
}
