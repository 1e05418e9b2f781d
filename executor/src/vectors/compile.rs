//! From expressions to vector nodes.

use kernels::vector::Vector;
use parking_lot::Mutex;
use types::{Datum, Result, TypeRef, oids};

use super::{Node, NodeKind, VectorExpr, in_set};
use crate::convert::constant_vector;
use crate::execute::{FallbackReason, Run};
use crate::expr::{Expr, ExprKind, Volatility};
use crate::functions;

struct Compiler<'a> {
    run: &'a Run<'a>,
    fallback: Option<FallbackReason>,
}

impl VectorExpr {
    /// Prepares `expr` for batches.
    pub(crate) fn compile(run: &Run<'_>, expr: &Expr) -> Result<Self> {
        let mut compiler = Compiler { run, fallback: None };
        let root = if run.context.options.force_row {
            compiler.fallback = Some(FallbackReason::Forced);
            compiler.row(expr)
        } else {
            compiler.compile(expr)?
        };
        Ok(Self { expr: expr.clone(), root, columns: columns_of(expr), fallback: compiler.fallback })
    }

    /// Prepares several expressions.
    pub(crate) fn compile_all<'e>(
        run: &Run<'_>,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<Vec<Self>> {
        exprs.into_iter().map(|expr| Self::compile(run, expr)).collect()
    }
}

impl Compiler<'_> {
    fn node(&self, expr: &Expr, kind: NodeKind) -> Node {
        Node { kind, ty: expr.ty, single_column: single_column(expr), dictionaries: Mutex::default() }
    }

    fn row(&mut self, expr: &Expr) -> Node {
        let columns = columns_of(expr);
        self.node(expr, NodeKind::Row(expr.clone(), columns))
    }

    fn fall_back(&mut self, expr: &Expr, reason: FallbackReason) -> Node {
        self.fallback = Some(reason);
        self.row(expr)
    }

    fn all(&mut self, exprs: &[Expr]) -> Result<Vec<Node>> {
        exprs.iter().map(|expr| self.compile(expr)).collect()
    }

    fn constant(&mut self, expr: &Expr, value: &Datum) -> Result<Node> {
        let vector = constant_vector(value, expr.ty, 1)?;
        Ok(self.node(expr, NodeKind::Constant(value.clone(), vector)))
    }

    fn compile(&mut self, expr: &Expr) -> Result<Node> {
        if let Some(reason) = needs_rows(expr) {
            return Ok(self.fall_back(expr, reason));
        }
        let kind = match &expr.kind {
            ExprKind::Column(id) => NodeKind::Column(id.0 as usize),
            ExprKind::Const(value) => return self.constant(expr, value),
            ExprKind::Param(_) | ExprKind::Outer(_) => {
                let value = crate::rows::RowEvaluator::new(self.run).evaluate(expr, &[])?;
                return self.constant(expr, &value);
            }
            ExprKind::Call { function, args, .. } => {
                match functions::find(&function.prosrc).and_then(|entry| entry.vector) {
                    Some(vector) => NodeKind::Call {
                        function: vector,
                        strict: function.strict,
                        args: self.all(args)?,
                        expr: expr.clone(),
                    },
                    None => return Ok(self.fall_back(expr, FallbackReason::NoKernel)),
                }
            }
            ExprKind::And(items) => NodeKind::Connect { items: self.all(items)?, any: false },
            ExprKind::Or(items) => NodeKind::Connect { items: self.all(items)?, any: true },
            ExprKind::Not(arg) => NodeKind::Not(Box::new(self.compile(arg)?)),
            ExprKind::IsNull { arg, negated } if arg.ty.oid != oids::RECORD => {
                NodeKind::IsNull { arg: Box::new(self.compile(arg)?), negated: *negated }
            }
            ExprKind::BoolTest { arg, test } => {
                NodeKind::BoolTest { arg: Box::new(self.compile(arg)?), test: *test }
            }
            ExprKind::Case { operand: None, arms, otherwise } => {
                let arms = arms
                    .iter()
                    .map(|(condition, result)| Ok((self.compile(condition)?, self.compile(result)?)))
                    .collect::<Result<Vec<_>>>()?;
                NodeKind::Case { arms, otherwise: Box::new(self.compile(otherwise)?) }
            }
            ExprKind::ScalarArray { function, scalar, array, all: false, .. } => {
                match in_set::Set::new(function, scalar.ty, array) {
                    Some(set) => {
                        NodeKind::InSet { arg: Box::new(self.compile(scalar)?), set, expr: expr.clone() }
                    }
                    None => return Ok(self.fall_back(expr, FallbackReason::NoKernel)),
                }
            }
            ExprKind::Relabel(arg) if !crate::values::relabel_keeps_lanes(arg.ty, expr.ty) => {
                return Ok(self.fall_back(expr, FallbackReason::NoKernel));
            }
            ExprKind::Relabel(arg) | ExprKind::Collate(arg) => {
                let mut node = self.compile(arg)?;
                node.ty = expr.ty;
                return Ok(node);
            }
            ExprKind::IsNull { .. }
            | ExprKind::IsDistinct { .. }
            | ExprKind::NullIf { .. }
            | ExprKind::Case { .. }
            | ExprKind::CaseOperand(_)
            | ExprKind::Coalesce(_)
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
            | ExprKind::SetCall { .. } => return Ok(self.fall_back(expr, FallbackReason::NoKernel)),
        };
        Ok(self.node(expr, kind))
    }
}

/// Returns why an expression must be evaluated row by row as a whole.
fn needs_rows(expr: &Expr) -> Option<FallbackReason> {
    let mut reason = None;
    expr.walk(&mut |part| match &part.kind {
        ExprKind::Call { function, .. } if function.volatility == Volatility::Volatile => {
            reason = Some(FallbackReason::Volatile);
        }
        ExprKind::Subquery { .. } => reason = Some(FallbackReason::Subquery),
        _ => {}
    });
    reason
}

/// Returns the columns that `expr` reads, ascending.
pub(crate) fn columns_of(expr: &Expr) -> Vec<usize> {
    let mut columns = Vec::new();
    expr.walk(&mut |part| {
        if let ExprKind::Column(id) = &part.kind {
            columns.push(id.0 as usize);
        }
    });
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// Returns the types of the columns that `expr` reads, by position, with something harmless in the gaps.
pub(super) fn column_types(expr: &Expr, len: usize) -> Vec<TypeRef> {
    let mut types = vec![TypeRef::plain(oids::INT4); len];
    expr.walk(&mut |part| {
        if let ExprKind::Column(id) = &part.kind
            && let Some(slot) = types.get_mut(id.0 as usize)
        {
            *slot = part.ty;
        }
    });
    types
}

fn single_column(expr: &Expr) -> Option<usize> {
    if matches!(expr.kind, ExprKind::Column(_)) || needs_rows(expr).is_some() {
        return None;
    }
    match columns_of(expr).as_slice() {
        [column] => Some(*column),
        _ => None,
    }
}

/// Returns `vector`'s single lane repeated `len` times.
pub(super) fn repeat_constant(vector: &Vector, is_null: bool, len: usize) -> Vector {
    let values = vector.values().clone();
    if is_null { Vector::null(values, len) } else { Vector::constant(values, len) }
}
