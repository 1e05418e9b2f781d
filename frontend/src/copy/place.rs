//! Where the data of a COPY comes from and goes to: the client, a file of the server, a program.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use types::{PgError, Result, SqlState};

use crate::server::connection::Client;
use crate::server::messages::{CopyStep, ReadError, protocol_violation};
use crate::server::output::Output;

/// Bytes that are read from a file at once; a tuning constant.
const READ_BYTES: u64 = 256 * 1024;
/// Bytes that are read from a program at once: a pipe's capacity.
const PIPE_BYTES: usize = 64 * 1024;
/// How long a program may keep a COPY from looking at its cancel flag.
const POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// What a file may be opened with, as PostgreSQL's umask leaves it.
const FILE_MODE: u32 = 0o644;

/// What COPY FROM reads.
pub enum Input<'a> {
    /// The client's messages.
    Client(&'a mut Client),
    /// A file of the server.
    File(File, String),
    /// The output of a program.
    Program(Box<Child>, ChildStdout, String),
}

impl Input<'_> {
    /// Opens what the statement names.
    ///
    /// # Errors
    /// PostgreSQL's for files that cannot be opened.
    pub fn open(name: &str, is_program: bool, directory: &Path) -> Result<Self> {
        if is_program {
            let mut child =
                shell(name).stdout(Stdio::piped()).spawn().map_err(|error| execute_error(name, &error))?;
            let output = child.stdout.take().ok_or_else(|| PgError::internal("a program without output"))?;
            return Ok(Self::Program(Box::new(child), output, name.to_owned()));
        }
        let file = File::open(directory.join(name)).map_err(|error| open_error(name, "reading", &error))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is a directory")));
        }
        Ok(Self::File(file, name.to_owned()))
    }

    /// Reads one piece of the data.
    ///
    /// # Errors
    /// A lost connection, a read error, a program that fails.
    pub fn step(&mut self, pending: &mut Vec<u8>) -> Result<CopyStep> {
        let (read, name) = match self {
            Input::Client(client) => {
                return client.input.copy_step(pending).map_err(|error| match error {
                    ReadError::Closed => PgError::new(
                        SqlState::CONNECTION_FAILURE,
                        "unexpected EOF on client connection with an open transaction",
                    ),
                    ReadError::Fatal(error) => protocol_violation(error.fields().message.clone()),
                });
            }
            Input::File(file, name) => (file.take(READ_BYTES).read_to_end(pending), name),
            Input::Program(_, output, name) => {
                let mut polled = [PollFd::new(output, PollFlags::IN | PollFlags::HUP)];
                if let Ok(0) = poll(&mut polled, Some(&POLL)) {
                    return Ok(CopyStep::Ignored);
                }
                (read_some(output, pending), name)
            }
        };
        match read {
            Ok(0) => Ok(CopyStep::Done),
            Ok(_) => Ok(CopyStep::Data),
            Err(error) => Err(file_error(format!("could not read from file \"{name}\""), &error)),
        }
    }

    /// Ends the input, after the last row.
    ///
    /// # Errors
    /// A program that fails.
    pub fn finish(&mut self) -> Result<()> {
        match self {
            Input::Client(_) | Input::File(..) => Ok(()),
            Input::Program(child, _, name) => check_exit(name, child.wait()),
        }
    }
}

/// Reads what there is without waiting for more.
fn read_some(input: &mut ChildStdout, pending: &mut Vec<u8>) -> std::io::Result<usize> {
    let start = pending.len();
    pending.resize(start + PIPE_BYTES, 0);
    let read = input.read(&mut pending[start..]);
    pending.truncate(start + read.as_ref().copied().unwrap_or_default());
    read
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if let Input::Program(child, ..) = self {
            // A COPY that ended early leaves the program to the end of its pipe; one that has ended is only reaped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What COPY TO writes to.
pub enum Target<'a> {
    /// Messages to the client.
    Client(&'a mut Output),
    /// A file of the server.
    File(File),
    /// The input of a program.
    Program(Box<Child>, Option<ChildStdin>, String),
}

impl Target<'_> {
    /// Opens what the statement names.
    ///
    /// # Errors
    /// PostgreSQL's for files that cannot be opened.
    pub fn open(name: &str, is_program: bool) -> Result<Self> {
        if is_program {
            let mut child =
                shell(name).stdin(Stdio::piped()).spawn().map_err(|error| execute_error(name, &error))?;
            let input = child.stdin.take();
            return Ok(Self::Program(Box::new(child), input, name.to_owned()));
        }
        if !name.starts_with('/') {
            return Err(PgError::new(SqlState::INVALID_NAME, "relative path not allowed for COPY to file"));
        }
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(FILE_MODE);
        match options.open(name) {
            Ok(file) => Ok(Self::File(file)),
            Err(error) => Err(open_error(name, "writing", &error)),
        }
    }

    /// Whether rows are messages.
    pub fn is_framed(&self) -> bool {
        matches!(self, Target::Client(_))
    }

    /// Writes a piece of the data.
    ///
    /// # Errors
    /// `53100` when the disk is full, others of the file system; a program that reads no more.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Target::Client(output) => {
                output.append(bytes);
                Ok(())
            }
            Target::File(file) => file
                .write_all(bytes)
                .map_err(|error| file_error("could not write to COPY file".to_owned(), &error)),
            Target::Program(child, input, name) => match input.as_mut().map(|input| input.write_all(bytes)) {
                Some(Err(error)) => {
                    *input = None;
                    check_exit(name, child.wait())?;
                    Err(file_error("could not write to COPY program".to_owned(), &error))
                }
                Some(Ok(())) | None => Ok(()),
            },
        }
    }

    /// Ends the data.
    ///
    /// # Errors
    /// A program that fails.
    pub fn finish(&mut self) -> Result<()> {
        match self {
            Target::Client(_) | Target::File(_) => Ok(()),
            Target::Program(child, input, name) => {
                *input = None;
                check_exit(name, child.wait())
            }
        }
    }

    /// Whether nobody reads any more.
    pub fn is_broken(&self) -> bool {
        match self {
            Target::Client(output) => output.is_broken(),
            Target::File(_) | Target::Program(..) => false,
        }
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        if let Target::Program(child, input, _) = self {
            *input = None;
            let _ = child.wait();
        }
    }
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null());
    shell
}

fn execute_error(command: &str, error: &std::io::Error) -> PgError {
    file_error(format!("could not execute command \"{command}\""), error)
}

fn open_error(name: &str, purpose: &str, error: &std::io::Error) -> PgError {
    let refused = file_error(format!("could not open file \"{name}\" for {purpose}"), error);
    let does = match purpose {
        "reading" => "COPY FROM instructs the PostgreSQL server process to read a file",
        _ => "COPY TO instructs the PostgreSQL server process to write a file",
    };
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied => {
            refused.with_hint(format!("{does}. You may want a client-side facility such as psql's \\copy."))
        }
        _ => refused,
    }
}

/// Returns the error for a call that failed; SQLSTATEs as `errcode_for_file_access` gives them.
fn file_error(what: String, error: &std::io::Error) -> PgError {
    let (sqlstate, reason) = match error.kind() {
        ErrorKind::NotFound => (SqlState::UNDEFINED_FILE, "No such file or directory".to_owned()),
        ErrorKind::PermissionDenied => (SqlState::INSUFFICIENT_PRIVILEGE, "Permission denied".to_owned()),
        ErrorKind::IsADirectory => (SqlState::WRONG_OBJECT_TYPE, "Is a directory".to_owned()),
        ErrorKind::NotADirectory => (SqlState::WRONG_OBJECT_TYPE, "Not a directory".to_owned()),
        ErrorKind::StorageFull => (SqlState::DISK_FULL, "No space left on device".to_owned()),
        _ => {
            let text = error.to_string();
            (SqlState::IO_ERROR, text.split(" (os error").next().unwrap_or_default().to_owned())
        }
    };
    PgError::new(sqlstate, format!("{what}: {reason}"))
}

/// Refuses the end of a program that failed, with the words of `wait_result_to_str`.
fn check_exit(command: &str, status: std::io::Result<ExitStatus>) -> Result<()> {
    let status = status.map_err(|error| file_error("could not wait for child process".to_owned(), &error))?;
    let detail = match (status.code(), status.signal()) {
        (Some(0), _) => return Ok(()),
        (Some(126), _) => "command not executable".to_owned(),
        (Some(127), _) => "command not found".to_owned(),
        (Some(code), _) => format!("child process exited with exit code {code}"),
        (None, signal) => format!("child process was terminated by signal {}", signal.unwrap_or_default()),
    };
    let failed = PgError::new(SqlState::EXTERNAL_ROUTINE_EXCEPTION, format!("program \"{command}\" failed"));
    Err(failed.with_detail(detail))
}
