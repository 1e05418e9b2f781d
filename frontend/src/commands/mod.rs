//! The subcommands of the `surus` program.

mod demo;
mod serve;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use types::Result;

use crate::server::Options;
use crate::server::socket_file::SocketOptions;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a data directory until SIGTERM or Ctrl-C.
    Serve(ServerArguments),
    /// Hold every stored thing against every other; no server may use the directory.
    Verify {
        /// Data directory.
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
    /// Make TPC-H, serve, load it over the wire, run the 22 queries; the server stays up.
    Demo {
        /// The server.
        #[command(flatten)]
        server: ServerArguments,
        /// Scale factor: 1 is about 1 GB of text.
        #[arg(long, value_name = "N", default_value_t = 1.0)]
        scale: f64,
    },
}

/// How to run a server.
#[derive(Debug, Clone, Args)]
pub struct ServerArguments {
    /// Data directory; made when there is none.
    #[arg(long, value_name = "DIR", default_value = "./surus-data")]
    pub data_dir: PathBuf,
    /// Address to listen on (loopback only).
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5433", value_parser = parse_listen)]
    pub listen: SocketAddr,
    /// Directories of Unix-domain sockets, with commas between them; empty for none.
    #[arg(long, value_name = "DIRS", default_value = "/tmp")]
    pub unix_socket_directories: String,
    /// Permissions of these sockets, as of files.
    #[arg(long, value_name = "MODE", default_value = "0777", value_parser = parse_permissions)]
    pub unix_socket_permissions: u32,
    /// Workers of a statement [default: one per CPU].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Memory for queries, such as 8GB [default: half of the machine's].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory_limit: Option<u64>,
}

impl ServerArguments {
    /// Returns the options of a server.
    pub fn options(&self) -> Options {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Options {
            data_dir: self.data_dir.clone(),
            listen: self.listen,
            sockets: SocketOptions {
                directories: self.unix_socket_directories.clone(),
                permissions: self.unix_socket_permissions,
            },
            threads: self.threads.map_or(cpus, usize::from),
            memory_bytes_max: self.memory_limit.unwrap_or_else(|| machine_memory_bytes() / 2),
        }
    }
}

/// Runs a subcommand.
///
/// # Errors
/// What ended it.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Verify { data_dir } => verify::run(&data_dir),
        Command::Demo { server, scale } => demo::run(&server, scale),
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    use std::net::ToSocketAddrs;
    let mut addresses = text.to_socket_addrs().map_err(|error| format!("{error} (expected HOST:PORT)"))?;
    addresses.next().ok_or_else(|| "the name has no address".to_owned())
}

/// Reads the permissions of a file in octal digits.
fn parse_permissions(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "expected octal digits from 0000 to 0777".to_owned())
}

/// Reads a size in bytes with an optional unit `kB`, `MB`, `GB`, `TB` (powers of 1024).
fn parse_size(text: &str) -> Result<u64, String> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 =
        text[..end].parse().map_err(|_| "expected a number with a unit, such as 8GB".to_owned())?;
    let shift = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        other => return Err(format!("unknown unit \"{other}\"")),
    };
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or_else(|| "out of range".to_owned())
}

/// Returns the machine's memory as Linux tells it.
fn machine_memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.map_or(4 << 30, |kilobytes| kilobytes << 10)
}
