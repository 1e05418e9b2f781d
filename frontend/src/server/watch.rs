//! The watcher: one thread that stops statements which have run out of time or whose client is gone.
//!
//! Sessions read their sockets themselves, so nobody looks at a socket while its session computes. The watcher polls the
//! sockets of sessions that have been busy for a while for a hang-up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::backends::Backend;
use crate::session::engine::Engine;

/// Pause between two rounds: how late a statement timeout may fire.
const ROUND: Duration = Duration::from_millis(5);
/// A client's absence is looked for every so many rounds.
const ROUNDS_PER_POLL: u32 = 20;

/// Watches until the server stops.
pub fn run(engine: &Engine) {
    let mut round = 0u32;
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
                activity.busy_since.is_some()
            })
            .collect();
        if round.is_multiple_of(ROUNDS_PER_POLL) {
            stop_abandoned(&busy);
        }
    }
}

/// Stops the statements of sessions whose client has hung up.
fn stop_abandoned(busy: &[Arc<Backend>]) {
    let (backends, mut polled): (Vec<_>, Vec<_>) = busy
        .iter()
        .filter_map(|backend| {
            let stream = backend.stream.as_ref()?;
            Some((backend, PollFd::new(stream, PollFlags::RDHUP)))
        })
        .unzip();
    if polled.is_empty() || poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() {
        return;
    }
    for (backend, polled) in backends.iter().zip(&polled) {
        if polled.revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR) {
            backend.cancel.terminate();
        }
    }
}
