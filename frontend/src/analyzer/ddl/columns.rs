//! Columns: types, defaults, serial, identity, generated.

use ecow::EcoString;
use executor::expr::Volatility;
use pg_query::protobuf::{ColumnDef, ConstrType, Constraint as RawConstraint, Node};
use types::{Oid, PgError, Result, SqlState, TypeRef, oids};

use super::super::state::{Analyzer, Location, at, error};
use super::super::{ExpressionUse, raw, typename};
use super::constraints::NotNull;
use super::{Builder, attributes, constraint_nodes, expressions, names, sequence};
use crate::catalog::builtin::{TypeKind, builtin};
use crate::catalog::type_names::type_name;
use crate::catalog::{ColumnInfo, ColumnSettings, Generated, Identity};

/// Where the value of a column comes from when none is given.
pub(super) enum Default {
    /// DEFAULT
    Expression(Box<Node>),
    /// GENERATED ALWAYS AS
    Generated(Box<Node>),
    /// Copied text.
    Text(EcoString),
}

/// What was seen of a column's constraints.
#[derive(Default)]
struct Seen {
    default: bool,
    identity: bool,
    generated: bool,
    null: bool,
    not_null: bool,
}

/// Returns the type that a serial pseudo-type stands for.
fn serial_type(column: &ColumnDef) -> Option<Oid> {
    let name = column.type_name.as_ref()?;
    let names = raw::strings(&name.names);
    let [only] = names.as_slice() else { return None };
    match *only {
        "smallserial" | "serial2" => Some(oids::INT2),
        "serial" | "serial4" => Some(oids::INT4),
        "bigserial" | "serial8" => Some(oids::INT8),
        _ => None,
    }
}

impl Builder<'_, '_> {
    /// Adds a column with its constraints.
    ///
    /// # Errors
    /// PostgreSQL's for wrong definitions.
    pub fn column(&mut self, column: &ColumnDef) -> Result<()> {
        let name = column.colname.as_str();
        if self.relation.columns.iter().any(|known| known.name == name) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
        }
        if is_system_column(name) {
            let message = format!("column name \"{name}\" conflicts with a system column name");
            return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
        }
        let position = self.relation.columns.len();
        let serial = serial_type(column);
        let ty = match serial {
            Some(ty) => {
                if column.type_name.as_ref().is_some_and(|name| !name.array_bounds.is_empty()) {
                    return Err(unsupported_array(column));
                }
                TypeRef::plain(ty)
            }
            None => self.column_type(column)?,
        };
        let attnum = self.relation.attnum_max() + 1;
        let settings = ColumnSettings {
            storage: attributes::storage(ty.oid, &column.storage_name)?,
            compression: attributes::compression(ty.oid, &column.compression)?,
            ..ColumnSettings::default()
        };
        self.relation.columns.push(ColumnInfo { attnum, settings, ..ColumnInfo::new(name, ty) });
        self.relation.last_attnum = attnum;
        let mut seen = Seen::default();
        if let Some(ty) = serial {
            self.serial(position, ty)?;
            (seen.default, seen.not_null) = (true, true);
            self.pending.not_nulls.push(NotNull::unnamed(position));
        }
        for raw in constraint_nodes(&column.constraints)? {
            self.column_constraint(position, &raw, &mut seen)?;
        }
        if column.is_not_null && !seen.not_null {
            self.pending.not_nulls.push(NotNull::unnamed(position));
        }
        Ok(())
    }

    /// Resolves the type and collation of a column.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub fn column_type(&self, column: &ColumnDef) -> Result<TypeRef> {
        let name = &column.colname;
        let node = column.type_name.as_ref().ok_or_else(|| PgError::internal("a column without a type"))?;
        if node.setof {
            let message = format!("column \"{name}\" cannot be declared SETOF");
            return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        let mut ty = typename::resolve(self.context, node)?;
        if let Some(collate) = &column.coll_clause {
            let names = raw::strings(&collate.collname);
            let place = at(collate.location);
            let collation = Analyzer::new(self.context).collation(&names, place)?;
            if ty.collation == 0 {
                let message = format!("collations are not supported by type {}", type_name(ty.oid));
                return Err(error(SqlState::DATATYPE_MISMATCH, message, place));
            }
            ty.collation = collation;
        }
        let pseudo = |ty: Oid| builtin().type_by_oid(ty).is_some_and(|row| row.kind == TypeKind::Pseudo);
        if pseudo(ty.oid) || ty.oid == oids::UNKNOWN {
            let message = format!("column \"{name}\" has pseudo-type {}", type_name(ty.oid));
            return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        Ok(ty)
    }

    fn column_constraint(&mut self, position: usize, raw: &RawConstraint, seen: &mut Seen) -> Result<()> {
        let location = at(raw.location);
        let (column, table) = (self.relation.columns[position].name.clone(), self.relation.name.clone());
        let conflict = |what: &str| {
            Err(error(
                SqlState::SYNTAX_ERROR,
                format!("{what} for column \"{column}\" of table \"{table}\""),
                location,
            ))
        };
        let both = |seen: &Seen| match (seen.default, seen.identity, seen.generated) {
            (true, true, _) => Some("both default and identity specified"),
            (true, _, true) => Some("both default and generation expression specified"),
            (_, true, true) => Some("both identity and generation expression specified"),
            (_, _, _) => None,
        };
        match ConstrType::try_from(raw.contype).unwrap_or(ConstrType::Undefined) {
            ConstrType::ConstrNull => {
                if seen.not_null || seen.identity {
                    return conflict("conflicting NULL/NOT NULL declarations");
                }
                seen.null = true;
            }
            ConstrType::ConstrNotnull => {
                if seen.null {
                    return conflict("conflicting NULL/NOT NULL declarations");
                }
                if seen.not_null && !raw.conname.is_empty() {
                    self.rename_not_null(position, &raw.conname)?;
                } else if !seen.not_null {
                    self.pending.not_nulls.push(NotNull::of(position, raw));
                }
                seen.not_null = true;
            }
            ConstrType::ConstrDefault => {
                if seen.default {
                    return conflict("multiple default values specified");
                }
                seen.default = true;
                if let Some(what) = both(seen) {
                    return conflict(what);
                }
                self.pending.defaults.push((position, Default::Expression(expression(raw)?)));
            }
            ConstrType::ConstrIdentity => {
                if seen.identity {
                    return conflict("multiple identity specifications");
                }
                seen.identity = true;
                if let Some(what) = both(seen) {
                    return conflict(what);
                }
                if seen.null {
                    return conflict("conflicting NULL/NOT NULL declarations");
                }
                self.identity(position, raw)?;
                if !seen.not_null {
                    self.pending.not_nulls.push(NotNull::unnamed(position));
                }
                seen.not_null = true;
            }
            ConstrType::ConstrGenerated => {
                if seen.generated {
                    return conflict("multiple generation clauses specified");
                }
                seen.generated = true;
                if let Some(what) = both(seen) {
                    return conflict(what);
                }
                let kind = if raw.generated_kind == "s" { Generated::Stored } else { Generated::Virtual };
                self.relation.columns[position].generated = Some(kind);
                self.pending.defaults.push((position, Default::Generated(expression(raw)?)));
            }
            _ => self.constraint(raw, Some(position), &[])?,
        }
        Ok(())
    }

    /// Makes the sequence and the default of a serial column.
    fn serial(&mut self, position: usize, ty: Oid) -> Result<()> {
        let options = sequence::sequence_options(self.context, &[], None, ty, false)?;
        let oid = self.add_sequence(position, options, None)?;
        self.pending.defaults.push((position, Default::Text(format!("nextval('{oid}'::regclass)").into())));
        Ok(())
    }

    /// Makes an identity column.
    ///
    /// # Errors
    /// `22023` for another type than smallint, integer and bigint; those of the sequence's options.
    pub fn identity(&mut self, position: usize, raw: &RawConstraint) -> Result<()> {
        let ty = self.relation.columns[position].ty.oid;
        if !matches!(ty, oids::INT2 | oids::INT4 | oids::INT8) {
            let message = "identity column type must be smallint, integer, or bigint";
            return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        let mut options = sequence::sequence_options(self.context, &raw.options, None, ty, true)?;
        if options.sequence.ty != ty && options.changed {
            options.sequence.ty = ty;
        }
        options.sequence.identity = true;
        let name = options.name.take();
        let sequence = self.add_sequence(position, options, name)?;
        self.relation.columns[position].identity =
            Some(Identity { always: raw.generated_when == "a", sequence });
        Ok(())
    }

    fn add_sequence(
        &mut self,
        position: usize,
        options: sequence::SequenceOptions,
        name: Option<Vec<String>>,
    ) -> Result<Oid> {
        let table = self.relation.name.clone();
        let column = self.relation.columns[position].name.clone();
        let name: EcoString = match name.as_ref().and_then(|parts| parts.last()) {
            Some(name) => name.as_str().into(),
            None => names::choose(&table, &column, "seq", &|name| self.is_relation_name_taken(name)),
        };
        let oid = (self.allocate)();
        let mut sequence = options.sequence;
        sequence.owner = Some((self.relation.oid, self.relation.attnum(position)));
        sequence.generation = oid;
        let mut relation = sequence::sequence_relation(oid, &name, self.relation.schema, sequence);
        relation.persistence = self.relation.persistence;
        relation.owner = self.relation.owner;
        self.sequences.push(relation);
        Ok(oid)
    }

    pub(super) fn make_default(&mut self, position: usize, default: Default) -> Result<()> {
        let node = match default {
            Default::Text(text) => {
                self.relation.columns[position].default = Some(text);
                return Ok(());
            }
            Default::Generated(node) => return self.set_generated(position, &node),
            Default::Expression(node) => node,
        };
        self.set_default(position, &node)
    }

    /// Sets the DEFAULT of a column.
    ///
    /// # Errors
    /// PostgreSQL's for an expression that cannot be one.
    pub fn set_default(&mut self, position: usize, node: &Node) -> Result<()> {
        let node = node.node.as_ref().ok_or_else(|| PgError::internal("an empty default"))?;
        let usage = ExpressionUse::Default { column: position };
        let (shown, expr) = super::super::node_expression(node, usage, &self.relation, &[], self.context)?;
        // DEFAULT NULL is no default (`AddRelationNewConstraints`).
        let is_null = matches!(&shown.kind, executor::expr::ExprKind::Const(types::Datum::Null));
        let generic = builtin().type_by_oid(expr.ty.oid).is_none_or(|row| row.kind != TypeKind::Domain);
        self.relation.columns[position].default = if is_null && generic {
            None
        } else {
            Some(expressions::stored_text(&shown, node, &self.relation, &[], self.context)?)
        };
        Ok(())
    }

    /// Sets the expression of a generated column.
    ///
    /// # Errors
    /// PostgreSQL's for an expression that cannot be one.
    pub fn set_generated(&mut self, position: usize, node: &Node) -> Result<()> {
        let node = node.node.as_ref().ok_or_else(|| PgError::internal("an empty expression"))?;
        let ids = expressions::ids(&self.relation);
        let usage = ExpressionUse::Generated { column: position };
        let (shown, expr) = super::super::node_expression(node, usage, &self.relation, &ids, self.context)?;
        if expressions::volatility(&expr) != Volatility::Immutable {
            let message = "generation expression is not immutable";
            return Err(PgError::new(SqlState::INVALID_OBJECT_DEFINITION, message));
        }
        let text = expressions::stored_text(&shown, node, &self.relation, &ids, self.context)?;
        self.relation.columns[position].default = Some(text);
        Ok(())
    }
}

fn expression(raw: &RawConstraint) -> Result<Box<Node>> {
    raw.raw_expr.clone().ok_or_else(|| PgError::internal("a constraint without expression"))
}

fn unsupported_array(column: &ColumnDef) -> PgError {
    let location: Location = column.type_name.as_ref().and_then(|name| at(name.location));
    error(SqlState::FEATURE_NOT_SUPPORTED, "array of serial is not implemented", location)
}

/// Says whether a name is one of the system columns.
pub(super) fn is_system_column(name: &str) -> bool {
    matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid")
}
