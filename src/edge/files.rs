//! How many connections can the system carry?
//!
//! Every connection is an open file, and the one to its upstream another. When they run out, nobody
//! comes in any more, operators included: so clients never get the last ones.

/// Open files that are left for operators, probes, stores, and unused upstream connections.
const RESERVED: u64 = 256;

/// A client's connection and the one that its request takes upstream.
const EACH: u64 = 2;

/// Asks the system for as many open files as `wanted` connections need, and answers how many of
/// them it can carry: at most `wanted`, at least one.
pub fn places(wanted: u32) -> u32 {
    let needed = needed(wanted);
    match rlimit::increase_nofile_limit(needed) {
        Ok(files) => carried(files, wanted),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is not known");
            wanted
        }
    }
}

/// Open files for so many connections.
pub fn needed(connections: u32) -> u64 {
    u64::from(connections)
        .saturating_mul(EACH)
        .saturating_add(RESERVED)
}

fn carried(files: u64, wanted: u32) -> u32 {
    let reserved = RESERVED.min(files.saturating_div(2)); // a small limit is shared in halves
    let carried = files.saturating_sub(reserved).saturating_div(EACH);
    u32::try_from(carried)
        .unwrap_or(u32::MAX)
        .clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_get_the_last_files() {
        let table = [
            (needed(10_000), 10_000, 10_000),
            (u64::MAX, 10_000, 10_000),
            (1_024, 10_000, 384),
            (256, 10_000, 64),
            (0, 10_000, 1),
            (1_024, 5, 5),
        ];
        for (files, wanted, expected) in table {
            assert_eq!(
                carried(files, wanted),
                expected,
                "{files} files, {wanted} wanted"
            );
        }
    }
}
