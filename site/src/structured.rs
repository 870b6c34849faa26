//! What search engines are told of a page in their own vocabulary: JSON-LD of schema.org.

use serde_json::{Map, Value, json};

use crate::front::FrontMatter;

/// What a page is.
pub(crate) enum Subject<'a> {
    /// A page written by hand.
    Written(&'a FrontMatter),
    /// The page of a mapped area.
    Area,
    /// The card of a model.
    Model,
}

/// The page's JSON-LD, fit to stand in a `script` element. It is data: no browser runs it, and no policy forbids it.
pub(crate) fn json_ld(
    subject: &Subject<'_>,
    title: &str,
    description: &str,
    base: &str,
    address: &str,
) -> String {
    let mut data = Map::new();
    let mut set = |key: &str, value: Value| data.insert(key.to_owned(), value);
    set("@context", json!("https://schema.org"));
    set("url", json!(format!("{base}{address}")));
    set("name", json!(title));
    if !description.is_empty() {
        set("description", json!(description));
    }
    let kind = match subject {
        _ if address == "/" => "WebSite",
        Subject::Area => {
            set("isAccessibleForFree", json!(true));
            set(
                "creator",
                json!({ "@type": "Organization", "name": "GeoCrop", "url": format!("{base}/") }),
            );
            "Dataset"
        }
        Subject::Model => "WebPage",
        Subject::Written(front) => {
            if let Some(section) = &front.section {
                set("articleSection", json!(section));
            }
            match (&front.date, &front.updated) {
                (Some(date), updated) => {
                    set("headline", json!(title));
                    set("datePublished", json!(date.as_str()));
                    set(
                        "dateModified",
                        json!(updated.as_ref().unwrap_or(date).as_str()),
                    );
                    "TechArticle"
                }
                _ => "WebPage",
            }
        }
    };
    set("@type", json!(kind));
    // Nothing in a text may end the element.
    Value::Object(data).to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_the_element() {
        let text = json_ld(
            &Subject::Area,
            "</script>",
            "",
            "https://example.org",
            "/areas/a/",
        );
        assert!(!text.contains('<'), "{text}");
        let data: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(data["name"], "</script>");
        assert_eq!(data["@type"], "Dataset");
    }
}
