//! The configuration parameters: PostgreSQL's by their built-in rows, and Surus's own; how a value is read and shown.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use datasets::catalog::{self, PG_SETTINGS};
use types::{PgError, Result, SqlState};

use super::check;

/// One parameter.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Name as PostgreSQL spells it.
    pub name: String,
    /// Unit of the raw number (`kB`, `ms`, `8kB`, ...).
    pub unit: Option<String>,
    /// `pg_settings.category`.
    pub category: String,
    /// When it may be set.
    pub context: Context,
    /// Type and bounds.
    pub kind: Kind,
    /// Value of a new session, raw.
    pub default: String,
}

/// `pg_settings.context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Never.
    Internal,
    /// At server start.
    Postmaster,
    /// In the configuration file.
    Sighup,
    /// At connection start.
    Backend,
    /// By anybody (superuser ones included: everybody here is).
    User,
}

/// Type of a parameter.
#[derive(Debug, Clone)]
pub enum Kind {
    /// bool
    Bool,
    /// integer
    Integer(i64, i64),
    /// real
    Real(f64, f64),
    /// enum
    Enum(Vec<String>),
    /// string
    Text,
}

/// Category of parameters that SHOW ALL and `pg_settings` leave out.
pub const HIDDEN: &str = "hidden";

/// All parameters by their lower-case names.
pub static DEFINITIONS: LazyLock<BTreeMap<String, Definition>> = LazyLock::new(load);

fn load() -> BTreeMap<String, Definition> {
    let mut definitions = BTreeMap::new();
    let mut add = |definition: Definition| {
        definitions.insert(definition.name.to_ascii_lowercase(), definition);
    };
    for row in catalog::rows(PG_SETTINGS) {
        let kind = match row.text("vartype").as_ref() {
            "bool" => Kind::Bool,
            "integer" => Kind::Integer(
                row.parse("min_val").unwrap_or(i64::MIN),
                row.parse("max_val").unwrap_or(i64::MAX),
            ),
            "real" => {
                Kind::Real(row.parse("min_val").unwrap_or(f64::MIN), row.parse("max_val").unwrap_or(f64::MAX))
            }
            "enum" => Kind::Enum(row.array("enumvals").unwrap_or_default()),
            _ => Kind::Text,
        };
        let context = match row.text("context").as_ref() {
            "internal" => Context::Internal,
            "postmaster" => Context::Postmaster,
            "sighup" => Context::Sighup,
            "backend" | "superuser-backend" => Context::Backend,
            _ => Context::User,
        };
        let name = row.text("name").into_owned();
        let default = server_default(&name).map_or_else(|| row.text("setting").into_owned(), str::to_owned);
        let unit = row.get("unit").map(std::borrow::Cow::into_owned);
        add(Definition { name, unit, category: row.text("category").into_owned(), context, kind, default });
    }
    for (name, value, context) in [
        ("is_superuser", "on", Context::Internal),
        ("role", "none", Context::User),
        ("session_authorization", "postgres", Context::User),
    ] {
        add(Definition {
            name: name.to_owned(),
            unit: None,
            category: HIDDEN.to_owned(),
            context,
            kind: Kind::Text,
            default: value.to_owned(),
        });
    }
    add(Definition {
        name: "seed".to_owned(),
        unit: None,
        category: HIDDEN.to_owned(),
        context: Context::User,
        kind: Kind::Real(-1.0, 1.0),
        default: "0".to_owned(),
    });
    let mut own = |name: &str, unit: Option<&str>, context, kind, default: &str| {
        add(Definition {
            name: name.to_owned(),
            unit: unit.map(str::to_owned),
            category: "Customized Options".to_owned(),
            context,
            kind,
            default: default.to_owned(),
        });
    };
    own("surus.batch_lanes", None, Context::User, Kind::Integer(1, 2048), "2048");
    let controls = Kind::Enum(vec!["pessimistic".into(), "optimistic".into()]);
    own("surus.concurrency_control", None, Context::User, controls, "pessimistic");
    own("surus.execution", None, Context::User, Kind::Enum(vec!["auto".into(), "row".into()]), "auto");
    own("surus.memory_limit", Some("kB"), Context::Postmaster, Kind::Integer(0, i64::MAX >> 10), "0");
    own("surus.statement_memory", Some("kB"), Context::User, Kind::Integer(0, i64::MAX >> 10), "0");
    own("surus.threads", None, Context::User, Kind::Integer(0, 1024), "0");
    definitions
}

/// Returns what a server made by `initdb` in a UTF-8 environment sets beside the built-in values.
fn server_default(name: &str) -> Option<&'static str> {
    Some(match name {
        "TimeZone" | "log_timezone" => "Etc/UTC",
        "client_encoding" | "server_encoding" => "UTF8",
        "default_text_search_config" => "pg_catalog.english",
        "lc_messages" | "lc_monetary" | "lc_numeric" | "lc_time" => "C.UTF-8",
        "commit_timestamp_buffers" | "subtransaction_buffers" | "transaction_buffers" => "32",
        "data_checksums" => "on",
        "huge_pages_status" => "off",
        "io_max_concurrency" => "64",
        "max_connections" => "1000",
        "max_prepared_transactions" => "64",
        "max_stack_depth" => "2048",
        "tcp_keepalives_count" => "9",
        "tcp_keepalives_idle" => "7200",
        "tcp_keepalives_interval" => "75",
        "wal_buffers" => "512",
        "timezone_abbreviations" => "Default",
        "is_superuser" => "on",
        "session_authorization" => "postgres",
        "role" => "none",
        "port" => "5433",
        _ => return None,
    })
}

/// Returns the parameter of that name.
///
/// # Errors
/// `42704`.
pub fn find(name: &str) -> Result<&'static Definition> {
    DEFINITIONS.get(&name.to_ascii_lowercase()).ok_or_else(|| unrecognized(name))
}

/// Returns the `42704` of an unknown parameter.
pub fn unrecognized(name: &str) -> PgError {
    PgError::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
}

/// Returns the `22023` of a value that a parameter does not take.
pub fn invalid_value(name: &str, value: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{name}\": \"{value}\""),
    )
}

impl Definition {
    /// Says whether a session may change this parameter.
    ///
    /// # Errors
    /// `55P02`.
    pub fn check_changeable(&self) -> Result<()> {
        let name = &self.name;
        let message = match self.context {
            Context::User => return Ok(()),
            Context::Internal => format!("parameter \"{name}\" cannot be changed"),
            Context::Postmaster => {
                format!("parameter \"{name}\" cannot be changed without restarting the server")
            }
            Context::Sighup => format!("parameter \"{name}\" cannot be changed now"),
            Context::Backend => format!("parameter \"{name}\" cannot be set after connection start"),
        };
        Err(PgError::new(SqlState::CANT_CHANGE_RUNTIME_PARAM, message))
    }

    /// Turns a value as written into the raw form that is kept.
    ///
    /// # Errors
    /// `22023`.
    pub fn parse(&self, value: &str) -> Result<String> {
        let name = &self.name;
        match &self.kind {
            Kind::Bool => {
                parse_bool(value).map(|on| if on { "on" } else { "off" }.to_owned()).ok_or_else(|| {
                    PgError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!("parameter \"{name}\" requires a Boolean value"),
                    )
                })
            }
            Kind::Integer(min, max) => {
                let number = self.number(value)?.round();
                if number < *min as f64 || number > *max as f64 {
                    let unit = self.spaced_unit();
                    return Err(PgError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "{number}{unit} is outside the valid range for parameter \"{name}\" ({min}{unit} .. {max}{unit})"
                        ),
                    ));
                }
                Ok(format!("{number}"))
            }
            Kind::Real(min, max) => {
                let number = self.number(value)?;
                if !number.is_finite() {
                    return Err(invalid_value(name, value));
                }
                if number < *min || number > *max {
                    let unit = self.spaced_unit();
                    return Err(PgError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "{}{unit} is outside the valid range for parameter \"{name}\" ({}{unit} .. {}{unit})",
                            short_real(number),
                            short_real(*min),
                            short_real(*max)
                        ),
                    ));
                }
                Ok(format!("{number}"))
            }
            Kind::Enum(values) => self.parse_enum(values, value),
            Kind::Text => check::text(name, value),
        }
    }

    fn parse_enum(&self, values: &[String], value: &str) -> Result<String> {
        if let Some(found) = values.iter().find(|known| known.eq_ignore_ascii_case(value)) {
            return Ok(found.clone());
        }
        if values.iter().any(|known| known == "on")
            && let Some(on) = parse_bool(value)
        {
            return Ok(if on { "on" } else { "off" }.to_owned());
        }
        Err(invalid_value(&self.name, value).with_hint(format!("Available values: {}.", values.join(", "))))
    }

    fn spaced_unit(&self) -> String {
        self.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"))
    }

    /// Reads a number with an optional unit, converted to the parameter's own unit.
    fn number(&self, value: &str) -> Result<f64> {
        let text = value.trim();
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
            && let Ok(number) = i64::from_str_radix(digits, 16)
        {
            return Ok(number as f64);
        }
        let end = text
            .char_indices()
            .find(|(index, character)| {
                !(character.is_ascii_digit()
                    || *character == '.'
                    || (matches!(character, '+' | '-') && *index == 0)
                    || (matches!(character, 'e' | 'E')
                        && text[index + 1..].starts_with(|next: char| next.is_ascii_digit())))
            })
            .map_or(text.len(), |(index, _)| index);
        let number: f64 = text[..end].parse().map_err(|_| invalid_value(&self.name, value))?;
        let unit = text[end..].trim();
        let number = if unit.is_empty() {
            number
        } else {
            number * self.factor(unit).ok_or_else(|| self.bad_unit(value))?
        };
        if matches!(self.kind, Kind::Integer(_, max) if max <= i64::from(i32::MAX))
            && number.abs() > f64::from(i32::MAX)
        {
            return Err(invalid_value(&self.name, value).with_hint("Value exceeds integer range."));
        }
        Ok(number)
    }

    fn bad_unit(&self, value: &str) -> PgError {
        let error = invalid_value(&self.name, value);
        match self.unit.as_deref() {
            None => error,
            Some("ms" | "s" | "min") => error.with_hint(
                "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".",
            ),
            Some(_) => error
                .with_hint("Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\"."),
        }
    }

    /// Returns how many of the parameter's units one `unit` is.
    fn factor(&self, unit: &str) -> Option<f64> {
        let base = self.unit.as_deref()?;
        if let (Some(from), Some(to)) = (microseconds(unit), microseconds(base)) {
            return Some(from / to);
        }
        Some(bytes_of(unit)? / bytes_of(base)?)
    }

    /// Turns a raw value into what SHOW prints.
    pub fn show(&self, raw: &str) -> String {
        let (Kind::Integer(..) | Kind::Real(..), Some(base)) = (&self.kind, self.unit.as_deref()) else {
            return match self.name.as_str() {
                "data_directory_mode" | "log_file_mode" | "unix_socket_permissions" => {
                    raw.parse::<u32>().map_or_else(|_| raw.to_owned(), |mode| format!("{mode:04o}"))
                }
                _ => raw.to_owned(),
            };
        };
        let Ok(number) = raw.parse::<f64>() else { return raw.to_owned() };
        if number <= 0.0 {
            return raw.to_owned();
        }
        let (units, size): (&[&str], fn(&str) -> Option<f64>) = if microseconds(base).is_some() {
            (&["d", "h", "min", "s", "ms", "us"], microseconds)
        } else {
            (&["TB", "GB", "MB", "kB", "B"], bytes_of)
        };
        let total = number * size(base).unwrap_or(1.0);
        for unit in units {
            let count = total / size(unit).unwrap_or(1.0);
            if count >= 1.0 && count.fract() == 0.0 {
                return format!("{count}{unit}");
            }
        }
        raw.to_owned()
    }

    /// Returns `pg_settings.vartype`.
    pub fn vartype(&self) -> &'static str {
        match self.kind {
            Kind::Bool => "bool",
            Kind::Integer(..) => "integer",
            Kind::Real(..) => "real",
            Kind::Enum(_) => "enum",
            Kind::Text => "string",
        }
    }
}

fn microseconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "min" => 6e7,
        "h" => 3.6e9,
        "d" => 8.64e10,
        _ => return None,
    })
}

fn bytes_of(unit: &str) -> Option<f64> {
    let (count, unit) = match unit.find(|character: char| !character.is_ascii_digit()) {
        Some(0) | None => (1.0, unit),
        Some(index) => (unit[..index].parse().ok()?, &unit[index..]),
    };
    let power = ["B", "kB", "MB", "GB", "TB"].iter().position(|known| *known == unit)?;
    Some(count * 1024f64.powi(i32::try_from(power).ok()?))
}

/// Returns a real as C's `%g` prints it: six significant digits, no trailing zeros.
pub fn short_real(value: f64) -> String {
    const DIGITS: i32 = 6;
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string().to_lowercase() };
    }
    let scientific = format!("{value:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..DIGITS).contains(&exponent) {
        return trim(&format!("{value:.*}", usize::try_from(DIGITS - 1 - exponent).unwrap_or(0)));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
}

/// Reads a boolean as PostgreSQL's `parse_bool`: unique prefixes of the words, in any case.
pub fn parse_bool(value: &str) -> Option<bool> {
    let value = value.to_ascii_lowercase();
    let prefix_of = |word: &str, min: usize| value.len() >= min && word.starts_with(value.as_str());
    if prefix_of("true", 1) || prefix_of("yes", 1) || value == "on" || value == "1" {
        Some(true)
    } else if prefix_of("false", 1) || prefix_of("no", 1) || prefix_of("off", 2) || value == "0" {
        Some(false)
    } else {
        None
    }
}
