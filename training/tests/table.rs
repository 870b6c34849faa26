//! Tables of samples, as people have them.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is the failed test"
)]

use geocrop_training::{ReadOptions, Table, TrainingError};

fn read(text: &str) -> Result<Table, TrainingError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.txt");
    std::fs::write(&path, text).unwrap();
    Table::read(&path)
}

#[track_caller]
fn refused(text: &str, about: &str) {
    let error = read(text).unwrap_err().to_string();
    assert!(error.contains(about), "{error}");
}

#[test]
fn the_text_format_of_digital_earth_africa_is_read() {
    let text = "# Class red nir\n1.000000 0.25 0.5\n0.000000 nan 0.125\n\n";
    let table = read(text).unwrap();
    assert_eq!(table.names, ["red", "nir"]);
    assert_eq!((table.rows, table.classes()), (2, 2));
    assert_eq!(table.labels, [1, 0]);
    assert_eq!(table.values[..2], [0.25, 0.5]);
    assert!(table.values[2].is_nan());
    assert_eq!(table.source.name, "samples");
    assert_eq!(table.source.sha256.len(), 64);
}

#[test]
fn csv_is_read_with_the_class_in_any_column() {
    let table = read("red,class,nir\r\n0.25,2,0.5\r\n,0,1e-3\r\n1,1,2\r\n").unwrap();
    assert_eq!(table.names, ["red", "nir"]);
    assert_eq!(table.labels, [2, 0, 1]);
    assert_eq!(table.class_rows(), [1, 1, 1]);
    assert_eq!(table.values[1..2], [0.5]);
    assert!(table.values[2].is_nan(), "an empty field is missing");
    let (values, labels) = table.select(&[2, 0]);
    assert_eq!((values, labels), (vec![1.0, 2.0, 0.25, 0.5], vec![1, 2]));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_column() {
    let header = "# Class red nir\n0 1 2\n";
    refused(
        &format!("{header}1 2\n"),
        "line 3: found 2 values, expected 3",
    );
    refused(
        &format!("{header}1 2 3 4\n"),
        "line 3: found 4 values, expected 3",
    );
    refused(
        &format!("{header}\n1 2 x\n"),
        "line 4, column `nir`: found `x`, expected a finite number",
    );
    refused(
        &format!("{header}1 inf 2\n"),
        "line 3, column `red`: found `inf`",
    );
    refused(
        &format!("{header}1 1e39 2\n"),
        "line 3, column `red`: found `1e39`",
    );
    for label in ["nan", "inf", "-1", "0.5", "254", "crop"] {
        let about = format!("line 3, column `Class`: found `{label}`, expected a class");
        refused(&format!("{header}{label} 1 2\n"), &about);
    }
}

#[test]
fn a_table_that_teaches_nothing_is_refused() {
    refused("", "nothing in it");
    refused("# Class red\n", "a header only");
    refused(
        "red nir\n1 2\n",
        "the header has the columns red, nir, expected `Class`",
    );
    refused("# Class\n1\n", "the header has the columns Class, expected");
    refused("# Class red red\n0 1 2\n", "two columns are called `red`");
    refused("# Class red\n1 1\n1 2\n", "all 2 samples are of class 1");
    refused(
        "# Class red\n0 1\n2 2\n",
        "samples of class 2 but none of class 1",
    );
    refused(
        "# Class red\n1 1\n2 2\n",
        "samples of class 2 but none of class 0",
    );
    let error = Table::read("no-such-folder/samples.txt")
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot read no-such-folder"), "{error}");
}

#[test]
fn weights_are_read_and_are_no_features() {
    let table = read("Class,weight,a\n0,0.25,1\n1,,2\n").unwrap();
    assert_eq!(table.names, ["a"]);
    assert_eq!(table.weights, Some(vec![0.25, 1.0]));
    assert_eq!(table.weight_range(), Some([0.25, 1.0]));
    for wrong in ["0", "-1", "inf", "much"] {
        refused(&format!("Class,weight,a\n0,{wrong},1\n1,1,2\n"), "above 0");
    }
}

#[test]
fn a_row_number_without_a_name_is_no_feature() {
    refused(
        ",Class,red\n0,1,0.5\n1,0,0.25\n",
        "column 1 of the header has no name",
    );
    let spaced = read("#Class red\n1 0.5\n0 0.25\n").unwrap();
    assert_eq!(spaced.names, ["red"]);
}

#[test]
fn commas_inside_of_quotes_are_no_separators() {
    let table = read("Class,group,red\n1,\"west, below\",0.5\n0,\"east\",0.25\n").unwrap();
    assert_eq!(table.groups, Some(vec![0, 1]));
    refused("Class,red\n1,\"0.5\n0,0.25\n", "not closed");
}

/// A table of so many rows; the feature is the row's number.
fn long(rows: u32) -> String {
    let rows = (0..rows).map(|row| format!("{} {row}\n", row % 2));
    format!("# Class number\n{}", rows.collect::<String>())
}

#[test]
fn a_part_of_a_long_table_is_drawn_at_random_and_keeps_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.txt");
    std::fs::write(&path, long(10_000)).unwrap();
    let draw = |seed| {
        let options = ReadOptions {
            rows: Some(500),
            seed,
            memory_mb: None,
        };
        Table::read_with(&path, &options).unwrap()
    };
    let (one, other) = (draw(1), draw(2));
    assert_eq!(
        (one.rows, one.values.len(), one.labels.len()),
        (500, 500, 500)
    );
    assert!(one.values.is_sorted(), "in the order of the file");
    assert_eq!(one, draw(1));
    assert_ne!(one.values, other.values);
    // The mean of 500 of 0 to 9999 has a standard error of 126.
    let mean = one.values.iter().sum::<f32>() / 500.0;
    assert!((mean - 4999.5).abs() < 500.0, "{mean}");
    assert_eq!(one.source, Table::read(&path).unwrap().source);

    let all = ReadOptions {
        rows: Some(20_000),
        ..ReadOptions::default()
    };
    assert_eq!(
        Table::read_with(&path, &all).unwrap(),
        Table::read(&path).unwrap()
    );
}

#[test]
fn a_table_that_memory_does_not_hold_is_refused_with_the_way_out_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.txt");
    // The last row is broken: who reads it says so.
    std::fs::write(&path, format!("{}1 x\n", long(100_000))).unwrap();
    let read = |rows| {
        let options = ReadOptions {
            rows,
            seed: 1,
            memory_mb: Some(1),
        };
        Table::read_with(&path, &options).unwrap_err().to_string()
    };
    let refused = read(None);
    assert!(
        refused.contains("100001 rows") && refused.contains("--rows"),
        "{refused}"
    );
    let broken = read(Some(1000));
    assert!(broken.contains("line 100002, column `number`"), "{broken}");
}
