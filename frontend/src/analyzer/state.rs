//! What the analyzer knows while it walks a statement: query levels with their namespaces, ids, parameters.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use executor::plan::{AggregateCall, SortKey, WindowCall};
use types::{Oid, PgError, Result, SqlState, TypeRef};

use super::AnalyzerContext;
use super::dml::view_columns::ViewColumnPlace;
use crate::query::{Cte, Query};

/// A byte offset in the statement.
pub(super) type Location = Option<usize>;

/// Turns the grammar's location (-1: none) into ours.
pub(super) fn at(location: i32) -> Location {
    usize::try_from(location).ok()
}

/// Returns an error with a position.
pub(super) fn error(sqlstate: SqlState, message: impl Into<String>, location: Location) -> PgError {
    PgError::new(sqlstate, message).at(location)
}

/// Returns `0A000` with a position.
pub(super) fn unsupported(feature: impl std::fmt::Display, location: Location) -> PgError {
    PgError::not_supported(feature).at(location)
}

/// The part of a statement that an expression stands in; decides which calls are allowed and how errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    /// Nothing in particular.
    Other,
    /// The target list.
    Select,
    /// WHERE.
    Where,
    /// JOIN ... ON.
    JoinOn,
    /// FROM function arguments.
    FromFunction,
    /// GROUP BY.
    GroupBy,
    /// HAVING.
    Having,
    /// ORDER BY.
    OrderBy,
    /// DISTINCT ON.
    DistinctOn,
    /// LIMIT.
    Limit,
    /// OFFSET.
    Offset,
    /// VALUES.
    Values,
    /// The one row of an INSERT's VALUES.
    ValuesSingle,
    /// UPDATE's SET.
    Update,
    /// RETURNING.
    Returning,
    /// Condition of a WHEN clause of MERGE.
    MergeWhen,
    /// WHERE of COPY FROM.
    CopyWhere,
    /// An index expression.
    Index,
    /// A generated column.
    Generated,
    /// FILTER of an aggregate.
    Filter,
    /// PARTITION BY of a window.
    WindowPartition,
    /// ORDER BY of a window.
    WindowOrder,
    /// Frame offset of a window.
    WindowFrame,
    /// DEFAULT of a column.
    Default,
    /// CHECK constraint.
    Check,
    /// WHERE of an index.
    IndexPredicate,
    /// An expression of CREATE STATISTICS.
    Statistics,
    /// USING of ALTER COLUMN TYPE.
    AlterUsing,
}

impl Clause {
    /// Returns what follows "are not allowed in", or `None` where aggregates are allowed.
    pub(super) fn aggregate_refusal(self) -> Option<&'static str> {
        match self {
            Self::Select | Self::Having | Self::OrderBy | Self::DistinctOn | Self::Other => None,
            Self::WindowPartition | Self::WindowOrder => None,
            Self::JoinOn => Some("JOIN conditions"),
            Self::FromFunction => Some("functions in FROM"),
            Self::WindowFrame => Some("window definitions"),
            Self::Default => Some("DEFAULT expressions"),
            Self::MergeWhen => Some("MERGE WHEN conditions"),
            Self::CopyWhere => Some("COPY FROM WHERE conditions"),
            Self::Index => Some("index expressions"),
            Self::Generated => Some("column generation expressions"),
            Self::Check => Some("check constraints"),
            Self::IndexPredicate => Some("index predicates"),
            Self::Statistics => Some("statistics expressions"),
            Self::AlterUsing => Some("transform expressions"),
            other => Some(other.name()),
        }
    }
    /// Returns what follows "are not allowed in", or `None` where window functions are allowed.
    pub(super) fn window_refusal(self) -> Option<&'static str> {
        match self {
            Self::Select | Self::OrderBy | Self::DistinctOn | Self::Other => None,
            Self::JoinOn => Some("JOIN conditions"),
            Self::FromFunction => Some("functions in FROM"),
            Self::WindowPartition | Self::WindowOrder | Self::WindowFrame => Some("window definitions"),
            Self::Default => Some("DEFAULT expressions"),
            Self::MergeWhen => Some("MERGE WHEN conditions"),
            Self::CopyWhere => Some("COPY FROM WHERE conditions"),
            Self::Index => Some("index expressions"),
            Self::Generated => Some("column generation expressions"),
            Self::Check => Some("check constraints"),
            Self::IndexPredicate => Some("index predicates"),
            Self::Statistics => Some("statistics expressions"),
            Self::AlterUsing => Some("transform expressions"),
            other => Some(other.name()),
        }
    }
    /// Returns what follows "are not allowed in", or `None` where set-returning functions are allowed.
    pub(super) fn set_refusal(self) -> Option<&'static str> {
        match self {
            Self::Select
            | Self::OrderBy
            | Self::DistinctOn
            | Self::GroupBy
            | Self::FromFunction
            | Self::ValuesSingle
            | Self::Other => None,
            Self::JoinOn => Some("JOIN conditions"),
            Self::WindowPartition | Self::WindowOrder | Self::WindowFrame => Some("window definitions"),
            Self::Default => Some("DEFAULT expressions"),
            Self::MergeWhen => Some("MERGE WHEN conditions"),
            Self::CopyWhere => Some("COPY FROM WHERE conditions"),
            Self::Index => Some("index expressions"),
            Self::Generated => Some("column generation expressions"),
            Self::Check => Some("check constraints"),
            Self::IndexPredicate => Some("index predicates"),
            Self::Statistics => Some("statistics expressions"),
            Self::AlterUsing => Some("transform expressions"),
            other => Some(other.name()),
        }
    }
    /// Returns the clause as SQL has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Other => "expression",
            Self::Select => "SELECT",
            Self::Where => "WHERE",
            Self::JoinOn => "JOIN/ON",
            Self::FromFunction => "function in FROM",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::OrderBy => "ORDER BY",
            Self::DistinctOn => "DISTINCT ON",
            Self::Limit => "LIMIT",
            Self::Offset => "OFFSET",
            Self::Values | Self::ValuesSingle => "VALUES",
            Self::Update => "UPDATE",
            Self::Returning => "RETURNING",
            Self::MergeWhen => "MERGE WHEN",
            Self::CopyWhere => "WHERE",
            Self::Index => "index expression",
            Self::Generated => "column generation expression",
            Self::Filter => "FILTER",
            Self::WindowPartition => "window PARTITION BY",
            Self::WindowOrder => "window ORDER BY",
            Self::WindowFrame => "window frame",
            Self::Default => "DEFAULT",
            Self::Check => "CHECK",
            Self::IndexPredicate => "INDEX",
            Self::Statistics => "statistics expression",
            Self::AlterUsing => "USING",
        }
    }
}

/// A column of a namespace item.
#[derive(Debug, Clone)]
pub(super) struct NamespaceColumn {
    /// Name.
    pub(super) name: EcoString,
    /// Its value: mostly a plain column; COALESCE for merged columns of a FULL JOIN.
    pub(super) expr: Expr,
    /// Table column behind it.
    pub(super) origin: Option<(Oid, i16)>,
}

/// Something that FROM makes visible.
#[derive(Debug, Clone)]
pub(super) struct NamespaceItem {
    /// Alias or relation name; none for a join without alias.
    pub(super) alias: Option<EcoString>,
    /// Schema of a relation without alias, for `schema.table.column`.
    pub(super) schema: Option<Oid>,
    /// The relation behind it, for whole-row values and functional dependency.
    pub(super) relation: Option<Oid>,
    /// Columns in order.
    pub(super) columns: Vec<NamespaceColumn>,
    /// Whether `alias.column` is possible.
    pub(super) table_visible: bool,
    /// Whether unqualified names see its columns.
    pub(super) columns_visible: bool,
    /// Visible only from LATERAL items while FROM is being analyzed.
    pub(super) lateral_only: bool,
    /// A function with a single scalar column: its whole row is that column.
    pub(super) scalar_function: bool,
    /// Where the system columns come from.
    pub(super) system: Option<SystemIds>,
}

/// Columns that the system columns of a table are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemIds {
    /// The row id.
    pub(super) row_id: ColumnId,
    /// A column that is null when there is no row, where that can be.
    pub(super) xmax: Option<ColumnId>,
    /// Whether there may be no row (OLD and NEW of RETURNING), as a row id that is NULL or not tells for OLD.
    pub(super) nullable: bool,
}

/// A WITH query while its scope is open.
#[derive(Debug, Clone)]
pub(super) struct CteScope {
    /// Name.
    pub(super) name: EcoString,
    /// Number.
    pub(super) id: u32,
    /// Its columns; `None` while it cannot be referred to (non-recursive term).
    pub(super) columns: Option<Vec<(EcoString, TypeRef)>>,
    /// References so far.
    pub(super) references: u32,
    /// A statement without RETURNING, which cannot be referred to.
    pub(super) silent: bool,
    /// Its recursive term is being analyzed.
    pub(super) recursing: bool,
}

/// A reference to a column, in the order they were met.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnMention {
    /// The column.
    pub(super) id: ColumnId,
    /// Where.
    pub(super) location: Location,
    /// Inside an aggregate of the column's own level.
    pub(super) aggregated: bool,
}

/// A window as written or named.
#[derive(Debug, Clone)]
pub(super) struct WindowScope {
    /// Name, for WINDOW clauses.
    pub(super) name: Option<EcoString>,
    /// PARTITION BY.
    pub(super) partition_by: Vec<Expr>,
    /// ORDER BY.
    pub(super) order_by: Vec<SortKey>,
    /// Whether a frame was written with it.
    pub(super) framed: bool,
    /// The frame.
    pub(super) frame: executor::plan::WindowFrame,
}

/// One query level.
#[derive(Debug)]
pub(super) struct Level {
    /// What FROM made visible so far.
    pub(super) items: Vec<NamespaceItem>,
    /// All range-table entries ever added, for hints: (alias, column names).
    pub(super) range_table: Vec<(EcoString, Vec<EcoString>)>,
    /// Inside a LATERAL item.
    pub(super) lateral_active: bool,
    /// Items in front that not even LATERAL sees: the changed table.
    pub(super) changed_items: usize,
    /// WITH queries in scope.
    pub(super) ctes: Vec<CteScope>,
    /// Names of WITH RECURSIVE queries that come later.
    pub(super) later_ctes: Vec<EcoString>,
    /// The finished WITH queries.
    pub(super) cte_queries: Vec<Cte>,
    /// Where we are.
    pub(super) clause: Clause,
    /// Aggregates of this level.
    pub(super) aggregates: Vec<(ColumnId, AggregateCall, Location)>,
    /// GROUPING calls: id, arguments, location.
    pub(super) grouping_calls: Vec<(ColumnId, Vec<Expr>, Location)>,
    /// Window calls: id, call, position in `windows`.
    pub(super) window_calls: Vec<(ColumnId, WindowCall, usize)>,
    /// Windows, named ones first.
    pub(super) windows: Vec<WindowScope>,
    /// The WINDOW clause, for calls that come before it is analyzed.
    pub(super) window_clause: Vec<pg_query::protobuf::WindowDef>,
    /// Subqueries of expressions.
    pub(super) subqueries: Vec<Query>,
    /// Column references.
    pub(super) mentions: Vec<ColumnMention>,
    /// Open aggregates of any level, for nesting errors.
    pub(super) aggregate_depth: u32,
    /// Open window calls.
    pub(super) window_depth: u32,
    /// ON CONFLICT of the statement.
    pub(super) conflict: Option<executor::plan::Conflict>,
    /// WHEN clauses of MERGE.
    pub(super) arms: Vec<executor::plan::MergeArm>,
    /// What `merge_action()` means.
    pub(super) merge_action: Option<ColumnId>,
    /// Whether FROM refers to the recursion whose term this is.
    pub(super) recurs: bool,
    /// Calls of set-returning functions so far, and where the last one is (`p_last_srf`).
    pub(super) set_calls: (u32, Location),
}

impl Level {
    pub(super) fn new() -> Self {
        Self {
            items: Vec::new(),
            range_table: Vec::new(),
            lateral_active: false,
            changed_items: 0,
            ctes: Vec::new(),
            later_ctes: Vec::new(),
            cte_queries: Vec::new(),
            clause: Clause::Other,
            aggregates: Vec::new(),
            grouping_calls: Vec::new(),
            window_calls: Vec::new(),
            windows: Vec::new(),
            window_clause: Vec::new(),
            subqueries: Vec::new(),
            mentions: Vec::new(),
            aggregate_depth: 0,
            window_depth: 0,
            conflict: None,
            arms: Vec::new(),
            merge_action: None,
            recurs: false,
            set_calls: (0, None),
        }
    }
}

/// Where a column comes from.
#[derive(Debug, Clone)]
pub(super) struct ColumnSource {
    /// Index of the level in the stack.
    pub(super) level: usize,
    /// `alias.name`, for messages.
    pub(super) qualified: EcoString,
    /// Relation and attribute number.
    pub(super) origin: Option<(Oid, i16)>,
    /// Which range-table entry, to tell two uses of a table apart.
    pub(super) entry: u32,
    /// From FROM (not an aggregate or window result).
    pub(super) from: bool,
}

/// The analyzer of one statement.
pub(super) struct Analyzer<'a> {
    pub(super) context: &'a AnalyzerContext<'a>,
    next_id: u32,
    next_cte: u32,
    next_entry: u32,
    /// Types of parameters, where known.
    pub(super) params: Vec<Option<Oid>>,
    /// Query levels, innermost last.
    pub(super) levels: Vec<Level>,
    /// Where columns come from.
    pub(super) sources: HashMap<ColumnId, ColumnSource>,
    /// Uses of parameters that needed their type and did not tell it.
    pub(super) open_params: Vec<(u32, Location)>,
    /// Names and types of the fields of columns that hold records.
    pub(super) records: HashMap<ColumnId, Vec<(EcoString, TypeRef)>>,
    /// Positions of unknown-type literals that became output columns.
    pub(super) unknown_outputs: HashMap<ColumnId, Location>,
    /// Positions of computed output columns.
    pub(super) output_locations: HashMap<ColumnId, Location>,
    /// Positions of columns that are output as they are.
    pub(super) column_locations: HashMap<ColumnId, Location>,
    /// Views that are being expanded, against endless recursion.
    pub(super) view_depth: u32,
    /// Columns of changed views that hold subqueries.
    pub(super) view_columns: Vec<ViewColumnPlace>,
    /// How often they were used, in the views below, too.
    pub(super) view_uses: Rc<Cell<u32>>,
    /// Whether the tree is to be shown as it was written.
    pub(super) shown: bool,
    /// What names mean.
    pub(super) notes: super::Notes,
}

impl<'a> Analyzer<'a> {
    pub(super) fn new(context: &'a AnalyzerContext<'a>) -> Self {
        Self {
            context,
            next_id: 1,
            next_cte: 1,
            next_entry: 1,
            params: context.param_types.to_vec(),
            levels: Vec::new(),
            sources: HashMap::new(),
            open_params: Vec::new(),
            records: HashMap::new(),
            unknown_outputs: HashMap::new(),
            output_locations: HashMap::new(),
            column_locations: HashMap::new(),
            view_depth: 0,
            view_columns: Vec::new(),
            view_uses: Rc::default(),
            shown: false,
            notes: super::Notes::default(),
        }
    }
    /// Begins numbers of columns, WITH queries and range-table entries at `first`, so that they are none of another
    /// analyzer's.
    pub(super) fn number_from(&mut self, first: u32) {
        (self.next_id, self.next_cte, self.next_entry) = (first, first, first);
    }
    /// Returns where an output column was written.
    pub(super) fn written_at(&self, id: ColumnId) -> Location {
        self.column_locations.get(&id).or_else(|| self.output_locations.get(&id)).copied().flatten()
    }
    /// Returns a column id that is new in the statement.
    pub(super) fn new_id(&mut self) -> ColumnId {
        let id = ColumnId(self.next_id);
        self.next_id += 1;
        id
    }
    /// Returns a new CTE number.
    pub(super) fn new_cte(&mut self) -> u32 {
        self.next_cte += 1;
        self.next_cte - 1
    }
    /// Returns a new range-table entry number.
    pub(super) fn new_entry(&mut self) -> u32 {
        self.next_entry += 1;
        self.next_entry - 1
    }
    /// Returns the innermost level.
    pub(super) fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::new());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }
    /// Returns the position of the innermost level.
    pub(super) fn depth(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }
    /// Runs `body` with the innermost level in `clause`.
    pub(super) fn within<T>(
        &mut self,
        clause: Clause,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let before = std::mem::replace(&mut self.level().clause, clause);
        let result = body(self);
        self.level().clause = before;
        result
    }
    /// Sets what a parameter's type is, or checks that it is that.
    pub(super) fn set_param_type(&mut self, number: u32, ty: Oid, location: Location) -> Result<()> {
        let index = number.saturating_sub(1) as usize;
        if index >= self.params.len() {
            self.params.resize(index + 1, None);
        }
        match self.params[index] {
            None => self.params[index] = Some(ty),
            Some(known) if known == ty || known == types::oids::UNKNOWN => self.params[index] = Some(ty),
            Some(known) => {
                let message = format!("inconsistent types deduced for parameter ${number}");
                let name = crate::catalog::type_names::type_name;
                return Err(error(SqlState::AMBIGUOUS_PARAMETER, message, location).with_detail(format!(
                    "{} versus {}",
                    name(known),
                    name(ty)
                )));
            }
        }
        Ok(())
    }
}
