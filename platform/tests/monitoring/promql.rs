//! The names of metrics in a query.

use std::collections::BTreeSet;

const AGGREGATIONS: [&str; 13] = [
    "sum",
    "min",
    "max",
    "avg",
    "count",
    "topk",
    "bottomk",
    "quantile",
    "stddev",
    "stdvar",
    "group",
    "count_values",
    "limitk",
];
const LISTS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
const WORDS: [&str; 8] = [
    "and", "or", "unless", "bool", "offset", "atan2", "inf", "nan",
];

/// The metrics that a query asks for.
pub(crate) fn metrics(query: &str) -> BTreeSet<String> {
    let bytes = query.as_bytes();
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => at = after(bytes, at, b'}'),
            b'[' => at = after(bytes, at, b']'),
            b'"' | b'\'' => at = after_text(bytes, at),
            // A number, with its unit where it is a duration.
            b'0'..=b'9' => at = end(bytes, at),
            byte if byte.is_ascii_alphabetic() || byte == b'_' || byte == b':' => {
                let stop = end(bytes, at);
                let name = &query[at..stop];
                let rest = query[stop..].trim_start();
                at = stop;
                if LISTS.contains(&name) {
                    if rest.starts_with('(') {
                        at = after(bytes, at, b')');
                    }
                } else if !(rest.starts_with('(')
                    || AGGREGATIONS.contains(&name)
                    || WORDS.contains(&name))
                {
                    found.insert(name.to_owned());
                }
            }
            _ => at += 1,
        }
    }
    found
}

fn end(bytes: &[u8], start: usize) -> usize {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.');
    start + bytes[start..].iter().take_while(|byte| word(byte)).count()
}

fn after(bytes: &[u8], mut at: usize, closing: u8) -> usize {
    while at < bytes.len() && bytes[at] != closing {
        at = if matches!(bytes[at], b'"' | b'\'') {
            after_text(bytes, at)
        } else {
            at + 1
        };
    }
    at + 1
}

fn after_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != bytes[start] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

#[test]
fn the_names_in_a_query_are_told_from_functions_labels_and_numbers() {
    let names = |query| metrics(query).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(
            "sum by (route, le) (rate(a_bucket{x=~\"b}.*\", y='c'}[5m])) / on(kind) group_left b:c > bool 2 offset 5m"
        ),
        "a_bucket b:c"
    );
    assert_eq!(names("(sum(up{job=\"api\"}) or vector(0)) == 0"), "up");
    assert_eq!(names("time() - max without (x) (y_seconds)"), "y_seconds");
}
