//! Sockets of the Unix domain: `.s.PGSQL.5432` in each of `unix_socket_directories`, where libpq looks for it.
//!
//! Beside each lies a lock file, as PostgreSQL has it and in its form, so that neither program takes the other's socket:
//! it holds the process id, the data directory, the time of the start, the port and the socket's directory, a line each.
//! A lock file is stale when no process of this user has the id in it; then both files are replaced. A directory that
//! begins with `@` means a socket in Linux's abstract namespace, which needs neither file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use types::errors::server as errors;
use types::{PgError, Result};

/// How often the files are touched, so that no cleaner of temporary files takes them for old ones.
pub const TOUCH_INTERVAL: Duration = Duration::from_secs(58 * 60);
/// The longest path of a socket, without the zero at its end: `sun_path` of the operating system.
const PATH_BYTES_MAX: usize = 107;
/// How often a lock file is tried to be made while others make and remove it.
const ATTEMPTS_MAX: usize = 100;

/// Which socket files a server makes.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    /// `unix_socket_directories`: a list with commas, empty for none.
    pub directories: String,
    /// `unix_socket_permissions`
    pub permissions: u32,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { directories: "/tmp".to_owned(), permissions: 0o777 }
    }
}

/// A socket file with its lock file, removed when dropped.
#[derive(Debug)]
pub struct SocketFile {
    socket: PathBuf,
    _lock: Option<LockFile>,
}

/// A lock file, removed when dropped.
#[derive(Debug)]
struct LockFile(PathBuf);

impl SocketFile {
    /// Touches the files.
    pub fn touch(&self) {
        let lock = self._lock.as_ref().map(|lock| lock.0.as_path());
        for path in [Some(self.socket.as_path()), lock].into_iter().flatten() {
            let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
            let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
            // Whoever has removed a file knows why.
            let _ = rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty());
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self._lock.is_some() {
            let _ = fs::remove_file(&self.socket);
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes the sockets of a server on `port`, and tells of those that could not be made.
///
/// # Errors
/// When another server has one of them, and when none could be made.
pub fn listen(
    options: &SocketOptions,
    port: u16,
    data_dir: &Path,
) -> Result<(Vec<(SocketFile, UnixListener)>, Vec<PgError>)> {
    let directories = split_directories(&options.directories)
        .ok_or_else(|| errors::invalid_list_syntax("unix_socket_directories"))?;
    let mut made = Vec::new();
    let mut failures = Vec::new();
    for directory in &directories {
        match listen_in(directory, options.permissions, port, data_dir)? {
            Ok(socket) => made.push(socket),
            Err(failure) => failures.push(failure),
        }
    }
    if made.is_empty()
        && let Some(failure) = failures.pop()
    {
        let fields = failure.fields();
        return Err(errors::no_unix_sockets().with_detail(fields.message.clone()));
    }
    Ok((made, failures))
}

/// Makes one socket. The inner error leaves the server with its other sockets.
fn listen_in(
    directory: &str,
    permissions: u32,
    port: u16,
    data_dir: &Path,
) -> Result<Result<(SocketFile, UnixListener)>> {
    let path = format!("{directory}/.s.PGSQL.{port}");
    if path.len() > PATH_BYTES_MAX {
        return Ok(Err(errors::socket_path_too_long(&path, PATH_BYTES_MAX)));
    }
    if let Some(name) = path.strip_prefix('@') {
        let bound = SocketAddr::from_abstract_name(name.as_bytes())
            .and_then(|address| UnixListener::bind_addr(&address));
        let bound = bound.map_err(|error| errors::socket_not_bound(&path, port, &error));
        return Ok(bound.map(|listener| (SocketFile { socket: PathBuf::from(&path), _lock: None }, listener)));
    }
    let lock = lock(&path, directory, port, data_dir)?;
    // With the lock ours, a file at the socket's place is one that a killed server has left.
    let _ = fs::remove_file(&path);
    let listener = match UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => return Ok(Err(errors::socket_not_bound(&path, port, &error))),
    };
    let file = SocketFile { socket: PathBuf::from(&path), _lock: Some(lock) };
    Ok(match fs::set_permissions(&path, fs::Permissions::from_mode(permissions)) {
        Ok(()) => Ok((file, listener)),
        Err(error) => Err(errors::permissions_not_set(&path, &error)),
    })
}

/// Makes the lock file of a socket, in place of a stale one.
fn lock(socket: &str, directory: &str, port: u16, data_dir: &Path) -> Result<LockFile> {
    let path = format!("{socket}.lock");
    let mut attempts = 0;
    let file = loop {
        attempts += 1;
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(file) => break file,
            Err(error)
                if attempts < ATTEMPTS_MAX
                    && matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(errors::lock_file_failed("create", &path, &error)),
        }
        remove_stale(&path, socket)?;
    };
    let lock = LockFile(PathBuf::from(&path));
    write_lock(file, directory, port, data_dir)
        .map_err(|error| errors::lock_file_failed("write", &path, &error))?;
    Ok(lock)
}

/// Removes a lock file whose holder is gone.
///
/// # Errors
/// When it is not.
fn remove_stale(path: &str, socket: &str) -> Result<()> {
    let content = match fs::read_to_string(path) {
        Ok(content) => content,
        // Somebody has removed it in the meantime.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(errors::lock_file_failed("open", path, &error)),
    };
    if content.is_empty() {
        return Err(errors::lock_file_empty(path));
    }
    let holder = content.lines().next().and_then(|line| line.trim().parse::<i64>().ok()).unwrap_or(0);
    let Some(process) = u32::try_from(holder.abs()).ok().filter(|process| *process > 0) else {
        return Err(errors::lock_file_bogus(path, &content));
    };
    // A server in a container that was started anew may find its own number.
    let ours = process == std::process::id() || process == std::os::unix::process::parent_id();
    if !ours && is_alive(process) {
        return Err(errors::socket_lock_exists(path, holder, socket));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(errors::lock_file_stays(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says whether a process runs that could be a server of this user; nobody else's may write where this user's does.
fn is_alive(process: u32) -> bool {
    let Ok(owner) = fs::metadata(format!("/proc/{process}")).map(|process| process.uid()) else {
        return false;
    };
    let this = fs::metadata("/proc/self").map(|process| process.uid());
    this.is_ok_and(|this| this == 0 || this == owner)
}

fn write_lock(mut file: File, directory: &str, port: u16, data_dir: &Path) -> io::Result<()> {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let data_dir = fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let mut content = format!("{}\n", std::process::id()).into_bytes();
    content.extend_from_slice(data_dir.as_os_str().as_bytes());
    content.extend_from_slice(format!("\n{started}\n{port}\n{directory}\n").as_bytes());
    file.write_all(&content)?;
    file.sync_all()
}

/// Splits a list of directories as PostgreSQL's `SplitDirectoriesString` does: names between commas, with blanks around
/// them dropped and quotes around them resolved. `None` when the list is malformed.
fn split_directories(list: &str) -> Option<Vec<String>> {
    let mut rest = list.trim_ascii();
    let mut directories = Vec::new();
    if rest.is_empty() {
        return Some(directories);
    }
    loop {
        let name = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (name, after) = unquote(quoted)?;
                rest = after.trim_ascii_start();
                name
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                rest = after;
                let name = name.trim_ascii_end();
                (!name.is_empty()).then(|| name.to_owned())?
            }
        };
        directories.push(canonical(&name));
        if rest.is_empty() {
            return Some(directories);
        }
        rest = rest.strip_prefix(',')?.trim_ascii_start();
    }
}

/// Reads up to the closing quote; two quotes mean one. Returns the rest, too.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

/// Returns a directory without what its name does not need.
fn canonical(name: &str) -> String {
    if name.starts_with('@') {
        return name.trim_end_matches('/').to_owned();
    }
    Path::new(name).components().collect::<PathBuf>().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(test: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("surus-socket-{test}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    fn options(directory: &Path) -> SocketOptions {
        SocketOptions { directories: directory.display().to_string(), permissions: 0o700 }
    }

    #[test]
    fn lists_are_split_as_postgresql_does() {
        let split = |list| split_directories(list).map(|list| list.join("|"));
        assert_eq!(split(""), Some(String::new()));
        assert_eq!(split("/tmp"), Some("/tmp".to_owned()));
        assert_eq!(split(" /tmp/ , \"/var/a \"\"b\"\",\" ,@x "), Some("/tmp|/var/a \"b\",|@x".to_owned()));
        assert_eq!(split("/tmp,"), None);
        assert_eq!(split("/tmp,,/var"), None);
        assert_eq!(split("\"/tmp"), None);
    }

    #[test]
    fn files_are_made_and_removed() {
        let directory = directory("made");
        let (sockets, failures) = listen(&options(&directory), 5999, Path::new("/")).unwrap();
        assert!(failures.is_empty());
        let lock = fs::read_to_string(directory.join(".s.PGSQL.5999.lock")).unwrap();
        let lines: Vec<&str> = lock.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!((lines[0], lines[1]), (std::process::id().to_string().as_str(), "/"));
        assert_eq!((lines[3], lines[4]), ("5999", directory.display().to_string().as_str()));
        let mode = fs::metadata(directory.join(".s.PGSQL.5999")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(sockets);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir(&directory).unwrap();
    }

    #[test]
    fn stale_files_are_replaced_and_others_kept() {
        let directory = directory("stale");
        let lock = directory.join(".s.PGSQL.5998.lock");
        fs::write(&lock, "999999999\n/\n0\n5998\n").unwrap();
        fs::write(directory.join(".s.PGSQL.5998"), "").unwrap();
        drop(listen(&options(&directory), 5998, Path::new("/")).unwrap());
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        for (content, message) in [
            (format!("{}\n/\n", other.id()), "already exists"),
            (String::new(), "is empty"),
            ("x\n".to_owned(), "bogus data in lock file"),
        ] {
            fs::write(&lock, content).unwrap();
            let error = listen(&options(&directory), 5998, Path::new("/")).unwrap_err();
            assert!(error.fields().message.contains(message), "{}", error.fields().message);
        }
        other.kill().unwrap();
        other.wait().unwrap();
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_directory_that_is_missing_leaves_the_others() {
        let directory = directory("missing");
        let long = "x".repeat(120);
        let options =
            SocketOptions { directories: format!("{},/{long}", directory.display()), permissions: 0o777 };
        let (sockets, failures) = listen(&options, 5997, Path::new("/")).unwrap();
        assert_eq!((sockets.len(), failures.len()), (1, 1));
        drop(sockets);
        fs::remove_dir(&directory).unwrap();
    }
}
