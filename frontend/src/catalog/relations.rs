//! Relations, found by oid or by name.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::Oid;

use super::{Index, Relation};

/// The user's relations by oid. Whoever changes them makes what is gathered of them be gathered again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Relations {
    by_oid: BTreeMap<Oid, Arc<Relation>>,
    /// Gathered when it is first asked for.
    #[serde(skip)]
    gathered: OnceLock<Arc<Gathered>>,
}

#[derive(Debug, Default)]
struct Gathered {
    /// By schema and name.
    names: HashMap<Oid, HashMap<EcoString, Named>>,
    /// Of each index the table, and which of its indexes it is.
    indexes: HashMap<Oid, (Oid, usize)>,
}

/// What has a name.
#[derive(Debug, Clone, Copy)]
enum Named {
    Relation(Oid),
    /// The table, and which of its indexes.
    Index(Oid, usize),
}

impl Relations {
    /// Returns the relation `name` of one schema.
    pub fn named(&self, schema: Oid, name: &str) -> Option<&Arc<Relation>> {
        match self.find(schema, name)? {
            Named::Relation(oid) => self.by_oid.get(&oid),
            Named::Index(..) => None,
        }
    }

    /// Returns the index `name` of one schema, and its table.
    pub fn index_named(&self, schema: Oid, name: &str) -> Option<(&Arc<Relation>, &Arc<Index>)> {
        match self.find(schema, name)? {
            Named::Relation(_) => None,
            Named::Index(table, at) => self.index_at(table, at),
        }
    }

    /// Returns an index and its table.
    pub fn index(&self, oid: Oid) -> Option<(&Arc<Relation>, &Arc<Index>)> {
        let (table, at) = *self.gathered().indexes.get(&oid)?;
        self.index_at(table, at)
    }

    fn index_at(&self, table: Oid, at: usize) -> Option<(&Arc<Relation>, &Arc<Index>)> {
        let table = self.by_oid.get(&table)?;
        Some((table, table.indexes.get(at)?))
    }

    fn find(&self, schema: Oid, name: &str) -> Option<Named> {
        self.gathered().names.get(&schema)?.get(name).copied()
    }

    fn gathered(&self) -> &Gathered {
        self.gathered.get_or_init(|| {
            let mut gathered = Gathered::default();
            for (oid, relation) in &self.by_oid {
                let schema = gathered.names.entry(relation.schema).or_default();
                for (at, index) in relation.indexes.iter().enumerate() {
                    schema.entry(index.name.clone()).or_insert(Named::Index(*oid, at));
                    gathered.indexes.insert(index.oid, (*oid, at));
                }
                schema.insert(relation.name.clone(), Named::Relation(*oid));
            }
            Arc::new(gathered)
        })
    }
}

impl Deref for Relations {
    type Target = BTreeMap<Oid, Arc<Relation>>;
    fn deref(&self) -> &Self::Target {
        &self.by_oid
    }
}

impl DerefMut for Relations {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.gathered = OnceLock::new();
        &mut self.by_oid
    }
}
