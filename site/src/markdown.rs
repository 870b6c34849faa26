//! Markdown to HTML: GitHub's tables, footnotes, alerts and heading anchors, with mermaid fences drawn and
//! code coloured.

use std::collections::BTreeMap;

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options};

use crate::content::Source;
use crate::diagram::Painter;
use crate::error::SiteError;
use crate::highlight;
use crate::html::escape;
use crate::links;
use crate::view::Picture;

/// Renders one page. Raw HTML in Markdown is left out: pages stay within what the strict CSP allows.
/// `markdown` is the source's text with its figures filled in; `photographs` are shown in their sizes.
pub(crate) fn render(
    source: &Source,
    markdown: &str,
    painter: &Painter,
    photographs: &BTreeMap<String, Picture>,
) -> Result<String, SiteError> {
    let options = options();
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, markdown, &options);
    // Gathered first: what replaces an image takes its words out of the tree.
    let nodes: Vec<_> = root.descendants().collect();
    for node in nodes {
        draw(node, source, painter)?;
        show(node, source, photographs);
    }
    let mut html = String::new();
    comrak::format_html(root, &options, &mut html).map_err(|e| SiteError::Template {
        template: source.file.clone(),
        problem: e.to_string(),
    })?;
    // Long lines of code and wide tables scroll sideways; without a mouse that needs the focus. Text has its < escaped,
    // so these are tags.
    Ok(html
        .replace("<pre>", "<pre tabindex=\"0\">")
        .replace("<table>", "<table tabindex=\"0\">"))
}

/// Every link and image of the page with its line in the file, for the link checker's messages.
pub(crate) fn links(source: &Source) -> Vec<(String, usize)> {
    // Only asked for what was wrong with the page: where its file cannot be read again, the page's own lines must do.
    let Ok(markdown) = source.markdown() else {
        return Vec::new();
    };
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, &markdown, &options());
    root.descendants()
        .filter_map(|node| {
            let data = node.data.borrow();
            let (NodeValue::Link(link) | NodeValue::Image(link)) = &data.value else {
                return None;
            };
            let line = data.sourcepos.start.line + source.lines_before;
            Some((link.url.clone(), line))
        })
        .collect()
}

/// The sources of all diagrams of the pages.
pub(crate) fn diagrams(sources: &[Source]) -> Result<Vec<String>, SiteError> {
    let mut found = Vec::new();
    for source in sources {
        let markdown = source.markdown()?;
        if !markdown.contains("```mermaid") {
            continue;
        }
        let arena = Arena::new();
        for node in comrak::parse_document(&arena, &markdown, &options()).descendants() {
            if let NodeValue::CodeBlock(block) = &node.data.borrow().value
                && block.info.split_whitespace().next() == Some("mermaid")
            {
                found.push(block.literal.clone());
            }
        }
    }
    Ok(found)
}

/// Puts the drawing in the place of a diagram's source, and marks the words of code.
fn draw<'a>(node: &'a AstNode<'a>, source: &Source, painter: &Painter) -> Result<(), SiteError> {
    let mut data = node.data.borrow_mut();
    let line = data.sourcepos.start.line + source.lines_before;
    let NodeValue::CodeBlock(block) = &data.value else {
        return Ok(());
    };
    let language = block.info.split_whitespace().next().unwrap_or_default();
    if language == "mermaid" {
        let svg = painter
            .draw(&block.literal)
            .map_err(|fault| SiteError::Diagram {
                file: source.file.clone(),
                line: line + fault.line.unwrap_or(0),
                problem: fault.problem,
            })?;
        data.value = NodeValue::Raw(format!(
            "<figure class=\"diagram\" tabindex=\"0\">{svg}</figure>\n"
        ));
    } else if let Some(code) = highlight::highlight(language, &block.literal) {
        data.value = NodeValue::Raw(format!(
            "<pre><code class=\"language-{}\">{code}</code></pre>\n",
            escape(language)
        ));
    }
    Ok(())
}

/// Puts a photograph in its sizes in the place of the plain image.
fn show<'a>(node: &'a AstNode<'a>, source: &Source, photographs: &BTreeMap<String, Picture>) {
    let mut data = node.data.borrow_mut();
    let NodeValue::Image(link) = &data.value else {
        return;
    };
    let Some(picture) = photographs.get(&links::resolve(&source.address, &link.url)) else {
        return;
    };
    let mut alt = String::new();
    for inner in node.descendants().skip(1) {
        if let NodeValue::Text(text) = &inner.data.borrow().value {
            alt.push_str(text);
        }
    }
    let sizes = if picture.srcset.is_empty() {
        String::new()
    } else {
        format!(
            " srcset=\"{}\" sizes=\"(min-width: 48rem) 44rem, 92vw\"",
            picture.srcset
        )
    };
    data.value = NodeValue::Raw(format!(
        "<img src=\"{}\"{sizes} width=\"{}\" height=\"{}\" alt=\"{}\" loading=\"lazy\">",
        picture.src,
        picture.width,
        picture.height,
        escape(&alt)
    ));
    drop(data);
    while let Some(inner) = node.first_child() {
        inner.detach();
    }
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.extension.header_id_prefix = Some(String::new());
    options.parse.smart = true;
    options
}
