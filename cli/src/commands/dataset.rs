//! `geocrop dataset`: batches of labelled samples, checked, counted and kept in the store.

pub(super) mod extract;
mod reading;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use geocrop_samples::{
    AddOptions, Added, Batch, BatchKind, Checks, Dataset, FeatureTable, Input, NewBatch,
    Provenance, Sample, add, check_together, short,
};
use geocrop_store::{Slug, Store};
use serde_json::{Value, json};

use super::places;
use super::precompute::table;
use crate::args::{Dataset as Command, DatasetAdd, DatasetCheck, DatasetList, DatasetNamed};
use crate::config::{Config, Usage};
use crate::progress::{self, Bar};
use reading::Prepared;

pub(crate) fn run(command: &Command, config: Config) -> Result<()> {
    match command {
        Command::Add(args) => add_files(args, config),
        Command::Check(args) => check(args, config),
        Command::Stats(args) => stats(args, config),
        Command::List(args) => list(args, config),
        Command::Extract(args) => extract::run(args, config),
    }
}

fn add_files(args: &DatasetAdd, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    if args.batch.is_some() && args.files.len() > 1 {
        return Err(Usage("--batch names one batch: give one file with it".into()).into());
    }
    let name = slug(&args.name)?;
    let store = Store::open(config.get("store"))?;
    let there = Dataset::find(&store, &name)?;
    let prepared = Prepared::new(&args.reading, &config, there.as_ref())?;
    let mut batches = Vec::new();
    for path in &args.files {
        let batch = match &args.batch {
            Some(batch) => slug(batch)?,
            None => slug(&slugified(path))?,
        };
        if batches
            .iter()
            .any(|known: &NewBatch<'_>| known.name == batch)
        {
            return Err(Usage(format!(
                "two files would become the batch {batch}: add them one by one, with --batch"
            ))
            .into());
        }
        batches.push(NewBatch {
            name: batch,
            path,
            input: read(path, &prepared)?,
            provenance: Provenance {
                licence: args.licence.clone(),
                attribution: args.attribution.clone(),
                design: args.design.clone(),
            },
        });
    }
    let options = AddOptions {
        title: args.title.clone(),
        legend: prepared.given(),
        replace: args.replace,
    };
    let outcomes = add(&store, &name, &batches, &options)?;
    let mut said = Vec::new();
    for (batch, outcome) in batches.iter().zip(&outcomes) {
        let (words, count) = match &batch.input {
            Input::Samples(found) => ("samples", found.samples.len() as u64),
            Input::Table(table) => ("rows of features", table.rows),
        };
        let outcome_words = match outcome {
            Added::New => "added",
            Added::Replaced => "put in place of the batch before",
            Added::Unchanged => "there already, nothing to do",
        };
        progress::line(&format!(
            "{name}/{}: {count} {words}, {outcome_words}",
            batch.name
        ));
        tell(&batch.input);
        said.push(json!({ "batch": batch.name, "outcome": outcome, "samples": count }));
    }
    if args.json {
        let dataset = Dataset::load(&store, &name)?;
        let document = json!({ "added": said, "dataset": dataset });
        progress::print(&serde_json::to_string_pretty(&document)?);
    }
    Ok(())
}

/// Reads a file under a progress bar.
fn read(path: &Path, prepared: &Prepared) -> Result<Input> {
    let bar = Bar::start(&format!("check {}", path.display()));
    let result = geocrop_samples::read(path, &prepared.options(), &|share| bar.at(share, ""));
    bar.clear();
    Ok(result?)
}

/// The remarks on what was read.
fn tell(input: &Input) {
    if let Input::Samples(batch) = input {
        remarks(&batch.checks);
    }
}

fn remarks(checks: &Checks) {
    for remark in &checks.remarks {
        progress::line(&format!("  note: {remark}"));
    }
}

fn check(args: &DatasetCheck, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    let path = PathBuf::from(&args.what);
    let is_name = !path.exists() && args.what.parse::<Slug>().is_ok();
    let report = if is_name {
        check_dataset(args, &config)?
    } else {
        let input = read(&path, &Prepared::new(&args.reading, &config, None)?)?;
        tell(&input);
        progress::line(&format!("{}: nothing is wrong", path.display()));
        describe(&input)
    };
    if args.json {
        progress::print(&serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}

fn describe(input: &Input) -> Value {
    match input {
        Input::Samples(batch) => {
            let Batch {
                samples,
                checks,
                version,
            } = batch;
            json!({
                "kind": BatchKind::Samples, "samples": samples.len(), "version": version,
                "classes": batch.classes(), "years": batch.years(), "bounds": batch.bounds(),
                "checks": checks,
            })
        }
        Input::Table(FeatureTable {
            features,
            rows,
            classes,
            missing,
        }) => json!({
            "kind": BatchKind::Table, "samples": rows, "classes": classes, "features": features,
            "missing": missing,
        }),
    }
}

/// Reads all that a data set has, compares it with what is recorded, and looks at its samples together.
fn check_dataset(args: &DatasetCheck, config: &Config) -> Result<Value> {
    let store = Store::open(config.get("store"))?;
    let dataset = Dataset::load(&store, &slug(&args.what)?)?;
    let samples = samples(&dataset, &store)?;
    for entry in dataset.batches.values() {
        if entry.kind == BatchKind::Table {
            Dataset::check_table(&store, entry)?;
        }
    }
    let count: usize = samples.iter().map(|(_, samples)| samples.len()).sum();
    let checks = (count > 0).then(|| check_together(samples, dataset.legend.as_ref()));
    checks.iter().for_each(remarks);
    progress::line(&format!(
        "{}: {} batch(es) are as they were added, version {}",
        dataset.name,
        dataset.batches.len(),
        short(&dataset.version)
    ));
    Ok(json!({ "dataset": dataset, "checks": checks }))
}

/// The samples of all batches that have places, by batch.
fn samples(dataset: &Dataset, store: &Store) -> Result<Vec<(String, Vec<Sample>)>> {
    let mut all = Vec::new();
    for (name, entry) in &dataset.batches {
        if entry.kind == BatchKind::Samples {
            let bar = Bar::start(&format!("read {}/{name}", dataset.name));
            let samples = dataset.samples(store, entry, &|share| bar.at(share, ""));
            bar.clear();
            all.push((name.to_string(), samples?));
        }
    }
    Ok(all)
}

fn stats(args: &DatasetNamed, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    let store = Store::open(config.get("store"))?;
    let dataset = Dataset::load(&store, &slug(&args.name)?)?;
    if args.json {
        progress::print(&serde_json::to_string_pretty(&dataset)?);
        return Ok(());
    }
    let all: u64 = dataset.batches.values().map(|batch| batch.samples).sum();
    let mut text = format!(
        "{} ({}), version {}: {all} samples in {} batch(es)\n",
        dataset.title,
        dataset.name,
        short(&dataset.version),
        dataset.batches.len()
    );
    let share = |count: u64| format!("{:.1} %", 100.0 * count as f64 / all.max(1) as f64);
    let mut counts: [std::collections::BTreeMap<String, u64>; 2] = Default::default();
    for batch in dataset.batches.values() {
        for (class, count) in &batch.classes {
            let known = dataset
                .legend
                .as_ref()
                .and_then(|legend| legend.get(*class));
            let title = known.map_or_else(String::new, |class| format!(" {}", class.title));
            *counts[0].entry(format!("{class:>3}{title}")).or_default() += count;
        }
        for (year, count) in &batch.years {
            *counts[1].entry(year.clone()).or_default() += count;
        }
    }
    for (title, counts) in ["class", "year"].into_iter().zip(counts) {
        if !counts.is_empty() {
            let rows: Vec<_> = counts
                .into_iter()
                .map(|(name, count)| vec![name, count.to_string(), share(count)])
                .collect();
            text.extend(["\n", &table(&[title, "samples", "share"], &rows), "\n"]);
        }
    }
    let rows: Vec<_> = dataset
        .batches
        .iter()
        .map(|(name, batch)| {
            let kind = match batch.kind {
                BatchKind::Samples => "places",
                BatchKind::Table => "features",
            };
            vec![
                name.to_string(),
                batch.samples.to_string(),
                kind.to_owned(),
                short(&batch.version).to_owned(),
            ]
        })
        .collect();
    let batches = table(&["batch", "samples", "of", "version"], &rows);
    text.extend(["\n", &batches]);
    progress::print(&text);
    Ok(())
}

fn list(args: &DatasetList, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    let store = Store::open(config.get("store"))?;
    let all = Dataset::list(&store)?;
    if args.json {
        progress::print(&serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    if all.is_empty() {
        progress::line(&format!(
            "{} has no data set yet; add one with 'geocrop dataset add NAME FILE'",
            store.url()
        ));
        return Ok(());
    }
    let rows: Vec<_> = all
        .iter()
        .map(|dataset| {
            let samples: u64 = dataset.batches.values().map(|batch| batch.samples).sum();
            vec![
                dataset.name.to_string(),
                samples.to_string(),
                dataset.batches.len().to_string(),
                short(&dataset.version).to_owned(),
                dataset.title.clone(),
            ]
        })
        .collect();
    let header = ["data set", "samples", "batches", "version", "title"];
    progress::print(&table(&header, &rows));
    Ok(())
}

fn slug(text: &str) -> Result<Slug> {
    text.parse()
        .map_err(|error: geocrop_store::StoreError| Usage(error.to_string()).into())
}

/// A file's name as that of a batch.
fn slugified(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut slug = String::new();
    for letter in stem.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(Slug::MAX_LENGTH);
    slug.trim_end_matches('-').to_owned()
}

/// Writes a file whole or not at all.
fn write(
    path: &Path,
    work: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = std::fs::File::create(&part).and_then(|file| {
        let mut to = std::io::BufWriter::new(file);
        work(&mut to)?;
        to.into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        std::fs::rename(&part, path)
    });
    if written.is_err() {
        // The error that led here is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
