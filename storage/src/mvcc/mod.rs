//! Who sees what: stamps, transactions in flight, snapshots, waiting for each other.

pub(crate) mod snapshot;
pub(crate) mod stamp;
pub(crate) mod waits;
pub(crate) mod xids;
