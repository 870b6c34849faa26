//! Many small requests as few calls of a model.
//!
//! One thread per model takes what waits: the first request, and those of the same shape behind it as long as the batch
//! has room. While a batch is predicted the next one gathers, so that under load batches grow by themselves; the short
//! wait only helps requests that come at the same moment. The thread is no worker of the server's runtime, and no
//! request can spoil another's answer: when a batch fails, its requests are tried one by one.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use geocrop_model::instances::{Examples, Shape};
use tokio::sync::oneshot;

use super::{Batching, Counters, ModelFailure, ServedModel};

/// What a request gets.
pub(crate) type Answer = Result<(Examples, Vec<f32>), ModelFailure>;

/// Too much waits already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// A model with its queue; its thread ends with the last handle.
pub(crate) struct Batcher {
    queue: Arc<Queue>,
}

struct Queue {
    model: Arc<dyn ServedModel>,
    settings: Batching,
    counters: Counters,
    state: Mutex<State>,
    /// Rung when something comes, and at the end.
    bell: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    cells: usize,
    closed: bool,
}

struct Waiting {
    examples: Examples,
    reply: oneshot::Sender<Answer>,
    since: Instant,
}

impl Waiting {
    fn cells(&self) -> usize {
        cells(&self.examples)
    }
}

fn cells(examples: &Examples) -> usize {
    examples.count * examples.shape.cells()
}

impl Batcher {
    /// Begins to serve a model.
    pub(crate) fn new(
        name: &str,
        model: Arc<dyn ServedModel>,
        settings: Batching,
        counters: Counters,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            model,
            settings,
            counters,
            state: Mutex::default(),
            bell: Condvar::new(),
        });
        let worker = Arc::clone(&queue);
        std::thread::Builder::new()
            .name(format!("model {name}"))
            .spawn(move || {
                while let Some(batch) = worker.next() {
                    worker.answer(batch);
                }
            })?;
        Ok(Self { queue })
    }

    pub(crate) fn model(&self) -> &dyn ServedModel {
        &*self.queue.model
    }

    /// Puts examples into the queue. Dropping the receiver takes them out again, if it is not too late.
    pub(crate) fn ask(&self, examples: Examples) -> Result<oneshot::Receiver<Answer>, Busy> {
        let (reply, answer) = oneshot::channel();
        let request = Waiting {
            examples,
            reply,
            since: Instant::now(),
        };
        let mut state = self.queue.lock();
        let after = state.cells + request.cells();
        if !state.waiting.is_empty() && after > self.queue.settings.waiting {
            self.queue.counters.refused.inc();
            return Err(Busy);
        }
        state.cells = after;
        state.waiting.push_back(request);
        drop(state);
        self.queue.bell.notify_one();
        Ok(answer)
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.bell.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock: what is in there is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch, of one shape; `None` at the end. What still waits then is answered before.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        loop {
            self.drop_gone(&mut state);
            let Some(first) = state.waiting.front() else {
                if state.closed {
                    return None;
                }
                state = self
                    .bell
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left =
                (first.since + self.settings.linger).saturating_duration_since(Instant::now());
            if left.is_zero() || state.cells >= self.settings.cells || state.closed {
                return Some(self.take(&mut state));
            }
            (state, _) = self
                .bell
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes out the requests whose clients are gone.
    fn drop_gone(&self, state: &mut State) {
        let before = state.waiting.len();
        state.waiting.retain(|request| !request.reply.is_closed());
        if state.waiting.len() < before {
            state.cells = state.waiting.iter().map(Waiting::cells).sum();
            let gone = before - state.waiting.len();
            self.counters.dropped.inc_by(gone as u64);
        }
    }

    fn take(&self, state: &mut State) -> Vec<Waiting> {
        let mut batch: Vec<Waiting> = Vec::new();
        let (mut room, mut shape): (usize, Option<Shape>) = (self.settings.cells, None);
        while let Some(next) = state.waiting.front() {
            let (cells, of) = (next.cells(), next.examples.shape);
            let fits = shape.is_none_or(|shape| shape == of && cells <= room);
            if !fits {
                break;
            }
            (room, shape) = (room.saturating_sub(cells), Some(of));
            state.cells = state.cells.saturating_sub(cells);
            batch.extend(state.waiting.pop_front());
        }
        batch
    }

    fn answer(&self, batch: Vec<Waiting>) {
        if let [_] = batch.as_slice() {
            for request in batch {
                self.answer_alone(request);
            }
            return;
        }
        let mut all = Examples {
            count: 0,
            shape: batch[0].examples.shape,
            values: Vec::with_capacity(batch.iter().map(|r| r.examples.values.len()).sum()),
        };
        for request in &batch {
            all.count += request.examples.count;
            all.values.extend_from_slice(&request.examples.values);
        }
        match self.predict(&all) {
            Ok(output) => {
                let outputs = self.model.signature().outputs;
                let mut rest = output.as_slice();
                for request in batch {
                    let (mine, others) = rest.split_at(request.cells() * outputs);
                    rest = others;
                    self.counters.requests.inc();
                    // A client that has gone meanwhile gets nothing.
                    let _ = request.reply.send(Ok((request.examples, mine.to_vec())));
                }
            }
            // One of them spoiled it; the others get what they asked for.
            Err(_) => {
                for request in batch {
                    self.answer_alone(request);
                }
            }
        }
    }

    fn answer_alone(&self, request: Waiting) {
        let answer = self.predict(&request.examples);
        let counter = match answer {
            Ok(_) => &self.counters.requests,
            Err(_) => &self.counters.failed,
        };
        counter.inc();
        let _ = request
            .reply
            .send(answer.map(|output| (request.examples, output)));
    }

    /// Calls the model; a panic is its failure, not the server's.
    fn predict(&self, examples: &Examples) -> Result<Vec<f32>, ModelFailure> {
        let begun = Instant::now();
        let output = catch_unwind(AssertUnwindSafe(|| self.model.predict(examples)));
        self.counters.seconds.inc_by(begun.elapsed().as_secs_f64());
        self.counters.batches.inc();
        self.counters.rows.inc_by(cells(examples) as u64);
        let output = output.unwrap_or_else(|_| {
            Err(ModelFailure::server(
                "the model failed at these rows; the cause is in the server's log",
            ))
        })?;
        let expected = cells(examples) * self.model.signature().outputs;
        if output.len() != expected {
            return Err(ModelFailure::server(format!(
                "the model gave {} numbers, {expected} were expected",
                output.len()
            )));
        }
        Ok(output)
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
