//! How values are spread: the columns that analyses of traces have in the field.

use serde::Serialize;
use tokmark_base::quantile::linear;

/// Mean, standard deviation (ddof 0), extremes and quartiles (numpy's linear rule, which Dynamo's and AIPerf's analyses use).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// How many values.
    pub n: u64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation, ddof 0.
    pub std: f64,
    /// Smallest.
    pub min: f64,
    /// First quartile.
    pub p25: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub p75: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// Of `values`, in any order; `None` if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        let quartile = |q| linear(&values, q);
        Some(Self {
            n: values.len() as u64,
            mean,
            std: libm::sqrt(variance),
            min,
            p25: quartile(0.25)?,
            median: quartile(0.5)?,
            p75: quartile(0.75)?,
            max,
        })
    }

    /// Of whole numbers.
    pub fn of_counts(values: impl IntoIterator<Item = u32>) -> Option<Self> {
        let mut counts: Vec<u32> = values.into_iter().collect();
        // Whole numbers sort faster, and sorted ones need no second sort.
        counts.sort_unstable();
        Self::of(counts.into_iter().map(f64::from).collect())
    }
}
