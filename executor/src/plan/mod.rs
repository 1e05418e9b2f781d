//! Physical plans: what lowering makes of an optimized query and the executor runs. Serializable.

mod index;
mod modify;
mod node;
mod walk;

use serde::{Deserialize, Serialize};
use types::TypeRef;

pub use index::*;
pub use modify::*;
pub use node::*;

/// A plan for one statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The root; its output is the result.
    pub root: PlanNode,
    /// Plans that [`NodeKind::SharedScan`] reads (CTEs and common subplans): each runs once, before its readers.
    pub shared: Vec<PlanNode>,
    /// Those of `shared` that change tables: they run to completion though nobody reads them.
    pub changing: Vec<u32>,
    /// Plans that [`crate::expr::ExprKind::Subquery`] runs. Without outer values: once, on first use.
    pub subplans: Vec<PlanNode>,
}

/// A node of a plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanNode {
    /// Number of the node, unique in the plan; EXPLAIN ANALYZE counts rows by it.
    pub id: u32,
    /// What it does.
    pub kind: NodeKind,
    /// Types of the output columns.
    pub output: Vec<TypeRef>,
    /// Estimated output rows.
    pub rows: f64,
}
