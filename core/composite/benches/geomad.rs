//! Worker for timing the composite: geometric median and three MADs of a stack, once per line on standard input.
//!
//! `--stack S.npy [--eps E] [--threads N]`: the stack is uint16 `[y, x, band, date]`, 0 = masked, in 1/10,000 of
//! reflectance. It is converted to what the kernel takes before the clock starts. Prints a JSON line when it is ready
//! and one per run.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::fs;
use std::io::{BufRead as _, stdin};
use std::path::{Path, PathBuf};
use std::time::Instant;

use geocrop_composite::{GeomadOptions, Observations, geomad};
use ndarray::Array4;

const USAGE: &str = "usage: geomad --stack STACK.npy [--eps 1e-5] [--threads N]";

fn main() {
    let mut stack: Option<PathBuf> = None;
    let mut options = GeomadOptions::default();
    let mut threads = 0;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        // Cargo says so to every bench.
        if name == "--bench" {
            continue;
        }
        let value = arguments.next().expect(USAGE);
        match name.as_str() {
            "--stack" => stack = Some(value.into()),
            "--eps" => options.eps = value.parse().expect(USAGE),
            "--threads" => threads = value.parse().expect(USAGE),
            _ => panic!("unknown argument {name}; {USAGE}"),
        }
    }
    let Some(stack) = stack else {
        println!("{USAGE}");
        return;
    };

    let (values, [height, width, bands, dates]) = read(&stack);
    let observations = Observations {
        values: &values,
        dates,
        bands,
        pixels: height * width,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("the threads start");
    let (eps, threads) = (options.eps, pool.current_num_threads());
    let what = format!(
        "geomad {height} x {width} x {bands} bands x {dates} dates, eps {eps:e}, {threads} threads"
    );
    println!(r#"{{"ready": true, "what": "{what}"}}"#);
    for line in stdin().lock().lines() {
        line.expect("standard input is text");
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let result = pool.install(|| geomad(&observations, &options));
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        assert_eq!(result.count.len(), height * width);
        println!(
            r#"{{"seconds": {seconds:.6}, "cpu_seconds": {cpu:.6}, "peak_mb": {:.1}}}"#,
            peak_mb()
        );
    }
}

/// The stack as `[date][band][pixel]` in reflectance, NaN where masked, and the shape of the file.
fn read(path: &Path) -> (Vec<f32>, [usize; 4]) {
    let stack: Array4<u16> = ndarray_npy::read_npy(path).unwrap_or_else(|error| {
        panic!(
            "cannot read {} as uint16 [y, x, band, date]: {error}",
            path.display()
        )
    });
    let (height, width, bands, dates) = stack.dim();
    let values = stack
        .permuted_axes([3, 2, 0, 1])
        .iter()
        .map(|v| match v {
            0 => f32::NAN,
            v => f32::from(*v) * 1e-4,
        })
        .collect();
    (values, [height, width, bands, dates])
}

/// Processor time of all threads so far: unlike the ticks of `/proc/self/stat`, to the microsecond.
fn cpu_seconds() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists a process' threads");
    let nanoseconds: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 * 1e-9
}

/// The largest resident size so far.
fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells a process' state");
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .expect("the state has the largest resident size in kB");
    kilobytes / 1024.0
}
