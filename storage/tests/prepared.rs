//! Prepared transactions: what they hold, and that they survive.
#![expect(clippy::unwrap_used, reason = "a test that cannot run must fail")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::vector::{Values, Vector};
use storage::{
    AdvisoryKey, ColumnDefinition, IndexColumn, IndexDefinition, IndexId, IsolationLevel, LockTag,
    PreparedTransaction, RowId, RowLockMode, StorageError, Store, StoreOptions, TableId, TableLockMode,
    Transaction, WaitPolicy, WriteOutcome,
};
use types::{Datum, PhysicalType, oids};

const TABLE: TableId = TableId(7);
const OTHER: TableId = TableId(9);

fn columns() -> Vec<ColumnDefinition> {
    let column = |name: &str| ColumnDefinition {
        physical: PhysicalType::I64,
        fixed_scale: None,
        nullable: false,
        name: name.to_owned(),
    };
    vec![column("id"), column("value")]
}

fn index(id: u64, column: usize, unique: bool) -> IndexDefinition {
    let columns = vec![IndexColumn::ascending(column, oids::INT8)];
    IndexDefinition { id: IndexId(id), name: format!("index {id}"), columns, unique, nulls_distinct: true }
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("surus-prepared-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn open(path: &Path) -> Arc<Store> {
    Store::open(path, StoreOptions::default()).unwrap()
}

fn rows(ids: std::ops::Range<i64>) -> Vec<Vector> {
    let values = |of: &dyn Fn(i64) -> i64| Vector::flat(Values::I64(ids.clone().map(of).collect()), None);
    vec![values(&|id| id), values(&|id| id * 10)]
}

fn content(transaction: &Transaction, table: TableId) -> Vec<(i64, i64, RowId)> {
    let scan = transaction.scan(table).unwrap();
    let mut found = Vec::new();
    for group in (0..scan.row_group_count()).map(|group| scan.row_group(group)) {
        for index in 0..group.vector_count() {
            let columns: Vec<Vector> =
                (0..2).map(|column| group.vector(column, index).unwrap().to_flat()).collect();
            let (Values::I64(ids), Values::I64(values)) = (columns[0].values(), columns[1].values()) else {
                panic!("other types");
            };
            let seen = group.visible(index);
            let is_seen = |lane: &usize| seen.as_ref().is_none_or(|seen| seen.get(*lane));
            let lanes = (0..group.lanes(index)).filter(is_seen);
            found.extend(lanes.map(|lane| (ids[lane], values[lane], group.row_id(index, lane))));
        }
    }
    found.sort_unstable_by_key(|(id, ..)| *id);
    found
}

fn values(store: &Arc<Store>, table: TableId) -> Vec<(i64, i64)> {
    content(&store.begin(), table).into_iter().map(|(id, value, _)| (id, value)).collect()
}

fn row_of(transaction: &Transaction, id: i64) -> RowId {
    content(transaction, TABLE).into_iter().find(|(found, ..)| *found == id).unwrap().2
}

fn create(store: &Arc<Store>) {
    let mut transaction = store.begin();
    transaction.create_table(TABLE, columns(), vec![index(8, 0, true)]).unwrap();
    transaction.insert(TABLE, &rows(1..6)).unwrap();
    transaction.commit().unwrap();
}

fn about(gid: &str) -> PreparedTransaction {
    PreparedTransaction { gid: gid.to_owned(), xid: 0, owner: 10, database: 5, prepared_at: 77 }
}

fn update(transaction: &mut Transaction, id: i64, value: i64) {
    let row = row_of(transaction, id);
    let new = [Datum::I64(id), Datum::I64(value)];
    let new = transaction.encode_row(TABLE, &new, &[oids::INT8, oids::INT8]).unwrap();
    assert!(matches!(transaction.update_row(TABLE, row, &new), Ok(WriteOutcome::Done(_))));
}

/// Changes rows, and locks of all kinds; returns the transaction's number.
fn prepare(store: &Arc<Store>, gid: &str) -> u64 {
    let mut transaction = store.begin();
    transaction.lock_table(TABLE, TableLockMode::RowExclusive, WaitPolicy::Wait).unwrap();
    update(&mut transaction, 2, 99);
    let row = row_of(&transaction, 3);
    transaction.delete_row(TABLE, row).unwrap();
    transaction.insert(TABLE, &rows(10..12)).unwrap();
    let row = row_of(&transaction, 4);
    transaction.lock_row(TABLE, row, RowLockMode::Share, WaitPolicy::Wait).unwrap();
    transaction.lock_advisory(AdvisoryKey::One(5), false, WaitPolicy::Wait).unwrap();
    let xid = transaction.assign_xid();
    transaction.prepare(about(gid), 10).unwrap();
    xid
}

const BEFORE: [(i64, i64); 5] = [(1, 10), (2, 20), (3, 30), (4, 40), (5, 50)];
const AFTER: [(i64, i64); 6] = [(1, 10), (2, 99), (4, 40), (5, 50), (10, 100), (11, 110)];

/// Checks that the transaction is there, seen by nobody, with its locks.
fn assert_prepared(store: &Arc<Store>, gid: &str, xid: u64) {
    assert_eq!(store.prepared_transactions(), [PreparedTransaction { xid, ..about(gid) }]);
    assert_eq!(values(store, TABLE), BEFORE);
    assert!(store.running_xids().0.contains(&xid) && store.running_xids().1 > xid);
    let mut other = store.begin();
    let no_wait = WaitPolicy::NoWait;
    for (id, mode, free) in [
        (1, RowLockMode::Update, true),
        (2, RowLockMode::Update, false),
        (2, RowLockMode::KeyShare, false),
        (3, RowLockMode::KeyShare, false),
        (4, RowLockMode::Share, true),
        (4, RowLockMode::NoKeyUpdate, false),
    ] {
        let row = row_of(&other, id);
        let outcome = other.lock_row(TABLE, row, mode, no_wait).unwrap();
        assert_eq!(outcome != WriteOutcome::WouldBlock, free, "row {id}, {mode:?}");
    }
    use storage::Acquired::{AtOnce, No};
    assert_eq!(other.lock_table(TABLE, TableLockMode::Share, no_wait), Ok(No));
    assert_eq!(other.lock_table(TABLE, TableLockMode::RowExclusive, no_wait), Ok(AtOnce));
    assert_eq!(other.lock_advisory(AdvisoryKey::One(5), true, no_wait), Ok(No));
    assert_eq!(other.lock_advisory(AdvisoryKey::One(6), true, no_wait), Ok(AtOnce));
    let held = store.list_locks();
    assert!(held.iter().any(|lock| lock.tag == LockTag::Table(TABLE) && lock.process_id == 0));
    drop(other);
    assert_eq!(store.commit_prepared("nothing"), Err(StorageError::NoSuchPrepared { gid: "nothing".into() }));
}

fn assert_sound(store: &Arc<Store>) {
    assert_eq!(storage::verify(store).unwrap().problems, Vec::<String>::new());
}

#[test]
fn prepared_transactions_survive_restarts_and_checkpoints() {
    for commits in [true, false] {
        for checkpoints in 0..4 {
            let path = directory(&format!("restart-{commits}-{checkpoints}"));
            let mut store = open(&path);
            create(&store);
            let xid = prepare(&store, "one");
            assert_prepared(&store, "one", xid);
            for round in 0..2 {
                if checkpoints >> round & 1 == 1 {
                    store.checkpoint().unwrap();
                }
                drop(store);
                store = open(&path);
                assert_prepared(&store, "one", xid);
            }
            // Whoever waits for a row of it finds the newer version.
            let waiting = (!commits || checkpoints > 0).then(|| {
                let store = Arc::clone(&store);
                std::thread::spawn(move || {
                    let mut waiting = store.begin();
                    let row = row_of(&waiting, 2);
                    waiting.set_isolation(IsolationLevel::ReadCommitted);
                    let outcome = waiting.lock_row(TABLE, row, RowLockMode::Update, WaitPolicy::Wait);
                    (outcome.unwrap(), row)
                })
            });
            std::thread::sleep(std::time::Duration::from_millis(30));
            if commits {
                store.commit_prepared("one").unwrap();
            } else {
                store.rollback_prepared("one").unwrap();
            }
            if let Some(waiting) = waiting {
                let (outcome, row) = waiting.join().unwrap();
                match commits {
                    true => assert!(matches!(outcome, WriteOutcome::ConcurrentlyUpdated(_))),
                    false => assert_eq!(outcome, WriteOutcome::Done(row)),
                }
            }
            for _ in 0..2 {
                let expected: &[(i64, i64)] = if commits { &AFTER } else { &BEFORE };
                assert_eq!(values(&store, TABLE), expected);
                assert_eq!(store.prepared_transactions(), []);
                assert_eq!(store.list_locks().len(), 0);
                assert_sound(&store);
                drop(store);
                store = open(&path);
            }
            drop(store);
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

#[test]
fn prepared_changes_of_the_structure_survive() {
    for commits in [true, false] {
        for checkpoint in [true, false] {
            let path = directory(&format!("structure-{commits}-{checkpoint}"));
            let mut store = open(&path);
            create(&store);
            let mut transaction = store.begin();
            transaction.create_table(OTHER, columns(), vec![index(20, 0, true)]).unwrap();
            transaction.insert(OTHER, &rows(1..4)).unwrap();
            let mut writer = transaction.bulk_writer(OTHER).unwrap();
            writer.append(&rows(100..2100)).unwrap();
            (1..6).for_each(|part| writer.append(&rows(part * 2100..(part + 1) * 2100 - 52)).unwrap());
            writer.finish(&mut transaction).unwrap();
            transaction.drop_index(TABLE, IndexId(8)).unwrap();
            transaction.create_index(TABLE, index(21, 1, false)).unwrap();
            transaction.set_catalog_image(b"new".to_vec());
            transaction.prepare(about("ddl"), 1).unwrap();
            let mut other = store.begin();
            other.set_isolation(IsolationLevel::RepeatableRead);
            other.create_table(TableId(30), columns(), vec![]).unwrap();
            assert_eq!(other.prepare(about("more"), 1), Err(StorageError::TooManyPrepared { count_max: 1 }));
            assert_eq!(
                store.begin().prepare(about("ddl"), 2),
                Err(StorageError::PreparedExists { gid: "ddl".into() })
            );
            if checkpoint {
                store.checkpoint().unwrap();
            }
            drop(store);
            store = open(&path);
            assert!(store.begin().scan(OTHER).is_err());
            assert_eq!(store.catalog_image(), b"");
            if commits {
                store.commit_prepared("ddl").unwrap();
            } else {
                store.rollback_prepared("ddl").unwrap();
            }
            for _ in 0..3 {
                assert_eq!(store.begin().scan(OTHER).is_ok(), commits);
                assert_eq!(values(&store, TABLE), BEFORE);
                let indexes = store.begin().shape(TABLE).unwrap().1;
                let expected = if commits { 21 } else { 8 };
                assert_eq!(indexes.iter().map(|index| index.id.0).collect::<Vec<_>>(), [expected]);
                if commits {
                    assert_eq!(values(&store, OTHER).len(), 3 + 2000 + 5 * 2048);
                    assert_eq!(store.catalog_image(), b"new");
                }
                assert_sound(&store);
                store.checkpoint().unwrap();
                drop(store);
                store = open(&path);
            }
            drop(store);
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}
