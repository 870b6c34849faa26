//! Front matter: what a page says about itself, and the schema that it is held to.

use geocrop_store::status::Part;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// What a page says about itself, between two `+++` lines, as TOML. Nothing else may stand there.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontMatter {
    /// The page's heading and the first part of the browser's title.
    pub(crate) title: String,
    /// One sentence for search engines and the page's lead.
    #[serde(default)]
    pub(crate) description: String,
    /// Place in the navigation; pages without it are not listed there.
    #[serde(default)]
    pub(crate) order: Option<u32>,
    /// Short name in the navigation, where the title is too long for it.
    #[serde(default)]
    pub(crate) menu: Option<String>,
    /// The template, without its ending.
    #[serde(default)]
    pub(crate) template: Template,
    /// What the page belongs to, such as "Decisions".
    #[serde(default)]
    pub(crate) section: Option<String>,
    /// The day it was published. Pages with a day are in the feed.
    #[serde(default)]
    pub(crate) date: Option<Day>,
    /// The day of its last change that readers should know of.
    #[serde(default)]
    pub(crate) updated: Option<Day>,
    /// The picture of its preview cards, as an address on the site.
    #[serde(default)]
    pub(crate) image: Option<Address>,
    /// Whether the page begins with a list of its headings.
    #[serde(default)]
    pub(crate) contents: bool,
    /// Files of `content/data` that the page quotes, without ending: its text may then say `{{ data.name.key }}`.
    #[serde(default)]
    pub(crate) data: Vec<String>,
    /// Earlier addresses of the page, which lead here.
    #[serde(default)]
    pub(crate) aliases: Vec<Address>,
    /// Of an incident: the parts that it is about.
    #[serde(default)]
    pub(crate) parts: Vec<Part>,
    /// Of an incident: the day it was over. Without it, it is open.
    #[serde(default)]
    pub(crate) resolved: Option<Day>,
    /// Not for readers yet: left out of a build unless drafts are asked for.
    #[serde(default)]
    pub(crate) draft: bool,
}

/// The templates that a page can ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Template {
    /// Text.
    #[default]
    Page,
    /// The front page.
    Home,
    /// The list of areas.
    Areas,
    /// The list of models.
    Models,
    /// The map.
    Map,
    /// The state of the service.
    Status,
    /// Something that went wrong with it.
    Incident,
    /// The guide to the API, with its reference.
    Api,
    /// The search.
    Search,
    /// What so many users and so much area need.
    Capacity,
}

impl Template {
    /// The template's file.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Page => "page.html",
            Self::Home => "home.html",
            Self::Areas => "areas.html",
            Self::Models => "models.html",
            Self::Map => "map.html",
            Self::Status => "status.html",
            Self::Incident => "incident.html",
            Self::Api => "api.html",
            Self::Search => "search.html",
            Self::Capacity => "capacity.html",
        }
    }
}

/// A day, as `2025-11-30`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Day(String);

/// A day as TOML has it, bare or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenDay {
    Bare(toml::value::Datetime),
    Text(String),
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Self::try_from(WrittenDay::deserialize(deserializer)?).map_err(D::Error::custom)
        } else {
            // The cache keeps days that were read before, in a form that does not tell what it holds.
            String::deserialize(deserializer).map(Self)
        }
    }
}

impl TryFrom<WrittenDay> for Day {
    type Error = String;

    fn try_from(written: WrittenDay) -> Result<Self, String> {
        let text = match written {
            WrittenDay::Bare(moment) => moment.to_string(),
            WrittenDay::Text(text) => text,
        };
        chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d")
            .map(|day| Self(day.to_string()))
            .map_err(|_| format!("\"{text}\" is no day; write it as 2025-11-30"))
    }
}

impl Day {
    /// The day as `2025-11-30`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The day's first moment, as RFC 3339 has it.
    pub(crate) fn moment(&self) -> String {
        format!("{}T00:00:00Z", self.0)
    }
}

/// An address on this site: `/about/`, `/pictures/dam.png`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Address(String);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = || text.split('/');
        let plain = text.starts_with('/')
            && !text.contains("//")
            && !parts().any(|part| part == "." || part == "..")
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/-_.~".contains(c));
        let named = text.ends_with('/') || parts().next_back().is_some_and(|n| n.contains('.'));
        if plain && named {
            return Ok(Self(text));
        }
        Err(format!(
            "\"{text}\" is no address on this site; write /old/place/ or /old.html"
        ))
    }
}

impl Address {
    /// The address as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Splits a page into its front matter and its text.
///
/// # Errors
/// The line of the file that is wrong, and what is wrong with it.
pub(crate) fn split(text: &str) -> Result<(FrontMatter, &str), (usize, String)> {
    let Some(rest) = text.strip_prefix("+++\n") else {
        return Err((1, "the first line is not +++".to_owned()));
    };
    let Some((head, markdown)) = rest.split_once("\n+++\n") else {
        return Err((1, "the front matter has no closing +++".to_owned()));
    };
    let front: FrontMatter = toml::from_str(head).map_err(|e| {
        let before = e.span().map_or(0, |span| span.start.min(head.len()));
        (
            2 + head[..before].matches('\n').count(),
            e.message().to_owned(),
        )
    })?;
    if let Some(problem) = incident_fault(&front) {
        return Err((1, problem.to_owned()));
    }
    Ok((front, markdown))
}

/// What an incident lacks, or what only an incident may have.
fn incident_fault(front: &FrontMatter) -> Option<&'static str> {
    if front.template != Template::Incident {
        return (!front.parts.is_empty() || front.resolved.is_some())
            .then_some("only a page with template = \"incident\" has parts and resolved");
    }
    if front.parts.is_empty() {
        Some("an incident says what it is about: parts = [\"store\"]")
    } else if front.date.is_none() {
        Some("an incident says when it began: date = 2025-11-30")
    } else if front.resolved.is_some() && front.resolved < front.date {
        Some("resolved is before date")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(lines: &str) -> (usize, String) {
        split(&format!("+++\ntitle = \"A\"\n{lines}\n+++\n")).unwrap_err()
    }

    #[test]
    fn every_key_of_the_schema_is_read() {
        let text = "+++\ntitle = \"A\"\ndescription = \"B\"\norder = 3\nmenu = \"M\"\ntemplate = \"home\"\n\
                    section = \"S\"\ndate = 2025-01-31\nupdated = \"2025-02-28\"\nimage = \"/a.png\"\n\
                    data = [\"performance\"]\ncontents = true\naliases = [\"/old/\", \"/older.html\"]\ndraft = true\n+++\nText\n";
        let (front, markdown) = split(text).unwrap();
        assert_eq!(markdown, "Text\n");
        assert_eq!(front.template, Template::Home);
        assert_eq!(front.date.as_ref().unwrap().as_str(), "2025-01-31");
        assert_eq!(
            front.updated.as_ref().unwrap().moment(),
            "2025-02-28T00:00:00Z"
        );
        assert_eq!(front.aliases[1].as_str(), "/older.html");
        assert!(front.draft);
        // The cache must give the same back.
        let kept = postcard::to_allocvec(&front).unwrap();
        assert_eq!(postcard::from_bytes::<FrontMatter>(&kept).unwrap(), front);
    }

    #[test]
    fn what_the_schema_does_not_allow_is_told_with_its_line() {
        for (lines, line, word) in [
            ("order = 1\ntitel = \"C\"", 4, "titel"),
            ("order = \"one\"", 3, "u32"),
            ("draft = 1", 3, "bool"),
            ("template = \"hom\"", 3, "hom"),
            ("template = \"incident\"\nparts = [\"stoer\"]", 4, "store"),
            ("template = \"incident\"\ndate = 2025-01-31", 1, "parts = "),
            ("resolved = 2025-01-31", 1, "incident"),
            (
                "template = \"incident\"\nparts = [\"api\"]\ndate = 2025-01-31\nresolved = 2025-01-30",
                1,
                "before",
            ),
            ("menu = \"m\"\ndate = \"soon\"", 4, "date"),
            ("aliases = [\"old\"]", 3, "/old/place/"),
            ("aliases = [\"/a/../b/\"]", 3, "/old/place/"),
            ("image = \"https://example.org/a.png\"", 3, "/old/place/"),
        ] {
            let (at, problem) = fault(lines);
            assert_eq!(at, line, "{lines}: {problem}");
            assert!(
                problem.contains(word) || word == "date",
                "{lines}: {problem}"
            );
        }
    }
}
