//! Areas and accuracies with standard errors, from labelled points.

use serde::{Deserialize, Serialize};

use crate::estimator::{Estimate, OfClass, StratumCounts, olofsson, stehman};
use crate::{AreaError, Design, Labelled, MapClass};

/// Which paper's estimator was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// Strata are map classes.
    Olofsson2014,
    /// Strata are something else.
    Stehman2014,
}

/// What a sample says about a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AreaEstimate {
    /// The map, as its design names it.
    pub map: String,
    /// The sha256 of this map.
    pub map_sha256: String,
    /// Which estimator was used.
    pub estimator: Estimator,
    /// How many points were labelled: all that were drawn.
    pub points: usize,
    /// Hectares of the whole map.
    pub total_ha: f64,
    /// The share of the map that is right.
    pub overall_accuracy: Estimate,
    /// What each class is.
    pub classes: Vec<ClassEstimate>,
    /// Estimated shares of the map's area; rows are map classes, columns reference classes.
    pub error_matrix: Vec<Vec<f64>>,
}

/// What is published beside a map: the content of `<area>.estimate.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What the sample says.
    #[serde(flatten)]
    pub estimate: AreaEstimate,
    /// Who labelled the points and what they looked at, in their words.
    pub labelled_by: String,
}

/// What a sample says about a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassEstimate {
    /// Its name.
    pub name: String,
    /// Hectares that the map shows.
    pub mapped_ha: f64,
    /// Hectares that there are.
    pub area_ha: Estimate,
    /// Of what the map calls this class, the share that is; none if no point has this class on the
    /// map.
    pub users_accuracy: Option<Estimate>,
    /// Of what is this class, the share that the map calls so; none if no point is of it.
    pub producers_accuracy: Option<Estimate>,
}

impl ClassEstimate {
    /// `mapped 12,300 ha, estimated 14,100 ± 1,900 ha (95 %)`, rounded to what the 95 % interval allows. Where no point
    /// disagrees with the map about this class, an interval of nothing would be a lie, and there is none.
    pub fn sentence(&self) -> String {
        let half = self.area_ha.half_width();
        if half <= 0.0 {
            let show = |value: f64| thousands(value.round() as u64);
            return format!(
                "mapped {} ha, estimated {} ha (no interval: no point disagrees with the map)",
                show(self.mapped_ha),
                show(self.area_ha.value)
            );
        }
        // Two figures of the interval's half-width are all that means anything.
        let step = if half >= 10.0 {
            10_f64.powi(half.log10().floor() as i32 - 1)
        } else {
            1.0
        };
        let show = |value: f64| thousands(((value / step).round() * step) as u64);
        format!(
            "mapped {} ha, estimated {} \u{b1} {} ha (95 %)",
            show(self.mapped_ha),
            show(self.area_ha.value),
            show(half)
        )
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Areas and accuracies from a labelled sample: by [`olofsson`] where the strata are the map classes,
/// else by [`stehman`].
///
/// # Errors
/// When the points were not drawn by a probability design, some have no label, or a stratum has fewer
/// than two.
pub fn estimate(design: &Design, labelled: &Labelled) -> Result<AreaEstimate, AreaError> {
    design.check()?;
    if labelled.unlabelled > 0 {
        return Err(AreaError::Unlabelled {
            unlabelled: labelled.unlabelled,
            points: labelled.unlabelled + labelled.units.len(),
        });
    }
    let classes = design.classes.len();
    let mut strata: Vec<StratumCounts> = design
        .strata
        .iter()
        .map(|stratum| StratumCounts {
            name: stratum.name.clone(),
            pixels: stratum.pixels,
            counts: vec![vec![0; classes]; classes],
        })
        .collect();
    for unit in &labelled.units {
        strata[unit.stratum].counts[unit.map][unit.reference] += 1;
    }
    let by_class =
        design.strata_are_classes() && labelled.units.iter().all(|unit| unit.stratum == unit.map);
    let sample = if by_class {
        let matrix = strata
            .iter()
            .enumerate()
            .map(|(class, stratum)| (stratum.pixels, stratum.counts[class].clone()))
            .collect::<Vec<_>>();
        olofsson(&names(design), &matrix)?
    } else {
        stehman(&strata)?
    };
    let total_ha = design.strata.iter().map(|s| s.pixels).sum::<u64>() as f64 * design.pixel_ha();
    let class = |(class, mapped): (&MapClass, _)| -> ClassEstimate {
        let of: &OfClass = mapped;
        ClassEstimate {
            name: class.name.clone(),
            mapped_ha: class.pixels as f64 * design.pixel_ha(),
            area_ha: of.share.times(total_ha),
            users_accuracy: of.users,
            producers_accuracy: of.producers,
        }
    };
    Ok(AreaEstimate {
        map: design.map.clone(),
        map_sha256: design.map_sha256.clone(),
        estimator: if by_class {
            Estimator::Olofsson2014
        } else {
            Estimator::Stehman2014
        },
        points: labelled.units.len(),
        total_ha,
        overall_accuracy: sample.overall,
        classes: design
            .classes
            .iter()
            .zip(&sample.classes)
            .map(class)
            .collect(),
        error_matrix: sample.matrix,
    })
}

fn names(design: &Design) -> Vec<String> {
    design
        .classes
        .iter()
        .map(|class| class.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_no_more_than_the_interval_allows() {
        let class = ClassEstimate {
            name: "crop".to_owned(),
            mapped_ha: 12_345.6,
            area_ha: Estimate {
                value: 14_123.0,
                se: 970.0,
            },
            users_accuracy: None,
            producers_accuracy: None,
        };
        assert_eq!(
            class.sentence(),
            "mapped 12,300 ha, estimated 14,100 \u{b1} 1,900 ha (95 %)"
        );
        let sure = ClassEstimate {
            area_ha: Estimate {
                value: 12_345.6,
                se: 0.0,
            },
            ..class
        };
        let sentence = sure.sentence();
        assert!(
            sentence.starts_with("mapped 12,346 ha, estimated 12,346 ha (no interval"),
            "{sentence}"
        );
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(12), "12");
    }
}
