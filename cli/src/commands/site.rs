//! `geocrop site build|serve|publish`.

use anyhow::Result;
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
        measured: measured(&config),
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

pub(crate) fn serve(args: &SiteServe, mut config: Config) -> Result<()> {
    config.flag("store", args.store.as_ref());
    progress::line(&format!(
        "the site is on http://{}/ (Ctrl-C ends)",
        args.address
    ));
    super::api::serve_files(args.address, args.site.clone(), config.get("store"))
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
