//! The rows that the user's objects add to the tables of `pg_catalog`.

use storage::TableId;
use types::{Datum, Oid, Result, TypeRef, array_type, oids};

use super::definitions::{constraint_definition, indexes};
use super::layout::{Maker, array, int2_vector, oid, oid_vector};
use crate::catalog::builtin::builtin;
use crate::catalog::{ColumnInfo, Constraint, ConstraintKind, Relation, RelationKind};
use crate::session::access::Access;
use crate::session::{DATABASE, settings::definition::DEFINITIONS};

/// `pg_authid.oid` of `postgres`.
pub const OWNER: Oid = 10;
/// `pg_database.oid` of `postgres`.
pub const DATABASE_OID: Oid = 5;
/// `pg_am.oid` of heap and btree.
const HEAP: Oid = 2;
const BTREE: Oid = 403;
/// Bytes of a page, which sizes are told in.
const PAGE_BYTES: u64 = 8192;

/// Adds the user's rows of table `name`. Every table of `pg_catalog` is known; most have none.
pub fn add(access: &Access, name: &str, maker: &mut Maker<'_>) -> Result<bool> {
    match name {
        "pg_class" => classes(access, maker),
        "pg_attribute" => attributes(access, maker),
        "pg_attrdef" => defaults(access, maker),
        "pg_constraint" => constraints(access, maker),
        "pg_index" => index_rows(access, maker),
        "pg_namespace" => namespaces(access, maker),
        "pg_rewrite" => rules(access, maker),
        "pg_database" => database(maker),
        _ => {}
    }
    let _ = (DATABASE, &*DEFINITIONS);
    Ok(true)
}

fn text(value: &str) -> Datum {
    Datum::text(value)
}

fn flag(value: bool) -> Datum {
    Datum::Bool(value)
}

/// Returns the rows of a table as the statement sees it; -1 when the storage is busy with this very statement.
pub fn row_count(access: &Access, table: Oid) -> f32 {
    match access.storage().try_lock() {
        Some(storage) => storage.scan(TableId(u64::from(table))).map_or(-1.0, |scan| scan.row_count() as f32),
        None => -1.0,
    }
}

fn classes(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        let table = matches!(relation.kind, RelationKind::Table);
        let keyed = relation.constraints.iter().any(is_key);
        let checks = relation
            .constraints
            .iter()
            .filter(|constraint| matches!(constraint.kind, ConstraintKind::Check { .. }))
            .count();
        let rows = if table { row_count(access, relation.oid) } else { -1.0 };
        class(
            maker,
            relation.oid,
            &relation.name,
            relation.schema,
            if table { 'r' } else { 'v' },
            relation.columns.len(),
            &[
                ("relam", oid(if table { HEAP } else { 0 })),
                ("relfilenode", oid(if table { relation.oid } else { 0 })),
                ("reltuples", Datum::F32(rows)),
                ("relhasindex", flag(table && keyed)),
                ("relhasrules", flag(!table)),
                ("relchecks", Datum::I16(i16::try_from(checks).unwrap_or(i16::MAX))),
                ("relreplident", text(if table { "d" } else { "n" })),
            ],
        );
    }
    for index in indexes(&access.catalog) {
        class(
            maker,
            index.oid,
            &index.constraint.name,
            index.table.schema,
            'i',
            index.columns.len(),
            &[
                ("relam", oid(BTREE)),
                ("relfilenode", oid(index.oid)),
                ("reltuples", Datum::F32(row_count(access, index.table.oid))),
                ("relhasindex", flag(false)),
                ("relhasrules", flag(false)),
                ("relchecks", Datum::I16(0)),
                ("relreplident", text("n")),
            ],
        );
    }
}

fn is_key(constraint: &Constraint) -> bool {
    matches!(constraint.kind, ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. })
}

fn class(
    maker: &mut Maker<'_>,
    relation: Oid,
    name: &str,
    schema: Oid,
    kind: char,
    columns: usize,
    more: &[(&str, Datum)],
) {
    let kind_text = kind.to_string();
    let mut row = vec![
        ("oid", oid(relation)),
        ("relname", text(name)),
        ("relnamespace", oid(schema)),
        ("reltype", oid(0)),
        ("reloftype", oid(0)),
        ("relowner", oid(OWNER)),
        ("reltablespace", oid(0)),
        ("relpages", Datum::I32(0)),
        ("relallvisible", Datum::I32(0)),
        ("relallfrozen", Datum::I32(0)),
        ("reltoastrelid", oid(0)),
        ("relisshared", flag(false)),
        ("relpersistence", text("p")),
        ("relkind", text(&kind_text)),
        ("relnatts", Datum::I16(i16::try_from(columns).unwrap_or(i16::MAX))),
        ("relhastriggers", flag(false)),
        ("relhassubclass", flag(false)),
        ("relrowsecurity", flag(false)),
        ("relforcerowsecurity", flag(false)),
        ("relispopulated", flag(true)),
        ("relispartition", flag(false)),
        ("relrewrite", oid(0)),
        ("relfrozenxid", Datum::I64(0)),
        ("relminmxid", Datum::I64(0)),
    ];
    row.extend_from_slice(more);
    maker.add(&row);
}

fn attributes(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        for (position, column) in relation.columns.iter().enumerate() {
            attribute(maker, relation.oid, position, column, column.not_null, column.default.is_some());
        }
    }
    for index in indexes(&access.catalog) {
        for (position, column) in index.columns.iter().enumerate() {
            if let Some(column) = index.table.columns.get(*column) {
                attribute(maker, index.oid, position, column, false, false);
            }
        }
    }
}

fn attribute(
    maker: &mut Maker<'_>,
    relation: Oid,
    position: usize,
    column: &ColumnInfo,
    not_null: bool,
    default: bool,
) {
    let TypeRef { oid: ty, typmod, collation } = column.ty;
    let facts = storage_facts(ty);
    let dimensions =
        i16::from(types::element_type(ty).is_some() && !matches!(ty, oids::INT2VECTOR | oids::OIDVECTOR));
    maker.add(&[
        ("attrelid", oid(relation)),
        ("attname", text(&column.name)),
        ("atttypid", oid(ty)),
        ("attlen", Datum::I16(facts.size)),
        ("attnum", Datum::I16(i16::try_from(position + 1).unwrap_or(i16::MAX))),
        ("atttypmod", Datum::I32(typmod)),
        ("attndims", Datum::I16(dimensions)),
        ("attbyval", flag(facts.by_value)),
        ("attalign", text(&facts.align)),
        ("attstorage", text(&facts.storage)),
        ("attcompression", text("")),
        ("attnotnull", flag(not_null)),
        ("atthasdef", flag(default)),
        ("atthasmissing", flag(false)),
        ("attidentity", text("")),
        ("attgenerated", text("")),
        ("attisdropped", flag(false)),
        ("attislocal", flag(true)),
        ("attinhcount", Datum::I16(0)),
        ("attcollation", oid(collation)),
    ]);
}

struct StorageFacts {
    size: i16,
    by_value: bool,
    align: String,
    storage: String,
}

/// Returns how `pg_type` says values of a type are stored.
fn storage_facts(ty: Oid) -> StorageFacts {
    use std::collections::HashMap;
    use std::sync::LazyLock;
    static FACTS: LazyLock<HashMap<Oid, (i16, bool, String, String)>> = LazyLock::new(|| {
        datasets::catalog::rows(datasets::catalog::PG_TYPE)
            .map(|row| {
                let facts = (
                    row.parse("typlen").unwrap_or(-1),
                    row.bool("typbyval"),
                    row.text("typalign").into_owned(),
                    row.text("typstorage").into_owned(),
                );
                (row.oid("oid"), facts)
            })
            .collect()
    });
    let (size, by_value, align, storage) =
        FACTS.get(&ty).cloned().unwrap_or((-1, false, "i".to_owned(), "x".to_owned()));
    StorageFacts { size, by_value, align, storage }
}

/// Returns a number for `pg_attrdef.oid` that is unique and stable: defaults have no oid in the catalog.
fn default_oid(relation: &Relation, position: usize) -> Oid {
    0x8000_0000 | (relation.oid << 11) | position as Oid
}

fn defaults(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        for (position, column) in relation.columns.iter().enumerate() {
            if let Some(default) = &column.default {
                maker.add(&[
                    ("oid", oid(default_oid(relation, position))),
                    ("adrelid", oid(relation.oid)),
                    ("adnum", Datum::I16(i16::try_from(position + 1).unwrap_or(i16::MAX))),
                    ("adbin", text(default)),
                ]);
            }
        }
    }
}

fn constraints(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        for constraint in &relation.constraints {
            let number = |position: &usize| Datum::I16(i16::try_from(position + 1).unwrap_or(i16::MAX));
            let (kind, index, columns): (&str, Oid, Vec<Datum>) = match &constraint.kind {
                ConstraintKind::PrimaryKey { columns, index } => {
                    ("p", *index, columns.iter().map(number).collect())
                }
                ConstraintKind::Unique { columns, index } => {
                    ("u", *index, columns.iter().map(number).collect())
                }
                ConstraintKind::NotNull { column } => ("n", 0, vec![number(column)]),
                ConstraintKind::Check { .. } => ("c", 0, Vec::new()),
            };
            let check = matches!(constraint.kind, ConstraintKind::Check { .. });
            let definition = constraint_definition(relation, constraint);
            maker.add(&[
                ("oid", oid(constraint.oid)),
                ("conname", text(&constraint.name)),
                ("connamespace", oid(relation.schema)),
                ("contype", text(kind)),
                ("condeferrable", flag(false)),
                ("condeferred", flag(false)),
                ("conenforced", flag(true)),
                ("convalidated", flag(true)),
                ("conrelid", oid(relation.oid)),
                ("contypid", oid(0)),
                ("conindid", oid(index)),
                ("conparentid", oid(0)),
                ("confrelid", oid(0)),
                ("confupdtype", text(" ")),
                ("confdeltype", text(" ")),
                ("confmatchtype", text(" ")),
                ("conislocal", flag(true)),
                ("coninhcount", Datum::I16(0)),
                ("connoinherit", flag(index != 0)),
                ("conperiod", flag(false)),
                ("conkey", array(oids::INT2, columns)),
                ("conbin", if check { text(&definition) } else { Datum::Null }),
            ]);
        }
    }
}

fn index_rows(access: &Access, maker: &mut Maker<'_>) {
    for index in indexes(&access.catalog) {
        let columns: Vec<&ColumnInfo> =
            index.columns.iter().filter_map(|position| index.table.columns.get(*position)).collect();
        let count = Datum::I16(i16::try_from(columns.len()).unwrap_or(i16::MAX));
        maker.add(&[
            ("indexrelid", oid(index.oid)),
            ("indrelid", oid(index.table.oid)),
            ("indnatts", count.clone()),
            ("indnkeyatts", count),
            ("indisunique", flag(true)),
            ("indnullsnotdistinct", flag(false)),
            ("indisprimary", flag(index.primary)),
            ("indisexclusion", flag(false)),
            ("indimmediate", flag(true)),
            ("indisclustered", flag(false)),
            ("indisvalid", flag(true)),
            ("indcheckxmin", flag(false)),
            ("indisready", flag(true)),
            ("indislive", flag(true)),
            ("indisreplident", flag(false)),
            (
                "indkey",
                int2_vector(index.columns.iter().map(|column| i16::try_from(column + 1).unwrap_or(0))),
            ),
            ("indcollation", oid_vector(columns.iter().map(|column| column.ty.collation))),
            ("indclass", oid_vector(columns.iter().map(|column| default_class(column.ty.oid)))),
            ("indoption", int2_vector(columns.iter().map(|_| 0))),
        ]);
    }
}

/// Returns the default btree operator class of a type.
fn default_class(ty: Oid) -> Oid {
    let class = |ty: Oid| {
        datasets::catalog::rows(datasets::catalog::PG_OPCLASS)
            .find(|row| row.oid("opcmethod") == BTREE && row.oid("opcintype") == ty && row.bool("opcdefault"))
            .map(|row| row.oid("oid"))
    };
    let ty = if ty == oids::VARCHAR { oids::TEXT } else { ty };
    class(ty).unwrap_or(0)
}

fn namespaces(access: &Access, maker: &mut Maker<'_>) {
    for (schema, name) in &access.catalog.schemas {
        if *schema != oids::PUBLIC_NAMESPACE {
            maker.add(&[("oid", oid(*schema)), ("nspname", text(name)), ("nspowner", oid(OWNER))]);
        }
    }
}

fn rules(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        if matches!(relation.kind, RelationKind::View { .. }) {
            maker.add(&[
                ("oid", oid(default_oid(relation, 0x7ff))),
                ("rulename", text("_RETURN")),
                ("ev_class", oid(relation.oid)),
                ("ev_type", text("1")),
                ("ev_enabled", text("O")),
                ("is_instead", flag(true)),
            ]);
        }
    }
}

fn database(maker: &mut Maker<'_>) {
    maker.add(&[
        ("oid", oid(DATABASE_OID)),
        ("datname", text(DATABASE)),
        ("datdba", oid(OWNER)),
        ("encoding", Datum::I32(6)),
        ("datlocprovider", text("b")),
        ("datistemplate", flag(false)),
        ("datallowconn", flag(true)),
        ("dathasloginevt", flag(false)),
        ("datconnlimit", Datum::I32(-1)),
        ("datfrozenxid", Datum::I64(3)),
        ("datminmxid", Datum::I64(1)),
        ("dattablespace", oid(1663)),
        ("datcollate", text("C.UTF-8")),
        ("datctype", text("C.UTF-8")),
        ("datlocale", text("C.UTF-8")),
        ("datcollversion", text("1")),
    ]);
}

/// Returns the size of a table in bytes as told by its rows: pages are a fiction here.
pub fn table_bytes(access: &Access, table: Oid) -> u64 {
    let rows = row_count(access, table).max(0.0) as u64;
    let width: u64 = access
        .catalog
        .relations
        .get(&table)
        .map_or(0, |relation| relation.columns.iter().map(|column| column_bytes(column.ty.oid)).sum());
    (rows * width).div_ceil(PAGE_BYTES) * PAGE_BYTES
}

fn column_bytes(ty: Oid) -> u64 {
    let _ = (builtin(), array_type(ty));
    u64::try_from(storage_facts(ty).size).unwrap_or(16)
}
