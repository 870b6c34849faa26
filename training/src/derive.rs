//! The table that members learn from: the columns that were given, and those derived from them, computed by the same code
//! as when a map is made.

use geocrop_model::ensemble::Derived;
use geocrop_model::features::{Definition, FeatureError, FeatureSet, Symbols, Unit};

use crate::{Table, TrainingError};

/// Samples with derived features.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wide {
    /// The table's features, then the derived ones.
    pub(crate) names: Vec<String>,
    /// Row-major `[rows, names]`.
    pub(crate) values: Vec<f32>,
    /// What could be derived.
    pub(crate) derived: Vec<Derived>,
}

impl Wide {
    pub(crate) fn of(table: &Table, wanted: &[Derived]) -> Result<Self, TrainingError> {
        let (derived, set) = usable(&table.names, wanted)?;
        let mut names = table.names.clone();
        names.extend(derived.iter().map(|derived| derived.name.clone()));
        let Some(set) = set else {
            return Ok(Self {
                names,
                values: table.values.clone(),
                derived,
            });
        };
        let width = table.names.len();
        let planes: Vec<Vec<f32>> = (0..width)
            .map(|column| {
                table
                    .values
                    .iter()
                    .skip(column)
                    .step_by(width)
                    .copied()
                    .collect()
            })
            .collect();
        let plane = |name: &str| -> &[f32] {
            let column = table.names.iter().position(|known| known == name);
            &planes[column.expect("only what the table has is used")]
        };
        let mut made = Vec::new();
        set.evaluate(table.rows, &plane, &mut made);
        let values = (0..table.rows)
            .flat_map(|row| planes.iter().chain(&made).map(move |plane| plane[row]))
            .collect();
        Ok(Self {
            names,
            values,
            derived,
        })
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.names.len()..(row + 1) * self.names.len()]
    }

    /// The values of some rows and features, `[rows, columns]`.
    pub(crate) fn select(&self, rows: &[usize], columns: &[usize]) -> Vec<f32> {
        rows.iter()
            .flat_map(|row| {
                let row = self.row(*row);
                columns.iter().map(move |column| row[*column])
            })
            .collect()
    }
}

/// What can be computed from these columns. An expression that is wrong in itself is an error even so.
fn usable(
    columns: &[String],
    wanted: &[Derived],
) -> Result<(Vec<Derived>, Option<FeatureSet>), TrainingError> {
    let symbols: Symbols = columns
        .iter()
        .map(|name| (name.as_str(), Unit::One))
        .collect();
    let mut kept: Vec<Derived> = Vec::new();
    let mut set = None;
    for derived in wanted {
        if columns.contains(&derived.name) {
            // The table brings it along.
            continue;
        }
        kept.push(derived.clone());
        let definitions: Vec<_> = kept
            .iter()
            .enumerate()
            .map(|(place, derived)| Definition {
                name: &derived.name,
                expression: &derived.expression,
                line: place + 1,
            })
            .collect();
        match FeatureSet::compile(&definitions, &symbols) {
            Ok(compiled) => set = Some(compiled),
            Err(FeatureError::UnknownName { .. }) => {
                kept.pop();
            }
            Err(error) => return Err(TrainingError::Derived(error)),
        }
    }
    Ok((kept, set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Source;

    fn table() -> Table {
        Table {
            names: vec!["a".to_owned(), "b".to_owned()],
            rows: 3,
            values: vec![1.0, 2.0, 3.0, f32::NAN, 0.0, 0.0],
            labels: vec![0, 1, 0],
            groups: None,
            weights: None,
            places: None,
            source: Source {
                name: "t".to_owned(),
                sha256: String::new(),
            },
        }
    }

    fn derived(list: &[(&str, &str)]) -> Vec<Derived> {
        let one = |(name, expression): &(&str, &str)| Derived {
            name: (*name).to_owned(),
            expression: (*expression).to_owned(),
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn what_the_columns_give_is_computed_and_what_they_do_not_is_left_out() {
        let wanted = derived(&[
            ("sum", "a + b"),
            ("other", "c - a"),
            ("ratio", "sum / b"),
            ("b", "a"),
        ]);
        let wide = Wide::of(&table(), &wanted).unwrap();
        assert_eq!(wide.names, ["a", "b", "sum", "ratio"]);
        assert_eq!(
            wide.derived,
            derived(&[("sum", "a + b"), ("ratio", "sum / b")])
        );
        assert_eq!(wide.row(0), [1.0, 2.0, 3.0, 1.5]);
        assert!(wide.row(1)[2].is_nan() && wide.row(2)[3].is_nan());
        assert_eq!(wide.select(&[0, 2], &[2, 0]), [3.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn an_expression_that_is_wrong_in_itself_is_an_error() {
        let error = Wide::of(&table(), &derived(&[("x", "a +")])).unwrap_err();
        assert!(error.to_string().contains("derived feature"), "{error}");
    }

    #[test]
    fn nothing_derived_changes_nothing() {
        let wide = Wide::of(&table(), &[]).unwrap();
        assert_eq!(wide.names, table().names);
        assert_eq!(wide.values[..3], table().values[..3]);
    }
}
