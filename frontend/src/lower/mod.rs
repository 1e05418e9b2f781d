//! Lowering: from logical operators over column ids to plan nodes over positions.
//!
//! [`Lowering::node`] lowers an operator for a set of needed columns and says which columns its plan node returns,
//! in order, so nothing is computed or carried that nobody uses. A column that is neither in the layout at hand
//! nor made below comes from outside: it becomes an outer slot, and the place where the subplan (or the dependent
//! join's right side) is run binds the slot. Slots are numbered by column, so a slot has one meaning in the
//! whole plan; a subplan inside a subplan passes the slot on.

mod access;
mod expr;
mod filters;
mod join;
mod min_max;
mod modify;
mod rows;

use std::collections::HashMap;

use executor::expr::{ColumnId, Expr};
use executor::plan::{NodeKind, Plan, PlanNode, SortKey};
use types::{Result, TypeRef};

use crate::optimizer::logical::{ColumnSet, Logical};
use crate::optimizer::{Planner, Root};

/// A lowered operator.
pub(crate) struct Lowered {
    /// The node.
    pub(crate) node: PlanNode,
    /// Its output columns in order.
    pub(crate) columns: Vec<ColumnId>,
    /// Whether its rows come in the order that was wanted.
    pub(crate) ordered: bool,
}

/// An order of rows that spares sorting them.
#[derive(Clone)]
pub(crate) struct WantedOrder {
    /// The keys.
    pub(crate) keys: Vec<SortKey>,
    /// The share of the rows that will be read, if only the first are.
    pub(crate) fraction: Option<f64>,
}

/// The state of lowering one statement.
pub(crate) struct Lowering<'a> {
    pub(crate) planner: Planner<'a>,
    next_node: u32,
    slots: HashMap<ColumnId, u32>,
    subplans: Vec<PlanNode>,
    lowered_subqueries: HashMap<u32, expr::LoweredSubquery>,
    shared: Vec<Option<Vec<ColumnId>>>,
    /// The order in which the rows of the operator that is lowered next are wanted.
    wanted: Option<WantedOrder>,
}

/// Lowers an optimized statement.
///
/// # Errors
/// `XX000` for a plan that does not hold together.
pub(crate) fn lower(planner: Planner<'_>, root: Root) -> Result<Plan> {
    let mut lowering = Lowering {
        planner,
        next_node: 0,
        slots: HashMap::new(),
        subplans: Vec::new(),
        lowered_subqueries: HashMap::new(),
        shared: Vec::new(),
        wanted: None,
    };
    let shared = lowering.shared_plans()?;
    let changing = (0..).zip(&lowering.planner.shared).filter(|(_, shared)| shared.changes);
    let changing = changing.map(|(index, _)| index).collect();
    let root = lowering.query(&root.plan, &root.output)?;
    let mut plan = Plan { root, shared, changing, subplans: std::mem::take(&mut lowering.subplans) };
    filters::place(&mut plan);
    Ok(plan)
}

impl Lowering<'_> {
    /// Returns a node with the next number.
    pub(crate) fn new_node(&mut self, kind: NodeKind, output: Vec<TypeRef>, rows: f64) -> PlanNode {
        let id = self.next_node;
        self.next_node += 1;
        PlanNode { id, kind, output, rows }
    }

    /// Returns the types of columns.
    pub(crate) fn types(&self, columns: &[ColumnId]) -> Result<Vec<TypeRef>> {
        columns.iter().map(|id| self.planner.type_of(*id)).collect()
    }

    /// Adds the columns that an expression needs.
    pub(crate) fn need(&self, needed: &mut ColumnSet, expr: &Expr) {
        self.planner.add_expr_columns(expr, needed);
    }

    fn shared_plans(&mut self) -> Result<Vec<PlanNode>> {
        let mut nodes = Vec::new();
        for shared in self.planner.shared.clone() {
            let output =
                shared.output.iter().map(|id| self.planner.column(*id)).collect::<Result<Vec<_>>>()?;
            nodes.push(self.query(&shared.plan, &output)?);
            self.shared.push(Some(shared.output));
        }
        Ok(nodes)
    }

    /// Lowers a plan so that it returns exactly `output`.
    pub(crate) fn query(&mut self, plan: &Logical, output: &[Expr]) -> Result<PlanNode> {
        let mut needed = ColumnSet::new();
        output.iter().for_each(|expr| self.need(&mut needed, expr));
        let lowered = self.node(plan, &needed)?;
        self.project(lowered, output)
    }

    /// Computes `output` over a lowered operator, unless its columns are just that.
    pub(crate) fn project(&mut self, input: Lowered, output: &[Expr]) -> Result<PlanNode> {
        let same = input.columns.len() == output.len()
            && input.columns.iter().zip(output).all(
                |(id, expr)| matches!(expr.kind, executor::expr::ExprKind::Column(column) if column == *id),
            );
        if same {
            return Ok(input.node);
        }
        let exprs = output.iter().map(|expr| self.expr(expr, &input.columns)).collect::<Result<Vec<_>>>()?;
        let types = output.iter().map(|expr| expr.ty).collect();
        let rows = input.node.rows;
        Ok(self.new_node(NodeKind::Project { input: Box::new(input.node), exprs }, types, rows))
    }
}
