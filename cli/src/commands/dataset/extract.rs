//! `geocrop dataset extract`: features at the samples of a data set.

#[cfg(feature = "train")]
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use geocrop_precompute::extract::{
    ExtractInputs, Extracted, Missed, Plot, PlotPlace, extract, period_of,
};
use geocrop_precompute::{Period, Recipe};
use geocrop_samples::{BatchKind, Dataset, Sample, SamplesError, Shape, days};
#[cfg(feature = "train")]
use geocrop_store::Slug;
use geocrop_store::Store;
use serde_json::json;

use super::super::{places, precompute};
use super::{samples, slug, write};
use crate::args::DatasetExtract;
use crate::config::{Config, Usage};
use crate::progress::{self, Board};

/// So many samples that were left out are named.
const MOST_NAMED: usize = 20;

pub(super) fn run(args: &DatasetExtract, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    config.flag("memory", args.memory);
    let recipe = Arc::new(precompute::recipe(&config, &args.recipe)?);
    let only = args.period.as_ref().map(|text| {
        text.parse::<Period>()
            .map_err(|error| Usage(format!("--period {text}: {error}")))
    });
    let only = only.transpose()?;
    let store = Store::open(config.get("store"))?;
    let dataset = Dataset::load(&store, &slug(&args.name)?)?;
    let plots = plots(&dataset, &store, &recipe, only)?;
    let title = format!("extract {} with {}", dataset.name, recipe.name);
    let extracted = features(&config, recipe, args.source.as_deref(), (&title, plots))?;
    let mut record = extracted.record();
    record["dataset"] = json!({ "name": dataset.name, "version": dataset.version });
    let record = serde_json::to_string_pretty(&record)? + "\n";
    // The table last: when it is there, all is.
    write(&args.out.with_extension("json"), |to| {
        to.write_all(record.as_bytes())
    })?;
    write(&args.out, |to| extracted.write_csv(to))?;
    if args.json {
        progress::print(record.trim_end());
    }
    Ok(())
}

/// Writes the features at the places of one batch as CSV.
#[cfg(feature = "train")]
pub(in crate::commands) fn batch_features(
    config: &Config,
    (store, dataset, batch): (&Store, &Dataset, &Slug),
    (recipe, source): (&str, Option<&str>),
    to: &Path,
) -> Result<()> {
    let recipe = Arc::new(precompute::recipe(config, recipe)?);
    let title = format!("extract {}/{batch} with {}", dataset.name, recipe.name);
    let entry = &dataset.batches[batch];
    let samples = dataset.samples(store, entry, &|_| {})?;
    let mut plots = Vec::new();
    take(batch.as_str(), samples, &recipe, None, &mut plots)?;
    let extracted = features(config, recipe, source, (&title, plots))?;
    write(to, |to| extracted.write_csv(to))
}

/// Makes the features under a bar with this title, and tells what was left out.
fn features(
    config: &Config,
    recipe: Arc<Recipe>,
    source: Option<&str>,
    (title, plots): (&str, Vec<Plot>),
) -> Result<Extracted> {
    let memory_mb = config.memory_mb()?;
    geocrop_raster::configure(geocrop_precompute::cache_mb(memory_mb));
    let location = source
        .map(str::to_owned)
        .or_else(|| config.sources().into_iter().next());
    let missing = "give the imagery with --source, or 'sources' in the configuration";
    let location = location.ok_or_else(|| Usage(missing.into()))?;
    let inputs = ExtractInputs {
        recipe,
        source: precompute::source(config, &location)?,
        plots,
        memory_mb,
    };
    let stop = progress::listen_for_stop()?;
    let board = Board::new(1, 1.0);
    let extracted = board.watch(title, 1.0, &stop, |handle| {
        let extracted = extract(&inputs, handle)?;
        let words = format!(
            "{} rows from {} samples",
            extracted.rows(),
            inputs.plots.len()
        );
        Ok((extracted, words))
    });
    board.finish();
    let extracted = extracted?;
    tell(&extracted);
    Ok(extracted)
}

/// The samples that are asked for, each with its period.
fn plots(
    dataset: &Dataset,
    store: &Store,
    recipe: &Recipe,
    only: Option<Period>,
) -> Result<Vec<Plot>> {
    let is_table = |kind: BatchKind| kind == BatchKind::Table;
    if dataset.batches.values().all(|batch| is_table(batch.kind)) {
        let dataset = dataset.name.to_string();
        return Err(SamplesError::NoPlaces { dataset }.into());
    }
    for (name, _) in dataset
        .batches
        .iter()
        .filter(|(_, batch)| is_table(batch.kind))
    {
        progress::line(&format!(
            "note: {name} is a table of features and is left out"
        ));
    }
    let mut plots = Vec::new();
    for (batch, samples) in samples(dataset, store)? {
        take(&batch, samples, recipe, only, &mut plots)?;
    }
    match only {
        Some(only) if plots.is_empty() => Err(Usage(format!(
            "--period {only}: {} has no samples of that period; 'geocrop dataset stats {}' counts them by year",
            dataset.name, dataset.name
        ))
        .into()),
        _ => Ok(plots),
    }
}

/// Takes those samples of a batch that are of the period, or all.
fn take(
    batch: &str,
    samples: Vec<Sample>,
    recipe: &Recipe,
    only: Option<Period>,
    plots: &mut Vec<Plot>,
) -> Result<()> {
    for (sample, number) in samples.into_iter().zip(1..) {
        let (first, last) = days(&sample.time);
        let period = period_of(recipe, first, last).map_err(Usage)?;
        if only.is_none_or(|only| only == period) {
            plots.push(plot(sample, format!("{batch}/{number}"), period));
        }
    }
    Ok(())
}

fn plot(sample: Sample, name: String, period: Period) -> Plot {
    let place = match &sample.shape {
        Shape::Point(place) => PlotPlace::Point {
            lon: place.lon(),
            lat: place.lat(),
        },
        Shape::Area(area) => PlotPlace::Area(area.polygons()),
    };
    Plot {
        name,
        class: sample.class,
        group: sample.group.map(Into::into),
        weight: sample.weight,
        period,
        place,
    }
}

/// What was left out, and why.
fn tell(extracted: &Extracted) {
    for (reason, words) in [
        (Missed::Outside, "outside of the imagery in some season"),
        (
            Missed::Unclear,
            "without a clear observation in some season",
        ),
        (Missed::Small, "that hold no pixel's centre"),
    ] {
        let count = extracted.count(reason);
        if count > 0 {
            let names: Vec<&str> = extracted
                .missed
                .iter()
                .filter(|left_out| left_out.reason == reason)
                .take(MOST_NAMED)
                .map(|left_out| left_out.name.as_str())
                .collect();
            let more = match count - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            progress::line(&format!(
                "left out: {count} sample(s) {words}: {}{more}",
                names.join(", ")
            ));
        }
    }
    if extracted.unclear_pixels > 0 {
        progress::line(&format!(
            "left out: {} pixel(s) of polygons without a clear observation in some season",
            extracted.unclear_pixels
        ));
    }
}
