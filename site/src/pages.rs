//! The pages: what they share, their templates, and their security policy.

use rayon::prelude::*;
use serde::Serialize;
use tera::{Context, Tera};

use crate::build::BuildOptions;
use crate::bundle::{self, Bundle};
use crate::cache::{KeptPage, Prior};
use crate::catalog::Catalog;
use crate::content::Source;
use crate::diagram::Painter;
use crate::error::SiteError;
use crate::feeds;
use crate::front::{Day, Template};
use crate::hash::{Digest, of_parts};
use crate::links::{self, Scan};
use crate::markdown;
use crate::output::Output;
use crate::structured::{Subject, json_ld};
use crate::view::{self, AreaPage, Card, Files, Hero};

const STYLE: &str = include_str!("../assets/style.css");
const ICON: &str = include_str!("../assets/icon.svg");
const TEMPLATES: [(&str, &str); 7] = [
    ("base.html", include_str!("../templates/base.html")),
    ("page.html", include_str!("../templates/page.html")),
    ("home.html", include_str!("../templates/home.html")),
    ("cards.html", include_str!("../templates/cards.html")),
    ("areas.html", include_str!("../templates/areas.html")),
    ("area.html", include_str!("../templates/area.html")),
    ("map.html", include_str!("../templates/map.html")),
];

/// What every page shares.
pub(crate) struct Site {
    frame: Frame,
    /// Hash of all that is on every page.
    frame_hash: Digest,
    bundle: Option<Bundle>,
    pub(crate) base_url: Option<String>,
    pub(crate) store_href: String,
    pub(crate) api_href: Option<String>,
    templates: Tera,
}

#[derive(Debug, Serialize)]
struct Frame {
    style: String,
    icon: String,
    nav: Vec<NavEntry>,
    /// Address of the STAC catalog, where there is one.
    catalog: Option<String>,
    store: String,
    api: Option<String>,
    /// Address of the feed, where there is one.
    feed: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct NavEntry {
    title: String,
    address: String,
}

/// The page's own part of a template's context.
#[derive(Debug, Serialize)]
struct PageHead<'a> {
    title: &'a str,
    head_title: String,
    description: &'a str,
    address: &'a str,
    canonical: Option<String>,
    card: Option<String>,
    section: Option<&'a str>,
    date: Option<&'a str>,
    updated: Option<&'a str>,
    json_ld: Option<String>,
    csp: String,
}

/// A finished page.
pub(crate) struct Page {
    pub(crate) address: String,
    /// Where it is written.
    pub(crate) file: String,
    /// Its HTML, or `None` where the earlier build's stands.
    pub(crate) html: Option<String>,
    /// The Markdown file or the template it came from.
    pub(crate) made_by: String,
    /// Hash of all that it was made from.
    pub(crate) key: Digest,
    /// Its links and anchors.
    pub(crate) scan: Scan,
}

/// The parts of pages that come from the catalog.
struct Shown {
    cards: Vec<Card>,
    hero: Option<Hero>,
}

impl Site {
    /// Loads the templates and adds the files that all pages need to `output`.
    pub(crate) fn new(
        options: &BuildOptions,
        sources: &[Source],
        catalog: &Catalog,
        output: &mut Output,
    ) -> Result<Self, SiteError> {
        let store_href = format!("{}/", options.store_href.trim_end_matches('/'));
        let mut listed: Vec<_> = sources.iter().filter(|s| s.front.order.is_some()).collect();
        listed.sort_by_key(|s| s.front.order);
        let nav = listed
            .into_iter()
            .map(|s| NavEntry {
                title: s
                    .front
                    .menu
                    .clone()
                    .unwrap_or_else(|| s.front.title.clone()),
                address: s.address.clone(),
            })
            .collect();
        let bundle = options
            .map_bundle
            .as_deref()
            .map(|folder| bundle::add(folder, output))
            .transpose()?;
        let frame = Frame {
            style: output.add_hashed("/", "style", "css", STYLE.as_bytes().to_vec())?,
            icon: output.add_hashed("/", "icon", "svg", ICON.as_bytes().to_vec())?,
            nav,
            catalog: (!catalog.areas.is_empty()).then(|| format!("{store_href}catalog.json")),
            store: store_href.clone(),
            api: options.api_href.clone(),
            feed: (options.base_url.is_some() && feeds::has_feed(sources)).then_some(feeds::FEED),
        };
        let frame_hash = of_parts(&[&json(&frame), &json(&bundle), &json(&options.base_url)]);
        let mut templates = Tera::new();
        templates
            .add_raw_templates(TEMPLATES)
            .map_err(|e| template_fault("all", &e))?;
        Ok(Self {
            frame,
            frame_hash,
            bundle,
            base_url: options
                .base_url
                .as_deref()
                .map(|url| url.trim_end_matches('/').to_owned()),
            store_href,
            api_href: options.api_href.clone(),
            templates,
        })
    }

    /// Every Markdown page and every area's page; those that the earlier build made from the same are not made again.
    pub(crate) fn pages(
        &self,
        sources: &[Source],
        painter: &Painter,
        catalog: &Catalog,
        files: &Files,
        prior: &Prior,
    ) -> Result<Vec<Page>, SiteError> {
        let cards = catalog.areas.iter();
        let shown = Shown {
            cards: cards
                .map(|(id, area)| view::card(id, area, files))
                .collect(),
            hero: view::hero(catalog, files),
        };
        let written = sources
            .par_iter()
            .map(|source| self.written(source, painter, &shown, prior));
        let mapped = catalog.areas.par_iter().map(|(id, area)| {
            let view = view::area_page(id, area, files, &self.store_href);
            let card = area
                .layers
                .first()
                .and_then(|layer| files.pictures.get(&layer.key));
            self.mapped(&view, card.map(|picture| picture.src.as_str()), prior)
        });
        let mut pages: Vec<Page> = written.collect::<Result<_, _>>()?;
        pages.extend(mapped.collect::<Result<Vec<_>, _>>()?);
        Ok(pages)
    }

    fn written(
        &self,
        source: &Source,
        painter: &Painter,
        shown: &Shown,
        prior: &Prior,
    ) -> Result<Page, SiteError> {
        let front = &source.front;
        let data = match front.template {
            Template::Home => [json(&shown.cards), json(&shown.hero)].concat(),
            Template::Areas => json(&shown.cards),
            Template::Map => json(&shown.hero),
            Template::Page => Vec::new(),
        };
        let key = of_parts(&[self.frame_hash.bytes(), source.hash.bytes(), &data]);
        Self::page(&source.address, &source.file, key, prior, || {
            let picture = match (&front.image, front.template, &shown.hero) {
                (Some(image), _, _) => Some(image.as_str()),
                (None, Template::Home, Some(hero)) => Some(hero.picture()),
                _ => None,
            };
            let subject = Subject::Written(front);
            let mut context = self.context(
                &subject,
                &front.title,
                &front.description,
                &source.address,
                picture,
            );
            context.insert("body", &markdown::render(source, painter)?);
            match front.template {
                Template::Home => {
                    context.insert("areas", &shown.cards);
                    context.insert("hero", &shown.hero);
                }
                Template::Areas => context.insert("areas", &shown.cards),
                Template::Map => {
                    context.insert("bundle", &self.bundle);
                    context.insert("layers", "/map/layers.json");
                    context.insert("hero", &shown.hero);
                }
                Template::Page => {}
            }
            self.render(front.template.file(), &context)
        })
    }

    fn mapped(
        &self,
        view: &AreaPage,
        picture: Option<&str>,
        prior: &Prior,
    ) -> Result<Page, SiteError> {
        let key = of_parts(&[self.frame_hash.bytes(), &json(view), &json(&picture)]);
        Self::page(&view.address, "area.html", key, prior, || {
            let (name, description) = (&view.name, &view.description);
            let mut context =
                self.context(&Subject::Area, name, description, &view.address, picture);
            context.insert("area", view);
            self.render("area.html", &context)
        })
    }

    /// The page made from `key`: as it stands, or else by `make`.
    fn page(
        address: &str,
        made_by: &str,
        key: Digest,
        prior: &Prior,
        make: impl FnOnce() -> Result<String, SiteError>,
    ) -> Result<Page, SiteError> {
        let file = if address.ends_with('/') {
            format!("{address}index.html")
        } else {
            address.to_owned()
        };
        let (html, scan) = if let Some(KeptPage { scan, .. }) = prior.page(address, key, &file) {
            (None, scan.clone())
        } else {
            let html = make()?;
            let scan = links::scan(&html);
            (Some(html), scan)
        };
        Ok(Page {
            address: address.to_owned(),
            file,
            html,
            made_by: made_by.to_owned(),
            key,
            scan,
        })
    }

    fn context(
        &self,
        subject: &Subject<'_>,
        title: &str,
        description: &str,
        address: &str,
        card: Option<&str>,
    ) -> Context {
        let base = self.base_url.as_deref();
        let absolute = |path: &str| base.map(|base| format!("{base}{path}"));
        let front = match subject {
            Subject::Written(front) => Some(front),
            Subject::Area => None,
        };
        let head = PageHead {
            title,
            head_title: if address == "/" {
                format!("GeoCrop: {title}")
            } else {
                format!("{title} · GeoCrop")
            },
            description,
            address,
            // A page that stands for missing ones has no address of its own.
            canonical: absolute(address).filter(|_| address != "/404.html"),
            card: card.and_then(absolute),
            section: front.and_then(|front| front.section.as_deref()),
            date: front.and_then(|front| front.date.as_ref()).map(Day::as_str),
            updated: front
                .and_then(|front| front.updated.as_ref())
                .map(Day::as_str),
            json_ld: base.map(|base| json_ld(subject, title, description, base, address)),
            csp: self.policy(address == "/map/" && self.bundle.is_some()),
        };
        let mut context = Context::new();
        context.insert("site", &self.frame);
        context.insert("page", &head);
        context
    }

    /// The content security policy: nothing from elsewhere, nothing inline, scripts on the map alone.
    fn policy(&self, map: bool) -> String {
        let common = "default-src 'none'; style-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'";
        if !map {
            // No script runs there that could connect. But programs that judge pages read robots.txt under their policy.
            return format!("{}; connect-src 'self'", common.replace(" data: blob:", ""));
        }
        let mut hosts = String::from("'self'");
        for href in [Some(&self.store_href), self.api_href.as_ref()]
            .into_iter()
            .flatten()
        {
            if let Some(origin) = origin(href)
                && !hosts.contains(origin)
            {
                hosts.push(' ');
                hosts.push_str(origin);
            }
        }
        format!("{common}; script-src 'self'; worker-src 'self'; connect-src {hosts}")
    }

    fn render(&self, template: &str, context: &Context) -> Result<String, SiteError> {
        self.templates
            .render(template, context)
            .map_err(|e| template_fault(template, &e))
    }
}

/// A value as the bytes that are hashed for it.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// The scheme and host of an address, or `None` for a path on this site.
fn origin(href: &str) -> Option<&str> {
    let host = href.find("://")? + 3;
    let end = href[host..].find('/').map_or(href.len(), |at| host + at);
    Some(&href[..end])
}

fn template_fault(template: &str, error: &tera::Error) -> SiteError {
    use std::error::Error as _;
    let mut problem = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        problem = format!("{problem}: {inner}");
        cause = inner.source();
    }
    SiteError::Template {
        template: template.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        assert_eq!(origin("/store/"), None);
        assert_eq!(
            origin("https://s3.example.org/b/"),
            Some("https://s3.example.org")
        );
        assert_eq!(
            origin("http://localhost:9000"),
            Some("http://localhost:9000")
        );
    }
}
