//! Order and containment of arrays and records, and counting of NULLs.

use std::cmp::Ordering;

use types::errors::array as errors;
use types::{ArrayValue, Datum, PgError, RecordValue, Result, TypeRef, oids};

use super::{array, require_equality, require_operator};
use crate::functions::{CallContext, FunctionEntry, row};
use crate::values;

fn element_types(args: &[Datum]) -> Result<(&ArrayValue, &ArrayValue)> {
    let (left, right) = (array(args, 0)?, array(args, 1)?);
    if left.element_type != right.element_type {
        return Err(errors::different_element_types());
    }
    Ok((left, right))
}

fn equal(args: &[Datum]) -> Result<bool> {
    let (left, _) = element_types(args)?;
    require_equality(left.element_type)?;
    Ok(values::compare(&args[0], &args[1], TypeRef::plain(0)).is_eq())
}

fn order(args: &[Datum]) -> Result<Ordering> {
    let (left, _) = element_types(args)?;
    require_operator(left.element_type, "a comparison function")?;
    Ok(values::compare(&args[0], &args[1], TypeRef::plain(0)))
}

/// Whether `all` of the left elements are among the right ones, or any of them; NULL is never among them.
fn among(left: &ArrayValue, right: &ArrayValue, all: bool) -> Result<bool> {
    require_equality(left.element_type)?;
    let ty = TypeRef::plain(left.element_type);
    let known: Vec<&Datum> = right.elements.iter().filter(|element| !element.is_null()).collect();
    for element in &left.elements {
        let found =
            !element.is_null() && known.iter().any(|other| values::compare(element, other, ty).is_eq());
        if found != all {
            return Ok(found);
        }
    }
    Ok(all)
}

fn pick(args: &[Datum], wanted: Ordering, order: fn(&[Datum]) -> Result<Ordering>) -> Result<Datum> {
    let left = order(args)? == wanted;
    Ok(args.get(usize::from(!left)).cloned().unwrap_or_default())
}

fn record(args: &[Datum], index: usize) -> Result<&RecordValue> {
    match args.get(index) {
        Some(Datum::Record(record)) => Ok(record),
        _ => Err(PgError::internal(format!("argument {index} is not a record"))),
    }
}

/// Compares records column by column; NULLs are equal and above everything.
fn record_order(args: &[Datum]) -> Result<Ordering> {
    let (left, right) = (record(args, 0)?, record(args, 1)?);
    for (index, (l, r)) in left.fields.iter().zip(&right.fields).enumerate() {
        let (lt, rt) = (left.field_type(index), right.field_type(index));
        if lt.oid != rt.oid {
            let name = |ty: TypeRef| type_name(ty.oid);
            return Err(errors::dissimilar_columns(&name(lt), &name(rt), index + 1));
        }
        require_operator(lt.oid, "a comparison function")?;
        let order = values::compare(l, r, lt);
        if order.is_ne() {
            return Ok(order);
        }
    }
    if left.fields.len() != right.fields.len() {
        return Err(errors::different_columns());
    }
    Ok(Ordering::Equal)
}

/// Returns the SQL name of the types that records usually have.
fn type_name(oid: types::Oid) -> String {
    let name = match oid {
        oids::BOOL => "boolean",
        oids::INT2 => "smallint",
        oids::INT4 => "integer",
        oids::INT8 => "bigint",
        oids::FLOAT4 => "real",
        oids::FLOAT8 => "double precision",
        oids::NUMERIC => "numeric",
        oids::TEXT => "text",
        oids::VARCHAR => "character varying",
        oids::BPCHAR => "character",
        oids::NAME => "name",
        oids::DATE => "date",
        oids::TIME => "time without time zone",
        oids::TIMETZ => "time with time zone",
        oids::TIMESTAMP => "timestamp without time zone",
        oids::TIMESTAMPTZ => "timestamp with time zone",
        oids::INTERVAL => "interval",
        oids::UUID => "uuid",
        oids::BYTEA => "bytea",
        oids::JSONB => "jsonb",
        oids::RECORD => "record",
        _ => return format!("type {oid}"),
    };
    name.to_string()
}

/// Whether two records have the same bytes, numbers with their scale.
fn same_image(args: &[Datum]) -> Result<bool> {
    let (left, right) = (record(args, 0)?, record(args, 1)?);
    for (index, (l, r)) in left.fields.iter().zip(&right.fields).enumerate() {
        let (lt, rt) = (left.field_type(index), right.field_type(index));
        if lt.oid != rt.oid {
            return Err(errors::dissimilar_columns(&type_name(lt.oid), &type_name(rt.oid), index + 1));
        }
        let (mut left_bytes, mut right_bytes) = (Vec::new(), Vec::new());
        values::encode(l, &mut left_bytes)?;
        values::encode(r, &mut right_bytes)?;
        if left_bytes != right_bytes {
            return Ok(false);
        }
    }
    if left.fields.len() != right.fields.len() {
        return Err(errors::different_columns());
    }
    Ok(true)
}

fn count(values: &[Datum], nulls: bool) -> Result<Datum> {
    Ok(Datum::I32(values.iter().filter(|value| value.is_null() == nulls).count() as i32))
}

fn count_elements(args: &[Datum], nulls: bool) -> Result<Datum> {
    match args.first() {
        Some(Datum::Array(array)) => count(&array.elements, nulls),
        Some(_) | None => Ok(Datum::Null),
    }
}

fn width_bucket(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let thresholds = array(args, 1)?;
    if thresholds.dimensions.len() > 1 {
        return Err(errors::thresholds("must be one-dimensional array"));
    }
    if thresholds.elements.iter().any(Datum::is_null) {
        return Err(errors::thresholds("array must not contain NULLs"));
    }
    let ty = TypeRef::plain(thresholds.element_type);
    let below =
        thresholds.elements.partition_point(|threshold| values::compare(threshold, &args[0], ty).is_le());
    Ok(Datum::I32(below as i32))
}

macro_rules! ordered {
    ($name:literal, $order:ident, $test:ident) => {
        row($name, |args, _| Ok(Datum::Bool($order(args)?.$test())))
    };
}

fn not_supported(_: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Err(PgError::not_supported("order of record images"))
}

fn sign(order: Ordering) -> Result<Datum> {
    Ok(Datum::I32(order as i32))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("array_eq", |args, _| Ok(Datum::Bool(equal(args)?))),
    ordered!("array_ge", order, is_ge),
    ordered!("array_gt", order, is_gt),
    row("array_larger", |args, _| pick(args, Ordering::Greater, order)),
    ordered!("array_le", order, is_le),
    ordered!("array_lt", order, is_lt),
    row("array_ne", |args, _| Ok(Datum::Bool(!equal(args)?))),
    row("array_smaller", |args, _| pick(args, Ordering::Less, order)),
    row("arraycontained", |args, _| {
        let (left, right) = element_types(args)?;
        Ok(Datum::Bool(among(left, right, true)?))
    }),
    row("arraycontains", |args, _| {
        let (left, right) = element_types(args)?;
        Ok(Datum::Bool(among(right, left, true)?))
    }),
    row("arrayoverlap", |args, _| {
        let (left, right) = element_types(args)?;
        Ok(Datum::Bool(among(left, right, false)?))
    }),
    row("btarraycmp", |args, _| sign(order(args)?)),
    row("btrecordcmp", |args, _| sign(record_order(args)?)),
    row("pg_num_nonnulls", |args, _| count(args, false)),
    row("pg_num_nonnulls_variadic", |args, _| count_elements(args, false)),
    row("pg_num_nulls", |args, _| count(args, true)),
    row("pg_num_nulls_variadic", |args, _| count_elements(args, true)),
    ordered!("record_eq", record_order, is_eq),
    ordered!("record_ge", record_order, is_ge),
    ordered!("record_gt", record_order, is_gt),
    row("record_image_eq", |args, _| Ok(Datum::Bool(same_image(args)?))),
    row("record_image_ge", not_supported),
    row("record_image_gt", not_supported),
    row("record_image_le", not_supported),
    row("record_image_lt", not_supported),
    row("record_image_ne", |args, _| Ok(Datum::Bool(!same_image(args)?))),
    row("record_larger", |args, _| pick(args, Ordering::Greater, record_order)),
    ordered!("record_le", record_order, is_le),
    ordered!("record_lt", record_order, is_lt),
    ordered!("record_ne", record_order, is_ne),
    row("record_smaller", |args, _| pick(args, Ordering::Less, record_order)),
    row("width_bucket_array", width_bucket),
];
