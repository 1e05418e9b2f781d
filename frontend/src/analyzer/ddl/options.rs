//! Storage options: accepted as PostgreSQL accepts them (`reloptions.c`), kept and shown; Surus has no use for them.

use ecow::EcoString;
use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, Node, TypeName};
use types::{PgError, Result, SqlState};

use super::super::raw;

/// What values an option takes.
enum Kind {
    Boolean,
    Integer(i64, i64),
    Real(f64, f64),
    Enum(&'static [&'static str]),
}

const INT_MAX: i64 = i32::MAX as i64;

fn table_option(name: &str) -> Option<Kind> {
    Some(match name {
        "fillfactor" => Kind::Integer(10, 100),
        "autovacuum_enabled" | "user_catalog_table" | "vacuum_truncate" => Kind::Boolean,
        "autovacuum_vacuum_threshold" | "autovacuum_analyze_threshold" => Kind::Integer(0, INT_MAX),
        "autovacuum_vacuum_max_threshold" | "autovacuum_vacuum_insert_threshold" => {
            Kind::Integer(-1, INT_MAX)
        }
        "autovacuum_vacuum_cost_limit" => Kind::Integer(1, 10_000),
        "autovacuum_vacuum_cost_delay" | "autovacuum_vacuum_scale_factor" => Kind::Real(0.0, 100.0),
        "autovacuum_vacuum_insert_scale_factor" | "autovacuum_analyze_scale_factor" => Kind::Real(0.0, 100.0),
        "vacuum_max_eager_freeze_failure_rate" => Kind::Real(0.0, 1.0),
        "autovacuum_freeze_min_age" => Kind::Integer(0, 1_000_000_000),
        "autovacuum_multixact_freeze_min_age" => Kind::Integer(0, 1_000_000_000),
        "autovacuum_freeze_max_age" => Kind::Integer(100_000, 2_000_000_000),
        "autovacuum_multixact_freeze_max_age" => Kind::Integer(10_000, 2_000_000_000),
        "autovacuum_freeze_table_age" | "autovacuum_multixact_freeze_table_age" => {
            Kind::Integer(0, 2_000_000_000)
        }
        "log_autovacuum_min_duration" => Kind::Integer(-1, INT_MAX),
        "toast_tuple_target" => Kind::Integer(128, 8160),
        "parallel_workers" => Kind::Integer(0, 1024),
        "vacuum_index_cleanup" => Kind::Enum(&["auto", "on", "off", "true", "false", "yes", "no", "1", "0"]),
        _ => return None,
    })
}

fn index_option(method: &str, name: &str) -> Option<Kind> {
    Some(match (method, name) {
        ("btree" | "hash" | "gist" | "spgist", "fillfactor") => Kind::Integer(10, 100),
        ("btree", "deduplicate_items") | ("gin", "fastupdate") | ("brin", "autosummarize") => Kind::Boolean,
        ("gin", "gin_pending_list_limit") => Kind::Integer(64, INT_MAX),
        ("gist", "buffering") => Kind::Enum(&["auto", "on", "off"]),
        ("brin", "pages_per_range") => Kind::Integer(1, 131_072),
        _ => return None,
    })
}

fn view_option(name: &str) -> Option<Kind> {
    Some(match name {
        "security_barrier" | "security_invoker" => Kind::Boolean,
        "check_option" => Kind::Enum(&["local", "cascaded"]),
        _ => return None,
    })
}

/// Reads the options of a table.
///
/// # Errors
/// `22023` for an unknown name or a wrong value.
pub fn table_options(options: &[Node]) -> Result<Vec<EcoString>> {
    let mut kept = Vec::new();
    for option in elements(options) {
        let (name, namespace) = (option.defname.as_str(), option.defnamespace.as_str());
        if name == "oids" && namespace.is_empty() {
            if !matches!(value(option).as_str(), "false" | "off" | "0" | "no") {
                return Err(PgError::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "tables declared WITH OIDS are not supported",
                ));
            }
            continue;
        }
        if namespace == "toast" && table_option(name).is_some() && name != "fillfactor" {
            continue;
        }
        if !namespace.is_empty() {
            let message = format!("unrecognized parameter namespace \"{namespace}\"");
            return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        kept.push(read(option, table_option(name))?);
    }
    Ok(kept)
}

/// Reads the options of an index.
///
/// # Errors
/// `22023` for an unknown name or a wrong value.
pub fn index_options(options: &[Node], method: &str) -> Result<Vec<EcoString>> {
    elements(options).map(|option| read(option, index_option(method, &option.defname))).collect()
}

/// Reads the options of a view.
///
/// # Errors
/// `22023` for an unknown name or a wrong value.
pub fn view_options(options: &[Node]) -> Result<Vec<EcoString>> {
    elements(options).map(|option| read(option, view_option(&option.defname))).collect()
}

/// Reads the options of a column.
///
/// # Errors
/// `22023` for an unknown name or a wrong value.
pub fn column_options(options: &[Node]) -> Result<Vec<EcoString>> {
    let kind = |name: &str| match name {
        "n_distinct" | "n_distinct_inherited" => Some(Kind::Real(-1.0, f64::MAX)),
        _ => None,
    };
    elements(options).map(|option| read(option, kind(&option.defname))).collect()
}

/// Returns options as they are after SET and RESET.
pub fn changed(old: &[EcoString], set: Vec<EcoString>) -> Vec<EcoString> {
    let name = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
    let mut options: Vec<EcoString> =
        old.iter().filter(|option| set.iter().all(|new| name(new) != name(option))).cloned().collect();
    options.extend(set);
    options
}

/// Returns the names of options.
pub fn option_names(options: &[Node]) -> Vec<&str> {
    elements(options).map(|option| option.defname.as_str()).collect()
}

fn elements(options: &[Node]) -> impl Iterator<Item = &DefElem> {
    options.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::DefElem(option)) => Some(option.as_ref()),
        Some(_) | None => None,
    })
}

fn value(option: &DefElem) -> String {
    match raw::inner(&option.arg) {
        None => "true".to_owned(),
        Some(NodeEnum::Integer(value)) => value.ival.to_string(),
        Some(NodeEnum::Float(value)) => value.fval.clone(),
        Some(NodeEnum::Boolean(value)) => value.boolval.to_string(),
        Some(NodeEnum::String(value)) => value.sval.clone(),
        Some(NodeEnum::TypeName(TypeName { names, .. })) => raw::strings(names).join("."),
        Some(_) => String::new(),
    }
}

fn read(option: &DefElem, kind: Option<Kind>) -> Result<EcoString> {
    let name = option.defname.as_str();
    let invalid = |message: String| PgError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let Some(kind) = kind else {
        return Err(invalid(format!("unrecognized parameter \"{name}\"")));
    };
    let value = value(option);
    let outside = |low: String, high: String| {
        Err(invalid(format!("value {value} out of bounds for option \"{name}\""))
            .with_detail(format!("Valid values are between \"{low}\" and \"{high}\".")))
    };
    match kind {
        Kind::Boolean => {
            let known = ["true", "false", "on", "off", "yes", "no", "1", "0", "t", "f", "y", "n"];
            if !known.contains(&value.to_lowercase().as_str()) {
                return Err(invalid(format!("invalid value for boolean option \"{name}\": {value}")));
            }
        }
        Kind::Integer(low, high) => match value.parse::<i64>() {
            Ok(number) if number < low || number > high => return outside(low.to_string(), high.to_string()),
            Ok(_) => {}
            Err(_) => return Err(invalid(format!("invalid value for integer option \"{name}\": {value}"))),
        },
        Kind::Real(low, high) => match value.parse::<f64>() {
            Ok(number) if number < low || number > high => {
                return outside(format!("{low:.6}"), format!("{high:.6}"));
            }
            Ok(_) => {}
            Err(_) => {
                return Err(invalid(format!("invalid value for floating point option \"{name}\": {value}")));
            }
        },
        Kind::Enum(known) => {
            if !known.contains(&value.to_lowercase().as_str()) {
                let refused = invalid(format!("invalid value for enum option \"{name}\": {value}"));
                return Err(match name {
                    "check_option" => refused.with_detail("Valid values are \"local\" and \"cascaded\"."),
                    "buffering" => refused.with_detail("Valid values are \"on\", \"off\", and \"auto\"."),
                    "vacuum_index_cleanup" => {
                        refused.with_detail("Valid values are \"on\", \"off\", and \"auto\".")
                    }
                    _ => refused,
                });
            }
        }
    }
    Ok(format!("{name}={value}").into())
}

/// Says a tablespace exists.
///
/// # Errors
/// `42704`.
pub fn check_tablespace(name: &str) -> Result<()> {
    if matches!(name, "" | "pg_default") {
        return Ok(());
    }
    if name == "pg_global" {
        let message = "only shared relations can be placed in pg_global tablespace";
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    let message = format!("tablespace \"{name}\" does not exist");
    Err(PgError::new(SqlState::UNDEFINED_OBJECT, message))
}

/// Says a table access method exists.
///
/// # Errors
/// `42704`, `42809`.
pub fn check_table_method(name: &str) -> Result<()> {
    if matches!(name, "" | "heap") {
        return Ok(());
    }
    if crate::catalog::builtin::index_method(name).is_some() {
        let message = format!("access method \"{name}\" is not of type TABLE");
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
    }
    Err(PgError::new(SqlState::UNDEFINED_OBJECT, format!("access method \"{name}\" does not exist")))
}
