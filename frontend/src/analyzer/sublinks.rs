//! Subqueries in expressions (`transformSubLink`).

use executor::expr::{Expr, ExprKind, SubqueryUse};
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SubLink, SubLinkType};
use types::oids;
use types::{PgError, Result, SqlState};

use super::coerce::{array_type, base_type, element_type, plain};
use super::raw;
use super::state::{Analyzer, Location, at, error};
use crate::catalog::type_names::type_name;
use crate::query::{Distinct, OutputColumn, Query, QueryBody};

impl Analyzer<'_> {
    /// Takes what EXISTS does not look at out of its query, so that it is not computed (`simplify_EXISTS_query`).
    fn forget_targets(&mut self, query: &mut Query) {
        if self.shown && self.view_depth == 0 {
            return;
        }
        let plain_rows = query.ctes.iter().all(|cte| !matches!(cte.query.body, QueryBody::Modify(_)))
            && query.limit.is_none()
            && query.offset.is_none()
            && !query.locking;
        let QueryBody::Select(select) = &mut query.body else { return };
        let computes_sets = |expr: &Expr| {
            let mut found = false;
            expr.walk(&mut |part| found |= matches!(part.kind, ExprKind::SetCall { .. }));
            found
        };
        if !plain_rows
            || select.grouping.is_some()
            || select.having.is_some()
            || !select.windows.is_empty()
            || select.targets.iter().any(|(_, target)| computes_sets(target))
        {
            return;
        }
        let id = self.new_id();
        select.targets = vec![(id, Expr::bool(true))];
        select.distinct = Distinct::No;
        query.order_by.clear();
        query.output =
            vec![OutputColumn { id, name: "?column?".into(), ty: plain(oids::BOOL), origin: None }];
    }

    /// Analyzes a subquery in an expression.
    pub(super) fn sublink(&mut self, link: &SubLink) -> Result<Expr> {
        let location = at(link.location);
        let clause = self.level().clause;
        use super::state::Clause;
        let place = match clause {
            Clause::Default => Some("DEFAULT expression"),
            Clause::Check => Some("check constraint"),
            Clause::CopyWhere => Some("COPY FROM WHERE condition"),
            Clause::Generated => Some("column generation expression"),
            Clause::Index => Some("index expression"),
            Clause::IndexPredicate => Some("index predicate"),
            Clause::Statistics => Some("statistics expression"),
            Clause::AlterUsing => Some("transform expression"),
            _ => None,
        };
        if let Some(place) = place {
            return Err(error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("cannot use subquery in {place}"),
                location,
            ));
        }
        let kind = SubLinkType::try_from(link.sub_link_type).unwrap_or(SubLinkType::Undefined);
        match kind {
            SubLinkType::ExistsSublink => {
                let mut query = self.sub_query(link)?;
                self.forget_targets(&mut query);
                Ok(self.subquery(query, SubqueryUse::Exists, plain(oids::BOOL)))
            }
            SubLinkType::ExprSublink => {
                let query = self.sub_query(link)?;
                let [column] = query.output.as_slice() else {
                    return Err(error(
                        SqlState::SYNTAX_ERROR,
                        "subquery must return only one column",
                        location,
                    ));
                };
                let ty = column.ty;
                Ok(self.subquery(query, SubqueryUse::Scalar, ty))
            }
            SubLinkType::ArraySublink => {
                let query = self.sub_query(link)?;
                let [column] = query.output.as_slice() else {
                    return Err(error(
                        SqlState::SYNTAX_ERROR,
                        "subquery must return only one column",
                        location,
                    ));
                };
                let item = column.ty;
                let array =
                    if element_type(item.oid) != 0 { item.oid } else { array_type(base_type(item.oid)) };
                if array == 0 {
                    let message = format!("could not find array type for data type {}", type_name(item.oid));
                    return Err(error(SqlState::UNDEFINED_OBJECT, message, location));
                }
                let ty = types::TypeRef { oid: array, ..item };
                Ok(self.subquery(query, SubqueryUse::Array, ty))
            }
            SubLinkType::AnySublink | SubLinkType::AllSublink => {
                let names = raw::strings(&link.oper_name);
                let names = if names.is_empty() { vec!["="] } else { names };
                let left = self.test_exprs(&link.testexpr)?;
                let query = self.sub_query(link)?;
                let comparison = Box::new(self.test(&names, left, &query, location)?);
                let usage = if kind == SubLinkType::AnySublink {
                    SubqueryUse::Any { comparison }
                } else {
                    SubqueryUse::All { comparison }
                };
                Ok(self.subquery(query, usage, plain(oids::BOOL)))
            }
            SubLinkType::RowcompareSublink => {
                let names = raw::strings(&link.oper_name);
                self.row_sublink(&link.testexpr, &names, link, location)
            }
            SubLinkType::MultiexprSublink | SubLinkType::CteSublink | SubLinkType::Undefined => {
                Err(PgError::not_supported("this kind of subquery expression").at(location))
            }
        }
    }

    /// `(a, b) op (SELECT x, y)`.
    pub(super) fn row_sublink(
        &mut self,
        test: &Option<Box<Node>>,
        names: &[&str],
        link: &SubLink,
        location: Location,
    ) -> Result<Expr> {
        let left = self.test_exprs(test)?;
        let query = self.sub_query(link)?;
        let comparison = Box::new(self.test(names, left, &query, location)?);
        Ok(self.subquery(query, SubqueryUse::Row { comparison }, plain(oids::BOOL)))
    }

    fn test_exprs(&mut self, test: &Option<Box<Node>>) -> Result<Vec<(Expr, Location)>> {
        match raw::inner(test) {
            Some(NodeEnum::RowExpr(row)) => self.exprs(&row.args),
            Some(node) => {
                let expr = self.expr(node)?;
                Ok(vec![(expr, raw::location(node))])
            }
            None => Ok(Vec::new()),
        }
    }

    /// Builds the comparison of the tested values with the subquery's columns.
    fn test(
        &mut self,
        names: &[&str],
        left: Vec<(Expr, Location)>,
        query: &Query,
        location: Location,
    ) -> Result<Expr> {
        if left.len() < query.output.len() {
            return Err(error(SqlState::SYNTAX_ERROR, "subquery has too many columns", location));
        }
        if left.len() > query.output.len() {
            return Err(error(SqlState::SYNTAX_ERROR, "subquery has too few columns", location));
        }
        let columns = query.output.iter().zip(0_u32..).map(|(column, number)| {
            (Expr { kind: ExprKind::SubqueryColumn(number), ty: column.ty }, location)
        });
        let columns: Vec<_> = columns.collect();
        self.row_comparison(names, left, columns, location)
    }

    pub(super) fn sub_query(&mut self, link: &SubLink) -> Result<Query> {
        match raw::inner(&link.subselect) {
            Some(NodeEnum::SelectStmt(select)) => self.nested_query(select, false),
            _ => Err(PgError::not_supported("this statement as a subquery").at(at(link.location))),
        }
    }

    /// Adds a query to this level's subqueries and returns the expression that uses it.
    pub(super) fn subquery(&mut self, query: Query, usage: SubqueryUse, ty: types::TypeRef) -> Expr {
        let subqueries = &mut self.level().subqueries;
        subqueries.push(query);
        let index = u32::try_from(subqueries.len() - 1).unwrap_or(u32::MAX);
        Expr { kind: ExprKind::Subquery { index, usage, outer: Vec::new() }, ty }
    }
}
