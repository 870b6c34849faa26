//! Text in and out of HTML and SVG.
//!
//! What is read here is our own output: attributes are quoted with `"`, and few entities occur.

use std::borrow::Cow;
/// Escapes text for elements and for quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// The text that [`escape`] and the templates made this of.
pub(crate) fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let text = value
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    Cow::Owned(text)
}

/// The value of an attribute in `tag`, or in the first tag of it that has one of this name.
pub(crate) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let opening = [" ", name, "=\""].concat();
    let start = tag.find(&opening)? + opening.len();
    let length = tag[start..].find('"')?;
    Some(&tag[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_as_it_was() {
        let text = "a < b & \"c\" > 'd' &amp;";
        assert_eq!(
            escape(text),
            "a &lt; b &amp; &quot;c&quot; &gt; 'd' &amp;amp;"
        );
        assert_eq!(unescape(&escape(text)), text);
        assert_eq!(unescape("it&#39;s"), "it's");
    }

    #[test]
    fn attributes_are_found_by_their_whole_name() {
        let tag = "<h2 data-id=\"no\" id=\"why\">";
        assert_eq!(attribute(tag, "id"), Some("why"));
        assert_eq!(attribute(tag, "class"), None);
    }
}
