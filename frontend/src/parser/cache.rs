//! Parsed texts that may come again: a bounded map by text, emptied by halves when it is full.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use super::Parsed;

/// Most texts kept. A tuning constant; it does not change results.
const TEXTS_MAX: usize = 2_048;
/// Longer texts are not kept (bulk INSERTs do not recur). A tuning constant; it does not change results.
const TEXT_BYTES_MAX: usize = 16 * 1024;

struct Entry {
    parsed: Arc<Parsed>,
    used: bool,
}

static CACHE: LazyLock<Mutex<HashMap<Arc<str>, Entry>>> = LazyLock::new(Mutex::default);

/// Returns the parsed form of `sql` if it is kept.
pub(super) fn find(sql: &str) -> Option<Arc<Parsed>> {
    if sql.len() > TEXT_BYTES_MAX {
        return None;
    }
    let mut cache = CACHE.lock();
    let entry = cache.get_mut(sql)?;
    entry.used = true;
    Some(Arc::clone(&entry.parsed))
}

/// Keeps `parsed`. When the cache is full, texts not used since the last time are dropped.
pub(super) fn keep(parsed: &Arc<Parsed>) {
    if parsed.text.len() > TEXT_BYTES_MAX {
        return;
    }
    let mut cache = CACHE.lock();
    if cache.len() >= TEXTS_MAX {
        cache.retain(|_, entry| std::mem::take(&mut entry.used));
        if cache.len() >= TEXTS_MAX {
            cache.clear();
        }
    }
    cache.insert(Arc::clone(&parsed.text), Entry { parsed: Arc::clone(parsed), used: false });
}
