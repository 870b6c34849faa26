//! Code with its words marked by class, so that the stylesheet colours it for light and dark.
//!
//! Two ways lead to the same classes: a small lexer for the languages that the pages are full of, and Sublime's grammars,
//! which know two hundred languages and are slow, for all others.

mod lexer;

use std::sync::LazyLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use crate::html::escape;

/// Scopes and the class of what they mark. The innermost scope that is listed decides.
const CLASSES: [(&str, &str); 17] = [
    ("comment", "hl-c"),
    ("string", "hl-s"),
    ("constant.character.escape", "hl-n"),
    ("constant", "hl-n"),
    ("keyword.operator", ""),
    ("keyword", "hl-k"),
    ("storage", "hl-k"),
    ("entity.name.function", "hl-f"),
    ("support.function", "hl-f"),
    ("variable.function", "hl-f"),
    ("entity.name.tag", "hl-k"),
    ("entity.name", "hl-t"),
    ("support.type", "hl-t"),
    ("variable.other.readwrite.assignment", "hl-t"),
    ("markup.inserted", "hl-s"),
    ("markup.deleted", "hl-d"),
    ("punctuation.definition.comment", "hl-c"),
];

struct Highlighter {
    syntaxes: SyntaxSet,
    classes: Vec<(Scope, &'static str)>,
}

// Unpacking the grammars takes longer than most pages: done once, and only where there is code to mark.
static HIGHLIGHTER: LazyLock<Highlighter> = LazyLock::new(|| Highlighter {
    syntaxes: two_face::syntax::extra_newlines(),
    classes: CLASSES
        .iter()
        .filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, *class)))
        .collect(),
});

/// The code as the inside of a `code` element, or `None` where the language is not known.
pub(crate) fn highlight(language: &str, code: &str) -> Option<String> {
    if matches!(language, "" | "text" | "txt" | "plain") {
        return None;
    }
    if let Some(lexer) = lexer::find(language) {
        let mut marked = Marked::default();
        lexer.run(code, |class, text| marked.push(class, text));
        return Some(marked.finish());
    }
    let known = &*HIGHLIGHTER;
    let syntax = known.syntaxes.find_syntax_by_token(language)?;
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    let mut marked = Marked::default();
    for line in code.split_inclusive('\n') {
        let changes = state.parse_line(line, &known.syntaxes).ok()?;
        let mut from = 0;
        for (at, change) in changes {
            marked.push(known.class(&stack), &line[from..at]);
            from = at;
            stack.apply(&change).ok()?;
        }
        marked.push(known.class(&stack), &line[from..]);
    }
    Some(marked.finish())
}

impl Highlighter {
    fn class(&self, stack: &ScopeStack) -> &'static str {
        stack
            .as_slice()
            .iter()
            .rev()
            .find_map(|scope| {
                self.classes
                    .iter()
                    .find(|(prefix, _)| prefix.is_prefix_of(*scope))
            })
            .map_or("", |(_, class)| class)
    }
}

/// HTML under construction: neighbours of one class share an element.
#[derive(Default)]
struct Marked {
    html: String,
    class: &'static str,
    run: String,
}

impl Marked {
    fn push(&mut self, class: &'static str, text: &str) {
        if text.is_empty() {
            return;
        }
        // Blanks have no colour; giving them their neighbour's saves elements.
        if class != self.class && !text.trim().is_empty() {
            self.flush();
            self.class = class;
        }
        self.run.push_str(text);
    }

    fn flush(&mut self) {
        let text = escape(&self.run);
        if self.class.is_empty() || self.run.trim().is_empty() {
            self.html.push_str(&text);
        } else {
            let (class, body) = (self.class, text.trim_end());
            self.html.push_str("<span class=\"");
            self.html.push_str(class);
            self.html.push_str("\">");
            self.html.push_str(body);
            self.html.push_str("</span>");
            self.html.push_str(&text[body.len()..]);
        }
        self.run.clear();
    }

    fn finish(mut self) -> String {
        self.flush();
        self.html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_marked_by_what_they_are() {
        let html = highlight("rust", "// why\nlet a = \"<b>\"; // done\n").unwrap();
        assert!(
            html.starts_with("<span class=\"hl-c\">// why</span>\n"),
            "{html}"
        );
        assert!(html.contains("<span class=\"hl-k\">let</span> a"), "{html}");
        assert!(
            html.contains("<span class=\"hl-s\">&quot;&lt;b&gt;&quot;</span>"),
            "{html}"
        );
    }

    #[test]
    fn the_languages_of_the_pages_are_known() {
        for language in [
            "sh",
            "bash",
            "rust",
            "toml",
            "json",
            "yaml",
            "sql",
            "python",
            "hcl",
            "ts",
            "html",
            "diff",
            "dockerfile",
            "ini",
        ] {
            assert!(highlight(language, "a = 1\n").is_some(), "{language}");
        }
        assert_eq!(highlight("no-such-language", "a"), None);
    }

    #[test]
    fn other_languages_are_read_by_their_grammars() {
        let html = highlight("hcl", "# why\nname = \"b\"\n").unwrap();
        assert!(html.contains("<span class=\"hl-c\"># why</span>"), "{html}");
        assert!(
            html.contains("<span class=\"hl-s\">&quot;b&quot;</span>"),
            "{html}"
        );
    }

    #[test]
    fn every_class_has_a_colour() {
        let style = include_str!("../../assets/style.css");
        for (scope, class) in CLASSES {
            assert!(
                class.is_empty() || style.contains(&format!(".{class}")),
                "{scope}"
            );
        }
        assert_eq!(HIGHLIGHTER.classes.len(), CLASSES.len());
    }
}
