//! WITH: plain and recursive queries (`parse_cte.c`).

use ecow::EcoString;
use executor::expr::Expr;
use pg_query::protobuf::{
    CommonTableExpr, CteMaterialize, JoinType, RangeVar, SelectStmt, SetOperation, WithClause,
};
use pg_query::{NodeEnum, NodeRef};
use types::{PgError, Result, SqlState, TypeRef};

use super::from::Placed;
use super::raw;
use super::state::{Analyzer, CteScope, at, error, unsupported};
use crate::catalog::type_names::format_type;
use crate::query::{Cte, FromItem, Query, QueryBody, Recursion};

/// Names and types of a WITH query's columns.
pub(super) type WithColumns = Vec<(EcoString, TypeRef)>;

impl Analyzer<'_> {
    /// Analyzes WITH; its queries become visible on this level.
    pub(super) fn with_clause(&mut self, with: &WithClause) -> Result<()> {
        let ctes: Vec<&CommonTableExpr> = with
            .ctes
            .iter()
            .filter_map(|node| match &node.node {
                Some(NodeEnum::CommonTableExpr(cte)) => Some(cte.as_ref()),
                _ => None,
            })
            .collect();
        for (position, cte) in ctes.iter().enumerate() {
            if ctes.iter().take(position).any(|earlier| earlier.ctename == cte.ctename) {
                let message = format!("WITH query name \"{}\" specified more than once", cte.ctename);
                return Err(error(SqlState::DUPLICATE_ALIAS, message, at(cte.location)));
            }
        }
        for (position, cte) in ctes.iter().enumerate() {
            self.level().later_ctes =
                ctes.iter().skip(position).map(|cte| cte.ctename.as_str().into()).collect();
            if with.recursive {
                let later = ctes.iter().skip(position + 1).find(|later| refers_to(cte, &later.ctename));
                if let Some(later) = later {
                    return Err(unsupported("a forward reference in WITH RECURSIVE", at(later.location)));
                }
            }
            self.with_query(cte, with.recursive && refers_to(cte, &cte.ctename))?;
        }
        self.level().later_ctes.clear();
        Ok(())
    }

    fn with_query(&mut self, cte: &CommonTableExpr, recursive: bool) -> Result<()> {
        let location = at(cte.location);
        let clauses = cte.search_clause.is_some() || cte.cycle_clause.is_some();
        if clauses && !recursive {
            return Err(error(SqlState::SYNTAX_ERROR, "WITH query is not recursive", location));
        }
        let id = self.new_cte();
        let name: EcoString = cte.ctename.as_str().into();
        let Some(NodeEnum::SelectStmt(select)) = raw::inner(&cte.ctequery) else {
            return self.with_change(cte, id, recursive);
        };
        let (query, recursion, columns) = if recursive {
            let (query, recursion, mut columns) = self.recursive_query(cte, select, id)?;
            match self.search_cycle(cte, &columns)? {
                Some(clauses) => {
                    let (query, recursion) = self.add_search_cycle(cte, id, &clauses, query, recursion)?;
                    columns.extend(clauses.columns());
                    (query, Some(Box::new(recursion)), columns)
                }
                None => (query, Some(Box::new(recursion)), columns),
            }
        } else {
            let query = self.nested_query(select, false)?;
            let columns = self.cte_columns(cte, &query)?;
            (query, None, columns)
        };
        let materialized = match CteMaterialize::try_from(cte.ctematerialized) {
            Ok(CteMaterialize::Always) => Some(true),
            Ok(CteMaterialize::Never) => Some(false),
            _ => None,
        };
        let level = self.level();
        let known = level.ctes.iter().position(|scope| scope.id == id);
        match known {
            Some(position) => level.ctes[position].columns = Some(columns),
            None => level.ctes.push(CteScope {
                name: name.clone(),
                id,
                columns: Some(columns),
                references: 0,
                silent: false,
                recursing: false,
            }),
        }
        level.cte_queries.push(Cte {
            id,
            name,
            query,
            recursive: recursion,
            materialized,
            references: 0,
            names: Vec::new(),
        });
        Ok(())
    }

    /// A statement in WITH that changes a table.
    fn with_change(&mut self, cte: &CommonTableExpr, id: u32, recursive: bool) -> Result<()> {
        let location = at(cte.location);
        let name: EcoString = cte.ctename.as_str().into();
        if recursive {
            let message = format!("recursive query \"{name}\" must not contain data-modifying statements");
            return Err(error(SqlState::INVALID_RECURSION, message, location));
        }
        if self.levels.len() > 1 {
            let message = "WITH clause containing a data-modifying statement must be at the top level";
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location));
        }
        let node = raw::inner(&cte.ctequery).ok_or_else(|| PgError::internal("WITH without a query"))?;
        let Some(query) = self.changing_query(node)? else {
            return Err(unsupported("this statement in WITH", location));
        };
        let silent = matches!(&query.body, QueryBody::Modify(modify) if modify.returning.is_none());
        let columns = if silent { Vec::new() } else { self.cte_columns(cte, &query)? };
        let level = self.level();
        level.ctes.push(CteScope {
            name: name.clone(),
            id,
            columns: Some(columns),
            references: 0,
            silent,
            recursing: false,
        });
        level.cte_queries.push(Cte {
            id,
            name,
            query,
            recursive: None,
            materialized: None,
            references: 0,
            names: Vec::new(),
        });
        Ok(())
    }

    fn cte_columns(&self, cte: &CommonTableExpr, query: &Query) -> Result<Vec<(EcoString, TypeRef)>> {
        let aliases = raw::strings(&cte.aliascolnames);
        if aliases.len() > query.output.len() {
            let message = format!(
                "WITH query \"{}\" has {} columns available but {} columns specified",
                cte.ctename,
                query.output.len(),
                aliases.len()
            );
            return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, at(cte.location)));
        }
        let columns = query.output.iter().enumerate().map(|(position, column)| {
            (aliases.get(position).map_or(column.name.clone(), |alias| (*alias).into()), column.ty)
        });
        Ok(columns.collect())
    }

    /// Analyzes `non-recursive UNION [ALL] recursive`.
    fn recursive_query(
        &mut self,
        cte: &CommonTableExpr,
        select: &SelectStmt,
        id: u32,
    ) -> Result<(Query, Recursion, WithColumns)> {
        let location = at(cte.location);
        let name = &cte.ctename;
        let (true, Some(left), Some(right)) =
            (select.op == SetOperation::SetopUnion as i32, &select.larg, &select.rarg)
        else {
            let message = format!(
                "recursive query \"{name}\" does not have the form non-recursive-term UNION [ALL] recursive-term"
            );
            return Err(error(SqlState::INVALID_RECURSION, message, location));
        };
        if !select.sort_clause.is_empty() || select.limit_count.is_some() || select.limit_offset.is_some() {
            let what = if !select.sort_clause.is_empty() {
                "ORDER BY"
            } else if select.limit_offset.is_some() {
                "OFFSET"
            } else {
                "LIMIT"
            };
            return Err(error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("{what} in a recursive query is not implemented"),
                location,
            ));
        }
        if select.with_clause.is_some() {
            return Err(unsupported("WITH inside a recursive query's UNION", location));
        }
        if cte.search_clause.is_some() || cte.cycle_clause.is_some() {
            super::search_cycle::check_sides(left, right)?;
        }
        let scope = CteScope {
            name: name.as_str().into(),
            id,
            columns: None,
            references: 0,
            silent: false,
            recursing: false,
        };
        self.level().ctes.push(scope);
        let first = self.nested_query(left, false)?;
        let columns = self.cte_columns(cte, &first)?;
        if let Some(scope) = self.level().ctes.iter_mut().find(|scope| scope.id == id) {
            scope.columns = Some(columns.clone());
            scope.recursing = true;
        }
        check_recursive_term(right, name)?;
        let mut step = self.nested_query(right, true)?;
        if let Some(scope) = self.level().ctes.iter_mut().find(|scope| scope.id == id) {
            scope.references = 0;
            scope.recursing = false;
        }
        if step.output.len() != first.output.len() {
            let message = "each UNION query must have the same number of columns";
            return Err(error(SqlState::SYNTAX_ERROR, message, location));
        }
        let mut step_exprs = Vec::with_capacity(columns.len());
        for (position, (_, ty)) in columns.iter().enumerate() {
            let (common, _) = self.unite_column(&first, &step, position, "UNION")?;
            if common.oid != ty.oid || common.typmod != ty.typmod && ty.typmod != -1 {
                let message = format!(
                    "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall",
                    position + 1,
                    format_type(ty.oid, Some(ty.typmod)),
                    format_type(common.oid, Some(common.typmod))
                );
                let location = self.output_location(&first, position).or(location);
                return Err(error(SqlState::DATATYPE_MISMATCH, message, location)
                    .with_hint("Cast the output of the non-recursive term to the correct type."));
            }
            step_exprs.push(self.coerce_output(&mut step, position, *ty, "UNION")?);
        }
        Ok((first, Recursion { step, step_exprs, all: select.all }, columns))
    }

    /// Resolves a name to a WITH query.
    pub(super) fn cte_reference(&mut self, range: &RangeVar) -> Result<Option<Placed>> {
        let mut found = None;
        for level in self.levels.iter_mut().rev() {
            if let Some(scope) = level.ctes.iter_mut().find(|scope| scope.name == range.relname) {
                scope.references += 1;
                found = Some(scope.clone());
                break;
            }
        }
        let Some(scope) = found else { return Ok(None) };
        self.level().recurs |= scope.recursing;
        let Some(columns) = scope.columns else {
            let message = format!(
                "recursive reference to query \"{}\" must not appear within its non-recursive term",
                scope.name
            );
            return Err(error(SqlState::INVALID_RECURSION, message, at(range.location)));
        };
        if scope.silent {
            let message = format!("WITH query \"{}\" does not have a RETURNING clause", scope.name);
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, at(range.location)));
        }
        let alias = range.alias.as_ref();
        let name: EcoString = alias.map_or(scope.name.clone(), |alias| alias.aliasname.as_str().into());
        let types: Vec<TypeRef> = columns.iter().map(|(_, ty)| *ty).collect();
        let listed = columns.into_iter().map(|(name, ty)| (name, ty, None)).collect();
        let (ids, item) = self.new_item(&name, listed, alias)?;
        let columns =
            ids.into_iter().zip(types).enumerate().map(|(position, (id, ty))| (id, position, ty)).collect();
        Ok(Some((FromItem::Cte { cte: scope.id, alias: name, columns }, vec![item])))
    }

    /// Takes this level's WITH queries with their reference counts.
    pub(super) fn finish_ctes(&mut self) -> Vec<Cte> {
        let level = self.level();
        let mut ctes = std::mem::take(&mut level.cte_queries);
        for cte in &mut ctes {
            let Some(scope) = level.ctes.iter().find(|scope| scope.id == cte.id) else { continue };
            cte.references = scope.references;
            let columns = scope.columns.iter().flatten();
            cte.names = columns.map(|(name, _)| name.clone()).collect();
        }
        ctes
    }

    /// Builds an expression over an output column.
    pub(super) fn output_expr(query: &Query, position: usize) -> Result<Expr> {
        let column = query
            .output
            .get(position)
            .ok_or_else(|| PgError::internal("an output column that is not there"))?;
        Ok(Expr::column(column.id, column.ty))
    }
}

/// Refuses a second reference to the query in its recursive term, and one that an outer join may fill with NULLs
/// (`checkWellFormedRecursion`).
fn check_recursive_term(term: &SelectStmt, name: &str) -> Result<()> {
    let recursion = |what: &str, location: i32| {
        let message = format!("recursive reference to query \"{name}\" must not appear {what}");
        error(SqlState::INVALID_RECURSION, message, at(location))
    };
    let node = NodeEnum::SelectStmt(Box::new(term.clone()));
    let mut references = references_to(&node, name);
    references.sort_unstable();
    if let Some(second) = references.get(1) {
        return Err(recursion("more than once", *second));
    }
    for (node, ..) in node.nodes() {
        match node {
            NodeRef::SubLink(link) => {
                let inside = raw::inner(&link.subselect).map(|inner| references_to(inner, name));
                if let Some(location) = inside.and_then(|inside| inside.first().copied()) {
                    return Err(recursion("within a subquery", location));
                }
            }
            NodeRef::SelectStmt(select) if select.op == SetOperation::SetopExcept as i32 => {
                let side = |side: &Option<Box<SelectStmt>>| {
                    let side = NodeEnum::SelectStmt(side.clone()?);
                    references_to(&side, name).first().copied()
                };
                let left = if select.all { side(&select.larg) } else { None };
                if let Some(location) = left.or_else(|| side(&select.rarg)) {
                    return Err(recursion("within EXCEPT", location));
                }
            }
            _ => {}
        }
        let NodeRef::JoinExpr(join) = node else { continue };
        let inside = |side| raw::inner(side).and_then(|side| references_to(side, name).first().copied());
        let nullable = match JoinType::try_from(join.jointype) {
            Ok(JoinType::JoinLeft) => inside(&join.rarg),
            Ok(JoinType::JoinRight) => inside(&join.larg),
            Ok(JoinType::JoinFull) => inside(&join.larg).or_else(|| inside(&join.rarg)),
            _ => None,
        };
        if let Some(location) = nullable {
            return Err(recursion("within an outer join", location));
        }
    }
    Ok(())
}

/// Returns where a node mentions a table of this name.
fn references_to(node: &NodeEnum, name: &str) -> Vec<i32> {
    let mut found = Vec::new();
    if let NodeEnum::RangeVar(range) = node
        && range.relname == name
        && range.schemaname.is_empty()
    {
        found.push(range.location);
        return found;
    }
    for (node, ..) in node.nodes() {
        if let NodeRef::RangeVar(range) = node
            && range.relname == name
            && range.schemaname.is_empty()
        {
            found.push(range.location);
        }
    }
    found
}

/// Returns whether a WITH query mentions a table of this name.
fn refers_to(cte: &CommonTableExpr, name: &str) -> bool {
    let Some(node) = raw::inner(&cte.ctequery) else { return false };
    node.nodes().iter().any(|(node, ..)| match node {
        NodeRef::RangeVar(range) => range.relname == name && range.schemaname.is_empty(),
        _ => false,
    })
}
