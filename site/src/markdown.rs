//! Markdown to HTML: GitHub's tables, footnotes, alerts and heading anchors, with mermaid fences drawn and
//! code coloured.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options};

use crate::chart::escape;
use crate::content::Source;
use crate::diagram::Painter;
use crate::error::SiteError;
use crate::highlight;

/// Renders one page. Raw HTML in Markdown is left out: pages stay within what the strict CSP allows.
pub(crate) fn render(source: &Source, painter: &Painter) -> Result<String, SiteError> {
    let options = options();
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, &source.markdown()?, &options);
    for node in root.descendants() {
        draw(node, source, painter)?;
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
