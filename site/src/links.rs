//! The link checker: every internal link, anchor and asset of every page must lead somewhere.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::html::unescape;

/// What a page offers and asks for, read from its HTML.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(crate) struct Scan {
    /// Values of `id` attributes, sorted.
    pub(crate) ids: Vec<String>,
    /// Values of `href`, `src` and the map's `data-href-*` attributes, with their line in the page.
    pub(crate) links: Vec<(String, usize)>,
}

/// Reads the attributes of `html` that matter for links.
///
/// The pages are our own output: attributes are always quoted with `"`, so no HTML parser is needed.
pub(crate) fn scan(html: &str) -> Scan {
    let mut found = Scan::default();
    let mut line = 1;
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        line += newlines(&rest[..start]);
        rest = &rest[start..];
        let end = tag_end(rest);
        let (tag, after) = rest.split_at(end);
        if tag.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) {
            for (name, value, at) in attributes(tag) {
                match name {
                    "id" => {
                        found.ids.push(unescape(value).into_owned());
                    }
                    "href" | "src" | "action" => {
                        found.links.push((unescape(value).into_owned(), line + at));
                    }
                    _ if name.starts_with("data-href-") => {
                        found.links.push((unescape(value).into_owned(), line + at));
                    }
                    _ => {}
                }
            }
        }
        line += newlines(tag);
        rest = after;
    }
    found.ids.sort_unstable();
    found
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}

/// Where the tag that `text` begins with ends, minding `>` inside quotes.
fn tag_end(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Names and values of a tag's attributes, each with the lines of the tag before it.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str, usize)> {
    let bytes = tag.as_bytes();
    let (mut from, mut line) = (0, 0);
    std::iter::from_fn(move || {
        let quote = from + bytes[from..].iter().position(|b| *b == b'"')?;
        let end = quote + 1 + bytes[quote + 1..].iter().position(|b| *b == b'"')?;
        let before = tag[from..quote].strip_suffix('=')?;
        let name = before
            .rfind(|c: char| c.is_ascii_whitespace())
            .map_or(before, |at| &before[at + 1..]);
        let here = line + newlines(before);
        line = here + newlines(&tag[quote..end]);
        from = end + 1;
        Some((name, &tag[quote + 1..end], here))
    })
}

/// Where an internal link may lead.
#[derive(Debug, Default)]
pub(crate) struct Targets<'a> {
    /// Addresses of pages with the anchors they offer, sorted.
    pub(crate) pages: HashMap<&'a str, &'a [String]>,
    /// Addresses of all other files of the site.
    pub(crate) files: HashSet<&'a str>,
    /// Addresses under the store's prefix that exist there.
    pub(crate) stored: HashSet<&'a str>,
    /// How pages reach the store, with a closing slash.
    pub(crate) store_href: &'a str,
    /// How pages reach the API; its addresses are its own business.
    pub(crate) api_href: Option<&'a str>,
}

impl Targets<'_> {
    /// What is wrong with `link` on the page at `address`, if anything.
    pub(crate) fn fault(&self, address: &str, link: &str) -> Option<String> {
        if let Some(path) = link.strip_prefix(self.store_href) {
            let path = path.split(['#', '?']).next().unwrap_or(path);
            // The bare prefix is what the map joins hrefs to, not a file.
            return (!path.is_empty() && !self.stored.contains(path))
                .then(|| format!("{link} is not in the store"));
        }
        if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
            return None;
        }
        if self
            .api_href
            .and_then(|api| link.strip_prefix(api))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        {
            return None;
        }
        let (path, anchor) = match link.split_once('#') {
            Some((path, anchor)) => (path, Some(anchor)),
            None => (link, None),
        };
        let path = path.split('?').next().unwrap_or(path);
        let target = resolve(address, path);
        let Some(anchors) = self.pages.get(target.as_str()) else {
            return (!self.files.contains(target.as_str()))
                .then(|| format!("{link} leads to {target}, which does not exist"));
        };
        match anchor {
            // The map keeps its view in the address: that is no anchor.
            None | Some("") => None,
            Some(anchor) if anchor.contains('=') => None,
            Some(anchor)
                if anchors
                    .binary_search_by(|id| id.as_str().cmp(anchor))
                    .is_ok() =>
            {
                None
            }
            Some(anchor) => Some(format!("{link}: {target} has no anchor #{anchor}")),
        }
    }
}

/// The address that `link` means on the page at `base`.
pub(crate) fn resolve(base: &str, link: &str) -> String {
    if link.is_empty() {
        return base.to_owned();
    }
    let mut parts: Vec<&str> = if link.starts_with('/') {
        Vec::new()
    } else {
        let folder = base.rfind('/').map_or("", |at| &base[..at]);
        folder.split('/').filter(|p| !p.is_empty()).collect()
    };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    let closing = link.ends_with('/') || link.ends_with("/.") || link.ends_with("..");
    let joined = parts.join("/");
    if joined.is_empty() {
        "/".to_owned()
    } else if closing {
        format!("/{joined}/")
    } else {
        format!("/{joined}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_finds_links_and_ids_with_their_lines() {
        let html =
            "<p id=\"a\">\n<a\n href=\"/x/?a=1&amp;b=2\">x > y</a>\n<!-- <a href=\"no\"> -->";
        let found = scan(html);
        assert!(found.ids.contains(&"a".to_owned()));
        assert_eq!(found.links, [("/x/?a=1&b=2".to_owned(), 3)]);
    }

    #[test]
    fn relative_links_are_resolved_as_a_browser_does() {
        assert_eq!(resolve("/guide/api/", "../about/"), "/guide/about/");
        assert_eq!(resolve("/guide/api/", ".."), "/guide/");
        assert_eq!(resolve("/about/", "x.png"), "/about/x.png");
        assert_eq!(resolve("/about/", "/"), "/");
        assert_eq!(resolve("/404.html", "map/"), "/map/");
    }

    #[test]
    fn missing_pages_anchors_and_stored_files_are_faults() {
        let anchors = ["top".to_owned()];
        let targets = Targets {
            pages: HashMap::from([("/a/", &anchors[..])]),
            files: HashSet::from(["/style.css"]),
            stored: HashSet::from(["catalog.json"]),
            store_href: "/store/",
            api_href: Some("/v1"),
        };
        for fine in [
            "/a/",
            "/a/#top",
            "#top",
            "/style.css",
            "/store/catalog.json",
            "/store/",
            "/v1/jobs",
            "https://example.org/",
        ] {
            assert_eq!(targets.fault("/a/", fine), None, "{fine}");
        }
        for broken in ["/b/", "/a", "/a/#bottom", "/store/nothing.tif", "/v10"] {
            assert!(targets.fault("/a/", broken).is_some(), "{broken}");
        }
    }
}
