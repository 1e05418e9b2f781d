//! Names of catalog objects as the types `regclass`, `regtype`, `regproc`, ... write and read them.

use std::sync::Arc;

use datasets::catalog as rows;
use ecow::EcoString;
use types::io::{IoContext, ObjectNames};
use types::{Oid, PgError, Result, SqlState, oids};

use super::{built_in, definitions};
use crate::analyzer::{AnalyzerContext, name_parts, type_from_text};
use crate::catalog::Catalog;
use crate::catalog::builtin::{Function, Operator, builtin};
use crate::catalog::type_names::{format_type, type_name};
use crate::session::names;
use crate::session::settings::quote_identifier;

/// The catalog and the search path that names are looked up along.
#[derive(Debug, Clone)]
pub struct Names {
    /// The catalog of the statement's snapshot.
    pub catalog: Arc<Catalog>,
    /// Names of schemas, without the implicit `pg_catalog`.
    pub search_path: Vec<String>,
}

impl Names {
    /// Returns the schemas of the search path by oid, `pg_catalog` included.
    pub fn path(&self) -> Vec<Oid> {
        names::effective_path(&self.catalog, &self.search_path)
    }

    /// Says whether objects of a schema are found by their bare names as far as no other hides them.
    pub fn in_path(&self, schema: Oid) -> bool {
        self.path().contains(&schema)
    }

    /// Returns `name` with its schema in front unless it is `visible`.
    fn qualified(&self, visible: bool, schema: Oid, name: &str) -> String {
        match names::schema_name(&self.catalog, schema) {
            Some(schema) if !visible => format!("{}.{}", quote_identifier(&schema), quote_identifier(name)),
            Some(_) | None => quote_identifier(name),
        }
    }

    /// Returns a relation's name: qualified when the search path does not find it.
    pub fn relation(&self, oid: Oid) -> Option<String> {
        let (schema, name) = definitions::relation_schema_and_name(self, oid)?;
        Some(self.qualified(definitions::relation_is_visible(self, oid), schema, &name))
    }

    /// Returns a function's name: qualified unless the bare name means it alone.
    fn function(&self, oid: Oid) -> Option<String> {
        let function = builtin().function(oid)?;
        let namesakes = builtin()
            .functions_by_name(&function.name)
            .filter(|namesake| self.in_path(namesake.namespace))
            .count();
        let visible = namesakes == 1 && self.in_path(function.namespace);
        Some(self.qualified(visible, function.namespace, &function.name))
    }

    fn procedure(&self, oid: Oid) -> Option<String> {
        let function = builtin().function(oid)?;
        let args: Vec<String> = function.args.iter().map(|arg| type_name(*arg)).collect();
        let visible = self.in_path(function.namespace);
        let name = self.qualified(visible, function.namespace, &function.name);
        Some(format!("{name}({})", args.join(",")))
    }

    fn operator(&self, oid: Oid) -> Option<String> {
        let operator = builtin().operator(oid)?;
        let unique = builtin().operators_by_name(&operator.name).count() == 1;
        Some(if unique { operator.name.to_string() } else { format!("pg_catalog.{}", operator.name) })
    }

    fn operator_signature(oid: Oid) -> Option<String> {
        let operator = builtin().operator(oid)?;
        let side = |ty: Oid| if ty == 0 { "NONE".to_owned() } else { format_type(ty, None) };
        Some(format!("{}({},{})", operator.name, side(operator.left), side(operator.right)))
    }

    /// Finds a relation or index by a possibly qualified name.
    ///
    /// # Errors
    /// For text that is not a name.
    pub fn find_relation(&self, text: &str) -> Result<Option<Oid>> {
        let parts = name_parts(text)?;
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name),
            [schema, name] => (Some(schema), name),
            [database, schema, name] if database == crate::session::DATABASE => (Some(schema), name),
            [_, _, _] => {
                let message =
                    format!("cross-database references are not implemented: \"{}\"", parts.join("."));
                return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            _ => {
                let message = format!("improper relation name (too many dotted names): {}", parts.join("."));
                return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
            }
        };
        let schemas = match schema {
            None => self.path(),
            Some(schema) => names::schema_oid(&self.catalog, schema).into_iter().collect(),
        };
        Ok(schemas.into_iter().find_map(|schema| definitions::relation_oid_in(self, schema, name)))
    }

    /// Returns the relation of a possibly qualified name.
    ///
    /// # Errors
    /// `42P01` when there is none, and those of [`Self::find_relation`].
    pub fn named_relation(&self, text: &str) -> Result<Oid> {
        self.find_relation(text)?.ok_or_else(|| {
            let shown = name_parts(text).map_or_else(|_| text.to_owned(), |parts| parts.join("."));
            missing(SqlState::UNDEFINED_TABLE, format!("relation \"{shown}\" does not exist"))
        })
    }

    /// Returns the functions that a possibly qualified name stands for.
    pub fn functions(&self, name: &str) -> Result<Vec<&'static Function>> {
        let (namespace, name) = self.schema_and_name(name)?;
        let fits = |function: &&Function| match namespace {
            Some(oid) => function.namespace == oid,
            None => self.in_path(function.namespace),
        };
        Ok(builtin().functions_by_name(&name).filter(fits).collect())
    }

    /// Returns the schema's oid (0 for one that does not exist) and the name; a database name must be this one.
    fn schema_and_name(&self, text: &str) -> Result<(Option<Oid>, String)> {
        let parts = name_parts(text)?;
        match parts.as_slice() {
            [name] => Ok((None, name.clone())),
            [schema, name] => Ok((Some(names::schema_oid(&self.catalog, schema).unwrap_or(0)), name.clone())),
            [database, schema, name] if database == crate::session::DATABASE => {
                Ok((Some(names::schema_oid(&self.catalog, schema).unwrap_or(0)), name.clone()))
            }
            [_, _, _] => {
                let message = format!("cross-database references are not implemented: {text}");
                Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
            }
            _ => {
                let message = format!("improper qualified name (too many dotted names): {text}");
                Err(PgError::new(SqlState::SYNTAX_ERROR, message))
            }
        }
    }

    fn function_input(&self, text: &str) -> Result<Oid> {
        match self.functions(text)?.as_slice() {
            [one] => Ok(one.oid),
            [] => Err(missing(SqlState::UNDEFINED_FUNCTION, format!("function \"{text}\" does not exist"))),
            _ => {
                let message = format!("more than one function named \"{text}\"");
                Err(missing(SqlState::AMBIGUOUS_FUNCTION, message))
            }
        }
    }

    /// Reads a type's name.
    ///
    /// # Errors
    /// `42704`, `42601`.
    pub fn type_input(&self, text: &str) -> Result<types::TypeRef> {
        let io = IoContext::default();
        let search_path: Vec<EcoString> = self.search_path.iter().map(EcoString::from).collect();
        let context = AnalyzerContext {
            catalog: &self.catalog,
            search_path: &search_path,
            param_types: &[],
            fixed_params: false,
            io: &io,
        };
        type_from_text(&context, text)
    }

    /// Takes `name(type, ...)` apart (`parseNameAndArgTypes`); `None` stands for `NONE`.
    fn name_and_types(&self, text: &str, allow_none: bool) -> Result<(String, Vec<Option<Oid>>)> {
        let invalid = |message: &str| PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, message);
        let open = unquoted(text, &['(']).ok_or_else(|| invalid("expected a left parenthesis"))?;
        let rest = text[open + 1..].trim_end();
        let inside = rest.strip_suffix(')').ok_or_else(|| invalid("expected a right parenthesis"))?;
        let mut types = Vec::new();
        let mut rest = inside;
        while !rest.trim().is_empty() {
            let mut depth = 0_usize;
            let mut quoted = false;
            let end = rest.char_indices().find(|(_, character)| {
                match character {
                    '"' => quoted = !quoted,
                    '(' | '[' if !quoted => depth += 1,
                    ')' | ']' if !quoted => depth = depth.saturating_sub(1),
                    _ => {}
                }
                *character == ',' && !quoted && depth == 0
            });
            let (part, after) = match end {
                Some((at, _)) => (&rest[..at], &rest[at + 1..]),
                None => (rest, ""),
            };
            if end.is_some() && after.trim().is_empty() {
                return Err(invalid("expected a type name"));
            }
            let part = part.trim();
            types.push(if allow_none && part.eq_ignore_ascii_case("none") {
                None
            } else {
                Some(self.type_input(part)?.oid)
            });
            rest = after;
        }
        Ok((text[..open].to_owned(), types))
    }

    fn procedure_input(&self, text: &str) -> Result<Oid> {
        let (name, types) = self.name_and_types(text, false)?;
        let types: Vec<Oid> = types.into_iter().flatten().collect();
        let found = self.functions(&name)?.into_iter().find(|function| function.args == types);
        let message = || format!("function \"{text}\" does not exist");
        found.map(|function| function.oid).ok_or_else(|| missing(SqlState::UNDEFINED_FUNCTION, message()))
    }

    fn operators(&self, text: &str) -> Vec<&'static Operator> {
        let (schema, name) = match text.rsplit_once('.') {
            Some((schema, name)) => (Some(schema.trim()), name),
            None => (None, text),
        };
        if schema.is_some_and(|schema| schema != "pg_catalog") {
            return Vec::new();
        }
        builtin().operators_by_name(name.trim()).collect()
    }

    fn operator_input(&self, text: &str) -> Result<Oid> {
        match self.operators(text).as_slice() {
            [one] => Ok(one.oid),
            [] => Err(missing(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {text}"))),
            _ => Err(missing(SqlState::AMBIGUOUS_FUNCTION, format!("more than one operator named {text}"))),
        }
    }

    fn operator_signature_input(&self, text: &str) -> Result<Oid> {
        let (name, types) = self.name_and_types(text, true)?;
        let (left, right) = match types.as_slice() {
            [left, right] => (left.unwrap_or(0), right.unwrap_or(0)),
            [_] => {
                return Err(PgError::new(SqlState::UNDEFINED_PARAMETER, "missing argument")
                    .with_hint("Use NONE to denote the missing argument of a unary operator."));
            }
            _ => {
                return Err(PgError::new(SqlState::TOO_MANY_ARGUMENTS, "too many arguments")
                    .with_hint("Provide two argument types for operator."));
            }
        };
        let found = self
            .operators(&name)
            .into_iter()
            .find(|operator| operator.left == left && operator.right == right);
        let message = || format!("operator does not exist: {text}");
        found.map(|operator| operator.oid).ok_or_else(|| missing(SqlState::UNDEFINED_FUNCTION, message()))
    }

    /// Reads a name without a schema.
    fn single_name(text: &str) -> Result<String> {
        match name_parts(text)?.as_slice() {
            [name] => Ok(name.clone()),
            _ => Err(PgError::new(SqlState::INVALID_NAME, "invalid name syntax")),
        }
    }

    fn built_in_by_name(&self, file: &str, column: &str, what: &str, text: &str) -> Result<Oid> {
        let (_, name) = self.schema_and_name(text)?;
        let found = rows::rows(file).find(|row| row.text(column) == name);
        let message = || format!("text search {what} \"{text}\" does not exist");
        found.map(|row| row.oid("oid")).ok_or_else(|| missing(SqlState::UNDEFINED_OBJECT, message()))
    }
}

/// Returns the position of the first of `characters` outside double quotes.
fn unquoted(text: &str, characters: &[char]) -> Option<usize> {
    let mut quoted = false;
    text.char_indices()
        .find(|(_, character)| {
            if *character == '"' {
                quoted = !quoted;
            }
            !quoted && characters.contains(character)
        })
        .map(|(at, _)| at)
}

fn missing(sqlstate: SqlState, message: String) -> PgError {
    PgError::new(sqlstate, message)
}

fn built_in_name(file: &'static str, column: &str, oid: Oid) -> Option<String> {
    built_in::row(file, oid).map(|row| quote_identifier(&row.text(column)))
}

impl ObjectNames for Names {
    fn output(&self, ty: Oid, oid: Oid) -> Option<String> {
        match ty {
            oids::REGCLASS => self.relation(oid),
            oids::REGTYPE => builtin().type_by_oid(oid).map(|_| format_type(oid, None)),
            oids::REGPROC => self.function(oid),
            oids::REGPROCEDURE => self.procedure(oid),
            oids::REGNAMESPACE => names::schema_name(&self.catalog, oid).map(|name| quote_identifier(&name)),
            oids::REGROLE => definitions::role_name(oid).map(|name| quote_identifier(&name)),
            oids::REGCOLLATION => builtin().collation_name(oid).map(quote_identifier),
            oids::REGOPER => self.operator(oid),
            oids::REGOPERATOR => Self::operator_signature(oid),
            oids::REGCONFIG => built_in_name(rows::PG_TS_CONFIG, "cfgname", oid),
            oids::REGDICTIONARY => built_in_name(rows::PG_TS_DICT, "dictname", oid),
            _ => None,
        }
    }

    fn input(&self, ty: Oid, text: &str) -> Result<Oid> {
        match ty {
            oids::REGCLASS => self.named_relation(text),
            oids::REGTYPE => self.type_input(text).map(|ty| ty.oid),
            oids::REGPROC => self.function_input(text),
            oids::REGPROCEDURE => self.procedure_input(text),
            oids::REGOPER => self.operator_input(text),
            oids::REGOPERATOR => self.operator_signature_input(text),
            oids::REGNAMESPACE => {
                let name = Self::single_name(text)?;
                names::schema_oid(&self.catalog, &name).ok_or_else(|| {
                    missing(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
                })
            }
            oids::REGROLE => {
                let name = Self::single_name(text)?;
                definitions::role_oid(&name).ok_or_else(|| {
                    missing(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))
                })
            }
            oids::REGCOLLATION => {
                let (_, name) = self.schema_and_name(text)?;
                let shown = name_parts(text)?.join(".");
                let message = || format!("collation \"{shown}\" for encoding \"UTF8\" does not exist");
                builtin().collation(&name).ok_or_else(|| missing(SqlState::UNDEFINED_OBJECT, message()))
            }
            oids::REGCONFIG => self.built_in_by_name(rows::PG_TS_CONFIG, "cfgname", "configuration", text),
            oids::REGDICTIONARY => self.built_in_by_name(rows::PG_TS_DICT, "dictname", "dictionary", text),
            _ => Err(PgError::not_supported(format!("input of type {}", type_name(ty)))),
        }
    }
}
