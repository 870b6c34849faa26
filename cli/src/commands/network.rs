//! `geocrop network`: Dynamic World's network on a scene, as arrays.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use geocrop_model::dynamic_world::{self, BANDS, CLASSES, Network};
use ndarray::{Array3, ArrayView3};

use super::data;
use crate::args;
use crate::config::Config;
use crate::progress::{self, Bar};

/// The data set with the network, and where its files lie among the data sets.
const NAME: &str = "dynamic-world";
const FOLDER: &str = "dynamicworld/forward";

/// The stored value that is no data.
const NODATA: u16 = 65535;

pub(crate) fn run(args: &args::Network, config: &Config) -> Result<()> {
    super::threads(args.threads)?;
    let network = Network::load(&folder(&args.model, config)?)?;
    let scene: Array3<u16> = ndarray_npy::read_npy(&args.scene).with_context(|| {
        format!(
            "cannot read {}: it must be a NumPy file of uint16 [y, x, 9]",
            args.scene.display()
        )
    })?;
    let (height, width, bands) = scene.dim();
    if bands != BANDS.len() {
        bail!(
            "{} has {bands} bands, the network needs {}: {}",
            args.scene.display(),
            BANDS.len(),
            BANDS.join(", ")
        );
    }
    let planes = planes(&scene);
    drop(scene);

    let bar = Bar::start(&format!("network {}", args.model));
    let watch = |done: usize, pixels: usize| bar.at(done as f64 / pixels as f64, "");
    let found = network.probabilities_watched(&planes, height, width, &watch);
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            bar.finish("failed");
            return Err(error).with_context(|| format!("cannot classify {}", args.scene.display()));
        }
    };
    drop(planes);
    bar.finish(&format!("{height} x {width} pixels"));

    let planes = Array3::from_shape_vec((CLASSES, height, width), found)?;
    let interleaved = planes.view().permuted_axes([1, 2, 0]);
    ndarray_npy::write_npy(&args.out, &interleaved)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    if args.json {
        let report = serde_json::json!({
            "model": args.model,
            "scene": args.scene,
            "out": args.out,
            "rows": height,
            "columns": width,
            "most_probable": counts(&planes.view()),
        });
        progress::print(&serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}

/// The folder of a network: that of the data set, or one that the user names.
fn folder(model: &str, config: &Config) -> Result<PathBuf> {
    if model != NAME {
        let folder = PathBuf::from(model);
        if !folder.is_dir() {
            bail!("there is no folder {model}, and the only network with a name is `{NAME}`");
        }
        return Ok(folder);
    }
    data::fetch_network(config)?;
    let folder = data::folder().join(FOLDER);
    if !folder.is_dir() {
        bail!("the network is not on this machine: run `geocrop data pull {NAME}` first");
    }
    Ok(folder)
}

/// `[y, x, band]` as stored to `[band][y][x]`, NaN for no data.
fn planes(scene: &Array3<u16>) -> Vec<f32> {
    let stored = |v: &u16| {
        if *v == NODATA {
            f32::NAN
        } else {
            f32::from(*v)
        }
    };
    scene
        .view()
        .permuted_axes([2, 0, 1])
        .iter()
        .map(stored)
        .collect()
}

/// For how many pixels each class is the most probable, and how many have no data.
fn counts(planes: &ArrayView3<'_, f32>) -> serde_json::Value {
    let mut pixels = [0_u64; CLASSES];
    let mut nodata = 0_u64;
    for classes in planes.lanes(ndarray::Axis(0)) {
        let best = (0..CLASSES).max_by(|a, b| classes[*a].total_cmp(&classes[*b]));
        match best {
            Some(best) if !classes[best].is_nan() => pixels[best] += 1,
            _ => nodata += 1,
        }
    }
    let legend = dynamic_world::legend();
    let mut report: serde_json::Map<_, _> = legend
        .iter()
        .zip(pixels)
        .map(|(class, pixels)| (class.name.clone(), pixels.into()))
        .collect();
    report.insert("no_data".to_owned(), nodata.into());
    report.into()
}
