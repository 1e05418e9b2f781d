//! Types as SQL text, as PostgreSQL's `format_type` prints them.

use types::Oid;
use types::oids;

use super::builtin::builtin;

/// Returns the name of a type without modifier, for messages.
pub fn type_name(oid: Oid) -> String {
    format_type(oid, None)
}

/// Returns the name of a type with its modifier. `None`: no modifier is printed; `Some(-1)` stands for a modifier that
/// is not there, which shows for `bpchar`.
pub fn format_type(oid: Oid, typmod: Option<i32>) -> String {
    if oid == 0 {
        return "-".into();
    }
    let Some(ty) = builtin().type_by_oid(oid) else { return "???".into() };
    if ty.is_array && oid != oids::OIDVECTOR && oid != oids::INT2VECTOR {
        return format!("{}[]", format_type(ty.element, typmod));
    }
    let modifier = typmod.filter(|typmod| *typmod >= 0);
    let with = |name: &str, shown: i32| match modifier {
        Some(_) => format!("{name}({shown})"),
        None => name.to_string(),
    };
    let raw = modifier.unwrap_or(-1);
    match oid {
        oids::BOOL => "boolean".into(),
        oids::INT2 => "smallint".into(),
        oids::INT4 => "integer".into(),
        oids::INT8 => "bigint".into(),
        oids::FLOAT4 => "real".into(),
        oids::FLOAT8 => "double precision".into(),
        oids::BPCHAR if typmod.is_some() && modifier.is_none() => "bpchar".into(),
        oids::BPCHAR => with("character", raw.wrapping_sub(4)),
        oids::VARCHAR => with("character varying", raw.wrapping_sub(4)),
        oids::BIT if typmod.is_some() && modifier.is_none() => "\"bit\"".into(),
        oids::BIT => with("bit", raw),
        oids::VARBIT => with("bit varying", raw),
        oids::NUMERIC => numeric_name(modifier),
        oids::TIME => format!("{} without time zone", with("time", raw)),
        oids::TIMETZ => format!("{} with time zone", with("time", raw)),
        oids::TIMESTAMP => format!("{} without time zone", with("timestamp", raw)),
        oids::TIMESTAMPTZ => format!("{} with time zone", with("timestamp", raw)),
        oids::INTERVAL => interval_name(modifier),
        oids::CHAR => "\"char\"".into(),
        // A keyword, which would be quoted.
        oids::JSON => "json".into(),
        _ => quoted(ty.namespace, &ty.name),
    }
}

fn quoted(namespace: Oid, name: &str) -> String {
    let name = &crate::session::settings::quote_identifier(name);
    if namespace == oids::PG_CATALOG_NAMESPACE {
        return name.to_string();
    }
    let schema = builtin().namespaces().iter().find(|(oid, _)| *oid == namespace);
    schema.map_or_else(|| name.to_string(), |(_, schema)| format!("{schema}.{name}"))
}

fn numeric_name(modifier: Option<i32>) -> String {
    match modifier.map(|modifier| modifier - 4) {
        // The scale has 11 bits and a sign.
        Some(packed) => format!("numeric({},{})", (packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024),
        None => "numeric".into(),
    }
}

/// Field masks of an interval's modifier, as `datetime.h` and `timestamp.h` number them.
pub const INTERVAL_FIELDS: &[(i32, &str)] = &[
    (1 << 2, " year"),
    (1 << 1, " month"),
    (1 << 3, " day"),
    (1 << 10, " hour"),
    (1 << 11, " minute"),
    (1 << 12, " second"),
    ((1 << 2) | (1 << 1), " year to month"),
    ((1 << 3) | (1 << 10), " day to hour"),
    ((1 << 3) | (1 << 10) | (1 << 11), " day to minute"),
    ((1 << 3) | (1 << 10) | (1 << 11) | (1 << 12), " day to second"),
    ((1 << 10) | (1 << 11), " hour to minute"),
    ((1 << 10) | (1 << 11) | (1 << 12), " hour to second"),
    ((1 << 11) | (1 << 12), " minute to second"),
];

fn interval_name(modifier: Option<i32>) -> String {
    let Some(modifier) = modifier else { return "interval".into() };
    let (fields, precision) = ((modifier >> 16) & 0x7fff, modifier & 0xffff);
    let name = INTERVAL_FIELDS.iter().find(|(mask, _)| *mask == fields).map_or("", |(_, name)| name);
    if precision == 0xffff { format!("interval{name}") } else { format!("interval{name}({precision})") }
}
