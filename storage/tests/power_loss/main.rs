//! Power losses and failures of the disk, at every call, under a load of everything that is durable.
//!
//! A script runs on a disk in memory. Before each of its calls, images of what the disk may be after a power loss at
//! that moment are drawn, a store is opened on each of them, and what it holds must be the state after a commit: none
//! that was acknowledged is lost, none is there in part. Then the same script runs again for each of its calls, with
//! that call failing, by an input/output error or for want of space.
//!
//! The short form runs with the other tests. The long form is a matter of two variables:
//!
//! ```text
//! SURUS_POWER_LOSSES=100000 SURUS_SEED=1 cargo test -p storage --profile quick --test power_loss -- --nocapture
//! ```
#![expect(clippy::unwrap_used, reason = "a test that cannot run must fail")]

mod disk;
mod model;
mod random;
mod script;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use storage::disk::Disk;

use disk::{Fault, SimulatedDisk};
use model::History;
use random::Random;
use script::{Script, Size};

/// Power losses so far.
static LOSSES: AtomicU64 = AtomicU64::new(0);

/// Opens a store on what a power loss has left, and checks what it holds.
fn recover(disk: SimulatedDisk, history: &Arc<Mutex<History>>, what: &str, random: &mut Random) {
    LOSSES.fetch_add(1, Ordering::Relaxed);
    if random.chance(10) {
        // Power is lost again while the store recovers.
        let (history, what, mut inner) = (Arc::clone(history), what.to_owned(), Random(random.next()));
        disk.observe(move |images| {
            let what = format!("{what}, again at call {}", images.calls());
            recover(images.draw(inner.next()), &history, &what, &mut Random(1));
        });
    }
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let store = model::open(&disk).unwrap_or_else(|error| panic!("{what}: the store does not open: {error}"));
    let found = model::content(&store).unwrap_or_else(|error| panic!("{what}: reading fails: {error}"));
    {
        let history = history.lock().unwrap();
        let possible = &history.states[history.floor..];
        assert!(
            possible.contains(&found),
            "{what}: none of {} states (but {:?} of {}): {}",
            possible.len(),
            history.states.iter().position(|state| *state == found),
            history.states.len(),
            history.states[history.floor].difference(&found)
        );
    }
    let report = storage::verify(&store).unwrap_or_else(|error| panic!("{what}: verify fails: {error}"));
    assert!(report.problems.is_empty(), "{what}: {:?}", report.problems);
}

fn size_of(seed: u64) -> Size {
    match seed % 16 {
        0 => Size { steps: 12, bulk: 100, freezes: true, relocates: false },
        1 => Size { steps: 12, bulk: 9_500, freezes: false, relocates: false },
        2 => Size { steps: 8, bulk: 100, freezes: false, relocates: true },
        _ => Size { steps: 40, bulk: 300, freezes: false, relocates: false },
    }
}

/// Loses power before each call of a script, `images` times.
fn lose_power_everywhere(seed: u64, size: Size, images: u64) {
    let disk = SimulatedDisk::new(seed);
    let history = Arc::new(Mutex::new(History::default()));
    let mut script = Script::new(disk.clone(), seed, size, Arc::clone(&history));
    let mut random = Random(seed ^ 0x5eed);
    disk.observe(move |seen| {
        for image in 0..images {
            let what = format!("seed {seed}, power loss at call {}, image {image}", seen.calls());
            recover(seen.draw(random.next()), &history, &what, &mut random);
        }
    });
    script.run();
    assert!(script.relocated || !size.relocates, "seed {seed}: row groups have moved");
}

/// Runs a script with one call failing, for every call (or every `stride`th).
fn fail_everywhere(seed: u64, size: Size, stride: u64) {
    let run = |fault: Option<(u64, Fault)>| {
        let disk = SimulatedDisk::new(seed);
        if let Some((call, fault)) = fault {
            disk.fail(call, fault);
        }
        let history = Arc::new(Mutex::new(History::default()));
        let mut script = Script::new(disk, seed, size, Arc::clone(&history));
        script.run();
        let what = format!("seed {seed}, {fault:?}, then a power loss");
        let mut random = Random(seed);
        for _ in 0..3 {
            recover(script.disk().lose_power(random.next()), &history, &what, &mut random);
        }
        script.disk().calls()
    };
    let calls = run(None);
    for fault in [Fault::Broken, Fault::Full] {
        let first = Random(seed).below(stride);
        for call in (first..calls).step_by(stride as usize) {
            run(Some((call, fault)));
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn power_losses_and_failures_lose_nothing() {
    let begun = Instant::now();
    let first = variable("SURUS_SEED").unwrap_or(1);
    match variable("SURUS_POWER_LOSSES") {
        None => {
            lose_power_everywhere(
                first,
                Size { steps: 10, bulk: 9_000, freezes: false, relocates: false },
                1,
            );
            lose_power_everywhere(
                first + 1,
                Size { steps: 25, bulk: 100, freezes: false, relocates: false },
                1,
            );
            let size = Size { steps: 5, bulk: 100, freezes: false, relocates: true };
            lose_power_everywhere(first + 3, size, 1);
            fail_everywhere(first + 2, Size { steps: 20, bulk: 100, freezes: false, relocates: false }, 3);
        }
        Some(wanted) => {
            let images = variable("SURUS_IMAGES").unwrap_or(8);
            let mut seed = first;
            while LOSSES.load(Ordering::Relaxed) < wanted {
                let size = size_of(seed);
                lose_power_everywhere(seed, size, if size.freezes || size.relocates { 1 } else { images });
                fail_everywhere(seed, size, if size.freezes || size.relocates { 7 } else { 1 });
                seed += 1;
                println!(
                    "{} power losses, {} scripts, {:?}",
                    LOSSES.load(Ordering::Relaxed),
                    seed - first,
                    begun.elapsed()
                );
            }
        }
    }
    println!("{} power losses in {:?}", LOSSES.load(Ordering::Relaxed), begun.elapsed());
}
