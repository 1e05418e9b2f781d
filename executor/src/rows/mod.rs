//! The row evaluator: every kind of expression on one row. It is the specification that vector evaluation is
//! held to, and the judge of batches in which a kernel raised a fault.

mod array;
mod subplan;

use types::{Datum, PgError, RecordValue, Result, TypeRef, oids};

use crate::context::QueryContext;
use crate::execute::Run;
use crate::expr::{BoolTest, Expr, ExprKind, FunctionRef, RowPair};
use crate::functions::{self, CallContext, FunctionBody};
use crate::values;

pub(crate) use subplan::{RuntimeFilters, SubplanCache, more_than_one_row};

/// Where an expression finds its columns and the values bound around it.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Columns.
    pub(crate) row: &'a [Datum],
    /// [`ExprKind::CaseOperand`].
    pub(crate) operands: &'a [Datum],
    /// [`ExprKind::SubqueryColumn`].
    pub(crate) subquery: &'a [Datum],
}

/// Evaluates expressions row by row.
#[derive(Clone, Copy)]
pub(crate) struct RowEvaluator<'a> {
    context: &'a QueryContext,
    run: Option<&'a Run<'a>>,
}

/// Returns the value of `expr` over `row`. The expression has no subqueries and no outer values.
///
/// # Errors
/// As the expression's functions do.
pub fn evaluate_row(expr: &Expr, row: &[Datum], context: &QueryContext) -> Result<Datum> {
    RowEvaluator { context, run: None }.evaluate(expr, row)
}

/// Returns the value of an expression without columns.
///
/// # Errors
/// As the expression's functions do.
pub fn evaluate_constant(expr: &Expr, context: &QueryContext) -> Result<Datum> {
    evaluate_row(expr, &[], context)
}

impl<'a> RowEvaluator<'a> {
    /// Returns an evaluator for expressions of the plan that `run` runs.
    pub(crate) fn new(run: &'a Run<'a>) -> Self {
        Self { context: run.context, run: Some(run) }
    }

    /// Returns the value of `expr` over `row`.
    pub(crate) fn evaluate(&self, expr: &Expr, row: &[Datum]) -> Result<Datum> {
        self.eval(expr, Scope { row, operands: &[], subquery: &[] })
    }

    /// Returns whether `expr` is true over `row`.
    pub(crate) fn is_true(&self, expr: &Expr, row: &[Datum]) -> Result<bool> {
        Ok(self.evaluate(expr, row)? == Datum::Bool(true))
    }

    pub(super) fn eval(&self, expr: &Expr, scope: Scope<'_>) -> Result<Datum> {
        match &expr.kind {
            ExprKind::Column(id) => at(scope.row, id.0, "column"),
            ExprKind::Const(value) => Ok(value.clone()),
            ExprKind::Param(number) => at(&self.context.params, number.wrapping_sub(1), "parameter"),
            ExprKind::Outer(number) => match self.run {
                Some(run) => at(&run.outer, *number, "outer value"),
                None => Err(PgError::internal("an outer value outside a plan")),
            },
            ExprKind::CaseOperand(number) => at(scope.operands, *number, "operand"),
            ExprKind::SubqueryColumn(number) => at(scope.subquery, *number, "subquery column"),
            ExprKind::Call { function, args, input_collation } => {
                self.call_args(function, args, *input_collation, expr.ty, scope)
            }
            ExprKind::And(items) => self.connect(items, scope, false),
            ExprKind::Or(items) => self.connect(items, scope, true),
            ExprKind::Not(arg) => Ok(match self.eval(arg, scope)? {
                Datum::Bool(value) => Datum::Bool(!value),
                _ => Datum::Null,
            }),
            ExprKind::IsNull { arg, negated } => {
                let value = self.eval(arg, scope)?;
                Ok(Datum::Bool(match &value {
                    Datum::Record(record) if *negated => record.fields.iter().all(|field| !field.is_null()),
                    Datum::Record(record) => record.fields.iter().all(Datum::is_null),
                    _ => value.is_null() != *negated,
                }))
            }
            ExprKind::BoolTest { arg, test } => Ok(Datum::Bool(bool_test(&self.eval(arg, scope)?, *test))),
            ExprKind::IsDistinct { left, right, equal, negated, input_collation } => {
                let values = [self.eval(left, scope)?, self.eval(right, scope)?];
                let distinct = match (values[0].is_null(), values[1].is_null()) {
                    (true, true) => false,
                    (true, false) | (false, true) => true,
                    (false, false) => {
                        self.call(equal, &values, &[left.ty, right.ty], *input_collation, bool_type())?
                            != Datum::Bool(true)
                    }
                };
                Ok(Datum::Bool(distinct != *negated))
            }
            ExprKind::NullIf { left, right, equal } => {
                let operands = [self.eval(left, scope)?, self.eval(right, scope)?];
                if operands[0].is_null() || operands[1].is_null() {
                    let [left, _] = operands;
                    return Ok(left);
                }
                let same = self.eval(equal, Scope { operands: &operands, ..scope })?;
                let [left, _] = operands;
                Ok(if same == Datum::Bool(true) { Datum::Null } else { left })
            }
            ExprKind::Case { operand, arms, otherwise } => {
                self.case(operand.as_deref(), arms, otherwise, scope)
            }
            ExprKind::Coalesce(items) => {
                for item in items {
                    let value = self.eval(item, scope)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Datum::Null)
            }
            ExprKind::MinMax { args, greatest } => self.min_max(args, *greatest, scope),
            ExprKind::ScalarArray { function, scalar, array, all, input_collation } => {
                let left = self.eval(scalar, scope)?;
                let items = self.eval(array, scope)?;
                self.scalar_array(function, (left, scalar.ty), (items, array.ty), *all, *input_collation)
            }
            ExprKind::Array { elements, element_type } => {
                let values =
                    elements.iter().map(|item| self.eval(item, scope)).collect::<Result<Vec<_>>>()?;
                let nested = elements.first().is_some_and(|first| first.ty.oid == expr.ty.oid);
                array::build(values, *element_type, nested)
            }
            ExprKind::Subscript { array, subscripts, slice } => {
                let value = self.eval(array, scope)?;
                let mut bounds = Vec::with_capacity(subscripts.len());
                for (lower, upper) in subscripts {
                    let one = |bound: &Option<Expr>| match bound {
                        Some(bound) => self.eval(bound, scope).map(Some),
                        None => Ok(None),
                    };
                    bounds.push((one(lower)?, one(upper)?));
                }
                array::subscript(&value, &bounds, *slice)
            }
            ExprKind::Row(items, names) => {
                let fields = items.iter().map(|item| self.eval(item, scope)).collect::<Result<Vec<_>>>()?;
                let types = items.iter().map(|item| item.ty);
                let mut record = RecordValue::anonymous(types, fields);
                if !names.is_empty() {
                    record.columns = names.iter().cloned().zip(items.iter().map(|item| item.ty)).collect();
                }
                Ok(Datum::Record(record.into()))
            }
            ExprKind::Field { arg, index } => match self.eval(arg, scope)? {
                Datum::Record(record) => at(&record.fields, *index, "field"),
                _ => Ok(Datum::Null),
            },
            ExprKind::RowCompare { pairs, or_equal } => self.row_compare(pairs, *or_equal, scope),
            ExprKind::Relabel(arg) => Ok(values::relabel(self.eval(arg, scope)?, expr.ty)),
            ExprKind::Collate(arg) => self.eval(arg, scope),
            ExprKind::CoerceViaIo(arg) => {
                let value = self.eval(arg, scope)?;
                if value.is_null() {
                    return Ok(Datum::Null);
                }
                crate::functions::coerce_via_io(&value, arg.ty, expr.ty, self.context)
            }
            ExprKind::ArrayCoerce { arg, element } => match self.eval(arg, scope)? {
                Datum::Array(value) => array::map(&value, expr.ty, |item| {
                    self.eval(element, Scope { operands: std::slice::from_ref(item), ..scope })
                }),
                _ => Ok(Datum::Null),
            },
            ExprKind::Subquery { index, usage, outer } => self.subquery(*index, usage, outer, expr.ty, scope),
            ExprKind::SetCall { function, .. } => {
                Err(PgError::not_supported(format!("set-returning function {} in this place", function.name)))
            }
        }
    }

    fn call_args(
        &self,
        function: &FunctionRef,
        args: &[Expr],
        collation: u32,
        result: TypeRef,
        scope: Scope<'_>,
    ) -> Result<Datum> {
        let mut values = Vec::with_capacity(args.len());
        let mut any_null = false;
        for arg in args {
            let value = self.eval(arg, scope)?;
            any_null |= value.is_null();
            values.push(value);
        }
        if function.strict && any_null {
            return Ok(Datum::Null);
        }
        let arg_types: Vec<TypeRef> = args.iter().map(|arg| arg.ty).collect();
        self.call(function, &values, &arg_types, collation, result)
    }

    /// Calls a function with values.
    pub(crate) fn call(
        &self,
        function: &FunctionRef,
        values: &[Datum],
        arg_types: &[TypeRef],
        collation: u32,
        result: TypeRef,
    ) -> Result<Datum> {
        if function.strict && values.iter().any(Datum::is_null) {
            return Ok(Datum::Null);
        }
        self.context.cancel.check()?;
        let call = CallContext { query: self.context, arg_types, result, collation };
        match functions::find(&function.prosrc).map(|entry| &entry.body) {
            Some(FunctionBody::Row(body)) => {
                let value = body(values, &call)?;
                match &value {
                    Datum::Text(text) => types::size::check(text.len())?,
                    Datum::Bytes(bytes) => types::size::check(bytes.len())?,
                    _ => {}
                }
                Ok(value)
            }
            Some(FunctionBody::Set(_) | FunctionBody::Stream(_)) => {
                Err(PgError::not_supported(format!("set-returning function {} in this place", function.name)))
            }
            None => Err(missing(function)),
        }
    }

    /// AND and OR: `decisive` is the value that ends the search.
    fn connect(&self, items: &[Expr], scope: Scope<'_>, decisive: bool) -> Result<Datum> {
        let mut unknown = false;
        for item in items {
            match self.eval(item, scope)? {
                Datum::Bool(value) if value == decisive => return Ok(Datum::Bool(decisive)),
                Datum::Bool(_) => {}
                _ => unknown = true,
            }
        }
        Ok(if unknown { Datum::Null } else { Datum::Bool(!decisive) })
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        arms: &[(Expr, Expr)],
        otherwise: &Expr,
        scope: Scope<'_>,
    ) -> Result<Datum> {
        // The operand is visible to the conditions only; results belong to the CASE around.
        let operand = match operand {
            Some(operand) => Some([self.eval(operand, scope)?]),
            None => None,
        };
        for (condition, result) in arms {
            let inner = match &operand {
                Some(operand) => Scope { operands: operand, ..scope },
                None => scope,
            };
            if self.eval(condition, inner)? == Datum::Bool(true) {
                return self.eval(result, scope);
            }
        }
        self.eval(otherwise, scope)
    }

    fn min_max(&self, args: &[Expr], greatest: bool, scope: Scope<'_>) -> Result<Datum> {
        let mut best = Datum::Null;
        for arg in args {
            let value = self.eval(arg, scope)?;
            if value.is_null() {
                continue;
            }
            let order = values::compare(&value, &best, arg.ty);
            if best.is_null() || if greatest { order.is_gt() } else { order.is_lt() } {
                best = value;
            }
        }
        Ok(best)
    }

    fn scalar_array(
        &self,
        function: &FunctionRef,
        (left, left_type): (Datum, TypeRef),
        (items, array_type): (Datum, TypeRef),
        all: bool,
        collation: u32,
    ) -> Result<Datum> {
        let Datum::Array(items) = items else { return Ok(Datum::Null) };
        if items.elements.is_empty() {
            return Ok(Datum::Bool(all));
        }
        if left.is_null() && function.strict {
            return Ok(Datum::Null);
        }
        let element = TypeRef { oid: items.element_type, typmod: -1, collation: array_type.collation };
        let mut unknown = false;
        let mut values = [left, Datum::Null];
        for item in &items.elements {
            values[1] = item.clone();
            match self.call(function, &values, &[left_type, element], collation, bool_type())? {
                Datum::Bool(value) if value != all => return Ok(Datum::Bool(value)),
                Datum::Bool(_) => {}
                _ => unknown = true,
            }
        }
        Ok(if unknown { Datum::Null } else { Datum::Bool(all) })
    }

    fn row_compare(&self, pairs: &[RowPair], or_equal: bool, scope: Scope<'_>) -> Result<Datum> {
        for pair in pairs {
            let values = [self.eval(&pair.left, scope)?, self.eval(&pair.right, scope)?];
            let types = [pair.left.ty, pair.right.ty];
            match self.call(&pair.equal, &values, &types, pair.input_collation, bool_type())? {
                Datum::Bool(true) => {}
                Datum::Bool(false) => {
                    return self.call(&pair.order, &values, &types, pair.input_collation, bool_type());
                }
                _ => return Ok(Datum::Null),
            }
        }
        Ok(Datum::Bool(or_equal))
    }
}

/// Returns the error for a resolved function that has no body.
pub(crate) fn missing(function: &FunctionRef) -> PgError {
    PgError::not_supported(format!("function {} ({})", function.name, function.prosrc))
}

fn bool_type() -> TypeRef {
    TypeRef::plain(oids::BOOL)
}

fn at(values: &[Datum], index: u32, what: &str) -> Result<Datum> {
    match values.get(index as usize) {
        Some(value) => Ok(value.clone()),
        None => Err(PgError::internal(format!("{what} {index} is out of range"))),
    }
}

fn bool_test(value: &Datum, test: BoolTest) -> bool {
    let value = match value {
        Datum::Bool(value) => Some(*value),
        _ => None,
    };
    match test {
        BoolTest::True => value == Some(true),
        BoolTest::NotTrue => value != Some(true),
        BoolTest::False => value == Some(false),
        BoolTest::NotFalse => value != Some(false),
        BoolTest::Unknown => value.is_none(),
        BoolTest::NotUnknown => value.is_some(),
    }
}
