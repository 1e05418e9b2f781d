//! Expressions of point statements: the same row functions as [`crate::rows`], found once when the statement is planned.
//!
//! Kinds of expressions that are rare in point statements are left to the row evaluator.

use types::{Datum, Oid, PgError, Result, TypeRef};

use crate::context::QueryContext;
use crate::execute::Run;
use crate::expr::{Expr, ExprKind};
use crate::functions::{self, CallContext, FunctionBody, RowFunction};
use crate::rows::RowEvaluator;
use crate::values;

/// A compiled expression.
#[derive(Debug)]
pub(crate) enum RowExpr {
    /// A column of the row.
    Column(usize),
    /// A constant.
    Constant(Datum),
    /// A parameter, counted from 0.
    Param(usize),
    /// A call.
    Call(Box<Call>),
    /// AND, or OR where `decisive` is true.
    Connect { items: Vec<RowExpr>, decisive: bool },
    /// NOT.
    Not(Box<RowExpr>),
    /// IS [NOT] NULL of what is no record.
    IsNull { arg: Box<RowExpr>, negated: bool },
    /// CASE without operand.
    Case { arms: Vec<(RowExpr, RowExpr)>, otherwise: Box<RowExpr> },
    /// COALESCE.
    Coalesce(Vec<RowExpr>),
    /// Another type for the same value.
    Relabel(Box<RowExpr>, TypeRef),
    /// Anything else.
    General(Box<Expr>),
}

/// A call of a function whose body is known.
pub(crate) struct Call {
    body: RowFunction,
    strict: bool,
    args: Vec<RowExpr>,
    arg_types: Vec<TypeRef>,
    result: TypeRef,
    collation: Oid,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Call").field("args", &self.args).finish_non_exhaustive()
    }
}

impl RowExpr {
    /// Compiles an expression.
    pub(crate) fn new(expr: &Expr) -> Self {
        match &expr.kind {
            ExprKind::Column(id) => Self::Column(id.0 as usize),
            ExprKind::Const(value) => Self::Constant(value.clone()),
            ExprKind::Param(number) => Self::Param((*number as usize).wrapping_sub(1)),
            ExprKind::Call { function, args, input_collation } => {
                match functions::find(&function.prosrc).map(|entry| &entry.body) {
                    Some(FunctionBody::Row(body)) => Self::Call(Box::new(Call {
                        body: *body,
                        strict: function.strict,
                        args: Self::all(args),
                        arg_types: args.iter().map(|arg| arg.ty).collect(),
                        result: expr.ty,
                        collation: *input_collation,
                    })),
                    Some(FunctionBody::Set(_) | FunctionBody::Stream(_)) | None => {
                        Self::General(Box::new(expr.clone()))
                    }
                }
            }
            ExprKind::And(items) => Self::Connect { items: Self::all(items), decisive: false },
            ExprKind::Or(items) => Self::Connect { items: Self::all(items), decisive: true },
            ExprKind::Not(arg) => Self::Not(Box::new(Self::new(arg))),
            ExprKind::IsNull { arg, negated } if arg.ty.oid != types::oids::RECORD => {
                Self::IsNull { arg: Box::new(Self::new(arg)), negated: *negated }
            }
            ExprKind::Case { operand: None, arms, otherwise } => Self::Case {
                arms: arms
                    .iter()
                    .map(|(condition, result)| (Self::new(condition), Self::new(result)))
                    .collect(),
                otherwise: Box::new(Self::new(otherwise)),
            },
            ExprKind::Coalesce(items) => Self::Coalesce(Self::all(items)),
            ExprKind::Relabel(arg) => Self::Relabel(Box::new(Self::new(arg)), expr.ty),
            ExprKind::Collate(arg) => Self::new(arg),
            ExprKind::Outer(_)
            | ExprKind::IsNull { .. }
            | ExprKind::BoolTest { .. }
            | ExprKind::IsDistinct { .. }
            | ExprKind::NullIf { .. }
            | ExprKind::Case { .. }
            | ExprKind::CaseOperand(_)
            | ExprKind::MinMax { .. }
            | ExprKind::ScalarArray { .. }
            | ExprKind::Array { .. }
            | ExprKind::Subscript { .. }
            | ExprKind::Row(..)
            | ExprKind::Field { .. }
            | ExprKind::RowCompare { .. }
            | ExprKind::CoerceViaIo(_)
            | ExprKind::ArrayCoerce { .. }
            | ExprKind::Subquery { .. }
            | ExprKind::SubqueryColumn(_)
            | ExprKind::SetCall { .. } => Self::General(Box::new(expr.clone())),
        }
    }

    /// Compiles expressions.
    pub(crate) fn all<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Vec<Self> {
        exprs.into_iter().map(Self::new).collect()
    }

    /// Returns the value over a row.
    pub(crate) fn evaluate(&self, run: &Run<'_>, row: &[Datum]) -> Result<Datum> {
        match self {
            Self::Column(index) => at(row, *index, "column"),
            Self::Constant(value) => Ok(value.clone()),
            Self::Param(index) => at(&run.context.params, *index, "parameter"),
            Self::Call(call) => call.evaluate(run, row),
            Self::Connect { items, decisive } => connect(items, *decisive, run, row),
            Self::Not(arg) => Ok(match arg.evaluate(run, row)? {
                Datum::Bool(value) => Datum::Bool(!value),
                _ => Datum::Null,
            }),
            Self::IsNull { arg, negated } => match arg.evaluate(run, row)? {
                Datum::Record(record) if *negated => {
                    Ok(Datum::Bool(record.fields.iter().all(|field| !field.is_null())))
                }
                Datum::Record(record) => Ok(Datum::Bool(record.fields.iter().all(Datum::is_null))),
                value => Ok(Datum::Bool(value.is_null() != *negated)),
            },
            Self::Case { arms, otherwise } => {
                for (condition, result) in arms {
                    if condition.evaluate(run, row)? == Datum::Bool(true) {
                        return result.evaluate(run, row);
                    }
                }
                otherwise.evaluate(run, row)
            }
            Self::Coalesce(items) => {
                for item in items {
                    let value = item.evaluate(run, row)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Datum::Null)
            }
            Self::Relabel(arg, ty) => Ok(values::relabel(arg.evaluate(run, row)?, *ty)),
            Self::General(expr) => RowEvaluator::new(run).evaluate(expr, row),
        }
    }

    /// Returns whether the value over a row is true.
    pub(crate) fn is_true(&self, run: &Run<'_>, row: &[Datum]) -> Result<bool> {
        Ok(self.evaluate(run, row)? == Datum::Bool(true))
    }
}

impl Call {
    fn evaluate(&self, run: &Run<'_>, row: &[Datum]) -> Result<Datum> {
        match self.args.as_slice() {
            [] => self.call(run.context, &[]),
            [only] => self.call(run.context, &[only.evaluate(run, row)?]),
            [left, right] => self.call(run.context, &[left.evaluate(run, row)?, right.evaluate(run, row)?]),
            args => {
                let values = args.iter().map(|arg| arg.evaluate(run, row)).collect::<Result<Vec<_>>>()?;
                self.call(run.context, &values)
            }
        }
    }

    fn call(&self, query: &QueryContext, values: &[Datum]) -> Result<Datum> {
        if self.strict && values.iter().any(Datum::is_null) {
            return Ok(Datum::Null);
        }
        let call =
            CallContext { query, arg_types: &self.arg_types, result: self.result, collation: self.collation };
        (self.body)(values, &call)
    }
}

fn connect(items: &[RowExpr], decisive: bool, run: &Run<'_>, row: &[Datum]) -> Result<Datum> {
    let mut unknown = false;
    for item in items {
        match item.evaluate(run, row)? {
            Datum::Bool(value) if value == decisive => return Ok(Datum::Bool(decisive)),
            Datum::Bool(_) => {}
            _ => unknown = true,
        }
    }
    Ok(if unknown { Datum::Null } else { Datum::Bool(!decisive) })
}

fn at(values: &[Datum], index: usize, what: &str) -> Result<Datum> {
    match values.get(index) {
        Some(value) => Ok(value.clone()),
        None => Err(PgError::internal(format!("{what} {index} is out of range"))),
    }
}
