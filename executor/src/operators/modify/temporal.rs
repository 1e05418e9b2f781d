//! Foreign keys with PERIOD: the rows with a referencing row's key must cover its period together.
//!
//! A round reads the rows with the same key apart from the period once (their [`Spans`]); then it goes through the events. PostgreSQL
//! has NO ACTION alone for them: an event either is in order or an error.

use std::collections::{HashMap, HashSet};
use std::slice::from_ref;

use storage::{RowId, RowLockMode, TableId, WaitPolicy, WriteOutcome};
use types::datum::{MultirangeValue, RangeValue};
use types::errors::integrity;
use types::range::multirange;
use types::{Datum, PgError, Result};

use super::changer::{Changer, name_of};
use super::events::Event;
use super::reference::{ReferenceKey, View, reference_key};
use super::settle::Time;
use crate::plan::{ForeignKey, Target};

/// Rows of a table by their key apart from the period.
type Rows = HashMap<Vec<u8>, Vec<(RowId, Vec<Datum>)>>;

/// What a round has read for one foreign key.
#[derive(Default)]
pub(super) struct Spans {
    /// What new references refer to.
    referred: Rows,
    parents: Rows,
    children: Rows,
}

impl Changer<'_> {
    /// Reads what the events of foreign keys with PERIOD ask for.
    pub(super) fn read_spans(&self, events: &[Event]) -> Result<HashMap<usize, Spans>> {
        let mut found = HashMap::new();
        for (key, foreign) in self.plan.foreign_keys.iter().enumerate().filter(|(_, key)| key.period) {
            let (mut wanted, mut wanted_parents, mut wanted_children) =
                (HashSet::new(), HashSet::new(), HashSet::new());
            for event in events.iter().filter(|event| event.key() == key) {
                let of_child = matches!(event, Event::Child { .. });
                let Some(bytes) = self.group(foreign, event)? else { continue };
                if !of_child || self.time != Time::Statement {
                    wanted_children.insert(bytes.clone());
                }
                if of_child { &mut wanted } else { &mut wanted_parents }.insert(bytes);
            }
            let mut spans = Spans::default();
            let (parent, child) = (foreign.parent, foreign.child);
            for (rows, target, columns, wanted) in [
                (&mut spans.referred, (View::Referred, parent), &foreign.parent_columns, &wanted),
                (&mut spans.parents, (View::Newest, parent), &foreign.parent_columns, &wanted_parents),
                (&mut spans.children, (View::Newest, child), &foreign.child_columns, &wanted_children),
            ] {
                if !wanted.is_empty() {
                    self.scan(target, apart(columns), wanted, &|_| true, &mut |bytes, id, row| {
                        rows.entry(bytes).or_default().push((id, row));
                    })?;
                }
            }
            found.insert(key, spans);
        }
        Ok(found)
    }

    /// Checks an event of a foreign key with PERIOD. Returns whether it is one.
    pub(super) fn settle_temporal(&self, event: &Event, found: &HashMap<usize, Spans>) -> Result<bool> {
        let Some(foreign) = self.plan.foreign_keys.get(event.key()).filter(|key| key.period) else {
            return Ok(false);
        };
        let (Some(spans), group) = (found.get(&event.key()), self.group(foreign, event)?) else {
            return Ok(true);
        };
        match event {
            Event::Child { row, .. } => self.check_covered(foreign, row, group, spans)?,
            Event::Parent { old, .. } => self.check_left(foreign, old, group, spans)?,
        }
        Ok(true)
    }

    /// Returns the key of an event's row apart from the period; `None` when it refers to nothing.
    fn group(&self, foreign: &ForeignKey, event: &Event) -> Result<Option<Vec<u8>>> {
        let (row, columns, target) = match event {
            Event::Child { row, .. } => (row, &foreign.child_columns, foreign.child),
            Event::Parent { old, .. } => (old, &foreign.parent_columns, foreign.parent),
        };
        if columns.iter().any(|at| row.get(*at).is_none_or(Datum::is_null)) {
            return Ok(None);
        }
        Ok(match reference_key(row, apart(columns), self.types(target)?, false) {
            ReferenceKey::Bytes(bytes) => Some(bytes),
            ReferenceKey::Null | ReferenceKey::Mixed => None,
        })
    }

    /// Says that a referencing row has its parents.
    fn check_covered(
        &self,
        foreign: &ForeignKey,
        row: &[Datum],
        group: Option<Vec<u8>>,
        spans: &Spans,
    ) -> Result<()> {
        let (child, parent) = (self.table_at(foreign.child)?, self.table_at(foreign.parent)?);
        let columns = &foreign.child_columns;
        let Some(group) = group else {
            return match reference_key(row, columns, self.types(foreign.child)?, foreign.match_full) {
                ReferenceKey::Mixed => Err(integrity::mixed_null_key(name_of(child), &foreign.name)),
                ReferenceKey::Null | ReferenceKey::Bytes(_) => Ok(()),
            };
        };
        let period = period_of(row, columns);
        // The referencing row itself may be gone by now.
        let same = |(_, other): &(RowId, Vec<Datum>)| period_of(other, columns) == period;
        let is_there = spans.children.get(&group).is_some_and(|rows| rows.iter().any(same));
        if self.time != Time::Statement && !is_there {
            return Ok(());
        }
        let cover = self.cover(foreign, &group, ranges(period), &spans.referred, true)?;
        if !cover.is_empty() && multirange::contains(&cover, ranges(period)) {
            return Ok(());
        }
        let key = self.shown(foreign.child, columns, row)?;
        Err(integrity::missing_parent(name_of(child), &foreign.name, &key, &parent.name))
    }

    /// Says that nobody refers to a part of a row's period that no other row covers.
    fn check_left(
        &self,
        foreign: &ForeignKey,
        old: &[Datum],
        group: Option<Vec<u8>>,
        spans: &Spans,
    ) -> Result<()> {
        let period = ranges(period_of(old, &foreign.parent_columns));
        let Some((group, children)) = group.and_then(|group| spans.children.get_key_value(&group)) else {
            return Ok(());
        };
        let gone = |id: &RowId| self.tables.get(foreign.child).is_some_and(|table| table.gone.contains(id));
        let mut cover = None;
        for (id, row) in children {
            if gone(id) || self.is_left(foreign, group, row, period, spans, &mut cover)? {
                continue;
            }
            let Some(newest) = self.lock_newest(foreign.child, *id, &foreign.child_columns, group)? else {
                continue;
            };
            if newest == *id
                || !self.is_left(
                    foreign,
                    group,
                    &self.stored_row(foreign.child, newest)?,
                    period,
                    spans,
                    &mut cover,
                )?
            {
                return self.still_referenced(foreign, old, false);
            }
        }
        Ok(())
    }

    /// Returns whether a referencing row does not need the period that has gone.
    fn is_left(
        &self,
        foreign: &ForeignKey,
        group: &[u8],
        row: &[Datum],
        period: &[RangeValue],
        spans: &Spans,
        cover: &mut Option<Vec<RangeValue>>,
    ) -> Result<bool> {
        let own = ranges(period_of(row, &foreign.child_columns));
        if !multirange::overlaps(own, period) {
            return Ok(true);
        }
        let cover = match cover {
            Some(cover) => cover,
            None => cover.insert(self.cover(foreign, group, period, &spans.parents, false)?),
        };
        let common = multirange::intersect(&MultirangeValue::new(0, own.to_vec()), period);
        Ok(!cover.is_empty() && multirange::contains(cover, &common.ranges))
    }

    /// Returns what the parents with a key cover together, of those that overlap a period; `lock`: they are locked FOR KEY
    /// SHARE.
    fn cover(
        &self,
        foreign: &ForeignKey,
        group: &[u8],
        period: &[RangeValue],
        parents: &Rows,
        lock: bool,
    ) -> Result<Vec<RangeValue>> {
        let columns = &foreign.parent_columns;
        let mut cover = Vec::new();
        for (id, row) in parents.get(group).into_iter().flatten() {
            let own = ranges(period_of(row, columns));
            if !multirange::overlaps(own, period) {
                continue;
            }
            if !lock {
                cover.extend_from_slice(own);
                continue;
            }
            let Some(newest) = self.lock_newest(foreign.parent, *id, columns, group)? else { continue };
            if newest == *id {
                cover.extend_from_slice(own);
                continue;
            }
            let row = self.stored_row(foreign.parent, newest)?;
            let own = ranges(period_of(&row, columns));
            if multirange::overlaps(own, period) {
                cover.extend_from_slice(own);
            }
        }
        Ok(MultirangeValue::new(0, cover).ranges)
    }

    fn table_at(&self, target: usize) -> Result<&Target> {
        let table = self.plan.targets.get(target);
        table.ok_or_else(|| PgError::internal("a foreign key of no table"))
    }

    /// Locks a row FOR KEY SHARE. Returns its newest version, if that has the key still.
    fn lock_newest(
        &self,
        target: usize,
        id: RowId,
        columns: &[usize],
        group: &[u8],
    ) -> Result<Option<RowId>> {
        let table = TableId(self.table_at(target)?.table);
        let mut row = id;
        loop {
            let outcome = self.run.context.transaction()?.lock().lock_row(
                table,
                row,
                RowLockMode::KeyShare,
                WaitPolicy::Wait,
            )?;
            match outcome {
                WriteOutcome::Done(_) => break,
                WriteOutcome::ConcurrentlyUpdated(newest) => row = newest,
                WriteOutcome::SelfModified | WriteOutcome::ConcurrentlyDeleted | WriteOutcome::WouldBlock => {
                    return Ok(None);
                }
            }
        }
        if row == id {
            return Ok(Some(id));
        }
        let newest =
            reference_key(&self.stored_row(target, row)?, apart(columns), self.types(target)?, false);
        Ok(matches!(newest, ReferenceKey::Bytes(bytes) if bytes == group).then_some(row))
    }
}

/// Returns the columns of a key apart from the period, which is the last.
fn apart(columns: &[usize]) -> &[usize] {
    columns.split_last().map_or(&[], |(_, others)| others)
}

fn period_of<'a>(row: &'a [Datum], columns: &[usize]) -> Option<&'a Datum> {
    columns.last().and_then(|column| row.get(*column))
}

/// Returns the ranges of a range or multirange.
fn ranges(period: Option<&Datum>) -> &[RangeValue] {
    match period {
        Some(Datum::Range(range)) => from_ref(&**range),
        Some(Datum::Multirange(value)) => &value.ranges,
        Some(_) | None => &[],
    }
}
