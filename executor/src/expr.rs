//! Typed expressions, shared by analyzer, optimizer and executor.
//!
//! Above lowering a column is named by an id that is unique in the statement (so a correlated reference is an id
//! which the subtree does not produce); lowering rewrites ids to positions in the input batch. Everything is
//! resolved: operators and casts are calls of `pg_proc` rows, implicit coercions are explicit.

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::{Datum, Oid, TypeRef};

/// A column: a statement-wide unique id above lowering, a position in the input batch below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnId(pub u32);

/// An expression and the type of its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    /// What is computed.
    pub kind: ExprKind,
    /// Type, modifier and collation of the result.
    pub ty: TypeRef,
}

/// `pg_proc.provolatile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Volatility {
    /// The same result for the same arguments, forever.
    Immutable,
    /// The same result within one statement.
    Stable,
    /// Anything; must be evaluated once per row, in row order.
    Volatile,
}

/// The function that a call resolved to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionRef {
    /// `pg_proc.oid`.
    pub oid: Oid,
    /// `pg_proc.prosrc`, the key of the registry.
    pub prosrc: EcoString,
    /// SQL name (or operator symbol when written as an operator), for EXPLAIN and errors.
    pub name: EcoString,
    /// Whether a NULL argument gives NULL without a call.
    pub strict: bool,
    /// When it may be folded or moved.
    pub volatility: Volatility,
}

/// `IS [NOT] TRUE` and its relatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BoolTest {
    /// IS TRUE
    True,
    /// IS NOT TRUE
    NotTrue,
    /// IS FALSE
    False,
    /// IS NOT FALSE
    NotFalse,
    /// IS UNKNOWN
    Unknown,
    /// IS NOT UNKNOWN
    NotUnknown,
}

/// How the value of a subquery is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SubqueryUse {
    /// `(SELECT ...)` as a value: NULL for no row, `21000` for more than one.
    Scalar,
    /// `EXISTS (SELECT ...)`.
    Exists,
    /// `ARRAY(SELECT ...)`.
    Array,
    /// `tests op ANY (SELECT ...)`: `comparison` is a boolean expression in which the subquery's output columns
    /// appear as [`ExprKind::SubqueryColumn`]; three-valued as SQL has it. `IN` is `= ANY`.
    Any {
        /// The comparison.
        comparison: Box<Expr>,
    },
    /// `tests op ALL (SELECT ...)`. `NOT IN` is `<> ALL`.
    All {
        /// The comparison.
        comparison: Box<Expr>,
    },
    /// `(a, b) = (SELECT x, y ...)` row comparison with a single-row subquery.
    Row {
        /// The comparison.
        comparison: Box<Expr>,
    },
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ExprKind {
    /// A column.
    Column(ColumnId),
    /// A constant of the expression's type.
    Const(Datum),
    /// Parameter `$n` of the statement, counted from 1.
    Param(u32),
    /// A value that the executor sets before it runs a correlated subplan, lateral right side or recursion
    /// (physical plans only).
    Outer(u32),
    /// A call of a function that returns one value. NULL handling as `strict` says.
    Call {
        /// The function.
        function: FunctionRef,
        /// Arguments with all coercions applied, defaults filled in and VARIADIC packed into an array.
        args: Vec<Expr>,
        /// Collation that the function is to use, 0 for none.
        input_collation: Oid,
    },
    /// AND of two or more, three-valued; stops at the first false in row order.
    And(Vec<Expr>),
    /// OR of two or more, three-valued; stops at the first true in row order.
    Or(Vec<Expr>),
    /// NOT.
    Not(Box<Expr>),
    /// IS NULL (for a record: every field is null, `record` is set).
    IsNull {
        /// The tested value.
        arg: Box<Expr>,
        /// IS NOT NULL instead.
        negated: bool,
    },
    /// IS TRUE and relatives.
    BoolTest {
        /// The tested boolean.
        arg: Box<Expr>,
        /// The test.
        test: BoolTest,
    },
    /// IS [NOT] DISTINCT FROM; `equal` is the equality over `CaseOperand`-free arguments.
    IsDistinct {
        /// Left value.
        left: Box<Expr>,
        /// Right value.
        right: Box<Expr>,
        /// The equality function of the common type.
        equal: FunctionRef,
        /// IS NOT DISTINCT FROM instead.
        negated: bool,
        /// Collation of the comparison.
        input_collation: Oid,
    },
    /// NULLIF(left, right): NULL when `equal` says true, else left.
    NullIf {
        /// Left value, also the result.
        left: Box<Expr>,
        /// Right value.
        right: Box<Expr>,
        /// Comparison over [`ExprKind::CaseOperand`] 0 (left) and 1 (right), boolean.
        equal: Box<Expr>,
    },
    /// CASE. For `CASE operand WHEN value`, each condition compares [`ExprKind::CaseOperand`] 0 of this CASE's
    /// operand, which is evaluated once.
    Case {
        /// The operand, if the simple form was written.
        operand: Option<Box<Expr>>,
        /// (condition, result), tried in order.
        arms: Vec<(Expr, Expr)>,
        /// ELSE; a NULL constant when not written.
        otherwise: Box<Expr>,
    },
    /// The operand of the innermost enclosing CASE (0) or NULLIF (0, 1).
    CaseOperand(u32),
    /// COALESCE.
    Coalesce(Vec<Expr>),
    /// GREATEST / LEAST: NULLs are ignored; compares with the default btree order of the type.
    MinMax {
        /// Arguments of one type.
        args: Vec<Expr>,
        /// GREATEST, else LEAST.
        greatest: bool,
    },
    /// `scalar op ANY/ALL (array)`; `IN (list)` arrives as this with an [`ExprKind::Array`] of the items.
    ScalarArray {
        /// The operator's function, boolean.
        function: FunctionRef,
        /// Left value.
        scalar: Box<Expr>,
        /// An expression of array type.
        array: Box<Expr>,
        /// ALL instead of ANY.
        all: bool,
        /// Collation of the comparison.
        input_collation: Oid,
    },
    /// ARRAY[...]; `ty` is the array type. Elements that are arrays themselves build more dimensions.
    Array {
        /// Elements, of the element type or (multi-dimensional) of the array type.
        elements: Vec<Expr>,
        /// Type of the elements at the bottom.
        element_type: Oid,
    },
    /// `array[i][j]` or a slice `array[l:u]`.
    Subscript {
        /// The array.
        array: Box<Expr>,
        /// (lower, upper): for an element only upper is given; for slices either may be missing.
        subscripts: Vec<(Option<Expr>, Option<Expr>)>,
        /// Whether any was written as a slice (the result is an array then).
        slice: bool,
    },
    /// ROW(...), and the names of the fields where they are not `f1`, `f2`, ...
    Row(Vec<Expr>, Vec<EcoString>),
    /// Field of a composite value, counted from 0.
    Field {
        /// The record.
        arg: Box<Expr>,
        /// Position of the field.
        index: u32,
    },
    /// Row-wise `<`, `<=`, `>`, `>=` of several pairs.
    RowCompare {
        /// (equal function, strictly-ordered function `<` or `>`) for each pair.
        pairs: Vec<RowPair>,
        /// Whether equality of all pairs is true (`<=`, `>=`).
        or_equal: bool,
    },
    /// A binary-coercible change of type: the same datum.
    Relabel(Box<Expr>),
    /// A cast through the output function of the source and the input function of the target type.
    CoerceViaIo(Box<Expr>),
    /// A cast of an array, element by element: `element` is over [`ExprKind::CaseOperand`] 0.
    ArrayCoerce {
        /// The array.
        arg: Box<Expr>,
        /// The cast of one element.
        element: Box<Expr>,
    },
    /// `expr COLLATE c`; the collation stands in `ty`.
    Collate(Box<Expr>),
    /// A subquery: `index` into the subqueries of the enclosing query (analyzed form) or into
    /// [`crate::plan::Plan::subplans`] (physical form).
    Subquery {
        /// Which one.
        index: u32,
        /// How its rows make a value.
        usage: SubqueryUse,
        /// Physical form: values for the subplan's [`ExprKind::Outer`] slots, computed from the current row.
        outer: Vec<(u32, Expr)>,
    },
    /// Output column `n` of the subquery that the enclosing comparison belongs to.
    SubqueryColumn(u32),
    /// A call of a set-returning function in a target list (analyzed form only; a ProjectSet node runs it).
    SetCall {
        /// The function.
        function: FunctionRef,
        /// Its arguments.
        args: Vec<Expr>,
        /// Collation of the call.
        input_collation: Oid,
    },
}

/// One pair of a row comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowPair {
    /// Left value.
    pub left: Expr,
    /// Right value.
    pub right: Expr,
    /// Equality of the pair.
    pub equal: FunctionRef,
    /// The strict order of the pair.
    pub order: FunctionRef,
    /// Collation of both.
    pub input_collation: Oid,
}

impl Expr {
    /// Returns a column of type `ty`.
    pub fn column(id: ColumnId, ty: TypeRef) -> Self {
        Self { kind: ExprKind::Column(id), ty }
    }
    /// Returns a constant of type `ty`.
    pub fn constant(value: Datum, ty: TypeRef) -> Self {
        Self { kind: ExprKind::Const(value), ty }
    }
    /// Returns a boolean constant.
    pub fn bool(value: bool) -> Self {
        Self::constant(Datum::Bool(value), TypeRef::plain(types::oids::BOOL))
    }
    /// Calls `visit` on each direct child.
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Column(_)
            | ExprKind::Const(_)
            | ExprKind::Param(_)
            | ExprKind::Outer(_)
            | ExprKind::CaseOperand(_)
            | ExprKind::SubqueryColumn(_) => {}
            ExprKind::Call { args, .. } | ExprKind::SetCall { args, .. } => args.iter().for_each(visit),
            ExprKind::And(items)
            | ExprKind::Or(items)
            | ExprKind::Coalesce(items)
            | ExprKind::Row(items, _) => {
                items.iter().for_each(visit);
            }
            ExprKind::MinMax { args, .. } => args.iter().for_each(visit),
            ExprKind::Array { elements, .. } => elements.iter().for_each(visit),
            ExprKind::Not(arg)
            | ExprKind::IsNull { arg, .. }
            | ExprKind::BoolTest { arg, .. }
            | ExprKind::Field { arg, .. }
            | ExprKind::Relabel(arg)
            | ExprKind::CoerceViaIo(arg)
            | ExprKind::Collate(arg) => visit(arg),
            ExprKind::IsDistinct { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::NullIf { left, right, equal } => {
                visit(left);
                visit(right);
                visit(equal);
            }
            ExprKind::Case { operand, arms, otherwise } => {
                if let Some(operand) = operand {
                    visit(operand);
                }
                for (condition, result) in arms {
                    visit(condition);
                    visit(result);
                }
                visit(otherwise);
            }
            ExprKind::ScalarArray { scalar, array, .. } => {
                visit(scalar);
                visit(array);
            }
            ExprKind::Subscript { array, subscripts, .. } => {
                visit(array);
                for (lower, upper) in subscripts {
                    lower.iter().for_each(&mut *visit);
                    upper.iter().for_each(&mut *visit);
                }
            }
            ExprKind::RowCompare { pairs, .. } => {
                for pair in pairs {
                    visit(&pair.left);
                    visit(&pair.right);
                }
            }
            ExprKind::ArrayCoerce { arg, element } => {
                visit(arg);
                visit(element);
            }
            ExprKind::Subquery { usage, outer, .. } => {
                match usage {
                    SubqueryUse::Scalar | SubqueryUse::Exists | SubqueryUse::Array => {}
                    SubqueryUse::Any { comparison }
                    | SubqueryUse::All { comparison }
                    | SubqueryUse::Row { comparison } => visit(comparison),
                }
                outer.iter().for_each(|(_, value)| visit(value));
            }
        }
    }
    /// Calls `visit` on each direct child for change.
    pub fn for_each_child_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        match &mut self.kind {
            ExprKind::Column(_)
            | ExprKind::Const(_)
            | ExprKind::Param(_)
            | ExprKind::Outer(_)
            | ExprKind::CaseOperand(_)
            | ExprKind::SubqueryColumn(_) => {}
            ExprKind::Call { args, .. } | ExprKind::SetCall { args, .. } => args.iter_mut().for_each(visit),
            ExprKind::And(items)
            | ExprKind::Or(items)
            | ExprKind::Coalesce(items)
            | ExprKind::Row(items, _) => {
                items.iter_mut().for_each(visit);
            }
            ExprKind::MinMax { args, .. } => args.iter_mut().for_each(visit),
            ExprKind::Array { elements, .. } => elements.iter_mut().for_each(visit),
            ExprKind::Not(arg)
            | ExprKind::IsNull { arg, .. }
            | ExprKind::BoolTest { arg, .. }
            | ExprKind::Field { arg, .. }
            | ExprKind::Relabel(arg)
            | ExprKind::CoerceViaIo(arg)
            | ExprKind::Collate(arg) => visit(arg),
            ExprKind::IsDistinct { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::NullIf { left, right, equal } => {
                visit(left);
                visit(right);
                visit(equal);
            }
            ExprKind::Case { operand, arms, otherwise } => {
                if let Some(operand) = operand {
                    visit(operand);
                }
                for (condition, result) in arms {
                    visit(condition);
                    visit(result);
                }
                visit(otherwise);
            }
            ExprKind::ScalarArray { scalar, array, .. } => {
                visit(scalar);
                visit(array);
            }
            ExprKind::Subscript { array, subscripts, .. } => {
                visit(array);
                for (lower, upper) in subscripts {
                    lower.iter_mut().for_each(&mut *visit);
                    upper.iter_mut().for_each(&mut *visit);
                }
            }
            ExprKind::RowCompare { pairs, .. } => {
                for pair in pairs {
                    visit(&mut pair.left);
                    visit(&mut pair.right);
                }
            }
            ExprKind::ArrayCoerce { arg, element } => {
                visit(arg);
                visit(element);
            }
            ExprKind::Subquery { usage, outer, .. } => {
                match usage {
                    SubqueryUse::Scalar | SubqueryUse::Exists | SubqueryUse::Array => {}
                    SubqueryUse::Any { comparison }
                    | SubqueryUse::All { comparison }
                    | SubqueryUse::Row { comparison } => visit(comparison),
                }
                outer.iter_mut().for_each(|(_, value)| visit(value));
            }
        }
    }
    /// Calls `visit` on this expression and all below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        self.for_each_child(&mut |child| child.walk(visit));
    }
}
