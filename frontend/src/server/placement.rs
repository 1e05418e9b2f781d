//! Where a session's thread runs, and how it waits, while a client on the same machine asks one small question after the
//! other.
//!
//! Such a client waits while the server works, and the server while the client does; that a message wakes a thread on
//! another processor costs more than many a statement. With more sessions than every other processor has, a session's
//! thread runs where its client does, and the two take turns by switching. With fewer there are processors to spare:
//! the thread looks for the next message some microseconds long before it sleeps. Only statements of the short path
//! count as small, and the first other one ends it.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use storage::processors;

/// A tuning constant: small statements in a row after which the client's processor is looked up, each time.
const STATEMENTS: u32 = 64;
/// A tuning constant: how long a thread looks for a message. A client on the same machine needs less to send one.
const LOOK: Duration = Duration::from_micros(40);

/// Connections on which clients of this machine ask small questions.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// See the module.
#[derive(Debug)]
pub struct Placement {
    /// Whether client and server are on the same machine.
    same_machine: bool,
    /// Small statements since the last look or the last other statement.
    small: u32,
    /// Whether the connection counts among those with small questions.
    busy: bool,
    /// The processor on which the thread is kept.
    kept_on: Option<u32>,
    /// Whether the next message is looked for.
    looks: Arc<AtomicBool>,
}

impl Placement {
    /// Returns the placement of a new connection's thread.
    pub fn new(stream: &TcpStream, looks: Arc<AtomicBool>) -> Self {
        let same_machine = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
        Self { same_machine, small: 0, busy: false, kept_on: None, looks }
    }

    /// Notes a small statement.
    pub fn small_statement(&mut self, stream: &TcpStream) {
        self.small += 1;
        if self.small < STATEMENTS || !self.same_machine {
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
        } else if let Ok(processor) = rustix::net::sockopt::socket_incoming_cpu(stream)
            // On a loopback connection that is where the client has sent from.
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
    stream: TcpStream,
    looks: Arc<AtomicBool>,
}

impl LookingStream {
    /// Reads from `stream`; looks while `looks` is set.
    pub fn new(stream: TcpStream, looks: Arc<AtomicBool>) -> Self {
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
