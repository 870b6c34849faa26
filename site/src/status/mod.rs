//! The status page: the parts of the service with their history, what is newest, and the incidents.
//!
//! The page is a snapshot. What it says of the parts comes from Prometheus, where a build is given one, and is unknown
//! otherwise: a build has no state of its own, and equal inputs must give equal pages. A script in the page asks the API
//! for the state of the moment.

mod bars;
mod incidents;
mod prometheus;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use geocrop_store::status::{Day, HISTORY_DAYS, Part, State};
use serde::Serialize;

use crate::catalog::{Catalog, Layer};
use crate::content::Source;
use crate::front::Template;
use crate::stored::Stored;
use crate::view;
pub(crate) use incidents::Incident;
pub use prometheus::{MeasureError, measure};

/// What was measured of the parts, up to one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurements {
    /// When it was asked for.
    pub taken: DateTime<Utc>,
    /// The parts that there are measurements of.
    pub parts: BTreeMap<Part, Measured>,
}

/// What was measured of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// How it stood.
    pub state: State,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// The last [`HISTORY_DAYS`] days, the oldest first.
    pub history: Vec<Day>,
}

/// Everything that the status page shows besides its text.
#[derive(Debug, Serialize)]
pub(crate) struct StatusPage {
    /// When the snapshot was measured, in words; `None`: it holds no measurements.
    taken: Option<String>,
    overall: Overall,
    days: u32,
    parts: Vec<Row>,
    newest_layer: Option<NewestLayer>,
    newest_scene: Option<NewestScene>,
    incidents: Vec<Incident>,
}

#[derive(Debug, Serialize)]
struct Overall {
    state: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct Row {
    id: &'static str,
    name: &'static str,
    purpose: &'static str,
    state: &'static str,
    word: &'static str,
    since: Option<Moment>,
    /// The history as a drawing, finished.
    bars: String,
}

/// A moment for machines and for people.
#[derive(Debug, Serialize)]
struct Moment {
    datetime: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct NewestLayer {
    item: String,
    title: String,
    address: String,
    published: Moment,
    synthetic: bool,
}

#[derive(Debug, Serialize)]
struct NewestScene {
    id: String,
    taken: Moment,
    synthetic: bool,
}

impl StatusPage {
    pub(crate) fn new(
        measured: Option<&Measurements>,
        catalog: &Catalog,
        stored: &Stored,
        sources: &[Source],
    ) -> Self {
        let parts = || measured.into_iter().flat_map(|found| &found.parts);
        let rows: Vec<Row> = Part::ALL
            .into_iter()
            .filter_map(|part| {
                let found = parts().find(|(id, _)| **id == part).map(|(_, found)| found);
                (part.is_built_in() || found.is_some()).then(|| row(part, found))
            })
            .collect();
        Self {
            taken: measured.map(|found| words(found.taken)),
            overall: overall(parts().map(|(part, found)| (*part, found.state))),
            days: HISTORY_DAYS,
            parts: rows,
            newest_layer: newest_layer(catalog, stored),
            newest_scene: newest_scene(catalog),
            incidents: incidents::of(sources),
        }
    }
}

/// The address of the status page, where there is one.
pub(crate) fn address(sources: &[Source]) -> Option<&str> {
    sources
        .iter()
        .find(|source| source.front.template == Template::Status)
        .map(|source| source.address.as_str())
}

fn row(part: Part, found: Option<&Measured>) -> Row {
    let state = found.map_or(State::Unknown, |found| found.state);
    Row {
        id: part.id(),
        name: part.name(),
        purpose: part.purpose(),
        state: state.as_str(),
        word: word(state),
        since: found.and_then(|found| found.since).map(moment),
        bars: bars::draw(part, found.map_or(&[], |found| &found.history)),
    }
}

/// A state as readers see it.
fn word(state: State) -> &'static str {
    match state {
        State::Up => "Up",
        State::Degraded => "Degraded",
        State::Down => "Down",
        State::Unknown => "Unknown",
    }
}

/// The worst of all in one line. The script in the page says the same of the API's answer.
fn overall(parts: impl Iterator<Item = (Part, State)>) -> Overall {
    let parts: Vec<_> = parts.collect();
    let those = |wanted| {
        let names: Vec<_> = parts
            .iter()
            .filter(|(_, state)| *state == wanted)
            .map(|(part, _)| part.name())
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let (state, text) = if let Some(names) = those(State::Down) {
        (State::Down, format!("Down: {names}"))
    } else if let Some(names) = those(State::Degraded) {
        (State::Degraded, format!("Degraded: {names}"))
    } else if those(State::Up).is_some() {
        (State::Up, "Everything that is measured works".to_owned())
    } else {
        (State::Unknown, "Nothing is known of the parts".to_owned())
    };
    Overall {
        state: state.as_str(),
        text,
    }
}

fn layers(catalog: &Catalog) -> impl Iterator<Item = (&String, &Layer)> {
    catalog
        .areas
        .iter()
        .flat_map(|(id, area)| area.layers.iter().map(move |layer| (id, layer)))
}

/// Items say nothing of when they were made; when one was published is when the store last took it.
fn newest_layer(catalog: &Catalog, stored: &Stored) -> Option<NewestLayer> {
    let (published, id, layer) = layers(catalog)
        .filter_map(|(id, layer)| Some((stored.modified(&layer.key)?, id, layer)))
        .max_by(|a, b| (a.0, &b.2.key).cmp(&(b.0, &a.2.key)))?;
    let p = &layer.properties;
    Some(NewestLayer {
        item: layer.key.clone(),
        title: format!("{}, {}, {}", p.area_name, layer.recipe_title, p.period),
        address: format!("{}#{}", view::area_address(id), layer.anchor()),
        published: moment(published),
        synthetic: p.synthetic,
    })
}

fn newest_scene(catalog: &Catalog) -> Option<NewestScene> {
    let (taken, id, synthetic) = layers(catalog)
        .flat_map(|(_, layer)| {
            let synthetic = layer.properties.synthetic;
            layer.properties.scenes.iter().filter_map(move |scene| {
                let taken = DateTime::parse_from_rfc3339(scene.datetime.as_deref()?).ok()?;
                Some((taken.to_utc(), &scene.id, synthetic))
            })
        })
        .max_by(|a, b| (a.0, b.1).cmp(&(b.0, a.1)))?;
    Some(NewestScene {
        id: id.clone(),
        taken: moment(taken),
        synthetic,
    })
}

fn moment(moment: DateTime<Utc>) -> Moment {
    Moment {
        datetime: moment.to_rfc3339_opts(SecondsFormat::Secs, true),
        text: words(moment),
    }
}

fn words(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_state_is_told_with_the_parts_that_have_it() {
        let told = |parts: &[(Part, State)]| {
            let told = overall(parts.iter().copied());
            (told.state, told.text)
        };
        let up = (Part::Api, State::Up);
        assert_eq!(told(&[]).0, "unknown");
        assert_eq!(told(&[up, (Part::Tiles, State::Unknown)]).0, "up");
        assert_eq!(
            told(&[up, (Part::Store, State::Degraded)]),
            ("degraded", "Degraded: Store".to_owned())
        );
        let worst = [
            (Part::Queue, State::Down),
            (Part::Tiles, State::Down),
            (Part::Store, State::Degraded),
        ];
        assert_eq!(
            told(&worst),
            ("down", "Down: Job queue, Map tiles".to_owned())
        );
    }
}
