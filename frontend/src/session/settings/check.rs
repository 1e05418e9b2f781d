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
        _ => Ok(value.to_owned()),
    }
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
    let mut order_given = false;
    for word in value.split(',').map(str::trim) {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "iso" => style = "ISO".into(),
            "sql" => style = "SQL".into(),
            "german" => {
                style = "German".into();
                if !order_given {
                    order = "DMY".into();
                }
            }
            "default" => {
                style = "ISO".into();
                order = "MDY".into();
            }
            "ymd" => (order, order_given) = ("YMD".into(), true),
            "us" | "mdy" => (order, order_given) = ("MDY".into(), true),
            _ if lower.starts_with("postgres") => style = "Postgres".into(),
            _ if lower == "dmy" || lower.starts_with("euro") => (order, order_given) = ("DMY".into(), true),
            _ if lower.starts_with("noneuro") => (order, order_given) = ("MDY".into(), true),
            _ => {
                return Err(invalid_value("DateStyle", value)
                    .with_detail(format!("Unrecognized key word: \"{lower}\".")));
            }
        }
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
