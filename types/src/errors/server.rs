//! Errors of a server that comes up.

use super::{PgError, SqlState};

/// `lock file "/tmp/.s.PGSQL.5432.lock" already exists`
pub fn socket_lock_exists(lock_file: &str, holder: i64, socket: &str) -> PgError {
    let program = if holder < 0 { "postgres" } else { "postmaster" };
    PgError::new(SqlState::LOCK_FILE_EXISTS, format!("lock file \"{lock_file}\" already exists"))
        .with_hint(format!("Is another {program} (PID {}) using socket file \"{socket}\"?", holder.abs()))
}
/// `lock file "/tmp/.s.PGSQL.5432.lock" is empty`
pub fn lock_file_empty(lock_file: &str) -> PgError {
    PgError::new(SqlState::LOCK_FILE_EXISTS, format!("lock file \"{lock_file}\" is empty")).with_hint(
        "Either another server is starting, or the lock file is the remnant of a previous server startup crash.",
    )
}
/// `bogus data in lock file "/tmp/.s.PGSQL.5432.lock": "x"`
pub fn lock_file_bogus(lock_file: &str, content: &str) -> PgError {
    PgError::new(SqlState::INTERNAL_ERROR, format!("bogus data in lock file \"{lock_file}\": \"{content}\""))
}
/// `could not create lock file "/tmp/.s.PGSQL.5432.lock": Permission denied`; `action` is what was not possible.
pub fn lock_file_failed(action: &str, lock_file: &str, error: &std::io::Error) -> PgError {
    PgError::new(
        SqlState::SYSTEM_ERROR,
        format!("could not {action} lock file \"{lock_file}\": {}", reason(error)),
    )
}
/// `could not remove old lock file "/tmp/.s.PGSQL.5432.lock": Operation not permitted`
pub fn lock_file_stays(lock_file: &str, error: &std::io::Error) -> PgError {
    lock_file_failed("remove old", lock_file, error).with_hint(
        "The file seems accidentally left over, but it could not be removed. Please remove the file by hand and try again.",
    )
}
/// `Unix-domain socket path "..." is too long (maximum 107 bytes)`
pub fn socket_path_too_long(path: &str, bytes_max: usize) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("Unix-domain socket path \"{path}\" is too long (maximum {bytes_max} bytes)"),
    )
}
/// `could not bind Unix address "/tmp/.s.PGSQL.5432": No such file or directory`
pub fn socket_not_bound(path: &str, port: u16, error: &std::io::Error) -> PgError {
    let failed = PgError::new(
        SqlState::SYSTEM_ERROR,
        format!("could not bind Unix address \"{path}\": {}", reason(error)),
    );
    if error.kind() == std::io::ErrorKind::AddrInUse {
        failed.with_hint(format!("Is another postmaster already running on port {port}?"))
    } else {
        failed
    }
}
/// `could not set permissions of file "/tmp/.s.PGSQL.5432": Operation not permitted`
pub fn permissions_not_set(path: &str, error: &std::io::Error) -> PgError {
    PgError::new(
        SqlState::SYSTEM_ERROR,
        format!("could not set permissions of file \"{path}\": {}", reason(error)),
    )
}
/// `could not create any Unix-domain sockets`
pub fn no_unix_sockets() -> PgError {
    PgError::new(SqlState::SYSTEM_ERROR, "could not create any Unix-domain sockets")
}
/// `invalid list syntax in parameter "unix_socket_directories"`
pub fn invalid_list_syntax(parameter: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid list syntax in parameter \"{parameter}\""),
    )
}

/// Returns the operating system's words without the number that Rust appends.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
