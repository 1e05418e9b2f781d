//! COPY's options, checked as PostgreSQL's `ProcessCopyOptions` does.

use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, Node};
use types::{PgError, Result, SqlState};

use crate::session::settings::definition::parse_bool;
use crate::statements::constant_text;

/// The form of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tab-separated with backslash escapes.
    Text,
    /// Comma-separated values.
    Csv,
    /// PostgreSQL's binary form.
    Binary,
}

/// HEADER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// No header line.
    No,
    /// A header line, skipped on input.
    Yes,
    /// A header line that must name the columns.
    Match,
}

/// Columns that a FORCE option names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Force {
    /// None.
    No,
    /// `*`.
    All,
    /// These.
    Columns(Vec<String>),
}

/// The options of one COPY.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// FORMAT
    pub format: Format,
    /// DELIMITER
    pub delimiter: u8,
    /// NULL
    pub null: String,
    /// DEFAULT
    pub default: Option<String>,
    /// HEADER
    pub header: Header,
    /// QUOTE
    pub quote: u8,
    /// ESCAPE
    pub escape: u8,
    /// FORCE_QUOTE
    pub force_quote: Force,
    /// FORCE_NOT_NULL
    pub force_not_null: Force,
    /// FORCE_NULL
    pub force_null: Force,
    /// ON_ERROR ignore
    pub ignore_errors: bool,
    /// REJECT_LIMIT
    pub reject_limit: Option<i64>,
    /// LOG_VERBOSITY silent
    pub silent: bool,
    /// LOG_VERBOSITY verbose
    pub verbose: bool,
    /// FREEZE
    pub freeze: bool,
}

/// The options as written, before defaults.
#[derive(Default)]
struct Given {
    format: Option<String>,
    delimiter: Option<String>,
    null: Option<String>,
    default: Option<String>,
    header: Option<Header>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Force>,
    force_not_null: Option<Force>,
    force_null: Option<Force>,
    encoding: Option<String>,
    on_error: Option<String>,
    reject_limit: Option<String>,
    log_verbosity: Option<String>,
    freeze: Option<String>,
    /// Where FORMAT and ON_ERROR stand.
    format_at: Option<usize>,
    on_error_at: Option<usize>,
}

fn syntax(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::SYNTAX_ERROR, message)
}

fn invalid(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn unsupported(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

impl CopyOptions {
    /// Reads the options of a COPY statement.
    ///
    /// # Errors
    /// As PostgreSQL.
    pub fn read(options: &[Node], from: bool) -> Result<Self> {
        let mut given = Given::default();
        for option in options {
            let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
            given.read(option)?;
        }
        let format = match given.format.as_deref() {
            None | Some("text") => Format::Text,
            Some("csv") => Format::Csv,
            Some("binary") => Format::Binary,
            Some(other) => {
                return Err(invalid(format!("COPY format \"{other}\" not recognized")).at(given.format_at));
            }
        };
        if let Some(encoding) = &given.encoding {
            let plain = encoding.to_ascii_lowercase().replace(['-', '_'], "");
            if !matches!(plain.as_str(), "utf8" | "unicode") {
                return Err(PgError::not_supported(format!("COPY ENCODING \"{encoding}\"")));
            }
        }
        given.check_mode(format)?;
        let csv = format == Format::Csv;
        let options = Self {
            format,
            delimiter: one_byte(given.delimiter.as_deref(), "delimiter", if csv { b',' } else { b'\t' })?,
            null: given.null.clone().unwrap_or_else(|| if csv { String::new() } else { "\\N".to_owned() }),
            default: given.default.clone(),
            header: given.header.unwrap_or(Header::No),
            quote: one_byte(given.quote.as_deref(), "quote", b'"')?,
            escape: 0,
            force_quote: given.force_quote.clone().unwrap_or(Force::No),
            force_not_null: given.force_not_null.clone().unwrap_or(Force::No),
            force_null: given.force_null.clone().unwrap_or(Force::No),
            ignore_errors: match given.on_error.as_deref() {
                None | Some("stop") => false,
                Some("ignore") => true,
                Some(other) => {
                    let message = format!("COPY ON_ERROR \"{other}\" not recognized");
                    return Err(invalid(message).at(given.on_error_at));
                }
            },
            reject_limit: given.reject_limit()?,
            silent: match given.log_verbosity.as_deref() {
                None | Some("default" | "verbose") => false,
                Some("silent") => true,
                Some(other) => return Err(invalid(format!("COPY LOG_VERBOSITY \"{other}\" not recognized"))),
            },
            verbose: given.log_verbosity.as_deref() == Some("verbose"),
            freeze: match &given.freeze {
                None => false,
                Some(text) => text.is_empty() || parse_bool(text).unwrap_or(true),
            },
        };
        let escape = one_byte(given.escape.as_deref(), "escape", options.quote)?;
        let options = Self { escape, ..options };
        options.check(&given, from)?;
        Ok(options)
    }

    fn check(&self, given: &Given, from: bool) -> Result<()> {
        if matches!(self.delimiter, b'\n' | b'\r') {
            return Err(invalid("COPY delimiter cannot be newline or carriage return"));
        }
        if self.null.contains(['\n', '\r']) {
            return Err(invalid("COPY null representation cannot use newline or carriage return"));
        }
        if self.default.as_ref().is_some_and(|default| default.contains(['\n', '\r'])) {
            return Err(invalid("COPY default representation cannot use newline or carriage return"));
        }
        if self.format == Format::Text && b"\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&self.delimiter)
        {
            return Err(invalid(format!("COPY delimiter cannot be \"{}\"", char::from(self.delimiter))));
        }
        let csv = self.format == Format::Csv;
        if csv && self.delimiter == self.quote {
            return Err(invalid("COPY delimiter and quote must be different"));
        }
        let freeze = self.freeze;
        for (is_given, name, wants_from) in [
            (given.force_quote.is_some(), "FORCE_QUOTE", false),
            (given.force_not_null.is_some(), "FORCE_NOT_NULL", true),
            (given.force_null.is_some(), "FORCE_NULL", true),
            (given.default.is_some(), "DEFAULT", true),
            (given.on_error.is_some(), "ON_ERROR", true),
            (freeze, "FREEZE", true),
        ] {
            if is_given && wants_from != from {
                let direction = if from { "COPY FROM" } else { "COPY TO" };
                let message = format!("COPY {name} cannot be used with {direction}");
                return Err(match name {
                    "FORCE_QUOTE" | "DEFAULT" => unsupported(message),
                    "ON_ERROR" => invalid(message).at(given.on_error_at),
                    _ => invalid(message),
                });
            }
        }
        if self.header == Header::Match && !from {
            return Err(unsupported("cannot use \"match\" with HEADER in COPY TO"));
        }
        for (text, name) in [(Some(&self.null), "NULL"), (self.default.as_ref(), "DEFAULT")] {
            let Some(text) = text else { continue };
            if text.as_bytes().contains(&self.delimiter) && self.format != Format::Binary {
                return Err(invalid(format!(
                    "COPY delimiter character must not appear in the {name} specification"
                )));
            }
            if csv && text.as_bytes().contains(&self.quote) {
                return Err(invalid(format!(
                    "CSV quote character must not appear in the {name} specification"
                )));
            }
        }
        if self.default.as_ref() == Some(&self.null) {
            return Err(invalid("NULL specification and DEFAULT specification cannot be the same"));
        }
        if self.ignore_errors && self.format == Format::Binary {
            return Err(syntax("only ON_ERROR STOP is allowed in BINARY mode"));
        }
        if self.reject_limit.is_some() && !self.ignore_errors {
            return Err(invalid("COPY REJECT_LIMIT requires ON_ERROR to be set to IGNORE"));
        }
        Ok(())
    }
}

impl Given {
    fn read(&mut self, option: &DefElem) -> Result<()> {
        let position = usize::try_from(option.location).ok();
        let text = || -> Result<String> {
            option
                .arg
                .as_ref()
                .and_then(|arg| argument_text(arg))
                .ok_or_else(|| syntax(format!("{} requires a parameter", option.defname)))
        };
        match option.defname.as_str() {
            "format" => self.format_at = position,
            "on_error" => self.on_error_at = position,
            _ => {}
        }
        let fresh = match option.defname.as_str() {
            "format" => self.format.replace(text()?).is_none(),
            "freeze" => self.freeze.replace(text().unwrap_or_default()).is_none(),
            "delimiter" => self.delimiter.replace(text()?).is_none(),
            "null" => self.null.replace(text()?).is_none(),
            "default" => self.default.replace(text()?).is_none(),
            "header" => self.header.replace(header(option)?).is_none(),
            "quote" => self.quote.replace(text()?).is_none(),
            "escape" => self.escape.replace(text()?).is_none(),
            "force_quote" => self.force_quote.replace(force(option)?).is_none(),
            "force_not_null" => self.force_not_null.replace(force(option)?).is_none(),
            "force_null" => self.force_null.replace(force(option)?).is_none(),
            "encoding" => self.encoding.replace(text()?).is_none(),
            "on_error" => self.on_error.replace(text()?).is_none(),
            "reject_limit" => self.reject_limit.replace(text()?).is_none(),
            "log_verbosity" => self.log_verbosity.replace(text()?).is_none(),
            other => return Err(syntax(format!("option \"{other}\" not recognized")).at(position)),
        };
        if fresh { Ok(()) } else { Err(syntax("conflicting or redundant options").at(position)) }
    }

    fn check_mode(&self, format: Format) -> Result<()> {
        if format == Format::Binary {
            for (given, name) in [
                (self.delimiter.is_some(), "DELIMITER"),
                (self.null.is_some(), "NULL"),
                (self.default.is_some(), "DEFAULT"),
            ] {
                if given {
                    return Err(syntax(format!("cannot specify {name} in BINARY mode")));
                }
            }
            if self.header.is_some_and(|header| header != Header::No) {
                return Err(unsupported("cannot specify HEADER in BINARY mode"));
            }
        }
        if format != Format::Csv {
            for (given, name) in [
                (self.quote.is_some(), "QUOTE"),
                (self.escape.is_some(), "ESCAPE"),
                (self.force_quote.is_some(), "FORCE_QUOTE"),
                (self.force_not_null.is_some(), "FORCE_NOT_NULL"),
                (self.force_null.is_some(), "FORCE_NULL"),
            ] {
                if given {
                    return Err(unsupported(format!("COPY {name} requires CSV mode")));
                }
            }
        }
        Ok(())
    }

    fn reject_limit(&self) -> Result<Option<i64>> {
        let Some(text) = &self.reject_limit else { return Ok(None) };
        let limit: i64 = text.parse().map_err(|_| {
            PgError::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                format!("invalid input syntax for type bigint: \"{text}\""),
            )
        })?;
        if limit <= 0 {
            return Err(invalid(format!("REJECT_LIMIT ({limit}) must be greater than zero")));
        }
        Ok(Some(limit))
    }
}

fn one_byte(given: Option<&str>, name: &str, default: u8) -> Result<u8> {
    match given.map(str::as_bytes) {
        None => Ok(default),
        Some([byte]) => Ok(*byte),
        Some(_) => Err(unsupported(format!("COPY {name} must be a single one-byte character"))),
    }
}

fn argument_text(arg: &Node) -> Option<String> {
    match &arg.node {
        Some(NodeEnum::TypeName(name)) => {
            let last = name.names.last()?;
            constant_text(last)
        }
        _ => constant_text(arg),
    }
}

fn header(option: &DefElem) -> Result<Header> {
    let Some(arg) = &option.arg else { return Ok(Header::Yes) };
    let text = argument_text(arg).unwrap_or_default();
    if text.eq_ignore_ascii_case("match") {
        return Ok(Header::Match);
    }
    match parse_bool(&text).filter(|_| !text.is_empty()) {
        Some(true) => Ok(Header::Yes),
        Some(false) => Ok(Header::No),
        None => Err(syntax("header requires a Boolean value or \"match\"")),
    }
}

fn force(option: &DefElem) -> Result<Force> {
    match option.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
        Some(NodeEnum::AStar(_)) => Ok(Force::All),
        Some(NodeEnum::List(list)) => {
            Ok(Force::Columns(list.items.iter().filter_map(constant_text).collect()))
        }
        _ => {
            Err(invalid(format!("argument to option \"{}\" must be a list of column names", option.defname)))
        }
    }
}
