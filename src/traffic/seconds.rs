//! How many requests came in each second, by surface?

use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds that are kept, the running one included.
pub(super) const KEPT: u64 = 300;

/// One second's counts; a surface is met in few places, so a list is quicker than a map.
#[derive(Debug, Default, Clone)]
struct Row {
    second: u64,
    counts: Vec<(Option<Arc<str>>, u64)>,
}

/// Exact counts of the last seconds.
#[derive(Debug)]
pub(super) struct Seconds(Vec<Row>);

impl Default for Seconds {
    fn default() -> Self {
        let rows = usize::try_from(KEPT).unwrap_or_default();
        Self(vec![Row::default(); rows])
    }
}

impl Seconds {
    /// Counts one request of a surface, or of none.
    pub(super) fn count(&mut self, second: u64, surface: Option<&Arc<str>>) {
        let at = usize::try_from(second % KEPT).unwrap_or_default();
        let Some(row) = self.0.get_mut(at) else {
            return;
        };
        if row.second > second {
            return; // it began long ago, and is no longer counted
        }
        if row.second != second {
            row.second = second;
            row.counts.clear();
        }
        let known = row
            .counts
            .iter_mut()
            .find(|(known, _)| known.as_deref() == surface.map(AsRef::as_ref));
        match known {
            Some((_, count)) => *count = count.saturating_add(1),
            None => row.counts.push((surface.map(Arc::clone), 1)),
        }
    }

    /// Adds what came in the `KEPT` seconds up to `now`.
    pub(super) fn add_to(&self, sums: &mut BTreeMap<Option<Arc<str>>, u64>, now: u64) {
        let young = |row: &&Row| now >= row.second && now.saturating_sub(row.second) < KEPT;
        for (surface, count) in self.0.iter().filter(young).flat_map(|row| &row.counts) {
            let sum = sums.entry(surface.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_long_ago_takes_no_count_away() {
        let mut seconds = Seconds::default();
        seconds.count(1_000, None);
        seconds.count(1_000 - KEPT, None); // a WebSocket that ends now
        let mut sums = BTreeMap::new();
        seconds.add_to(&mut sums, 1_000);
        assert_eq!(sums.get(&None), Some(&1));
    }
}
