//! What is kept with tables and columns for those who ask, and which Surus has no use for: storage, compression,
//! statistics targets, attribute options, replica identity.

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::Oid;

/// ALTER COLUMN ... SET STORAGE, SET COMPRESSION, SET STATISTICS, SET (...).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSettings {
    /// `pg_attribute.attstorage`; `None`: the type's.
    pub storage: Option<char>,
    /// `pg_attribute.attcompression`; `None`: the server's.
    pub compression: Option<char>,
    /// `pg_attribute.attstattarget`.
    pub statistics: Option<i16>,
    /// `pg_attribute.attoptions`.
    pub options: Vec<EcoString>,
}

/// ALTER TABLE ... REPLICA IDENTITY.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicaIdentity {
    /// The primary key.
    #[default]
    Default,
    /// The whole row.
    Full,
    /// Nothing.
    Nothing,
    /// A unique index, by `pg_class.oid`.
    Index(Oid),
}

impl ReplicaIdentity {
    /// Returns `pg_class.relreplident`.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Default => "d",
            Self::Full => "f",
            Self::Nothing => "n",
            Self::Index(_) => "i",
        }
    }
}
