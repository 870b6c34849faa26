//! Comma-separated values as RFC 4180 has them: quotes, commas and line ends inside of quotes, one record at a time.

use std::io::BufRead;

/// Bytes of a record: one that is longer is no row of numbers but a quote that was never closed.
const LONGEST: usize = 1 << 20;

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The file or connection.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// Bytes that are no text.
    #[error("line {line} is not UTF-8")]
    NotText {
        /// Where the record begins, from 1.
        line: usize,
    },
    /// A quote without its end.
    #[error("the quote that opens in line {line} is not closed within {LONGEST} bytes")]
    OpenQuote {
        /// Where the record begins, from 1.
        line: usize,
    },
}

/// Reads records one after the other.
pub struct Records<R> {
    input: R,
    line: usize,
    bytes: u64,
}

impl<R: BufRead> Records<R> {
    /// Reads from the first record on.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            bytes: 0,
        }
    }

    /// Bytes that were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next record with something in it, and the line in which it begins.
    #[expect(
        clippy::should_implement_trait,
        reason = "an error must not look like the end"
    )]
    pub fn next(&mut self) -> Result<Option<(usize, Vec<String>)>, CsvError> {
        loop {
            let begins = self.line + 1;
            let Some(text) = self.text(begins)? else {
                return Ok(None);
            };
            if !text.trim().is_empty() {
                return Ok(Some((begins, fields(&text))));
            }
        }
    }

    /// Lines until all quotes are closed, without the last line's end.
    fn text(&mut self, begins: usize) -> Result<Option<String>, CsvError> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            let mut limited = std::io::Read::take(&mut self.input, (LONGEST + 1 - before) as u64);
            let read = limited.read_until(b'\n', &mut bytes)?;
            self.bytes += read as u64;
            self.line += usize::from(read > 0);
            if bytes.len() > LONGEST {
                return Err(CsvError::OpenQuote { line: begins });
            }
            let open = bytes
                .iter()
                .fold(false, |open, byte| open ^ (*byte == b'"'));
            if !open {
                break;
            }
            if read == 0 {
                return Err(CsvError::OpenQuote { line: begins });
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        let text = String::from_utf8(bytes).map_err(|_| CsvError::NotText { line: begins })?;
        // Editors on Windows put a byte order mark first.
        Ok(Some(text.trim_start_matches('\u{feff}').to_owned()))
    }
}

fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

/// A field as it is written: in quotes where it needs them.
pub fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(usize, Vec<String>)> {
        let mut records = Records::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            all.push(record);
        }
        assert_eq!(records.bytes(), text.len() as u64);
        all
    }

    #[test]
    fn quotes_hold_commas_quotes_and_line_ends() {
        let text = "\u{feff}a,\"b, \"\"c\"\"\"\r\n\r\n\"x\ny\",\n1,2";
        let found = all(text);
        assert_eq!(found[0], (1, vec!["a".into(), "b, \"c\"".into()]));
        assert_eq!(found[1], (3, vec!["x\ny".into(), String::new()]));
        assert_eq!(found[2], (5, vec!["1".into(), "2".into()]));
        assert_eq!(quoted("b, \"c\""), "\"b, \"\"c\"\"\"");
        assert_eq!(all(""), []);
    }

    #[test]
    fn an_open_quote_and_bytes_that_are_no_text_are_refused() {
        let error = |bytes: &[u8]| Records::new(bytes).next().unwrap_err().to_string();
        assert!(error(b"a,\"b\nc").contains("line 1"));
        let endless = format!("\"{}", "x,".repeat(LONGEST));
        assert!(error(endless.as_bytes()).contains("not closed"));
        assert!(error(b"\xff\n").contains("UTF-8"));
    }
}
