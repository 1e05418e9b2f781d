//! The form in which columns are stored.

use kernels::vector::{Values, Vector};
use storage::ColumnDefinition;
use types::{Datum, Numeric, PgError, PhysicalType, Result, TypeRef};

use crate::convert::{datum_at, numeric_views};

/// Returns a vector in the form that its stored column takes.
///
/// # Errors
/// `0A000` for a numeric value that a column of fixed digits cannot hold.
pub fn to_storage(vector: &Vector, column: &ColumnDefinition, ty: TypeRef) -> Result<Vector> {
    if column.physical != PhysicalType::Numeric {
        return Ok(vector.clone());
    }
    match (vector.values(), column.fixed_scale) {
        (Values::Fixed64 { scale, .. } | Values::Fixed128 { scale, .. }, Some(wanted))
            if *scale == wanted =>
        {
            return Ok(vector.clone());
        }
        (Values::Views(_), None) => return Ok(vector.clone()),
        _ => {}
    }
    let mut numerics = Vec::with_capacity(vector.len());
    let mut nulls = Vec::with_capacity(vector.len());
    for lane in 0..vector.len() {
        let value = match datum_at(vector, lane, ty)? {
            Datum::Numeric(value) => Some(value),
            _ => None,
        };
        nulls.push(value.is_none());
        numerics.push(value.unwrap_or(Numeric::ZERO));
    }
    let values = match column.fixed_scale {
        None => Values::Views(numeric_views(&numerics, &nulls)),
        Some(scale) => fixed_values(&numerics, scale)?,
    };
    Ok(Vector::flat(values, vector.validity.clone()))
}

fn fixed_values(numerics: &[Numeric], scale: u8) -> Result<Values> {
    let unscaled = numerics
        .iter()
        .map(|value| value.to_fixed_scale(u16::from(scale)))
        .collect::<Option<Vec<i128>>>()
        .ok_or_else(|| {
            PgError::not_supported("a numeric value without fixed digits in a numeric(p,s) column")
        })?;
    if unscaled.iter().all(|value| i64::try_from(*value).is_ok()) {
        Ok(Values::Fixed64 { unscaled: unscaled.into_iter().map(|value| value as i64).collect(), scale })
    } else {
        Ok(Values::Fixed128 { unscaled: unscaled.into(), scale })
    }
}
