//! The content security policy of a page: nothing from elsewhere, nothing inline, and only what the page does.

use std::fmt;

/// What a page does beyond showing text and pictures of this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// Runs scripts of the site.
    Scripts,
    /// Draws a map: with a worker, and with pictures made in the browser.
    Map,
    /// Sends a form to the site.
    Form,
    /// Holds another page of the site in a frame.
    Frame,
}

/// The policy of a page.
#[derive(Debug, Default)]
pub(crate) struct Policy<'a> {
    pub(crate) does: Vec<Does>,
    /// Addresses that its scripts read from; those on this site may be among them.
    pub(crate) reads: Vec<&'a str>,
}

impl fmt::Display for Policy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let does = |what| self.does.contains(&what);
        let pictures = if does(Does::Map) { " data: blob:" } else { "" };
        let form = if does(Does::Form) { "'self'" } else { "'none'" };
        write!(
            f,
            "default-src 'none'; style-src 'self'; img-src 'self'{pictures}; base-uri 'none'; form-action {form}"
        )?;
        // Where no script runs none could connect. But programs that judge pages read robots.txt under their policy.
        f.write_str("; connect-src 'self'")?;
        let mut hosts: Vec<&str> = self.reads.iter().filter_map(|href| origin(href)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        for host in hosts {
            write!(f, " {host}")?;
        }
        for (wanted, directive) in [
            (Does::Scripts, "script-src"),
            (Does::Map, "worker-src"),
            (Does::Frame, "frame-src"),
        ] {
            if does(wanted) {
                write!(f, "; {directive} 'self'")?;
            }
        }
        Ok(())
    }
}

/// A model's report as a page of this site: it brings its own style, and may do nothing else. `None` where it has no head
/// to say so in.
pub(crate) fn of_report(html: &str) -> Option<String> {
    const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">";
    let (before, after) = html.split_once("<head>")?;
    Some(format!("{before}<head>\n{POLICY}{after}"))
}

/// The scheme and host of an address, or `None` for a path on this site.
fn origin(href: &str) -> Option<&str> {
    let host = href.find("://")? + 3;
    let end = href[host..].find('/').map_or(href.len(), |at| host + at);
    Some(&href[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        assert_eq!(origin("/store/"), None);
        assert_eq!(
            origin("https://s3.example.org/b/"),
            Some("https://s3.example.org")
        );
        assert_eq!(
            origin("http://localhost:9000"),
            Some("http://localhost:9000")
        );
    }

    #[test]
    fn a_report_may_style_itself_and_run_nothing() {
        let page = of_report("<!doctype html><head><style>p{}</style></head>").unwrap();
        let policy = page.find("default-src 'none'; style-src 'unsafe-inline'");
        assert!(policy < page.find("<style>"), "{page}");
        assert!(policy.is_some() && !page.contains("script-src"), "{page}");
        assert_eq!(of_report("<p>no head"), None);
    }

    #[test]
    fn a_page_may_do_what_it_does_and_no_more() {
        let text = Policy::default().to_string();
        assert!(text.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; "));
        assert!(text.contains("form-action 'none'") && !text.contains("script-src"));
        let reads = vec![
            "/v1",
            "https://s3.example.org:9000/b/",
            "https://s3.example.org/b/",
            "https://s3.example.org/c/",
        ];
        let map = Policy {
            does: vec![Does::Scripts, Does::Map],
            reads,
        };
        let text = map.to_string();
        assert!(text.contains("img-src 'self' data: blob:;"), "{text}");
        assert!(
            text.contains(
                "connect-src 'self' https://s3.example.org https://s3.example.org:9000; script-src 'self'; worker-src 'self'"
            ),
            "{text}"
        );
    }
}
