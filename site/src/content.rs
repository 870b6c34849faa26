//! The pages written by hand: Markdown files with front matter, and the pictures and downloads beside them.
//!
//! `content/index.md` becomes `/`, `content/about.md` becomes `/about/`,
//! `content/guide/api.md` becomes `/guide/api/`, and `content/404.md` becomes
//! `/404.html`, where static hosts look for it. `content/guide/dam.png` becomes `/guide/dam.png`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;

use crate::cache::{KeptSource, nanoseconds};
use crate::error::SiteError;
use crate::front::{self, FrontMatter};
use crate::hash::{Digest, digest};
use crate::stamp::TICK;

/// Files beside the pages that are published as they are.
const ATTACHMENTS: [&str; 10] = [
    "avif", "csv", "geojson", "gif", "jpeg", "jpg", "pdf", "png", "svg", "webp",
];

/// The folder of figures that pages quote, and the endings of its files.
const DATA: (&str, [&str; 2]) = ("data/", ["json", "toml"]);

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
    text: Text,
    /// Where the Markdown after the front matter begins.
    pub(crate) start: usize,
    /// Lines of the file before it, to give true line numbers.
    pub(crate) lines_before: usize,
    /// The file's bytes and the nanosecond of its writing, if they tell it from any later state.
    pub(crate) seen: Option<(u64, u64)>,
}

/// The whole file.
#[derive(Debug, Clone)]
enum Text {
    Read(String),
    /// It is as an earlier build saw it, and is only read if something asks.
    AsBefore(PathBuf),
}

impl Source {
    fn text(&self) -> Result<Cow<'_, str>, SiteError> {
        match &self.text {
            Text::Read(text) => Ok(Cow::Borrowed(text)),
            Text::AsBefore(path) => {
                let text = read(path)?;
                if digest(text.as_bytes()) == self.hash {
                    return Ok(Cow::Owned(text));
                }
                Err(SiteError::io("reading", path)(std::io::Error::other(
                    "it was written while the site was built; build again",
                )))
            }
        }
    }

    /// The Markdown after the front matter.
    pub(crate) fn markdown(&self) -> Result<Cow<'_, str>, SiteError> {
        Ok(match self.text()? {
            Cow::Borrowed(text) => Cow::Borrowed(&text[self.start..]),
            Cow::Owned(text) => Cow::Owned(text[self.start..].to_owned()),
        })
    }

    /// The line of the front matter that sets `key`.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        self.text()
            .unwrap_or_default()
            .lines()
            .take(self.lines_before)
            .position(|line| line.split('=').next().is_some_and(|k| k.trim() == key))
            .map_or(1, |at| at + 1)
    }
}

/// Figures that pages quote.
#[derive(Debug)]
pub(crate) struct Data {
    /// Hash of the file's bytes.
    pub(crate) hash: Digest,
    pub(crate) value: serde_json::Value,
}

/// A file that is published as it is.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// Name for messages.
    pub(crate) file: String,
    /// Address inside the site.
    pub(crate) address: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
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

    /// Reads every page that `kept`, what an earlier build knew by file, does not know as it is now; in the order of their
    /// addresses. `began` is when the build did.
    pub(crate) fn pages<'a>(
        &self,
        drafts: bool,
        began: SystemTime,
        kept: impl Fn(&str) -> Option<&'a KeptSource> + Sync,
    ) -> Result<Vec<Source>, SiteError> {
        let mut pages: Vec<Source> = self
            .files
            .par_iter()
            .filter(|found| ending(&found.inside) == "md")
            .map(|found| {
                let file = format!("{}/{}", self.shown, found.inside);
                let (address, kept) = (address_of(&found.inside), kept(&file));
                let seen = found.seen(began);
                if let Some(kept) = kept.filter(|kept| seen.is_some() && kept.seen == seen) {
                    let text = Text::AsBefore(found.path.clone());
                    return Ok(kept.source(file, address, text, seen));
                }
                parse(file, address, read(&found.path)?, kept, seen)
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
            .filter(|found| ending(&found.inside) != "md" && !is_data(&found.inside))
            .map(|found| {
                Ok(Attachment {
                    file: format!("{}/{}", self.shown, found.inside),
                    address: format!("/{}", found.inside),
                    path: found.path.clone(),
                    bytes: std::fs::read(&found.path)
                        .map_err(SiteError::io("reading", &found.path))?,
                })
            })
            .collect()
    }

    /// Reads the files of figures, by name without ending.
    pub(crate) fn data(&self) -> Result<BTreeMap<String, Data>, SiteError> {
        self.files
            .iter()
            .filter(|found| is_data(&found.inside))
            .map(|found| {
                let text = read(&found.path)?;
                let file = format!("{}/{}", self.shown, found.inside);
                let fault = |problem: String| SiteError::Data {
                    file: file.clone(),
                    problem,
                };
                let value = if ending(&found.inside) == "toml" {
                    toml::from_str(&text).map_err(|e| fault(e.to_string()))?
                } else {
                    serde_json::from_str(&text).map_err(|e| fault(e.to_string()))?
                };
                let name = &found.inside[DATA.0.len()..];
                let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                let hash = digest(text.as_bytes());
                Ok((stem.to_owned(), Data { hash, value }))
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
        } else if is_published(&name) || is_data(&inside) {
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

fn is_data(inside: &str) -> bool {
    inside.starts_with(DATA.0) && DATA.1.contains(&ending(inside))
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

impl Found {
    /// What tells this state of the file from any later one; none where it is too new for that.
    fn seen(&self, began: SystemTime) -> Option<(u64, u64)> {
        (self.modified + TICK < began).then(|| (self.size, nanoseconds(Ok(self.modified))))
    }
}

impl KeptSource {
    fn source(
        &self,
        file: String,
        address: String,
        text: Text,
        seen: Option<(u64, u64)>,
    ) -> Source {
        Source {
            file,
            address,
            hash: self.hash,
            front: self.front.clone(),
            text,
            start: self.start,
            lines_before: self.lines_before,
            seen,
        }
    }
}

fn read(path: &Path) -> Result<String, SiteError> {
    std::fs::read_to_string(path).map_err(SiteError::io("reading", path))
}

fn parse(
    file: String,
    address: String,
    text: String,
    kept: Option<&KeptSource>,
    seen: Option<(u64, u64)>,
) -> Result<Source, SiteError> {
    let hash = digest(text.as_bytes());
    if let Some(kept) = kept.filter(|kept| kept.hash == hash) {
        return Ok(kept.source(file, address, Text::Read(text), seen));
    }
    match front::split(&text) {
        Ok((front, markdown)) => {
            let start = text.len() - markdown.len();
            let lines_before = text[..start].matches('\n').count();
            Ok(Source {
                file,
                address,
                hash,
                front,
                text: Text::Read(text),
                start,
                lines_before,
                seen,
            })
        }
        Err((line, problem)) => Err(SiteError::FrontMatter {
            file,
            line,
            problem,
        }),
    }
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
        let error = parse(
            "content/a.md".to_owned(),
            "/a/".to_owned(),
            text,
            None,
            None,
        )
        .unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("content/a.md:4:"), "{message}");
        assert!(message.contains("titel"), "{message}");
    }

    #[test]
    fn lines_before_counts_the_front_matter() {
        let text = "+++\ntitle = \"A\"\ndate = 2025-01-01\n+++\nfirst line\n".to_owned();
        let page = parse(
            "content/a.md".to_owned(),
            "/a/".to_owned(),
            text,
            None,
            None,
        )
        .unwrap();
        assert_eq!(page.lines_before, 4);
        assert_eq!(page.markdown().unwrap(), "first line\n");
        assert_eq!(page.line_of("date"), 3);
    }
}
