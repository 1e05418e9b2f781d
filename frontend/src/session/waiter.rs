//! The session as the storage sees it while a statement waits for another transaction.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use types::Result;

use super::settings::Settings;
use crate::server::backends::Backend;

/// What stops a wait of a session.
pub struct SessionWaiter {
    backend: Arc<Backend>,
    settings: Arc<Mutex<Settings>>,
}

impl SessionWaiter {
    /// Returns the waiter of a session.
    pub fn new(backend: Arc<Backend>, settings: Arc<Mutex<Settings>>) -> Self {
        Self { backend, settings }
    }

    fn milliseconds(&self, name: &str) -> Option<Duration> {
        let value = u64::try_from(self.settings.lock().integer(name)).unwrap_or(0);
        (value > 0).then(|| Duration::from_millis(value))
    }
}

impl std::fmt::Debug for SessionWaiter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SessionWaiter").field("process_id", &self.backend.process_id).finish()
    }
}

impl storage::Waiter for SessionWaiter {
    fn process_id(&self) -> i32 {
        self.backend.process_id
    }
    fn check(&self) -> Result<()> {
        self.backend.cancel.check()
    }
    fn lock_timeout(&self) -> Option<Duration> {
        self.milliseconds("lock_timeout")
    }
    fn deadlock_timeout(&self) -> Duration {
        self.milliseconds("deadlock_timeout").unwrap_or(Duration::from_secs(1))
    }
}
