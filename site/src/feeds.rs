//! What machines read of the site: sitemap, feed, robots.txt, and pages that lead from old addresses to new ones.

use std::fmt::Write as _;

use crate::content::Source;
use crate::html::escape;
use crate::output::Output;
use crate::{SiteError, front::Day};

/// Where the feed is.
pub(crate) const FEED: &str = "/feed.xml";
const SITEMAP: &str = "/sitemap.xml";

/// Whether there is anything to put into a feed.
pub(crate) fn has_feed(sources: &[Source]) -> bool {
    sources.iter().any(|source| source.front.date.is_some())
}

/// Adds robots.txt and, where the site's public address is known, the sitemap of `addresses` and the feed.
pub(crate) fn add<'a>(
    output: &mut Output,
    base_url: Option<&str>,
    sources: &[Source],
    addresses: impl Iterator<Item = &'a str>,
) -> Result<(), SiteError> {
    let mut robots = "User-agent: *\nAllow: /\n".to_owned();
    if let Some(base) = base_url {
        let _ = writeln!(robots, "\nSitemap: {base}{SITEMAP}");
        let xml = sitemap(base, sources, addresses);
        output.add(SITEMAP, xml.into_bytes(), "the sitemap")?;
        if has_feed(sources) {
            output.add(FEED, feed(base, sources).into_bytes(), "the feed")?;
        }
    }
    output.add("/robots.txt", robots.into_bytes(), "the build")
}

/// The last day that a page tells of.
fn last_day(source: &Source) -> Option<&Day> {
    source
        .front
        .updated
        .as_ref()
        .max(source.front.date.as_ref())
}

fn sitemap<'a>(base: &str, sources: &[Source], addresses: impl Iterator<Item = &'a str>) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n".to_owned();
    // Pages with a file name, such as 404.html, are not for finding.
    let mut found: Vec<&str> = addresses.filter(|a| a.ends_with('/')).collect();
    found.sort_unstable();
    for address in found {
        let _ = write!(
            xml,
            "<url><loc>{}</loc>",
            escape(&format!("{base}{address}"))
        );
        let source = sources.binary_search_by(|s| s.address.as_str().cmp(address));
        if let Some(day) = source.ok().and_then(|at| last_day(&sources[at])) {
            let _ = write!(xml, "<lastmod>{}</lastmod>", day.as_str());
        }
        xml.push_str("</url>\n");
    }
    xml.push_str("</urlset>\n");
    xml
}

/// An Atom feed of the pages with a day, the newest first.
fn feed(base: &str, sources: &[Source]) -> String {
    const MOST: usize = 50;
    let mut dated: Vec<(&Day, &Source)> = sources
        .iter()
        .filter_map(|source| Some((source.front.date.as_ref()?, source)))
        .collect();
    dated.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.address.cmp(&y.address)));
    let newest = dated
        .iter()
        .filter_map(|(_, source)| last_day(source))
        .max();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>GeoCrop</title>\n<id>{base}/</id>\n<link href=\"{base}/\"/>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{base}{FEED}\"/>\n\
         <author><name>GeoCrop</name></author>\n",
        base = escape(base)
    );
    if let Some(day) = newest {
        let _ = writeln!(xml, "<updated>{}</updated>", day.moment());
    }
    for (day, source) in dated.into_iter().take(MOST) {
        let url = escape(&format!("{base}{}", source.address));
        let updated = last_day(source).unwrap_or(day);
        let _ = writeln!(
            xml,
            "<entry><title>{}</title><id>{url}</id><link href=\"{url}\"/><published>{}</published>\
             <updated>{}</updated><summary>{}</summary></entry>",
            escape(&source.front.title),
            day.moment(),
            updated.moment(),
            escape(&source.front.description),
        );
    }
    xml.push_str("</feed>\n");
    xml
}

/// The page at an old address: it leads on without a script.
pub(crate) fn redirect(base_url: Option<&str>, target: &Source) -> String {
    let to = escape(&target.address);
    let canonical = escape(&format!(
        "{}{}",
        base_url.unwrap_or_default(),
        target.address
    ));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<meta name=\"robots\" content=\"noindex\">\n\
         <link rel=\"canonical\" href=\"{canonical}\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={to}\">\n</head>\n\
         <body><p>This page is now at <a href=\"{to}\">{to}</a>.</p></body>\n</html>\n",
        title = escape(&target.front.title),
    )
}
