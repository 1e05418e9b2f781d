//! Conversion of values between types, as the manual's chapter "Type Conversion" and `parse_coerce.c` have it.

use executor::expr::{Expr, ExprKind};
use types::oids;
use types::{Datum, Oid, Result, SqlState, TypeRef};

use super::literal;
use super::state::{Analyzer, Location, error};
use crate::catalog::builtin::{CastContext, CastMethod, Type, TypeKind, builtin};
use crate::catalog::type_names::type_name;

/// How a value gets from one type to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pathway {
    /// The same bytes.
    Relabel,
    /// A cast function.
    Function(Oid),
    /// Each array element by its own pathway.
    ArrayElements,
    /// Through text.
    Io,
}

/// Returns the type under a domain.
pub fn base_type(mut oid: Oid) -> Oid {
    while let Some(ty) = builtin().type_by_oid(oid).filter(|ty| ty.kind == TypeKind::Domain) {
        oid = ty.base;
    }
    oid
}

/// Returns the row of a type.
pub(super) fn type_row(oid: Oid) -> Option<&'static Type> {
    builtin().type_by_oid(oid)
}

/// Returns category and preference of a type.
pub(super) fn category(oid: Oid) -> (char, bool) {
    type_row(oid).map_or(('\0', false), |ty| (ty.category, ty.preferred))
}

/// Returns the element type of a true array, 0 for others.
pub(super) fn element_type(oid: Oid) -> Oid {
    type_row(base_type(oid)).filter(|ty| ty.is_array).map_or(0, |ty| ty.element)
}

/// Returns the array type over a type, 0 for none.
pub(super) fn array_type(oid: Oid) -> Oid {
    type_row(oid).map_or(0, |ty| ty.array)
}

/// Returns whether a type stands for any of several.
pub(super) fn is_polymorphic(oid: Oid) -> bool {
    is_first_family(oid) || is_second_family(oid)
}

/// anyelement and its relatives.
pub(super) fn is_first_family(oid: Oid) -> bool {
    matches!(
        oid,
        oids::ANYELEMENT
            | oids::ANYARRAY
            | oids::ANYNONARRAY
            | oids::ANYENUM
            | oids::ANYRANGE
            | oids::ANYMULTIRANGE
    )
}

/// anycompatible and its relatives.
pub(super) fn is_second_family(oid: Oid) -> bool {
    matches!(
        oid,
        oids::ANYCOMPATIBLE
            | oids::ANYCOMPATIBLEARRAY
            | oids::ANYCOMPATIBLENONARRAY
            | oids::ANYCOMPATIBLERANGE
            | oids::ANYCOMPATIBLEMULTIRANGE
    )
}

fn is_composite(oid: Oid) -> bool {
    type_row(base_type(oid)).is_some_and(|ty| ty.kind == TypeKind::Composite)
}

/// Finds the way from `source` to `target` that `context` allows (`find_coercion_pathway`).
pub(super) fn pathway(target: Oid, source: Oid, context: CastContext) -> Option<Pathway> {
    let (source, target) = (base_type(source), base_type(target));
    if source == target {
        return Some(Pathway::Relabel);
    }
    if let Some(cast) = builtin().cast(source, target) {
        if context < cast.context {
            return None;
        }
        return Some(match cast.method {
            CastMethod::Function(function) => Pathway::Function(function),
            CastMethod::InOut => Pathway::Io,
            CastMethod::Binary => Pathway::Relabel,
        });
    }
    let (target_element, source_element) = (element_type(target), element_type(source));
    if target_element != 0 && source_element != 0 && target != oids::OIDVECTOR && target != oids::INT2VECTOR {
        return pathway(target_element, source_element, context).map(|_| Pathway::ArrayElements);
    }
    let string = |oid| category(oid).0 == 'S';
    if (context >= CastContext::Assignment && string(target))
        || (context >= CastContext::Explicit && string(source))
    {
        return Some(Pathway::Io);
    }
    None
}

/// Returns whether values of `source` are values of `target` as they stand (`IsBinaryCoercible`).
pub(super) fn is_binary_coercible(source: Oid, target: Oid) -> bool {
    if source == target || matches!(target, oids::ANY | oids::ANYELEMENT | oids::ANYCOMPATIBLE) {
        return true;
    }
    let source = base_type(source);
    if source == target {
        return true;
    }
    let kind = type_row(source).map(|ty| ty.kind);
    match target {
        oids::ANYARRAY | oids::ANYCOMPATIBLEARRAY => return element_type(source) != 0,
        oids::ANYNONARRAY | oids::ANYCOMPATIBLENONARRAY => return element_type(source) == 0,
        oids::ANYENUM => return kind == Some(TypeKind::Enum),
        oids::ANYRANGE | oids::ANYCOMPATIBLERANGE => return kind == Some(TypeKind::Range),
        oids::ANYMULTIRANGE | oids::ANYCOMPATIBLEMULTIRANGE => return kind == Some(TypeKind::Multirange),
        oids::RECORD => return kind == Some(TypeKind::Composite),
        _ => {}
    }
    let cast = builtin().cast(source, target);
    cast.is_some_and(|cast| cast.method == CastMethod::Binary && cast.context == CastContext::Implicit)
}

/// Returns whether all `sources` can become `targets` (`can_coerce_type`).
pub(super) fn can_coerce(sources: &[Oid], targets: &[Oid], context: CastContext) -> bool {
    let mut generic = false;
    for (&source, &target) in sources.iter().zip(targets) {
        if source == target || target == oids::ANY {
            continue;
        }
        if is_polymorphic(target) {
            generic = true;
            continue;
        }
        if source == oids::UNKNOWN || pathway(target, source, context).is_some() {
            continue;
        }
        if source == oids::RECORD && is_composite(target) || target == oids::RECORD && is_composite(source) {
            continue;
        }
        if target == oids::RECORD_ARRAY && is_composite(element_type(source)) {
            continue;
        }
        return false;
    }
    !generic || super::polymorphic::consistent(sources, targets)
}

/// Returns whether one type can become another.
pub(super) fn can_coerce_one(source: Oid, target: Oid, context: CastContext) -> bool {
    can_coerce(&[source], &[target], context)
}

/// Picks the type that a list of types is united to (`select_common_type`). `construct` names it in errors; `None`
/// gives `Ok(None)` instead of an error.
pub(super) fn common_type(items: &[(Oid, Location)], construct: Option<&str>) -> Result<Option<Oid>> {
    let Some(&(first, _)) = items.first() else { return Ok(Some(oids::TEXT)) };
    if first != oids::UNKNOWN && items.iter().all(|(ty, _)| *ty == first) {
        return Ok(Some(first));
    }
    let mut best = base_type(first);
    let (mut best_category, mut best_preferred) = category(best);
    for &(ty, location) in items.iter().skip(1) {
        let next = base_type(ty);
        if next == oids::UNKNOWN || next == best {
            continue;
        }
        let (next_category, next_preferred) = category(next);
        if best == oids::UNKNOWN {
            (best, best_category, best_preferred) = (next, next_category, next_preferred);
        } else if next_category != best_category {
            let Some(construct) = construct else { return Ok(None) };
            let message =
                format!("{construct} types {} and {} cannot be matched", type_name(best), type_name(next));
            return Err(error(SqlState::DATATYPE_MISMATCH, message, location));
        } else if !best_preferred
            && can_coerce_one(best, next, CastContext::Implicit)
            && !can_coerce_one(next, best, CastContext::Implicit)
        {
            (best, best_category, best_preferred) = (next, next_category, next_preferred);
        }
    }
    Ok(Some(if best == oids::UNKNOWN { oids::TEXT } else { best }))
}

/// Returns the modifier that all have, or -1.
pub(super) fn common_typmod(exprs: &[&Expr], target: Oid) -> i32 {
    let Some(first) = exprs.first() else { return -1 };
    let same = exprs.iter().all(|expr| expr.ty.oid == target && expr.ty.typmod == first.ty.typmod);
    if same { first.ty.typmod } else { -1 }
}

/// Returns the collation that values of a type have by default.
pub(super) fn default_collation(oid: Oid) -> Oid {
    let row = type_row(base_type(oid));
    row.map_or(
        0,
        |ty| if ty.is_array && ty.collation == 0 { default_collation(ty.element) } else { ty.collation },
    )
}

/// Returns a type without modifier and with its default collation.
pub(super) fn plain(oid: Oid) -> TypeRef {
    TypeRef { oid, typmod: -1, collation: default_collation(oid) }
}

/// Returns `target` with the collation of a converted expression: kept when both are collatable.
fn converted(target: Oid, expr: &Expr) -> TypeRef {
    let mut ty = plain(target);
    if ty.collation != 0 && expr.ty.collation != 0 {
        ty.collation = expr.ty.collation;
    }
    ty
}

impl Analyzer<'_> {
    /// Converts `expr`, which [`can_coerce`] has allowed, to `target` (`coerce_type`). `typmod` matters to literals of
    /// intervals only.
    pub(super) fn coerce(
        &mut self,
        expr: Expr,
        target: Oid,
        typmod: i32,
        context: CastContext,
        location: Location,
    ) -> Result<Expr> {
        let source = expr.ty.oid;
        if source == target {
            return Ok(expr);
        }
        match target {
            oids::ANY
            | oids::ANYELEMENT
            | oids::ANYNONARRAY
            | oids::ANYCOMPATIBLE
            | oids::ANYCOMPATIBLENONARRAY => {
                return Ok(expr);
            }
            _ if is_polymorphic(target) && source != oids::UNKNOWN => return Ok(expr),
            _ => {}
        }
        if source == oids::UNKNOWN {
            return self.coerce_unknown(expr, target, typmod, context, location);
        }
        match pathway(target, source, context) {
            Some(way) => self.apply_pathway(expr, plain(target).with_typmod(typmod), way, context, location),
            None if target == oids::RECORD || target == oids::RECORD_ARRAY => Ok(relabel(expr, target)),
            // A whole row where a function takes the table's row type.
            None if source == oids::RECORD && matches!(expr.kind, ExprKind::Row(..)) => {
                Ok(relabel(expr, target))
            }
            None => Err(super::state::unsupported(
                format!("cast from {} to {}", type_name(source), type_name(target)),
                location,
            )),
        }
    }

    /// Gives a literal, parameter or NULL of unknown type its type.
    fn coerce_unknown(
        &mut self,
        expr: Expr,
        target: Oid,
        typmod: i32,
        context: CastContext,
        location: Location,
    ) -> Result<Expr> {
        match expr.kind {
            ExprKind::Const(Datum::Text(text)) => {
                let input_typmod = if base_type(target) == oids::INTERVAL { typmod } else { -1 };
                literal::input(self.context, &text, target, input_typmod).map_err(|error| error.at(location))
            }
            ExprKind::Const(_) => Ok(Expr::constant(Datum::Null, plain(target))),
            ExprKind::Param(number) => {
                self.set_param_type(number, target, location)?;
                Ok(Expr { kind: ExprKind::Param(number), ty: plain(target) })
            }
            ExprKind::Collate(inner) => {
                let collation = expr.ty.collation;
                let inner = self.coerce(*inner, target, typmod, context, location)?;
                let ty = TypeRef { collation, ..inner.ty };
                Ok(Expr { kind: ExprKind::Collate(Box::new(inner)), ty })
            }
            kind => {
                let text = Expr { kind, ty: plain(oids::TEXT) };
                let ty = plain(target);
                Ok(Expr { kind: ExprKind::CoerceViaIo(Box::new(text)), ty })
            }
        }
    }

    fn apply_pathway(
        &mut self,
        expr: Expr,
        TypeRef { oid: target, typmod, .. }: TypeRef,
        way: Pathway,
        context: CastContext,
        location: Location,
    ) -> Result<Expr> {
        Ok(match way {
            Pathway::Relabel => relabel(expr, target),
            Pathway::Io => {
                let ty = converted(target, &expr);
                Expr { kind: ExprKind::CoerceViaIo(Box::new(expr)), ty }
            }
            Pathway::Function(oid) => cast_call(oid, expr, target, typmod, context == CastContext::Explicit)?,
            Pathway::ArrayElements => {
                let element_source = plain(element_type(expr.ty.oid));
                let operand = Expr { kind: ExprKind::CaseOperand(0), ty: element_source };
                let element = self.coerce(operand, element_type(target), -1, context, location)?;
                let ty = converted(target, &expr);
                Expr { kind: ExprKind::ArrayCoerce { arg: Box::new(expr), element: Box::new(element) }, ty }
            }
        })
    }

    /// Converts `expr` to `target` with its modifier if `context` allows it (`coerce_to_target_type`).
    pub(super) fn coerce_to_target(
        &mut self,
        expr: Expr,
        target: TypeRef,
        context: CastContext,
        location: Location,
    ) -> Result<Option<Expr>> {
        if !can_coerce_one(expr.ty.oid, target.oid, context) {
            return Ok(None);
        }
        let expr = self.coerce(expr, target.oid, target.typmod, context, location)?;
        self.apply_typmod(expr, target.typmod, context).map(Some)
    }

    /// Applies a type modifier (`coerce_type_typmod`).
    pub(super) fn apply_typmod(&mut self, expr: Expr, typmod: i32, context: CastContext) -> Result<Expr> {
        if expr.ty.typmod == typmod {
            return Ok(expr);
        }
        if typmod < 0 {
            let ty = expr.ty.with_typmod(-1);
            return Ok(Expr { kind: ExprKind::Relabel(Box::new(expr)), ty });
        }
        let oid = base_type(expr.ty.oid);
        let element = element_type(oid);
        let sized = if element == 0 { oid } else { element };
        let function = builtin().cast(sized, sized).and_then(|cast| match cast.method {
            CastMethod::Function(function) => Some(function),
            CastMethod::InOut | CastMethod::Binary => None,
        });
        let explicit = context == CastContext::Explicit;
        let Some(function) = function else {
            let ty = expr.ty.with_typmod(typmod);
            return Ok(Expr { kind: ExprKind::Relabel(Box::new(expr)), ty });
        };
        if element == 0 {
            return cast_call(function, expr, oid, typmod, explicit);
        }
        let operand = Expr { kind: ExprKind::CaseOperand(0), ty: plain(element) };
        let each = cast_call(function, operand, element, typmod, explicit)?;
        let ty = expr.ty.with_typmod(typmod);
        Ok(Expr { kind: ExprKind::ArrayCoerce { arg: Box::new(expr), element: Box::new(each) }, ty })
    }

    /// Converts `expr` to the type that `construct` united its items to (`coerce_to_common_type`).
    pub(super) fn coerce_to_common(
        &mut self,
        expr: Expr,
        target: Oid,
        construct: &str,
        location: Location,
    ) -> Result<Expr> {
        if expr.ty.oid == target {
            return Ok(expr);
        }
        if can_coerce_one(expr.ty.oid, target, CastContext::Implicit) {
            return self.coerce(expr, target, -1, CastContext::Implicit, location);
        }
        let message =
            format!("{construct} could not convert type {} to {}", type_name(expr.ty.oid), type_name(target));
        Err(error(SqlState::CANNOT_COERCE, message, location))
    }

    /// Converts `expr` to boolean for `construct` (`coerce_to_boolean`).
    pub(super) fn coerce_to_boolean(
        &mut self,
        expr: Expr,
        construct: &str,
        location: Location,
    ) -> Result<Expr> {
        self.coerce_to_specific(expr, oids::BOOL, construct, location)
    }

    /// Converts `expr` to `target` for `construct` (`coerce_to_specific_type`).
    pub(super) fn coerce_to_specific(
        &mut self,
        expr: Expr,
        target: Oid,
        construct: &str,
        location: Location,
    ) -> Result<Expr> {
        let source = expr.ty.oid;
        match self.coerce_to_target(expr, plain(target), CastContext::Assignment, location)? {
            Some(expr) => Ok(expr),
            None => {
                let message = format!(
                    "argument of {construct} must be type {}, not type {}",
                    type_name(target),
                    type_name(source)
                );
                Err(error(SqlState::DATATYPE_MISMATCH, message, location))
            }
        }
    }
}

fn relabel(expr: Expr, target: Oid) -> Expr {
    let ty = converted(target, &expr);
    Expr { kind: ExprKind::Relabel(Box::new(expr)), ty }
}

/// Builds the call of a cast function, with the modifier and explicitness arguments that it takes.
fn cast_call(oid: Oid, expr: Expr, target: Oid, typmod: i32, explicit: bool) -> Result<Expr> {
    let function =
        builtin().function(oid).ok_or_else(|| types::PgError::internal("a cast without its function"))?;
    let mut ty = converted(function.result, &expr);
    let collation = expr.ty.collation;
    let mut args = vec![expr];
    if function.args.len() > 1 {
        args.push(Expr::constant(Datum::I32(typmod), TypeRef::plain(oids::INT4)));
        ty.typmod = typmod;
    }
    if function.args.len() > 2 {
        args.push(Expr::bool(explicit));
    }
    let call = ExprKind::Call {
        function: function.reference(function.name.clone()),
        args,
        input_collation: collation,
    };
    let call = Expr { kind: call, ty };
    Ok(if function.result == target { call } else { relabel(call, target) })
}
