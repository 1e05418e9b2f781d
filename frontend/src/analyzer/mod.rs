//! The analyzer: raw statements to typed query trees.
//!
//! It follows `parse_analyze`: names are resolved over nested query levels, types by the manual's chapter "Type
//! Conversion" over PostgreSQL's own catalog rows. Aggregates and window calls are lifted out of expressions as they
//! are met; what stands above grouping is rewritten to the ids of the group keys at the end of its level.

mod aggregates;
mod candidates;
mod coerce;
mod columns;
pub mod ddl;
mod dml;
mod expr;
mod from;
mod functions;
mod grouping;
pub mod into;
mod joins;
mod json;
mod literal;
mod locking;
mod operators;
mod polymorphic;
mod raw;
mod registry;
mod search_cycle;
mod select;
mod setops;
mod special;
mod state;
mod sublinks;
mod subscripts;
mod table_expression;
mod targets;
mod typename;
mod walk;
mod windows;
mod with;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use pg_query::NodeEnum;
use types::io::IoContext;
use types::oids;
use types::{Oid, PgError, Result, SqlState};

use crate::catalog::{Catalog, ObjectRef, Relation};
use crate::query::Statement;
use state::Analyzer;

pub use coerce::base_type;
pub use columns::origin_of;
pub use dml::copy::{COPY_WORKING, copy_plan};
pub use locking::{command_of, locking_command, locking_words};
pub use registry::name_parts;
pub use typename::from_text as type_from_text;

/// What names and literals of a statement depend on.
pub struct AnalyzerContext<'a> {
    /// The catalog as the transaction sees it.
    pub catalog: &'a Catalog,
    /// `search_path`, without the implicit `pg_catalog`.
    pub search_path: &'a [EcoString],
    /// Types of `$1`, `$2`, ... as the client gave them; `None` (and more of them) are inferred.
    pub param_types: &'a [Option<Oid>],
    /// Whether parameters beyond `param_types` are an error.
    pub fixed_params: bool,
    /// Settings of text input.
    pub io: &'a IoContext,
}

/// An analyzed statement.
#[derive(Debug)]
pub struct Analyzed {
    /// The statement.
    pub statement: Statement,
    /// Types of all parameters.
    pub param_types: Vec<Oid>,
    /// What its names mean.
    pub notes: Notes,
}

/// What the names of a statement mean, views in it not looked into: what a view that is made from it depends on.
#[derive(Debug, Default)]
pub struct Notes {
    /// Relations and columns.
    pub uses: std::collections::BTreeSet<ObjectRef>,
    /// Relations in FROM.
    pub ranges: Vec<RangeNote>,
    /// Each `*` in a target list: where it stands and the columns it stands for, as SQL.
    pub stars: Vec<(usize, Vec<String>)>,
}

/// A relation in FROM.
#[derive(Debug, Clone, Copy)]
pub struct RangeNote {
    /// Where its name begins.
    pub location: usize,
    /// The relation.
    pub relation: Oid,
    /// Whether it has an alias.
    pub has_alias: bool,
}

/// Returns the operator of that name for these types, if there is one.
pub fn operator(name: &str, left: Oid, right: Oid, context: &AnalyzerContext<'_>) -> Option<Oid> {
    let found = Analyzer::new(context).find_operator(&[name], Some(left), right, None);
    found.ok().map(|operator| operator.oid)
}

/// Analyzes SELECT, VALUES, INSERT, UPDATE or DELETE.
///
/// # Errors
/// PostgreSQL's, with byte offsets into the text that was parsed; `0A000` for what Surus has not yet.
pub fn analyze(statement: &NodeEnum, context: &AnalyzerContext<'_>) -> Result<Analyzed> {
    analyze_by(Analyzer::new(context), statement)
}

/// As [`analyze`], with everything that was written still in the tree.
///
/// # Errors
/// As [`analyze`].
pub fn analyze_to_show(statement: &NodeEnum, context: &AnalyzerContext<'_>) -> Result<Analyzed> {
    let mut analyzer = Analyzer::new(context);
    analyzer.shown = true;
    analyze_by(analyzer, statement)
}

fn analyze_by(mut analyzer: Analyzer<'_>, statement: &NodeEnum) -> Result<Analyzed> {
    let statement = match &*into::without_into(statement) {
        NodeEnum::SelectStmt(select) => Statement::Query(analyzer.nested_query(select, false)?),
        node => match analyzer.modify(node)? {
            Some(modify) => Statement::Modify(Box::new(modify)),
            None => return Err(PgError::not_supported("this statement")),
        },
    };
    for (number, location) in &analyzer.open_params {
        let known =
            usize::try_from(*number).ok().and_then(|number| analyzer.params.get(number - 1)?.as_ref());
        if known.is_some_and(|ty| *ty != oids::UNKNOWN) {
            let message = format!("could not determine data type of parameter ${number}");
            return Err(state::error(SqlState::INDETERMINATE_DATATYPE, message, *location));
        }
    }
    let mut param_types = Vec::with_capacity(analyzer.params.len());
    for (number, ty) in (1..).zip(&analyzer.params) {
        match ty {
            Some(ty) if *ty != oids::UNKNOWN => param_types.push(*ty),
            _ => {
                let message = format!("could not determine data type of parameter ${number}");
                return Err(PgError::new(SqlState::INDETERMINATE_DATATYPE, message));
            }
        }
    }
    Ok(Analyzed { statement, param_types, notes: analyzer.notes })
}

/// Analyzes a list of expressions without columns, given as SQL text.
fn expression_list(context: &AnalyzerContext<'_>, text: &str) -> Result<Vec<Expr>> {
    let parsed = crate::parser::parse(&format!("SELECT {text}"))?;
    let Some(NodeEnum::SelectStmt(select)) = parsed.statements.first().map(|statement| &statement.node)
    else {
        return Err(PgError::internal("an expression list that is not one"));
    };
    let mut analyzer = Analyzer::new(context);
    let targets = analyzer.on_new_level(|analyzer| analyzer.targets(&select.target_list))?;
    Ok(targets.into_iter().map(|target| target.expr).collect())
}

/// What an expression of a table definition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpressionUse {
    /// DEFAULT: no columns; the result is converted to the type by assignment.
    Default {
        /// Position of the column.
        column: usize,
    },
    /// CHECK: a condition over the table's columns.
    Check,
    /// WHERE of COPY FROM: a condition over the table's columns.
    CopyWhere,
    /// GENERATED ALWAYS AS: over the columns that are not generated; converted by assignment.
    Generated {
        /// Position of the column.
        column: usize,
    },
    /// A key of an index.
    Index,
    /// WHERE of a partial index.
    Predicate,
    /// An expression of CREATE STATISTICS.
    Statistics,
    /// USING of ALTER COLUMN ... TYPE: over the old columns; converted by assignment.
    Using {
        /// The type to be.
        ty: types::TypeRef,
    },
}

/// Analyzes the text of an expression of `relation`. Columns appear as `ids[i]`.
///
/// # Errors
/// PostgreSQL's; positions are offsets into `text`.
pub fn expression(
    text: &str,
    usage: ExpressionUse,
    relation: &Relation,
    ids: &[ColumnId],
    context: &AnalyzerContext<'_>,
) -> Result<Expr> {
    shown_expression(text, usage, relation, ids, context).map(|(_, value)| value)
}

/// As [`expression`], with the expression as it is shown in front.
///
/// # Errors
/// PostgreSQL's; positions are offsets into `text`.
pub fn shown_expression(
    text: &str,
    usage: ExpressionUse,
    relation: &Relation,
    ids: &[ColumnId],
    context: &AnalyzerContext<'_>,
) -> Result<(Expr, Expr)> {
    const PREFIX: &str = "SELECT ";
    let parsed = crate::parser::parse(&format!("{PREFIX}{text}"))?;
    let found = match parsed.statements.first().map(|statement| &statement.node) {
        Some(NodeEnum::SelectStmt(select)) => select.target_list.first(),
        _ => None,
    };
    let Some(NodeEnum::ResTarget(target)) = found.and_then(|target| target.node.as_ref()) else {
        return Err(PgError::internal("an expression that is not one"));
    };
    let node = raw::inner(&target.val).ok_or_else(|| PgError::internal("an empty expression"))?;
    let result = node_expression(node, usage, relation, ids, context);
    result.map_err(|mut error| {
        let fields = error.fields_mut();
        fields.location = fields.location.map(|location| location.saturating_sub(PREFIX.len()));
        error
    })
}

/// Returns what a table demands of its rows.
///
/// # Errors
/// When a kept expression cannot be analyzed.
pub fn target_of(relation: &Relation, context: &AnalyzerContext<'_>) -> Result<executor::plan::Target> {
    Analyzer::new(context).target(relation)
}

/// Returns for each column of a view whether it can be assigned to.
///
/// # Errors
/// Why the view as a whole cannot be changed.
pub fn updatable_columns(
    view: &std::sync::Arc<Relation>,
    context: &AnalyzerContext<'_>,
) -> Result<Vec<bool>> {
    dml::view::updatable_columns(&Analyzer::new(context), view)
}

/// Analyzes an expression of `relation` where it stands. Returns it as it is shown, without the conversion to the
/// column's type, and as it is computed.
///
/// # Errors
/// PostgreSQL's.
pub fn node_expression(
    node: &NodeEnum,
    usage: ExpressionUse,
    relation: &Relation,
    ids: &[ColumnId],
    context: &AnalyzerContext<'_>,
) -> Result<(Expr, Expr)> {
    Analyzer::new(context).table_expression(node, usage, relation, ids)
}
