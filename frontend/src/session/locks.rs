//! Locks that statements take: on the tables of a plan, and on relations that are about to change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use executor::plan::{ForeignKey, IndexScan, NodeKind, Plan, ReferentialAction};
use storage::{Acquired, TableId, TableLockMode, WaitPolicy};
use types::{Oid, Result};

use super::Session;
use super::catalog_claims::Wanted;
use crate::analyzer::Notes;
use crate::catalog::{Catalog, Relation, RelationKind};
use crate::statements::query::Planned;

/// Returns the stored tables that a plan reads and changes, with the locks that their statements take in PostgreSQL.
pub fn tables_of(plan: &Plan) -> Vec<(u64, TableLockMode)> {
    let mut wanted: BTreeMap<u64, TableLockMode> = BTreeMap::new();
    let mut want = |table: u64, mode: TableLockMode| {
        let wanted = wanted.entry(table).or_insert(mode);
        *wanted = (*wanted).max(mode);
    };
    for root in [&plan.root].into_iter().chain(&plan.shared).chain(&plan.subplans) {
        root.walk(&mut |node| match &node.kind {
            NodeKind::Scan(scan) | NodeKind::IndexScan(IndexScan { scan, .. }) => {
                want(scan.table, TableLockMode::AccessShare);
            }
            NodeKind::Modify(modify) => modify.targets.iter().enumerate().for_each(|(at, target)| {
                // The first is the one that the statement names; the others are those that foreign keys reach.
                let is_changed =
                    at == 0 || modify.foreign_keys.iter().any(|key| key.child == at && acts(key));
                let mode = if is_changed { TableLockMode::RowExclusive } else { TableLockMode::RowShare };
                want(target.table, mode);
            }),
            NodeKind::VirtualScan { relation, .. } => {
                want(u64::from(*relation), TableLockMode::AccessShare);
            }
            NodeKind::Values { .. }
            | NodeKind::FunctionScan { .. }
            | NodeKind::Filter { .. }
            | NodeKind::Project { .. }
            | NodeKind::ProjectSet { .. }
            | NodeKind::HashJoin(_)
            | NodeKind::NestedLoop(_)
            | NodeKind::IndexJoin(_)
            | NodeKind::Apply { .. }
            | NodeKind::Aggregate(_)
            | NodeKind::Window(_)
            | NodeKind::Sort { .. }
            | NodeKind::TopN { .. }
            | NodeKind::Limit { .. }
            | NodeKind::DistinctOn { .. }
            | NodeKind::Append { .. }
            | NodeKind::SetOperation { .. }
            | NodeKind::SharedScan { .. }
            | NodeKind::RecursiveUnion { .. }
            | NodeKind::WorkingScan { .. } => {}
            NodeKind::LockRows(rows) => {
                rows.locks.iter().for_each(|lock| want(lock.table, TableLockMode::RowShare));
            }
        });
    }
    wanted.into_iter().collect()
}

/// Returns the views that a statement reads, and those that they are made from, with their locks.
pub fn views_of(catalog: &Catalog, notes: &Notes) -> Vec<(u64, TableLockMode)> {
    let mut views = BTreeSet::new();
    let mut used: Vec<Oid> = notes.uses.iter().map(|used| used.oid).collect();
    while let Some(oid) = used.pop() {
        if let Some(relation) = catalog.relations.get(&oid)
            && matches!(relation.kind, RelationKind::View { .. })
            && views.insert(oid)
        {
            used.extend(relation.uses.iter().map(|used| used.oid));
        }
    }
    views.into_iter().map(|view| (u64::from(view), TableLockMode::AccessShare)).collect()
}

/// Returns whether a foreign key may change referencing rows.
fn acts(key: &ForeignKey) -> bool {
    [key.on_update, key.on_delete].iter().any(|action| match action {
        ReferentialAction::Cascade | ReferentialAction::SetNull | ReferentialAction::SetDefault => true,
        ReferentialAction::NoAction | ReferentialAction::Restrict => false,
    })
}

impl Session {
    /// Locks the tables of a plan. Returns whether any had to be waited for: then the session has looked at the newest
    /// catalog and rows, and the plan is out of date.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_planned(&mut self, planned: &Planned) -> Result<bool> {
        let mut waited = false;
        {
            let mut storage = self.open()?.storage.lock();
            for (table, mode) in &planned.locks {
                let acquired = storage.lock_table(TableId(*table), *mode, WaitPolicy::Wait)?;
                waited |= acquired == Acquired::AfterWaiting;
            }
        }
        if waited {
            self.refresh_after_wait()?;
        }
        Ok(waited)
    }

    /// Locks relations in a mode. Returns whether the catalog is another one now.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_tables(&mut self, tables: &[Arc<Relation>], mode: TableLockMode) -> Result<bool> {
        let wanted: Vec<Wanted> = tables.iter().map(|table| Wanted::lock(table, mode)).collect();
        self.lock_wanted(&wanted)
    }

    /// Locks a relation that `find` finds, and finds it again if that took a while.
    ///
    /// # Errors
    /// Those of `find`, what ends a wait, `55P03` with NOWAIT.
    pub fn lock_relation(
        &mut self,
        mode: TableLockMode,
        policy: WaitPolicy,
        find: &dyn Fn(&Self) -> Result<Arc<Relation>>,
    ) -> Result<Arc<Relation>> {
        loop {
            let relation = find(self)?;
            let held = self.open()?.storage.lock().locks_len();
            let acquired = self.open()?.storage.lock().lock_table(relation.table_id(), mode, policy)?;
            if acquired == Acquired::No {
                return Err(types::errors::locking::table_lock_not_available(&relation.name));
            }
            if !self.follow_catalog(acquired == Acquired::AfterWaiting)? {
                return Ok(relation);
            }
            let again = find(self)?;
            if again.table_id() == relation.table_id() {
                return Ok(again);
            }
            self.open()?.storage.lock().unlock_objects_to(held);
        }
    }
}
