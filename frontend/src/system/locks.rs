//! `pg_locks`: the locks that sessions hold and wait for.
//!
//! Row locks that are held show no more than in PostgreSQL, where they are in the rows; who waits for one is listed as
//! waiting for the tuple, and who waits for a writer as waiting for its transaction.

use std::collections::BTreeSet;

use storage::{AdvisoryKey, LockInfo, LockTag};
use types::Datum;

use super::layout::{Maker, oid};
use crate::catalog::Catalog;
use crate::session::access::Access;

/// `pg_database.oid` of the one database.
const DATABASE_OID: u32 = 5;

/// Adds the rows.
pub(super) fn list(access: &Access, maker: &mut Maker<'_>) {
    let store = &access.engine.store;
    let mut processes: BTreeSet<i32> = BTreeSet::new();
    processes.insert(access.backend.process_id);
    for lock in store.list_locks() {
        if is_inner(lock.tag) && lock.granted {
            continue;
        }
        processes.insert(lock.process_id);
        add(maker, &lock, target(&access.catalog, lock.tag));
    }
    for (xid, process_id, mode, granted) in store.list_transactions() {
        processes.insert(process_id);
        let lock = LockInfo { tag: LockTag::Advisory(AdvisoryKey::One(0)), process_id, mode, granted };
        let transaction = ("transactionid", Datum::I64((xid & 0xffff_ffff) as i64));
        add(maker, &lock, vec![("locktype", Datum::text("transactionid")), transaction]);
    }
    for (table, row, process_id) in store.list_reads().into_iter().filter(|(.., process_id)| *process_id != 0)
    {
        let tag = LockTag::Table(table);
        let lock = LockInfo { tag, process_id, mode: "SIReadLock", granted: true };
        let mut columns = target(&access.catalog, tag);
        if let Some(row) = row {
            columns.retain(|(name, _)| *name != "locktype");
            columns.extend(target(&access.catalog, LockTag::Row(0, row)).into_iter().skip(1));
        }
        add(maker, &lock, columns);
    }
    for process_id in processes.into_iter().filter(|process_id| *process_id != 0) {
        let tag = LockTag::Advisory(AdvisoryKey::One(0));
        let lock = LockInfo { tag, process_id, mode: "ExclusiveLock", granted: true };
        let virtual_id = ("virtualxid", Datum::text(format!("{process_id}/1")));
        add(maker, &lock, vec![("locktype", Datum::text("virtualxid")), virtual_id]);
    }
}

/// Returns whether a lock is one that PostgreSQL does not have, or has elsewhere.
fn is_inner(tag: LockTag) -> bool {
    match tag {
        LockTag::Row(..)
        | LockTag::Turn(..)
        | LockTag::Key(..)
        | LockTag::Catalog
        | LockTag::Publication
        | LockTag::Entry(..) => true,
        LockTag::Table(_) | LockTag::Advisory(_) | LockTag::Object(..) => false,
    }
}

fn add(maker: &mut Maker<'_>, lock: &LockInfo, mut columns: Vec<(&'static str, Datum)>) {
    // Prepared transactions have no process.
    let process_id = Some(lock.process_id).filter(|process_id| *process_id != 0);
    columns.extend([
        ("virtualtransaction", Datum::text(format!("{}/1", process_id.unwrap_or(-1)))),
        ("pid", process_id.map_or(Datum::Null, Datum::I32)),
        ("mode", Datum::text(lock.mode)),
        ("granted", Datum::Bool(lock.granted)),
        ("fastpath", Datum::Bool(false)),
    ]);
    maker.add(&columns);
}

/// Returns the columns that name what is locked.
fn target(catalog: &Catalog, tag: LockTag) -> Vec<(&'static str, Datum)> {
    let relation_of = |table: u64| {
        let found = catalog.relations.values().find(|relation| relation.table_id().0 == table);
        // Indexes, and relations of the system, are known by their oids.
        found.map_or(oid(u32::try_from(table).unwrap_or(0)), |relation| oid(relation.oid))
    };
    let mut columns = vec![("database", oid(DATABASE_OID))];
    match tag {
        LockTag::Key(..) | LockTag::Catalog | LockTag::Publication => {
            columns.push(("locktype", Datum::text("object")))
        }
        LockTag::Object(class, object) | LockTag::Entry(class, object) => {
            columns.extend([
                ("locktype", Datum::text("object")),
                ("classid", oid(class)),
                ("objid", oid(object)),
                ("objsubid", Datum::I16(0)),
            ]);
        }
        LockTag::Table(table) => {
            columns.extend([("locktype", Datum::text("relation")), ("relation", relation_of(table.0))]);
        }
        LockTag::Row(_, row) | LockTag::Turn(_, row) => {
            columns.extend([
                ("locktype", Datum::text("tuple")),
                ("page", Datum::I32(i32::try_from(row.0 >> 11).unwrap_or(i32::MAX))),
                ("tuple", Datum::I16(i16::try_from((row.0 & 0x7ff) + 1).unwrap_or(i16::MAX))),
            ]);
        }
        LockTag::Advisory(key) => {
            let (class, object, kind) = match key {
                AdvisoryKey::One(key) => ((key as u64 >> 32) as u32, key as u32, 1),
                AdvisoryKey::Two(one, two) => (one as u32, two as u32, 2),
            };
            columns.extend([
                ("locktype", Datum::text("advisory")),
                ("classid", oid(class)),
                ("objid", oid(object)),
                ("objsubid", Datum::I16(kind)),
            ]);
        }
    }
    columns
}
