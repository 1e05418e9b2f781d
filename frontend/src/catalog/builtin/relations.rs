//! The relations of `pg_catalog` and `information_schema`, from `pg_class` and `pg_attribute`.

use std::collections::HashMap;
use std::sync::Arc;

use datasets::catalog as rows;
use types::{Oid, TypeRef};

use crate::catalog::{ColumnInfo, Relation, RelationKind};

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
    let mut relations = HashMap::new();
    for row in rows::rows(rows::PG_CLASS).filter(|row| matches!(row.char("relkind"), 'r' | 'v')) {
        let oid = row.oid("oid");
        let mut columns = columns.remove(&oid).unwrap_or_default();
        columns.sort_by_key(|(number, _)| *number);
        let relation = Relation {
            oid,
            name: row.text("relname").as_ref().into(),
            schema: row.oid("relnamespace"),
            kind: RelationKind::System,
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            ..Relation::default()
        };
        relations.insert(oid, Arc::new(relation));
    }
    relations
}
