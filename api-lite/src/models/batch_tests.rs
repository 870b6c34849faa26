//! Requests that share a call get their own rows back, and nobody else's trouble.

use std::sync::mpsc;
use std::time::Duration;

use geocrop_model::instances::Takes;

use super::super::ModelSignature;
use super::*;
use crate::metrics::Metrics;

/// Doubles a number. Fails at 13, panics at 666, and waits at 7 until it is told to go on.
struct Doubling {
    signature: ModelSignature,
    calls: Mutex<Vec<usize>>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl ServedModel for Doubling {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn predict(&self, examples: &Examples) -> Result<Vec<f32>, ModelFailure> {
        self.calls.lock().unwrap().push(examples.count);
        let has = |value: f32| examples.values.contains(&value);
        assert!(!has(666.0), "a bug");
        if has(13.0) {
            return Err(ModelFailure::request("thirteen"));
        }
        if has(7.0) {
            self.gate.lock().unwrap().recv().unwrap();
        }
        Ok(examples.values.iter().map(|v| v * 2.0).collect())
    }
}

struct Bench {
    model: Arc<Doubling>,
    batcher: Batcher,
    metrics: Metrics,
    go: mpsc::Sender<()>,
}

fn bench(settings: Batching) -> Bench {
    let (go, gate) = mpsc::channel();
    let model = Arc::new(Doubling {
        signature: ModelSignature {
            takes: Takes::Row(vec!["x".into()]),
            output: "predictions".into(),
            outputs: 1,
            classes: Vec::new(),
            sha256: String::new(),
        },
        calls: Mutex::default(),
        gate: Mutex::new(gate),
    });
    let metrics = Metrics::new();
    let counters = metrics.models().of("m", "1");
    let served = Arc::clone(&model) as Arc<dyn ServedModel>;
    let batcher = Batcher::new("test", served, settings, counters).unwrap();
    Bench {
        model,
        batcher,
        metrics,
        go,
    }
}

fn rows(values: &[f32]) -> Examples {
    Examples {
        count: values.len(),
        shape: Shape::Row,
        values: values.to_vec(),
    }
}

fn got(answer: oneshot::Receiver<Answer>) -> Vec<f32> {
    answer.blocking_recv().unwrap().unwrap().1
}

impl Bench {
    /// Keeps the model busy until `go`; returns when it has begun.
    fn occupy(&self) -> oneshot::Receiver<Answer> {
        let answer = self.batcher.ask(rows(&[7.0])).unwrap();
        while self.model.calls.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        answer
    }
}

const NO_WAIT: Batching = Batching {
    cells: 8,
    linger: Duration::ZERO,
    waiting: 16,
};

#[test]
fn what_waits_together_is_predicted_together_and_goes_back_to_its_own() {
    let bench = bench(NO_WAIT);
    let first = bench.occupy();
    let answers: Vec<_> = (0..4)
        .map(|n| {
            bench
                .batcher
                .ask(rows(&[n as f32, 100.0 + n as f32]))
                .unwrap()
        })
        .collect();
    bench.go.send(()).unwrap();
    assert_eq!(got(first), [14.0]);
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(got(answer), [2.0 * n as f32, 200.0 + 2.0 * n as f32]);
    }
    assert_eq!(*bench.model.calls.lock().unwrap(), [1, 8]);
    let text = bench.metrics.text();
    assert!(text.contains("geocrop_model_requests_total{model=\"m\",version=\"1\"} 5\n"));
    assert!(text.contains("geocrop_model_batches_total{model=\"m\",version=\"1\"} 2\n"));
    assert!(text.contains("geocrop_model_rows_total{model=\"m\",version=\"1\"} 9\n"));
}

#[test]
fn a_batch_has_an_end_and_a_large_request_goes_alone() {
    let bench = bench(NO_WAIT);
    let first = bench.occupy();
    let large: Vec<f32> = (100..112).map(|n| n as f32).collect();
    let answers = [vec![1.0; 2], large.clone(), vec![3.0; 2]]
        .map(|values| bench.batcher.ask(rows(&values)).unwrap());
    bench.go.send(()).unwrap();
    got(first);
    let [_, middle, _] = answers.map(got);
    assert_eq!(middle, large.iter().map(|v| v * 2.0).collect::<Vec<_>>());
    assert_eq!(*bench.model.calls.lock().unwrap(), [1, 2, 12, 2]);
}

#[test]
fn a_request_that_fails_or_panics_leaves_the_others_alone() {
    let bench = bench(NO_WAIT);
    let first = bench.occupy();
    let [good, fails, panics, other] =
        [1.0, 13.0, 666.0, 2.0].map(|value| bench.batcher.ask(rows(&[value])).unwrap());
    bench.go.send(()).unwrap();
    got(first);
    assert_eq!(got(good), [2.0]);
    assert_eq!(got(other), [4.0]);
    let failure = fails.blocking_recv().unwrap().unwrap_err();
    assert_eq!(
        (failure.message.as_str(), failure.of_the_request),
        ("thirteen", true)
    );
    let failure = panics.blocking_recv().unwrap().unwrap_err();
    assert!(!failure.of_the_request);
}

#[test]
fn a_full_queue_refuses_and_who_is_gone_makes_room() {
    let bench = bench(NO_WAIT);
    let first = bench.occupy();
    let waiting = bench.batcher.ask(rows(&[1.0; 10])).unwrap();
    let gone = bench.batcher.ask(rows(&[50.0; 6])).unwrap();
    assert_eq!(bench.batcher.ask(rows(&[2.0])).unwrap_err(), Busy);
    drop(gone);
    bench.go.send(()).unwrap();
    got(first);
    got(waiting);
    assert_eq!(*bench.model.calls.lock().unwrap(), [1, 10]);
    assert_eq!(got(bench.batcher.ask(rows(&[2.0; 40])).unwrap()).len(), 40);
}

#[test]
fn requests_of_one_moment_meet_and_a_full_batch_does_not_wait() {
    let bench = bench(Batching {
        cells: 4,
        linger: Duration::from_hours(1),
        waiting: 100,
    });
    let answers: Vec<_> = (0..4)
        .map(|n| bench.batcher.ask(rows(&[n as f32])).unwrap())
        .collect();
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(got(answer), [2.0 * n as f32]);
    }
    assert_eq!(*bench.model.calls.lock().unwrap(), [4]);
}

#[test]
fn who_waits_when_the_model_is_put_away_is_still_answered() {
    let bench = bench(Batching {
        linger: Duration::from_hours(1),
        ..NO_WAIT
    });
    let answer = bench.batcher.ask(rows(&[1.0])).unwrap();
    drop(bench.batcher);
    assert_eq!(got(answer), [2.0]);
}
