//! Operators: lookup by name and operand types (`oper`, `left_oper`), and the calls they become.

use executor::expr::{Expr, ExprKind, FunctionRef};
use types::oids;
use types::{Oid, PgError, Result, SqlState};

use super::candidates::{Candidate, matching, select};
use super::coerce::{array_type, base_type, element_type, is_binary_coercible, plain, type_row};
use super::state::{Analyzer, Location, error};
use crate::catalog::builtin::{CastContext, DefaultOperators, Function, Operator, TypeKind, builtin};
use crate::catalog::type_names::type_name;

/// An operand and where it stands.
pub(super) type Operand = (Expr, Location);

impl Analyzer<'_> {
    /// Returns the operator for these operand types; `left` is `None` for a prefix operator.
    pub(super) fn find_operator(
        &self,
        name: &[&str],
        left: Option<Oid>,
        right: Oid,
        location: Location,
    ) -> Result<&'static Operator> {
        let (schema, symbol) = match name {
            [symbol] => (None, *symbol),
            [schema, symbol] => (Some(*schema), *symbol),
            _ => return Err(PgError::internal("an operator without a name")),
        };
        let namespaces = match schema {
            None => self.context.catalog.search_schemas(self.context.search_path),
            Some(schema) => match self.context.catalog.schema_oid(schema) {
                Some(oid) => vec![oid],
                None => {
                    let message = format!("schema \"{schema}\" does not exist");
                    return Err(error(SqlState::INVALID_SCHEMA_NAME, message, location));
                }
            },
        };
        let prefix = left.is_none();
        let named: Vec<&'static Operator> = builtin()
            .operators_by_name(symbol)
            .filter(|operator| namespaces.contains(&operator.namespace) && (operator.left == 0) == prefix)
            .collect();
        let exact = |left: Oid, right: Oid| {
            named.iter().copied().find(|operator| operator.left == left && operator.right == right)
        };
        let (assumed_left, assumed_right) = assume_same(left, right);
        if let Some(found) = exact(assumed_left, assumed_right) {
            return Ok(found);
        }
        let bases = (base_type(assumed_left), base_type(assumed_right));
        if bases != (assumed_left, assumed_right)
            && let Some(found) = exact(bases.0, bases.1)
        {
            return Ok(found);
        }
        let actual: Vec<Oid> = left.into_iter().chain([right]).collect();
        let candidates = named.iter().map(|operator| Candidate {
            oid: operator.oid,
            args: if prefix { vec![operator.right] } else { vec![operator.left, operator.right] },
            positions: None,
            variadic_count: 0,
            default_count: 0,
        });
        let mut fitting = matching(&actual, candidates.collect());
        let ambiguous = fitting.len() > 1;
        let chosen = if ambiguous { select(&actual, fitting) } else { fitting.pop() };
        let chosen = chosen.and_then(|candidate| builtin().operator(candidate.oid));
        chosen.ok_or_else(|| no_operator(symbol, schema, left, right, ambiguous).at(location))
    }

    /// Builds the call of an operator (`make_op`).
    pub(super) fn operator_call(
        &mut self,
        name: &[&str],
        left: Option<Operand>,
        right: Operand,
        location: Location,
    ) -> Result<Expr> {
        let operator =
            self.find_operator(name, left.as_ref().map(|(expr, _)| expr.ty.oid), right.0.ty.oid, location)?;
        self.operator_call_of(operator, left, right, location)
    }

    /// Builds the call of a known operator.
    pub(super) fn operator_call_of(
        &mut self,
        operator: &'static Operator,
        left: Option<Operand>,
        right: Operand,
        location: Location,
    ) -> Result<Expr> {
        let function = operator_function(operator)?;
        let mut declared = vec![operator.right];
        let mut operands = vec![right];
        if let Some(left) = left {
            declared.insert(0, operator.left);
            operands.insert(0, left);
        }
        let actual: Vec<Oid> = operands.iter().map(|(expr, _)| expr.ty.oid).collect();
        let result = super::polymorphic::enforce(&actual, &mut declared, operator.result, location)?;
        let args = self.coerce_operands(operands, &declared)?;
        if function.returns_set {
            return Err(super::state::unsupported("set-returning operators", location));
        }
        Ok(self.call(function.reference(operator.name.clone()), args, result))
    }

    /// Converts operands to the types a function takes.
    pub(super) fn coerce_operands(&mut self, operands: Vec<Operand>, declared: &[Oid]) -> Result<Vec<Expr>> {
        let pairs = operands.into_iter().zip(declared);
        pairs.map(|((expr, at), ty)| self.coerce(expr, *ty, -1, CastContext::Implicit, at)).collect()
    }

    /// Builds a call with the collation that its arguments give it.
    pub(super) fn call(&self, function: FunctionRef, args: Vec<Expr>, result: Oid) -> Expr {
        let collation = merged_collation(args.iter());
        let mut ty = plain(result);
        if ty.collation != 0 && collation != 0 {
            ty.collation = collation;
        }
        Expr { kind: ExprKind::Call { function, args, input_collation: collation }, ty }
    }

    /// Builds `scalar op ANY/ALL (array)` (`make_scalar_array_op`).
    pub(super) fn scalar_array(
        &mut self,
        name: &[&str],
        all: bool,
        scalar: Operand,
        array: Operand,
        location: Location,
    ) -> Result<Expr> {
        let array_oid = array.0.ty.oid;
        let item = if array_oid == oids::UNKNOWN { oids::UNKNOWN } else { element_type(array_oid) };
        if item == 0 {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(error(SqlState::WRONG_OBJECT_TYPE, message, location));
        }
        let operator = self.find_operator(name, Some(scalar.0.ty.oid), item, location)?;
        if operator.result != oids::BOOL {
            let message = "op ANY/ALL (array) requires operator to yield boolean";
            return Err(error(SqlState::WRONG_OBJECT_TYPE, message, location));
        }
        let function = operator_function(operator)?;
        let mut declared = vec![operator.left, operator.right];
        super::polymorphic::enforce(&[scalar.0.ty.oid, item], &mut declared, operator.result, location)?;
        let wanted = if declared[1] == oids::ANYELEMENT { array_oid } else { array_type(declared[1]) };
        if wanted == 0 {
            let message = format!("could not find array type for data type {}", type_name(declared[1]));
            return Err(error(SqlState::UNDEFINED_OBJECT, message, location));
        }
        let scalar = self.coerce(scalar.0, declared[0], -1, CastContext::Implicit, scalar.1)?;
        let array = self.coerce(array.0, wanted, -1, CastContext::Implicit, array.1)?;
        let input_collation = merged_collation([&scalar, &array].into_iter());
        let function = function.reference(operator.name.clone());
        let kind = ExprKind::ScalarArray {
            function,
            scalar: Box::new(scalar),
            array: Box::new(array),
            all,
            input_collation,
        };
        Ok(Expr { kind, ty: plain(oids::BOOL) })
    }

    /// Returns the equality function of a type's default operators.
    pub(super) fn equality(&self, ty: Oid, location: Location) -> Result<FunctionRef> {
        let found = default_operators(ty).filter(|operators| operators.equal != 0);
        let operator = found.and_then(|operators| builtin().operator(operators.equal));
        match operator {
            Some(operator) => Ok(operator_function(operator)?.reference(operator.name.clone())),
            None => {
                let message = format!("could not identify an equality operator for type {}", type_name(ty));
                Err(error(SqlState::UNDEFINED_FUNCTION, message, location))
            }
        }
    }

    /// Checks that a type can be sorted.
    pub(super) fn require_order(&self, ty: Oid, location: Location) -> Result<()> {
        if default_operators(ty).is_some_and(|operators| operators.less != 0) {
            return Ok(());
        }
        let message = format!("could not identify an ordering operator for type {}", type_name(ty));
        Err(error(SqlState::UNDEFINED_FUNCTION, message, location)
            .with_hint("Use an explicit ordering operator or modify the query."))
    }
}

/// An unknown operand is first assumed to be of the other's type.
fn assume_same(left: Option<Oid>, right: Oid) -> (Oid, Oid) {
    match left {
        None => (0, right),
        Some(oids::UNKNOWN) if right != oids::UNKNOWN => (right, right),
        Some(left) if right == oids::UNKNOWN => (left, left),
        Some(left) => (left, right),
    }
}

/// Returns the function behind an operator.
pub(super) fn operator_function(operator: &Operator) -> Result<&'static Function> {
    builtin()
        .function(operator.function)
        .ok_or_else(|| PgError::not_supported(format!("operator {}", operator.name)))
}

fn no_operator(
    symbol: &str,
    schema: Option<&str>,
    left: Option<Oid>,
    right: Oid,
    ambiguous: bool,
) -> PgError {
    let name = schema.map_or_else(|| symbol.to_string(), |schema| format!("{schema}.{symbol}"));
    let signature = match left {
        None => format!("{name} {}", type_name(right)),
        Some(left) => format!("{} {name} {}", type_name(left), type_name(right)),
    };
    if ambiguous {
        return PgError::new(SqlState::AMBIGUOUS_FUNCTION, format!("operator is not unique: {signature}"))
            .with_hint(
                "Could not choose a best candidate operator. You might need to add explicit type casts.",
            );
    }
    let hint = if left.is_some() {
        "No operator matches the given name and argument types. You might need to add explicit type casts."
    } else {
        "No operator matches the given name and argument type. You might need to add an explicit type cast."
    };
    PgError::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {signature}"))
        .with_hint(hint)
}

/// Returns the default operators that apply to a type, its base type or what it can be relabelled to.
pub(super) fn default_operators(ty: Oid) -> Option<DefaultOperators> {
    let ty = base_type(ty);
    if let Some(found) = builtin().default_operators(ty) {
        return Some(*found);
    }
    let element = element_type(ty);
    if element != 0 {
        let inner = default_operators(element)?;
        let mut found = *builtin().default_operators(oids::ANYARRAY)?;
        if inner.less == 0 {
            (found.less, found.greater) = (0, 0);
        }
        return Some(found);
    }
    let general = match type_row(ty)?.kind {
        TypeKind::Enum => oids::ANYENUM,
        TypeKind::Range => oids::ANYRANGE,
        TypeKind::Multirange => oids::ANYMULTIRANGE,
        TypeKind::Composite => oids::RECORD,
        TypeKind::Base | TypeKind::Domain | TypeKind::Pseudo => 0,
    };
    if general != 0 {
        return builtin().default_operators(general).copied();
    }
    const INET: Oid = 869;
    let targets = [oids::TEXT, oids::OID, INET, oids::INT4, oids::INT8, oids::VARBIT];
    let target = targets.into_iter().find(|target| is_binary_coercible(ty, *target))?;
    builtin().default_operators(target).copied()
}

/// Returns the collation that arguments give a call: explicit ones win, the default yields, different ones conflict
/// (0).
pub(super) fn merged_collation<'a>(args: impl Iterator<Item = &'a Expr>) -> Oid {
    let mut merged = 0;
    let mut conflict = false;
    for arg in args {
        let collation = arg.ty.collation;
        if collation == 0 || collation == merged {
            continue;
        }
        if is_explicit(arg) {
            return collation;
        }
        if merged == 0 || merged == oids::DEFAULT_COLLATION {
            merged = collation;
        } else if collation != oids::DEFAULT_COLLATION {
            conflict = true;
        }
    }
    if conflict { 0 } else { merged }
}

/// Returns whether the collation of an expression was written with COLLATE.
fn is_explicit(expr: &Expr) -> bool {
    if matches!(expr.kind, ExprKind::Collate(_)) {
        return true;
    }
    if matches!(expr.kind, ExprKind::Subquery { .. }) || expr.ty.collation == oids::DEFAULT_COLLATION {
        return false;
    }
    let mut found = false;
    expr.for_each_child(&mut |child| found |= child.ty.collation == expr.ty.collation && is_explicit(child));
    found
}
