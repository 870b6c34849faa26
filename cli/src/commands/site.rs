//! `geocrop site build|serve`.

use anyhow::Result;
use geocrop_site::BuildOptions;

use crate::args::{SiteBuild, SiteServe};
use crate::config::{Config, cache_dir};
use crate::progress::{self, Bar};

pub(crate) fn build(args: &SiteBuild, mut config: Config) -> Result<()> {
    config.flag("store", args.store.as_ref());
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
    };
    build_with(&options)
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
