//! What survives: the journal of commits, the manifest that it starts from, and recovery.

pub(crate) mod checkpoint;
pub(crate) mod freeze;
mod gathering;
pub(crate) mod hot_file;
pub(crate) mod journal;
pub(crate) mod manifest;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod restored;
