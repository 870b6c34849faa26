//! Mermaid's own renderer, mermaid-cli, where it is installed: all diagrams in one start of its browser.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Names the program; empty means that it is not to be used.
const VARIABLE: &str = "GEOCROP_MMDC";

/// Where browsers are that packages install; mermaid-cli would download one of its own.
const BROWSERS: [&str; 3] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
];

/// The identifier that mermaid-cli gives every picture.
pub(super) const ID: &str = "my-svg";

/// The program.
#[derive(Debug)]
pub(super) struct Cli {
    program: PathBuf,
}

impl Cli {
    /// The program that the environment names, or else `mmdc` on the path.
    pub(super) fn find() -> Option<Self> {
        let program = match std::env::var_os(VARIABLE) {
            Some(named) if named.is_empty() => return None,
            Some(named) => PathBuf::from(named),
            None => std::env::split_paths(&std::env::var_os("PATH")?)
                .map(|folder| folder.join("mmdc"))
                .find(|path| path.is_file())?,
        };
        Some(Self { program })
    }

    /// The diagrams as SVG, in their order.
    pub(super) fn draw(
        &self,
        diagrams: &[String],
        config: &serde_json::Value,
    ) -> Result<Vec<String>, String> {
        let advice = |problem: String| {
            format!(
                "{} could not draw the diagrams: {problem}. Set {VARIABLE} to nothing to draw them without it",
                self.program.display()
            )
        };
        let folder = tempfile::tempdir().map_err(|e| advice(e.to_string()))?;
        let path = |name: &str| folder.path().join(name);
        let mut markdown = String::new();
        for diagram in diagrams {
            let _ = write!(markdown, "```mermaid\n{}\n```\n\n", diagram.trim_end());
        }
        let mut browser = serde_json::json!({});
        if let Some(found) = BROWSERS.iter().find(|path| PathBuf::from(path).is_file()) {
            browser["executablePath"] = (*found).into();
        }
        // Chromium refuses to run as root in its sandbox; what it draws here are our own pages.
        browser["args"] = serde_json::json!(["--no-sandbox"]);
        for (name, text) in [
            ("in.md", markdown),
            ("config.json", config.to_string()),
            ("browser.json", browser.to_string()),
        ] {
            std::fs::write(path(name), text).map_err(|e| advice(e.to_string()))?;
        }
        let run = Command::new(&self.program)
            .current_dir(folder.path())
            .args(["--input", "in.md", "--output", "out.md"])
            .args(["--configFile", "config.json"])
            .args(["--puppeteerConfigFile", "browser.json", "--quiet"])
            .stdin(Stdio::null())
            .output()
            .map_err(|e| advice(e.to_string()))?;
        if !run.status.success() {
            let said = String::from_utf8_lossy(&run.stderr);
            let line = said.lines().find(|line| !line.trim().is_empty());
            return Err(advice(line.unwrap_or("it ended with an error").to_owned()));
        }
        (1..=diagrams.len())
            .map(|number| {
                std::fs::read_to_string(path(&format!("out-{number}.svg")))
                    .map_err(|e| advice(e.to_string()))
            })
            .collect()
    }
}
