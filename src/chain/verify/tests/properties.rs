//! Is every single change of a log found?

use proptest::prelude::*;

use super::*;

/// Lines between restarts.
fn parts() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(1_u64..5, 1..5)
}

fn write(parts: &[u64]) -> Log {
    let mut log = Log::new();
    for count in parts {
        log.write(*count).restart(1, Origin::Line);
    }
    log
}

proptest! {
    #[test]
    fn any_change_of_a_byte_is_found(parts in parts(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let log = write(&parts);
        let head = log.head();
        let mut bytes = log.files[0].clone().into_bytes();
        let at = at.index(bytes.len().saturating_sub(1)); // the last line feed is no line
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let keys = [key(1)];
        let mut verifier = Verifier::new(&keys);
        verifier.expect(head.as_bytes());
        verifier.read("f", bytes.as_slice()).unwrap();
        prop_assert!(!verifier.finish().is_whole());
    }

    #[test]
    fn any_lines_deleted_swapped_or_doubled_are_found(
        parts in parts(),
        at in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let log = write(&parts);
        let (head, lines) = (log.head(), log.lines());
        prop_assert!(check(&[lines.concat()], &head).is_whole());
        let (one, other) = (at.0.index(lines.len()), at.1.index(lines.len()));
        let mut deleted = lines.clone();
        deleted.drain(one.min(other)..=one.max(other));
        prop_assert!(!check(&[deleted.concat()], &head).is_whole());
        let mut doubled = lines.clone();
        doubled.insert(other, lines[one].clone());
        prop_assert!(!check(&[doubled.concat()], &head).is_whole());
        let mut swapped = lines.clone();
        swapped.swap(one, other);
        prop_assert_eq!(check(&[swapped.concat()], &head).is_whole(), one == other);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let report = verify_over(bytes.as_slice(), key(1)).unwrap();
        prop_assert_eq!(report.lines, 0);
    }
}
