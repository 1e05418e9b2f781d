//! How large values may become: PostgreSQL allocates at most a gigabyte at a time, and says so in several ways.

use crate::errors::{Result, data};

/// The most bytes of one allocation (`MaxAllocSize`).
pub const ALLOCATION_MAX: usize = 0x3fff_ffff;

/// What a value of variable length has in front of its bytes (`VARHDRSZ`).
pub const HEADER_SIZE: usize = 4;

/// Returns whether a value of `len` bytes can be.
pub fn fits(len: usize) -> bool {
    len <= ALLOCATION_MAX - HEADER_SIZE
}

/// Checks that a value of `len` bytes can be allocated at once, as `palloc` does.
///
/// # Errors
/// `XX000`.
pub fn check(len: usize) -> Result<()> {
    if fits(len) {
        Ok(())
    } else {
        Err(data::invalid_allocation((len as u64).saturating_add(HEADER_SIZE as u64)))
    }
}

/// Checks that a string of `held` bytes can become `more` bytes longer, as `enlargeStringInfo` does.
///
/// # Errors
/// `54000`.
pub fn check_growth(held: usize, more: usize) -> Result<()> {
    if held.saturating_add(more) < ALLOCATION_MAX {
        Ok(())
    } else {
        Err(data::string_buffer_too_long(held, more))
    }
}

/// Appends `more` to a string that grows as PostgreSQL's `StringInfo`.
///
/// # Errors
/// `54000`.
pub fn append(text: &mut String, more: &str) -> Result<()> {
    check_growth(text.len(), more.len())?;
    text.push_str(more);
    Ok(())
}
