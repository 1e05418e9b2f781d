//! Where a session's thread runs, and how it waits, while a client on the same machine asks one small question after the
//! other.
//!
//! Such a client waits while the server works, and the server while the client does; that a message wakes a thread on
//! another processor costs more than many a statement. With more sessions than every other processor has, a session's
//! thread runs where its client does, and the two take turns by switching. With fewer there are processors to spare:
//! the thread looks for the next message some microseconds long before it sleeps. Only statements of the short path
//! count as small, and the first other one ends it.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use storage::processors;

use super::socket::Socket;

/// A tuning constant: small statements in a row after which the client's processor is looked up, each time.
const STATEMENTS: u32 = 64;
/// A tuning constant: how long a thread looks for a message. A client on the same machine needs less to send one.
const LOOK: Duration = Duration::from_micros(40);

/// Connections on which clients of this machine ask small questions.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// See the module.
#[derive(Debug)]
pub struct Placement {
    /// Where the client is.
    client: Client,
    /// Small statements since the last look or the last other statement.
    small: u32,
    /// Whether the connection counts among those with small questions.
    busy: bool,
    /// The processor on which the thread is kept.
    kept_on: Option<u32>,
    /// Whether the next message is looked for.
    looks: Arc<AtomicBool>,
}

/// A client, as far as its processor can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// On another machine, or not to be seen.
    Elsewhere,
    /// On this machine, behind a TCP connection, which knows from where it got its latest message.
    Loopback,
    /// The process at the other end of a Unix-domain socket.
    Process(i32),
}

impl Client {
    fn of(stream: &Socket) -> Self {
        match stream {
            Socket::Tcp(stream) if stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) => {
                Self::Loopback
            }
            Socket::Tcp(_) => Self::Elsewhere,
            Socket::Unix(stream) => match rustix::net::sockopt::socket_peercred(stream) {
                Ok(client) => Self::Process(client.pid.as_raw_pid()),
                Err(_) => Self::Elsewhere,
            },
        }
    }

    /// Returns the processor that the client has sent its latest message from.
    fn processor(self, stream: &Socket) -> Option<u32> {
        match self {
            Self::Elsewhere => None,
            // On a loopback connection that is where the client has sent from.
            Self::Loopback => rustix::net::sockopt::socket_incoming_cpu(stream).ok(),
            Self::Process(process) => {
                processor_of(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
            }
        }
    }
}

/// Reads the processor that a process was last on out of `/proc/PID/stat`; of one with several threads nobody knows which
/// of them has sent the message.
fn processor_of(stat: &str) -> Option<u32> {
    // The second field is the program's name in parentheses, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let (threads, processor) = (fields.get(17)?, fields.get(36)?);
    if *threads == "1" { processor.parse().ok() } else { None }
}

impl Placement {
    /// Returns the placement of a new connection's thread.
    pub fn new(stream: &Socket, looks: Arc<AtomicBool>) -> Self {
        Self { client: Client::of(stream), small: 0, busy: false, kept_on: None, looks }
    }

    /// Notes a small statement.
    pub fn small_statement(&mut self, stream: &Socket) {
        self.small += 1;
        if self.small < STATEMENTS || self.client == Client::Elsewhere {
            return;
        }
        self.small = 0;
        if !self.busy {
            self.busy = true;
            BUSY.fetch_add(1, Ordering::Relaxed);
        }
        let spare = BUSY.load(Ordering::Relaxed) * 2 <= processors::count();
        self.looks.store(spare, Ordering::Relaxed);
        if spare {
            self.release();
        } else if let Some(processor) = self.client.processor(stream)
            && self.kept_on != Some(processor)
            && processors::keep_thread_on(processor as usize)
        {
            self.kept_on = Some(processor);
        }
    }

    /// Notes that another statement begins.
    pub fn other_statement(&mut self) {
        self.small = 0;
        self.release();
        if self.busy {
            self.busy = false;
            BUSY.fetch_sub(1, Ordering::Relaxed);
            self.looks.store(false, Ordering::Relaxed);
        }
    }

    fn release(&mut self) {
        if self.kept_on.take().is_some() {
            processors::release_thread();
        }
    }
}

impl Drop for Placement {
    fn drop(&mut self) {
        self.other_statement();
    }
}

/// A stream that is looked at for a while before the thread sleeps until something comes.
#[derive(Debug)]
pub struct LookingStream {
    stream: Socket,
    looks: Arc<AtomicBool>,
}

impl LookingStream {
    /// Reads from `stream`; looks while `looks` is set.
    pub fn new(stream: Socket, looks: Arc<AtomicBool>) -> Self {
        Self { stream, looks }
    }
}

impl Read for LookingStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.looks.load(Ordering::Relaxed) {
            let begun = Instant::now();
            loop {
                match recv(&self.stream, &mut *buffer, RecvFlags::DONTWAIT) {
                    Ok((read, _)) => return Ok(read),
                    Err(Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
                if begun.elapsed() > LOOK {
                    break;
                }
                std::hint::spin_loop();
            }
        }
        self.stream.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::processor_of;

    #[test]
    fn processors_are_read_after_the_name() {
        let stat = |threads: u32| {
            format!(
                "12 (a) b) S 7 12 12 0 -1 4194304 1 2 0 0 10 20 3 4 20 0 {threads} 0 500 6 7 8 9 10 11 12 13 14 15 16 \
                 17 18 19 20 17 1 0 0 0"
            )
        };
        assert_eq!(processor_of(&stat(1)), Some(1));
        assert_eq!(processor_of(&stat(4)), None);
        assert_eq!(processor_of("12 (a"), None);
    }
}
