//! Comments, rules, names to objects (`to_reg*`), what may be updated: functions about objects of the catalog.

use executor::functions::{CallContext, FunctionEntry, row};
use types::io::ObjectNames;
use types::{Datum, Oid, Result, SqlState, oids};

use super::{access, oid_at, text_at};
use crate::catalog::builtin::{TypeKind, builtin};
use crate::catalog::{ObjectRef, RelationKind};
use crate::session::settings::quote_identifier;
use crate::system::view_definition::{self, Style};
use crate::system::{built_in, definitions, shown};

/// `pg_class.oid` of `pg_class`.
const PG_CLASS_OID: Oid = 1259;

/// Functions written in SQL go by name and oid.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("col_description_1216", |args, context| {
        comment(context, PG_CLASS_OID, oid_at(args, 0), int_at(args, 1).unwrap_or(0))
    }),
    row("nameconcatoid", name_with_oid),
    row("obj_description_1215", |args, context| {
        let class = class_oid(text_at(args, 1));
        comment(context, class, oid_at(args, 0), 0)
    }),
    row("obj_description_1348", |args, context| {
        let oid = oid_at(args, 0);
        let comments = &access(context)?.catalog.comments;
        let found = comments.iter().find(|(object, _)| object.oid == oid && object.column == 0);
        Ok(found.map_or(Datum::Null, |(_, text)| Datum::text(text.clone())))
    }),
    row("pg_basetype", base_type),
    row("pg_collation_for", collation_for),
    row("pg_column_is_updatable", |args, context| {
        let bits = updatable(args, context)?;
        let access = access(context)?;
        let number = int_at(args, 1).unwrap_or(0);
        let own = access.catalog.relations.get(&oid_at(args, 0)).is_none_or(|relation| match relation.kind {
            RelationKind::View { .. } => {
                let columns = shown::updatable_columns(access, relation).unwrap_or_default();
                relation.position_of(number).and_then(|at| columns.get(at)).copied().unwrap_or(false)
            }
            RelationKind::Table
            | RelationKind::System
            | RelationKind::Materialized { .. }
            | RelationKind::Sequence(_)
            | RelationKind::Composite => true,
        });
        Ok(Datum::Bool(bits & UPDATABLE == UPDATABLE && number > 0 && own))
    }),
    row("pg_describe_object", describe),
    row("pg_encoding_max_length_sql", |args, _| {
        Ok(match args.first() {
            Some(Datum::I32(6)) => Datum::I32(4),
            Some(Datum::I32(0 | 8..=34)) => Datum::I32(1),
            Some(_) | None => Datum::Null,
        })
    }),
    row("pg_get_partition_constraintdef", |_, _| Ok(Datum::Null)),
    row("pg_get_partkeydef", |_, _| Ok(Datum::Null)),
    row("pg_get_replica_identity_index", |args, context| {
        use crate::catalog::ReplicaIdentity;
        let relation = access(context)?.catalog.relations.get(&oid_at(args, 0));
        let index = relation.and_then(|relation| match relation.replica_identity {
            ReplicaIdentity::Default => {
                relation.indexes.iter().find(|index| index.primary).map(|index| index.oid)
            }
            ReplicaIdentity::Index(oid) => relation.index(oid).map(|index| index.oid),
            ReplicaIdentity::Full | ReplicaIdentity::Nothing => None,
        });
        Ok(index.map_or(Datum::Null, |oid| Datum::I64(i64::from(oid))))
    }),
    row("pg_get_ruledef", rule),
    row("pg_get_ruledef_ext", rule),
    row("pg_get_triggerdef", |_, _| Ok(Datum::Null)),
    row("pg_get_triggerdef_ext", |_, _| Ok(Datum::Null)),
    row("pg_indexam_progress_phasename", |_, _| Ok(Datum::Null)),
    row("pg_input_is_valid", |args, context| Ok(Datum::Bool(input_error(args, context)?.is_none()))),
    row("pg_jit_available", |_, _| Ok(Datum::Bool(false))),
    row("pg_relation_filenode", |args, context| {
        let oid = oid_at(args, 0);
        let names = &access(context)?.names;
        Ok(match definitions::relation_kind(names, oid) {
            Some('r' | 'i' | 'm' | 'S' | 't') => Datum::I64(i64::from(oid)),
            Some(_) | None => Datum::Null,
        })
    }),
    row("pg_relation_is_updatable", |args, context| Ok(Datum::I32(updatable(args, context)?))),
    row("pg_trigger_depth", |_, _| Ok(Datum::I32(0))),
    row("row_security_active", |_, _| Ok(Datum::Bool(false))),
    row("row_security_active_name", |args, context| {
        access(context)?.names.input(oids::REGCLASS, text_at(args, 0))?;
        Ok(Datum::Bool(false))
    }),
    row("shobj_description_1993", |args, context| {
        let class = class_oid(text_at(args, 1));
        comment(context, class, oid_at(args, 0), 0)
    }),
    row("system_user", |_, _| Ok(Datum::Null)),
    row("to_regcollation", |args, context| to_object(args, context, oids::REGCOLLATION)),
    row("to_regnamespace", |args, context| to_object(args, context, oids::REGNAMESPACE)),
    row("to_regoper", |args, context| to_object(args, context, oids::REGOPER)),
    row("to_regoperator", |args, context| to_object(args, context, oids::REGOPERATOR)),
    row("to_regproc", |args, context| to_object(args, context, oids::REGPROC)),
    row("to_regprocedure", |args, context| to_object(args, context, oids::REGPROCEDURE)),
    row("to_regrole", |args, context| to_object(args, context, oids::REGROLE)),
    row("to_regtype", |args, context| to_object(args, context, oids::REGTYPE)),
    row("to_regtypemod", |args, context| match access(context)?.names.type_input(text_at(args, 0)) {
        Ok(ty) => Ok(Datum::I32(ty.typmod)),
        Err(error) if error.sqlstate() == SqlState::UNDEFINED_OBJECT => Ok(Datum::Null),
        Err(error) => Err(error),
    }),
];

/// Returns what the type's input function says against a text.
fn input_error(args: &[Datum], context: &CallContext<'_>) -> Result<Option<types::PgError>> {
    let ty = access(context)?.names.type_input(text_at(args, 1))?;
    let io = context.query.session.io();
    Ok(types::io::text_input(ty.oid, ty.typmod, text_at(args, 0), io).err())
}

/// Message, detail, hint and code of what `pg_input_is_valid` refuses.
pub(super) fn input_error_info(args: &[Datum], context: &CallContext<'_>) -> Result<Vec<Vec<Datum>>> {
    let optional =
        |text: &Option<String>| text.as_ref().map_or(Datum::Null, |text| Datum::text(text.as_str()));
    Ok(match input_error(args, context)? {
        None => vec![vec![Datum::Null; 4]],
        Some(error) => {
            let fields = error.fields();
            vec![vec![
                Datum::text(fields.message.as_str()),
                optional(&fields.detail),
                optional(&fields.hint),
                Datum::text(fields.sqlstate.as_str()),
            ]]
        }
    })
}

/// `pg_describe_object` for the objects that are asked about most.
fn describe(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let names = &access(context)?.names;
    let (class, oid) = (oid_at(args, 0), oid_at(args, 1));
    let column = int_at(args, 2).unwrap_or(0);
    let named = |ty: Oid| names.output(ty, oid);
    let text = match class {
        PG_CLASS_OID => match (definitions::relation_kind(names, oid), named(oids::REGCLASS)) {
            (Some(kind), Some(name)) => {
                let word = match kind {
                    'i' => "index",
                    'S' => "sequence",
                    'v' => "view",
                    'm' => "materialized view",
                    'c' => "composite type",
                    't' => "toast table",
                    _ => "table",
                };
                let columns = definitions::relation_columns(names, oid);
                let shown = usize::try_from(column - 1).ok().and_then(|at| columns.get(at));
                Some(match shown {
                    Some(column) => format!("column {} of {word} {name}", quote_identifier(column)),
                    None => format!("{word} {name}"),
                })
            }
            _ => None,
        },
        1247 => named(oids::REGTYPE).map(|name| format!("type {name}")),
        1255 => named(oids::REGPROCEDURE).map(|name| format!("function {name}")),
        2615 => named(oids::REGNAMESPACE).map(|name| format!("schema {name}")),
        3381 => {
            let access = access(context)?;
            let object = crate::catalog::dependency::whole(class, oid);
            Some(crate::catalog::dependency::describe(&access.catalog, &access.path(), object))
                .filter(|text| !text.is_empty())
        }
        1260 => named(oids::REGROLE).map(|name| format!("role {name}")),
        2617 => named(oids::REGOPERATOR).map(|name| format!("operator {name}")),
        3456 => named(oids::REGCOLLATION).map(|name| format!("collation {name}")),
        _ => return Err(types::PgError::not_supported("pg_describe_object for this kind of object")),
    };
    Ok(text.map_or(Datum::Null, Datum::text))
}

/// As long as nobody can take an advisory lock, all are released.
pub(super) const WITHOUT_LOCKS: &[FunctionEntry] =
    &[row("pg_advisory_unlock_all", |_, _| Ok(Datum::text("")))];

/// Bits of `pg_relation_is_updatable`: INSERT, UPDATE and DELETE by `CmdType`.
const UPDATABLE: i32 = (1 << 2) | (1 << 3) | (1 << 4);

fn int_at(args: &[Datum], index: usize) -> Option<i16> {
    match args.get(index) {
        Some(Datum::I16(value)) => Some(*value),
        Some(Datum::I32(value)) => i16::try_from(*value).ok(),
        Some(_) | None => None,
    }
}

/// Returns the oid of a table of `pg_catalog`.
fn class_oid(name: &str) -> Oid {
    builtin().relation_by_name(oids::PG_CATALOG_NAMESPACE, name).map_or(0, |relation| relation.oid)
}

fn comment(context: &CallContext<'_>, class: Oid, oid: Oid, column: i16) -> Result<Datum> {
    let comments = &access(context)?.catalog.comments;
    let text = comments.get(&ObjectRef { class, oid, column });
    Ok(text.map_or(Datum::Null, |text| Datum::text(text.clone())))
}

/// `name || '_' || oid`, cut to the size of a name.
fn name_with_oid(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    const NAME_SIZE_MAX: usize = 63;
    let suffix = format!("_{}", oid_at(args, 1));
    let name = text_at(args, 0);
    let mut end = name.len().min(NAME_SIZE_MAX - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    Ok(Datum::text(format!("{}{suffix}", &name[..end])))
}

fn base_type(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let mut oid = oid_at(args, 0);
    loop {
        match builtin().type_by_oid(oid) {
            Some(ty) if ty.kind == TypeKind::Domain => oid = ty.base,
            Some(_) => return Ok(Datum::I64(i64::from(oid))),
            None => return Ok(Datum::Null),
        }
    }
}

fn collation_for(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let _ = args;
    let ty = context.arg_types.first().map_or(0, |ty| ty.oid);
    let collatable = builtin().type_by_oid(ty).is_some_and(|ty| ty.collation != 0);
    if !collatable && ty != oids::UNKNOWN {
        let name = crate::catalog::type_names::type_name(ty);
        let message = format!("collations are not supported by type {name}");
        return Err(types::PgError::new(SqlState::DATATYPE_MISMATCH, message));
    }
    let name = builtin().collation_name(context.collation);
    Ok(name.map_or(Datum::Null, |name| Datum::text(quote_identifier(name))))
}

/// Tables can be changed, and views over one table.
fn updatable(args: &[Datum], context: &CallContext<'_>) -> Result<i32> {
    let access = access(context)?;
    let oid = oid_at(args, 0);
    if let Some(relation) = access.catalog.relations.get(&oid) {
        return Ok(match relation.kind {
            RelationKind::Table => UPDATABLE,
            RelationKind::View { .. } if shown::updatable_columns(access, relation).is_some() => UPDATABLE,
            RelationKind::System
            | RelationKind::View { .. }
            | RelationKind::Materialized { .. }
            | RelationKind::Sequence(_)
            | RelationKind::Composite => 0,
        });
    }
    Ok(if definitions::relation_kind(&access.names, oid) == Some('r') { UPDATABLE } else { 0 })
}

/// `pg_get_ruledef`: every rule that is not built in is a view's.
fn rule(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let oid = oid_at(args, 0);
    if let Some(row) = built_in::row(datasets::catalog::PG_REWRITE, oid) {
        let text = row.text("ev_action");
        if row.text("rulename") != "_RETURN" {
            return Ok(Datum::text(text.as_ref()));
        }
        let name = relation_text(access, row.oid("ev_class"));
        return Ok(Datum::text(select_rule(&name, &text)));
    }
    for relation in access.catalog.relations.values() {
        if let RelationKind::View { definition, .. } = &relation.kind
            && crate::system::relations::rule_oid(relation) == oid
        {
            let name = relation_text(access, relation.oid);
            let pretty = matches!(args.get(1), Some(Datum::Bool(true)));
            let style = Style { pretty, wrap: Some(0) };
            let text = view_definition::definition(access, relation, definition, style);
            return Ok(Datum::text(select_rule(&name, text.as_deref().unwrap_or(definition))));
        }
    }
    Ok(Datum::Null)
}

fn select_rule(name: &str, definition: &str) -> String {
    let end = if definition.ends_with(';') { "" } else { ";" };
    format!("CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {name} DO INSTEAD {definition}{end}")
}

fn relation_text(access: &crate::session::access::Access, oid: Oid) -> String {
    match definitions::relation_schema_and_name(&access.names, oid) {
        Some((schema, name)) => {
            let schema = crate::session::names::schema_name(&access.catalog, schema).unwrap_or_default();
            format!("{}.{}", quote_identifier(&schema), quote_identifier(&name))
        }
        None => oid.to_string(),
    }
}

/// `to_reg*`: NULL for a name that stands for nothing.
fn to_object(args: &[Datum], context: &CallContext<'_>, ty: Oid) -> Result<Datum> {
    let text = text_at(args, 0);
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return Ok(Datum::I64(text.parse().unwrap_or(0)));
    }
    let names: &dyn ObjectNames = &*access(context)?.names;
    match names.input(ty, text) {
        Ok(oid) => Ok(Datum::I64(i64::from(oid))),
        Err(error) if is_soft(error.sqlstate()) => Ok(Datum::Null),
        Err(error) => Err(error),
    }
}

/// What input functions report softly.
fn is_soft(sqlstate: SqlState) -> bool {
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::AMBIGUOUS_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::INVALID_NAME,
        SqlState::INVALID_TEXT_REPRESENTATION,
        SqlState::UNDEFINED_PARAMETER,
        SqlState::TOO_MANY_ARGUMENTS,
    ]
    .contains(&sqlstate)
}
