//! A load: some terminals, each a thread with a connection of its own, that run transactions back to back for some
//! time after a warm-up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Failure;
use crate::cpu::ServerProcess;
use crate::direct::Failed;
use crate::soak::{Observer, Stretch, Window};

/// A client that runs one transaction after the other.
pub trait Terminal: Send {
    /// Runs the next transaction to its end, with retries, and notes it.
    fn transact(&mut self, tally: &mut Tally) -> Result<(), Failed>;
}

/// What one terminal has done in the measured time.
#[derive(Debug, Default)]
pub struct Tally {
    /// The times of each kind of transaction in microseconds.
    times: BTreeMap<&'static str, Vec<u32>>,
    rolled_back: BTreeMap<&'static str, u64>,
    aborts: BTreeMap<String, u64>,
    /// Where times of the current stretch of time go, if somebody wants to know.
    window: Option<Arc<Window>>,
}

impl Tally {
    /// Notes a transaction that was committed, with its retries' time.
    pub fn committed(&mut self, kind: &'static str, time: Duration) {
        if let Some(window) = &self.window {
            window.add(kind, time);
        }
        self.times.entry(kind).or_default().push(time.as_micros() as u32);
    }

    /// Notes a transaction that was rolled back as it is meant to be.
    pub fn rolled_back(&mut self, kind: &'static str) {
        *self.rolled_back.entry(kind).or_default() += 1;
    }

    /// Notes an attempt that the server aborted.
    pub fn aborted(&mut self, failed: &Failed) {
        let state = match failed {
            Failed::Sql { state, .. } => state.clone(),
            Failed::Lost(_) => "connection".to_string(),
        };
        *self.aborts.entry(state).or_default() += 1;
    }

    /// Notes an attempt that the terminal gave up because another was faster.
    pub fn overtaken(&mut self) {
        *self.aborts.entry("an order gone".to_string()).or_default() += 1;
    }

    fn add(&mut self, other: Tally) {
        for (kind, times) in other.times {
            self.times.entry(kind).or_default().extend(times);
        }
        for (kind, count) in other.rolled_back {
            *self.rolled_back.entry(kind).or_default() += count;
        }
        for (state, count) in other.aborts {
            *self.aborts.entry(state).or_default() += count;
        }
    }
}

/// How long a load runs.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// What is not measured, first.
    pub warmup: Duration,
    /// What is measured.
    pub measured: Duration,
    /// How often a sample is taken and printed, to see whether memory and throughput stay flat.
    pub sample: Option<Duration>,
}

/// What a load looks like after some time.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Seconds since the measured time began.
    pub seconds: f64,
    /// Transactions in each second since the last sample.
    pub per_second: f64,
    /// The server's memory in megabytes, where the server is on this machine.
    pub memory_mb: Option<f64>,
}

/// The figures of one kind of transaction; times in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Latencies {
    pub committed: u64,
    pub rolled_back: u64,
    pub mean: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// The figures of a load.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// The measured time in seconds.
    pub seconds: f64,
    /// Transactions of all kinds that were committed in each second.
    pub per_second: f64,
    /// The figures of each kind.
    pub kinds: BTreeMap<&'static str, Latencies>,
    /// The attempts that the server aborted, by SQLSTATE.
    pub aborts: BTreeMap<String, u64>,
    /// The server's processor time for each transaction in milliseconds, where the server is on this machine.
    pub server_cpu_ms: Option<f64>,
    /// How many processors the server kept busy.
    pub server_cpus: Option<f64>,
    /// The samples, when they were asked for.
    pub samples: Vec<Sample>,
    /// The stretches of time that were looked at.
    pub stretches: Vec<Stretch>,
}

const WARMING_UP: u8 = 0;
const MEASURING: u8 = 1;
const STOPPED: u8 = 2;

/// Runs terminals side by side and returns their figures; any terminal's failure stops all.
pub fn run(
    terminals: Vec<Box<dyn Terminal>>,
    span: Span,
    server: Option<ServerProcess>,
    observer: Option<Observer>,
) -> Result<Figures, Failure> {
    let windows: Vec<Arc<Window>> = match observer {
        Some(_) => terminals.iter().map(|_| Arc::default()).collect(),
        None => Vec::new(),
    };
    let phase = Arc::new(AtomicU8::new(WARMING_UP));
    let done = Arc::new(AtomicU64::new(0));
    let barrier = Arc::new(Barrier::new(terminals.len() + 1));
    let threads: Vec<_> = terminals
        .into_iter()
        .enumerate()
        .map(|(at, terminal)| {
            let window = windows.get(at).cloned();
            let (phase, barrier, done) = (phase.clone(), barrier.clone(), done.clone());
            std::thread::spawn(move || {
                barrier.wait();
                let result = work(terminal, &phase, &done, window);
                if result.is_err() {
                    phase.store(STOPPED, Ordering::Relaxed);
                }
                result
            })
        })
        .collect();
    barrier.wait();
    sleep(span.warmup, &phase);
    let cpu_before = server.map(ServerProcess::time);
    let _ = phase.compare_exchange(WARMING_UP, MEASURING, Ordering::Relaxed, Ordering::Relaxed);
    let start = Instant::now();
    let (samples, stretches) = match observer {
        Some(observer) => (Vec::new(), observe(span, &phase, observer, &windows)),
        None => (watch(span, &phase, &done, server), Vec::new()),
    };
    let elapsed = start.elapsed();
    let cpu = server.zip(cpu_before).map(|(server, before)| server.time().saturating_sub(before));
    phase.store(STOPPED, Ordering::Relaxed);
    let mut tally = Tally::default();
    for thread in threads {
        let worked = thread.join().map_err(|_| "a terminal's thread panicked")?;
        tally.add(worked?);
    }
    Ok(Figures { samples, stretches, ..figures(tally, elapsed, cpu) })
}

/// Waits for the end of the measured time; takes samples when they are wanted.
fn watch(span: Span, phase: &AtomicU8, done: &AtomicU64, server: Option<ServerProcess>) -> Vec<Sample> {
    let mut samples = Vec::new();
    let start = Instant::now();
    let (mut last, mut last_done) = (start, done.load(Ordering::Relaxed));
    while start.elapsed() < span.measured && phase.load(Ordering::Relaxed) != STOPPED {
        let left = span.measured.saturating_sub(start.elapsed());
        sleep(left.min(span.sample.unwrap_or(left)), phase);
        if span.sample.is_some() {
            let now_done = done.load(Ordering::Relaxed);
            let sample = Sample {
                seconds: start.elapsed().as_secs_f64(),
                per_second: (now_done - last_done) as f64 / last.elapsed().as_secs_f64(),
                memory_mb: server.map(|server| server.memory() as f64 / 1e6),
            };
            let memory = sample.memory_mb.map_or(String::new(), |memory| format!(", {memory:.0} MB"));
            println!("  after {:.0} s: {:.1} transactions/s{memory}", sample.seconds, sample.per_second);
            samples.push(sample);
            (last, last_done) = (Instant::now(), now_done);
        }
    }
    samples
}

/// Waits for the end of the measured time, and has somebody look at each stretch of it.
fn observe(span: Span, phase: &AtomicU8, mut observer: Observer, windows: &[Arc<Window>]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let start = Instant::now();
    let mut last = start;
    while start.elapsed() < span.measured && phase.load(Ordering::Relaxed) != STOPPED {
        let left = span.measured.saturating_sub(start.elapsed());
        sleep(left.min(span.sample.unwrap_or(left)), phase);
        let lasted = last.elapsed();
        last = Instant::now();
        stretches.push(observer.look(windows, start.elapsed().as_secs_f64(), lasted));
    }
    stretches
}

/// Sleeps, unless the load is stopped before.
fn sleep(time: Duration, phase: &AtomicU8) {
    let end = Instant::now() + time;
    while phase.load(Ordering::Relaxed) != STOPPED {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// One terminal's work until the load is stopped.
fn work(
    mut terminal: Box<dyn Terminal>,
    phase: &AtomicU8,
    done: &AtomicU64,
    window: Option<Arc<Window>>,
) -> Result<Tally, Failed> {
    let mut warm = Tally::default();
    let mut tally = Tally { window, ..Tally::default() };
    loop {
        match phase.load(Ordering::Relaxed) {
            STOPPED => return Ok(tally),
            MEASURING => terminal.transact(&mut tally)?,
            _ => terminal.transact(&mut warm)?,
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

fn figures(tally: Tally, elapsed: Duration, cpu: Option<Duration>) -> Figures {
    let seconds = elapsed.as_secs_f64();
    let mut figures = Figures { seconds, aborts: tally.aborts, ..Figures::default() };
    for (kind, mut times) in tally.times {
        times.sort_unstable();
        let at = |share: f64| {
            let rank = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len());
            f64::from(times[rank - 1]) / 1e3
        };
        let sum: f64 = times.iter().map(|&time| f64::from(time) / 1e3).sum();
        let latencies = Latencies {
            committed: times.len() as u64,
            rolled_back: tally.rolled_back.get(kind).copied().unwrap_or(0),
            mean: sum / times.len() as f64,
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        };
        figures.kinds.insert(kind, latencies);
    }
    let committed: u64 = figures.kinds.values().map(|kind| kind.committed).sum();
    let all: u64 = committed + tally.rolled_back.values().sum::<u64>();
    figures.per_second = committed as f64 / seconds;
    if let Some(cpu) = cpu.filter(|_| all > 0) {
        figures.server_cpu_ms = Some(cpu.as_secs_f64() * 1e3 / all as f64);
        figures.server_cpus = Some(cpu.as_secs_f64() / seconds);
    }
    figures
}

impl Figures {
    /// Returns the table of the latencies, a line for each kind in the order given.
    pub fn rows(&self, order: &[&str]) -> Vec<Vec<String>> {
        let header = ["transaction, ms", "committed", "rolled back", "mean", "p50", "p95", "p99", "max"];
        let mut rows = vec![header.map(str::to_string).to_vec()];
        for name in order {
            let Some(kind) = self.kinds.get(name) else { continue };
            let mut row = vec![name.to_string(), kind.committed.to_string(), kind.rolled_back.to_string()];
            let times = [kind.mean, kind.p50, kind.p95, kind.p99, kind.max];
            row.extend(times.map(crate::statistics::milliseconds));
            rows.push(row);
        }
        rows
    }

    /// Says what was aborted and what the server used, in a line.
    pub fn summary(&self) -> String {
        let aborts: Vec<String> =
            self.aborts.iter().map(|(state, count)| format!("{count} with {state}")).collect();
        let aborts = if aborts.is_empty() { "none".to_string() } else { aborts.join(", ") };
        let cpu = match (self.server_cpu_ms, self.server_cpus) {
            (Some(each), Some(busy)) => {
                format!("{each:.3} ms of the server's CPU each ({busy:.2} processors busy)")
            }
            _ => "the server's CPU time is not known".to_string(),
        };
        format!("{:.1} transactions/s, {cpu}, aborted attempts: {aborts}", self.per_second)
    }
}
