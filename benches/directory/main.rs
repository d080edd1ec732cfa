//! What does an embedded ownership directory cost at the size of a fleet?
//!
//! Generated vehicles, imported in one go as an operator would, then looked up at random. Sizes in
//! millions are arguments, `1` unless given: `cargo bench --bench directory -- 1 5 20`. A baseline in
//! the same run says what reading the lines alone takes.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    reason = "a measurement for the terminal"
)]

use std::collections::BTreeSet;
use std::io::{BufReader, Read};
use std::process::ExitCode;
use std::time::Duration;

use cpu_time::ThreadTime;
use vingate::adapters::embedded::{BadLines, EmbeddedDirectory, Terms};
use vingate::adapters::facts::intake;
use vingate::clock;
use vingate::pipeline::vehicle::Vin;

const MILLION: u64 = 1_000_000;

/// Look-ups that are timed together.
const LOOKUPS: u64 = 200_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS; // `cargo test --benches` only builds it
    }
    let sizes = arguments.iter().filter_map(|size| size.parse().ok());
    let mut sizes: Vec<u64> = sizes.collect();
    if sizes.is_empty() {
        sizes.push(1);
    }
    for millions in sizes {
        if let Err(error) = measure(millions * MILLION) {
            eprintln!("directory: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(vehicles: u64) -> Result<(), String> {
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: BTreeSet::new(),
        issuers: BTreeSet::new(),
    };
    let lines = || BufReader::with_capacity(1 << 20, Lines::new(vehicles));
    let begun = clock::monotonic();
    intake::check(&mut lines(), &terms, None).map_err(|error| error.to_string())?;
    let checked = begun.elapsed();
    forget_resident();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("vehicles.redb");
    let directory = EmbeddedDirectory::open(&file)?;
    let begun = clock::monotonic();
    let imported = directory.import(&mut lines(), &terms);
    imported.map_err(|error| error.to_string())?;
    let imported = begun.elapsed();
    let importing = resident().unwrap_or(0);
    let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    drop(directory);
    forget_resident();
    let directory = EmbeddedDirectory::open(&file)?; // as after a restart
    for turn in ["cold", "warm"] {
        let looked = look_up(&directory, vehicles)?;
        println!(
            "{turn}: a look-up takes {:.2} us of CPU",
            microseconds(looked)
        );
    }
    println!(
        "{vehicles} vehicles: lines read in {checked:.1?} ({}/s), imported in {imported:.1?} ({}/s), \
         {} MiB on disk, {} MiB resident at most while importing, {} MiB while serving",
        a_second(vehicles, checked),
        a_second(vehicles, imported),
        size >> 20,
        importing >> 10,
        resident().unwrap_or(0) >> 10,
    );
    Ok(())
}

/// CPU time of a look-up, by one thread, of vehicles at random.
fn look_up(directory: &EmbeddedDirectory, vehicles: u64) -> Result<Duration, String> {
    let mut number = 1;
    let begun = ThreadTime::now();
    for _ in 0..LOOKUPS {
        // a step through a ring of 2^64 (Knuth's MMIX): each vehicle as likely as any other
        number = 6_364_136_223_846_793_005_u64
            .wrapping_mul(number)
            .wrapping_add(1_442_695_040_888_963_407);
        let vin = vin((number >> 16) % vehicles);
        let vin = Vin::read(&vin).map_err(|_| "not a VIN".to_owned())?;
        let found = directory.get(&vin).map_err(|error| error.to_string())?;
        found.ok_or("a vehicle is missing")?;
    }
    let looked = begun.elapsed();
    Ok(looked / u32::try_from(LOOKUPS).unwrap_or(u32::MAX))
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn a_second(number: u64, time: Duration) -> u64 {
    number * 1_000 / u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Counts the most memory that is resident anew, from what is now.
fn forget_resident() {
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        eprintln!("directory: the most memory is that of all that was measured so far: {error}");
    }
}

/// Most memory that was resident, in KiB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The prefix of one plant, and eight digits of a serial number.
fn vin(number: u64) -> String {
    format!(
        "SJNFAAZE{}U{:07}",
        (number / 10_000_000) % 10,
        number % 10_000_000
    )
}

/// Lines of vehicles, made while they are read, in an order like that of an export: by owner, not by
/// VIN.
struct Lines {
    number: u64,
    vehicles: u64,
    waiting: Vec<u8>,
    at: usize,
}

impl Lines {
    fn new(vehicles: u64) -> Self {
        Self {
            number: 0,
            vehicles,
            waiting: Vec::new(),
            at: 0,
        }
    }

    fn next(&mut self) {
        // a prime step visits every number once, scattered
        let number = (self.number * 15_485_863) % self.vehicles;
        self.number += 1;
        let (vin, driver) = (vin(number), number.is_multiple_of(5));
        let drivers = if driver {
            format!(
                r#"[{{"subject":"driver-{number}","entitlements":["StartClimate"],"until":null}}]"#
            )
        } else {
            "[]".to_owned()
        };
        self.waiting = format!(
            r#"{{"vin":"{vin}","owner":"owner-{number}","drivers":{drivers},"fleet":null,"region":"NE","trim":"SV","capabilities":["climate","charging"],"telematics":true}}"#
        )
        .into_bytes();
        self.waiting.push(b'\n');
        self.at = 0;
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            if self.at == self.waiting.len() {
                if self.number == self.vehicles {
                    break;
                }
                self.next();
            }
            let left = self.waiting.get(self.at..).unwrap_or_default();
            let rest = buffer.get_mut(filled..).unwrap_or_default();
            let length = left.len().min(rest.len());
            for (to, from) in rest.iter_mut().zip(left) {
                *to = *from;
            }
            self.at += length;
            filled += length;
        }
        Ok(filled)
    }
}
