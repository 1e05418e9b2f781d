//! The rows of `pg_proc`, `pg_aggregate` and `pg_cast`.

use std::collections::HashMap;

use datasets::catalog as rows;
use ecow::{EcoString, eco_format};
use executor::expr::{FunctionRef, Volatility};
use types::Oid;

/// `pg_proc.prokind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// An aggregate.
    Aggregate,
    /// A window function.
    Window,
}

/// `pg_proc.proargmodes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterMode {
    /// IN
    In,
    /// OUT
    Out,
    /// INOUT
    InOut,
    /// VARIADIC
    Variadic,
    /// TABLE
    Table,
}

/// A row of `pg_proc`.
#[derive(Debug, Clone)]
pub struct Function {
    /// `pg_proc.oid`
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// Schema.
    pub namespace: Oid,
    /// Kind.
    pub kind: FunctionKind,
    /// Whether a NULL argument gives NULL.
    pub strict: bool,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// Volatility.
    pub volatility: Volatility,
    /// Element type of a VARIADIC parameter, 0 for none.
    pub variadic: Oid,
    /// Types of the input parameters.
    pub args: Vec<Oid>,
    /// How many of the last input parameters have defaults.
    pub default_count: usize,
    /// The defaults, as a list of SQL expressions.
    pub defaults: EcoString,
    /// Result type.
    pub result: Oid,
    /// Types, modes and names of all parameters, when there are output parameters or names.
    pub all_args: Vec<Oid>,
    /// See `all_args`.
    pub modes: Vec<ParameterMode>,
    /// See `all_args`; empty strings for unnamed parameters.
    pub names: Vec<EcoString>,
    /// `pg_proc.prosrc`
    pub prosrc: EcoString,
}

impl Function {
    /// Returns the function as an expression holds it, named `name`.
    pub fn reference(&self, name: impl Into<EcoString>) -> FunctionRef {
        FunctionRef {
            oid: self.oid,
            prosrc: self.prosrc.clone(),
            name: name.into(),
            strict: self.strict,
            volatility: self.volatility,
        }
    }
    /// Returns (name, type) of the output columns when the function has output parameters.
    pub fn output_columns(&self) -> Vec<(EcoString, Oid)> {
        let outputs = self.modes.iter().enumerate().filter(|(_, mode)| match mode {
            ParameterMode::Out | ParameterMode::InOut | ParameterMode::Table => true,
            ParameterMode::In | ParameterMode::Variadic => false,
        });
        outputs
            .map(|(position, _)| {
                let name = self.names.get(position).filter(|name| !name.is_empty()).cloned();
                let ty = self.all_args.get(position).copied().unwrap_or(0);
                (name.unwrap_or_else(|| EcoString::from(format!("column{}", position + 1))), ty)
            })
            .collect()
    }
    /// Returns the names of the input parameters (empty when it has none).
    pub fn input_names(&self) -> Vec<EcoString> {
        if self.modes.is_empty() {
            return self.names.clone();
        }
        let named = self.names.iter().zip(&self.modes).filter(|(_, mode)| match mode {
            ParameterMode::In | ParameterMode::InOut | ParameterMode::Variadic => true,
            ParameterMode::Out | ParameterMode::Table => false,
        });
        named.map(|(name, _)| name.clone()).collect()
    }
}

pub(super) fn load() -> HashMap<Oid, Function> {
    let rows = rows::rows(rows::PG_PROC).map(|row| {
        let args: Vec<Oid> = row.numbers("proargtypes").unwrap_or_default();
        let modes = row.array("proargmodes").unwrap_or_default();
        let function = Function {
            oid: row.oid("oid"),
            name: row.text("proname").as_ref().into(),
            namespace: row.oid("pronamespace"),
            kind: match row.char("prokind") {
                'p' => FunctionKind::Procedure,
                'a' => FunctionKind::Aggregate,
                'w' => FunctionKind::Window,
                _ => FunctionKind::Function,
            },
            strict: row.bool("proisstrict"),
            returns_set: row.bool("proretset"),
            volatility: match row.char("provolatile") {
                'i' => Volatility::Immutable,
                's' => Volatility::Stable,
                _ => Volatility::Volatile,
            },
            variadic: row.oid("provariadic"),
            default_count: usize::try_from(row.int("pronargdefaults")).unwrap_or(0),
            defaults: row.text("proargdefaults").as_ref().into(),
            result: row.oid("prorettype"),
            all_args: row.numbers("proallargtypes").unwrap_or_else(|| args.clone()),
            args,
            modes: modes.iter().map(|mode| parameter_mode(mode)).collect(),
            names: row.array("proargnames").unwrap_or_default().into_iter().map(EcoString::from).collect(),
            prosrc: body_key(&row.text("prosrc"), &row.text("proname"), row.oid("prolang"), row.oid("oid")),
        };
        (function.oid, function)
    });
    rows.collect()
}

/// `pg_language.oid` of SQL.
const SQL_LANGUAGE: Oid = 14;

/// Returns what the executor knows the function by: `prosrc`, or name and oid for a function written in SQL.
pub fn body_key(prosrc: &str, name: &str, language: Oid, oid: Oid) -> EcoString {
    if language == SQL_LANGUAGE { eco_format!("{name}_{oid}") } else { prosrc.into() }
}

fn parameter_mode(mode: &str) -> ParameterMode {
    match mode {
        "o" => ParameterMode::Out,
        "b" => ParameterMode::InOut,
        "v" => ParameterMode::Variadic,
        "t" => ParameterMode::Table,
        _ => ParameterMode::In,
    }
}

/// `pg_aggregate.aggkind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateKind {
    /// A plain aggregate.
    Normal,
    /// An ordered-set aggregate.
    OrderedSet,
    /// A hypothetical-set aggregate.
    HypotheticalSet,
}

/// A row of `pg_aggregate`.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Kind.
    pub kind: AggregateKind,
    /// Number of direct arguments of an ordered-set aggregate.
    pub direct_args: usize,
    /// Transition function.
    pub transition: Oid,
}

pub(super) fn load_aggregates() -> HashMap<Oid, Aggregate> {
    let rows = rows::rows(rows::PG_AGGREGATE).map(|row| {
        let aggregate = Aggregate {
            kind: match row.char("aggkind") {
                'o' => AggregateKind::OrderedSet,
                'h' => AggregateKind::HypotheticalSet,
                _ => AggregateKind::Normal,
            },
            direct_args: usize::try_from(row.int("aggnumdirectargs")).unwrap_or(0),
            transition: row.oid("aggtransfn"),
        };
        (row.oid("aggfnoid"), aggregate)
    });
    rows.collect()
}

/// `pg_cast.castcontext`, and the context that asks for a cast. Ordered: a later one allows more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// In any expression.
    Implicit,
    /// When a value is assigned to a column.
    Assignment,
    /// CAST only.
    Explicit,
}

/// `pg_cast.castmethod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastMethod {
    /// By a function.
    Function(Oid),
    /// Through text.
    InOut,
    /// The same bytes.
    Binary,
}

/// A row of `pg_cast`.
#[derive(Debug, Clone)]
pub struct Cast {
    /// Where it applies.
    pub context: CastContext,
    /// How it is done.
    pub method: CastMethod,
}

pub(super) fn load_casts() -> HashMap<(Oid, Oid), Cast> {
    let rows = rows::rows(rows::PG_CAST).map(|row| {
        let cast = Cast {
            context: match row.char("castcontext") {
                'i' => CastContext::Implicit,
                'a' => CastContext::Assignment,
                _ => CastContext::Explicit,
            },
            method: match row.char("castmethod") {
                'f' => CastMethod::Function(row.oid("castfunc")),
                'i' => CastMethod::InOut,
                _ => CastMethod::Binary,
            },
        };
        ((row.oid("castsource"), row.oid("casttarget")), cast)
    });
    rows.collect()
}
