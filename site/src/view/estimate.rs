//! Areas with their intervals, in words and in a table.

use geocrop_assessment::{ClassEstimate, Estimate, Record};
use serde::Serialize;

use super::layer::legend_class;
use crate::catalog::Layer;
use crate::format;

/// What points that were drawn at random say of a layer.
#[derive(Debug, Serialize)]
pub(super) struct EstimateView {
    /// One for each class: `Cropland: mapped 12,300 ha, estimated 14,100 ± 1,900 ha (95 %), from 300 points drawn at
    /// random`.
    sentences: Vec<String>,
    about: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    title: String,
    users: String,
    producers: String,
}

/// The estimate of a layer's areas.
pub(super) fn view(layer: &Layer, record: &Record) -> EstimateView {
    let found = &record.estimate;
    let points = format::count(found.points as u64);
    let there = |class: &&ClassEstimate| class.mapped_ha > 0.0 || class.area_ha.value > 0.0;
    let title = |class: &ClassEstimate| -> String {
        legend_class(layer, |known| known.name.as_ref() == Some(&class.name))
            .and_then(|known| known.title.clone())
            .unwrap_or_else(|| class.name.clone())
    };
    let classes: Vec<&ClassEstimate> = found.classes.iter().filter(there).collect();
    EstimateView {
        sentences: classes
            .iter()
            .map(|class| {
                let (title, areas) = (title(class), class.sentence());
                format!("{title}: {areas}, from {points} points drawn at random")
            })
            .collect(),
        about: format!(
            "The pixels of a class, counted, are a biased area, because a map’s errors do not cancel out; points drawn at random give an unbiased one. {} of the map is right. The points were labelled by: {}.",
            percent(Some(&found.overall_accuracy)),
            record.labelled_by.trim_end_matches('.')
        ),
        rows: classes
            .iter()
            .map(|class| Row {
                title: title(class),
                users: percent(class.users_accuracy.as_ref()),
                producers: percent(class.producers_accuracy.as_ref()),
            })
            .collect(),
    }
}

/// A share with half of its 95 % interval.
fn percent(share: Option<&Estimate>) -> String {
    share.map_or_else(
        || "–".to_owned(),
        |share| {
            format!(
                "{:.1} ± {:.1} %",
                100.0 * share.value,
                100.0 * share.half_width()
            )
        },
    )
}
