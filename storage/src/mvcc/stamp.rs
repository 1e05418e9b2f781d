//! Stamps: when a row version began and when it ended.
//!
//! A stamp below [`IN_FLIGHT`] is the number of the commit that made it; [`NEVER`], the greatest of them, is the begin of
//! a free place and the end of a row that nobody has deleted. From [`IN_FLIGHT`] on it names the transaction that has
//! not stamped its rows with its commit number yet, and the command of it.

/// The lowest stamp of a transaction in flight.
pub(crate) const IN_FLIGHT: u64 = 1 << 63;
/// What has not happened and is not about to.
pub(crate) const NEVER: u64 = IN_FLIGHT - 1;
/// What happened before every snapshot.
pub(crate) const ALWAYS: u64 = 0;
/// Commands of one transaction that write.
pub(crate) const COMMANDS_MAX: u32 = (1 << 24) - 1;

/// Returns the stamp of a command of a transaction in flight.
pub(crate) fn in_flight(xid: u64, command: u32) -> u64 {
    debug_assert!(command <= COMMANDS_MAX && xid < 1 << 39);
    IN_FLIGHT | xid << 24 | u64::from(command)
}

/// Returns the transaction of a stamp that is in flight.
pub(crate) fn xid_of(stamp: u64) -> u64 {
    (stamp & !IN_FLIGHT) >> 24
}

/// Returns the command of a stamp that is in flight.
pub(crate) fn command_of(stamp: u64) -> u32 {
    (stamp & u64::from(COMMANDS_MAX)) as u32
}
