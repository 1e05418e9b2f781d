//! Which processors threads run on.

use std::sync::OnceLock;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that the process was started with.
static ALL: OnceLock<Option<CpuSet>> = OnceLock::new();

/// Remembers the processors that this thread may use as those of the process. To be called before the first
/// [`keep_thread_on`].
pub fn remember_all() {
    ALL.get_or_init(|| sched_getaffinity(None).ok());
}

/// Returns how many processors the process may use, as far as that is known.
pub fn count() -> usize {
    ALL.get().and_then(Option::as_ref).map_or(1, |all| all.count() as usize)
}

/// Keeps this thread on one processor, if it is one of the process's. Returns whether it is kept there.
pub fn keep_thread_on(processor: usize) -> bool {
    let Some(Some(all)) = ALL.get() else { return false };
    if processor >= CpuSet::MAX_CPU || !all.is_set(processor) || all.count() < 2 {
        return false;
    }
    let mut one = CpuSet::new();
    one.set(processor);
    sched_setaffinity(None, &one).is_ok()
}

/// Lets this thread run on all processors of the process again.
pub fn release_thread() {
    if let Some(Some(all)) = ALL.get() {
        // It could be kept where it is, so it can be released.
        let _ = sched_setaffinity(None, all);
    }
}
