//! Checks of parameters whose values have a grammar of their own: DateStyle, TimeZone, client_encoding, lists.

use types::datetime::zone::Zone;
use types::{PgError, Result, SqlState};

use super::definition::invalid_value;

/// Turns the value of a text parameter into the form that is kept.
pub(super) fn text(name: &str, value: &str) -> Result<String> {
    match name {
        "client_encoding" => encoding(value),
        "application_name" | "cluster_name" => Ok(ascii(value)),
        "session_authorization" | "role" if !matches!(value, "postgres" | "none" | "default") => {
            Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("role \"{value}\" does not exist")))
        }
        "default_tablespace" if !matches!(value, "" | "pg_default" | "pg_global") => {
            Err(invalid_value(name, value).with_detail(format!("Tablespace \"{value}\" does not exist.")))
        }
        "temp_tablespaces" => {
            let known = ["", "pg_default", "pg_global"];
            match super::split_identifiers(value).into_iter().find(|name| !known.contains(&name.as_str())) {
                Some(unknown) => Err(PgError::new(
                    SqlState::UNDEFINED_OBJECT,
                    format!("tablespace \"{unknown}\" does not exist"),
                )),
                None => Ok(value.to_owned()),
            }
        }
        "default_table_access_method" if value != "heap" => {
            let detail = format!("Table access method \"{value}\" does not exist.");
            Err(invalid_value(name, value).with_detail(detail))
        }
        "default_text_search_config" => {
            let wanted = value.strip_prefix("pg_catalog.").unwrap_or(value);
            let found = datasets::catalog::rows(datasets::catalog::PG_TS_CONFIG)
                .any(|row| row.text("cfgname") == wanted);
            if found { Ok(format!("pg_catalog.{wanted}")) } else { Err(invalid_value(name, value)) }
        }
        "lc_messages" | "lc_monetary" | "lc_numeric" | "lc_time" if !is_locale(value) => {
            Err(invalid_value(name, value))
        }
        _ => Ok(value.to_owned()),
    }
}

/// Says whether a name looks like a locale of a system: `C`, `POSIX`, `de_DE`, `de_DE.UTF-8`.
fn is_locale(value: &str) -> bool {
    let base = value.split(['.', '@']).next().unwrap_or_default();
    let territory = |text: &str| {
        text.split_once('_')
            .is_some_and(|(language, country)| (2..=3).contains(&language.len()) && country.len() == 2)
    };
    value.is_empty() || base == "C" || value == "POSIX" || territory(base)
}

/// Checks the name of a parameter that belongs to an extension (`valid_custom_variable_name`).
///
/// # Errors
/// `42602`
pub(super) fn custom_name(name: &str) -> Result<()> {
    let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
    let is_simple = |part: &str| {
        part.bytes().next().is_some_and(starts)
            && part.bytes().all(|byte| starts(byte) || byte.is_ascii_digit() || byte == b'$')
    };
    if name.split('.').all(is_simple) {
        return Ok(());
    }
    Err(PgError::new(SqlState::INVALID_NAME, format!("invalid configuration parameter name \"{name}\""))
        .with_detail("Custom parameter names must be two or more simple identifiers separated by dots."))
}

/// Only UTF-8 is spoken.
fn encoding(value: &str) -> Result<String> {
    let plain: String = value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect();
    let known = datasets_encodings().contains(&plain.as_str());
    match plain.as_str() {
        "utf8" | "unicode" => Ok("UTF8".to_owned()),
        _ if known => Err(PgError::not_supported(format!("client encoding \"{value}\""))),
        _ => Err(invalid_value("client_encoding", value)),
    }
}

fn datasets_encodings() -> &'static [&'static str] {
    &[
        "sqlascii",
        "eucjp",
        "euccn",
        "euckr",
        "euctw",
        "eucjis2004",
        "mulinternal",
        "latin1",
        "latin2",
        "latin3",
        "latin4",
        "latin5",
        "latin6",
        "latin7",
        "latin8",
        "latin9",
        "latin10",
        "win1256",
        "win1258",
        "win866",
        "win874",
        "koi8r",
        "koi8u",
        "win1251",
        "win1252",
        "iso88595",
        "iso88596",
        "iso88597",
        "iso88598",
        "win1250",
        "win1253",
        "win1254",
        "win1255",
        "win1257",
        "sjis",
        "big5",
        "gbk",
        "uhc",
        "gb18030",
        "johab",
        "shiftjis2004",
    ]
}

/// Replaces what is not printable ASCII, as PostgreSQL's `pg_clean_ascii`.
fn ascii(value: &str) -> String {
    let mut clean = String::with_capacity(value.len());
    for byte in value.bytes() {
        if (32..127).contains(&byte) {
            clean.push(char::from(byte));
        } else {
            clean.push_str(&format!("\\x{byte:02x}"));
        }
    }
    clean
}

/// Applies a DateStyle value to `current` (`style, order`).
///
/// # Errors
/// `22023` for an unknown or contradictory word.
pub fn date_style(current: &str, value: &str) -> Result<String> {
    let (mut style, mut order) = match current.split_once(", ") {
        Some((style, order)) => (style.to_owned(), order.to_owned()),
        None => ("ISO".to_owned(), "MDY".to_owned()),
    };
    let (mut style_given, mut order_given, mut conflict) = (None, None, false);
    for word in value.split(',').map(str::trim) {
        let lower = word.to_ascii_lowercase();
        let (new_style, new_order) = match lower.as_str() {
            "iso" => (Some("ISO"), None),
            "sql" => (Some("SQL"), None),
            "german" => (Some("German"), None),
            "default" => {
                // Only what the other words leave open.
                if style_given.is_none() {
                    style = "ISO".into();
                }
                if order_given.is_none() {
                    order = "MDY".into();
                }
                continue;
            }
            "ymd" => (None, Some("YMD")),
            "us" | "mdy" => (None, Some("MDY")),
            _ if lower.starts_with("postgres") => (Some("Postgres"), None),
            _ if lower == "dmy" || lower.starts_with("euro") => (None, Some("DMY")),
            _ if lower.starts_with("noneuro") => (None, Some("MDY")),
            _ => {
                return Err(invalid_value("DateStyle", value)
                    .with_detail(format!("Unrecognized key word: \"{lower}\".")));
            }
        };
        if let Some(new) = new_style {
            conflict |= style_given.is_some_and(|given| given != new);
            style_given = Some(new);
            style = new.to_owned();
            // German dates have the day first unless another order is asked for.
            if new == "German" && order_given.is_none() {
                order = "DMY".into();
            }
        }
        if let Some(new) = new_order {
            conflict |= order_given.is_some_and(|given| given != new);
            order_given = Some(new);
            order = new.to_owned();
        }
    }
    if conflict {
        return Err(
            invalid_value("DateStyle", value).with_detail("Conflicting \"DateStyle\" specifications.")
        );
    }
    Ok(format!("{style}, {order}"))
}

/// Turns a TimeZone value into the form that is shown: an IANA name as it is spelled, `<+hh>-hh` for hours east.
///
/// # Errors
/// `22023` for an unknown zone.
pub(super) fn time_zone(value: &str) -> Result<String> {
    if matches!(value.to_ascii_lowercase().as_str(), "default" | "local") {
        return Ok("Etc/UTC".to_owned());
    }
    if let Ok(hours) = value.trim().parse::<f64>() {
        let seconds = (hours * 3600.0).round() as i64;
        let (sign, opposite) = if seconds < 0 { ('-', '+') } else { ('+', '-') };
        let (hour, minute) = (seconds.abs() / 3600, seconds.abs() % 3600 / 60);
        let offset = if minute == 0 { format!("{hour:02}") } else { format!("{hour:02}:{minute:02}") };
        return Ok(format!("<{sign}{offset}>{opposite}{offset}"));
    }
    match zone(value) {
        Some(Zone::Rules(rules)) => Ok(rules.iana_name().unwrap_or(value).to_owned()),
        Some(Zone::Fixed(_)) => Ok(value.to_owned()),
        None => Err(invalid_value("TimeZone", value)),
    }
}

/// Returns the zone of a value in shown form.
pub(super) fn zone(value: &str) -> Option<Zone> {
    // `<+05>-05`: what follows the name counts hours west.
    let text = value.strip_prefix('<').and_then(|rest| rest.split_once('>')).map_or(value, |(name, _)| name);
    Zone::lookup(text).ok()
}
