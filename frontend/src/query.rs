//! The typed query tree: what the analyzer makes and the optimizer reads.
//!
//! Every column of every range-table entry, every group key, aggregate, window call and target has a
//! [`ColumnId`] that is unique in the statement. An expression refers to it by that id at any depth, so a
//! correlated subquery is one that uses ids which it does not produce.

mod modify;

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, FunctionRef, Volatility};
use executor::plan::{AggregateCall, LockStrength, LockWait, SetOperation, SortKey, WindowCall};
use types::{Oid, TypeRef};

use crate::catalog::Relation;
use crate::optimizer::expressions;

pub use modify::{Modify, Returning, WideRow};

/// A column of a result: of a query, a table reference or a join.
#[derive(Debug, Clone)]
pub struct OutputColumn {
    /// Statement-wide id.
    pub id: ColumnId,
    /// Name as the client sees it.
    pub name: EcoString,
    /// Type.
    pub ty: TypeRef,
    /// (pg_class.oid, attnum) when it is a plain table column, for RowDescription.
    pub origin: Option<(Oid, i16)>,
}

/// A query: WITH, a body, ORDER BY, LIMIT.
#[derive(Debug, Clone)]
pub struct Query {
    /// WITH queries, in an order in which each uses only earlier ones (and itself, when recursive).
    pub ctes: Vec<Cte>,
    /// What gives the rows.
    pub body: QueryBody,
    /// The result columns in order; their ids are produced by `body`.
    pub output: Vec<OutputColumn>,
    /// ORDER BY over ids that `body` produces.
    pub order_by: Vec<SortKey>,
    /// LIMIT: bigint; none or NULL: all.
    pub limit: Option<Expr>,
    /// FETCH FIRST ... WITH TIES.
    pub with_ties: bool,
    /// OFFSET: bigint.
    pub offset: Option<Expr>,
    /// Subqueries that expressions of this query level (not of nested queries) name by index
    /// ([`executor::expr::ExprKind::Subquery`]).
    pub subqueries: Vec<Query>,
    /// Whether FOR UPDATE or a relative was written.
    pub locking: bool,
    /// The tables in FROM (not in subqueries, which have their own) whose rows are locked.
    pub row_marks: Vec<RowMark>,
}

impl Query {
    /// Returns the SELECT of a subquery in FROM that could as well be written out in the query around it: its tables are
    /// locked, and looked at again, as those of that query (`is_simple_subquery`).
    pub fn as_simple(&self) -> Option<&Select> {
        let QueryBody::Select(select) = &self.body else { return None };
        let is_plain = |expr: &Expr| {
            !expressions::has_set_call(expr)
                && expressions::volatility(expr, &|_| Volatility::Stable) != Volatility::Volatile
        };
        let is_simple = self.ctes.is_empty()
            && self.order_by.is_empty()
            && self.limit.is_none()
            && self.offset.is_none()
            && !self.locking
            && !select.from.is_empty()
            && select.grouping.is_none()
            && select.having.is_none()
            && select.windows.is_empty()
            && matches!(select.distinct, Distinct::No)
            && select.targets.iter().all(|(_, expr)| is_plain(expr));
        is_simple.then_some(&**select)
    }
}

/// A table whose rows are locked.
#[derive(Debug, Clone)]
pub struct RowMark {
    /// Id of its row id column.
    pub row_id: ColumnId,
    /// The table in storage.
    pub table: u64,
    /// Its name.
    pub name: EcoString,
    /// How.
    pub strength: LockStrength,
    /// What to do about other sessions.
    pub wait: LockWait,
}

/// The part of a query that produces rows.
#[derive(Debug, Clone)]
pub enum QueryBody {
    /// SELECT.
    Select(Box<Select>),
    /// VALUES: rows of expressions; the query's output ids name the columns.
    Values {
        /// Ids of the columns.
        columns: Vec<(ColumnId, TypeRef)>,
        /// The rows, already of the common types.
        rows: Vec<Vec<Expr>>,
    },
    /// UNION, INTERSECT, EXCEPT.
    SetOperation(Box<SetOperationBody>),
    /// A statement in WITH that changes a table; its rows are those of RETURNING.
    Modify(Box<Modify>),
}

/// UNION (`operation` none), INTERSECT or EXCEPT of two queries.
#[derive(Debug, Clone)]
pub struct SetOperationBody {
    /// `None`: UNION.
    pub operation: Option<SetOperation>,
    /// ALL.
    pub all: bool,
    /// Left query.
    pub left: Query,
    /// Right query.
    pub right: Query,
    /// Ids and types of the result columns.
    pub columns: Vec<(ColumnId, TypeRef)>,
    /// Coercions of the left outputs to the result types, over the left query's output ids.
    pub left_exprs: Vec<Expr>,
    /// The same for the right side.
    pub right_exprs: Vec<Expr>,
}

/// SELECT. Evaluation order: from, filter, grouping, having, windows, targets, set-returning targets, distinct.
#[derive(Debug, Clone)]
pub struct Select {
    /// FROM items, comma separated: a cross product (LATERAL items may use earlier ids).
    pub from: Vec<FromItem>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY and aggregates; `None` when the query does not aggregate.
    pub grouping: Option<Grouping>,
    /// HAVING, over group-key and aggregate ids.
    pub having: Option<Expr>,
    /// Window calls by definition; each call's id can be used in targets.
    pub windows: Vec<WindowDefinition>,
    /// Computed columns: every output and sort column that is not a plain id gets one here. May hold
    /// [`executor::expr::ExprKind::SetCall`] anywhere inside (ProjectSet).
    pub targets: Vec<(ColumnId, Expr)>,
    /// DISTINCT.
    pub distinct: Distinct,
}

/// DISTINCT of a SELECT.
#[derive(Debug, Clone)]
pub enum Distinct {
    /// Not written.
    No,
    /// DISTINCT over the output columns.
    All,
    /// DISTINCT ON over target ids.
    On(Vec<Expr>),
}

/// GROUP BY.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// (id, type, expression over FROM ids) of each key. Above grouping only the id is used.
    pub keys: Vec<(ColumnId, Expr)>,
    /// Grouping sets as positions in `keys`; `None`: one set of all keys.
    pub sets: Option<Vec<Vec<usize>>>,
    /// Aggregates with the ids of their results; arguments over FROM ids.
    pub calls: Vec<(ColumnId, AggregateCall)>,
    /// GROUPING(...) calls: id of the result (int4) and positions in `keys`.
    pub grouping_calls: Vec<(ColumnId, Vec<usize>)>,
}

/// Window calls that share PARTITION BY and ORDER BY.
#[derive(Debug, Clone)]
pub struct WindowDefinition {
    /// PARTITION BY.
    pub partition_by: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<SortKey>,
    /// The calls and the ids of their results.
    pub calls: Vec<(ColumnId, WindowCall)>,
}

/// An item of FROM.
#[derive(Debug, Clone)]
pub enum FromItem {
    /// A stored table or system relation. `columns[i]` is the id of the relation's column i.
    Table {
        /// The relation.
        relation: Arc<Relation>,
        /// Alias or name, for EXPLAIN.
        alias: EcoString,
        /// Ids of all its columns, in order.
        columns: Vec<ColumnId>,
        /// Id of the row id column (int8), when the statement modifies this table.
        row_id: Option<ColumnId>,
    },
    /// A subquery; its ids are the inner query's output ids.
    Subquery {
        /// The query.
        query: Box<Query>,
        /// LATERAL.
        lateral: bool,
        /// The view that it is the query of.
        view: Option<Oid>,
        /// Names that the alias gives to its columns; empty: none.
        names: Vec<EcoString>,
        /// Alias.
        alias: EcoString,
    },
    /// A reference to a WITH query: fresh ids for the columns of this reference.
    Cte {
        /// Number of the CTE, unique in the statement.
        cte: u32,
        /// Alias or name.
        alias: EcoString,
        /// (id here, position in the CTE's output, type).
        columns: Vec<(ColumnId, usize, TypeRef)>,
    },
    /// Functions in FROM (LATERAL by nature).
    Functions {
        /// The calls.
        functions: Vec<FromFunction>,
        /// Id of the WITH ORDINALITY column.
        ordinality: Option<ColumnId>,
        /// Names of all columns.
        names: Vec<EcoString>,
        /// Alias.
        alias: EcoString,
    },
    /// A join.
    Join(Box<Join>),
}

/// A function in FROM.
#[derive(Debug, Clone)]
pub struct FromFunction {
    /// The function.
    pub function: FunctionRef,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// Arguments.
    pub args: Vec<Expr>,
    /// Its columns.
    pub columns: Vec<(ColumnId, TypeRef)>,
    /// Collation of the call.
    pub input_collation: Oid,
}

/// JOIN. USING and NATURAL arrive as a condition; merged columns of FULL joins are computed above as COALESCE.
#[derive(Debug, Clone)]
pub struct Join {
    /// Kind.
    pub kind: JoinType,
    /// Left item.
    pub left: FromItem,
    /// Right item; may use the left's ids when lateral.
    pub right: FromItem,
    /// ON; none for CROSS JOIN.
    pub condition: Option<Expr>,
    /// The columns of USING and NATURAL.
    pub using: Vec<EcoString>,
}

/// Kinds of SQL joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinType {
    /// INNER and CROSS
    Inner,
    /// LEFT
    Left,
    /// RIGHT
    Right,
    /// FULL
    Full,
}

/// A WITH query.
#[derive(Debug, Clone)]
pub struct Cte {
    /// Number, unique in the statement.
    pub id: u32,
    /// Name.
    pub name: EcoString,
    /// The query. For a recursive one: the non-recursive term, with `recursive` set.
    pub query: Query,
    /// WITH RECURSIVE that refers to itself.
    pub recursive: Option<Box<Recursion>>,
    /// AS [NOT] MATERIALIZED; `None`: inline when used once.
    pub materialized: Option<bool>,
    /// How often it is referred to.
    pub references: u32,
    /// Names of its columns.
    pub names: Vec<EcoString>,
}

/// The recursive term of a WITH RECURSIVE query.
#[derive(Debug, Clone)]
pub struct Recursion {
    /// Refers to the CTE's own number through [`FromItem::Cte`]: that reads the working table.
    pub step: Query,
    /// Coercions of the step's outputs to the CTE's column types, over the step's output ids.
    pub step_exprs: Vec<Expr>,
    /// UNION ALL.
    pub all: bool,
}

/// An analyzed statement that the planner takes.
#[derive(Debug, Clone)]
pub enum Statement {
    /// SELECT, VALUES, TABLE.
    Query(Query),
    /// INSERT, UPDATE, DELETE, MERGE.
    Modify(Box<Modify>),
}
