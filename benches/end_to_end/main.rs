//! What does the gateway cost against a bare pingora proxy, in one interleaved run?
//!
//! The bare proxy is this program started with `BARE_UPSTREAM`: pingora, the same allocator, the same
//! number of threads, no decision. Both forward to the same upstream; wrk drives one after the other,
//! in turns, so that other work on the machine hits both alike. CPU per request is what the process
//! itself used (`/proc/PID/stat`), so the load generator's share doesn't count.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a measurement for the terminal"
)]

mod bare;
mod house;
mod load;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds of each; the smallest CPU per request of each is compared.
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    if let Some(upstream) = std::env::var_os("BARE_UPSTREAM") {
        return bare::run(&upstream.to_string_lossy());
    }
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS; // `cargo test --benches` only builds it
    }
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("end_to_end: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), Box<dyn std::error::Error>> {
    let upstream = house::Upstream::start()?;
    let house = house::House::prepare(&upstream)?;
    let targets = [
        house.bare(&upstream)?,
        house.gateway("vingate, read", &house.read, false)?,
        house.gateway("vingate, denial (stranger)", &house.denial, false)?,
        house.gateway("vingate, read, assertion", &house.read, true)?,
        house.gateway(
            "vingate, command, assertion, intent on disk",
            &house.command,
            true,
        )?,
    ];
    let mut best = vec![load::Measured::worst(); targets.len()];
    for round in 0..ROUNDS {
        for (target, best) in targets.iter().zip(&mut best) {
            let measured = load::drive(target)?;
            eprintln!("round {round}: {}: {measured}", target.name);
            *best = best.better(measured);
        }
    }
    println!("| | CPU us/request | ratio | requests/s | ratio |\n|---|---|---|---|---|");
    let bare = best[0];
    for (target, measured) in targets.iter().zip(&best) {
        println!(
            "| {} | {:.1} | {:.2} | {:.0} | {:.2} |",
            target.name,
            measured.cpu_micros,
            measured.cpu_micros / bare.cpu_micros,
            measured.per_second,
            measured.per_second / bare.per_second,
        );
    }
    Ok(())
}
