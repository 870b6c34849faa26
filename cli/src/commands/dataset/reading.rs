//! How files of samples are read: legend, time and place out of the arguments.

use std::path::Path;

use anyhow::{Context as _, Result};
use geocrop_model::Legend;
use geocrop_raster::{Aoi, AoiLimits, Crs};
use geocrop_samples::{ColumnNames, Dataset, Expected, ReadOptions};
use geocrop_store::Period;

use super::super::precompute;
use crate::args::Reading;
use crate::config::{Config, Usage};

/// Arguments that were looked at.
pub(super) struct Prepared {
    columns: ColumnNames,
    time: Option<Period>,
    crs: Option<Crs>,
    legend: Option<Legend>,
    /// Whether the legend is the arguments' and not the data set's.
    given: bool,
    expected: Option<Expected>,
}

impl Prepared {
    pub(super) fn new(args: &Reading, config: &Config, there: Option<&Dataset>) -> Result<Self> {
        let (mut legend, mut expected) = (None, None);
        if let Some(text) = &args.legend {
            let (found, zone) = read_legend(config, text)?;
            (legend, expected) = (Some(found), zone);
        }
        if let Some(path) = &args.aoi {
            let aoi = Aoi::read(path, &AoiLimits::default())?;
            expected = Some(Expected {
                title: aoi.name.clone(),
                bounds: aoi.lonlat_bounds(),
            });
        }
        let time = args.date.as_ref().map(|text| {
            text.parse::<Period>()
                .map_err(|error| Usage(format!("--date: {error}")))
        });
        let crs = args.crs.as_ref().map(|text| {
            text.parse::<Crs>()
                .map_err(|error| Usage(format!("--crs: {error}")))
        });
        Ok(Self {
            columns: ColumnNames {
                class: args.class_column.clone(),
                date: args.date_column.clone(),
                lon: args.lon_column.clone(),
                lat: args.lat_column.clone(),
                group: args.group_column.clone(),
                weight: args.weight_column.clone(),
                note: args.note_column.clone(),
            },
            time: time.transpose()?,
            crs: crs.transpose()?,
            given: legend.is_some(),
            legend: legend.or_else(|| there?.legend.clone()),
            expected,
        })
    }

    /// The legend of the arguments.
    pub(super) fn given(&self) -> Option<Legend> {
        self.legend.clone().filter(|_| self.given)
    }

    pub(super) fn options(&self) -> ReadOptions<'_> {
        ReadOptions {
            columns: self.columns.clone(),
            time: self.time.clone(),
            crs: self.crs,
            legend: self.legend.as_ref(),
            expected: self.expected.clone(),
        }
    }
}

/// A legend out of a JSON file, or a recipe's with the zone that it is for.
fn read_legend(config: &Config, text: &str) -> Result<(Legend, Option<Expected>)> {
    let path = Path::new(text);
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        let json = std::fs::read_to_string(path).with_context(|| format!("cannot read {text}"))?;
        let legend = serde_json::from_str(&json).with_context(|| {
            format!("{text} is no legend: a JSON list of classes with value, name, title and color is expected")
        })?;
        return Ok((legend, None));
    }
    let recipe = precompute::recipe(config, text)?;
    let legend = recipe.output.legend().cloned().ok_or_else(|| {
        Usage(format!(
            "--legend: the recipe {} has no classes; name one that has, or a JSON file of classes",
            recipe.name
        ))
    })?;
    let expected = recipe.zone.map(|zone| Expected {
        title: zone.title,
        bounds: zone.bounds,
    });
    Ok((legend, expected))
}
