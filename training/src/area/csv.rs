//! Comma-separated values (RFC 4180), as spreadsheets save them.

/// The rows of a table; fields in quotes may hold commas, line breaks and doubled quotes. Empty lines
/// are left out.
pub(super) fn parse(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            _ => field.push(character),
        }
    }
    row.push(field);
    rows.push(row);
    rows.retain(|row| row.iter().any(|field| !field.trim().is_empty()));
    rows
}

/// A field, in quotes where it needs them.
pub(super) fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let fields = ["plain", "with, comma", "a \"quote\"", "two\nlines", ""];
        let line = fields.map(field).join(",");
        let rows = parse(&format!("\u{feff}a,b,c,d,e\r\n{line}\r\n\r\n,,,,\r\n"));
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(rows[0], ["a", "b", "c", "d", "e"]);
        assert_eq!(rows[1], fields);
    }
}
