//! The words of the languages that the pages are full of, told apart by one regular expression each.
//!
//! A grammar of Sublime's tries dozens of expressions at every word: a third of a millisecond a line, ten times what the
//! rest of a page costs. Six classes do not need that much.

use std::sync::OnceLock;

use regex::{Captures, Regex};

/// The class of each group that a pattern may name.
const GROUPS: [(&str, &str); 7] = [
    ("c", "hl-c"),
    ("s", "hl-s"),
    ("n", "hl-n"),
    ("k", "hl-k"),
    ("f", "hl-f"),
    ("t", "hl-t"),
    ("d", "hl-d"),
];

/// A language: the names of its fences, and its pattern. Of several alternatives that match at a place the first counts;
/// where a group ends early, only that much is marked.
const LANGUAGES: [(&[&str], &str); 9] = [
    (
        &["rust", "rs"],
        r#"(?x)
        (?<c> //.* | /\*(?s:.*?)\*/ )
        | (?<s> b?"(?:\\(?s:.)|[^"\\])*" | br?\#+"(?s:.*?)"\#+ | r\#+"(?s:.*?)"\#+ | b?'(?:\\(?:u\{[0-9a-f]+\}|.)|[^'\\\n])' )
        | '[a-z_]\w*
        | (?<n> \b(?:0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?)(?:[iuf](?:8|16|32|64|128|size))?\b | \b(?:true|false|None|Some|Ok|Err)\b )
        | (?<k> \b(?:as|async|await|break|const|continue|crate|dyn|else|enum|extern|fn|for|if|impl|in|let|loop|match|mod|move|mut|pub|ref|return|self|Self|static|struct|super|trait|type|union|unsafe|use|where|while)\b )
        | (?<f> \b[a-z_]\w*!? )\(
        | (?<f2> \b[a-z_]\w*! )
        | (?<t> \b(?:[A-Z]\w*|[iu](?:8|16|32|64|128|size)|f32|f64|bool|char|str)\b )
        | \w+"#,
    ),
    (
        &["sh", "bash", "shell", "console"],
        r#"(?x)
        (?<c> (?m:^|\s)\#.* )
        | (?<s> "(?:\\(?s:.)|[^"\\])*" | '[^']*' )
        | (?<t> \$(?:\w+|\{[^}]*\}|[@\#?$!*-]) | \b[A-Za-z_]\w*= )
        | (?<n> (?:^|\s)--?[A-Za-z][\w-]* )
        | (?<k> \b(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|function|return|export|local|set|exec|cd|sudo)\b )
        | [\w./:-]+"#,
    ),
    (
        &["toml"],
        r#"(?x)
        (?<c> \#.* )
        | (?<k> (?m:^\s*\[\[?[^\]\n]*\]\]?) )
        | (?<t> [\w.-]+ | "[^"\n]*" )\s*=
        | (?<s> """(?s:.*?)""" | '''(?s:.*?)''' | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
        | (?<n> \b(?:true|false)\b | [+-]?\b[0-9][\w.:+-]* )"#,
    ),
    (
        &["json", "geojson", "jsonc"],
        r#"(?x)
        (?<c> //.* )
        | (?<t> "(?:\\.|[^"\\\n])*" )\s*:
        | (?<s> "(?:\\.|[^"\\\n])*" )
        | (?<n> -?\b[0-9][0-9.eE+-]* | \b(?:true|false|null)\b )"#,
    ),
    (
        &["yaml", "yml"],
        r#"(?x)
        (?<c> (?m:^|\s)\#.* )
        | (?<t> (?m:^[\ -]*)[\w./-]+ | "[^"\n]*" ):(?:\s|$)
        | (?<s> "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
        | (?<k> (?m:^---$) | [&*][\w-]+ )
        | (?<n> \b(?:true|false|null)\b | \b[0-9][0-9.]*\b )
        | [\w./-]+"#,
    ),
    (
        &["sql"],
        r"(?xi)
        (?<c> --.* | /\*(?s:.*?)\*/ )
        | (?<s> '[^']*' )
        | (?<n> \b[0-9][0-9.]*\b | \b(?:null|true|false)\b )
        | (?<k> \b(?:select|from|where|and|or|not|in|is|as|on|join|left|right|inner|outer|group|order|by|having|limit|offset|insert|into|values|update|set|delete|create|alter|drop|table|index|view|policy|enable|row|level|security|using|with|check|primary|key|references|foreign|unique|default|constraint|returning|conflict|do|nothing|case|when|then|else|end|union|all|distinct|exists|between|like|grant|revoke|to|for|begin|commit|rollback|extension|if)\b )
        | (?<f> \b\w+ )\(
        | (?<t> \b(?:integer|bigint|text|boolean|real|double|timestamptz|timestamp|date|uuid|jsonb?|geometry|serial)\b )
        | \w+",
    ),
    (
        &["python", "py"],
        r#"(?x)
        (?<c> \#.* )
        | (?<s> [rbf]{0,2}"""(?s:.*?)""" | [rbf]{0,2}"(?:\\.|[^"\\\n])*" | [rbf]{0,2}'(?:\\.|[^'\\\n])*' )
        | (?<n> \b(?:0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?)\b | \b(?:True|False|None)\b )
        | (?<k> \b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)\b )
        | (?<f> \b[A-Za-z_]\w* )\(
        | (?<t> @[\w.]+ | \b[A-Z]\w*\b )
        | \w+"#,
    ),
    (
        &["ts", "typescript", "js", "javascript", "mjs"],
        r#"(?x)
        (?<c> //.* | /\*(?s:.*?)\*/ )
        | (?<s> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `(?:\\(?s:.)|[^`\\])*` )
        | (?<n> \b(?:0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)n?\b | \b(?:true|false|null|undefined)\b )
        | (?<k> \b(?:as|async|await|break|case|catch|class|const|continue|default|delete|do|else|enum|export|extends|finally|for|from|function|if|implements|import|in|instanceof|interface|let|new|of|private|protected|public|readonly|return|static|super|switch|this|throw|try|type|typeof|var|void|while|yield)\b )
        | (?<f> \b[A-Za-z_$][\w$]* )\(
        | (?<t> \b(?:[A-Z]\w*|string|number|boolean|unknown|never|any)\b )
        | [\w$]+"#,
    ),
    (
        &["diff", "patch"],
        r"(?xm)
        (?<k> ^(?:@@|---|\+\+\+|diff\ ).* )
        | (?<s> ^\+.* )
        | (?<d> ^-.* )",
    ),
];

/// A language's pattern, compiled, with the number of each group and its class.
pub(super) struct Lexer {
    pattern: Regex,
    groups: Vec<(usize, &'static str)>,
}

// Compiled when the language first occurs.
static LEXERS: [OnceLock<Option<Lexer>>; LANGUAGES.len()] =
    [const { OnceLock::new() }; LANGUAGES.len()];

/// The lexer of a language, if it is one of these.
pub(super) fn find(language: &str) -> Option<&'static Lexer> {
    let at = LANGUAGES
        .iter()
        .position(|(names, _)| names.contains(&language))?;
    LEXERS[at].get_or_init(|| Lexer::new(at)).as_ref()
}

impl Lexer {
    fn new(row: usize) -> Option<Self> {
        let pattern = Regex::new(LANGUAGES[row].1).ok()?;
        let groups = pattern
            .capture_names()
            .enumerate()
            .filter_map(|(at, name)| {
                let letter = name?.get(..1)?;
                let (_, class) = GROUPS.iter().find(|(group, _)| *group == letter)?;
                Some((at, *class))
            })
            .collect();
        Some(Self { pattern, groups })
    }

    /// Calls `mark` with each piece of the code, in order, and its class; unmarked text has none.
    pub(super) fn run<'a>(&self, code: &'a str, mut mark: impl FnMut(&'static str, &'a str)) {
        let mut from = 0;
        for found in self.pattern.captures_iter(code) {
            let Some((class, start, end)) = self.class(&found) else {
                continue;
            };
            mark("", &code[from..start]);
            mark(class, &code[start..end]);
            from = end;
        }
        mark("", &code[from..]);
    }

    fn class(&self, found: &Captures<'_>) -> Option<(&'static str, usize, usize)> {
        self.groups.iter().find_map(|(at, class)| {
            let group = found.get(*at)?;
            Some((*class, group.start(), group.end()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(language: &str, code: &str) -> Vec<(&'static str, String)> {
        let mut pieces = Vec::new();
        find(language).unwrap().run(code, |class, text| {
            if !class.is_empty() {
                pieces.push((class, text.trim().to_owned()));
            }
        });
        pieces
    }

    fn has(language: &str, code: &str, class: &str, word: &str) {
        let pieces = marked(language, code);
        assert!(
            pieces.iter().any(|(c, text)| *c == class && text == word),
            "{language}: {word} is not {class} in {pieces:?}"
        );
    }

    #[test]
    fn every_pattern_compiles_and_loses_no_text() {
        let code = "a = \"b\" # c\n// d 'e' --f 1.5 + `g`\n- h: i(j)\n@@ k\n<&> \u{e4}";
        for (names, _) in LANGUAGES {
            let mut whole = String::new();
            find(names[0])
                .unwrap_or_else(|| panic!("{names:?}"))
                .run(code, |_, text| whole.push_str(text));
            assert_eq!(whole, code, "{names:?}");
        }
    }

    #[test]
    fn words_are_what_they_are() {
        has("rust", "let x = 1; // one", "hl-c", "// one");
        has("rust", "fn f<'a>(x: &'a str) {}", "hl-k", "fn");
        has("rust", "println!(\"{x}\")", "hl-f", "println!");
        has("rust", "let c = 'x';", "hl-s", "'x'");
        has("rust", "Vec<u8>", "hl-t", "u8");
        has("rust", "r#\"a \"b\" c\"#", "hl-s", "r#\"a \"b\" c\"#");
        has("sh", "./dev demo --once # all", "hl-n", "--once");
        has("sh", "./dev demo --once # all", "hl-c", "# all");
        has("sh", "export A=\"$B\"", "hl-k", "export");
        has(
            "toml",
            "[roles.recruiter]\njobs = 5",
            "hl-k",
            "[roles.recruiter]",
        );
        has("toml", "jobs = 5", "hl-t", "jobs");
        has("toml", "jobs = 5", "hl-n", "5");
        has("json", "{\"a\": \"b\"}", "hl-t", "\"a\"");
        has("json", "{\"a\": \"b\"}", "hl-s", "\"b\"");
        has("yaml", "- name: x # y", "hl-c", "# y");
        has("yaml", "  name: x", "hl-t", "name");
        has("sql", "SELECT count(*) FROM t", "hl-k", "SELECT");
        has("sql", "SELECT count(*) FROM t", "hl-f", "count");
        has("python", "def f(x): return None", "hl-n", "None");
        has("ts", "const a = `b`;", "hl-s", "`b`");
        has("diff", "-old\n+new\n", "hl-d", "-old");
    }

    #[test]
    fn a_word_in_a_string_is_no_keyword() {
        assert_eq!(
            marked("rust", "\"let it be\""),
            [("hl-s", "\"let it be\"".to_owned())]
        );
        assert_eq!(marked("rust", "outlet"), []);
        assert_eq!(marked("sh", "a#b"), []);
    }
}
