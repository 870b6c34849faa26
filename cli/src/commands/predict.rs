//! `geocrop predict`: a model on a table of features, as arrays or as text.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use geocrop_model::Ensemble;
use geocrop_precompute::ask::table::{self, TableForm, TableOptions};
use geocrop_precompute::{LoadedModel, ModelStore, Recipe};
use ndarray::{Array1, Array2};

use super::{places, precompute};
use crate::args::Predict;
use crate::config::Config;
use crate::progress::{self, Board};

pub(crate) fn run(args: &Predict, config: Config) -> Result<()> {
    super::threads(args.threads)?;
    match (&args.features, &args.table) {
        (Some(features), _) => arrays(args, features),
        (None, Some(table)) => text(args, table, config),
        // The arguments need one of them.
        (None, None) => Ok(()),
    }
}

/// A table with a header, or JSON instances.
fn text(args: &Predict, path: &Path, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    let model = if args.model.is_file() {
        LoadedModel::from_file(&args.model)?
    } else {
        let named = args.model.display().to_string();
        let (name, version) = named.split_once('/').unwrap_or((&named, "production"));
        let recipes = Recipe::read_dir(&config.path("recipes")).unwrap_or_default();
        ModelStore::new(&precompute::engine(&config)?, &recipes).load(name, version)?
    };
    let form = |path: &Path| match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("json") => TableForm::Json,
        _ => TableForm::Csv,
    };
    let input = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let options = TableOptions {
        input: form(path),
        output: form(&args.out),
        bytes: input.metadata().ok().map(|metadata| metadata.len()),
        ..TableOptions::default()
    };
    let out =
        File::create(&args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
    let stop = progress::listen_for_stop()?;
    let board = Board::new(1, 1.0);
    let title = format!("predict {}/{}", model.name, model.version);
    let report = board.watch(&title, 1.0, &stop, |handle| {
        let (mut input, mut out) = (BufReader::new(input), BufWriter::new(out));
        let report = table::run(&model, &mut input, &mut out, &options, handle)
            .with_context(|| format!("{}", path.display()))?;
        let classes = report
            .classes
            .iter()
            .map(|(name, rows)| format!("{name} {rows}"));
        let words = format!(
            "{} rows: {}",
            report.rows,
            classes.collect::<Vec<_>>().join(", ")
        );
        Ok((report, words))
    });
    board.finish();
    if report.is_err() {
        // Half a table must not look like a whole one.
        let _ = std::fs::remove_file(&args.out);
    }
    report.map(drop)
}

fn arrays(args: &Predict, path: &Path) -> Result<()> {
    let model = Ensemble::load(&args.model)?;
    let features: Array2<f32> = ndarray_npy::read_npy(path).with_context(|| {
        format!(
            "cannot read {}: it must be a NumPy file of float32 [rows, features]",
            path.display()
        )
    })?;
    let (rows, columns) = features.dim();
    if columns != model.num_features() {
        bail!(
            "{} has {columns} columns, the model {} was trained with {} features",
            path.display(),
            args.model.display(),
            model.num_features()
        );
    }
    // A file in column order is brought into row order here.
    let features = features.as_standard_layout();
    let table = features.as_slice().expect("standard layout is one slice");
    let mut out = vec![0.0_f32; rows * model.outputs()];
    model.predict_rows_parallel(table, &mut out)?;
    let failed = || format!("cannot write {}", args.out.display());
    if model.outputs() == 1 {
        ndarray_npy::write_npy(&args.out, &Array1::from(out)).with_context(failed)?;
    } else {
        let table = Array2::from_shape_vec((rows, model.outputs()), out)?;
        ndarray_npy::write_npy(&args.out, &table).with_context(failed)?;
    }
    Ok(())
}
