//! The last stage of a plan: puts the morsels' batches back in order and hands them to the sink.

use std::collections::HashMap;

use parking_lot::Mutex;
use types::Result;

use crate::batch::Batch;
use crate::execute::ResultSink;
use crate::operators::{Flow, Stage, Worker};

/// See the module.
pub(crate) struct Output<'a> {
    order: Order,
    sink: Mutex<Ordered<'a>>,
    /// Number of the round's first morsel and of the morsel after its last.
    base: Mutex<(usize, usize)>,
}

struct Ordered<'a> {
    sink: &'a mut dyn ResultSink,
    next: usize,
    waiting: HashMap<usize, Vec<Batch>>,
    stopped: bool,
}

/// How rows come to the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Made by several workers, and sorted.
    Sorted,
    /// Made by one worker, no sooner than the sink takes them.
    Made,
    /// As [`Self::Made`], and computed one by one.
    Singly,
}

impl<'a> Output<'a> {
    /// Returns a stage that gives rows to `sink`.
    pub(crate) fn new(sink: &'a mut dyn ResultSink, order: Order) -> Self {
        let sink = Ordered { sink, next: 0, waiting: HashMap::new(), stopped: false };
        Self { order, sink: Mutex::new(sink), base: Mutex::new((0, 0)) }
    }
}

impl Ordered<'_> {
    fn send(&mut self, batch: Batch) -> Result<()> {
        if !self.stopped && self.sink.push(batch.compact())?.is_break() {
            self.stopped = true;
        }
        Ok(())
    }
    fn complete(&mut self, morsel: usize, batches: Vec<Batch>) -> Result<()> {
        self.waiting.insert(morsel, batches);
        while let Some(batches) = self.waiting.remove(&self.next) {
            self.next += 1;
            for batch in batches {
                self.send(batch)?;
            }
        }
        Ok(())
    }
}

struct OutputWorker<'w, 'a> {
    output: &'w Output<'a>,
    morsel: Option<usize>,
    held: Vec<Batch>,
}

impl Stage for Output<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(OutputWorker { output: self, morsel: None, held: Vec::new() }))
    }
    fn begin_round(&self, morsels: usize) {
        let mut base = self.base.lock();
        let start = base.1;
        *base = (start, start + morsels);
    }
    fn serial(&self) -> bool {
        self.order != Order::Sorted
    }
    fn singly(&self) -> bool {
        self.order == Order::Singly
    }
}

impl OutputWorker<'_, '_> {
    fn complete(&mut self) -> Result<()> {
        match self.morsel.take() {
            Some(morsel) => self.output.sink.lock().complete(morsel, std::mem::take(&mut self.held)),
            None => Ok(()),
        }
    }
}

impl Worker for OutputWorker<'_, '_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.complete()?;
        self.morsel = Some(self.output.base.lock().0 + index);
        Ok(())
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        if batch.rows() == 0 {
            return Ok(Flow::Continue);
        }
        let mut sink = self.output.sink.lock();
        if sink.stopped {
            return Ok(Flow::Stop);
        }
        if self.morsel == Some(sink.next) && self.held.is_empty() {
            sink.send(batch)?;
            return Ok(if sink.stopped { Flow::Stop } else { Flow::Continue });
        }
        drop(sink);
        self.held.push(batch);
        Ok(Flow::Continue)
    }
    fn finish(&mut self) -> Result<()> {
        self.complete()
    }
}
