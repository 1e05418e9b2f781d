//! The rows that the user's objects add to the tables of `pg_catalog`.

use std::collections::HashSet;

use storage::TableId;
use types::{Datum, Oid, Result, TypeRef, oids};

use super::definitions::{Index, indexes};
use super::layout::{Maker, array, int2_vector, oid, oid_vector};
use crate::catalog::builtin::index_method;
use crate::catalog::{
    ColumnInfo, ConstraintKind, Generated, IndexKey, IndexKeySource, Relation, RelationKind,
};
use crate::session::access::Access;
use crate::session::{DATABASE, settings::definition::DEFINITIONS};

/// `pg_authid.oid` of `postgres`.
pub const OWNER: Oid = 10;
/// `pg_database.oid` of `postgres`.
pub const DATABASE_OID: Oid = 5;
/// `pg_am.oid` of heap.
const HEAP: Oid = 2;
/// Bytes of a page, which sizes are told in.
pub const PAGE_BYTES: u64 = 8192;

/// Adds the user's rows of table `name`. Every table of `pg_catalog` is known; most have none.
pub fn add(access: &Access, name: &str, maker: &mut Maker<'_>) -> Result<bool> {
    match name {
        "pg_class" => classes(access, maker),
        "pg_attribute" => attributes(access, maker),
        "pg_attrdef" => defaults(access, maker),
        "pg_constraint" => super::constraint_rows::rows(access, maker),
        "pg_depend" => super::dependencies::add(access, maker),
        "pg_index" => index_rows(access, maker),
        "pg_namespace" => namespaces(access, maker),
        "pg_rewrite" => rules(access, maker),
        "pg_database" => database(maker),
        "pg_statistic_ext" => statistics_objects(access, maker),
        "pg_sequence" => super::sequence_rows::rows(access, maker),
        "pg_description" | "pg_shdescription" => comments(access, name == "pg_shdescription", maker),
        _ => {}
    }
    let _ = (DATABASE, &*DEFINITIONS);
    Ok(true)
}

pub(super) fn text(value: &str) -> Datum {
    Datum::text(value)
}

/// Returns options as an array; NULL when there are none.
fn text_list(options: &[ecow::EcoString]) -> Datum {
    if options.is_empty() {
        return Datum::Null;
    }
    array(oids::TEXT, options.iter().map(|option| text(option)).collect())
}

pub(super) fn flag(value: bool) -> Datum {
    Datum::Bool(value)
}

/// Returns the rows of a table as the statement sees it; -1 when the storage is busy with this very statement.
pub fn row_count(access: &Access, table: Oid) -> f32 {
    match access.storage().try_lock() {
        Some(storage) => {
            storage.scan(TableId(u64::from(table))).map_or(-1.0, |scan| scan.row_estimate() as f32)
        }
        None => -1.0,
    }
}

fn classes(access: &Access, maker: &mut Maker<'_>) {
    let keys = access.catalog.relations.values().flat_map(|relation| relation.foreign_keys());
    let referenced: HashSet<Oid> = keys.map(|(_, key)| key.table).collect();
    for relation in access.catalog.relations.values() {
        let table = relation.kind.is_stored();
        let checks = relation
            .constraints
            .iter()
            .filter(|constraint| matches!(constraint.kind, ConstraintKind::Check { .. }))
            .count();
        let rows = if table { row_count(access, relation.file) } else { -1.0 };
        class(
            maker,
            relation.oid,
            &relation.name,
            relation.schema,
            relation.kind.letter(),
            relation.columns.len(),
            &[
                ("relam", oid(if table { HEAP } else { 0 })),
                ("relfilenode", oid(if table { relation.file } else { 0 })),
                ("reltype", oid(relation.row_type)),
                ("relowner", oid(if relation.owner == 0 { OWNER } else { relation.owner })),
                ("relpersistence", text(relation.persistence.letter())),
                (
                    "relhastriggers",
                    flag(relation.foreign_keys().next().is_some() || referenced.contains(&relation.oid)),
                ),
                (
                    "relispopulated",
                    flag(!matches!(relation.kind, RelationKind::Materialized { populated: false, .. })),
                ),
                ("relnatts", Datum::I16(relation.attnum_max())),
                ("reloptions", text_list(&relation.options)),
                ("reltuples", Datum::F32(rows)),
                ("relhasindex", flag(!relation.indexes.is_empty())),
                (
                    "relhasrules",
                    flag(matches!(
                        relation.kind,
                        RelationKind::View { .. } | RelationKind::Materialized { .. }
                    )),
                ),
                ("relchecks", Datum::I16(i16::try_from(checks).unwrap_or(i16::MAX))),
                (
                    "relreplident",
                    text(match &relation.kind {
                        RelationKind::Table | RelationKind::Materialized { .. } => {
                            relation.replica_identity.letter()
                        }
                        RelationKind::System
                        | RelationKind::View { .. }
                        | RelationKind::Sequence(_)
                        | RelationKind::Composite => "n",
                    }),
                ),
            ],
        );
    }
    for index in indexes(&access.catalog) {
        class(
            maker,
            index.oid,
            &index.index.name,
            index.table.schema,
            'i',
            index.index.keys.len() + index.index.include.len(),
            &[
                ("relam", oid(index_method(&index.index.method).unwrap_or(0))),
                ("relfilenode", oid(index.oid)),
                ("relpersistence", text(index.table.persistence.letter())),
                ("reloptions", text_list(&index.index.options)),
                ("reltuples", Datum::F32(row_count(access, index.table.file))),
                ("relhasindex", flag(false)),
                ("relhasrules", flag(false)),
                ("relchecks", Datum::I16(0)),
                ("relreplident", text("n")),
            ],
        );
    }
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
            attribute(
                maker,
                relation.oid,
                relation.attnum(position),
                column,
                column.not_null,
                column.default.is_some(),
            );
        }
    }
    for index in indexes(&access.catalog) {
        for (position, mut column) in index.columns().into_iter().enumerate() {
            let number = i16::try_from(position + 1).unwrap_or(i16::MAX);
            column.settings.statistics = index.index.statistics.get(position).copied().flatten();
            attribute(maker, index.oid, number, &column, false, false);
        }
    }
}

fn attribute(
    maker: &mut Maker<'_>,
    relation: Oid,
    number: i16,
    column: &ColumnInfo,
    not_null: bool,
    default: bool,
) {
    let TypeRef { oid: ty, typmod, collation } = column.ty;
    let facts = storage_facts(ty);
    let settings = &column.settings;
    let letter = |letter: Option<char>| letter.map(String::from);
    let dimensions =
        i16::from(types::element_type(ty).is_some() && !matches!(ty, oids::INT2VECTOR | oids::OIDVECTOR));
    maker.add(&[
        ("attrelid", oid(relation)),
        ("attname", text(&column.name)),
        ("atttypid", oid(ty)),
        ("attlen", Datum::I16(facts.size)),
        ("attnum", Datum::I16(number)),
        ("atttypmod", Datum::I32(typmod)),
        ("attndims", Datum::I16(dimensions)),
        ("attbyval", flag(facts.by_value)),
        ("attalign", text(&facts.align)),
        ("attstorage", text(&letter(settings.storage).unwrap_or(facts.storage))),
        ("attcompression", text(&letter(settings.compression).unwrap_or_default())),
        ("attstattarget", settings.statistics.map_or(Datum::Null, Datum::I16)),
        ("attoptions", text_list(&settings.options)),
        ("attnotnull", flag(not_null)),
        ("atthasdef", flag(default)),
        ("atthasmissing", flag(false)),
        ("attidentity", text(column.identity.map_or("", |identity| if identity.always { "a" } else { "d" }))),
        (
            "attgenerated",
            text(match column.generated {
                None => "",
                Some(Generated::Stored) => "s",
                Some(Generated::Virtual) => "v",
            }),
        ),
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
pub(super) fn default_oid(relation: &Relation, position: usize) -> Oid {
    0x8000_0000 | (relation.oid << 11) | position as Oid
}

fn defaults(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        for (position, column) in relation.columns.iter().enumerate() {
            if let Some(default) = &column.default {
                maker.add(&[
                    ("oid", oid(default_oid(relation, position))),
                    ("adrelid", oid(relation.oid)),
                    ("adnum", Datum::I16(relation.attnum(position))),
                    ("adbin", text(default)),
                ]);
            }
        }
    }
}

fn index_rows(access: &Access, maker: &mut Maker<'_>) {
    for Index { oid: number, table, index } in indexes(&access.catalog) {
        let count = |count: usize| Datum::I16(i16::try_from(count).unwrap_or(i16::MAX));
        let attnums = index.keys.iter().map(|key| match &key.source {
            IndexKeySource::Column(position) => table.attnum(*position),
            IndexKeySource::Expression { .. } => 0,
        });
        let attnums = attnums.chain(index.include.iter().map(|position| table.attnum(*position)));
        let expressions: Vec<String> = index
            .keys
            .iter()
            .filter_map(|key| match &key.source {
                IndexKeySource::Column(_) => None,
                IndexKeySource::Expression { definition, .. } => Some(definition.to_string()),
            })
            .collect();
        let option = |key: &IndexKey| i16::from(key.descending) | i16::from(key.nulls_first) << 1;
        let constraint = table.constraints.iter().find(|constraint| constraint.oid == index.constraint);
        maker.add(&[
            ("indexrelid", oid(number)),
            ("indrelid", oid(table.oid)),
            ("indnatts", count(index.keys.len() + index.include.len())),
            ("indnkeyatts", count(index.keys.len())),
            ("indisunique", flag(index.unique)),
            ("indnullsnotdistinct", flag(index.nulls_not_distinct)),
            ("indisprimary", flag(index.primary)),
            ("indisexclusion", flag(!index.exclusion.is_empty())),
            ("indimmediate", flag(constraint.is_none_or(|constraint| !constraint.deferrable))),
            ("indisclustered", flag(index.clustered)),
            ("indisvalid", flag(true)),
            ("indcheckxmin", flag(false)),
            ("indisready", flag(true)),
            ("indislive", flag(true)),
            (
                "indisreplident",
                flag(table.replica_identity == crate::catalog::ReplicaIdentity::Index(number)),
            ),
            ("indkey", int2_vector(attnums)),
            ("indcollation", oid_vector(index.keys.iter().map(|key| key.collation))),
            ("indclass", oid_vector(index.keys.iter().map(|key| key.class))),
            ("indoption", int2_vector(index.keys.iter().map(option))),
            ("indexprs", if expressions.is_empty() { Datum::Null } else { text(&expressions.join(", ")) }),
            ("indpred", index.predicate.as_ref().map_or(Datum::Null, |predicate| text(predicate))),
        ]);
    }
}

fn statistics_objects(access: &Access, maker: &mut Maker<'_>) {
    for object in access.catalog.statistics.values() {
        let kinds = object.kinds.chars().map(|kind| text(&kind.to_string())).collect();
        maker.add(&[
            ("oid", oid(object.oid)),
            ("stxrelid", oid(object.table)),
            ("stxname", text(&object.name)),
            ("stxnamespace", oid(object.schema)),
            ("stxowner", oid(if object.owner == 0 { OWNER } else { object.owner })),
            ("stxkeys", int2_vector(object.columns.iter().copied())),
            ("stxstattarget", object.target.map_or(Datum::Null, Datum::I16)),
            ("stxkind", array(oids::CHAR, kinds)),
            (
                "stxexprs",
                if object.expressions.is_empty() {
                    Datum::Null
                } else {
                    text(&object.expressions.join(", "))
                },
            ),
        ]);
    }
}

fn namespaces(access: &Access, maker: &mut Maker<'_>) {
    for (schema, name) in &access.catalog.schemas {
        if *schema != oids::PUBLIC_NAMESPACE {
            maker.add(&[("oid", oid(*schema)), ("nspname", text(name)), ("nspowner", oid(OWNER))]);
        }
    }
}

/// Returns the oid of a view's rule.
pub fn rule_oid(relation: &Relation) -> Oid {
    default_oid(relation, 0x7ff)
}

fn rules(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        if matches!(relation.kind, RelationKind::View { .. }) {
            maker.add(&[
                ("oid", oid(rule_oid(relation))),
                ("rulename", text("_RETURN")),
                ("ev_class", oid(relation.oid)),
                ("ev_type", text("1")),
                ("ev_enabled", text("O")),
                ("is_instead", flag(true)),
            ]);
        }
    }
}

/// Comments on roles and databases are those of `pg_shdescription`.
fn comments(access: &Access, shared: bool, maker: &mut Maker<'_>) {
    const SHARED: [Oid; 3] = [1260, 1262, 1213];
    for (object, comment) in &access.catalog.comments {
        if SHARED.contains(&object.class) != shared {
            continue;
        }
        let mut row = vec![
            ("objoid", oid(object.oid)),
            ("classoid", oid(object.class)),
            ("description", text(comment)),
        ];
        if !shared {
            row.push(("objsubid", Datum::I32(i32::from(object.column))));
        }
        maker.add(&row);
    }
}

fn database(maker: &mut Maker<'_>) {
    let granted = || array(oids::ACLITEM, vec![text("=c/postgres"), text("postgres=CTc/postgres")]);
    for (number, name, template, connects, version, acl) in [
        (DATABASE_OID, DATABASE, false, true, text("1"), Datum::Null),
        (1, "template1", true, true, text("1"), granted()),
        (4, "template0", true, false, Datum::Null, granted()),
    ] {
        maker.add(&[
            ("oid", oid(number)),
            ("datname", text(name)),
            ("datdba", oid(OWNER)),
            ("encoding", Datum::I32(6)),
            ("datlocprovider", text("b")),
            ("datistemplate", flag(template)),
            ("datallowconn", flag(connects)),
            ("dathasloginevt", flag(false)),
            ("datconnlimit", Datum::I32(-1)),
            ("datfrozenxid", Datum::I64(3)),
            ("datminmxid", Datum::I64(1)),
            ("dattablespace", oid(1663)),
            ("datcollate", text("C.UTF-8")),
            ("datctype", text("C.UTF-8")),
            ("datlocale", text("C.UTF-8")),
            ("datcollversion", version),
            ("datacl", acl),
        ]);
    }
}

/// Says whether long values of a type go to a TOAST table.
pub fn is_toasted(ty: Oid) -> bool {
    storage_facts(ty).storage != "p"
}

/// Returns the width of a column's values in bytes; a guess where it varies.
pub fn column_bytes(ty: Oid) -> u64 {
    u64::try_from(storage_facts(ty).size).unwrap_or(16)
}
