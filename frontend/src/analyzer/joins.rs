//! JOIN with ON, USING and NATURAL; merged columns.

use ecow::EcoString;
use executor::expr::{Expr, ExprKind};
use pg_query::NodeEnum;
use pg_query::protobuf::JoinExpr;
use types::oids;
use types::{PgError, Result, SqlState};

use super::coerce::{common_type, plain};
use super::from::Placed;
use super::raw;
use super::state::{Analyzer, Clause, NamespaceColumn, NamespaceItem, error};
use crate::query::{FromItem, Join, JoinType};

impl Analyzer<'_> {
    /// Analyzes a join.
    pub(super) fn join(&mut self, join: &JoinExpr) -> Result<Placed> {
        let side = |node| raw::inner(node).ok_or_else(|| PgError::internal("a join without a side"));
        let (left, left_items) = self.from_item(side(&join.larg)?)?;
        self.check_unique(&left_items, &[])?;
        let outer = self.level().items.clone();
        let lateral = left_items.iter().cloned().map(|item| NamespaceItem { lateral_only: true, ..item });
        self.level().items.extend(lateral);
        let right = self.from_item(side(&join.rarg)?);
        self.level().items = outer.clone();
        let (right, right_items) = right?;
        self.check_unique(&right_items, &left_items)?;
        let kind = match pg_query::protobuf::JoinType::try_from(join.jointype) {
            Ok(pg_query::protobuf::JoinType::JoinLeft) => JoinType::Left,
            Ok(pg_query::protobuf::JoinType::JoinRight) => JoinType::Right,
            Ok(pg_query::protobuf::JoinType::JoinFull) => JoinType::Full,
            _ => JoinType::Inner,
        };
        let left_columns = visible_columns(&left_items);
        let right_columns = visible_columns(&right_items);
        let names = self.merged_names(join, &left_columns, &right_columns);
        let (merged, mut conditions) = self.merge_columns(&names, &left_columns, &right_columns, kind)?;
        if let Some(node) = raw::inner(&join.quals) {
            self.level().items = left_items.iter().chain(&right_items).cloned().collect();
            let condition = self.join_condition(node);
            self.level().items = outer;
            conditions.push(condition?);
        }
        let condition = match conditions.len() {
            0 => None,
            1 => conditions.pop(),
            _ => Some(Expr { kind: ExprKind::And(conditions), ty: plain(oids::BOOL) }),
        };
        let rest = |columns: &[NamespaceColumn]| -> Vec<NamespaceColumn> {
            columns.iter().filter(|column| !names.contains(&column.name)).cloned().collect()
        };
        let mut columns = merged.clone();
        columns.extend(rest(&left_columns));
        columns.extend(rest(&right_columns));
        let items = self.join_items(join, columns, merged, left_items, right_items)?;
        let condition = condition.filter(|_| true);
        Ok((FromItem::Join(Box::new(Join { kind, left, right, condition, using: names })), items))
    }

    fn join_condition(&mut self, node: &NodeEnum) -> Result<Expr> {
        self.within(Clause::JoinOn, |analyzer| {
            let expr = analyzer.expr(node)?;
            analyzer.coerce_to_boolean(expr, "JOIN/ON", raw::location(node))
        })
    }

    /// Returns the names that USING lists or NATURAL implies.
    fn merged_names(
        &self,
        join: &JoinExpr,
        left: &[NamespaceColumn],
        right: &[NamespaceColumn],
    ) -> Vec<EcoString> {
        if join.is_natural {
            let mut names: Vec<EcoString> = Vec::new();
            for column in left {
                if right.iter().any(|other| other.name == column.name) && !names.contains(&column.name) {
                    names.push(column.name.clone());
                }
            }
            return names;
        }
        raw::strings(&join.using_clause).into_iter().map(EcoString::from).collect()
    }

    /// Builds the merged columns and the equality of each pair.
    fn merge_columns(
        &mut self,
        names: &[EcoString],
        left: &[NamespaceColumn],
        right: &[NamespaceColumn],
        kind: JoinType,
    ) -> Result<(Vec<NamespaceColumn>, Vec<Expr>)> {
        let mut merged = Vec::with_capacity(names.len());
        let mut conditions = Vec::with_capacity(names.len());
        for (position, name) in names.iter().enumerate() {
            if names.iter().take(position).any(|earlier| earlier == name) {
                let message = format!("column name \"{name}\" appears more than once in USING clause");
                return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
            }
            let left = only_column(name, left, "left")?;
            let right = only_column(name, right, "right")?;
            self.mention(&left.expr, None);
            self.mention(&right.expr, None);
            let operands = (Some((left.expr.clone(), None)), (right.expr.clone(), None));
            conditions.push(self.operator_call(&["="], operands.0, operands.1, None)?);
            let pair = [(left.expr.ty.oid, None), (right.expr.ty.oid, None)];
            let target = common_type(&pair, Some("JOIN/USING"))?.unwrap_or(oids::TEXT);
            let l = self.coerce_to_common(left.expr.clone(), target, "JOIN/USING", None)?;
            let r = self.coerce_to_common(right.expr.clone(), target, "JOIN/USING", None)?;
            let (expr, origin) = match kind {
                JoinType::Inner | JoinType::Left => (l, left.origin),
                JoinType::Right => (r, right.origin),
                JoinType::Full => {
                    let items = vec![l, r];
                    let ty = self.united_type(&items, target);
                    (Expr { kind: ExprKind::Coalesce(items), ty }, None)
                }
            };
            merged.push(NamespaceColumn { name: name.clone(), expr, origin });
        }
        Ok((merged, conditions))
    }

    fn join_items(
        &mut self,
        join: &JoinExpr,
        columns: Vec<NamespaceColumn>,
        merged: Vec<NamespaceColumn>,
        left: Vec<NamespaceItem>,
        right: Vec<NamespaceItem>,
    ) -> Result<Vec<NamespaceItem>> {
        let mut whole = NamespaceItem {
            alias: None,
            schema: None,
            relation: None,
            columns,
            table_visible: false,
            columns_visible: true,
            lateral_only: false,
            scalar_function: false,
            system: None,
        };
        if let Some(alias) = &join.alias {
            let aliases = raw::strings(&alias.colnames);
            if aliases.len() > whole.columns.len() {
                let message = format!(
                    "join expression \"{}\" has {} columns available but {} columns specified",
                    alias.aliasname,
                    whole.columns.len(),
                    aliases.len()
                );
                return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, None));
            }
            for (column, name) in whole.columns.iter_mut().zip(aliases) {
                column.name = name.into();
            }
            whole.alias = Some(alias.aliasname.as_str().into());
            whole.table_visible = true;
            return Ok(vec![whole]);
        }
        let mut items: Vec<NamespaceItem> = left
            .into_iter()
            .chain(right)
            .filter(|item| item.table_visible)
            .map(|item| NamespaceItem { columns_visible: false, ..item })
            .collect();
        if let Some(alias) = &join.join_using_alias {
            let using = NamespaceItem {
                alias: Some(alias.aliasname.as_str().into()),
                columns: merged,
                table_visible: true,
                columns_visible: false,
                ..whole.clone()
            };
            self.check_unique(std::slice::from_ref(&using), &items)?;
            items.push(using);
        }
        items.push(whole);
        Ok(items)
    }
}

fn visible_columns(items: &[NamespaceItem]) -> Vec<NamespaceColumn> {
    items.iter().filter(|item| item.columns_visible).flat_map(|item| item.columns.clone()).collect()
}

fn only_column<'a>(name: &str, columns: &'a [NamespaceColumn], side: &str) -> Result<&'a NamespaceColumn> {
    let mut found = columns.iter().filter(|column| column.name == name);
    let Some(first) = found.next() else {
        let message = format!("column \"{name}\" specified in USING clause does not exist in {side} table");
        return Err(PgError::new(SqlState::UNDEFINED_COLUMN, message));
    };
    if found.next().is_some() {
        let message = format!("common column name \"{name}\" appears more than once in {side} table");
        return Err(PgError::new(SqlState::AMBIGUOUS_COLUMN, message));
    }
    Ok(first)
}
