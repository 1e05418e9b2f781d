//! Foreign keys: checked, and their actions taken, when the statement's own changes are done.
//!
//! Changes queue events in row order, for each row the foreign keys in order. A round takes the queued events, reads for
//! each foreign key once which parents or children there are, and goes through the events; cascading changes queue
//! events for the next round.

use std::collections::{HashMap, HashSet};

use storage::{RowId, RowLockMode, TableId, WaitPolicy, WriteOutcome};
use types::errors::integrity;
use types::{Datum, PgError, Result, TypeRef};

use super::changer::{Changer, Taken, name_of};
use super::events::Event;
use super::lookup;
use super::reference::{ReferenceKey, View, reference_key};
use super::settle::Time;
use crate::plan::{ForeignKey, ReferentialAction};

/// A tuning constant: up to so many keys are looked up in an index one by one; for more the table is read.
const KEYS_LOOKED_UP_MAX: usize = 256;

/// What a round has read for one foreign key.
#[derive(Default)]
struct Found {
    /// Keys that go.
    gone: HashSet<Vec<u8>>,
    /// What new references refer to.
    referred: HashMap<Vec<u8>, RowId>,
    parents: HashMap<Vec<u8>, RowId>,
    children: HashMap<Vec<u8>, Vec<(RowId, Vec<Datum>)>>,
}

impl Changer<'_> {
    /// Goes through the queued events; what cascades queues others.
    pub(super) fn settle_round(&mut self) -> Result<()> {
        self.run.context.cancel.check()?;
        let (later, events) =
            std::mem::take(&mut self.events).into_iter().partition(|event| self.waits(event));
        self.late_events.extend::<Vec<Event>>(later);
        let events: Vec<Event> = events;
        let mut found: HashMap<usize, Found> = HashMap::new();
        let spans = self.read_spans(&events)?;
        for key in (0..self.plan.foreign_keys.len()).filter(|key| !self.plan.foreign_keys[*key].period) {
            let mut read = self.read(key, &events)?;
            self.lock_parents(key, &events, &mut read)?;
            found.insert(key, read);
        }
        for event in &events {
            match event {
                _ if self.settle_temporal(event, &spans)? => {}
                Event::Child { key, row } => self.check_child(*key, row, found.get(key))?,
                Event::Parent { key, old, new } => {
                    self.parent_gone(*key, old, new.as_deref(), found.get(key))?;
                }
            }
        }
        self.settle_keys()?;
        self.settle_exclusions()?;
        // Who refers to a row that goes, and is there already, is an error or is changed with it.
        for (key, read) in &found {
            let foreign = self.foreign(*key)?;
            self.track(foreign.child, &foreign.child_columns, &read.gone)?;
        }
        Ok(())
    }

    /// Returns whether an event is for a later time. Actions other than NO ACTION cannot wait.
    fn waits(&self, event: &Event) -> bool {
        let Some(foreign) = self.plan.foreign_keys.get(event.key()) else { return false };
        let action = match event {
            Event::Child { .. } => ReferentialAction::NoAction,
            Event::Parent { new: Some(_), .. } => foreign.on_update,
            Event::Parent { new: None, .. } => foreign.on_delete,
        };
        action == ReferentialAction::NoAction
            && foreign.deferrable
            && self.time != Time::Late
            && self.run.context.deferred.lock().is_deferred(foreign.oid, foreign.deferred)
    }

    fn foreign(&self, key: usize) -> Result<&'_ ForeignKey> {
        self.plan.foreign_keys.get(key).ok_or_else(|| PgError::internal("a foreign key that is not there"))
    }

    pub(super) fn types(&self, target: usize) -> Result<&[TypeRef]> {
        let table = self.tables.get(target).ok_or_else(|| PgError::internal("a foreign key of no table"))?;
        Ok(&table.types)
    }

    /// Reads what the events of one foreign key ask for.
    fn read(&self, key: usize, events: &[Event]) -> Result<Found> {
        let foreign = self.foreign(key)?;
        let (child_types, parent_types) = (self.types(foreign.child)?, self.types(foreign.parent)?);
        let ends_some =
            events.iter().any(|event| matches!(event, Event::Parent { key: of, .. } if *of == key));
        let mut wanted = HashSet::new();
        let mut wanted_parents = HashSet::new();
        let mut wanted_children = HashSet::new();
        for event in events {
            match event {
                Event::Child { key: of, row } if *of == key => {
                    if let ReferenceKey::Bytes(bytes) =
                        reference_key(row, &foreign.child_columns, child_types, true)
                    {
                        if self.time != Time::Statement || ends_some {
                            wanted_children.insert(bytes.clone());
                        }
                        wanted.insert(bytes);
                    }
                }
                Event::Parent { key: of, old, .. } if *of == key => {
                    if let ReferenceKey::Bytes(bytes) =
                        reference_key(old, &foreign.parent_columns, parent_types, false)
                    {
                        wanted_parents.insert(bytes.clone());
                        wanted_children.insert(bytes);
                    }
                }
                Event::Child { .. } | Event::Parent { .. } => {}
            }
        }
        self.track(foreign.parent, &foreign.parent_columns, &wanted)?;
        let mut found = Found { gone: wanted_parents.clone(), ..Found::default() };
        let columns = &foreign.parent_columns;
        for (view, wanted, found) in [
            (View::Referred, wanted, &mut found.referred),
            (View::Newest, wanted_parents, &mut found.parents),
        ] {
            if !wanted.is_empty() {
                let needed = |at: usize| columns.contains(&at);
                self.scan((view, foreign.parent), columns, &wanted, &needed, &mut |bytes, id, _| {
                    found.insert(bytes, id);
                })?;
            }
        }
        if !wanted_children.is_empty() {
            let columns = &foreign.child_columns;
            let child = (View::Newest, foreign.child);
            let gone = self.tables.get(foreign.child).map(|table| &table.gone);
            self.scan(child, columns, &wanted_children, &|_| true, &mut |bytes, id, row| {
                if gone.is_none_or(|gone| !gone.contains(&id)) {
                    found.children.entry(bytes).or_default().push((id, row));
                }
            })?;
        }
        Ok(found)
    }

    pub(super) fn scan(
        &self,
        (view, target): (View, usize),
        columns: &[usize],
        wanted: &HashSet<Vec<u8>>,
        needed: &dyn Fn(usize) -> bool,
        visit: &mut dyn FnMut(Vec<u8>, RowId, Vec<Datum>),
    ) -> Result<()> {
        let table = self.tables.get(target).ok_or_else(|| PgError::internal("a foreign key of no table"))?;
        let (run, stored, types) = (self.run, table.target.table, &table.types);
        let scan = view.scan(run, stored)?;
        let mut visit_wanted = |id, row: Vec<Datum>| {
            if let ReferenceKey::Bytes(bytes) = reference_key(&row, columns, types, false)
                && wanted.contains(&bytes)
            {
                visit(bytes, id, row);
            }
            Ok(())
        };
        let few = wanted.len() <= KEYS_LOOKED_UP_MAX && lookup::has_index(run, stored, columns)?;
        if wanted.len() > 1 && !few {
            return lookup::scan_view(&scan, run, types, needed, None, &mut visit_wanted);
        }
        for key in wanted {
            let range = lookup::ScanRange::of_key(columns, types, key);
            let mut visit_one = |id, row: Vec<Datum>| {
                let same = match reference_key(&row, columns, types, false) {
                    ReferenceKey::Bytes(bytes) => bytes == *key,
                    ReferenceKey::Null | ReferenceKey::Mixed => false,
                };
                if same { visit_wanted(id, row) } else { Ok(()) }
            };
            lookup::scan_view(&scan, run, types, needed, range, &mut visit_one)?;
        }
        Ok(())
    }

    /// Locks the referenced rows of new references FOR KEY SHARE. Those that are gone are not among the parents found any
    /// more.
    fn lock_parents(&self, key: usize, events: &[Event], found: &mut Found) -> Result<()> {
        let foreign = self.foreign(key)?;
        let types = self.types(foreign.child)?;
        let mut locked = HashSet::new();
        for event in events {
            let Event::Child { key: of, row } = event else { continue };
            if *of != key {
                continue;
            }
            let ReferenceKey::Bytes(bytes) = reference_key(row, &foreign.child_columns, types, true) else {
                continue;
            };
            let Some(parent) = found.referred.get(&bytes).copied() else { continue };
            if locked.insert(parent)
                && !self.lock_referred(foreign.parent, parent, &foreign.parent_columns, &bytes)?
            {
                found.referred.remove(&bytes);
            }
        }
        Ok(())
    }

    /// Locks a row FOR KEY SHARE, as PostgreSQL's checks of foreign keys do. Returns whether it (or its newest version) is
    /// there and has the key still.
    fn lock_referred(&self, target: usize, id: RowId, columns: &[usize], key: &[u8]) -> Result<bool> {
        let table = self.tables.get(target).ok_or_else(|| PgError::internal("a foreign key of no table"))?;
        let storage = TableId(table.target.table);
        let mut row = id;
        loop {
            let outcome = self.run.context.transaction()?.lock().lock_row(
                storage,
                row,
                RowLockMode::KeyShare,
                WaitPolicy::Wait,
            )?;
            match outcome {
                WriteOutcome::Done(_) => break,
                WriteOutcome::ConcurrentlyUpdated(newest) => row = newest,
                WriteOutcome::SelfModified | WriteOutcome::ConcurrentlyDeleted | WriteOutcome::WouldBlock => {
                    return Ok(false);
                }
            }
        }
        if row == id {
            return Ok(true);
        }
        let values = self.stored_row(target, row)?;
        let newest = reference_key(&values, columns, &table.types, false);
        Ok(matches!(newest, ReferenceKey::Bytes(bytes) if bytes == key))
    }

    /// Takes a referencing row, or its newest version if that still refers to `key`, for what `change` makes of it; `None`
    /// when there is nothing to take.
    fn take_child(
        &mut self,
        foreign: &ForeignKey,
        id: RowId,
        row: &[Datum],
        (key, change): (&[u8], Option<&dyn Fn(&Self, &[Datum]) -> Result<Vec<Datum>>>),
    ) -> Result<Option<(RowId, Vec<Datum>, Vec<Datum>)>> {
        let (mut id, mut row) = (id, row.to_vec());
        self.require_visible(foreign.child, id)?;
        loop {
            let changed = change.map(|change| change(self, &row)).transpose()?;
            match self.take(foreign.child, id, changed.as_deref().map(|changed| (row.as_slice(), changed)))? {
                Taken::Yes => return Ok(Some((id, row, changed.unwrap_or_default()))),
                Taken::Gone => return Ok(None),
                Taken::Newer(newest) => {
                    id = newest;
                    row = self.stored_row(foreign.child, newest)?;
                    let types = self.types(foreign.child)?;
                    match reference_key(&row, &foreign.child_columns, types, false) {
                        ReferenceKey::Bytes(bytes) if bytes == key => {}
                        ReferenceKey::Bytes(_) | ReferenceKey::Null | ReferenceKey::Mixed => return Ok(None),
                    }
                }
            }
        }
    }

    fn check_child(&self, key: usize, row: &[Datum], found: Option<&Found>) -> Result<()> {
        let foreign = self.foreign(key)?;
        let child = self.tables.get(foreign.child).map(|table| table.target);
        let parent = self.tables.get(foreign.parent).map(|table| table.target);
        let (Some(child), Some(parent)) = (child, parent) else {
            return Err(PgError::internal("a foreign key of no table"));
        };
        match reference_key(row, &foreign.child_columns, self.types(foreign.child)?, foreign.match_full) {
            ReferenceKey::Null => Ok(()),
            ReferenceKey::Mixed => Err(integrity::mixed_null_key(name_of(child), &foreign.name)),
            ReferenceKey::Bytes(bytes) if found.is_some_and(|found| found.referred.contains_key(&bytes)) => {
                Ok(())
            }
            // The referencing row itself may be gone by now.
            ReferenceKey::Bytes(bytes)
                if found.is_some_and(|found| {
                    (self.time != Time::Statement || !found.gone.is_empty())
                        && !self.has_child(foreign, found, &bytes)
                }) =>
            {
                Ok(())
            }
            ReferenceKey::Bytes(_) => {
                let key = self.shown(foreign.child, &foreign.child_columns, row)?;
                Err(integrity::missing_parent(name_of(child), &foreign.name, &key, &parent.name))
            }
        }
    }

    /// Returns whether a row that was found to have a key is there still.
    fn has_child(&self, foreign: &ForeignKey, found: &Found, key: &[u8]) -> bool {
        let gone = self.tables.get(foreign.child).map(|table| &table.gone);
        let is_there = |id: &RowId| gone.is_none_or(|gone| !gone.contains(id));
        found.children.get(key).is_some_and(|children| children.iter().any(|(id, _)| is_there(id)))
    }

    fn parent_gone(
        &mut self,
        key: usize,
        old: &[Datum],
        new: Option<&[Datum]>,
        found: Option<&Found>,
    ) -> Result<()> {
        let plan = self.plan;
        let foreign = plan.foreign_keys.get(key).ok_or_else(|| PgError::internal("no such foreign key"))?;
        let parent_types = self.types(foreign.parent)?;
        let ReferenceKey::Bytes(bytes) = reference_key(old, &foreign.parent_columns, parent_types, false)
        else {
            return Ok(());
        };
        let Some(found) = found else { return Ok(()) };
        let Some(children) = found.children.get(&bytes) else { return Ok(()) };
        let gone = |id: &RowId| self.tables.get(foreign.child).is_some_and(|table| table.gone.contains(id));
        let count = children.len();
        let children: Vec<&(RowId, Vec<Datum>)> = children.iter().filter(|(id, _)| !gone(id)).collect();
        if children.len() < count {
            // Rows that other keys have changed in this round have newer versions, which may refer to the key still.
            self.events.push(Event::Parent { key, old: old.to_vec(), new: new.map(<[Datum]>::to_vec) });
        }
        if children.is_empty() {
            return Ok(());
        }
        let action = if new.is_some() { foreign.on_update } else { foreign.on_delete };
        match action {
            ReferentialAction::NoAction if found.parents.contains_key(&bytes) => Ok(()),
            ReferentialAction::NoAction | ReferentialAction::Restrict => {
                let mut refers = false;
                for (id, _) in &children {
                    refers =
                        refers || self.lock_referred(foreign.child, *id, &foreign.child_columns, &bytes)?;
                }
                if !refers {
                    return Ok(());
                }
                self.still_referenced(foreign, old, action == ReferentialAction::Restrict)
            }
            ReferentialAction::Cascade => {
                let follow = |changer: &Self, row: &[Datum]| {
                    let (mut changed, new) = (row.to_vec(), new.unwrap_or_default());
                    let columns = foreign.child_columns.iter().zip(&foreign.parent_columns);
                    for ((child, parent), followed) in columns.zip(&foreign.followed) {
                        let value = match followed {
                            Some(converted) => changer.evaluator().evaluate(converted, new)?,
                            None => new.get(*parent).cloned().unwrap_or_default(),
                        };
                        set(&mut changed, *child, value);
                    }
                    Ok(changed)
                };
                let change: Option<&dyn Fn(&Self, &[Datum]) -> Result<Vec<Datum>>> =
                    if new.is_some() { Some(&follow) } else { None };
                for (id, row) in children {
                    let taken = self.take_child(foreign, *id, row, (&bytes, change))?;
                    let Some((id, row, changed)) = taken else { continue };
                    match change {
                        None => self.delete(foreign.child, id, &row)?,
                        Some(_) => drop(self.update(foreign.child, id, &row, changed)?),
                    }
                }
                Ok(())
            }
            ReferentialAction::SetNull | ReferentialAction::SetDefault => {
                let columns = if new.is_none() && !foreign.set_columns.is_empty() {
                    &foreign.set_columns
                } else {
                    &foreign.child_columns
                };
                let reset = |changer: &Self, row: &[Datum]| {
                    let mut changed = row.to_vec();
                    for column in columns {
                        let value = match (action, plan.targets.get(foreign.child)) {
                            (ReferentialAction::SetDefault, Some(target)) => {
                                match target.columns.get(*column) {
                                    Some(column) => changer.evaluator().evaluate(&column.default, &[])?,
                                    None => Datum::Null,
                                }
                            }
                            _ => Datum::Null,
                        };
                        set(&mut changed, *column, value);
                    }
                    Ok(changed)
                };
                let mut refers = false;
                for (id, row) in children {
                    let taken = self.take_child(foreign, *id, row, (&bytes, Some(&reset)))?;
                    let Some((id, row, changed)) = taken else { continue };
                    let same = matches!(
                        reference_key(&changed, &foreign.child_columns, self.types(foreign.child)?, false),
                        ReferenceKey::Bytes(after) if after == bytes
                    );
                    // The defaults are the key that has just gone (`ri_set`).
                    refers = refers || (same && !found.parents.contains_key(&bytes));
                    self.update(foreign.child, id, &row, changed)?;
                }
                if refers { self.still_referenced(foreign, old, false) } else { Ok(()) }
            }
        }
    }

    /// Fails because rows refer to a key that is gone.
    pub(super) fn still_referenced(&self, foreign: &ForeignKey, old: &[Datum], restrict: bool) -> Result<()> {
        let (child, parent) = (self.tables.get(foreign.child), self.tables.get(foreign.parent));
        let (Some(child), Some(parent)) = (child, parent) else { return Ok(()) };
        let key = self.shown(foreign.parent, &foreign.parent_columns, old)?;
        let name = name_of(child.target);
        Err(integrity::still_referenced(&parent.target.name, &foreign.name, name, &key, restrict))
    }

    /// Returns a key as `(a, b)=(1, 2)`.
    pub(super) fn shown(&self, target: usize, columns: &[usize], row: &[Datum]) -> Result<String> {
        let types = self.types(target)?;
        let table = self.plan.targets.get(target).ok_or_else(|| PgError::internal("a key of no table"))?;
        let mut names = Vec::with_capacity(columns.len());
        let mut values = Vec::with_capacity(columns.len());
        for column in columns {
            let (Some(info), Some(value), Some(ty)) =
                (table.columns.get(*column), row.get(*column), types.get(*column))
            else {
                continue;
            };
            names.push(info.name.to_string());
            values.push(lookup::shown(self.run, value, *ty));
        }
        Ok(format!("({})=({})", names.join(", "), values.join(", ")))
    }
}

fn set(row: &mut [Datum], column: usize, value: Datum) {
    if let Some(place) = row.get_mut(column) {
        *place = value;
    }
}
