//! Options, owner, schema-wide switches: what ALTER TABLE changes beside columns and constraints.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableType as Kind, Node};
use types::{PgError, Result, SqlState};

use super::{attributes, put};
use crate::analyzer::ddl::options;
use crate::catalog::{CheckOption, Index, Persistence, Relation, RelationKind};
use crate::session::Session;
use crate::statements::cluster;

pub(super) fn list(command: &AlterTableCmd) -> &[Node] {
    match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::List(list)) => &list.items,
        Some(_) | None => &[],
    }
}

pub(super) fn without(old: &[ecow::EcoString], names: &[&str]) -> Vec<ecow::EcoString> {
    let kept = old.iter().filter(|option| !names.contains(&option.split('=').next().unwrap_or_default()));
    kept.cloned().collect()
}

/// SET and RESET of an index.
pub(super) fn index_options(
    session: &mut Session,
    table: &Arc<Relation>,
    index: &Arc<Index>,
    command: &AlterTableCmd,
) -> Result<()> {
    let options = if command.subtype() == Kind::AtSetRelOptions {
        options::changed(&index.options, options::index_options(list(command), &index.method)?)
    } else {
        without(&index.options, &options::option_names(list(command)))
    };
    let mut changed = Relation::clone(table);
    for known in &mut changed.indexes {
        if known.oid == index.oid {
            *known = Arc::new(Index { options: options.clone(), ..Index::clone(known) });
        }
    }
    put(session, changed)
}

/// WITH CHECK OPTION of a view follows its options.
fn keep_check_option(changed: &mut Relation) {
    let wanted = CheckOption::of(&changed.options);
    if let RelationKind::View { check_option, .. } = &mut changed.kind {
        *check_option = wanted;
    }
}

/// Everything that is no column and no constraint.
pub(super) fn set(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let mut changed = Relation::clone(table);
    match command.subtype() {
        Kind::AtSetRelOptions => {
            let set = match table.kind {
                RelationKind::View { .. } => options::view_options(list(command))?,
                _ => options::table_options(list(command))?,
            };
            changed.options = options::changed(&table.options, set);
            keep_check_option(&mut changed);
            put(session, changed)
        }
        Kind::AtResetRelOptions => {
            changed.options = without(&table.options, &options::option_names(list(command)));
            keep_check_option(&mut changed);
            put(session, changed)
        }
        Kind::AtChangeOwner => {
            changed.owner = super::super::super::role::owner(session, command.newowner.as_ref())?;
            put(session, changed)
        }
        Kind::AtSetLogged | Kind::AtSetUnLogged => {
            if matches!(table.persistence, Persistence::Temporary(_)) {
                let message = format!(
                    "cannot change logged status of table \"{}\" because it is temporary",
                    table.name
                );
                return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
            }
            changed.persistence = match command.subtype() {
                Kind::AtSetLogged => Persistence::Permanent,
                _ => Persistence::Unlogged,
            };
            put(session, changed)
        }
        Kind::AtSetTableSpace => options::check_tablespace(&command.name),
        Kind::AtSetAccessMethod => options::check_table_method(&command.name),
        Kind::AtSetStatistics
        | Kind::AtSetStorage
        | Kind::AtSetCompression
        | Kind::AtSetOptions
        | Kind::AtResetOptions => attributes::set(session, table, command),
        Kind::AtReplicaIdentity => attributes::replica_identity(session, table, command),
        Kind::AtClusterOn => {
            let index = cluster::named(table, &command.name)?;
            cluster::check(&index)?;
            put(session, cluster::marked(table, index.oid))
        }
        Kind::AtDropCluster => put(session, cluster::marked(table, 0)),
        Kind::AtDropOids
        | Kind::AtEnableTrigAll
        | Kind::AtDisableTrigAll
        | Kind::AtEnableTrigUser
        | Kind::AtDisableTrigUser
        | Kind::AtDisableRowSecurity
        | Kind::AtNoForceRowSecurity => Ok(()),
        Kind::AtEnableTrig | Kind::AtDisableTrig | Kind::AtEnableAlwaysTrig | Kind::AtEnableReplicaTrig => {
            let message = format!("trigger \"{}\" for table \"{}\" does not exist", command.name, table.name);
            Err(PgError::new(SqlState::UNDEFINED_OBJECT, message))
        }
        Kind::AtEnableRule | Kind::AtDisableRule | Kind::AtEnableAlwaysRule | Kind::AtEnableReplicaRule => {
            let message = format!("rule \"{}\" for relation \"{}\" does not exist", command.name, table.name);
            Err(PgError::new(SqlState::UNDEFINED_OBJECT, message))
        }
        Kind::AtEnableRowSecurity | Kind::AtForceRowSecurity => {
            Err(PgError::not_supported("ROW LEVEL SECURITY"))
        }
        Kind::AtAddInherit | Kind::AtDropInherit => Err(PgError::not_supported("table inheritance")),
        Kind::AtAttachPartition | Kind::AtDetachPartition | Kind::AtDetachPartitionFinalize => {
            Err(PgError::not_supported("table partitioning"))
        }
        Kind::AtAddOf | Kind::AtDropOf => Err(PgError::not_supported("typed tables")),
        other => Err(PgError::not_supported(format!("ALTER TABLE ({})", other.as_str_name()))),
    }
}
