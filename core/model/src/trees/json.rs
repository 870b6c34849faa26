//! JSON as XGBoost writes it: `NaN` and `Infinity` may stand among the statistics of a tree, which
//! JSON does not allow.

use std::borrow::Cow;

/// The same text with `null` for every number that is not finite.
pub(crate) fn strict(text: &[u8]) -> Cow<'_, [u8]> {
    with_null(text, &[b"NaN", b"Infinity", b"-NaN", b"-Infinity"])
}

/// The same text with `null` for every one of some words that begin with N, I or -, outside of texts.
pub(crate) fn with_null<'t>(text: &'t [u8], words: &[&[u8]]) -> Cow<'t, [u8]> {
    let mut strict = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    let mut in_string = false;
    while at < text.len() {
        match text[at] {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'N' | b'I' | b'-' if !in_string => {
                if let Some(word) = words.iter().find(|word| text[at..].starts_with(word)) {
                    strict.extend_from_slice(&text[copied..at]);
                    strict.extend_from_slice(b"null");
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    strict.extend_from_slice(&text[copied..]);
    Cow::Owned(strict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_have_become_null_and_names_stay() {
        let text = br#"{"NaN \" NaN":[NaN,-Infinity,-1,Infinity],"I":"NaN"}"#;
        let expected = br#"{"NaN \" NaN":[null,null,-1,null],"I":"NaN"}"#;
        assert_eq!(strict(text).as_ref(), expected);
        assert!(matches!(strict(expected), Cow::Borrowed(_)));
        assert_eq!(strict(b"[1,Na").as_ref(), b"[1,Na");
    }
}
