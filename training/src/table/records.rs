//! Records of a table, one after the other, whether blanks or commas are between their fields.

use std::io::{BufRead, Read, Result as IoResult};

use geocrop_model::csv::{CsvError, Records as Csv};
use sha2::{Digest as _, Sha256};

/// Reads records from the header on.
pub(crate) enum Records<R> {
    Blanks { input: R, line: usize },
    Commas(Csv<R>),
}

impl<R: BufRead> Records<R> {
    /// Commas are what is between the fields where the first line has one.
    pub(crate) fn new(mut input: R) -> IoResult<Self> {
        let start = input.fill_buf()?;
        let end = start
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(start.len());
        Ok(if start[..end].contains(&b',') {
            Self::Commas(Csv::new(input))
        } else {
            Self::Blanks { input, line: 0 }
        })
    }

    /// The next record with something in it, and the line in which it begins, from 1.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Vec<String>)>, CsvError> {
        let (input, line) = match self {
            Self::Commas(csv) => return csv.next(),
            Self::Blanks { input, line } => (input, line),
        };
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            *line += 1;
            if input.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            let text =
                std::str::from_utf8(&bytes).map_err(|_| CsvError::NotText { line: *line })?;
            let fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            if !fields.is_empty() {
                return Ok(Some((*line, fields)));
            }
        }
    }
}

/// A file whose checksum is taken while it is read.
pub(super) struct Hashed<R> {
    input: R,
    hash: Sha256,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            hash: Sha256::new(),
        }
    }

    /// Of all that was read, in hexadecimal digits.
    pub(super) fn sha256(self) -> String {
        format!("{:x}", self.hash.finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let count = self.input.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}
