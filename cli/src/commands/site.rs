//! `geocrop site build|serve|publish`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chrono::Utc;
use geocrop_site::status::{Measurements, measure};
use geocrop_site::{BuildOptions, Publication};
use geocrop_store::Store;

use crate::args::{SiteBuild, SitePublish, SiteServe};
use crate::config::{Config, cache_dir};
use crate::progress::{self, Bar};

pub(crate) fn build(args: &SiteBuild, mut config: Config) -> Result<()> {
    config.flag("store", args.store.as_ref());
    config.flag("site.prometheus_url", args.prometheus.as_ref());
    config.flag("site.basemap", args.basemap.as_ref());
    let options = BuildOptions {
        content: args.content.clone(),
        store: config.get("store").to_owned(),
        out: args.out.clone(),
        map_bundle: args.map_bundle.clone(),
        store_href: args.store_href.clone(),
        base_url: args.base_url.clone(),
        api_href: Some("/v1".to_owned()),
        cache: cache_dir().join("site"),
        drafts: args.drafts,
        basemap: config.optional("site.basemap"),
        measured: measured(&config),
        reload: false,
    };
    build_with(&options)
}

/// What Prometheus has measured, where one is configured. The page does without it: a site that cannot be built while the
/// monitoring is away would be one thing more that is down.
fn measured(config: &Config) -> Option<Measurements> {
    let url = config.optional("site.prometheus_url")?;
    measure(&url, Utc::now())
        .inspect_err(|error| {
            progress::line(&format!(
                "warning: the status page has no measurements: {error}"
            ));
        })
        .ok()
}

/// Builds a site and says what came out.
pub(crate) fn build_with(options: &BuildOptions) -> Result<()> {
    let bar = Bar::start("site");
    match geocrop_site::build(options) {
        Ok(report) => {
            bar.finish(&format!(
                "{} pages, {} made anew, {} files changed, {:.0} ms",
                report.pages,
                report.rendered,
                report.changed,
                1000.0 * report.seconds
            ));
            if report.outdated_estimates > 0 {
                progress::line(&format!(
                    "{} area estimate(s) left out: their maps were made again since the points were drawn",
                    report.outdated_estimates
                ));
            }
            if report.foreign_cards > 0 {
                progress::line(&format!(
                    "{} model card(s) left out: they were written by another version of this program",
                    report.foreign_cards
                ));
            }
            if options.base_url.is_none() {
                progress::line(
                    "without --base-url the site has no canonical links, sitemap, feed and preview cards",
                );
            }
            Ok(())
        }
        Err(error) => {
            bar.finish("failed");
            Err(error.into())
        }
    }
}

/// Serves a built site, or builds one and keeps it up to date with what is written.
pub(crate) fn serve(args: &SiteServe, mut config: Config) -> Result<()> {
    config.flag("store", args.store.as_ref());
    let announce = || {
        progress::line(&format!(
            "the site is on http://{}/ (Ctrl-C ends)",
            args.address
        ));
    };
    let Some(site) = &args.site else {
        let options = watched(args, &config)?;
        build_with(&options)?;
        // The thread ends with the process.
        let out = options.out.clone();
        std::thread::spawn(move || watch(&options));
        announce();
        return super::api::serve_files(&config, args.address, out, config.get("store"));
    };
    announce();
    super::api::serve_files(&config, args.address, site.clone(), config.get("store"))
}

/// What `serve` builds: drafts too, into a folder of its own, with pages that load themselves again.
fn watched(args: &SiteServe, config: &Config) -> Result<BuildOptions> {
    let content = std::fs::canonicalize(&args.content).with_context(|| {
        format!(
            "{}: there are no pages to build; name their folder with --content, or a built site with --site",
            args.content.display()
        )
    })?;
    let name = content.to_string_lossy().replace(['/', '\\'], "-");
    let mut options = BuildOptions::new(
        content,
        config.get("store"),
        cache_dir().join("site-serve").join(name.trim_matches('-')),
        cache_dir().join("site"),
    );
    options.map_bundle.clone_from(&args.map_bundle);
    options.basemap = config.optional("site.basemap");
    options.drafts = true;
    options.reload = true;
    std::fs::create_dir_all(cache_dir().join("site-serve"))?;
    Ok(options)
}

/// Builds again and again; a build with nothing to do takes some milliseconds, so looking is building.
fn watch(options: &BuildOptions) {
    let mut said = String::new();
    loop {
        let began = Instant::now();
        let now = match geocrop_site::build(options) {
            Ok(report) if report.changed > 0 => {
                progress::line(&format!(
                    "built again: {} pages made, {} files changed, {:.0} ms",
                    report.rendered,
                    report.changed,
                    1000.0 * report.seconds
                ));
                String::new()
            }
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        if now != said {
            if now.is_empty() {
                progress::line("the pages are in order again");
            } else {
                progress::print_error(&format!("{now}\nThe site stays as it was."));
            }
            said = now;
        }
        // At most a tenth of one core, also where the store is far away.
        std::thread::sleep((10 * began.elapsed()).max(Duration::from_millis(200)));
    }
}

/// Puts a built site into the store, or tells what that would do.
pub(crate) fn publish(args: &SitePublish, mut config: Config) -> Result<()> {
    config.flag("store", args.store.as_ref());
    let store = Store::open(config.get("store"))?;
    let how = Publication {
        grace_days: args.grace,
        dry_run: args.dry_run,
        now: Utc::now(),
    };
    let changes = geocrop_site::publish(&args.site, &store, how)?;
    if args.json {
        progress::print(&format!("{}\n", serde_json::to_string(&changes)?));
        return Ok(());
    }
    for (what, addresses) in [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
        ("stale, kept for now", &changes.stale),
    ] {
        for address in addresses {
            progress::line(&format!("{what}: {address}"));
        }
    }
    progress::line(&format!(
        "{}{} added, {} changed, {} removed, {} stale, {} as they were",
        if args.dry_run { "would be: " } else { "" },
        changes.added.len(),
        changes.changed.len(),
        changes.removed.len(),
        changes.stale.len(),
        changes.unchanged
    ));
    Ok(())
}
