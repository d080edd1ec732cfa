//! Does a stranger learn from the time taken whether a vehicle exists?
//!
//! A foreign vehicle and one that doesn't exist, each asked for once through the whole of `decide`, so that
//! no answer is a kept one. Printed as ratios beside what two equal halves of the foreign ones differ.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "counts and a table of a measurement"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::Criterion;
use http::HeaderMap;
use vingate::denial::Denial;
use vingate::pipeline::{Findings, RequestHead};

use crate::cpu::CpuTime;
use crate::setting::{self, Setting};

/// Vehicles of each kind in each of the two measurements.
const ASKED: usize = 20_000;

/// Requests in a row whose CPU time is taken together.
const ROW: usize = 100;

fn foreign(number: usize) -> String {
    format!("SJNFAAZE0U6{number:06}")
}

fn absent(number: usize) -> String {
    format!("SJNFAAZE0U7{number:06}")
}

fn heads(at: &Setting, vin: fn(usize) -> String, from: usize) -> Vec<RequestHead> {
    let stranger: &HeaderMap = &at.stranger;
    let numbers = from..from.saturating_add(ASKED);
    let one = |number| at.head_for(stranger, &vin(number));
    numbers.map(one).collect()
}

fn refuse(at: &Setting, head: &RequestHead) {
    let denial = crate::judge(at, head, &mut Findings::default());
    assert!(matches!(black_box(denial), Err(Denial::AccessDenied(_))));
}

/// Microseconds of CPU that one request takes, over all rows, in turns.
fn cpu(at: &Setting, kinds: [&[RequestHead]; 2]) -> [f64; 2] {
    let mut spent = [Duration::ZERO; 2];
    let [one, other] = kinds;
    for rows in one.chunks(ROW).zip(other.chunks(ROW)) {
        for (row, spent) in [rows.0, rows.1].into_iter().zip(&mut spent) {
            let start = ThreadTime::now();
            for head in row {
                refuse(at, head);
            }
            *spent = spent.saturating_add(start.elapsed());
        }
    }
    let asked = f64::from(u32::try_from(ASKED).unwrap());
    spent.map(|spent| spent.as_secs_f64() * 1e6 / asked)
}

/// Nanoseconds of each request, in turns, sorted.
fn wall(at: &Setting, kinds: [&[RequestHead]; 2]) -> [Vec<u128>; 2] {
    let mut taken = [Vec::with_capacity(ASKED), Vec::with_capacity(ASKED)];
    let [one, other] = kinds;
    for (turn, (one, other)) in one.iter().zip(other).enumerate() {
        // Neither kind is always the first of a pair.
        for kind in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
            let head = if kind == 0 { one } else { other };
            let start = vingate::clock::monotonic();
            refuse(at, head);
            taken[kind].push(start.elapsed().as_nanos());
        }
    }
    taken.map(|mut all| {
        all.sort_unstable();
        all
    })
}

fn tell(what: &str, [one, other]: &[Vec<u128>; 2]) {
    for percent in [10, 50, 90, 99] {
        let at = |all: &[u128]| all[all.len() * percent / 100];
        let (one, other) = (at(one), at(other));
        let ratio =
            f64::from(u32::try_from(one).unwrap()) / f64::from(u32::try_from(other).unwrap());
        println!("alike/{what}, wall p{percent}: {one} ns, {other} ns, ratio {ratio:.3}");
    }
}

/// Prints both measurements: foreign by absent, and foreign by foreign.
pub(crate) fn told(_: &mut Criterion<CpuTime>) {
    let mut at = Setting::new(1_000);
    let folder = tempfile::TempDir::new().unwrap();
    let cars = (0..ASKED * 4).map(foreign);
    at.ports.directory = Arc::new(setting::directory(&folder, cars));
    let at = &at;
    let strange = |turn| heads(at, foreign, ASKED * turn);
    let missing = |turn| heads(at, absent, ASKED * turn);
    let (one, other) = (strange(0), missing(0));
    let [foreign, absent] = cpu(at, [&one, &other]);
    let ratio = foreign / absent;
    println!("alike/foreign by absent, CPU: {foreign:.2} us, {absent:.2} us, ratio {ratio:.3}");
    tell("foreign by absent", &wall(at, [&strange(1), &missing(1)]));
    tell("foreign by foreign", &wall(at, [&strange(2), &strange(3)]));
}
