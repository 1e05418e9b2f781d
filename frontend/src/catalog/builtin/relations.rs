//! The relations of `pg_catalog` and `information_schema`, from `pg_class` and `pg_attribute`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use datasets::catalog as rows;
use types::{Oid, TypeRef};

use crate::catalog::{ColumnInfo, Relation, RelationKind};

/// Functions that list what only the session knows: views over them get their rows from `system::views`.
const SESSION_FUNCTIONS: &[&str] = &[
    "pg_available_extension",
    "pg_config()",
    "pg_cursor()",
    "pg_get_aios()",
    "pg_get_backend_memory_contexts()",
    "pg_get_replication_slots()",
    "pg_get_shmem_allocations",
    "pg_get_wait_events()",
    "pg_hba_file_rules()",
    "pg_ident_file_mappings()",
    "pg_lock_status()",
    "pg_prepared_statement()",
    "pg_prepared_xact()",
    "pg_show_",
    "pg_stat_get_activity(",
    "pg_stat_get_archiver()",
    "pg_stat_get_io()",
    "pg_stat_get_progress_info(",
    "pg_stat_get_recovery_prefetch()",
    "pg_stat_get_replication_slot(",
    "pg_stat_get_slru()",
    "pg_stat_get_subscription",
    "pg_stat_get_wal",
    "pg_mcv_list_items(",
    "pg_timezone_",
    "pg_get_publication_tables(",
];

/// Returns the SELECT of each view that can be read as such.
fn view_texts() -> HashMap<Oid, String> {
    rows::rows(rows::PG_REWRITE)
        .filter(|row| row.text("rulename") == "_RETURN")
        .map(|row| (row.oid("ev_class"), row.text("ev_action").into_owned()))
        .filter(|(_, text)| !SESSION_FUNCTIONS.iter().any(|function| text.contains(function)))
        .collect()
}

/// Returns whether a relation is a table of PostgreSQL's catalog.
pub fn is_system_table(oid: Oid) -> bool {
    static TABLES: LazyLock<HashSet<Oid>> = LazyLock::new(|| {
        let tables = rows::rows(rows::PG_CLASS).filter(|row| row.char("relkind") == 'r');
        tables.map(|row| row.oid("oid")).collect()
    });
    TABLES.contains(&oid)
}

pub(super) fn load() -> HashMap<Oid, Arc<Relation>> {
    let mut columns: HashMap<Oid, Vec<(i64, ColumnInfo)>> = HashMap::new();
    for row in rows::rows(rows::PG_ATTRIBUTE) {
        let number = row.int("attnum");
        if number <= 0 {
            continue;
        }
        let ty = TypeRef {
            oid: row.oid("atttypid"),
            typmod: i32::try_from(row.int("atttypmod")).unwrap_or(-1),
            collation: row.oid("attcollation"),
        };
        let not_null = row.bool("attnotnull");
        let column = ColumnInfo { not_null, ..ColumnInfo::new(row.text("attname").as_ref(), ty) };
        columns.entry(row.oid("attrelid")).or_default().push((number, column));
    }
    let mut views = view_texts();
    let mut relations = HashMap::new();
    for row in rows::rows(rows::PG_CLASS).filter(|row| matches!(row.char("relkind"), 'r' | 'v')) {
        let oid = row.oid("oid");
        let mut columns = columns.remove(&oid).unwrap_or_default();
        columns.sort_by_key(|(number, _)| *number);
        let relation = Relation {
            oid,
            name: row.text("relname").as_ref().into(),
            schema: row.oid("relnamespace"),
            kind: match views.remove(&oid) {
                Some(text) => RelationKind::View { definition: text.into(), check_option: None },
                None => RelationKind::System,
            },
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            ..Relation::default()
        };
        relations.insert(oid, Arc::new(relation));
    }
    relations
}
