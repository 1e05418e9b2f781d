//! A table under a long load of updates: the part in memory stays bounded, and once everything has settled the table is as
//! quick to scan as one that was just loaded: as many row groups, and nothing masked.
//!
//! `SURUS_UPDATES=1000000` makes the load longer; `--nocapture` shows what scans take.
#![expect(clippy::unwrap_used, reason = "a test that cannot run must fail")]

use std::time::{Duration, Instant};

use kernels::vector::{Values, Vector};
use storage::{
    ColumnDefinition, IndexColumn, IndexDefinition, IndexId, IndexRange, IsolationLevel, ROW_GROUP_ROWS,
    StorageError, Store, StoreOptions, TableId, TableLockMode, TableScan, Transaction, WaitPolicy,
    WriteOutcome,
};
use types::{Datum, PhysicalType, oids};

const TABLE: TableId = TableId(1);
const FRESH: TableId = TableId(2);
const ROWS: i64 = 2 * ROW_GROUP_ROWS as i64;
const ROWS_OF_A_TRANSACTION: u64 = 500;

fn columns() -> Vec<ColumnDefinition> {
    let column = |name: &str| ColumnDefinition {
        physical: PhysicalType::I64,
        fixed_scale: None,
        nullable: false,
        name: name.to_owned(),
    };
    vec![column("id"), column("value")]
}

fn key(table: TableId) -> IndexDefinition {
    IndexDefinition {
        id: IndexId(table.0),
        name: "key".to_owned(),
        columns: vec![IndexColumn::ascending(0, oids::INT8)],
        unique: true,
        nulls_distinct: true,
    }
}

/// Returns the sum of the second column, and how many lanes were looked at.
fn sum(scan: &TableScan) -> (i64, usize) {
    let (mut sum, mut lanes) = (0, 0);
    for group in 0..scan.row_group_count() {
        let group = scan.row_group(group);
        for at in 0..group.vector_count() {
            let vector = group.vector(1, at).unwrap().to_flat();
            let Values::I64(values) = vector.values() else { panic!("another type") };
            lanes += values.len();
            sum += match group.visible(at) {
                None => values.iter().sum::<i64>(),
                Some(seen) => (0..values.len()).filter(|&lane| seen.get(lane)).map(|lane| values[lane]).sum(),
            };
        }
    }
    (sum, lanes)
}

/// Returns the least time that a scan takes.
fn time(scan: &TableScan) -> Duration {
    (0..20)
        .map(|_| {
            let begun = Instant::now();
            sum(scan);
            begun.elapsed()
        })
        .min()
        .unwrap()
}

/// Returns how many rows are in memory; nothing is known of their zone maps.
fn hot_rows(scan: &TableScan) -> usize {
    let groups = (0..scan.row_group_count()).map(|group| scan.row_group(group));
    groups.filter(|group| group.zone_map(0).null_count.is_none()).map(|group| group.row_count()).sum()
}

fn load(store: &std::sync::Arc<Store>, table: TableId) {
    let mut transaction = store.begin();
    transaction.create_table(table, columns(), vec![key(table)]).unwrap();
    let mut writer = transaction.bulk_writer(table).unwrap();
    for first in (0..ROWS).step_by(2048) {
        let ids: Vec<i64> = (first..(first + 2048).min(ROWS)).collect();
        let values = Values::I64(ids.iter().map(|id| id * 7 % 1000).collect());
        writer.append(&[Vector::flat(Values::I64(ids.into()), None), Vector::flat(values, None)]).unwrap();
    }
    writer.finish(&mut transaction).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn a_table_settles_after_many_updates() {
    let directory = std::env::temp_dir().join(format!("surus-settled-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let options = StoreOptions {
        journal_bytes_max: 2 << 20,
        maintenance: Some(Duration::from_millis(50)),
        ..StoreOptions::default()
    };
    let store = Store::open(&directory, options).unwrap();
    load(&store, TABLE);
    load(&store, FRESH);
    let updates =
        std::env::var("SURUS_UPDATES").ok().and_then(|value| value.parse().ok()).unwrap_or(20_000_u64);
    let expected = sum(&store.begin().scan(TABLE).unwrap()).0;
    let (mut seed, mut hot_max, mut added) = (1_u64, 0, 0);
    let begun = Instant::now();
    for _ in 0..updates / ROWS_OF_A_TRANSACTION {
        let mut transaction = store.begin();
        for _ in 0..ROWS_OF_A_TRANSACTION {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let id = (seed >> 33) as i64 % ROWS;
            transaction.advance_command();
            let range = IndexRange::key(vec![Datum::I64(id)]);
            let mut cursor = transaction.index_rows(TABLE, IndexId(TABLE.0), &range, false).unwrap();
            let (row, stored) = cursor.next_stored().unwrap().unwrap();
            let Datum::I64(value) = stored.datum(1, oids::INT8).unwrap() else { panic!("another type") };
            let new = transaction.scan(TABLE).unwrap();
            let new =
                new.encode_row(&[Datum::I64(id), Datum::I64(value + 1)], &[oids::INT8, oids::INT8]).unwrap();
            assert!(matches!(transaction.update_row(TABLE, row, &new), Ok(WriteOutcome::Done(_))));
            added += 1;
        }
        transaction.commit().unwrap();
        hot_max = hot_max.max(hot_rows(&store.begin().scan(TABLE).unwrap()));
    }
    println!("{updates} updates in {:?}, at most {hot_max} rows in memory", begun.elapsed());
    let before = time(&store.begin().scan(TABLE).unwrap());
    store.vacuum(&[]).unwrap();
    let (settled, fresh) = (store.begin().scan(TABLE).unwrap(), store.begin().scan(FRESH).unwrap());
    let (total, lanes) = sum(&settled);
    assert_eq!(total, expected + added);
    let hot = hot_rows(&settled);
    println!(
        "scans: {before:?} before, {:?} settled, {:?} just loaded; {lanes} lanes, {hot} in memory",
        time(&settled),
        time(&fresh)
    );
    assert!(lanes as i64 <= ROWS + ROWS / 16, "{lanes} lanes for {ROWS} rows");
    assert_eq!(hot, 0, "rows are in memory");
    let masked = (0..settled.row_group_count()).map(|group| settled.row_group(group));
    let masked: usize = masked
        .filter(|group| group.zone_map(0).null_count.is_some())
        .map(|group| (0..group.vector_count()).filter(|&at| group.visible(at).is_some()).count())
        .sum();
    assert!(masked * 2048 * 8 <= lanes, "{masked} vectors in segments are masked");
    let report = storage::verify(&store).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    drop((settled, fresh));
    let files: u64 = std::fs::read_dir(directory.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    println!("{files} bytes in segments");
    drop(store);
    std::fs::remove_dir_all(&directory).unwrap();
}

/// Rows at the end of the table that only the reader changes.
const OWN_ROWS: i64 = 400;

/// Replaces a row by one with another value.
fn change(transaction: &mut Transaction, id: i64, change: i64) {
    let row = transaction.find_unique(TABLE, IndexId(TABLE.0), &[Datum::I64(id)]).unwrap().unwrap();
    let stored = transaction.row(TABLE, row).unwrap().unwrap();
    let Datum::I64(value) = stored.datum(1, oids::INT8).unwrap() else { panic!("another type") };
    let new = [Datum::I64(id), Datum::I64(value + change)];
    let new = transaction.encode_row(TABLE, &new, &[oids::INT8, oids::INT8]).unwrap();
    assert_eq!(transaction.end_row_keeping_keys(TABLE, row), Ok(WriteOutcome::Done(row)));
    transaction.insert_successor_keeping_keys(TABLE, row, new).unwrap();
}

/// Moves one from each of some rows to the row after it, `transfers` times.
fn transfer(store: &std::sync::Arc<Store>, parity: i64, transfers: u64) {
    const TRANSFERS_OF_A_TRANSACTION: u64 = 20;
    let mut seed = parity as u64 + 1;
    for _ in 0..transfers / TRANSFERS_OF_A_TRANSACTION {
        let mut transaction = store.begin();
        transaction.lock_table(TABLE, TableLockMode::RowExclusive, WaitPolicy::Wait).unwrap();
        for _ in 0..TRANSFERS_OF_A_TRANSACTION {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let first = (seed >> 33) as i64 % ((ROWS - OWN_ROWS) / 4) * 4 + parity * 2;
            for (id, change_by) in [(first, -1), (first + 1, 1)] {
                transaction.refresh_snapshot();
                change(&mut transaction, id, change_by);
            }
        }
        transaction.commit().unwrap();
    }
}

/// Under a load that does not end rows freeze, and what is left of row groups moves, beside those who read and write.
#[test]
fn a_table_stays_small_under_a_load() {
    let directory = std::env::temp_dir().join(format!("surus-loaded-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let options = || StoreOptions {
        journal_bytes_max: 4 << 20,
        maintenance: Some(Duration::from_millis(10)),
        hot_bytes_max: 1 << 20,
        ..StoreOptions::default()
    };
    let store = Store::open(&directory, options()).unwrap();
    load(&store, TABLE);
    let transfers =
        std::env::var("SURUS_UPDATES").ok().and_then(|value| value.parse().ok()).unwrap_or(30_000_u64);
    let expected = sum(&store.begin().scan(TABLE).unwrap()).0;
    let (mut groups_max, mut hot_max, mut reads) = (0, 0, 0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let writers = [0, 1].map(|parity| {
            let store = &store;
            scope.spawn(move || transfer(store, parity, transfers))
        });
        while !writers.iter().all(|writer| writer.is_finished()) {
            let mut reader = store.begin();
            reader.set_isolation(IsolationLevel::RepeatableRead);
            for _ in 0..2 {
                reader.lock_table(TABLE, TableLockMode::AccessShare, WaitPolicy::Wait).unwrap();
                let scan = reader.scan(TABLE).unwrap();
                assert_eq!(sum(&scan).0, expected);
                assert_eq!(scan.row_count(), ROWS as u64);
                groups_max = groups_max.max(scan.row_group_count());
                hot_max = hot_max.max(hot_rows(&scan));
                let row = reader.find_unique(TABLE, IndexId(TABLE.0), &[Datum::I64(reads % ROWS)]).unwrap();
                assert!(row.is_some());
                reads += 1;
            }
            // Nobody else has changed that row, wherever it is now.
            reader.lock_table(TABLE, TableLockMode::RowExclusive, WaitPolicy::Wait).unwrap();
            reader.advance_command();
            change(&mut reader, ROWS - 1 - reads % OWN_ROWS, 0);
            reader.commit().unwrap();
        }
    });
    let elapsed = begun.elapsed();
    let moves = store.begin().moves(TABLE).unwrap();
    println!("{transfers} transfers twice in {elapsed:?}, {reads} reads; rows moved {moves} times");
    println!("{groups_max} row groups, {hot_max} rows in memory at most");
    assert!(groups_max <= 16, "{groups_max} row groups");
    let report = storage::verify(&store).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    drop(store);
    let store = loop {
        // The thread that tidies up may be at it for a moment.
        match Store::open(&directory, options()) {
            Err(StorageError::Locked { .. }) => std::thread::sleep(Duration::from_millis(10)),
            store => break store.unwrap(),
        }
    };
    let scan = store.begin().scan(TABLE).unwrap();
    assert_eq!((sum(&scan).0, scan.row_count()), (expected, ROWS as u64));
    let report = storage::verify(&store).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    drop((scan, store));
    std::fs::remove_dir_all(&directory).unwrap();
}
