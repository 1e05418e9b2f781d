//! The values of sequences: outside transactions, shared by all sessions, durable ahead of their use.
//!
//! A sequence's value lives in memory. Before a value is handed out, one that lies [`AHEAD`] further has been committed
//! to a small table of the storage, in a transaction of its own; after a crash the sequence goes on from there, as
//! PostgreSQL's do. A clean shutdown stores the exact values. A value is known by the sequence's `generation`, which
//! ALTER SEQUENCE ... RESTART changes in its transaction, so that rolling back returns to the old value.

use std::collections::HashMap;
use std::sync::Arc;

use kernels::vector::{Values, Vector};
use parking_lot::Mutex;
use storage::{ColumnDefinition, StorageError, TableId};
use types::{Oid, PgError, PhysicalType, Result, SqlState};

use super::engine::Engine;
use crate::catalog::Sequence;

/// Values that are made durable ahead, as PostgreSQL's `SEQ_LOG_VALS`.
const AHEAD: i64 = 32;
/// Tables of sequence values have this bit in their number; the rest is the generation.
const SEQUENCE_TABLE: u64 = 1 << 40;

/// The values of all sequences.
#[derive(Debug, Default)]
pub struct Sequences {
    states: Mutex<HashMap<Oid, Arc<Mutex<State>>>>,
}

/// The value of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The last value, or the next one when `called` is not set.
    pub last: i64,
    /// Whether `last` was handed out.
    pub called: bool,
    /// Values after `last` that are durable already.
    pub ahead: i64,
}

/// What a session remembers of sequences.
#[derive(Debug, Default)]
pub struct SessionSequences {
    /// By the sequence's oid.
    pub known: HashMap<Oid, Known>,
    /// The sequence of the last `nextval`.
    pub last_used: Option<Oid>,
}

/// What a session remembers of one sequence.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The value's generation.
    pub generation: Oid,
    /// `currval`.
    pub last: i64,
    /// The last value that this session has cached.
    pub cached: i64,
    /// The step.
    pub increment: i64,
}

impl Sequences {
    /// Begins the value of a new generation; what an earlier one of the same number left is forgotten.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn begin(&self, engine: &Engine, sequence: &Sequence) -> Result<()> {
        let table = TableId(SEQUENCE_TABLE | u64::from(sequence.generation));
        let mut transaction = engine.store.begin();
        if transaction.shape(table).is_ok() {
            transaction.drop_table(table)?;
            transaction.commit()?;
        }
        let (last, called) = sequence.initial;
        let state = State { last, called, ahead: 0 };
        self.states.lock().insert(sequence.generation, Arc::new(Mutex::new(state)));
        Ok(())
    }

    fn state(&self, engine: &Engine, sequence: &Sequence) -> Result<Arc<Mutex<State>>> {
        let mut states = self.states.lock();
        if let Some(state) = states.get(&sequence.generation) {
            return Ok(Arc::clone(state));
        }
        let (last, called) = match read(engine, sequence.generation)? {
            Some(stored) => stored,
            None => sequence.initial,
        };
        let state = Arc::new(Mutex::new(State { last, called, ahead: 0 }));
        states.insert(sequence.generation, Arc::clone(&state));
        Ok(state)
    }

    /// Returns the value as SELECT from the sequence shows it.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn peek(&self, engine: &Engine, sequence: &Sequence) -> Result<State> {
        Ok(*self.state(engine, sequence)?.lock())
    }

    /// Takes CACHE values; returns the first and the last of them.
    ///
    /// # Errors
    /// `2200H` at the end; those of the storage.
    pub fn next(&self, engine: &Engine, sequence: &Sequence, name: &str) -> Result<(i64, i64)> {
        let state = self.state(engine, sequence)?;
        let mut state = state.lock();
        let first = match advance(sequence, *state, true) {
            Some(first) => first,
            None => return Err(exhausted(sequence, name)),
        };
        let mut taken = State { last: first, called: true, ahead: state.ahead };
        let mut used = i64::from(state.called || state.ahead > 0);
        for _ in 1..sequence.cache {
            let Some(next) = advance(sequence, taken, false) else { break };
            taken.last = next;
            used += 1;
        }
        if state.ahead < used || !state.called {
            let mut logged = taken;
            let mut ahead = 0;
            for _ in 0..AHEAD {
                let Some(next) = advance(sequence, logged, false) else { break };
                logged.last = next;
                ahead += 1;
            }
            write(engine, sequence.generation, logged.last, true)?;
            taken.ahead = ahead;
        } else {
            taken.ahead = state.ahead - used;
        }
        *state = taken;
        Ok((first, taken.last))
    }

    /// Sets the value.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn set(&self, engine: &Engine, sequence: &Sequence, last: i64, called: bool) -> Result<()> {
        let state = self.state(engine, sequence)?;
        let mut state = state.lock();
        write(engine, sequence.generation, last, called)?;
        *state = State { last, called, ahead: 0 };
        Ok(())
    }

    /// Stores the exact values: the server goes down.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn flush(&self, engine: &Engine) -> Result<()> {
        for (generation, state) in self.states.lock().iter() {
            let mut state = state.lock();
            if state.ahead > 0 {
                write(engine, *generation, state.last, state.called)?;
                state.ahead = 0;
            }
        }
        Ok(())
    }
}

/// Returns the value after `state`; `None` at the end. `cycle`: whether the end may be passed.
fn advance(sequence: &Sequence, state: State, cycle: bool) -> Option<i64> {
    if !state.called {
        return Some(state.last);
    }
    let next = state.last.checked_add(sequence.increment);
    let next = next.filter(|next| (sequence.min..=sequence.max).contains(next));
    match next {
        Some(next) => Some(next),
        None if sequence.cycle && cycle => {
            Some(if sequence.increment > 0 { sequence.min } else { sequence.max })
        }
        None => None,
    }
}

fn exhausted(sequence: &Sequence, name: &str) -> PgError {
    let (what, bound) =
        if sequence.increment > 0 { ("maximum", sequence.max) } else { ("minimum", sequence.min) };
    let message = format!("nextval: reached {what} value of sequence \"{name}\" ({bound})");
    PgError::new(SqlState::SEQUENCE_GENERATOR_LIMIT_EXCEEDED, message)
}

fn columns() -> Vec<ColumnDefinition> {
    ["last_value", "is_called"]
        .map(|name| ColumnDefinition {
            physical: PhysicalType::I64,
            fixed_scale: None,
            nullable: false,
            name: name.to_owned(),
        })
        .to_vec()
}

fn write(engine: &Engine, generation: Oid, last: i64, called: bool) -> Result<()> {
    let table = TableId(SEQUENCE_TABLE | u64::from(generation));
    let mut transaction = engine.store.begin();
    if transaction.shape(table).is_ok() {
        transaction.truncate(table)?;
    } else {
        transaction.create_table(table, columns(), Vec::new())?;
    }
    let lane = |value: i64| Vector::flat(Values::I64(vec![value].into()), None);
    transaction.insert(table, &[lane(last), lane(called.into())])?;
    transaction.commit()?;
    Ok(())
}

fn read(engine: &Engine, generation: Oid) -> Result<Option<(i64, bool)>> {
    let transaction = engine.store.begin();
    let scan = match transaction.scan(TableId(SEQUENCE_TABLE | u64::from(generation))) {
        Ok(scan) => scan,
        Err(StorageError::NoSuchTable(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if scan.row_group_count() == 0 {
        return Ok(None);
    }
    let group = scan.row_group(0);
    let lane = |column: usize| -> Result<Option<i64>> {
        let vector = group.vector(column, 0)?.to_flat();
        Ok(match vector.values() {
            Values::I64(lanes) => lanes.first().copied(),
            _ => None,
        })
    };
    Ok(lane(0)?.zip(lane(1)?).map(|(last, called)| (last, called != 0)))
}
