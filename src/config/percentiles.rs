//! The percentiles of the end-to-end latency.

/// Percentiles to keep track of, in the order in which they are shown; none when the feature is off.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Percentiles(Vec<f64>);

impl Percentiles {
    /// Checks that each is above 0 and at most 1; the error names the first that is not.
    pub fn new(numbers: Vec<f64>) -> Result<Self, String> {
        match numbers.iter().find(|&&number| !(number > 0.0 && number <= 1.0)) {
            Some(number) => Err(format!("invalid E2E processing latency percentile: {number}")),
            None => Ok(Self(numbers)),
        }
    }

    /// The percentiles, each above 0 and at most 1.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }
}

/// Reads comma-separated numbers, sorted from the greatest down; the error names the first that is none.
pub(super) fn parse_floats(text: &str) -> Result<Vec<f64>, String> {
    let numbers = text.split(',').map(|part| parse_float(part).ok_or(part));
    let mut numbers: Vec<f64> =
        numbers.collect::<Result<_, _>>().map_err(|part| format!("could not parse: {part}"))?;
    numbers.sort_by(|one, other| other.total_cmp(one));
    Ok(numbers)
}

fn parse_float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_on_both_sides() {
        assert!(Percentiles::new(vec![1.0, 0.000_1]).is_ok());
        for number in [0.0, -0.5, 1.1] {
            let refused = Percentiles::new(vec![0.5, number]).unwrap_err();
            assert!(refused.ends_with(&format!("percentile: {number}")), "{refused}");
        }
    }

    #[test]
    fn numbers_are_sorted_and_nothing_else_is_one() {
        assert_eq!(parse_floats("0.5,1,0.99"), Ok(vec![1.0, 0.99, 0.5]));
        for (text, part) in [("", ""), ("1,", ""), ("1, 0.99", " 0.99"), ("nan", "nan")] {
            assert_eq!(parse_floats(text), Err(format!("could not parse: {part}")));
        }
    }
}
