//! The same figure of several runs.

/// The median of some figures, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of them are no larger.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these figures; of none it is no number.
    pub fn new(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let last = figures.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(figures.len() / 2));
        Self { median, min: at(0), max: at(last) }
    }

    /// As it stands in a table.
    pub fn text(&self) -> String {
        let Self { median, min, max } = self;
        format!("{} ({}–{})", rounded(*median), rounded(*min), rounded(*max))
    }
}

/// Three digits that matter, or all of those before the point.
pub fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_lie_in_the_middle() {
        assert_eq!(Spread::new(vec![3.0, 1.0, 2.0]).text(), "2.00 (1.00–3.00)");
        assert_eq!(Spread::new(vec![400.0, 1.0, 2.0, 30.0]).text(), "16.0 (1.00–400)");
        assert!(Spread::new(Vec::new()).median.is_nan());
    }
}
