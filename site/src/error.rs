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
    #[error("{} broken link(s):\n{}", .0.len(), first_lines(.0))]
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
    /// The installed mermaid-cli failed at diagrams that are sound.
    #[error("{0}")]
    MermaidCli(String),
    /// A file of figures is not what its ending says.
    #[error("{file}: {problem}")]
    Data {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A page quotes figures that are not there.
    #[error("{file}:{line}: {problem}")]
    Quote {
        /// The page.
        file: String,
        /// The line of its front matter that names the figures, or 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A preview card could not be drawn.
    #[error("{address}: the preview card could not be drawn: {problem}")]
    Card {
        /// The card's address.
        address: String,
        /// What was wrong.
        problem: String,
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

/// The first of many lines, and how many more there are: a wrong link in a template is wrong on every page.
fn first_lines(lines: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = lines[..lines.len().min(SHOWN)].join("\n");
    match lines.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}\nand {more} more"),
    }
}
