//! The search index: what every page says, cut at its headings.
//!
//! One file that the search page fetches when somebody types. For some hundred pages that is smaller than a search
//! engine's program; docs/decisions/0015-search.md says why there is none.

use serde::{Deserialize, Serialize};

use crate::content::Source;
use crate::error::SiteError;
use crate::front::Template;
use crate::html::{attribute, unescape};
use crate::output::Output;

/// What runs on the search page.
const SCRIPT: &str = include_str!("../assets/search.js");

/// Where the index is.
pub(crate) const INDEX: &str = "/search/index.json";

/// What a page says between two headings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Passage {
    /// The heading's anchor; none before the first.
    id: String,
    heading: String,
    text: String,
}

/// Elements whose text says nothing on its own: pictures, numbers in tables, lists of links.
const SILENT: [&str; 6] = ["svg", "table", "nav", "script", "noscript", "dl"];

/// The page's passages, from its finished HTML.
///
/// The pages are our own output: elements that are opened are closed, so no HTML parser is needed.
pub(crate) fn passages(html: &str) -> Vec<Passage> {
    match (html.find("<main"), html.find("</main>")) {
        (Some(start), Some(end)) if start < end => cut(&html[start..end]),
        _ => Vec::new(),
    }
}

/// A heading of a page.
#[derive(Debug, Serialize)]
pub(crate) struct Heading {
    id: String,
    title: String,
}

/// The headings of a piece of HTML, for its list of contents.
pub(crate) fn headings(html: &str) -> Vec<Heading> {
    let linked = |passage: &Passage| !passage.id.is_empty();
    cut(html)
        .into_iter()
        .filter(linked)
        .map(|passage| Heading {
            id: passage.id,
            title: passage.heading,
        })
        .collect()
}

fn cut(html: &str) -> Vec<Passage> {
    let mut found = vec![Passage {
        id: String::new(),
        heading: String::new(),
        text: String::new(),
    }];
    let (mut rest, mut silent, mut heading) = (html, None::<(&str, usize)>, false);
    while let Some(open) = rest.find('<') {
        let (text, tag) = rest.split_at(open);
        if silent.is_none()
            && let Some(last) = found.last_mut()
        {
            let part = if heading {
                &mut last.heading
            } else {
                &mut last.text
            };
            push(part, text);
        }
        let close = tag.find('>').map_or(tag.len(), |at| at + 1);
        let (tag, after) = tag.split_at(close);
        rest = after;
        let name = tag
            .trim_start_matches(['<', '/'])
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        let ends = tag.starts_with("</");
        match &mut silent {
            Some((of, depth)) if *of == name => {
                *depth = if ends { *depth - 1 } else { *depth + 1 };
                if *depth == 0 {
                    silent = None;
                }
            }
            None if !ends && SILENT.contains(&name) => silent = Some((name, 1)),
            None if matches!(name, "h1" | "h2" | "h3") => {
                heading = !ends && name != "h1";
                if heading {
                    found.push(Passage {
                        id: attribute(tag, "id").unwrap_or_default().to_owned(),
                        heading: String::new(),
                        text: String::new(),
                    });
                } else if name == "h1" && !ends {
                    // The page's title is kept beside its passages.
                    silent = Some(("h1", 1));
                }
            }
            // Words on both sides of a block are two words.
            None if !matches!(
                name,
                "a" | "code" | "em" | "span" | "strong" | "sup" | "mark"
            ) =>
            {
                if let Some(last) = found.last_mut() {
                    push(&mut last.text, " ");
                }
            }
            Some(_) | None => {}
        }
    }
    for passage in &mut found {
        passage.text = passage.text.trim_end().to_owned();
    }
    found.retain(|passage| !passage.heading.is_empty() || !passage.text.is_empty());
    found
}

/// Adds text with its entities resolved and its blanks made one.
fn push(to: &mut String, text: &str) {
    // The arrow leads from a footnote back to its place.
    for letter in unescape(text).chars().filter(|letter| *letter != '↩') {
        if !letter.is_whitespace() {
            to.push(letter);
        } else if !to.is_empty() && !to.ends_with(' ') {
            to.push(' ');
        }
    }
}

/// The index of pages, each with its address and title.
pub(crate) fn index<'a>(
    pages: impl Iterator<Item = (&'a str, &'a str, &'a [Passage])>,
) -> serde_json::Result<Vec<u8>> {
    let rows: Vec<_> = pages
        .map(|(address, title, passages)| {
            let parts: Vec<_> = passages
                .iter()
                .map(|passage| (&passage.id, &passage.heading, &passage.text))
                .collect();
            (address, title, parts)
        })
        .collect();
    serde_json::to_vec(&rows)
}

/// What the search page shows.
#[derive(Debug, Serialize)]
pub(crate) struct SearchPage {
    script: String,
    index: &'static str,
    pages: Vec<SearchEntry>,
}

#[derive(Debug, Serialize)]
struct SearchEntry {
    title: String,
    address: String,
    description: String,
}

impl SearchPage {
    /// Lists the pages, and adds the script to `output`.
    pub(crate) fn new(sources: &[Source], output: &mut Output) -> Result<Self, SiteError> {
        let listed = sources.iter().filter(|source| {
            source.address != "/404.html" && source.front.template != Template::Search
        });
        let mut pages: Vec<SearchEntry> = listed
            .map(|source| SearchEntry {
                title: source.front.title.clone(),
                address: source.address.clone(),
                description: source.front.description.clone(),
            })
            .collect();
        // Sections after what they belong to: /areas/ before /areas/dam/.
        pages.sort_by(|a, b| a.address.cmp(&b.address));
        Ok(Self {
            script: output.add_hashed("/", "search", "js", SCRIPT.as_bytes().to_vec())?,
            index: INDEX,
            pages,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_at_its_headings() {
        let html = "<nav>Menu</nav><main id=\"content\"><h1>Title</h1><p class=\"lead\">One &amp; two.</p>\
                    <h2 id=\"why\">Why <code>so</code></h2><p>Because</p><p>it <em>is</em>.</p>\
                    <table><tr><td>7<table></table></td></tr></table><svg><title>no</title></svg><p>End</p></main><p>Foot</p>";
        let found = passages(html);
        let texts: Vec<_> = found
            .iter()
            .map(|p| (p.id.as_str(), p.heading.as_str(), p.text.as_str()))
            .collect();
        assert_eq!(
            texts,
            [
                ("", "", "One & two."),
                ("why", "Why so", "Because it is. End"),
            ]
        );
    }

    #[test]
    fn a_page_without_a_main_part_says_nothing() {
        assert!(passages("<p>text</p>").is_empty());
    }
}
