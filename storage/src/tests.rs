//! The store as its users see it: transactions, restarts, crashes, damage.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernels::vector::{Bitmap, Values, Vector, ViewsBuilder};
use types::PhysicalType;

use crate::*;

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("surus-storage-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
    fn open(&self) -> Arc<Store> {
        Store::open(&self.0, StoreOptions::default()).unwrap()
    }
    fn copy_of(&self) -> Self {
        let copy = Self::new();
        for folder in ["", "journal", "segments"] {
            std::fs::create_dir_all(copy.0.join(folder)).unwrap();
            for entry in std::fs::read_dir(self.0.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    std::fs::copy(&path, copy.0.join(folder).join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        copy
    }
    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.0.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const TABLE: TableId = TableId(7);

fn columns() -> Vec<ColumnDefinition> {
    let column = |name: &str, physical, fixed_scale, nullable| ColumnDefinition {
        physical,
        fixed_scale,
        nullable,
        name: name.to_owned(),
    };
    vec![
        column("id", PhysicalType::I64, None, false),
        column("price", PhysicalType::Numeric, Some(2), true),
        column("name", PhysicalType::Text, None, true),
    ]
}

fn key() -> IndexDefinition {
    IndexDefinition {
        id: IndexId(8),
        name: "key".to_owned(),
        columns: vec![IndexColumn::ascending(0, types::oids::INT8)],
        unique: true,
        nulls_distinct: true,
    }
}

fn insert(transaction: &mut Transaction, ids: impl Iterator<Item = i64> + Clone) {
    transaction.insert(TABLE, &rows(ids)).unwrap();
    transaction.advance_command();
}

fn new_row(transaction: &Transaction, id: i64) -> NewRow {
    let null = id % 3 == 0;
    let price = if null {
        types::Datum::Null
    } else {
        types::Datum::Numeric(types::Numeric::from_i128(i128::from(id) * 100, 2))
    };
    let name = types::Datum::text(format!("a name that is long enough {id}"));
    let oids = [types::oids::INT8, types::oids::NUMERIC, types::oids::TEXT];
    transaction.scan(TABLE).unwrap().encode_row(&[types::Datum::I64(id), price, name], &oids).unwrap()
}

fn delete(transaction: &mut Transaction, gone: &[RowId]) {
    for &row in gone {
        assert_eq!(transaction.delete_row(TABLE, row), Ok(WriteOutcome::Done(row)));
    }
    transaction.advance_command();
}

/// Rows whose other columns follow from the id.
fn rows(ids: impl Iterator<Item = i64> + Clone) -> Vec<Vector> {
    let mut names = ViewsBuilder::default();
    ids.clone().for_each(|id| names.push(format!("a name that is long enough {id}").as_bytes()));
    let prices: Vec<i64> = ids.clone().map(|id| id * 100).collect();
    let valid = Bitmap::from_bools(ids.clone().map(|id| id % 3 != 0));
    vec![
        Vector::flat(Values::I64(ids.collect()), None),
        Vector::flat(Values::Fixed64 { unscaled: prices.into(), scale: 2 }, Some(valid)),
        Vector::flat(Values::Views(names.finish()), None),
    ]
}

/// Returns the ids of a table, and checks that the other columns follow from them.
fn ids(transaction: &Transaction) -> Vec<i64> {
    let Ok(scan) = transaction.scan(TABLE) else { return vec![-1] };
    read(&scan).unwrap().into_iter().map(|(id, _)| id).collect()
}

fn read(scan: &TableScan) -> Result<Vec<(i64, RowId)>> {
    let mut found = Vec::new();
    for group in 0..scan.row_group_count() {
        let group = scan.row_group(group);
        for index in 0..group.vector_count() {
            let vectors: Vec<_> =
                (0..3).map(|column| Ok(group.vector(column, index)?.to_flat())).collect::<Result<_>>()?;
            let (Values::I64(id), Values::Fixed64 { unscaled, .. }, Values::Views(names), Values::I64(row)) = (
                vectors[0].values(),
                vectors[1].values(),
                vectors[2].values(),
                &group.row_ids(index).values().clone(),
            ) else {
                panic!()
            };
            let visible = group.visible(index);
            for lane in (0..id.len()).filter(|&lane| visible.as_ref().is_none_or(|visible| visible.get(lane)))
            {
                assert_eq!(vectors[1].is_null(lane), id[lane] % 3 == 0);
                assert!(vectors[1].is_null(lane) || unscaled[lane] == id[lane] * 100);
                assert_eq!(names.get(lane), format!("a name that is long enough {}", id[lane]).as_bytes());
                found.push((id[lane], RowId(row[lane] as u64)));
            }
        }
    }
    assert_eq!(found.len() as u64, scan.row_count());
    Ok(found)
}

fn row_id(transaction: &Transaction, wanted: i64) -> RowId {
    let rows = read(&transaction.scan(TABLE).unwrap()).unwrap();
    rows.into_iter().find(|(id, _)| *id == wanted).unwrap().1
}

fn create(store: &Arc<Store>, ids: std::ops::Range<i64>) {
    let mut transaction = store.begin();
    transaction.create_table(TABLE, columns(), vec![key()]).unwrap();
    insert(&mut transaction, ids);
    transaction.set_catalog_image(b"catalog 1".to_vec());
    transaction.commit().unwrap();
}

fn load(store: &Arc<Store>, ids: std::ops::Range<i64>) {
    let mut transaction = store.begin();
    let mut writer = transaction.bulk_writer(TABLE).unwrap();
    let mut from = ids.start;
    while from < ids.end {
        let until = (from + 3000).min(ids.end);
        writer.append(&rows(from..until)).unwrap();
        from = until;
    }
    assert_eq!(writer.finish(&mut transaction).unwrap(), (ids.end - ids.start) as u64);
    transaction.commit().unwrap();
}

fn assert_sound(store: &Arc<Store>) {
    let report = verify(store).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

#[test]
fn snapshots_see_what_was_committed_before_them() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let mut reader = store.begin();
    let mut writer = store.begin();
    insert(&mut writer, 10..20);
    let gone = [row_id(&writer, 3)];
    delete(&mut writer, &gone);
    assert_eq!(ids(&writer).len(), 19);
    assert_eq!(ids(&reader), (0..10).collect::<Vec<_>>());
    let scan = reader.scan(TABLE).unwrap();
    writer.commit().unwrap();
    assert_eq!(ids(&reader), (0..10).collect::<Vec<_>>());
    reader.refresh_snapshot();
    assert_eq!(ids(&reader), (0..20).filter(|id| *id != 3).collect::<Vec<_>>());
    assert_eq!(scan.row_count(), 10);
    let mut deleter = store.begin();
    let own = row_id(&deleter, 15);
    insert(&mut deleter, 100..103);
    let gone = [own, row_id(&deleter, 101)];
    delete(&mut deleter, &gone);
    assert_eq!(deleter.delete_row(TABLE, own).unwrap(), WriteOutcome::SelfModified);
    let savepoint = deleter.savepoint();
    deleter.truncate(TABLE).unwrap();
    assert_eq!(ids(&deleter), Vec::<i64>::new());
    deleter.rollback_to(&savepoint);
    deleter.commit().unwrap();
    let after: Vec<i64> = (0..20).filter(|id| ![3, 15].contains(id)).chain([100, 102]).collect();
    assert_eq!(ids(&store.begin()), after);
    assert_sound(&store);
}

#[test]
fn who_comes_second_to_a_row_waits() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    // Keeps old versions from being removed.
    let old = store.begin();
    let row = row_id(&old, 4);
    let second = |level| {
        let mut second = store.begin();
        second.set_isolation(level);
        second.delete_row(TABLE, row)
    };
    let waits = |finish: &dyn Fn(Transaction), level| {
        let mut first = store.begin();
        assert_eq!(
            first
                .update_row(TABLE, row, &new_row(&first, 4))
                .map(|outcome| outcome != WriteOutcome::Done(row)),
            Ok(true)
        );
        std::thread::scope(|scope| {
            let waiter = scope.spawn(move || second(level));
            std::thread::sleep(std::time::Duration::from_millis(30));
            assert!(!waiter.is_finished());
            finish(first);
            waiter.join().unwrap()
        })
    };
    let rolled_back = waits(&|first| first.rollback(), IsolationLevel::ReadCommitted);
    assert_eq!(rolled_back, Ok(WriteOutcome::Done(row)));
    let commit = |first: Transaction| assert!(first.commit().is_ok());
    let updated = waits(&commit, IsolationLevel::ReadCommitted);
    let newest = row_id(&store.begin(), 4);
    assert_eq!(updated, Ok(WriteOutcome::ConcurrentlyUpdated(newest)));
    assert_eq!(second(IsolationLevel::RepeatableRead), Err(StorageError::ConcurrentUpdate));
    let mut deleter = store.begin();
    delete(&mut deleter, &[newest]);
    deleter.commit().unwrap();
    assert_eq!(second(IsolationLevel::ReadCommitted), Ok(WriteOutcome::ConcurrentlyDeleted));
    drop(old);
    assert_sound(&store);
}

#[test]
fn who_does_not_wait_gets_an_error() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let row = row_id(&store.begin(), 4);
    let mut first = store.begin();
    delete(&mut first, &[row]);
    insert(&mut first, 100..101);
    let mut second = store.begin();
    second.set_isolation(IsolationLevel::RepeatableRead);
    second.set_optimistic(true);
    let conflict = Err(StorageError::OptimisticConflict);
    assert_eq!(second.lock_row(TABLE, row, RowLockMode::KeyShare, WaitPolicy::Wait), conflict);
    assert_eq!(second.delete_row(TABLE, row), Ok(WriteOutcome::Done(row)));
    // The same key as a row in flight.
    let taken = new_row(&second, 100);
    assert!(second.insert_row(TABLE, &taken).is_ok());
    first.commit().unwrap();
    assert_eq!(second.commit().map(|_| ()), Err(StorageError::OptimisticConflict));
    let mut late = store.begin();
    late.set_isolation(IsolationLevel::RepeatableRead);
    late.set_optimistic(true);
    let row = row_id(&late, 5);
    let mut other = store.begin();
    delete(&mut other, &[row]);
    other.commit().unwrap();
    assert_eq!(late.delete_row(TABLE, row), conflict);
    drop(late);
    // A table that changes underneath.
    let mut changes = store.begin();
    changes.set_catalog_image(vec![1]);
    let mut reader = store.begin();
    reader.set_isolation(IsolationLevel::RepeatableRead);
    reader.set_optimistic(true);
    assert_eq!(reader.require_catalog(), Ok(()));
    changes.commit().unwrap();
    assert_eq!(reader.require_catalog(), Err(StorageError::OptimisticCatalog));
    insert(&mut reader, 200..201);
    assert_eq!(reader.commit().map(|_| ()), Err(StorageError::OptimisticCatalog));
    assert_sound(&store);
}

fn optimistic(store: &Arc<Store>) -> Transaction {
    let mut transaction = store.begin();
    transaction.set_isolation(IsolationLevel::RepeatableRead);
    transaction.set_optimistic(true);
    transaction
}

fn sorted(transaction: &Transaction) -> Vec<i64> {
    let mut found = ids(transaction);
    found.sort_unstable();
    found
}

/// Replaces a row, also by one with another key.
fn update(transaction: &mut Transaction, id: i64, new: i64) -> RowId {
    let row = row_id(transaction, id);
    let new = new_row(transaction, new);
    let Ok(WriteOutcome::Done(made)) = transaction.update_row(TABLE, row, &new) else { panic!() };
    transaction.advance_command();
    made
}

#[test]
fn the_first_to_commit_wins_among_those_who_do_not_wait() {
    let conflict = Err(StorageError::OptimisticConflict);
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    for others_first in [true, false] {
        // One has the row, the other writes it for itself; a third deletes it.
        let (mut one, mut other, mut third) = (optimistic(&store), optimistic(&store), optimistic(&store));
        update(&mut one, 4, 104);
        let savepoint = other.savepoint();
        update(&mut other, 4, 204);
        assert_eq!(sorted(&other), [0, 1, 2, 3, 5, 6, 7, 8, 9, 204]);
        other.rollback_to(&savepoint);
        assert_eq!(sorted(&other), (0..10).collect::<Vec<_>>());
        update(&mut other, 4, 204);
        let gone = row_id(&third, 4);
        delete(&mut third, &[gone]);
        assert_eq!(third.delete_row(TABLE, gone), Ok(WriteOutcome::SelfModified));
        assert_eq!(sorted(&third), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
        assert_eq!(sorted(&one), [0, 1, 2, 3, 5, 6, 7, 8, 9, 104]);
        if others_first {
            other.commit().unwrap();
            assert_eq!(sorted(&one), [0, 1, 2, 3, 5, 6, 7, 8, 9, 104]);
            assert_eq!(one.commit().map(|_| ()), conflict);
        } else {
            drop(one);
            other.commit().unwrap();
        }
        assert_eq!(third.commit().map(|_| ()), conflict);
        let mut back = store.begin();
        assert_eq!(sorted(&back), [0, 1, 2, 3, 5, 6, 7, 8, 9, 204]);
        update(&mut back, 204, 4);
        back.commit().unwrap();
    }
    // Keys.
    let (mut one, mut other) = (optimistic(&store), optimistic(&store));
    insert(&mut one, 500..501);
    insert(&mut other, 500..501);
    other.commit().unwrap();
    assert_eq!(one.commit().map(|_| ()), conflict);
    // A key that another one is about to free is taken, as the snapshot has it.
    let (mut one, mut other) = (optimistic(&store), optimistic(&store));
    let gone = row_id(&one, 500);
    delete(&mut one, &[gone]);
    let taken = new_row(&other, 500);
    assert!(matches!(other.insert_row(TABLE, &taken), Err(StorageError::DuplicateKey { .. })));
    drop(other);
    one.commit().unwrap();
    assert_eq!(sorted(&store.begin()), (0..10).collect::<Vec<_>>());
    assert_sound(&store);
}

#[test]
fn who_does_not_wait_passes_over_locks_until_the_commit() {
    let conflict = Err(StorageError::OptimisticConflict);
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let lock = |transaction: &mut Transaction, row, mode| {
        assert_eq!(transaction.lock_row(TABLE, row, mode, WaitPolicy::Wait), Ok(WriteOutcome::Done(row)));
    };
    // A reference to a row, and its end: whoever comes first, and whoever commits first.
    for (locks_first, commits_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut child, mut parent) = (optimistic(&store), optimistic(&store));
        let row = row_id(&child, 4);
        if locks_first {
            lock(&mut child, row, RowLockMode::KeyShare);
        }
        delete(&mut parent, &[row]);
        if !locks_first {
            lock(&mut child, row, RowLockMode::KeyShare);
        }
        insert(&mut child, 500..501);
        let (winner, loser) = if commits_first { (child, parent) } else { (parent, child) };
        winner.commit().unwrap();
        assert_eq!(loser.commit().map(|_| ()), conflict);
        let mut back = store.begin();
        if commits_first {
            let extra = row_id(&back, 500);
            delete(&mut back, &[extra]);
        } else {
            insert(&mut back, 4..5);
        }
        back.commit().unwrap();
    }
    // One that is rolled back was not there.
    let (mut one, mut other) = (optimistic(&store), optimistic(&store));
    let row = row_id(&one, 5);
    lock(&mut one, row, RowLockMode::Update);
    lock(&mut other, row, RowLockMode::Update);
    one.rollback();
    delete(&mut other, &[row]);
    other.commit().unwrap();
    // Keys that storage does not keep.
    let (mut one, mut other) = (optimistic(&store), optimistic(&store));
    for transaction in [&mut one, &mut other] {
        assert_eq!(transaction.lock_key(1 << 20, 70, WaitPolicy::Wait), Ok(crate::Acquired::AtOnce));
    }
    insert(&mut one, 600..601);
    insert(&mut other, 601..602);
    other.commit().unwrap();
    assert_eq!(one.commit().map(|_| ()), conflict);
    assert_sound(&store);
}

#[test]
fn who_waits_is_never_displaced_by_who_does_not() {
    let conflict = Err(StorageError::OptimisticConflict);
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    for ending in 0..3 {
        let (mut waits, mut other) = (store.begin(), optimistic(&store));
        update(&mut waits, 4, 104);
        insert(&mut waits, 300..301);
        update(&mut other, 4, 204);
        insert(&mut other, 301..302);
        let outcome = match ending {
            0 => other.commit().map(|_| ()),
            1 => {
                waits.rollback();
                waits = store.begin();
                other.commit().map(|_| ())
            }
            _ => {
                waits.commit().unwrap();
                waits = store.begin();
                other.commit().map(|_| ())
            }
        };
        assert_eq!(outcome.is_ok(), ending == 1, "{outcome:?}");
        drop(waits);
        let expected: &[i64] = match ending {
            0 => &[4],
            1 => &[204, 301],
            _ => &[104, 300],
        };
        let mut back = store.begin();
        let found = sorted(&back).into_iter().filter(|id| *id == 4 || *id > 9).collect::<Vec<_>>();
        assert_eq!(found, expected);
        if ending > 0 {
            let extra = row_id(&back, expected[1]);
            delete(&mut back, &[extra]);
            update(&mut back, expected[0], 4);
        }
        back.commit().unwrap();
    }
    // Who has relied on the row's being there, after the first writer was gone, is respected.
    let (mut one, mut other) = (optimistic(&store), optimistic(&store));
    let row = row_id(&one, 5);
    update(&mut one, 5, 105);
    delete(&mut other, &[row]);
    one.rollback();
    let mut child = store.begin();
    assert_eq!(
        child.lock_row(TABLE, row, RowLockMode::KeyShare, WaitPolicy::Wait),
        Ok(WriteOutcome::Done(row))
    );
    insert(&mut child, 400..401);
    child.commit().unwrap();
    assert_eq!(other.commit().map(|_| ()), conflict);
    let mut back = store.begin();
    let extra = row_id(&back, 400);
    delete(&mut back, &[extra]);
    back.commit().unwrap();
    // Whoever waits for one who is displaced waits for the other then.
    let (mut one, mut other) = (optimistic(&store), optimistic(&store));
    update(&mut one, 6, 106);
    update(&mut other, 6, 206);
    let waiting = {
        let store = Arc::clone(&store);
        std::thread::spawn(move || {
            let mut waits = store.begin();
            let row = row_id(&waits, 6);
            let outcome = waits.delete_row(TABLE, row).unwrap();
            waits.commit().unwrap();
            outcome
        })
    };
    std::thread::sleep(std::time::Duration::from_millis(50));
    other.commit().unwrap();
    assert!(matches!(waiting.join().unwrap(), WriteOutcome::ConcurrentlyUpdated(_)));
    assert_eq!(one.commit().map(|_| ()), conflict);
    assert_eq!(sorted(&store.begin()), [0, 1, 2, 3, 4, 5, 7, 8, 9, 206]);
    assert_sound(&store);
}

#[test]
fn a_session_between_statements_keeps_nothing_from_being_removed() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let mut idle = store.begin();
    let before = store.horizon();
    let mut writer = store.begin();
    insert(&mut writer, 100..101);
    writer.commit().unwrap();
    assert_eq!(store.horizon(), before);
    idle.release_snapshot();
    assert!(store.horizon() > before);
    idle.refresh_snapshot();
    assert_eq!(ids(&idle), (0..10).chain([100]).collect::<Vec<_>>());
    // Above READ COMMITTED the snapshot stays.
    idle.set_isolation(IsolationLevel::RepeatableRead);
    let kept = store.horizon();
    idle.release_snapshot();
    let mut writer = store.begin();
    insert(&mut writer, 101..102);
    writer.commit().unwrap();
    assert_eq!(store.horizon(), kept);
}

#[test]
fn write_skew_is_prevented_at_serializable_only() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let outcomes = |level: IsolationLevel, at: i64| {
        let begin = || {
            let mut transaction = store.begin();
            transaction.set_isolation(level);
            transaction.begin_serializable(false, false).unwrap();
            transaction
        };
        let (mut one, mut other) = (begin(), begin());
        for transaction in [&one, &other] {
            transaction.scan(TABLE).unwrap().track_read().unwrap();
        }
        for (transaction, id) in [(&mut one, at), (&mut other, at + 1)] {
            let row = row_id(transaction, id);
            assert_eq!(transaction.delete_row(TABLE, row), Ok(WriteOutcome::Done(row)));
        }
        [one.commit().map(|_| ()), other.commit().map(|_| ())]
    };
    assert_eq!(outcomes(IsolationLevel::RepeatableRead, 2), [Ok(()), Ok(())]);
    let refused = "Canceled on identification as a pivot, during commit attempt.".to_owned();
    let refused = StorageError::Unserializable { reason: refused };
    assert_eq!(outcomes(IsolationLevel::Serializable, 4), [Ok(()), Err(refused)]);
    assert_eq!(store.list_reads(), []);
    assert_sound(&store);
}

#[test]
fn sessions_that_wait_for_each_other_are_told() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let found = read(&store.begin().scan(TABLE).unwrap()).unwrap();
    let (mut first, mut second) = (store.begin(), store.begin());
    delete(&mut first, &[found[1].1]);
    delete(&mut second, &[found[2].1]);
    let outcomes = std::thread::scope(|scope| {
        let cross = |mut transaction: Transaction, row: RowId| {
            let outcome = transaction.delete_row(TABLE, row);
            transaction.rollback();
            outcome
        };
        let (one, two) = (found[1].1, found[2].1);
        let first = scope.spawn(move || cross(first, two));
        let second = scope.spawn(move || cross(second, one));
        [first.join().unwrap(), second.join().unwrap()]
    });
    let deadlocks = outcomes.iter().filter(|outcome| matches!(outcome, Err(StorageError::Deadlock { .. })));
    assert_eq!(deadlocks.count(), 1, "{outcomes:?}");
    assert_eq!(ids(&store.begin()).len(), 10);
    assert_sound(&store);
}

#[test]
fn the_first_committer_of_the_catalog_wins() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let (mut first, mut second) = (store.begin(), store.begin());
    first.set_catalog_image(b"2".to_vec());
    second.set_catalog_image(b"3".to_vec());
    first.commit().unwrap();
    let error = second.commit().unwrap_err();
    assert_eq!(error, StorageError::CatalogConflict);
    assert_eq!(types::PgError::from(error).sqlstate().as_str(), "40001");
    assert_eq!(store.catalog_image(), b"2");
    let mut null = store.begin();
    let mut vectors = rows(0..1);
    vectors[0].validity = Some(Bitmap::zeros(1));
    assert_eq!(null.insert(TABLE, &vectors), Err(StorageError::NullInColumn { column: "id".to_owned() }));
}

#[test]
fn a_restart_serves_the_same_data() {
    let directory = Directory::new();
    let store = directory.open();
    assert!(matches!(Store::open(&directory.0, StoreOptions::default()), Err(StorageError::Locked { .. })));
    create(&store, 0..10);
    load(&store, 10..70_010);
    load(&store, 70_010..70_020);
    let mut transaction = store.begin();
    let gone = [row_id(&transaction, 5), row_id(&transaction, 60_000)];
    delete(&mut transaction, &gone);
    transaction.commit().unwrap();
    let expected = ids(&store.begin());
    assert_eq!(expected.len(), 70_018);
    drop(store);
    for turn in 0..3 {
        let store = directory.open();
        assert_eq!(ids(&store.begin()), expected, "turn {turn}");
        assert_eq!(store.catalog_image(), b"catalog 1");
        assert_sound(&store);
        if turn > 0 {
            store.checkpoint().unwrap();
            assert_eq!(ids(&store.begin()), expected, "turn {turn}");
            assert_sound(&store);
            assert_eq!(directory.files("journal").len(), 1);
        }
    }
    let store = directory.open();
    let before = directory.files("segments").len();
    let mut transaction = store.begin();
    let mut writer = transaction.bulk_writer(TABLE).unwrap();
    writer.append(&rows(200_000..220_000)).unwrap();
    writer.finish(&mut transaction).unwrap();
    transaction.rollback();
    assert_eq!(directory.files("segments").len(), before);
    let mut transaction = store.begin();
    transaction.drop_table(TABLE).unwrap();
    transaction.commit().unwrap();
    store.checkpoint().unwrap();
    assert_eq!(directory.files("segments").len(), 0);
}

#[test]
fn full_row_groups_freeze_at_a_checkpoint() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..100_000);
    let mut old = store.begin();
    let gone = [row_id(&old, 99_999), row_id(&old, 1)];
    delete(&mut old, &gone);
    store.checkpoint().unwrap();
    old.commit().unwrap();
    let expected: Vec<i64> = (0..99_999).filter(|id| *id != 1).collect();
    assert_eq!(ids(&store.begin()), expected);
    let scan = store.begin().scan(TABLE).unwrap();
    assert_eq!(scan.row_group(0).zone_map(0).max, Some(ScanValue::Int(65_535)));
    let estimate = scan.distinct_estimate(0) as f64;
    assert!((80_000.0..120_000.0).contains(&estimate), "{estimate}");
    let sample = scan.sample(&[0, 2], 1500).unwrap();
    assert!((1400..1700).contains(&sample[0].len()), "{}", sample[0].len());
    drop((store, scan));
    let store = directory.open();
    assert_eq!(ids(&store.begin()), expected);
    let mut more = store.begin();
    insert(&mut more, 100_000..100_010);
    more.commit().unwrap();
    assert_eq!(store.begin().scan(TABLE).unwrap().row_group_count(), 2);
    assert_sound(&store);
}

/// A script of commits, and what the table holds after each.
fn script(store: &Arc<Store>) -> Vec<Vec<i64>> {
    let mut states = vec![vec![-1]];
    create(store, 0..3);
    states.push(ids(&store.begin()));
    for turn in 0..4 {
        let mut transaction = store.begin();
        insert(&mut transaction, 10 * turn + 10..10 * turn + 12);
        let gone = [row_id(&transaction, [0, 1, 10, 20][turn as usize])];
        delete(&mut transaction, &gone);
        transaction.commit().unwrap();
        states.push(ids(&store.begin()));
    }
    states
}

#[test]
fn a_journal_cut_anywhere_gives_a_prefix_of_the_commits() {
    let directory = Directory::new();
    let store = directory.open();
    let states = script(&store);
    drop(store);
    let journal = directory.files("journal").remove(0);
    let bytes = std::fs::read(&journal).unwrap();
    let mut reached = 0;
    for len in 0..=bytes.len() {
        std::fs::write(&journal, &bytes[..len]).unwrap();
        let store = directory.open();
        let now = ids(&store.begin());
        let state =
            states.iter().position(|state| *state == now).unwrap_or_else(|| panic!("cut at {len}: {now:?}"));
        assert!(state >= reached && state <= reached + 1, "cut at {len}");
        reached = state;
    }
    assert_eq!(reached, states.len() - 1);
    // What was cut off is not in the way of new commits.
    std::fs::write(&journal, &bytes[..bytes.len() - 3]).unwrap();
    let store = directory.open();
    let mut transaction = store.begin();
    insert(&mut transaction, 500..501);
    transaction.commit().unwrap();
    let expected = ids(&store.begin());
    drop(store);
    assert_eq!(ids(&directory.open().begin()), expected);
}

#[test]
fn a_damaged_journal_is_refused_or_cut_to_a_prefix() {
    let directory = Directory::new();
    let store = directory.open();
    let states = script(&store);
    drop(store);
    let journal = directory.files("journal").remove(0);
    let bytes = std::fs::read(&journal).unwrap();
    let mut refused = 0;
    for position in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x55;
        std::fs::write(&journal, &damaged).unwrap();
        match Store::open(&directory.0, StoreOptions::default()) {
            Ok(store) => {
                // Only the last record may be taken for a torn tail.
                assert_eq!(ids(&store.begin()), states[states.len() - 2], "byte {position}");
            }
            Err(StorageError::Corrupt { file, .. }) => {
                assert_eq!(file, journal);
                refused += 1;
            }
            Err(error) => panic!("byte {position}: {error}"),
        }
    }
    assert!(refused > bytes.len() / 7 / 2);
}

#[test]
fn damaged_segments_and_manifests_are_named_and_never_read() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..9001);
    store.checkpoint().unwrap();
    let expected = ids(&store.begin());
    drop(store);
    for path in directory.files("segments").into_iter().chain([directory.0.join("manifest")]) {
        let bytes = std::fs::read(&path).unwrap();
        for position in (0..bytes.len()).step_by(bytes.len() / 150 + 1) {
            let copy = directory.copy_of();
            let target = copy.0.join(path.strip_prefix(&directory.0).unwrap());
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            std::fs::write(&target, &damaged).unwrap();
            let result = Store::open(&copy.0, StoreOptions::default())
                .and_then(|store| read(&store.begin().scan(TABLE)?));
            match result {
                // The byte was padding.
                Ok(found) => assert!(found.iter().map(|(id, _)| id).eq(expected.iter()), "byte {position}"),
                Err(StorageError::Corrupt { file, .. }) => assert_eq!(file, target, "byte {position}"),
                Err(error) => panic!("byte {position}: {error}"),
            }
        }
        let copy = directory.copy_of();
        std::fs::write(copy.0.join(path.strip_prefix(&directory.0).unwrap()), &bytes[..bytes.len() / 2])
            .unwrap();
        let opened = Store::open(&copy.0, StoreOptions::default());
        let error = match opened.and_then(|store| read(&store.begin().scan(TABLE)?)) {
            Ok(_) => panic!("half of {} is enough", path.display()),
            Err(error) => error,
        };
        assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
        assert_eq!(types::PgError::from(error).sqlstate().as_str(), "XX001");
    }
}

#[test]
fn commits_of_many_threads_are_all_there() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for turn in 0..25 {
                    let mut transaction = store.begin();
                    let id = 1 + thread * 25 + turn;
                    insert(&mut transaction, id..id + 1);
                    transaction.commit().unwrap();
                    if turn == 12 && thread == 0 {
                        store.checkpoint().unwrap();
                    }
                }
            });
        }
    });
    drop(store);
    let store = directory.open();
    let mut found = ids(&store.begin());
    found.sort_unstable();
    assert_eq!(found, (0..101).collect::<Vec<_>>());
    assert_sound(&store);
}

#[test]
fn keys_are_unique() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..10);
    let violates = |result: Result<u64>| match result {
        Err(StorageError::DuplicateKey { columns, index, .. }) => columns == ["id"] && index == "key",
        Ok(_) => false,
        Err(error) => panic!("{error}"),
    };
    let try_insert = |ids: Vec<i64>| {
        let mut transaction = store.begin();
        transaction.insert(TABLE, &rows(ids.into_iter())).map(|rows| rows as u64)
    };
    assert!(violates(try_insert(vec![20, 5])));
    assert!(violates(try_insert(vec![20, 21, 20])));
    assert_eq!(try_insert(vec![20, 21]), Ok(2));
    let mut update = store.begin();
    let gone = [row_id(&update, 5)];
    delete(&mut update, &gone);
    insert(&mut update, 5..6);
    assert!(violates(update.insert(TABLE, &rows(5..6)).map(|rows| rows as u64)));
    let mut first = store.begin();
    first.insert(TABLE, &rows(30..31)).unwrap();
    // Who comes second waits, and learns how the first one ends.
    std::thread::scope(|scope| {
        let second = scope.spawn(|| try_insert(vec![29, 30]));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!second.is_finished());
        first.commit().unwrap();
        assert!(violates(second.join().unwrap()));
    });
    update.commit().unwrap();
    let load = |ids: Vec<i64>| {
        let mut transaction = store.begin();
        let mut writer = transaction.bulk_writer(TABLE)?;
        for ids in ids.chunks(2048) {
            writer.append(&rows(ids.iter().copied()))?;
        }
        let rows = writer.finish(&mut transaction)?;
        transaction.commit()?;
        Ok(rows)
    };
    assert!(violates(load((30..20_000).collect())));
    assert!(violates(load((100..20_000).chain([150]).collect())));
    assert!(violates(load((100..20_000).rev().chain([15_000]).collect())));
    assert_eq!(load((100..20_000).rev().collect()), Ok(19_900));
    assert_eq!(load((20_000..40_000).collect()), Ok(20_000));
    assert!(violates(load((19_990..39_000).collect())));
    assert!(violates(try_insert(vec![50_000, 25_000])));
    assert_sound(&store);
}

#[test]
fn compaction_moves_rows_and_gives_space_back() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..100_001);
    let before = directory.files("segments");
    let mut old = store.begin();
    old.set_isolation(IsolationLevel::RepeatableRead);
    let all = ids(&old);
    let mut transaction = store.begin();
    let gone: Vec<RowId> = read(&transaction.scan(TABLE).unwrap())
        .unwrap()
        .into_iter()
        .filter(|(id, _)| id % 2 == 1)
        .map(|(_, row)| row)
        .collect();
    delete(&mut transaction, &gone);
    transaction.commit().unwrap();
    store.vacuum(&[]).unwrap();
    // Somebody still sees all rows.
    assert_eq!(store.begin().scan(TABLE).unwrap().row_group_count(), 3);
    assert_eq!(ids(&old), all);
    drop(old);
    // The moved rows can still be changed by their old names.
    let mut late = store.begin();
    let (first, row) = read(&late.scan(TABLE).unwrap()).unwrap()[5];
    store.vacuum(&[]).unwrap();
    let scan = store.begin().scan(TABLE).unwrap();
    assert_eq!(scan.row_count(), 50_001);
    let rows: usize = (0..scan.row_group_count()).map(|group| scan.row_group(group).row_count()).sum();
    assert_eq!(rows, 50_001);
    assert!(directory.files("segments").iter().all(|file| !before.contains(file)), "space is given back");
    assert_sound(&store);
    let WriteOutcome::ConcurrentlyUpdated(newer) = late.delete_row(TABLE, row).unwrap() else { panic!() };
    assert_eq!(late.delete_row(TABLE, newer), Ok(WriteOutcome::Done(newer)));
    late.commit().unwrap();
    let expected: Vec<i64> = all.into_iter().filter(|id| id % 2 == 0 && *id != first).collect();
    let sorted = |store: &Arc<Store>| {
        let mut found = ids(&store.begin());
        found.sort_unstable();
        found
    };
    assert_eq!(sorted(&store), expected);
    let copy = directory.copy_of();
    drop(store);
    for directory in [copy, directory] {
        let store = directory.open();
        assert_eq!(sorted(&store), expected);
        assert_sound(&store);
    }
}

#[test]
fn compaction_is_recovered_from_the_journal() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..20_001);
    let mut transaction = store.begin();
    let scan = read(&transaction.scan(TABLE).unwrap()).unwrap();
    let gone: Vec<RowId> = scan.into_iter().filter(|(id, _)| id % 3 == 1).map(|(_, row)| row).collect();
    delete(&mut transaction, &gone);
    transaction.commit().unwrap();
    let thresholds = crate::compaction::Thresholds { group: 16, segment: 16, memory: false, beside: false };
    assert_eq!(crate::compaction::compact(&store, TABLE, thresholds), Ok(true));
    assert_eq!(crate::compaction::compact(&store, TABLE, thresholds), Ok(false));
    let mut transaction = store.begin();
    let scan = read(&transaction.scan(TABLE).unwrap()).unwrap();
    delete(&mut transaction, &[scan[100].1]);
    insert(&mut transaction, 30_000..30_010);
    transaction.commit().unwrap();
    let expected = ids(&store.begin());
    let copy = directory.copy_of();
    drop(store);
    let store = copy.open();
    assert_eq!(ids(&store.begin()), expected);
    assert_sound(&store);
    store.checkpoint().unwrap();
    drop(store);
    let store = copy.open();
    assert_eq!(ids(&store.begin()), expected);
    assert_sound(&store);
}

#[test]
fn rows_move_beside_readers_and_old_snapshots() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..200_001);
    let delete_where = |wanted: &dyn Fn(i64) -> bool| {
        let mut transaction = store.begin();
        let found = read(&transaction.scan(TABLE).unwrap()).unwrap().into_iter();
        let gone: Vec<RowId> = found.filter(|(id, _)| wanted(*id)).map(|(_, row)| row).collect();
        delete(&mut transaction, &gone);
        transaction.commit().unwrap();
    };
    delete_where(&|id| id % 10 < 6);
    // Nobody sees what is gone so far, but this one sees what goes next.
    let mut old = store.begin();
    old.set_isolation(IsolationLevel::RepeatableRead);
    let seen = ids(&old);
    delete_where(&|id| id % 10 == 6);
    let mut reader = store.begin();
    reader.lock_table(TABLE, TableLockMode::AccessShare, WaitPolicy::Wait).unwrap();
    let (_, row) = read(&reader.scan(TABLE).unwrap()).unwrap()[5];
    let thresholds = crate::compaction::Thresholds { group: 16, segment: 16, memory: false, beside: false };
    let before = store.begin().scan(TABLE).unwrap().row_group_count();
    assert_eq!(crate::compaction::compact(&store, TABLE, thresholds), Ok(true));
    // What an old snapshot keeps from going is not moved again and again.
    assert_eq!(crate::compaction::compact(&store, TABLE, thresholds), Ok(false));
    let sorted = |transaction: &Transaction| {
        let mut found = ids(transaction);
        found.sort_unstable();
        found
    };
    assert!(store.begin().scan(TABLE).unwrap().row_group_count() < before);
    assert_eq!(sorted(&old), seen);
    let expected: Vec<i64> = seen.iter().copied().filter(|id| id % 10 != 6).collect();
    assert_eq!(sorted(&store.begin()), expected);
    for id in [6, 7, 199_997] {
        let found = |by: &Transaction| by.find_unique(TABLE, IndexId(8), &[types::Datum::I64(id)]).unwrap();
        assert!(found(&old).is_some(), "{id}");
        assert_eq!(found(&store.begin()).is_some(), id % 10 == 7, "{id}");
    }
    // Who has seen a row before can still change it.
    assert!(matches!(reader.delete_row(TABLE, row), Ok(WriteOutcome::ConcurrentlyUpdated(_))));
    drop((old, reader));
    let copy = directory.copy_of();
    assert_sound(&store);
    drop(store);
    for directory in [copy, directory] {
        let store = directory.open();
        assert_eq!(sorted(&store.begin()), expected);
        assert_sound(&store);
        store.checkpoint().unwrap();
        assert_eq!(sorted(&store.begin()), expected);
    }
}

#[test]
fn nothing_moves_while_somebody_writes_or_is_serializable() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..200_001);
    let mut transaction = store.begin();
    let found = read(&transaction.scan(TABLE).unwrap()).unwrap();
    let gone: Vec<RowId> = found.iter().filter(|(id, _)| id % 10 < 8).map(|(_, row)| *row).collect();
    delete(&mut transaction, &gone);
    transaction.commit().unwrap();
    let thresholds = crate::compaction::Thresholds { group: 16, segment: 16, memory: false, beside: false };
    let compact = || crate::compaction::compact(&store, TABLE, thresholds);
    let mut writer = store.begin();
    writer.lock_table(TABLE, TableLockMode::RowExclusive, WaitPolicy::Wait).unwrap();
    assert_eq!(compact(), Ok(false));
    drop(writer);
    let mut reader = store.begin();
    reader.lock_table(TABLE, TableLockMode::AccessShare, WaitPolicy::Wait).unwrap();
    let mut serializable = store.begin();
    serializable.set_isolation(IsolationLevel::Serializable);
    serializable.begin_serializable(false, false).unwrap();
    assert_eq!(compact(), Ok(false));
    drop(serializable);
    assert_eq!(compact(), Ok(true));
    assert_sound(&store);
}

#[test]
fn rows_in_memory_are_bounded_by_their_bytes() {
    let directory = Directory::new();
    let options = StoreOptions { hot_bytes_max: 1 << 20, ..StoreOptions::default() };
    let store = Store::open(&directory.0, options).unwrap();
    create(&store, 0..140_000);
    rewrite(&store, |id| id < 3000);
    let expected = store.begin().scan(TABLE).unwrap().row_count();
    let part = |name: &str| store.memory().into_iter().find(|part| part.part == name).unwrap();
    assert!(part("rows in memory").count >= 140_000);
    crate::durable::freeze::freeze_excess(&store, 1 << 20).unwrap();
    assert!(part("rows in memory").count < 20_000);
    assert_eq!(part("row groups in segments").count, 2);
    assert_eq!(store.begin().scan(TABLE).unwrap().row_count(), expected);
    assert_sound(&store);
    let copy = directory.copy_of();
    let store = copy.open();
    assert_eq!(store.begin().scan(TABLE).unwrap().row_count(), expected);
    assert_sound(&store);
}

/// Returns how many row groups are in memory, and how many vectors are masked.
fn unsettled(store: &Arc<Store>) -> (usize, usize) {
    let scan = store.begin().scan(TABLE).unwrap();
    let groups: Vec<RowGroup> = (0..scan.row_group_count()).map(|group| scan.row_group(group)).collect();
    let hot = groups.iter().filter(|group| group.zone_map(0).null_count.is_none()).count();
    let masked =
        |group: &RowGroup| (0..group.vector_count()).filter(|&at| group.visible(at).is_some()).count();
    (hot, groups.iter().map(masked).sum())
}

/// Deletes rows and inserts them again.
fn rewrite(store: &Arc<Store>, wanted: impl Fn(i64) -> bool) {
    let mut transaction = store.begin();
    let found = read(&transaction.scan(TABLE).unwrap()).unwrap();
    let (changed, gone): (Vec<i64>, Vec<RowId>) = found.into_iter().filter(|(id, _)| wanted(*id)).unzip();
    delete(&mut transaction, &gone);
    transaction.advance_command();
    insert(&mut transaction, changed.into_iter());
    transaction.commit().unwrap();
}

#[test]
fn settled_rows_leave_memory_although_row_groups_are_not_full() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..30_001);
    let sorted = |store: &Arc<Store>| {
        let mut found = ids(&store.begin());
        found.sort_unstable();
        found
    };
    let expected: Vec<i64> = (0..30_001).collect();
    for turn in 0..3 {
        // A row that was locked and is not any more is as good as any.
        let mut locker = store.begin();
        let row = read(&locker.scan(TABLE).unwrap()).unwrap()[7].1;
        locker.lock_row(TABLE, row, RowLockMode::KeyShare, WaitPolicy::Wait).unwrap();
        drop(locker);
        rewrite(&store, |id| id % 3 == turn);
        assert!(unsettled(&store).0 > 0);
        store.vacuum(&[]).unwrap();
        assert_eq!(unsettled(&store), (0, 0), "turn {turn}");
        assert_eq!(sorted(&store), expected);
        assert_sound(&store);
        assert_eq!(directory.files("segments").len(), 1, "turn {turn}");
    }
    // What comes later goes elsewhere, and a key is still found once.
    let mut transaction = store.begin();
    insert(&mut transaction, 30_001..30_003);
    assert!(transaction.insert(TABLE, &rows(4..5)).is_err());
    drop(transaction);
    rewrite(&store, |id| id < 5000);
    let copy = directory.copy_of();
    assert_eq!(sorted(&copy.open()), expected);
    store.vacuum(&[]).unwrap();
    rewrite(&store, |id| id < 100);
    let copy = directory.copy_of();
    drop(store);
    for directory in [copy, directory] {
        let store = directory.open();
        assert_eq!(sorted(&store), expected);
        assert_sound(&store);
    }
}

#[test]
fn stamps_go_when_everybody_sees_the_same() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..70_001);
    // Too few for their row group to be written again.
    rewrite(&store, |id| id % 1000 == 999);
    let mut old = store.begin();
    old.set_isolation(IsolationLevel::RepeatableRead);
    let before = ids(&old);
    rewrite(&store, |id| id % 1000 == 998);
    let mut transaction = store.begin();
    let found = read(&transaction.scan(TABLE).unwrap()).unwrap();
    delete(&mut transaction, &[found[17].1]);
    transaction.commit().unwrap();
    for _ in 0..2 {
        store.vacuum(&[]).unwrap();
        assert_eq!(ids(&old), before);
        assert_eq!(store.begin().scan(TABLE).unwrap().row_count(), 70_000);
    }
    drop(old);
    let after = ids(&store.begin());
    store.vacuum(&[]).unwrap();
    assert_eq!(ids(&store.begin()), after);
    // A row whose stamps are gone can be ended, and the end taken back.
    let mut transaction = store.begin();
    let found = read(&transaction.scan(TABLE).unwrap()).unwrap();
    delete(&mut transaction, &[found[20].1, found[after.len() - 1].1]);
    drop(transaction);
    assert_eq!(ids(&store.begin()), after);
    rewrite(&store, |id| id % 1000 == 997);
    assert_eq!(store.begin().scan(TABLE).unwrap().row_count(), 70_000);
    assert_sound(&store);
}

/// Returns the transactions that have made the rows, by id.
fn origins(store: &Arc<Store>) -> std::collections::BTreeMap<i64, u32> {
    let transaction = store.begin();
    let scan = transaction.scan(TABLE).unwrap();
    let rows = read(&scan).unwrap().into_iter().filter(|(id, _)| id % 70 < 2);
    let system = |row| transaction.system_columns(TABLE, row).unwrap().unwrap();
    let origins: Vec<(i64, u32, u32)> =
        rows.map(|(id, row)| (id, system(row).xmin, system(row).xmax)).collect();
    assert!(origins.iter().all(|(_, _, xmax)| *xmax == 0));
    origins.into_iter().map(|(id, origin, _)| (id, origin)).collect()
}

#[test]
fn rows_keep_the_transaction_that_made_them() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..20_001);
    let mut made = Vec::new();
    for part in 0..14 {
        let mut transaction = store.begin();
        insert(&mut transaction, 20_001 + part * 5_000..20_001 + (part + 1) * 5_000);
        made.push(((20_070 + part * 5_000) / 70 * 70, transaction.assign_xid() as u32));
        transaction.commit().unwrap();
    }
    let mut transaction = store.begin();
    let row = row_id(&transaction, 35_000);
    let new = new_row(&transaction, 35_000);
    assert!(matches!(transaction.update_row(TABLE, row, &new), Ok(WriteOutcome::Done(_))));
    let xid = transaction.assign_xid() as u32;
    let system = transaction.system_columns(TABLE, row).unwrap().unwrap();
    assert_eq!(system.xmax, xid);
    transaction.commit().unwrap();
    let expected = origins(&store);
    assert_eq!(expected[&35_000], xid);
    assert!(expected.range(1..20_001).all(|(_, origin)| *origin == expected[&1]));
    assert!(made.iter().all(|(id, xid)| expected[id] == *xid));
    // Freezing.
    store.vacuum(&[]).unwrap();
    crate::durable::checkpoint::checkpoint(&store, true).unwrap();
    assert_eq!(origins(&store), expected);
    // Compaction.
    let mut transaction = store.begin();
    let scan = read(&transaction.scan(TABLE).unwrap()).unwrap();
    let gone: Vec<RowId> = scan.into_iter().filter(|(id, _)| id % 3 == 1).map(|(_, row)| row).collect();
    delete(&mut transaction, &gone);
    transaction.commit().unwrap();
    store.vacuum(&[]).unwrap();
    let expected: std::collections::BTreeMap<i64, u32> =
        expected.into_iter().filter(|(id, _)| id % 3 != 1).collect();
    assert_eq!(origins(&store), expected);
    assert_sound(&store);
    // Numbers of transactions are not used again, whatever has become of those between two commits.
    (0..5).for_each(|_| assert!(store.begin().assign_xid() > 0));
    let mut transaction = store.begin();
    insert(&mut transaction, 210_000..210_001);
    let newest = transaction.assign_xid();
    transaction.commit().unwrap();
    let copy = directory.copy_of();
    drop(store);
    for directory in [copy, directory] {
        let store = directory.open();
        let mut found = origins(&store);
        assert_eq!(found.remove(&210_000), Some(newest as u32));
        assert_eq!(found, expected);
        assert!(store.begin().assign_xid() > newest);
        assert_sound(&store);
    }
}

#[test]
fn a_page_without_rows_shows_none_after_a_restart() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..7000);
    let mut transaction = store.begin();
    let found = read(&transaction.scan(TABLE).unwrap()).unwrap();
    let gone: Vec<RowId> =
        found.iter().filter(|(id, _)| (2000..4200).contains(id)).map(|(_, row)| *row).collect();
    delete(&mut transaction, &gone);
    transaction.commit().unwrap();
    let expected = ids(&store.begin());
    store.checkpoint().unwrap();
    drop(store);
    let store = directory.open();
    assert_eq!(ids(&store.begin()), expected);
    assert_sound(&store);
    // The places are used again.
    let mut transaction = store.begin();
    insert(&mut transaction, 10_000..13_000);
    transaction.commit().unwrap();
    assert_eq!(store.begin().scan(TABLE).unwrap().row_count(), 4800 + 3000);
    assert_sound(&store);
}

/// What would be placed there after its page was encoded would be lost, and what was there before would come back.
#[test]
fn places_that_come_free_while_a_row_group_freezes_stay_free() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..3000);
    let heap = Arc::clone(&store.published_version().tables[&TABLE].heap);
    let group = Arc::clone(&heap.groups()[0]);
    let mut transaction = store.begin();
    let found = read(&transaction.scan(TABLE).unwrap()).unwrap();
    let gone: Vec<RowId> = found.iter().take(2500).map(|(_, row)| *row).collect();
    delete(&mut transaction, &gone);
    heap.retire_places(&group);
    transaction.commit().unwrap();
    let mut transaction = store.begin();
    insert(&mut transaction, 5000..5010);
    transaction.commit().unwrap();
    let found = read(&store.begin().scan(TABLE).unwrap()).unwrap();
    assert!(found.iter().all(|(id, row)| *id < 5000 || row.vector().0 != group.id));
    // And if it does not freeze after all, they are free.
    heap.reopen_places(&group);
    rewrite(&store, |id| id < 3000);
    assert_eq!(store.begin().scan(TABLE).unwrap().row_count(), 510);
    assert_sound(&store);
}

#[test]
fn a_scan_goes_on_while_its_row_group_fills_and_freezes() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..700);
    let reader = store.begin();
    let scan = reader.scan(TABLE).unwrap();
    for start in 0..2 {
        let mut transaction = store.begin();
        insert(&mut transaction, 700 + start * 40_000..700 + (start + 1) * 40_000);
        transaction.commit().unwrap();
    }
    for _ in 0..3 {
        store.checkpoint().unwrap();
    }
    let group = scan.row_group(0);
    assert!(matches!(group.form(), crate::heap::group::Form::Frozen { .. }), "the row group is frozen");
    assert_eq!(group.lanes(0), 700);
    let end = |value: i128| Some(RangeEnd { value: ScanValue::Int(value), inclusive: true });
    let mut mask = vec![u64::MAX; 700_usize.div_ceil(64)];
    group.filter(0, 0, &ScanPredicate::Range { low: end(100), high: end(5_000) }, &mut mask).unwrap();
    let qualify = (0..700).filter(|lane| mask[lane / 64] >> (lane % 64) & 1 == 1);
    assert_eq!(qualify.collect::<Vec<_>>(), (100..700).collect::<Vec<_>>());
}

/// Once an index has been asked for many keys a hash table answers, through freezing, loading and compaction.
#[test]
fn keys_are_found_wherever_their_rows_are_by_now() {
    let directory = Directory::new();
    let store = directory.open();
    create(&store, 0..1);
    load(&store, 1..150_000);
    let find = |transaction: &Transaction, id: i64| {
        transaction.find_unique(TABLE, IndexId(8), &[types::Datum::I64(id)]).unwrap()
    };
    let check = |ids: &dyn Fn() -> Box<dyn Iterator<Item = i64>>, there: bool| {
        let transaction = store.begin();
        for id in ids() {
            let row = find(&transaction, id);
            assert_eq!(row.is_some(), there, "{id}");
            if let Some(row) = row {
                let mut values = Vec::new();
                transaction.row_datums(TABLE, row, &[(0, types::oids::INT8)], &mut values).unwrap();
                assert_eq!(values, [types::Datum::I64(id)]);
            }
        }
    };
    let some = || -> Box<dyn Iterator<Item = i64>> { Box::new((0..150_000).step_by(37)) };
    let none = || -> Box<dyn Iterator<Item = i64>> { Box::new((200_000..250_000).step_by(100)) };
    let is_made =
        || store.published_version().tables[&TABLE].heap.indexes().iter().all(|index| index.map.is_made());
    check(&some, true);
    check(&none, false);
    assert!(!is_made(), "zone maps find the one row group");
    // Versions in memory, older ones in segments.
    rewrite(&store, |id| id % 37 == 0);
    check(&some, true);
    for remainder in 0..10 {
        rewrite(&store, |id| id % 10 == remainder);
        store.checkpoint().unwrap();
        store.checkpoint().unwrap();
    }
    check(&some, true);
    store.published_version().tables[&TABLE].heap.complete_maps();
    check(&some, true);
    assert!(is_made(), "the table is there");
    load(&store, 150_000..300_000);
    check(&none, true);
    let mut old = store.begin();
    old.set_isolation(IsolationLevel::RepeatableRead);
    let mut transaction = store.begin();
    let gone = |id: i64| id % 2 == 1;
    let rows = read(&transaction.scan(TABLE).unwrap()).unwrap();
    let rows: Vec<RowId> = rows.into_iter().filter(|(id, _)| gone(*id)).map(|(_, row)| row).collect();
    delete(&mut transaction, &rows);
    transaction.commit().unwrap();
    assert!((1..300_000).step_by(1001).all(|id| find(&old, id).is_some()));
    drop(old);
    // Others look for keys while rows move.
    let done = &std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for from in 0..2 {
            let (store, find) = (&store, &find);
            scope.spawn(move || {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let transaction = store.begin();
                    for id in (from * 500..300_000).step_by(997) {
                        assert_eq!(find(&transaction, id).is_some(), !gone(id), "{id}");
                    }
                }
            });
        }
        for round in 0..3 {
            store.vacuum(&[]).unwrap();
            load(&store, 300_000 + round * 70_000..370_000 + round * 70_000);
            store.checkpoint().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    check(&|| Box::new((1..300_000).step_by(1002)), false);
    check(&|| Box::new((0..300_000).step_by(1002)), true);
    check(&|| Box::new((300_000..510_000).step_by(1003)), true);
    let mut transaction = store.begin();
    let taken = transaction.insert(TABLE, &rows_of(400_001));
    assert!(matches!(taken, Err(StorageError::DuplicateKey { .. })), "{taken:?}");
    transaction.rollback();
    assert_sound(&store);
}

fn rows_of(id: i64) -> Vec<Vector> {
    rows(id..id + 1)
}
