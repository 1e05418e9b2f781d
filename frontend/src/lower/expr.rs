//! Expressions: column ids to positions or outer slots, subqueries to subplans.

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::SortKey;
use types::{PgError, Result};

use super::Lowering;

/// Where a subquery went.
#[derive(Clone)]
pub(super) struct LoweredSubquery {
    subplan: u32,
    outer: Vec<ColumnId>,
}

impl Lowering<'_> {
    /// Lowers an expression over a row of `columns`.
    pub(crate) fn expr(&mut self, expr: &Expr, columns: &[ColumnId]) -> Result<Expr> {
        let mut copy = expr.clone();
        self.lower_in_place(&mut copy, columns)?;
        Ok(copy)
    }

    /// Lowers each of `exprs`.
    pub(crate) fn exprs(&mut self, exprs: &[Expr], columns: &[ColumnId]) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr, columns)).collect()
    }

    /// Lowers sort keys.
    pub(crate) fn sort_keys(&mut self, keys: &[SortKey], columns: &[ColumnId]) -> Result<Vec<SortKey>> {
        keys.iter().map(|key| Ok(SortKey { expr: self.expr(&key.expr, columns)?, ..key.clone() })).collect()
    }

    fn lower_in_place(&mut self, expr: &mut Expr, columns: &[ColumnId]) -> Result<()> {
        let mut result = Ok(());
        expr.for_each_child_mut(&mut |child| {
            if result.is_ok() {
                result = self.lower_in_place(child, columns);
            }
        });
        result?;
        match &mut expr.kind {
            ExprKind::Column(id) => {
                let id = *id;
                match columns.iter().position(|column| *column == id) {
                    Some(position) => {
                        expr.kind = ExprKind::Column(ColumnId(u32::try_from(position).unwrap_or(u32::MAX)));
                    }
                    None => expr.kind = ExprKind::Outer(self.slot(id)),
                }
            }
            ExprKind::Subquery { index, outer, .. } => {
                let lowered = self.subquery(*index)?;
                let mut bindings = Vec::new();
                for id in &lowered.outer {
                    let value = self.planner.column(*id)?;
                    bindings.push((self.slot(*id), self.expr(&value, columns)?));
                }
                *index = lowered.subplan;
                *outer = bindings;
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the slot of a column that comes from outside.
    pub(crate) fn slot(&mut self, id: ColumnId) -> u32 {
        let next = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        *self.slots.entry(id).or_insert(next)
    }

    fn subquery(&mut self, index: u32) -> Result<LoweredSubquery> {
        if let Some(known) = self.lowered_subqueries.get(&index) {
            return Ok(known.clone());
        }
        let subquery = self
            .planner
            .subqueries
            .get(index as usize)
            .cloned()
            .ok_or_else(|| PgError::internal("lowering: subquery out of range"))?;
        let output: Vec<Expr> = subquery.output.iter().map(|(id, ty)| Expr::column(*id, *ty)).collect();
        let wanted = self.wanted.take();
        let node = self.query(&subquery.plan, &output)?;
        self.wanted = wanted;
        self.subplans.push(node);
        let lowered = LoweredSubquery {
            subplan: u32::try_from(self.subplans.len() - 1).unwrap_or(u32::MAX),
            outer: self.planner.free_columns(&subquery.plan).into_iter().collect(),
        };
        self.lowered_subqueries.insert(index, lowered.clone());
        Ok(lowered)
    }
}
