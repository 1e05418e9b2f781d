//! The processor time and the memory of a server on this machine, from the operating system's accounting.
//!
//! The server is the process that listens on a port, and all its descendants: PostgreSQL has a process for each
//! connection, Surus threads of one process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::direct::Address;

/// What `/proc/*/stat` counts in; the same on every Linux that matters.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerProcess(u32);

/// What a process and those that it waited for have used.
struct Used {
    parent: u32,
    ticks: u64,
}

impl ServerProcess {
    /// Names the server's first process.
    pub fn with_id(id: u32) -> Self {
        ServerProcess(id)
    }

    /// Finds the process that listens on a port of this machine; `None` when it is elsewhere or not ours to see.
    pub fn listening_on(port: u16) -> Option<Self> {
        let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok())
            .flat_map(|text| listening_sockets(&text, port))
            .collect();
        Self::holding(sockets)
    }

    /// Finds the process that listens at an address of this machine; `None` when it is elsewhere or not ours to see.
    pub fn listening_at(address: &Address) -> Option<Self> {
        match address {
            Address::Tcp(_, port) => Self::listening_on(*port),
            Address::Unix(path, _) => {
                Self::holding(listening_files(&fs::read_to_string("/proc/net/unix").ok()?, path))
            }
        }
    }

    /// Finds the first process that holds one of the sockets with these inodes.
    fn holding(inodes: Vec<String>) -> Option<Self> {
        let sockets: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
        let mut holders: Vec<u32> =
            process_ids().filter(|id| open_files(*id).any(|file| sockets.contains(&file))).collect();
        holders.sort_unstable();
        holders.first().copied().map(ServerProcess)
    }

    /// Returns the process id.
    pub fn id(self) -> u32 {
        self.0
    }

    /// Returns the bytes of memory that belong to the server alone or that its processes share, without mapped files.
    pub fn memory(self) -> u64 {
        let kilobytes: u64 = self.family().into_iter().filter_map(|(id, _)| memory_kilobytes(id)).sum();
        kilobytes * 1024
    }

    /// Returns the bytes of mapped files that are in memory.
    pub fn mapped(self) -> u64 {
        let kilobytes = |id| rollup_kilobytes(id, &["Pss_File:"]);
        self.family().into_iter().filter_map(|(id, _)| kilobytes(id)).sum::<u64>() * 1024
    }

    /// Returns the server's processes.
    fn family(self) -> Vec<(u32, Used)> {
        let all: BTreeMap<u32, Used> = process_ids().filter_map(|id| Some((id, used(id)?))).collect();
        let belongs = |id: u32| {
            let mut id = id;
            while id != self.0 {
                match all.get(&id) {
                    Some(process) if process.parent != 0 => id = process.parent,
                    _ => return false,
                }
            }
            true
        };
        let members: Vec<u32> = all.keys().copied().filter(|&id| belongs(id)).collect();
        all.into_iter().filter(|(id, _)| members.contains(id)).collect()
    }

    /// Returns the processor time that the server has used since it started.
    pub fn time(self) -> Duration {
        let ticks: u64 = self.family().iter().map(|(_, used)| used.ticks).sum();
        Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
    }
}

/// Returns the inodes of the sockets of `/proc/net/tcp` that listen on a port.
fn listening_sockets(text: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    let mut inodes = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, local, _, LISTEN, _, _, _, _, _, inode, ..] = fields[..]
            && local.ends_with(&suffix)
        {
            inodes.push(inode.to_string());
        }
    }
    inodes
}

/// Returns the inodes of the sockets of `/proc/net/unix` that listen on a socket file.
fn listening_files(text: &str, path: &Path) -> Vec<String> {
    const LISTENS: &str = "00010000";
    let mut inodes = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, _, LISTENS, _, _, inode, ref name @ ..] = fields[..]
            && Path::new(&name.join(" ")) == path
        {
            inodes.push(inode.to_string());
        }
    }
    inodes
}

fn process_ids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn open_files(id: u32) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
}

fn used(id: u32) -> Option<Used> {
    parse_stat(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Sums up the anonymous and the shared memory of `/proc/PID/smaps_rollup`; shared pages count once over all
/// processes.
fn memory_kilobytes(id: u32) -> Option<u64> {
    rollup_kilobytes(id, &["Pss_Anon:", "Pss_Shmem:"])
}

/// Sums up fields of `/proc/PID/smaps_rollup`.
fn rollup_kilobytes(id: u32, names: &[&str]) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let fields = text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    Some(fields.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum())
}

/// Reads the parent, and utime, stime, cutime and cstime of `/proc/PID/stat`.
fn parse_stat(text: &str) -> Option<Used> {
    // The second field is the program's name in parentheses, which may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Some(Used { parent: fields.get(1)?.parse().ok()?, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_are_read_after_the_name() {
        let used = parse_stat("12 (a) b) S 7 12 12 0 -1 4194304 100 200 0 0 10 20 3 4 20 0 1 0 500").unwrap();
        assert_eq!((used.parent, used.ticks), (7, 37));
    }

    #[test]
    fn a_listening_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = ServerProcess::listening_on(port).unwrap();
        assert_eq!(found.id(), std::process::id());
        let path = std::env::temp_dir().join(format!("surus-cpu-{}", std::process::id()));
        let file = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let found_by_file = ServerProcess::listening_at(&Address::Unix(path.clone(), 0)).unwrap();
        assert_eq!(found_by_file.id(), std::process::id());
        drop(file);
        std::fs::remove_file(path).unwrap();
        let before = found.time();
        let mut sum = 0_u64;
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(found.time() > before);
        assert!(found.memory() > 100_000);
    }
}
