//! Queries: WITH, set operations, VALUES, SELECT and its clauses.

use std::collections::HashMap;

use executor::expr::{Expr, ExprKind};
use executor::plan::{
    AggregateCall, FrameBound, FrameExclude, FrameMode, LockStrength, LockWait, SetOperation, SortKey,
    WindowCall, WindowFrame,
};
use types::Datum;

use super::text::{append_item, is_long, shifted};
use super::{Meaning, Names, Printer, Scope, from};
use crate::catalog::deparse::is_operator;
use crate::query::{
    Cte, Distinct, FromItem, OutputColumn, Query, QueryBody, Select, SetOperationBody, WindowDefinition,
};
use crate::session::settings::quote_identifier;

impl Printer<'_> {
    /// Prints a query (`get_select_query_def`).
    pub(super) fn query(
        &self,
        query: &Query,
        parent: Option<&Scope<'_>>,
        names: Names<'_>,
    ) -> Option<String> {
        let mut scope = Scope {
            parent,
            items: Vec::new(),
            columns: HashMap::new(),
            qualified: parent.is_some(),
            subqueries: &query.subqueries,
        };
        for cte in &query.ctes {
            self.ctes.borrow_mut().insert(cte.id, (cte.name.clone(), cte.names.clone()));
        }
        if let QueryBody::Select(select) = &query.body {
            self.name_items(&select.from, &mut scope)?;
            scope.qualified |= select.from.iter().map(from::entries).sum::<usize>() != 1;
            self.know_computed(select, &mut scope)?;
        }
        let mut text = self.with_clause(&query.ctes, &scope)?;
        match &query.body {
            QueryBody::Select(select) => text.push_str(&self.select(select, &query.output, &scope, names)?),
            QueryBody::Values { rows, .. } => {
                text.push_str(&self.values(rows, &query.output, &scope, names)?)
            }
            QueryBody::SetOperation(body) => text.push_str(&self.set_operation(body, &scope, names)?),
            QueryBody::Modify(_) => return None,
        }
        if !query.order_by.is_empty() {
            let keys = match &query.body {
                QueryBody::SetOperation(_) => self.numbered_keys(&query.order_by, &query.output)?,
                QueryBody::Select(_) | QueryBody::Values { .. } | QueryBody::Modify(_) => {
                    self.sort_keys(&query.order_by, &scope)?
                }
            };
            text.push_str(&format!("\n  ORDER BY {}", shifted(&keys, 8)));
        }
        if let Some(offset) = &query.offset {
            text.push_str(&format!("\n OFFSET {}", self.count(offset, &scope)?));
        }
        match &query.limit {
            Some(limit) if query.with_ties => {
                text.push_str(&format!("\n FETCH FIRST ({}) ROWS WITH TIES", self.count(limit, &scope)?));
            }
            Some(limit) => text.push_str(&format!("\n LIMIT {}", self.count(limit, &scope)?)),
            None => {}
        }
        if query.locking {
            text.push_str(&row_marks(query, &scope)?);
        }
        Some(text)
    }

    fn count(&self, expr: &Expr, scope: &Scope<'_>) -> Option<String> {
        match &expr.kind {
            ExprKind::Const(Datum::Null) => Some("ALL".to_owned()),
            ExprKind::Const(Datum::I64(number)) => Some(number.to_string()),
            ExprKind::Call { args, .. } if args.len() == 1 => self.expression(&args[0], scope),
            _ => self.expression(expr, scope),
        }
    }

    fn with_clause(&self, ctes: &[Cte], scope: &Scope<'_>) -> Option<String> {
        if ctes.is_empty() {
            return Some(String::new());
        }
        let recursive = ctes.iter().any(|cte| cte.recursive.is_some());
        let mut text = if recursive { " WITH RECURSIVE " } else { " WITH " }.to_owned();
        for (at, cte) in ctes.iter().enumerate() {
            if at > 0 {
                text.push_str(", ");
            }
            text.push_str(&quote_identifier(&cte.name));
            let own = cte.query.output.iter().map(|column| &column.name);
            if !own.eq(cte.names.iter()) {
                let names: Vec<String> = cte.names.iter().map(|name| quote_identifier(name)).collect();
                text.push_str(&format!("({})", names.join(", ")));
            }
            text.push_str(match cte.materialized {
                None => " AS (",
                Some(true) => " AS MATERIALIZED (",
                Some(false) => " AS NOT MATERIALIZED (",
            });
            let inner = Names { given: None, visible: true };
            let mut body = self.query(&cte.query, Some(scope), inner)?;
            if let Some(recursion) = &cte.recursive {
                let hidden = Names { given: None, visible: false };
                let step = self.query(&recursion.step, Some(scope), hidden)?;
                let all = if recursion.all { "ALL " } else { "" };
                body = format!("{body}\nUNION {all}\n{step}");
            }
            text.push_str(&format!("\n        {}\n        )", shifted(&body, 8)));
        }
        text.push('\n');
        Some(text)
    }

    /// Notes what is computed at a level: targets, group keys, aggregates, window calls.
    fn know_computed(&self, select: &Select, scope: &mut Scope<'_>) -> Option<()> {
        if let Some(grouping) = &select.grouping {
            for (id, key) in &grouping.keys {
                if key.kind != ExprKind::Column(*id) {
                    scope.columns.insert(*id, Meaning::Computed(key.clone()));
                }
            }
            for (id, keys) in &grouping.grouping_calls {
                let keys = keys.iter().map(|at| self.expression(&grouping.keys.get(*at)?.1, scope));
                let keys: Option<Vec<String>> = keys.collect();
                scope.columns.insert(*id, Meaning::Text(format!("GROUPING({})", keys?.join(", "))));
            }
            for (id, call) in &grouping.calls {
                let text = self.aggregate(call, scope)?;
                scope.columns.insert(*id, Meaning::Text(text));
            }
        }
        for window in &select.windows {
            for (id, call) in &window.calls {
                let text = self.window_call(window, call, scope)?;
                scope.columns.insert(*id, Meaning::Text(text));
            }
        }
        for (id, target) in &select.targets {
            if target.kind != ExprKind::Column(*id) {
                scope.columns.insert(*id, Meaning::Computed(target.clone()));
            }
        }
        Some(())
    }

    /// Prints SELECT (`get_basic_select_query`).
    fn select(
        &self,
        select: &Select,
        output: &[OutputColumn],
        scope: &Scope<'_>,
        names: Names<'_>,
    ) -> Option<String> {
        let mut text = " SELECT".to_owned();
        match &select.distinct {
            Distinct::No => {}
            Distinct::All => text.push_str(" DISTINCT"),
            Distinct::On(keys) => {
                let keys: Option<Vec<String>> = keys.iter().map(|key| self.key(key, scope)).collect();
                text.push_str(&format!(" DISTINCT ON ({})", keys?.join(", ")));
            }
        }
        let exprs: Vec<Expr> = output.iter().map(|column| Expr::column(column.id, column.ty)).collect();
        self.targets(&mut text, &exprs, output, scope, names)?;
        if !select.from.is_empty() {
            text.push_str(&format!("\n   FROM {}", self.from_clause(&select.from, scope)?));
        }
        if let Some(filter) = &select.filter {
            text.push_str(&format!("\n  WHERE {}", shifted(&self.expression(filter, scope)?, 8)));
        }
        if let Some(grouping) = select.grouping.as_ref().filter(|grouping| !grouping.keys.is_empty()) {
            let keys: Option<Vec<String>> =
                grouping.keys.iter().map(|(_, key)| self.key(key, scope)).collect();
            let keys = grouped(&keys?, grouping.sets.as_deref())?;
            text.push_str(&format!("\n  GROUP BY {}", shifted(&keys, 8)));
        }
        if let Some(having) = &select.having {
            text.push_str(&format!("\n HAVING {}", shifted(&self.expression(having, scope)?, 8)));
        }
        Some(text)
    }

    /// Prints a target list (`get_target_list`).
    fn targets(
        &self,
        text: &mut String,
        exprs: &[Expr],
        output: &[OutputColumn],
        scope: &Scope<'_>,
        names: Names<'_>,
    ) -> Option<()> {
        let mut many_before = false;
        for (at, (expr, column)) in exprs.iter().zip(output).enumerate() {
            let resolved = scope.resolved(expr);
            let own = match &resolved.kind {
                ExprKind::Column(id) => match scope.meaning(*id)? {
                    (Meaning::Column { name, .. }, _) => Some(name.clone()),
                    (Meaning::Computed(_) | Meaning::Text(_), _) => None,
                },
                _ => None,
            };
            let own = own.or_else(|| (!names.visible).then(|| "?column?".into()));
            let mut item = shifted(&self.expression(&resolved, scope)?, 8);
            let given = names.given.and_then(|names| names.get(at)).unwrap_or(&column.name);
            if own.as_ref() != Some(given) {
                item.push_str(&format!(" AS {}", quote_identifier(given)));
            }
            text.push_str(if at == 0 { " " } else { ", " });
            append_item(text, &item, at == 0, self.style.wrap, many_before);
            many_before = is_long(&item);
        }
        Some(())
    }

    fn values(
        &self,
        rows: &[Vec<Expr>],
        output: &[OutputColumn],
        scope: &Scope<'_>,
        names: Names<'_>,
    ) -> Option<String> {
        let mut printed = Vec::with_capacity(rows.len());
        for row in rows {
            let items: Option<Vec<String>> = row.iter().map(|item| self.expression(item, scope)).collect();
            printed.push(format!("({})", shifted(&items?.join(","), 8)));
        }
        let values = format!("VALUES {}", printed.join(", "));
        let own = output.iter().map(|column| &column.name);
        match names.given {
            // A view with names of its own selects from the values.
            Some(given) if !own.clone().eq(given) => {
                let columns: Vec<String> = own
                    .zip(given)
                    .map(|(own, given)| {
                        let own = quote_identifier(own);
                        format!("{own} AS {}", quote_identifier(given))
                    })
                    .collect();
                let own: Vec<&str> = output.iter().map(|column| column.name.as_str()).collect();
                Some(format!(
                    " SELECT {}\n   FROM ( {values}) \"*VALUES*\"({})",
                    columns.join(",\n    "),
                    own.join(", ")
                ))
            }
            Some(_) | None => Some(format!(" {values}")),
        }
    }

    /// Prints UNION and its relatives (`get_setop_query`).
    fn set_operation(&self, body: &SetOperationBody, scope: &Scope<'_>, names: Names<'_>) -> Option<String> {
        let nested = |query: &Query| matches!(&query.body, QueryBody::SetOperation(_)) && is_bare(query);
        let left = self.operand(&body.left, &body.left_exprs, scope, names)?;
        let same = match &body.left.body {
            QueryBody::SetOperation(inner) => inner.operation == body.operation && inner.all == body.all,
            QueryBody::Select(_) | QueryBody::Values { .. } | QueryBody::Modify(_) => true,
        };
        let mut text = if nested(&body.left) && !same {
            format!("(\n        {}\n) ", shifted(&left, 8))
        } else {
            format!("{left}\n")
        };
        text.push_str(match body.operation {
            None => "UNION ",
            Some(SetOperation::Intersect) => "INTERSECT ",
            Some(SetOperation::Except) => "EXCEPT ",
        });
        if body.all {
            text.push_str("ALL ");
        }
        let right = self.operand(&body.right, &body.right_exprs, scope, Names { visible: false, ..names })?;
        if nested(&body.right) {
            text.push_str(&format!("(\n        {}\n)", shifted(&right, 8)));
        } else {
            text.push_str(&format!("\n{right}"));
        }
        Some(text)
    }

    fn operand(&self, query: &Query, exprs: &[Expr], scope: &Scope<'_>, names: Names<'_>) -> Option<String> {
        // What is converted to the common type stands in the query's own list in PostgreSQL.
        let mut own = query.clone();
        for (column, expr) in own.output.iter_mut().zip(exprs) {
            if expr.kind == ExprKind::Column(column.id) {
                continue;
            }
            let QueryBody::Select(select) = &mut own.body else { return None };
            let mut computed = expr.clone();
            substitute(&mut computed, &select.targets);
            let id = executor::expr::ColumnId(u32::MAX - column.id.0);
            select.targets.push((id, computed));
            column.id = id;
        }
        let text = self.query(&own, Some(scope), names)?;
        Some(if is_bare(query) { text } else { format!("({text})") })
    }

    /// Prints a key of GROUP BY, ORDER BY, DISTINCT ON or PARTITION BY (`get_rule_sortgroupclause`).
    fn key(&self, key: &Expr, scope: &Scope<'_>) -> Option<String> {
        let resolved = scope.resolved(key);
        let text = self.expression(&resolved, scope)?;
        // What looks like a call needs parentheses always, what is one by its operators only when it has none.
        let bare = match &resolved.kind {
            ExprKind::Column(id) => matches!(scope.meaning(*id)?.0, Meaning::Column { .. }),
            ExprKind::Const(_) => true,
            ExprKind::Call { function, .. } => is_operator(&function.name) && !self.style.pretty,
            _ => !self.style.pretty,
        };
        Some(if bare { text } else { format!("({text})") })
    }

    fn sort_keys(&self, keys: &[SortKey], scope: &Scope<'_>) -> Option<String> {
        let keys: Option<Vec<String>> = keys
            .iter()
            .map(|key| Some(format!("{}{}", self.key(&key.expr, scope)?, direction(key))))
            .collect();
        Some(keys?.join(", "))
    }

    fn numbered_keys(&self, keys: &[SortKey], output: &[OutputColumn]) -> Option<String> {
        let keys: Option<Vec<String>> = keys
            .iter()
            .map(|key| {
                let ExprKind::Column(id) = key.expr.kind else { return None };
                let at = output.iter().position(|column| column.id == id)?;
                Some(format!("{}{}", at + 1, direction(key)))
            })
            .collect();
        Some(keys?.join(", "))
    }

    fn call_text(
        &self,
        function: &executor::expr::FunctionRef,
        args: &[Expr],
        scope: &Scope<'_>,
    ) -> Option<(String, Vec<String>)> {
        let args: Option<Vec<String>> = args.iter().map(|arg| self.expression(arg, scope)).collect();
        Some((quote_identifier(&function.name), args?))
    }

    fn aggregate(&self, call: &AggregateCall, scope: &Scope<'_>) -> Option<String> {
        let (name, args) = self.call_text(&call.function, &call.args, scope)?;
        let mut text = if call.within_group() {
            let (_, direct) = self.call_text(&call.function, &call.direct_args, scope)?;
            let keys = self.sort_keys(&call.order_by, scope)?;
            format!("{name}({}) WITHIN GROUP (ORDER BY {keys})", direct.join(", "))
        } else {
            let distinct = if call.distinct { "DISTINCT " } else { "" };
            let args = if args.is_empty() { "*".to_owned() } else { args.join(", ") };
            let order = match call.order_by.as_slice() {
                [] => String::new(),
                keys => format!(" ORDER BY {}", self.sort_keys(keys, scope)?),
            };
            format!("{name}({distinct}{args}{order})")
        };
        if let Some(filter) = &call.filter {
            text.push_str(&format!(" FILTER (WHERE {})", self.expression(filter, scope)?));
        }
        Some(text)
    }

    fn window_call(&self, window: &WindowDefinition, call: &WindowCall, scope: &Scope<'_>) -> Option<String> {
        let (name, args) = self.call_text(&call.function, &call.args, scope)?;
        let star = args.is_empty() && call.aggregate;
        let mut text = format!("{name}({})", if star { "*".to_owned() } else { args.join(", ") });
        if let Some(filter) = &call.filter {
            text.push_str(&format!(" FILTER (WHERE {})", self.expression(filter, scope)?));
        }
        let mut parts = Vec::new();
        if !window.partition_by.is_empty() {
            let keys: Option<Vec<String>> =
                window.partition_by.iter().map(|key| self.key(key, scope)).collect();
            parts.push(format!("PARTITION BY {}", keys?.join(", ")));
        }
        if !window.order_by.is_empty() {
            parts.push(format!("ORDER BY {}", self.sort_keys(&window.order_by, scope)?));
        }
        parts.extend(self.frame(&call.frame, scope)?);
        text.push_str(&format!(" OVER ({})", parts.join(" ")));
        Some(text)
    }

    /// Prints a frame that is not the usual one.
    fn frame(&self, frame: &WindowFrame, scope: &Scope<'_>) -> Option<Option<String>> {
        let exclude = match frame.exclude {
            FrameExclude::NoOthers => "",
            FrameExclude::CurrentRow => " EXCLUDE CURRENT ROW",
            FrameExclude::Group => " EXCLUDE GROUP",
            FrameExclude::Ties => " EXCLUDE TIES",
        };
        let mode = match frame.mode {
            FrameMode::Rows => "ROWS",
            FrameMode::Range => "RANGE",
            FrameMode::Groups => "GROUPS",
        };
        let usual = (FrameMode::Range, &FrameBound::UnboundedPreceding, &FrameBound::CurrentRow);
        if (frame.mode, &frame.start, &frame.end) == usual && exclude.is_empty() {
            return Some(None);
        }
        let bound = |bound: &FrameBound| {
            Some(match bound {
                FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
                FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
                FrameBound::CurrentRow => "CURRENT ROW".to_owned(),
                FrameBound::Preceding(expr, _) => format!("{} PRECEDING", self.count(expr, scope)?),
                FrameBound::Following(expr, _) => format!("{} FOLLOWING", self.count(expr, scope)?),
            })
        };
        Some(Some(format!("{mode} BETWEEN {} AND {}{exclude}", bound(&frame.start)?, bound(&frame.end)?)))
    }
}

/// Prints the keys of GROUP BY; several grouping sets as ROLLUP or CUBE where they are one.
fn grouped(keys: &[String], sets: Option<&[Vec<usize>]>) -> Option<String> {
    let Some(sets) = sets else { return Some(keys.join(", ")) };
    let is_rollup = sets.len() == keys.len() + 1
        && sets.iter().enumerate().all(|(at, set)| set.iter().copied().eq(0..keys.len() - at));
    if is_rollup {
        return Some(format!("ROLLUP({})", keys.join(", ")));
    }
    let in_order = |set: &Vec<usize>| set.windows(2).all(|pair| pair[0] < pair[1]);
    let is_cube = keys.len() < 16
        && sets.len() == 1 << keys.len()
        && sets.iter().all(in_order)
        && sets.iter().enumerate().all(|(at, set)| !sets[..at].contains(set));
    if is_cube {
        return Some(format!("CUBE({})", keys.join(", ")));
    }
    let sets: Option<Vec<String>> = sets
        .iter()
        .map(|set| {
            let names: Option<Vec<&str>> = set.iter().map(|at| keys.get(*at).map(String::as_str)).collect();
            let names = names?;
            Some(if names.len() == 1 { names.join("") } else { format!("({})", names.join(", ")) })
        })
        .collect();
    Some(format!("GROUPING SETS ({})", sets?.join(", ")))
}

/// Prints FOR UPDATE and its relatives; `None` when they reach into views.
fn row_marks(query: &Query, scope: &Scope<'_>) -> Option<String> {
    let QueryBody::Select(select) = &query.body else { return None };
    let mut text = String::new();
    for mark in &query.row_marks {
        let own =
            |item: &FromItem| matches!(item, FromItem::Table { row_id, .. } if *row_id == Some(mark.row_id));
        // Joins are not looked into.
        let at = select.from.iter().position(own)?;
        if select.from.iter().take(at).any(|item| from::entries(item) > 1) {
            return None;
        }
        text.push_str(match mark.strength {
            LockStrength::KeyShare => "\n FOR KEY SHARE",
            LockStrength::Share => "\n FOR SHARE",
            LockStrength::NoKeyUpdate => "\n FOR NO KEY UPDATE",
            LockStrength::Update => "\n FOR UPDATE",
        });
        text.push_str(&format!(" OF {}", quote_identifier(scope.items.get(at)?)));
        text.push_str(match mark.wait {
            LockWait::Block => "",
            LockWait::Skip => " SKIP LOCKED",
            LockWait::Error => " NOWAIT",
        });
    }
    Some(text)
}

/// Says a query has nothing beside its body.
fn is_bare(query: &Query) -> bool {
    query.ctes.is_empty() && query.order_by.is_empty() && query.limit.is_none() && query.offset.is_none()
}

/// Puts computed columns into their places.
fn substitute(expr: &mut Expr, targets: &[(executor::expr::ColumnId, Expr)]) {
    if let ExprKind::Column(id) = expr.kind
        && let Some((_, value)) = targets.iter().find(|(known, _)| *known == id)
    {
        *expr = value.clone();
        return;
    }
    expr.for_each_child_mut(&mut |child| substitute(child, targets));
}

fn direction(key: &SortKey) -> &'static str {
    match (key.descending, key.nulls_first) {
        (false, false) => "",
        (false, true) => " NULLS FIRST",
        (true, true) => " DESC",
        (true, false) => " DESC NULLS LAST",
    }
}
