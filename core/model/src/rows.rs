//! Rows of a table as people have them: with commas between the fields, or with blanks, as Digital Earth Africa publishes its
//! samples.

use std::io::{BufRead, Result as IoResult};

use crate::csv::{CsvError, Records};

/// Reads a table, a row at a time.
pub struct Rows<R>(Form<R>);

enum Form<R> {
    Blanks { input: R, line: usize, bytes: u64 },
    Commas(Records<R>),
}

impl<R: BufRead> Rows<R> {
    /// Commas are what is between the fields where the first line has one.
    pub fn new(mut input: R) -> IoResult<Self> {
        let start = input.fill_buf()?;
        let end = start
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(start.len());
        Ok(Self(if start[..end].contains(&b',') {
            Form::Commas(Records::new(input))
        } else {
            Form::Blanks {
                input,
                line: 0,
                bytes: 0,
            }
        }))
    }

    /// The first row, as names of columns: `# Class a b`, `#Class a b` and `Class,a,b` are all in use.
    pub fn header(&mut self) -> Result<Option<Vec<String>>, CsvError> {
        let Some((_, mut names)) = self.next()? else {
            return Ok(None);
        };
        if let Some(first) = names.first_mut() {
            let bare = first.trim_start_matches('\u{feff}').trim_start();
            let name = bare.strip_prefix('#').unwrap_or(bare);
            if bare == "#" {
                names.remove(0);
            } else {
                *first = name.to_owned();
            }
        }
        Ok(Some(
            names.iter().map(|name| name.trim().to_owned()).collect(),
        ))
    }

    /// The next row with something in it, and the line in which it begins, from 1.
    #[expect(
        clippy::should_implement_trait,
        reason = "an error must not look like the end"
    )]
    pub fn next(&mut self) -> Result<Option<(usize, Vec<String>)>, CsvError> {
        let (input, line, bytes) = match &mut self.0 {
            Form::Commas(csv) => return csv.next(),
            Form::Blanks { input, line, bytes } => (input, line, bytes),
        };
        let mut text = Vec::new();
        loop {
            text.clear();
            *line += 1;
            match input.read_until(b'\n', &mut text)? {
                0 => return Ok(None),
                count => *bytes += count as u64,
            }
            let text = std::str::from_utf8(&text).map_err(|_| CsvError::NotText { line: *line })?;
            let fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            if !fields.is_empty() {
                return Ok(Some((*line, fields)));
            }
        }
    }

    /// Bytes that were read.
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Form::Blanks { bytes, .. } => *bytes,
            Form::Commas(csv) => csv.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_the_same_header_and_rows() {
        for text in [
            "# Class a b\n0 1 nan\n\n1 2 3\n",
            "#Class a b\n0 1 nan\n1 2 3\n",
            "\u{feff}Class, a,b\n0,1,nan\n1,2,3\n",
        ] {
            let mut rows = Rows::new(text.as_bytes()).unwrap();
            assert_eq!(rows.header().unwrap().unwrap(), ["Class", "a", "b"]);
            assert_eq!(rows.next().unwrap().unwrap().1, ["0", "1", "nan"]);
            let (line, last) = rows.next().unwrap().unwrap();
            assert_eq!(last, ["1", "2", "3"]);
            assert!(line >= 3, "{line}");
            assert_eq!(rows.next().unwrap(), None);
            assert_eq!(rows.bytes(), text.len() as u64);
        }
        assert_eq!(Rows::new("".as_bytes()).unwrap().header().unwrap(), None);
    }
}
