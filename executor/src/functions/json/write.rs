//! Values of any type as JSON: text for json, a tree for jsonb (`datum_to_json`, `datum_to_jsonb`).

use types::io::{DateStyle, IoContext, text_output};
use types::json::{Json, escape_string, parse};
use types::{ArrayValue, Datum, Numeric, RecordValue, Result, TypeRef, oids};

/// Appends `value` as json.
pub(crate) fn write_json(value: &Datum, ty: TypeRef, io: &IoContext, out: &mut String) -> Result<()> {
    match value {
        Datum::Null => out.push_str("null"),
        Datum::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Datum::Array(array) if !is_vector(ty) => write_array(array, false, io, out)?,
        Datum::Record(record) => write_record(record, false, io, out)?,
        Datum::Json(value) => value.write(out),
        Datum::Text(text) if ty.oid == oids::JSON => out.push_str(text),
        _ => {
            let text = plain_text(value, ty, io)?;
            if is_number(ty) && parse(&text).is_ok() {
                out.push_str(&text)
            } else {
                escape_string(&text, out)
            }
        }
    }
    Ok(())
}

/// `int2vector` and `oidvector` are scalars here.
fn is_vector(ty: TypeRef) -> bool {
    matches!(ty.oid, oids::INT2VECTOR | oids::OIDVECTOR)
}

fn is_number(ty: TypeRef) -> bool {
    matches!(ty.oid, oids::INT2 | oids::INT4 | oids::INT8 | oids::FLOAT4 | oids::FLOAT8 | oids::NUMERIC)
}

/// Returns the text of a value; dates and times in the form of XML Schema, whatever DateStyle says.
fn plain_text(value: &Datum, ty: TypeRef, io: &IoContext) -> Result<String> {
    let mut text = String::new();
    if !matches!(ty.oid, oids::DATE | oids::TIMESTAMP | oids::TIMESTAMPTZ) {
        text_output(ty.oid, value, io, &mut text)?;
        return Ok(text);
    }
    let iso = IoContext { date_style: DateStyle::Iso, ..io.clone() };
    text_output(ty.oid, value, &iso, &mut text)?;
    if ty.oid == oids::DATE || text.ends_with("infinity") {
        return Ok(text);
    }
    let (moment, era) = match text.strip_suffix(" BC") {
        Some(moment) => (moment.to_string(), " BC"),
        None => (text, ""),
    };
    let mut moment = moment.replacen(' ', "T", 1);
    let zone = moment.rfind(['+', '-']).filter(|_| ty.oid == oids::TIMESTAMPTZ);
    if zone.is_some_and(|zone| moment.len() - zone == 3) {
        moment.push_str(":00");
    }
    Ok(moment + era)
}

/// Appends an array; `lines` breaks the line after each item of the first dimension.
pub(crate) fn write_array(array: &ArrayValue, lines: bool, io: &IoContext, out: &mut String) -> Result<()> {
    if array.dimensions.is_empty() {
        out.push_str("[]");
        return Ok(());
    }
    let mut elements = array.elements.iter();
    write_level(array, 0, &mut elements, lines, io, out)
}

fn write_level(
    array: &ArrayValue,
    depth: usize,
    elements: &mut std::slice::Iter<'_, Datum>,
    lines: bool,
    io: &IoContext,
    out: &mut String,
) -> Result<()> {
    let length = array.dimensions.get(depth).map_or(0, |(length, _)| *length);
    out.push('[');
    for index in 0..length {
        if index > 0 {
            out.push_str(if lines { ",\n " } else { "," });
        }
        if depth + 1 < array.dimensions.len() {
            write_level(array, depth + 1, elements, false, io, out)?;
        } else if let Some(element) = elements.next() {
            write_json(element, TypeRef::plain(array.element_type), io, out)?;
        }
    }
    out.push(']');
    Ok(())
}

/// Appends a record as an object; `lines` breaks the line after each field.
pub(crate) fn write_record(
    record: &RecordValue,
    lines: bool,
    io: &IoContext,
    out: &mut String,
) -> Result<()> {
    out.push('{');
    for (index, value) in record.fields.iter().enumerate() {
        if index > 0 {
            out.push_str(if lines { ",\n " } else { "," });
        }
        escape_string(record.columns.get(index).map_or("", |(name, _)| name), out);
        out.push(':');
        write_json(value, record.field_type(index), io, out)?;
    }
    out.push('}');
    Ok(())
}

/// Returns `value` as jsonb.
pub(crate) fn to_jsonb(value: &Datum, ty: TypeRef, io: &IoContext) -> Result<Json> {
    Ok(match value {
        Datum::Null => Json::Null,
        Datum::Bool(flag) => Json::Bool(*flag),
        Datum::Array(array) if !is_vector(ty) => {
            let mut elements = array.elements.iter();
            if array.dimensions.is_empty() {
                Json::Array(Vec::new())
            } else {
                level(array, 0, &mut elements, io)?
            }
        }
        Datum::Record(record) => {
            let mut fields = Vec::with_capacity(record.fields.len());
            for (index, value) in record.fields.iter().enumerate() {
                let name = record.columns.get(index).map(|(name, _)| name.clone()).unwrap_or_default();
                fields.push((name, to_jsonb(value, record.field_type(index), io)?));
            }
            Json::object(fields)
        }
        Datum::Json(value) => (**value).clone(),
        Datum::Text(text) if ty.oid == oids::JSON => Json::parse(text)?,
        _ => {
            let text = plain_text(value, ty, io)?;
            let number = if is_number(ty) { Numeric::parse(&text).ok() } else { None };
            match number.filter(Numeric::is_finite) {
                Some(number) => Json::Number(number),
                None => Json::string(text),
            }
        }
    })
}

fn level(
    array: &ArrayValue,
    depth: usize,
    elements: &mut std::slice::Iter<'_, Datum>,
    io: &IoContext,
) -> Result<Json> {
    let length = array.dimensions.get(depth).map_or(0, |(length, _)| *length);
    let mut items = Vec::new();
    for _ in 0..length {
        if depth + 1 < array.dimensions.len() {
            items.push(level(array, depth + 1, elements, io)?);
        } else if let Some(element) = elements.next() {
            items.push(to_jsonb(element, TypeRef::plain(array.element_type), io)?);
        }
    }
    Ok(Json::Array(items))
}

/// Returns a value as the key of an object; none for types that cannot be one.
pub(crate) fn key_text(value: &Datum, ty: TypeRef, io: &IoContext) -> Result<Option<String>> {
    match value {
        Datum::Array(_) if !is_vector(ty) => Ok(None),
        Datum::Record(_) | Datum::Json(_) => Ok(None),
        Datum::Text(_) if ty.oid == oids::JSON => Ok(None),
        Datum::Bool(flag) => Ok(Some(if *flag { "true" } else { "false" }.to_string())),
        _ => Ok(Some(plain_text(value, ty, io)?)),
    }
}
