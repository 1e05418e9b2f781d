//! Advisory locks.

use executor::functions::{CallContext, FunctionEntry, row};
use storage::{Acquired, AdvisoryKey, WaitPolicy};
use types::{Datum, Result};

use super::access;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("pg_advisory_lock_int4", |args, context| lock(args, context, EXCLUSIVE)),
    row("pg_advisory_lock_int8", |args, context| lock(args, context, EXCLUSIVE)),
    row("pg_advisory_lock_shared_int4", |args, context| lock(args, context, SHARED)),
    row("pg_advisory_lock_shared_int8", |args, context| lock(args, context, SHARED)),
    row("pg_advisory_unlock_all", unlock_all),
    row("pg_advisory_unlock_int4", |args, context| unlock(args, context, false)),
    row("pg_advisory_unlock_int8", |args, context| unlock(args, context, false)),
    row("pg_advisory_unlock_shared_int4", |args, context| unlock(args, context, true)),
    row("pg_advisory_unlock_shared_int8", |args, context| unlock(args, context, true)),
    row("pg_advisory_xact_lock_int4", |args, context| lock(args, context, EXCLUSIVE.of_transaction())),
    row("pg_advisory_xact_lock_int8", |args, context| lock(args, context, EXCLUSIVE.of_transaction())),
    row("pg_advisory_xact_lock_shared_int4", |args, context| lock(args, context, SHARED.of_transaction())),
    row("pg_advisory_xact_lock_shared_int8", |args, context| lock(args, context, SHARED.of_transaction())),
    row("pg_try_advisory_lock_int4", |args, context| try_lock(args, context, EXCLUSIVE)),
    row("pg_try_advisory_lock_int8", |args, context| try_lock(args, context, EXCLUSIVE)),
    row("pg_try_advisory_lock_shared_int4", |args, context| try_lock(args, context, SHARED)),
    row("pg_try_advisory_lock_shared_int8", |args, context| try_lock(args, context, SHARED)),
    row("pg_try_advisory_xact_lock_int4", |args, context| {
        try_lock(args, context, EXCLUSIVE.of_transaction())
    }),
    row("pg_try_advisory_xact_lock_int8", |args, context| {
        try_lock(args, context, EXCLUSIVE.of_transaction())
    }),
    row("pg_try_advisory_xact_lock_shared_int4", |args, context| {
        try_lock(args, context, SHARED.of_transaction())
    }),
    row("pg_try_advisory_xact_lock_shared_int8", |args, context| {
        try_lock(args, context, SHARED.of_transaction())
    }),
];

/// How a lock is taken.
#[derive(Clone, Copy)]
struct Manner {
    shared: bool,
    /// Beyond the transaction.
    session: bool,
}

const EXCLUSIVE: Manner = Manner { shared: false, session: true };
const SHARED: Manner = Manner { shared: true, session: true };

impl Manner {
    const fn of_transaction(self) -> Self {
        Self { session: false, ..self }
    }
}

fn key(args: &[Datum]) -> AdvisoryKey {
    match args {
        [Datum::I32(one), Datum::I32(two)] => AdvisoryKey::Two(*one, *two),
        [Datum::I64(one), ..] => AdvisoryKey::One(*one),
        _ => AdvisoryKey::One(0),
    }
}

fn take(args: &[Datum], context: &CallContext<'_>, manner: Manner, policy: WaitPolicy) -> Result<Acquired> {
    let mut transaction = access(context)?.storage().lock();
    let key = key(args);
    Ok(if manner.session {
        transaction.lock_advisory_for_session(key, manner.shared, policy)?
    } else {
        transaction.lock_advisory(key, manner.shared, policy)?
    })
}

fn lock(args: &[Datum], context: &CallContext<'_>, manner: Manner) -> Result<Datum> {
    take(args, context, manner, WaitPolicy::Wait)?;
    // void
    Ok(Datum::text(""))
}

fn try_lock(args: &[Datum], context: &CallContext<'_>, manner: Manner) -> Result<Datum> {
    Ok(Datum::Bool(take(args, context, manner, WaitPolicy::NoWait)? != Acquired::No))
}

fn unlock(args: &[Datum], context: &CallContext<'_>, shared: bool) -> Result<Datum> {
    let access = access(context)?;
    let released = access.engine.store.unlock_advisory(access.backend.process_id, key(args), shared);
    if !released {
        access.backend.warn(types::errors::locking::lock_not_owned(if shared {
            "ShareLock"
        } else {
            "ExclusiveLock"
        }));
    }
    Ok(Datum::Bool(released))
}

fn unlock_all(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    access.engine.store.unlock_session(access.backend.process_id);
    Ok(Datum::text(""))
}
