//! The pages written by hand: Markdown files with front matter, and the pictures and downloads beside them.
//!
//! `content/index.md` becomes `/`, `content/about.md` becomes `/about/`,
//! `content/guide/api.md` becomes `/guide/api/`, and `content/404.md` becomes
//! `/404.html`, where static hosts look for it. `content/guide/dam.png` becomes `/guide/dam.png`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;

use crate::cache::KeptSource;
use crate::error::SiteError;
use crate::front::{self, FrontMatter};
use crate::hash::{Digest, digest};

/// Files beside the pages that are published as they are.
const ATTACHMENTS: [&str; 11] = [
    "avif", "csv", "geojson", "gif", "jpeg", "jpg", "json", "pdf", "png", "svg", "webp",
];

/// A file of the content folder, found but not read.
#[derive(Debug)]
pub(crate) struct Found {
    path: PathBuf,
    /// Its place in the folder, with `/`.
    inside: String,
    /// Bytes.
    pub(crate) size: u64,
    /// When it was last written.
    pub(crate) modified: SystemTime,
}

/// The content folder's files.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// The folder's name in messages.
    shown: String,
    /// Its pages and attachments, in the order of their names.
    pub(crate) files: Vec<Found>,
}

/// One Markdown file, read but not rendered.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Name for messages: `content/about.md`.
    pub(crate) file: String,
    /// Address inside the site: `/about/`.
    pub(crate) address: String,
    /// Hash of the file's bytes.
    pub(crate) hash: Digest,
    /// What the page says about itself.
    pub(crate) front: FrontMatter,
    /// The whole file.
    text: String,
    /// Where the Markdown after the front matter begins.
    pub(crate) start: usize,
    /// Lines of the file before it, to give true line numbers.
    pub(crate) lines_before: usize,
}

impl Source {
    /// The Markdown after the front matter.
    pub(crate) fn markdown(&self) -> &str {
        &self.text[self.start..]
    }

    /// The line of the front matter that sets `key`.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        self.text
            .lines()
            .take(self.lines_before)
            .position(|line| line.split('=').next().is_some_and(|k| k.trim() == key))
            .map_or(1, |at| at + 1)
    }
}

/// A file that is published as it is.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// Name for messages.
    pub(crate) file: String,
    /// Address inside the site.
    pub(crate) address: String,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Folder {
    /// Lists the folder and the folders in it; names that begin with a dot are passed over.
    pub(crate) fn list(root: &Path) -> Result<Self, SiteError> {
        let mut files = Vec::new();
        collect(root, "", &mut files)?;
        files.sort_by(|a, b| a.inside.cmp(&b.inside));
        let shown = root.file_name().map_or_else(
            || "content".to_owned(),
            |n| n.to_string_lossy().into_owned(),
        );
        Ok(Self {
            root: root.to_owned(),
            shown,
            files,
        })
    }

    /// Reads every page, in the order of their addresses. `kept` knows front matter by file, from an earlier build.
    pub(crate) fn pages<'a>(
        &self,
        drafts: bool,
        kept: impl Fn(&str) -> Option<&'a KeptSource> + Sync,
    ) -> Result<Vec<Source>, SiteError> {
        let mut pages: Vec<Source> = self
            .files
            .par_iter()
            .filter(|found| ending(&found.inside) == "md")
            .map(|found| {
                let text = std::fs::read_to_string(&found.path)
                    .map_err(SiteError::io("reading", &found.path))?;
                let file = format!("{}/{}", self.shown, found.inside);
                let kept = kept(&file);
                parse(file, address_of(&found.inside), text, kept)
            })
            .collect::<Result<_, _>>()?;
        pages.retain(|page| drafts || !page.front.draft);
        if pages.is_empty() {
            return Err(SiteError::NoContent(self.root.clone()));
        }
        pages.sort_by(|a, b| a.address.cmp(&b.address));
        // guide.md and guide/index.md: nothing later tells their links apart.
        match pages
            .windows(2)
            .find(|two| two[0].address == two[1].address)
        {
            Some(two) => Err(SiteError::SameAddress {
                address: two[0].address.clone(),
                first: two[0].file.clone(),
                second: two[1].file.clone(),
            }),
            None => Ok(pages),
        }
    }

    /// Reads every file that is no page.
    pub(crate) fn attachments(&self) -> Result<Vec<Attachment>, SiteError> {
        self.files
            .par_iter()
            .filter(|found| ending(&found.inside) != "md")
            .map(|found| {
                Ok(Attachment {
                    file: format!("{}/{}", self.shown, found.inside),
                    address: format!("/{}", found.inside),
                    bytes: std::fs::read(&found.path)
                        .map_err(SiteError::io("reading", &found.path))?,
                })
            })
            .collect()
    }

    /// What tells this state of the folder from another without reading a file.
    pub(crate) fn stamp(&self) -> impl Iterator<Item = (&str, u64, SystemTime)> {
        self.files
            .iter()
            .map(|found| (found.inside.as_str(), found.size, found.modified))
    }
}

fn collect(folder: &Path, inside: &str, files: &mut Vec<Found>) -> Result<(), SiteError> {
    for entry in std::fs::read_dir(folder).map_err(SiteError::io("reading", folder))? {
        let entry = entry.map_err(SiteError::io("reading", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if name.starts_with('.') {
            continue;
        }
        // Follows links, as a reader of the folder would.
        let meta = std::fs::metadata(&path).map_err(SiteError::io("reading", &path))?;
        let inside = format!("{inside}{name}");
        if meta.is_dir() {
            collect(&path, &format!("{inside}/"), files)?;
        } else if is_published(&name) {
            files.push(Found {
                inside,
                size: meta.len(),
                modified: meta.modified().map_err(SiteError::io("reading", &path))?,
                path,
            });
        }
    }
    Ok(())
}

fn is_published(name: &str) -> bool {
    ending(name) == "md" || ATTACHMENTS.contains(&ending(name))
}

/// What follows the last dot of a name.
fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn address_of(inside: &str) -> String {
    let stem = inside.strip_suffix(".md").unwrap_or(inside);
    match stem {
        "404" => "/404.html".to_owned(),
        "index" => "/".to_owned(),
        _ => format!("/{}/", stem.strip_suffix("/index").unwrap_or(stem)),
    }
}

fn parse(
    file: String,
    address: String,
    text: String,
    kept: Option<&KeptSource>,
) -> Result<Source, SiteError> {
    let hash = digest(text.as_bytes());
    let (front, start, lines_before) = match kept.filter(|kept| kept.hash == hash) {
        Some(kept) => (kept.front.clone(), kept.start, kept.lines_before),
        None => match front::split(&text) {
            Ok((front, markdown)) => {
                let start = text.len() - markdown.len();
                let lines = text[..start].matches('\n').count();
                (front, start, lines)
            }
            Err((line, problem)) => {
                return Err(SiteError::FrontMatter {
                    file,
                    line,
                    problem,
                });
            }
        },
    };
    Ok(Source {
        file,
        address,
        hash,
        front,
        text,
        start,
        lines_before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_file_names() {
        assert_eq!(address_of("index.md"), "/");
        assert_eq!(address_of("about.md"), "/about/");
        assert_eq!(address_of("guide/index.md"), "/guide/");
        assert_eq!(address_of("decisions/0001-why.md"), "/decisions/0001-why/");
        assert_eq!(address_of("404.md"), "/404.html");
    }

    #[test]
    fn a_fault_in_the_front_matter_names_file_and_line() {
        let text = "+++\ntitle = \"A\"\ndescription = \"B\"\ntitel = \"C\"\n+++\nText\n".to_owned();
        let error = parse("content/a.md".to_owned(), "/a/".to_owned(), text, None).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("content/a.md:4:"), "{message}");
        assert!(message.contains("titel"), "{message}");
    }

    #[test]
    fn lines_before_counts_the_front_matter() {
        let text = "+++\ntitle = \"A\"\ndate = 2025-01-01\n+++\nfirst line\n".to_owned();
        let page = parse("content/a.md".to_owned(), "/a/".to_owned(), text, None).unwrap();
        assert_eq!(page.lines_before, 4);
        assert_eq!(page.markdown(), "first line\n");
        assert_eq!(page.line_of("date"), 3);
    }
}
