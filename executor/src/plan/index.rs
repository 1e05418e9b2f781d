//! Nodes that read a table through one of its indexes.

use ecow::EcoString;
use serde::{Deserialize, Serialize};

use super::{JoinKind, PlanNode, Scan};
use crate::expr::Expr;

/// Scan of a stored table through an index. The ranges of keys are computed when the scan starts, so their values may
/// be parameters, values of an outer row and stable functions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndexScan {
    /// The table, its columns and the output. Its `filters` are the conjuncts that the keys do not decide.
    pub scan: Scan,
    /// The storage's index (`pg_class.oid`).
    pub index: u64,
    /// For EXPLAIN.
    pub index_name: EcoString,
    /// Conditions on the first columns of the index, in order; [`IndexKey::Range`] comes last. None: all rows.
    pub keys: Vec<IndexKey>,
    /// What `keys` decide, as predicates over `scan.columns`: for EXPLAIN, and for a row that is looked at by itself.
    pub conditions: Vec<Expr>,
    /// Whether `keys` are one value for each column of a unique index: at most one row.
    pub one_row: bool,
    /// The order in which rows are wanted; `None`: in any (then they come in the table's).
    pub direction: Option<IndexDirection>,
    /// Whether the index has all columns that are read (for EXPLAIN; rows are read from the table all the same).
    pub only: bool,
}

/// The order of an ordered index scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexDirection {
    /// The index's.
    Forward,
    /// The reverse.
    Backward,
}

/// A condition on a column of an index. Values are expressions without columns, of the column's type or, for integers,
/// of another width.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum IndexKey {
    /// Equal to a value; NULL: no row.
    Equals(Expr),
    /// Equal to an element of an array; NULL elements count for nothing.
    Any(Expr),
    /// IS NULL.
    IsNull,
    /// Not NULL, above every lower and below every upper end; an end of NULL: no row.
    Range {
        /// Lower ends.
        low: Vec<IndexBound>,
        /// Upper ends.
        high: Vec<IndexBound>,
    },
}

/// An end of a range.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndexBound {
    /// The value.
    pub value: Expr,
    /// Whether it is in the range itself.
    pub inclusive: bool,
}

/// Nested-loop join whose inner side is looked up in an index, many outer rows at a time. Candidate columns are outer
/// columns followed by inner columns (and the mark).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndexJoin {
    /// Kind, one of those that keep or drop outer (probe) rows; outer is the probe side.
    pub kind: JoinKind,
    /// Streamed.
    pub outer: Box<PlanNode>,
    /// An index scan whose keys use [`crate::expr::ExprKind::Outer`] slots of `bindings`; its filters do not.
    pub inner: Box<PlanNode>,
    /// Values for the slots, from the outer row.
    pub bindings: Vec<(u32, Expr)>,
    /// Further condition over outer ++ inner columns.
    pub condition: Option<Expr>,
    /// Output: positions in outer ++ inner (++ mark).
    pub projection: Vec<usize>,
}

impl IndexKey {
    /// Calls `visit` on each of its expressions.
    pub fn for_each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Equals(value) | Self::Any(value) => visit(value),
            Self::IsNull => {}
            Self::Range { low, high } => low.iter().chain(high).for_each(|bound| visit(&bound.value)),
        }
    }
}
