//! Facts about operators' functions from the catalog: which are equalities or orders of a btree family, their
//! commutators and negators.

use std::collections::HashMap;
use std::sync::LazyLock;

use datasets::catalog::{self, Row};
use ecow::EcoString;
use executor::expr::{Expr, ExprKind, FunctionRef, Volatility};
use types::{Oid, TypeRef, oids};

/// What is known of the function behind an operator.
#[derive(Debug, Clone)]
pub struct OperatorFacts {
    /// The operator's symbol.
    pub symbol: EcoString,
    /// Type of the left argument.
    pub left: Oid,
    /// Type of the right argument.
    pub right: Oid,
    /// Function of the commutator, 0 when there is none.
    pub commutator: Oid,
    /// Function of the negator, 0 when there is none.
    pub negator: Oid,
    /// Btree family and strategy (1 `<`, 2 `<=`, 3 `=`, 4 `>=`, 5 `>`).
    pub btree: Option<(Oid, u8)>,
}

/// Btree strategy numbers.
pub mod strategy {
    /// `<`
    pub const LESS: u8 = 1;
    /// `<=`
    pub const LESS_EQUAL: u8 = 2;
    /// `=`
    pub const EQUAL: u8 = 3;
    /// `>=`
    pub const GREATER_EQUAL: u8 = 4;
    /// `>`
    pub const GREATER: u8 = 5;
}

const BTREE: Oid = 403;

struct Facts {
    operators: HashMap<Oid, OperatorFacts>,
    functions: HashMap<Oid, FunctionRef>,
    family_members: HashMap<(Oid, Oid, Oid, u8), Oid>,
}

static FACTS: LazyLock<Facts> = LazyLock::new(load);

fn load() -> Facts {
    let mut btree: HashMap<Oid, (Oid, u8)> = HashMap::new();
    let mut members = Vec::new();
    for row in catalog::rows(catalog::PG_AMOP) {
        if row.oid("amopmethod") != BTREE || row.char("amoppurpose") != 's' {
            continue;
        }
        let (family, number) = (row.oid("amopfamily"), row.parse("amopstrategy").unwrap_or(0));
        // Pattern families (text_pattern_ops and such) share `=` with the ordinary ones, which come first by oid.
        btree.entry(row.oid("amopopr")).or_insert((family, number));
        members
            .push(((family, row.oid("amoplefttype"), row.oid("amoprighttype"), number), row.oid("amopopr")));
    }
    let code: HashMap<Oid, Oid> =
        catalog::rows(catalog::PG_OPERATOR).map(|row| (row.oid("oid"), row.oid("oprcode"))).collect();
    let code_of = |operator: Oid| code.get(&operator).copied().unwrap_or(0);
    let mut operators: HashMap<Oid, OperatorFacts> = HashMap::new();
    for row in catalog::rows(catalog::PG_OPERATOR) {
        let facts = OperatorFacts {
            symbol: EcoString::from(row.text("oprname").as_ref()),
            left: row.oid("oprleft"),
            right: row.oid("oprright"),
            commutator: code_of(row.oid("oprcom")),
            negator: code_of(row.oid("oprnegate")),
            btree: btree.get(&row.oid("oid")).copied(),
        };
        let known = operators.entry(row.oid("oprcode")).or_insert_with(|| facts.clone());
        if known.btree.is_none() && facts.btree.is_some() {
            *known = facts;
        }
    }
    let functions = catalog::rows(catalog::PG_PROC)
        .filter(|row| operators.contains_key(&row.oid("oid")) || CASTS.contains(&row.oid("oid")))
        .map(|row| (row.oid("oid"), function_ref(&row, &operators)))
        .collect();
    let family_members = members.into_iter().map(|(key, operator)| (key, code_of(operator))).collect();
    Facts { operators, functions, family_members }
}

fn function_ref(row: &Row<'_>, operators: &HashMap<Oid, OperatorFacts>) -> FunctionRef {
    let oid = row.oid("oid");
    let name = match operators.get(&oid) {
        Some(facts) => facts.symbol.clone(),
        None => EcoString::from(row.text("proname").as_ref()),
    };
    FunctionRef {
        oid,
        prosrc: crate::catalog::builtin::body_key(
            &row.text("prosrc"),
            &row.text("proname"),
            row.oid("prolang"),
            oid,
        ),
        name,
        strict: row.bool("proisstrict"),
        volatility: match row.char("provolatile") {
            'i' => Volatility::Immutable,
            's' => Volatility::Stable,
            _ => Volatility::Volatile,
        },
    }
}

/// Lossless casts for the keys of cross-type joins: int2 to int4, int2 to int8, int4 to int8, float4 to float8.
const CASTS: [Oid; 4] = [INT2_TO_INT4, INT2_TO_INT8, INT4_TO_INT8, FLOAT4_TO_FLOAT8];
const INT2_TO_INT4: Oid = 313;
const INT2_TO_INT8: Oid = 754;
const INT4_TO_INT8: Oid = 481;
const FLOAT4_TO_FLOAT8: Oid = 311;
const INT4_EQUAL: Oid = 65;

/// Returns what is known of a function as an operator.
pub fn operator(function: Oid) -> Option<&'static OperatorFacts> {
    FACTS.operators.get(&function)
}

/// Returns a function by oid (operators' functions and the casts above only).
pub fn function(oid: Oid) -> Option<FunctionRef> {
    FACTS.functions.get(&oid).cloned()
}

/// Returns the function of a btree family's operator.
pub fn family_member(family: Oid, left: Oid, right: Oid, number: u8) -> Option<FunctionRef> {
    function(*FACTS.family_members.get(&(family, left, right, number))?)
}

/// A comparison by an operator of a btree family.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// Left value.
    pub left: &'a Expr,
    /// Right value.
    pub right: &'a Expr,
    /// The function.
    pub function: &'a FunctionRef,
    /// Family.
    pub family: Oid,
    /// Strategy number.
    pub strategy: u8,
    /// Collation.
    pub input_collation: Oid,
}

/// Returns `expr` as a comparison, if it is one.
pub fn comparison(expr: &Expr) -> Option<Comparison<'_>> {
    let ExprKind::Call { function, args, input_collation } = &expr.kind else { return None };
    let [left, right] = args.as_slice() else { return None };
    let (family, strategy) = operator(function.oid)?.btree?;
    Some(Comparison { left, right, function, family, strategy, input_collation: *input_collation })
}

/// Returns `expr` as an equality, if it is one.
pub fn equality(expr: &Expr) -> Option<Comparison<'_>> {
    comparison(expr).filter(|comparison| comparison.strategy == strategy::EQUAL)
}

/// Returns a call of a boolean function of two arguments.
pub fn boolean_call(function: FunctionRef, left: Expr, right: Expr, input_collation: Oid) -> Expr {
    let ty = TypeRef::plain(oids::BOOL);
    Expr { kind: ExprKind::Call { function, args: vec![left, right], input_collation }, ty }
}

/// Returns `left = right` for int4.
pub fn int4_equal(left: Expr, right: Expr) -> Option<Expr> {
    Some(boolean_call(function(INT4_EQUAL)?, left, right, 0))
}

/// Returns both sides of an equality as keys of one hashable type, with lossless casts where the types differ;
/// `None` when there is no such type.
pub fn hash_keys(comparison: &Comparison<'_>) -> Option<(Expr, Expr)> {
    let facts = operator(comparison.function.oid)?;
    let common = match (facts.left, facts.right) {
        (left, right) if left == right => left,
        (oids::INT2, oids::INT4) | (oids::INT4, oids::INT2) => oids::INT4,
        (oids::INT2 | oids::INT4, oids::INT8) | (oids::INT8, oids::INT2 | oids::INT4) => oids::INT8,
        (oids::FLOAT4, oids::FLOAT8) | (oids::FLOAT8, oids::FLOAT4) => oids::FLOAT8,
        _ => return None,
    };
    if !is_hashable(common) {
        return None;
    }
    Some((widen(comparison.left, facts.left, common)?, widen(comparison.right, facts.right, common)?))
}

/// Returns whether the executor can hash keys of the type so that equal values meet.
pub fn is_hashable(ty: Oid) -> bool {
    matches!(
        ty,
        oids::BOOL
            | oids::BYTEA
            | oids::CHAR
            | oids::NAME
            | oids::INT8
            | oids::INT2
            | oids::INT4
            | oids::TEXT
            | oids::OID
            | oids::FLOAT4
            | oids::FLOAT8
            | oids::BPCHAR
            | oids::VARCHAR
            | oids::DATE
            | oids::TIME
            | oids::TIMESTAMP
            | oids::TIMESTAMPTZ
            | oids::INTERVAL
            | oids::NUMERIC
            | oids::UUID
    )
}

fn widen(expr: &Expr, from: Oid, to: Oid) -> Option<Expr> {
    if from == to {
        return Some(expr.clone());
    }
    let cast = match (from, to) {
        (oids::INT2, oids::INT4) => INT2_TO_INT4,
        (oids::INT2, oids::INT8) => INT2_TO_INT8,
        (oids::INT4, oids::INT8) => INT4_TO_INT8,
        (oids::FLOAT4, oids::FLOAT8) => FLOAT4_TO_FLOAT8,
        _ => return None,
    };
    let kind = ExprKind::Call { function: function(cast)?, args: vec![expr.clone()], input_collation: 0 };
    Some(Expr { kind, ty: TypeRef::plain(to) })
}

/// Returns whether values of the type that are equal are the same in every respect (not so: numeric with its
/// display scale, floats with their zeros, padded text, intervals).
pub fn equal_is_identical(ty: TypeRef) -> bool {
    match ty.oid {
        oids::TEXT | oids::VARCHAR => matches!(ty.collation, oids::DEFAULT_COLLATION | oids::C_COLLATION),
        oids::FLOAT4 | oids::FLOAT8 | oids::BPCHAR | oids::INTERVAL | oids::NUMERIC => false,
        other => is_hashable(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_follow_the_catalog() {
        let int4_less = operator(66).unwrap();
        assert_eq!((int4_less.symbol.as_str(), int4_less.btree.unwrap().1), ("<", strategy::LESS));
        assert_eq!(function(int4_less.commutator).unwrap().prosrc, "int4gt");
        assert_eq!(function(int4_less.negator).unwrap().prosrc, "int4ge");
        let text_equal = operator(67).unwrap();
        assert_eq!(text_equal.btree.unwrap().1, strategy::EQUAL);
        let integer_family = int4_less.btree.unwrap().0;
        let mixed = family_member(integer_family, oids::INT4, oids::INT8, strategy::EQUAL).unwrap();
        assert_eq!(mixed.prosrc, "int48eq");
        for cast in CASTS {
            assert!(function(cast).is_some(), "{cast}");
        }
    }
}
