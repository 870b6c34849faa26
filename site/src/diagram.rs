//! Mermaid diagrams as inline SVG that follows the page's light and dark colours.
//!
//! The layout comes from mermaid-cli where it is installed, and else from `merman`, which draws the same with the same
//! names of classes. Colours and inline styles are taken off, because the site's stylesheet colours diagrams by class and the content security policy refuses inline styles.
//! See docs/decisions/0004-diagrams.md.

mod cli;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use merman::svg::SvgRenderOptions;
use merman::{
    Engine, MermaidConfig, OperationControl, ParseOptions, RenderOutput, RenderRequest, Renderer,
    SvgRequest,
};

use crate::hash::short_hash;
use crate::html::{attribute, escape};
use cli::Cli;

/// Part of every cache key: a new renderer or a new clean-up must not find old pictures.
const RECIPE: &str = "merman 0.9.3, site 3";

/// The same for drawings of mermaid-cli.
const CLI_RECIPE: &str = "mermaid-cli, site 1";

/// What is wrong with a diagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Line inside the fence, from 1, where it is known.
    pub(crate) line: Option<usize>,
    /// What was found and what was expected.
    pub(crate) problem: String,
}

/// Draws diagrams and keeps what it drew, by the hash of the source.
#[derive(Debug)]
pub(crate) struct Painter {
    folder: PathBuf,
    cli: Option<Cli>,
}

impl Painter {
    /// A painter that keeps drawings under `cache`.
    pub(crate) fn new(cache: &Path) -> Self {
        Self {
            folder: cache.join("diagrams"),
            cli: Cli::find(),
        }
    }

    /// Whether [`prepare`](Self::prepare) has something to draw with.
    pub(crate) fn is_prepared_by_cli(&self) -> bool {
        self.cli.is_some()
    }

    /// Draws all diagrams that were not drawn before, in one start of mermaid-cli.
    ///
    /// Those with a fault are passed over: drawing the page tells what is wrong, and where.
    pub(crate) fn prepare(&self, sources: &[String]) -> Result<(), String> {
        let Some(cli) = &self.cli else {
            return Ok(());
        };
        let mut wanted = Vec::new();
        for source in sources {
            let kept = self.place(CLI_RECIPE, source);
            let sound = Words::read(source)
                .and_then(|words| lay_out(&words.diagram, "check").map(|_| words));
            if let Ok(words) = sound
                && !kept.exists()
                && wanted.iter().all(|(other, _)| *other != source)
            {
                wanted.push((source, words));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let diagrams: Vec<String> = wanted.iter().map(|(_, w)| w.diagram.clone()).collect();
        let drawn = cli.draw(&diagrams, &config())?;
        for ((source, words), svg) in wanted.iter().zip(drawn) {
            let id = Self::id(CLI_RECIPE, source);
            let svg = svg.replace(cli::ID, &["d", &id].concat());
            keep(&self.place(CLI_RECIPE, source), &clean(&svg, &id, words));
        }
        Ok(())
    }

    fn id(recipe: &str, source: &str) -> String {
        short_hash([recipe, "\n", source].concat().as_bytes())
    }

    fn place(&self, recipe: &str, source: &str) -> PathBuf {
        self.folder.join(Self::id(recipe, source) + ".svg")
    }

    /// The diagram as an accessible SVG element.
    pub(crate) fn draw(&self, source: &str) -> Result<String, Fault> {
        let kept = self.place(RECIPE, source);
        for path in [&self.place(CLI_RECIPE, source), &kept] {
            if let Ok(svg) = std::fs::read_to_string(path) {
                return Ok(svg);
            }
        }
        let words = Words::read(source)?;
        let key = Self::id(RECIPE, source);
        let svg = clean(&lay_out(&words.diagram, &key)?, &key, &words);
        keep(&kept, &svg);
        Ok(svg)
    }
}

/// Keeps a drawing. The cache only saves time: a build on a read-only or full disk goes on without it.
fn keep(kept: &Path, svg: &str) {
    let aside = kept.with_extension(format!("{}.part", std::process::id()));
    let _ = kept
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&aside, svg))
        .and_then(|()| std::fs::rename(&aside, kept));
}

/// A fence, with its words for screen readers set apart.
struct Words {
    title: String,
    description: Option<String>,
    diagram: String,
}

impl Words {
    fn read(source: &str) -> Result<Self, Fault> {
        let mut title = None;
        let mut description = None;
        let mut diagram = String::new();
        for (at, line) in source.lines().enumerate() {
            let trimmed = line.trim_start();
            if let Some(text) = trimmed.strip_prefix("accTitle:") {
                title = Some(text.trim().to_owned());
            } else if let Some(text) = trimmed.strip_prefix("accDescr:") {
                description = Some(text.trim().to_owned());
            } else if ["classDef ", "style ", "linkStyle "]
                .iter()
                .any(|word| trimmed.starts_with(word))
            {
                return Err(Fault {
                    line: Some(at + 1),
                    problem: "colours in a diagram cannot follow light and dark; give nodes a class (:::store) and colour it in style.css".to_owned(),
                });
            } else {
                diagram.push_str(line);
                diagram.push('\n');
            }
        }
        let title = title.filter(|t| !t.is_empty()).ok_or_else(|| Fault {
            line: None,
            problem: "it has no accTitle; add a line such as `accTitle: How data flows`, which screen readers say".to_owned(),
        })?;
        Ok(Self {
            title,
            description,
            diagram,
        })
    }
}

/// What both renderers are told.
fn config() -> serde_json::Value {
    serde_json::json!({
        "theme": "base",
        "look": "classic",
        "layout": "dagre",
        "htmlLabels": false,
        "fontFamily": "Inter, system-ui, sans-serif",
        "flowchart": { "htmlLabels": false, "subGraphTitleMargin": { "top": 4, "bottom": 12 } },
    })
}

fn lay_out(diagram: &str, id: &str) -> Result<String, Fault> {
    let fault = |problem: String| Fault {
        line: None,
        problem,
    };
    let config = MermaidConfig::from_value(config());
    let request = SvgRequest {
        options: SvgRenderOptions {
            diagram_id: Some(format!("d{id}")),
            ..SvgRenderOptions::default()
        },
        ..SvgRequest::default()
    };
    let output = Renderer::new()
        .with_engine(Engine::new().with_site_config(config))
        .with_parse_options(ParseOptions::strict())
        .render(RenderRequest::svg(
            diagram,
            OperationControl::new(),
            request,
        ))
        .map_err(|e| fault(e.to_string()))?;
    match output {
        RenderOutput::Svg(Some(svg)) => Ok(svg.svg().to_owned()),
        _ => Err(fault(
            "no kind of diagram was recognised; it begins with `flowchart TD`, for example"
                .to_owned(),
        )),
    }
}

/// Takes off styles, puts titles of groups to the left where arrows do not cross them, and names the picture.
fn clean(svg: &str, id: &str, words: &Words) -> String {
    let mut svg = without_style_element(svg);
    for attribute in ["style", "data-points", "data-look", "data-et", "data-edge"] {
        svg = without_attribute(&svg, attribute);
    }
    svg = left_titles(&svg);
    let view_box = attribute(&svg, "viewBox").unwrap_or("0 0 0 0").to_owned();
    let mut sides = view_box
        .split(' ')
        .skip(2)
        .map(|n| n.parse().unwrap_or(0.0));
    let (width, height): (f64, f64) = (
        sides.next().unwrap_or_default(),
        sides.next().unwrap_or_default(),
    );
    let body = svg.find('>').map_or("", |end| svg[end + 1..].trim_start());
    let description = words
        .description
        .as_deref()
        .map_or_else(String::new, |text| {
            format!("<desc id=\"d{id}-desc\">{}</desc>", escape(text))
        });
    let described = if description.is_empty() {
        String::new()
    } else {
        format!(" aria-describedby=\"d{id}-desc\"")
    };
    format!(
        "<svg id=\"d{id}\" class=\"mermaid-drawing\" role=\"img\" aria-labelledby=\"d{id}-title\"{described} \
         width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"{view_box}\">\
         <title id=\"d{id}-title\">{}</title>{description}{}",
        escape(&words.title),
        body.trim_end()
    )
}

fn without_style_element(svg: &str) -> String {
    match (svg.find("<style>"), svg.find("</style>")) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{}", &svg[..start], &svg[end + "</style>".len()..])
        }
        _ => svg.to_owned(),
    }
}

fn without_attribute(svg: &str, name: &str) -> String {
    let opening = format!(" {name}=\"");
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(start) = rest.find(&opening) {
        out.push_str(&rest[..start]);
        let value = &rest[start + opening.len()..];
        rest = value.find('"').map_or("", |end| &value[end + 1..]);
    }
    out.push_str(rest);
    out
}

/// Moves the title of each group to the left of its box, and to the end of the drawing, so that arrows run below it.
fn left_titles(svg: &str) -> String {
    const CLUSTER: &str = "<g class=\"cluster\"";
    const LABEL: &str = "<g class=\"cluster-label\" transform=\"translate(";
    const LABEL_END: &str = "</g></g>";
    let mut drawing = String::with_capacity(svg.len());
    let mut titles = String::new();
    let mut parts = svg.split(CLUSTER);
    drawing.push_str(parts.next().unwrap_or_default());
    for part in parts {
        drawing.push_str(CLUSTER);
        let place = part.find("<rect").and_then(|rect| {
            let x: f64 = attribute(&part[rect..], "x")?.parse().ok()?;
            let y: f64 = attribute(&part[rect..], "y")?.parse().ok()?;
            let start = part.find(LABEL)?;
            let inner = start + part[start..].find(')')?;
            let end = inner + part[inner..].find(LABEL_END)? + LABEL_END.len();
            Some((x + 14.0, y + 10.0, start, inner, end))
        });
        let Some((x, y, start, inner, end)) = place else {
            drawing.push_str(part);
            continue;
        };
        drawing.push_str(&part[..start]);
        drawing.push_str(&part[end..]);
        let _ = write!(titles, "{LABEL}{x:.1},{y:.1}{}", &part[inner..end]);
    }
    match drawing.rfind("</svg>") {
        Some(end) => format!("{}{titles}{}", &drawing[..end], &drawing[end..]),
        None => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = "accTitle: A to B\naccDescr: One step\nflowchart TD\n  subgraph g[Group]\n  a[Alpha] --> b[(Beta)]\n  end\n";

    fn painter() -> (tempfile::TempDir, Painter) {
        let folder = tempfile::tempdir().unwrap();
        let mut painter = Painter::new(folder.path());
        // Also where mermaid-cli is installed, these are about the renderer inside.
        painter.cli = None;
        (folder, painter)
    }

    #[test]
    fn a_flowchart_becomes_an_accessible_picture_without_styles() {
        let (_folder, painter) = painter();
        let svg = painter.draw(FLOW).unwrap();
        assert!(svg.contains("role=\"img\""), "{svg}");
        assert!(svg.contains(">A to B</title>"), "{svg}");
        assert!(svg.contains(">One step</desc>"), "{svg}");
        assert!(svg.contains("Alpha") && svg.contains("Beta") && svg.contains("Group"));
        assert!(!svg.contains(" style=") && !svg.contains("<style"), "{svg}");
        assert!(svg.ends_with("</svg>"), "{svg}");
        // The group's title comes last, above the arrows.
        assert!(svg.find("Group") > svg.find("Beta"), "{svg}");
    }

    #[test]
    fn a_second_drawing_comes_from_the_cache_and_is_the_same() {
        let (folder, painter) = painter();
        let first = painter.draw(FLOW).unwrap();
        let kept: Vec<_> = std::fs::read_dir(folder.path().join("diagrams"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(std::fs::read_to_string(&kept[0]).unwrap(), first);
        std::fs::write(&kept[0], "kept").unwrap();
        assert_eq!(painter.draw(FLOW).unwrap(), "kept");
    }

    #[test]
    fn bad_syntax_missing_titles_and_fixed_colours_are_faults() {
        let (_folder, painter) = painter();
        for (source, expected) in [
            ("accTitle: x\nflowchart TD\n a[open --> b\n", "label"),
            ("accTitle: x\nnonsense\n a --> b\n", ""),
            ("flowchart TD\n a --> b\n", "accTitle"),
            (
                "accTitle: x\nflowchart TD\n a --> b\nstyle a fill:#fff\n",
                "light and dark",
            ),
        ] {
            let fault = painter.draw(source).unwrap_err();
            assert!(fault.problem.contains(expected), "{fault:?}");
        }
    }

    #[test]
    fn mermaid_cli_draws_what_the_pages_take() {
        let (_folder, mut painter) = painter();
        painter.cli = Cli::find();
        if painter.cli.is_none() {
            println!("skipped: diagrams by mermaid-cli: mmdc is not installed");
            return;
        }
        let bad = "accTitle: x\nflowchart TD\n a[open --> b\n".to_owned();
        painter.prepare(&[FLOW.to_owned(), bad.clone()]).unwrap();
        let svg = painter.draw(FLOW).unwrap();
        let kept = std::fs::read_to_string(painter.place(CLI_RECIPE, FLOW)).unwrap();
        assert_eq!(svg, kept);
        assert!(
            svg.contains(">A to B</title>") && svg.contains("Alpha"),
            "{svg}"
        );
        assert!(!svg.contains(" style=") && !svg.contains("<style") && !svg.contains(cli::ID));
        // Without mermaid-cli the kept drawing is still the one that is used.
        painter.cli = None;
        assert_eq!(painter.draw(FLOW).unwrap(), kept);
        assert!(painter.draw(&bad).is_err());
    }
}
