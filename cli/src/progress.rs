//! Progress for people: bars on a terminal, plain lines elsewhere, all on stderr.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use geocrop_precompute::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Set by Ctrl-C and SIGTERM.
static STOPPED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Begins to listen for Ctrl-C. The first asks to stop, a second ends the program at once.
pub(crate) fn listen_for_stop() -> Result<Arc<AtomicBool>> {
    if let Some(flag) = STOPPED.get() {
        return Ok(Arc::clone(flag));
    }
    let flag = Arc::clone(STOPPED.get_or_init(Arc::default));
    let seen = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        // For whoever pressed it; a log of JSON lines has none of this.
        if std::io::stderr().is_terminal() {
            eprintln!("\nstopping; press Ctrl-C again to end at once");
        }
    })?;
    Ok(flag)
}

/// An error for people.
pub(crate) fn print_error(message: &str) {
    eprintln!("error: {message}");
}

/// One line for people.
pub(crate) fn line(message: &str) {
    eprintln!("{message}");
}

/// One line for programs, or a result to be read. A closed pipe is no error.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A step with a bar on a terminal, and one line at its end elsewhere.
pub(crate) struct Bar {
    shown: ProgressBar,
    title: String,
    begun: Instant,
}

impl Bar {
    pub(crate) fn start(title: &str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self::dressed(ProgressBar::with_draw_target(Some(1000), target), title)
    }

    /// A bar above those that are there.
    fn within(bars: &MultiProgress, title: &str) -> Self {
        Self::dressed(bars.insert(0, ProgressBar::new(1000)), title)
    }

    fn dressed(bar: ProgressBar, title: &str) -> Self {
        let style =
            ProgressStyle::with_template("{spinner} {prefix:44} {bar:28} {percent:>3} %  {msg}");
        bar.set_style(style.expect("a template of ours").progress_chars("━━╌"));
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self {
            shown: bar,
            title: title.to_owned(),
            begun: Instant::now(),
        }
    }

    pub(crate) fn at(&self, fraction: f64, message: &str) {
        self.shown.set_position((fraction * 1000.0) as u64);
        if self.shown.message() != message {
            self.shown.set_message(message.to_owned());
        }
    }

    /// Ends the bar and leaves nothing behind: the result speaks for itself.
    pub(crate) fn clear(self) {
        self.shown.finish_and_clear();
    }

    /// Ends the bar and leaves a line behind.
    pub(crate) fn finish(self, outcome: &str) {
        self.shown.finish_and_clear();
        line(&format!(
            "{:44} {outcome} ({:.1} s)",
            self.title,
            self.begun.elapsed().as_secs_f64()
        ));
    }
}

/// The tasks of a run: on a terminal a bar for the one that runs and one for all of them with the time left; elsewhere
/// one line a task, in `key=value` form.
pub(crate) struct Board {
    bars: MultiProgress,
    /// All tasks, in thousandths of the planned processor time.
    overall: ProgressBar,
    terminal: bool,
    total: f64,
    tasks: usize,
    /// Planned seconds of the finished tasks, and their number.
    done: Mutex<(f64, usize)>,
}

impl Board {
    /// A board for so many tasks with so much planned processor time in all.
    pub(crate) fn new(tasks: usize, total: f64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bars = MultiProgress::with_draw_target(if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        let overall = bars.add(ProgressBar::new(1000));
        let style = ProgressStyle::with_template(
            "  {prefix:42} {bar:28} {percent:>3} %  {msg}, {eta} left",
        );
        overall.set_style(style.expect("a template of ours").progress_chars("━━╌"));
        let board = Self {
            bars,
            overall,
            terminal,
            total,
            tasks,
            done: Mutex::new((0.0, 0)),
        };
        board.show(0.0);
        board
    }

    /// `running` is the share of the planned time of the running task that is done, in seconds.
    fn show(&self, running: f64) {
        let (done, finished) = *self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let share = if self.total > 0.0 {
            (done + running) / self.total
        } else {
            finished as f64 / self.tasks.max(1) as f64
        };
        self.overall.set_position((share.min(1.0) * 1000.0) as u64);
        let elapsed = self.overall.elapsed().as_secs_f64() / 60.0;
        let rate = finished as f64 / elapsed.max(1e-3);
        self.overall
            .set_prefix(format!("{finished} of {} tasks", self.tasks));
        self.overall
            .set_message(format!("{rate:.1} tasks a minute"));
    }

    /// A line above the bars.
    pub(crate) fn line(&self, message: &str) {
        self.bars.suspend(|| line(message));
    }

    /// An error above the bars.
    pub(crate) fn error(&self, message: &str) {
        self.bars.suspend(|| print_error(message));
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        self.overall.finish_and_clear();
    }

    /// Runs a task on this thread while another one moves its bar and watches for Ctrl-C. `weight` is its share of the
    /// planned processor time.
    pub(crate) fn watch<T>(
        &self,
        title: &str,
        weight: f64,
        stop: &Arc<AtomicBool>,
        work: impl FnOnce(&Progress) -> Result<(T, String)>,
    ) -> Result<T> {
        let progress = Progress::new();
        let bar = Bar::within(&self.bars, title);
        let ended = AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    if stop.load(Ordering::Relaxed) {
                        progress.cancel();
                    }
                    let now = progress.snapshot();
                    bar.at(now.fraction, now.stage.name());
                    self.show(now.fraction * weight);
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            let result = work(&progress);
            ended.store(true, Ordering::Relaxed);
            result
        });
        {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            *done = (done.0 + weight, done.1 + 1);
        }
        self.show(0.0);
        bar.shown.finish_and_clear();
        let seconds = bar.begun.elapsed().as_secs_f64();
        let (state, words) = match &result {
            Ok((_, words)) if words == "up to date" => ("skipped", words.as_str()),
            Ok((_, words)) => ("done", words.as_str()),
            Err(_) => ("failed", "failed"),
        };
        if self.terminal {
            self.line(&format!("{title:44} {words} ({seconds:.1} s)"));
        } else {
            line(&format!(
                "task={title:?} state={state} seconds={seconds:.2} result={words:?}"
            ));
        }
        result.map(|(value, _)| value)
    }
}
