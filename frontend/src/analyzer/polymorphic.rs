//! Polymorphic types: whether actual types agree, and what they make of the declared ones
//! (`check_generic_type_consistency`, `enforce_generic_type_consistency`).

use types::{Oid, PgError, Result, SqlState};
use types::{oids, physical};

use super::coerce::{
    array_type, base_type, can_coerce_one, common_type, element_type, is_first_family, is_polymorphic,
    is_second_family, type_row,
};
use super::state::{Location, error};
use crate::catalog::builtin::{CastContext, TypeKind};
use crate::catalog::type_names::type_name;

/// What the polymorphic parameters of one call stand for.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bindings {
    element: Oid,
    array: Oid,
    range: Oid,
    multirange: Oid,
    compatible: Oid,
    compatible_array: Oid,
}

/// Returns whether the actual types agree with the declared ones.
pub(super) fn consistent(actual: &[Oid], declared: &[Oid]) -> bool {
    bind(actual, declared).is_some()
}

fn bind(actual: &[Oid], declared: &[Oid]) -> Option<Bindings> {
    let mut found = Bindings::default();
    let mut compatible: Vec<(Oid, Location)> = Vec::new();
    for (&given, &wanted) in actual.iter().zip(declared) {
        if !is_polymorphic(wanted) || given == oids::UNKNOWN {
            continue;
        }
        match wanted {
            oids::ANYELEMENT | oids::ANYNONARRAY | oids::ANYENUM => unify(&mut found.element, given)?,
            oids::ANYARRAY => unify(&mut found.array, base_type(given))?,
            oids::ANYRANGE => unify(&mut found.range, base_type(given))?,
            oids::ANYMULTIRANGE => unify(&mut found.multirange, base_type(given))?,
            oids::ANYCOMPATIBLEARRAY => {
                let element = element_type(given);
                if element == 0 {
                    return None;
                }
                compatible.push((element, None));
            }
            oids::ANYCOMPATIBLERANGE | oids::ANYCOMPATIBLEMULTIRANGE => return None,
            _ => compatible.push((given, None)),
        }
    }
    if found.array != 0 && found.array != oids::ANYARRAY {
        let element = element_type(found.array);
        if element == 0 {
            return None;
        }
        unify(&mut found.element, element)?;
    }
    if found.multirange != 0 {
        unify(&mut found.range, physical::multirange_range(found.multirange)?)?;
    }
    if found.range != 0 {
        unify(&mut found.element, physical::range_subtype(found.range)?)?;
        found.multirange = physical::multirange_type(found.range).unwrap_or(0);
    }
    for (&given, &wanted) in actual.iter().zip(declared) {
        let kind = type_row(base_type(given)).map(|ty| ty.kind);
        let wrong = given != oids::UNKNOWN
            && match wanted {
                oids::ANYNONARRAY | oids::ANYCOMPATIBLENONARRAY => element_type(given) != 0,
                oids::ANYENUM => kind != Some(TypeKind::Enum),
                oids::ANYRANGE => kind != Some(TypeKind::Range),
                oids::ANYMULTIRANGE => kind != Some(TypeKind::Multirange),
                _ => false,
            };
        if wrong {
            return None;
        }
    }
    if !compatible.is_empty() {
        found.compatible = common_type(&compatible, None).ok()??;
        if !compatible.iter().all(|(ty, _)| can_coerce_one(*ty, found.compatible, CastContext::Implicit)) {
            return None;
        }
        found.compatible_array = array_type(found.compatible);
    }
    Some(found)
}

fn unify(slot: &mut Oid, given: Oid) -> Option<()> {
    if *slot == 0 {
        *slot = given;
    }
    (*slot == given).then_some(())
}

/// Replaces polymorphic types in `declared` by what the actual types make of them, and returns the result type.
pub(super) fn enforce(actual: &[Oid], declared: &mut [Oid], result: Oid, location: Location) -> Result<Oid> {
    if !declared.iter().any(|ty| is_polymorphic(*ty)) && !is_polymorphic(result) {
        return Ok(result);
    }
    let Some(mut found) = bind(actual, declared) else { return Err(mismatch(actual, declared, location)) };
    let first = declared.iter().any(|ty| is_first_family(*ty));
    if first && found.element == 0 && found.range == 0 && found.array != oids::ANYARRAY {
        // PostgreSQL's own has no position.
        let message = "could not determine polymorphic type because input has type unknown";
        return Err(PgError::new(SqlState::DATATYPE_MISMATCH, message));
    }
    if found.compatible == 0 {
        found.compatible = oids::TEXT;
        found.compatible_array = oids::TEXT_ARRAY;
    }
    if found.array == 0 && found.element != 0 {
        found.array = array_type(found.element);
    }
    for ty in declared.iter_mut() {
        if is_polymorphic(*ty) {
            *ty = replacement(*ty, &found, location)?;
        }
    }
    if is_polymorphic(result) { replacement(result, &found, location) } else { Ok(result) }
}

fn replacement(ty: Oid, found: &Bindings, location: Location) -> Result<Oid> {
    let oid = match ty {
        oids::ANYELEMENT | oids::ANYNONARRAY | oids::ANYENUM => found.element,
        oids::ANYARRAY => found.array,
        oids::ANYRANGE => found.range,
        oids::ANYMULTIRANGE => found.multirange,
        oids::ANYCOMPATIBLEARRAY => found.compatible_array,
        _ if is_second_family(ty) => found.compatible,
        _ => ty,
    };
    if oid != 0 {
        return Ok(oid);
    }
    if ty == oids::ANYARRAY {
        let message = format!("could not find array type for data type {}", type_name(found.element));
        return Err(error(SqlState::UNDEFINED_OBJECT, message, location));
    }
    Err(super::state::unsupported("polymorphic result over ranges", location))
}

fn mismatch(actual: &[Oid], declared: &[Oid], location: Location) -> types::PgError {
    let of = |wanted: Oid| {
        declared.iter().zip(actual).find(|(ty, given)| **ty == wanted && **given != oids::UNKNOWN)
    };
    if let Some((_, given)) = of(oids::ANYARRAY).filter(|(_, given)| element_type(**given) == 0) {
        let message = format!("argument declared anyarray is not an array but type {}", type_name(*given));
        return error(SqlState::DATATYPE_MISMATCH, message, location);
    }
    if let (Some((_, array)), Some((_, element))) = (of(oids::ANYARRAY), of(oids::ANYELEMENT)) {
        let message = "argument declared anyarray is not consistent with argument declared anyelement";
        return error(SqlState::DATATYPE_MISMATCH, message, location).with_detail(format!(
            "{} versus {}",
            type_name(*array),
            type_name(*element)
        ));
    }
    error(SqlState::DATATYPE_MISMATCH, "arguments declared \"anyelement\" are not all alike", location)
}
