//! Dynamic World's network on a scene, as a worker that a harness drives: it loads everything, says
//! that it is ready, then works once for each line that it reads and says what that took.
#![expect(clippy::print_stdout, reason = "the figures are its result")]
#![allow(missing_docs, reason = "a program, not a library")]

use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use geocrop_model::dynamic_world::Network;
use ndarray::Array3;

const USAGE: &str = "\
usage: network --model SAVED_MODEL --scene X.npy [--threads N]

X.npy is uint16 [row, column, 9], 65535 for no data. For each line on stdin the network is applied
once, and a line of JSON says how long it took.";

struct Arguments {
    model: PathBuf,
    scene: PathBuf,
    threads: usize,
}

/// Nothing if the worker was not called by a harness.
fn arguments() -> Result<Option<Arguments>, Box<dyn Error>> {
    let (mut model, mut scene, mut threads) = (None, None, 0);
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--model" => model = Some(PathBuf::from(value()?)),
            "--scene" => scene = Some(PathBuf::from(value()?)),
            "--threads" => threads = value()?.parse()?,
            // What cargo adds.
            "--bench" | "--test" => {}
            _ => return Err(format!("{name} is unknown\n\n{USAGE}").into()),
        }
    }
    Ok(model.zip(scene).map(|(model, scene)| Arguments {
        model,
        scene,
        threads,
    }))
}

/// Seconds of processor time so far, of all threads.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program may hold spaces; it ends with the last bracket.
    let after = stat.rsplit_once(") ").ok_or("no processor time")?.1;
    let ticks: u64 = after
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<Result<_, _>>()?;
    Ok(ticks as f64 / 100.0)
}

/// The most memory that was ever resident, in MB.
fn peak() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no peak of memory")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = arguments()? else {
        println!("{USAGE}");
        return Ok(());
    };
    if arguments.threads > 0 {
        rayon::ThreadPoolBuilder::new()
            .num_threads(arguments.threads)
            .build_global()?;
    }
    let network = Network::load(&arguments.model)?;
    let scene: Array3<u16> = ndarray_npy::read_npy(&arguments.scene)?;
    let (height, width, _) = scene.dim();
    let bands: Vec<f32> = scene
        .view()
        .permuted_axes([2, 0, 1])
        .iter()
        .map(|v| {
            if *v == u16::MAX {
                f32::NAN
            } else {
                f32::from(*v)
            }
        })
        .collect();
    drop(scene);

    let mut stdout = std::io::stdout().lock();
    let threads = rayon::current_num_threads();
    writeln!(
        stdout,
        r#"{{"ready": true, "what": "geocrop, {threads} threads, {height} x {width}"}}"#
    )?;
    stdout.flush()?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let (begun, before) = (Instant::now(), processor_seconds()?);
        let probabilities = network.probabilities(&bands, height, width)?;
        let (seconds, after) = (begun.elapsed().as_secs_f64(), processor_seconds()?);
        assert_eq!(std::hint::black_box(probabilities).len(), bands.len());
        let (cpu, peak) = (after - before, peak()?);
        writeln!(
            stdout,
            r#"{{"seconds": {seconds:.6}, "cpu_seconds": {cpu:.2}, "peak_mb": {peak:.1}}}"#
        )?;
        stdout.flush()?;
    }
    Ok(())
}
