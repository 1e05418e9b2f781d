//! Operator-like syntax: `a op b`, IN, ANY, LIKE, BETWEEN, IS DISTINCT FROM, NULLIF, row comparison, and the functions
//! without parentheses (CURRENT_DATE, ...).

use executor::expr::{Expr, ExprKind, RowPair};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, SqlValueFunction, SqlValueFunctionOp};
use types::oids;
use types::{Datum, PgError, Result, SqlState};

use super::coerce::{array_type, common_type, plain};
use super::operators::{Operand, operator_function};
use super::raw;
use super::state::{Analyzer, Location, at, error};
use crate::catalog::builtin::{CastContext, builtin};
use crate::catalog::type_names::type_name;

/// Returns what is compared with a literal NULL.
fn null_compared<'a>(left: Option<&'a NodeEnum>, right: Option<&'a NodeEnum>) -> Option<&'a NodeEnum> {
    let is_null = |node: &NodeEnum| matches!(node, NodeEnum::AConst(constant) if constant.isnull);
    match (left?, right?) {
        (tested, null) if is_null(null) => Some(tested),
        (null, tested) if is_null(null) => Some(tested),
        _ => None,
    }
}

/// What stands on one side of an operator.
#[derive(Clone)]
enum Side {
    Value(Operand),
    /// The columns of a row that is written out: they are compared one by one, each with the types of the two.
    Row(Vec<Operand>, Location),
}

/// Returns whether any of the comparisons of an IN holds, or all of a NOT IN.
fn any_or_all(mut parts: Vec<Expr>, negated: bool) -> Result<Expr> {
    if parts.len() == 1 {
        return parts.pop().ok_or_else(|| PgError::internal("an empty IN"));
    }
    let kind = if negated { ExprKind::And(parts) } else { ExprKind::Or(parts) };
    Ok(Expr { kind, ty: plain(oids::BOOL) })
}

impl Analyzer<'_> {
    /// Analyzes an `A_Expr`.
    pub(super) fn a_expr(&mut self, expr: &AExpr) -> Result<Expr> {
        let location = at(expr.location);
        let name = raw::strings(&expr.name);
        match AExprKind::try_from(expr.kind).unwrap_or(AExprKind::Undefined) {
            AExprKind::AexprOp => self.plain_operator(expr, &name, location),
            AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
                let left = self.operand(&expr.lexpr)?;
                let right = self.operand(&expr.rexpr)?;
                self.operator_call(&name, Some(left), right, location)
            }
            AExprKind::AexprOpAny | AExprKind::AexprOpAll => {
                let all = expr.kind == AExprKind::AexprOpAll as i32;
                let scalar = self.operand(&expr.lexpr)?;
                let array = self.operand(&expr.rexpr)?;
                self.scalar_array(&name, all, scalar, array, location)
            }
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                let left = self.side(raw::inner(&expr.lexpr))?;
                let right = self.side(raw::inner(&expr.rexpr))?;
                let negated = expr.kind == AExprKind::AexprNotDistinct as i32;
                self.is_distinct(&name, left, right, negated, location)
            }
            AExprKind::AexprNullif => self.null_if(expr, &name, location),
            AExprKind::AexprIn => self.in_list(expr, &name, location),
            AExprKind::AexprBetween
            | AExprKind::AexprNotBetween
            | AExprKind::AexprBetweenSym
            | AExprKind::AexprNotBetweenSym => self.between(expr, location),
            AExprKind::Undefined => Err(PgError::internal("an operator expression of no kind")),
        }
    }

    fn plain_operator(&mut self, expr: &AExpr, name: &[&str], location: Location) -> Result<Expr> {
        let right = raw::inner(&expr.rexpr);
        if let (Some(NodeEnum::RowExpr(_)), Some(NodeEnum::SubLink(link))) = (raw::inner(&expr.lexpr), right)
            && link.sub_link_type == pg_query::protobuf::SubLinkType::ExprSublink as i32
        {
            return self.row_sublink(&expr.lexpr, name, link, location);
        }
        if self.context.io.transform_null_equals
            && name == ["="]
            && let Some(tested) = null_compared(raw::inner(&expr.lexpr), right)
        {
            let arg = Box::new(self.expr(tested)?);
            return Ok(Expr { kind: ExprKind::IsNull { arg, negated: false }, ty: plain(oids::BOOL) });
        }
        let left = match raw::inner(&expr.lexpr) {
            None => return self.prefix_operator(expr, name, location),
            left => self.side(left)?,
        };
        let right = self.side(right)?;
        self.compare(name, left, right, location)
    }

    fn prefix_operator(&mut self, expr: &AExpr, name: &[&str], location: Location) -> Result<Expr> {
        let operand = self.operand(&expr.rexpr)?;
        self.operator_call(name, None, operand, location)
    }

    /// Analyzes what stands on one side of an operator.
    fn side(&mut self, node: Option<&NodeEnum>) -> Result<Side> {
        match node {
            Some(NodeEnum::RowExpr(row)) => Ok(Side::Row(self.exprs(&row.args)?, at(row.location))),
            Some(node) => Ok(Side::Value((self.expr(node)?, raw::location(node)))),
            None => Err(PgError::internal("an operator without an operand")),
        }
    }

    /// Returns a side as one value.
    fn value(&mut self, side: Side) -> Result<Operand> {
        match side {
            Side::Value(operand) => Ok(operand),
            Side::Row(columns, location) => {
                let columns =
                    columns.into_iter().map(|(expr, at)| self.resolved(expr, at)).collect::<Result<_>>()?;
                let kind = ExprKind::Row(columns, Vec::new());
                Ok((Expr { kind, ty: plain(oids::RECORD) }, location))
            }
        }
    }

    fn compare(&mut self, name: &[&str], left: Side, right: Side, location: Location) -> Result<Expr> {
        match (left, right) {
            (Side::Row(left, _), Side::Row(right, _)) => self.row_comparison(name, left, right, location),
            (left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.operator_call(name, Some(left), right, location)
            }
        }
    }

    /// `left IS [NOT] DISTINCT FROM right`.
    fn is_distinct(
        &mut self,
        name: &[&str],
        left: Side,
        right: Side,
        negated: bool,
        location: Location,
    ) -> Result<Expr> {
        let (left, right) = match (left, right) {
            (Side::Row(lefts, _), Side::Row(rights, _)) => {
                if lefts.len() != rights.len() {
                    return Err(error(
                        SqlState::SYNTAX_ERROR,
                        "unequal number of entries in row expressions",
                        location,
                    ));
                }
                let mut items = Vec::with_capacity(lefts.len());
                for (a, b) in lefts.into_iter().zip(rights) {
                    items.push(self.is_distinct(name, Side::Value(a), Side::Value(b), negated, location)?);
                }
                let kind = if negated { ExprKind::And(items) } else { ExprKind::Or(items) };
                return Ok(Expr { kind, ty: plain(oids::BOOL) });
            }
            (left, right) => (self.value(left)?, self.value(right)?),
        };
        let null =
            |expr: &Expr| matches!(expr.kind, ExprKind::Const(Datum::Null)) && expr.ty.oid == oids::UNKNOWN;
        if null(&left.0) || null(&right.0) {
            let arg = if null(&right.0) { left } else { right };
            let arg = self.resolved(arg.0, arg.1)?;
            let kind = ExprKind::IsNull { arg: Box::new(arg), negated: !negated };
            return Ok(Expr { kind, ty: plain(oids::BOOL) });
        }
        let call = self.operator_call(name, Some(left), right, location)?;
        let (equal, args, input_collation) = boolean_call(call, "IS DISTINCT FROM", location)?;
        let [left, right] = two(args)?;
        let kind = ExprKind::IsDistinct {
            left: Box::new(left),
            right: Box::new(right),
            equal,
            negated,
            input_collation,
        };
        Ok(Expr { kind, ty: plain(oids::BOOL) })
    }

    fn null_if(&mut self, expr: &AExpr, name: &[&str], location: Location) -> Result<Expr> {
        let left = self.operand(&expr.lexpr)?;
        let right = self.operand(&expr.rexpr)?;
        let call = self.operator_call(name, Some(left), right, location)?;
        let (equal, args, input_collation) = boolean_call(call, "NULLIF", location)?;
        let [left, right] = two(args)?;
        let operands = vec![
            Expr { kind: ExprKind::CaseOperand(0), ty: left.ty },
            Expr { kind: ExprKind::CaseOperand(1), ty: right.ty },
        ];
        let equal = Expr {
            kind: ExprKind::Call { function: equal, args: operands, input_collation },
            ty: plain(oids::BOOL),
        };
        let ty = left.ty;
        let kind = ExprKind::NullIf { left: Box::new(left), right: Box::new(right), equal: Box::new(equal) };
        Ok(Expr { kind, ty })
    }

    /// `value [NOT] IN (items)` (`transformAExprIn`).
    fn in_list(&mut self, expr: &AExpr, name: &[&str], location: Location) -> Result<Expr> {
        let negated = name.last() == Some(&"<>");
        let left = self.side(raw::inner(&expr.lexpr))?;
        let Some(NodeEnum::List(list)) = raw::inner(&expr.rexpr) else {
            return Err(PgError::internal("IN without a list"));
        };
        let mut parts: Vec<Expr> = Vec::new();
        let left = match left {
            Side::Value(left) => left,
            Side::Row(..) => {
                for item in &list.items {
                    let item = self.side(item.node.as_ref())?;
                    let part = self.compare(name, left.clone(), item, location)?;
                    parts.push(self.coerce_to_boolean(part, "IN", location)?);
                }
                return any_or_all(parts, negated);
            }
        };
        let mut constants: Vec<Operand> = Vec::new();
        let mut others: Vec<Operand> = Vec::new();
        for node in list.items.iter().filter_map(|item| item.node.as_ref()) {
            let item = (self.expr(node)?, raw::location(node));
            let mut used = Vec::new();
            super::walk::columns(
                &item.0,
                self.levels.last().map_or(&[][..], |level| &level.subqueries),
                &mut used,
            );
            if used.is_empty() { constants.push(item) } else { others.push(item) }
        }
        if constants.len() > 1 {
            let mut types = vec![(left.0.ty.oid, left.1)];
            types.extend(constants.iter().map(|(expr, at)| (expr.ty.oid, *at)));
            let target = common_type(&types, None)?.filter(|ty| *ty != oids::RECORD);
            if let Some(target) = target.filter(|ty| array_type(*ty) != 0) {
                let mut elements = Vec::with_capacity(constants.len());
                for (item, at) in constants.drain(..) {
                    elements.push(self.coerce_to_common(item, target, "IN", at)?);
                }
                let kind = ExprKind::Array { elements, element_type: target };
                let array = Expr { kind, ty: plain(array_type(target)) };
                parts.push(self.scalar_array(name, negated, left.clone(), (array, None), location)?);
            }
        }
        for item in constants.into_iter().chain(others) {
            let part = self.operator_call(name, Some(left.clone()), item, location)?;
            parts.push(self.coerce_to_boolean(part, "IN", location)?);
        }
        any_or_all(parts, negated)
    }

    fn between(&mut self, expr: &AExpr, location: Location) -> Result<Expr> {
        let Some(NodeEnum::List(list)) = raw::inner(&expr.rexpr) else {
            return Err(PgError::internal("BETWEEN without bounds"));
        };
        let value = self.side(raw::inner(&expr.lexpr))?;
        let bounds: Vec<Side> =
            list.items.iter().map(|bound| self.side(bound.node.as_ref())).collect::<Result<_>>()?;
        let [low, high] = two(bounds)?;
        let kind = AExprKind::try_from(expr.kind).unwrap_or(AExprKind::AexprBetween);
        let negated = matches!(kind, AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym);
        let symmetric = matches!(kind, AExprKind::AexprBetweenSym | AExprKind::AexprNotBetweenSym);
        let first = self.between_once(&value, &low, &high, negated, location)?;
        if !symmetric {
            return Ok(first);
        }
        let second = self.between_once(&value, &high, &low, negated, location)?;
        let kind =
            if negated { ExprKind::And(vec![first, second]) } else { ExprKind::Or(vec![first, second]) };
        Ok(Expr { kind, ty: plain(oids::BOOL) })
    }

    fn between_once(
        &mut self,
        value: &Side,
        low: &Side,
        high: &Side,
        negated: bool,
        location: Location,
    ) -> Result<Expr> {
        let (below, above) = if negated { ("<", ">") } else { (">=", "<=") };
        let first = self.compare(&[below], value.clone(), low.clone(), location)?;
        let second = self.compare(&[above], value.clone(), high.clone(), location)?;
        let kind =
            if negated { ExprKind::Or(vec![first, second]) } else { ExprKind::And(vec![first, second]) };
        Ok(Expr { kind, ty: plain(oids::BOOL) })
    }

    /// Compares rows of equal length (`make_row_comparison_op`).
    pub(super) fn row_comparison(
        &mut self,
        name: &[&str],
        left: Vec<Operand>,
        right: Vec<Operand>,
        location: Location,
    ) -> Result<Expr> {
        if left.len() != right.len() {
            return Err(error(
                SqlState::SYNTAX_ERROR,
                "unequal number of entries in row expressions",
                location,
            ));
        }
        if left.is_empty() {
            return Err(error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot compare rows of zero length",
                location,
            ));
        }
        let symbol = name.last().copied().unwrap_or_default();
        let mut calls = Vec::with_capacity(left.len());
        let mut strategies: Option<Vec<i64>> = None;
        for (a, b) in left.into_iter().zip(right) {
            let operator = self.find_operator(name, Some(a.0.ty.oid), b.0.ty.oid, location)?;
            let here: Vec<i64> =
                builtin().families_by_operator(operator.oid).iter().map(|member| member.strategy).collect();
            strategies = Some(match strategies {
                None => here,
                Some(before) => before.into_iter().filter(|strategy| here.contains(strategy)).collect(),
            });
            let call = self.operator_call_of(operator, Some(a), b, location)?;
            if call.ty.oid != oids::BOOL {
                let message = format!(
                    "row comparison operator must yield type boolean, not type {}",
                    type_name(call.ty.oid)
                );
                return Err(error(SqlState::DATATYPE_MISMATCH, message, location));
            }
            calls.push(call);
        }
        if calls.len() == 1 {
            return calls.pop().ok_or_else(|| PgError::internal("an empty row comparison"));
        }
        match (symbol, strategies.and_then(|found| found.first().copied())) {
            ("=", _) | (_, Some(3)) => Ok(Expr { kind: ExprKind::And(calls), ty: plain(oids::BOOL) }),
            ("<>" | "!=", _) => Ok(Expr { kind: ExprKind::Or(calls), ty: plain(oids::BOOL) }),
            (_, Some(strategy)) => self.ordered_rows(calls, strategy, location),
            _ => {
                let message =
                    format!("could not determine interpretation of row comparison operator {symbol}");
                Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location)
                    .with_hint("Row comparison operators must be associated with btree operator families."))
            }
        }
    }

    fn ordered_rows(&mut self, calls: Vec<Expr>, strategy: i64, location: Location) -> Result<Expr> {
        let less = strategy < 3;
        let mut pairs = Vec::with_capacity(calls.len());
        for call in calls {
            let ExprKind::Call { args, input_collation, .. } = call.kind else {
                return Err(PgError::internal("a row comparison that is not a call"));
            };
            let [left, right] = two(args)?;
            let order = self.find_operator(
                &[if less { "<" } else { ">" }],
                Some(left.ty.oid),
                right.ty.oid,
                location,
            )?;
            let equal = self.find_operator(&["="], Some(left.ty.oid), right.ty.oid, location)?;
            pairs.push(RowPair {
                left,
                right,
                equal: operator_function(equal)?.reference(equal.name.clone()),
                order: operator_function(order)?.reference(order.name.clone()),
                input_collation,
            });
        }
        let kind = ExprKind::RowCompare { pairs, or_equal: matches!(strategy, 2 | 4) };
        Ok(Expr { kind, ty: plain(oids::BOOL) })
    }

    /// CURRENT_DATE and its relatives, as calls of `now()` and casts.
    pub(super) fn value_function(&mut self, function: &SqlValueFunction) -> Result<Expr> {
        use SqlValueFunctionOp as Op;
        let op = Op::try_from(function.op).unwrap_or(Op::SqlvalueFunctionOpUndefined);
        let name = match op {
            Op::SvfopCurrentRole | Op::SvfopCurrentUser | Op::SvfopUser => Some("current_user"),
            Op::SvfopSessionUser => Some("session_user"),
            Op::SvfopCurrentCatalog => Some("current_database"),
            Op::SvfopCurrentSchema => Some("current_schema"),
            _ => None,
        };
        if let Some(name) = name {
            return self.parameterless(name);
        }
        let target = match op {
            Op::SvfopCurrentDate => oids::DATE,
            Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => oids::TIMETZ,
            Op::SvfopLocaltime | Op::SvfopLocaltimeN => oids::TIME,
            Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => oids::TIMESTAMP,
            _ => oids::TIMESTAMPTZ,
        };
        let mut now = self.parameterless("now")?;
        // Keeps what was written, for the text of defaults and views.
        if let ExprKind::Call { function: called, .. } = &mut now.kind {
            called.name = value_function_name(function.op).to_uppercase().into();
        }
        let value = self.coerce(now, target, -1, CastContext::Explicit, at(function.location))?;
        self.apply_typmod(value, function.typmod.min(6), CastContext::Explicit)
    }

    /// Calls a built-in function without parameters.
    fn parameterless(&mut self, name: &str) -> Result<Expr> {
        let found = builtin().functions_by_name(name).find(|function| function.args.is_empty());
        let function = found.ok_or_else(|| PgError::internal(format!("no function {name}")))?;
        Ok(self.call(function.reference(function.name.clone()), Vec::new(), function.result))
    }
}

/// Takes a boolean operator call apart.
fn boolean_call(
    call: Expr,
    construct: &str,
    location: Location,
) -> Result<(executor::expr::FunctionRef, Vec<Expr>, types::Oid)> {
    if call.ty.oid != oids::BOOL {
        let message = format!("{construct} requires = operator to yield boolean");
        return Err(error(SqlState::DATATYPE_MISMATCH, message, location));
    }
    match call.kind {
        ExprKind::Call { function, args, input_collation } => Ok((function, args, input_collation)),
        _ => Err(PgError::internal("an operator that is not a call")),
    }
}

fn two<T>(items: Vec<T>) -> Result<[T; 2]> {
    items.try_into().map_err(|_| PgError::internal("two operands were expected"))
}

/// Returns the result column name of CURRENT_DATE and its relatives.
pub(super) fn value_function_name(op: i32) -> &'static str {
    use SqlValueFunctionOp as Op;
    match Op::try_from(op).unwrap_or(Op::SqlvalueFunctionOpUndefined) {
        Op::SvfopCurrentDate => "current_date",
        Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "current_time",
        Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "current_timestamp",
        Op::SvfopLocaltime | Op::SvfopLocaltimeN => "localtime",
        Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "localtimestamp",
        Op::SvfopCurrentRole => "current_role",
        Op::SvfopCurrentUser => "current_user",
        Op::SvfopUser => "user",
        Op::SvfopSessionUser => "session_user",
        Op::SvfopCurrentCatalog => "current_catalog",
        Op::SvfopCurrentSchema => "current_schema",
        Op::SqlvalueFunctionOpUndefined => "?column?",
    }
}
