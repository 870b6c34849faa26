//! What is read as a request, what is refused and in which words, and that nothing makes the reader fall over.

use proptest::prelude::*;

use super::super::{InstancesError, Limits, Shape, Takes, parse_predictions};
use super::*;

fn two() -> Takes {
    Takes::Row(vec!["red".into(), "nir".into()])
}

fn image_of_two() -> Takes {
    Takes::Image(vec!["red".into(), "nir".into()])
}

const LIMITS: Limits = Limits { cells: 4 };

fn read(text: &str) -> Asked {
    parse(text.as_bytes(), &two(), LIMITS).unwrap()
}

fn refused(text: &str, takes: &Takes) -> String {
    parse(text.as_bytes(), takes, LIMITS)
        .unwrap_err()
        .to_string()
}

#[test]
fn every_form_gives_the_same_rows() {
    for text in [
        r#"{"instances": [[1, 2.5], [3, 4]]}"#,
        r#"{"instances": [{"red": 1, "nir": 2.5}, {"nir": 4, "red": 3}]}"#,
        r#"{"signature_name": "serving_default", "instances": [{"features": [1, 2.5]}, {"features": [3, 4]}]}"#,
        r#"{"inputs": [[1, 2.5], [3, 4]]}"#,
        r#"{"inputs": {"features": [[1, 2.5], [3, 4]]}}"#,
        r#"{"inputs": {"nir": [2.5, 4], "red": [1, 3]}, "signature_name": "by_name"}"#,
    ] {
        let asked = read(text);
        assert_eq!(asked.examples.values, [1.0, 2.5, 3.0, 4.0], "{text}");
        assert_eq!(asked.examples.count, 2);
        let rows = text.contains("instances");
        assert_eq!(asked.form == Form::Rows, rows);
    }
}

#[test]
fn null_and_nan_are_missing() {
    let values = read(r#"{"instances": [[null, NaN], [1, -NaN]]}"#)
        .examples
        .values;
    assert!(values[0].is_nan() && values[1].is_nan() && values[3].is_nan());
    assert_eq!(values[2].to_bits(), 1.0_f32.to_bits());
    let error = refused(r#"{"instances": [[1, Infinity]]}"#, &two());
    assert!(error.starts_with("not JSON"), "{error}");
}

#[test]
fn a_model_of_one_feature_takes_plain_numbers() {
    let one = Takes::Row(vec!["red".into()]);
    let asked = parse(br#"{"instances": [1, [2], 3.5]}"#, &one, LIMITS).unwrap();
    assert_eq!(asked.examples.values, [1.0, 2.0, 3.5]);
}

#[test]
fn what_is_wrong_is_named_with_row_and_column() {
    for (text, words) in [
        (
            r#"{"instances": [[1, 2], [3]]}"#,
            "row 2 has 1 values, the model takes 2; \"nir\"",
        ),
        (
            r#"{"instances": [[1, 2, 3]]}"#,
            "row 1 has more than the 2 values",
        ),
        (r#"{"instances": [[1, "a"]]}"#, "row 1, \"nir\""),
        (r#"{"instances": [[1, true]]}"#, "row 1, \"nir\""),
        (
            r#"{"instances": [[1, 1e39]]}"#,
            "row 1, \"nir\": 1e39 is too large",
        ),
        (r#"{"instances": [[1, [2]]]}"#, "row 1, \"nir\""),
        (
            r#"{"instances": [{"red": 1}]}"#,
            "row 1 has no feature \"nir\"",
        ),
        (
            r#"{"instances": [{"red": 1, "blue": 2}]}"#,
            "row 1: the model has no input \"blue\"",
        ),
        (
            r#"{"instances": [{"red": 1, "red": 2}]}"#,
            "row 1 has the feature \"red\" twice",
        ),
        (r#"{"instances": [{}]}"#, "row 1 has no feature"),
        (r#"{"instances": []}"#, "there is no instance"),
        (r#"{"instances": 3}"#, "a list of instances"),
        (r#"{"instances": {"red": [1]}}"#, "not a list"),
        (r#"{"instances": ["x"]}"#, "row 1"),
        (
            r#"{"instances": [[1,2],[1,2],[1,2],[1,2],[1,2]]}"#,
            "more than 4 rows",
        ),
        (
            r#"{"inputs": {"red": [1,1,1,1,1], "nir": []}}"#,
            "more than 4 rows",
        ),
        (
            r#"{"inputs": {"red": [1, 2], "nir": [1]}}"#,
            "\"nir\" has 1 values, \"red\" has 2",
        ),
        (r#"{"inputs": {"red": [1]}}"#, "\"nir\" is missing"),
        (
            r#"{"inputs": {"red": [1], "blue": []}}"#,
            "no input \"blue\"",
        ),
        (
            r#"{"inputs": {"red": [1], "features": [[1, 2]]}}"#,
            "not both",
        ),
        (r#"{"inputs": {"red": [], "nir": []}}"#, "empty"),
        (r#"{"instances": [[1,2]], "inputs": [[1,2]]}"#, "twice"),
        (r"{}", "neither"),
        (r#"{"examples": []}"#, "unknown member \"examples\""),
        (
            r#"{"signature_name": "other", "instances": [[1,2]]}"#,
            "no signature \"other\"",
        ),
        (r"[1]", "\"instances\" or \"inputs\""),
        (r#"{"instances": [[1,2]]} x"#, "not JSON"),
        (r#"{"instances": [[1,2]"#, "not JSON"),
    ] {
        let error = refused(text, &two());
        assert!(error.contains(words), "{text}: {error}");
        assert!(
            !error.contains("at line 1") || error.starts_with("not JSON"),
            "{error}"
        );
    }
}

#[test]
fn images_of_one_size_are_read_row_by_row() {
    let text = br#"{"instances": [[[[1,2],[3,4]]], [[[5,6],[7,null]]]]}"#;
    let asked = parse(text, &image_of_two(), LIMITS).unwrap();
    assert_eq!(
        asked.examples.shape,
        Shape::Image {
            height: 1,
            width: 2
        }
    );
    assert_eq!(asked.examples.count, 2);
    assert_eq!(
        asked.examples.values[..7],
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    );
    let named = br#"{"inputs": {"image": [[[[1,2],[3,4]]]]}}"#;
    assert_eq!(
        parse(named, &image_of_two(), LIMITS)
            .unwrap()
            .examples
            .count,
        1
    );
    for (text, words) in [
        (
            r#"{"instances": [[[[1,2],[3,4]], [[1,2]]]]}"#,
            "image 1, row 2: 1 pixels",
        ),
        (
            r#"{"instances": [[[[1,2]]], [[[1,2]],[[1,2]]]]}"#,
            "another size",
        ),
        (r#"{"instances": [[[[1]]]]}"#, "image 1, pixel 1"),
        (r#"{"instances": [[]]}"#, "no pixels"),
        (
            r#"{"instances": [[[[1,2],[1,2],[1,2],[1,2],[1,2]]]]}"#,
            "more than 4",
        ),
        (r#"{"instances": [{"red": 1}]}"#, "no input \"red\""),
        (r#"{"instances": [[1, 2]]}"#, "image 1, row 1"),
    ] {
        let error = refused(text, &image_of_two());
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn answers_of_other_servers_are_checked() {
    let read = |text: &str, count, outputs| parse_predictions(text.as_bytes(), count, outputs);
    assert_eq!(
        read(r#"{"predictions": [0.5, 1]}"#, 2, 1).unwrap(),
        [0.5, 1.0]
    );
    assert_eq!(
        read(r#"{"predictions": [[0.5], [1]]}"#, 2, 1).unwrap(),
        [0.5, 1.0]
    );
    assert_eq!(
        read(r#"{"predictions": [{"scores": [0.25, 0.75]}]}"#, 1, 2).unwrap(),
        [0.25, 0.75]
    );
    for (text, count, outputs, words) in [
        (r#"{"predictions": [0.5]}"#, 2, 1, "2 rows were sent and 1"),
        (r#"{"predictions": [0.5, 1, 1]}"#, 2, 1, "more predictions"),
        (
            r#"{"predictions": [[0.1, 0.2, 0.7]]}"#,
            1,
            2,
            "3 numbers, expected 2",
        ),
        (r#"{"predictions": [0.1]}"#, 1, 2, "1 number, expected 2"),
        (
            r#"{"predictions": [null]}"#,
            1,
            1,
            "number(s) as the prediction of row 1",
        ),
        (
            r#"{"predictions": [{"a": [1], "b": [2]}]}"#,
            1,
            1,
            "several outputs",
        ),
        (r#"{"outputs": [1]}"#, 1, 1, "no \"predictions\""),
        ("<html>", 1, 1, "not JSON"),
    ] {
        let error = read(text, count, outputs).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

/// JSON near to what is expected, cut and spoiled.
fn nearly() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("NaN".to_owned()),
        Just("\"red\"".to_owned()),
        Just("true".to_owned()),
        any::<f64>().prop_map(|v| format!("{v:e}")),
        any::<i64>().prop_map(|v| v.to_string()),
    ];
    let value = leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof![
            Just("red"),
            Just("nir"),
            Just("features"),
            Just("image"),
            Just("x")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec((key, inner), 0..4).prop_map(|v| {
                let members: Vec<_> = v.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    let member = prop_oneof![Just("instances"), Just("inputs"), Just("signature_name")];
    prop::collection::vec((member, value), 0..3).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(k, v)| format!("\"{k}\":{v}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn sound(text: &[u8], takes: &Takes) -> Result<(), TestCaseError> {
    match parse(text, takes, LIMITS) {
        Ok(Asked { examples, .. }) => {
            let cells = examples.count * examples.shape.cells();
            prop_assert!(cells <= LIMITS.cells && cells > 0);
            prop_assert_eq!(examples.values.len(), cells * takes.names().len());
        }
        Err(InstancesError::Content(words) | InstancesError::Syntax(words)) => {
            prop_assert!(!words.is_empty());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_comes_is_rows_or_an_error(text in nearly(), cut in 0_usize..200) {
        let end = text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
        for takes in [two(), image_of_two()] {
            sound(text.as_bytes(), &takes)?;
            sound(&text.as_bytes()[..end], &takes)?;
        }
    }

    #[test]
    fn bytes_are_rows_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        sound(&bytes, &two())?;
        let _ = parse_predictions(&bytes, 2, 2);
    }

    #[test]
    fn float32_survives_the_way_through_text(values in prop::collection::vec(any::<f32>(), 2..=2)) {
        let examples = Examples { count: 1, shape: Shape::Row, values: Vec::new() };
        let text = super::super::answer(Form::Rows, &examples, 2, &values);
        if values.iter().all(|v| v.is_finite()) {
            let back = parse_predictions(&text, 1, 2).unwrap();
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&values));
        }
    }
}
