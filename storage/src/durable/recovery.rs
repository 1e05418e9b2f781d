//! Opening a data directory: the manifest, then the journal from there on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::journal::{self, LocalJournal};
use super::manifest::{self, Manifest, ManifestGroup, ManifestTable};
use super::record::CommitRecord;
use crate::disk::SegmentStore;
use crate::error::{Result, StorageError};
use crate::hot::HotGroup;
use crate::scan::RowGroup;
use crate::segment::Segment;
use crate::version::{DeleteMask, Group, GroupData, StoreVersion, TableVersion, apply};

/// What a data directory holds.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) version: StoreVersion,
    pub(crate) journal: LocalJournal,
    /// Segments that the manifest refers to.
    pub(crate) manifest_segments: BTreeSet<String>,
    pub(crate) next_segment: u64,
}

/// Segments opened so far, by name.
type Opened = BTreeMap<String, Arc<Segment>>;

/// Recovers the newest durable version, and removes files that belong to nothing.
pub(crate) fn recover(directory: &Path, segments: &Arc<dyn SegmentStore>) -> Result<Recovered> {
    let journals = directory.join("journal");
    fs::create_dir_all(&journals)
        .map_err(|error| StorageError::io("could not create directory", &journals, &error))?;
    let manifest = Manifest::read(directory)?;
    let numbers = journal::numbers(&journals)?;
    if manifest.is_none() && numbers.first().is_some_and(|first| *first > 1) {
        return Err(StorageError::corrupt(&directory.join(manifest::FILE_NAME), "the file is missing"));
    }
    let is_new = manifest.is_none();
    let manifest = manifest.unwrap_or(Manifest { journal: 1, ..Manifest::default() });
    let mut opened = Opened::new();
    let mut version = version_of(&manifest, directory, segments, &mut opened)?;
    let live: Vec<u64> = numbers.iter().copied().filter(|number| *number >= manifest.journal).collect();
    if let Some(gap) = (manifest.journal..).zip(&live).find(|(expected, number)| expected != *number) {
        return Err(StorageError::corrupt(
            &journals.join(format!("{:08}.journal", gap.0)),
            "the file is missing",
        ));
    }
    if !is_new && live.is_empty() {
        let missing = journals.join(format!("{:08}.journal", manifest.journal));
        return Err(StorageError::corrupt(&missing, "the file is missing"));
    }
    let last = live.last().copied().unwrap_or(manifest.journal);
    let mut good_len = 0;
    for &number in &live {
        let content = journal::read(&journals, number, number == last)?;
        let path = journals.join(format!("{number:08}.journal"));
        for payload in &content.payloads {
            replay(payload, &path, &mut version, segments, &mut opened)?;
        }
        good_len = content.good_len;
    }
    let journal = LocalJournal::open(&journals, last, good_len)?;
    let manifest_segments = manifest.segments();
    let next_segment = remove_orphans(segments.as_ref(), &manifest_segments, &version)?;
    Ok(Recovered { version, journal, manifest_segments, next_segment })
}

fn replay(
    payload: &[u8],
    path: &Path,
    version: &mut StoreVersion,
    segments: &Arc<dyn SegmentStore>,
    opened: &mut Opened,
) -> Result<()> {
    let record: CommitRecord = postcard::from_bytes(payload)
        .map_err(|error| StorageError::corrupt(path, format!("unreadable record: {error}")))?;
    if record.commit <= version.commit {
        return Ok(());
    }
    let commit = record.commit;
    if commit != version.commit + 1 {
        let what = format!("commit {commit} follows commit {}", version.commit);
        return Err(StorageError::corrupt(path, what));
    }
    let writes = record
        .writes(version, |name| open(segments, opened, name))?
        .map_err(|what| StorageError::corrupt(path, format!("commit {commit}: {what}")))?;
    *version = apply(version, &writes, commit).map_err(|error| {
        StorageError::corrupt(path, format!("commit {commit} cannot be applied: {error}"))
    })?;
    Ok(())
}

fn open(segments: &Arc<dyn SegmentStore>, opened: &mut Opened, name: &str) -> Result<Arc<Segment>> {
    if let Some(segment) = opened.get(name) {
        return Ok(Arc::clone(segment));
    }
    let segment = Arc::new(Segment::open(segments, name)?);
    opened.insert(name.to_owned(), Arc::clone(&segment));
    Ok(segment)
}

fn version_of(
    manifest: &Manifest,
    directory: &Path,
    segments: &Arc<dyn SegmentStore>,
    opened: &mut Opened,
) -> Result<StoreVersion> {
    let mut tables = BTreeMap::new();
    for table in &manifest.tables {
        let version = table_of(table, directory, &mut |name| open(segments, opened, name))?;
        tables.insert(table.table, Arc::new(version));
    }
    Ok(StoreVersion {
        commit: manifest.commit,
        tables,
        catalog: Arc::new(manifest.catalog.clone()),
        catalog_commit: manifest.catalog_commit,
    })
}

fn table_of(
    table: &ManifestTable,
    directory: &Path,
    open: &mut impl FnMut(&str) -> Result<Arc<Segment>>,
) -> Result<TableVersion> {
    let path = directory.join(manifest::FILE_NAME);
    let key = table.key.as_ref().map(|key| key.iter().map(|&column| column as usize).collect());
    let mut version = TableVersion::new(table.columns.clone().into(), key, table.next_group);
    version.changed_at = table.changed_at;
    for stored in &table.groups {
        let segment = open(&stored.segment)?;
        let index = stored.index as usize;
        if index >= segment.group_count() || segment.column_count() != table.columns.len() {
            return Err(StorageError::corrupt(
                &path,
                format!("segment \"{}\" has another shape", stored.segment),
            ));
        }
        let group = Group {
            id: stored.id,
            data: GroupData::Frozen { segment, index },
            deleted: delete_mask(stored).map_err(|what| StorageError::corrupt(&path, what))?,
        };
        version.groups.push(if stored.hot { thaw(group, &version)? } else { group });
    }
    Ok(version)
}

fn delete_mask(stored: &ManifestGroup) -> Result<Option<Arc<DeleteMask>>, &'static str> {
    match &stored.deleted {
        None => Ok(None),
        Some(words) => match DeleteMask::from_words(words.clone()) {
            Some(mask) => Ok(Some(Arc::new(mask))),
            None => Err("a delete mask has another size than a row group"),
        },
    }
}

/// Returns a row group with its rows in memory.
fn thaw(group: Group, table: &TableVersion) -> Result<Group> {
    let row_group = RowGroup::new(Group { deleted: None, ..group.clone() }, Arc::clone(&table.columns));
    let mut hot = HotGroup::default();
    for index in 0..row_group.vector_count() {
        let vectors: Vec<_> =
            (0..table.columns.len()).map(|column| row_group.vector(column, index)).collect::<Result<_>>()?;
        hot = hot.append(&table.columns, &vectors, 0)?.0;
    }
    Ok(Group { data: GroupData::Hot(Arc::new(hot)), ..group })
}

/// Removes segments that belong to nothing; returns a number that no segment has.
fn remove_orphans(
    segments: &dyn SegmentStore,
    manifest_segments: &BTreeSet<String>,
    version: &StoreVersion,
) -> Result<u64> {
    let live = version.segments();
    let mut next = 1;
    for name in segments.list()? {
        let number = name.split(['-', '.']).nth(1).and_then(|number| number.parse::<u64>().ok());
        next = next.max(number.map_or(0, |number| number + 1));
        if !manifest_segments.contains(&name) && !live.contains(&name) {
            segments.remove(&name)?;
        }
    }
    Ok(next)
}
