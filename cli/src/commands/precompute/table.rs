//! Numbers and tables for people.

use std::fmt::Write as _;

/// Rows of texts as columns; the first is set left, the others right, the last left again.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = header.len();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([header[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &[&str]| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let width = widths[column];
            let _ = match column {
                0 => write!(text, "{cell:<width$}"),
                _ if column + 1 == columns => write!(text, "  {cell}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(header)];
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        lines.push(line(&cells));
    }
    lines.join("\n")
}

/// Seconds as people say them.
pub(crate) fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        _ if minutes < 60 => format!("{minutes} min"),
        _ if minutes < 48 * 60 => format!("{} h {} min", minutes / 60, minutes % 60),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// Bytes as people say them.
pub(crate) fn bytes(bytes: u64) -> String {
    let b = bytes as f64;
    match b {
        b if b < 999.5 => format!("{b:.0} B"),
        b if b < 999.5e3 => format!("{:.0} kB", b / 1e3),
        b if b < 999.5e6 => format!("{:.1} MB", b / 1e6),
        b if b < 999.5e9 => format!("{:.1} GB", b / 1e9),
        b => format!("{:.1} TB", b / 1e12),
    }
}

/// The most memory that this process has had, in MB; `None` where the system does not tell.
pub(crate) fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kilobytes / 102.4).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_say_them() {
        let said: Vec<String> = [0.04, 9.9, 61.0, 125.0, 5400.0, 400_000.0]
            .map(duration)
            .into();
        assert_eq!(
            said,
            ["0.0 s", "9.9 s", "61 s", "2 min", "1 h 30 min", "4.6 days"]
        );
        let said: Vec<String> = [7, 1500, 2_340_000, 20_000_000_000].map(bytes).into();
        assert_eq!(said, ["7 B", "2 kB", "2.3 MB", "20.0 GB"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec!["a".to_owned(), "10".to_owned(), "to do".to_owned()],
            vec!["longer".to_owned(), "5".to_owned(), "done".to_owned()],
        ];
        let text = table(&["task", "n", "state"], &rows);
        assert_eq!(
            text,
            "task     n  state\na       10  to do\nlonger   5  done"
        );
    }
}
