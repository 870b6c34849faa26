//! Which colour stands for which value.

/// Red, green, blue and opacity.
pub type Rgba = [u8; 4];

const CLEAR: Rgba = [0; 4];

/// The colour of each value. What has none is transparent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colors(Box<[Rgba; 256]>);

impl Colors {
    /// Everything transparent.
    pub fn none() -> Self {
        Self(Box::new([CLEAR; 256]))
    }

    /// A file's palette; shades of grey where it has none.
    pub fn of_palette(palette: Option<&[[u8; 3]; 256]>) -> Self {
        Self(Box::new(std::array::from_fn(|value| {
            let [red, green, blue] = palette.map_or([value as u8; 3], |palette| palette[value]);
            [red, green, blue, 255]
        })))
    }

    /// Gives a value a colour.
    pub fn set(&mut self, value: u8, color: Rgba) {
        self.0[usize::from(value)] = color;
    }

    /// Makes all values transparent that are not to be `shown`.
    pub fn keep(&mut self, shown: impl Fn(u8) -> bool) {
        for (value, color) in (0_u8..=255).zip(self.0.iter_mut()) {
            if !shown(value) {
                *color = CLEAR;
            }
        }
    }

    /// The colour of a value; above 255 there is none.
    pub(super) fn of(&self, value: u16) -> Rgba {
        self.0.get(usize::from(value)).copied().unwrap_or(CLEAR)
    }

    /// The palette of a picture that has these values, and each value's place in it. Every colour comes once, those that
    /// are not opaque first, so that the list of opacities is short. Longer than 256 where a palette will not do.
    pub(super) fn used(&self, values: &[u16]) -> ([u8; 257], Vec<Rgba>) {
        let mut seen = [false; 257];
        for value in values {
            seen[usize::from(*value)] = true;
        }
        let used = || (0..257_u16).filter(|value| seen[usize::from(*value)]);
        let mut palette: Vec<Rgba> = used().map(|value| self.visible(value)).collect();
        palette.sort_unstable_by_key(|color| (color[3], *color));
        palette.dedup();
        let mut places = [0; 257];
        for value in used() {
            let color = self.visible(value);
            let place = palette.iter().position(|known| *known == color);
            places[usize::from(value)] = place.unwrap_or_default() as u8;
        }
        (places, palette)
    }

    /// All that cannot be seen is alike.
    fn visible(&self, value: u16) -> Rgba {
        let color = self.of(value);
        if color[3] == 0 { CLEAR } else { color }
    }
}
