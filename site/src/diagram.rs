//! Mermaid diagrams as inline SVG that follows the page's light and dark colours.
//!
//! The layout comes from `merman`; its colours and inline styles are taken off, because the site's
//! stylesheet colours diagrams by class and the content security policy refuses inline styles.
//! See docs/decisions/0004-diagrams.md.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use merman::svg::SvgRenderOptions;
use merman::{
    Engine, MermaidConfig, OperationControl, ParseOptions, RenderOutput, RenderRequest, Renderer,
    SvgRequest,
};

use crate::chart::escape;
use crate::hash::short_hash;

/// Part of every cache key: a new renderer or a new clean-up must not find old pictures.
const RECIPE: &str = "merman 0.9.3, site 2";

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
}

impl Painter {
    /// A painter that keeps drawings under `cache`.
    pub(crate) fn new(cache: &Path) -> Self {
        Self {
            folder: cache.join("diagrams"),
        }
    }

    /// The diagram as an accessible SVG element.
    pub(crate) fn draw(&self, source: &str) -> Result<String, Fault> {
        let key = short_hash(format!("{RECIPE}\n{source}").as_bytes());
        let kept = self.folder.join(format!("{key}.svg"));
        if let Ok(svg) = std::fs::read_to_string(&kept) {
            return Ok(svg);
        }
        let words = Words::read(source)?;
        let svg = clean(&lay_out(&words.diagram, &key)?, &key, &words);
        // The cache only saves time: a build on a read-only or full disk goes on without it.
        let aside = kept.with_extension(format!("{}.part", std::process::id()));
        let _ = std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&aside, &svg))
            .and_then(|()| std::fs::rename(&aside, &kept));
        Ok(svg)
    }
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

fn lay_out(diagram: &str, id: &str) -> Result<String, Fault> {
    let fault = |problem: String| Fault {
        line: None,
        problem,
    };
    let config = MermaidConfig::from_value(serde_json::json!({
        "theme": "base",
        "look": "classic",
        "layout": "dagre",
        "htmlLabels": false,
        "fontFamily": "Inter, system-ui, sans-serif",
        "flowchart": { "htmlLabels": false, "subGraphTitleMargin": { "top": 4, "bottom": 12 } },
    }));
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
    let (width, height) = view_box(&svg);
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
         width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width} {height}\">\
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

/// The width and height of the view box; the renderer always writes one that starts at 0 0.
fn view_box(svg: &str) -> (f64, f64) {
    let numbers = attribute(svg, "viewBox").unwrap_or_default();
    let mut numbers = numbers.split(' ').skip(2).map(|n| n.parse().unwrap_or(0.0));
    let width = numbers.next().unwrap_or(0.0);
    (width, numbers.next().unwrap_or(0.0))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let opening = format!(" {name}=\"");
    let start = tag.find(&opening)? + opening.len();
    let length = tag[start..].find('"')?;
    Some(&tag[start..start + length])
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
        let painter = Painter::new(folder.path());
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
}
