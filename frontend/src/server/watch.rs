//! The watcher: one thread that stops statements which have run out of time or memory, or whose client is gone.
//!
//! Sessions read their sockets themselves, so nobody looks at a socket while its session computes. The watcher polls the
//! sockets of sessions that have been busy for a while for a hang-up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::backends::{Backend, Expiry};
use super::relief::Relief;
use super::socket::Socket;
use crate::session::engine::Engine;

/// Pause between two rounds: how late a statement timeout may fire.
const ROUND: Duration = Duration::from_millis(5);
/// A client's absence is looked for every so many rounds.
const ROUNDS_PER_POLL: u32 = 20;

/// Watches until the server stops.
pub fn run(engine: &Engine) {
    let mut round = 0u32;
    let mut hung_up = Vec::new();
    let mut relief = Relief::default();
    while !engine.is_stopping() {
        std::thread::sleep(ROUND);
        round = round.wrapping_add(1);
        let now = Instant::now();
        let busy: Vec<Arc<Backend>> = engine
            .backends
            .list()
            .into_iter()
            .filter(|backend| {
                let mut activity = backend.activity.lock();
                if activity.deadline.is_some_and(|deadline| deadline <= now) {
                    activity.deadline = None;
                    backend.cancel.time_out();
                }
                let idle = activity.idle_deadline.filter(|(deadline, _)| *deadline <= now);
                let in_transaction = activity.transaction_deadline.filter(|deadline| *deadline <= now);
                let expired = idle.map(|(_, expiry)| expiry).or(in_transaction.map(|_| Expiry::Transaction));
                if expired.is_some() && activity.expired.is_none() {
                    activity.expired = expired;
                    end(backend);
                }
                activity.busy_since.is_some()
            })
            .collect();
        relief.look(engine, &busy, now);
        if round.is_multiple_of(ROUNDS_PER_POLL) {
            hung_up = stop_abandoned(&busy, &hung_up);
        }
    }
}

/// Ends a session: its statement stops, and it reads no further message.
fn end(backend: &Backend) {
    backend.cancel.terminate();
    if let Some(stream) = &backend.stream {
        stream.stop_reading();
    }
}

/// Stops the statements of sessions whose client had hung up before the last poll already, and returns the sessions
/// whose client has. A session whose client has left something to do is not abandoned: it gets to the end by itself.
fn stop_abandoned(busy: &[Arc<Backend>], before: &[Arc<Backend>]) -> Vec<Arc<Backend>> {
    let mut hung_up = Vec::new();
    let (backends, mut polled): (Vec<_>, Vec<_>) = busy
        .iter()
        .filter_map(|backend| {
            let stream = backend.stream.as_ref()?;
            Some((backend, PollFd::new(stream, PollFlags::RDHUP)))
        })
        .unzip();
    if polled.is_empty() || poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() {
        return hung_up;
    }
    for (backend, polled) in backends.iter().zip(&polled) {
        let gone = polled.revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR);
        if gone && !backend.stream.as_ref().is_some_and(has_work) {
            if before.iter().any(|earlier| Arc::ptr_eq(earlier, backend)) {
                backend.cancel.terminate();
            }
            hung_up.push(Arc::clone(backend));
        }
    }
    hung_up
}

/// Says whether the unread messages of a client ask for work; those that only say farewell do not.
fn has_work(stream: &Socket) -> bool {
    let mut unread = [0; 4096];
    match stream.peek(&mut unread) {
        Ok(len) => asks_for_work(unread.get(..len).unwrap_or(&[])),
        Err(_) => false,
    }
}

/// See [`has_work`]. What does not end within `messages` counts as work.
fn asks_for_work(mut messages: &[u8]) -> bool {
    while let [tag, rest @ ..] = messages {
        let len = rest.first_chunk().map(|len| u32::from_be_bytes(*len) as usize);
        match (tag, len.and_then(|len| rest.get(len..))) {
            (b'X', _) => return false,
            (b'S' | b'H' | b'C' | b'D', Some(others)) if others.len() < rest.len() => messages = others,
            _ => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::asks_for_work;

    #[test]
    fn farewells_are_no_work() {
        assert!(!asks_for_work(b""));
        assert!(!asks_for_work(b"X\0\0\0\x04"));
        assert!(!asks_for_work(b"S\0\0\0\x04X\0\0\0\x04"));
        assert!(asks_for_work(b"Q\0\0\0\x06;\0X\0\0\0\x04"));
        assert!(asks_for_work(b"S\0\0"));
        assert!(asks_for_work(b"S\0\0\0\0"));
    }
}
