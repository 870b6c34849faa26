//! The API's reference, drawn from its `OpenAPI` document `data/openapi.json` in the content folder.
//!
//! Only what the document of this API uses is read: paths with JSON bodies, schemas that refer to each other, one kind of
//! token. A test of the API keeps the committed document equal to what the program says.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::content::Source;
use crate::error::SiteError;
use crate::front::Template;
use crate::html::escape;

/// Where the document is in the content folder.
const DOCUMENT: &str = "data/openapi.json";
/// Where it is on the site; the server has it at the same address.
pub(crate) const ADDRESS: &str = "/openapi.json";
/// Objects in objects are shown this deep.
const DEPTH: usize = 5;
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every operation of the API, in groups.
#[derive(Debug, Serialize)]
pub(crate) struct Reference {
    /// Address of the document on the site.
    document: &'static str,
    groups: Vec<Group>,
    /// The document itself.
    #[serde(skip)]
    pub(crate) text: String,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

/// One method of one path.
#[derive(Debug, Serialize)]
struct Operation {
    /// Its anchor: `post-v1-jobs`.
    id: String,
    method: String,
    path: String,
    summary: String,
    description: String,
    /// Whether it needs a token.
    token: bool,
    parameters: Vec<Field>,
    request: Option<Shape>,
    responses: Vec<Response>,
}

#[derive(Debug, Serialize)]
struct Response {
    status: String,
    /// 2 for 200 to 299, and so on.
    class: String,
    description: String,
    media: String,
    headers: Vec<Field>,
    shape: Option<Shape>,
}

/// A JSON object as a table.
#[derive(Debug, Serialize)]
struct Shape {
    name: String,
    fields: Vec<Field>,
}

/// A parameter, a header or a field; those of inner objects with their path: `quota.jobs.used`.
#[derive(Debug, Serialize)]
struct Field {
    name: String,
    kind: String,
    required: bool,
    description: String,
    example: Option<String>,
}

/// Reads the document, where a page shows it.
pub(crate) fn read(content: &Path, sources: &[Source]) -> Result<Option<Reference>, SiteError> {
    let wanted = sources
        .iter()
        .any(|source| source.front.template == Template::Api);
    if !wanted {
        return Ok(None);
    }
    let path = content.join(DOCUMENT);
    let text = std::fs::read_to_string(&path).map_err(SiteError::io("reading", &path))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| SiteError::ApiDocument {
        path,
        problem: error.to_string(),
    })?;
    Ok(Some(Reference {
        document: ADDRESS,
        groups: Reader(&document).groups(),
        text,
    }))
}

/// The document, to look references up in.
struct Reader<'a>(&'a Value);

impl Reader<'_> {
    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = entries(&self.0["tags"])
            .map(|tag| Group {
                name: text(&tag["name"]),
                description: text(&tag["description"]),
                operations: Vec::new(),
            })
            .collect();
        for (path, methods) in members(&self.0["paths"]) {
            for method in METHODS {
                let Some(described) = methods.get(method) else {
                    continue;
                };
                let tag = text(&described["tags"][0]);
                let at = groups
                    .iter()
                    .position(|group| group.name == tag)
                    .unwrap_or_else(|| {
                        groups.push(Group {
                            name: tag,
                            description: String::new(),
                            operations: Vec::new(),
                        });
                        groups.len() - 1
                    });
                let operation = self.operation(path, method, described);
                groups[at].operations.push(operation);
            }
        }
        groups.retain(|group| !group.operations.is_empty());
        groups
    }

    fn operation(&self, path: &str, method: &str, described: &Value) -> Operation {
        let body = &described["requestBody"];
        Operation {
            id: anchor(method, path),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&described["summary"]),
            description: html(described["description"].as_str()),
            token: entries(&described["security"]).next().is_some(),
            parameters: entries(&described["parameters"])
                .map(|parameter| Field {
                    name: text(&parameter["name"]),
                    kind: format!(
                        "{}, {}",
                        self.kind(&parameter["schema"]),
                        text(&parameter["in"])
                    ),
                    required: parameter["required"] == true,
                    description: html(parameter["description"].as_str()),
                    example: None,
                })
                .collect(),
            request: members(&body["content"])
                .next()
                .and_then(|(_, media)| self.shape(&media["schema"])),
            responses: members(&described["responses"])
                .map(|(status, response)| self.response(status, response))
                .collect(),
        }
    }

    fn response(&self, status: &str, response: &Value) -> Response {
        let media = members(&response["content"]).next();
        let class = status.chars().take(1).collect();
        Response {
            status: status.to_owned(),
            description: html(response["description"].as_str()),
            media: media.map_or_else(String::new, |(name, _)| name.clone()),
            headers: members(&response["headers"])
                .map(|(name, header)| Field {
                    name: name.clone(),
                    kind: self.kind(&header["schema"]),
                    required: true,
                    description: html(header["description"].as_str()),
                    example: None,
                })
                .collect(),
            // All errors have the same members; the page tells them once.
            shape: media
                .filter(|_| class == "2")
                .and_then(|(_, media)| self.shape(&media["schema"])),
            class,
        }
    }

    fn shape(&self, schema: &Value) -> Option<Shape> {
        let mut fields = Vec::new();
        self.fields("", schema, DEPTH, &mut fields);
        (!fields.is_empty()).then(|| Shape {
            name: name(schema).to_owned(),
            fields,
        })
    }

    /// The fields of an object, each followed by those inside it.
    fn fields(&self, before: &str, schema: &Value, depth: usize, found: &mut Vec<Field>) {
        let schema = self.resolved(schema);
        let required: Vec<&str> = entries(&schema["required"])
            .filter_map(Value::as_str)
            .collect();
        for (name, field) in members(&schema["properties"]) {
            let path = format!("{before}{name}");
            found.push(Field {
                kind: self.kind(field),
                required: required.contains(&name.as_str()),
                description: html(
                    field["description"]
                        .as_str()
                        .or_else(|| self.resolved(self.not_null(field))["description"].as_str()),
                ),
                example: field.get("example").map(shown),
                name: path.clone(),
            });
            if depth > 1 {
                let inner = self.resolved(self.not_null(field));
                let (inner, dots) = match inner.get("items") {
                    Some(items) => (items, "[]."),
                    None => (inner, "."),
                };
                self.fields(&format!("{path}{dots}"), inner, depth - 1, found);
            }
        }
    }

    /// A type in the words of JSON: `string`, `integer or null`, `array of object`.
    fn kind(&self, schema: &Value) -> String {
        if let Some(options) = schema.get("oneOf").or_else(|| schema.get("anyOf")) {
            let kinds: Vec<_> = entries(options).map(|option| self.kind(option)).collect();
            let (null, mut rest): (Vec<_>, Vec<_>) =
                kinds.into_iter().partition(|kind| kind == "null");
            rest.extend(null);
            return rest.join(" or ");
        }
        let schema = self.resolved(schema);
        if let Some(values) = schema.get("enum") {
            let values: Vec<_> = entries(values).map(shown).collect();
            return values.join(" | ");
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        let of = |kind: &str| match (kind, schema["format"].as_str()) {
            ("array", _) => format!("array of {}", self.kind(&schema["items"])),
            ("string", Some(format)) => format!("string ({format})"),
            _ => kind.to_owned(),
        };
        let kinds: Vec<String> = kinds.into_iter().map(of).collect();
        if kinds.is_empty() {
            "any".to_owned()
        } else {
            kinds.join(" or ")
        }
    }

    /// What a schema is if it is not `null`.
    fn not_null<'s>(&self, schema: &'s Value) -> &'s Value {
        let options = schema.get("oneOf").or_else(|| schema.get("anyOf"));
        options
            .and_then(|options| entries(options).find(|option| self.kind(option) != "null"))
            .unwrap_or(schema)
    }

    /// The schema that a reference stands for.
    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let target = schema["$ref"]
            .as_str()
            .and_then(|reference| self.0.pointer(reference.strip_prefix('#')?));
        target.unwrap_or(schema)
    }
}

/// The name of the schema that is referred to.
fn name(schema: &Value) -> &str {
    let reference = schema["$ref"].as_str().unwrap_or_default();
    reference.rsplit('/').next().unwrap_or(reference)
}

/// `POST /v1/jobs/{id}` as `post-v1-jobs-id`.
fn anchor(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    std::iter::once(method)
        .chain(words)
        .collect::<Vec<_>>()
        .join("-")
}

fn text(value: &Value) -> String {
    one_line(value.as_str())
}

/// A description as HTML: words between backticks are code, and nothing else is markup.
fn html(text: Option<&str>) -> String {
    let text = one_line(text);
    let parts = text.split('`').enumerate().map(|(at, part)| {
        let part = escape(part);
        if at % 2 == 1 {
            format!("<code>{part}</code>")
        } else {
            part
        }
    });
    parts.collect()
}

fn one_line(text: Option<&str>) -> String {
    let words = text.unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The members of an object by name: in which order they are kept depends on how `serde_json` was built.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let found = value.as_object().into_iter().flat_map(Map::iter);
    found.collect::<BTreeMap<_, _>>().into_iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_told_in_words_and_inner_fields_with_their_path() {
        let document = json!({ "components": { "schemas": {
            "Me": { "type": "object", "required": ["quota"], "properties": {
                "quota": { "$ref": "#/components/schemas/Quota", "description": "What it may do." },
                "jobs": { "type": "array", "items": { "$ref": "#/components/schemas/Quota" } },
                "layer": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Quota" }] },
            } },
            "Quota": { "type": "object", "properties": { "used": { "type": ["integer", "null"], "example": 3 } } },
        } } });
        let shape = Reader(&document)
            .shape(&json!({ "$ref": "#/components/schemas/Me" }))
            .unwrap();
        assert_eq!(shape.name, "Me");
        let told: Vec<_> = shape
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.kind.as_str(), field.required))
            .collect();
        assert_eq!(
            told,
            [
                ("jobs", "array of object", false),
                ("jobs[].used", "integer or null", false),
                ("layer", "object or null", false),
                ("layer.used", "integer or null", false),
                ("quota", "object", true),
                ("quota.used", "integer or null", false),
            ]
        );
        assert_eq!(shape.fields[1].example.as_deref(), Some("3"));
        assert_eq!(shape.fields[4].description, "What it may do.");
    }

    #[test]
    fn only_backticks_are_markup() {
        let text = html(Some("Take `a<b`,\n not <b>."));
        assert_eq!(text, "Take <code>a&lt;b</code>, not &lt;b&gt;.");
    }

    #[test]
    fn anchors_are_made_of_the_words_of_the_address() {
        assert_eq!(
            anchor("get", "/v1/jobs/{id}/results/{file}"),
            "get-v1-jobs-id-results-file"
        );
    }
}
