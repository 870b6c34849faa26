//! What can go wrong while the site is built.

use std::path::PathBuf;

/// Why a build stopped. The old site is left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// A file or folder could not be read or written.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried, as a verb: "reading", "writing".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content folder holds no page.
    #[error("no Markdown page in {0}: expected at least index.md there")]
    NoContent(PathBuf),
    /// The folder to publish holds no site.
    #[error("{0} holds no built site (no build.json): build one with 'geocrop site build'")]
    NoSite(PathBuf),
    /// A page's front matter is missing or wrong.
    #[error(
        "{file}:{line}: {problem}. A page starts with +++, then title = \"...\" and what else it says about itself, then +++"
    )]
    FrontMatter {
        /// The page, relative to the content folder's parent.
        file: String,
        /// The line in the page, from 1.
        line: usize,
        /// What was found.
        problem: String,
    },
    /// The description of the API is not JSON.
    #[error("{path} is not JSON: {problem}; refresh it with 'geocrop api openapi'")]
    ApiDocument {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        problem: String,
    },
    /// A mermaid diagram could not be drawn.
    #[error("{file}:{line}: this mermaid diagram cannot be drawn: {problem}")]
    Diagram {
        /// The page.
        file: String,
        /// The line of the diagram's fence, or of the line at fault where it is known.
        line: usize,
        /// What the renderer said.
        problem: String,
    },
    /// Links, anchors or assets that lead nowhere; one per line, each with file and line.
    #[error("{} broken link(s):\n{}", .0.len(), .0.join("\n"))]
    BrokenLinks(Vec<String>),
    /// Two pages want the same address.
    #[error("{address} is made twice: by {first} and by {second}. Rename one of them")]
    SameAddress {
        /// The address inside the site.
        address: String,
        /// Who made it first.
        first: String,
        /// Who made it again.
        second: String,
    },
    /// The store or a file in it could not be read.
    #[error("reading {path} of the store: {problem}")]
    Store {
        /// The path inside the store.
        path: String,
        /// What was wrong with it.
        problem: String,
    },
    /// A template failed; a fault of this crate and not of the content.
    #[error("template {template}: {problem}")]
    Template {
        /// The template's name.
        template: String,
        /// Tera's message, with its causes.
        problem: String,
    },
    /// A file could not be compressed.
    #[error("compressing {address}: {problem}")]
    Compress {
        /// The address inside the site.
        address: String,
        /// What the compressor said.
        problem: String,
    },
    /// The picture of a map could not be made.
    #[error("drawing the picture of {path}: {source}")]
    Picture {
        /// The map in the store.
        path: String,
        /// What the raster library said.
        source: geocrop_raster::RasterError,
    },
    /// The folder with the map's bundle is not what the bundler writes.
    #[error(
        "{path}: {expected} is missing. Build the map first: npm ci && npm run build in site/map"
    )]
    MapBundle {
        /// The folder.
        path: PathBuf,
        /// The file that was expected.
        expected: &'static str,
    },
}

impl SiteError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
