//! The pages: what they share, and how each is made from its template.

mod models;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;
use tera::{Context, Tera};

use crate::api_guide::Reference;
use crate::build::BuildOptions;
use crate::bundle::{self, Bundle};
use crate::cache::Prior;
use crate::card::{Card, Motif};
use crate::catalog::Catalog;
use crate::content::{Data, Source};
use crate::diagram::Painter;
use crate::error::SiteError;
use crate::feeds;
use crate::front::{Day, Template};
use crate::hash::{Digest, of_parts};
use crate::links::{self, Scan};
use crate::markdown;
use crate::models::Models;
use crate::output::Output;
use crate::policy::{Does, Policy};
use crate::search::{self, Passage, SearchPage};
use crate::status::{Incident, StatusPage};
use crate::structured::{Subject, json_ld};
use crate::view::{self, AreaPage, Files, Hero, ModelRow, Picture};

const STYLE: &str = include_str!("../assets/style.css");
const ICON: &str = include_str!("../assets/icon.svg");
const RELOAD: &str = include_str!("../assets/reload.js");
const TEMPLATES: [(&str, &str); 15] = [
    ("base.html", include_str!("../templates/base.html")),
    ("page.html", include_str!("../templates/page.html")),
    ("home.html", include_str!("../templates/home.html")),
    ("cards.html", include_str!("../templates/cards.html")),
    ("areas.html", include_str!("../templates/areas.html")),
    ("area.html", include_str!("../templates/area.html")),
    ("models.html", include_str!("../templates/models.html")),
    ("model.html", include_str!("../templates/model.html")),
    ("map.html", include_str!("../templates/map.html")),
    ("capacity.html", include_str!("../templates/capacity.html")),
    ("status.html", include_str!("../templates/status.html")),
    ("incident.html", include_str!("../templates/incident.html")),
    ("api.html", include_str!("../templates/api.html")),
    ("fields.html", include_str!("../templates/fields.html")),
    ("search.html", include_str!("../templates/search.html")),
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
    /// The photographs beside the pages, by address.
    photographs: BTreeMap<String, Picture>,
    /// What the search page shows, where there is one.
    search: Option<SearchPage>,
    /// Figures that pages quote.
    data: BTreeMap<String, Data>,
    content: PathBuf,
    templates: Tera,
}

#[derive(Debug, Serialize)]
struct Frame {
    style: String,
    icon: String,
    nav: Vec<NavEntry>,
    /// Whether there is a search page.
    search: bool,
    /// Address of the script that loads a page again when it was built again.
    reload: Option<String>,
    /// Address of the STAC catalog, where there is one.
    catalog: Option<String>,
    store: String,
    api: Option<String>,
    /// Address of a base map of the owner's.
    basemap: Option<String>,
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
    /// Its name in search results.
    pub(crate) title: String,
    /// What it says, where the site has a search page.
    pub(crate) passages: Vec<Passage>,
    /// The picture that links to it are shown with.
    pub(crate) card: Option<Card>,
}

/// What single pages show besides their text.
pub(crate) struct Extras {
    pub(crate) status: StatusPage,
    /// Where the status page is, for incidents to lead back to.
    pub(crate) status_address: Option<String>,
    /// The API's reference, where a page asks for it.
    pub(crate) api: Option<Reference>,
}

/// The parts of pages that come from the catalog.
struct Shown {
    cards: Vec<view::Card>,
    models: Vec<ModelRow>,
    hero: Option<Hero>,
}

impl Site {
    /// Loads the templates and adds the files that all pages need to `output`.
    pub(crate) fn new(
        options: &BuildOptions,
        sources: &[Source],
        catalog: &Catalog,
        photographs: BTreeMap<String, Picture>,
        data: BTreeMap<String, Data>,
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
        let search = sources
            .iter()
            .any(|source| source.front.template == Template::Search)
            .then(|| SearchPage::new(sources, output))
            .transpose()?;
        let frame = Frame {
            style: output.add_hashed("/", "style", "css", STYLE.as_bytes().to_vec())?,
            icon: output.add_hashed("/", "icon", "svg", ICON.as_bytes().to_vec())?,
            nav,
            search: search.is_some(),
            reload: options
                .reload
                .then(|| output.add_hashed("/", "reload", "js", RELOAD.as_bytes().to_vec()))
                .transpose()?,
            catalog: (!catalog.areas.is_empty()).then(|| format!("{store_href}catalog.json")),
            store: store_href.clone(),
            api: options.api_href.clone(),
            basemap: options.basemap.clone(),
            feed: (options.base_url.is_some() && feeds::has_feed(sources)).then_some(feeds::FEED),
        };
        let frame_hash = of_parts(&[
            &json(&frame),
            &json(&bundle),
            &json(&options.base_url),
            &json(&photographs),
        ]);
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
            photographs,
            search,
            data,
            content: options.content.clone(),
            templates,
        })
    }

    /// Whether pages can be searched.
    pub(crate) fn has_search(&self) -> bool {
        self.search.is_some()
    }

    /// Every Markdown page, every area's and every model's page; those that the earlier build made from the same are not made again.
    pub(crate) fn pages(
        &self,
        sources: &[Source],
        painter: &Painter,
        (catalog, models): (&Catalog, &Models),
        files: &Files,
        extras: &Extras,
        prior: &Prior,
    ) -> Result<Vec<Page>, SiteError> {
        let cards = catalog.areas.iter();
        let shown = Shown {
            cards: cards
                .map(|(id, area)| view::card(id, area, files))
                .collect(),
            models: view::model_rows(models),
            hero: view::hero(catalog, files),
        };
        let written = sources
            .par_iter()
            .map(|source| self.written(source, painter, &shown, extras, prior));
        let mapped = catalog.areas.par_iter().map(|(id, area)| {
            let view = view::area_page(id, area, files, &self.store_href);
            let motif = view::area_motif(area, files);
            let card = self.card(&view.address, &view.name, &view.description, motif);
            self.mapped(&view, card, prior)
        });
        let mut pages: Vec<Page> = written.collect::<Result<_, _>>()?;
        pages.extend(mapped.collect::<Result<Vec<_>, _>>()?);
        let list = sources
            .iter()
            .find(|source| source.front.template == Template::Models)
            .map(|source| source.address.as_str());
        pages.extend(self.models(models, files, list, prior)?);
        Ok(pages)
    }

    fn written(
        &self,
        source: &Source,
        painter: &Painter,
        shown: &Shown,
        extras: &Extras,
        prior: &Prior,
    ) -> Result<Page, SiteError> {
        let front = &source.front;
        let data = match front.template {
            Template::Home => [json(&shown.cards), json(&shown.hero)].concat(),
            Template::Areas => json(&shown.cards),
            Template::Models => json(&shown.models),
            Template::Status => json(&extras.status),
            Template::Incident => json(&extras.status_address),
            Template::Api => json(&extras.api),
            Template::Search => json(&self.search),
            Template::Map => json(&shown.hero),
            Template::Page | Template::Capacity => Vec::new(),
        };
        let quoted: Vec<u8> = front
            .data
            .iter()
            .filter_map(|name| self.data.get(name))
            .flat_map(|data| data.hash.bytes().to_vec())
            .collect();
        let key = of_parts(&[self.frame_hash.bytes(), source.hash.bytes(), &data, &quoted]);
        let photograph = front.image.as_ref().and_then(|image| {
            let picture = self.photographs.get(image.as_str())?;
            let file = image.as_str().trim_start_matches('/');
            Some((Motif::File(self.content.join(file)), picture.src.as_str()))
        });
        let motif = match (photograph, front.template, &shown.hero) {
            (Some(photograph), _, _) => photograph,
            (None, Template::Home, Some(hero)) => hero.motif(),
            _ => (Motif::Fields, ""),
        };
        let card = self.card(&source.address, &front.title, &front.description, motif);
        let names = (
            source.address.as_str(),
            front.title.as_str(),
            source.file.as_str(),
        );
        self.page(names, key, prior, card, |card| {
            let subject = Subject::Written(front);
            let mut context = self.context(
                &subject,
                &front.title,
                &front.description,
                &source.address,
                card,
            );
            let body = self.body(source, painter)?;
            if front.contents {
                context.insert("contents", &search::headings(&body));
            }
            context.insert("body", &body);
            match front.template {
                Template::Home => {
                    context.insert("areas", &shown.cards);
                    context.insert("hero", &shown.hero);
                    context.insert("live", &self.bundle.is_some());
                }
                Template::Areas => context.insert("areas", &shown.cards),
                Template::Models => context.insert("models", &shown.models),
                Template::Map => {
                    context.insert("bundle", &self.bundle);
                    context.insert("layers", "/map/layers.json");
                    context.insert("hero", &shown.hero);
                }
                Template::Status => {
                    context.insert("bundle", &self.bundle);
                    context.insert("status", &extras.status);
                }
                Template::Incident => {
                    context.insert("incident", &Incident::new(front, &source.address));
                    context.insert("status_address", &extras.status_address);
                }
                Template::Api => context.insert("reference", &extras.api),
                Template::Search => context.insert("search", &self.search),
                Template::Capacity => {
                    context.insert("bundle", &self.bundle);
                    let examples = self.data.get("capacity");
                    let examples = examples.map(|data| data.value.to_string());
                    context.insert("examples", &examples);
                }
                Template::Page => {}
            }
            self.render(front.template.file(), &context)
        })
    }

    /// The page's text as HTML, with the figures it quotes.
    fn body(&self, source: &Source, painter: &Painter) -> Result<String, SiteError> {
        let text = source.markdown()?;
        if source.front.data.is_empty() {
            return markdown::render(source, &text, painter, &self.photographs);
        }
        let fault = |problem: String| SiteError::Quote {
            file: source.file.clone(),
            line: source.line_of("data"),
            problem,
        };
        let mut quoted = BTreeMap::new();
        for name in &source.front.data {
            let data = self.data.get(name).ok_or_else(|| {
                fault(format!(
                    "there is no data/{name}.json and no data/{name}.toml"
                ))
            })?;
            quoted.insert(name, &data.value);
        }
        let mut context = Context::new();
        context.insert("data", &quoted);
        let filled = Tera::default()
            .render_str(&text, &context, false)
            .map_err(|e| fault(causes(&e)))?;
        markdown::render(source, &filled, painter, &self.photographs)
    }

    fn mapped(
        &self,
        view: &AreaPage,
        card: Option<Card>,
        prior: &Prior,
    ) -> Result<Page, SiteError> {
        let key = of_parts(&[self.frame_hash.bytes(), &json(view)]);
        let names = (view.address.as_str(), view.name.as_str(), "area.html");
        self.page(names, key, prior, card, |card| {
            let (name, description) = (&view.name, &view.description);
            let mut context = self.context(&Subject::Area, name, description, &view.address, card);
            context.insert("area", view);
            self.render("area.html", &context)
        })
    }

    /// The page's preview card, where the site has a public address; elsewhere nobody could fetch it.
    fn card(
        &self,
        address: &str,
        title: &str,
        description: &str,
        (motif, tag): (Motif, &str),
    ) -> Option<Card> {
        self.base_url.as_ref()?;
        Some(Card::new(address, title, description, motif, tag))
    }

    /// The page made from `key` and its card: as it stands, or else by `make`, which is given the card's address.
    fn page(
        &self,
        (address, title, made_by): (&str, &str, &str),
        key: Digest,
        prior: &Prior,
        card: Option<Card>,
        make: impl FnOnce(Option<&str>) -> Result<String, SiteError>,
    ) -> Result<Page, SiteError> {
        let shown = card.as_ref().map(|card| card.src.as_str());
        let key = of_parts(&[key.bytes(), shown.unwrap_or_default().as_bytes()]);
        let file = if address.ends_with('/') {
            format!("{address}index.html")
        } else {
            address.to_owned()
        };
        let (html, scan, passages) = if let Some(kept) = prior.page(address, key, &file) {
            (None, kept.scan.clone(), kept.passages.clone())
        } else {
            let html = make(shown)?;
            let scan = links::scan(&html);
            let passages = if self.search.is_some() {
                search::passages(&html)
            } else {
                Vec::new()
            };
            (Some(html), scan, passages)
        };
        Ok(Page {
            address: address.to_owned(),
            file,
            html,
            made_by: made_by.to_owned(),
            key,
            scan,
            title: title.to_owned(),
            passages,
            card,
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
            Subject::Area | Subject::Model => None,
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
            csp: self.policy(subject, address),
        };
        let mut context = Context::new();
        context.insert("site", &self.frame);
        context.insert("page", &head);
        context
    }

    fn policy(&self, subject: &Subject<'_>, address: &str) -> String {
        let template = match subject {
            Subject::Written(front) => front.template,
            Subject::Area | Subject::Model => Template::Page,
        };
        let bundled = self.bundle.is_some();
        let map = bundled && address == "/map/";
        let status = bundled && template == Template::Status;
        let search = template == Template::Search;
        let capacity = bundled && template == Template::Capacity;
        let addresses = [
            Some(self.store_href.as_str()).filter(|_| map),
            self.api_href.as_deref().filter(|_| map || status),
            self.frame.basemap.as_deref().filter(|_| map),
        ];
        let scripts = map || status || search || capacity || self.frame.reload.is_some();
        let does = [
            (scripts, Does::Scripts),
            (map, Does::Map),
            (search, Does::Form),
            (bundled && template == Template::Home, Does::Frame),
        ];
        Policy {
            does: does
                .into_iter()
                .filter_map(|(yes, what)| yes.then_some(what))
                .collect(),
            reads: addresses.into_iter().flatten().collect(),
        }
        .to_string()
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

fn template_fault(template: &str, error: &tera::Error) -> SiteError {
    SiteError::Template {
        template: template.to_owned(),
        problem: causes(error),
    }
}

/// An error of a template with what lies behind it.
fn causes(error: &tera::Error) -> String {
    use std::error::Error as _;
    let mut problem = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        problem = format!("{problem}: {inner}");
        cause = inner.source();
    }
    problem
}
