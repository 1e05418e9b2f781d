//! The logical algebra: relational operators over [`ColumnId`]s.
//!
//! Operators that compute (`Map`, `Window`, `ProjectSet`) *extend* their input: every column of the input stays
//! visible above them, and lowering computes only what is needed. So a predicate moves up and down the tree
//! without renaming. A join whose right side uses columns that its left side produces is *dependent* (LATERAL);
//! columns that nobody below produces come from an enclosing query.

mod modify;
mod visit;

use std::collections::BTreeSet;
use std::sync::Arc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use executor::plan::{AggregateCall, SetOperation, SortKey, WindowCall};
use types::TypeRef;

use crate::catalog::Relation;
use crate::query::{FromFunction, RowMark};

pub use modify::LogicalModify;
pub use visit::{for_each_call_expr, for_each_call_expr_mut};

/// A set of columns.
pub type ColumnSet = BTreeSet<ColumnId>;

/// A logical operator with its inputs.
#[derive(Debug, Clone)]
pub enum Logical {
    /// Reads a stored or system relation.
    Get(Box<Get>),
    /// Constant rows.
    Values {
        /// Names of the columns.
        columns: Vec<ColumnId>,
        /// Rows; expressions without columns of this level.
        rows: Vec<Vec<Expr>>,
    },
    /// Functions in FROM.
    Functions {
        /// The calls.
        functions: Vec<FromFunction>,
        /// WITH ORDINALITY.
        ordinality: Option<ColumnId>,
    },
    /// Reads a shared plan.
    SharedScan {
        /// Which.
        shared: u32,
        /// For EXPLAIN.
        name: EcoString,
        /// (id here, position in the shared plan's output).
        columns: Vec<(ColumnId, usize)>,
    },
    /// Reads the working table of a recursion.
    WorkingScan {
        /// Which.
        working: u32,
        /// All its columns.
        columns: Vec<ColumnId>,
    },
    /// Keeps rows for which all conjuncts are true.
    Filter {
        /// Input.
        input: Box<Logical>,
        /// The predicate.
        conjuncts: Vec<Expr>,
    },
    /// Adds computed columns.
    Map {
        /// Input.
        input: Box<Logical>,
        /// The columns; none uses another.
        exprs: Vec<(ColumnId, Expr)>,
    },
    /// Adds columns of set-returning calls, repeating the input row.
    ProjectSet {
        /// Input.
        input: Box<Logical>,
        /// The calls ([`executor::expr::ExprKind::SetCall`] at the top).
        calls: Vec<(ColumnId, Expr)>,
    },
    /// A join of any kind.
    Join(Box<LogicalJoin>),
    /// Grouping.
    Aggregate(Box<LogicalAggregate>),
    /// Adds the results of window calls.
    Window {
        /// Input.
        input: Box<Logical>,
        /// PARTITION BY.
        partition_by: Vec<Expr>,
        /// ORDER BY.
        order_by: Vec<SortKey>,
        /// The calls.
        calls: Vec<(ColumnId, WindowCall)>,
    },
    /// Orders the rows.
    Sort {
        /// Input.
        input: Box<Logical>,
        /// Keys, most significant first.
        keys: Vec<SortKey>,
    },
    /// LIMIT and OFFSET.
    Limit {
        /// Input.
        input: Box<Logical>,
        /// Rows to return.
        limit: Option<Expr>,
        /// Rows to skip.
        offset: Option<Expr>,
        /// WITH TIES and the keys that decide.
        ties: Option<Vec<SortKey>>,
    },
    /// The first row of each run of equal keys.
    DistinctOn {
        /// Sorted input.
        input: Box<Logical>,
        /// The keys.
        keys: Vec<Expr>,
    },
    /// UNION ALL: each input with the expressions that give the columns.
    Append {
        /// Inputs.
        inputs: Vec<(Logical, Vec<Expr>)>,
        /// Result columns.
        columns: Vec<ColumnId>,
    },
    /// INTERSECT and EXCEPT.
    SetOperation(Box<LogicalSetOperation>),
    /// WITH RECURSIVE.
    RecursiveUnion(Box<LogicalRecursion>),
    /// INSERT, UPDATE, DELETE, MERGE.
    Modify(Box<LogicalModify>),
    /// FOR UPDATE and its relatives.
    LockRows {
        /// Input.
        input: Box<Logical>,
        /// Row ids of the locked tables, and how they are locked.
        locks: Vec<(Expr, RowMark)>,
        /// Row ids of the other tables.
        kept: Vec<Expr>,
        /// What is used of rows that have no ids.
        copies: Vec<Expr>,
        /// The same of those that depend on other rows.
        lateral: Vec<Expr>,
    },
}

/// Reads a relation.
#[derive(Debug, Clone)]
pub struct Get {
    /// The relation.
    pub relation: Arc<Relation>,
    /// Alias.
    pub alias: EcoString,
    /// Ids of all its columns in order.
    pub columns: Vec<ColumnId>,
    /// Id of the row id.
    pub row_id: Option<ColumnId>,
    /// Predicates that the scan applies.
    pub filters: Vec<Expr>,
}

/// Kinds of logical joins, seen from the left side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicalJoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and left rows without partner.
    Left,
    /// Pairs, and rows of either side without partner.
    Full,
    /// Left rows with a partner.
    Semi,
    /// Left rows without partner (no pair for which the condition is true).
    Anti,
    /// Left rows for which `NOT IN` is true: the only conjunct is the comparison, and it is neither true nor
    /// unknown for any pair.
    AntiNullAware,
    /// Every left row and whether it has a partner.
    Mark(ColumnId),
    /// As `Mark`, NULL where `IN` is unknown; the only conjunct is the comparison.
    MarkNullAware(ColumnId),
    /// Left rows with the one partner or NULLs; an error when there are two.
    Single,
}

/// A join.
#[derive(Debug, Clone)]
pub struct LogicalJoin {
    /// Kind.
    pub kind: LogicalJoinKind,
    /// Left side.
    pub left: Logical,
    /// Right side.
    pub right: Logical,
    /// The condition.
    pub conjuncts: Vec<Expr>,
}

/// Grouping and aggregation.
#[derive(Debug, Clone)]
pub struct LogicalAggregate {
    /// Input.
    pub input: Logical,
    /// Keys.
    pub keys: Vec<(ColumnId, Expr)>,
    /// Grouping sets (more than one), as positions in `keys`.
    pub sets: Option<Vec<Vec<usize>>>,
    /// The calls.
    pub calls: Vec<(ColumnId, AggregateCall)>,
    /// Id of the number of the grouping set, with `sets`.
    pub set_number: Option<ColumnId>,
}

/// INTERSECT or EXCEPT.
#[derive(Debug, Clone)]
pub struct LogicalSetOperation {
    /// Which.
    pub operation: SetOperation,
    /// ALL.
    pub all: bool,
    /// Left input.
    pub left: Logical,
    /// Its columns.
    pub left_exprs: Vec<Expr>,
    /// Right input.
    pub right: Logical,
    /// Its columns.
    pub right_exprs: Vec<Expr>,
    /// Result columns.
    pub columns: Vec<ColumnId>,
}

/// WITH RECURSIVE.
#[derive(Debug, Clone)]
pub struct LogicalRecursion {
    /// First rows.
    pub initial: Logical,
    /// Their columns.
    pub initial_exprs: Vec<Expr>,
    /// The step.
    pub step: Logical,
    /// Its columns.
    pub step_exprs: Vec<Expr>,
    /// UNION ALL.
    pub all: bool,
    /// Number of the working table.
    pub working: u32,
    /// Result columns.
    pub columns: Vec<ColumnId>,
}

impl LogicalJoinKind {
    /// Returns whether the columns of the right side are visible above the join.
    pub fn shows_right(self) -> bool {
        match self {
            Self::Inner | Self::Left | Self::Full | Self::Single => true,
            Self::Semi | Self::Anti | Self::AntiNullAware | Self::Mark(_) | Self::MarkNullAware(_) => false,
        }
    }
    /// Returns the id of the mark column.
    pub fn mark(self) -> Option<ColumnId> {
        match self {
            Self::Mark(id) | Self::MarkNullAware(id) => Some(id),
            Self::Inner
            | Self::Left
            | Self::Full
            | Self::Single
            | Self::Semi
            | Self::Anti
            | Self::AntiNullAware => None,
        }
    }
}

impl Logical {
    /// Returns one row without columns.
    pub fn unit() -> Self {
        Self::Values { columns: Vec::new(), rows: vec![Vec::new()] }
    }
    /// Returns a join.
    pub fn join(kind: LogicalJoinKind, left: Self, right: Self, conjuncts: Vec<Expr>) -> Self {
        Self::Join(Box::new(LogicalJoin { kind, left, right, conjuncts }))
    }
    /// Returns `self` under a filter, merged with a filter at the top; `self` when there are no conjuncts.
    #[must_use]
    pub fn filter(self, conjuncts: Vec<Expr>) -> Self {
        if conjuncts.is_empty() {
            return self;
        }
        match self {
            Self::Filter { input, conjuncts: mut all } => {
                all.extend(conjuncts);
                Self::Filter { input, conjuncts: all }
            }
            other => Self::Filter { input: Box::new(other), conjuncts },
        }
    }
    /// Returns `self` with computed columns; `self` when there are none.
    #[must_use]
    pub fn map(self, exprs: Vec<(ColumnId, Expr)>) -> Self {
        if exprs.is_empty() { self } else { Self::Map { input: Box::new(self), exprs } }
    }
    /// Calls `visit` on each input.
    pub fn for_each_input<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match self {
            Self::Get(_)
            | Self::Values { .. }
            | Self::Functions { .. }
            | Self::SharedScan { .. }
            | Self::WorkingScan { .. } => {}
            Self::Filter { input, .. }
            | Self::Map { input, .. }
            | Self::ProjectSet { input, .. }
            | Self::Window { input, .. }
            | Self::Sort { input, .. }
            | Self::Limit { input, .. }
            | Self::LockRows { input, .. }
            | Self::DistinctOn { input, .. } => visit(input),
            Self::Join(join) => {
                visit(&join.left);
                visit(&join.right);
            }
            Self::Aggregate(aggregate) => visit(&aggregate.input),
            Self::Append { inputs, .. } => inputs.iter().for_each(|(input, _)| visit(input)),
            Self::SetOperation(operation) => {
                visit(&operation.left);
                visit(&operation.right);
            }
            Self::RecursiveUnion(recursion) => {
                visit(&recursion.initial);
                visit(&recursion.step);
            }
            Self::Modify(modify) => {
                visit(&modify.input);
            }
        }
    }
    /// Replaces each input by what `change` makes of it.
    #[must_use]
    pub fn map_inputs(self, change: &mut dyn FnMut(Self) -> Self) -> Self {
        let mut this = self;
        this.for_each_input_mut(&mut |input| {
            let taken = std::mem::replace(input, Self::unit());
            *input = change(taken);
        });
        this
    }
    /// Calls `visit` on each input for change.
    pub fn for_each_input_mut(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        match self {
            Self::Get(_)
            | Self::Values { .. }
            | Self::Functions { .. }
            | Self::SharedScan { .. }
            | Self::WorkingScan { .. } => {}
            Self::Filter { input, .. }
            | Self::Map { input, .. }
            | Self::ProjectSet { input, .. }
            | Self::Window { input, .. }
            | Self::Sort { input, .. }
            | Self::Limit { input, .. }
            | Self::LockRows { input, .. }
            | Self::DistinctOn { input, .. } => visit(input),
            Self::Join(join) => {
                visit(&mut join.left);
                visit(&mut join.right);
            }
            Self::Aggregate(aggregate) => visit(&mut aggregate.input),
            Self::Append { inputs, .. } => inputs.iter_mut().for_each(|(input, _)| visit(input)),
            Self::SetOperation(operation) => {
                visit(&mut operation.left);
                visit(&mut operation.right);
            }
            Self::RecursiveUnion(recursion) => {
                visit(&mut recursion.initial);
                visit(&mut recursion.step);
            }
            Self::Modify(modify) => {
                visit(&mut modify.input);
            }
        }
    }
    /// Returns the columns that are visible above this operator.
    pub fn columns(&self) -> ColumnSet {
        let mut columns = ColumnSet::new();
        self.add_columns(&mut columns);
        columns
    }
    fn add_columns(&self, columns: &mut ColumnSet) {
        self.own_columns(&mut |id| {
            columns.insert(id);
        });
        match self {
            Self::Get(_)
            | Self::Values { .. }
            | Self::Functions { .. }
            | Self::SharedScan { .. }
            | Self::WorkingScan { .. }
            | Self::Aggregate(_)
            | Self::Append { .. }
            | Self::SetOperation(_)
            | Self::RecursiveUnion(_)
            | Self::Modify(_) => {}
            Self::Filter { input, .. }
            | Self::Map { input, .. }
            | Self::ProjectSet { input, .. }
            | Self::Window { input, .. }
            | Self::Sort { input, .. }
            | Self::Limit { input, .. }
            | Self::LockRows { input, .. }
            | Self::DistinctOn { input, .. } => input.add_columns(columns),
            Self::Join(join) => {
                join.left.add_columns(columns);
                if join.kind.shows_right() {
                    join.right.add_columns(columns);
                }
            }
        }
    }
    /// Calls `visit` on each column that this operator itself makes.
    pub fn own_columns(&self, visit: &mut dyn FnMut(ColumnId)) {
        match self {
            Self::Get(get) => get.columns.iter().copied().chain(get.row_id).for_each(visit),
            Self::Values { columns, .. }
            | Self::WorkingScan { columns, .. }
            | Self::Append { columns, .. } => columns.iter().copied().for_each(visit),
            Self::Functions { functions, ordinality } => functions
                .iter()
                .flat_map(|call| call.columns.iter().map(|(id, _)| *id))
                .chain(*ordinality)
                .for_each(visit),
            Self::SharedScan { columns, .. } => columns.iter().for_each(|(id, _)| visit(*id)),
            Self::Map { exprs, .. } | Self::ProjectSet { calls: exprs, .. } => {
                exprs.iter().for_each(|(id, _)| visit(*id));
            }
            Self::Join(join) => join.kind.mark().into_iter().for_each(visit),
            Self::Aggregate(aggregate) => {
                aggregate.keys.iter().for_each(|(id, _)| visit(*id));
                aggregate.calls.iter().for_each(|(id, _)| visit(*id));
                aggregate.set_number.into_iter().for_each(visit);
            }
            Self::Window { calls, .. } => calls.iter().for_each(|(id, _)| visit(*id)),
            Self::SetOperation(operation) => operation.columns.iter().copied().for_each(visit),
            Self::RecursiveUnion(recursion) => recursion.columns.iter().copied().for_each(visit),
            Self::Modify(modify) => modify.made.iter().chain(&modify.columns).copied().for_each(visit),
            Self::Filter { .. }
            | Self::Sort { .. }
            | Self::Limit { .. }
            | Self::DistinctOn { .. }
            | Self::LockRows { .. } => {}
        }
    }
    /// Adds every column that is made anywhere in this tree.
    pub fn add_produced(&self, columns: &mut ColumnSet) {
        self.own_columns(&mut |id| {
            columns.insert(id);
        });
        self.for_each_input(&mut |input| input.add_produced(columns));
    }
}

/// A shared plan (a CTE used more than once).
#[derive(Debug, Clone)]
pub struct Shared {
    /// The plan.
    pub plan: Logical,
    /// Its output.
    pub output: Vec<ColumnId>,
    /// Name of the CTE.
    pub name: EcoString,
    /// Whether it changes tables.
    pub changes: bool,
}

/// A subquery of an expression.
#[derive(Debug, Clone)]
pub struct Subquery {
    /// The plan.
    pub plan: Logical,
    /// Its output columns in order.
    pub output: Vec<(ColumnId, TypeRef)>,
}
