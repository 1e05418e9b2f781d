//! The rows of the views of `pg_catalog`.

use datasets::catalog::{self as rows, PG_AUTHID};
use types::{Datum, Result, oids};

use super::definitions::indexes;
use super::layout::{Maker, array, oid};
use super::relations::{DATABASE_OID, OWNER};
use crate::catalog::RelationKind;
use crate::server::socket::ClientAddress;
use crate::session::access::Access;
use crate::session::settings::definition::{Context, Kind, short_real};
use crate::session::{DATABASE, USER, names};

/// Views over features that Surus has nothing of: they are empty in PostgreSQL, too, when a feature is not used.
const EMPTY: &[&str] = &[
    "pg_aios",
    "pg_backend_memory_contexts",
    "pg_file_settings",
    "pg_shmem_allocations",
    "pg_shmem_allocations_numa",
    "pg_stat_io",
    "pg_stat_recovery_prefetch",
    "pg_stat_replication_slots",
    "pg_stat_slru",
    "pg_stat_subscription_stats",
    "pg_wait_events",
    "pg_available_extension_versions",
    "pg_available_extensions",
    "pg_group",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_policies",
    "pg_publication_tables",
    "pg_replication_origin_status",
    "pg_replication_slots",
    "pg_seclabels",
    "pg_stat_progress_analyze",
    "pg_stat_progress_basebackup",
    "pg_stat_progress_cluster",
    "pg_stat_progress_copy",
    "pg_stat_progress_create_index",
    "pg_stat_progress_vacuum",
    "pg_stat_replication",
    "pg_stat_subscription",
    "pg_stat_wal_receiver",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_user_mappings",
];

/// Adds the rows of view `name`; false when it cannot be made yet.
pub fn add(access: &Access, name: &str, maker: &mut Maker<'_>) -> Result<bool> {
    match name {
        "pg_roles" => roles(maker),
        "pg_user" => user(maker),
        "pg_settings" => settings(access, maker),
        "pg_tables" => tables(access, maker),
        "pg_views" => views(access, maker),
        "pg_sequences" => super::sequence_rows::list(access, maker)?,
        "pg_matviews" => super::sequence_rows::materialized(access, maker),
        "pg_indexes" => index_list(access, maker),
        "pg_locks" => super::locks::list(access, maker),
        "pg_stat_activity" => activity(access, maker),
        "pg_prepared_statements" => prepared(access, maker),
        "pg_cursors" => cursors(access, maker),
        "pg_prepared_xacts" => prepared_transactions(access, maker),
        "pg_config" => config(maker),
        "pg_stat_archiver" => maker.add(&[
            ("archived_count", Datum::I64(0)),
            ("failed_count", Datum::I64(0)),
            ("stats_reset", Datum::I64(access.engine.started_at)),
        ]),
        "pg_stat_gssapi" => {
            for backend in access.engine.backends.list() {
                maker.add(&[
                    ("pid", Datum::I32(backend.process_id)),
                    ("gss_authenticated", Datum::Bool(false)),
                    ("encrypted", Datum::Bool(false)),
                    ("credentials_delegated", Datum::Bool(false)),
                ]);
            }
        }
        "pg_stat_ssl" => {
            for backend in access.engine.backends.list() {
                maker.add(&[("pid", Datum::I32(backend.process_id)), ("ssl", Datum::Bool(false))]);
            }
        }
        "pg_stat_wal" => maker.add(&[
            ("wal_records", Datum::I64(0)),
            ("wal_fpi", Datum::I64(0)),
            ("wal_bytes", Datum::Numeric(types::Numeric::ZERO)),
            ("wal_buffers_full", Datum::I64(0)),
            ("stats_reset", Datum::I64(access.engine.started_at)),
        ]),
        "pg_timezone_abbrevs" => zone_abbreviations(maker)?,
        "pg_timezone_names" => zone_names(maker),
        _ => return Ok(EMPTY.contains(&name)),
    }
    Ok(true)
}

fn text(value: impl AsRef<str>) -> Datum {
    Datum::text(value.as_ref())
}

fn roles(maker: &mut Maker<'_>) {
    for row in rows::rows(PG_AUTHID) {
        let flag = |name: &str| Datum::Bool(row.bool(name));
        maker.add(&[
            ("rolname", text(row.text("rolname"))),
            ("rolsuper", flag("rolsuper")),
            ("rolinherit", flag("rolinherit")),
            ("rolcreaterole", flag("rolcreaterole")),
            ("rolcreatedb", flag("rolcreatedb")),
            ("rolcanlogin", flag("rolcanlogin")),
            ("rolreplication", flag("rolreplication")),
            ("rolconnlimit", Datum::I32(row.parse("rolconnlimit").unwrap_or(-1))),
            ("rolpassword", text("********")),
            ("rolbypassrls", flag("rolbypassrls")),
            ("oid", oid(row.oid("oid"))),
        ]);
    }
}

fn user(maker: &mut Maker<'_>) {
    maker.add(&[
        ("usename", text(USER)),
        ("usesysid", oid(OWNER)),
        ("usecreatedb", Datum::Bool(true)),
        ("usesuper", Datum::Bool(true)),
        ("userepl", Datum::Bool(true)),
        ("usebypassrls", Datum::Bool(true)),
        ("passwd", text("********")),
    ]);
}

fn settings(access: &Access, maker: &mut Maker<'_>) {
    for (definition, raw, source) in access.settings.lock().list() {
        let context = match definition.context {
            Context::Internal => "internal",
            Context::Postmaster => "postmaster",
            Context::Sighup => "sighup",
            Context::Backend => "backend",
            Context::User => "user",
        };
        let bounds = match &definition.kind {
            Kind::Integer(min, max) => Some((min.to_string(), max.to_string())),
            Kind::Real(min, max) => Some((short_real(*min), short_real(*max))),
            Kind::Bool | Kind::Enum(_) | Kind::Text => None,
        };
        let values = match &definition.kind {
            Kind::Enum(values) => array(oids::TEXT, values.iter().map(text).collect()),
            Kind::Bool | Kind::Integer(..) | Kind::Real(..) | Kind::Text => Datum::Null,
        };
        maker.add(&[
            ("name", text(&definition.name)),
            ("setting", text(&raw)),
            ("unit", definition.unit.as_ref().map_or(Datum::Null, text)),
            ("category", text(&definition.category)),
            ("context", text(context)),
            ("vartype", text(definition.vartype())),
            ("source", text(source)),
            ("min_val", bounds.as_ref().map_or(Datum::Null, |(min, _)| text(min))),
            ("max_val", bounds.as_ref().map_or(Datum::Null, |(_, max)| text(max))),
            ("enumvals", values),
            ("boot_val", text(&definition.default)),
            ("reset_val", text(&definition.default)),
            ("pending_restart", Datum::Bool(false)),
        ]);
    }
}

/// pg_tables lists the system's tables, too.
fn tables(access: &Access, maker: &mut Maker<'_>) {
    let mut add = |schema: &str, name: &str, indexed: bool| {
        maker.add(&[
            ("schemaname", text(schema)),
            ("tablename", text(name)),
            ("tableowner", text(USER)),
            ("hasindexes", Datum::Bool(indexed)),
            ("hasrules", Datum::Bool(false)),
            ("hastriggers", Datum::Bool(false)),
            ("rowsecurity", Datum::Bool(false)),
        ]);
    };
    for relation in access.catalog.relations.values() {
        if matches!(relation.kind, RelationKind::Table) {
            let schema = names::schema_name(&access.catalog, relation.schema).unwrap_or_default();
            let indexed = indexes(&access.catalog).any(|index| index.table.oid == relation.oid);
            add(&schema, &relation.name, indexed);
        }
    }
    for row in rows::rows(rows::PG_CLASS) {
        if row.char("relkind") == 'r' {
            let schema = names::schema_name(&access.catalog, row.oid("relnamespace")).unwrap_or_default();
            add(&schema, &row.text("relname"), row.bool("relhasindex"));
        }
    }
}

/// Only the user's views: the text of the system's own views is not kept.
fn views(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        if let RelationKind::View { definition, .. } = &relation.kind {
            let schema = names::schema_name(&access.catalog, relation.schema).unwrap_or_default();
            maker.add(&[
                ("schemaname", text(&schema)),
                ("viewname", text(&relation.name)),
                ("viewowner", text(USER)),
                ("definition", text(format!("{definition};"))),
            ]);
        }
    }
}

fn index_list(access: &Access, maker: &mut Maker<'_>) {
    for index in indexes(&access.catalog) {
        let schema = names::schema_name(&access.catalog, index.table.schema).unwrap_or_default();
        maker.add(&[
            ("schemaname", text(&schema)),
            ("tablename", text(&index.table.name)),
            ("indexname", text(&index.index.name)),
            ("indexdef", text(index.definition(&access.catalog))),
        ]);
    }
}

fn activity(access: &Access, maker: &mut Maker<'_>) {
    for backend in access.engine.backends.list() {
        let activity = backend.activity.lock().clone();
        let time = |time: Option<i64>| time.map_or(Datum::Null, Datum::I64);
        maker.add(&[
            ("datid", oid(DATABASE_OID)),
            ("datname", text(DATABASE)),
            ("pid", Datum::I32(backend.process_id)),
            ("usesysid", oid(OWNER)),
            ("usename", text(&activity.user)),
            ("application_name", text(&activity.application_name)),
            (
                "client_addr",
                backend
                    .client
                    .and_then(ClientAddress::tcp)
                    .map_or(Datum::Null, |client| super::functions::session::address(client.ip())),
            ),
            ("client_port", backend.client.map_or(Datum::Null, |client| Datum::I32(client.shown_port()))),
            ("backend_start", Datum::I64(activity.started_at)),
            ("xact_start", time(activity.transaction_at)),
            ("query_start", time(activity.query_at)),
            ("state_change", Datum::I64(activity.state_at)),
            ("state", text(activity.state)),
            ("query", text(&*activity.query)),
            ("backend_type", text("client backend")),
        ]);
    }
}

fn prepared(access: &Access, maker: &mut Maker<'_>) {
    for prepared in access.prepared.values().filter(|prepared| !prepared.name.is_empty()) {
        let types = prepared.param_types.iter().map(|ty| oid(*ty)).collect();
        let results = prepared.columns.as_ref().map_or(Datum::Null, |columns| {
            array(oids::REGTYPE, columns.iter().map(|column| oid(column.ty.oid)).collect())
        });
        let (generic, custom) = prepared.runs.numbers();
        maker.add(&[
            ("name", text(&prepared.name)),
            ("statement", text(&*prepared.text)),
            ("prepare_time", Datum::I64(prepared.prepared_at)),
            ("parameter_types", array(oids::REGTYPE, types)),
            ("result_types", results),
            ("from_sql", Datum::Bool(prepared.from_sql)),
            ("generic_plans", Datum::I64(generic)),
            ("custom_plans", Datum::I64(custom)),
        ]);
    }
}

fn config(maker: &mut Maker<'_>) {
    let settings =
        [("VERSION", format!("PostgreSQL {}", super::functions::VERSION)), ("CC", "rustc".to_owned())];
    for (name, setting) in settings {
        maker.add(&[("name", text(name)), ("setting", text(setting))]);
    }
}

fn zone_abbreviations(maker: &mut Maker<'_>) -> Result<()> {
    for row in rows::rows(rows::PG_TIMEZONE_ABBREVS) {
        let io = types::io::IoContext::default();
        let offset = types::io::text_input(oids::INTERVAL, -1, &row.text("utc_offset"), &io)?;
        maker.add(&[
            ("abbrev", text(row.text("abbrev"))),
            ("utc_offset", offset),
            ("is_dst", Datum::Bool(row.bool("is_dst"))),
        ]);
    }
    Ok(())
}

fn zone_names(maker: &mut Maker<'_>) {
    let now = crate::session::clock::now();
    for (name, zone) in types::datetime::zone::all() {
        let seconds = i64::from(zone.offset_at(now));
        let offset = types::Interval { microseconds: seconds * 1_000_000, ..Default::default() };
        maker.add(&[
            ("name", text(name)),
            ("abbrev", text(zone.shown_abbreviation_at(now))),
            ("utc_offset", Datum::Interval(offset)),
            ("is_dst", Datum::Bool(zone.is_daylight_at(now))),
        ]);
    }
}

fn prepared_transactions(access: &Access, maker: &mut Maker<'_>) {
    for prepared in access.engine.store.prepared_transactions() {
        maker.add(&[
            ("transaction", Datum::I64((prepared.xid & 0xffff_ffff) as i64)),
            ("gid", text(&prepared.gid)),
            ("prepared", Datum::I64(prepared.prepared_at)),
            ("owner", super::definitions::role_name(prepared.owner).map_or(Datum::Null, Datum::text)),
            ("database", text(DATABASE)),
        ]);
    }
}

fn cursors(access: &Access, maker: &mut Maker<'_>) {
    for (name, cursor) in &access.cursors {
        maker.add(&[
            ("name", text(name)),
            ("statement", text(&cursor.text)),
            ("is_holdable", Datum::Bool(cursor.holdable)),
            ("is_binary", Datum::Bool(cursor.binary)),
            ("is_scrollable", Datum::Bool(cursor.scrollable)),
            ("creation_time", Datum::I64(cursor.created_at)),
        ]);
    }
}
