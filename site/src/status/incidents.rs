//! Incidents: pages with the template `incident`, which say what was wrong, when, and how it went.

use geocrop_store::status::Part;
use serde::Serialize;

use crate::content::Source;
use crate::front::{Day, FrontMatter, Template};

/// An incident, as lists and its own page show it.
#[derive(Debug, Serialize)]
pub(crate) struct Incident {
    address: String,
    title: String,
    description: String,
    date: String,
    resolved: Option<String>,
    /// Names of the parts that it was about.
    parts: Vec<&'static str>,
}

/// All incidents: open ones first, then the latest first.
pub(super) fn of(sources: &[Source]) -> Vec<Incident> {
    let mut found: Vec<&Source> = sources
        .iter()
        .filter(|source| source.front.template == Template::Incident)
        .collect();
    found.sort_by(|a, b| {
        let open = |source: &Source| source.front.resolved.is_none();
        (open(b), &b.front.date)
            .cmp(&(open(a), &a.front.date))
            .then_with(|| a.address.cmp(&b.address))
    });
    found
        .into_iter()
        .map(|source| Incident::new(&source.front, &source.address))
        .collect()
}

impl Incident {
    pub(crate) fn new(front: &FrontMatter, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            title: front.title.clone(),
            description: front.description.clone(),
            date: front
                .date
                .as_ref()
                .map_or_else(String::new, |day| day.as_str().to_owned()),
            resolved: front.resolved.as_ref().map(Day::as_str).map(str::to_owned),
            parts: front.parts.iter().copied().map(Part::name).collect(),
        }
    }
}
