//! One build, from reading the content to the finished folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use chrono::{SecondsFormat, Utc};
use geocrop_store::Store;
use rayon::prelude::*;

use crate::api_guide;
use crate::cache::{self, Body, Counts, Head, KeptPage, KeptSource, Prior};
use crate::card::Card;
use crate::catalog::{self, Catalog};
use crate::check;
use crate::content::{Folder, Source};
use crate::diagram::Painter;
use crate::error::SiteError;
use crate::estimate;
use crate::feeds;
use crate::layers;
use crate::markdown;
use crate::models::{self, Models};
use crate::output::Output;
use crate::pages::{Extras, Page, Site};
use crate::picture::{self, KeptPicture, Made};
use crate::search;
use crate::stamp;
use crate::status::{self, Measurements, StatusPage};
use crate::stored::Stored;
use crate::view::{self, Files, Picture};

/// What to build from, and where to.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Folder of Markdown pages.
    pub content: PathBuf,
    /// Address of the store: `file:///...` or `s3://bucket/prefix`.
    pub store: String,
    /// Folder of the finished site. It is replaced whole; only an empty folder or an earlier site is.
    pub out: PathBuf,
    /// Folder that `npm run build` in `site/map` wrote. Without it the map's page says so.
    pub map_bundle: Option<PathBuf>,
    /// How pages reach the store, with a closing slash.
    pub store_href: String,
    /// Address of the published site, for canonical links and preview cards.
    pub base_url: Option<String>,
    /// How the map reaches the API; without it the map offers no areas on demand.
    pub api_href: Option<String>,
    /// Folder for what need not be made twice, such as drawn diagrams.
    pub cache: PathBuf,
    /// Address of a PMTiles archive that the map draws below the layers.
    pub basemap: Option<String>,
    /// Whether pages marked as drafts are built too.
    pub drafts: bool,
    /// What was measured of the service, for the status page; without it the page says that it knows nothing.
    pub measured: Option<Measurements>,
    /// Whether pages watch for the next build and load themselves again; for writing, not for publishing.
    pub reload: bool,
}

impl BuildOptions {
    /// Options with the defaults: store at `/store/`, API at `/v1`, no map bundle, no public address.
    pub fn new(
        content: impl Into<PathBuf>,
        store: impl Into<String>,
        out: impl Into<PathBuf>,
        cache: impl Into<PathBuf>,
    ) -> Self {
        Self {
            content: content.into(),
            store: store.into(),
            out: out.into(),
            map_bundle: None,
            store_href: "/store/".to_owned(),
            base_url: None,
            api_href: Some("/v1".to_owned()),
            cache: cache.into(),
            basemap: None,
            drafts: false,
            measured: None,
            reload: false,
        }
    }
}

/// What a build did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Pages of the site.
    pub pages: usize,
    /// Its other files: pictures, styles, the map's program.
    pub assets: usize,
    /// Estimates of areas that are left out because their maps were made again since.
    pub outdated_estimates: usize,
    /// Cards of models that say things in another form than this program's; their versions have pages without.
    pub foreign_cards: usize,
    /// Pages that had to be made; the others stood already.
    pub rendered: usize,
    /// Files that were written or removed, compressed copies not counted.
    pub changed: usize,
    /// How long it took.
    pub seconds: f64,
}

/// Builds the site, as far as it is not built yet.
///
/// The same input gives the same files, whatever an earlier build left and however many threads work; only the moment in
/// `build.json` differs. What was made from the same input before is left as it is; see
/// docs/decisions/0014-site-build.md.
///
/// # Errors
/// Everything that would make a wrong page: unreadable content or store, bad front matter, a diagram
/// that cannot be drawn, a broken link. The site that stood at `out` is then left as it was.
pub fn build(options: &BuildOptions) -> Result<Report, SiteError> {
    let (started, began) = (Instant::now(), SystemTime::now());
    let report = |counts: Counts, rendered, changed| Report {
        pages: counts.pages,
        assets: counts.assets,
        outdated_estimates: counts.outdated_estimates,
        foreign_cards: counts.foreign_cards,
        rendered,
        changed,
        seconds: started.elapsed().as_secs_f64(),
    };
    let store = Store::open(&options.store).map_err(|e| SiteError::Store {
        path: options.store.clone(),
        problem: e.to_string(),
    })?;
    let folder = Folder::list(&options.content)?;
    let stored = Stored::list(&store)?;
    let painter = Painter::new(&options.cache);
    let program = stamp::program(painter.is_prepared_by_cli());
    let (inputs, settled) = stamp::inputs(options, &folder, &stored, began);
    let mut prior = Prior::load(&options.out, program);
    if let Some(counts) = prior.unchanged(inputs) {
        return Ok(report(counts, 0, 0));
    }
    prior.read_pages();

    let catalog = catalog::read(&store)?;
    let models = models::read(&store, &stored)?;
    let sources = folder.pages(options.drafts, began, |file| prior.body.sources.get(file))?;
    let mut output = Output::default();
    let estimates = estimate::read(&store, &stored, &catalog)?;
    let (mut files, mut pictures) = files(&store, &stored, &catalog, &prior, &mut output)?;
    files.estimates = estimates.of_layer;
    files.base_url = options
        .base_url
        .as_deref()
        .map(|url| url.trim_end_matches('/').to_owned());
    with_models(&models, &stored, &mut files, &mut output)?;
    let photographs = attachments(&folder, &prior, &mut output, &mut pictures)?;
    let data = folder.data()?;
    let site = Site::new(options, &sources, &catalog, photographs, data, &mut output)?;
    let layers = serde_json::to_vec(&layers::list(&catalog)).map_err(|e| SiteError::Store {
        path: "catalog.json".to_owned(),
        problem: e.to_string(),
    })?;
    output.add("/map/layers.json", layers, "the store's catalog")?;
    if painter.is_prepared_by_cli() {
        let diagrams = markdown::diagrams(&sources)?;
        painter.prepare(&diagrams).map_err(SiteError::MermaidCli)?;
    }
    let extras = Extras {
        status: StatusPage::new(options.measured.as_ref(), &catalog, &stored, &sources),
        status_address: status::address(&sources).map(str::to_owned),
        api: api_guide::read(&options.content, &sources)?,
    };
    if let Some(reference) = &extras.api {
        let text = reference.text.clone().into_bytes();
        output.add(api_guide::ADDRESS, text, "the API's description")?;
    }
    let pages = site.pages(
        &sources,
        &painter,
        (&catalog, &models),
        &files,
        &extras,
        &prior,
    )?;
    let addresses = pages.iter().map(|page| page.address.as_str());
    feeds::add(&mut output, site.base_url.as_deref(), &sources, addresses)?;
    if site.has_search() {
        searchable(&pages, &mut output)?;
    }
    check::check(&pages, &sources, &output, &files, &site)?;

    cards(&pages, &store, &prior, &mut output)?;
    let counts = Counts {
        pages: pages.len(),
        assets: output.addresses().count(),
        outdated_estimates: estimates.outdated,
        foreign_cards: models::foreign_cards(&models),
    };
    let rendered = pages.iter().filter(|page| page.html.is_some()).count();
    let kept_pages = take(pages, &mut output)?;
    redirects(&sources, &site, &mut output)?;
    let published = output.publish(&options.out, &prior, &marker(counts))?;
    let head = Head {
        program,
        stamp: settled.then_some(inputs),
        counts,
        files: published.files,
    };
    let body = Body {
        sources: sources.into_iter().map(keep_source).collect(),
        pages: kept_pages,
        pictures,
    };
    cache::save(&options.out, &head, &body);
    Ok(report(counts, rendered, published.changed))
}

/// Adds what the search reads.
fn searchable(pages: &[Page], output: &mut Output) -> Result<(), SiteError> {
    let found = pages
        .iter()
        .filter(|page| page.address != "/404.html" && page.address != "/search/")
        .map(|page| {
            (
                page.address.as_str(),
                page.title.as_str(),
                page.passages.as_slice(),
            )
        });
    let index = search::index(found).map_err(|e| SiteError::Template {
        template: "search.html".to_owned(),
        problem: e.to_string(),
    })?;
    output.add(search::INDEX, index, "the pages' text")
}

/// Finds or draws all pictures, and gathers the sizes of all files that pages link to.
fn files(
    store: &Store,
    stored: &Stored,
    catalog: &Catalog,
    prior: &Prior,
    output: &mut Output,
) -> Result<(Files, BTreeMap<String, KeptPicture>), SiteError> {
    let all: Vec<_> = catalog
        .areas
        .values()
        .flat_map(|area| &area.layers)
        .collect();
    let made: Vec<Option<(String, Made)>> = all
        .par_iter()
        .map(|layer| {
            let Some(key) = picture::map_of(layer) else {
                return Ok(None);
            };
            picture::of_map(store, stored, prior, &key).map(|made| Some((key, made)))
        })
        .collect::<Result<_, SiteError>>()?;
    let mut files = Files::default();
    let mut kept = BTreeMap::new();
    for (layer, made) in all.iter().zip(made) {
        if let Some((key, made)) = made {
            let (picture, keep) = picture::add_map(output, layer, made)?;
            files.pictures.insert(layer.key.clone(), picture);
            kept.insert(key, keep);
        }
    }
    let mut keys = vec!["catalog.json".to_owned()];
    for layer in all {
        keys.push(layer.key.clone());
        keys.extend(estimate::key(layer));
        keys.extend(layer.assets.keys().filter_map(|name| layer.asset_key(name)));
    }
    files.sizes = keys
        .into_iter()
        .filter_map(|key| stored.size(&key).map(|size| (key, size)))
        .collect();
    Ok((files, kept))
}

/// Tells pages of the models' cards and files, and adds the models' reports.
fn with_models(
    models: &Models,
    stored: &Stored,
    files: &mut Files,
    output: &mut Output,
) -> Result<(), SiteError> {
    for (name, model) in models {
        for version in &model.versions {
            files
                .cards
                .insert(view::version_address(name, &version.name));
            for key in &version.files {
                let size = stored.size(key);
                files.sizes.extend(size.map(|size| (key.clone(), size)));
            }
            if let Some(report) = &version.report {
                let address = view::report_address(name, &version.name);
                output.add(&address, report.clone().into_bytes(), "a model's report")?;
            }
        }
    }
    Ok(())
}

/// Adds the files beside the pages, and returns the photographs among them in their sizes, by address.
fn attachments(
    folder: &Folder,
    prior: &Prior,
    output: &mut Output,
    kept: &mut BTreeMap<String, KeptPicture>,
) -> Result<BTreeMap<String, Picture>, SiteError> {
    let files = folder.attachments()?;
    let made: Vec<Option<Made>> = files
        .par_iter()
        .map(|file| picture::of_photograph(prior, file))
        .collect::<Result<_, _>>()?;
    let mut photographs = BTreeMap::new();
    for (file, made) in files.into_iter().zip(made) {
        if let Some(made) = made {
            let (picture, keep) = picture::add_photograph(output, &file.address, made)?;
            photographs.insert(file.address.clone(), picture);
            kept.insert(file.address.clone(), keep);
        }
        output.add(&file.address, file.bytes, &file.file)?;
    }
    Ok(photographs)
}

/// Adds the pages' preview cards: the earlier build's, or else new ones.
fn cards(
    pages: &[Page],
    store: &Store,
    prior: &Prior,
    output: &mut Output,
) -> Result<(), SiteError> {
    let drawn: Vec<(&Card, Option<Vec<u8>>)> = pages
        .par_iter()
        .filter_map(|page| page.card.as_ref())
        .map(|card| {
            let stands = prior.intact(&card.src).is_some();
            let png = (!stands).then(|| card.draw(store)).transpose()?;
            Ok((card, png))
        })
        .collect::<Result<_, SiteError>>()?;
    for (card, png) in drawn {
        match png {
            Some(png) => output.add(&card.src, png, "a preview card")?,
            None => output.keep(&card.src, "a preview card")?,
        }
    }
    Ok(())
}

/// Moves the pages into the output and returns what the next build should know of them.
fn take(pages: Vec<Page>, output: &mut Output) -> Result<BTreeMap<String, KeptPage>, SiteError> {
    let mut kept = BTreeMap::new();
    for page in pages {
        match page.html {
            Some(html) => output.add(&page.file, html.into_bytes(), &page.made_by)?,
            None => output.keep(&page.file, &page.made_by)?,
        }
        let keep = KeptPage {
            key: page.key,
            scan: page.scan,
            passages: page.passages,
        };
        kept.insert(page.address, keep);
    }
    Ok(kept)
}

/// Adds a page at every earlier address of a page.
fn redirects(sources: &[Source], site: &Site, output: &mut Output) -> Result<(), SiteError> {
    for source in sources {
        for alias in &source.front.aliases {
            let alias = alias.as_str();
            let index = if alias.ends_with('/') {
                "index.html"
            } else {
                ""
            };
            let html = feeds::redirect(site.base_url.as_deref(), source);
            let made_by = format!("{}:{} (an alias)", source.file, source.line_of("aliases"));
            output.add(&format!("{alias}{index}"), html.into_bytes(), &made_by)?;
        }
    }
    Ok(())
}

/// The one file that tells when the site was built.
fn marker(counts: Counts) -> Vec<u8> {
    let build = serde_json::json!({
        "generator": concat!("geocrop-site ", env!("CARGO_PKG_VERSION")),
        "pages": counts.pages,
        "assets": counts.assets,
        "built": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    format!("{build}\n").into_bytes()
}

fn keep_source(source: Source) -> (String, KeptSource) {
    let kept = KeptSource {
        hash: source.hash,
        seen: source.seen,
        front: source.front,
        start: source.start,
        lines_before: source.lines_before,
    };
    (source.file, kept)
}
