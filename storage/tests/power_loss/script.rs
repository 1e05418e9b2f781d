//! A load of everything that is durable, in an order that follows from a seed.

use std::sync::{Arc, Mutex};

use storage::disk::Disk;
use storage::{
    IsolationLevel, PreparedTransaction, Result, StorageError, Store, TableId, Transaction, WriteOutcome,
};

use crate::disk::SimulatedDisk;
use crate::model::{self, History, Model, TABLES, by_value, columns, find, key, new_row, vectors};
use crate::random::Random;

/// Tables of more rows are not replaced as a whole.
const REPLACED_MAX: usize = 12_000;

/// How long and how heavy a script is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub steps: u64,
    /// Rows of a bulk load, at most; above 8,192 they go into segments.
    pub bulk: u64,
    /// Whether a row group fills and freezes.
    pub freezes: bool,
    /// Whether row groups move beside an old snapshot.
    pub relocates: bool,
}

/// A script that runs.
pub struct Script {
    disk: Arc<dyn Disk>,
    simulated: SimulatedDisk,
    random: Random,
    size: Size,
    history: Arc<Mutex<History>>,
    store: Option<Arc<Store>>,
    /// Whether the store has stopped accepting writes.
    stopped: bool,
    next_id: i64,
    /// Whether row groups have moved beside an old snapshot.
    pub relocated: bool,
}

impl Script {
    pub fn new(simulated: SimulatedDisk, seed: u64, size: Size, history: Arc<Mutex<History>>) -> Self {
        *history.lock().unwrap() = History { states: vec![Model::default()], floor: 0 };
        let disk: Arc<dyn Disk> = Arc::new(simulated.clone());
        Self {
            disk,
            simulated,
            random: Random(seed),
            size,
            history,
            store: None,
            stopped: false,
            next_id: 0,
            relocated: false,
        }
    }

    /// Runs to the end; failures of the disk are taken as they come.
    pub fn run(&mut self) {
        for step in 0..self.size.steps {
            while self.store.is_none() {
                self.open();
                self.end_prepared();
            }
            let store = Arc::clone(self.store.as_ref().unwrap());
            if self.size.freezes && step == 2 {
                self.transaction(&store, &|script, transaction, work| script.fill(transaction, work));
                continue;
            }
            if self.size.relocates && step == 2 {
                self.relocate(&store);
                continue;
            }
            match self.random.below(16) {
                // Nothing is to be seen of it, whether it succeeds or not.
                3 => drop(store.vacuum(&[])),
                4 => store.make_journal_room(),
                0 | 1 => {
                    if store.checkpoint().is_ok() {
                        let mut history = self.history.lock().unwrap();
                        history.floor = history.states.len() - 1;
                    }
                }
                2 => self.store = None,
                _ => self.transaction(&store, &|script, transaction, work| script.change(transaction, work)),
            }
            drop(store);
            if self.stopped && self.random.chance(2) {
                self.store = None;
            }
        }
        if let Some(store) = &self.store {
            let found = model::content(store).unwrap_or_else(|error| panic!("reading fails: {error}"));
            let history = self.history.lock().unwrap();
            let visible = history.states.len() - 1 - usize::from(self.stopped);
            let same =
                history.states[visible] == found || self.stopped && history.states.last() == Some(&found);
            assert!(same, "what is visible is wrong: {}", history.states[visible].difference(&found));
        }
    }

    /// Starts the store after it was closed, with whatever the operating system still has in memory.
    fn open(&mut self) {
        let mut attempts = 0;
        let (store, found) = loop {
            // A file that cannot be opened now is the matter of those who read its table, until the next start.
            match model::open(&self.disk).and_then(|store| model::content(&store).map(|found| (store, found)))
            {
                Ok(opened) => break opened,
                Err(error @ StorageError::Corrupt { .. }) => panic!("the store does not open: {error}"),
                Err(error) => {
                    attempts += 1;
                    assert!(attempts < 50, "the store does not open: {error}");
                }
            }
        };
        let mut history = self.history.lock().unwrap();
        let last = history.states.len() - 1;
        let earliest = if self.stopped { history.floor } else { last };
        assert!(
            history.states[earliest..].contains(&found),
            "a restart has lost or made up something: {}",
            history.states[last].difference(&found)
        );
        *history = History { states: vec![found], floor: 0 };
        drop(history);
        self.stopped = false;
        self.store = Some(store);
    }

    fn transaction(
        &mut self,
        store: &Arc<Store>,
        body: &dyn Fn(&mut Self, &mut Transaction, &mut Model) -> Result<()>,
    ) {
        let mut transaction = store.begin();
        let mut work = self.history.lock().unwrap().states.last().unwrap().clone();
        if self.stopped {
            work = model::content(store).unwrap();
        }
        if body(self, &mut transaction, &mut work).is_err() || self.random.chance(8) {
            return transaction.rollback();
        }
        if !transaction.has_writes() {
            return;
        }
        if self.random.chance(4) {
            return self.prepare(store, transaction, work);
        }
        let asynchronous = self.random.chance(5);
        transaction.set_asynchronous(asynchronous);
        self.commit(transaction, work, asynchronous);
    }

    fn commit(&mut self, transaction: Transaction, work: Model, asynchronous: bool) {
        // From here on the transaction may be there.
        self.history.lock().unwrap().states.push(work);
        let committed = transaction.commit();
        let mut history = self.history.lock().unwrap();
        match committed {
            Ok(_) => {
                assert!(!self.stopped, "a commit after a failed sync is acknowledged");
                if !asynchronous {
                    history.floor = history.states.len() - 1;
                }
            }
            Err(StorageError::Poisoned { .. }) if !self.stopped => self.stopped = true,
            Err(_) => {
                history.states.pop();
            }
        }
    }

    /// Loads segments that are worth moving together, and tidies up while somebody looks at what was there before.
    fn relocate(&mut self, store: &Arc<Store>) {
        let table = TableId(1);
        for _ in 0..3 {
            let mut transaction = store.begin();
            let mut work = model::content(store).unwrap();
            if self.load(&mut transaction, &mut work, table.0, 8500).is_err() {
                return;
            }
            self.commit(transaction, work, false);
        }
        let groups = |store: &Arc<Store>| {
            store.begin().scan(table).map_or((0, 0), |scan| (scan.row_group_count(), scan.row_count()))
        };
        let before = groups(store);
        let mut old = store.begin();
        old.set_isolation(IsolationLevel::RepeatableRead);
        let mut transaction = store.begin();
        let mut work = model::content(store).unwrap();
        if self.update_or_delete(&mut transaction, &mut work, table.0).is_err() || !transaction.has_writes() {
            return;
        }
        self.commit(transaction, work, false);
        // It may succeed or not.
        drop(store.vacuum(&[]));
        self.relocated |= groups(store).0 < before.0;
        if !self.stopped {
            let seen = old.scan(table).map(|scan| scan.row_count());
            assert!(
                seen.is_err() || seen == Ok(before.1),
                "an old snapshot sees {seen:?} rows, not {before:?}"
            );
        }
    }

    /// Prepares a transaction and ends it, perhaps after a checkpoint or a restart: it is there or not, as a whole.
    fn prepare(&mut self, store: &Arc<Store>, transaction: Transaction, work: Model) {
        let gid = format!("transaction {}", self.random.next());
        let about = PreparedTransaction { gid: gid.clone(), xid: 0, owner: 10, database: 5, prepared_at: 0 };
        match transaction.prepare(about, 1) {
            Ok(()) => assert!(!self.stopped, "a transaction is prepared after a failed sync"),
            Err(StorageError::Poisoned { .. }) => return self.stop(),
            Err(_) => return,
        }
        let mut store = Arc::clone(store);
        for _ in 0..2 {
            match self.random.below(4) {
                // It may succeed or not.
                0 => drop(store.checkpoint()),
                1 => {
                    self.store = None;
                    drop(store);
                    self.open();
                    let Some(opened) = &self.store else { return };
                    store = Arc::clone(opened);
                    let found: Vec<String> =
                        store.prepared_transactions().into_iter().map(|prepared| prepared.gid).collect();
                    assert_eq!(found, [gid.as_str()], "a restart has lost what was prepared");
                }
                _ => {}
            }
        }
        let commits = self.random.chance(2);
        if commits {
            self.history.lock().unwrap().states.push(work);
        }
        let ended = if commits { store.commit_prepared(&gid) } else { store.rollback_prepared(&gid) };
        let mut history = self.history.lock().unwrap();
        match ended {
            Ok(()) if commits => history.floor = history.states.len() - 1,
            Ok(()) => {}
            Err(StorageError::Poisoned { .. }) => {
                drop(history);
                self.stop();
            }
            Err(_) => {
                if commits {
                    history.states.pop();
                }
                drop(history);
                drop(store);
                self.end_prepared();
            }
        }
    }

    /// The store has stopped accepting writes and may hold a prepared transaction, for which others would wait.
    fn stop(&mut self) {
        self.stopped = true;
        self.store = None;
    }

    /// Rolls back what is prepared, when the disk is not full any more.
    fn end_prepared(&mut self) {
        for _ in 0..50 {
            let Some(store) = &self.store else { return };
            let Some(first) = store.prepared_transactions().into_iter().next() else { return };
            if let Err(StorageError::Poisoned { .. }) = store.rollback_prepared(&first.gid) {
                return self.stop();
            }
        }
        panic!("a prepared transaction cannot be rolled back");
    }

    fn name(&mut self) -> String {
        let len = self.random.below(60) as usize;
        (0..len).map(|_| char::from(b'a' + self.random.below(26) as u8)).collect()
    }

    fn rows(&mut self, count: u64) -> Vec<(i64, i64, String)> {
        (0..count)
            .map(|_| {
                self.next_id += 1;
                (self.next_id, self.random.below(50) as i64, self.name())
            })
            .collect()
    }

    fn some_id(&mut self, work: &mut Model, table: u64) -> Option<i64> {
        let rows = &work.table(table).rows;
        let start = rows.keys().next()? + self.random.below(rows.len() as u64) as i64;
        rows.range(start..).next().map(|(id, _)| *id)
    }

    fn change(&mut self, transaction: &mut Transaction, work: &mut Model) -> Result<()> {
        let mut savepoints = Vec::new();
        for _ in 0..1 + self.random.below(6) {
            transaction.advance_command();
            let table = 1 + self.random.below(TABLES);
            if !work.tables.contains_key(&table) {
                transaction.create_table(TableId(table), columns(), vec![key(table)])?;
                work.table(table);
                continue;
            }
            match self.random.below(24) {
                0 => {
                    transaction.drop_table(TableId(table))?;
                    work.tables.remove(&table);
                }
                1 => {
                    transaction.truncate(TableId(table))?;
                    work.table(table).rows.clear();
                }
                2 => {
                    let had = work.table(table).by_value;
                    if had {
                        transaction.drop_index(TableId(table), by_value(table).id)?;
                    } else {
                        transaction.create_index(TableId(table), by_value(table))?;
                    }
                    work.table(table).by_value = !had;
                }
                3 | 4 => {
                    let count = self.random.below(self.size.bulk);
                    self.load(transaction, work, table, count)?;
                }
                5 => {
                    let image: Vec<u8> = (0..self.random.below(2000)).map(|at| at as u8).collect();
                    transaction.set_catalog_image(image.clone());
                    work.catalog = image;
                }
                6 | 7 => savepoints.push((transaction.savepoint(), work.clone())),
                8 | 9 => {
                    if let Some((savepoint, model)) = savepoints.pop() {
                        transaction.rollback_to(&savepoint);
                        *work = model;
                    }
                }
                10..=15 => self.update_or_delete(transaction, work, table)?,
                16 => self.replace_all(transaction, work, table)?,
                _ => {
                    let count = 1 + self.random.below(20);
                    for (id, value, name) in self.rows(count) {
                        let row = new_row(transaction, table, id, value, &name)?;
                        transaction.insert_row(TableId(table), &row)?;
                        work.table(table).rows.insert(id, (value, name));
                    }
                }
            }
        }
        Ok(())
    }

    /// Loads rows in bulk, into a table that is made if there is none.
    fn load(
        &mut self,
        transaction: &mut Transaction,
        work: &mut Model,
        table: u64,
        count: u64,
    ) -> Result<()> {
        if !work.tables.contains_key(&table) {
            transaction.create_table(TableId(table), columns(), vec![key(table)])?;
        }
        let rows = self.rows(count);
        let mut writer = transaction.bulk_writer(TableId(table))?;
        for part in rows.chunks(2048) {
            writer.append(&vectors(part))?;
        }
        writer.finish(transaction)?;
        let model = work.table(table);
        model.rows.extend(rows.into_iter().map(|(id, value, name)| (id, (value, name))));
        Ok(())
    }

    /// Puts newer versions of all rows of a table, unless they are many, into segments.
    fn replace_all(&mut self, transaction: &mut Transaction, work: &mut Model, table: u64) -> Result<()> {
        let ids: Vec<i64> = work.table(table).rows.keys().copied().collect();
        if ids.len() > REPLACED_MAX {
            return Ok(());
        }
        let mut writer = transaction.bulk_writer(TableId(table))?;
        for part in ids.chunks(2048) {
            let (mut old, mut new) = (Vec::with_capacity(part.len()), Vec::with_capacity(part.len()));
            for &id in part {
                let row = find(transaction, table, id)?;
                let row = row.unwrap_or_else(|| panic!("table {table}: row {id} is not found"));
                let outcome = transaction.end_row_keeping_keys(TableId(table), row)?;
                assert_eq!(outcome, WriteOutcome::Done(row));
                old.push(row);
                new.push((id, self.random.below(50) as i64, self.name()));
            }
            writer.append_successors(&vectors(&new), &old)?;
            work.table(table).rows.extend(new.into_iter().map(|(id, value, name)| (id, (value, name))));
        }
        writer.finish(transaction)?;
        Ok(())
    }

    fn update_or_delete(
        &mut self,
        transaction: &mut Transaction,
        work: &mut Model,
        table: u64,
    ) -> Result<()> {
        for _ in 0..1 + self.random.below(10) {
            let Some(id) = self.some_id(work, table) else { return Ok(()) };
            let Some(row) = find(transaction, table, id)? else {
                panic!(
                    "table {table}: row {id} of {} is not found, stopped: {}",
                    work.table(table).rows.len(),
                    self.stopped
                )
            };
            let outcome = if self.random.chance(3) {
                work.table(table).rows.remove(&id);
                transaction.delete_row(TableId(table), row)?
            } else {
                let (value, name) = (self.random.below(50) as i64, self.name());
                let new = new_row(transaction, table, id, value, &name)?;
                work.table(table).rows.insert(id, (value, name));
                transaction.update_row(TableId(table), row, &new)?
            };
            assert!(matches!(outcome, WriteOutcome::Done(_)), "{outcome:?}");
            transaction.advance_command();
        }
        Ok(())
    }

    /// Fills a row group, which the next checkpoints freeze.
    fn fill(&mut self, transaction: &mut Transaction, work: &mut Model) -> Result<()> {
        let table = 1;
        if !work.tables.contains_key(&table) {
            transaction.create_table(TableId(table), columns(), vec![key(table)])?;
        }
        let first = self.next_id + 1;
        self.next_id += storage::ROW_GROUP_ROWS as i64 + 5000;
        let rows: Vec<_> = (first..=self.next_id).map(|id| (id, id % 50, format!("row {id}"))).collect();
        for part in rows.chunks(2048) {
            transaction.insert(TableId(table), &vectors(part))?;
        }
        work.table(table).rows.extend(rows.into_iter().map(|(id, value, name)| (id, (value, name))));
        Ok(())
    }

    /// Returns the disk.
    pub fn disk(&self) -> &SimulatedDisk {
        &self.simulated
    }
}
