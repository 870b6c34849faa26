//! What can be wrong with a request to a model, or with the answer of another server.

/// Why a text is no request that a model can answer, or no answer to one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstancesError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// JSON of another form; the text says where.
    #[error("{0}")]
    Content(String),
}

impl From<serde_json::Error> for InstancesError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() {
            // The place in the text helps nobody when the row is named.
            let text = error.to_string();
            let end = text.rfind(" at line ").unwrap_or(text.len());
            Self::Content(text[..end].to_owned())
        } else {
            Self::Syntax(error.to_string())
        }
    }
}
