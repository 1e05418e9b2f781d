//! Mapped files that somebody shortens or that cannot be read: without this, touching a page that is gone (SIGBUS) ends
//! the server.
//!
//! The handler knows the mappings from a table that it can read without locks. It puts a page of zeros in the place of
//! the one that is gone, counts that, and lets the reader go on. Zeros are not data: a statement that ends after the
//! count has changed since it began fails ([`check_losses`]), and the segment is broken from then on. Readers pay nothing.
//! A SIGBUS anywhere else ends the process as it did.

#![cfg(target_pointer_width = "64")]
#![expect(unsafe_code, reason = "handles a signal, and maps over what is gone")]

use std::collections::BTreeMap;
use std::ffi::{c_int, c_long, c_void};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::error::{Result, StorageError};

/// How many mappings are protected at most; those beyond are as they would be without this.
const PLACES: usize = 1 << 14;

/// A mapping in the table: its first byte (0: free) and the end, and whether a page was lost.
struct Place {
    start: AtomicUsize,
    end: AtomicUsize,
    lost: AtomicBool,
}

static TABLE: [Place; PLACES] =
    [const { Place { start: AtomicUsize::new(0), end: AtomicUsize::new(0), lost: AtomicBool::new(false) } };
        PLACES];
/// Places that were ever used lie below this.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Pages lost so far.
static LOSSES: AtomicU64 = AtomicU64::new(0);
static PAGE_BYTES: AtomicUsize = AtomicUsize::new(4096);
/// The files of places in use.
static PATHS: Mutex<BTreeMap<usize, PathBuf>> = Mutex::new(BTreeMap::new());
/// Free places below `USED`.
static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static INSTALLED: Once = Once::new();

/// Returns how many pages of mapped files were lost so far. What was read while this changed may be zeros.
pub fn losses() -> u64 {
    LOSSES.load(Ordering::Acquire)
}

/// Fails when pages were lost since there were `before`: zeros may have been read.
///
/// # Errors
/// `Corrupt`, naming the file.
pub fn check_losses(before: u64) -> Result<()> {
    if losses() == before {
        return Ok(());
    }
    let is_lost = |place: &usize| TABLE[*place].lost.load(Ordering::Acquire);
    let file = PATHS.lock().iter().find(|(place, _)| is_lost(place)).map(|(_, path)| path.clone());
    let file = file.unwrap_or_else(|| PathBuf::from("segments"));
    Err(StorageError::corrupt(&file, "it has become shorter, or cannot be read"))
}

/// Counts a loss that was noticed otherwise.
pub(crate) fn note_loss() {
    LOSSES.fetch_add(1, Ordering::AcqRel);
}

/// Returns whether a page of these mapped bytes was lost.
pub(crate) fn is_lost(bytes: &[u8]) -> bool {
    let at = bytes.as_ptr() as usize;
    losses() > 0 && place_of(at).is_some_and(|place| place.lost.load(Ordering::Acquire))
}

fn place_of(address: usize) -> Option<&'static Place> {
    let used = USED.load(Ordering::Acquire).min(PLACES);
    TABLE[..used].iter().find(|place| {
        let start = place.start.load(Ordering::Acquire);
        start != 0 && start <= address && address < place.end.load(Ordering::Acquire)
    })
}

/// A mapped file that may be shortened by others.
pub(super) struct GuardedMap {
    map: memmap2::Mmap,
    /// Its place in the table.
    place: Option<usize>,
}

impl GuardedMap {
    pub(super) fn new(map: memmap2::Mmap, path: &Path) -> Self {
        INSTALLED.call_once(install);
        let place = FREE.lock().pop().or_else(|| {
            let next = USED.fetch_add(1, Ordering::AcqRel);
            (next < PLACES).then_some(next)
        });
        if let Some(place) = place {
            let (start, end) = (map.as_ptr() as usize, map.as_ptr() as usize + map.len());
            PATHS.lock().insert(place, path.to_owned());
            TABLE[place].lost.store(false, Ordering::Release);
            TABLE[place].end.store(end, Ordering::Release);
            TABLE[place].start.store(start, Ordering::Release);
        }
        Self { map, place }
    }
}

impl AsRef<[u8]> for GuardedMap {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl Drop for GuardedMap {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            TABLE[place].start.store(0, Ordering::Release);
            PATHS.lock().remove(&place);
            FREE.lock().push(place);
        }
    }
}

const SIGBUS: c_int = 7;
const SA_SIGINFO: c_int = 4;
const SA_ONSTACK: c_int = 0x0800_0000;
const PROT_READ: c_int = 1;
/// MAP_PRIVATE, MAP_FIXED and MAP_ANONYMOUS.
const OVER_WHAT_IS_THERE: c_int = 0x02 | 0x10 | 0x20;
const SC_PAGESIZE: c_int = 30;

/// `struct sigaction` of the C library on 64-bit Linux.
#[repr(C)]
struct Action {
    handler: usize,
    mask: [u64; 16],
    flags: c_int,
    restorer: usize,
}

/// The beginning of `siginfo_t`, as far as a SIGBUS fills it.
#[repr(C)]
struct Info {
    signal: c_int,
    error: c_int,
    code: c_int,
    padding: c_int,
    address: usize,
}

unsafe extern "C" {
    fn sigaction(signal: c_int, action: *const Action, old: *mut Action) -> c_int;
    fn mmap(
        address: *mut c_void,
        len: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn sysconf(name: c_int) -> c_long;
}

fn install() {
    let handler = handle as extern "C" fn(c_int, *const Info, *mut c_void) as usize;
    let action = Action { handler, mask: [0; 16], flags: SA_SIGINFO | SA_ONSTACK, restorer: 0 };
    // SAFETY: the structure is the C library's, and the handler has the signature that SA_SIGINFO asks for.
    unsafe {
        if let Ok(bytes) = usize::try_from(sysconf(SC_PAGESIZE)) {
            PAGE_BYTES.store(bytes.max(4096), Ordering::Relaxed);
        }
        sigaction(SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

/// Only calls what may be called in a handler: atomic loads and stores, mmap and sigaction, which are system calls.
extern "C" fn handle(_: c_int, info: *const Info, _: *mut c_void) {
    // SAFETY: the kernel hands a valid structure to a handler that was installed with SA_SIGINFO.
    let address = unsafe { (*info).address };
    let page = address & !(PAGE_BYTES.load(Ordering::Relaxed) - 1);
    if let Some(place) = place_of(address) {
        place.lost.store(true, Ordering::Release);
        LOSSES.fetch_add(1, Ordering::AcqRel);
        let len = PAGE_BYTES.load(Ordering::Relaxed);
        // SAFETY: the page belongs to a mapping of ours that is in use, since its reader has just touched it; zeros are
        // as good there as any other bytes to readers, and the mapping is private and read-only as before.
        let mapped = unsafe { mmap(page as *mut c_void, len, PROT_READ, OVER_WHAT_IS_THERE, -1, 0) };
        if mapped as usize == page {
            return;
        }
    }
    let default = Action { handler: 0, mask: [0; 16], flags: 0, restorer: 0 };
    // SAFETY: as in `install`. The signal comes again and ends the process.
    unsafe { sigaction(SIGBUS, &raw const default, std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, LocalDisk};
    use super::*;

    #[test]
    fn pages_that_are_gone_are_zeros_and_counted() {
        let path = std::env::temp_dir().join(format!("surus-guard-{}", std::process::id()));
        std::fs::write(&path, vec![7; 1 << 16]).unwrap();
        let mapped = LocalDisk.map(&path).unwrap();
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let before = losses();
        assert_eq!(sum(&mapped), 7 << 16);
        assert!(check_losses(before).is_ok());
        std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 14).unwrap();
        assert_eq!(sum(&mapped), 7 << 14);
        assert!(is_lost(&mapped));
        let error = check_losses(before).unwrap_err();
        assert!(error.to_string().contains("surus-guard"), "{error}");
        drop(mapped);
        std::fs::remove_file(&path).unwrap();
    }
}
