//! Requests to servers of tests, without a client of HTTP among the dependencies.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Asks for an address such as `http://127.0.0.1:9090/-/ready`.
///
/// # Errors
/// When nobody listens, or the answer is none.
pub fn get(url: &str) -> io::Result<Answer> {
    request("GET", url, &[], "")
}

/// Asks with headers.
///
/// # Errors
/// As for [`get`].
pub fn get_with(url: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
    request("GET", url, headers, "")
}

/// Sends a body of JSON.
///
/// # Errors
/// As for [`get`].
pub fn post(url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
    request("POST", url, headers, body)
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
    let wrong = |words: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{url}: {words}"));
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| wrong("not http"))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    // Version 1.0: the answer comes in one piece and ends with the connection.
    let path = if path.is_empty() { "/" } else { path };
    let mut message = Vec::new();
    write!(
        message,
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n"
    )?;
    for (name, value) in headers {
        write!(message, "{name}: {value}\r\n")?;
    }
    if method == "POST" {
        let length = body.len();
        write!(
            message,
            "Content-Type: application/json\r\nContent-Length: {length}\r\n"
        )?;
    }
    write!(message, "\r\n{body}")?;
    stream.write_all(&message)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| wrong("no answer"))?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| wrong("no status"))?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}
