//! Whether everything that pages refer to is there: pages, anchors, pictures, downloads, files of the store.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::content::Source;
use crate::error::SiteError;
use crate::links::Targets;
use crate::markdown;
use crate::output::Output;
use crate::pages::{Page, Site};
use crate::view::Files;

/// Checks every link of every page; faults are told with the line of the Markdown where the link is from there.
pub(crate) fn check(
    pages: &[Page],
    sources: &[Source],
    output: &Output,
    files: &Files,
    site: &Site,
) -> Result<(), SiteError> {
    let mut targets = Targets {
        pages: HashMap::with_capacity(pages.len()),
        files: output.addresses().collect(),
        stored: files.sizes.keys().map(String::as_str).collect(),
        store_href: &site.store_href,
        api_href: site.api_href.as_deref(),
    };
    // An old address leads on but has no anchors: a browser drops them on the way.
    for alias in sources.iter().flat_map(|source| &source.front.aliases) {
        targets.pages.insert(alias.as_str(), &[]);
    }
    for page in pages {
        targets.pages.insert(&page.address, &page.scan.ids);
    }
    let mut faults: Vec<String> = pages
        .par_iter()
        .flat_map_iter(|page| of_page(page, sources, &targets))
        .collect();
    for source in sources {
        let Some(image) = &source.front.image else {
            continue;
        };
        if !targets.files.contains(image.as_str()) {
            faults.push(format!(
                "{}:{}: {} does not exist; put the picture into the content folder",
                source.file,
                source.line_of("image"),
                image.as_str()
            ));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(SiteError::BrokenLinks(faults))
}

fn of_page(page: &Page, sources: &[Source], targets: &Targets<'_>) -> Vec<String> {
    let broken: Vec<_> = page
        .scan
        .links
        .iter()
        .filter_map(|(link, line)| Some((link, line, targets.fault(&page.address, link)?)))
        .collect();
    if broken.is_empty() {
        return Vec::new();
    }
    let written = sources
        .iter()
        .find(|source| source.file == page.made_by)
        .map(markdown::links)
        .unwrap_or_default();
    broken
        .into_iter()
        .map(
            |(link, line, fault)| match written.iter().find(|(url, _)| url == link) {
                Some((_, line)) => format!("{}:{line}: {fault}", page.made_by),
                None => format!(
                    "{}:{line} (made from {}): {fault}",
                    page.file.trim_start_matches('/'),
                    page.made_by
                ),
            },
        )
        .collect()
}
