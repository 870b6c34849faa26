//! The site generator: Markdown pages and the store's catalog become a folder of static pages.
//!
//! A build reads the Markdown under `content/` and the STAC catalog of a store, draws the pictures
//! and charts, checks every link, and brings the finished folder up to date. Equal input gives equal
//! bytes, and what did not change is not made again. The pages need no script; only the map does, and its bundle is made by `site/map`.
//!
//! ```no_run
//! use geocrop_site::{BuildOptions, build};
//!
//! let options = BuildOptions::new("content", "file:///srv/geocrop/store", "dist", ".cache");
//! let report = build(&options)?;
//! assert!(report.pages > 0);
//! # Ok::<(), geocrop_site::SiteError>(())
//! ```

mod api_guide;
mod build;
mod bundle;
mod cache;
mod card;
mod catalog;
mod chart;
mod check;
mod compress;
mod content;
mod diagram;
mod error;
mod estimate;
mod feeds;
mod format;
mod front;
mod hash;
mod highlight;
mod html;
mod layers;
mod links;
mod markdown;
mod models;
mod output;
mod pages;
mod picture;
mod policy;
mod publish;
mod reliability;
mod search;
mod stamp;
pub mod status;
mod stored;
mod structured;
mod view;

pub use build::{BuildOptions, Report, build};
pub use error::SiteError;
pub use publish::{Changes, Publication, publish};
