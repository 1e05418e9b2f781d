//! A disk in memory that can lose power at any call, and fail at any call.
//!
//! Each file has what is durable and the writes since the last sync; each directory entry is durable or waits for the
//! sync of its directory. An image of the disk after a power loss keeps any of what was not synced: nothing, all, what
//! came first, or a choice sector by sector and entry by entry.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow_buffer::Buffer;
use storage::disk::{Disk, DiskFile, DiskLock};

use crate::random::Random;

const SECTOR: usize = 512;

/// Something written and not synced.
#[derive(Debug, Clone)]
enum Write {
    Bytes { position: usize, bytes: Arc<[u8]> },
    Len(usize),
}

#[derive(Debug, Clone, Default)]
struct FileState {
    /// What a reader sees.
    content: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(u64, Write)>,
}

/// A change of a directory that is not synced.
#[derive(Debug, Clone)]
struct NameChange {
    sequence: u64,
    removed: Option<PathBuf>,
    added: Option<(PathBuf, usize)>,
}

/// The number of directories among files.
const DIRECTORY: usize = usize::MAX;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An input/output error, after which part of what was asked for may be done.
    Broken,
    /// For some calls there is no room.
    Full,
}

#[derive(Debug, Clone)]
struct State {
    files: Vec<FileState>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    /// Counts changes, so that they have an order.
    sequence: u64,
    calls: u64,
    fault: Option<(u64, Fault)>,
    /// Calls for which the disk stays full.
    full: u64,
    random: Random,
}

type Observer = Box<dyn FnMut(&Images<'_>) + Send>;

/// See the module.
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    observer: Arc<Mutex<Option<Observer>>>,
}

impl std::fmt::Debug for SimulatedDisk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SimulatedDisk")
    }
}

/// What the disk may be after a power loss now.
pub struct Images<'a>(&'a State);

impl Images<'_> {
    /// Returns one of the possible disks.
    pub fn draw(&self, seed: u64) -> SimulatedDisk {
        self.0.image(&mut Random(seed))
    }

    /// Returns the number of calls so far.
    pub fn calls(&self) -> u64 {
        self.0.calls
    }
}

/// What of the unsynced things survives.
enum Survival {
    Nothing,
    Everything,
    /// What came before, and of the next write a part.
    Until(u64),
    Names,
    Contents,
    Chance,
}

impl State {
    fn image(&self, random: &mut Random) -> SimulatedDisk {
        let survival = match random.below(8) {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            2 | 3 => Survival::Until(self.sequence - random.below(self.sequence.min(8) + 1)),
            4 => Survival::Names,
            5 => Survival::Contents,
            _ => Survival::Chance,
        };
        let mut names = self.durable_names.clone();
        for change in &self.pending_names {
            let kept = match survival {
                Survival::Nothing | Survival::Contents => false,
                Survival::Everything | Survival::Names => true,
                Survival::Until(last) => change.sequence <= last,
                Survival::Chance => random.chance(2),
            };
            if kept {
                change.apply(&mut names);
            }
        }
        let is_there = |path: &PathBuf| path.ancestors().skip(1).all(|above| names.contains_key(above));
        let names: BTreeMap<PathBuf, usize> = names
            .iter()
            .filter(|(path, _)| is_there(path))
            .map(|(path, &file)| (path.clone(), file))
            .collect();
        let mut files = vec![FileState::default(); self.files.len()];
        for &number in names.values().filter(|number| **number != DIRECTORY) {
            let content = self.files[number].survivors(&survival, random);
            files[number] = FileState { content: content.clone(), durable: content, pending: Vec::new() };
        }
        SimulatedDisk::of(State {
            files,
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
            sequence: 0,
            calls: 0,
            fault: None,
            full: 0,
            random: Random(random.next()),
        })
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        if let Some(removed) = &self.removed {
            names.remove(removed);
        }
        if let Some((path, file)) = &self.added {
            names.insert(path.clone(), *file);
        }
    }

    fn directory(&self) -> Option<&Path> {
        self.removed.as_ref().or(self.added.as_ref().map(|(path, _)| path)).and_then(|path| path.parent())
    }
}

impl FileState {
    fn survivors(&self, survival: &Survival, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        for (sequence, write) in &self.pending {
            match survival {
                Survival::Nothing | Survival::Names => {}
                Survival::Everything | Survival::Contents => write.apply(&mut content),
                Survival::Until(last) if sequence <= last => write.apply(&mut content),
                Survival::Until(last) if *sequence == last + 1 => {
                    write.apply_part(&mut content, random, false)
                }
                Survival::Until(_) => {}
                Survival::Chance => write.apply_part(&mut content, random, true),
            }
        }
        content
    }
}

impl Write {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Write::Len(len) => content.resize(*len, 0),
            Write::Bytes { position, bytes } => put(content, *position, bytes),
        }
    }

    /// Applies some sectors, or the first ones.
    fn apply_part(&self, content: &mut Vec<u8>, random: &mut Random, scattered: bool) {
        let Write::Bytes { position, bytes } = self else {
            if random.chance(2) {
                self.apply(content);
            }
            return;
        };
        let mut from = *position;
        let end = position + bytes.len();
        while from < end {
            let until = ((from / SECTOR + 1) * SECTOR).min(end);
            let kept = random.chance(2);
            if !kept && !scattered {
                return;
            }
            if kept {
                put(content, from, &bytes[from - position..until - position]);
            }
            from = until;
        }
    }
}

fn put(content: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[position..end].copy_from_slice(bytes);
}

impl SimulatedDisk {
    /// Returns an empty disk.
    pub fn new(seed: u64) -> Self {
        let names: BTreeMap<PathBuf, usize> = [(PathBuf::from("/"), DIRECTORY)].into();
        Self::of(State {
            files: Vec::new(),
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
            sequence: 0,
            calls: 0,
            fault: None,
            full: 0,
            random: Random(seed),
        })
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), observer: Arc::default() }
    }

    /// Has `observer` called before each call.
    pub fn observe(&self, observer: impl FnMut(&Images<'_>) + Send + 'static) {
        *self.observer.lock().unwrap() = Some(Box::new(observer));
    }

    /// Makes a call fail.
    pub fn fail(&self, call: u64, fault: Fault) {
        self.state.lock().unwrap().fault = Some((call, fault));
    }

    /// Returns the number of calls so far.
    pub fn calls(&self) -> u64 {
        self.state.lock().unwrap().calls
    }

    /// Returns the disk after a power loss now.
    pub fn lose_power(&self, seed: u64) -> SimulatedDisk {
        self.state.lock().unwrap().image(&mut Random(seed))
    }

    /// Begins a call; says whether it is to fail. `writes`: it needs room.
    fn call(&self, writes: bool) -> (MutexGuard<'_, State>, Option<Fault>) {
        let mut state = self.state.lock().unwrap();
        if let Some(observer) = self.observer.lock().unwrap().as_mut() {
            observer(&Images(&state));
        }
        let number = state.calls;
        state.calls += 1;
        let mut fault = None;
        match state.fault {
            Some((at, Fault::Broken)) if at == number => fault = Some(Fault::Broken),
            Some((at, Fault::Full)) if at == number => state.full = 1 + state.random.below(12),
            _ => {}
        }
        if state.full > 0 {
            state.full -= 1;
            if writes {
                fault = Some(Fault::Full);
            }
        }
        (state, fault)
    }
}

fn error(fault: Fault) -> io::Error {
    match fault {
        Fault::Broken => io::Error::from_raw_os_error(5),
        Fault::Full => io::Error::from_raw_os_error(28),
    }
}

impl State {
    fn change(&mut self, removed: Option<PathBuf>, added: Option<(PathBuf, usize)>) {
        self.sequence += 1;
        let change = NameChange { sequence: self.sequence, removed, added };
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    /// A failed call may have done what was asked for.
    fn unless(&mut self, fault: Option<Fault>) -> io::Result<()> {
        match fault {
            None => Ok(()),
            Some(fault) => Err(error(fault)),
        }
    }

    fn make(&mut self, path: &Path) -> usize {
        self.files.push(FileState::default());
        let number = self.files.len() - 1;
        self.change(None, Some((path.to_owned(), number)));
        number
    }
}

impl Disk for SimulatedDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let (mut state, fault) = self.call(true);
        let mut missing: Vec<PathBuf> =
            path.ancestors().filter(|path| !state.names.contains_key(*path)).map(Path::to_owned).collect();
        state.unless(fault)?;
        while let Some(path) = missing.pop() {
            state.change(None, Some((path, DIRECTORY)));
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let (mut state, fault) = self.call(false);
        state.unless(fault)?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (mut state, fault) = self.call(true);
        let done = fault.is_none() || state.random.chance(2);
        let mut number = state.names.get(path).copied();
        if done {
            let made = match number {
                None => state.make(path),
                Some(number) => {
                    state.sequence += 1;
                    let sequence = state.sequence;
                    state.files[number].content.clear();
                    state.files[number].pending.push((sequence, Write::Len(0)));
                    number
                }
            };
            number = Some(made);
        }
        state.unless(fault)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number: number.unwrap() }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (mut state, fault) = self.call(true);
        state.unless(fault)?;
        let number = match state.names.get(path).copied() {
            Some(number) => number,
            None => state.make(path),
        };
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (mut state, fault) = self.call(false);
        state.unless(fault)?;
        let number = state.find(path)?;
        Ok(state.files[number].content.clone())
    }

    fn map(&self, path: &Path) -> io::Result<Buffer> {
        Ok(Buffer::from_slice_ref(self.read(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, fault) = self.call(false);
        let number = state.find(from)?;
        if fault.is_none() || state.random.chance(2) {
            state.change(Some(from.to_owned()), Some((to.to_owned(), number)));
        }
        state.unless(fault)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, fault) = self.call(false);
        state.find(path)?;
        if fault.is_none() || state.random.chance(2) {
            state.change(Some(path.to_owned()), None);
        }
        state.unless(fault)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let (mut state, fault) = self.call(true);
        state.find(path)?;
        let pending = std::mem::take(&mut state.pending_names);
        let (inside, outside) = pending.into_iter().partition(|change| change.directory() == Some(path));
        state.pending_names = outside;
        let inside: Vec<NameChange> = inside;
        for change in inside {
            if fault.is_none() || state.random.chance(2) {
                change.apply(&mut state.durable_names);
            } else {
                // Unlike data, names that a failed sync has not written are written by the next.
                state.pending_names.push(change);
            }
        }
        state.unless(fault)
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(Unlocked))
    }

    fn watch(&self, _directory: &Path, _changed: Box<dyn Fn(&str) + Send>) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct Unlocked;

impl DiskLock for Unlocked {}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    number: usize,
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        let (mut state, fault) = self.disk.call(true);
        let short = fault.is_some() || state.random.chance(8);
        let count = if short { state.random.below(bytes.len() as u64) as usize } else { bytes.len() };
        let count = if fault.is_none() { count.max(1) } else { count };
        // A disk that is full takes a part and says so, and fails when asked for the rest.
        let fails = fault == Some(Fault::Broken)
            || fault == Some(Fault::Full) && (count == 0 || state.random.chance(2));
        let count = if fails && fault == Some(Fault::Full) { 0 } else { count };
        if count > 0 {
            let written: Arc<[u8]> = bytes[..count].into();
            state.sequence += 1;
            let sequence = state.sequence;
            let write = Write::Bytes { position: position as usize, bytes: written };
            let file = &mut state.files[self.number];
            write.apply(&mut file.content);
            file.pending.push((sequence, write));
        }
        if fails { Err(error(fault.unwrap())) } else { Ok(count) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut state, fault) = self.disk.call(false);
        state.unless(fault)?;
        state.sequence += 1;
        let sequence = state.sequence;
        let write = Write::Len(len as usize);
        let file = &mut state.files[self.number];
        write.apply(&mut file.content);
        file.pending.push((sequence, write));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, fault) = self.disk.call(false);
        let mut random = Random(state.random.next());
        let file = &mut state.files[self.number];
        let pending = std::mem::take(&mut file.pending);
        match fault {
            None => file.durable.clone_from(&file.content),
            // The operating system counts it as written, and tells nobody again.
            Some(_) => {
                let mut durable = std::mem::take(&mut file.durable);
                pending.iter().for_each(|(_, write)| write.apply_part(&mut durable, &mut random, true));
                file.durable = durable;
            }
        }
        state.unless(fault)
    }
}
