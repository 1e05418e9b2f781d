//! The plan nodes. In every expression below, [`crate::expr::ColumnId`] is a position in the node's input batch.

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::{Oid, TypeRef};

use super::{IndexJoin, IndexScan, Modify, PlanNode};
use crate::expr::{Expr, FunctionRef};

/// The operators of a physical plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum NodeKind {
    /// Reads a stored table.
    Scan(Scan),
    /// Reads a stored table through an index.
    IndexScan(IndexScan),
    /// Reads a relation whose rows the session makes (system catalogs).
    VirtualScan {
        /// `pg_class.oid` of the relation.
        relation: Oid,
        /// For EXPLAIN.
        name: EcoString,
        /// Columns to return, as positions in the relation.
        columns: Vec<usize>,
    },
    /// Constant rows (VALUES; one row of no columns for a SELECT without FROM).
    Values {
        /// Rows of expressions without columns.
        rows: Vec<Vec<Expr>>,
    },
    /// Rows of set-returning (or plain) functions called once, side by side (`ROWS FROM`), padded with NULLs.
    FunctionScan {
        /// The calls; each gives the columns that its entry names.
        functions: Vec<TableFunction>,
        /// Whether a bigint row number is appended.
        ordinality: bool,
    },
    /// Keeps the rows for which `predicate` is true.
    Filter {
        /// Input.
        input: Box<PlanNode>,
        /// Boolean expression.
        predicate: Expr,
    },
    /// Computes expressions.
    Project {
        /// Input.
        input: Box<PlanNode>,
        /// One per output column.
        exprs: Vec<Expr>,
    },
    /// Computes expressions of which some are set-returning calls ([`crate::expr::ExprKind::SetCall`] at the top):
    /// as many rows per input row as the longest gives, the others padded with NULLs.
    ProjectSet {
        /// Input.
        input: Box<PlanNode>,
        /// One per output column.
        exprs: Vec<Expr>,
    },
    /// Hash join.
    HashJoin(HashJoin),
    /// Join by comparing every pair.
    NestedLoop(NestedLoop),
    /// Join by looking outer rows up in an index of the inner table.
    IndexJoin(IndexJoin),
    /// For each outer row: sets outer values and runs `inner` (LATERAL that could not be unnested).
    Apply {
        /// Drives.
        outer: Box<PlanNode>,
        /// Runs once per outer row.
        inner: Box<PlanNode>,
        /// Values for the inner plan's [`crate::expr::ExprKind::Outer`] slots, from the outer row.
        bindings: Vec<(u32, Expr)>,
        /// Inner or left.
        left: bool,
        /// Join condition over outer ++ inner columns.
        condition: Option<Expr>,
    },
    /// Grouping and aggregation. Output: group keys, then aggregates (then a grouping-set number when there are
    /// several sets).
    Aggregate(Aggregate),
    /// Window functions over rows of `input`; output: input columns, then one per call.
    Window(Window),
    /// Sorts.
    Sort {
        /// Input.
        input: Box<PlanNode>,
        /// Keys, most significant first.
        keys: Vec<SortKey>,
    },
    /// The first rows in sort order.
    TopN {
        /// Input.
        input: Box<PlanNode>,
        /// Keys, most significant first.
        keys: Vec<SortKey>,
        /// Rows to return.
        limit: Expr,
        /// Rows to skip.
        offset: Option<Expr>,
    },
    /// LIMIT / OFFSET; the expressions have no columns and are bigint (NULL: no limit).
    Limit {
        /// Input.
        input: Box<PlanNode>,
        /// Rows to return.
        limit: Option<Expr>,
        /// Rows to skip.
        offset: Option<Expr>,
        /// WITH TIES: the sort keys that decide a tie.
        ties: Option<Vec<SortKey>>,
    },
    /// DISTINCT ON: the first row of each run of equal keys in a sorted input.
    DistinctOn {
        /// Input, sorted by `keys` first.
        input: Box<PlanNode>,
        /// The keys.
        keys: Vec<Expr>,
    },
    /// Rows of several inputs one after another.
    Append {
        /// The inputs, with equal column types.
        inputs: Vec<PlanNode>,
    },
    /// INTERSECT / EXCEPT, with or without ALL (UNION is Append and Aggregate).
    SetOperation {
        /// Which.
        operation: SetOperation,
        /// Multiset semantics.
        all: bool,
        /// Left input.
        left: Box<PlanNode>,
        /// Right input.
        right: Box<PlanNode>,
    },
    /// Reads the result of `Plan::shared[index]`.
    SharedScan {
        /// Which.
        index: u32,
        /// For EXPLAIN.
        name: EcoString,
        /// Columns to return.
        columns: Vec<usize>,
    },
    /// WITH RECURSIVE: `initial`, then `step` over the rows of the previous round until there are none.
    RecursiveUnion {
        /// First rows.
        initial: Box<PlanNode>,
        /// Reads the previous round through [`NodeKind::WorkingScan`].
        step: Box<PlanNode>,
        /// UNION ALL; otherwise duplicates of any earlier row are dropped.
        all: bool,
        /// Number of the working table.
        working: u32,
    },
    /// Reads the previous round of the enclosing recursion.
    WorkingScan {
        /// Number of the working table.
        working: u32,
    },
    /// INSERT, UPDATE, DELETE, MERGE.
    Modify(Box<Modify>),
    /// SELECT ... FOR UPDATE and its relatives: locks the rows that each input row was made of.
    LockRows(LockRows),
}

/// Locking of rows. Output: the input's columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LockRows {
    /// Input.
    pub input: Box<PlanNode>,
    /// The tables whose rows are locked.
    pub locks: Vec<RowLock>,
    /// The other tables of the query: a row that somebody has replaced meanwhile meets the same rows of them again.
    pub kept: Vec<ScanMark>,
    /// Positions of what is used of rows that have no ids, as those of VALUES: they are to be the same again, too.
    pub copies: Vec<usize>,
    /// The same of rows that depend on others, as those of LATERAL functions: they are to be the same where they can be.
    pub lateral: Vec<usize>,
    /// Whether a row is locked only when the one before has been taken (below a LIMIT).
    pub one_by_one: bool,
    /// The working table that has the rows of the input already ([`crate::unlocked`]).
    pub held: Option<u32>,
}

/// Where in a row the row id is that a scan gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanMark {
    /// [`Scan::row_id`].
    pub scan: u32,
    /// Position of the row id in the row.
    pub position: usize,
}

/// A table whose rows are locked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowLock {
    /// Whose rows, and where their ids are.
    pub mark: ScanMark,
    /// The table.
    pub table: u64,
    /// Its name, for errors.
    pub name: EcoString,
    /// How.
    pub strength: LockStrength,
    /// What to do about other sessions.
    pub wait: LockWait,
}

/// Strengths of row locks, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LockStrength {
    /// FOR KEY SHARE
    KeyShare,
    /// FOR SHARE
    Share,
    /// FOR NO KEY UPDATE
    NoKeyUpdate,
    /// FOR UPDATE
    Update,
}

/// What to do about a row that another session has locked; of several the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LockWait {
    /// Wait.
    Block,
    /// SKIP LOCKED
    Skip,
    /// NOWAIT
    Error,
}

/// Scan of a stored table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scan {
    /// The table.
    pub table: u64,
    /// For EXPLAIN: name and alias.
    pub name: EcoString,
    /// Stored columns that filters or the output need, as positions in the table.
    pub columns: Vec<usize>,
    /// Conjuncts over `columns` (positions in it), cheapest and most selective first.
    pub filters: Vec<Expr>,
    /// Output: positions in `columns`, then the row id if asked for.
    pub projection: Vec<usize>,
    /// Whether an int8 row id (for changes, locks and `ctid`) follows the projected columns, and the number by which
    /// they name this scan.
    pub row_id: Option<u32>,
    /// Filters that joins above fill at run time: (number of the filter, position in `columns`).
    pub runtime_filters: Vec<(u32, usize)>,
}

/// A function in FROM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableFunction {
    /// The function.
    pub function: FunctionRef,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// Arguments.
    pub args: Vec<Expr>,
    /// Types of its columns (one for a scalar result).
    pub columns: Vec<TypeRef>,
    /// Collation of the call.
    pub input_collation: Oid,
}

/// Kinds of hash and nested-loop joins, seen from the probe (outer) side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and probe rows without partner padded with NULLs.
    ProbeOuter,
    /// Pairs, and build rows without partner padded with NULLs.
    BuildOuter,
    /// Both.
    FullOuter,
    /// Probe rows with a partner.
    ProbeSemi,
    /// Probe rows without partner.
    ProbeAnti,
    /// Build rows with a partner.
    BuildSemi,
    /// Build rows without partner.
    BuildAnti,
    /// Every probe row and a boolean, whether it has a partner; with `null_aware` NULL as `IN` has it.
    ProbeMark,
    /// Every probe row with its one partner or NULLs; `21000` when there are two.
    ProbeSingle,
}

/// Hash join. Candidate columns are probe columns followed by build columns (and the mark).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HashJoin {
    /// Kind.
    pub kind: JoinKind,
    /// Streamed.
    pub probe: Box<PlanNode>,
    /// Hashed.
    pub build: Box<PlanNode>,
    /// Pairs of equal keys, at least one; both sides of one type.
    pub keys: Vec<JoinKey>,
    /// Further condition over probe ++ build columns.
    pub residual: Option<Expr>,
    /// ProbeAnti and ProbeMark: NULL keys as in `NOT IN` / `IN` (a NULL on either side makes the answer unknown).
    pub null_aware: bool,
    /// Output: positions in the candidate columns.
    pub projection: Vec<usize>,
    /// Runtime filters that the finished build side publishes: (number of the filter, position in `keys`).
    pub runtime_filters: Vec<(u32, usize)>,
}

/// A pair of join keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinKey {
    /// Over the probe columns.
    pub probe: Expr,
    /// Over the build columns.
    pub build: Expr,
    /// IS NOT DISTINCT FROM instead of `=`.
    pub nulls_equal: bool,
}

/// Nested-loop join: `inner` is held in memory and compared with every outer row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NestedLoop {
    /// Kind; outer is the probe side, inner the build side.
    pub kind: JoinKind,
    /// Streamed.
    pub outer: Box<PlanNode>,
    /// Held.
    pub inner: Box<PlanNode>,
    /// Over outer ++ inner columns; none: every pair.
    pub condition: Option<Expr>,
    /// Output: positions in outer ++ inner (++ mark).
    pub projection: Vec<usize>,
}

/// Grouping and aggregation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Aggregate {
    /// Input.
    pub input: Box<PlanNode>,
    /// Group keys; none: one row always.
    pub keys: Vec<Expr>,
    /// Grouping sets as positions in `keys`; `None` for the plain case. Keys outside a set are NULL in its rows.
    pub sets: Option<Vec<Vec<usize>>>,
    /// The aggregates.
    pub calls: Vec<AggregateCall>,
}

/// Name of the call that takes a value from a group's first row: a grouping key that the other keys determine.
pub const DEPENDENT_KEY: &str = "dependent key";

/// One aggregate call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AggregateCall {
    /// The aggregate: `pg_proc.oid` and name; `prosrc` holds the name of its transition function.
    pub function: FunctionRef,
    /// Arguments after coercion; empty for `count(*)`.
    pub args: Vec<Expr>,
    /// Arguments of an ordered-set aggregate that stand before WITHIN GROUP.
    pub direct_args: Vec<Expr>,
    /// Whether equal argument rows count once.
    pub distinct: bool,
    /// ORDER BY inside the call (or WITHIN GROUP); keys over the input.
    pub order_by: Vec<SortKey>,
    /// FILTER (WHERE ...).
    pub filter: Option<Expr>,
    /// Type of the result.
    pub ty: TypeRef,
    /// Collation of the call.
    pub input_collation: Oid,
}

impl AggregateCall {
    /// Returns whether the call is one of an ordered-set or hypothetical-set aggregate (WITHIN GROUP).
    pub fn within_group(&self) -> bool {
        // `mode` has no direct argument; the others of its kind do.
        !self.direct_args.is_empty() || self.function.name == "mode" && !self.order_by.is_empty()
    }
}

/// One sort key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SortKey {
    /// The value.
    pub expr: Expr,
    /// Greatest first.
    pub descending: bool,
    /// Where NULLs go.
    pub nulls_first: bool,
}

/// Window functions of one window definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Window {
    /// Input, in any order (the operator partitions and sorts).
    pub input: Box<PlanNode>,
    /// PARTITION BY.
    pub partition_by: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<SortKey>,
    /// The calls.
    pub calls: Vec<WindowCall>,
}

/// One window function call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowCall {
    /// A window function or an aggregate (`aggregate` tells).
    pub function: FunctionRef,
    /// Whether it is an aggregate.
    pub aggregate: bool,
    /// Arguments.
    pub args: Vec<Expr>,
    /// FILTER.
    pub filter: Option<Expr>,
    /// The frame.
    pub frame: WindowFrame,
    /// Type of the result.
    pub ty: TypeRef,
    /// Collation of the call.
    pub input_collation: Oid,
}

/// A window frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowFrame {
    /// ROWS, RANGE or GROUPS.
    pub mode: FrameMode,
    /// First row.
    pub start: FrameBound,
    /// Last row.
    pub end: FrameBound,
    /// EXCLUDE clause.
    pub exclude: FrameExclude,
}

/// Units of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameMode {
    /// ROWS
    Rows,
    /// RANGE
    Range,
    /// GROUPS
    Groups,
}

/// One end of a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FrameBound {
    /// UNBOUNDED PRECEDING
    UnboundedPreceding,
    /// expr PRECEDING; for RANGE `in_range` is the `in_range` function of the order column.
    Preceding(Box<Expr>, Option<FunctionRef>),
    /// CURRENT ROW
    CurrentRow,
    /// expr FOLLOWING
    Following(Box<Expr>, Option<FunctionRef>),
    /// UNBOUNDED FOLLOWING
    UnboundedFollowing,
}

/// EXCLUDE clause of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameExclude {
    /// EXCLUDE NO OTHERS
    NoOthers,
    /// EXCLUDE CURRENT ROW
    CurrentRow,
    /// EXCLUDE GROUP
    Group,
    /// EXCLUDE TIES
    Ties,
}

/// INTERSECT or EXCEPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetOperation {
    /// INTERSECT
    Intersect,
    /// EXCEPT
    Except,
}
