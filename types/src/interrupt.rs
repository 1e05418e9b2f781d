//! Stopping a statement: the flag that says so, and the way from any depth of a function to the flag of the statement
//! that the running thread works for.
//!
//! Whoever runs a statement on a thread enters its flag ([`enter`]); loops that may take long call [`check`] every so
//! often, as PostgreSQL's `CHECK_FOR_INTERRUPTS`, without being handed a context.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::account;
use crate::errors::{PgError, Result, data};

thread_local! {
    static CURRENT: RefCell<Option<Arc<CancelFlag>>> = const { RefCell::new(None) };
}

/// Why and whether a statement is to stop.
#[derive(Debug, Default)]
pub struct CancelFlag {
    canceled: AtomicBool,
    timed_out: AtomicBool,
    terminated: AtomicBool,
    out_of_memory: AtomicBool,
    /// Where the memory of its work is counted, see [`account`].
    account: usize,
}

impl CancelFlag {
    /// Returns the flag of a session whose work is counted in `account`.
    pub fn of_account(account: usize) -> Self {
        Self { account, ..Self::default() }
    }
    /// Returns where the memory of the work is counted.
    pub fn account(&self) -> usize {
        self.account
    }
    /// Asks the statement to stop on the user's request.
    pub fn cancel(&self) {
        self.canceled.store(true, Ordering::Relaxed);
    }
    /// Asks the statement to stop because of `statement_timeout`.
    pub fn time_out(&self) {
        self.timed_out.store(true, Ordering::Relaxed);
        self.cancel();
    }
    /// Asks the statement to stop because the server shuts down or the client is gone.
    pub fn terminate(&self) {
        self.terminated.store(true, Ordering::Relaxed);
        self.cancel();
    }
    /// Asks the statement to stop because the server is about to run out of memory; false when it was asked already.
    pub fn exhaust(&self) -> bool {
        let first = !self.out_of_memory.swap(true, Ordering::Relaxed);
        self.cancel();
        first
    }
    /// Forgets earlier requests; called at the start of a statement.
    pub fn reset(&self) {
        self.canceled.store(false, Ordering::Relaxed);
        self.timed_out.store(false, Ordering::Relaxed);
        self.out_of_memory.store(false, Ordering::Relaxed);
    }
    /// Returns the error to stop with, if asked to.
    ///
    /// # Errors
    /// `57014`, `57P01` or `53200`.
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.canceled.load(Ordering::Relaxed) { Err(self.error()) } else { Ok(()) }
    }
    #[cold]
    fn error(&self) -> PgError {
        if self.terminated.load(Ordering::Relaxed) {
            data::terminated()
        } else if self.timed_out.load(Ordering::Relaxed) {
            data::timed_out()
        } else if self.out_of_memory.load(Ordering::Relaxed) {
            data::server_out_of_memory()
        } else {
            data::canceled()
        }
    }
}

/// A thread's work for a statement; it ends when this is dropped.
#[must_use]
pub struct Entered {
    flag: Option<Arc<CancelFlag>>,
    account: usize,
}

/// Makes the running thread work for the statement of `flag`.
pub fn enter(flag: &Arc<CancelFlag>) -> Entered {
    Entered {
        account: account::switch(flag.account),
        flag: CURRENT.with_borrow_mut(|current| current.replace(Arc::clone(flag))),
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // A thread that ends has no statement any more.
        let ended = CURRENT.try_with(|current| current.replace(self.flag.take()));
        drop(ended);
        account::switch(self.account);
    }
}

/// Returns the flag of the statement that the running thread works for; one that nobody sets when there is none.
pub fn current() -> Arc<CancelFlag> {
    CURRENT.with_borrow(Clone::clone).unwrap_or_default()
}

/// Returns the error to stop with when the statement that the running thread works for is to stop.
///
/// # Errors
/// As [`CancelFlag::check`].
#[inline]
pub fn check() -> Result<()> {
    CURRENT.with_borrow(|current| current.as_ref().map_or(Ok(()), |flag| flag.check()))
}

/// Runs `body`, which calls a function of its argument ever so often and has no other way to stop: that function unwinds
/// once the statement is to stop.
///
/// # Errors
/// As [`check`]; a panic of the body's own goes on.
pub fn stoppable<T>(body: impl FnOnce(&(dyn Fn() + Sync)) -> T) -> Result<T> {
    let flag = current();
    let look = || {
        if flag.canceled.load(Ordering::Relaxed) {
            resume_unwind(Box::new(Stopped));
        }
    };
    catch_unwind(AssertUnwindSafe(|| body(&look))).map_err(|payload| {
        if !payload.is::<Stopped>() {
            resume_unwind(payload);
        }
        flag.error()
    })
}

/// What unwinds out of [`stoppable`].
struct Stopped;

/// Looks at the flag every so many steps of a loop.
#[derive(Debug, Default)]
pub struct Pace(u32);

impl Pace {
    /// A tuning constant: steps between two looks.
    const STEPS: u32 = 4096;

    /// Notes a step.
    ///
    /// # Errors
    /// As [`check`].
    #[inline]
    pub fn step(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 < Self::STEPS {
            return Ok(());
        }
        self.0 = 0;
        check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlState;

    #[test]
    fn a_thread_sees_the_flag_it_works_for() {
        let outer = Arc::new(CancelFlag::default());
        let inner = Arc::new(CancelFlag::default());
        inner.cancel();
        assert!(check().is_ok());
        let entered = enter(&outer);
        {
            let _entered = enter(&inner);
            assert_eq!(check().map_err(|error| error.sqlstate()), Err(SqlState::QUERY_CANCELED));
        }
        assert!(check().is_ok());
        outer.exhaust();
        assert_eq!(check().map_err(|error| error.sqlstate()), Err(SqlState::OUT_OF_MEMORY));
        drop(entered);
        assert!(check().is_ok());
    }

    #[test]
    fn a_sort_can_be_stopped() {
        let flag = Arc::new(CancelFlag::default());
        let _entered = enter(&flag);
        let mut numbers: Vec<u32> = (0..1000).rev().collect();
        let mut sort = || {
            stoppable(|look| {
                numbers.sort_by(|left, right| {
                    look();
                    left.cmp(right)
                });
            })
        };
        assert!(sort().is_ok());
        flag.cancel();
        assert_eq!(sort().map_err(|error| error.sqlstate()), Err(SqlState::QUERY_CANCELED));
        assert_eq!(numbers.len(), 1000);
    }
}
