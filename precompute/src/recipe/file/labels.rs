//! Recipes of labels: which tables go together when each date has its class already.

use geocrop_model::{Legend, LegendClass, dynamic_world};
use serde::Deserialize;
use toml::Spanned;

use super::{Features, Origin};
use crate::recipe::{Composite, LabelMap, Method, RecipeError, Season};

/// The only network there is.
const NETWORK: &str = "dynamic-world";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    name: String,
}

/// The statistic fits what is made: a geomedian of reflectance, or a vote or a mean of labels.
pub(super) fn check_composite(
    origin: &Origin<'_>,
    composite: &Spanned<Composite>,
    labels: bool,
) -> Result<(), RecipeError> {
    let refuse = |message: &str| Err(origin.error(composite, message));
    let Composite {
        method, mads, thin, ..
    } = *composite.get_ref();
    let of_labels = method != Method::Geomedian;
    if labels && !of_labels {
        return refuse(
            "a [network] makes labels, and these have no geomedian: write method = \"mode\" or \"mean-probability\"",
        );
    }
    if of_labels && !labels {
        return refuse(
            "\"mode\" and \"mean-probability\" are of labels: name the [network] that makes them, or write method = \"geomedian\"",
        );
    }
    if of_labels && mads {
        return refuse("mads are deviations from a geomedian; labels have none");
    }
    if !of_labels && thin > 0 {
        return refuse("thin marks labels that rest on few observations; a geomedian has none");
    }
    Ok(())
}

/// A network makes its own features, and a year has one map of labels.
pub(super) fn check(
    origin: &Origin<'_>,
    features: Option<&Spanned<Features>>,
    seasons: &Spanned<Vec<Season>>,
) -> Result<(), RecipeError> {
    if let Some(features) = features {
        return Err(origin.error(
            features,
            "a recipe with a [network] has no [features]: the network makes its own",
        ));
    }
    if seasons.get_ref().len() != 1 {
        return Err(origin.error(seasons, "a map of labels has exactly one [[season]]"));
    }
    Ok(())
}

/// The map, its legend in the order of values: that order decides ties. Bands and classes are the network's.
pub(super) fn map(
    origin: &Origin<'_>,
    network: Spanned<NetworkTable>,
    bands: &[String],
    mut classes: Vec<LegendClass>,
) -> Result<LabelMap, RecipeError> {
    let name = &network.get_ref().name;
    if name != NETWORK {
        return Err(origin.error(
            &network,
            format!("there is no network '{name}'; there is {NETWORK}"),
        ));
    }
    if bands != dynamic_world::BANDS {
        return Err(origin.error(
            &network,
            format!(
                "[bands] names {}, and {NETWORK} sees {}",
                bands.join(", "),
                dynamic_world::BANDS.join(", ")
            ),
        ));
    }
    classes.sort_by_key(|class| class.value);
    let legend =
        Legend::new(classes).map_err(|e| origin.error(&network, format!("legend: {e}")))?;
    let meant = |legend: &Legend| {
        let classes = legend.iter().map(|c| format!("{} {}", c.value, c.name));
        classes.collect::<Vec<_>>().join(", ")
    };
    let (found, expected) = (meant(&legend), meant(&dynamic_world::legend()));
    if found != expected {
        return Err(origin.error(
            &network,
            format!("the [[legend]] has {found}, and {NETWORK} tells {expected}"),
        ));
    }
    Ok(LabelMap {
        network: network.into_inner().name,
        legend,
    })
}
