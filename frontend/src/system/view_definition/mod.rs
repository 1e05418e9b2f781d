//! The query of a view as SQL text, laid out as `ruleutils.c` lays it out (`get_query_def`): every clause on a line of its
//! own, columns qualified where there is more than one item in FROM, names made unique.
//!
//! The text that is kept is analyzed again, and the typed tree is printed. Each part is printed as if it began at the left
//! margin and moved to the right by whatever holds it. What the tree does not tell (grouping sets, locks, merged columns of
//! FULL joins, virtual columns) makes the whole give up: then the text is shown as it is kept.

mod from;
mod select;
mod text;

use std::cell::RefCell;
use std::collections::HashMap;

use ecow::EcoString;
use executor::context::SessionAccess;
use executor::expr::{ColumnId, Expr, ExprKind, SubqueryUse};
use types::Oid;

use crate::analyzer::AnalyzerContext;
use crate::catalog::Relation;
use crate::catalog::deparse::Deparse;
use crate::query::{Query, Statement};
use crate::session::access::Access;
use text::tidied;

/// How a definition is printed.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Without parentheses that are not needed.
    pub pretty: bool,
    /// Lines are broken after so many characters; `None`: never inside a list.
    pub wrap: Option<usize>,
}

/// Prints queries.
struct Printer<'a> {
    access: &'a Access,
    path: Vec<Oid>,
    style: Style,
    /// Name and column names of WITH queries by number.
    ctes: RefCell<HashMap<u32, (EcoString, Vec<EcoString>)>>,
}

/// What a column is at one level.
#[derive(Debug, Clone)]
enum Meaning {
    /// A column of an item of FROM.
    Column { item: String, name: EcoString },
    /// Something that was computed.
    Computed(Expr),
    /// The text of an aggregate or a window call.
    Text(String),
}

/// Names at one level of the query.
struct Scope<'a> {
    parent: Option<&'a Scope<'a>>,
    /// Names of the items of FROM.
    items: Vec<String>,
    columns: HashMap<ColumnId, Meaning>,
    /// Whether columns are printed with the name of their item.
    qualified: bool,
    /// Subqueries of the level's expressions.
    subqueries: &'a [Query],
}

/// What the names of a query's columns are.
#[derive(Clone, Copy)]
struct Names<'a> {
    /// Those of the view, if it is the view's own query.
    given: Option<&'a [EcoString]>,
    /// Whether anybody sees them.
    visible: bool,
}

impl Scope<'_> {
    fn is_taken(&self, name: &str) -> bool {
        self.items.iter().any(|item| item == name) || self.parent.is_some_and(|parent| parent.is_taken(name))
    }

    fn meaning(&self, id: ColumnId) -> Option<(&Meaning, bool)> {
        match self.columns.get(&id) {
            Some(meaning) => Some((meaning, self.qualified)),
            // A column of an outer level is qualified always.
            None => self.parent?.meaning(id).map(|(meaning, _)| (meaning, true)),
        }
    }

    /// Puts what was computed into the places of its columns.
    fn resolved(&self, expr: &Expr) -> Expr {
        let mut copy = expr.clone();
        self.resolve(&mut copy);
        copy
    }

    fn resolve(&self, expr: &mut Expr) {
        if let ExprKind::Column(id) = expr.kind
            && let Some((Meaning::Computed(value), _)) = self.meaning(id)
        {
            *expr = self.resolved(value);
            return;
        }
        expr.for_each_child_mut(&mut |child| self.resolve(child));
    }
}

/// Returns the definition of a view; `None` when it cannot be printed.
pub fn definition(access: &Access, view: &Relation, definition: &str, style: Style) -> Option<String> {
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &[],
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let parsed = crate::parser::parse(definition).ok()?;
    let analyzed = crate::analyzer::analyze_to_show(&parsed.statements.first()?.node, &context).ok()?;
    let Statement::Query(query) = analyzed.statement else { return None };
    let names: Vec<EcoString> = view.columns.iter().map(|column| column.name.clone()).collect();
    let printer = Printer { access, path: access.path(), style, ctes: RefCell::default() };
    let text = printer.query(&query, None, Names { given: Some(&names), visible: true })?;
    Some(format!("{};", tidied(&text)))
}

impl Printer<'_> {
    /// Prints an expression.
    fn expression(&self, expr: &Expr, scope: &Scope<'_>) -> Option<String> {
        let expr = scope.resolved(expr);
        let column = |id: ColumnId| match scope.meaning(id)? {
            (Meaning::Column { item, name }, qualified) => Some(text::column(item, name, qualified)),
            (Meaning::Text(text), _) => Some(text.clone()),
            (Meaning::Computed(_), _) => None,
        };
        let subquery = |index: u32, usage: &SubqueryUse, deparse: &Deparse<'_>| {
            self.subquery(index, usage, deparse, scope)
        };
        let deparse = Deparse {
            catalog: &self.access.catalog,
            path: &self.path,
            column: &column,
            stored: false,
            pretty: self.style.pretty,
            subquery: Some(&subquery),
        };
        deparse.expression(&expr)
    }

    /// Prints a subquery of an expression (`get_sublink_expr`).
    fn subquery(
        &self,
        index: u32,
        usage: &SubqueryUse,
        deparse: &Deparse<'_>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let query = scope.subqueries.get(usize::try_from(index).ok()?)?;
        let body = self.query(query, Some(scope), Names { given: None, visible: false })?;
        Some(match usage {
            SubqueryUse::Scalar => format!("({body})"),
            SubqueryUse::Array => format!("ARRAY({body})"),
            SubqueryUse::Exists => format!("(EXISTS ({body}))"),
            SubqueryUse::Any { comparison } => {
                let (left, operator) = compared(comparison, deparse)?;
                match operator.as_str() {
                    "=" => format!("({left} IN ({body}))"),
                    operator => format!("({left} {operator} ANY ({body}))"),
                }
            }
            SubqueryUse::All { comparison } => {
                let (left, operator) = compared(comparison, deparse)?;
                match operator.as_str() {
                    "<>" if self.style.pretty => format!("NOT ({left} IN ({body}))"),
                    "<>" => format!("(NOT ({left} IN ({body})))"),
                    operator => format!("({left} {operator} ALL ({body}))"),
                }
            }
            SubqueryUse::Row { .. } => return None,
        })
    }
}

/// Returns what is compared with a subquery, and how.
fn compared(comparison: &Expr, deparse: &Deparse<'_>) -> Option<(String, String)> {
    match &comparison.kind {
        ExprKind::Call { function, args, .. } => {
            Some((deparse.expression(args.first()?)?, function.name.to_string()))
        }
        ExprKind::And(pairs) | ExprKind::Or(pairs) => {
            let pairs: Option<Vec<(String, String)>> =
                pairs.iter().map(|pair| compared(pair, deparse)).collect();
            let pairs = pairs?;
            let operator = pairs.first()?.1.clone();
            let left: Vec<String> = pairs.into_iter().map(|(left, _)| left).collect();
            Some((format!("({})", left.join(", ")), operator))
        }
        _ => None,
    }
}
