//! A worker that predicts a table of features each time it is told to, for `./dev bench` to drive
//! in turn with other evaluators. Its lines are those of all workers: see [`USAGE`].

#![expect(
    clippy::print_stdout,
    reason = "the program that drives this reads its standard output"
)]

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use geocrop_model::TreeEnsemble;
use ndarray::{Array1, Array2};

const USAGE: &str = "\
usage: trees --model model.json --features features.npy [--threads N] [--out P.npy]

  --features  float32 [rows, features], NaN where a value is missing
  --out       where to write the last prediction, float32 [rows] or [rows, classes]

Prints {\"ready\": true, ...}; then, for every line read, predicts all rows once and prints
{\"seconds\": wall, \"cpu_seconds\": user + system, \"peak_mb\": most memory so far}.";

struct Arguments {
    model: String,
    features: String,
    threads: Option<usize>,
    out: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = arguments()? else {
        println!("{USAGE}");
        return Ok(());
    };
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
    }
    let start = Instant::now();
    let model = TreeEnsemble::load(&arguments.model)?;
    let load_seconds = start.elapsed().as_secs_f64();
    let features: Array2<f32> = ndarray_npy::read_npy(&arguments.features)?;
    let table = features
        .as_slice()
        .ok_or("the features are not in C order; save them with np.ascontiguousarray")?;
    let mut out = vec![0.0; features.nrows() * model.outputs()];
    let ready = serde_json::json!({
        "ready": true,
        "what": "geocrop predict_rows_parallel",
        "rows": features.nrows(),
        "features": features.ncols(),
        "trees": model.num_trees(),
        "threads": rayon::current_num_threads(),
        "load_seconds": load_seconds,
    });
    println!("{ready}");
    for line in std::io::stdin().lock().lines() {
        line?;
        let (start, cpu_start) = (Instant::now(), cpu_seconds()?);
        model.predict_rows_parallel(table, &mut out)?;
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu_start);
        let took = serde_json::json!({
            "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak_mb()?,
        });
        println!("{took}");
    }
    if let Some(path) = arguments.out {
        match model.outputs() {
            1 => ndarray_npy::write_npy(path, &Array1::from_vec(out))?,
            outputs => {
                let shape = (features.nrows(), outputs);
                ndarray_npy::write_npy(path, &Array2::from_shape_vec(shape, out)?)?;
            }
        }
    }
    Ok(())
}

/// `None` if there are none but what cargo passes.
fn arguments() -> Result<Option<Arguments>, Box<dyn Error>> {
    let (mut model, mut features, mut threads, mut out) = (None, None, None, None);
    let mut given = std::env::args().skip(1).filter(|given| given != "--bench");
    while let Some(name) = given.next() {
        let value = given.next();
        match name.as_str() {
            "--model" => model = value,
            "--features" => features = value,
            "--threads" => threads = value.map(|value| value.parse()).transpose()?,
            "--out" => out = value,
            _ => return Err(format!("found `{name}`\n{USAGE}").into()),
        }
    }
    match (model, features) {
        (None, None) => Ok(None),
        (Some(model), Some(features)) => Ok(Some(Arguments {
            model,
            features,
            threads,
            out,
        })),
        _ => Err(format!("--model and --features are both needed\n{USAGE}").into()),
    }
}

/// What all threads have used so far: the scheduler counts nanoseconds for each.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let used = stat.split_whitespace().next().unwrap_or_default();
        nanoseconds += used.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

fn peak_mb() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes
        .ok_or("/proc/self/status has no VmHWM")?
        .parse::<f64>()?
        / 1024.0)
}
