//! The classes in which two maps are compared.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{DiffError, Map};
use crate::recipe::NODATA;

/// A class of the compared maps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Its value in the maps; for an index, the first code of the step.
    pub value: u8,
    /// Name for programs; of a plain file's class the same as the title.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Red, green, blue.
    pub color: [u8; 3],
}

/// A map's own classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Legend {
    /// An item's: complete.
    Item {
        classes: Vec<Class>,
        /// Values between two classes belong to the lower one: the steps of an index.
        steps: bool,
    },
    /// A plain file's: the values that occur in it, with the names and colours that it has for some.
    File {
        values: Vec<u8>,
        names: BTreeMap<u8, String>,
        colors: BTreeMap<u8, [u8; 3]>,
    },
}

/// The classes of two maps, and which of them each value is.
pub(super) struct Classes {
    pub(super) list: Vec<Class>,
    of: Vec<Option<usize>>,
}

/// More values than this are no classes.
const MOST_CLASSES: usize = 64;

impl Classes {
    pub(super) fn of(a: &Map, b: &Map) -> Result<Self, DiffError> {
        let refuse = |difference: String| Err(DiffError::Legends { difference });
        let (list, steps) = match (&a.legend, &b.legend) {
            (
                Legend::Item { classes, steps },
                Legend::Item {
                    classes: others,
                    steps: other_steps,
                },
            ) => {
                if let Some(difference) = first_difference(a, classes, b, others) {
                    return refuse(difference);
                }
                if steps != other_steps {
                    return refuse("one has classes, the other the steps of an index".into());
                }
                (classes.clone(), *steps)
            }
            (Legend::Item { classes, steps }, Legend::File { names, values, .. }) => {
                agrees(a, classes, *steps, b, names, values)?;
                (classes.clone(), *steps)
            }
            (Legend::File { names, values, .. }, Legend::Item { classes, steps }) => {
                agrees(b, classes, *steps, a, names, values)?;
                (classes.clone(), *steps)
            }
            (Legend::File { .. }, Legend::File { .. }) => (of_files(a, b)?, false),
        };
        let mut of = vec![None; 256];
        for value in 0..NODATA {
            of[usize::from(value)] = if steps {
                list.iter().rposition(|class| class.value <= value)
            } else {
                list.iter().position(|class| class.value == value)
            };
        }
        Ok(Self { list, of })
    }

    /// The class of a value of a map; `None` for nodata.
    pub(super) fn index(&self, value: u8, map: &str) -> Result<Option<usize>, DiffError> {
        match self.of[usize::from(value)] {
            None if value != NODATA => Err(DiffError::Value {
                map: map.to_owned(),
                value,
            }),
            class => Ok(class),
        }
    }
}

fn first_difference(a: &Map, ours: &[Class], b: &Map, theirs: &[Class]) -> Option<String> {
    let key = |class: &Class| (class.value, class.name.clone());
    let said = |class: &Class| format!("{} '{}'", class.value, class.name);
    let lacking = |here: &[Class], there: &[Class]| {
        let known: Vec<_> = there.iter().map(key).collect();
        here.iter().find(|c| !known.contains(&key(c))).map(said)
    };
    if let Some(class) = lacking(ours, theirs) {
        return Some(format!("{} has {class}, which {} lacks", a.name, b.name));
    }
    lacking(theirs, ours).map(|class| format!("{} has {class}, which {} lacks", b.name, a.name))
}

/// A plain file beside an item: its values must be the item's, and so must its names, where it has some.
fn agrees(
    item: &Map,
    classes: &[Class],
    steps: bool,
    file: &Map,
    names: &BTreeMap<u8, String>,
    values: &[u8],
) -> Result<(), DiffError> {
    let refuse = |difference: String| Err(DiffError::Legends { difference });
    for value in values.iter().filter(|_| !steps) {
        let Some(class) = classes.iter().find(|class| class.value == *value) else {
            return refuse(format!(
                "{} holds the value {value}, which the legend of {} lacks",
                file.name, item.name
            ));
        };
        if let Some(name) = names.get(value)
            && *name != class.title
            && *name != class.name
        {
            return refuse(format!(
                "the value {value} is '{name}' in {} and '{}' in {}",
                file.name, class.title, item.name
            ));
        }
    }
    Ok(())
}

fn of_files(a: &Map, b: &Map) -> Result<Vec<Class>, DiffError> {
    let (Legend::File { .. }, Legend::File { .. }) = (&a.legend, &b.legend) else {
        return Ok(Vec::new());
    };
    let mut classes: BTreeMap<u8, Class> = BTreeMap::new();
    for map in [a, b] {
        let Legend::File {
            values,
            names,
            colors,
        } = &map.legend
        else {
            continue;
        };
        if values.len() > MOST_CLASSES {
            return Err(DiffError::Item {
                name: map.name.clone(),
                reason: format!(
                    "it holds {} different values, which are measurements rather than classes: compare the items, whose legends have steps",
                    values.len()
                ),
            });
        }
        for value in values {
            let color = colors.get(value).copied().unwrap_or([*value; 3]);
            let name = names.get(value);
            let class = classes.entry(*value).or_insert_with(|| {
                let title = name.cloned().unwrap_or_else(|| format!("Value {value}"));
                Class {
                    value: *value,
                    name: title.clone(),
                    title,
                    color,
                }
            });
            let named_before = class.title != format!("Value {value}");
            match name {
                Some(name) if named_before && *name != class.title => {
                    return Err(DiffError::Legends {
                        difference: format!(
                            "the value {value} is '{}' in {} and '{name}' in {}",
                            class.title, a.name, b.name
                        ),
                    });
                }
                Some(name) if !named_before => {
                    class.title.clone_from(name);
                    class.name.clone_from(name);
                }
                _ => {}
            }
        }
    }
    Ok(classes.into_values().collect())
}
