//! Progress for people: bars on a terminal, plain lines elsewhere, all on stderr.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use geocrop_precompute::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
        eprintln!("\nstopping; press Ctrl-C again to end at once");
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
        let bar = ProgressBar::with_draw_target(Some(1000), target);
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

/// Runs a task on this thread while another one moves its bar and watches for Ctrl-C.
pub(crate) fn watch<T>(
    title: &str,
    stop: &Arc<AtomicBool>,
    work: impl FnOnce(&Progress) -> Result<(T, String)>,
) -> Result<T> {
    let progress = Progress::new();
    let bar = Bar::start(title);
    let ended = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                if stop.load(Ordering::Relaxed) {
                    progress.cancel();
                }
                let now = progress.snapshot();
                bar.at(now.fraction, now.stage.name());
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let result = work(&progress);
        ended.store(true, Ordering::Relaxed);
        result
    });
    match result {
        Ok((value, outcome)) => {
            bar.finish(&outcome);
            Ok(value)
        }
        Err(error) => {
            bar.finish("failed");
            Err(error)
        }
    }
}
