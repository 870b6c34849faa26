//! `geocrop model drift`: whether new imagery looks like what a model learnt from.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, anyhow, bail};
use geocrop_model::drift::{Drift, FeatureCounts, Population};
use geocrop_precompute::Statistics;
use geocrop_store::stac::Item;
use geocrop_store::{ResultKeys, Slug, layout};
use geocrop_training::Table;

use super::House;
use crate::args::ModelDrift;
use crate::config::{Config, Usage};
use crate::progress;

pub(super) fn drift(args: &ModelDrift, config: Config) -> Result<()> {
    let house = House::new(config, &args.places)?;
    let (name, version) = args
        .model
        .split_once('/')
        .unwrap_or((&args.model, "production"));
    let name: Slug = name.parse()?;
    let version = match version {
        "production" => house
            .production(&name)?
            .ok_or_else(|| anyhow!("no version of {name} serves; give one: {name}/VERSION"))?,
        version => version.to_owned(),
    };
    let population: Population = house.parsed(&name, &version, "population.json")?.ok_or_else(|| {
        anyhow!("models/{name}/{version} has no population.json: nothing tells what its features were like; train it again")
    })?;
    let (mut found, of) = match (&args.data, &args.layer) {
        (Some(data), _) => {
            let model = house.trees(&name, &version)?;
            let table = Table::read(data)?;
            let found = population.drift(&table.in_order(model.feature_names())?)?;
            (found, format!("{} rows", table.rows))
        }
        (None, layer) => of_layer(&house, layer.as_deref().unwrap_or_default(), &population)
            .with_context(|| format!("maps of {name}/{version}"))?,
    };
    found.sort_by(|a, b| b.index.total_cmp(&a.index));
    if args.json {
        progress::print(&serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    let mut text = format!("{name}/{version}, population stability index of {of}\n");
    for one in &found {
        let _ = writeln!(
            text,
            "  {:<20} {:.3}  {}",
            one.feature, one.index, one.change
        );
    }
    progress::print(text.trim_end());
    Ok(())
}

/// Drift of what was counted when maps were made, over all areas of a layer or one.
fn of_layer(house: &House, layer: &str, population: &Population) -> Result<(Vec<Drift>, String)> {
    let parts: Vec<&str> = layer.split('/').collect();
    let (recipe, period, area) = match parts[..] {
        [recipe, period] => (recipe, period, None),
        [recipe, period, area] => (recipe, period, Some(area)),
        _ => bail!(Usage(format!(
            "--layer {layer} is not RECIPE/PERIOD or RECIPE/PERIOD/AREA"
        ))),
    };
    let store = &house.store;
    let folder = format!("{}/{period}", layout::recipe_folder(&recipe.parse()?));
    let mut sum: Option<Vec<FeatureCounts>> = None;
    let mut maps = 0;
    for entry in store.list(&folder)? {
        let Some(keys) = ResultKeys::from_item(&entry.key) else {
            continue;
        };
        let item: Option<Item> = store
            .get(&entry.key)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        // A large area counts what its tiles count, and they are asked.
        let shown = item.is_none_or(|item| item.properties.extra.contains_key("geocrop:tiles"));
        let wanted = area.is_none_or(|area| keys.area() == area);
        if !wanted || (shown && area.is_none()) {
            continue;
        }
        let statistics: Option<Statistics> = store
            .get(&keys.statistics())?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(found) = statistics.map(|s| s.features).filter(|f| !f.is_empty()) else {
            continue;
        };
        let mut all = sum.take().unwrap_or_else(|| population.nothing());
        if !all.iter_mut().zip(&found).all(|(all, more)| all.add(more)) {
            bail!(
                "{} was made by another version, whose samples differ; 'geocrop precompute run' makes it again, or name that version",
                keys.item()
            );
        }
        maps += 1;
        sum = Some(all);
    }
    let sum = sum.ok_or_else(|| {
        anyhow!("no map of {layer} has its features counted: 'geocrop precompute run' makes maps that have")
    })?;
    let counted: u64 = sum.first().map_or(0, |of| of.found.iter().sum());
    let drifts = sum.iter().map(Drift::from).collect();
    Ok((drifts, format!("{counted} pixels of {maps} maps")))
}
