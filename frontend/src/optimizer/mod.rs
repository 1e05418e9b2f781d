//! The optimizer: from the typed query tree to a physical plan.
//!
//! Phases: [`build`] makes the logical algebra ([`logical`]), where a subquery of an expression is a plan of its
//! own; rewrites simplify it; [`crate::lower`] chooses physical operators and turns column ids into positions.

pub(crate) mod access;
mod build;
mod cardinality;
mod dependencies;
mod distinct;
pub mod expressions;
mod fold;
pub mod functions;
pub mod logical;
mod ordering;
mod predicates;
mod pushdown;
mod rename;
mod search;
mod statistics;
#[cfg(test)]
mod tests;
mod unnest;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use executor::expr::{ColumnId, Expr, ExprKind, Volatility};
use executor::plan::Plan;
use types::{Datum, PgError, Result, TypeRef};

pub use access::{IndexPart, PlannerSettings};
pub use statistics::{ColumnStatistics, SampleShare, Statistics};

use crate::catalog::{Index, Relation};
use crate::query;
use logical::{ColumnSet, Logical, Shared, Subquery};

/// What the optimizer asks of its caller.
pub struct PlannerContext<'a> {
    /// Row counts and value distributions.
    pub statistics: &'a dyn Statistics,
    /// Evaluates an expression without columns.
    pub evaluate: &'a dyn Fn(&Expr) -> Result<Datum>,
    /// Returns an expression of an index, its columns numbered from 1 by position in the relation.
    pub index_expression: &'a dyn Fn(&Relation, &Index, IndexPart) -> Option<Expr>,
    /// The session's `enable_...`.
    pub settings: PlannerSettings,
    /// Values of the parameters, if the plan is for these only.
    pub params: &'a [Datum],
}

/// Plans a statement.
///
/// # Errors
/// `0A000` for what is not supported yet; the error of a constant expression.
pub fn plan(statement: &query::Statement, context: &PlannerContext<'_>) -> Result<Plan> {
    let mut planner = Planner::new(context);
    let mut root = planner.build_statement(statement)?;
    planner.optimize(&mut root);
    if let Some(error) = planner.fold_error.take() {
        return Err(error);
    }
    crate::lower::lower(planner, root)
}

/// A statement on its way through the optimizer.
pub struct Root {
    /// The plan.
    pub plan: Logical,
    /// Result columns.
    pub output: Vec<Expr>,
}

/// How a reference to a CTE is planned.
#[derive(Debug, Clone)]
pub(crate) enum CteState {
    /// In the place of its one reference.
    Inline(Box<Logical>, Vec<ColumnId>),
    /// A shared plan.
    Shared(u32),
    /// The working table of the recursion around.
    Working(u32),
}

/// The state of planning one statement.
pub struct Planner<'a> {
    pub(crate) context: &'a PlannerContext<'a>,
    pub(crate) types: HashMap<ColumnId, TypeRef>,
    /// The table columns that ids stand for.
    pub(crate) origins: HashMap<ColumnId, (Arc<Relation>, usize)>,
    /// The first error of a constant expression.
    fold_error: RefCell<Option<PgError>>,
    next_column: u32,
    pub(crate) next_working: u32,
    pub(crate) ctes: BTreeMap<u32, CteState>,
    /// CTEs used more than once.
    pub shared: Vec<Shared>,
    /// Subqueries that expressions name by index.
    pub subqueries: Vec<Subquery>,
}

/// Ids that the optimizer makes start here; the analyzer counts from 0.
const FIRST_FRESH_COLUMN: u32 = 1 << 30;

impl<'a> Planner<'a> {
    fn new(context: &'a PlannerContext<'a>) -> Self {
        Self {
            context,
            types: HashMap::new(),
            origins: HashMap::new(),
            fold_error: RefCell::new(None),
            next_column: FIRST_FRESH_COLUMN,
            next_working: 0,
            ctes: BTreeMap::new(),
            shared: Vec::new(),
            subqueries: Vec::new(),
        }
    }
    /// Rewrites the plans of a statement: first all subqueries are unnested, inner ones before those around them,
    /// then predicates move and joins are ordered in what is left.
    fn optimize(&mut self, root: &mut Root) {
        self.for_each_plan(root, &mut |planner, plan| {
            let folded = planner.fold(plan);
            planner.unnest(folded)
        });
        self.for_each_plan(root, &mut |planner, plan| planner.rewritten(plan));
    }
    fn for_each_plan(&mut self, root: &mut Root, change: &mut dyn FnMut(&mut Self, Logical) -> Logical) {
        for index in 0..self.subqueries.len() {
            if let Some(plan) = self.subqueries.get(index).map(|subquery| subquery.plan.clone()) {
                let plan = change(self, plan);
                if let Some(subquery) = self.subqueries.get_mut(index) {
                    subquery.plan = plan;
                }
            }
        }
        for index in 0..self.shared.len() {
            if let Some(plan) = self.shared.get(index).map(|shared| shared.plan.clone()) {
                let plan = change(self, plan);
                if let Some(shared) = self.shared.get_mut(index) {
                    shared.plan = plan;
                }
            }
        }
        let taken = std::mem::replace(&mut root.plan, Logical::unit());
        root.plan = change(self, taken);
    }
    fn rewritten(&mut self, plan: Logical) -> Logical {
        let plan = self.split_distinct(plan);
        let plan = dependencies::shorten_keys(self.push(plan, Vec::new()));
        self.order_joins(plan)
    }
    /// Returns a new column.
    pub fn fresh(&mut self, ty: TypeRef) -> ColumnId {
        let id = ColumnId(self.next_column);
        self.next_column += 1;
        self.types.insert(id, ty);
        id
    }
    /// Returns the type of a column.
    ///
    /// # Errors
    /// `XX000` when nobody declared it.
    pub fn type_of(&self, id: ColumnId) -> Result<TypeRef> {
        self.types
            .get(&id)
            .copied()
            .ok_or_else(|| PgError::internal(format!("optimizer: column {} has no type", id.0)))
    }
    /// Returns a column as an expression.
    ///
    /// # Errors
    /// As [`Self::type_of`].
    pub fn column(&self, id: ColumnId) -> Result<Expr> {
        Ok(Expr::column(id, self.type_of(id)?))
    }
    /// Returns the volatility of an expression, its subqueries included.
    pub fn volatility(&self, expr: &Expr) -> Volatility {
        expressions::volatility(expr, &|index| {
            self.subqueries
                .get(index as usize)
                .map_or(Volatility::Volatile, |subquery| self.plan_volatility(&subquery.plan))
        })
    }
    /// Returns the highest volatility of a plan's expressions.
    pub fn plan_volatility(&self, plan: &Logical) -> Volatility {
        let mut highest = Volatility::Immutable;
        plan.for_each_expr(&mut |expr| highest = highest.max(self.volatility(expr)));
        if let Logical::Functions { functions, .. } = plan {
            for call in functions {
                highest = highest.max(call.function.volatility);
            }
        }
        if let Logical::Modify(_) | Logical::LockRows { .. } = plan {
            return Volatility::Volatile;
        }
        if let Logical::Window { calls, .. } = plan {
            for (_, call) in calls {
                highest = highest.max(call.function.volatility);
            }
        }
        plan.for_each_input(&mut |input| highest = highest.max(self.plan_volatility(input)));
        highest
    }
    /// Adds the columns that a plan uses and does not make, its subqueries' included.
    pub fn free_columns(&self, plan: &Logical) -> ColumnSet {
        let mut used = ColumnSet::new();
        self.add_used(plan, &mut used);
        let mut produced = ColumnSet::new();
        plan.add_produced(&mut produced);
        used.retain(|id| !produced.contains(id));
        used
    }
    fn add_used(&self, plan: &Logical, used: &mut ColumnSet) {
        plan.for_each_expr(&mut |expr| self.add_expr_columns(expr, used));
        plan.for_each_input(&mut |input| self.add_used(input, used));
    }
    /// Adds the columns that an expression needs of its row: its own and its subqueries' free ones.
    pub fn add_expr_columns(&self, expr: &Expr, used: &mut ColumnSet) {
        expr.walk(&mut |part| match part.kind {
            ExprKind::Column(id) => {
                used.insert(id);
            }
            ExprKind::Subquery { index, .. } => {
                if let Some(subquery) = self.subqueries.get(index as usize) {
                    used.extend(self.free_columns(&subquery.plan));
                }
            }
            _ => {}
        });
    }
    /// Returns the columns that an expression needs of its row.
    pub fn expr_columns(&self, expr: &Expr) -> ColumnSet {
        let mut used = ColumnSet::new();
        self.add_expr_columns(expr, &mut used);
        used
    }
}
