//! What ALTER TABLE keeps with columns for those who ask: STORAGE, COMPRESSION, STATISTICS, options; and REPLICA IDENTITY.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableType as Kind};
use types::{PgError, Result, SqlState};

use super::settings::{list, without};
use super::{position, put};
use crate::analyzer::ddl::{attributes, options};
use crate::catalog::{Generated, Index, IndexKeySource, Relation, ReplicaIdentity};
use crate::session::Session;

/// The highest statistics target.
const TARGET_MAX: i32 = 10_000;

/// Reads a statistics target; `None`: the default.
fn target(session: &mut Session, command: &AlterTableCmd) -> Result<Option<i16>> {
    let value = match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::Integer(value)) => value.ival,
        Some(_) | None => -1,
    };
    if value == -1 {
        return Ok(None);
    }
    if value < 0 {
        let message = format!("statistics target {value} is too low");
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    if value > TARGET_MAX {
        let message = format!("lowering statistics target to {TARGET_MAX}");
        session.warn(SqlState::INVALID_PARAMETER_VALUE, message);
    }
    Ok(i16::try_from(value.min(TARGET_MAX)).ok())
}

fn word(command: &AlterTableCmd) -> String {
    command.def.as_ref().and_then(|def| crate::statements::constant_text(def)).unwrap_or_default()
}

/// SET STATISTICS, SET STORAGE, SET COMPRESSION, SET (...) and RESET (...) of a column.
pub(super) fn set(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let mut changed = Relation::clone(table);
    if command.subtype() == Kind::AtSetStatistics {
        if command.name.is_empty() {
            let message = "cannot refer to non-index column by number";
            return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let target = target(session, command)?;
        let at = position(table, &command.name)?;
        if table.columns[at].generated == Some(Generated::Virtual) {
            let message = format!("cannot alter statistics on virtual generated column \"{}\"", command.name);
            return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        changed.columns[at].settings.statistics = target;
        return put(session, changed);
    }
    let at = position(table, &command.name)?;
    let ty = table.columns[at].ty.oid;
    let settings = &mut changed.columns[at].settings;
    match command.subtype() {
        Kind::AtSetStorage => settings.storage = attributes::storage(ty, &word(command))?,
        Kind::AtSetCompression => settings.compression = attributes::compression(ty, &word(command))?,
        Kind::AtSetOptions => {
            settings.options = options::changed(&settings.options, options::column_options(list(command))?);
        }
        _ => settings.options = without(&settings.options, &options::option_names(list(command))),
    }
    put(session, changed)
}

/// ALTER INDEX ... ALTER COLUMN ... SET STATISTICS: targets are kept for expressions only.
pub(super) fn index_statistics(
    session: &mut Session,
    table: &Arc<Relation>,
    index: &Arc<Index>,
    command: &AlterTableCmd,
) -> Result<()> {
    let target = target(session, command)?;
    let Some(at) = usize::try_from(command.num).ok().and_then(|number| number.checked_sub(1)) else {
        return Ok(());
    };
    if at >= index.keys.len() + index.include.len() {
        let message = format!("column number {} of relation \"{}\" does not exist", at + 1, index.name);
        return Err(PgError::new(SqlState::UNDEFINED_COLUMN, message));
    }
    let refuse = |what: &str, position: usize| {
        let column = table.columns.get(position).map_or("", |column| column.name.as_str());
        let message =
            format!("cannot alter statistics on {what} column \"{column}\" of index \"{}\"", index.name);
        PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
    };
    match index.keys.get(at).map(|key| &key.source) {
        Some(IndexKeySource::Column(position)) => {
            return Err(
                refuse("non-expression", *position).with_hint("Alter statistics on table column instead.")
            );
        }
        Some(IndexKeySource::Expression { .. }) => {}
        None => {
            let position = index.include.get(at - index.keys.len()).copied().unwrap_or(usize::MAX);
            return Err(refuse("included", position));
        }
    }
    let mut changed = Relation::clone(table);
    for known in &mut changed.indexes {
        if known.oid == index.oid {
            let mut own = Index::clone(known);
            own.statistics.resize(own.statistics.len().max(at + 1), None);
            own.statistics[at] = target;
            *known = Arc::new(own);
        }
    }
    put(session, changed)
}

/// REPLICA IDENTITY.
pub(super) fn replica_identity(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let Some(NodeEnum::ReplicaIdentityStmt(statement)) =
        command.def.as_ref().and_then(|def| def.node.as_ref())
    else {
        return Err(PgError::internal("REPLICA IDENTITY of no kind"));
    };
    let replica_identity = match statement.identity_type.as_str() {
        "f" => ReplicaIdentity::Full,
        "n" => ReplicaIdentity::Nothing,
        "i" => ReplicaIdentity::Index(identity_index(session, table, &statement.name)?),
        _ => ReplicaIdentity::Default,
    };
    put(session, Relation { replica_identity, ..Relation::clone(table) })
}

/// Finds the index of REPLICA IDENTITY USING INDEX, which must tell rows apart.
fn identity_index(session: &Session, table: &Relation, name: &str) -> Result<types::Oid> {
    let wrong = |message: String| Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
    let unfit = |message: String| Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    let Some(index) = table.indexes.iter().find(|index| index.name == name) else {
        let catalog = &session.open()?.catalog;
        if catalog.is_relation_name_taken(table.schema, name) {
            return wrong(format!("\"{name}\" is not an index for table \"{}\"", table.name));
        }
        let message = format!("index \"{name}\" for table \"{}\" does not exist", table.name);
        return Err(PgError::new(SqlState::UNDEFINED_OBJECT, message));
    };
    if !index.is_plainly_unique() {
        return wrong(format!("cannot use non-unique index \"{name}\" as replica identity"));
    }
    let own = |constraint: &&crate::catalog::Constraint| constraint.oid == index.constraint;
    if table.constraints.iter().find(own).is_some_and(|constraint| constraint.deferrable) {
        return unfit(format!("cannot use non-immediate index \"{name}\" as replica identity"));
    }
    let Some(columns) = index.key_columns() else {
        return unfit(format!("cannot use expression index \"{name}\" as replica identity"));
    };
    if index.predicate.is_some() {
        return unfit(format!("cannot use partial index \"{name}\" as replica identity"));
    }
    for column in columns.into_iter().filter_map(|position| table.columns.get(position)) {
        if !column.not_null {
            return wrong(format!(
                "index \"{name}\" cannot be used as replica identity because column \"{}\" is nullable",
                column.name
            ));
        }
    }
    Ok(index.oid)
}
