//! What the workers share: arguments, and a measured run for every line on standard input.

use std::error::Error;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// `--source FILE --out DIR [--threads N]`; sets rayon's threads. `None` if one of the first two is missing.
pub(crate) fn arguments() -> Outcome<Option<(PathBuf, PathBuf)>> {
    let mut arguments = std::env::args().skip(1);
    let (mut source, mut out, mut threads) = (None, None, 0);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--source" => source = arguments.next().map(PathBuf::from),
            "--out" => out = arguments.next().map(PathBuf::from),
            "--threads" => threads = arguments.next().unwrap_or_default().parse()?,
            _ => {}
        }
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    Ok(source.zip(out))
}

/// Says that the worker is ready, then runs `work`, which makes `file`, once per line.
pub(crate) fn serve(what: &str, file: &Path, mut work: impl FnMut() -> Outcome<()>) -> Outcome<()> {
    println!("{}", json!({"ready": true, "what": what}));
    for line in std::io::stdin().lock().lines() {
        line?;
        let (start, before) = (Instant::now(), processor_seconds()?);
        work()?;
        let seconds = start.elapsed().as_secs_f64();
        let report = json!({
            "seconds": seconds,
            "cpu_seconds": processor_seconds()? - before,
            "peak_mb": peak_mb()?,
            "bytes": std::fs::metadata(file)?.len(),
        });
        println!("{report}");
    }
    Ok(())
}

/// Processor seconds of all threads since the start. Linux counts them in hundredths.
fn processor_seconds() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().ok_or("no stat")?;
    let ticks: Result<Vec<f64>, _> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

fn peak_mb() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("no VmHWM")?.parse::<f64>()? / 1024.0)
}
