//! Options of sequences, as `init_params` reads them.

use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, Node};
use types::{Oid, PgError, Result, SqlState, oids};

use super::super::{AnalyzerContext, raw, state, typename};
use crate::catalog::{ColumnInfo, Relation, RelationKind, Sequence};
use types::TypeRef;

/// What options of CREATE or ALTER SEQUENCE say.
pub struct SequenceOptions {
    /// The parameters.
    pub sequence: Sequence,
    /// RESTART, or START of CREATE: the value is set anew.
    pub restarted: bool,
    /// OWNED BY: a column's name in parts; `none` alone.
    pub owned_by: Option<Vec<String>>,
    /// SEQUENCE NAME of an identity column.
    pub name: Option<Vec<String>>,
    /// A parameter other than OWNED BY was given.
    pub changed: bool,
}

/// Returns a relation around a sequence.
pub fn sequence_relation(oid: Oid, name: &str, schema: Oid, sequence: Sequence) -> Relation {
    let not_null =
        |name: &str, ty: Oid| ColumnInfo { not_null: true, ..ColumnInfo::new(name, TypeRef::plain(ty)) };
    Relation {
        oid,
        name: name.into(),
        schema,
        kind: RelationKind::Sequence(sequence),
        columns: vec![
            not_null("last_value", oids::INT8),
            not_null("log_cnt", oids::INT8),
            not_null("is_called", oids::BOOL),
        ],
        ..Relation::default()
    }
}

fn bounds(ty: Oid) -> (i64, i64) {
    match ty {
        oids::INT2 => (i16::MIN.into(), i16::MAX.into()),
        oids::INT4 => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Reads the options of CREATE SEQUENCE (`old` is none) or ALTER SEQUENCE.
///
/// # Errors
/// `42601` for conflicting options, `22023` for values that do not fit each other.
pub fn sequence_options(
    context: &AnalyzerContext<'_>,
    options: &[Node],
    old: Option<&Sequence>,
    default_type: Oid,
    for_identity: bool,
) -> Result<SequenceOptions> {
    let reader = Reader::read(options)?;
    let mut sequence = old.cloned().unwrap_or(Sequence {
        ty: default_type,
        start: 0,
        increment: 1,
        max: 0,
        min: 0,
        cache: 1,
        cycle: false,
        owner: None,
        identity: for_identity,
        generation: 0,
        initial: (1, false),
    });
    let is_new = old.is_none();
    let (mut reset_max, mut reset_min) = (is_new, is_new);
    if let Some(option) = reader.find("as") {
        let Some(NodeEnum::TypeName(name)) = raw::inner(&option.arg) else {
            return Err(PgError::internal("AS without a type"));
        };
        let ty = typename::resolve(context, name)?.oid;
        if !matches!(ty, oids::INT2 | oids::INT4 | oids::INT8) {
            let what = if for_identity { "identity column type" } else { "sequence type" };
            let message = format!("{what} must be smallint, integer, or bigint");
            return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        if !is_new {
            let (low, high) = bounds(sequence.ty);
            reset_max = sequence.increment > 0 && sequence.max == high;
            reset_min = sequence.increment < 0 && sequence.min == low;
        }
        sequence.ty = ty;
    }
    let (low, high) = bounds(sequence.ty);
    if let Some(increment) = reader.integer("increment")? {
        if increment == 0 {
            return Err(invalid("INCREMENT must not be zero"));
        }
        sequence.increment = increment;
    }
    if let Some(option) = reader.find("cycle") {
        sequence.cycle = boolean(option);
    }
    let type_text = crate::catalog::type_names::type_name(sequence.ty);
    match reader.find("maxvalue") {
        Some(option) if option.arg.is_some() => sequence.max = integer(option)?,
        found => {
            if found.is_some() || reset_max {
                sequence.max = if sequence.increment > 0 { high } else { -1 };
            }
        }
    }
    if sequence.max < low || sequence.max > high {
        let message =
            format!("MAXVALUE ({}) is out of range for sequence data type {type_text}", sequence.max);
        return Err(invalid(message));
    }
    match reader.find("minvalue") {
        Some(option) if option.arg.is_some() => sequence.min = integer(option)?,
        found => {
            if found.is_some() || reset_min {
                sequence.min = if sequence.increment > 0 { 1 } else { low };
            }
        }
    }
    if sequence.min < low || sequence.min > high {
        let message =
            format!("MINVALUE ({}) is out of range for sequence data type {type_text}", sequence.min);
        return Err(invalid(message));
    }
    if sequence.min >= sequence.max {
        return Err(invalid(format!(
            "MINVALUE ({}) must be less than MAXVALUE ({})",
            sequence.min, sequence.max
        )));
    }
    match reader.integer("start")? {
        Some(start) => sequence.start = start,
        None if is_new => {
            sequence.start = if sequence.increment > 0 { sequence.min } else { sequence.max };
        }
        None => {}
    }
    if sequence.start < sequence.min {
        let message =
            format!("START value ({}) cannot be less than MINVALUE ({})", sequence.start, sequence.min);
        return Err(invalid(message));
    }
    if sequence.start > sequence.max {
        let message =
            format!("START value ({}) cannot be greater than MAXVALUE ({})", sequence.start, sequence.max);
        return Err(invalid(message));
    }
    let mut restarted = is_new;
    match reader.find("restart") {
        Some(option) if option.arg.is_some() => {
            sequence.initial = (integer(option)?, false);
            restarted = true;
        }
        Some(_) => {
            sequence.initial = (sequence.start, false);
            restarted = true;
        }
        None if is_new => sequence.initial = (sequence.start, false),
        None => {}
    }
    if restarted && sequence.initial.0 < sequence.min {
        let message =
            format!("RESTART value ({}) cannot be less than MINVALUE ({})", sequence.initial.0, sequence.min);
        return Err(invalid(message));
    }
    if restarted && sequence.initial.0 > sequence.max {
        let message = format!(
            "RESTART value ({}) cannot be greater than MAXVALUE ({})",
            sequence.initial.0, sequence.max
        );
        return Err(invalid(message));
    }
    if let Some(cache) = reader.integer("cache")? {
        if cache <= 0 {
            return Err(invalid(format!("CACHE ({cache}) must be greater than zero")));
        }
        sequence.cache = cache;
    }
    let words = |name: &str| reader.find(name).map(names_of);
    let changed = reader.options.iter().any(|option| option.defname != "owned_by");
    let (owned_by, name) = (words("owned_by"), words("sequence_name"));
    Ok(SequenceOptions { sequence, restarted, owned_by, name, changed })
}

struct Reader<'a> {
    options: Vec<&'a DefElem>,
}

impl<'a> Reader<'a> {
    fn read(options: &'a [Node]) -> Result<Self> {
        let mut found: Vec<&DefElem> = Vec::new();
        for node in options {
            let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
            if found.iter().any(|known| known.defname == option.defname) {
                return Err(state::error(
                    SqlState::SYNTAX_ERROR,
                    "conflicting or redundant options",
                    state::at(option.location),
                ));
            }
            if matches!(option.defname.as_str(), "logged" | "unlogged") {
                continue;
            }
            found.push(option);
        }
        Ok(Self { options: found })
    }
    fn find(&self, name: &str) -> Option<&'a DefElem> {
        self.options.iter().find(|option| option.defname == name).copied()
    }
    fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.find(name).map(integer).transpose()
    }
}

fn invalid(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message.into())
}

fn boolean(option: &DefElem) -> bool {
    match raw::inner(&option.arg) {
        Some(NodeEnum::Boolean(value)) => value.boolval,
        Some(NodeEnum::Integer(value)) => value.ival != 0,
        Some(_) => false,
        None => true,
    }
}

fn integer(option: &DefElem) -> Result<i64> {
    match raw::inner(&option.arg) {
        Some(NodeEnum::Integer(value)) => Ok(value.ival.into()),
        Some(NodeEnum::Float(value)) => value.fval.parse().map_err(|_| {
            PgError::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("value \"{}\" is out of range for type bigint", value.fval),
            )
        }),
        Some(_) | None => {
            Err(PgError::new(SqlState::SYNTAX_ERROR, format!("{} requires a numeric value", option.defname)))
        }
    }
}

fn names_of(option: &DefElem) -> Vec<String> {
    match raw::inner(&option.arg) {
        Some(NodeEnum::List(list)) => raw::strings(&list.items).into_iter().map(str::to_owned).collect(),
        Some(_) | None => Vec::new(),
    }
}
