//! What does a million revocations cost a request, and in memory?

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use vingate::pipeline::Findings;
use vingate::revocations::{Draft, Kind, MOST, Mark, Marks, Named, Reach, Told};

use crate::cpu::CpuTime;
use crate::judge;
use crate::setting::Setting;

/// Revocations of other tokens.
fn drafts(numbers: std::ops::Range<usize>) -> Vec<Draft> {
    let draft = |number: usize| Draft {
        mark: Mark::of(Kind::Token, "https://id.test", &number.to_string()),
        reach: Reach::Every,
        ends: u64::MAX / 2,
        told: Told {
            kind: Kind::Token,
            issuer: "owners".to_owned(),
            about: "00000000000000000000000000000000".to_owned(),
            reason: "a leak".to_owned(),
            by: "bench".to_owned(),
            at: 1,
        },
    };
    numbers.map(draft).collect()
}

/// Resident memory of this process, in MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024
}

/// The same decision without any, with one, and with as many as are taken.
pub(crate) fn million(criterion: &mut Criterion<CpuTime>) {
    let at = Setting::new(1_000);
    let marks = Marks::of(Named {
        issuer: "https://id.test",
        subject: "owner",
        token: Some("t"),
        session: Some("s"),
        client: Some("c"),
        certificate: None,
    });
    let mut group = criterion.benchmark_group("revocations");
    let mut taken = 0_usize;
    for count in [0, 1, MOST] {
        let before = resident();
        while taken < count {
            let next = count.min(taken.saturating_add(1_000));
            at.revoked.revoke(drafts(taken..next)).unwrap();
            taken = next;
        }
        let more = resident().saturating_sub(before);
        group.bench_function(format!("looked at, {count} ({more} MiB more)"), |b| {
            b.iter(|| at.revoked.refuse(black_box(&marks), Duration::from_secs(5)));
        });
        group.bench_function(format!("permit, {count}"), |b| {
            b.iter(|| {
                let head = at.head(black_box(&at.headers));
                judge(&at, &head, &mut Findings::default()).unwrap();
            });
        });
    }
    group.finish();
}
