//! Dynamic World's network against a plain one in float64, against TensorFlow's own results where the
//! sample data are at hand, and against damaged checkpoints.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is the failed test"
)]
#![allow(clippy::print_stderr, reason = "what is skipped says so")]

mod bundle;
mod checkpoint;
mod golden;
mod oracle;
mod synthetic;

/// Where `[row][column][channel]` and `[channel][row][column]` differ most, NaN only where both are.
fn largest_difference(interleaved: &[f64], planes: &[f32], channels: usize) -> f64 {
    assert_eq!(interleaved.len(), planes.len());
    let pixels = planes.len() / channels;
    let mut largest = 0.0_f64;
    for pixel in 0..pixels {
        for channel in 0..channels {
            let expected = interleaved[pixel * channels + channel];
            let found = f64::from(planes[channel * pixels + pixel]);
            assert_eq!(expected.is_nan(), found.is_nan(), "pixel {pixel}");
            if !expected.is_nan() {
                largest = largest.max((expected - found).abs());
            }
        }
    }
    largest
}

/// The class of each pixel; `None` where there is no data.
fn classes(planes: &[f32]) -> Vec<Option<usize>> {
    let pixels = planes.len() / 9;
    let value = |class: usize, pixel: usize| planes[class * pixels + pixel];
    (0..pixels)
        .map(|pixel| {
            let best = (0..9).max_by(|a, b| value(*a, pixel).total_cmp(&value(*b, pixel)))?;
            (!value(best, pixel).is_nan()).then_some(best)
        })
        .collect()
}
